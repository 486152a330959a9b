"""Who calls the API: a storefront's server with a key, or one member with a token. Operators use the admin instead.

A view says what it wants:

    scopes = {"GET": "points:read", "POST": "points:spend"}   # the scope a storefront's key needs; None: open to anyone
    members_may = {"GET"}                                     # what a member's token may do; nothing, if left out
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from .refusals import BusinessError


@dataclass(frozen=True, slots=True)
class Caller:
    """`request.auth` of an authenticated request.

    `identity` names the caller in rate limits and idempotency keys; it outlives a rotated secret. `member_id` is set for a
    member's token only.
    """

    kind: Literal["storefront", "member"]
    identity: str
    scopes: frozenset[str] = field(default_factory=frozenset)
    member_id: UUID | None = None
    is_authenticated: bool = True


Name = Callable[[str], str]
_named_by: dict[str, Name] = {}


def named_by(kind: str) -> Callable[[Name], Name]:
    """Decorates what turns an identity that begins with `kind` and a colon into the name that an operator knows."""

    def remember(name: Name) -> Name:
        _named_by[kind] = name
        return name

    return remember


def named(actor: str) -> str:
    """Who did something, as an operator knows them: a storefront's key by its name, anybody else as they stand in the books."""
    kind, colon, _rest = actor.partition(":")
    return _named_by[kind](actor) if colon and kind in _named_by else actor


class ScopeMissing(BusinessError):
    code, status, title = "scope_missing", 403, _("This key lacks the scope that the request needs.")


class MembersMayNot(BusinessError):
    code, status, title = "members_may_not", 403, _("A member's token may not do this; a storefront's key may.")


def scope_for(view: Any, method: str) -> str | None:
    """The scope a storefront's key needs for that method of the view; None where anyone may call."""
    scopes: Mapping[str, str | None] | None = view.scopes
    return None if scopes is None else scopes[method]


def open_to_members(view: Any, method: str) -> bool:
    return method in getattr(view, "members_may", ())


class ScopeRequired(BasePermission):
    """Lets in whom the view's `scopes` and `members_may` name. 401 for nobody, 403 for somebody else, 405 before both."""

    def has_permission(self, request: Request, view: Any) -> bool:
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method not in view.allowed_methods or method == "OPTIONS":
            raise MethodNotAllowed(method)
        scope = scope_for(view, method)
        if scope is None:
            return True
        caller: Caller | None = request.auth
        if caller is None:
            raise NotAuthenticated
        if caller.kind == "member":
            if not open_to_members(view, method):
                raise MembersMayNot
        elif scope not in caller.scopes:
            raise ScopeMissing(scope=scope)
        return True
