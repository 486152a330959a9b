"""CSV that opens safely in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any) -> Any:
    """The value as a cell. Text that a spreadsheet would run as a formula is made plain by an apostrophe; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(_STARTS_A_FORMULA):
        return f"'{value}"
    return value


class _Echo:
    def write(self, text: str) -> str:
        return text


def lines(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """CSV line by line, with the mark by which spreadsheets know UTF-8."""
    writer = csv.writer(_Echo())
    yield "\ufeff" + writer.writerow([cell(str(name)) for name in header])
    for row in rows:
        yield writer.writerow([cell(value) for value in row])
