"""`mall.rental_changed`: payload `rental`, `redemption`, `reward`, `quantity`, `status`, `before` (empty: made), `ends_at`, `renewals`, `cause`.

Told with each arrow, in order per member; a renewal goes from lent to lent.
"""

RENTAL_CHANGED = "mall.rental_changed"
