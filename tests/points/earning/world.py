"""Facts, members and rules in few words, for tests without a database."""

from dataclasses import fields
from datetime import date

from points.earning.rules import PURCHASE, Fact, Given, History, Line, Member, decide, ready, rolls, rooms
from points.rulebook.rules import ONE, Conditions, Definition, Effect

# A Wednesday.
DAY = date(2026, 11, 11)


def goods(*cents, **more):
    return [Line("", one, **more) for one in cents]


def bought(*lines, day=DAY, **more):
    """A purchase of lines, given as their cents, as (cents, category), or as they are."""
    made = [line if isinstance(line, Line) else Line(*reversed(line)) if isinstance(line, tuple) else Line("", line) for line in lines]
    return Fact(PURCHASE, more.pop("key", "purchase/1"), day, lines=made, **more)


def did(kind="shared", day=DAY, key="", hour=0, **data):
    return Fact(kind, key or f"{kind}/1", day, hour, data=data)


def definition(effect="per_unit", **said):
    """Each word goes where it belongs: to the conditions, to the effect, or to the rule itself."""

    def part(shape):
        return {field.name: said.pop(field.name) for field in fields(shape) if field.name in said}

    conditions = Conditions(**part(Conditions))
    worth = part(Effect)
    if effect in ("per_unit", "multiplier"):
        worth.setdefault("rate" if effect == "per_unit" else "factor", ONE)
    return Definition(conditions=conditions, effect=Effect(effect, **worth), **said)


def rule(code="base", effect="per_unit", *, holds=None, **said):
    """A rule as the engine takes it. `holds` is what its expression is compiled to."""
    return ready(sum(map(ord, code)), code, definition(effect, **said), holds)


def times(factor, code="double", **said):
    return rule(code, "multiplier", factor=factor, **said)


def given(fact, *rules, member=None, history=None, festivals=(), limits=(), used=None, more_rooms=(), roll=None, cost=100):
    """What a decision under these rules looks at; `used`: what their limits' counters have had."""
    left = [*rooms(rules, limits, fact, used or {}), *more_rooms]
    return Given(fact, roll or rolls("tests"), member or Member("M-1"), history or History(), frozenset(festivals), left, cost)


def decided(fact, *rules, **more):
    return decide(given(fact, *rules, **more), rules)


def points(fact, *rules, **more):
    return decided(fact, *rules, **more).points


def of(decision, code):
    return next(one for one in decision.considered if one.rule.code == code)


def assert_adds_up(decision):
    """What the rules were granted, and what the parts have, is what the fact earns; nothing is below zero."""
    assert sum(decision.granted.values()) == sum(decision.lines) == decision.points
    assert min([*decision.granted.values(), *decision.lines, 0]) == 0
