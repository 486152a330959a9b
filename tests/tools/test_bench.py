"""The pure pieces of `make bench`, and the books that it fills."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from django.db import connection

from accounts.members.models import Member
from points.earning import selectors as earning
from points.ledger import services as ledger
from points.ledger.models import Entry
from points.reconciliation import selectors as reconciliation
from points.rulebook.models import RuleVersion
from tools.benchmark import programme, report

BOOKS = Path(__file__).parents[2] / "tools" / "benchmark" / "books.sql"


def side(per_second, writes=1.0, p99=None):
    return {"per_second": per_second, "writes_per_call": writes, "p50": p99, "p99": p99}


def row(*pairs, **options):
    return report.Row("earn", "the ceiling", pairs, **options)


def alone(*pairs, **options):
    return report.Row("decide", "", pairs, **options)


def test_the_ratio_is_the_median_of_the_rounds_own_ratios_and_not_of_their_medians():
    measured = row((side(100), side(1000)), (side(300), side(600)), (side(900), side(1000)))
    assert measured.value == 0.5
    assert measured.side(0, "per_second") / measured.side(1, "per_second") == 0.3


@pytest.mark.parametrize(("aim", "missed"), [(None, False), (0.29, False), (0.30, False), (0.31, True)])
def test_an_aim_is_missed_below_it(aim, missed):
    assert row((side(30), side(100)), aim=aim).missed is missed


@pytest.mark.parametrize(("aim", "missed"), [(2.1, False), (2.0, False), (1.9, True)])
def test_a_growth_misses_its_aim_above_it(aim, missed):
    assert row((side(1, p99=0.004), side(1, p99=0.002)), aim=aim, at_most=True, of="p99").missed is missed


@pytest.mark.parametrize(("aim", "missed"), [(0.0011, False), (0.001, False), (0.0009, True)])
def test_where_nothing_stands_beside_a_case_the_aim_is_for_its_own_figure(aim, missed):
    assert alone((side(1, p99=0.0009), None), (side(1, p99=0.001), None), (side(1, p99=0.1), None), aim=aim, at_most=True, of="p50").missed is missed


def test_a_figure_by_itself_is_printed_in_its_unit_and_without_a_ratio():
    fast, fact = (side(4000, p99=0.00021), None), (side(1234), None)
    shown = [dict(zip(report.HEAD, report.cells(one), strict=True)) for one in (alone(fast, aim=0.001, at_most=True, of="p50"), alone(fact, fact, aim=1500))]
    assert [(one["ratio"], one["rounds"], one["aim"]) for one in shown] == [("", "0.21–0.21", "≤ 1.00 ms, p50"), ("", "1,234–1,234", "≥ 1,500 /s MISSED")]


def test_a_missed_aim_is_printed_as_such():
    assert "≥ 0.30 MISSED" in report.as_text([row((side(10), side(100)), aim=0.30)])
    assert "MISSED" not in report.as_text([row((side(30), side(100)), aim=0.30)])


@pytest.mark.parametrize("writes", [0.998, 1.002])
def test_a_round_in_which_calls_booked_nothing_or_twice_is_told_by_side(writes):
    assert row((side(1), side(1)), (side(1), side(1, writes))).writes_wrong() == [f"earn, the ceiling: {writes:.3f} writes per call"]
    assert row((side(1, writes), side(1))).writes_wrong() == [f"earn, ours: {writes:.3f} writes per call"]


def test_writes_that_are_right_or_not_counted_are_not_told():
    assert row((side(1), side(1, None)), (side(1, 1.0004), side(1))).writes_wrong() == []
    assert alone((side(1), None)).writes_wrong() == []
    assert alone((side(1, 0.9), None)).writes_wrong() == ["decide, ours: 0.900 writes per call"]


def test_columns_stand_below_their_names():
    head, line = report.as_text([row((side(1234.5, p99=0.0021), side(98765)))]).splitlines()
    assert line.index("1,234") + len("1,234") == head.index("ours /s") + len("ours /s")
    assert line.index("the ceiling") == head.index("beside it")
    assert "2.10" in line


def test_the_document_gets_the_new_figures_in_the_place_of_the_old_ones():
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    once = report.with_measured(document, "new")
    assert "old" not in once
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert report.with_measured(once, "new") == once


def test_a_document_without_that_place_is_not_touched():
    with pytest.raises(ValueError, match="where the figures go"):
        report.with_measured("no place", "new")


def test_our_document_has_that_place():
    document = (Path(__file__).parents[2] / "docs" / "BENCHMARKS.md").read_text()
    assert "new" in report.with_measured(document, "new")


@pytest.mark.parametrize(("load", "busy", "quiet"), [(0.1, 0.02, True), (0.1, None, True), (1.5, 0.02, False), (0.1, 0.5, False)])
def test_a_machine_that_others_use_is_not_quiet(load, busy, quiet):
    machine = report.Machine(2, "sample", "3.11", "18", "abc", date(2026, 1, 1), load, busy, 0.001)
    assert machine.quiet is quiet
    assert ("NOT QUIET" in str(machine)) is not quiet


def test_the_books_that_are_filled_for_the_benchmark_balance_and_the_verbs_go_on_from_there(db, now):
    members = Member.objects.bulk_create(Member(external_id=f"bench-{n}", created_at=now) for n in range(3))
    with connection.cursor() as cursor:
        cursor.execute(BOOKS.read_text(), {"lots": 4, "due": 2, "history": 2})
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    assert Entry.objects.count() == 3 * 8
    spent = ledger.spend(member_id=members[0].id, points=150, actor="tests", key="a", now=now)
    assert (spent.seq, spent.balance_after) == (10, 50)
    swept = ledger.expire_due(actor="tests", now=now)
    assert (swept.members, swept.lots, swept.points) == (2, 4, 400)
    assert [breach for part in reconciliation.audit(member_id=None, batch=1000) for breach in part.breaches] == []


def test_the_programme_that_is_measured_is_published_whole_and_every_rule_for_purchases_is_looked_at(db, now):
    members = Member.objects.bulk_create(Member(external_id=f"bench-{n}", created_at=now) for n in range(30))
    draft = programme.publish(now)
    programme.fill()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    assert RuleVersion.objects.filter(status="published").count() == 200
    assert RuleVersion.objects.get(id=draft).status == "draft"
    given = Counter()
    for n, member in enumerate(members):
        fact = earning.purchase_fact(programme.basket(n, f"bench/{n}", now))
        seen = earning.situation(member_id=member.id, fact=fact, occurred_at=now, now=now)
        assert (len(seen.rules), len(fact.lines), seen.given.history.purchases) == (programme.FOR_PURCHASES, programme.LINES, 2)
        given.update(seen.decide().granted.keys())
    assert given[programme.BASE] == 30
    # The other rules have something to do, too: base rules, extras, promotions, the tier.
    assert {"basket", "app", "extra-brand", "extra-new", "beauty", "again", "again-category", "wise", "tier"} <= given.keys()
