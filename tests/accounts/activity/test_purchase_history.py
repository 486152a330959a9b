"""What the engine is told of a member's earlier purchases."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from accounts.activity import rules, selectors, services
from accounts.activity.models import Purchase
from accounts.activity.rules import Line
from loyalty.lib.localtime import local_date, start_of_day

SHANGHAI = ZoneInfo("Asia/Shanghai")
BEFORE = datetime(2026, 3, 10, 4, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 9, 16, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def buy(member, now):
    def make(number, occurred_at, *categories, member_id=member.id, **more):
        lines = tuple(Line(str(n), category=category, amount_cents=100) for n, category in enumerate(categories, 1))
        facts = rules.Purchase(str(number), occurred_at, "CNY", 100 * len(lines), lines, **more)
        return services.record_purchase(member_id=member_id, facts=facts, digest=rules.digest(facts), now=now).purchase

    return make


@pytest.fixture
def history(member):
    def ask(*categories, before=BEFORE, purchase="", days=30, member_id=member.id):
        since = start_of_day(local_date(before, SHANGHAI) - timedelta(days=days), SHANGHAI)
        values = [member_id, purchase, before, list(categories), since]
        with connection.cursor() as cursor:
            cursor.execute("SELECT ARRAY(SELECT to_json(accounts_bought_before(%s, %s, %s, %s::text[], %s)))", values)
            return selectors.history(cursor.fetchone()[0])

    return ask


def test_a_member_who_bought_nothing_has_no_history(history):
    assert history("A") == (0, None, {})


def test_the_history_counts_what_came_before_and_names_the_latest(buy, history, other_member):
    for day in (5, 1, 3):
        buy(day, BEFORE - timedelta(days=day), "A")
    buy("later", BEFORE + timedelta(microseconds=1), "A")
    buy("hers", BEFORE - timedelta(hours=1), "A", member_id=other_member.id)
    assert history() == (3, BEFORE - timedelta(days=1), {})
    assert history(before=BEFORE + timedelta(days=1)).count == 4


def test_of_one_instant_what_is_recorded_already_came_before_and_a_purchase_never_before_itself(buy, history):
    buy("first", BEFORE, "A")
    assert history("A", "B", purchase="first") == (0, None, {})
    buy("second", BEFORE, "A", "B")
    assert history("A", "B", purchase="second") == (1, BEFORE, {"A": BEFORE})
    assert history("A", "B") == (2, BEFORE, {"A": BEFORE, "B": BEFORE})


def test_each_category_that_is_asked_for_has_its_own_latest(buy, history):
    buy(1, BEFORE - timedelta(days=9), "A", "B")
    buy(2, BEFORE - timedelta(days=4), "A", "A", "A/B")
    buy(3, BEFORE - timedelta(days=2), "C")
    assert history("A", "B", "D").last_by_category == {"A": BEFORE - timedelta(days=4), "B": BEFORE - timedelta(days=9)}


@pytest.mark.parametrize(
    ("days", "at", "found"),
    [
        (0, MIDNIGHT, True),
        (0, MIDNIGHT - timedelta(microseconds=1), False),
        (30, MIDNIGHT - timedelta(days=30), True),
        (30, MIDNIGHT - timedelta(days=30, microseconds=1), False),
        (3650, BEFORE - timedelta(days=3650), True),
    ],
)
def test_categories_are_looked_for_in_whole_local_days_and_all_purchases_are_counted(buy, history, days, at, found):
    buy(1, at, "A")
    assert history("A", days=days) == (1, at, {"A": at} if found else {})


def test_what_was_refunded_completely_was_never_bought(buy, history):
    kept, back = buy(1, BEFORE - timedelta(days=2), "A", "B"), buy(2, BEFORE - timedelta(days=1), "A")
    services.mark_refunded(purchase=back)
    assert history("A", "B") == (1, kept.occurred_at, {"A": kept.occurred_at, "B": kept.occurred_at})
    assert back.refunded
    assert not Purchase.objects.get(id=kept.id).refunded


def test_the_channel_and_what_a_line_cost_are_kept(buy, member):
    line = Line("1", amount_cents=100, cost_cents=60)
    facts = rules.Purchase("1", BEFORE, "CNY", 200, (line, Line("2", amount_cents=100)), channel="app")
    purchase = services.record_purchase(member_id=member.id, facts=facts, digest=rules.digest(facts), now=BEFORE).purchase
    kept = selectors.facts_of(Purchase.objects.get(id=purchase.id))
    assert (kept.channel, [one.cost_cents for one in kept.lines]) == ("app", [60, None])
    assert rules.digest(kept) == rules.digest(facts)
