"""To which tier a member belongs, for the storefront and the member."""

from typing import Any

from django.utils import timezone
from django.utils.translation import get_language
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.lib.fields import MomentField
from tiers.ladder import rules
from tiers.ladder import selectors as ladders

from . import selectors


class TierShown(serializers.Serializer[Any]):
    tier = serializers.CharField(help_text="The tier's code.")
    name = serializers.CharField(help_text="In the request's language.")


class StandingShown(serializers.Serializer[Any]):
    tier = serializers.CharField(help_text="The tier's code; empty where the programme has no tiers.")
    name = serializers.CharField(help_text="In the request's language.")
    rank = serializers.IntegerField(help_text="Higher is better.")
    multiplier = serializers.CharField(help_text="What the tier multiplies earning by, as a decimal number.")
    colour = serializers.CharField(help_text="Of the member's card, like #c9a227; empty where the programme has no tiers.")
    since = MomentField(allow_null=True, help_text="Null for a member who has never been put into a tier and so is in the lowest.")
    until = MomentField(allow_null=True, help_text="The first instant at which the tier no longer holds; null: no end is set.")
    next = TierShown(allow_null=True, help_text="The next tier up; null at the top.")


_STANDING = {
    "tier": "silver", "name": "银卡会员", "rank": 20, "multiplier": "1.2", "colour": "#9aa3ad", "since": "2026-03-01T04:00:00Z", "until": None,
    "next": {"tier": "gold", "name": "金卡会员"},
}  # fmt: skip


class StandingView(MemberView):
    scopes = {"GET": "members:read"}
    members_may = {"GET"}

    @extend_schema(summary="A member's tier", responses=StandingShown, examples=[OpenApiExample("A standing", _STANDING, response_only=True)])
    def get(self, request: Request) -> Response:
        place, ladder = selectors.standing(member_id=self.member.id, now=timezone.now()), ladders.ladder()
        step = rules.place(ladder, place.code)
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
        }
        return Response(StandingShown(shown).data)
