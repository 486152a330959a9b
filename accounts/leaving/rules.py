"""What the apps declare about what they keep of members, as plain values; an architecture test holds it against every model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Kept:
    """What becomes of one table's rows when their member is erased. Every text, JSON and date of the table is named in one of these.

    `hashed`: replaced by a hash whose key is thrown away, so that what was unique stays so and rows about one thing still belong together;
    what matches `spared` (a regular expression) is left alone. `cleared`: set to the value given. `said`: set to what an SQL expression
    gives. `impersonal`: stays, because it says nothing about anybody. `deleted`: the rows go. `members`: the columns that say whose they are.
    """

    model: str
    members: tuple[str, ...] = ("member",)
    hashed: tuple[str, ...] = ()
    spared: str = ""
    cleared: Mapping[str, Any] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    impersonal: tuple[str, ...] = ()
    deleted: bool = False

    @property
    def named(self) -> set[str]:
        return {*self.hashed, *self.cleared, *self.said, *self.impersonal}


@dataclass(frozen=True, slots=True)
class Portable:
    """One file of a copy: the rows of a table, all columns but those in `without` and those that name other members."""

    name: str
    model: str
    members: tuple[str, ...] = ("member",)
    without: tuple[str, ...] = ()
