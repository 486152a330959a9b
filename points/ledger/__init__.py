"""The ledger: what each member's points are, and why.

**Account**: one row per member, four buckets (`available`, `held`, `pending`, `debt`); the row is the lock. **Lot**: points earned
together expire together. **Entry**: one immutable line per change, numbered per member without gaps. **Allocation**: what an entry
took from which lot (or gave back). **Hold**: authorise, then capture or release, with a deadline; the one reservation scheme.

A verb (`services.py`) locks the account, looks (the account, the key's earlier answer, the open lots: one round trip), lets the pure
`Book` of `rules.py` decide, and writes everything with one statement. A key answered before gives the first answer again; the same
key with other content is refused. Verbs join an outer transaction; nobody catches a refusal in order to go on.

Always, and proved by `manage.py audit_ledger` (its docstring numbers the invariants): each bucket equals the sum of its entries and
what lots and holds say; lots are spent in the order they expire and never once they are due, swept or not, because every verb first
books what is due; restored points go back to their very lots; a clawback is paid in full, by the lot, by other lots, by debt, and
only what had expired is waived; whatever enters `available` settles debt first. An expiry is postponed by an entry, before it has come.

Locks: account rows by member id, then that member's lots and holds (guarded by the account's lock, never locked themselves).
Entries and allocations are never updated or deleted; triggers see to it. Time comes in as `now` and is never read here.
"""
