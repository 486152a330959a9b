"""To which tier a member belongs, for the storefront and the member."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import get_language
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.activity import selectors as facts
from accounts.members.api import MemberView
from loyalty.lib.fields import MomentField
from loyalty.lib.localtime import add_months, local_date, start_of_day
from loyalty.programme import selectors as programme
from tiers.evaluation import selectors as evaluation
from tiers.ladder import rules
from tiers.ladder import selectors as ladders

from . import selectors


class TierShown(serializers.Serializer[Any]):
    tier = serializers.CharField(help_text="The tier's code.")
    name = serializers.CharField(help_text="In the request's language.")


class MissingShown(serializers.Serializer[Any]):
    threshold = serializers.IntegerField(help_text="The figure that it takes.")
    figure = serializers.IntegerField(help_text="What the member has of it.")
    missing = serializers.IntegerField()


class NextShown(TierShown, MissingShown):
    """A tier that figures lead into."""


class KeepShown(MissingShown):
    until = MomentField(help_text="The end of the term.")
    decided_at = MomentField(help_text="When it is decided: at the end of the term, or after the days of grace.")


class BenefitShown(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(list(rules.BENEFITS))
    value = serializers.IntegerField(allow_null=True, help_text="In points or minutes; factors and percents in ten-thousandths; null where nothing is counted.")
    item = serializers.CharField(help_text="The code of the coupon, of coupons; else empty.")
    text = serializers.CharField(help_text="What it is, in the request's language.")


class StandingShown(serializers.Serializer[Any]):
    tier = serializers.CharField(help_text="The tier's code; empty where the programme has no tiers.")
    name = serializers.CharField(help_text="In the request's language.")
    rank = serializers.IntegerField(help_text="Higher is better.")
    multiplier = serializers.CharField(help_text="What the tier multiplies earning by, as a decimal number.")
    colour = serializers.CharField(help_text="Of the member's card, like #c9a227; empty where the programme has no tiers.")
    since = MomentField(allow_null=True, help_text="Null for a member who has never been put into a tier and so is in the lowest.")
    until = MomentField(allow_null=True, help_text="The first instant at which the tier no longer holds; null: no end is set.")
    next = TierShown(allow_null=True, help_text="The next tier up; null at the top.")
    benefits = BenefitShown(many=True, help_text="What the tier brings besides its multiplier.")
    card_url = serializers.CharField(help_text="A picture of the card; empty where there is none.")
    unit = serializers.ChoiceField(["growth", "cents", "score"], help_text="In what figures and thresholds are counted.")
    growth = serializers.IntegerField(help_text="The growth since `counts_since`.")
    counts_since = MomentField(help_text="What happened since then counts for rising.")
    to_next = NextShown(allow_null=True, help_text="What is missing to the next tier that figures lead into; null where there is none.")
    to_keep = KeepShown(allow_null=True, help_text="What is missing to keep the tier; null without a term.")
    sprint = serializers.BooleanField(help_text="Whether these are the last days of the term, in which growth is multiplied.")
    why = serializers.ListField(child=serializers.CharField(), help_text="Why it is this tier, the last decision first, in the request's language.")


_STANDING = {
    "tier": "silver", "name": "银卡会员", "rank": 20, "multiplier": "1.2", "colour": "#9aa3ad", "since": "2026-03-01T04:00:00Z", "until": None,
    "next": {"tier": "gold", "name": "金卡会员"},
    "benefits": [{"kind": "birthday_gift", "value": 100, "item": "", "text": "生日赠送 100 积分"}],
    "card_url": "", "unit": "growth", "growth": 4200, "counts_since": "2025-06-30T16:00:00Z",
    "to_next": {"tier": "gold", "name": "金卡会员", "threshold": 10000, "figure": 4200, "missing": 5800},
    "to_keep": {"threshold": 2000, "figure": 1500, "missing": 500, "until": "2027-03-01T16:00:00Z", "decided_at": "2027-03-01T16:00:00Z"},
    "sprint": False, "why": ["2026年3月1日：自2025年3月1日起2,100 成长值，达到银卡会员（2,000 成长值）。"],
}  # fmt: skip


class StandingView(MemberView):
    scopes = {"GET": "members:read"}
    members_may = {"GET"}

    @extend_schema(summary="A member's tier", responses=StandingShown, examples=[OpenApiExample("A standing", _STANDING, response_only=True)])
    def get(self, request: Request) -> Response:
        now = timezone.now()
        place, ladder = selectors.standing(member_id=self.member.id, now=now), ladders.ladder()
        seen = evaluation.outlook(member_id=self.member.id, now=now)
        step, orders = rules.place(ladder, place.code), _orders(self.member.id, place.code, now=now)
        above = rules.next_above(ladder, step)
        shown = {
            "tier": place.code,
            "name": place.name,
            "rank": place.rank,
            "multiplier": rules.times(place.multiplier_bps),
            "colour": step.colour if step else "",
            "since": place.since,
            "until": place.until,
            "next": {"tier": above.code, "name": above.name(get_language() or "")} if above else None,
            "benefits": [_benefit(one, orders=orders) for one in ladders.benefits(place.code).values()],
            "card_url": step.card_url if step else "",
            "unit": seen.unit,
            "growth": seen.growth,
            "counts_since": seen.window.since,
            "to_next": _to_next(seen),
            "to_keep": _to_keep(seen),
            "sprint": place.sprint,
            "why": evaluation.reasons(member_id=self.member.id, now=now),
        }
        return Response(StandingShown(shown).data)


def _to_next(seen: evaluation.Outlook) -> dict[str, Any] | None:
    if seen.next is None:
        return None
    name = seen.next.name(get_language() or "")
    return {"tier": seen.next.code, "name": name, "threshold": seen.next.threshold, "figure": seen.value, "missing": seen.missing_to_next}


def _to_keep(seen: evaluation.Outlook) -> dict[str, Any] | None:
    if seen.keeping is None:
        return None
    figures = {"threshold": seen.keeps_with, "figure": seen.keeping, "missing": seen.missing_to_keep}
    return {**figures, "until": seen.term_until, "decided_at": seen.decided_at}


def _benefit(benefit: rules.Benefit, *, orders: int) -> dict[str, Any]:
    """A benefit with what it comes to for whoever made so many orders."""
    value = benefit.value_for(orders) if rules.BENEFITS[benefit.kind].counted else None
    return {"kind": benefit.kind, "value": value, "item": benefit.item, "text": ladders.benefit_in_words(benefit)}


def _orders(member_id: UUID, tier: str, *, now: datetime) -> int:
    """How many orders the member made in the twelve months before today, where any benefit of the tier grows with them."""
    if not any(benefit.bands for benefit in ladders.benefits(tier).values()):
        return 0
    zone = programme.zone(now=now)
    today = local_date(now, zone)
    since = start_of_day(add_months(today, -12), zone)
    return facts.orders(member_ids=[member_id], since=since, until=start_of_day(today, zone)).get(member_id, 0)
