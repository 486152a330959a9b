"""Reading a file of parcels: which redemption goes by which carrier, under which number. No Django, no clock."""

import csv
import io
import re
from collections.abc import Mapping
from typing import NamedTuple

MOST_BYTES = 1_000_000
MOST_LINES = 1_000
LONGEST = {"carrier": 60, "tracking": 80}

# What a column may be called; the first two names are those of the files that we write. Other columns are passed over.
NAMES: Mapping[str, tuple[str, ...]] = {
    "redemption": ("redemption", "兑换单", "兑换单号", "redemption id", "order"),
    "carrier": ("carrier", "快递公司", "物流公司", "承运商", "courier"),
    "tracking": ("tracking number", "运单号", "快递单号", "物流单号", "tracking"),
}
_CALLED = {name: column for column, names in NAMES.items() for name in names}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def is_id(text: str) -> bool:
    return _ID.fullmatch(text.lower()) is not None


class FileFault(ValueError):
    """Why a file cannot be read at all: a code, whose sentence says it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Parcel(NamedTuple):
    """A line as it was read; `fault` is a code, empty where nothing is wrong with it by itself."""

    line: int
    redemption: str
    carrier: str
    tracking: str
    fault: str = ""


def text_of(content: bytes) -> str:
    """UTF-8, or GB18030 as spreadsheets in China save it. Refuses: FileFault."""
    if len(content) > MOST_BYTES:
        raise FileFault("file_too_large")
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise FileFault("file_not_text")


def parcels(text: str) -> list[Parcel]:
    """The lines of a file, blank ones and those without carrier and number left out. Refuses: FileFault."""
    first = text.partition("\n")[0]
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True))
    except csv.Error as error:
        raise FileFault("file_not_csv") from error
    columns = [_CALLED.get(_plain(name).lower(), "") for name in rows[0]] if rows else []
    if any(columns.count(column) != 1 for column in NAMES):
        raise FileFault("columns_missing")
    found: list[Parcel] = []
    seen: set[str] = set()
    for number, cells in enumerate(rows[1:], 2):
        parcel = _read(number, dict(zip(columns, map(_plain, cells), strict=False)))
        if parcel is None:
            continue
        found.append(parcel._replace(fault="twice_in_file") if parcel.redemption in seen and not parcel.fault else parcel)
        seen.add(parcel.redemption)
        if len(found) > MOST_LINES:
            raise FileFault("lines_too_many")
    if not found:
        raise FileFault("file_empty")
    return found


def _read(number: int, said: Mapping[str, str]) -> Parcel | None:
    redemption, carrier, tracking = said.get("redemption", "").lower(), said.get("carrier", ""), said.get("tracking", "")
    if not (carrier or tracking):
        return None
    fault = ""
    if not is_id(redemption):
        fault = "redemption_unreadable"
    elif not (carrier and tracking):
        fault = "parcel_incomplete"
    elif len(carrier) > LONGEST["carrier"] or len(tracking) > LONGEST["tracking"]:
        fault = "too_long"
    return Parcel(number, redemption, carrier, tracking, fault)


def _plain(cell: str) -> str:
    """Without blanks around it, and without the apostrophe by which a spreadsheet was told that it is text."""
    cell = cell.strip()
    return cell[1:].strip() if cell.startswith("'") else cell
