"""What money brings in points, and what points given back are worth in money. Pure."""


def points_for(cents: int, *, points_per_unit: int, minor_digits: int) -> int:
    """Whole points, rounded down."""
    return cents * points_per_unit // int(10**minor_digits)


def money_back(*, points: int, bought: int, paid_cents: int, points_before: int, cents_before: int) -> int:
    """The money for `points` of those bought, where so many went back before for so much: the share of all that is back by now, rounded down,
    less what was given back before. So parts add up, and all of the points bring all of the money.
    """
    return (points_before + points) * paid_cents // bought - cents_before
