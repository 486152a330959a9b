from datetime import timedelta
from itertools import count

import pytest

from loyalty.lib.localtime import local_date, start_of_day
from points.checkin import services as checkin
from points.checkin.models import CheckIn
from points.ledger.models import Entry

pytestmark = pytest.mark.django_db
PATH = "/api/v1/members/M-9/check-ins"
_keys = count(1)


@pytest.fixture
def today(now, shanghai):
    return local_date(now, shanghai)


@pytest.fixture
def streak(coming, now):
    """`streak(5)`: checked in for the last five days, not yet today; `streak(5, 2)`: from two days further back on."""

    def come(days: int, gap: int = 0) -> None:
        coming.come_at(*(now - timedelta(days=n) for n in range(days + gap, gap, -1)))

    return come


def post(client, body=None, path=PATH, key=None):
    return client.post(path, body, format="json", headers={"Idempotency-Key": key or f"k-{next(_keys)}"})


def shown(client, query="", path=PATH):
    answer = client.get(path + query)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_a_check_in_answers_with_the_day_the_streak_the_points_and_the_month(storefront, ladder, streak, today):
    streak(6)
    answer = post(storefront, {})
    body = answer.json()
    assert answer.status_code == 201
    assert {name: body[name] for name in ("date", "made_up", "paid_with", "streak", "points", "claimable", "milestones")} == {
        "date": str(today),
        "made_up": False,
        "paid_with": None,
        "streak": 7,
        "points": 100,
        "claimable": 0,
        "milestones": [7],
    }
    assert (body["calendar"]["streak"], body["calendar"]["month"]) == (7, f"{today:%Y-%m}")


def test_no_body_at_all_is_todays_check_in(storefront, ladder, regular, today):
    assert post(storefront).json()["date"] == str(today)


def test_the_same_day_with_another_key_is_the_first_answer_with_status_200(storefront, ladder, regular):
    first, again = post(storefront, {}), post(storefront, {})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert Entry.objects.count() == 1


def test_the_same_key_is_replayed(storefront, ladder, regular):
    first, again = post(storefront, {}, key="once"), post(storefront, {}, key="once")
    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (201, first.content, "true")


def test_a_check_in_needs_a_key(storefront, regular):
    answer = storefront.post(PATH, {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "key_missing")


def test_a_member_checks_in_by_their_own_token(member_client, ladder, member, today):
    answer = post(member_client, {}, path="/api/v1/me/check-ins")
    assert (answer.status_code, answer.json()["points"]) == (201, 10)
    made = CheckIn.objects.get()
    assert (made.member_id, made.date, made.actor) == (member.id, today, f"member:{member.id}")


def test_a_missed_day_is_made_up_and_joins_the_streak(storefront, ladder, coming, streak, now, today):
    coming.receive(50, on=(now - timedelta(days=60)).date())
    streak(3, 4)
    streak(3)
    answer = post(storefront, {"make_up_for": str(today - timedelta(days=4)), "pay_with": "points"})
    body = answer.json()
    assert answer.status_code == 201, body
    assert (body["made_up"], body["paid_with"], body["points"], body["milestones"], body["streak"]) == (True, "points", 50, [7], 4)
    assert body["calendar"]["streak"] == 7
    again = post(storefront, {"make_up_for": str(today - timedelta(days=4))})
    assert (again.status_code, again.json()["points"]) == (200, 50)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"make_up_for": "tomorrow"}, 400, "invalid"),
        ({"make_up_for": 20261101}, 400, "invalid"),
        ({"pay_with": "points"}, 400, "invalid"),
        ({"make_up_for": "2026-11-01", "pay_with": "money"}, 400, "invalid"),
        ({"date": "2026-11-01"}, 400, "invalid"),
        ({"make_up_for": "9998-12-31"}, 422, "day_not_over"),
        ({"make_up_for": "1999-12-31"}, 422, "day_before_joining"),
        ({"make_up_for": "2018-01-02"}, 422, "day_too_long_ago"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(storefront, ladder, regular, body, status, code):
    answer = post(storefront, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not CheckIn.objects.exists()


def test_too_few_points_are_told_with_the_figures(storefront, regular, today):
    answer = post(storefront, {"make_up_for": str(today - timedelta(days=1))})
    assert (answer.status_code, answer.json()["code"], answer.json()["wanted"]) == (409, "insufficient_points", 10)


class TestTheMonth:
    def test_it_is_this_month_by_default_with_every_day_of_it(self, storefront, regular, today):
        month = shown(storefront)
        assert (month["month"], month["today"], month["zone"]) == (f"{today:%Y-%m}", str(today), "Asia/Shanghai")
        assert month["days"][0]["date"] == str(today.replace(day=1))
        assert [day["state"] for day in month["days"] if day["date"] == str(today)] == ["open"]

    def test_any_month_can_be_asked_for(self, storefront, regular):
        assert [len(shown(storefront, f"?month={month}")["days"]) for month in ("2024-02", "2025-02", "1900-01", "9998-12")] == [29, 28, 31, 31]

    @pytest.mark.parametrize("month", ["", "2026", "2026-13", "2026-1", "1899-12", "9999-01", "２０２６-01", "now"])
    def test_what_is_no_month_is_refused(self, storefront, regular, month):
        answer = storefront.get(f"{PATH}?month={month}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "month")

    def test_reading_changes_nothing(self, storefront, ladder, streak):
        streak(3)
        before = list(CheckIn.objects.values())
        shown(storefront)
        assert list(CheckIn.objects.values()) == before

    def test_the_streak_lives_through_an_open_day_and_ends_with_a_missed_one(self, storefront, streak, today, coming, now):
        streak(3)
        month = shown(storefront)
        assert (month["streak"], month["streak_start"]) == (3, str(today - timedelta(days=3)))
        coming.come_at(now)
        assert shown(storefront)["streak"] == 4

    def test_after_a_missed_day_there_is_no_streak(self, storefront, streak):
        streak(3, 1)
        month = shown(storefront)
        assert (month["streak"], month["streak_start"]) == (0, None)

    def test_the_streak_is_todays_whatever_month_is_shown(self, storefront, streak, coming, now):
        streak(2)
        coming.come_at(now)
        assert shown(storefront, "?month=2025-02")["streak"] == 3

    def test_it_says_what_the_next_check_in_brings(self, storefront, ladder, streak, today, coming, now):
        streak(6)
        assert shown(storefront)["next"] == {"date": str(today), "streak": 7, "points": 100, "most": 100, "milestones": [7]}
        coming.come_at(now)
        assert shown(storefront)["next"] == {"date": str(today + timedelta(days=1)), "streak": 8, "points": 10, "most": 10, "milestones": []}

    def test_without_rules_the_next_check_in_brings_nothing(self, storefront, regular):
        assert shown(storefront)["next"]["points"] == 0

    def test_it_says_which_milestone_lies_ahead_and_when(self, storefront, streak, terms, today):
        streak(3)
        assert shown(storefront)["next_milestone"] == {"days": 7, "on": str(today + timedelta(days=3))}
        terms(milestones=[2])
        assert shown(storefront)["next_milestone"] is None

    def test_it_says_what_making_up_takes_and_how_often_it_is_left(self, storefront, terms, coming, now, today):
        assert shown(storefront)["make_up"] == {"left": 3, "pay_with": ["card", "points"], "fee": 10, "cards": 0}
        terms(make_up_fee=0, make_up_by="points", make_ups_per_month=1)
        checkin.make_up(member_id=coming.member.id, day=today - timedelta(days=1), actor="tests", now=now)
        assert shown(storefront)["make_up"] == {"left": 0, "pay_with": ["points"], "fee": 0, "cards": 0}

    def test_a_month_is_a_few_statements_however_many_days_were_checked_in(self, storefront, ladder, streak, django_assert_max_num_queries):
        streak(60)
        shown(storefront)
        with django_assert_max_num_queries(16):
            shown(storefront)


def test_the_clock_of_the_request_decides_the_day(storefront, ladder, regular, today, shanghai, monkeypatch):
    """One second apart, at midnight: two days."""
    midnight = start_of_day(today, shanghai)
    for moment, streak in ((midnight - timedelta(seconds=1), 1), (midnight, 2)):
        monkeypatch.setattr("points.checkin.api.timezone.now", lambda moment=moment: moment)
        assert post(storefront, {}).json()["streak"] == streak
