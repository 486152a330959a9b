"""Coupons for the storefront and for the member's app: what they have, what they may claim, and using one at a till of the storefront's own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.activity.rules import Line
from accounts.members import selectors as members
from accounts.members.api import MemberView
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import CentsField, IdField, MomentField, StrictSerializer, TextField, WholeNumberField
from loyalty.lib.paging import AtHand, NewestFirst

from . import rules, selectors, services
from .models import Coupon, CouponTemplate

STATUSES = [*(one.value for one in Coupon.Status if one != Coupon.Status.RESERVED), Coupon.EXPIRED]


class CouponTermsShown(serializers.Serializer[Any]):
    does = serializers.CharField(help_text="What it does, as a sentence in the request's language.")
    kind = serializers.ChoiceField(choices=CouponTemplate.Kind.choices)
    amount_cents = serializers.IntegerField()
    percent_bps = serializers.IntegerField(help_text="1500 takes 15 % off.")
    cap_cents = serializers.IntegerField(allow_null=True, help_text="Of a percentage: it takes no more off than this; null: no cap.")
    threshold_cents = serializers.IntegerField(help_text="What the lines that it is for must come to, before any coupon.")
    categories = serializers.ListField(child=serializers.CharField(), help_text="Only on these and what is below them; empty: on all.")
    excluded = serializers.ListField(child=serializers.CharField())
    with_points = serializers.BooleanField(help_text="Whether an order that uses it may use points.")
    with_coupons = serializers.BooleanField(help_text="Whether it goes with others that also do, one of each template.")


class CouponShown(CouponTermsShown):
    id = serializers.UUIDField()
    code = serializers.CharField()
    template = serializers.CharField(help_text="The template's code.")
    name = serializers.CharField(help_text="What it is called, in the request's language.")
    small_print = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=STATUSES)
    source = serializers.ChoiceField(choices=Coupon.Source.choices)
    issued_at = MomentField()
    starts_at = MomentField(allow_null=True, help_text="Good from then on; null: from the first.")
    expires_at = MomentField(help_text="The first instant at which it is gone.")
    purchase = serializers.CharField(allow_blank=True, help_text="Which it was used for; empty while it is not used.")
    used_at = MomentField(allow_null=True)
    discount_cents = serializers.IntegerField(allow_null=True, help_text="What it took off, where that was said.")


class ClaimableCoupon(CouponTermsShown):
    id = serializers.CharField(help_text="The template's code.")
    template = serializers.CharField(help_text="To be named in the claim.")
    name = serializers.CharField(help_text="What it is called, in the request's language.")
    small_print = serializers.CharField(allow_blank=True)
    good = serializers.CharField(help_text="How long it will be good, as a sentence.")
    had = serializers.IntegerField(help_text="How many the member has had.")
    per_member = serializers.IntegerField(help_text="How many a member may have.")
    left = serializers.IntegerField(allow_null=True, help_text="How many are left for all; null: there is always one more.")
    can_claim = serializers.BooleanField()
    why_not = serializers.CharField(allow_blank=True, help_text="A code: tier_too_low, coupon_member_limit, coupons_out; empty where it can be claimed.")
    text = serializers.CharField(allow_blank=True, help_text="The same as a sentence.")


def _terms(terms: rules.Terms) -> dict[str, Any]:
    return {**terms.as_json(), "does": selectors.what_it_does(terms)}


def shown(row: Coupon, *, now: datetime) -> dict[str, Any]:
    """A coupon as it is told."""
    same = ("id", "code", "source", "issued_at", "starts_at", "expires_at", "used_at", "discount_cents")
    told = {
        **_terms(rules.Terms.from_json(row.terms)),
        **{name: getattr(row, name) for name in same},
        "template": row.template_id,
        "name": row.template.name,
        "small_print": row.template.text,
        "status": selectors.status_at(row, now=now),
        "purchase": row.used_by,
    }
    return dict(CouponShown(told).data)


_TERMS = {
    "does": "满 ¥100.00 减 ¥10.00",
    "kind": "amount",
    "amount_cents": 1000,
    "percent_bps": 0,
    "cap_cents": None,
    "threshold_cents": 10000,
    "categories": [],
    "excluded": ["GIFT-CARDS"],
    "with_points": True,
    "with_coupons": False,
}
_COUPON: dict[str, Any] = {
    **_TERMS,
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0c",
    "code": "7KQ4TADX2MRE",
    "template": "welcome-10",
    "name": "新人立减券",
    "small_print": "",
    "status": "available",
    "source": "claim",
    "issued_at": "2026-11-22T04:00:00Z",
    "starts_at": None,
    "expires_at": "2026-12-22T16:00:00Z",
    "purchase": "",
    "used_at": None,
    "discount_cents": None,
}
_USED = {**_COUPON, "status": "used", "purchase": "A-1001", "used_at": "2026-11-23T04:00:00Z", "discount_cents": 1000}
_CLAIMABLE = {
    **_TERMS,
    "id": "welcome-10",
    "template": "welcome-10",
    "name": "新人立减券",
    "small_print": "",
    "good": "领取后 30 天内有效",
    "had": 0,
    "per_member": 1,
    "left": 812,
    "can_claim": True,
    "why_not": "",
    "text": "",
}


class CouponsAsked(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=STATUSES, required=False)


class CouponClaimAsked(StrictSerializer):
    template = TextField(max_length=40, help_text="Its code.")


class CouponsView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read", "POST": "events:write"}
    members_may = {"GET", "POST"}
    pagination_class = NewestFirst
    serializer_class = CouponShown

    @extend_schema(
        summary="A member's coupons, newest first",
        parameters=[OpenApiParameter("status", {"type": "string", "enum": STATUSES}, description="Only those that stand so now.")],
        responses=CouponShown(many=True),
        examples=[OpenApiExample("A coupon", _COUPON, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        asked, now = CouponsAsked(data=request.query_params), timezone.now()
        asked.is_valid(raise_exception=True)
        rows = self.paginate_queryset(selectors.coupons(member_id=self.member.id, **asked.validated_data, now=now))
        return self.get_paginated_response([shown(row, now=now) for row in rows])

    @extend_schema(
        summary="Claim a coupon",
        request=CouponClaimAsked,
        responses={201: CouponShown},
        examples=[OpenApiExample("By its template", {"template": "welcome-10"}, request_only=True), OpenApiExample("Claimed", _COUPON, response_only=True)],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked, now = CouponClaimAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        who = request.auth.identity
        claimed = services.claim(member_id=self.member.id, **asked.validated_data, actor=who, key=f"{who}/{request.idempotency_key}", now=now)
        return Response(shown(claimed, now=now), status=201)


def _offered(one: selectors.Claimable) -> dict[str, Any]:
    refusal = services.not_claimed(one)
    told = {
        **_terms(one.template.terms),
        "id": one.template.code,
        "template": one.template.code,
        "name": one.template.name,
        "small_print": one.template.text,
        "good": selectors.until(one.template),
        "had": one.had,
        "per_member": one.template.per_member,
        "left": one.left,
        "can_claim": refusal is None,
        "why_not": one.why_not,
        "text": refusal.message if refusal else "",
    }
    return dict(ClaimableCoupon(told).data)


class ClaimableView(MemberView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = AtHand

    @extend_schema(
        summary="The coupons that a member may claim, in the order of their codes",
        description="Now, or once a condition is met, which `why_not` names.",
        responses=ClaimableCoupon(many=True),
        examples=[OpenApiExample("One that is for new members", _CLAIMABLE, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        found = services.claimable(member_id=self.member.id, now=timezone.now())
        answer = AtHand().page(found, place=lambda one: (one.template.code,), request=request)
        answer.data["results"] = [_offered(one) for one in answer.data["results"]]
        return answer


class CouponCartLine(StrictSerializer):
    """A line as a quote takes it; only its category and amount matter here."""

    id = IdField(required=False, help_text="Yours; by default its number, from 1.")
    sku = TextField(max_length=64, required=False, allow_blank=True)
    category = TextField(max_length=200, required=False, allow_blank=True, help_text="A path, from wide to narrow: COSMETICS/FRAGRANCES.")
    brand = TextField(max_length=100, required=False, allow_blank=True)
    quantity = WholeNumberField(max_value=10**9, required=False)
    amount_cents = CentsField(signed=True, help_text="For all of the quantity. May be below zero, for a deposit that is returned.")
    cost_cents = CentsField(required=False)


def refuse_below_zero(cart: Mapping[str, Any]) -> None:
    """Lines may be below zero, a whole cart not."""
    if sum(line.amount_cents for line in cart["lines"]) + cart.get("shipping_cents", 0) < 0:
        raise serializers.ValidationError({"lines": _("The lines and the shipping come to less than zero.")})


class CouponValidateAsked(StrictSerializer):
    member = IdField(required=False, help_text="Whose it must be. Left out: whosever it is.")
    code = TextField(max_length=40)
    lines = CouponCartLine(many=True, max_length=500)
    shipping_cents = CentsField(required=False)

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[Line]:
        made = [Line(**{"id": str(number), **line}) for number, line in enumerate(lines, 1)]
        if len({line.id for line in made}) != len(made):
            raise serializers.ValidationError(_("Two lines have the same id."))
        return made

    def validate(self, cart: dict[str, Any]) -> dict[str, Any]:
        refuse_below_zero(cart)
        return cart


class CouponLineOff(serializers.Serializer[Any]):
    id = serializers.CharField()
    discount_cents = serializers.IntegerField(help_text="Its share; the shares and the shipping add up.")


class WhyNot(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable, for programs.")
    text = serializers.CharField(help_text="For people, in the request's language.")


class CouponValidated(serializers.Serializer[Any]):
    usable = serializers.BooleanField()
    discount_cents = serializers.IntegerField(help_text="What it takes off this cart; 0 where it is not usable.")
    lines = CouponLineOff(many=True)
    shipping_cents = serializers.IntegerField(help_text="What of the discount is off the shipping.")
    with_points = serializers.BooleanField(help_text="Whether the order may use points beside it.")
    why = WhyNot(many=True, help_text="Why it takes nothing off.")


_CART = {"member": "M-1001", "code": "7KQ4TADX2MRE", "lines": [{"id": "1", "category": "HOME/KITCHEN", "amount_cents": 12800}], "shipping_cents": 800}
_OFF = {"usable": True, "discount_cents": 1000, "lines": [{"id": "1", "discount_cents": 1000}], "shipping_cents": 0, "with_points": True, "why": []}


class ValidateView(APIView):
    scopes = {"POST": "points:read"}

    @extend_schema(
        summary="What a coupon takes off a cart, or why it does not",
        description="Writes nothing. Decided by the same code as quotes and payments, for tills that are not ours.",
        request=CouponValidateAsked,
        responses=CouponValidated,
        examples=[OpenApiExample("A cart", _CART, request_only=True), OpenApiExample("10.00 off", _OFF, response_only=True)],
    )
    def post(self, request: Request) -> Response:
        asked, now = CouponValidateAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        cart = asked.validated_data
        about = {"lines": cart["lines"], "shipping_cents": cart.get("shipping_cents", 0), "now": now}
        if "member" in cart:
            found = selectors.applied(member_id=members.get(cart["member"]).id, codes=[cart["code"]], **about)
        else:
            found = selectors.applied_by_code(code=cart["code"], **about)
        told = {
            "usable": bool(found.coupons),
            "discount_cents": found.discount_cents,
            "lines": [{"id": line.id, "discount_cents": cents} for line, cents in zip(cart["lines"], found.lines, strict=True)],
            "shipping_cents": found.shipping_cents,
            "with_points": found.with_points,
            "why": [{"code": one.why, "text": one.text} for one in found.refusals],
        }
        return Response(CouponValidated(told).data)


class CouponView(APIView):
    scopes = {"GET": "points:read"}

    @extend_schema(summary="A coupon", responses=CouponShown, examples=[OpenApiExample("A coupon", _COUPON, response_only=True)])
    def get(self, request: Request, coupon: str) -> Response:
        return Response(shown(selectors.coupon(code=coupon), now=timezone.now()))


class CouponUseAsked(StrictSerializer):
    purchase = IdField(help_text="Yours. The same coupon for the same purchase again is a replay.")
    member = IdField(required=False, help_text="Whose it must be.")
    discount_cents = CentsField(
        required=False, help_text="What it took off, for the books: no more than its terms allow. Another figure for the same purchase is a conflict."
    )


class UseView(APIView):
    scopes = {"POST": "purchases:write"}

    @extend_schema(
        summary="Use a coupon at a till of your own",
        description="Orders that come through `POST /purchases` with their coupons use them by themselves.",
        request=CouponUseAsked,
        responses=CouponShown,
        examples=[
            OpenApiExample("For an order", {"purchase": "A-1001", "discount_cents": 1000}, request_only=True),
            OpenApiExample("Used", _USED, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, coupon: str) -> Response:
        asked, now = CouponUseAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        member_id = members.get(given["member"]).id if "member" in given else None
        used = services.use(code=coupon, purchase_ref=given["purchase"], member_id=member_id, discount_cents=given.get("discount_cents"), now=now)
        return Response(shown(used, now=now))


class CouponGiveBackAsked(StrictSerializer):
    purchase = IdField(help_text="For which it was used.")


class GivenBackShown(CouponShown):
    given_back = serializers.BooleanField(help_text="Whether it can be used again.")
    why = WhyNot(many=True, help_text="Why it cannot.")


class GiveBackView(APIView):
    scopes = {"POST": "purchases:write"}

    @extend_schema(
        summary="Give back a coupon whose purchase came to nothing",
        description="Of your own till: it can be used again until it expires. One that has expired meanwhile stays used. One of an order that was "
        "recorded here comes back by itself once that is refunded in full.",
        request=CouponGiveBackAsked,
        responses=GivenBackShown,
        examples=[
            OpenApiExample("Of an order", {"purchase": "A-1001"}, request_only=True),
            OpenApiExample("Given back", {**_COUPON, "given_back": True, "why": []}, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, coupon: str) -> Response:
        asked, now = CouponGiveBackAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        done = services.give_back(code=coupon, purchase_ref=asked.validated_data["purchase"], now=now)
        why = [{"code": done.why_not, "text": str(selectors.SENTENCES[done.why_not])}] if done.why_not else []
        return Response({**shown(done.coupon, now=now), "given_back": not why, "why": why})
