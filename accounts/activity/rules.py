"""Facts as plain values: when two messages are the same, what is left of an order, what a kind of fact says and counts once for."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID

from loyalty.lib.money import share

FUTURE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Line:
    """`amount_cents` is for all of `quantity`; it may be zero or negative (deposits returned), and so may the quantity be zero.

    `cost_cents`: what all of it cost the shop, where the storefront says so. `paid_cents`: what of it was paid in money, where the till
    has split the order's discounts and points over its lines; else its part is as its amount's.
    """

    id: str
    sku: str = ""
    category: str = ""
    brand: str = ""
    quantity: int = 1
    amount_cents: int = 0
    cost_cents: int | None = None
    paid_cents: int | None = None

    @property
    def weight(self) -> int:
        """Its part of what was paid for goods."""
        return max(0, self.amount_cents) if self.paid_cents is None else self.paid_cents


@dataclass(frozen=True, slots=True)
class Purchase:
    """`paid_cents` was paid in money. `discounts` are the storefront's own, by kind; `hold` is the id of the points' hold, if any.

    `channel`: where it was bought (app, web, a branch), where the storefront says so.
    """

    id: str
    occurred_at: datetime
    currency: str
    paid_cents: int
    lines: Sequence[Line] = ()
    shipping_cents: int = 0
    discounts: Sequence[Mapping[str, Any]] = ()
    hold: str = ""
    channel: str = ""

    @property
    def lines_cents(self) -> int:
        return sum(line.amount_cents for line in self.lines)

    @property
    def discount_cents(self) -> int:
        return sum(int(discount["discount_cents"]) for discount in self.discounts)

    @property
    def goods_cents(self) -> int:
        """What of the money was paid for goods: where the till has not split it, all beyond the price of shipping."""
        told = [line.paid_cents for line in self.lines if line.paid_cents is not None]
        return sum(told) if told else max(0, self.paid_cents - self.shipping_cents)


@dataclass(frozen=True, slots=True)
class RefundLine:
    """What of a line came back. Without a quantity the whole line; without an amount, the line's share of what was paid for goods."""

    id: str
    quantity: int | None = None
    amount_cents: int | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """`amount_cents` is money given back (None: the sum over the lines); `points` asks for so many spent points back."""

    id: str
    occurred_at: datetime
    amount_cents: int | None = None
    lines: Sequence[RefundLine] = ()
    points: int | None = None


# Left out of a digest where they say nothing: they came later, and what was recorded before them must still read the same.
_LATER = {"channel": "", "cost_cents": None, "paid_cents": None}


def digest(fact: Purchase | Refund, **more: str) -> str:
    """The same for two messages that say the same."""
    body = json.dumps({**_digested(fact), **more}, sort_keys=True, default=_said)
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()


def fields_of(fact: Any) -> dict[str, Any]:
    """A fact's own fields, what they hold left as it is (`asdict` copies an order of many lines several times over)."""
    return {name: getattr(fact, name) for name in fact.__slots__}


def _digested(fact: Any) -> dict[str, Any]:
    said = fields_of(fact)
    return said if said.keys().isdisjoint(_LATER) else {name: value for name, value in said.items() if name not in _LATER or value != _LATER[name]}


def _said(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else _digested(value)


def refund_as_json(refund: Refund) -> dict[str, Any]:
    return {**asdict(refund), "occurred_at": refund.occurred_at.isoformat()}


def refund_from_json(kept: Mapping[str, Any]) -> Refund:
    return Refund(**{**kept, "occurred_at": datetime.fromisoformat(kept["occurred_at"]), "lines": tuple(RefundLine(**line) for line in kept["lines"])})


def purchase_as_json(purchase: Purchase) -> dict[str, Any]:
    return {**asdict(purchase), "occurred_at": purchase.occurred_at.isoformat()}


def purchase_from_json(kept: Mapping[str, Any]) -> Purchase:
    return Purchase(**{**kept, "occurred_at": datetime.fromisoformat(kept["occurred_at"]), "lines": tuple(Line(**line) for line in kept["lines"])})


def too_late(occurred_at: datetime, *, now: datetime, window_days: int) -> bool:
    return occurred_at < now - timedelta(days=window_days)


def too_early(occurred_at: datetime, *, now: datetime) -> bool:
    return occurred_at > now + FUTURE


class RefundNotPossible(Exception):
    """The refund cannot be what was meant: `code` and `figures` say why."""

    def __init__(self, code: str, **figures: int | str) -> None:
        super().__init__(code)
        self.code, self.figures = code, figures


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of an order after refunds, in whatever order they came.

    Money refunded in all, and by the last of them; of each line the part that is still kept; `given_back`, the part of the order
    that all refunds gave back. Parts are from 0 to 1. `goods_gone`: nothing of the goods is left, though shipping may be kept;
    `complete`: nothing of the order is.
    """

    refunded_cents: int
    last_cents: int
    kept: Sequence[Fraction]
    given_back: Fraction
    goods_gone: bool
    complete: bool


def _part(line: Line, quantity: int | None) -> Fraction:
    if quantity is None or line.quantity <= 0:
        return Fraction(quantity != 0)
    return Fraction(quantity, line.quantity)


def left_after(purchase: Purchase, refunds: Sequence[Refund], *, parts: Sequence[int] = ()) -> Left:
    """What is left of an order after these refunds. Raises RefundNotPossible: more money, more of a line, or a line it has not.

    `parts`: by what lines, and behind them whatever else there is, count in `given_back`; where nothing is said, lines by their amounts.

    A refund gives back what it says, or what its lines say; a line without an amount, its share of what was paid for goods: the
    parts of a line add up to it. Parts that said their amount change nothing of what the others give back, so that the order in which
    refunds come changes nothing.
    """
    index = {line.id: i for i, line in enumerate(purchase.lines)}
    weights = [max(0, line.amount_cents) for line in purchase.lines]
    parts = parts if any(parts) else weights
    shares = share(purchase.goods_cents, [line.weight for line in purchase.lines])
    kept = [Fraction(1)] * len(purchase.lines)
    by_share = [Fraction(0)] * len(purchase.lines)
    refunded, money, given_back = 0, 0, Fraction(0)
    for refund in refunds:
        by_lines, returned = 0, Fraction(0)
        for part in refund.lines:
            if part.id not in index:
                raise RefundNotPossible("line_unknown", line=part.id)
            i = index[part.id]
            of_line = _part(purchase.lines[i], part.quantity)
            kept[i] -= of_line
            if kept[i] < 0:
                raise RefundNotPossible("line_exceeded", line=part.id)
            returned += parts[i] * of_line
            if refund.amount_cents is None and part.amount_cents is None:
                by_lines += int(shares[i] * (by_share[i] + of_line)) - int(shares[i] * by_share[i])
                by_share[i] += of_line
            else:
                by_lines += part.amount_cents or 0
        money = by_lines if refund.amount_cents is None else refund.amount_cents
        refunded += money
        if refunded > purchase.paid_cents:
            raise RefundNotPossible("refund_exceeds_paid", paid_cents=purchase.paid_cents, refunded_cents=refunded)
        if refund.lines and any(parts):
            given_back += returned / sum(parts)
        elif purchase.paid_cents:
            given_back += Fraction(money, purchase.paid_cents)
    all_money = refunded == purchase.paid_cents > 0
    all_lines = any(weights) and not any(part for part, weight in zip(kept, weights, strict=True) if weight)
    complete = all_money or all_lines
    return Left(refunded, money, kept, min(given_back, Fraction(1)), complete or refunded >= purchase.goods_cents > 0, complete)


# What a purchase is called where kinds of facts are named; beside it, what stands for many kinds at once. No kind is called so.
PURCHASE = "purchase"
OTHER_WORDS = frozenset({PURCHASE, "purchases", "behaviours", "everything"})

NAME = r"^[a-z][a-z0-9_]{0,39}$"
TYPES = ("text", "number", "flag", "time")
LONGEST = 500
# Above any real figure, and what an index can hold of a key.
MOST = 10**12
LONGEST_KEY = 200
# What the expression language of the rules keeps for itself.
RESERVED = frozenset(
    "as break const continue else false for function if import in let loop namespace null package return true var void while".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Field:
    """What a kind of fact says: a text, a whole number, yes or no (`flag`), or an instant (`time`)."""

    name: str
    type: str = "text"
    required: bool = False
    help: str = ""
    choices: Sequence[str] = ()
    minimum: int | None = None
    maximum: int | None = None


class Fault(NamedTuple):
    """What is wrong, as a code with its figures; who shows it has the sentence."""

    code: str
    figures: Mapping[str, Any] = {}


def field_from_json(kept: Mapping[str, Any]) -> Field:
    return Field(**{**kept, "choices": tuple(kept.get("choices") or ())})


def field_as_json(field: Field) -> dict[str, Any]:
    """Without what says nothing."""
    said = {"choices": list(field.choices), "minimum": field.minimum, "maximum": field.maximum, "help": field.help}
    return {"name": field.name, "type": field.type, "required": field.required, **{name: value for name, value in said.items() if value not in (None, "", [])}}


def checked(fields: Sequence[Field], data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Fault]]:
    """A fact's data against its kind: the data as it is kept (3.0 as 3, instants in UTC), and what is wrong with which field."""
    kept: dict[str, Any] = {}
    known = {field.name for field in fields}
    faults = {str(name)[:100]: Fault("unknown") for name in data if name not in known}
    for field in fields:
        if field.name in data:
            value = _READ[field.type](field, data[field.name])
            if isinstance(value, Fault):
                faults[field.name] = value
            else:
                kept[field.name] = value
        elif field.required:
            faults[field.name] = Fault("required")
    return kept, faults


def _text(field: Field, value: Any) -> str | Fault:
    if not isinstance(value, str) or "\0" in value:
        return Fault("no_text")
    if field.required and not value.strip():
        return Fault("empty")
    if len(value) > LONGEST:
        return Fault("too_long", {"most": LONGEST})
    if field.choices and value not in field.choices:
        return Fault("no_choice", {"choices": ", ".join(field.choices)})
    return value


def _number(field: Field, value: Any) -> int | Fault:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        return Fault("no_number")
    least, most = -MOST if field.minimum is None else field.minimum, MOST if field.maximum is None else field.maximum
    if value < least:
        return Fault("too_small", {"least": least})
    return Fault("too_large", {"most": most}) if value > most else value


def _flag(field: Field, value: Any) -> bool | Fault:
    return value if isinstance(value, bool) else Fault("no_flag")


def _time(field: Field, value: Any) -> str | Fault:
    try:
        moment = datetime.fromisoformat(value.upper()) if isinstance(value, str) and "T" in value.upper() else None
        if moment is None or moment.tzinfo is None or not 1970 <= moment.year <= 9998:
            return Fault("no_time")
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except ValueError:
        return Fault("no_time")


_READ: Mapping[str, Callable[[Field, Any], Any]] = {"text": _text, "number": _number, "flag": _flag, "time": _time}


def once_key(once: str, subject: Sequence[str], *, external_id: str, day: date, data: Mapping[str, Any]) -> str:
    """What a member can do once only: two facts of a kind with the same key are one too many."""
    if once == "each":
        return f"#{external_id}"
    if once == "ever":
        return "ever"
    about = "|".join(re.sub(r"([\\|#])", r"\\\1", str(data.get(name, ""))) for name in subject)
    key = {"day": f"{day}", "subject": about, "subject_day": f"{day}|{about}"}[once]
    return key if len(key) <= LONGEST_KEY else f"#{hashlib.blake2b(key.encode(), digest_size=32).hexdigest()}"


def digest_of_behaviour(*, occurred_at: datetime, data: Mapping[str, Any]) -> str:
    """The same for two messages that say the same."""
    body = json.dumps([occurred_at.astimezone(UTC).isoformat(), data], sort_keys=True)
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()


def faults_of_kind(*, once: str, subject: Sequence[str], fields: Sequence[Field]) -> list[tuple[str, Fault]]:
    """What is wrong with the definition of a kind: (the field's name, or "" for the kind itself, the fault)."""
    faults: list[tuple[str, Fault]] = []
    by_name = {field.name: field for field in fields}
    faults += [(name, Fault("twice")) for name, times in Counter(field.name for field in fields).items() if times > 1]
    for field in fields:
        faults += [(field.name, fault) for fault in _faults_of_field(field)]
    if ("subject" in once) != bool(subject):
        faults.append(("", Fault("subject_missing" if "subject" in once else "subject_unused")))
    for name in subject:
        if name not in by_name or not by_name[name].required:
            faults.append(("", Fault("subject_not_required", {"name": name})))
    return faults


def faults_of_change(*, old: Sequence[Field], new: Sequence[Field], once_changed: bool) -> list[tuple[str, Fault]]:
    """What may not change of a kind of which facts were told: (the field's name, or "" for the kind itself, the fault)."""
    there = {field.name: field for field in new}
    faults = [("", Fault("field_gone", {"name": field.name})) for field in old if field.name not in there]
    faults += [(field.name, Fault("field_retyped")) for field in old if field.name in there and there[field.name].type != field.type]
    return [*faults, ("", Fault("once_fixed"))] if once_changed else faults


def _faults_of_field(field: Field) -> list[Fault]:
    numbers: Collection[int] = [one for one in (field.minimum, field.maximum) if one is not None]
    wrong = {
        "no_name": not re.fullmatch(NAME, field.name),
        "reserved": field.name in RESERVED,
        "no_type": field.type not in TYPES,
        "choices_not_text": bool(field.choices) and field.type != "text",
        "choice_invalid": any(not one or len(one) > LONGEST for one in field.choices) or len(set(field.choices)) != len(field.choices),
        "bounds_not_number": bool(numbers) and field.type != "number",
        "bounds_crossed": len(numbers) == 2 and field.minimum > field.maximum,  # type: ignore[operator]
        "bounds_too_far": any(abs(one) > MOST for one in numbers),
    }
    return [Fault(code) for code, is_wrong in wrong.items() if is_wrong]


@dataclass(frozen=True, slots=True)
class Question:
    """How many facts of `kind` that hold happened from `since` on and before `until`: answered by a Tally.

    Where `field` is given, only those that say `value` in it (`compare` is "is"), or a number at least as large ("at_least"). Of a purchase
    there is `amount_cents`: what was paid and not given back. Where `distinct` names a field, each of its values counts once. `fact`: only
    that one, by its id. `besides`: behaviours whose id begins so do not count.
    """

    kind: str
    since: datetime | None = None
    until: datetime | None = None
    nth: int = 1
    field: str = ""
    compare: str = ""
    value: str = ""
    distinct: str = ""
    fact: str = ""
    besides: str = ""


class Tally(NamedTuple):
    """`found` facts count; `fact` and `at` are the id and the time of the nth of them, where there are as many."""

    found: int = 0
    fact: str = ""
    at: datetime | None = None


class Ranked(NamedTuple):
    """A fact, whose it is (our id and the storefront's), and how many times others are about it."""

    member_id: UUID
    member: str
    fact: str
    times: int


# Told of a member without their doing: by others, or by the shop.
DONE_BY_OTHERS = frozenset({"share_clicked", "share_bought", "review_featured"})
# Of what the programme itself tells, what the member does.
OURS_AND_DONE = frozenset({"checked_in"})


def own_doing(kind: str, *, ours: bool) -> bool:
    """Whether facts of that kind are something that the member does: a sign of life, unlike a birthday or a click of somebody else's."""
    return kind in OURS_AND_DONE if ours else kind not in DONE_BY_OTHERS
