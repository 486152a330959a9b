"""What facts earn. Pure, exact integers: rates in ten-thousandths of a point per unit of money, amounts in minor units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loyalty.lib.money import share

RATE = 10_000


@dataclass(frozen=True, slots=True)
class Formula:
    """Points per unit of money, by category where it says so. The longest category that matches decides.

    `categories` maps a category, or the part of it before a slash, to its rate: `COSMETICS` covers `COSMETICS/FRAGRANCES`.
    """

    rate: int = RATE
    categories: Mapping[str, int] | None = None
    minor_digits: int = 2

    def rate_of(self, category: str) -> int:
        while category and self.categories:
            if category in self.categories:
                return self.categories[category]
            category = category.rpartition("/")[0]
        return self.rate


@dataclass(frozen=True, slots=True)
class Basis:
    """What of a line was paid in money for goods."""

    category: str
    cents: int


@dataclass(frozen=True, slots=True)
class Award:
    """`points` in all, floored once; `parts` are the lines' shares of it and add up to it."""

    points: int
    parts: Sequence[int]


def decide(formula: Formula, basis: Sequence[Basis]) -> Award:
    """What a basis earns under a formula: every line at its category's rate, one floor at the end."""
    weights = [line.cents * formula.rate_of(line.category) for line in basis]
    points = sum(weights) // (RATE * 10**formula.minor_digits)
    return Award(points, share(points, weights))
