from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as activity
from accounts.activity.models import Purchase
from accounts.members import selectors as members
from accounts.members.models import Member
from loyalty.lib.refusals import BusinessError

from . import rules
from .models import Referral, ReferralCode, ReferralTerms

# An order of the day of registration beyond these is nobody's first one.
ORDERS_LOOKED_AT = 20

_AWAITS_ORDER = "SELECT FROM accounts_referral WHERE member_id = %s AND status = ANY(%s)"
_FROM = [str(status) for status, ends in Referral.ARROWS.items() if Referral.Status.COMPLETED in ends]


class ReferralCodeUnknown(BusinessError):
    code, status, title = "referral_code_unknown", 422, _("There is no such invitation code.")


def terms() -> ReferralTerms:
    """The terms for friends who register now."""
    return ReferralTerms.current()


def owner(code: str) -> Member:
    """Whose invitation code that is, however it was typed. Refuses: ReferralCodeUnknown."""
    found = ReferralCode.objects.filter(code=rules.as_written(code)).select_related("member").first()
    if found is None:
        raise ReferralCodeUnknown(referral_code=code)
    return members.survivor(found.member)


def awaits_order(*, member_id: UUID) -> bool:
    """Whether the member was invited, and an order of theirs would complete the referral."""
    # Asked for every order that is paid: the ORM would take several times as long as the database.
    with connection.cursor() as cursor:
        cursor.execute(_AWAITS_ORDER, [member_id, _FROM])
        return cursor.fetchone() is not None


def of_friend(*, member_id: UUID) -> Referral:
    return Referral.objects.select_related("member", "inviter").get(member_id=member_id)


def of_inviter(*, member_id: UUID) -> QuerySet[Referral]:
    return Referral.objects.filter(inviter_id=member_id).select_related("member")


def paid_before(*, member_id: UUID) -> list[Purchase]:
    """The orders with which money was paid and that are on the books already, in the order in which they were told."""
    paid = activity.purchases(member_id=member_id).filter(paid_cents__gt=0)
    return list(paid.order_by("recorded_at", "id")[:ORDERS_LOOKED_AT])
