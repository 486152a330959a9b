import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from urllib.parse import urlsplit

from loyalty.lib.localtime import add_months

LONGEST_ADDRESS = 500
MOST_GRADES = 9

# A name with a dot that ends in letters: no numbers of machines, no names of an inner network, nobody's password.
_HOST = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])(?::[0-9]{1,5})?"
_ADDRESS = re.compile(rf"(https?)://{_HOST}(?:[/?#][^\s\\\"<>\x00-\x1f\x7f-\x9f]*)?", re.IGNORECASE)
_PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif)", re.IGNORECASE)


def may_be_opened(address: str, *, schemes: Collection[str]) -> bool:
    """Whether a stranger's address may become a link: short, one of the schemes, a public name, nothing a browser would read another way."""
    found = _ADDRESS.fullmatch(address) if len(address) <= LONGEST_ADDRESS else None
    return found is not None and found[1].lower() in schemes


def shows_picture(address: str) -> bool:
    """Whether what an address leads to looks like a picture, by its name."""
    return _PICTURE.fullmatch(_ending(urlsplit(address).path)) is not None


def _ending(path: str) -> str:
    return path[path.rfind(".") :] if "." in path else ""


def host_of(address: str) -> str:
    return urlsplit(address).hostname or ""


def month_of(day: date) -> tuple[date, date]:
    """The first day of the month and the first day after it."""
    first = day.replace(day=1)
    return first, add_months(first, 1)


def grades_from_lines(text: str) -> list[dict[str, str]]:
    """One grade a line, the first is grade 1: `合格 | Good`, or one name for both languages. Raises ValueError for none, or too many."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MOST_GRADES:
        raise ValueError(f"{len(lines)} grades")
    grades = []
    for line in lines:
        zh, _bar, en = (part.strip() for part in line.partition("|"))
        grades.append({"zh": zh or en, "en": en or zh})
    if not all(grade["zh"] for grade in grades):
        raise ValueError("a grade without a name")
    return grades


def grades_as_lines(grades: Sequence[Mapping[str, str]]) -> str:
    return "\n".join(grade["zh"] if grade["zh"] == grade["en"] else f"{grade['zh']} | {grade['en']}" for grade in grades)
