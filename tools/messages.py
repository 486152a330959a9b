"""Bring the Chinese catalogue up to the code: `python tools/messages.py`. Needs Babel, not gettext's own tools.

Messages that are new come in without a translation and are listed; those that no code uses any more go. What a library shows and does
not bring in Chinese itself is listed in BORROWED.
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
PO = ROOT / "loyalty" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
APPS = ("loyalty", "accounts", "riskcontrol", "tiers", "points", "mall")
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None, "ngettext": (1, 2), "ngettext_lazy": (1, 2)}
# The roles are groups in the database; their names are shown through gettext.
ROLES = ("viewer", "service", "marketer", "risk", "finance", "administrator")
BORROWED = (
    "Add row",
    "After you've created a user, you’ll be able to edit more user options.",
    "All applications",
    "Apply Filters",
    "Attempt Time",
    "Changes",
    "Choose a date from the list below to revert to a previous version of this object",
    "Choose file to upload",
    "Click to cancel",
    "Dark",
    "Date",
    "Date from",
    "Date to",
    "Expand row",
    "Failed Logins",
    "False",
    "From",
    "General",
    "Go back",
    "IP Address",
    "Light",
    "Loading more results...",
    "More actions",
    "Next",
    "No data",
    "No results found",
    "No results matching your query",
    "Previous",
    (
        "Raw passwords are not stored, so there is no way to see this user’s password, but you can change the password using "
        '<a href="{}" class="text-primary-600 dark:text-primary-500">this form</a>.'
    ),
    "Reset filters",
    "Run",
    "Select action",
    "Select action to run",
    "Select all rows",
    "Select record",
    "Select value",
    "Submit",
    "System",
    "To",
    "Toggle password visibility",
    "True",
    "Type to search",
    "User Agent",
    "Value",
    "Welcome back to",
    "access attempt",
    "access attempts",
)

Message = str | tuple[str, str]


def of_python(path: Path) -> Iterator[Message]:
    for _line, message, _comments, _context in extract_from_file("python", str(path), keywords=KEYWORDS):
        yield message


_TRANSLATE = re.compile(r"""{%\s*trans(?:late)?\s+(?:"([^"]*)"|'([^']*)')""")
_LITERAL = re.compile(r"""\b_\((?:"([^"]*)"|'([^']*)')\)""")
_BLOCK = re.compile(r"{%\s*blocktrans(?:late)?\b([^%]*)%}(.*?){%\s*endblocktrans(?:late)?\s*%}", re.DOTALL)
_PLURAL = re.compile(r"{%\s*plural\s*%}")
_VARIABLE = re.compile(r"{{\s*(\w+)[^}]*}}")


def of_template(text: str) -> Iterator[Message]:
    for double, single in (*_TRANSLATE.findall(text), *_LITERAL.findall(text)):
        yield double or single
    for options, body in _BLOCK.findall(text):
        parts = [_VARIABLE.sub(r"%(\1)s", part.replace("%", "%%")) for part in _PLURAL.split(body)]
        if "trimmed" in options.split():
            parts = [" ".join(line.strip() for line in part.strip().splitlines()) for part in parts]
        yield parts[0] if len(parts) == 1 else (parts[0], parts[1])


def in_code() -> list[Message]:
    """Every message that the project's code may show, and what it borrows."""
    found: dict[Message, None] = {}
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            found |= dict.fromkeys(of_python(path))
    for path in sorted((ROOT / "templates").rglob("*.html")):
        found |= dict.fromkeys(of_template(path.read_text()))
    return [*found, *(word for word in (*ROLES, *BORROWED) if word not in found)]


def catalogue() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="zh_Hans")


HEADER = """# Chinese for members and operators; `python tools/messages.py` keeps it up to the code.
msgid ""
msgstr ""
"Language: zh_Hans\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

"""


def main() -> int:
    """Write the catalogue anew; list what lacks a translation and say so by the exit status."""
    old, new, missing = catalogue(), Catalog(locale="zh_Hans"), []
    for message in in_code():
        known = old.get(message if isinstance(message, str) else message[0])
        new.add(message, known.string if known else None)
        if not (known and known.string):
            missing.append(message)
    buffer = io.BytesIO()
    write_po(buffer, new, width=160, sort_output=True, omit_header=True)
    PO.write_text(HEADER + buffer.getvalue().decode())
    for message in missing:
        print(message)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
