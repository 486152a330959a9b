"""What members did, as the storefront tells it: purchases with their lines, and refunds of them. Facts, never points.

A **purchase** is known by the storefront's id, once, whoever's it is: its **purchase number** says whose, and is what two messages about
the same purchase meet at. A **refund** belongs to a purchase and is known by its own id within it. What cannot be told yet is kept, never
lost: a refund that came before its purchase **waits** and is applied with it; one without a reference is **parked** until an operator
links or closes it; a **guest purchase** waits for somebody to claim it, once.

Always: the same message again changes nothing and gives the same answer; the same id with other content is refused; facts never
change. Amounts are whole minor units, and the order's own amount is the authority, not the sum of its lines.

Locks: the member's account (taken by the caller) before the purchase number.
"""
