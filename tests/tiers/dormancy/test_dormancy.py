"""Who sleeps, who is back, and what is told of it."""

import pytest

from accounts.members import services as members
from tiers.dormancy import selectors, services
from tiers.dormancy.models import Dormancy, DormancyTerms

from .conftest import at

pytestmark = pytest.mark.django_db


def stage_of(member):
    return Dormancy.objects.get(member_id=member.id).stage


def test_three_calendar_months_without_a_sign_of_life_make_a_member_dormant_and_it_is_told_once(joined, checks_in, night, told, messages):
    member = joined("A", 2026, 1, 1)
    checks_in(member, 2026, 8, 22, 23, 59)
    assert night(2026, 8, 23) == {}
    assert night(2026, 9, 21) == {"quiet": 1}
    assert night(2026, 11, 21) == {}
    assert night(2026, 11, 22) == {"dormant": 1}
    assert night(2026, 11, 22) == {}
    assert night(2026, 11, 23) == {}
    assert told() == [(member.id, {"days": 92, "value": 92, "since": "2026-08-22"})]
    assert messages() == [(member.id, "dormant/2026-08-22", {"days": 92})]


def test_who_never_did_anything_counts_from_joining(joined, night, told):
    member = joined("A", 2026, 8, 22)
    night(2026, 11, 21)
    assert told() == []
    night(2026, 11, 22)
    assert [one for one, _payload in told()] == [member.id]


def test_a_return_ends_the_episode_at_once_and_the_next_one_is_told_again(joined, buys, night, told):
    member = joined("A", 2026, 1, 1)
    night(2026, 4, 1)
    assert selectors.episode(member_id=member.id) == (at(2026, 4, 1, 1, 10), None)
    buys(member, 2026, 4, 20, 9, 30)
    assert selectors.episode(member_id=member.id) == (at(2026, 4, 1, 1, 10), at(2026, 4, 20, 9, 30))
    assert selectors.dormancy(member_id=member.id, now=at(2026, 4, 21, 0, 0)) == (at(2026, 4, 20, 9, 30), 1, "active")
    assert night(2026, 4, 21) == {"back": 1}
    row = Dormancy.objects.get()
    assert (row.stage, row.woke_at, row.active_at) == ("active", at(2026, 4, 20, 9, 30), at(2026, 4, 20, 9, 30))
    night(2026, 7, 20)
    assert len(told()) == 2
    assert selectors.episode(member_id=member.id) == (at(2026, 7, 20, 1, 10), None)


def test_nights_that_were_missed_are_made_up_for(joined, checks_in, night, told):
    asleep, back = joined("A", 2026, 1, 1), joined("B", 2026, 1, 1)
    night(2026, 1, 2)
    checks_in(back, 2026, 5, 1, 9)
    assert night(2026, 5, 9) == {"dormant": 1}
    assert [one for one, _payload in told()] == [asleep.id]


def test_who_is_lost_when_first_looked_at_is_not_woken(joined, night, told, messages):
    joined("A", 2025, 1, 1)
    assert night(2026, 11, 22) == {"lost": 1}
    assert (told(), messages()) == ([], [])


def test_who_sleeps_on_is_lost_in_the_end_without_another_word(joined, night, told):
    member = joined("A", 2026, 1, 15)
    night(2026, 4, 15)
    assert night(2027, 1, 14) == {}
    assert night(2027, 1, 15) == {"lost": 1}
    assert (stage_of(member), len(told())) == ("lost", 1)


def test_a_closed_member_is_left_alone(joined, night, told):
    member = joined("A", 2026, 1, 1)
    night(2026, 1, 2)
    members.close(member_id=member.id)
    assert night(2026, 4, 1) == {}
    assert (stage_of(member), told()) == ("active", [])


@pytest.mark.parametrize(("months", "expected"), [(2, {"dormant": 1}), (4, {"quiet": 1})])
def test_the_terms_say_after_how_many_months(joined, night, told, months, expected):
    DormancyTerms(id=1, dormant_months=months).save()
    joined("A", 2026, 1, 1)
    assert night(2026, 3, 1) == expected


def test_everybody_is_watched_however_many_and_newcomers_are_found_again(joined, night):
    for n in range(5):
        joined(f"M{n}", 2026, 1, 1)
    night(2026, 1, 2)
    assert Dormancy.objects.count() == 5
    joined("late", 2026, 1, 2)
    assert services.begin(after=selectors.newest_known(), limit=100, now=at(2026, 1, 3, 1)) == (1, None)


def test_who_is_due_is_found_and_written_in_a_few_statements(joined, night, django_assert_max_num_queries):
    for n in range(30):
        joined(f"M{n}", 2026, 1, 1)
    night(2026, 1, 2)
    with django_assert_max_num_queries(12):
        services.look(limit=100, now=at(2026, 2, 1, 1))


def test_those_not_seen_for_long_are_found_in_the_order_of_their_ids(joined, night):
    ids = sorted(joined(f"M{n}", 2026, 1, n + 1).id for n in range(4))
    night(2026, 2, 1)
    first = selectors.not_seen_since(moment=at(2026, 1, 4, 0), after=None, limit=2)
    assert [member for member, _at in first] == ids[:2]
    assert selectors.not_seen_since(moment=at(2026, 1, 4, 0), after=ids[1], limit=2) == [(ids[2], at(2026, 1, 3, 12))]
