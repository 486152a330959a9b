"""What a refund does to missions: progress falls by itself, a completion falls only with the very order that completed it."""

from datetime import timedelta

import pytest

from points.earning import services as earning
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.missions import services
from points.missions.models import MemberBadge
from points.missions.rules import Prize, Step

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def buyer(published, badge):
    """Buy three times: 200 points and a badge, at once."""
    return published("buyer", Step("purchase", 3), prizes=[Prize("badge", "sharer")], automatic=True)


def test_a_refund_lowers_progress_by_itself(buyer, buys, gives_back, done):
    buys("P-1")
    buys("P-2")
    gives_back("P-2")
    assert done(buyer) == [1]
    buys("P-3")
    assert done(buyer) == [2]


def test_an_order_given_back_in_part_still_counts(buyer, buys, gives_back, done):
    buys("P-1")
    gives_back("P-1", 9_999)
    assert done(buyer) == [1]
    gives_back("P-1", 1, "R-2")
    assert done(buyer) == [0]


def test_an_order_given_back_below_the_conditions_amount_counts_no_longer(published, buys, gives_back, done):
    mission = published("large", Step("purchase", 1, "amount_cents", "at_least", "10000"), automatic=True)
    buys("P-1", 12_000)
    assert done(mission) == [1]
    gives_back("P-1", 2_001)
    assert done(mission) == [0]


def test_the_order_that_completed_it_given_back_takes_points_and_badge_back(buyer, buys, gives_back, completion, available, member):
    for number in ("P-1", "P-2", "P-3"):
        buys(number)
    assert (completion("buyer").status, available()) == ("granted", 200)
    assert MemberBadge.objects.filter(member_id=member.id).exists()
    gives_back("P-3")
    assert (completion("buyer").status, available()) == ("withdrawn", 0)
    assert not MemberBadge.objects.exists()


def test_another_order_given_back_changes_nothing(buyer, buys, gives_back, completion, available):
    for number in ("P-1", "P-2", "P-3"):
        buys(number)
    gives_back("P-1")
    assert (completion("buyer").status, available()) == ("granted", 200)


def test_the_completing_order_given_back_in_part_changes_nothing_also_after_another_was_given_back(buyer, buys, gives_back, completion):
    for number in ("P-1", "P-2", "P-3"):
        buys(number)
    gives_back("P-1")
    gives_back("P-3", 5_000, "R-2")
    assert completion("buyer").status == "granted"


def test_an_order_bought_since_stands_in_for_the_one_given_back(buyer, buys, gives_back, completion, available):
    for n, number in enumerate(("P-1", "P-2", "P-3", "P-4")):
        buys(number, at=buyer.published_at + timedelta(minutes=n))
    gives_back("P-3")
    assert (completion("buyer").status, completion("buyer").completed_fact, available()) == ("granted", "P-4", 200)
    gives_back("P-4", refund="R-2")
    assert (completion("buyer").status, available()) == ("withdrawn", 0)


def test_bought_again_it_is_completed_again(buyer, buys, gives_back, completion, available, member):
    for number in ("P-1", "P-2", "P-3"):
        buys(number)
    gives_back("P-3")
    buys("P-4")
    again = completion("buyer")
    assert (again.status, again.attempt, again.points, again.completed_fact, available()) == ("granted", 2, 200, "P-4", 200)
    assert MemberBadge.objects.get().times == 1
    gives_back("P-4", refund="R-2")
    assert (completion("buyer").status, available()) == ("withdrawn", 0)


def test_what_waits_to_be_claimed_falls_as_well(published, buys, gives_back, completion, member, noon, refuses):
    published("buyer", Step("purchase"))
    buys("P-1")
    gives_back("P-1")
    assert completion("buyer").status == "withdrawn"
    with refuses(services.MissionNotCompleted):
        services.claim(member_id=member.id, code="buyer", actor="tests", now=noon)
    buys("P-2")
    assert services.claim(member_id=member.id, code="buyer", actor="tests", now=noon).points == 200


def test_last_weeks_completion_falls_with_its_order_and_this_weeks_order_does_not_stand_in(published, buys, gives_back, completion, available, noon):
    published("weekly", Step("purchase"), kind="weekly", automatic=True)
    buys("P-1")
    buys("P-2", at=noon + 3 * DAY)
    assert available(noon + 3 * DAY) == 400
    gives_back("P-1", at=noon + 3 * DAY)
    assert [completion("weekly", period=week).status for week in ("2026-W47", "2026-W48")] == ["withdrawn", "granted"]
    assert available(noon + 3 * DAY) == 200


def test_points_spent_meanwhile_are_owed(buyer, buys, gives_back, member, noon, available):
    for number in ("P-1", "P-2", "P-3"):
        buys(number)
    ledger.spend(member_id=member.id, points=200, actor="tests", key="spent", now=noon)
    gives_back("P-3")
    assert books.balance(member_id=member.id, now=noon).debt == 200


def test_a_retired_missions_completion_falls_with_its_order(buyer, buys, gives_back, completion, noon):
    for number in ("P-1", "P-2", "P-3"):
        buys(number)
    services.retire(mission_id=buyer.id, reason="over", actor="tests", now=noon)
    gives_back("P-3")
    assert completion("buyer").status == "withdrawn"


def test_a_behaviour_that_did_not_hold_undoes_what_it_completed(published, shares, delivered, completion, member, noon, available):
    published(automatic=True)
    shares(1, 2, 3, 4, 5)
    with delivered():
        earning.withdraw(member_id=member.id, kind="shared", external_id="S-5", actor="tests", now=noon)
    assert (completion().status, available()) == ("withdrawn", 0)
    shares(6)
    assert (completion().status, available()) == ("granted", 200)


def test_a_mission_about_missions_falls_with_the_mission_that_completed_it(published, buys, gives_back, completion, available):
    published("buyer", Step("purchase"), automatic=True)
    published("collector", Step("mission_completed"), points=50, automatic=True)
    buys("P-1")
    assert (completion("collector").status, available()) == ("granted", 250)
    gives_back("P-1")
    assert (completion("collector").status, available()) == ("withdrawn", 0)


def test_the_books_balance_afterwards(buyer, buys, gives_back, assert_books_balance):
    for number in ("P-1", "P-2", "P-3"):
        buys(number)
    gives_back("P-3")
    buys("P-4")
    assert_books_balance()
