"""What coupons take off a cart, and which go together. Pure; money in minor units, percents in basis points."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from accounts.activity.rules import Line
from loyalty.lib.localtime import end_of_day, local_date, start_of_day
from loyalty.lib.money import share

ONE = 10_000
LARGEST_CENTS = 10**12
KINDS = ("percent", "amount", "free_shipping")  # In the order in which they take off.

# Nothing that is mistaken for something else when it is read aloud or copied by hand; no vowels but A and E, so no words.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 12


def code(seed: bytes) -> str:
    """A code of twelve signs out of a random seed of 16 bytes: one of some 5 × 10^17."""
    number = int.from_bytes(hashlib.blake2b(seed, digest_size=16).digest())
    signs = []
    for _position in range(LENGTH):
        number, sign = divmod(number, len(ALPHABET))
        signs.append(ALPHABET[sign])
    return "".join(signs)


def as_written(given: str) -> str:
    """A code as people type it, made what we gave out: small letters, blanks and dashes do not matter."""
    return given.upper().replace(" ", "").replace("-", "")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a coupon does. `categories` (empty: all) and `excluded` are paths that stand for all below them; a `cap_cents` of None is none."""

    kind: str
    amount_cents: int = 0
    percent_bps: int = 0
    cap_cents: int | None = None
    threshold_cents: int = 0
    categories: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    with_points: bool = True
    with_coupons: bool = False

    def as_json(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        said: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
        return cls(**said)

    def takes(self, line: Line) -> bool:
        """Whether the line is one of those that the coupon is for."""
        return (not self.categories or _below(line.category, self.categories)) and not _below(line.category, self.excluded)


def _below(category: str, parents: Iterable[str]) -> bool:
    return any(category == parent or category.startswith(f"{parent}/") for parent in parents)


@dataclass(frozen=True, slots=True)
class Given:
    """A coupon that a cart is to have. `template`: of which kind it is; one of a kind goes on an order."""

    code: str
    template: str
    terms: Terms


class No(NamedTuple):
    """Why a coupon takes nothing off: a code, with its figures."""

    why: str
    figures: Mapping[str, Any] = {}


class Off(NamedTuple):
    """What a coupon takes off: of each line of the cart, and of its shipping."""

    lines: tuple[int, ...]
    shipping: int

    @property
    def cents(self) -> int:
        return sum(self.lines) + self.shipping


class Together(NamedTuple):
    """What coupons take off a cart together, in the order in which they do, and why others do not."""

    applied: Sequence[tuple[Given, Off]]
    refused: Sequence[tuple[str, No]]

    @property
    def cents(self) -> int:
        return sum(off.cents for _given, off in self.applied)


def apply(terms: Terms, lines: Sequence[Line], shipping_cents: int, *, before: Sequence[Off] = ()) -> Off | No:
    """What the coupon takes off a cart of which others took some `before`; or why it takes nothing.

    The threshold looks at the cart before any coupon. Lines below zero count for it, and no discount exceeds what the whole of the lines costs.
    """
    fits = [terms.takes(line) for line in lines]
    if (terms.categories or terms.excluded) and not any(fits):
        return No("coupon_no_line")
    total = sum(line.amount_cents for line, fit in zip(lines, fits, strict=True) if fit)
    if total < terms.threshold_cents:
        return No("coupon_threshold", {"threshold_cents": terms.threshold_cents, "missing_cents": terms.threshold_cents - max(0, total)})
    left = [line.amount_cents - sum(off.lines[i] for off in before) for i, line in enumerate(lines)]
    if terms.kind == "free_shipping":
        off = Off((0,) * len(lines), shipping_cents - sum(one.shipping for one in before))
    else:
        weights = [max(0, cents) if fit else 0 for cents, fit in zip(left, fits, strict=True)]
        wanted = terms.amount_cents if terms.kind == "amount" else _percent(sum(weights), terms)
        off = Off(tuple(share(max(0, min(wanted, sum(weights), sum(left))), weights)), 0)
    return off if off.cents else No("coupon_nothing_off")


def _percent(cents: int, terms: Terms) -> int:
    off = cents * terms.percent_bps // ONE
    return off if terms.cap_cents is None else min(off, terms.cap_cents)


def best(given: Sequence[Given], lines: Sequence[Line], shipping_cents: int) -> Together:
    """Of these coupons the combination that takes off most; where several do, the one of fewer coupons, then of those named first.

    Those that combine with others go together, one of a template; one that does not goes alone.
    """
    refused: list[tuple[str, No]] = []
    alone: dict[str, tuple[Given, Off]] = {}
    for one in given:
        if one.code in alone or any(code == one.code for code, _no in refused):
            continue
        off = apply(one.terms, lines, shipping_cents)
        if isinstance(off, No):
            refused.append((one.code, off))
        else:
            alone[one.code] = (one, off)
    kept: dict[str, Given] = {}
    for one, _off in alone.values():
        kept.setdefault(one.template, one)
    twice = [one.code for one, _off in alone.values() if kept[one.template] is not one]
    sets = [[one] for one, _off in alone.values() if one.code not in twice and not one.terms.with_coupons]
    sets.append([one for one in kept.values() if one.terms.with_coupons])
    stacks = [_stack(one, lines, shipping_cents) for one in sets]
    chosen = max(stacks, key=lambda one: (one.cents, -len(one.applied)))
    used = {one.code for one, _off in chosen.applied} | {code for code, _no in chosen.refused}
    refused += chosen.refused
    refused += [(code, No("coupon_one_of_a_kind" if code in twice else "coupon_not_with_others")) for code in alone if code not in used]
    order = [one.code for one in given]
    return Together(chosen.applied, sorted(refused, key=lambda one: order.index(one[0])))


def _stack(given: Sequence[Given], lines: Sequence[Line], shipping_cents: int) -> Together:
    """What these take off, one after the other: percentages, amounts, shipping, and within each as they were named."""
    applied: list[tuple[Given, Off]] = []
    refused: list[tuple[str, No]] = []
    for one in sorted(given, key=lambda one: KINDS.index(one.terms.kind)):
        off = apply(one.terms, lines, shipping_cents, before=[before for _given, before in applied])
        if isinstance(off, No):
            refused.append((one.code, off))
        else:
            applied.append((one, off))
    return Together(applied, refused)


def most_off(terms: Terms) -> int:
    """More than this no cart makes of it: the amount, the cap, or else that of the largest order there can be."""
    if terms.kind == "amount":
        return terms.amount_cents
    return _percent(LARGEST_CENTS, terms) if terms.kind == "percent" else LARGEST_CENTS


class Validity(NamedTuple):
    """Good from `starts_at` (None: at once) until just before `expires_at`."""

    starts_at: datetime | None
    expires_at: datetime


def validity(issued_at: datetime, *, days: int | None, starts_on: date | None, ends_on: date | None, zone: ZoneInfo) -> Validity | None:
    """When a coupon issued then is good: through so many days after, counted from its first day, and not past `ends_on`. None: never any more."""
    first = local_date(issued_at, zone)
    starts = starts_on if starts_on is not None and starts_on > first else None
    last = [day for day in (ends_on, (starts or first) + timedelta(days=days) if days is not None else None) if day is not None]
    assert last, "every coupon ends"
    if min(last) < (starts or first):
        return None
    return Validity(start_of_day(starts, zone) if starts else None, end_of_day(min(last), zone))
