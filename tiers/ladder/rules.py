"""Which tier counts. Pure; multipliers in basis points: 10,000 is once."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

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


def times(multiplier_bps: int) -> str:
    """A multiplier as people write it: 12,000 is 1.2."""
    return f"{(Decimal(multiplier_bps) / ONCE).normalize():f}"
