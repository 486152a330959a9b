"""Members: who a storefront's customers are to us.

A **member** is known by the storefront's own id (`external_id`); ours (`id`) is a UUIDv7 and never leaves this system. A member is
made bare by the first message that names them (a purchase, a hold) and is **registered** once, by the first `PUT`.

Always: one row per storefront id; `registered_at` is set once and never moves; a closed member keeps every row that names them, so
nothing that points at a member is ever deleted. Everything else about points hangs on the ledger's account, not here.
"""
