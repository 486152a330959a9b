"""How a member's app authenticates. (The storefront gets the token for it from a member's paths, in `accounts/members/api.py`.)"""

from typing import Any
from uuid import UUID

import structlog
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError

from accounts.members import selectors as members
from accounts.members.models import Member
from loyalty.lib.callers import Caller, named_by

from . import services


class MemberTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`: `request.user` is the member, `request.auth` the caller."""

    def authenticate(self, request: Request) -> tuple[Member, Caller] | None:
        scheme, _blank, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        member = _member(text.strip())
        if member is None:
            raise AuthenticationFailed(_("This member token is not valid, or not any more."))
        identity = f"member:{member.id}"
        structlog.contextvars.bind_contextvars(caller=identity)
        return member, Caller("member", identity, member_id=member.id)

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


@named_by("member")
def _named(_identity: str) -> str:
    """A token acts for its own member only, whom the row or the page names."""
    return gettext("the member")


def _member(text: str) -> Member | None:
    try:
        token = services.MemberToken(text)  # type: ignore[arg-type]
        member = members.active_by_id(UUID(token["sub"]))
    except (TokenError, KeyError, ValueError, TypeError, AttributeError):
        return None
    return member if member and token.get(services.VERSION_CLAIM) == member.token_version else None


class MemberTokenScheme(OpenApiAuthenticationExtension):
    target_class = MemberTokenAuthentication
    name = "memberToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        about = "A member's token, from `POST /members/{member}/token`; for the paths under `/me`."
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": about}
