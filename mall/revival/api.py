"""What expired points still buy: for the storefront and for the member's app."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import MomentField, StrictSerializer, TextField, WholeNumberField
from mall.redemptions.api import RecipientGiven, RedemptionShown, shown
from mall.redemptions.services import MOST_AT_ONCE, Recipient
from mall.rewards import selectors as rewards

from . import selectors, services


class RevivalRewardShown(serializers.Serializer[Any]):
    reward = serializers.CharField(help_text="Its code.")
    name = serializers.CharField(help_text="In the request's language.")
    points = serializers.IntegerField(help_text="What one costs, in expired points.")
    affordable = serializers.BooleanField()


class RevivalShown(serializers.Serializer[Any]):
    open = serializers.BooleanField(help_text="Whether expired points buy anything now.")
    name = serializers.CharField(allow_blank=True)
    closes_at = MomentField(allow_null=True)
    points = serializers.IntegerField(help_text="The member's expired points that count, less what was used of them.")
    rewards = RevivalRewardShown(many=True, help_text="Cheapest first.")


class ReviveAsked(StrictSerializer):
    reward = TextField(max_length=40, help_text="Its code.")
    quantity = WholeNumberField(min_value=1, max_value=MOST_AT_ONCE, required=False, help_text="1 by default.")
    recipient = RecipientGiven(required=False, help_text="To whom goods are shipped; needed for goods.")


_OPEN = {
    "open": True,
    "name": "年末复活季",
    "closes_at": "2026-12-31T16:00:00Z",
    "points": 250,
    "rewards": [{"reward": "mug-white", "name": "白色马克杯", "points": 200, "affordable": True}],
}
_PAID = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0b", "reward": "mug-white", "name": "白色马克杯", "kind": "goods", "status": "confirmed", "quantity": 1,
    "returned": 0, "points": 200, "cents": 0, "shipping_cents": 0, "total_cents": 0, "pay_until": None,
    "carrier": "", "tracking": "", "created_at": "2026-12-05T04:00:00Z",
    "changed_at": "2026-12-05T04:00:00Z", "member": "M-1001", "payment": "", "handed": [], "steps": [], "give_back_cents": 0,
    "recipient": {"name": "示例会员", "phone": "13800000000", "address": "示例路 1 号"},
    "why": [{"code": "revival", "text": "It was paid with points that had expired."}],
}  # fmt: skip


def _language(request: Request) -> str:
    return getattr(request, "LANGUAGE_CODE", "en")


class RevivalView(MemberView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}

    @extend_schema(
        summary="What a member's expired points still buy",
        description="In a window that the operator opens, points that have expired buy listed rewards, each point once. They never become points again.",
        responses=RevivalShown,
        examples=[OpenApiExample("In December", _OPEN, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        window = selectors.window(now=now)
        points = sum(one.points for one in selectors.revivable(member_id=self.member.id, window=window, now=now)) if window else 0
        language, in_window = _language(request), window.rewards.all() if window else []
        offers = rewards.offers_of([one.reward_id for one in in_window])
        listed = [(offers[one.reward_id], one.points) for one in in_window]
        told = {
            "open": window is not None,
            "name": (window.name_zh if language.startswith("zh") else window.name_en) if window else "",
            "closes_at": window.closes_at if window else None,
            "points": points,
            "rewards": [
                {"reward": offer.code, "name": offer.name(language), "points": price, "affordable": price <= points}
                for offer, price in sorted(listed, key=lambda one: (one[1], one[0].code))
                if offer.active
            ],
        }
        return Response(RevivalShown(told).data)


class ReviveView(MemberView):
    scopes = {"POST": "points:spend"}
    members_may = {"POST"}

    @extend_schema(
        summary="Redeem a reward for expired points",
        description="A redemption like any other, but for what pays: it can be cancelled and returned, and its expired points are free again then.",
        request=ReviveAsked,
        responses={201: RedemptionShown},
        examples=[
            OpenApiExample(
                "A mug", {"reward": "mug-white", "recipient": {"name": "示例会员", "phone": "13800000000", "address": "示例路 1 号"}}, request_only=True
            ),
            OpenApiExample("Confirmed", _PAID, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked, now = ReviveAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        identity = request.auth.identity
        done = services.redeem(
            member_id=self.member.id,
            reward=given["reward"],
            quantity=given.get("quantity", 1),
            recipient=Recipient(**given.get("recipient", {})),
            actor=identity,
            key=f"{identity}/{request.idempotency_key}",
            now=now,
        )
        told = shown(done.redemption.id, member_id=self.member.id, language=_language(request), now=now)
        return Response(told, status=201, headers={"Idempotent-Replayed": "true"} if done.replayed else None)
