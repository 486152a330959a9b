"""Storefront keys: how a shop's server proves who it is.

A **key** is shown to the operator once, as `lk_<prefix>_<secret>`, and sent back by the storefront with every request:
`Authorization: Api-Key lk_…`. We keep the prefix, by which the row is found, and the SHA-256 of the secret: 32 random bytes need
no slow hash, and nobody who reads the table can call the API.

A key has **scopes**; each view asks for one. It may end at a date, be **revoked** at once, or be **rotated**: the new secret works
immediately and the old one for as long as the operator grants, so that a storefront can change over without a gap. Rotation keeps
the key's identity: rate limits and answered requests go on.

Always: the secret is in no table and no log; a revoked key never works again. A process holds the rows it has seen for
`CONFIGURATION_SECONDS`, which saves a query per request; a revocation therefore reaches every process within that time (2 seconds).
`last_used_at` is exact to the hour.
"""
