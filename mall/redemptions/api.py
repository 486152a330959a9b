"""Redemptions for the storefront and for the member's app: redeem, pay, cancel, return, and how it stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.members import selectors as members
from accounts.members.api import MemberView
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import CentsField, IdField, MomentField, PointsField, StrictSerializer, TextField, WholeNumberField, YesNoField
from loyalty.lib.money import show
from loyalty.lib.paging import NewestFirst
from loyalty.programme import selectors as programme
from mall.rewards import selectors as rewards
from mall.rewards.models import Reward
from mall.rewards.rules import Offer

from . import selectors, services
from .models import Redemption, Step
from .services import Recipient

Status = Redemption.Status

# How it stands, in a sentence; the price's first where it is not the list price.
SENTENCES = {
    "clearance": gettext_lazy("It was on clearance."),
    "markdown": gettext_lazy("The whole shelf was marked down."),
    "revival": gettext_lazy("It was paid with points that had expired."),
    "scarcity": gettext_lazy("It was the price of the last ones."),
    "tier": gettext_lazy("It was the price for the member's tier."),
    "tier_discount": gettext_lazy("The member's tier has a discount."),
    "held": gettext_lazy("%(points)s points are set aside. %(amount)s is to be paid."),
    "confirmed": gettext_lazy("It is paid and will be made ready."),
    "fulfilling": gettext_lazy("It is being made ready."),
    "from_partner": gettext_lazy("It is on its way from the partner."),
    "shipped": gettext_lazy("It is on its way."),
    "delivered": gettext_lazy("It was handed over."),
    "cancelled": gettext_lazy("It was cancelled; its points are free again."),
    "not_from_partner": gettext_lazy("The partner cannot provide it at the moment."),
    "lapsed": gettext_lazy("It was not paid in time; its points are free again."),
    "returned": gettext_lazy("It was returned; its points went back to the lots that they came from."),
    "revival_over": gettext_lazy("It came to nothing; the expired points that paid for it count again while a season takes them."),
    "returned_in_part": gettext_lazy("%(returned)s of %(quantity)s were returned."),
    "give_back": gettext_lazy("Give back %(amount)s, if you have not yet."),
    "free_shipping": gettext_lazy("Shipping is free for the member's tier."),
    "shipping": gettext_lazy("Of this, %(shipping)s is for shipping."),
    "shipping_kept": gettext_lazy("The %(shipping)s for shipping is not given back."),
}


def sentences(row: Redemption, *, steps: Sequence[Step], give_back: int, language: str, now: datetime) -> list[dict[str, str]]:
    """Why it costs what it does and how it stands, in that language."""
    codes = [row.price] if row.price in SENTENCES else []
    if row.shipping_waived_cents:
        codes.append("free_shipping")
    status = selectors.status_at(row, now=now)
    codes.append("revival_over" if row.revived and status in (Status.CANCELLED, Status.RETURNED) else status)
    if status == Status.CANCELLED and steps and steps[-1].actor == services.PARTNER:
        codes.append("not_from_partner")
    if row.shipping_cents and status == Status.HELD:
        codes.append("shipping")
    if 0 < row.returned < row.quantity:
        codes.append("returned_in_part")
    if give_back:
        codes.append("give_back")
    if row.shipping_cents and row.returned and not any(step.shipping_cents for step in steps):
        codes.append("shipping_kept")
    currency = programme.programme().currency or "CNY"
    money = {"amount": show(give_back or row.total_cents, currency, language), "shipping": show(row.shipping_cents, currency, language)}
    figures = {"points": row.points, "returned": row.returned, "quantity": row.quantity, **money}
    by_partner = {Status.FULFILLING: "from_partner"} if rewards.offer_of(row.reward_id).kind != Reward.Kind.GOODS else {}
    return [{"code": code, "text": str(SENTENCES[by_partner.get(code, code)]) % figures} for code in codes]


class RecipientGiven(StrictSerializer):
    name = TextField(max_length=100)
    phone = TextField(max_length=40, required=False, allow_blank=True)
    address = TextField(max_length=400, help_text="In one line, as it goes onto the parcel.")


class RedeemAsked(StrictSerializer):
    reward = TextField(max_length=40, help_text="Its code.")
    quantity = WholeNumberField(min_value=1, max_value=services.MOST_AT_ONCE, required=False, help_text="1 by default.")
    recipient = RecipientGiven(required=False, help_text="To whom goods are shipped; needed for goods.")
    points = PointsField(required=False, help_text="For one, as the member saw it. Where it is another one by now, 409 `price_changed` says which.")
    cents = CentsField(required=False, help_text="The money for one, as the member saw it; 0 by default. Looked at together with `points`.")
    shipping_cents = CentsField(required=False, help_text="What the parcel costs, as the member saw it. Looked at together with `points`, where it is sent.")


class RedemptionStepShown(serializers.ModelSerializer[Step]):
    at = MomentField()

    class Meta:
        model = Step
        fields = ["before", "status", "quantity", "points", "cents", "shipping_cents", "at"]
        extra_kwargs = {
            "points": {"required": True, "help_text": "Given back with it."},
            "cents": {"required": True, "help_text": "Money to give back with it, for shipping too."},
            "shipping_cents": {"required": True, "help_text": "How much of that is for shipping."},
        }


class RecipientShown(serializers.Serializer[Any]):
    name = serializers.CharField(allow_blank=True)
    phone = serializers.CharField(allow_blank=True)
    address = serializers.CharField(allow_blank=True)


class RedemptionInList(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    reward = serializers.CharField(help_text="Its code.")
    name = serializers.CharField(help_text="What it is called, in the request's language.")
    kind = serializers.ChoiceField(choices=Reward.Kind.choices)
    status = serializers.ChoiceField(choices=Status.choices)
    quantity = serializers.IntegerField()
    returned = serializers.IntegerField(help_text="How many of them came back.")
    points = serializers.IntegerField(help_text="For all of the quantity.")
    cents = serializers.IntegerField(help_text="Money, for all of the quantity, without shipping.")
    shipping_cents = serializers.IntegerField(help_text="Money for the parcel; 0 where it is free.")
    total_cents = serializers.IntegerField(help_text="All the money due: `cents` and `shipping_cents`.")
    pay_until = MomentField(allow_null=True, help_text="While it is held: the first instant at which it is too late to pay.")
    carrier = serializers.CharField(allow_blank=True)
    tracking = serializers.CharField(allow_blank=True)
    created_at = MomentField()
    changed_at = MomentField()


class RedemptionWhy(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable, for programs.")
    text = serializers.CharField(help_text="For people, in the request's language.")


class RedemptionShown(RedemptionInList):
    member = serializers.CharField()
    payment = serializers.CharField(allow_blank=True, help_text="Your own number of it.")
    recipient = RecipientShown()
    handed = serializers.ListField(child=serializers.DictField(), help_text="What the member has got: codes, coupons, terms. Empty for goods.")
    steps = RedemptionStepShown(many=True, help_text="How it came here, the first first.")
    give_back_cents = serializers.IntegerField(help_text="Money to give back to the member, of all that was cancelled or returned of it.")
    why = RedemptionWhy(many=True)


_IN_LIST = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0b",
    "reward": "mug-white",
    "name": "白瓷杯",
    "kind": "goods",
    "status": "confirmed",
    "quantity": 1,
    "returned": 0,
    "points": 500,
    "cents": 1000,
    "shipping_cents": 800,
    "total_cents": 1800,
    "pay_until": None,
    "carrier": "",
    "tracking": "",
    "created_at": "2026-11-22T04:00:00Z",
    "changed_at": "2026-11-22T04:02:00Z",
}
_SHOWN = {
    **_IN_LIST,
    "member": "M-1001",
    "payment": "PAY-77",
    "recipient": {"name": "示例会员", "phone": "13800000000", "address": "示例路 1 号"},
    "handed": [],
    "steps": [
        {"before": "held", "status": "confirmed", "quantity": 1, "points": 0, "cents": 0, "shipping_cents": 0, "at": "2026-11-22T04:02:00Z"},
    ],
    "give_back_cents": 0,
    "why": [{"code": "confirmed", "text": "It is paid and will be made ready."}],
}
_HELD = {
    **_SHOWN,
    "status": "held",
    "pay_until": "2026-11-22T04:30:00Z",
    "payment": "",
    "steps": [],
    "why": [
        {"code": "held", "text": "500 points are set aside. CN¥18.00 is to be paid."},
        {"code": "shipping", "text": "Of this, CN¥8.00 is for shipping."},
    ],
}
_CANCELLED = {
    **_SHOWN,
    "status": "cancelled",
    "steps": [
        *_SHOWN["steps"],  # type: ignore[misc]
        {"before": "confirmed", "status": "cancelled", "quantity": 1, "points": 500, "cents": 1800, "shipping_cents": 800, "at": "2026-11-22T05:00:00Z"},
    ],
    "give_back_cents": 1800,
    "why": [{"code": "cancelled", "text": "It was cancelled; its points are free again."}, {"code": "give_back", "text": "…"}],
}
_REPLAYED = {"Idempotent-Replayed": "true"}


def _language(request: Request) -> str:
    return getattr(request, "LANGUAGE_CODE", "en")


def in_list(row: Redemption, offer: Offer, *, language: str, now: datetime) -> dict[str, Any]:
    same = ("id", "quantity", "returned", "points", "cents", "shipping_cents", "total_cents", "carrier", "tracking", "created_at", "changed_at")
    status = selectors.status_at(row, now=now)
    return {
        **{name: getattr(row, name) for name in same},
        "reward": offer.code,
        "name": offer.name(language),
        "kind": offer.kind,
        "status": status,
        "pay_until": row.pay_until if status == Status.HELD else None,
    }


def shown(redemption_id: UUID, *, member_id: UUID | None = None, language: str, now: datetime) -> dict[str, Any]:
    """A redemption with all that is known of it."""
    row = selectors.redemption(redemption_id=redemption_id, member_id=member_id)
    steps = list(selectors.steps(redemption=row))
    give_back = sum(step.cents for step in steps)
    told = {
        **in_list(row, rewards.offer_of(row.reward_id), language=language, now=now),
        "member": row.member.external_id,
        "payment": row.payment,
        "recipient": {"name": row.name, "phone": row.phone, "address": row.address},
        "handed": services.handed(row),
        "steps": steps,
        "give_back_cents": give_back,
        "why": sentences(row, steps=steps, give_back=give_back, language=language, now=now),
    }
    return dict(RedemptionShown(told).data)


class ListAsked(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=Status.choices, required=False)


class RedemptionsView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read", "POST": "points:spend"}
    members_may = {"GET", "POST"}
    pagination_class = NewestFirst
    serializer_class = RedemptionInList

    @extend_schema(
        summary="A member's redemptions, newest first",
        description="Those of whoever was merged into the member too.",
        parameters=[OpenApiParameter("status", {"type": "string", "enum": Status.values}, description="Only those that stand so.")],
        responses=RedemptionInList(many=True),
        examples=[OpenApiExample("A redemption", _IN_LIST, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        asked = ListAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        theirs = members.with_merged(self.member.id)
        rows = self.paginate_queryset(selectors.redemptions(member_ids=theirs, **asked.validated_data, now=now))
        offers = rewards.offers_of([row.reward_id for row in rows])
        told = [in_list(row, offers[row.reward_id], language=_language(request), now=now) for row in rows]
        return self.get_paginated_response(RedemptionInList(told, many=True).data)

    @extend_schema(
        summary="Redeem a reward",
        description="For points alone the points are spent, and what can be handed out at once is. With money due, be it for shipping, points and "
        "stock are set aside until `pay_until`: take the money, then confirm. What is not paid by then is free again by itself.",
        request=RedeemAsked,
        responses={201: RedemptionShown},
        examples=[
            OpenApiExample(
                "Goods",
                {"reward": "mug-white", "points": 500, "cents": 1000, "recipient": {"name": "示例会员", "phone": "13800000000", "address": "示例路 1 号"}},
                request_only=True,
            ),
            OpenApiExample("Two coupons", {"reward": "coupon-10", "quantity": 2}, request_only=True),
            OpenApiExample("To be paid", _HELD, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked, now = RedeemAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        done = services.redeem(
            member_id=self.member.id,
            reward=given["reward"],
            quantity=given.get("quantity", 1),
            recipient=Recipient(**given.get("recipient", {})),
            expected=(given["points"], given.get("cents", 0)) if "points" in given else None,
            expected_shipping=given.get("shipping_cents"),
            actor=request.auth.identity,
            key=f"{request.auth.identity}/{request.idempotency_key}",
            now=now,
        )
        told = shown(done.redemption.id, member_id=self.member.id, language=_language(request), now=now)
        return Response(told, status=201, headers=_REPLAYED if done.replayed else None)


class MembersRedemptionView(MemberView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}

    @extend_schema(summary="One of a member's redemptions", responses=RedemptionShown, examples=[OpenApiExample("Paid", _SHOWN, response_only=True)])
    def get(self, request: Request, redemption: UUID) -> Response:
        return Response(shown(redemption, member_id=self.member.id, language=_language(request), now=timezone.now()))


class CancelAsked(StrictSerializer):
    reason = TextField(max_length=300, required=False, allow_blank=True)


class MembersCancelView(MemberView):
    scopes = {"POST": "points:spend"}
    members_may = {"POST"}

    @extend_schema(
        summary="The member cancels a redemption",
        description="Until somebody has begun to make it ready. Points and stock go back; `give_back_cents` is the money to give back.",
        request=CancelAsked,
        responses=RedemptionShown,
        examples=[OpenApiExample("Without a reason", {}, request_only=True), OpenApiExample("Cancelled", _CANCELLED, response_only=True)],
    )
    @idempotent
    def post(self, request: Request, redemption: UUID) -> Response:
        return _cancelled(request, redemption, member_id=self.member.id)


def _cancelled(request: Request, redemption: UUID, *, member_id: UUID | None = None) -> Response:
    asked, now = CancelAsked(data=request.data), timezone.now()
    asked.is_valid(raise_exception=True)
    reason = asked.validated_data.get("reason", "")
    done = services.cancel(redemption_id=redemption, member_id=member_id, reason=reason, actor=request.auth.identity, now=now)
    return Response(shown(redemption, language=_language(request), now=now), headers=_REPLAYED if done.replayed else None)


class RedemptionView(APIView):
    scopes = {"GET": "points:read"}

    @extend_schema(summary="A redemption", responses=RedemptionShown, examples=[OpenApiExample("Paid", _SHOWN, response_only=True)])
    def get(self, request: Request, redemption: UUID) -> Response:
        return Response(shown(redemption, language=_language(request), now=timezone.now()))


class ConfirmAsked(StrictSerializer):
    paid_cents = CentsField(help_text="What the member paid: exactly `total_cents` of the redemption.")
    payment = IdField(required=False, help_text="Your own number of the payment. Another one later is refused as paid twice.")


class ConfirmView(APIView):
    scopes = {"POST": "points:spend"}

    @extend_schema(
        summary="The money of a redemption came in",
        description="The points set aside are spent, and it goes on. The same again is a replay. After the deadline, or once it was cancelled, it is refused "
        "with 409 (`redemption_lapsed`, `redemption_cancelled`): give the money back.",
        request=ConfirmAsked,
        responses=RedemptionShown,
        examples=[
            OpenApiExample("Paid", {"paid_cents": 1800, "payment": "PAY-77"}, request_only=True),
            OpenApiExample("Confirmed", _SHOWN, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, redemption: UUID) -> Response:
        asked, now = ConfirmAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        done = services.confirm(redemption_id=redemption, **asked.validated_data, actor=request.auth.identity, now=now)
        return Response(shown(redemption, language=_language(request), now=now), headers=_REPLAYED if done.replayed else None)


class CancelView(APIView):
    scopes = {"POST": "points:spend"}

    @extend_schema(
        summary="Cancel a redemption",
        description="Until it is shipped, also where it is being made ready. Points and stock go back; `give_back_cents` is the money to give back.",
        request=CancelAsked,
        responses=RedemptionShown,
        examples=[
            OpenApiExample("Out of it", {"reason": "asked for by phone"}, request_only=True),
            OpenApiExample("Cancelled", _CANCELLED, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, redemption: UUID) -> Response:
        return _cancelled(request, redemption)


class ReturnAsked(StrictSerializer):
    quantity = WholeNumberField(min_value=1, max_value=services.MOST_AT_ONCE, required=False, help_text="All that is left of it by default.")
    restock = YesNoField(help_text="Whether they are fit for the shelf.")
    shipping = YesNoField(required=False, help_text="Whether what shipping cost is given back as well, once; false by default.")
    reason = TextField(max_length=300)


class ReturnView(APIView):
    scopes = {"POST": "points:spend"}

    @extend_schema(
        summary="A redemption came back, or a part of it",
        description="Their points are restored to the lots that they came from. `give_back_cents` is the money to give back for all that came back so far; "
        "what shipping cost is part of it only where `shipping` says so.",
        request=ReturnAsked,
        responses=RedemptionShown,
        examples=[
            OpenApiExample("All of it, unopened", {"restock": True, "reason": "changed their mind"}, request_only=True),
            OpenApiExample(
                "Returned",
                {
                    **_CANCELLED,
                    "status": "returned",
                    "returned": 1,
                    "steps": [
                        *_SHOWN["steps"],  # type: ignore[misc]
                        {
                            "before": "shipped",
                            "status": "returned",
                            "quantity": 1,
                            "points": 500,
                            "cents": 1000,
                            "shipping_cents": 0,
                            "at": "2026-11-29T05:00:00Z",
                        },
                    ],
                    "give_back_cents": 1000,
                    "why": [
                        {"code": "returned", "text": "It was returned; its points went back to the lots that they came from."},
                        {"code": "give_back", "text": "Give back CN¥10.00, if you have not yet."},
                        {"code": "shipping_kept", "text": "The CN¥8.00 for shipping is not given back."},
                    ],
                },
                response_only=True,
            ),
        ],
    )
    @idempotent
    def post(self, request: Request, redemption: UUID) -> Response:
        asked, now = ReturnAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        key = f"{request.auth.identity}/{request.idempotency_key}"
        done = services.return_(redemption_id=redemption, **{"quantity": None, **asked.validated_data}, actor=request.auth.identity, key=key, now=now)
        return Response(shown(redemption, language=_language(request), now=now), headers=_REPLAYED if done.replayed else None)
