"""The paths of one member, for a storefront (`/members/{member}/…`) and for the member's own token (`/me/…`), by the same views."""

from typing import Any

from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.tokens import services as tokens
from loyalty.lib.callers import Caller
from loyalty.lib.fields import MomentField, id_in_address
from loyalty.lib.refusals import BusinessError

from . import selectors
from .models import Member


class OwnPathsOnly(BusinessError):
    code, status, title = "own_paths_only", 403, _("With a member's token, use the paths under /me.")


class MemberTokenNeeded(BusinessError):
    code, status, title = "member_token_needed", 403, _("Paths under /me are for members' tokens; a storefront names the member.")


class MemberView(APIView):
    """A view of one member's things. Handlers find whom it is about in `self.member`; name it in urls by `member_paths`.

    `self.named` is the id in the address, checked; empty under /me.
    """

    member: Member
    named = ""

    def dispatch(self, request: Any, *args: Any, member: str = "", **kwargs: Any) -> Any:
        self.named = member
        return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        caller: Caller = request.auth
        if caller.kind == "member":
            if self.named:
                raise OwnPathsOnly
            self.member = request.user
        elif not self.named:
            raise MemberTokenNeeded
        else:
            self.named = id_in_address("member", self.named)
            self.find(request)

    def find(self, request: Request) -> None:
        """Sets the member whom a storefront named, or refuses."""
        self.member = selectors.get(self.named)


def member_paths(rest: str, view: type[MemberView]) -> list[URLPattern]:
    """`members/{member}/{rest}`, and `me/{rest}` where members may call the view. An empty `rest` is the member as such."""
    rest = f"/{rest}" if rest else ""
    paths = [path(f"members/<str:member>{rest}", view.as_view())]
    if may := getattr(view, "members_may", None):
        paths.append(path(f"me{rest}", view.as_view(http_method_names=["head", *(method.lower() for method in may)])))
    return paths


class IssuedToken(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="To be sent as `Authorization: Bearer …`.")
    expires_at = MomentField()


class TokenView(MemberView):
    scopes = {"POST": "tokens:issue"}

    @extend_schema(
        summary="A token for one member's app",
        description="Short-lived, for this member alone: it reads and does what a member may, under `/api/v1/me/`.",
        request=None,
        responses={201: IssuedToken},
        examples=[OpenApiExample("A token", {"token": "eyJhbGciOi…", "expires_at": "2026-03-01T04:15:00Z"}, response_only=True)],
    )
    def post(self, request: Request) -> Response:
        token, expires_at = tokens.issue(member=self.member, now=timezone.now())
        return Response(IssuedToken({"token": token, "expires_at": expires_at}).data, status=201)
