"""What members did: purchases with their lines and refunds, as the storefront tells them, and behaviours of any kind. Facts, never points.

A **purchase** is known by the storefront's id, once, whoever's it is: its **purchase number** says whose, and is what two messages about
the same purchase meet at. A **refund** belongs to a purchase and is known by its own id within it. What cannot be told yet is kept, never
lost: a refund that came before its purchase **waits** and is applied with it; one without a reference is **parked** until an operator
links or closes it; a **guest purchase** waits for somebody to claim it, once.

A **behaviour** is anything else: a review, a share, a check-in. Its **kind** is a row: what such a message says, and how often the same
member can do it (every time, once ever, once a day, once for each **subject**, which is what it was about). Operators add kinds; some are
built in, and of those some are **ours**: told by the programme itself and by nobody else.

Always: the same message again changes nothing and gives the same answer; the same id with other content is refused; facts never
change, they are withdrawn, or amended beside what was told first; what counts once is held to it by the database. Amounts are whole minor
units, and the order's own amount is the authority, not the sum of its lines.

Locks: the member's account (taken by the caller) before the purchase number.
"""
