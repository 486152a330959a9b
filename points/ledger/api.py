"""What a storefront and a member see of the books, and spending that is not about an order."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import MomentField, PointsField, StrictSerializer, TextField
from loyalty.lib.paging import NewestFirst
from loyalty.programme import selectors as programme
from riskcontrol.screening import services as screening

from . import selectors, services
from .models import Entry, Lot


class Expiring(serializers.Serializer[Any]):
    at = MomentField(help_text="The first instant at which the points are gone.")
    points = serializers.IntegerField()


class AccountShown(serializers.Serializer[Any]):
    available = serializers.IntegerField(help_text="Can be spent now.")
    held = serializers.IntegerField(help_text="Set aside for orders that are not paid yet.")
    pending = serializers.IntegerField(help_text="Earned, not yet to be spent.")
    debt = serializers.IntegerField(help_text="Owed; the next points that come in settle it.")
    expiring = Expiring(many=True, help_text="The next twelve instants at which points expire.")
    sources = serializers.DictField(child=serializers.IntegerField(), help_text="Available points by where they came from.")
    frozen = serializers.BooleanField(help_text="While true, points cannot be held or spent.")
    name = serializers.CharField(help_text="What the points are called, in the request's language.")
    unit = serializers.CharField()


_ACCOUNT = {
    "available": 1280,
    "held": 200,
    "pending": 0,
    "debt": 0,
    "expiring": [{"at": "2027-03-31T16:00:00Z", "points": 1280}],
    "sources": {"purchase": 1280},
    "frozen": False,
    "name": "积分",
    "unit": "分",
}


class AccountView(MemberView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}

    @extend_schema(summary="A member's balance", responses=AccountShown, examples=[OpenApiExample("An account", _ACCOUNT, response_only=True)])
    def get(self, request: Request) -> Response:
        now, settings = timezone.now(), programme.programme()
        about = {"member_id": self.member.id, "now": now}
        state = selectors.state(**about)
        shown = {
            **state.balance._asdict(),
            "expiring": selectors.expiring(**about),
            "sources": selectors.by_source(**about),
            "frozen": state.frozen,
            "name": settings.points_name,
            "unit": settings.points_unit,
        }
        return Response(AccountShown(shown).data)


class EntryShown(serializers.ModelSerializer[Entry]):
    occurred_at = MomentField(help_text="When it happened.")
    recorded_at = MomentField(help_text="When it was written down.")
    refers_to = serializers.UUIDField(source="refers_to_id", allow_null=True, help_text="The earlier entry that this one acts on.")

    class Meta:
        model = Entry
        fields = [
            "id",
            "seq",
            "kind",
            "points",
            "available_change",
            "held_change",
            "pending_change",
            "debt_change",
            "balance_after",
            "waived",
            "subject",
            "refers_to",
            "occurred_at",
            "recorded_at",
        ]
        extra_kwargs = {name: {"required": True} for name in ("available_change", "held_change", "pending_change", "debt_change", "waived", "subject")}


# For one entry, as spending answers: its fields are put together once, which costs more than all they do for an answer.
_ENTRY_SHOWN = EntryShown()

_ENTRY = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f00",
    "seq": 12,
    "kind": "earn",
    "points": 128,
    "available_change": 128,
    "held_change": 0,
    "pending_change": 0,
    "debt_change": 0,
    "balance_after": 1280,
    "waived": 0,
    "subject": "purchase/1001",
    "refers_to": None,
    "occurred_at": "2026-03-01T04:00:00Z",
    "recorded_at": "2026-03-01T04:00:01Z",
}


class EntriesView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst
    serializer_class = EntryShown
    newest_by = ("seq",)

    @extend_schema(
        summary="A member's entries, newest first",
        responses=EntryShown(many=True),
        examples=[OpenApiExample("Earned by a purchase", _ENTRY, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(Entry.objects.filter(member_id=self.member.id))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)


class LotShown(serializers.ModelSerializer[Lot]):
    earned_at = MomentField()
    available_at = MomentField(allow_null=True)
    matures_at = MomentField(allow_null=True)
    expires_at = MomentField(allow_null=True, help_text="The first instant at which the points are gone; null: never, or not yet known while pending.")
    remaining = serializers.IntegerField(source="left", help_text="What can be spent, or still waits; nothing once it has expired.")
    rule_version = serializers.IntegerField(source="rule_version.number", default=None, allow_null=True, help_text="The rule version that gave the points.")

    class Meta:
        model = Lot
        fields = ["id", "source", "original", "remaining", "held", "is_pending", "earned_at", "matures_at", "available_at", "expires_at", "rule_version"]
        extra_kwargs = {name: {"required": True} for name in ("held", "is_pending")}


_LOT = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f01",
    "source": "purchase",
    "original": 128,
    "remaining": 128,
    "held": 0,
    "is_pending": False,
    "earned_at": "2026-03-01T04:00:00Z",
    "matures_at": None,
    "available_at": "2026-03-01T04:00:00Z",
    "expires_at": "2027-03-01T16:00:00Z",
    "rule_version": 1,
}


class LotsView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst
    serializer_class = LotShown

    @extend_schema(summary="A member's lots, newest first", responses=LotShown(many=True), examples=[OpenApiExample("A lot", _LOT, response_only=True)])
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(selectors.lots_as_seen(member_id=self.member.id, now=timezone.now()))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)


class SpendAsked(StrictSerializer):
    points = PointsField()
    subject = TextField(max_length=100, help_text="What the points are spent on, in the storefront's words: game/4711.")


class SpendView(MemberView):
    scopes = {"POST": "points:spend"}

    @extend_schema(
        summary="Spend points on something that is not an order",
        description="At once, from the lots that expire first. For orders, make a hold from a quote and pay with it.",
        request=SpendAsked,
        responses={201: EntryShown},
        examples=[
            OpenApiExample("A game", {"points": 50, "subject": "game/4711"}, request_only=True),
            OpenApiExample(
                "Spent", {**_ENTRY, "kind": "spend", "points": 50, "available_change": -50, "balance_after": 1230, "subject": "game/4711"}, response_only=True
            ),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked, now = SpendAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        screening.demand(member_id=self.member.id, action="spend", points=asked.validated_data["points"], now=now)
        key = f"{request.auth.identity}/{request.idempotency_key}"
        entry = services.spend(member_id=self.member.id, **asked.validated_data, actor=request.auth.identity, key=key, now=now)
        return Response(_ENTRY_SHOWN.to_representation(entry), status=201)
