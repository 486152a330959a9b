"""Measures our paths beside a raw-SQL ceiling in the same run: `make bench`, `make bench ARGS=--quick`. What it means: docs/BENCHMARKS.md."""

import argparse
import os
import re
import signal
import socket
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "BENCHMARKS.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller and shorter, in about two minutes: to see that it works, or a first hint")
    parser.add_argument("--only", default="", metavar="PATTERN", help="only the cases whose name matches this regular expression")
    parser.add_argument("--members", type=int, metavar="N", help=f"whose lots are spent (default {20_000:,}): more, where a fast machine spends all")
    parser.add_argument("--write", action="store_true", help=f"write the figures into {DOCUMENT.relative_to(ROOT)}")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    import django

    django.setup()
    from django.db import connection

    from tools.benchmark import cases, report

    with connection.cursor() as cursor:
        settings = {}
        for name in ("server_version", "synchronous_commit", "fsync"):
            cursor.execute(f"SHOW {name}")
            settings[name] = cursor.fetchone()[0]
    if (settings["synchronous_commit"], settings["fsync"]) != ("on", "on"):
        parser.error("the server does not wait for the disk (synchronous_commit, fsync): such figures mean nothing")
    machine = report.Machine.here(postgres=settings["server_version"].split()[0], root=ROOT, day=datetime.now(UTC).date())  # noqa: TID251 (an edge)
    print(machine, flush=True)

    cases.listen()
    size = cases.QUICK if options.quick else cases.FULL
    size = size._replace(members=options.members or size.members)
    bench = cases.Bench(size)
    bench.drop()
    try:
        bench.build(tell)
        port = free_port()
        with tempfile.TemporaryDirectory() as folder, cases.web_server(port, Path(folder)):
            chosen = [case for case in bench.cases(port, cases.storefront_key()) if re.search(options.only, case.name)]
            rounds = measured(chosen, size.rounds)
    finally:
        bench.drop()
    rows = [report.Row(case.name, case.beside, rounds[case.name], case.aim, case.at_most, case.of) for case in chosen]
    rows += grown(rows)
    print(f"\n{report.as_text(rows)}\n")
    for row in rows:
        if row.missed:
            print(f"{row.name}: {row.shown(row.value)} misses its aim. Reasons: docs/BENCHMARKS.md")
    wrong = [line for row in rows for line in row.writes_wrong()]
    print("\n".join(wrong) or "Every call booked what it should.")
    if options.write and not wrong:
        DOCUMENT.write_text(report.with_measured(DOCUMENT.read_text(), f"{machine}\n\n{report.as_markdown(rows)}"))
    return 1 if wrong else 0


def measured(cases: list, rounds: int) -> dict[str, list]:
    """Both sides of every case, in every round; the first round only warms up. By the case's name: pairs of (ours, the other side)."""
    pairs: dict[str, list] = {case.name: [] for case in cases}
    for number in range(rounds + 1):
        for case in cases:
            tell(f"round {number} of {rounds}: {case.name}" if number else f"warming up: {case.name}")
            sides = [case.ours, case.other]
            done = {side: side(number)._asdict() if side else None for side in (sides if number % 2 else reversed(sides))}
            if number:
                pairs[case.name].append(tuple(done[side] for side in sides))
    return pairs


def grown(rows: list) -> list:
    """How the read's p99 grows from the smaller to the larger history, where both were measured."""
    reads = [row for row in rows if row.name.startswith("read at")]
    if len(reads) != 2:
        return []
    young, old = reads
    pairs = [(after[0], before[0]) for before, after in zip(young.rounds, old.rounds, strict=True)]
    return [replace(young, name="read, growth of p99", beside=f"ours {young.name.removeprefix('read ')}", rounds=pairs, aim=2.0, at_most=True, of="p99")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tell(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
