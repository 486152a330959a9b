"""Compile translations: `python tools/compile_messages.py [FILE.po …]`, all of them by default. Needs Babel, not gettext's own tools."""

import re
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po


def compile_file(source: Path) -> None:
    with source.open("rb") as file:
        catalog = read_po(file, locale=source.parts[-3], abort_invalid=True)
    for message in catalog:
        # A sign of percent, as people write it: nothing is put in there.
        if re.search(r"(?<!%)% ", message.id if isinstance(message.id, str) else message.id[0]):
            message.flags.discard("python-format")
    faults = [f"{source}:{message.lineno}: {error}" for message, errors in catalog.check() for error in errors]
    if faults:
        raise SystemExit("\n".join(faults))
    with source.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalog)


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[1]
    for path in map(Path, sys.argv[1:]) if sys.argv[1:] else (root / "loyalty" / "locale").glob("*/LC_MESSAGES/*.po"):
        compile_file(path)
