"""Ids as operators bring them: pasted, or as a file that a spreadsheet made. Pure."""

import csv
import re

# At a time. More is done in several goes.
MOST = 20_000


def pasted(text: str) -> list[str]:
    """The ids in a text, each once: one a line, or with commas, semicolons or tabs between them."""
    return _once(re.split(r"[\r\n,;\t，；、]+", text))


def lines(text: str) -> list[str]:
    """The ids in a text of one a line, each once."""
    return _once(text.splitlines())


def first_column(content: bytes) -> list[str]:
    """The ids in the first column of a CSV file, in UTF-8 or as Chinese spreadsheets write it, each once. Raises ValueError for what is no text."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    if "\0" in text:
        raise ValueError("a NUL character")
    rows = text.splitlines()
    delimiter = next((one for one in ";\t" if rows and one in rows[0] and "," not in rows[0]), ",")
    try:
        return _once([row[0] for row in csv.reader(rows, delimiter=delimiter) if row])
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _once(ids: list[str]) -> list[str]:
    return list(dict.fromkeys(one.strip() for one in ids if one.strip()))
