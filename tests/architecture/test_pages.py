"""What the pages under `docs` name exists."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from loyalty.audit.services import JOBS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "SEMANTICS_TESTS.md").read_text(encoding="utf-8")
SECTIONS = dict(part.split("\n", 1) for part in PAGE.split("\n## ")[1:])
WRITTEN = {name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"^ *def test_(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)}
FILES = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")]


def is_there(name):
    """A test or a file of tests; `…` stands for anything."""
    there, pattern = (FILES, name) if name.endswith(".py") else (WRITTEN, name)
    return any(fnmatchcase(one, f"*{pattern.replace('…', '*')}") if "…" in pattern or name.endswith(".py") else one == pattern for one in there)


@pytest.mark.parametrize(
    ("section", "least"),
    [
        ("Keys, orders, earning, time, API", 30),
        ("Facts and earning", 30),
        ("The ledger", 30),
        ("Reminders, jobs, reconciliation", 10),
        ("Ladder plans", 9),
        ("Channels", 9),
        ("Redemptions", 10),
        ("Webhooks", 10),
    ],
)
def test_every_test_that_the_page_names_exists(section, least):
    rows = [line for line in SECTIONS[section].splitlines() if line.startswith("| ")][1:]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[2])}
    assert len(rows) >= least
    assert sorted(name for name in named if not is_there(name)) == []


def test_every_job_stands_on_the_page_for_those_who_run_it():
    page = (ROOT / "docs" / "OPERATING.md").read_text(encoding="utf-8").split("## What the jobs do")[1].split("\n## ")[0]
    named = {name for row in page.splitlines() if row.startswith("| `") for name in re.findall(r"`([^`]+)`", row.split("|")[1])}
    assert named == set(JOBS)


def test_every_page_that_a_page_leads_to_exists():
    pages = (ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "loyalty" / "demo").glob("*.md"))
    led_to = [(page, target) for page in pages for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))]
    assert [f"{page.name}: {target}" for page, target in led_to if not target.startswith("http") and not (page.parent / target).exists()] == []
