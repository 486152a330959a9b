import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_every_test_that_the_page_names_for_the_ledger_exists():
    page = (ROOT / "docs" / "SEMANTICS_TESTS.md").read_text().split("## The ledger")[1].split("\n## ")[0]
    rows = [line for line in page.splitlines() if line.startswith("| ") and "`" in line]
    written = {name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"^def test_(\w+)", path.read_text(), re.MULTILINE)}

    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[2])}

    assert len(rows) > 30
    assert named - written == set()
