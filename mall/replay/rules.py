"""A file's rows as plain facts, and the calendar of a replay. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from accounts.activity.rules import Line, Purchase, Refund
from loyalty.lib.localtime import end_of_day, local_date
from loyalty.lib.money import minor_digits

HEADER = ("order_id", "customer_id", "occurred_at", "kind", "refers_to", "amount", "currency", "lines", "coupons")

WEEK = timedelta(weeks=1)
# Years that a calendar and a database can count with; any offset and any expiry stay within what a datetime can hold.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# Far above any real amount and far below what a sum of many could push out of a 64-bit column.
MOST = 10**12
LONGEST = {"order_id": 64, "customer_id": 64, "refers_to": 64, "sku": 64, "category": 200, "code": 64}

_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?")
_SIGNED = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# Halves of surrogate pairs are what a byte that is not UTF-8 is read as.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class BadRow(ValueError):
    """A row that cannot be understood; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a line of the file says, understood. `amount` is never below zero; `lines` and `coupons` are what the JSON holds."""

    order_id: str
    customer_id: str
    occurred_at: datetime
    is_refund: bool
    refers_to: str
    amount: Decimal
    currency: str
    lines: list[Any]
    coupons: list[Any]

    @property
    def is_guest(self) -> bool:
        return not self.customer_id


def read(values: Mapping[str | None, Any]) -> Row:
    """One row by the names of the header. Raises BadRow."""
    if None in values or None in values.values():
        raise BadRow("not as many columns as the header")
    if values["kind"] not in ("purchase", "refund"):
        raise BadRow(f"kind {values['kind']!r} is neither purchase nor refund")
    if not values["order_id"]:
        raise BadRow("no order_id")
    for name in ("order_id", "customer_id", "refers_to"):
        _text(values[name], name)
    return Row(
        values["order_id"],
        values["customer_id"],
        instant(values["occurred_at"]),
        values["kind"] == "refund",
        values["refers_to"],
        _decimal(values["amount"], "amount", _AMOUNT),
        values["currency"],
        _list(values["lines"], "lines"),
        _list(values["coupons"] or "[]", "coupons"),
    )


def instant(text: str) -> datetime:
    """An ISO 8601 time with offset, in UTC. Raises BadRow."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRow(f"occurred_at {text!r} is not an ISO 8601 time") from None
    if moment.tzinfo is None:
        raise BadRow(f"occurred_at {text!r} has no offset")
    # Compared before it is converted: at the calendar's ends the conversion itself would fail.
    if not EARLIEST <= moment < LATEST:
        raise BadRow(f"occurred_at {text!r} is before {EARLIEST.year} or after {LATEST.year - 1}")
    return moment.astimezone(UTC)


def rate(text: str) -> Decimal:
    """Points per unit of money. Raises BadRow."""
    return _decimal(text, "rate", _AMOUNT)


def purchase(row: Row, currency: str, occurred_at: datetime) -> Purchase:
    """The facts of a purchase; what its lines and coupons do not explain of the amount is a discount `difference`. Raises BadRow."""
    digits = minor_digits(currency)
    paid = _cents(row.amount, digits, "amount")
    lines = tuple(_line(number, said, digits) for number, said in enumerate(row.lines, 1))
    discounts = [_coupon(said, digits) for said in row.coupons]
    difference = sum(line.amount_cents for line in lines) - sum(coupon["discount_cents"] for coupon in discounts) - paid
    if difference:
        discounts.append({"kind": "difference", "discount_cents": difference})
    return Purchase(row.order_id, occurred_at, currency, paid, lines, discounts=tuple(discounts))


def refund(row: Row, currency: str, occurred_at: datetime) -> Refund:
    """The facts of a refund: its amount decides, whatever its lines say. Raises BadRow."""
    return Refund(row.order_id, occurred_at, _cents(row.amount, minor_digits(currency), "amount"))


def _line(number: int, said: Any, digits: int) -> Line:
    where = f"line {number}: "
    if not isinstance(said, dict):
        raise BadRow(f"{where}not an object")
    quantity = said.get("quantity", 1)
    if type(quantity) is not int or abs(quantity) > MOST:
        raise BadRow(f"{where}quantity {quantity!r} is not a whole number")
    sku, category = (_text(said.get(name, ""), name, where) for name in ("sku", "category"))
    return Line(str(number), sku, category, "", quantity, _cents(_decimal(said.get("amount"), "amount", _SIGNED, where), digits, "amount", where))


def _coupon(said: Any, digits: int) -> dict[str, Any]:
    """A coupon by its code alone, or as an object with `code` and `amount`, each where it is known."""
    given = said if isinstance(said, dict) else {"code": said}
    code = _text(given.get("code", ""), "code", "coupon: ")
    amount = _decimal(given.get("amount", 0), "amount", _AMOUNT, "coupon: ")
    return {"kind": "coupon", "code": code, "discount_cents": _cents(amount, digits, "amount", "coupon: ")}


def _list(text: str, name: str) -> list[Any]:
    try:
        said = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadRow(f"{name} are not JSON") from None
    if not isinstance(said, list):
        raise BadRow(f"{name} are not a JSON list")
    return said


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _text(said: Any, name: str, where: str = "") -> str:
    if not isinstance(said, str):
        raise BadRow(f"{where}{name} {said!r} is not a text")
    if len(said) > LONGEST[name]:
        raise BadRow(f"{where}{name} is longer than {LONGEST[name]} characters")
    if _CONTROL.search(said):
        raise BadRow(f"{where}{name} {said!r} has control characters or is not UTF-8")
    return said


def _decimal(said: Any, name: str, form: re.Pattern[str], where: str = "") -> Decimal:
    text = str(said) if type(said) in (int, Decimal) else said
    if not isinstance(text, str) or not form.fullmatch(text) or len(text) > 40:
        raise BadRow(f"{where}{name} {said!r} is not an amount")
    return Decimal(text)


def _cents(amount: Decimal, digits: int, name: str, where: str = "") -> int:
    """In minor units; half a minor unit goes to the even one."""
    cents = round(amount.scaleb(digits))
    if abs(cents) > MOST:
        raise BadRow(f"{where}{name} {amount} is too large")
    return cents


def shift(last: datetime, to: datetime) -> timedelta:
    """By how many whole weeks to move all times, so that the last one lies in the seven days that end at `to`."""
    return (to - last) // WEEK * WEEK


def nights(after: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The local midnights later than `after`, up to `until`."""
    day = local_date(after, zone)
    while (midnight := end_of_day(day, zone)) <= until:
        yield midnight
        day += timedelta(days=1)
