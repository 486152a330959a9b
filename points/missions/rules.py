"""Periods, progress, and what is wrong with a mission. Pure: days are business days, times are instants."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from accounts.activity.rules import PURCHASE, Field, Question, Tally
from loyalty.lib.localtime import end_of_day, local_date, start_of_day

EVER = "ever"

Kind = Literal["newcomer", "daily", "weekly", "achievement", "wake_up"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a mission is on, and which facts count for it. `days` after the day of registration are a newcomer's, those after a return a sleeper's."""

    kind: Kind
    days: int = 0
    counts_from: date | None = None
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """Facts from `since` on and before `until` count. None: without that end."""

    name: str
    since: datetime | None
    until: datetime | None

    def over(self, now: datetime) -> bool:
        return self.until is not None and self.until <= now


class Sleep(NamedTuple):
    """A member was found dormant, and is back since `returned_at`; None: not yet."""

    slept_at: datetime
    returned_at: datetime | None


def period(schedule: Schedule, *, at: datetime, registered_at: datetime | None, zone: ZoneInfo, sleep: Sleep | None = None) -> Period | None:
    """The period of a mission that `at` belongs to; None where the mission is not for that member, or not on yet or any more.

    A newcomer's period is the same at any time, and so is that of a sleep; both may be over.
    """
    today = local_date(at, zone)
    if schedule.kind == "wake_up":
        return _of_sleep(schedule, sleep, today, zone)
    match schedule.kind:
        case "newcomer":
            if registered_at is None:
                return None
            first = local_date(registered_at, zone)
            name, last = EVER, first + timedelta(days=schedule.days)
        case "daily":
            name, first, last = today.isoformat(), today, today
        case "weekly":
            year, week, weekday = today.isocalendar()
            first = today - timedelta(days=weekday - 1)
            name, last = f"{year}-W{week:02}", first + timedelta(days=6)
        case "achievement":
            if schedule.starts_on and today < schedule.starts_on:
                return None
            since = start_of_day(schedule.counts_from, zone) if schedule.counts_from else None
            return Period(EVER, since, end_of_day(schedule.ends_on, zone) if schedule.ends_on else None)
    first = max(first, schedule.starts_on or first)
    last = min(last, schedule.ends_on or last)
    if last < first or today < first:
        return None
    return Period(name, start_of_day(first, zone), end_of_day(last, zone))


def _of_sleep(schedule: Schedule, sleep: Sleep | None, today: date, zone: ZoneInfo) -> Period | None:
    """From when the member was found dormant, and the mission was on, until so many days after the return. Named by when they were found."""
    if sleep is None or (schedule.starts_on and today < schedule.starts_on):
        return None
    since = max(sleep.slept_at, start_of_day(schedule.starts_on, zone)) if schedule.starts_on else sleep.slept_at
    ends = [end_of_day(local_date(sleep.returned_at, zone) + timedelta(days=schedule.days), zone)] if sleep.returned_at else []
    ends += [end_of_day(schedule.ends_on, zone)] if schedule.ends_on else []
    until = min(ends, default=None)
    if until is not None and until <= since:
        return None
    return Period(local_date(sleep.slept_at, zone).isoformat(), since, until)


@dataclass(frozen=True, slots=True)
class Step:
    """`needed` facts of that kind. `field` `at_least` or `is` `value`, where a field is given; `distinct`: each value of that field counts once."""

    fact: str
    needed: int = 1
    field: str = ""
    compare: Literal["at_least", "is"] = "at_least"
    value: str = ""
    distinct: str = ""
    label_zh: str = ""
    label_en: str = ""

    def question(self, period: Period, *, besides: str = "") -> Question:
        """What to count. Facts whose id begins with `besides` are left out."""
        return Question(self.fact, period.since, period.until, self.needed, self.field, self.compare, self.value, self.distinct, besides=besides)


@dataclass(frozen=True, slots=True)
class Prize:
    """What is won besides points: a badge or so many cards by their code, or a benefit, as the storefront knows it."""

    effect: Literal["badge", "card", "benefit"]
    item: str
    count: int = 1


class Done(NamedTuple):
    """A step's progress: never more than is needed."""

    done: int
    needed: int

    @property
    def complete(self) -> bool:
        return self.done >= self.needed


def done(steps: Sequence[Step], tallies: Sequence[Tally]) -> list[Done]:
    return [Done(min(tally.found, step.needed), step.needed) for step, tally in zip(steps, tallies, strict=True)]


def complete(progress: Sequence[Done]) -> bool:
    return bool(progress) and all(step.complete for step in progress)


def percent(progress: Sequence[Done]) -> int:
    """How much is done in all, rounded down: 100 is complete and nothing else."""
    needed = sum(step.needed for step in progress)
    return 100 * sum(step.done for step in progress) // needed if needed else 0


class Completer(NamedTuple):
    """The fact that completed a mission: its kind and its id."""

    kind: str
    fact: str


def completer(steps: Sequence[Step], tallies: Sequence[Tally]) -> Completer:
    """Of the facts that each completed its step, the last to happen. Only for what is complete."""
    _at, fact, kind = max((tally.at, tally.fact, step.fact) for step, tally in zip(steps, tallies, strict=True) if tally.at is not None)
    return Completer(kind, fact)


def claim_until(*, at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The first instant at which it is too late: so many days after the business day of `at`."""
    return end_of_day(local_date(at, zone) + timedelta(days=days), zone)


@dataclass(frozen=True, slots=True)
class FactKind:
    """What a mission must know of a kind of fact. `once`: how often at most a member does it."""

    code: str
    fields: Mapping[str, Field]
    once: str = "each"
    active: bool = True


PURCHASES = FactKind(PURCHASE, {"amount_cents": Field("amount_cents", "number")})


class Flaw(NamedTuple):
    """Why a mission cannot be published: at which field, of which step (from 0; None: of the mission), and the code of the sentence."""

    field: str
    code: str
    step: int | None = None
    figures: Mapping[str, str | int] = {}


def flaws(
    schedule: Schedule,
    steps: Sequence[Step],
    *,
    points: int,
    effects: int,
    automatic: bool,
    claim_days: int,
    kinds: Mapping[str, FactKind],
    today: date,
) -> list[Flaw]:
    """What keeps a mission from being published today; nothing, if it may. `effects` is how many there are."""
    return [*_flaws(schedule, points, effects, automatic, claim_days, today), *_of_steps(schedule, steps, kinds)]


def _flaws(schedule: Schedule, points: int, effects: int, automatic: bool, claim_days: int, today: date) -> Iterable[Flaw]:
    if schedule.kind == "newcomer" and schedule.days < 1:
        yield Flaw("days", "days_missing")
    if schedule.starts_on and schedule.ends_on and schedule.ends_on < schedule.starts_on:
        yield Flaw("ends_on", "ends_before_start")
    elif schedule.ends_on and schedule.ends_on < today:
        yield Flaw("ends_on", "over")
    if schedule.counts_from and schedule.ends_on and schedule.ends_on < schedule.counts_from:
        yield Flaw("counts_from", "counts_after_end")
    if not points and not effects:
        yield Flaw("points", "nothing_to_win")
    if not automatic and claim_days < 1:
        yield Flaw("claim_days", "claim_days_missing")


def _of_steps(schedule: Schedule, steps: Sequence[Step], kinds: Mapping[str, FactKind]) -> Iterable[Flaw]:
    if not steps:
        yield Flaw("", "no_step")
    for number, step in enumerate(steps):
        kind = PURCHASES if step.fact == PURCHASE else kinds.get(step.fact)
        if kind is None:
            yield Flaw("fact", "kind_unknown", number, {"kind": step.fact})
        elif not kind.active:
            yield Flaw("fact", "kind_inactive", number, {"kind": step.fact})
        else:
            yield from (flaw._replace(step=number) for flaw in _of_step(schedule, step, kind))


def _of_step(schedule: Schedule, step: Step, kind: FactKind) -> Iterable[Flaw]:
    known = ", ".join(kind.fields)
    if step.needed < 1:
        yield Flaw("needed", "needed_missing")
    elif step.needed > (most := _most(schedule, kind)):
        yield Flaw("needed", "never_reached", figures={"most": int(most)})
    if bool(step.field) != bool(step.value):
        yield Flaw("value" if step.field else "field", "condition_half")
    elif step.field and step.field not in kind.fields:
        yield Flaw("field", "field_unknown", figures={"known": known})
    elif step.field:
        yield from _of_condition(step, kind.fields[step.field])
    if step.distinct and (step.distinct not in kind.fields or kind.code == PURCHASE):
        yield Flaw("distinct", "distinct_unknown", figures={"known": "" if kind.code == PURCHASE else known})


def _most(schedule: Schedule, kind: FactKind) -> float:
    """How often at most a member can do it in one period."""
    if kind.once == "ever":
        return 1
    if kind.once == "day":
        return {"daily": 1, "weekly": 7, "newcomer": schedule.days + 1}.get(schedule.kind, float("inf"))
    return float("inf")


def _of_condition(step: Step, field: Field) -> Iterable[Flaw]:
    if step.compare == "at_least" and field.type != "number":
        yield Flaw("compare", "not_a_number")
    elif field.type == "number" and not _is_number(step.value):
        yield Flaw("value", "value_no_number")
    elif step.compare == "is" and field.type == "flag" and step.value not in ("true", "false"):
        yield Flaw("value", "value_no_flag")
    elif field.choices and step.value not in field.choices:
        yield Flaw("value", "value_no_choice", figures={"choices": ", ".join(field.choices)})


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?[0-9]{1,12}", text) is not None
