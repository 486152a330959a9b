"""Terms and where a privilege stands, as tables."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mall.privileges.rules import Span, Term, span, state

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 22, 4, tzinfo=UTC)
DAYS, YEAR, EVER = Term("days", 30), Term("year_end"), Term("for_ever")


def local(month, day, year=2026):
    """The first instant of a local day."""
    return datetime(year, month, day, tzinfo=ZONE).astimezone(UTC)


@pytest.mark.parametrize(("term", "ends_at"), [(DAYS, local(12, 23)), (Term("days", 1), local(11, 24)), (YEAR, local(1, 1, 2027)), (EVER, None)])
@pytest.mark.parametrize("at_will", [True, False])
def test_one_alone_begins_at_once(term, at_will, ends_at):
    assert span(term, at_will=at_will, covered=False, covered_until=None, zone=ZONE, now=NOW) == Span(NOW, ends_at)


@pytest.mark.parametrize("until", [None, local(12, 23)])
@pytest.mark.parametrize("term", [DAYS, YEAR, EVER])
def test_those_with_a_number_of_uses_lie_side_by_side(term, until):
    assert span(term, at_will=False, covered=True, covered_until=until, zone=ZONE, now=NOW) == Span(NOW, term.ends_at(NOW, ZONE))


@pytest.mark.parametrize(
    ("term", "until", "expected"),
    [
        (DAYS, local(12, 23), Span(local(12, 23), local(1, 22, 2027))),
        (Term("days", 1), local(12, 23), Span(local(12, 23), local(12, 24))),
        (DAYS, None, None),
        (YEAR, local(12, 23), Span(NOW, local(1, 1, 2027))),
        (YEAR, local(1, 1, 2027), None),
        (YEAR, local(2, 1, 2027), None),
        (YEAR, None, None),
        (EVER, local(12, 23), Span(local(12, 23), None)),
        (EVER, None, None),
    ],
)
def test_one_at_will_begins_where_the_one_before_ends_or_brings_nothing(term, until, expected):
    assert span(term, at_will=True, covered=True, covered_until=until, zone=ZONE, now=NOW) == expected


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({}, "current"),
        ({"uses_left": 1}, "current"),
        ({"uses_left": 0}, "used_up"),
        ({"starts_at": local(11, 23)}, "coming"),
        ({"starts_at": NOW}, "current"),
        ({"ends_at": NOW}, "over"),
        ({"ends_at": local(11, 23)}, "current"),
        ({"ends_at": NOW, "uses_left": 0}, "over"),
        ({"ended": True, "ends_at": NOW}, "ended"),
    ],
)
def test_where_one_stands_is_so_by_the_clock(about, expected):
    assert state(**{"starts_at": local(11, 1), "ends_at": None, "uses_left": None, "ended": False, "now": NOW, **about}) == expected
