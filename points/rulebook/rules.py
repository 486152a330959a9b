"""What a rule says, as plain values. Rates and factors in ten-thousandths, money in minor units, points whole."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any, Literal, Self

ONE = 10_000
CERTAIN = 1_000_000

POINTS = ("fixed", "per_unit", "bands", "ladder", "stated", "random")
MULTIPLIERS = ("multiplier", "tier_multiplier")
# What can be won besides points: a coupon's template, a badge, a chance in a draw, a card, a benefit, by its code.
THINGS = ("coupon", "badge", "chance", "card", "benefit")

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
    multiplier: `factor`; tier_multiplier: the tier's. Things to win: `count` of `item`.
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
    kept = {}
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
