"""Rules about check-ins as the demo has them, and days that pass."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.members import services as members
from accounts.members.models import Member
from loyalty.programme.models import Programme
from points.checkin import services as checkin
from points.checkin.models import CheckIn, CheckInTerms
from points.ledger import services as ledger
from points.rulebook import services as rulebook
from points.rulebook.rules import Band, Definition, Effect
from points.terms.rules import NEVER

LADDER = (10, 15, 20, 25, 30, 40, 50)
LONG_AGO = datetime(2018, 1, 1, tzinfo=UTC)


@pytest.fixture
def shanghai() -> ZoneInfo:
    return ZoneInfo("Asia/Shanghai")


@pytest.fixture
def regular(db) -> Member:
    """A member who joined years ago."""
    return members.register(external_id="M-9", name="Regular Sample", now=LONG_AGO)[0]


@pytest.fixture
def ladder(db) -> None:
    """10 to 50 points over seven days, then from the start again; 50 more at 7 days, 300 at 30."""
    bands = (Band(7, 30, points=50), Band(30, None, points=300))
    for code, fact, effect in (
        ("check-in", "checked_in", Effect("ladder", measure="streak", ladder=LADDER)),
        ("streak", "streak_reached", Effect("bands", measure="days", bands=bands)),
    ):
        made = rulebook.make(code=code, fact=fact, name_zh=code, name_en=code, definition=Definition(effect=effect), actor="tests", now=LONG_AGO)
        rulebook.publish(version_id=made.id, ever=True, actor="tests", now=LONG_AGO)


@pytest.fixture
def in_zone(db) -> Callable[[str], ZoneInfo]:
    """Run the programme in that zone, from ever."""

    def set_zone(name: str) -> ZoneInfo:
        Programme.objects.update_or_create(id=1, defaults={"zone": name})
        return ZoneInfo(name)

    return set_zone


@pytest.fixture
def terms(db) -> Callable[..., CheckInTerms]:
    """Set the terms: `terms(make_up_fee=5)`."""

    def change(**settings: Any) -> CheckInTerms:
        row = CheckInTerms.objects.first() or CheckInTerms()
        for name, value in settings.items():
            setattr(row, name, value)
        row.full_clean()
        row.save()
        return row

    return change


def noon(day: date) -> datetime:
    """Noon of that day in Shanghai."""
    return datetime(day.year, day.month, day.day, 4, tzinfo=UTC)


class Coming(SimpleNamespace):
    """A member who comes by: `come(day)` at noon, `make_up(day, on=another)`."""

    member: Member

    def come(self, *days: date) -> list[CheckIn]:
        return [checkin.check_in(member_id=self.member.id, actor="tests", now=noon(day)).check_in for day in days]

    def come_at(self, *moments: datetime) -> list[CheckIn]:
        return [checkin.check_in(member_id=self.member.id, actor="tests", now=moment).check_in for moment in moments]

    def make_up(self, day: date, *, on: date, pay_with: str | None = None) -> CheckIn:
        return checkin.make_up(member_id=self.member.id, day=day, pay_with=pay_with, actor="tests", now=noon(on)).check_in

    def receive(self, points: int, *, on: date) -> None:
        ledger.earn(member_id=self.member.id, points=points, source="campaign", policy=NEVER, actor="tests", key=f"gift/{on}", now=noon(on))


@pytest.fixture
def coming(regular) -> Coming:
    return Coming(member=regular)


@pytest.fixture
def days() -> Callable[..., list[date]]:
    """`days(date(2026, 11, 1), 3)`: three days from the first of November on."""
    return lambda first, count: [first + timedelta(days=n) for n in range(count)]
