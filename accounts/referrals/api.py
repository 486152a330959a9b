import secrets
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.lib.fields import MomentField
from loyalty.lib.paging import NewestFirst

from . import rules, selectors, services
from .models import Referral


class CodeAndList(NewestFirst):
    """A page of referrals, with the member's own code before it."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        paged = super().get_paginated_response_schema(schema)
        code = {"type": "string", "nullable": True, "description": "What friends give when they register; null while members cannot invite."}
        link = {"type": "string", "nullable": True, "description": "The shop's page with the code in it; null where the shop has none."}
        shown = {
            "code": {**code, "example": "7K2MWQ9A"},
            "link": {**link, "example": "https://shop.example/r/7K2MWQ9A"},
        }
        return {**paged, "required": [*shown, *paged["required"]], "properties": {**shown, **paged["properties"]}}


class ReferralShown(serializers.ModelSerializer[Referral]):
    friend = serializers.SerializerMethodField(help_text="The storefront's id of the friend; null for a member, who sees the name alone.")
    name = serializers.SerializerMethodField(help_text="The first letter of the friend's name.")
    registered_at = MomentField()
    until = MomentField(allow_null=True, help_text="An order paid then or later comes too late; null: no limit.")
    completed_at = MomentField(allow_null=True, help_text="When the order was paid that completed it.")

    class Meta:
        model = Referral
        fields = ["id", "friend", "name", "status", "registered_at", "until", "completed_at"]
        extra_kwargs = {"status": {"required": True}}

    def get_friend(self, referral: Referral) -> str | None:
        return referral.member.external_id if self.context["request"].auth.kind == "storefront" else None

    def get_name(self, referral: Referral) -> str:
        return rules.masked(referral.member.name)


_REFERRAL = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f03",
    "friend": "M-1002",
    "name": "示***",
    "status": "completed",
    "registered_at": "2026-03-01T04:00:00Z",
    "until": "2026-05-30T16:00:00Z",
    "completed_at": "2026-03-02T04:00:00Z",
}


class ReferralsView(MemberView, GenericAPIView):
    scopes = {"GET": "members:read"}
    members_may = {"GET"}
    pagination_class = CodeAndList
    serializer_class = ReferralShown

    @extend_schema(
        summary="A member's invitation code, and whom they invited",
        description="Newest first. A referral is completed by the friend's first paid order, and taken back when that order is refunded.",
        responses=ReferralShown(many=True),
        examples=[OpenApiExample("A friend who bought", _REFERRAL, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        code = services.code_of(member_id=self.member.id, seed=secrets.token_bytes(16), now=timezone.now())
        link = rules.link(selectors.terms().link_template, code) if code else None
        rows = self.paginate_queryset(selectors.of_inviter(member_id=self.member.id))
        paged = self.get_paginated_response(self.get_serializer(rows, many=True).data)
        return Response({"code": code, "link": link, **paged.data})
