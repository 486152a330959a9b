"""Rentals (权益租借): a partner's benefit, such as air miles or a lounge, lent to a member for points and a term; at its end it is taken back.

**Terms** say which product of a partner it is, for how many days, what a renewal costs, how many there may be, and how many a member may have at
one time. A reward of the kind rental names its terms; price, tier, limits and stock are the reward's: its stock is what can be out at one time. A
**rental** is what one redemption has borrowed; it keeps the terms of its day. The partner is a provider of `mall/vouchers`: it is asked there, by
the same job, in the same protocol, and what it does not answer an operator decides there.

Asked → lent or refused (then the points go back, as for vouchers); lent → ending → taken back. The term ends with a local day, counted from that of
the redemption, so that the partner is asked the same again. A **renewal** is paid like a redemption and moves the end once the partner has agreed;
where it refuses, the points go back. By itself a rental is renewed only where the member wants it so, on its last day; where that cannot be (too
few points, the tier lost), it ends and the member is told. Who fell from the tier, or closed their membership, keeps it to the end. It can be
given back early, and no points come back for that; an erasure ends it.

Always: one redemption is lent once or has its points back; never both, never neither. What is out returns to the stock only when the partner says
that it has it (or an operator does), so nothing is lent twice at once. While a renewal is not answered, nothing ends; whoever ended it meanwhile is
remembered. A member has at most as many out as the terms say.

Locks: the account of whose row it is and that of who answers for them, the redemption, the order, the rental, stock. Rows of a merged member
stay theirs; the survivor reads, renews and ends them.
"""
