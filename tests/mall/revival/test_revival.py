"""In December: what expired within the year buys what is listed, once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connections
from django.db.models import F

from loyalty.lib.refusals import BusinessError
from mall.reconciliation import selectors as reconciliation
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.revival import selectors, services
from mall.revival.models import RevivalReward, RevivalUse, RevivalWindow
from points.ledger import services as ledger
from points.ledger.models import Account, Entry
from points.terms.rules import ExpiryPolicy
from tests.mall.conftest import HOME

Status = Redemption.Status


@pytest.fixture
def season(mall, member):
    """Points of two lots that have expired, a mug for 100 of them, and a window that is open."""
    for number, points in enumerate((100, 150)):
        policy = ExpiryPolicy("days", 10 + number)
        about = {"source": "campaign", "policy": policy, "actor": "tests", "now": mall.now}
        ledger.earn(member_id=member.id, points=points, key=f"old/{number}", **about)
    begins = mall.now
    mall.wait(days=30)
    reward = mall.reward(points=500)
    window = RevivalWindow.objects.create(
        name_zh="复活季", name_en="Revival", opens_at=mall.now, closes_at=mall.now + timedelta(days=31), expired_from=begins, expired_until=mall.now
    )
    RevivalReward.objects.create(window=window, reward=reward, points=100)
    return window


@pytest.fixture
def revive(mall, member):
    keys = iter(range(1000))

    def go(*, key="", **more):
        about = {"member_id": member.id, "reward": "mug", "recipient": HOME, "actor": "tests", "key": key or f"V-{next(keys)}", "now": mall.now}
        return services.redeem(**{**about, **more}).redemption

    return go


@pytest.fixture
def left(mall, member):
    return lambda window: [one.points for one in selectors.revivable(member_id=member.id, window=window, now=mall.now)]


def test_expired_points_buy_a_listed_reward_and_no_bucket_changes(mall, member, season, revive, left, assert_books_balance):
    assert left(season) == [100, 150]
    row = revive()
    assert (row.status, row.points, row.price, row.spend_id, row.revived) == (Status.CONFIRMED, 100, "revival", None, True)
    assert (left(season), mall.left(), mall.points(member)) == ([150], 4, 0)
    assert not Entry.objects.filter(member_id=member.id, kind="spend").exists()
    assert_books_balance()


def test_a_lot_is_used_once_over_all_windows(mall, member, season, revive, left, refuses):
    revive(quantity=2)
    with refuses(services.TooFewExpired) as refused:
        revive()
    assert refused.value.figures == {"wanted": 100, "available": 50}
    season.closes_at = mall.now
    season.opens_at = mall.now - timedelta(days=1)
    season.save()
    other = RevivalWindow.objects.create(
        name_zh="再来", name_en="Again", opens_at=mall.now, closes_at=mall.now + timedelta(days=1),
        expired_from=season.expired_from, expired_until=season.expired_until,
    )  # fmt: skip
    assert left(other) == [50]


def test_the_same_key_again_is_a_replay_even_after_the_window(mall, season, revive):
    first = revive(key="V")
    mall.wait(days=40)
    assert revive(key="V").id == first.id
    assert RevivalUse.objects.count() == 1


@pytest.mark.parametrize(("at", "open_"), [(timedelta(0), True), (timedelta(days=31) - timedelta(microseconds=1), True), (timedelta(days=31), False)])
def test_a_window_is_open_from_its_beginning_up_to_its_end(mall, season, revive, refuses, at, open_):
    mall.now += at
    if open_:
        revive()
    else:
        with refuses(selectors.RevivalClosed):
            revive()


def test_what_is_not_listed_is_not_for_expired_points(mall, season, revive, refuses):
    mall.reward("bowl")
    with refuses(services.NotForExpired):
        revive(reward="bowl")


def test_what_expired_outside_the_span_does_not_count(mall, member, season, left):
    season.expired_from += timedelta(days=11)
    season.save()
    assert left(season) == [150]
    season.expired_until = season.expired_from
    season.expired_from -= timedelta(days=2)
    season.save()
    assert left(season) == [100]


def test_points_that_are_due_and_not_booked_yet_count_once_they_are(mall, member, season, revive):
    season.expired_until = mall.now + timedelta(days=60)
    season.save()
    ledger.earn(member_id=member.id, points=700, source="campaign", policy=ExpiryPolicy("days", 5), actor="tests", key="fresh", now=mall.now)
    mall.wait(days=7)
    revive(quantity=5)
    assert sum(use.points for use in RevivalUse.objects.all()) == 500


def test_what_a_hold_that_lapsed_has_kept_past_its_expiry_is_shown_as_the_click_finds_it(mall, member, season, revive, left, assert_books_balance):
    season.expired_until = mall.now + timedelta(days=60)
    season.save()
    about = {"member_id": member.id, "source": "campaign", "actor": "tests", "now": mall.now}
    ledger.earn(**about, points=300, policy=ExpiryPolicy("days", 5), key="soon")
    ledger.earn(**about, points=70, policy=ExpiryPolicy("days", 90), key="late")
    ledger.hold(member_id=member.id, points=350, expires_at=mall.now + timedelta(days=8), actor="tests", key="lapses", now=mall.now)
    mall.wait(days=7)
    assert left(season) == [100, 150]
    mall.wait(days=2)
    seen = selectors.revivable(member_id=member.id, window=season, now=mall.now)
    assert [one.points for one in seen] == [100, 150, 300]
    ledger.expire(member_id=member.id, actor="tests", now=mall.now)
    assert selectors.revivable(member_id=member.id, window=season, now=mall.now) == seen
    revive(quantity=5)
    assert_books_balance()


def test_what_was_taken_back_after_it_expired_buys_nothing(mall, member, season, left, assert_books_balance):
    earned = Entry.objects.get(member_id=member.id, key="old/1")
    ledger.expire(member_id=member.id, actor="tests", now=mall.now)
    ledger.clawback(member_id=member.id, entry_id=earned.id, points=60, actor="tests", key="back", now=mall.now)
    assert left(season) == [100, 90]
    assert_books_balance()


def test_the_audit_finds_a_lot_of_which_more_is_used_than_expired(mall, season, revive, assert_mall_adds_up):
    row = revive()
    assert_mall_adds_up()
    RevivalUse.objects.filter(redemption_id=row.id).update(points=F("points") + 1)
    assert {(one.invariant, one.about.split()[0].split("/")[0]) for one in reconciliation.audit(now=mall.now).breaches} == {(12, "lot"), (12, "redemption")}


def test_a_cancelled_one_can_be_used_again_and_brings_no_points(mall, member, season, revive, left, assert_books_balance, assert_mall_adds_up):
    row = revive(quantity=2)
    assert left(season) == [50]
    mall.step("cancel", row, reason="tests")
    assert (left(season), mall.points(member), mall.left()) == ([100, 150], 0, 5)
    assert_books_balance()
    assert_mall_adds_up()


def test_what_comes_back_in_part_frees_what_expired_last_first(mall, member, season, revive, left):
    row = revive(quantity=2)
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    mall.step("return_", row, quantity=1, restock=True, reason="tests", key="R-1")
    assert left(season) == [150]
    mall.step("return_", row, restock=True, reason="tests", key="R-2")
    assert left(season) == [100, 150]


def test_a_frozen_member_revives_nothing(mall, member, season, revive, refuses):
    ledger.freeze(member_id=member.id, reason="tests", actor="tests", key="freeze", now=mall.now)
    with refuses(ledger.AccountFrozen):
        revive()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("locked", [True, False])
def test_two_at_once_cannot_use_the_same_points(mall, member, season, revive, monkeypatch, locked):
    ledger.expire(member_id=member.id, actor="tests", now=mall.now)
    barrier = Barrier(2, timeout=5)
    taking = services.rules.take

    def meet(left, points):
        if not locked:
            barrier.wait()
        return taking(left, points)

    monkeypatch.setattr(services.rules, "take", meet)
    if not locked:
        monkeypatch.setattr(redemptions.selectors, "locked_and_known", redemptions.selectors.known)
        monkeypatch.setattr(services.ledger, "expire", lambda **_: None)

    def go(number):
        try:
            revive(key=f"race/{number}", quantity=2)
        except BusinessError as refusal:
            return refusal.code
        finally:
            connections.close_all()
        return "got"

    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(go, range(2)))
    assert told == (["got", "too_few_expired"] if locked else ["got", "got"])
    assert Account.objects.get(member_id=member.id).available == 0
