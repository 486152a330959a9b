"""Monthly allowances: by the standing at local midnight of the 1st, once a month, made up for as of then."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from accounts.activity.models import Behaviour
from accounts.members import services as members
from accounts.notifications.models import Message
from loyalty.programme import services as zones
from points.benefits import selectors, services
from points.benefits.models import AllowanceRound
from tiers.evaluation import services as evaluation
from tiers.ladder import services as ladder
from tiers.ladder.rules import Band

from .conftest import at

pytestmark = pytest.mark.django_db(transaction=True)


def night(*moment, limit=2):
    """All of that night's run; who was told for which month, and how many points, in all."""
    now = at(*moment) if len(moment) > 3 else at(*moment, 0, 20)
    for _ in range(50):
        if not services.give_allowances(limit=limit, actor="tests", now=now):
            break
    else:
        raise AssertionError("the job does not come to an end")
    rows = Behaviour.objects.filter(kind="allowance").order_by("occurred_at", "member__external_id").select_related("member")
    return [(row.member.external_id, row.data["month"], row.data["points"]) for row in rows]


@pytest.fixture
def gold(answered, promise, joined, put):
    promise("gold", "monthly_allowance", 500, 2026, 2, 15)

    def make(name, *since):
        member = joined(name)
        put(member, "gold", *(since or (2026, 1, 15)))
        return member

    return make


def test_members_of_the_tier_have_it_once_a_month_and_are_told(gold, joined, has, assert_books_balance):
    member, _other = gold("A"), joined("B")
    for day in (1, 1, 2, 15, 28):
        assert night(2026, 3, day) == [("A", "2026-03", 500)]
    night(2026, 4, 1)
    assert has(member, 2026, 4, 2) == 1000
    told = Message.objects.filter(kind="allowance").order_by("created_at").first()
    assert (told.key, told.about) == ("allowance/2026-03", {"points": 500, "tier": {"zh": "gold", "en": "Gold"}})
    assert_books_balance()


def test_the_standing_at_midnight_of_the_first_decides(gold, put):
    before, after, lost = gold("A", 2026, 2, 28, 23, 59, 59), gold("B", 2026, 3, 1, 0, 0, 1), gold("C")
    at_the_instant = gold("D", 2026, 3, 1)
    put(lost, "silver", 2026, 2, 28, 23)
    put(before, "silver", 2026, 3, 1, 0, 10)
    assert night(2026, 3, 1) == [("A", "2026-03", 500), ("D", "2026-03", 500)]
    assert (after.external_id, at_the_instant.external_id) == ("B", "D")


def test_a_standing_that_ended_at_midnight_does_not_count_any_more(gold, put, joined):
    member = joined("A")
    put(member, "gold", 2026, 1, 15, until=(2026, 3, 1))
    other = joined("B")
    put(other, "gold", 2026, 1, 15, until=(2026, 3, 2))
    while evaluation.end_due(limit=10, now=at(2026, 3, 1, 0, 5)):
        pass
    assert night(2026, 3, 1) == [("B", "2026-03", 500)]


def test_who_is_still_to_be_decided_on_waits_a_night(gold, put, joined):
    member = joined("A")
    put(member, "gold", 2026, 1, 15, until=(2026, 3, 1))
    assert night(2026, 3, 1) == []
    assert (AllowanceRound.objects.get(month="2026-03").done_at, AllowanceRound.objects.get(month="2026-03").left_out) == (None, 0)
    while evaluation.end_due(limit=10, now=at(2026, 3, 1, 9)):
        pass
    assert night(2026, 3, 2) == []
    assert AllowanceRound.objects.get(month="2026-03").done_at is not None


def test_missed_nights_are_made_up_for_as_of_the_first(gold, put, promise):
    member, late = gold("A"), gold("B", 2026, 3, 3)
    put(member, "silver", 2026, 3, 5)
    promise("gold", "monthly_allowance", 900, 2026, 3, 10)
    assert night(2026, 3, 20) == [("A", "2026-03", 500)]
    assert night(2026, 4, 1) == [("A", "2026-03", 500), ("B", "2026-04", 900)]
    assert late.external_id == "B"


def test_an_outage_over_the_first_is_made_up_for_in_the_next_month(gold):
    gold("A")
    assert night(2026, 4, 10) == [("A", "2026-03", 500), ("A", "2026-04", 500)]
    assert night(2026, 5, 1)[2:] == [("A", "2026-05", 500)]


def test_a_promise_made_in_the_middle_of_a_month_begins_with_the_next(answered, promise, joined, put):
    member = joined("A")
    put(member, "gold", 2026, 1, 1)
    promise("gold", "monthly_allowance", 500, 2026, 3, 15)
    assert night(2026, 3, 15) == []
    ladder.remove_benefit(tier="gold", kind="monthly_allowance", actor="tests", now=at(2026, 4, 15))
    assert night(2026, 4, 20) == [("A", "2026-04", 500)]
    assert night(2026, 5, 1) == [("A", "2026-04", 500)]


def test_what_the_lowest_tier_promises_everybody_has_who_was_there(answered, promise, joined):
    promise("bronze", "monthly_allowance", 10, 2026, 2, 15)
    for n in range(5):
        joined(f"M{n}")
    joined("late", on=(2026, 3, 1, 0, 1))
    members.close(member_id=joined("closed").id)
    assert [who for who, _month, _points in night(2026, 3, 1)] == [f"M{n}" for n in range(5)]


def test_it_may_grow_with_orders(answered, promise, joined, put, buys):
    promise("gold", "monthly_allowance", 100, 2026, 2, 15, bands=[Band(2, 150)])
    member = joined("A")
    put(member, "gold", 2026, 1, 1)
    for moment in ((2025, 2, 28, 23), (2025, 3, 1), (2026, 3, 1)):
        buys(member, *moment)
    assert night(2026, 3, 1) == [("A", "2026-03", 100)]
    buys(member, 2026, 3, 31, 23)
    assert night(2026, 4, 1)[1:] == [("A", "2026-04", 150)]


@pytest.mark.parametrize("moment", [(2026, 3, 1, 0, 20), (2026, 11, 1, 0, 20), (2027, 1, 1, 0, 20), (2028, 3, 1, 0, 20)])
def test_months_begin_at_local_midnight_whatever_the_clocks_do(gold, moment):
    gold("A")
    night(*moment)
    row = AllowanceRound.objects.get(month=f"{moment[0]}-{moment[1]:02}")
    assert row.as_of == at(*moment[:3])


def test_a_change_of_zone_gives_no_month_twice(gold):
    gold("A")
    night(2026, 3, 1)
    zones.change_zone(zone="Asia/Shanghai", now=at(2026, 3, 1, 1))
    night(2026, 3, 2)
    assert [month for _who, month, _points in night(2026, 4, 1, 0, 20)] == ["2026-03", "2026-04"]


def test_one_members_trouble_stops_no_other_and_is_tried_again(gold, monkeypatch):
    first, _second = gold("A"), gold("B")
    take = services.earning.take

    def refusing(*, member_id, **said):
        if member_id == first.id:
            raise members.MemberClosed
        return take(member_id=member_id, **said)

    monkeypatch.setattr(services.earning, "take", refusing)
    assert night(2026, 3, 1) == [("B", "2026-03", 500)]
    monkeypatch.setattr(services.earning, "take", take)
    assert night(2026, 3, 1, 12, 0) == [("B", "2026-03", 500)]
    assert night(2026, 3, 2) == [("A", "2026-03", 500), ("B", "2026-03", 500)]
    assert AllowanceRound.objects.get(month="2026-03").told == 2


def test_two_runs_at_once_tell_each_member_once(gold):
    people = [gold(f"M{n}") for n in range(6)]
    barrier = Barrier(2)

    def run():
        try:
            barrier.wait(30)
            while services.give_allowances(limit=3, actor="tests", now=at(2026, 3, 1, 0, 20)):
                pass
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(run) for _ in range(2)]:
            one.result()
    assert night(2026, 3, 1) == [(one.external_id, "2026-03", 500) for one in people]


def test_a_preview_says_whom_the_job_would_give_how_much(promise, answered, joined, put):
    promise("gold", "monthly_allowance", 500)
    for name in ("A", "B", "C"):
        put(joined(name), "gold" if name != "C" else "silver", 2026, 2, 20)
    now = at(2026, 3, 1, 0, 30)

    assert selectors.would_allow(now=now) == {"members": 2, "points": 1000}
    while services.give_allowances(limit=500, actor="tests", now=now):
        pass
    assert selectors.would_allow(now=now) == {"members": 0, "points": 0}
