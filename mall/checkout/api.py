"""The till for a storefront: quote, hold, pay, refund, delivered; and what anyone may know of the programme."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.activity import rules as facts
from accounts.activity import selectors as activity
from accounts.activity.models import UnmatchedRefund
from accounts.members import selectors as members
from accounts.members import services as member_verbs
from loyalty.idempotency.api import idempotent
from loyalty.lib import money
from loyalty.lib.fields import CentsField, CurrencyField, IdField, MomentField, PointsField, StrictSerializer, TextField, WholeNumberField, id_in_address
from loyalty.programme import selectors as programme
from mall.coupons.api import refuse_below_zero
from mall.markdowns import selectors as markdowns
from points.earning import selectors as earning
from points.ledger import services as ledger
from points.ledger.models import Entry, Hold
from points.terms import selectors as terms

from . import rules, selectors, services
from .models import CheckoutHold, RefundSettlement

SENTENCES = {
    "account_frozen": gettext_lazy("The account is frozen: no points can be used now."),
    "applied": gettext_lazy("An operator has applied this refund to a purchase."),
    "basis": gettext_lazy("Points are earned on %(amount)s, what is paid in money for goods."),
    "below_threshold": gettext_lazy("Points can be used from %(threshold)s on."),
    "claimed": gettext_lazy("The purchase named no member; somebody has claimed it since."),
    "clawed_back": gettext_lazy("%(points)s earned points are taken back, for what was refunded."),
    "coupon_back": gettext_lazy("The coupon %(coupon)s is good again."),
    "coupon_stays": gettext_lazy("The coupon %(coupon)s cannot be used again: it has expired or was withdrawn."),
    "coupon_used": gettext_lazy("The coupon %(coupon)s took off %(amount)s."),
    "closed": gettext_lazy("An operator has closed this refund; it moves no points."),
    "debt": gettext_lazy("%(points)s points are owed now; the next points that come in settle them."),
    "claimable": gettext_lazy("%(points)s points wait to be claimed."),
    "earned": gettext_lazy("%(points)s points earned, by version %(version)s of the earning rule."),
    "earned_in_all": gettext_lazy("%(points)s points earned."),
    "earning_screened": gettext_lazy("Risk control lets this member earn nothing now."),
    "fewer_points": gettext_lazy("%(used)s points can be used instead of %(wanted)s."),
    "free_shipping": gettext_lazy("Shipping is free for the member's tier."),
    "hold_lapsed": gettext_lazy("The hold had lapsed, so %(points)s points were spent from the balance."),
    "linked": gettext_lazy("An operator has applied this refund to another purchase."),
    "no_rule": gettext_lazy("No earning rule is published, so nothing is earned."),
    "not_with_coupon": gettext_lazy("No points can be used beside this coupon."),
    "over_goods": gettext_lazy("The points paid more than the %(amount)s of these goods that they may."),
    "over_share": gettext_lazy("The points paid more than the %(percent)s %% of the order that they may."),
    "owed": gettext_lazy("%(points)s of them were missing and are owed; the next points that come in settle them."),
    "pending": gettext_lazy("The points can be spent later, as the terms say."),
    "restored": gettext_lazy("%(points)s spent points are given back, to the lots that they came from."),
    "rule_gave": gettext_lazy("%(points)s points by the rule “%(rule)s”."),
    "screened": gettext_lazy("Risk control lets this member use no points now."),
    "share_of_order": gettext_lazy("Points may pay at most %(percent)s %% of the order."),
    "share_of_goods": gettext_lazy("Points may pay at most %(amount)s of these goods."),
    "spent": gettext_lazy("%(points)s held points were spent."),
    "surprise": gettext_lazy("With luck it is up to %(points)s points."),
    "undecided": gettext_lazy("The refund could not be applied. It is kept for an operator."),
    "unmoved": gettext_lazy("The refund moved no points."),
    "waived": gettext_lazy("%(points)s of the points taken back had expired and are not claimed."),
    "waiting": gettext_lazy("The purchase is not known yet. The refund is kept and applied with it."),
    "parked": gettext_lazy("The refund names no purchase. It is kept for an operator."),
    "guest": gettext_lazy("The purchase names no member. It is kept until somebody claims it."),
}


# A business key that was answered before, under another Idempotency-Key.
_REPLAYED = {"Idempotent-Replayed": "true"}


class Why(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable, for programs.")
    text = serializers.CharField(help_text="For people, in the request's language.")


def sentences(why: Any, language: str) -> list[dict[str, str]]:
    """Codes with their figures as sentences in the request's language."""
    told = []
    for one in why:
        figures = {**one, "rule": one.get("zh" if language.startswith("zh") else "en", "")}
        if "cents" in one:
            figures["amount"] = money.show(one["cents"], one["currency"], language)
        told.append({"code": one["code"], "text": str(SENTENCES[one["code"]]) % figures})
    return told


def _language(request: Request) -> str:
    return getattr(request, "LANGUAGE_CODE", "en")


class LineGiven(StrictSerializer):
    id = IdField(required=False, help_text="Yours, unique within the order; by default its number, from 1. Refunds by line name it.")
    sku = TextField(max_length=64, required=False, allow_blank=True)
    category = TextField(max_length=200, required=False, allow_blank=True, help_text="A path, from wide to narrow: COSMETICS/FRAGRANCES.")
    brand = TextField(max_length=100, required=False, allow_blank=True)
    quantity = WholeNumberField(min_value=0, max_value=10**9, required=False)
    amount_cents = CentsField(signed=True, help_text="For all of the quantity. May be below zero, for a deposit that is returned.")
    cost_cents = CentsField(required=False, help_text="What all of the quantity cost you; for rules that may give away only a part of the margin.")


class CouponGiven(StrictSerializer):
    code = TextField(max_length=64, required=False, help_text="Of a coupon of the member's: it takes off what it does.")
    kind = TextField(max_length=30, required=False, help_text="Of a discount of your own, with discount_cents. “coupon” where it counts as one.")
    discount_cents = CentsField(required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if "code" not in given and not {"kind", "discount_cents"} <= given.keys():
            raise serializers.ValidationError(_("Give the code of a coupon, or kind and discount_cents of a discount of your own."))
        if ("kind" in given) != ("discount_cents" in given):
            raise serializers.ValidationError(_("kind and discount_cents go together."))
        return given


class _Cart(StrictSerializer):
    lines = LineGiven(many=True, max_length=500)
    shipping_cents = CentsField(required=False)
    channel = TextField(max_length=40, required=False, allow_blank=True, help_text="Where it is bought: app, web, a branch. Rules can ask for it.")
    coupons = CouponGiven(many=True, required=False, max_length=50, help_text="The member's coupons by their codes, and your own discounts.")

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[facts.Line]:
        made = [facts.Line(**{"id": str(number), **line}) for number, line in enumerate(lines, 1)]
        if len({line.id for line in made}) != len(made):
            raise serializers.ValidationError(_("Two lines have the same id."))
        return made

    def validate(self, cart: dict[str, Any]) -> dict[str, Any]:
        refuse_below_zero(cart)
        return cart


class QuoteAsked(_Cart):
    member = IdField(required=False, help_text="Left out: what a new member would get.")
    points = PointsField(required=False, help_text="How many points the member would like to use.")


class RateShown(serializers.Serializer[Any]):
    version = serializers.IntegerField(help_text="0 before any was published.")
    points = serializers.IntegerField(help_text="So many points …")
    cents = serializers.IntegerField(help_text="… are worth so much.")


class ShareBy(models.TextChoices):
    ORDER = "order"
    CATEGORY = "category"
    UNIT_PRICE = "unit_price"


class Burn(serializers.Serializer[Any]):
    max_points = serializers.IntegerField(help_text="The most points that this order may use.")
    worth_cents = serializers.IntegerField(help_text="What those are worth.")
    points = serializers.IntegerField(help_text="How many of the points asked for are used here; 0 where none were.")
    points_worth_cents = serializers.IntegerField()
    threshold = serializers.IntegerField()
    step = serializers.IntegerField()
    rate = RateShown(help_text="What points are worth for this quote, and by which version of the burn policy. A hold from it keeps that.")


class QuotedLine(serializers.Serializer[Any]):
    id = serializers.CharField()
    basis_cents = serializers.IntegerField(help_text="What of the line is paid in money.")
    earn = serializers.IntegerField(help_text="Its share of the points earned; the shares add up.")
    coupon_cents = serializers.IntegerField(help_text="What the member's coupons take off it.")
    points = serializers.IntegerField(help_text="Its share of the points used.")
    points_cents = serializers.IntegerField(help_text="What those pay of it.")
    share_bps = serializers.IntegerField(help_text="How much of the line points may pay, in hundredths of a percent.")
    share_by = serializers.ChoiceField(choices=ShareBy.choices, help_text="What says so.")


class QuotedCoupon(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField(help_text="In the request's language.")
    discount_cents = serializers.IntegerField()
    shipping_cents = serializers.IntegerField(help_text="How much of that is off shipping.")
    with_points = serializers.BooleanField(help_text="Whether points can be used beside it.")


class CouponNot(serializers.Serializer[Any]):
    code = serializers.CharField()
    why = serializers.CharField(help_text="Stable, for programs.")
    text = serializers.CharField(help_text="For people, in the request's language.")


class QuoteShown(serializers.Serializer[Any]):
    earn = serializers.IntegerField(help_text="What the order earns when it is paid like this.")
    due_cents = serializers.IntegerField(help_text="What is to be paid in money: lines and shipping less coupons, discounts and the points used.")
    shipping_cents = serializers.IntegerField(help_text="What shipping costs before coupons, 0 where it is free for the tier. Send it so.")
    burn = Burn()
    coupons = QuotedCoupon(many=True, help_text="Those that take something off: send these with the purchase.")
    coupons_not = CouponNot(many=True, help_text="Those that do not, and why.")
    lines = QuotedLine(many=True)
    why = Why(many=True)
    quote = serializers.CharField(allow_blank=True, help_text="To make a hold from; good for an hour. Empty without a member.")


_LINES = [{"id": "1", "sku": "MUG-01", "category": "HOME/KITCHEN", "quantity": 2, "amount_cents": 12800, "cost_cents": 7000}]


def _rate(policy: rules.Policy) -> dict[str, int]:
    return {"points": policy.points_per_unit, "cents": 10**policy.minor_digits}


def _quoted_line(quote: selectors.Quote, i: int, line: facts.Line) -> dict[str, Any]:
    # An order without any priced line is decided on as one.
    _line, cents, earned = quote.parts[i] if i < len(quote.parts) else (line, 0, 0)
    part, (share_bps, share_by) = quote.how.lines[i], quote.allowed.lines[i]
    return {
        "id": line.id,
        "basis_cents": cents,
        "earn": earned,
        "coupon_cents": sum((part.coupons or {}).values()),
        "points": part.points,
        "points_cents": part.worth_cents,
        "share_bps": share_bps,
        "share_by": share_by,
    }


class QuoteView(APIView):
    scopes = {"POST": "points:read"}

    @extend_schema(
        summary="What a cart earns, and the points it may use",
        description="Decided by the same code as the payment; nothing is written.",
        request=QuoteAsked,
        responses=QuoteShown,
        examples=[
            OpenApiExample("A cart", {"member": "M-1001", "lines": _LINES, "points": 500}, request_only=True),
            OpenApiExample(
                "A quote",
                {
                    "earn": 123,
                    "due_cents": 12300,
                    "shipping_cents": 0,
                    "burn": {
                        "max_points": 1280,
                        "worth_cents": 1280,
                        "points": 500,
                        "points_worth_cents": 500,
                        "threshold": 0,
                        "step": 1,
                        "rate": {"version": 1, "points": 100, "cents": 100},
                    },
                    "coupons": [],
                    "coupons_not": [],
                    "lines": [
                        {
                            "id": "1",
                            "basis_cents": 12300,
                            "earn": 123,
                            "coupon_cents": 0,
                            "points": 500,
                            "points_cents": 500,
                            "share_bps": 10000,
                            "share_by": "order",
                        }
                    ],
                    "why": [{"code": "basis", "text": "…"}],
                    "quote": "eyJ…",
                },
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        asked = QuoteAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        cart = asked.validated_data
        member_id = members.get(cart["member"]).id if "member" in cart else None
        quote = services.quote(
            member_id=member_id,
            lines=cart["lines"],
            shipping_cents=cart.get("shipping_cents", 0),
            discounts=cart.get("coupons", []),
            points=cart.get("points"),
            channel=cart.get("channel", ""),
            now=timezone.now(),
        )
        shown = {
            "earn": quote.earn,
            "due_cents": quote.total_cents - quote.worth_cents,
            "shipping_cents": quote.shipping_cents,
            "burn": {
                "max_points": quote.max_points,
                "worth_cents": quote.max_worth_cents,
                "points": quote.points,
                "points_worth_cents": quote.worth_cents,
                "threshold": quote.policy.threshold,
                "step": quote.policy.step,
                "rate": {"version": quote.number, **_rate(quote.policy)},
            },
            "coupons": [
                {
                    "code": one.code,
                    "name": one.name,
                    "discount_cents": one.discount_cents,
                    "shipping_cents": one.shipping_cents,
                    "with_points": one.with_points and quote.policy.with_coupons,
                }
                for one in quote.coupons.coupons
            ],
            "coupons_not": [one._asdict() for one in quote.coupons.refusals],
            "lines": [_quoted_line(quote, i, line) for i, line in enumerate(cart["lines"])],
            "why": sentences(quote.why, _language(request)),
            "quote": quote.token,
        }
        return Response(QuoteShown(shown).data)


class HoldAsked(StrictSerializer):
    member = IdField()
    points = PointsField()
    quote = TextField(max_length=400, required=False, help_text="From a quote: the hold carries its total, and more points than it allows are refused.")
    purchase = IdField(required=False, help_text="The id that the order will have.")
    expires_in = WholeNumberField(min_value=60, max_value=7 * 86400, required=False, help_text="Seconds until the hold lapses by itself; 1800 by default.")


class HoldShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    member = serializers.CharField()
    points = serializers.IntegerField()
    worth_cents = serializers.IntegerField(help_text="What the points pay of the order: subtract it from what is to be paid.")
    status = serializers.ChoiceField(choices=Hold.Status.choices)
    captured = serializers.IntegerField()
    expires_at = MomentField()


_HOLD = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f02",
    "member": "M-1001",
    "points": 500,
    "worth_cents": 500,
    "status": "open",
    "captured": 0,
    "expires_at": "2026-03-01T04:30:00Z",
}


def _shown_hold(made: CheckoutHold) -> dict[str, Any]:
    hold = made.hold
    shown = {
        "id": hold.id,
        "member": made.member.external_id,
        "points": hold.points,
        "worth_cents": made.worth_cents,
        "status": selectors.status_at(hold, now=timezone.now()),
        "captured": hold.captured,
        "expires_at": hold.expires_at,
    }
    return dict(HoldShown(shown).data)


class HoldsView(APIView):
    scopes = {"POST": "points:spend"}

    @extend_schema(
        summary="Set points aside for an order",
        request=HoldAsked,
        responses={201: HoldShown},
        examples=[
            OpenApiExample("From a quote", {"member": "M-1001", "points": 500, "quote": "eyJ…", "purchase": "1001"}, request_only=True),
            OpenApiExample("Held", _HOLD, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = HoldAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        made = services.hold(
            member_id=members.get(given["member"]).id,
            points=given["points"],
            quote=given.get("quote", ""),
            purchase_ref=given.get("purchase", ""),
            expires_in=timedelta(seconds=given.get("expires_in", 1800)),
            actor=request.auth.identity,
            key=f"{request.auth.identity}/{request.idempotency_key}",
            now=timezone.now(),
        )
        return Response(_shown_hold(made), status=201)


class HoldView(APIView):
    scopes = {"GET": "points:read"}

    @extend_schema(summary="A hold", responses=HoldShown, examples=[OpenApiExample("Held", _HOLD, response_only=True)])
    def get(self, request: Request, hold: UUID) -> Response:
        return Response(_shown_hold(selectors.checkout_hold_by_id(hold_id=hold)))


class CaptureAsked(StrictSerializer):
    points = PointsField(required=False, help_text="How many of them; all by default. The rest is released.")


class CaptureView(APIView):
    scopes = {"POST": "points:spend"}

    @extend_schema(
        summary="Spend held points without an order",
        description="For an order, name the hold in the purchase instead: it is captured with it.",
        request=CaptureAsked,
        responses=HoldShown,
        examples=[
            OpenApiExample("All", {}, request_only=True),
            OpenApiExample("Captured", {**_HOLD, "status": "captured", "captured": 500}, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, hold: UUID) -> Response:
        asked = CaptureAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        held = selectors.checkout_hold_by_id(hold_id=hold).hold
        key = f"{request.auth.identity}/{request.idempotency_key}"
        ledger.capture(
            member_id=held.member_id,
            hold_id=hold,
            points=asked.validated_data.get("points"),
            subject=held.subject,
            actor=request.auth.identity,
            key=key,
            now=timezone.now(),
        )
        return Response(_shown_hold(selectors.checkout_hold_by_id(hold_id=hold)))


class ReleaseView(APIView):
    scopes = {"POST": "points:spend"}

    @extend_schema(
        summary="Give up a hold",
        description="Its points are available again at once. A hold that nobody releases lapses at its deadline.",
        request=None,
        responses=HoldShown,
        examples=[OpenApiExample("Released", {**_HOLD, "status": "released"}, response_only=True)],
    )
    @idempotent
    def post(self, request: Request, hold: UUID) -> Response:
        held = selectors.checkout_hold_by_id(hold_id=hold).hold
        key = f"{request.auth.identity}/{request.idempotency_key}"
        ledger.release(member_id=held.member_id, hold_id=hold, actor=request.auth.identity, key=key, now=timezone.now())
        return Response(_shown_hold(selectors.checkout_hold_by_id(hold_id=hold)))


class PurchaseGiven(_Cart):
    id = IdField(help_text="Your order number.")
    member = IdField(required=False, help_text="Left out for a guest: the purchase is kept until somebody claims it.")
    occurred_at = MomentField(help_text="When it was paid.")
    currency = CurrencyField(help_text="The programme's; the first purchase fixes it.")
    paid_cents = CentsField(help_text="What was paid in money, shipping included.")
    hold = serializers.UUIDField(required=False, help_text="The hold of the points that paid a part; the whole of it is spent.")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if "hold" in given and "member" not in given:
            raise serializers.ValidationError({"hold": _("A guest has no points: name the member whose hold it is.")})
        return super().validate(given)

    def facts(self) -> facts.Purchase:
        given = self.validated_data
        return facts.Purchase(
            given["id"],
            given["occurred_at"],
            given["currency"],
            given["paid_cents"],
            tuple(given["lines"]),
            given.get("shipping_cents", 0),
            tuple(dict(coupon) for coupon in given.get("coupons", [])),
            str(given.get("hold", "")),
            given.get("channel", ""),
        )


class EntryNamed(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Entry.Kind.choices)
    points = serializers.IntegerField()


class PaidShown(serializers.Serializer[Any]):
    id = serializers.CharField()
    member = serializers.CharField(allow_null=True, help_text="Null for a guest's purchase.")
    earned = serializers.IntegerField()
    spent = serializers.IntegerField()
    entries = EntryNamed(many=True)
    explanation = Why(many=True)


_PAID = {
    "id": "1001",
    "member": "M-1001",
    "earned": 123,
    "spent": 500,
    "entries": [
        {"id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f03", "kind": "capture", "points": 500},
        {"id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f04", "kind": "earn", "points": 123},
    ],
    "explanation": [{"code": "basis", "text": "…"}, {"code": "earned", "text": "…"}],
}


def _shown_payment(paid: services.Paid, member_ref: str, language: str) -> dict[str, Any]:
    settled = paid.settlement
    shown = {
        "id": paid.purchase.external_id,
        "member": member_ref,
        "earned": settled.earned,
        "spent": settled.spent,
        "entries": selectors.entries(settled, purchase_ref=paid.purchase.external_id),
        "explanation": sentences(settled.explanation, language),
    }
    return dict(PaidShown(shown).data)


class PurchasesView(APIView):
    scopes = {"POST": "purchases:write"}

    @extend_schema(
        summary="An order was paid",
        description="Spends the held points, records the purchase and grants what it earns, in one transaction. Never refused for its points: if the hold has "
        "lapsed, they are spent from the balance, and what is missing is owed. Σ lines + shipping − coupons − worth of the hold must be what was paid.",
        request=PurchaseGiven,
        responses={
            201: OpenApiResponse(PaidShown, description="Also when this purchase was recorded before: the first answer again, marked Idempotent-Replayed."),
            202: OpenApiResponse(PaidShown, description="A guest's purchase: kept until it is claimed."),
        },
        examples=[
            OpenApiExample(
                "A paid order",
                {
                    "id": "1001",
                    "member": "M-1001",
                    "occurred_at": "2026-03-01T12:00:00+08:00",
                    "currency": "CNY",
                    "channel": "app",
                    "lines": _LINES,
                    "paid_cents": 12300,
                    "hold": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f02",
                },
                request_only=True,
            ),
            OpenApiExample("Earned and spent", _PAID, response_only=True, status_codes=["201", "200"]),
            OpenApiExample("Kept for a guest", {**_PAID, "member": None, "earned": 0, "spent": 0, "entries": []}, response_only=True, status_codes=["202"]),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked, now = PurchaseGiven(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        purchase = asked.facts()
        activity.refuse_untimely(purchase.occurred_at, now=now)
        if "member" not in asked.validated_data:
            guest = services.keep_guest(facts=purchase, now=now)
            kept = {
                "id": purchase.id,
                "member": None,
                "earned": 0,
                "spent": 0,
                "entries": [],
                "explanation": sentences([{"code": "claimed" if guest.claimed_by_id else "guest"}], _language(request)),
            }
            return Response(PaidShown(kept).data, status=202)
        member = member_verbs.ensure(external_id=asked.validated_data["member"], now=now)
        paid = services.pay(member_id=member.id, facts=purchase, actor=request.auth.identity, now=now)
        return Response(_shown_payment(paid, member.external_id, _language(request)), status=201, headers=_REPLAYED if paid.replayed else {})


class RefundLineGiven(StrictSerializer):
    id = IdField()
    quantity = WholeNumberField(min_value=0, max_value=10**9, required=False, help_text="How many of it came back; the whole line by default.")
    amount_cents = CentsField(required=False, help_text="Money given back for it; by default the line's share of what was paid for goods.")

    def to_internal_value(self, data: Any) -> Any:
        return facts.RefundLine(**super().to_internal_value(data))


class RefundGiven(StrictSerializer):
    id = IdField(help_text="Your refund number, unique within the purchase.")
    occurred_at = MomentField()
    amount_cents = CentsField(required=False, help_text="Money given back, in all. Left out: what the lines say.")
    lines = RefundLineGiven(many=True, required=False, max_length=500, help_text="What came back.")
    points = WholeNumberField(required=False, help_text="How many spent points come back; by default as the order's share says.")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if "amount_cents" not in given and not given.get("lines"):
            raise serializers.ValidationError(_("Give amount_cents, or the lines that came back."))
        if len({line.id for line in given.get("lines", [])}) != len(given.get("lines", [])):
            raise serializers.ValidationError({"lines": _("Two lines have the same id.")})
        return given

    def facts(self) -> facts.Refund:
        given = self.validated_data
        return facts.Refund(given["id"], given["occurred_at"], given.get("amount_cents"), tuple(given.get("lines", ())), given.get("points"))


class RefundStatus(models.TextChoices):
    APPLIED = "applied"
    WAITING = "waiting"
    PARKED = "parked"
    CLOSED = "closed"


class RefundedCoupon(serializers.Serializer[Any]):
    code = serializers.CharField()
    given_back = serializers.BooleanField()
    why_not = serializers.CharField(allow_blank=True, help_text="Stable, for programs; empty where it is given back.")


class RefundedShown(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.ChoiceField(choices=RefundStatus.choices)
    clawed_back = serializers.IntegerField(help_text="Earned points taken back.")
    restored = serializers.IntegerField(help_text="Spent points given back.")
    waived = serializers.IntegerField(help_text="Of the points taken back, those that had expired and are not claimed.")
    debt = serializers.IntegerField(help_text="What the member owes after it.")
    coupons = RefundedCoupon(many=True, help_text="The order's coupons, where it is undone as a whole.")
    explanation = Why(many=True)


_REFUNDED = {
    "id": "R-1",
    "status": "applied",
    "clawed_back": 61,
    "restored": 250,
    "waived": 0,
    "debt": 0,
    "coupons": [],
    "explanation": [{"code": "restored", "text": "…"}, {"code": "clawed_back", "text": "…"}],
}


def _kept(request: Request, refund: UnmatchedRefund) -> Response:
    """The answer about a refund that moved no points: it waits for its purchase or for an operator, or what the operator has decided."""
    parked, applied = ("undecided", "linked") if refund.purchase_ref else ("parked", "applied")
    code = {"waiting": "waiting", "parked": parked, "closed": "closed", "applied": applied}[refund.status]
    nothing = {"clawed_back": 0, "restored": 0, "waived": 0, "debt": 0, "coupons": []}
    kept = {"id": refund.external_id, "status": refund.status, **nothing, "explanation": sentences([{"code": code}], _language(request))}
    return Response(RefundedShown(kept).data, status=202)


def _why_refunded(settled: RefundSettlement) -> list[dict[str, Any]]:
    said = {"restored": settled.restored, "clawed_back": settled.clawed_back, "waived": settled.waived, "debt": settled.debt}
    told: list[dict[str, Any]] = [{"code": code, "points": points} for code, points in said.items() if points] or [{"code": "unmoved"}]
    return told + [{"code": "coupon_stays" if one["why_not"] else "coupon_back", "coupon": one["code"]} for one in settled.coupons]


class RefundsView(APIView):
    scopes = {"POST": "purchases:write"}

    @extend_schema(
        summary="Money of an order was given back",
        description="Spent points come back to their own lots, then what is no longer earned is taken back. Any number of times, by amount or by line.",
        request=RefundGiven,
        responses={
            201: RefundedShown,
            202: OpenApiResponse(RefundedShown, description="The purchase is not known yet and the refund waits for it, or an operator decides."),
        },
        examples=[
            OpenApiExample("Half of it", {"id": "R-1", "occurred_at": "2026-03-05T12:00:00+08:00", "amount_cents": 6150}, request_only=True),
            OpenApiExample(
                "A line",
                {"id": "R-2", "occurred_at": "2026-03-05T12:00:00+08:00", "lines": [{"id": "1", "quantity": 1, "amount_cents": 6150}]},
                request_only=True,
            ),
            OpenApiExample("Refunded", _REFUNDED, response_only=True, status_codes=["201"]),
            OpenApiExample("Waiting", {**_REFUNDED, "status": "waiting", "clawed_back": 0, "restored": 0}, response_only=True, status_codes=["202"]),
        ],
    )
    @idempotent
    def post(self, request: Request, purchase: str) -> Response:
        asked, now = RefundGiven(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        refund = asked.facts()
        activity.refuse_untimely(refund.occurred_at, now=now)
        done = services.refund(purchase_ref=id_in_address("purchase", purchase), facts=refund, actor=request.auth.identity, now=now)
        if done.settlement is None:
            assert done.waiting is not None
            return _kept(request, done.waiting)
        settled = done.settlement
        shown = {
            "id": refund.id,
            "status": "applied",
            "clawed_back": settled.clawed_back,
            "restored": settled.restored,
            "waived": settled.waived,
            "debt": settled.debt,
            "coupons": [{"code": one["code"], "given_back": not one["why_not"], "why_not": one["why_not"]} for one in settled.coupons],
            "explanation": sentences(_why_refunded(settled), _language(request)),
        }
        return Response(RefundedShown(shown).data, status=201, headers=_REPLAYED if done.replayed else {})


class ParkedRefundGiven(RefundGiven):
    member = IdField(required=False, help_text="Whose it may be, for the operator.")


class ParkedRefundsView(APIView):
    scopes = {"POST": "purchases:write"}

    @extend_schema(
        summary="A refund without a reference",
        description="Kept until an operator links it to its purchase or closes it.",
        request=ParkedRefundGiven,
        responses={202: RefundedShown},
        examples=[
            OpenApiExample("A refund", {"id": "R-9", "occurred_at": "2026-03-05T12:00:00+08:00", "amount_cents": 6150, "member": "M-1001"}, request_only=True),
            OpenApiExample("Parked", {**_REFUNDED, "id": "R-9", "status": "parked", "clawed_back": 0, "restored": 0}, response_only=True, status_codes=["202"]),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked, now = ParkedRefundGiven(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        refund = asked.facts()
        activity.refuse_untimely(refund.occurred_at, now=now)
        kept = services.park_refund(facts=refund, member_ref=asked.validated_data.get("member", ""), actor=request.auth.identity, now=now)
        return _kept(request, kept)


class DeliveredGiven(StrictSerializer):
    occurred_at = MomentField()


class DeliveredShown(serializers.Serializer[Any]):
    id = serializers.CharField()
    delivered_at = MomentField()


class DeliveredView(APIView):
    scopes = {"POST": "purchases:write"}

    @extend_schema(
        summary="An order was received",
        description="Points that wait for it can be spent from now on, where the programme lets them wait.",
        request=DeliveredGiven,
        responses=DeliveredShown,
        examples=[
            OpenApiExample("Received", {"occurred_at": "2026-03-04T12:00:00+08:00"}, request_only=True),
            OpenApiExample("Noted", {"id": "1001", "delivered_at": "2026-03-04T04:00:00Z"}, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, purchase: str) -> Response:
        asked, now = DeliveredGiven(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        occurred_at: datetime = asked.validated_data["occurred_at"]
        activity.refuse_untimely(occurred_at, now=now)
        named = id_in_address("purchase", purchase)
        delivered_at = services.delivered(purchase_ref=named, occurred_at=occurred_at, actor=request.auth.identity, now=now)
        return Response(DeliveredShown({"id": named, "delivered_at": delivered_at}).data)


class ClaimGiven(StrictSerializer):
    member = IdField()


class ClaimView(APIView):
    scopes = {"POST": "purchases:write"}

    @extend_schema(
        summary="A guest's purchase is claimed by a member",
        description="Once. Settled as if it had been the member's from the start.",
        request=ClaimGiven,
        responses=PaidShown,
        examples=[OpenApiExample("Claimed", {"member": "M-1001"}, request_only=True), OpenApiExample("Earned", {**_PAID, "spent": 0}, response_only=True)],
    )
    @idempotent
    def post(self, request: Request, purchase: str) -> Response:
        asked = ClaimGiven(data=request.data)
        asked.is_valid(raise_exception=True)
        member_ref = asked.validated_data["member"]
        paid = services.claim(purchase_ref=id_in_address("purchase", purchase), member_ref=member_ref, actor=request.auth.identity, now=timezone.now())
        return Response(_shown_payment(paid, member_ref, _language(request)))


class WayToEarn(serializers.Serializer[Any]):
    rule = serializers.CharField()
    name = serializers.CharField(help_text="In the request's language.")
    fact = serializers.CharField(help_text="The kind of fact that it answers: purchase, checked_in, reviewed …")
    points_per_unit = serializers.DecimalField(
        max_digits=12, decimal_places=4, allow_null=True, help_text="For one unit of money, one floor per order. Null where the rule gives something else."
    )
    categories = serializers.DictField(child=serializers.CharField(), help_text="Other rates, by category.")


class BandShown(serializers.Serializer[Any]):
    from_cents = serializers.IntegerField()
    share_bps = serializers.IntegerField()


class CategoryShareShown(serializers.Serializer[Any]):
    category = serializers.CharField()
    share_bps = serializers.IntegerField()


class TierShareShown(serializers.Serializer[Any]):
    tier = serializers.CharField()
    share_bps = serializers.IntegerField(allow_null=True, help_text="Their own; null where the factor holds.")
    factor_bps = serializers.IntegerField(help_text="So many times the order's share, at most all: 12000 is 1.2 times.")


class UseShown(serializers.Serializer[Any]):
    threshold = serializers.IntegerField(help_text="The fewest points that an order may use.")
    step = serializers.IntegerField()
    max_share_bps = serializers.IntegerField(help_text="The share of an order that points may pay, in hundredths of a percent; below all bands.")
    bands = BandShown(many=True, help_text="From this total of the order on, that share in its place.")
    dear_cents = serializers.IntegerField(allow_null=True, help_text="Goods from this unit price on have a share of their own; null: they have none.")
    dear_share_bps = serializers.IntegerField()
    categories = CategoryShareShown(many=True, help_text="Goods of these have a share of their own; 0: points pay nothing of them.")
    tiers = TierShareShown(many=True)
    with_coupons = serializers.BooleanField(help_text="Whether an order may use points and a coupon.")


class ComingShown(serializers.Serializer[Any]):
    in_force_from = MomentField()
    worth = serializers.DictField(child=serializers.IntegerField())
    use = UseShown()


def _use(policy: rules.Policy) -> dict[str, Any]:
    return {
        **{name: getattr(policy, name) for name in ("threshold", "step", "max_share_bps", "dear_cents", "dear_share_bps", "with_coupons")},
        **rules.as_json(policy),
    }


class MarkdownShown(serializers.Serializer[Any]):
    off_percent = serializers.IntegerField(help_text="So much comes off the points of every reward; who has a tier's discount pays the better of both.")
    starts_at = MomentField()
    ends_at = MomentField(help_text="The first instant after it.")
    running = serializers.BooleanField(help_text="false: it is announced.")
    text = serializers.CharField(help_text="A sentence for members, in the request's language.")


class ProgrammeShown(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="What the points are called, in the request's language.")
    unit = serializers.CharField()
    currency = serializers.CharField(allow_blank=True)
    zone = serializers.CharField(help_text="IANA time zone of the business days.")
    worth = serializers.DictField(child=serializers.IntegerField(), help_text="`points` are worth `cents`.")
    use = UseShown(help_text="How an order may use points.")
    coming = ComingShown(allow_null=True, help_text="What was announced to take the place of worth and use; null where nothing was.")
    markdown = MarkdownShown(allow_null=True, help_text="The markdown of the whole shelf that runs or is announced; null where there is none.")
    earn = WayToEarn(many=True)
    expiry = serializers.CharField(help_text="months:12, days:90, calendar_year:0, fiscal_year:0:4 (years after, first month) or never.")
    pending = serializers.CharField(help_text="When points of a purchase can be spent: none (at once), days:7, delivered.")


_USE = {
    "threshold": 0,
    "step": 1,
    "max_share_bps": 3000,
    "bands": [{"from_cents": 10000, "share_bps": 5000}, {"from_cents": 30000, "share_bps": 8000}],
    "dear_cents": 50000,
    "dear_share_bps": 7000,
    "categories": [{"category": "GOLD", "share_bps": 0}],
    "tiers": [{"tier": "diamond", "share_bps": 10000, "factor_bps": 10000}],
    "with_coupons": True,
}


def _markdown(now: datetime) -> dict[str, Any] | None:
    row = markdowns.told(now=now)
    if row is None:
        return None
    same = {name: getattr(row, name) for name in ("off_percent", "starts_at", "ends_at")}
    return {**same, "running": markdowns.in_force(now=now) is not None, "text": markdowns.in_words(row, now=now)}


class ProgrammeView(APIView):
    scopes = None

    @extend_schema(
        summary="The programme, for anyone",
        responses=ProgrammeShown,
        examples=[
            OpenApiExample(
                "A programme",
                {
                    "name": "积分",
                    "unit": "分",
                    "currency": "CNY",
                    "zone": "Asia/Shanghai",
                    "worth": {"points": 100, "cents": 100},
                    "use": _USE,
                    "coming": {"in_force_from": "2026-07-01T00:00:00+08:00", "worth": {"points": 125, "cents": 100}, "use": _USE},
                    "markdown": {
                        "off_percent": 30,
                        "starts_at": "2026-11-23T00:00:00+08:00",
                        "ends_at": "2026-11-30T00:00:00+08:00",
                        "running": True,
                        "text": "11月30日 00:00 前，所有奖品所需积分减少 30%。",
                    },
                    "earn": [{"rule": "purchase", "name": "购物积分", "fact": "purchase", "points_per_unit": "1.0000", "categories": {}}],
                    "expiry": "months:12",
                    "pending": "none",
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        now, settings, term = timezone.now(), programme.programme(), terms.terms()
        policy, coming = selectors.policy_rules(selectors.burn_policy(now=now)), selectors.coming(now=now)
        next_one = selectors.policy_rules(coming)
        shown = {
            "name": settings.points_name,
            "unit": settings.points_unit,
            "currency": settings.currency,
            "zone": settings.zone_at(now).key,
            "worth": _rate(policy),
            "use": _use(policy),
            "coming": {"in_force_from": coming.starts_at, "worth": _rate(next_one), "use": _use(next_one)} if coming else None,
            "markdown": _markdown(now),
            "earn": earning.ways_to_earn(now=now),
            "expiry": str(term.policy),
            "pending": f"days:{term.pending_days}" if term.pending == "days" else term.pending,
        }
        return Response(ProgrammeShown(shown).data)


__all__ = [
    "CaptureView",
    "ClaimView",
    "DeliveredView",
    "HoldView",
    "HoldsView",
    "ParkedRefundsView",
    "ProgrammeView",
    "PurchasesView",
    "QuoteView",
    "RefundsView",
    "ReleaseView",
]
