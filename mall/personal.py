"""What this app keeps of members: what becomes of it when a member is erased, and which part of their copy it is."""

from accounts.leaving.services import erasable, portable

erasable("mall.CheckoutHold", hashed=("purchase_ref",))
# Codes and figures.
erasable("mall.Settlement", impersonal=("explanation",))
erasable(
    "mall.Redemption",
    hashed=("key", "payment"),
    cleared={"digest": "", "name": "", "phone": "", "address": "", "tracking": ""},
    impersonal=("price", "item", "carrier", "counted_on", "charged", "actor"),
)
erasable("mall.Step", cleared={"reason": ""}, hashed=("key",), impersonal=("actor",))
erasable(
    "mall.Coupon",
    hashed=("subject", "key", "used_by"),
    said={"withdrawn_for": "CASE WHEN withdrawn_for = '' THEN '' ELSE 'erased' END"},
    impersonal=("code", "terms", "actor"),
)
erasable("mall.VoucherOrder", cleared={"vouchers": [], "detail": "", "reason": ""}, impersonal=("sku", "number", "actor", "lease_until"))
erasable("mall.VoucherAttempt", cleared={"detail": ""})

portable("checkout_holds", "mall.CheckoutHold")
portable("settlements", "mall.Settlement")
portable("refund_settlements", "mall.RefundSettlement")
portable("redemptions", "mall.Redemption", without=("digest", "unit_cost_cents", "sponsor_bps", "charged", "stocked"))
portable("redemption_steps", "mall.Step", without=("key",))
portable("coupons", "mall.Coupon", without=("key", "counted"))
portable("voucher_orders", "mall.VoucherOrder", without=("lease_until", "asks", "detail", "actor"))
