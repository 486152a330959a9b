"""What a rule says, as plain values. Rates and factors in ten-thousandths, money in minor units, points whole."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import reduce
from typing import Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from loyalty.lib import expressions
from points.terms.rules import ExpiryPolicy

PURCHASE = "purchase"
ONE = 10_000
CERTAIN = 1_000_000

POINTS = ("fixed", "per_unit", "bands", "ladder", "stated", "random")
MULTIPLIERS = ("multiplier", "tier_multiplier", "tier_birthday_multiplier")
# What can be won besides points: a coupon's template, a badge, a chance in a draw, a card, a benefit, by its code.
THINGS = ("coupon", "badge", "chance", "card", "benefit")  # Measures that are money: what was paid for goods, and the field of that name.
AMOUNTS = ("amount", "amount_cents")
# Which parts of an effect count, by its kind.
PARTS: Mapping[str, Sequence[str]] = {
    "fixed": ("points",),
    "per_unit": ("rate", "by_category"),
    "bands": ("measure", "bands"),
    "ladder": ("measure", "ladder", "cycles"),
    "stated": ("measure", "minimum", "maximum"),
    "random": ("minimum", "maximum", "chance"),
    "multiplier": ("factor",),
    "tier_multiplier": (),
    "tier_birthday_multiplier": (),
    **dict.fromkeys(THINGS, ("item", "count")),
}

Period = Literal["fact", "day", "week", "month", "life"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """All that are given must hold. `categories` cover what is below them: `HOME` covers `HOME/KITCHEN`. Days are business days."""

    categories: Sequence[str] = ()
    brands: Sequence[str] = ()
    skus: Sequence[str] = ()
    min_cents: int | None = None
    max_cents: int | None = None
    tiers: Sequence[str] = ()
    sprint: bool = False
    segments: Sequence[str] = ()
    new_member_days: int | None = None
    nth_purchase: Sequence[int] = ()
    again_days: int | None = None
    again_scope: Literal["member", "category"] = "member"
    channels: Sequence[str] = ()
    weekdays: Sequence[int] = ()
    hour_from: int | None = None
    hour_until: int | None = None
    date_from: date | None = None
    date_until: date | None = None
    birthday: Literal["", "day", "month"] = ""
    festival: str = ""
    card: str = ""
    expression: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """From `start` up to, not with, `end` (None: without end): that many points, or that rate per unit of money."""

    start: int
    end: int | None
    points: int = 0
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """`kind` says which of the others count.

    fixed: `points`. per_unit: `rate`, or that of the longest category in `by_category`. bands: by `measure`, a field of the fact, `amount` is
    what was paid for goods. ladder: `ladder[measure - 1]`; past its end from the start again where it `cycles`, else its last.
    stated: what the fact says in `measure`. random: `minimum` to `maximum`, with `chance` in a million. Both bounds hold for stated, too.
    multiplier: `factor`; tier_multiplier: the tier's, tier_birthday_multiplier: its own for birthdays. Things to win: `count` of `item`.
    """

    kind: str = "fixed"
    points: int = 0
    rate: int = 0
    by_category: Mapping[str, int] = field(default_factory=dict)
    measure: str = ""
    bands: Sequence[Band] = ()
    ladder: Sequence[int] = ()
    cycles: bool = True
    minimum: int = 0
    maximum: int | None = None
    chance: int = CERTAIN
    factor: int = ONE
    item: str = ""
    count: int = 1

    @property
    def multiplies(self) -> bool:
        return self.kind in MULTIPLIERS

    @property
    def gives_points(self) -> bool:
        return self.kind in POINTS


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many points, or times, in each period: by one member, or by the rule for all members together."""

    per: Period
    points: int | None = None
    times: int | None = None
    by: Literal["member", "rule"] = "member"


@dataclass(frozen=True, slots=True)
class Release:
    """To whom the rule is out already. `percent` of the members are always the same ones."""

    to: Literal["all", "staff", "segment", "percent"] = "all"
    segment: str = ""
    percent: int = 100


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole rule. `group`: where it is given, `combine` says what becomes of several that hold: best, first (by `priority`), or product.

    `multiplied`: whether multipliers count for what this rule gives. `margin_percent`: per line at most that share of its margin, in
    points at their cost, where the storefront tells the cost. `expiry`, `pending` (`none`, `days:7`, `delivered`): of what it grants, empty for
    the programme's. `claim_days`: the member must claim it within so many days; 0: granted at once.
    """

    conditions: Conditions = Conditions()
    effect: Effect = Effect()
    group: str = ""
    combine: Literal["", "best", "first", "product"] = ""
    priority: int = 0
    multiplied: bool = True
    limits: Sequence[Limit] = ()
    margin_percent: int | None = None
    expiry: str = ""
    pending: str = ""
    claim_days: int = 0
    release: Release = Release()
    cost_centre: str = ""
    campaign: str = ""


def as_json(definition: Definition) -> dict[str, Any]:
    """As it is kept: only what differs from a definition that says nothing."""
    blank = asdict(Definition())
    said = _without(asdict(definition), blank)
    for name in ("date_from", "date_until"):
        if day := said.get("conditions", {}).get(name):
            said["conditions"][name] = day.isoformat()
    return said


def _without(said: dict[str, Any], blank: Mapping[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in said.items():
        if isinstance(value, dict) and isinstance(blank.get(name), dict) and name != "by_category":
            value = _without(value, blank[name])
            if value:
                kept[name] = value
        elif value != blank.get(name):
            kept[name] = list(value) if isinstance(value, tuple) else value
    return kept


def from_json(kept: Mapping[str, Any]) -> Definition:
    """The definition that `as_json` wrote; what it does not name is as in a definition that says nothing."""
    conditions = dict(kept.get("conditions", {}))
    for name in ("date_from", "date_until"):
        if conditions.get(name):
            conditions[name] = date.fromisoformat(conditions[name])
    effect = dict(kept.get("effect", {}))
    effect["bands"] = tuple(Band(**band) for band in effect.get("bands", ()))
    parts = {
        "conditions": Conditions(**_tuples(conditions)),
        "effect": Effect(**_tuples(effect)),
        "limits": tuple(Limit(**limit) for limit in kept.get("limits", ())),
        "release": Release(**kept.get("release", {})),
    }
    return Definition(**{**kept, **parts})


def _tuples(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}


@dataclass(frozen=True, slots=True)
class SharedLimit:
    """What several rules may give a member together. `over`: behaviours (all but purchases), purchases, everything, or kinds of facts."""

    code: str
    over: Sequence[str]
    per: Period
    points: int | None = None
    times: int | None = None

    def covers(self, kind: str) -> bool:
        if "everything" in self.over or kind in self.over:
            return True
        return ("purchases" if kind == "purchase" else "behaviours") in self.over


# Names that an expression about a fact may use, besides `data.…`: the fields of the fact's kind.
VARIABLES: Mapping[str, str] = {
    "amount_cents": "number",
    "categories": "texts",
    "brands": "texts",
    "skus": "texts",
    "quantity": "number",
    "channel": "text",
    "nth_purchase": "number",
    "days_since_last": "number",
    "tier": "text",
    "sprint": "flag",
    "segments": "texts",
    "member_days": "number",
    "registered": "flag",
    "weekday": "number",
    "hour": "number",
    "day": "number",
    "month": "number",
    "festivals": "texts",
    "birthday": "flag",
    "birthday_month": "flag",
}


def variables(kind_fields: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The variables of an expression about a kind of fact, by name."""
    own = {f"data.{one['name']}": {"number": "number", "flag": "flag"}.get(one["type"], "text") for one in kind_fields}
    return {**VARIABLES, **own}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, at which field of the form (`conditions.date_until`); the sentence for `code` is found where people read it."""

    place: str
    code: str
    figures: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def at(cls, place: str, code: str, **figures: Any) -> Self:
        return cls(place, code, figures)


@dataclass(frozen=True, slots=True)
class Known:
    """What a rule may name, by code. `kinds`: the fields of each kind of fact. `things`: by effect, where somebody keeps a list of them."""

    kinds: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    tiers: Collection[str] = ()
    segments: Collection[str] = ()
    festivals: Collection[str] = ()
    things: Mapping[str, Collection[str]] = field(default_factory=dict)


# Where only some words are good.
CHOICES: Mapping[str, Sequence[str]] = {
    "conditions.again_scope": ("member", "category"),
    "conditions.birthday": ("", "day", "month"),
    "effect.kind": (*POINTS, *MULTIPLIERS, *THINGS),
    "combine": ("", "best", "first", "product"),
    "release.to": ("all", "staff", "segment", "percent"),
}
PERIODS, BY = ("fact", "day", "week", "month", "life"), ("member", "rule")
# The longest texts that what is kept of a grant has room for.
LONGEST = {"group": 60, "cost_centre": 50, "campaign": 100, "effect.item": 60, "effect.measure": 40}
MOST_POINTS, MOST_RATE, MOST_FACTOR, MOST_DAYS, MOST_CLAIM_DAYS, MOST_THINGS = 10**9, 9999 * ONE, 100 * ONE, 3650, 365, 100
# Of what conditions and limits compare with: above any real figure, and within what the database counts.
MOST_AMOUNT, MOST_TIMES = 10**12, 10**9
# Of an expiry: in days, and in months or years.
MOST_LENGTH_DAYS, MOST_LENGTH = 36_500, 1200


def problems(said: Definition, *, fact: str, known: Known, others: Mapping[str, Definition] | None = None) -> list[Problem]:
    """What keeps a rule about facts of that kind from working, in the order of the form; nothing where it can work.

    `others`: what is published, for facts of that kind, in the same group, by the rules' names.
    """
    if fact != PURCHASE and fact not in known.kinds:
        return [Problem.at("fact", "fact_unknown", fact=fact)]
    types = {one["name"]: one["type"] for one in known.kinds.get(fact, ())} if fact != PURCHASE else {}
    found = [Problem.at(place, "choice_unknown") for place, good in CHOICES.items() if _at(said, place) not in good]
    found += [Problem.at(place, "too_long", most=most) for place, most in LONGEST.items() if len(_at(said, place)) > most]
    if found:
        return found
    found += _in_conditions(said.conditions, fact, types, known)
    if said.effect.kind == "tier_birthday_multiplier" and not said.conditions.birthday:
        found.append(Problem.at("conditions.birthday", "birthday_missing"))
    found += _in_effect(said.effect, fact, types, known)
    found += _in_group(said, others or {})
    found += _in_limits(said)
    found += _in_terms(said, fact, known)
    return found


def _at(said: Definition, place: str) -> Any:
    return reduce(getattr, place.split("."), said)


def _in_conditions(c: Conditions, fact: str, types: Mapping[str, str], known: Known) -> Iterator[Problem]:
    for name, field_name in (("categories", "category"), ("brands", "brand"), ("skus", "sku"), ("channels", "channel")):
        if getattr(c, name) and fact != PURCHASE and field_name not in types:
            yield Problem.at(f"conditions.{name}", "field_missing", field=field_name)
    if wrong := [one for one in c.categories if _malformed(one)]:
        yield Problem.at("conditions.categories", "category_malformed", names=", ".join(wrong))
    yield from _unknown("conditions.tiers", "tier_unknown", c.tiers, known.tiers)
    yield from _unknown("conditions.segments", "segment_unknown", c.segments, known.segments)
    if c.festival:
        yield from _unknown("conditions.festival", "festival_unknown", [c.festival], known.festivals)
    if c.card and "card" in known.things:
        yield from _unknown("conditions.card", "card_unknown", [c.card], known.things["card"])

    has_amount = fact == PURCHASE or types.get("amount_cents") == "number"
    for name, value in (("min_cents", c.min_cents), ("max_cents", c.max_cents)):
        if value is not None and not has_amount:
            yield Problem.at(f"conditions.{name}", "no_amount")
        elif value is not None and value < 0:
            yield Problem.at(f"conditions.{name}", "negative")
        elif value is not None and value > MOST_AMOUNT:
            yield Problem.at(f"conditions.{name}", "too_large", most=MOST_AMOUNT)
    if c.min_cents is not None and c.max_cents is not None and c.min_cents > c.max_cents:
        yield Problem.at("conditions.max_cents", "amounts_contradict")
    if fact != PURCHASE:
        if c.nth_purchase:
            yield Problem.at("conditions.nth_purchase", "only_purchases")
        if c.again_days is not None:
            yield Problem.at("conditions.again_days", "only_purchases")
    if any(nth < 1 for nth in c.nth_purchase):
        yield Problem.at("conditions.nth_purchase", "nth_below_one")
    for name, days in (("new_member_days", c.new_member_days), ("again_days", c.again_days)):
        if days is not None and days < 0:
            yield Problem.at(f"conditions.{name}", "negative")
        elif days is not None and days > MOST_DAYS:
            yield Problem.at(f"conditions.{name}", "too_large", most=MOST_DAYS)

    if any(not 1 <= day <= 7 for day in c.weekdays):
        yield Problem.at("conditions.weekdays", "weekday_unknown")
    if c.hour_from is not None and not 0 <= c.hour_from <= 23:
        yield Problem.at("conditions.hour_from", "hour_unknown", least=0, most=23)
    if c.hour_until is not None and not 0 <= c.hour_until <= 24:
        yield Problem.at("conditions.hour_until", "hour_unknown", least=0, most=24)
    if (c.hour_from or 0) == (24 if c.hour_until is None else c.hour_until):
        yield Problem.at("conditions.hour_until", "hours_empty")
    if c.date_from and c.date_until and c.date_from > c.date_until:
        yield Problem.at("conditions.date_until", "dates_contradict")
    if c.expression:
        try:
            expressions.condition(c.expression, variables(known.kinds.get(fact, ())))
        except expressions.ExpressionInvalid as wrong_text:
            code = "expression_wrong_at" if wrong_text.column else "expression_wrong"
            yield Problem.at("conditions.expression", code, reason=wrong_text.reason, column=wrong_text.column)


def _malformed(category: str) -> bool:
    """Whether it could never be a category, nor stand above one."""
    return not category or category.startswith("/") or category.endswith("/")


def _unknown(place: str, code: str, named: Sequence[str], known: Collection[str]) -> Iterator[Problem]:
    if missing := [name for name in named if name not in known]:
        yield Problem.at(place, code, names=", ".join(missing))


def _in_effect(effect: Effect, fact: str, types: Mapping[str, str], known: Known) -> Iterator[Problem]:
    amounts = {"points": effect.points, "minimum": effect.minimum, "maximum": effect.maximum or 0, "ladder": max(effect.ladder, default=0)}
    for name, points in amounts.items():
        if points > MOST_POINTS:
            yield Problem.at(f"effect.{name}", "too_large", most=MOST_POINTS)
    match effect.kind:
        case "fixed":
            if effect.points <= 0:
                yield Problem.at("effect.points", "not_positive")
        case "per_unit":
            yield from _in_rates(effect, fact)
        case "bands":
            yield from _in_measure(effect, fact, types)
            yield from _in_bands(effect.bands, fact)
        case "ladder":
            yield from _in_measure(effect, fact, types)
            if not effect.ladder:
                yield Problem.at("effect.ladder", "ladder_missing")
            elif min(effect.ladder) < 0:
                yield Problem.at("effect.ladder", "negative")
            elif not any(effect.ladder):
                yield Problem.at("effect.ladder", "gives_nothing")
        case "stated":
            yield from _in_measure(effect, fact, types)
            yield from _in_bounds(effect)
        case "random":
            yield from _in_bounds(effect)
            if not 1 <= effect.chance <= CERTAIN:
                yield Problem.at("effect.chance", "chance_out_of_range")
            if effect.maximum is None and effect.minimum == 0:
                yield Problem.at("effect.maximum", "gives_nothing")
        case "multiplier":
            if not 1 <= effect.factor <= MOST_FACTOR:
                yield Problem.at("effect.factor", "factor_out_of_range", most=MOST_FACTOR // ONE)
        case thing if thing in THINGS:
            if not effect.item:
                yield Problem.at("effect.item", "item_missing")
            elif thing in known.things and effect.item not in known.things[thing]:
                yield Problem.at("effect.item", "item_unknown", names=effect.item)
            if effect.count < 1:
                yield Problem.at("effect.count", "not_positive")
            elif effect.count > MOST_THINGS:
                yield Problem.at("effect.count", "too_large", most=MOST_THINGS)


def _in_rates(effect: Effect, fact: str) -> Iterator[Problem]:
    if fact != PURCHASE:
        yield Problem.at("effect.kind", "only_purchases")
    if not 0 <= effect.rate <= MOST_RATE:
        yield Problem.at("effect.rate", "rate_out_of_range")
    for row, (category, rate) in enumerate(effect.by_category.items()):
        if _malformed(category):
            yield Problem.at(f"effect.by_category.{row}.category", "category_malformed", names=category)
        if not 0 <= rate <= MOST_RATE:
            yield Problem.at(f"effect.by_category.{row}.rate", "rate_out_of_range")


def _in_measure(effect: Effect, fact: str, types: Mapping[str, str]) -> Iterator[Problem]:
    """`amount` is a measure of bands alone; a field must be there, and a number."""
    if not effect.measure:
        yield Problem.at("effect.measure", "measure_missing")
    elif effect.measure == "amount" and effect.kind == "bands":
        if fact != PURCHASE and types.get("amount_cents") != "number":
            yield Problem.at("effect.measure", "no_amount")
    elif effect.measure not in types:
        yield Problem.at("effect.measure", "measure_unknown", names=effect.measure)
    elif types[effect.measure] != "number":
        yield Problem.at("effect.measure", "measure_no_number", names=effect.measure)


def _in_bands(bands: Sequence[Band], fact: str) -> Iterator[Problem]:
    if not bands:
        yield Problem.at("effect.bands", "bands_missing")
    for row, band in enumerate(bands):
        place = f"effect.bands.{row}"
        if band.start < 0:
            yield Problem.at(f"{place}.start", "negative")
        if band.end is not None and band.start >= band.end:
            yield Problem.at(f"{place}.end", "band_empty")
        if max(band.start, band.end or 0) > MOST_AMOUNT:
            yield Problem.at(f"{place}.{'start' if band.start > MOST_AMOUNT else 'end'}", "too_large", most=MOST_AMOUNT)
        if row:
            before = bands[row - 1].end
            if before is None or band.start < before:
                yield Problem.at(f"{place}.start", "bands_overlap")
            elif band.start > before:
                yield Problem.at(f"{place}.start", "bands_gap")
        if band.points < 0:
            yield Problem.at(f"{place}.points", "negative")
        if band.points > MOST_POINTS:
            yield Problem.at(f"{place}.points", "too_large", most=MOST_POINTS)
        if not 0 <= band.rate <= MOST_RATE:
            yield Problem.at(f"{place}.rate", "rate_out_of_range")
        elif band.rate and fact != PURCHASE:
            yield Problem.at(f"{place}.rate", "only_purchases")
        elif not band.points and not band.rate:
            yield Problem.at(f"{place}.points", "band_gives_nothing")


def _in_bounds(effect: Effect) -> Iterator[Problem]:
    if effect.minimum < 0:
        yield Problem.at("effect.minimum", "negative")
    if effect.maximum is not None and effect.maximum < effect.minimum:
        yield Problem.at("effect.maximum", "bounds_contradict")
    elif effect.maximum is not None and effect.maximum <= 0:
        yield Problem.at("effect.maximum", "gives_nothing")


def _in_group(said: Definition, others: Mapping[str, Definition]) -> Iterator[Problem]:
    if said.combine and not said.group:
        yield Problem.at("group", "group_missing")
    if not said.group:
        return
    if said.effect.kind in THINGS:
        yield Problem.at("group", "things_do_not_compete")
        return
    if not said.combine:
        yield Problem.at("combine", "combine_missing")
    elif said.combine == "product" and not said.effect.multiplies:
        yield Problem.at("combine", "product_of_points")
    for name, other in others.items():
        if other.effect.multiplies != said.effect.multiplies:
            yield Problem.at("group", "group_mixed", rule=name)
        elif said.combine and other.combine != said.combine:
            yield Problem.at("combine", "combine_differs", rule=name, combine=other.combine)


def most_of_one(effect: Effect) -> int | None:
    """The most points that one fact gives by itself; None where that depends on what was paid, or on other rules."""
    match effect.kind:
        case "fixed":
            return effect.points
        case "ladder":
            return max(effect.ladder, default=0)
        case "bands":
            return max((band.points for band in effect.bands), default=0)
        case "stated" | "random":
            return effect.minimum if effect.maximum is None else effect.maximum
    return None


def _in_limits(said: Definition) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    most = most_of_one(said.effect)
    for row, limit in enumerate(said.limits):
        place = f"limits.{row}"
        if limit.per not in PERIODS or limit.by not in BY:
            yield Problem.at(f"{place}.per", "choice_unknown")
        if (limit.by, limit.per) in seen:
            yield Problem.at(f"{place}.per", "limit_twice")
        seen.add((limit.by, limit.per))
        if limit.points is None and limit.times is None:
            yield Problem.at(f"{place}.points", "limit_missing")
        if limit.points is not None:
            if limit.points <= 0:
                yield Problem.at(f"{place}.points", "not_positive")
            elif limit.points > MOST_AMOUNT:
                yield Problem.at(f"{place}.points", "too_large", most=MOST_AMOUNT)
            elif said.effect.kind in THINGS:
                yield Problem.at(f"{place}.points", "limit_without_points")
            elif most is not None and limit.points < most:
                yield Problem.at(f"{place}.points", "limit_below_grant", most=most)
        if limit.times is not None:
            if limit.times <= 0:
                yield Problem.at(f"{place}.times", "not_positive")
            elif limit.times > MOST_TIMES:
                yield Problem.at(f"{place}.times", "too_large", most=MOST_TIMES)
            elif limit.per == "fact":
                yield Problem.at(f"{place}.times", "limit_always_kept")


def _in_terms(said: Definition, fact: str, known: Known) -> Iterator[Problem]:
    if said.margin_percent is not None:
        if fact != PURCHASE:
            yield Problem.at("margin_percent", "only_purchases")
        elif said.effect.kind not in ("per_unit", "bands", *MULTIPLIERS):
            yield Problem.at("margin_percent", "margin_without_lines")
        if not 1 <= said.margin_percent <= 100:
            yield Problem.at("margin_percent", "percent_out_of_range")
    if said.expiry and (code := _wrong_with_expiry(said.expiry)):
        yield Problem.at("expiry", code)
    if said.pending == "delivered":
        if fact != PURCHASE:
            yield Problem.at("pending", "only_purchases")
    elif said.pending not in ("", "none"):
        kind, _colon, days = said.pending.partition(":")
        if kind != "days" or not days.isdecimal() or not 1 <= int(days) <= MOST_DAYS:
            yield Problem.at("pending", "pending_unknown", most=MOST_DAYS)
    if not 0 <= said.claim_days <= MOST_CLAIM_DAYS:
        yield Problem.at("claim_days", "claim_days_out_of_range", most=MOST_CLAIM_DAYS)
    match said.release.to:
        case "segment":
            if not said.release.segment:
                yield Problem.at("release.segment", "segment_missing")
            else:
                yield from _unknown("release.segment", "segment_unknown", [said.release.segment], known.segments)
        case "percent":
            if not 1 <= said.release.percent <= 100:
                yield Problem.at("release.percent", "percent_out_of_range")


def _wrong_with_expiry(text: str) -> str:
    """The code of what is wrong with an expiry policy; empty where nothing is."""
    try:
        policy = ExpiryPolicy.parse(text)
        ZoneInfo(policy.zone or "UTC")
    except (ValueError, TypeError, ZoneInfoNotFoundError):
        return "expiry_unknown"
    if str(policy) != text or policy.length < 0 or not 1 <= policy.first_month <= 12:
        return "expiry_unknown"
    if policy.kind in ("months", "days") and policy.length == 0:
        return "expiry_at_once"
    if policy.length > (MOST_LENGTH_DAYS if policy.kind == "days" else MOST_LENGTH):
        return "expiry_too_long"
    return ""


class Span(NamedTuple):
    """Days from `first` to `last`, both included."""

    first: date
    last: date


def runs(said: Definition, within: Span, festival: Sequence[Span]) -> list[Span]:
    """On which days of `within` its dated conditions hold. `festival`: the days of the one that it names."""
    whole = Span(max(within.first, said.conditions.date_from or within.first), min(within.last, said.conditions.date_until or within.last))
    parts = [Span(max(one.first, whole.first), min(one.last, whole.last)) for one in festival] if said.conditions.festival else [whole]
    return sorted(part for part in parts if part.first <= part.last)


class Bar(NamedTuple):
    """Where a span stands on a line that is 100 long, and how long it is."""

    left: float
    width: float
    span: Span


def bars(spans: Sequence[Span], within: Span) -> list[Bar]:
    days = (within.last - within.first).days + 1
    return [Bar(round((span.first - within.first).days * 100 / days, 3), round(((span.last - span.first).days + 1) * 100 / days, 3), span) for span in spans]
