from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.members.api import MemberView
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import CentsField, IdField, MomentField, StrictSerializer, TextField
from loyalty.lib.paging import NewestFirst

from . import selectors, services
from .models import TopUp


class BuyAsked(StrictSerializer):
    paid_cents = CentsField(help_text="What the member paid for points.")
    payment = IdField(help_text="Your own number of the payment: one payment, one top-up.")


class TopUpShown(serializers.ModelSerializer[TopUp]):
    points_back = serializers.IntegerField(help_text="Points given back so far.")
    cents_back = serializers.IntegerField(help_text="Money to give back to the member in all, for the points that were given back.")
    created_at = MomentField()

    class Meta:
        model = TopUp
        fields = ["id", "cents", "points", "points_back", "cents_back", "payment", "created_at"]


_BOUGHT: dict[str, Any] = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0c",
    "cents": 1000,
    "points": 1000,
    "points_back": 0,
    "cents_back": 0,
    "payment": "PAY-91",
    "created_at": "2026-11-22T04:00:00Z",
}
_REPLAYED = {"Idempotent-Replayed": "true"}


class TopUpsView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read", "POST": "purchases:write"}
    members_may = {"GET"}
    pagination_class = NewestFirst
    serializer_class = TopUpShown

    @extend_schema(
        summary="Points that a member bought, newest first",
        responses=TopUpShown(many=True),
        examples=[OpenApiExample("Ten for a thousand", _BOUGHT, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(selectors.top_ups(member_id=self.member.id))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    @extend_schema(
        summary="A member paid for points",
        description="Only where the operator sells points, else 403 `top_ups_off`. What is bought never expires and is set apart as its own source.",
        request=BuyAsked,
        responses={201: TopUpShown},
        examples=[
            OpenApiExample("Ten", {"paid_cents": 1000, "payment": "PAY-91"}, request_only=True),
            OpenApiExample("Bought", _BOUGHT, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = BuyAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        about: dict[str, Any] = {"member_id": self.member.id, "cents": given["paid_cents"], "payment": given["payment"]}
        done = services.buy(**about, actor=request.auth.identity, now=timezone.now())
        return Response(TopUpShown(done.top_up).data, status=201, headers=_REPLAYED if done.replayed else None)


class GiveBackAsked(StrictSerializer):
    reason = TextField(max_length=300)


class TopUpBackView(APIView):
    scopes = {"POST": "purchases:write"}

    @extend_schema(
        summary="Give bought points back",
        description="All that were not spent. Give the member the money that `cents_back` says; it counts all that came back of this top-up.",
        request=GiveBackAsked,
        responses=TopUpShown,
        examples=[
            OpenApiExample("A change of mind", {"reason": "changed their mind"}, request_only=True),
            OpenApiExample("Given back", {**_BOUGHT, "points_back": 400, "cents_back": 400}, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, top_up: UUID) -> Response:
        asked = GiveBackAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        row = services.give_back(top_up_id=top_up, reason=asked.validated_data["reason"], actor=request.auth.identity, now=timezone.now())
        return Response(TopUpShown(row).data)
