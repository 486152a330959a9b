"""Vouchers (第三方券): film tickets, memberships and the like, which a provider issues for a redemption, over HTTP.

A **provider** is somebody who issues vouchers; its **products** are what rewards of the kind voucher hand out. An **order** is what one
redemption asks of a provider: one attempt chain under one key, the order's id. An **attempt** is one question, on record before the network is
touched: POST asks for the vouchers, GET what became of it, DELETE that nothing comes of it. The wire format stands in docs/INTEGRATING.md.

What follows from an answer (`rules.following`): *issued* delivers the redemption. *Refused* and *cancelled* are final, and its points come
back. *Absent* (the provider has never seen the key) is asked for anew. Silence, half an answer and *pending* are asked about by GET.
Throttled and unreachable: the same question, later. Where it stays so for days, an operator decides, and nobody else.

Always: the redemption, its points spent, writes the order in one transaction; the network is touched after it, by the job, never under a lock.
Points come back only where the provider said for this key that nothing was or will be issued, or an operator did; then no voucher is ever
shown. So a redemption ends with its vouchers or with its points, never both and never neither, whoever dies when: an attempt without an
outcome is a question that was not answered.

What `mall/rentals` lends is ordered here too, with the end of its term; a longer term is an order of its own that names the one it extends. Whoever
has ordered something declares who is told what came of it (`services.told_by`).

Issued vouchers come back by DELETE only: the provider cancels them, then the points return. Nothing of the member is told to a provider. Who is
erased gets none any more: what was not asked for is not, all else is cancelled by DELETE, and of what cannot be cancelled no code is kept.
The secret that signs is named by the provider's code (VOUCHER_SECRET_<CODE>), comes from the environment, and is never sent.

Locks: the member's account, the redemption, the order.
"""
