"""What of a member has grown, for the storefront and the member."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.lib.fields import MomentField
from loyalty.lib.paging import NewestFirst

from . import selectors
from .models import GrowthEntry


class GrowthShown(serializers.ModelSerializer[GrowthEntry]):
    about = serializers.CharField(source="subject", help_text="What it is about: purchase/1001, shared/E-1.")
    growth = serializers.IntegerField(help_text="Below zero: taken back by a refund, or because the fact did not hold.")
    amount_cents = serializers.IntegerField(help_text="The money that was paid for goods, net of refunds.")
    happened_at = MomentField(source="occurred_at", help_text="What it counts by. A refund's is that of its purchase.")
    recorded_at = MomentField()

    class Meta:
        model = GrowthEntry
        fields = ["id", "kind", "about", "growth", "amount_cents", "happened_at", "recorded_at"]


_ENTRY = {
    "id": "019a7e6c-5b1e-7000-8000-000000000003", "kind": "purchase", "about": "purchase/1001", "growth": 128, "amount_cents": 12800,
    "happened_at": "2026-11-11T10:00:00Z", "recorded_at": "2026-11-11T10:00:01Z",
}  # fmt: skip


class GrowthView(MemberView):
    """A member's growth, line by line."""

    scopes = {"GET": "members:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst

    @extend_schema(summary="A member's growth", responses=GrowthShown(many=True), examples=[OpenApiExample("Growth of a purchase", _ENTRY, response_only=True)])
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        page = pages.paginate_queryset(selectors.entries(member_id=self.member.id), request, self)
        return pages.get_paginated_response(GrowthShown(page, many=True).data)
