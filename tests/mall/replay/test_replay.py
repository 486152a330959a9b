"""What a replay does with its rows: through the verbs, each at its own time, and any number of times the same."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from accounts.activity.models import Purchase, UnmatchedRefund
from accounts.members.models import Member
from accounts.members.selectors import get as member
from loyalty.programme.models import Programme
from mall.checkout import services as checkout
from mall.replay import services
from points.ledger import selectors as books
from points.ledger.models import Account, Entry, Lot
from points.rulebook import selectors as rulebook
from points.rulebook import services as publishing
from points.terms.models import Terms

UNMATCHED = UnmatchedRefund.Status


def left():
    return books.sums().left


def entries(kind):
    return list(Entry.objects.filter(kind=kind).order_by("occurred_at", "seq"))


def test_a_purchase_earns_at_its_own_time(replay, rows):
    assert replay(rows.bought("1", "10.99")).counts["purchases"] == 1
    (entry,) = entries("earn")
    at = datetime(2024, 1, 10, 12, tzinfo=UTC)
    assert (entry.points, entry.occurred_at, entry.recorded_at, entry.actor) == (10, at, at, "replay")
    assert Purchase.objects.get().occurred_at == at


def test_a_second_run_changes_nothing_and_says_so(replay, rows):
    file = [
        rows.refunded("early", "2", "1.00", at="2024-01-09T12:00:00+00:00"),
        rows.refunded("much", "2", "99.00", at="2024-01-09T13:00:00+00:00"),
        rows.bought("1", "10.00"),
        rows.bought("2", "5.00", customer="bob"),
        rows.refunded("r1", "1", "4.00"),
        rows.refunded("lost", "", "1.00"),
        rows.refunded("never", "404", "1.00"),
    ]
    replay(*file)
    before = list(Entry.objects.order_by("id").values()), list(UnmatchedRefund.objects.order_by("id").values())
    again = replay(*file)
    assert (again.counts["repeated"], again.counts["rows"], again.refused) == (7, 7, {})
    assert (list(Entry.objects.order_by("id").values()), list(UnmatchedRefund.objects.order_by("id").values())) == before


def test_a_run_that_was_interrupted_is_finished_by_the_next(replay, rows):
    file = [rows.bought(str(n), "10.00", at=f"2024-01-{n:02}T12:00:00+00:00") for n in range(1, 9)]
    replay(*file[:5])
    assert (replay(*file).counts["repeated"], left()) == (5, 80)


def test_a_refused_row_leaves_nothing_behind_and_stops_nothing(replay, rows):
    run = replay(rows.bought("1", "10.00"), rows.bought("1", "11.00", customer="eve"), rows.refunded("r1", "1", "10.01"), rows.bought("2", "5.00"))
    assert sorted(run.refused) == [3, 4]
    assert "other content" in run.refused[3]
    assert "paid_cents 1000, refunded_cents 1001" in run.refused[4]
    assert (left(), Member.objects.filter(external_id="eve").exists()) == (15, False)


def test_a_bad_row_is_told_by_its_line_and_the_rest_goes_on(replay, rows):
    run = replay(rows.bought("1", "10.00"), rows.bought("2", "ten"), rows.bought("3", "5.00"))
    assert (list(run.refused), left()) == ([3], 15)


def test_a_chunk_ends_before_the_night(replay, rows):
    evening, morning = "2024-01-10T23:59:59+00:00", "2024-01-11T00:00:00+00:00"
    Programme(zone="UTC").save()
    run = replay(rows.bought("1", "1.00", at=evening), rows.bought("2", "1.00", at=evening), rows.bought("3", "1.00", at=morning))
    assert [step.counts["rows"] for step in run.steps] == [2, 1]


def test_a_chunk_is_no_longer_than_its_size(replay, rows, monkeypatch):
    monkeypatch.setattr(services, "CHUNK", 2)
    assert [step.counts["purchases"] for step in replay(*(rows.bought(str(n), "1.00") for n in range(5))).steps] == [2, 2, 1]


def test_every_night_that_passes_books_what_is_due(replay, rows):
    replay(rows.bought("1", "10.00"), rows.bought("2", "5.00", at="2024-03-01T12:00:00+00:00", customer="bob"), expire_months=1, zone="UTC")
    (gone,) = entries("expire")
    assert gone.occurred_at == gone.recorded_at == datetime(2024, 2, 11, tzinfo=UTC)


def test_until_books_expiry_beyond_the_last_row(replay, rows):
    replay(rows.bought("1", "10.00"), expire_months=1, zone="UTC", until=datetime(2024, 2, 11, tzinfo=UTC))
    assert (left(), books.sums().expired) == (0, 10)


def test_until_before_the_last_row_changes_nothing(replay, rows):
    replay(rows.bought("1", "10.00"), expire_months=1, zone="UTC", until=datetime(2020, 1, 1, tzinfo=UTC))
    assert left() == 10


def test_the_nights_mature_what_waits_for_its_time(replay, rows):
    Terms(pending=Terms.Pending.DAYS, pending_days=3).save()
    replay(rows.bought("1", "10.00"), rows.bought("2", "5.00", at="2024-01-14T12:00:00+00:00", customer="bob"))
    assert [(entry.points, entry.occurred_at) for entry in entries("mature")] == [(10, datetime(2024, 1, 13, 12, tzinfo=UTC))]


def test_the_nights_release_holds_that_have_lapsed(replay, rows):
    replay(rows.bought("1", "10.00"))
    ann, at = member("ann"), datetime(2024, 1, 10, 13, tzinfo=UTC)
    checkout.hold(member_id=ann.id, points=4, expires_in=timedelta(minutes=30), actor="shop", key="h", now=at)
    replay(rows.bought("2", "5.00", at="2024-01-12T12:00:00+00:00", customer="bob"), rows.bought("3", "5.00", at="2024-01-14T12:00:00+00:00", customer="bob"))
    assert books.balance(member_id=ann.id, now=at).held == 0


def test_terms_that_nobody_set_let_nothing_expire(replay, rows):
    replay(rows.bought("1", "10.00"))
    assert Lot.objects.get().terms == "never"


def test_terms_that_are_set_are_the_lots(replay, rows):
    Terms(expiry="months", length=3).save()
    replay(rows.bought("1", "10.00"))
    assert Lot.objects.get().terms == "months:3"


def test_a_zone_of_its_own_decides_on_days_and_is_pinned_to_the_lots(replay, rows):
    Terms(expiry="months", length=3).save()
    replay(rows.bought("1", "10.00"), zone="Asia/Tokyo")
    assert Lot.objects.get().terms == "months:3@Asia/Tokyo"
    assert Programme.current().zone == "Asia/Shanghai"


def test_months_override_the_terms(replay, rows):
    Terms(expiry="months", length=3).save()
    replay(rows.bought("1", "10.00"), expire_months=6, zone="America/New_York")
    assert Lot.objects.get().expires_at == datetime(2024, 7, 11, tzinfo=ZoneInfo("America/New_York"))


def test_without_a_rule_a_purchase_earns_a_point_per_unit(replay, rows, now):
    replay(rows.bought("1", "10.00"))
    assert (left(), rulebook.in_force(at=now).number, rulebook.in_force(at=now).published_by) == (10, 1, "replay")


def test_the_rule_in_force_stays_where_no_rate_is_wished_for(replay, rows, now):
    publishing.publish_formula(points_per_unit=Decimal(3), categories={}, actor="ops", now=now)
    replay(rows.bought("1", "10.00"))
    assert (left(), rulebook.in_force(at=now).number) == (30, 1)


def test_another_rate_is_published_once(replay, rows, now):
    publishing.publish_formula(points_per_unit=Decimal(3), categories={}, actor="ops", now=now)
    replay(rows.bought("1", "10.00"), points_per_unit=Decimal("0.5"))
    replay(rows.bought("1", "10.00"), points_per_unit=Decimal("0.5"))
    assert (left(), rulebook.in_force(at=now).number) == (5, 2)


def test_a_rate_is_not_that_of_a_rule_with_other_rates_by_category(replay, rows, now):
    publishing.publish_formula(points_per_unit=Decimal(1), categories={"HOME": "5"}, actor="ops", now=now)
    replay(rows.bought("1", "10.00"), points_per_unit=Decimal(1))
    assert left() == 10


def test_a_guests_row_is_skipped_and_counted(replay, rows):
    run = replay(rows.bought("1", "10.00", customer=""), rows.refunded("r1", "1", "1.00", customer=""))
    assert (run.counts["guests"], Member.objects.exists(), UnmatchedRefund.objects.exists()) == (2, False, False)


def test_a_refund_that_names_no_purchase_is_parked_with_its_customer(replay, rows):
    assert replay(rows.refunded("r1", "", "1.00")).counts["parked"] == 1
    kept = UnmatchedRefund.objects.get()
    assert (kept.status, kept.member_ref, kept.external_id) == (UNMATCHED.PARKED, "ann", "r1")


def test_a_refund_that_names_no_purchase_is_skipped_where_that_is_wished_for(replay, rows):
    assert replay(rows.refunded("r1", "", "1.00"), park_unknown=False).counts["skipped"] == 1
    assert not UnmatchedRefund.objects.exists()


def test_a_refund_before_its_purchase_waits_and_is_booked_with_it(replay, rows):
    assert replay(rows.refunded("r1", "1", "4.00", at="2024-01-09T12:00:00+00:00")).counts["waiting"] == 1
    replay(rows.bought("1", "10.00"))
    (taken,) = entries("clawback")
    assert (taken.points, taken.occurred_at, left()) == (4, datetime(2024, 1, 10, 12, tzinfo=UTC), 6)


def test_a_refund_at_the_very_instant_of_its_purchase_may_stand_before_it(replay, rows):
    at = "2024-01-10T12:00:00+00:00"
    run = replay(rows.refunded("r1", "1", "4.00", at=at), rows.bought("1", "10.00", at=at))
    assert (run.counts["waiting"], run.counts["purchases"], left()) == (1, 1, 6)


def test_a_refund_of_somebody_elses_purchase_is_refused(replay, rows):
    run = replay(rows.bought("1", "10.00"), rows.bought("2", "1.00", customer="bob"), rows.refunded("r1", "1", "4.00", customer="bob"))
    assert (list(run.refused), left()) == ([4], 11)


def test_a_waiting_refund_of_somebody_elses_purchase_is_parked(replay, rows):
    replay(rows.refunded("r1", "1", "4.00", customer="bob", at="2024-01-09T12:00:00+00:00"), rows.bought("1", "10.00"))
    assert (UnmatchedRefund.objects.get().status, left()) == (UNMATCHED.PARKED, 10)


def test_the_first_row_fixes_the_currency_and_others_are_refused(replay, rows):
    run = replay(rows.bought("1", "10.00"), rows.bought("2", "1.00", currency="EUR"), rows.refunded("r1", "1", "1.00", currency="EUR"))
    assert (Programme.current().currency, sorted(run.refused), left()) == ("USD", [3, 4], 10)


def test_the_programmes_currency_refuses_another(replay, rows):
    Programme(currency="CNY").save()
    assert replay(rows.bought("1", "10.00")).refused.keys() == {2}


def test_amounts_are_taken_in_the_currency_that_is_wished_for(replay, rows):
    replay(rows.bought("1", "10.00"), rows.bought("2", "1.00", currency="EUR"), currency="JPY")
    assert (Programme.current().currency, Purchase.objects.get().paid_cents) == ("JPY", 10)


@pytest.mark.parametrize("currency", ["", "usd", "ABC", "XXXX"])
def test_what_is_no_currency_is_refused(replay, rows, currency):
    assert replay(rows.bought("1", "10.00", currency=currency)).refused.keys() == {2}


def test_all_times_move_by_the_shift(replay, rows):
    week = timedelta(weeks=3)
    replay(rows.bought("1", "10.00"), shift=week)
    assert entries("earn")[0].occurred_at == datetime(2024, 1, 31, 12, tzinfo=UTC)


def test_a_purchase_that_earns_nothing_makes_its_member(replay, rows):
    replay(rows.bought("1", "0.00"))
    assert (Purchase.objects.count(), Account.objects.count(), Lot.objects.count()) == (1, 1, 0)


def test_no_rows_at_all_are_a_replay_too(replay):
    assert replay().steps == []


@pytest.mark.parametrize("job", ["release_overdue", "mature_due"])
def test_what_cannot_be_booked_in_a_night_does_not_keep_a_replay_for_ever(replay, rows, monkeypatch, job):
    nights = []

    def fails(**_night):
        nights.append(1)
        assert len(nights) < 10, "it goes on for ever"
        return Counter(failed=1)

    monkeypatch.setattr(services.books, "anything_due", lambda **_asked: True)
    monkeypatch.setattr(services.ledger, job, fails)
    assert replay(rows.bought("1", "10.00")).counts["purchases"] == 1
