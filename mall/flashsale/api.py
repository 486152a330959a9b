"""Flash sales for the storefront and for the member's app: what comes, a ticket, its place, and redeeming by it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.members.api import MemberView
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import CentsField, MomentField, PointsField, StrictSerializer, WholeNumberField
from mall.pictures import selectors as pictures
from mall.pictures.api import PictureShown, root_of
from mall.redemptions.api import RecipientGiven, RedemptionShown
from mall.redemptions.api import shown as redemption_shown
from mall.redemptions.services import Recipient
from mall.rewards.rules import Viewer, shipping

from . import selectors, services
from .models import FlashSale, FlashTicket
from .selectors import Turn


class SaleShown(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField(help_text="In the request's language.")
    text = serializers.CharField(allow_blank=True, help_text="The preview, in the request's language.")
    reward = serializers.CharField(help_text="The reward's code.")
    reward_name = serializers.CharField()
    pictures = PictureShown(many=True)
    points = serializers.IntegerField(help_text="What one costs in the sale.")
    cents = serializers.IntegerField(help_text="Money on top of the points.")
    list_points = serializers.IntegerField(help_text="What one costs on the shelf, without any tier.")
    list_cents = serializers.IntegerField()
    shipping_cents = serializers.IntegerField(help_text="What the parcel costs on top; for a member, 0 where their tier ships free.")
    per_member = serializers.IntegerField()
    quantity = serializers.IntegerField(help_text="How many units there are in the sale.")
    left = serializers.IntegerField(allow_null=True, help_text="Units nobody has taken; null until they are set aside.")
    phase = serializers.ChoiceField(choices=["announced", "line", "on", "over"], help_text="line: tickets can be taken, and are served once it begins.")
    line_opens_at = MomentField(help_text="From when on tickets can be taken; for a member with early access so much sooner.")
    starts_at = MomentField(help_text="For a member with early access so much sooner.")
    ends_at = MomentField()


class SalesShown(serializers.Serializer[Any]):
    now = MomentField(help_text="Our clock, for a countdown.")
    results = SaleShown(many=True, help_text="The soonest first; what begins within four weeks, 100 at most.")


class TicketShown(serializers.Serializer[Any]):
    number = serializers.IntegerField(help_text="Lower ones are served first.")
    quantity = serializers.IntegerField(help_text="Units asked for or, once it is the member's turn, promised.")
    state = serializers.ChoiceField(choices=["waiting", "your_turn", "redeemed", "passed", "left", "over"])
    place = serializers.IntegerField(allow_null=True, help_text="1 is next. Counted up to 10,000.")
    until = MomentField(allow_null=True, help_text="Until then the units are the member's to redeem.")
    left = serializers.IntegerField(help_text="Units of the sale that nobody has taken. 0 is sold out, unless something comes back.")
    now = MomentField(help_text="Our clock.")


_SALE: dict[str, Any] = {
    "id": 7,
    "name": "周五秒杀",
    "text": "白瓷杯，限量一百只。",
    "reward": "mug-white",
    "reward_name": "白瓷杯",
    "pictures": [
        {
            "url": "https://loyalty.example/pictures/0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b.webp",
            "small": "https://loyalty.example/pictures/0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b-small.webp",
        }
    ],
    "points": 199,
    "cents": 0,
    "list_points": 500,
    "list_cents": 0,
    "shipping_cents": 800,
    "per_member": 1,
    "quantity": 100,
    "left": 100,
    "phase": "line",
    "line_opens_at": "2026-11-27T11:50:00Z",
    "starts_at": "2026-11-27T12:00:00Z",
    "ends_at": "2026-11-27T13:00:00Z",
}
_WAITING: dict[str, Any] = {
    "number": 4711, "quantity": 1, "state": "waiting", "place": 12, "until": None, "left": 37, "now": "2026-11-27T12:00:02Z",
}  # fmt: skip
_TURN = {**_WAITING, "state": "your_turn", "place": None, "until": "2026-11-27T12:03:02Z"}
ANYBODY = Viewer()
_REPLAYED = {"Idempotent-Replayed": "true"}


def _language(request: Request) -> str:
    return getattr(request, "LANGUAGE_CODE", "en")


def sales_shown(rows: Sequence[FlashSale], *, viewer: Viewer = ANYBODY, language: str, root: str, now: datetime) -> dict[str, Any]:
    """Sales as they are for who looks. `root`: our address."""
    return {"now": now, "results": [_sale(row, viewer=viewer, language=language, root=root, now=now) for row in rows]}


def _sale(row: FlashSale, *, viewer: Viewer, language: str, root: str, now: datetime) -> dict[str, Any]:
    offer, stock, early = selectors.on_the_shelf(row), selectors.stock_of(row), viewer.early
    same = ("id", "name", "text", "points", "cents", "per_member", "ends_at")
    return {
        **{name: getattr(row, name) for name in same},
        "reward": offer.code,
        "reward_name": offer.name(language),
        "pictures": pictures.shown(offer.pictures, root=root),
        "list_points": offer.points,
        "list_cents": offer.cents,
        "shipping_cents": shipping(offer, viewer).cents,
        "quantity": stock.set_aside if stock else row.quantity,
        "left": stock.left if stock else None,
        "phase": selectors.phase(row, early=early, now=now),
        "line_opens_at": row.line_opens_at - early,
        "starts_at": row.starts_at - early,
    }


def ticket_shown(turn: Turn, *, now: datetime) -> dict[str, Any]:
    ticket: FlashTicket = turn.ticket
    told = {"number": ticket.number, "quantity": ticket.quantity, "until": ticket.until if turn.state == "your_turn" else None, "now": now}
    return dict(TicketShown({**told, "state": turn.state, "place": turn.place, "left": turn.left}).data)


_LIST = OpenApiExample("One is to come", {"now": "2026-11-27T11:55:00Z", "results": [_SALE]}, response_only=True)


class SalesView(APIView):
    scopes = {"GET": "points:read"}

    @extend_schema(summary="Flash sales that are on or come", responses=SalesShown, examples=[_LIST])
    def get(self, request: Request) -> Response:
        now = timezone.now()
        return Response(SalesShown(sales_shown(selectors.coming(now=now), language=_language(request), root=root_of(request), now=now)).data)


class MembersSalesView(MemberView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}

    @extend_schema(
        summary="Flash sales as they are for a member",
        description="With the member's times, which early access makes sooner. Those for a segment that the member is not in are left out.",
        responses=SalesShown,
        examples=[_LIST],
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        rows, viewer = services.coming_for(member_id=self.member.id, now=now)
        return Response(SalesShown(sales_shown(rows, viewer=viewer, language=_language(request), root=root_of(request), now=now)).data)


class TicketAsked(StrictSerializer):
    quantity = WholeNumberField(min_value=1, max_value=1000, required=False, help_text="Units wanted, 1 by default. Only looked at for a new ticket.")


class TicketView(MemberView):
    scopes = {"GET": "points:read", "POST": "points:spend", "DELETE": "points:spend"}
    members_may = {"GET", "POST", "DELETE"}

    @extend_schema(
        summary="How the member's ticket stands",
        responses=TicketShown,
        examples=[OpenApiExample("Waiting", _WAITING, response_only=True)],
    )
    def get(self, request: Request, sale: int) -> Response:
        now, row = timezone.now(), selectors.sale(sale)
        found = selectors.ticket(sale_id=sale, member_id=self.member.id)
        if found is None:
            raise selectors.TicketUnknown
        return Response(ticket_shown(selectors.turn(sale=row, ticket=found, now=now), now=now))

    @extend_schema(
        summary="Take a ticket, or ask for its place",
        description="Who came first is served first. The same request again gives the same ticket with its place by now: ask every few seconds until it is "
        "`your_turn`, then redeem before `until`. Asking more often does not help. Needs no Idempotency-Key.",
        request=TicketAsked,
        responses=TicketShown,
        examples=[
            OpenApiExample("One unit", {}, request_only=True),
            OpenApiExample("Waiting", _WAITING, response_only=True),
            OpenApiExample("It is the member's turn", _TURN, response_only=True),
        ],
    )
    def post(self, request: Request, sale: int) -> Response:
        asked, now = TicketAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        turn = services.line_up(sale_id=sale, member_id=self.member.id, quantity=asked.validated_data.get("quantity", 1), now=now)
        return Response(ticket_shown(turn, now=now))

    @extend_schema(
        summary="Leave the line",
        description="What was promised to the member goes to the next.",
        responses={200: TicketShown},
        examples=[OpenApiExample("Left", {**_WAITING, "state": "left", "place": None}, response_only=True)],
    )
    def delete(self, request: Request, sale: int) -> Response:
        now, row = timezone.now(), selectors.sale(sale)
        found = services.leave_line(sale_id=sale, member_id=self.member.id)
        return Response(ticket_shown(selectors.turn(sale=row, ticket=found, now=now), now=now))


class RedeemInSaleAsked(StrictSerializer):
    quantity = WholeNumberField(min_value=1, max_value=1000, required=False, help_text="1 by default; at most what the ticket is for.")
    recipient = RecipientGiven(required=False, help_text="To whom goods are shipped; needed for goods.")
    points = PointsField(required=False, help_text="For one, as the member saw it. Where it is another one by now, 409 `price_changed` says which.")
    cents = CentsField(required=False, help_text="The money for one, as the member saw it; 0 by default. Looked at together with `points`.")
    shipping_cents = CentsField(required=False, help_text="What the parcel costs, as the member saw it. Looked at together with `points`, where it is sent.")


class RedeemInSaleView(MemberView):
    scopes = {"POST": "points:spend"}
    members_may = {"POST"}

    @extend_schema(
        summary="Redeem in a flash sale",
        description="When it is the turn of the member's ticket, else 409 `not_your_turn`. What follows is as with every redemption.",
        request=RedeemInSaleAsked,
        responses={201: RedemptionShown},
        examples=[
            OpenApiExample("Goods", {"recipient": {"name": "示例会员", "phone": "13800000000", "address": "示例路 1 号"}}, request_only=True),
            OpenApiExample(
                "Redeemed",
                {
                    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0b", "reward": "mug-white", "name": "白瓷杯", "kind": "goods", "status": "confirmed",
                    "quantity": 1, "returned": 0, "points": 199, "cents": 0, "shipping_cents": 0, "total_cents": 0,
                    "pay_until": None, "carrier": "", "tracking": "",
                    "created_at": "2026-11-27T12:00:09Z", "changed_at": "2026-11-27T12:00:09Z", "member": "M-1001", "payment": "",
                    "recipient": {"name": "示例会员", "phone": "13800000000", "address": "示例路 1 号"}, "handed": [], "steps": [],
                    "give_back_cents": 0, "why": [
                        {"code": "confirmed", "text": "It is paid and will be made ready."},
                        {"code": "free_shipping", "text": "Shipping is free for the member's tier."},
                    ],
                },
                response_only=True,
            ),
        ],
    )  # fmt: skip
    @idempotent
    def post(self, request: Request, sale: int) -> Response:
        asked, now = RedeemInSaleAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        done = services.redeem(
            sale_id=sale,
            member_id=self.member.id,
            quantity=given.get("quantity", 1),
            recipient=Recipient(**given.get("recipient", {})),
            expected=(given["points"], given.get("cents", 0)) if "points" in given else None,
            expected_shipping=given.get("shipping_cents"),
            actor=request.auth.identity,
            key=f"{request.auth.identity}/{request.idempotency_key}",
            now=now,
        )
        told = redemption_shown(done.redemption.id, member_id=self.member.id, language=_language(request), now=now)
        return Response(told, status=201, headers=_REPLAYED if done.replayed else None)
