"""Members: who a storefront's customers are to us.

A **member** is known by the storefront's own id (`external_id`); ours (`id`) is a UUIDv7 and never leaves this system. A member is
made bare by the first message that names them (a purchase, a hold) and is **registered** once, by the first `PUT`.

A member who turned out to be somebody already known is **merged**: the row stays, and the **survivor** answers for its id, wherever the
storefront names it. A **closed** member takes part no more and can be opened again; an **erased** one is nobody any more (`accounts/leaving`).

Always: one row per storefront id; a survivor is never merged itself; `registered_at` is set once and never moves; every row that names a
member stays, so nothing that points at a member is ever deleted. Everything else about points hangs on the ledger's account, not here.
"""
