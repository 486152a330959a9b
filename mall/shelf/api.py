from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.members import selectors as members
from accounts.members.api import MemberView
from loyalty.lib.fields import MomentField, id_in_address
from loyalty.lib.paging import AtHand
from mall.pictures import selectors as pictures
from mall.pictures.api import PictureShown, root_of
from mall.rewards import selectors as rewards
from mall.rewards.models import Reward
from mall.rewards.rules import place

from . import selectors, services
from .selectors import Item

PRICES = ("list", "clearance", "scarcity", "tier", "tier_discount", "markdown")


class WhyNotShown(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="What a redemption would be refused with now, for programs.")
    detail = serializers.CharField(help_text="A sentence for the member, in the request's language.")


class NoteShown(serializers.Serializer[Any]):
    code = serializers.CharField(
        help_text="few_left or clearance (which price another comes off), free_shipping, opens (later), "
        "early_access (it is open for them, not for others yet) or early_access_coming."
    )
    text = serializers.CharField(help_text="A sentence for the member, in the request's language.")


class RewardOnShelf(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="The code, by which it is redeemed.")
    code = serializers.CharField()
    kind = serializers.ChoiceField(choices=Reward.Kind.choices)
    name = serializers.CharField(help_text="In the request's language.")
    text = serializers.CharField()
    category = serializers.CharField(help_text="Its code; empty: none.")
    pictures = PictureShown(many=True)
    points = serializers.IntegerField(help_text="What one costs who looks, now.")
    cents = serializers.IntegerField(help_text="The money due on top of the points; 0: none.")
    list_points = serializers.IntegerField(help_text="The list price, to be shown struck through where it is more.")
    list_cents = serializers.IntegerField()
    shipping_cents = serializers.IntegerField(help_text="What the parcel costs who looks, however many are in it; 0 where it is free.")
    list_shipping_cents = serializers.IntegerField(help_text="What it costs whom it is not free for.")
    total_cents = serializers.IntegerField(help_text="All the money due for one: `cents` and `shipping_cents`.")
    price = serializers.ChoiceField(
        choices=PRICES, help_text="Which price it is: markdown is one of the whole shelf, for a time. `why` says which price a discount comes off."
    )
    left = serializers.IntegerField(allow_null=True, help_text="So many are left; null: not counted, or more than 1,000 codes.")
    least_tier = serializers.CharField(help_text="For members of this tier and above; empty: for all.")
    starts_at = MomentField(allow_null=True, help_text="From when on everybody may have it; null: there is no such time.")
    opens_at = MomentField(allow_null=True, help_text="From when on who looks may have it: sooner than `starts_at` for who has early access.")
    ends_at = MomentField(allow_null=True)
    per_member = serializers.IntegerField(allow_null=True, help_text="So many may one member have in all; null: no limit.")
    per_member_day = serializers.IntegerField(allow_null=True)
    redeemable = serializers.BooleanField(help_text="Whether it can be had now, points apart.")
    why_not = WhyNotShown(allow_null=True)
    affordable = serializers.BooleanField(allow_null=True, help_text="Whether the member's points pay for one; null: no member was named.")
    points_missing = serializers.IntegerField(allow_null=True, help_text="So many points are still to go; 0: none.")
    why = NoteShown(
        many=True, help_text="What to tell beside the price: that few are left, why shipping is free, when it opens, until when they are earlier than others."
    )


_REWARD = {
    "id": "mug-white",
    "code": "mug-white",
    "kind": "goods",
    "name": "白色马克杯",
    "text": "350 毫升，可用洗碗机清洗。",
    "category": "home",
    "pictures": [
        {
            "url": "https://loyalty.example/pictures/9f2b0c6e0d1c4a5b8e7f60718293a4b5c6d7e8f9a0b1c2d3e4f5061728394a5b.webp",
            "small": "https://loyalty.example/pictures/9f2b0c6e0d1c4a5b8e7f60718293a4b5c6d7e8f9a0b1c2d3e4f5061728394a5b-small.webp",
        }
    ],
    "points": 900,
    "cents": 0,
    "list_points": 1000,
    "list_cents": 0,
    "shipping_cents": 0,
    "list_shipping_cents": 800,
    "total_cents": 0,
    "price": "tier_discount",
    "left": 42,
    "least_tier": "",
    "starts_at": "2026-11-27T12:00:00Z",
    "opens_at": "2026-11-27T11:00:00Z",
    "ends_at": None,
    "per_member": 2,
    "per_member_day": None,
    "redeemable": True,
    "why_not": None,
    "affordable": False,
    "points_missing": 180,
    "why": [
        {"code": "free_shipping", "text": "您的等级免运费。"},
        {"code": "early_access", "text": "您可提前兑换至 11月27日 20:00，之后对所有人开放。"},
    ],
}
_SCARCE = {
    **_REWARD,
    "id": "plant",
    "code": "plant",
    "name": "桌面绿植",
    "text": "",
    "pictures": [],
    "points": 270,
    "list_points": 260,
    "left": 2,
    "starts_at": None,
    "opens_at": None,
    "affordable": True,
    "points_missing": 0,
    "why": [
        {"code": "few_left", "text": "所剩不多，目前的价格高于平时。"},
        {"code": "free_shipping", "text": "您的等级免运费。"},
    ],
}
_LATER = {
    **_REWARD,
    "id": "own-agent",
    "code": "own-agent",
    "kind": "privilege",
    "name": "专属客服",
    "text": "",
    "pictures": [],
    "list_shipping_cents": 0,
    "price": "list",
    "points": 1000,
    "left": None,
    "least_tier": "gold",
    "starts_at": None,
    "opens_at": None,
    "why": [],
    "redeemable": False,
    "why_not": {"code": "tier_too_low", "detail": "该奖品仅限金卡及以上等级的会员兑换。"},
}


_moment = MomentField().to_representation


def shown(one: Item, *, language: str, root: str, now: datetime) -> dict[str, Any]:
    """As `RewardOnShelf` says; by hand, because a shelf is long and a serializer takes longer over it than all the rest. `root`: our address."""
    offer = one.offer
    return {
        "id": offer.code,
        "code": offer.code,
        "kind": offer.kind,
        "name": offer.name(language),
        "text": offer.text(language),
        "category": offer.category,
        "pictures": pictures.shown(offer.pictures, root=root),
        "points": one.price.points,
        "cents": one.price.cents,
        "list_points": one.price.list_points,
        "list_cents": one.price.list_cents,
        "shipping_cents": one.shipping.cents,
        "list_shipping_cents": offer.shipping_cents,
        "total_cents": one.total_cents,
        "price": one.price.why,
        "left": one.left,
        "least_tier": offer.least_tier,
        "starts_at": offer.starts_at and _moment(offer.starts_at),
        "opens_at": one.opens_at and _moment(one.opens_at),
        "ends_at": offer.ends_at and _moment(offer.ends_at),
        "per_member": offer.per_member,
        "per_member_day": offer.per_member_day,
        "redeemable": one.why_not is None,
        "why_not": one.why_not and {"code": one.why_not.code, "detail": one.why_not.message},
        "affordable": one.affordable,
        "points_missing": one.missing,
        "why": [{"code": code, "text": text} for code, text in selectors.in_words(one, now=now)],
    }


_WHOSE = OpenApiParameter("member", str, description="The storefront's id of the member whose shelf it is; left out: nobody's.")
_FILTERS = [
    OpenApiParameter("category", str, description="Only of this category."),
    OpenApiParameter("kind", str, enum=Reward.Kind.values, description="Only of this kind."),
    OpenApiParameter("affordable", bool, description="true: only what the member's points pay for; false: only what they do not. With a member only."),
]
_ABOUT = (
    "What can be redeemed, cheapest first, at this member's own prices; what cannot be had now says why. A click a moment later decides anew: "
    "send the price that you showed with the redemption."
)
_EXAMPLES = [
    OpenApiExample("For a gold member", _REWARD, response_only=True),
    OpenApiExample("A tier's discount off the price of the last ones", _SCARCE, response_only=True),
    OpenApiExample("Not for this tier", _LATER, response_only=True),
]


PARAMETERS = ("affordable", "category", "cursor", "kind", "limit")


def _asked(given: Mapping[str, str], *, names: Collection[str], whose: bool) -> dict[str, Any]:
    """The filters, checked. `names`: the parameters there are; `whose`: a member looks."""
    category, kind, affordable = given.get("category", ""), given.get("kind", ""), given.get("affordable", "")
    if unknown := sorted(set(given) - set(names)):
        raise ValidationError({name: [ErrorDetail(_("This parameter is not known."), code="unknown")] for name in unknown})
    if category and category not in {one.code for one in rewards.categories()}:
        raise ValidationError({"category": [_("There is no such category of rewards.")]})
    if kind and kind not in Reward.Kind.values:
        raise ValidationError({"kind": [_("There is no such kind of reward.")]})
    if affordable not in ("", "true", "false"):
        raise ValidationError({"affordable": [_("Write true or false.")]})
    if affordable and not whose:
        raise ValidationError({"affordable": [_("Name the member whose points are to pay.")]})
    return {"category": category, "kind": kind, "affordable": {"true": True, "false": False}.get(affordable)}


def _page(request: Request, member_id: UUID | None, *, names: Collection[str] = PARAMETERS) -> Response:
    now = timezone.now()
    asked = _asked(request.query_params, names=names, whose=member_id is not None)
    who = services.who_looks(member_id=member_id, now=now)
    found = selectors.shelf(who=who, **asked, now=now)
    answer = AtHand().page(found, place=lambda one: place(one.offer, one.price), request=request)
    about = {"language": get_language() or "zh", "root": root_of(request), "now": now}
    answer.data["results"] = [shown(one, **about) for one in selectors.items(answer.data["results"], who=who, now=now)]
    return answer


def _one(request: Request, member_id: UUID | None, code: str) -> Response:
    now = timezone.now()
    found = selectors.item(code=code, who=services.who_looks(member_id=member_id, now=now), now=now)
    return Response(shown(found, language=get_language() or "zh", root=root_of(request), now=now))


def _named(request: Request) -> UUID | None:
    given = request.query_params.get("member")
    if given is None:
        return None
    member_id = members.id_of(external_id=id_in_address("member", given))
    if member_id is None:
        raise members.MemberUnknown
    return member_id


class RewardsView(APIView):
    scopes = {"GET": "points:read"}
    pagination_class = AtHand

    @extend_schema(summary="The shelf", description=_ABOUT, parameters=[_WHOSE, *_FILTERS], responses=RewardOnShelf(many=True), examples=_EXAMPLES)
    def get(self, request: Request) -> Response:
        return _page(request, _named(request), names=(*PARAMETERS, "member"))


class RewardView(APIView):
    scopes = {"GET": "points:read"}

    @extend_schema(summary="A reward", parameters=[_WHOSE], responses=RewardOnShelf, examples=_EXAMPLES)
    def get(self, request: Request, reward: str) -> Response:
        return _one(request, _named(request), reward)


class MembersRewardsView(MemberView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = AtHand

    @extend_schema(summary="A member's shelf", description=_ABOUT, parameters=_FILTERS, responses=RewardOnShelf(many=True), examples=_EXAMPLES)
    def get(self, request: Request) -> Response:
        return _page(request, self.member.id)


class MembersRewardView(MemberView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}

    @extend_schema(summary="A reward, as a member finds it", responses=RewardOnShelf, examples=_EXAMPLES)
    def get(self, request: Request, reward: str) -> Response:
        return _one(request, self.member.id, reward)


class CategoryShown(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="The code.")
    code = serializers.CharField()
    name = serializers.CharField(help_text="In the request's language.")


class CategoriesView(APIView):
    scopes = {"GET": "points:read"}
    pagination_class = AtHand

    @extend_schema(
        summary="The categories of rewards, in order",
        responses=CategoryShown(many=True),
        examples=[OpenApiExample("A category", {"id": "home", "code": "home", "name": "家居"}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        language = get_language() or "zh"
        answer = AtHand().page(list(enumerate(rewards.categories())), place=lambda row: row[:1], request=request)
        answer.data["results"] = [{"id": one.code, "code": one.code, "name": one.name(language)} for _place, one in answer.data["results"]]
        return answer
