"""Who would move under a plan, and how that is drawn. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from tiers.evaluation.rules import Policy, fallen, keeps, risen
from tiers.ladder.rules import Ladder, Step, place

SAMPLES = 5
Way = Literal["up", "down", "held", "stays"]


def with_thresholds(ladder: Ladder, thresholds: Mapping[str, int]) -> Ladder:
    """The ladder with the plan's thresholds; a tier that the plan does not name keeps its own."""
    return tuple(replace(step, threshold=thresholds.get(step.code, step.threshold)) for step in ladder)


@dataclass(frozen=True, slots=True)
class Rules:
    """By what members are placed: the ladder as it stands, or as a plan would have it, and the evaluation."""

    ladder: Ladder
    policy: Policy


@dataclass(frozen=True, slots=True)
class Seen:
    """A member as they stand: put at `code` (None: nowhere), for good where `held`, never below `floor`.

    `now` and `then`: the figure by today's evaluation and by the plan's; `spent_cents` within the last 12 months.
    """

    member: str
    code: str | None = None
    held: bool = False
    floor: str | None = None
    now: int = 0
    then: int = 0
    spent_cents: int = 0


class Move(NamedTuple):
    """From the tier that counts now to the one that would. `anyway`: as the rules stand, they fall in any case."""

    way: Way
    before: str
    after: str
    anyway: bool = False


def move(seen: Seen, today: Rules, plan: Rules) -> Move:
    """Where the plan leads a member, by what they have done within the time that counts for rising."""
    before = place(today.ladder, seen.code)
    if before is None:
        return Move("stays", "", "")
    lifted = risen(plan.ladder, seen.code, seen.then)
    if lifted is not None:
        return Move("up", before.code, lifted.code)
    falls = _falls(seen, seen.then, plan)
    if falls is None or falls.rank >= before.rank:
        return Move("stays", before.code, before.code)
    if seen.held:
        return Move("held", before.code, falls.code)
    return Move("down", before.code, falls.code, anyway=_falls(seen, seen.now, today) is not None)


def _falls(seen: Seen, figure: int, by: Rules) -> Step | None:
    """Where the member falls if the term ends with that figure; None where they stay."""
    if seen.code is None or keeps(by.ladder, seen.code, figure):
        return None
    aim = fallen(by.policy, by.ladder, seen.code, figure)
    floor = next((step for step in by.ladder if step.code == seen.floor), None)
    if aim is None or (floor is not None and floor.rank > aim.rank):
        aim = floor
    return aim if aim is not None and aim.code != seen.code else None


@dataclass(slots=True)
class Cell:
    """Those who move the same way: how many, what they spent within 12 months, how many of them fall in any case, a few of them."""

    members: int = 0
    spent_cents: int = 0
    anyway: int = 0
    samples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What was counted so far, by way and from tier to tier; of those who stay, how many there are in each tier."""

    members: int = 0
    cells: dict[tuple[Way, str, str], Cell] = field(default_factory=dict)

    def add(self, seen: Seen, moved: Move) -> None:
        self.members += 1
        cell = self.cells.setdefault((moved.way, moved.before, moved.after), Cell())
        cell.members += 1
        cell.spent_cents += seen.spent_cents
        cell.anyway += moved.anyway
        if moved.way != "stays" and len(cell.samples) < SAMPLES:
            cell.samples.append(seen.member)

    def count(self, *ways: Way) -> int:
        return sum(cell.members for (way, _before, _after), cell in self.cells.items() if way in ways)

    @property
    def anyway(self) -> int:
        return sum(cell.anyway for cell in self.cells.values())


def tally_as_json(tally: Tally) -> dict[str, Any]:
    cells = [[*key, cell.members, cell.spent_cents, cell.anyway, cell.samples] for key, cell in sorted(tally.cells.items())]
    return {"members": tally.members, "cells": cells}


def tally_from_json(kept: Mapping[str, Any]) -> Tally:
    cells = {(way, before, after): Cell(*rest) for way, before, after, *rest in kept.get("cells", ())}
    return Tally(kept.get("members", 0), cells)


class Square(NamedTuple):
    """A field of the matrix. `shade`, from 0 to 100: how many of all who leave that tier; of those who stay, 0."""

    way: str
    members: int
    held: int
    shade: int


def matrix(tally: Tally, ladder: Ladder) -> list[tuple[Step, list[Square], int]]:
    """For each tier that counts, the best first: where its members would be, in the order of the tiers from the lowest, and how many it has."""
    steps = sorted((step for step in ladder if step.active), key=lambda step: step.rank)
    drawn = []
    for before in reversed(steps):
        squares = [_square(tally, before, after) for after in steps]
        drawn.append((before, squares, sum(square.members for square in squares)))
    return drawn


def _square(tally: Tally, before: Step, after: Step) -> Square:
    def of(way: Way, to: str) -> int:
        cell = tally.cells.get((way, before.code, to))
        return cell.members if cell else 0

    if before.code == after.code:
        # Who would fall but is held stays where they are.
        held = sum(cell.members for (way, tier, _after), cell in tally.cells.items() if way == "held" and tier == before.code)
        return Square("stays", of("stays", before.code) + held, held, 0)
    way: Way = "up" if after.rank > before.rank else "down"
    members, leaving = of(way, after.code), sum(cell.members for (to, tier, _after), cell in tally.cells.items() if to == way and tier == before.code)
    return Square(way, members, 0, 100 * members // leaving if leaving else 0)


def faults(ladder: Ladder, thresholds: Mapping[str, int], mode: str) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """What is wrong with a plan's thresholds, by the tier's code: a code of the sentence, and its figures. Nothing where they can be in force."""
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    most = MOST[mode]
    lower: Step | None = None
    for step in sorted(_leading(with_thresholds(ladder, thresholds)), key=lambda step: step.rank):
        if step.threshold < 0:
            found[step.code] = "negative", {}
        elif step.threshold > most:
            found[step.code] = "too_large", {"most": most}
        elif lower is not None and step.threshold <= lower.threshold:
            found[step.code] = "not_rising", {"below": lower.code, "least": lower.threshold + 1}
        lower = step if step.threshold else lower
    return found


# The highest figure that each way of evaluation comes to: growth and cents have none but what is counted with.
MOST: Mapping[str, int] = {"growth": 10**12, "spend": 10**12, "two_dimensions": 10_000, "rfm_ltv": 500}


def settable(ladder: Ladder) -> list[Step]:
    """The tiers of which a plan says a threshold, the lowest first: not the lowest active one, where everybody begins, nor those by invitation."""
    lowest = place(ladder, None)
    steps = sorted(ladder, key=lambda step: step.rank)
    return [step for step in steps if step.active and not step.invited_only and (lowest is None or step.code != lowest.code)]


def _leading(ladder: Ladder) -> Iterable[Step]:
    return (step for step in settable(ladder) if step.threshold)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What differs, in the order of what there will be: (name, before, after)."""
    return [(name, before.get(name), value) for name, value in after.items() if before.get(name) != value]


class Pull(NamedTuple):
    """Those who would go from one tier to another, and what that would cost: `gift` in points for each at once, `allowance` more or less a month."""

    way: Way
    before: Step
    after: Step
    members: int
    spent_cents: int
    anyway: int
    samples: Sequence[str]
    gift: int
    allowance: int


def pulls(tally: Tally, ladder: Ladder, *, gifts: Mapping[str, int], allowances: Mapping[str, int]) -> list[Pull]:
    """What moves, up before down, the best tiers first; by tier's code, what reaching it gives and what it brings each month."""
    steps = {step.code: step for step in ladder}
    found = []
    for (way, before, after), cell in tally.cells.items():
        if way == "stays" or before not in steps or after not in steps:
            continue
        gift = gifts.get(after, 0) if way == "up" else 0
        allowance = allowances.get(after, 0) - allowances.get(before, 0) if way != "held" else 0
        found.append(
            Pull(way, steps[before], steps[after], cell.members, cell.spent_cents, cell.anyway, cell.samples, gift * cell.members, allowance * cell.members)
        )
    order: Sequence[str] = ("up", "down", "held")
    return sorted(found, key=lambda one: (order.index(one.way), -one.before.rank, -one.after.rank))
