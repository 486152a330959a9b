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
from loyalty.lib.fields import MomentField, StrictSerializer, YesNoField
from loyalty.lib.paging import NewestFirst

from . import selectors, services
from .models import Rental

State = Rental.State


class RentalShown(serializers.Serializer[Rental]):
    id = serializers.UUIDField()
    redemption = serializers.UUIDField(source="redemption_id", help_text="What it was borrowed by.")
    reward = serializers.CharField(source="redemption.reward.code", help_text="Its code.")
    name = serializers.CharField(source="terms.name", help_text="What is lent, in the request's language.")
    quantity = serializers.IntegerField()
    status = serializers.ChoiceField(
        source="state",
        choices=State.choices,
        help_text="asked: the partner has not answered yet. lent. ending: over, the partner is to take it back. taken_back. refused: its points are back.",
    )
    started_at = MomentField(allow_null=True, help_text="Since when it is lent.")
    ends_at = MomentField(source="over_at", help_text="The first instant at which it is over; of what was given back early, when that was.")
    handed = serializers.SerializerMethodField(help_text="While it is lent: what the member shows to the partner, one for each.")
    renewals_left = serializers.SerializerMethodField()
    renewal_points = serializers.IntegerField(help_text="What a renewal of all of it costs.")
    renewing = serializers.BooleanField(help_text="A renewal is paid, and the partner has not answered yet.")
    renewable = serializers.SerializerMethodField(help_text="Whether it can be renewed now, as far as points and tier allow.")
    renews_itself = serializers.BooleanField(help_text="On its last day, where the points suffice.")
    ended_because = serializers.ChoiceField(source="cause", choices=[("", ""), *Rental.Cause.choices], help_text="Empty: nobody has ended it.")

    def get_handed(self, row: Rental) -> list[dict[str, Any]]:
        vouchers: list[dict[str, Any]] = row.order.vouchers
        return vouchers if row.state == State.LENT else []

    def get_renewals_left(self, row: Rental) -> int:
        return row.most_renewals - row.renewals

    def get_renewable(self, row: Rental) -> bool:
        return selectors.not_renewed(row, now=self.context["now"]) is None


_LENT: dict[str, Any] = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0b",
    "redemption": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0c",
    "reward": "miles-1000",
    "name": "航空里程 1,000",
    "quantity": 1,
    "status": "lent",
    "started_at": "2026-11-21T04:00:09Z",
    "ends_at": "2026-12-21T16:00:00Z",
    "handed": [{"code": "SAMPLE-6F0A-41C2", "url": "", "expires_on": ""}],
    "renewals_left": 2,
    "renewal_points": 300,
    "renewing": False,
    "renewable": True,
    "renews_itself": False,
    "ended_because": "",
}
_REPLAYED = {"Idempotent-Replayed": "true"}


class RentalsView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst
    serializer_class = RentalShown

    @extend_schema(
        summary="What a member has borrowed, newest first",
        description="A partner's benefits, lent for points and a term by rewards of the kind rental.",
        responses=RentalShown(many=True),
        examples=[OpenApiExample("Lent", _LENT, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(selectors.rentals(member_id=self.member.id))
        return self.get_paginated_response(RentalShown(rows, many=True, context={"now": timezone.now()}).data)


class _RentalView(MemberView):
    def shown(self, rental: UUID) -> dict[str, Any]:
        row = selectors.rental(rental_id=rental, member_id=self.member.id)
        return dict(RentalShown(row, context={"now": timezone.now()}).data)


class RenewView(_RentalView):
    scopes = {"POST": "points:spend"}
    members_may = {"POST"}

    @extend_schema(
        summary="Renew a rental",
        description="`renewal_points` are spent at once; the end moves as soon as the partner agrees, and where it refuses, the points come back. 409 where it "
        "is over, was renewed as often as it can be, or the member's tier does not reach it any more.",
        request=None,
        responses=RentalShown,
        examples=[OpenApiExample("Paid, the partner is asked", {**_LENT, "renewing": True, "renewable": False}, response_only=True)],
    )
    @idempotent
    def post(self, request: Request, rental: UUID) -> Response:
        identity = request.auth.identity
        about = {"actor": identity, "key": f"{identity}/{request.idempotency_key}", "now": timezone.now()}
        renewed = services.renew(rental_id=rental, member_id=self.member.id, **about)
        return Response(self.shown(rental), headers=_REPLAYED if renewed.replayed else None)


class EndView(_RentalView):
    scopes = {"POST": "points:spend"}
    members_may = {"POST"}

    @extend_schema(
        summary="Give a rental back early",
        description="No points come back. Ended before: nothing happens. While a renewal is not answered, it ends once that is.",
        request=None,
        responses=RentalShown,
        examples=[
            OpenApiExample(
                "Over",
                {**_LENT, "status": "ending", "handed": [], "renewable": False, "ended_because": "member"},
                response_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request, rental: UUID) -> Response:
        services.end(rental_id=rental, member_id=self.member.id, actor=request.auth.identity, now=timezone.now())
        return Response(self.shown(rental))


class RenewsItself(StrictSerializer):
    renews_itself = YesNoField(help_text="Whether it is renewed on its last day, where the points suffice.")


class RentalView(_RentalView):
    scopes = {"PUT": "points:spend"}
    members_may = {"PUT"}

    @extend_schema(
        summary="Choose whether a rental renews itself",
        description="Off unless the member has chosen it. Where it cannot be renewed on its last day it ends, and the member is told. No Idempotency-Key.",
        request=RenewsItself,
        responses=RentalShown,
        examples=[
            OpenApiExample("It shall", {"renews_itself": True}, request_only=True),
            OpenApiExample("Chosen", {**_LENT, "renews_itself": True}, response_only=True),
        ],
    )
    def put(self, request: Request, rental: UUID) -> Response:
        asked = RenewsItself(data=request.data)
        asked.is_valid(raise_exception=True)
        row = selectors.rental(rental_id=rental, member_id=self.member.id)
        services.renew_by_itself(rental_id=row.id, member_id=self.member.id, on=asked.validated_data["renews_itself"], now=timezone.now())
        return Response(self.shown(rental))
