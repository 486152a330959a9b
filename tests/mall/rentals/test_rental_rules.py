import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mall.rentals import rules
from mall.vouchers import rules as protocol

SHANGHAI, BERLIN, CAIRO = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin"), ZoneInfo("Africa/Cairo")


def at(*figures):
    return datetime(*figures, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "days", "zone", "end"),
    [
        (at(2026, 11, 21, 15, 59, 59), 30, SHANGHAI, at(2026, 12, 21, 16)),
        (at(2026, 11, 21, 16), 30, SHANGHAI, at(2026, 12, 22, 16)),
        (at(2026, 1, 31, 4), 1, SHANGHAI, at(2026, 2, 1, 16)),
        (at(2026, 1, 31, 4), 30, SHANGHAI, at(2026, 3, 2, 16)),
        (at(2028, 1, 31, 4), 29, SHANGHAI, at(2028, 2, 29, 16)),
        (at(2026, 12, 31, 4), 1, SHANGHAI, at(2027, 1, 1, 16)),
        # The clocks go forward on 29 March: the term is an hour shorter, and still ends with a local day.
        (at(2026, 3, 28, 12), 1, BERLIN, at(2026, 3, 29, 22)),
        (at(2026, 3, 27, 12), 1, BERLIN, at(2026, 3, 28, 23)),
        # And back on 25 October.
        (at(2026, 10, 24, 12), 1, BERLIN, at(2026, 10, 25, 23)),
        # Where clocks skip midnight, the day before ends when they would have shown it.
        (at(2026, 4, 22, 12), 1, CAIRO, at(2026, 4, 23, 22)),
    ],
)
def test_a_term_ends_with_a_local_day(now, days, zone, end):
    assert rules.ends_at(now, days, zone) == end


@pytest.mark.parametrize(
    ("end", "days", "zone", "later"),
    [
        (at(2026, 12, 21, 16), 30, SHANGHAI, at(2027, 1, 20, 16)),
        (at(2026, 1, 31, 16), 28, SHANGHAI, at(2026, 2, 28, 16)),
        (at(2026, 3, 28, 23), 1, BERLIN, at(2026, 3, 29, 22)),
        (at(2026, 10, 24, 22), 1, BERLIN, at(2026, 10, 25, 23)),
        # The programme's zone has changed meanwhile: the end is in the midst of a day of the new one.
        (at(2026, 12, 21, 16), 1, BERLIN, at(2026, 12, 21, 23)),
    ],
)
def test_a_renewal_adds_whole_local_days(end, days, zone, later):
    assert rules.longer(end, days, zone) == later


@pytest.mark.parametrize("days", [1, 2, 30, 400])
@pytest.mark.parametrize("zone", [SHANGHAI, BERLIN])
def test_two_terms_in_a_row_are_one_of_twice_the_days(days, zone):
    now = at(2026, 2, 14, 9)
    assert rules.longer(rules.ends_at(now, days, zone), days, zone) == rules.ends_at(now, 2 * days, zone)


def test_members_are_reminded_when_so_many_local_days_are_left():
    end = at(2026, 3, 30, 22)
    assert rules.remind_at(end, 0, BERLIN) is None
    assert [rules.remind_at(end, days, BERLIN) for days in (1, 2, 3)] == [at(2026, 3, 29, 22), at(2026, 3, 28, 23), at(2026, 3, 27, 23)]


END = at(2026, 12, 21, 16)
CAN = {"lent": True, "ended": False, "under_way": False, "renewals": 1, "most": 2, "end": END, "now": END - timedelta(microseconds=1)}


@pytest.mark.parametrize(
    ("said", "no"),
    [
        ({}, None),
        ({"lent": False}, "not_out"),
        ({"now": END}, "over"),
        ({"ended": True}, "over"),
        ({"ended": True, "lent": False}, "over"),
        ({"under_way": True}, "under_way"),
        ({"most": 0, "renewals": 0}, "not_renewable"),
        ({"renewals": 2}, "used_up"),
        ({"renewals": 3}, "used_up"),
    ],
)
def test_why_it_cannot_be_renewed(said, no):
    assert rules.not_renewed(**{**CAN, **said}) == no


# What is asked of the partner


def test_a_loan_says_until_when_and_a_renewal_what_it_extends():
    asked = {"key": "K", "sku": "MILES", "quantity": 1}
    assert json.loads(protocol.order(**asked)) == asked
    told = json.loads(protocol.order(**asked, until=datetime(2026, 12, 22, tzinfo=SHANGHAI), extends="L"))
    assert told == {**asked, "until": "2026-12-21T16:00:00Z", "extends": "L"}


@pytest.mark.parametrize(
    ("said", "ask", "state"),
    [
        ("cancelled", "RETURN", "withdrawn"),
        ("issued", "RETURN", "waiting"),
        ("pending", "RETURN", "waiting"),
        ("unknown", "RETURN", "waiting"),
        ("unreachable", "RETURN", "waiting"),
        ("issued", "DELETE", "delivered"),
    ],
)
def test_what_was_lent_is_asked_for_until_it_is_back(said, ask, state):
    about = {"ask": ask, "unanswered": False, "attempts": 2, "until": END + timedelta(days=3)}
    following = protocol.following(protocol.Answer(said), **about, now=END)
    assert (following.state, following.ask) == (state, ask)
    late = protocol.following(protocol.Answer(said), **about, now=END + timedelta(days=3))
    assert late.state == ("unknown" if state == "waiting" else state)


def test_a_longer_term_needs_no_vouchers():
    answer = {"headers": {}, "text": json.dumps({"key": "K", "status": "issued"}), "key": "K", "ask": "POST", "now": END}
    assert protocol.meaning(status=200, quantity=0, **answer).said == "issued"
    assert protocol.meaning(status=200, quantity=1, **answer).said == "unknown"
