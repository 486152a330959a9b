"""Whom a fault has hit: found by facts, decisions and entries, and compensated like any file."""

from datetime import timedelta

import pytest

from accounts.activity.rules import Line, Purchase
from accounts.segments import services as segments
from accounts.segments.models import Segment
from mall.checkout import services as till
from points.batches import rules, selectors, services
from points.batches.models import Batch
from points.earning import services as earning
from points.rulebook import services as rulebook
from tests.points.earning.world import definition
from tiers.ladder.models import Tier
from tiers.standing import services as standings

from .conftest import NOON, lines, worked

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def version(db):
    """One point for each unit of money, of category food only."""
    made = rulebook.make(
        code="food", fact="purchase", name_zh="食品", name_en="Food", definition=definition("per_unit", categories=("food",)),
        actor="tests", now=NOON - timedelta(days=9),
    )  # fmt: skip
    return rulebook.publish(version_id=made.id, ever=True, actor="tests", now=NOON - timedelta(days=9))


class Till:
    def __init__(self, shop):
        self.shop = shop

    def buys(self, ref, cents, *, at=NOON, category="food"):
        purchase = Purchase(f"{ref}-{at:%d%H%M}-{cents}", at, "CNY", cents, (Line("1", "SKU", category, "", 1, cents),))
        till.pay(member_id=self.shop.member(ref), facts=purchase, actor="tests", now=at)

    def likes(self, ref, *, at=NOON):
        data = {"subject": f"{ref}-{at}"}
        earning.take(member_id=self.shop.member(ref), kind="liked", external_id=f"{ref}-{at}", data=data, occurred_at=at, actor="tests", now=at)


@pytest.fixture
def sold(shop, version):
    """A buys twice and C once within the hour; B buys something else; D bought before, E after it."""
    till = Till(shop)
    till.buys("A", 1000)
    till.buys("A", 2500, at=NOON + HOUR / 2)
    till.buys("B", 9000, category="toys")
    till.buys("C", 700)
    till.buys("D", 5000, at=NOON - HOUR / 60)
    till.buys("E", 6000, at=NOON + HOUR)
    return till


def query(about="facts", kind="purchase", version=None, **more):
    return selectors.Query(about, kind, version, NOON, NOON + HOUR, **more)


def found(asked):
    return {ref: (times, got) for ref, times, got in selectors.as_rows(selectors.victims(asked, now=NOON + HOUR))}


def test_purchases_between_two_times_with_what_they_brought(sold):
    assert found(query()) == {"A": (2, 35), "B": (1, 0), "C": (1, 7)}


@pytest.mark.parametrize(("granted", "who"), [("some", {"A", "C"}), ("none", {"B"}), ("any", {"A", "B", "C"})])
def test_with_points_or_without(sold, granted, who):
    assert set(found(query(granted=granted))) == who


@pytest.mark.parametrize(("category", "who"), [("food", {"A", "C"}), ("toys", {"B"}), ("books", set())])
def test_of_one_category(sold, category, who):
    assert set(found(query(category=category))) == who


def test_behaviours_of_a_kind(sold):
    sold.likes("A")
    sold.likes("F", at=NOON + HOUR / 2)
    sold.likes("G", at=NOON + HOUR)
    assert found(query(kind="liked")) == {"A": (1, 0), "F": (1, 0)}


@pytest.mark.parametrize(
    ("granted", "who"), [("some", {"A": (2, 35), "C": (1, 7)}), ("none", {"B": (1, 0)}), ("any", {"A": (2, 35), "B": (1, 0), "C": (1, 7)})]
)
def test_what_a_version_of_a_rule_gave_and_whom_it_gave_nothing(sold, version, granted, who):
    assert found(query("decisions", "", version.id, granted=granted)) == who


def test_entries_of_a_kind(sold, shop):
    shop.spends("A", 5)
    assert found(query("entries", "spend")) == {"A": (1, 5)}
    assert found(query("entries", "earn")) == {"A": (2, 35), "C": (1, 7)}


@pytest.fixture
def ladder(db):
    Tier.objects.create(code="base", rank=1, name_zh="普通", name_en="Base")
    Tier.objects.create(code="gold", rank=2, name_zh="黄金", name_en="Gold")


def test_only_who_stands_in_a_tier_or_a_segment_today(ladder, sold, shop):
    standings.set_standing(member_id=shop.member("C"), tier="gold", until=None, reason="sample", actor="tests", now=NOON)
    Segment.objects.create(code="vip", name_zh="贵宾", name_en="VIP")
    segments.add(segment="vip", external_ids=["A", "D"], actor="tests", reason="sample", now=NOON)
    assert set(found(query(tier="gold"))) == {"C"}
    assert set(found(query(tier="base"))) == {"A", "B"}
    assert set(found(query(segment="vip"))) == {"A"}
    assert set(found(query(segment="vip", tier="gold"))) == set()


def test_a_list_that_is_too_long_is_refused(sold, monkeypatch, refuses):
    monkeypatch.setattr(selectors, "MOST_VICTIMS", 3)
    with refuses(selectors.TooManyVictims):
        selectors.victims(query(), now=NOON)
    monkeypatch.setattr(selectors, "MOST_VICTIMS", 1)
    with refuses(selectors.TooManyVictims):
        selectors.victims(query("entries", "earn"), now=NOON)


def test_a_question_that_takes_too_long_is_refused(sold, monkeypatch, refuses):
    monkeypatch.setattr(selectors, "SECONDS", 0.05)
    monkeypatch.setattr(selectors, "_ENTRIES", selectors._ENTRIES.replace("WHERE", "WHERE pg_sleep(1) IS NOT NULL AND"))
    with refuses(selectors.TooManyVictims):
        selectors.victims(query("entries", "earn"), now=NOON)


def test_pages_of_facts_are_put_together(sold, monkeypatch):
    monkeypatch.setattr(selectors, "PAGE", 1)
    assert found(query()) == {"A": (2, 35), "B": (1, 0), "C": (1, 7)}


@pytest.mark.parametrize(
    ("suggestion", "kind", "points"),
    [
        (rules.Suggestion("each", 100), "grant", {"A": 100, "B": 100, "C": 100}),
        (rules.Suggestion("times", 10), "grant", {"A": 20, "B": 10, "C": 10}),
        (rules.Suggestion("percent", 100), "grant", {"A": 35, "C": 7}),
        (rules.Suggestion("percent", -100), "correction", {"A": -35, "C": -7}),
    ],
)
def test_they_become_a_batch_that_goes_the_way_of_a_file(sold, operator, assert_books_balance, suggestion, kind, points):
    asked = query()
    victims = selectors.victims(asked, now=NOON + HOUR)
    said = {"reason": "rule 12 was wrong", "operator_id": operator().id, "key": Batch().id, "now": NOON + HOUR}
    batch = worked(services.compensate(found=victims, query=asked, suggestion=suggestion, **said), now=NOON + HOUR)
    assert (batch.kind, batch.status, batch.found_by["about"], batch.found_by["number"]) == (kind, "checked", "facts", suggestion.number)
    assert {line.member.external_id: line.points for line in lines(batch)} == points
    services.submit(batch_id=batch.id, operator_id=operator().id, now=NOON + HOUR)
    services.approve(batch_id=batch.id, operator_id=operator("checker").id, now=NOON + HOUR)
    assert worked(batch, now=NOON + HOUR).applied_lines == len(points)
    assert_books_balance()


def test_a_batch_of_nobody_is_refused(sold, operator, refuses):
    with refuses(services.NobodyHit):
        services.compensate(
            found=selectors.victims(query(granted="none"), now=NOON), query=query(), suggestion=rules.Suggestion("percent", 100),
            reason="x", operator_id=operator().id, key=Batch().id, now=NOON,
        )  # fmt: skip
