"""Ratios, the table, the machine, and where the document keeps them. Plain values in, text out; only `Machine.here` looks around."""

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

BEGIN, END = "<!-- measured: make bench ARGS=--write -->", "<!-- end of what was measured -->"


@dataclass(frozen=True)
class Row:
    """A case's rounds: pairs of (ours, the other side), each a mapping of `per_second`, `writes_per_call`, `p50`, `p99`.

    Where nothing stands beside it, the other side is None, and the aim is for the figure itself: `of` says for which.
    """

    name: str
    beside: str
    rounds: Sequence[tuple[Mapping[str, float | None], Mapping[str, float | None] | None]]
    aim: float | None = None
    at_most: bool = False
    of: str = "per_second"

    @property
    def alone(self) -> bool:
        return not self.beside

    @property
    def values(self) -> list[float]:
        """The rounds' ratios; where nothing stands beside it, their figures."""
        return [ours[self.of] / other[self.of] if other else ours[self.of] for ours, other in self.rounds]  # type: ignore[operator, misc]

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def missed(self) -> bool:
        if self.aim is None:
            return False
        return self.value > self.aim if self.at_most else self.value < self.aim

    def side(self, number: int, what: str) -> float | None:
        sides = [pair[number] for pair in self.rounds]
        values = [side[what] if side else None for side in sides]
        return None if None in values else median(values)  # type: ignore[type-var]

    def shown(self, value: float) -> str:
        """A ratio, or the figure in its unit."""
        if not self.alone:
            return f"{value:.2f}"
        return _number(value) if self.of == "per_second" else _milliseconds(value)

    def writes_wrong(self) -> list[str]:
        """The sides that booked something else than one act per call, in whatever round."""
        sides = ("ours", self.beside)
        wrong = [(name, side["writes_per_call"]) for pair in self.rounds for name, side in zip(sides, pair, strict=True) if side]
        return [f"{self.name}, {side}: {writes:.3f} writes per call" for side, writes in wrong if writes is not None and f"{writes:.3f}" != "1.000"]


HEAD = ["path", "ours /s", "p50 ms", "p99 ms", "beside it", "/s", "p50 ms", "p99 ms", "ratio", "rounds", "aim", "writes per call"]


def cells(row: Row) -> list[str]:
    low, high = min(row.values), max(row.values)
    unit = {"per_second": " /s"}.get(row.of, f" ms, {row.of}") if row.alone else ""
    aim = "" if row.aim is None else f"{'≤' if row.at_most else '≥'} {row.shown(row.aim)}{unit}" + (" MISSED" if row.missed else "")
    writes = [side["writes_per_call"] for pair in row.rounds for side in pair if side and side["writes_per_call"] is not None]
    return [
        row.name,
        _number(row.side(0, "per_second")),
        *(_milliseconds(row.side(0, what)) for what in ("p50", "p99")),
        row.beside,
        _number(row.side(1, "per_second")),
        *(_milliseconds(row.side(1, what)) for what in ("p50", "p99")),
        "" if row.alone else row.shown(row.value),
        f"{row.shown(low)}–{row.shown(high)}",
        aim,
        f"{min(writes):.3f}" if writes else "",
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.2f}"


def as_text(rows: Sequence[Row]) -> str:
    """Columns for a terminal: words to the left, numbers to the right."""
    table = [HEAD, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    words = {HEAD.index("path"), HEAD.index("beside it"), HEAD.index("aim")}
    lines = [
        "  ".join(cell.ljust(width) if n in words else cell.rjust(width) for n, (cell, width) in enumerate(zip(line, widths, strict=True))) for line in table
    ]
    return "\n".join(line.rstrip() for line in lines)


def as_markdown(rows: Sequence[Row]) -> str:
    lines = [HEAD, ["---"] * len(HEAD), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_measured(document: str, measured: str) -> str:
    """The document with what was measured in the place of what was measured before. ValueError where it has no such place."""
    before, begin, rest = document.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the document does not say where the figures go")
    return f"{before}{BEGIN}\n\n{measured.strip()}\n\n{END}{after}"


@dataclass(frozen=True)
class Machine:
    cores: int
    processor: str
    python: str
    postgres: str
    commit: str
    day: date
    load: float
    busy: float | None
    flush: float

    @property
    def quiet(self) -> bool:
        return self.load < 0.5 * self.cores and (self.busy is None or self.busy < 0.10)

    def __str__(self) -> str:
        busy = "" if self.busy is None else f", {self.busy:.0%} busy"
        quiet = "quiet" if self.quiet else "NOT QUIET: the figures are worth little"
        return (
            f"{self.day}, commit {self.commit}. {self.cores} cores ({self.processor}), Python {self.python}, PostgreSQL {self.postgres}. "
            f"Before the start: load average {self.load:.2f}{busy}; {quiet}. Flushing a page to disk took {self.flush * 1000:.2f} ms."
        )

    @classmethod
    def here(cls, *, postgres: str, root: Path, day: date) -> "Machine":
        processor = platform.machine()
        if (info := Path("/proc/cpuinfo")).exists():
            processor = next((line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")), processor)
        return cls(os.cpu_count() or 1, processor, platform.python_version(), postgres, _commit(root), day, os.getloadavg()[0], _busy(), _flush())


def _commit(root: Path) -> str:
    said = subprocess.run(["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=root, capture_output=True, text=True)
    return said.stdout.strip() or "unknown"


def _busy(seconds: float = 2.0) -> float | None:
    """The share of time in which the processors had something to do, while we do nothing. Linux only."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None

    def times() -> tuple[int, int]:
        every = [int(word) for word in stat.read_text().splitlines()[0].split()[1:9]]
        return sum(every), every[3] + every[4]

    (all_before, idle_before) = times()
    time.sleep(seconds)
    (all_after, idle_after) = times()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


def _flush(times: int = 50) -> float:
    """How long the disk takes to keep 8 kB for good, in seconds; the median."""
    took = []
    with tempfile.NamedTemporaryFile(dir=".") as file:
        for _ in range(times):
            file.seek(0)
            file.write(os.urandom(8192))
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return median(took)
