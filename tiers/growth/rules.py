"""What grows. Pure; rates in ten-thousandths squared, so that a rate times a sprint's factor stays exact."""

ONCE = 10_000
PURCHASE = "purchase"


def rate(bps: int, *, factor_bps: int = ONCE) -> int:
    """A rate of growth per unit of money, multiplied; 10,000 × 10,000 is 1 for each unit."""
    return bps * factor_bps


def of_money(net_cents: int, rate: int, *, minor_digits: int) -> int:
    """The growth of so much money by that rate, the part of a whole one left out; nothing for what is below zero."""
    return max(0, net_cents) * rate // (ONCE * ONCE * int(10**minor_digits))


def multiplied(growth: int, factor_bps: int) -> int:
    return growth * factor_bps // ONCE


def within_day(growth: int, *, grown: int, most: int | None) -> int:
    """What of it counts where so much has grown that day already, and no more than `most` may."""
    return growth if most is None else max(0, min(growth, most - grown))
