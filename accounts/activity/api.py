from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.lib.fields import MomentField
from loyalty.lib.paging import NewestFirst

from . import selectors
from .models import Purchase, PurchaseLine, Refund


class LineShown(serializers.ModelSerializer[PurchaseLine]):
    id = serializers.CharField(source="external_id")

    class Meta:
        model = PurchaseLine
        fields = ["id", "sku", "category", "brand", "quantity", "amount_cents"]
        extra_kwargs = {name: {"required": True} for name in ("sku", "category", "brand")}


class RefundShown(serializers.ModelSerializer[Refund]):
    id = serializers.CharField(source="external_id")
    occurred_at = MomentField()

    class Meta:
        model = Refund
        fields = ["id", "occurred_at", "amount_cents"]


class PurchaseShown(serializers.ModelSerializer[Purchase]):
    id = serializers.CharField(source="external_id", help_text="The storefront's own id.")
    occurred_at = MomentField()
    lines = LineShown(many=True)
    refunds = RefundShown(many=True)

    class Meta:
        model = Purchase
        fields = ["id", "occurred_at", "currency", "paid_cents", "shipping_cents", "channel", "lines", "refunds"]
        extra_kwargs = {"shipping_cents": {"required": True}, "channel": {"required": True}}


_PURCHASE = {
    "id": "1001",
    "occurred_at": "2026-03-01T04:00:00Z",
    "currency": "CNY",
    "paid_cents": 12800,
    "shipping_cents": 0,
    "channel": "app",
    "lines": [{"id": "1", "sku": "MUG-01", "category": "HOME/KITCHEN", "brand": "", "quantity": 2, "amount_cents": 12800}],
    "refunds": [],
}


class PurchasesView(MemberView, GenericAPIView):
    scopes = {"GET": "purchases:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst
    serializer_class = PurchaseShown
    newest_by = ("occurred_at", "id")

    @extend_schema(
        summary="A member's purchases, newest first", responses=PurchaseShown(many=True), examples=[OpenApiExample("A purchase", _PURCHASE, response_only=True)]
    )
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(selectors.purchases(member_id=self.member.id))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)
