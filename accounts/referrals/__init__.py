"""Referrals: who brought whom, and whether it counts.

A member invites with a **code** of their own, or a **link** that carries it; the storefront may name the inviter by its own id as well.
A **referral** is one friend's invitation: made when the friend registers, one for each friend, never changed to another inviter. It is
**open** until the friend's first paid order **completes** it; no order in time lets it **lapse**. A full refund of that order
**revokes** it, and the friend's next order may complete it again; a partial refund lowers what it was completed by. An operator
**cancels** it for good. A friend who had bought before the day they registered is **not new**, and nothing is given for them.

Always: at most one order completes a referral at a time; that order has something left that was paid in money for goods; the inviter
was registered before the friend and is somebody else. "First" goes by when an order was told, the window by when it was paid: an order
that was told on the day of registration, before it, is the friend's first one.

What it brings in points is decided above: each change is told twice, on the inviter's line and on the friend's, so that whoever hears
of it deals with one member at a time. Locks: the friend's account (taken by whoever pays, refunds or registers) before the referral,
which each arrow takes by one conditional UPDATE.
"""
