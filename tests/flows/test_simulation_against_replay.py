"""What a simulation says of a change is what the same history gives from nothing under the changed rules: to the point, for every member."""

import csv
import gzip
import io
import itertools
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import transaction

from accounts.activity import rules as facts
from accounts.members import services as members
from accounts.members.models import Member
from loyalty.lib import configuration
from loyalty.lib.configuration import Configuration
from loyalty.programme.models import Programme
from mall.checkout import services as till
from points.budgets import services as budgets
from points.earning import services as earning
from points.earning.models import Decision
from points.ledger.models import Entry
from points.rulebook import services as rulebook
from points.rulebook.models import EarningSettings, SharedLimit
from points.rulebook.rules import Conditions, Definition, Effect, Limit
from points.simulation import services
from points.simulation.models import SimulatedMember

pytestmark = pytest.mark.django_db

SAMPLE = Path(__file__).parents[2] / "loyalty" / "demo" / "journey_sample.csv.gz"
ROWS = 300
LONG_AGO = datetime(2016, 12, 1, tzinfo=UTC)

OLD = {
    "base": ("purchase", Definition(effect=Effect("per_unit", rate=10_000))),
    "birthday": ("purchase", Definition(conditions=Conditions(birthday="month"), effect=Effect("multiplier", factor=20_000))),
}
# Categories, limits of members and of a rule, a shared limit, budgets, bought again, the nth purchase, chance, an expression.
NEW = {
    "base": (
        "purchase",
        Definition(
            effect=Effect("per_unit", rate=12_000, by_category={"GROCERY": 20_000, "PRODUCE": 0}), limits=(Limit("day", points=60), Limit("month", times=6))
        ),
    ),
    "birthday": (
        "purchase",
        Definition(conditions=Conditions(birthday="month"), effect=Effect("multiplier", factor=30_000), limits=(Limit("day", points=40),)),
    ),
    "again": (
        "purchase",
        Definition(
            conditions=Conditions(again_days=30, again_scope="category"),
            effect=Effect("multiplier", factor=15_000),
            group="bonus",
            combine="best",
            limits=(Limit("week", points=20),),
        ),
    ),
    "large": (
        "purchase",
        Definition(
            conditions=Conditions(expression="amount_cents > 2000 && hour >= 12"), effect=Effect("multiplier", factor=13_000), group="bonus", combine="best"
        ),
    ),
    "second": (
        "purchase",
        Definition(
            conditions=Conditions(nth_purchase=(2, 3)), effect=Effect("fixed", points=15), multiplied=False, limits=(Limit("day", points=150, by="rule"),)
        ),
    ),
    "drop": ("purchase", Definition(effect=Effect("random", minimum=1, maximum=20, chance=300_000), campaign="drop")),
}


@contextmanager
def undone():
    """What is done inside has never been."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    fresh_process()


@pytest.fixture
def programme(db):
    Programme(pk=1, zone="America/New_York", currency="USD").save()
    EarningSettings(pk=1, roll_key="the same luck on both sides").save()
    SharedLimit.objects.create(code="week", name_zh="周", name_en="Week", over=["everything"], per="week", points=150)
    terms = {"scope": "all", "actor": "tests", "now": LONG_AGO}
    budgets.keep(**terms | {"code": "all", "name": "All", "period": "week", "points": 1000, "at_end": "cut"})
    budgets.keep(**terms | {"code": "drop", "name": "Drop", "scope": "campaign", "of": "drop", "period": "day", "points": 25, "at_end": "stop"})


def published(definitions):
    for code, (fact, said) in definitions.items():
        version = rulebook.make(code=code, fact=fact, name_zh=code, name_en=code, definition=said, actor="tests", now=LONG_AGO)
        rulebook.publish(version_id=version.id, ever=True, actor="tests", now=LONG_AGO)
    # From here on as in a process that has not published it: what is in force is held, not asked for with each fact.
    fresh_process()


def fresh_process():
    Configuration._held.clear()
    configuration._changing.models = set()


def drafted(new, old):
    for code, (fact, said) in new.items():
        if code in old:
            yield rulebook.draft(code=code, definition=said, actor="tests", now=LONG_AGO)
        else:
            yield rulebook.make(code=code, fact=fact, name_zh=code, name_en=code, definition=said, actor="tests", now=LONG_AGO)


def in_the_books():
    """By member what was earned less what was taken back."""
    found = dict.fromkeys(Member.objects.values_list("external_id", flat=True), 0)
    for member, kind, points in Entry.objects.values_list("member__external_id", "kind", "points"):
        found[member] += {"earn": points, "clawback": -points}.get(kind, 0)
    return found


def decided():
    """By member what was granted, whether it was claimed or not, less what was taken back."""
    found = dict.fromkeys(Member.objects.values_list("external_id", flat=True), 0)
    for member, points, back in Decision.objects.values_list("member__external_id", "points", "taken_back"):
        found[member] += points - back
    return found


def simulated(new, old, *, first, last, now):
    """The result, and by member both sides."""
    ids = [version.id for version in drafted(new, old)]
    row = services.ask(version_ids=ids, first=first, last=last, actor="tests", key=uuid4(), now=now)
    while services.work(now=now):
        pass
    row.refresh_from_db()
    assert row.error == ""
    sides = [dict.fromkeys(Member.objects.values_list("external_id", flat=True), 0) for _side in range(2)]
    for member, *both in SimulatedMember.objects.filter(simulation=row).values_list("member__external_id", "old", "new"):
        for side, points in zip(sides, both, strict=True):
            side[member] = points
    return row.result, *sides


def journey(path):
    """The beginning of the sample, with refunds by its orders' numbers: of n, n % 10 = 3 or 4: half of it two days later, and where also
    n % 20 > 9 the rest another week later; n % 10 = 7 or 8: all of it four days later. Every customer has a birthday by their number."""
    with gzip.open(SAMPLE, "rt", newline="") as file:
        rows = list(itertools.islice(csv.DictReader(file), ROWS))
    told = list(rows)
    for row in rows:
        number, cents = int(row["order_id"]), round(Decimal(row["amount"]) * 100)
        back = []
        if number % 10 in (3, 4):
            back.append((2, cents // 2))
            if number % 20 > 9:
                back.append((9, cents - cents // 2))
        elif number % 10 in (7, 8):
            back.append((4, cents))
        for days, part in back:
            at = (datetime.fromisoformat(row["occurred_at"]) + timedelta(days=days)).isoformat()
            refund = {"order_id": f"R{number}-{days}", "kind": "refund", "refers_to": row["order_id"], "amount": f"{Decimal(part) / 100:.2f}"}
            told.append({**row, **refund, "occurred_at": at, "lines": "[]", "coupons": "[]"})
    told.sort(key=lambda row: row["occurred_at"])
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, told[0])
        writer.writeheader()
        writer.writerows(told)
    return sorted({row["customer_id"] for row in rows})


def test_a_simulated_change_is_what_a_replay_from_nothing_gives_under_the_changed_rules(programme, tmp_path, assert_books_balance, now):
    path = tmp_path / "journey.csv"
    for ref in journey(path):
        birthday = date(1950 + int(ref) % 50, 1 + int(ref) % 12, 1 + int(ref) % 28)
        members.register(external_id=ref, birthday=birthday, now=LONG_AGO)
    with undone():
        published(OLD | NEW)
        call_command("replay", str(path), stdout=io.StringIO())
        assert_books_balance()
        under_new = in_the_books()
    published(OLD)
    call_command("replay", str(path), stdout=io.StringIO())
    under_old = in_the_books()

    result, old, new = simulated(NEW, OLD, first=date(2016, 1, 1), last=date(2018, 12, 31), now=now)
    assert result["facts"] == ROWS
    assert result["points"] == [sum(under_old.values()), sum(under_new.values())]
    assert old == under_old
    assert new == under_new
    # All of it had something to do.
    assert all(pair[1] for pair in result["by_rule"].values())
    assert result["by_rule"].keys() == NEW.keys()
    assert min(result["gaining"], result["losing"], result["same"]) > 0
    assert_books_balance()


AUTUMN = datetime(2026, 9, 1, 4, tzinfo=UTC)

BEHAVIOURS_OLD = {
    "likes": ("liked", Definition(effect=Effect("fixed", points=5), limits=(Limit("day", points=10),))),
    "surveys": ("survey_completed", Definition(effect=Effect("stated", measure="points", maximum=50))),
    "orders": ("purchase", Definition(effect=Effect("per_unit", rate=10_000), margin_percent=50)),
}
BEHAVIOURS_NEW = {
    "likes": ("liked", Definition(effect=Effect("fixed", points=7), limits=(Limit("day", points=20), Limit("life", times=9)))),
    "surveys": (
        "survey_completed",
        Definition(conditions=Conditions(expression="data.points >= 20"), effect=Effect("stated", measure="points", minimum=25, maximum=45)),
    ),
    "views": ("product_viewed", Definition(effect=Effect("fixed", points=3), claim_days=7, limits=(Limit("month", points=10, by="rule"),))),
    "orders": (
        "purchase",
        Definition(conditions=Conditions(channels=("app",)), effect=Effect("per_unit", rate=20_000), margin_percent=80, limits=(Limit("week", points=90),)),
    ),
}


def everything_that_can_happen():
    """Sixty days: each member likes, answers, looks, buys and returns; several at the same instants."""
    for n in range(90):
        member, at = f"m{n * 5 % 7}", AUTUMN + timedelta(hours=16 * (n - n % 2))
        match n % 6:
            case 0 | 2:
                yield member, at, "liked", {"subject": f"article {n}"}
            case 1:
                yield member, at, "survey_completed", {"survey": f"survey {n}", "points": 10 * (n % 7)}
            case 3:
                yield member, at, "product_viewed", {"sku": f"SKU-{n}", "seconds": 10 * n}
            case _:
                lines = tuple(facts.Line(str(k), f"SKU-{k}", "HOME", "", 2, 1000 * k + 10 * n, 500 * k if n % 4 else None) for k in (1, 2, 3))
                channel = ("app", "web", "app")[n % 3]
                paid = sum(line.amount_cents for line in lines) + 500 - 300
                yield (
                    member,
                    at,
                    "purchase",
                    facts.Purchase(f"P{n}", at, "CNY", paid, lines, 500, ({"kind": "coupon", "discount_cents": 300},), channel=channel),
                )
                back = {0: (facts.RefundLine("2", 1),), 1: (facts.RefundLine("1"), facts.RefundLine("3", 2)), 2: ()}[n % 3]
                if back:
                    later = at + timedelta(days=3)
                    yield member, later, "refund", (f"P{n}", facts.Refund(f"R{n}", later, None, back))


def told(kind, member_id, at, what, number):
    if kind == "purchase":
        till.pay(member_id=member_id, facts=what, actor="tests", now=at)
    elif kind == "refund":
        till.refund(purchase_ref=what[0], facts=what[1], actor="tests", now=at)
    else:
        earning.take(member_id=member_id, kind=kind, external_id=f"fact {number}", data=what, occurred_at=at, actor="tests", now=at)


def test_behaviours_and_returned_lines_come_to_the_same_too(programme, assert_books_balance):
    Programme(pk=1, zone="Asia/Shanghai", currency="CNY").save()
    history = sorted(everything_that_can_happen(), key=lambda one: one[1])
    ids = members.ensure_all(external_ids={one[0] for one in history}, now=LONG_AGO)

    def lived(definitions):
        published(definitions)
        for number, (member, at, kind, what) in enumerate(history):
            told(kind, ids[member], at, what, number)
        assert_books_balance()
        return decided()

    with undone():
        under_new = lived(BEHAVIOURS_OLD | BEHAVIOURS_NEW)
    under_old = lived(BEHAVIOURS_OLD)

    now = AUTUMN + timedelta(days=90)
    result, old, new = simulated(BEHAVIOURS_NEW, BEHAVIOURS_OLD, first=date(2026, 9, 1), last=date(2026, 11, 30), now=now)
    assert (old, new) == (under_old, under_new)
    assert all(pair[1] for pair in result["by_rule"].values())
    assert result["by_rule"].keys() == BEHAVIOURS_NEW.keys()
