"""What this app keeps of members: what becomes of it when a member is erased, and which part of their copy it is."""

from django.db import connection
from django.db.models import CharField, F, Q
from django.db.models.functions import Cast

from accounts.activity import selectors as activity
from accounts.activity.models import Behaviour, Purchase, PurchaseNumber, UnmatchedRefund
from accounts.channels.models import Receipt
from accounts.leaving.services import ACTOR, Erasing, erasable, erases, portable
from accounts.referrals.models import Referral
from loyalty.lib.redaction import replace
from loyalty.outbox import services as outbox

erasable("accounts.Behaviour", hashed=("external_id", "once_key"), cleared={"data": {}, "amended": None, "digest": ""}, impersonal=("local_date",))
erasable(
    "accounts.Purchase",
    hashed=("external_id",),
    cleared={"hold_ref": "", "digest": ""},
    said={"discounts": "(SELECT coalesce(jsonb_agg(d - 'code'), '[]'::jsonb) FROM jsonb_array_elements(discounts) d)"},
    impersonal=("currency", "channel"),
)
# The article is cleared, as it may be a single one; its category and brand stay for the figures.
erasable("accounts.PurchaseLine", hashed=("external_id",), cleared={"sku": ""}, impersonal=("category", "brand"))
erasable("accounts.Refund", hashed=("external_id",), cleared={"facts": {}, "digest": ""})
erasable("accounts.PurchaseNumber", hashed=("external_id",))
erasable("accounts.GuestPurchase", members=("claimed_by",), deleted=True)
erasable("accounts.Copy", impersonal=("asked_by",))
erasable("accounts.Erasure", cleared={"reason": "erased", "decision_reason": ""}, impersonal=("figures",))
erasable("accounts.ReferralCode", deleted=True)
# Of a friend whom the member invited, the order is the friend's own.
erasable("accounts.Referral", hashed=("purchase_ref",), cleared={"reason": ""}, impersonal=("cancelled_by",))
erasable("accounts.SegmentMember", deleted=True)
for message in ("Attempt", "Delivery", "InboxItem", "Message", "Address", "Preference", "MarketingDay"):
    erasable(f"accounts.{message}", deleted=True)

portable("member", "accounts.Member", members=("id",), without=("token_version",))
portable("purchases", "accounts.Purchase", without=("digest",))
portable("purchase_lines", "accounts.PurchaseLine", without=("cost_cents",))
portable("refunds", "accounts.Refund", without=("digest",))
portable("behaviours", "accounts.Behaviour", without=("digest", "once_key"))
portable("guest_purchases", "accounts.GuestPurchase", members=("claimed_by",), without=("digest",))
portable("invitation_code", "accounts.ReferralCode")
# What an order of a friend came to is the friend's.
portable("invited_by", "accounts.Referral")
portable("invitations", "accounts.Referral", members=("inviter",), without=("purchase_ref", "amount_cents", "reason"))
portable("segments", "accounts.SegmentMember", without=("added_by",))
portable("addresses", "accounts.Address")
portable("preferences", "accounts.Preference")
portable("messages", "accounts.Message")
portable("deliveries", "accounts.Delivery", without=("lease_until", "turn"))
portable("inbox", "accounts.InboxItem")

_GONE = """
UPDATE accounts_purchasenumber n SET external_id = g.gone, member_id = NULL, purchase_id = NULL, delivered_at = NULL
  FROM (VALUES {}) g (number, gone) WHERE n.external_id = g.number"""
AT_ONCE = 1000


@erases
def purchase_numbers(about: Erasing) -> int:
    """A purchase told again is to be gone, and nobody is to know whose it was."""
    numbers = list(PurchaseNumber.objects.filter(member_id__in=about.member_ids).values_list("external_id", flat=True))
    for first in range(0, len(numbers), AT_ONCE):
        some = numbers[first : first + AT_ONCE]
        values = [value for number in some for value in (number, activity.gone_ref(number))]
        with connection.cursor() as cursor:
            cursor.execute(_GONE.format(", ".join(["(%s, %s)"] * len(some))), values)
    return len(numbers)


@erases
def refunds_without_purchase(about: Erasing) -> int:
    """Refunds that named the member or a purchase of theirs; those that still wait are closed."""
    bought = Purchase.objects.filter(member_id__in=about.member_ids).values("external_id")
    named = UnmatchedRefund.objects.filter(Q(purchase_ref__in=bought) | Q(member_ref__in=about.names))
    named.filter(status__in=UnmatchedRefund.OPEN).update(status=UnmatchedRefund.Status.CLOSED, decided_by=ACTOR, decided_at=about.now)
    cleared = {"purchase_ref": "", "member_ref": "", "facts": {}, "digest": "", "reason": ""}
    return named.update(external_id=Cast(F("id"), CharField()), **cleared)


@erases
def what_others_did(about: Erasing) -> int:
    """Facts of others that name the member: who shared, who liked whom, whom they invited with which order."""
    invited = Referral.objects.filter(member_id__in=about.member_ids).exclude(purchase_ref="")
    orders, inviters = list(invited.values_list("purchase_ref", flat=True)), list(invited.values_list("inviter_id", flat=True))
    where = {"where": "member_id = ANY(%(inviters)s::uuid[])", "values": {"inviters": inviters}}
    of_orders = replace(Behaviour, "data", "amended", names=orders, token=about.token, **where)
    outbox.forget_names(member_ids=inviters, names=orders, token=about.token)
    return of_orders + replace(Behaviour, "data", "amended", "once_key", names=about.names, token=about.token)


@erases
def receipts(about: Erasing) -> int:
    return replace(Receipt, "detail", names=about.names, token=about.token)
