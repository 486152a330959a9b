from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.activity.models import Behaviour
from accounts.members import services as members
from points.cards import services as cards
from points.cards.models import Card, CardKind
from points.checkin import services as checkin
from points.checkin.models import CheckIn
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Entry
from riskcontrol.screening import services as screening
from riskcontrol.screening.services import Screened

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 20)
YESTERDAY = date(2026, 11, 19)
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)


def on(offset: int) -> date:
    """Days from the first of October 2026."""
    return date(2026, 10, 1) + timedelta(days=offset)


def has(member) -> int:
    return books.balance(member_id=member.id, now=NOW).available


def reached() -> list[str]:
    return sorted(Behaviour.objects.filter(kind_id="streak_reached").values_list("external_id", flat=True))


@pytest.fixture
def rich(coming) -> None:
    coming.receive(1_000, on=date(2026, 9, 1))


@pytest.fixture
def card(regular) -> Callable[..., list[Card]]:
    """Make-up cards of the regular member."""
    kind = CardKind.objects.create(code="make-up", name_zh="补签卡", name_en="Make-up card", use="make_up")

    def grant(count: int = 1, kind: CardKind = kind, key: str = "sample") -> list[Card]:
        return cards.grant(member_id=regular.id, kind=kind.code, count=count, actor="tests", key=key, now=NOW)

    return grant


class TestPaying:
    def test_the_fee_is_spent_under_the_days_own_key_and_the_row_names_the_entry(self, ladder, coming, rich, regular, assert_books_balance):
        made = coming.make_up(YESTERDAY, on=TODAY, pay_with="points")
        entry = Entry.objects.get(kind="spend")
        assert (made.entry_id, made.paid_with, made.made_up_on) == (entry.id, "points", TODAY)
        assert (entry.points, entry.key, entry.subject) == (10, "check-in/2026-11-19/make-up", "check-in/2026-11-19")
        assert has(regular) == 990
        assert_books_balance()

    def test_the_fee_is_what_the_terms_say(self, terms, coming, rich, regular):
        terms(make_up_fee=25)
        coming.make_up(YESTERDAY, on=TODAY)
        assert has(regular) == 975

    def test_a_fee_of_nothing_takes_nothing(self, terms, coming, regular):
        terms(make_up_fee=0)
        made = coming.make_up(YESTERDAY, on=TODAY)
        assert (made.paid_with, made.entry_id) == ("points", None)
        assert not Entry.objects.exists()

    def test_a_card_pays_and_is_used_up(self, coming, card):
        (one,) = card()
        made = coming.make_up(YESTERDAY, on=TODAY, pay_with="card")
        assert (made.card_id, made.paid_with, made.entry_id) == (one.id, "card", None)
        assert (Card.objects.get().status, Card.objects.get().used_by) == ("used", "check-in/2026-11-19")

    def test_of_several_kinds_the_card_that_expires_first_pays_and_never_a_multiplier_card(self, coming, card):
        double = CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double points", use="multiplier", valid_days=1)
        short = CardKind.objects.create(code="short", name_zh="短补签卡", name_en="Short make-up card", use="make_up", valid_days=5)
        card()
        card(kind=double, key="double")
        card(kind=short, key="short")
        assert [coming.make_up(TODAY - timedelta(days=n), on=TODAY, pay_with="card").card.kind_id for n in (1, 2)] == ["short", "make-up"]

    def test_without_a_word_a_card_pays_where_there_is_one_else_points(self, coming, card, rich, regular):
        card()
        paid = [coming.make_up(TODAY - timedelta(days=n), on=TODAY).paid_with for n in (1, 2)]
        assert (paid, has(regular)) == (["card", "points"], 990)

    @pytest.mark.parametrize(("offered", "pay_with"), [("points", "card"), ("card", "points")])
    def test_what_the_terms_do_not_offer_is_refused(self, terms, coming, rich, card, refuses, offered, pay_with):
        terms(make_up_by=offered)
        card()
        with refuses(checkin.PaymentNotOffered) as refused:
            coming.make_up(YESTERDAY, on=TODAY, pay_with=pay_with)
        assert refused.value.figures == {"offered": [offered]}
        assert coming.make_up(YESTERDAY, on=TODAY).paid_with == offered

    @pytest.mark.parametrize(("offered", "pay_with"), [("either", "card"), ("card", None)])
    def test_without_a_card_a_card_does_not_pay(self, terms, coming, rich, refuses, offered, pay_with):
        terms(make_up_by=offered)
        with refuses(cards.NoCard):
            coming.make_up(YESTERDAY, on=TODAY, pay_with=pay_with)

    @pytest.mark.parametrize("points", [0, 9])
    def test_too_few_points_leave_no_day_and_no_entry(self, ladder, coming, regular, refuses, points):
        if points:
            coming.receive(points, on=date(2026, 9, 1))
        with refuses(ledger.InsufficientPoints):
            coming.make_up(YESTERDAY, on=TODAY)
        assert not CheckIn.objects.exists()
        assert has(regular) == points

    def test_fee_and_day_are_one_transaction(self, coming, rich, regular, monkeypatch):
        def fail(**about):
            raise ZeroDivisionError

        monkeypatch.setattr(CheckIn.objects, "create", fail)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            coming.make_up(YESTERDAY, on=TODAY)
        assert has(regular) == 1_000

    def test_a_frozen_account_pays_no_points_but_may_use_a_card(self, coming, rich, card, regular, refuses):
        ledger.freeze(member_id=regular.id, reason="sample", actor="tests", key="freeze", now=NOW)
        with refuses(ledger.AccountFrozen):
            coming.make_up(YESTERDAY, on=TODAY)
        card()
        assert coming.make_up(YESTERDAY, on=TODAY).paid_with == "card"

    def test_a_blocked_member_pays_no_points(self, coming, rich, regular, refuses):
        screening.block(member_id=regular.id, reason="sample", actor="tests", now=NOW)
        with refuses(Screened):
            coming.make_up(YESTERDAY, on=TODAY)

    @pytest.mark.parametrize("wrong", [{"paid_with": "points"}, {"made_up_on": YESTERDAY}, {"made_up_on": TODAY, "paid_with": "card"}])
    def test_the_database_has_no_made_up_day_that_is_not_paid_for_nor_one_paid_for_that_is_not_made_up(self, regular, wrong):
        with pytest.raises(IntegrityError, match="check_in_made_up_is_paid_for"), transaction.atomic():
            CheckIn.objects.create(member_id=regular.id, date=YESTERDAY, streak=1, zone="UTC", actor="tests", recorded_at=NOW, **wrong)


class TestWhichDays:
    @pytest.mark.parametrize("ahead", [0, 1, 400])
    def test_neither_today_nor_a_day_to_come(self, coming, rich, refuses, ahead):
        with refuses(checkin.DayNotOver):
            coming.make_up(TODAY + timedelta(days=ahead), on=TODAY)

    def test_no_further_back_than_the_terms_say(self, terms, coming, rich, refuses):
        terms(make_up_days_back=5, make_ups_per_month=31)
        assert coming.make_up(TODAY - timedelta(days=5), on=TODAY).made_up
        with refuses(checkin.DayTooLongAgo):
            coming.make_up(TODAY - timedelta(days=6), on=TODAY)

    def test_from_the_day_of_registration_on_by_the_programmes_date(self, coming, card, terms, refuses):
        terms(make_up_fee=0, make_up_by="points")
        members.ensure(external_id="M-new", now=datetime(2026, 11, 1, tzinfo=UTC))
        coming.member, _ = members.register(external_id="M-new", now=datetime(2026, 11, 16, 16, tzinfo=UTC))  # midnight, the 17th begins
        assert coming.make_up(date(2026, 11, 17), on=TODAY).made_up
        with refuses(checkin.DayBeforeJoining) as refused:
            coming.make_up(date(2026, 11, 16), on=TODAY)
        assert refused.value.figures == {"joined": "2026-11-17"}

    def test_who_never_registered_joined_when_first_seen(self, coming, terms, refuses):
        terms(make_up_fee=0)
        coming.member = members.ensure(external_id="M-bare", now=datetime(2026, 11, 17, 4, tzinfo=UTC))
        assert coming.make_up(date(2026, 11, 17), on=TODAY).made_up
        with refuses(checkin.DayBeforeJoining):
            coming.make_up(date(2026, 11, 16), on=TODAY)

    def test_a_day_that_was_checked_in_is_taken(self, coming, rich, refuses):
        coming.come(YESTERDAY)
        with refuses(checkin.DayTaken):
            coming.make_up(YESTERDAY, on=TODAY)

    def test_the_same_make_up_again_is_the_first_answer_and_costs_nothing_more(self, coming, rich, regular):
        first = coming.make_up(YESTERDAY, on=TODAY, pay_with="points")
        later = TODAY + timedelta(days=40)
        assert [coming.make_up(YESTERDAY, on=TODAY).id, coming.make_up(YESTERDAY, on=later, pay_with="points").id] == [first.id] * 2
        assert has(regular) == 990

    def test_the_same_day_paid_otherwise_is_refused(self, coming, rich, card, refuses):
        coming.make_up(YESTERDAY, on=TODAY, pay_with="points")
        card()
        with refuses(checkin.DayTaken):
            coming.make_up(YESTERDAY, on=TODAY, pay_with="card")

    def test_so_many_in_a_month_and_again_in_the_next(self, coming, rich, refuses):
        days = [TODAY - timedelta(days=n) for n in range(1, 5)]
        for day in days[:3]:
            coming.make_up(day, on=TODAY)
        with refuses(checkin.MakeUpsUsedUp):
            coming.make_up(days[3], on=date(2026, 11, 30))
        assert coming.make_up(days[3], on=date(2026, 12, 1)).made_up

    def test_a_make_up_counts_in_the_month_in_which_it_is_made_not_in_that_of_its_day(self, terms, coming, rich, refuses):
        terms(make_ups_per_month=1)
        coming.make_up(date(2026, 10, 30), on=date(2026, 10, 31))
        coming.make_up(date(2026, 10, 31), on=date(2026, 11, 1))
        with refuses(checkin.MakeUpsUsedUp):
            coming.make_up(date(2026, 11, 1), on=date(2026, 11, 2))

    def test_none_in_a_month_is_none(self, terms, coming, rich, refuses):
        terms(make_ups_per_month=0)
        with refuses(checkin.MakeUpsUsedUp):
            coming.make_up(YESTERDAY, on=TODAY)

    def test_a_change_of_the_zone_lets_nobody_make_up_more(self, coming, rich, in_zone, refuses):
        in_zone("Asia/Shanghai")
        at = datetime(2026, 11, 30, 17, tzinfo=UTC)  # the first of December in Shanghai, the last of November in New York
        for n in range(3):
            checkin.make_up(member_id=coming.member.id, day=date(2026, 11, 25 + n), actor="tests", now=at)
        in_zone("America/New_York")
        with refuses(checkin.MakeUpsUsedUp):
            coming.make_up(date(2026, 11, 29), on=date(2026, 12, 20))


class TestStreaks:
    def test_a_made_up_day_earns_nothing_and_re_prices_no_other(self, ladder, coming, rich):
        coming.come(on(0), on(1), on(3), on(4))
        before = list(Entry.objects.filter(kind="earn").values_list("id", "points"))
        made = coming.make_up(on(2), on=on(5))
        assert (made.streak, made.points, made.milestones) == (3, 0, [])
        assert list(Entry.objects.filter(kind="earn").values_list("id", "points")) == before
        assert not Behaviour.objects.filter(kind_id="checked_in", external_id=str(on(2))).exists()

    def test_the_next_check_in_climbs_from_the_joined_streak(self, ladder, coming, rich):
        coming.come(on(0), on(1), on(3))
        coming.make_up(on(2), on=on(4))
        (made,) = coming.come(on(4))
        assert (made.streak, made.points) == (5, 30)

    def test_a_milestone_that_the_joined_streak_reaches_is_granted_at_once_keyed_by_its_start(self, ladder, coming, rich, assert_books_balance):
        coming.come(*map(on, (0, 1, 2, 4, 5, 6)))
        made = coming.make_up(on(3), on=on(7))
        assert (made.points, made.milestones, reached()) == (50, [7], [f"{on(0)}/7"])
        assert_books_balance()

    def test_a_streak_that_begins_earlier_by_a_make_up_brings_its_milestone_no_second_time(self, ladder, terms, coming, rich):
        terms(make_ups_per_month=31)
        coming.come(*map(on, range(10, 17)))
        assert reached() == [f"{on(10)}/7"]
        for offset in range(9, 2, -1):
            assert coming.make_up(on(offset), on=on(17)).milestones == []
        assert reached() == [f"{on(10)}/7"]

    # Days checked in, days made up then one by one, and the milestones (days, start) there are in the end.
    JOINS = [
        ("two halves", [*range(3), *range(4, 7)], [3], {(7, 0)}),
        ("past it", [*range(6), *range(7, 13)], [6], {(7, 0)}),
        ("one that had it, and a short one", [*range(7), *range(8, 10)], [7], {(7, 0)}),
        ("a short one, and one that had it", [*range(2), *range(3, 10)], [2], {(7, 3)}),
        ("two that had it", [*range(7), *range(8, 15)], [7], {(7, 0), (7, 8)}),
        ("two that had it reach the next", [*range(14), *range(15, 30)], [14], {(7, 0), (7, 15), (30, 0)}),
        ("a gap of two days", [*range(4), *range(6, 9)], [5, 4], {(7, 0)}),
        ("a gap of two days, the other way round", [*range(4), *range(6, 9)], [4, 5], {(7, 0)}),
        ("three short ones", [0, 1, 3, 4, 6, 7], [2, 5], {(7, 0)}),
        ("three short ones, the later gap first", [0, 1, 3, 4, 6, 7], [5, 2], {(7, 0)}),
        ("the later part first", [0, *range(2, 5), *range(6, 10)], [5, 1], {(7, 2)}),
        ("days put before", [*range(3, 9)], [2, 1, 0], {(7, 2)}),
        ("never there", [*range(3), *range(4, 6)], [3], set()),
    ]

    @pytest.mark.parametrize(("what", "came", "made_up", "expected"), JOINS, ids=[what for what, *_ in JOINS])
    def test_joins_reach_each_milestone_once_for_the_same_run_of_days(self, terms, ladder, coming, rich, what, came, made_up, expected):
        terms(make_ups_per_month=31)
        coming.come(*map(on, came))
        for offset in made_up:
            coming.make_up(on(offset), on=on(max(came) + 1))
        assert reached() == sorted(f"{on(start)}/{days}" for days, start in expected)
        granted = sorted(days for one in CheckIn.objects.all() for days in one.milestones)
        assert len(granted) == len(expected)

    def test_a_made_up_day_counts_towards_a_milestone_that_comes_later(self, ladder, coming, rich):
        coming.come(*map(on, (0, 1, 2, 4)))
        coming.make_up(on(3), on=on(5))
        assert [one.milestones for one in coming.come(on(5), on(6), on(7))] == [[], [7], []]
