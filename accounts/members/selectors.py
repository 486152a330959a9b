from collections.abc import Collection, Mapping
from datetime import date, datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError

from .models import Member


class MemberUnknown(BusinessError):
    code, status, title = "member_unknown", 404, _("There is no such member.")


def get(external_id: str) -> Member:
    """The member whom the storefront calls so; for one who was merged, who answers for them. Refuses an unknown one."""
    found = Member.objects.filter(external_id=external_id).first()
    if found is None:
        raise MemberUnknown
    return survivor(found)


def survivor(member: Member) -> Member:
    """Who answers for the member: they themselves, unless they were merged."""
    return member if member.merged_into_id is None else Member.objects.get(id=member.merged_into_id)


def survivor_id(member_id: UUID) -> UUID:
    """Our id of who answers for that member."""
    return Member.objects.values_list(Coalesce("merged_into_id", "id"), flat=True).get(id=member_id)


def with_merged(member_id: UUID) -> list[UUID]:
    """The member and all who were merged into them, whose rows of before stay under their own ids; the member first."""
    return [member_id, *Member.objects.filter(merged_into_id=member_id).order_by("id").values_list("id", flat=True)]


def with_all_merged(member_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Each of the members, and of those who were merged into one of them, with whose they are now."""
    merged = Member.objects.filter(merged_into_id__in=member_ids).values_list("id", "merged_into_id")
    return {one: one for one in member_ids} | dict(merged)


def ids_of(external_ids: Collection[str]) -> dict[str, UUID]:
    """Our ids of those of them who are known, or of who answers for them."""
    return dict(Member.objects.filter(external_id__in=external_ids).values_list("external_id", Coalesce("merged_into_id", "id")))


def not_active(member_ids: Collection[UUID]) -> set[UUID]:
    """Those of these members who are not active any more."""
    return set(Member.objects.filter(id__in=member_ids).exclude(status=Member.Status.ACTIVE).values_list("id", flat=True))


def is_erased(member_id: UUID) -> bool:
    """Whether nobody knows any more who that was."""
    return Member.objects.filter(id=member_id, status=Member.Status.ERASED).exists()


def external_ids_of(member_ids: Collection[UUID]) -> dict[UUID, str]:
    """What the storefront calls these members."""
    return dict(Member.objects.filter(id__in=member_ids).values_list("id", "external_id"))


def active_by_id(member_id: UUID) -> Member | None:
    return Member.objects.filter(id=member_id, status=Member.Status.ACTIVE).first()


def active() -> QuerySet[Member]:
    """Everybody who takes part."""
    return Member.objects.filter(status=Member.Status.ACTIVE)


def id_of(*, external_id: str) -> UUID | None:
    """Our id of the member whom the storefront calls so, or of who answers for them; None for an unknown one."""
    # By hand, as every request for the shelf asks: to put it together takes longer than to ask.
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(merged_into_id, id) FROM accounts_member WHERE external_id = %s", [external_id])
        row = cursor.fetchone()
    return row and row[0]


def known_since(told: Mapping[str, str | None] | None) -> tuple[datetime | None, date | None]:
    """When a member registered, and their birthday: what `accounts_known_since` says in the database (migration 0013), as JSON."""
    registered_at, birthday = (told["registered_at"], told["birthday"]) if told else (None, None)
    return datetime.fromisoformat(registered_at) if registered_at else None, date.fromisoformat(birthday) if birthday else None


def known_since_all(member_ids: Collection[UUID]) -> dict[UUID, tuple[datetime | None, date | None]]:
    """When each of them registered, and their birthdays."""
    rows = Member.objects.filter(id__in=member_ids).values_list("id", "registered_at", "birthday")
    return {member: (registered_at, birthday) for member, registered_at, birthday in rows}


def joined_at(*, member_id: UUID) -> datetime:
    """When the member registered; where that has not happened, was first seen."""
    registered_at, created_at = Member.objects.values_list("registered_at", "created_at").get(id=member_id)
    return registered_at or created_at


def page(*, after: UUID | None, limit: int) -> list[Member]:
    """Members in the order of their ids, after that one: what they are called is not read."""
    rows = Member.objects.filter(id__gt=after) if after else Member.objects.all()
    return list(rows.order_by("id").only("id", "status", "created_at", "registered_at")[:limit])


def active_of(member_ids: Collection[UUID], *, seen_by: datetime | None = None) -> set[UUID]:
    """Those of them who take part; `seen_by`: and were first seen by then."""
    found = Member.objects.filter(id__in=member_ids, status=Member.Status.ACTIVE)
    found = found.filter(created_at__lte=seen_by) if seen_by else found
    return set(found.values_list("id", flat=True))
