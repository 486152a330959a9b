"""`mall.coupon_changed`: payload `coupon` (its id), `code`, `template`, `status`, `before` (empty: issued), `source`, `subject`, `purchase`,
`expires_at`. Told with each step, in order per member. That time runs out is no step.
"""

COUPON_CHANGED = "mall.coupon_changed"
