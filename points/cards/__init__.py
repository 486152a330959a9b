"""Cards: things a member holds and uses once, that are not points.

A **kind** says what its cards are for: a *multiplier* card (翻倍卡) lets the next qualifying order earn more, a *make-up* card (补签卡) pays
for a missed check-in day. What exactly a multiplier card does is said by the earning rule that uses it; the kind's factor is what members
are told. A **card** is one of them, granted to one member: `available` until it is `used`, `expired` or `withdrawn`.

Cards are granted by an operator with a reason, or won as a rule's effect (`points.effect_won`). The card that expires first is used first;
it expires at the end of a business day, and from that instant on it is gone, whether or not the job has booked it. `used_by` says what a
card was used for (`purchase/A-1`, `check-in/2026-11-03`): the same subject uses at most one card of a kind, and asked again names the same
card. When what used it is undone, the card is given back with its own expiry, so it may come back expired.

A card that was won stands on its ground: if what won it is taken back, the card is withdrawn. Where it was used already it stays used, but
it carries why it would be withdrawn, and is withdrawn instead of given back. So no card outlives its order by being used in between.

Always: one key, one grant, however many cards it is; no card is used twice; an inactive kind is offered in no form, while cards of it that
members hold, or win by a rule still published, stay good.

Locks: the member's account, then that member's cards; the job takes the locks of its batch in order of member.
"""
