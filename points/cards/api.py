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

from . import selectors
from .models import Card, CardKind


class CardShown(serializers.ModelSerializer[Card]):
    kind = serializers.CharField(source="kind_id", help_text="The kind's code.")
    name = serializers.CharField(source="kind.name", help_text="What the card is called, in the request's language.")
    use = serializers.ChoiceField(source="kind.use", choices=CardKind.Use.choices)
    factor_percent = serializers.IntegerField(source="kind.factor_percent", allow_null=True, help_text="For a multiplier card; 200 is twice the points.")
    status = serializers.ChoiceField(source="seen", choices=Card.Status.choices)
    granted_at = MomentField()
    expires_at = MomentField(allow_null=True, help_text="The first instant at which the card is gone; null: never.")
    granted_for = serializers.CharField(source="subject", help_text="What won it; empty where it was given.")
    used_for = serializers.CharField(source="used_by", help_text="Like purchase/A-1 or check-in/2026-11-03; empty while it is not used.")
    used_at = MomentField(allow_null=True)

    class Meta:
        model = Card
        fields = ["id", "kind", "name", "use", "factor_percent", "status", "granted_at", "expires_at", "granted_for", "used_for", "used_at"]


_CARD: dict[str, Any] = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0a",
    "kind": "double",
    "name": "翻倍卡",
    "use": "multiplier",
    "factor_percent": 200,
    "status": "available",
    "granted_at": "2026-11-01T04:00:00Z",
    "expires_at": "2026-12-01T16:00:00Z",
    "granted_for": "mission/newcomer",
    "used_for": "",
    "used_at": None,
}


class CardsView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst
    serializer_class = CardShown

    @extend_schema(
        summary="A member's cards, newest first",
        description="Multiplier cards, which the next qualifying order uses, and make-up cards, which pay for a missed check-in.",
        responses=CardShown(many=True),
        examples=[OpenApiExample("A multiplier card", _CARD, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(selectors.cards(member_id=self.member.id, now=timezone.now()))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)
