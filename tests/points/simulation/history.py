"""A small history for the pure side of simulations: rules by code, facts one after the other, and both sides in the end."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from accounts.activity import rules as activity
from points.earning import rules as earning
from points.rulebook.rules import Definition
from points.simulation import rules

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


def rule(code, effect, **said):
    return earning.ready(len(code), code, Definition(effect=effect, **said))


def plan(*chosen, kind="purchase", limits=(), budgets=()):
    return rules.Plan({kind: sorted(chosen, key=lambda one: one.code)}, limits, budgets)


def plans(old, new):
    return rules.Plans.of(old, new, earning.rolls("tests"))


class History:
    """Facts in the order of time; `day` counts from a Monday, `hour` from its noon."""

    def __init__(self):
        self.told: list[rules.Happened] = []
        self.cards: dict[str, frozenset[str]] = {}

    def _moment(self, day, hour):
        return MONDAY + timedelta(days=day, hours=hour)

    def buys(self, member, cents, *, day=0, hour=0, category="", shipping=0, refunds: Sequence[tuple[int, int]] = (), card=""):
        """`cents` are for goods; `refunds`: on which day how many cents come back."""
        number = len(self.told)
        at = self._moment(day, hour)
        purchase = activity.Purchase(f"P{number}", at, "CNY", cents + shipping, (activity.Line("1", "", category, "", 1, cents),), shipping)
        back = [(self._moment(on, hour), f"{number:04}/{n}", activity.Refund(f"R{number}.{n}", at, part)) for n, (on, part) in enumerate(refunds)]
        fact = earning.Fact("purchase", f"purchase/P{number}", at.date(), at.hour, earning.basis(purchase))
        return self._tell(rules.Happened(at, f"{number:04}", member, fact, purchase, back), card)

    def does(self, member, *, day=0, hour=0, kind="liked", **data):
        number = len(self.told)
        at = self._moment(day, hour)
        fact = earning.Fact(kind, f"{kind}/{number}", at.date(), at.hour, data=data)
        return self._tell(rules.Happened(at, f"{number:04}", member, fact), "")

    def _tell(self, happened, card):
        self.told.append(happened)
        if card:
            self.cards[happened.fact.key] = frozenset([card])
        return self

    def played(self, by, *, cuts=()):
        """The world after all of it. Before the facts of these numbers (and, at the number after the last, before the rest of the
        refunds) all that is known is written down and read again."""
        world, kept = rules.World(), {}
        told = sorted(self.told, key=lambda one: (one.at, one.id))
        for number, happened in enumerate(told):
            if number in cuts:
                world = self._turned_off_and_on(world, kept, by)
            self._bring(world, kept, [happened.member], until=happened.at)
            member = earning.Member(happened.member, cards=self.cards.get(happened.fact.key, frozenset()))
            rules.feed(world, by, happened, earning.Given(happened.fact, by.roll, member))
        if len(told) in cuts:
            world = self._turned_off_and_on(world, kept, by)
        self._bring(world, kept, list(kept), until=None)
        rules.refund_due(world, by, until=None)
        return world

    def _turned_off_and_on(self, world, kept, by):
        for member, known in world.members.items():
            kept[member] = (rules.known_as_text(known, by, world.day), known.old.points, known.new.points, known.due)
        return rules.world_from_json(json.loads(json.dumps(rules.world_as_json(world))))

    def _bring(self, world, kept, members, *, until):
        due = [member for member, (_text, _old, _new, when) in kept.items() if when and (until is None or when <= until)]
        for member in {*members, *due} - world.members.keys():
            text, old, new, _due = kept.get(member, ("", 0, 0, None))
            world.bring(member, rules.known_from_text(text, old=old, new=new))


def told(world, by):
    """What is reported of a world."""
    members = [(member, known.old.points, known.new.points) for member, known in sorted(world.members.items())]
    return rules.report(world, by, members, minor_digits=2)


def points(world, side="new"):
    """Each member's points on one side."""
    return {member: getattr(known, side).points for member, known in world.members.items()}


def day_of(offset):
    return (MONDAY + timedelta(days=offset)).date()
