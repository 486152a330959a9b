from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest
from django.db import IntegrityError, InternalError, connection, transaction

from accounts.activity.models import Behaviour
from accounts.members import services as members
from loyalty.programme import services as programme
from points.checkin import selectors
from points.checkin import services as checkin
from points.checkin.models import CheckIn
from points.checkin.rules import Run
from points.ledger.models import Entry
from riskcontrol.screening import services as screening

pytestmark = pytest.mark.django_db
FIRST = date(2026, 11, 1)
SECOND = timedelta(seconds=1)


class TestADay:
    def test_the_first_check_in_is_a_streak_of_one_and_earns_the_first_step(self, ladder, coming, assert_books_balance):
        (made,) = coming.come(FIRST)
        assert (made.date, made.streak, made.points, made.milestones, made.made_up) == (FIRST, 1, 10, [], False)
        assert Entry.objects.get().points == 10
        assert_books_balance()

    def test_the_fact_carries_the_date_as_its_id_and_the_streak(self, ladder, coming, days):
        coming.come(*days(FIRST, 2))
        facts = Behaviour.objects.filter(kind_id="checked_in").order_by("external_id").values_list("external_id", "data")
        assert list(facts) == [("2026-11-01", {"streak": 1}), ("2026-11-02", {"streak": 2})]

    def test_the_same_day_again_is_the_first_answer_and_earns_nothing_more(self, ladder, coming):
        first, again = coming.come_at(datetime(2026, 11, 3, 1, tzinfo=UTC), datetime(2026, 11, 3, 15, tzinfo=UTC))
        assert (again.id, again.points) == (first.id, 10)
        assert Entry.objects.count() == 1

    def test_seven_days_climb_the_ladder_day_seven_brings_more_and_day_eight_starts_again_while_the_streak_counts_on(self, ladder, coming, days):
        made = coming.come(*days(FIRST, 9))
        assert [one.points for one in made] == [10, 15, 20, 25, 30, 40, 100, 10, 15]
        assert [one.streak for one in made] == list(range(1, 10))
        assert [one.milestones for one in made] == [[]] * 6 + [[7]] + [[]] * 2

    def test_day_thirty_brings_its_prize(self, ladder, coming, days):
        made = coming.come(*days(FIRST, 31))
        assert {one.streak: one.milestones for one in made if one.milestones} == {7: [7], 30: [30]}
        assert made[29].points == 15 + 300

    def test_a_milestone_is_a_fact_keyed_by_the_start_of_the_streak(self, ladder, coming, days):
        coming.come(*days(FIRST, 7))
        fact = Behaviour.objects.get(kind_id="streak_reached")
        assert (fact.external_id, fact.data) == ("2026-11-01/7", {"days": 7, "start": "2026-11-01"})

    def test_a_missed_day_begins_a_new_streak_that_can_reach_the_milestone_again(self, ladder, coming, days):
        coming.come(*days(FIRST, 8))
        made = coming.come(*days(FIRST + timedelta(days=9), 7))
        assert [one.streak for one in made] == [1, 2, 3, 4, 5, 6, 7]
        assert made[-1].milestones == [7]
        assert Behaviour.objects.filter(kind_id="streak_reached").count() == 2

    def test_without_any_rule_a_check_in_is_written_down_and_earns_nothing(self, coming, days):
        made = coming.come(*days(FIRST, 7))
        assert ([one.points for one in made], made[-1].milestones) == ([0] * 7, [7])

    def test_without_milestones_none_is_told(self, ladder, terms, coming, days):
        terms(milestones=[])
        assert coming.come(*days(FIRST, 7))[-1].points == 50
        assert not Behaviour.objects.filter(kind_id="streak_reached").exists()

    def test_a_milestone_added_later_is_not_reached_by_a_streak_that_is_longer_already(self, ladder, terms, coming, days):
        coming.come(*days(FIRST, 4))
        terms(milestones=[3, 5])
        assert [one.milestones for one in coming.come(*days(FIRST + timedelta(days=4), 2))] == [[5], []]

    def test_a_blocked_member_checks_in_and_earns_nothing(self, ladder, coming, regular):
        screening.block(member_id=regular.id, reason="sample", actor="tests", now=datetime(2026, 10, 1, tzinfo=UTC))
        (made,) = coming.come(FIRST)
        assert (made.streak, made.points) == (1, 0)

    def test_members_do_not_count_for_each_other(self, ladder, coming, days, regular):
        coming.come(*days(FIRST, 3))
        coming.member = members.ensure(external_id="M-10", now=datetime(2026, 1, 1, tzinfo=UTC))
        assert coming.come(FIRST + timedelta(days=3))[0].streak == 1

    def test_what_is_written_down_never_changes_and_never_goes(self, ladder, coming):
        coming.come(FIRST)
        for act in (lambda: CheckIn.objects.update(streak=99), lambda: CheckIn.objects.all().delete()):
            with pytest.raises(InternalError, match="check_in_stays"), transaction.atomic():
                act()

    def test_the_database_has_one_row_a_date(self, ladder, coming):
        (made,) = coming.come(FIRST)
        with pytest.raises(IntegrityError, match="check_in_once_a_day"), transaction.atomic():
            CheckIn.objects.create(member_id=made.member_id, date=FIRST, streak=1, zone="UTC", actor="tests", recorded_at=made.recorded_at)


# Zone, moments by that zone's clock (or with their own offset), and the streaks they make: None where the day was taken.
CLOCKS = [
    ("Asia/Shanghai", "month end", ["2026-11-30T23:59:59", "2026-12-01T00:00:00"], [1, 2]),
    ("Asia/Shanghai", "year end", ["2026-12-31T23:59:59", "2027-01-01T00:00:00", "2027-01-01T23:59:59", "2027-01-02T00:00:00"], [1, 2, None, 3]),
    ("Asia/Shanghai", "leap day", ["2028-02-28T23:59:59", "2028-02-29T00:00:00", "2028-03-01T00:00:00"], [1, 2, 3]),
    ("Asia/Shanghai", "no leap day", ["2027-02-28T23:59:59", "2027-03-01T00:00:00"], [1, 2]),
    ("Asia/Shanghai", "two days apart", ["2026-11-01T23:59:59", "2026-11-03T00:00:00"], [1, 1]),
    ("Asia/Shanghai", "47 hours, 59 minutes apart", ["2026-11-01T00:00:00", "2026-11-02T23:59:59"], [1, 2]),
    ("America/New_York", "a day of 23 hours", ["2026-03-07T23:59:59", "2026-03-08T00:00:00", "2026-03-08T23:59:59", "2026-03-09T00:00:00"], [1, 2, None, 3]),
    ("America/New_York", "24 hours before it, 24 hours after", ["2026-03-07T23:30:00", "2026-03-09T00:30:00-04:00"], [1, 1]),
    ("America/New_York", "a day of 25 hours", ["2026-10-31T23:59:59", "2026-11-01T00:00:00", "2026-11-01T23:59:59", "2026-11-02T00:00:00"], [1, 2, None, 3]),
    ("America/New_York", "half past one, twice", ["2026-11-01T01:30:00-04:00", "2026-11-01T01:30:00-05:00", "2026-11-02T01:30:00-05:00"], [1, None, 2]),
    ("America/New_York", "24 hours later is the same day still", ["2026-11-01T00:00:00-04:00", "2026-11-01T23:00:00-05:00"], [1, None]),
    ("America/Sao_Paulo", "a day that begins at one", ["2018-11-03T23:59:59-03:00", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"], [1, 2, 3]),
    ("Asia/Shanghai", "told elsewhere", ["2026-11-01T10:59:59-05:00", "2026-11-01T11:00:00-05:00", "2026-11-03T01:29:59+09:30"], [1, 2, None]),
    ("Asia/Kathmandu", "a quarter of an hour off", ["2026-11-01T18:14:59+00:00", "2026-11-01T18:15:00+00:00"], [1, 2]),
]


@pytest.mark.parametrize(("zone", "what", "moments", "streaks"), CLOCKS, ids=[f"{zone}: {what}" for zone, what, *_ in CLOCKS])
def test_a_business_day_begins_and_ends_at_midnight_of_the_programmes_zone_wherever_the_member_is(in_zone, coming, zone, what, moments, streaks):
    where = in_zone(zone)
    told = [datetime.fromisoformat(text) for text in moments]
    made = coming.come_at(*(moment if moment.tzinfo else moment.replace(tzinfo=where) for moment in told))
    expected = {moment.astimezone(where).date() if moment.tzinfo else moment.date() for moment in told}
    assert set(CheckIn.objects.values_list("date", flat=True)) == expected
    seen: set[date] = set()
    for one, streak in zip(made, streaks, strict=True):
        assert (one.date in seen) is (streak is None)
        assert streak in (None, one.streak)
        seen.add(one.date)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "America/Sao_Paulo", "Europe/London", "Australia/Lord_Howe"])
def test_a_year_of_last_seconds_and_first_seconds_is_a_streak_without_a_gap(in_zone, coming, zone):
    """Every tenth day or so, so that all ends of months come by; each clock change of the year lies between two of them or in one."""
    where = in_zone(zone)
    for start in (date(2018, 2, 26), date(2018, 3, 10), date(2018, 3, 24), date(2018, 10, 6), date(2018, 10, 27), date(2018, 11, 3), date(2018, 12, 30)):
        for n in range(3):
            midnight = datetime.combine(start + timedelta(days=n + 1), datetime.min.time(), tzinfo=where).astimezone(UTC)
            (made,) = coming.come_at(midnight - SECOND)
            assert (made.date, made.streak) == (start + timedelta(days=n), n + 1)


class TestAnotherZone:
    """The programme moves to another zone while its members check in."""

    def test_stored_dates_stay_and_the_streak_goes_on(self, ladder, coming, in_zone):
        in_zone("Asia/Shanghai")
        coming.come(FIRST, FIRST + timedelta(days=1))
        before = list(CheckIn.objects.order_by("date").values_list("date", "zone"))
        moved = programme.change_zone(zone="America/New_York", now=datetime(2026, 11, 2, 4, 30, tzinfo=UTC))  # the first, half past eleven at night
        (made,) = coming.come_at(moved.zone_from + timedelta(hours=1))
        assert (made.date, made.streak, made.zone) == (date(2026, 11, 2), 2, "Asia/Shanghai")  # the second has come again, and is taken
        (made,) = coming.come_at(moved.zone_from + timedelta(hours=25))
        assert (made.date, made.streak, made.zone) == (date(2026, 11, 3), 3, "America/New_York")
        assert list(CheckIn.objects.order_by("date").values_list("date", "zone"))[:2] == before

    def test_until_the_new_zones_midnight_the_old_one_tells_the_day(self, coming, in_zone):
        in_zone("America/New_York")
        moved = programme.change_zone(zone="Asia/Shanghai", now=datetime(2026, 11, 2, 17, tzinfo=UTC))  # noon there; 1 o'clock on the third here
        made = coming.come_at(moved.zone_from - SECOND, moved.zone_from)
        assert [(one.date, one.streak, one.zone) for one in made] == [(date(2026, 11, 3), 1, "America/New_York"), (date(2026, 11, 4), 2, "Asia/Shanghai")]

    def test_dates_that_come_again_stay_taken(self, ladder, coming, in_zone):
        """From the first zone on earth to the last: two dates come again."""
        in_zone("Pacific/Kiritimati")
        third, fourth = coming.come_at(datetime(2026, 11, 2, 12, tzinfo=UTC), datetime(2026, 11, 3, 10, 30, tzinfo=UTC))
        moved = programme.change_zone(zone="Pacific/Pago_Pago", now=datetime(2026, 11, 2, 12, tzinfo=UTC))
        made = coming.come_at(*(moved.zone_from + timedelta(hours=hours) for hours in (1, 25, 49)))
        assert [one.id for one in made[:2]] == [third.id, fourth.id]
        assert [(one.date.day, one.streak) for one in made] == [(3, 1), (4, 2), (5, 3)]
        assert Entry.objects.count() == 3


class TestTheRun:
    """Derived from the rows by one statement, against days walked one by one."""

    def fill(self, member, days):
        at = datetime(2026, 1, 1, tzinfo=UTC)
        CheckIn.objects.bulk_create([CheckIn(member=member, date=day, streak=1, zone="UTC", actor="tests", recorded_at=at) for day in days])

    def test_2_000_generated_cases(self):
        dice, cases = Random(11), 0
        for number in range(40):
            member = members.ensure(external_id=f"R-{number}", now=datetime(2026, 1, 1, tzinfo=UTC))
            start, density = date(2025, 12, 1) + timedelta(days=dice.randrange(800)), dice.uniform(0.3, 0.98)
            there = {start + timedelta(days=n) for n in range(60) if dice.random() < density}
            self.fill(member, dice.sample(sorted(there), len(there)))
            for n in range(-1, 61):
                day = start + timedelta(days=n)
                first = last = day
                while first - timedelta(days=1) in there:
                    first -= timedelta(days=1)
                while last + timedelta(days=1) in there:
                    last += timedelta(days=1)
                assert selectors.run(member_id=member.id, day=day) == Run(first, last)
                cases += 1
        assert cases > 2_000

    def test_a_streak_of_years_is_one_statement(self, regular, django_assert_num_queries):
        self.fill(regular, [date(2020, 1, 1) + timedelta(days=n) for n in range(2_500)])
        with django_assert_num_queries(1):
            run = selectors.run(member_id=regular.id, day=date(2020, 1, 1) + timedelta(days=2_500))
        assert run.streak(run.last) == 2_501

    def test_it_follows_the_unique_index_and_not_the_table(self, regular):
        for number in range(20):
            other = members.ensure(external_id=f"R-{number}", now=datetime(2026, 1, 1, tzinfo=UTC))
            self.fill(other, [date(2020, 1, 1) + timedelta(days=n) for n in range(300)])
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE points_checkin")
            cursor.execute("EXPLAIN " + selectors._RUN, {"member": regular.id, "day": FIRST})
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert "Seq Scan" not in plan


def test_a_check_in_is_a_bounded_number_of_statements_however_long_the_streak(ladder, coming, days, django_assert_max_num_queries):
    coming.come(*days(FIRST, 3))
    with django_assert_max_num_queries(25):
        coming.come(FIRST + timedelta(days=3))


def test_two_verbs_join_one_transaction(ladder, coming, regular):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        checkin.check_in(member_id=regular.id, actor="tests", now=datetime(2026, 11, 3, 4, tzinfo=UTC))
        raise ZeroDivisionError
    assert not CheckIn.objects.exists()
    assert not Behaviour.objects.exists()
    assert not Entry.objects.exists()
