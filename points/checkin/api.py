"""Checking in, making up a missed day, and the month's calendar."""

import re
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import DayField, StrictSerializer

from . import selectors, services
from .models import PaidWith
from .rules import State


class CheckInAsked(StrictSerializer):
    make_up_for = DayField(required=False, help_text="A missed day to be made up. Left out: today's check-in.")
    pay_with = serializers.ChoiceField(
        choices=PaidWith.choices, required=False, help_text="For a day made up. Left out: a card where one is offered and there, else points."
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if "pay_with" in given and "make_up_for" not in given:
            raise serializers.ValidationError({"pay_with": [_("Only a day that is made up is paid for.")]})
        return given


class DayShown(serializers.Serializer[Any]):
    date = serializers.DateField()
    state = serializers.ChoiceField(choices=[state.value for state in State], help_text="open: today, not checked in yet. before: the member had not joined.")
    can_make_up = serializers.BooleanField(help_text="Missed, and not too long ago. Whether any make-up is left this month stands in make_up.")


class NextCheckIn(serializers.Serializer[Any]):
    date = serializers.DateField(help_text="Today while it is open, else tomorrow.")
    streak = serializers.IntegerField()
    points = serializers.IntegerField(help_text="What it brings as things stand, milestones included; the least where it is drawn.")
    most = serializers.IntegerField()
    milestones = serializers.ListField(child=serializers.IntegerField())


class NextMilestone(serializers.Serializer[Any]):
    days = serializers.IntegerField(help_text="Days in a row.")
    on = serializers.DateField(help_text="When it is reached if no day is missed.")


class MakeUpShown(serializers.Serializer[Any]):
    left = serializers.IntegerField(help_text="Days that can still be made up this month.")
    pay_with = serializers.ListField(
        child=serializers.ChoiceField(choices=PaidWith.choices), help_text="What is accepted; the first is taken where none is named."
    )
    fee = serializers.IntegerField(help_text="Points for one day.")
    cards = serializers.IntegerField(help_text="Make-up cards that the member has.")


class CalendarShown(serializers.Serializer[Any]):
    month = serializers.CharField(help_text="Like 2026-11.")
    today = serializers.DateField(help_text="The business day.")
    zone = serializers.CharField(help_text="IANA time zone of the business days.")
    streak = serializers.IntegerField(help_text="Days in a row through today, or through yesterday while today is open.")
    streak_start = serializers.DateField(allow_null=True)
    next = NextCheckIn()
    next_milestone = NextMilestone(allow_null=True)
    make_up = MakeUpShown()
    days = DayShown(many=True, help_text="Every day of the month.")


class CheckInShown(serializers.Serializer[Any]):
    date = serializers.DateField()
    made_up = serializers.BooleanField()
    paid_with = serializers.ChoiceField(choices=PaidWith.choices, allow_null=True, help_text="For a day made up.")
    streak = serializers.IntegerField(help_text="Days in a row up to that day, as it was then.")
    points = serializers.IntegerField(help_text="What it brought, milestones included.")
    claimable = serializers.IntegerField(help_text="Points offered with it that the member must claim.")
    milestones = serializers.ListField(child=serializers.IntegerField(), help_text="Milestones newly reached, in days in a row.")
    calendar = CalendarShown(help_text="That day's month, as it is now.")


_CALENDAR: dict[str, Any] = {
    "month": "2026-11",
    "today": "2026-11-03",
    "zone": "Asia/Shanghai",
    "streak": 7,
    "streak_start": "2026-10-28",
    "next": {"date": "2026-11-04", "streak": 8, "points": 10, "most": 10, "milestones": []},
    "next_milestone": {"days": 30, "on": "2026-11-26"},
    "make_up": {"left": 2, "pay_with": ["card", "points"], "fee": 10, "cards": 0},
    "days": [
        {"date": "2026-11-01", "state": "checked", "can_make_up": False},
        {"date": "2026-11-02", "state": "made_up", "can_make_up": False},
        {"date": "2026-11-03", "state": "checked", "can_make_up": False},
        {"date": "2026-11-04", "state": "ahead", "can_make_up": False},
    ],
}
_CHECKED_IN: dict[str, Any] = {
    "date": "2026-11-03",
    "made_up": False,
    "paid_with": None,
    "streak": 7,
    "points": 100,
    "claimable": 0,
    "milestones": [7],
    "calendar": _CALENDAR,
}


def calendar_shown(*, member_id: UUID, day: date | None = None, now: datetime) -> dict[str, Any]:
    month, terms = selectors.month(member_id=member_id, day=day, now=now), selectors.terms()
    return {
        **month._asdict(),
        "month": f"{month.days[0].date:%Y-%m}",
        "next": month.next._asdict(),
        "next_milestone": month.next_milestone and month.next_milestone._asdict(),
        "make_up": {"left": month.make_ups_left, "pay_with": terms.ways, "fee": terms.make_up_fee, "cards": month.make_up_cards},
        "days": [day._asdict() for day in month.days],
    }


class CheckInsView(MemberView):
    scopes = {"GET": "points:read", "POST": "events:write"}
    members_may = {"GET", "POST"}

    @extend_schema(
        summary="The month's check-ins",
        parameters=[OpenApiParameter("month", {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"}, description="Like 2026-11; this month by default.")],
        responses=CalendarShown,
        examples=[OpenApiExample("A month, cut short", _CALENDAR, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        day = _month(request.query_params["month"]) if "month" in request.query_params else None
        return Response(CalendarShown(calendar_shown(member_id=self.member.id, day=day, now=timezone.now())).data)

    @extend_schema(
        summary="Check in, or make up a missed day",
        description="Once a business day, which is the programme's: the same day again gives the first answer with status 200. A day that is made up earns "
        "nothing itself, but it may join the days before and after it and so reach a milestone.",
        request=CheckInAsked,
        responses={201: CheckInShown, 200: CheckInShown},
        examples=[
            OpenApiExample("Today", {}, request_only=True),
            OpenApiExample("A missed day, for points", {"make_up_for": "2026-11-02", "pay_with": "points"}, request_only=True),
            OpenApiExample("Checked in", _CHECKED_IN, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked, now = CheckInAsked(data=request.data), timezone.now()
        asked.is_valid(raise_exception=True)
        about: dict[str, Any] = {"member_id": self.member.id, "actor": request.auth.identity, "now": now}
        if "make_up_for" in asked.validated_data:
            done = services.make_up(**about, day=asked.validated_data["make_up_for"], pay_with=asked.validated_data.get("pay_with"))
        else:
            done = services.check_in(**about)
        made = done.check_in
        shown = {
            **{name: getattr(made, name) for name in ("date", "made_up", "streak", "points", "claimable", "milestones")},
            "paid_with": made.paid_with or None,
            "calendar": calendar_shown(member_id=self.member.id, day=made.date, now=now),
        }
        return Response(CheckInShown(shown).data, status=200 if done.repeated else 201)


def _month(text: str) -> date:
    """The first day of a month written like 2026-11."""
    if not re.fullmatch(r"(19|[2-9][0-9])[0-9]{2}-(0[1-9]|1[0-2])", text) or text > "9998-12":
        raise serializers.ValidationError({"month": [_("Give a month like 2026-11.")]})
    return date.fromisoformat(f"{text}-01")
