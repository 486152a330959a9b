"""Rewards (奖品): what hangs on the shelf, for whom, at what price, and how much of it is left.

A **reward** is of a kind (goods, coupon, code, voucher, privilege), and its `item` names what is handed out. It costs points, or points and
money. Whoever looks pays the best of what applies: the **list price**; where one is in force a **clearance** price (between two times) or a
**scarcity** price (few are left) in its place; less the larger of the tier's redemption discount and a **markdown** of the whole shelf; or the
**tier price** set for their tier, where that is worth less. Percents come off the points, rounded down in the member's favour, never off money.

**Shipping** is money on top, for a parcel of goods, however many are in it, and nothing for who stands in a tier that ships free; no discount takes
anything off it. It pays for the parcel, whose cost the books of the mall do not hold, so no margin counts it.

**Stock** is a row of its own, so that editing a reward never touches it. It moves by **changes** only (restock, stock-take, sold, given back,
carved out for a sale), each a row with its figure after, who and why. A reward that is not counted has no stock row.

**Limits** per member are counted from their redemptions, under their lock; those that members share are counters (`points.budgets`).

Always: stock ≥ 0 and = the sum of its changes; a change says who and, by hand, why; prices are decided by `rules`, for the shelf and for the
redemption alike. Rewards are taken off the shelf, never deleted, once anybody has redeemed them.

Locks: shared counters, then stock, last of all.
"""
