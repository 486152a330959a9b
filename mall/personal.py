"""What this app keeps of members: what becomes of it when a member is erased, and which part of their copy it is."""

from datetime import datetime
from uuid import UUID

from accounts.leaving.services import Erasing, before_erasure, erasable, erases, portable
from loyalty.lib.redaction import replace
from mall.coupons import services as coupons
from mall.coupons.models import CouponBatch
from mall.flashsale import services as flashsale
from mall.redemptions import services as redemptions
from mall.rentals import services as rentals
from mall.vouchers import services as vouchers
from points.ledger import services as ledger

erasable("mall.CheckoutHold", hashed=("purchase_ref",), impersonal=("tier",))
# Codes and figures.
erasable("mall.Settlement", impersonal=("explanation", "split"))
erasable("mall.RefundSettlement", impersonal=("coupons",))
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
# A code says nothing about who had it; the shop that honours it may know.
erasable("mall.Code", impersonal=("value",), cleared={"voided_for": ""})
erasable("mall.Privilege", hashed=("subject", "key"), said={"ended_for": "CASE WHEN ended_for = '' THEN '' ELSE 'erased' END"}, impersonal=("actor",))
erasable("mall.PrivilegeUse", hashed=("subject",), impersonal=("actor",))
erasable("mall.Rental", cleared={"reason": ""}, impersonal=("actor",))
erasable("mall.Renewal", cleared={"reason": ""}, hashed=("key",), impersonal=("actor",))
erasable("mall.TopUp", hashed=("payment",), impersonal=("counted_on", "actor"))

portable("checkout_holds", "mall.CheckoutHold")
portable("settlements", "mall.Settlement")
portable("refund_settlements", "mall.RefundSettlement")
portable("redemptions", "mall.Redemption", without=("digest", "unit_cost_cents", "sponsor_bps", "charged", "stocked"))
portable("redemption_steps", "mall.Step", without=("key",))
portable("coupons", "mall.Coupon", without=("key", "counted"))
portable("voucher_orders", "mall.VoucherOrder", without=("lease_until", "asks", "detail", "actor"))
portable("codes", "mall.Code", without=("batch", "voided_for"))
portable("privileges", "mall.Privilege", without=("key",))
portable("privilege_uses", "mall.PrivilegeUse")
portable("flash_tickets", "mall.FlashTicket")
portable("top_ups", "mall.TopUp")
portable("rentals", "mall.Rental", without=("stocked", "due_at", "actor"))
portable("renewals", "mall.Renewal", without=("key", "actor"))


@before_erasure
def withdraw_coupons(*, member_ids: list[UUID], actor: str, now: datetime) -> dict[str, int]:
    """Codes of nobody are no longer good."""
    ledger.lock_all(member_ids=member_ids)
    return {"coupons withdrawn": coupons.withdraw_all(member_ids=member_ids, reason="erased", now=now)}


@before_erasure
def end_rentals(*, member_ids: list[UUID], actor: str, now: datetime) -> dict[str, int]:
    """What is lent goes back to its partner."""
    ledger.lock_all(member_ids=member_ids)
    return {"rentals ended": rentals.end_all(member_ids=member_ids, actor=actor, now=now)}


@before_erasure
def leave_lines(*, member_ids: list[UUID], actor: str, now: datetime) -> dict[str, int]:
    """Nobody waits behind them."""
    ledger.lock_all(member_ids=member_ids)
    return {"flash-sale tickets ended": flashsale.leave_all(member_ids=member_ids)}


@erases
def reasons_of_issues(about: Erasing) -> int:
    """What operators wrote when they issued coupons to many, stopped it, or withdrew them."""
    return replace(CouponBatch, "reason", "why_stopped", "withdrawn_for", names=about.names, token=about.token)


@before_erasure
def settle_redemptions(*, member_ids: list[UUID], actor: str, now: datetime) -> dict[str, int]:
    """What is not paid, or not on its way, is cancelled: nobody will be there. The points that come back are forfeited, also those that come later."""
    ledger.lock_all(member_ids=member_ids)
    called_back = vouchers.withdraw_all(member_ids=member_ids, actor=actor, now=now)
    cancelled = sum(redemptions.cancel_all(member_id=member_id, actor=actor, reason="erased", now=now) for member_id in member_ids)
    forfeited = sum(ledger.void_all(member_id=member_id, actor=actor, reason="erased", key="erasure", now=now) for member_id in member_ids)
    return {"voucher orders called back": called_back, "redemptions cancelled": cancelled, "points of redemptions forfeited": forfeited}


portable("revival", "mall.RevivalUse")
