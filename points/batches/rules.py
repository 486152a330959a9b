"""Reading a file: cells in, rows and faults out. No Django, no clock."""

import csv
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from loyalty.lib.localtime import start_of_day
from points.terms.rules import NEVER, ExpiryPolicy

MOST_BYTES = 20_000_000
MOST_LINES = 200_000
MOST_POINTS = 1_000_000_000
LAST_YEAR = 2199
LONGEST = {"reason": 300, "cost_centre": 50}

# What a column may be called; the first name is that of the files that we write.
NAMES: Mapping[str, tuple[str, ...]] = {
    "member": ("member", "member id", "member no", "storefront id", "customer", "customer id", "会员", "会员号", "会员编号", "会员id", "客户号"),
    "points": ("points", "积分", "积分数", "分值", "金币", "点数"),
    "earned_on": ("earned on", "earned", "earned date", "获得日期", "获取日期", "入账日期"),
    "expires_on": ("expires on", "expires", "expiry", "expiry date", "valid through", "有效期至", "到期日", "到期日期", "失效日期"),
    "reason": ("reason", "why", "原因", "说明", "备注"),
    "cost_centre": ("cost centre", "cost center", "成本中心"),
    # What our own downloads say besides, so that a corrected file can be uploaded as it is.
    "": ("line", "fault", "行号", "问题"),
}
BESIDES: Mapping[str, tuple[str, str]] = {"en": ("line", "fault"), "zh": ("行号", "问题")}
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "grant": ("member", "points", "expires_on", "reason", "cost_centre"),
    "correction": ("member", "points", "expires_on", "reason", "cost_centre"),
    "import": ("member", "points", "earned_on", "expires_on", "reason", "cost_centre"),
}
NEEDED: Mapping[str, tuple[str, ...]] = {"grant": ("member", "points"), "correction": ("member", "points"), "import": ("member", "points", "earned_on")}
NEVER_WORDS = frozenset({"never", "永久", "永久有效", "永不过期"})
_CALLED = {name: column for column, names in NAMES.items() for name in names}

_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")
_MIDNIGHT = r"(?: 0{1,2}:00(?::00)?)?"
_DAYS = (
    re.compile(rf"([0-9]{{4}})[-/.]([0-9]{{1,2}})[-/.]([0-9]{{1,2}}){_MIDNIGHT}"),
    re.compile(r"([0-9]{4})年([0-9]{1,2})月([0-9]{1,2})日"),
    re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})"),
)


class Fault(NamedTuple):
    """Why a line cannot be applied: a code, whose sentence says it, and the figures of that sentence."""

    code: str
    figures: Mapping[str, str] = {}


class FileFault(ValueError):
    """Why a file cannot be read at all."""

    def __init__(self, code: str, **figures: str) -> None:
        super().__init__(code)
        self.code, self.figures = code, figures


class Row(NamedTuple):
    """A line as it was read. `expiry` is a policy as lots keep it; empty: by the programme's terms."""

    member: str
    points: int | None
    earned_on: date | None
    expiry: str
    reason: str
    cost_centre: str
    faults: tuple[Fault, ...]


class Terms(NamedTuple):
    """What dates are judged by."""

    policy: ExpiryPolicy
    zone: ZoneInfo
    today: date
    now: datetime


def separator(first_line: str) -> str:
    """What separates the cells of a file: whichever splits its first line into the most columns that have a name."""

    def named(mark: str) -> tuple[int, int]:
        cells = next(csv.reader([first_line], delimiter=mark), [])
        return sum(_name(cell) in _CALLED for cell in cells), len(cells)

    return max((",", ";", "\t"), key=named)


def columns(header: Sequence[str], kind: str) -> list[str]:
    """Which column each cell of a line is; empty for one that is not read. Raises FileFault."""
    taken, found = COLUMNS[kind], [_CALLED.get(_name(cell), None if _name(cell) else "") for cell in header]
    if not any(found):
        raise FileFault("no_header")
    for cell, column in zip(header, found, strict=True):
        if column is None or (column and column not in taken):
            raise FileFault("column_unknown", column=plain(cell)[:60])
        if column and found.count(column) > 1:
            raise FileFault("column_twice", column=plain(cell)[:60])
    for column in NEEDED[kind]:
        if column not in found:
            raise FileFault("column_missing", column=column)
    return [column or "" for column in found]


def _name(cell: str) -> str:
    return re.sub(r"[\s_-]+", " ", plain(cell)).strip().lower()


def plain(cell: str) -> str:
    """A cell without blanks around it, and without the apostrophe by which text is kept from being a formula."""
    cell = cell.strip(" \t\r\n\u3000\ufeff\u00a0")
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell


def read(cells: Sequence[str], columns: Sequence[str], kind: str, terms: Terms) -> Row:
    """A line of a file, with everything that is wrong with it by itself."""
    faults: list[Fault] = []
    said = {column: plain(cell) for column, cell in zip(columns, cells, strict=False) if column}
    if any(plain(cell) for cell in cells[len(columns) :]):
        faults.append(Fault("cells_too_many", {"cells": str(len(cells)), "columns": str(len(columns))}))
    member = said.get("member", "")
    if not member:
        faults.append(Fault("member_missing"))
    points = _points(said.get("points", ""), kind, faults)
    earned_on = _day(said.get("earned_on", ""), "earned_on", faults) if kind == "import" else None
    if kind == "import" and not said.get("earned_on"):
        faults.append(Fault("earned_missing"))
    expiry = _expiry(said.get("expires_on", ""), points, earned_on, kind, terms, faults)
    for name, most in LONGEST.items():
        if len(said.get(name, "")) > most:
            faults.append(Fault("text_too_long", {"text": said[name][:30], "most": str(most)}))
    return Row(member[:64], points, earned_on, expiry, said.get("reason", "")[:300], said.get("cost_centre", "")[:50], tuple(faults))


def _points(text: str, kind: str, faults: list[Fault]) -> int | None:
    if not text:
        faults.append(Fault("points_missing"))
        return None
    if not _NUMBER.fullmatch(text):
        faults.append(Fault("points_not_whole", {"text": text[:30]}))
        return None
    points = int(text)
    if not points:
        faults.append(Fault("points_zero"))
    elif points < 0 and kind != "correction":
        faults.append(Fault("points_below_zero", {"points": text}))
    elif abs(points) > MOST_POINTS:
        faults.append(Fault("points_too_many", {"most": f"{MOST_POINTS:,}"}))
    else:
        return points
    return None


def _day(text: str, column: str, faults: list[Fault]) -> date | None:
    if not text:
        return None
    for form in _DAYS:
        if found := form.fullmatch(text):
            year, month, day = map(int, found.groups())
            try:
                made = date(year, month, day)
            except ValueError:
                break
            if 1970 <= made.year <= LAST_YEAR:
                return made
            break
    faults.append(Fault("no_day", {"text": text[:30], "column": column}))
    return None


def _expiry(text: str, points: int | None, earned_on: date | None, kind: str, terms: Terms, faults: list[Fault]) -> str:
    """The policy that a line asks for; whether its points would be gone already is a fault."""
    if points is not None and points < 0:
        if text:
            faults.append(Fault("expiry_of_nothing"))
        return ""
    if earned_on is not None and earned_on > terms.today:
        faults.append(Fault("earned_later", {"day": str(earned_on)}))
        return ""
    if text.lower() in NEVER_WORDS:
        return str(NEVER)
    if text:
        day = _day(text, "expires_on", faults)
        if day is None:
            return ""
        if day < terms.today:
            faults.append(Fault("expired", {"day": str(day)}))
        return str(ExpiryPolicy.until(day))
    if earned_on is not None:
        ends = terms.policy.expires_at(start_of_day(earned_on, terms.zone), terms.zone)
        if ends is not None and ends <= terms.now:
            faults.append(Fault("expired_by_terms", {"day": str(earned_on)}))
    return ""


def last_day(expiry: str) -> str:
    """The last day that an expiry names, as files write it; empty where it names none."""
    kind, _colon, digits = expiry.partition(":")
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}" if kind == "until" else ""


class Suggestion(NamedTuple):
    """Points for the victims of a fault: so many for each of them, for each time, or a percentage of what they got."""

    way: str
    number: int

    def points(self, *, times: int, got: int) -> int:
        """What a member is given (below zero: what is taken) who met the fault so many times and got so many points by it."""
        match self.way:
            case "each":
                return self.number
            case "times":
                return self.number * times
            case "percent":
                return got * abs(self.number) // 100 * (-1 if self.number < 0 else 1)
        raise AssertionError(f"no way called {self.way}")
