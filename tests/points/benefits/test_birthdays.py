"""Birthdays, told once a year by the programme's days."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.activity.models import Behaviour
from accounts.members import services as members
from loyalty.programme.models import Programme
from points.benefits import selectors, services
from points.ledger import selectors as books
from points.rulebook import services as rulebook
from points.rulebook.rules import Definition, Effect

pytestmark = pytest.mark.django_db(transaction=True)

ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def born(now):
    Programme(id=1, zone=ZONE.key).save()

    def register(name, birthday, *, at=datetime(2020, 1, 1, tzinfo=ZONE)):
        return members.register(external_id=name, birthday=birthday, now=at)[0]

    return register


@pytest.fixture
def gift(now):
    version = rulebook.make(
        code="gift", fact="birthday", name_zh="生日礼", name_en="Gift", definition=Definition(effect=Effect(points=66)), actor="tests", now=now
    )
    rulebook.publish(version_id=version.id, ever=True, actor="tests", now=now)


def night(*day, hour=0, minute=10):
    return datetime(*day, hour, minute, tzinfo=ZONE)


def celebrated(now):
    services.celebrate(limit=100, actor="tests", now=now)
    told = Behaviour.objects.filter(kind="birthday").select_related("member").order_by("local_date", "member__external_id")
    return [(one.member.external_id, one.local_date) for one in told]


@pytest.mark.parametrize(
    ("birthday", "tonight", "when"),
    [
        (date(1990, 5, 17), night(2026, 5, 16), None),
        (date(1990, 5, 17), night(2026, 5, 17), date(2026, 5, 17)),
        (date(1990, 5, 17), night(2026, 5, 24), date(2026, 5, 17)),
        (date(1990, 5, 17), night(2026, 5, 25), None),
        (date(1992, 2, 29), night(2026, 2, 28), date(2026, 2, 28)),
        (date(1992, 2, 29), night(2026, 2, 27), None),
        (date(1992, 2, 29), night(2028, 2, 28), None),
        (date(1992, 2, 29), night(2028, 2, 29), date(2028, 2, 29)),
        (date(1990, 12, 31), night(2027, 1, 1), date(2026, 12, 31)),
        (None, night(2026, 5, 17), None),
    ],
)
def test_a_birthday_is_told_on_its_day_or_made_up_for_within_a_week(born, birthday, tonight, when):
    born("A", birthday)
    assert celebrated(tonight) == ([("A", when)] if when else [])


def test_it_is_told_once_a_year_and_grants_what_its_rule_gives(born, gift, assert_books_balance):
    member = born("A", date(1990, 5, 17))
    for tonight in (night(2026, 5, 17), night(2026, 5, 17, hour=9), night(2026, 5, 18), night(2027, 5, 17), night(2027, 5, 18)):
        celebrated(tonight)
    assert celebrated(night(2027, 5, 19)) == [("A", date(2026, 5, 17)), ("A", date(2027, 5, 17))]
    assert books.balance(member_id=member.id, now=night(2027, 5, 20)).available == 66
    assert_books_balance()


def test_who_is_not_registered_or_closed_or_registers_later_is_not_told(born, gift):
    born("A", date(1990, 5, 17), at=night(2026, 5, 18))
    members.ensure(external_id="B", now=night(2020, 1, 1))
    closed = born("C", date(1990, 5, 17))
    members.close(member_id=closed.id)
    assert celebrated(night(2026, 5, 17)) == []


def test_no_more_than_the_limit_are_told_at_a_time_and_the_next_run_goes_on(born, django_assert_max_num_queries):
    for n in range(7):
        born(f"M{n}", date(1990, 5, 10 + n))
    counts = [services.celebrate(limit=3, actor="tests", now=night(2026, 5, 17))["told"] for _ in range(4)]
    assert counts == [3, 3, 1, 0]


def test_one_members_refusal_stops_no_other(born, monkeypatch):
    first, _second = born("A", date(1990, 5, 17)), born("B", date(1990, 5, 17))
    take = services.earning.take

    def refusing(*, member_id, **said):
        if member_id == first.id:
            raise members.MemberClosed
        return take(member_id=member_id, **said)

    monkeypatch.setattr(services.earning, "take", refusing)
    assert services.celebrate(limit=10, actor="tests", now=night(2026, 5, 17) + timedelta(hours=1)) == {"told": 1, "failed": 1}


def test_a_preview_says_of_how_many_members_a_birthday_would_be_told(born, gift):
    born("today", date(1990, 5, 20))
    born("three days ago", date(1990, 5, 17))
    born("tomorrow", date(1990, 5, 21))

    assert selectors.would_celebrate(now=night(2026, 5, 20)) == {"members": 2}
    services.celebrate(limit=10, actor="tests", now=night(2026, 5, 20))
    assert selectors.would_celebrate(now=night(2026, 5, 20)) == {"members": 0}
