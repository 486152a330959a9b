"""The earning oracle by figures worked out by hand from docs/EARNING.md."""

import ast
import csv
import gzip
import json
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.oracle import earning_oracle
from tests.oracle.earning_oracle import Fact, Line, Member, Oracle, birthday_of, share

AT = datetime(2024, 3, 8, 12, tzinfo=UTC)  # a Friday
HERE = Path(earning_oracle.__file__)
BASE = {"effect": {"kind": "per_unit", "rate": 10_000}}


def oracle(*definitions, members=None, **programme):
    rules = [{"code": f"{n}", "definition": said} for n, said in enumerate(definitions)]
    return Oracle({"rules": rules, **programme}, members=members or {"ann": Member("ann")})


def bought(*lines, paid=None, at=AT, id="o1", **more):  # noqa: A002 (as in the file)
    made = [line if isinstance(line, Line) else Line(*line) if isinstance(line, tuple) else Line(line) for line in lines]
    return Fact(id, "ann", at, lines=made, paid=sum(max(0, line.amount) for line in made) if paid is None else paid, **more)


def times(factor, **said):
    return {"effect": {"kind": "multiplier", "factor": factor}, **said}


def test_it_imports_nothing_of_the_project():
    tree = ast.parse(HERE.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize(("total", "weights", "parts"), [(10, [1, 1, 1], [4, 3, 3]), (7, [0, 5], [0, 7]), (5, [0, 0], [0, 0]), (100, [1, 2, 4], [14, 29, 57])])
def test_what_is_left_over_goes_to_the_largest_remainder(total, weights, parts):
    assert share(total, weights) == parts


def test_fractions_of_lines_and_rules_meet_in_one_floor():
    decision = oracle(BASE, {"effect": {"kind": "per_unit", "rate": 5_000}}).take(bought(130, 70, 50))  # 2.50 + 1.25
    assert (decision.points, decision.rules) == (3, {"0": 2, "1": 1})
    assert sum(decision.places.values()) == 3


def test_what_was_not_paid_for_goods_earns_nothing():
    assert oracle(BASE).take(bought(10_000, 10_000, paid=15_000, shipping=1_000)).points == 140
    assert oracle(BASE).take(bought(-100, 0, paid=700)).points == 7


def test_the_longest_category_of_the_table_decides_and_the_rest_has_the_rate():
    table = {"effect": {"kind": "per_unit", "rate": 10_000, "by_category": {"HOME": 20_000, "HOME/KITCHEN": 0}}}
    decision = oracle(table).take(bought((1_000, "HOME/KITCHEN/KNIVES"), (1_000, "HOME/GARDEN"), (1_000, "HOMEWARE")))
    assert decision.places == {0: 0, 1: 20, 2: 10, "whole": 0}


def test_the_best_of_a_group_times_another_rule():
    promotion = {"group": "promotion", "combine": "best"}
    rules = BASE, times(20_000, **promotion), times(30_000, conditions={"categories": ["BABY"]}, **promotion), times(15_000, priority=-1)
    decision = oracle(*rules).take(bought((1_000, "BABY"), (1_000, "TOYS")))
    assert decision.rules == {"0": 20, "1": 10, "2": 20, "3": 25}


def test_a_factor_below_one_lessens_before_a_limit_cuts():
    half, limited = times(5_000), {**BASE, "limits": [{"per": "day", "points": 60}]}
    assert oracle(limited, half).take(bought(10_000)).rules == {"0": 50}
    assert oracle(limited, half).take(bought(20_000)).rules == {"0": 60}


def test_limits_count_by_the_day_of_the_zone_and_budgets_for_everybody():
    reckoning = oracle({**BASE, "limits": [{"per": "day", "points": 60}]}, zone="America/New_York")
    points = [reckoning.take(bought(5_000, id=f"o{n}", at=AT.replace(hour=1) + timedelta(hours=2 * n))).points for n in range(4)]
    assert points == [50, 10, 50, 10]  # at 20, 22, 0 and 2 o'clock there
    budget = {"code": "b", "scope": "all", "period": "total", "points": 70, "at_end": "stop"}
    two = oracle(BASE, members={"ann": Member("ann"), "bob": Member("bob")}, budgets=[budget])
    assert [two.take(bought(5_000)).points, two.take(Fact("o2", "bob", AT, lines=[Line(2_100)], paid=2_100)).points] == [50, 0]


def test_history_is_what_happened_earlier_and_was_not_given_back():
    reckoning = oracle({"conditions": {"nth_purchase": [2]}, "effect": {"points": 50}})
    days = [AT + timedelta(days=n) for n in (1, 0, 2, 3)]
    assert [reckoning.take(bought(100, id=f"o{n}", at=at)).points for n, at in enumerate(days[:2])] == [0, 0]
    reckoning.refund("o0", 100)
    assert reckoning.take(bought(100, id="o2", at=days[2])).points == 50
    assert reckoning.take(bought(100, id="o3", at=days[3])).points == 0


def test_of_one_instant_the_file_says_which_was_earlier():
    reckoning = oracle({"conditions": {"nth_purchase": [2]}, "effect": {"points": 50}})
    assert [reckoning.take(bought(100, id=f"o{n}")).points for n in range(3)] == [0, 50, 0]


@pytest.mark.parametrize(("refunded", "points"), [(99, 0), (100, 50)])
def test_an_order_of_which_only_shipping_is_kept_was_given_back(refunded, points):
    reckoning = oracle({"conditions": {"nth_purchase": [1]}, "effect": {"points": 50}})
    assert reckoning.take(bought(100, paid=140, shipping=40)).points == 50
    assert reckoning.refund("o1", refunded) == points
    assert reckoning.take(bought(100, id="o2", at=AT + timedelta(days=1))).points == points


def test_a_refund_decides_on_what_is_left_in_the_room_of_then_and_room_returns():
    reckoning = oracle({**BASE, "limits": [{"per": "day", "points": 80}]})
    assert [reckoning.take(bought(6_000)).points, reckoning.take(bought(6_000, id="o2")).points] == [60, 20]
    assert reckoning.refund("o1", 2_000) == 20
    assert reckoning.take(bought(6_000, id="o3")).points == 20
    assert reckoning.refund("o1", 4_000) == 40
    assert reckoning.totals() == {"ann": 40}


def test_a_line_that_came_back_takes_its_bonus_along():
    reckoning = oracle(BASE, {"conditions": {"categories": ["BABY"]}, "effect": {"points": 30}})
    assert reckoning.take(bought((1_000, "BABY"), (1_000, "TOYS"))).points == 50
    assert reckoning.refund("o1", 1_000, {0: None}) == 40


def test_a_refund_that_comes_first_waits_for_its_purchase():
    reckoning = oracle(BASE)
    assert reckoning.refund("o1", 400) is None
    reckoning.take(bought(1_000))
    assert reckoning.totals() == {"ann": 6}


@pytest.mark.parametrize(("day", "points"), [(date(2023, 2, 28), 10), (date(2024, 2, 28), 0), (date(2024, 2, 29), 10), (date(2023, 3, 1), 0)])
def test_a_birthday_on_29_february_is_celebrated_every_year(day, points):
    leapling = {"ann": Member("ann", birthday=date(2000, 2, 29))}
    reckoning = oracle({"conditions": {"birthday": "day"}, "effect": {"points": 10}}, members=leapling)
    assert reckoning.take(bought(100, at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC))).points == points


def test_the_command_prints_what_each_customer_has(tmp_path, capsys):
    file, programme = tmp_path / "file.csv.gz", tmp_path / "programme.json"
    doubled = times(20_000, conditions={"birthday": "month"})
    rules = [{"code": "base", "definition": BASE}, {"code": "birthday", "definition": doubled}]
    programme.write_text(json.dumps({"members": {"birthday": "by id"}, "rules": rules}))
    rows = [
        ("1", "14", "2024-03-08T12:00:00+00:00", "purchase", "", "10.50"),
        ("2", "13", "2024-03-08T12:00:00+00:00", "purchase", "", "10.50"),
        ("r", "14", "2024-03-09T12:00:00+00:00", "refund", "1", "0.60"),
    ]
    with gzip.open(file, "wt", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["order_id", "customer_id", "occurred_at", "kind", "refers_to", "amount", "currency", "lines", "coupons"])
        writer.writerows([*row, "USD", '[{"sku":"A","category":"B/C","quantity":1,"amount":"10.50"}]', "[]"] for row in rows)
    earning_oracle.main([str(file), str(programme)])
    assert (birthday_of("14").month, birthday_of("13").month) == (3, 2)
    assert capsys.readouterr().out == "customer,points\n13,10\n14,19\n"
