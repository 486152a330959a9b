"""Facts as plain values, and when two messages are the same."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

FUTURE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Line:
    """`amount_cents` is for all of `quantity`; it may be zero or negative (deposits returned), and so may the quantity be zero."""

    id: str
    sku: str = ""
    category: str = ""
    brand: str = ""
    quantity: int = 1
    amount_cents: int = 0


@dataclass(frozen=True, slots=True)
class Purchase:
    """`paid_cents` was paid in money. `discounts` are the storefront's own, by kind; `hold` is the id of the points' hold, if any."""

    id: str
    occurred_at: datetime
    currency: str
    paid_cents: int
    lines: Sequence[Line] = ()
    shipping_cents: int = 0
    discounts: Sequence[Mapping[str, Any]] = ()
    hold: str = ""

    @property
    def lines_cents(self) -> int:
        return sum(line.amount_cents for line in self.lines)

    @property
    def discount_cents(self) -> int:
        return sum(int(discount["discount_cents"]) for discount in self.discounts)


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


def digest(fact: Purchase | Refund, **more: str) -> str:
    """The same for two messages that say the same."""
    body = json.dumps({**fields_of(fact), **more}, sort_keys=True, default=_said)
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()


def fields_of(fact: Any) -> dict[str, Any]:
    """A fact's own fields, what they hold left as it is (`asdict` copies an order of many lines several times over)."""
    return {name: getattr(fact, name) for name in fact.__slots__}


def _said(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else fields_of(value)


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
