"""`mall.redemption_changed`: payload `redemption`, `reward`, `kind`, `quantity`, `points`, `cents`, `status`, `before` (empty: made), `item`.

Told with each step, in order per member.
"""

REDEMPTION_CHANGED = "mall.redemption_changed"
