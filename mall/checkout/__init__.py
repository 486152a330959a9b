"""Checkout: points at the till. Quote → hold → pay → refund, and delivered.

A **quote** says what a cart earns and how many points it may use; it writes nothing and decides with the same code as the real thing.
A **checkout hold** is the ledger's hold plus what the quote promised: the cart's total, the **burn policy** version and the worth of the
points. **Pay** is one transaction: capture the hold, record the purchase, grant what it earns, apply refunds that came before it. A
paid purchase is never refused for its points: if its hold has lapsed the same number is spent from what is available, and what is
missing becomes debt. The **settlement** keeps what points did with a purchase: versions, worth, earned, spent, and how much of it
refunds have undone, so that any number of partial refunds adds up exactly.

A **policy** says what points are worth and what share of an order they may pay: by bands of its total, by the member's tier; goods of a category
or from a unit price on have a share of their own. A version may come into force later: announced until then, never retroactive. **Coupons** of ours
that an order names take off what they do, are used with it, and given back by the refund that completes it. What coupons and points paid of each
line is its **split** (largest remainder): goods first, within their shares, then shipping. It stays with the order, so that refunds by line bring
back what that line was paid with; what was left to pay in money stays on the purchase's lines, for all that looks back at the order later.

Always: a purchase has one settlement; restored ≤ spent; clawed back ≤ earned; refunded ≤ paid; the refund that completes the order
restores the rest; what is left earned is what the same rule version gives for what is left of the order. Policies and rule versions
never change; a change is a new version.

Locks: the member's account, then the purchase's number, then the settlement and coupons (guarded by the account's lock). Only what comes before its
purchase (refund, delivery) holds the number first; it goes on to the account where the purchase has come meanwhile, and nobody who
holds an account waits for the number of a purchase that is already there.
"""
