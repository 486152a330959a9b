"""What this app keeps of members: what becomes of it when a member is erased, and which part of their copy it is."""

from accounts.leaving.services import erasable, portable

erasable("mall.CheckoutHold", hashed=("purchase_ref",))
# Codes and figures.
erasable("mall.Settlement", impersonal=("explanation",))

portable("checkout_holds", "mall.CheckoutHold")
portable("settlements", "mall.Settlement")
portable("refund_settlements", "mall.RefundSettlement")
