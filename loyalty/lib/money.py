"""Money is an integer in the currency's minor unit (ISO 4217): `*_cents`, whatever the currency calls them."""

from decimal import ROUND_HALF_EVEN, Decimal

from babel import Locale
from babel.numbers import format_currency, get_currency_precision


def minor_digits(currency: str) -> int:
    """How many decimals the currency has: 2 for CNY, 0 for JPY, 3 for KWD."""
    return get_currency_precision(currency)


def to_cents(amount: Decimal | str, currency: str) -> int:
    """A decimal amount in minor units; half a minor unit goes to the even neighbour."""
    return int(Decimal(amount).scaleb(minor_digits(currency)).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def to_amount(cents: int, currency: str) -> Decimal:
    return Decimal(cents).scaleb(-minor_digits(currency))


def show(cents: int, currency: str, language: str) -> str:
    """The amount as people of that language write it: ¥12.30."""
    return format_currency(to_amount(cents, currency), currency, locale=Locale.parse(language, sep="-"))


def share(total: int, weights: list[int]) -> list[int]:
    """`total` split in proportion to `weights` (none negative), by largest remainder: the parts add up to it exactly.

    Ties go to the earlier part. Without any weight nothing is given out: all parts are zero.
    """
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total * weights[i] % whole), i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts
