from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import MomentField, StrictSerializer, TextField
from loyalty.lib.paging import NewestFirst

from . import selectors, services
from .models import Privilege, PrivilegeKind


class PrivilegeShown(serializers.ModelSerializer[Privilege]):
    kind = serializers.CharField(source="kind_id", help_text="The kind's code.")
    what = serializers.ChoiceField(source="kind.what", choices=PrivilegeKind.What.choices, help_text="What you do for who has it.")
    name = serializers.CharField(source="kind.name", help_text="In the request's language.")
    text = serializers.CharField(source="kind.text", help_text="What members read of it; may be empty.")
    status = serializers.SerializerMethodField(help_text="coming: begins later. current: can be used. used_up, over, ended: cannot any more.")
    starts_at = MomentField()
    ends_at = MomentField(allow_null=True, help_text="The first instant at which it is over; null: never.")
    uses_left = serializers.IntegerField(allow_null=True, help_text="null: as often as they like, while it is good.")
    early_minutes = serializers.IntegerField(allow_null=True, help_text="Of early access: rewards and flash sales open so many minutes sooner; null: none do.")
    granted_for = serializers.CharField(source="subject", help_text="Like redemption/01980a5c-…; empty where it was given.")

    class Meta:
        model = Privilege
        fields = ["id", "kind", "what", "name", "text", "status", "starts_at", "ends_at", "uses_left", "early_minutes", "granted_for"]

    def get_status(self, row: Privilege) -> Privilege.State:
        return selectors.state_of(row, now=self.context["now"])


_PRIVILEGE: dict[str, Any] = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0b",
    "kind": "fast-30",
    "what": "priority_shipping",
    "name": "优先发货卡",
    "text": "30 天内下单优先发货，可用三次",
    "status": "current",
    "starts_at": "2026-11-21T04:00:00Z",
    "ends_at": "2026-12-21T16:00:00Z",
    "uses_left": 3,
    "early_minutes": None,
    "granted_for": "redemption/01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0c",
}


class PrivilegesView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst
    serializer_class = PrivilegeShown

    @extend_schema(
        summary="A member's privileges, newest first",
        description="Priority shipping, an agent of their own, early access, free returns: what you do for the member, for a while or so many times.",
        responses=PrivilegeShown(many=True),
        examples=[OpenApiExample("Priority shipping, three times", _PRIVILEGE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        rows = self.paginate_queryset(selectors.privileges(member_id=self.member.id, now=now))
        return self.get_paginated_response(PrivilegeShown(rows, many=True, context={"now": now}).data)


class UseAsked(StrictSerializer):
    subject = TextField(max_length=200, help_text="What it is used for, like purchase/A-1. The same again uses it no second time.")


class UseView(MemberView):
    scopes = {"POST": "points:spend"}

    @extend_schema(
        summary="Use a privilege",
        description="Say what it is used for; for the same thing again it is the same use. 409 `privilege_not_good` before it begins and once it is over.",
        request=UseAsked,
        responses=PrivilegeShown,
        examples=[
            OpenApiExample("For an order", {"subject": "purchase/A-1"}, request_only=True),
            OpenApiExample("Used", {**_PRIVILEGE, "uses_left": 2}, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, privilege: UUID) -> Response:
        now = timezone.now()
        used = services.use(member_id=self.member.id, privilege_id=privilege, subject=_asked(request), actor=request.auth.identity, now=now)
        return Response(PrivilegeShown(used.privilege, context={"now": now}).data)


class GiveBackView(MemberView):
    scopes = {"POST": "points:spend"}

    @extend_schema(
        summary="Give back the use of a privilege",
        description="What it was used for is undone: it can be used once more, as long as it is good. 409 `privilege_not_used_for` where it was not used "
        "for that.",
        request=UseAsked,
        responses=PrivilegeShown,
        examples=[
            OpenApiExample("The order was cancelled", {"subject": "purchase/A-1"}, request_only=True),
            OpenApiExample("Given back", _PRIVILEGE, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, privilege: UUID) -> Response:
        now = timezone.now()
        back = services.give_back(member_id=self.member.id, privilege_id=privilege, subject=_asked(request), now=now)
        return Response(PrivilegeShown(back.privilege, context={"now": now}).data)


def _asked(request: Request) -> str:
    asked = UseAsked(data=request.data)
    asked.is_valid(raise_exception=True)
    return str(asked.validated_data["subject"])
