from datetime import datetime
from uuid import UUID

from django.db.models import F
from rest_framework_simplejwt.tokens import AccessToken

from accounts.members.models import Member
from accounts.members.services import MemberClosed

VERSION_CLAIM = "ver"


class MemberToken(AccessToken):
    token_type = "member"  # noqa: S105 – the name of its type, no secret


def issue(*, member: Member, now: datetime) -> tuple[str, datetime]:
    """A token that speaks for the member, and when it ends. Refuses a closed member."""
    if member.status != Member.Status.ACTIVE:
        raise MemberClosed
    token = MemberToken()
    token.set_iat(at_time=now)
    token.set_exp(from_time=now)
    token["sub"] = str(member.id)
    token[VERSION_CLAIM] = member.token_version
    return str(token), (now + token.lifetime).replace(microsecond=0)


def revoke(*, member_id: UUID) -> None:
    """No token that the member has now is accepted any more."""
    Member.objects.filter(id=member_id).update(token_version=F("token_version") + 1)
