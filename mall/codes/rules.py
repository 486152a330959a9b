"""Reading a file of codes, and showing a code without giving it away. No Django, no clock."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

MOST_BYTES = 5_000_000
MOST_LINES = 100_000
LONGEST = 100
LAST_YEAR = 2199

# What a column may be called; the first name is that of the table that we write.
NAMES: Mapping[str, tuple[str, ...]] = {
    "code": ("code", "codes", "key", "voucher", "兑换码", "券码", "卡密", "卡号", "激活码"),
    "expires_on": ("expires_on", "expires on", "expires", "expiry", "valid through", "有效期至", "到期日", "到期日期", "失效日期"),
}
_CALLED = {name: column for column, names in NAMES.items() for name in names}
_DAYS = (
    re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})"),
    re.compile(r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日"),
    re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})"),
)
# What a spreadsheet makes of a long number, and what was behind it is lost.
_ROUNDED = re.compile(r"[0-9](\.[0-9]+)?E\+[0-9]+", re.IGNORECASE)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufffd]")


class Row(NamedTuple):
    """A code that can be taken in. `last_day`: after it nobody gets it; None: always good."""

    line: int
    value: str
    last_day: date | None


class Fault(NamedTuple):
    """Why a line is left out: empty, too_long, unreadable, rounded, twice, day or over. `text`: of it, what its sentence shows."""

    line: int
    code: str
    text: str = ""


class FileFault(ValueError):
    """Why a file cannot be read at all: no_text, no_header, column_twice, too_many or too_large."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Read(NamedTuple):
    rows: list[Row]
    faults: list[Fault]


def read(content: bytes, *, today: date) -> Read:
    """The lines of a file as codes, and what is wrong with the others. The first line names the columns. Raises FileFault."""
    if len(content) > MOST_BYTES:
        raise FileFault("too_large")
    text = decoded(content).rstrip()
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text.partition("\n")[0]))
    found = Read([], [])
    try:
        columns = _columns(next(lines, []))
        first: dict[str, int] = {}
        for count, cells in enumerate(lines, 1):
            if count > MOST_LINES:
                raise FileFault("too_many")
            one = _line(lines.line_num, cells, columns, first, today)
            if isinstance(one, Row):
                first[one.value] = one.line
                found.rows.append(one)
            else:
                found.faults.append(one)
    except csv.Error as error:
        raise FileFault("no_text") from error
    return found


def decoded(content: bytes) -> str:
    """A file's text, as spreadsheets save it. Raises FileFault."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise FileFault("no_text")


def _separator(first_line: str) -> str:
    return max((",", ";", "\t"), key=first_line.count)


def _columns(header: Sequence[str]) -> list[str]:
    found = [_CALLED.get(_plain(cell).lower(), "") for cell in header]
    if "code" not in found:
        raise FileFault("no_header")
    if any(found.count(column) > 1 for column in NAMES):
        raise FileFault("column_twice")
    return found


def _plain(cell: str) -> str:
    """A cell without blanks around it, and without the apostrophe by which text is kept from being a formula or a number."""
    cell = cell.strip(" \t\r\n\u3000\ufeff\u00a0")
    return cell[1:] if cell[:1] == "'" else cell


def _line(line: int, cells: Sequence[str], columns: Sequence[str], first: Mapping[str, int], today: date) -> Row | Fault:
    said = dict(zip(columns, map(_plain, cells), strict=False))
    value, written = said.get("code", ""), said.get("expires_on", "")
    if not value:
        return Fault(line, "empty")
    if len(value) > LONGEST:
        return Fault(line, "too_long", str(len(value)))
    if _UNSEEN.search(value):
        return Fault(line, "unreadable")
    if _ROUNDED.fullmatch(value):
        return Fault(line, "rounded")
    if value in first:
        return Fault(line, "twice", str(first[value]))
    last_day = _day(written)
    if written and last_day is None:
        return Fault(line, "day", written[:20])
    if last_day is not None and last_day < today:
        return Fault(line, "over", last_day.isoformat())
    return Row(line, value, last_day)


def _day(written: str) -> date | None:
    for pattern in _DAYS:
        if found := pattern.fullmatch(written):
            year, month, day = map(int, found.groups())
            try:
                return date(year, month, day) if year <= LAST_YEAR else None
            except ValueError:
                return None
    return None


def masked(value: str) -> str:
    """A code as operators see it: its last characters, a quarter of it and four at most."""
    shown = min(len(value) // 4, 4)
    return "••••" + (value[-shown:] if shown else "")
