"""Which tier counts, and what tiers bring. Pure; multipliers in basis points: 10,000 is once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Literal, NamedTuple

ONCE = 10_000
# A tenth and a hundred times.
LEAST, MOST = ONCE // 10, ONCE * 100


@dataclass(frozen=True, slots=True)
class Step:
    code: str
    rank: int
    multiplier_bps: int = ONCE
    name_zh: str = ""
    name_en: str = ""
    colour: str = ""
    active: bool = True
    threshold: int = 0
    invited_only: bool = False
    card_url: str = ""

    def name(self, language: str) -> str:
        return self.name_zh if language.startswith("zh") else self.name_en


Ladder = Sequence[Step]


def place(ladder: Ladder, code: str | None) -> Step | None:
    """The step that counts for whoever was put at `code`; None as code: nowhere yet. None only where no tier is active.

    A step that is not active passes on to the next active one below it, or else to the lowest.
    """
    active = sorted((step for step in ladder if step.active), key=lambda step: step.rank)
    put = next((step for step in ladder if step.code == code), None)
    if put is None:
        return active[0] if active else None
    below = [step for step in active if step.rank <= put.rank]
    return below[-1] if below else active[0] if active else None


def next_above(ladder: Ladder, step: Step | None) -> Step | None:
    """The next active step; None at the top."""
    above = [other for other in ladder if other.active and step is not None and other.rank > step.rank]
    return min(above, key=lambda other: other.rank, default=None)


def reachable(ladder: Ladder) -> list[Step]:
    """The active steps that figures lead into, the lowest first; the step where everybody begins is not among them."""
    return sorted((step for step in ladder if step.active and step.threshold and not step.invited_only), key=lambda step: step.rank)


def reached(ladder: Ladder, figure: int) -> Step | None:
    """The highest step whose threshold the figure reaches, else the lowest active one; None only where no tier is active."""
    found = [step for step in reachable(ladder) if step.threshold <= figure]
    return found[-1] if found else place(ladder, None)


def one_below(ladder: Ladder, code: str | None) -> Step | None:
    """The step below that one that figures lead into, else the lowest active one."""
    put = next((step for step in ladder if step.code == code), None)
    below = [step for step in reachable(ladder) if put is not None and step.rank < put.rank]
    return below[-1] if below else place(ladder, None)


def disordered(ladder: Ladder) -> Step | None:
    """The first step whose threshold is not above that of the step below it, among those that figures lead into."""
    steps = reachable(ladder)
    return next((upper for lower, upper in pairwise(steps) if upper.threshold <= lower.threshold), None)


def times(multiplier_bps: int) -> str:
    """A multiplier as people write it: 12,000 is 1.2."""
    return f"{(Decimal(multiplier_bps) / ONCE).normalize():f}"


# Benefits

Unit = Literal["factor", "percent", "points", "minutes", "flag", "code"]


@dataclass(frozen=True, slots=True)
class BenefitKind:
    """What a benefit of that kind is counted in: a factor and percents in basis points, points, minutes; a flag and a code have no number.

    `by_orders`: whether it may grow with how often the member bought.
    """

    code: str
    unit: Unit
    least: int = 1
    most: int = 10**9
    by_orders: bool = False

    @property
    def counted(self) -> bool:
        return self.unit not in ("flag", "code")


BENEFITS: Mapping[str, BenefitKind] = {
    one.code: one
    for one in (
        BenefitKind("birthday_multiplier", "factor", ONCE, MOST),
        BenefitKind("birthday_gift", "points", by_orders=True),
        BenefitKind("redemption_discount", "percent", 1, ONCE),
        BenefitKind("free_shipping", "flag"),
        BenefitKind("early_access", "minutes", most=60 * 24 * 30),
        BenefitKind("monthly_allowance", "points", by_orders=True),
        BenefitKind("level_up_gift", "points"),
        BenefitKind("level_up_coupon", "code"),
        BenefitKind("loan_limit", "points"),
        BenefitKind("own_agent", "flag"),
    )
}
MOST_BANDS, MOST_ORDERS, LONGEST_ITEM = 10, 1000, 60


@dataclass(frozen=True, slots=True)
class Band:
    """From so many orders in the last 12 months on, the value is this."""

    orders: int
    value: int


@dataclass(frozen=True, slots=True)
class Benefit:
    """What a tier brings. `item`: the code of what is given, where its kind is counted in codes. `bands` go up in orders and in value."""

    kind: str
    value: int = 0
    item: str = ""
    bands: Sequence[Band] = ()
    text_zh: str = ""
    text_en: str = ""

    def value_for(self, orders: int) -> int:
        """What it comes to for a member with so many orders in the last 12 months."""
        return next((band.value for band in reversed(self.bands) if band.orders <= orders), self.value)

    def text(self, language: str) -> str:
        """What the operator wrote for members in that language; empty where that is nothing."""
        return self.text_zh if language.startswith("zh") else self.text_en


class Fault(NamedTuple):
    """What is wrong with a benefit, at which field (`kind`, `value` or `bands`); the sentence for `code` is found where people read it."""

    field: str
    code: str
    figures: Mapping[str, str] = {}


def faults(benefit: Benefit) -> list[Fault]:
    """Why a benefit cannot be like this; nothing where it can."""
    kind = BENEFITS.get(benefit.kind)
    if kind is None:
        return [Fault("kind", "kind_unknown")]
    found = []
    bounds = {"least": shown(kind.unit, kind.least), "most": shown(kind.unit, kind.most)}
    if kind.unit == "code" and not 0 < len(benefit.item) <= LONGEST_ITEM:
        found.append(Fault("value", "item_missing"))
    if not kind.counted:
        return found + ([Fault("bands", "bands_without_number")] if benefit.bands else [])
    if not kind.least <= benefit.value <= kind.most:
        found.append(Fault("value", "out_of_range", bounds))
    if benefit.bands and not kind.by_orders:
        return [*found, Fault("bands", "bands_not_for_this")]
    if len(benefit.bands) > MOST_BANDS or any(not 1 <= band.orders <= MOST_ORDERS for band in benefit.bands):
        found.append(Fault("bands", "orders_out_of_range", {"bands": str(MOST_BANDS), "orders": str(MOST_ORDERS)}))
    elif any(not kind.least <= band.value <= kind.most for band in benefit.bands):
        found.append(Fault("bands", "out_of_range", bounds))
    elif not _growing([Band(0, benefit.value), *benefit.bands]):
        found.append(Fault("bands", "bands_do_not_grow"))
    return found


def _growing(bands: Sequence[Band]) -> bool:
    return all(one.orders < after.orders and one.value < after.value for one, after in pairwise(bands))


def shown(unit: Unit, value: int) -> str:
    """A value as people write it: 20,000 as a factor is 2, 500 in percent is 5."""
    match unit:
        case "factor":
            return times(value)
        case "percent":
            return f"{(Decimal(value) / 100).normalize():f}"
        case "points" | "minutes":
            return f"{value:,}"
    return ""


def read(unit: Unit, text: str) -> int | None:
    """What people wrote as a value of that unit; None where it is no number, or a finer one than is counted."""
    text = text.strip().replace(",", "").removesuffix("%").removesuffix("×").strip()
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text):
        return None
    exact = Decimal(text) * {"factor": ONCE, "percent": 100}.get(unit, 1)
    return int(exact) if exact == int(exact) else None


# Chinese punctuation is read like any other.
_AS_TYPED = str.maketrans("，；：、", ",;:;")


def read_bands(unit: Unit, text: str) -> list[Band] | None:
    """`3: 200, 6: 300` as bands, in the order written; None where that cannot be read."""
    found = []
    for part in filter(None, (one.strip() for one in re.split(r"[;\n]|,(?=\s*[0-9]+\s*:)", text.translate(_AS_TYPED)))):
        orders, _colon, value = part.partition(":")
        counted = read(unit, value)
        if counted is None or not re.fullmatch(r"[0-9]{1,6}", orders.strip()):
            return None
        found.append(Band(int(orders), counted))
    return found


def bands_shown(unit: Unit, bands: Sequence[Band]) -> str:
    """Bands as `read_bands` reads them."""
    return ", ".join(f"{band.orders}: {shown(unit, band.value)}" for band in bands)
