"""Processes: who is alive, who is whose, and how they end."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import nullcontext, suppress
from pathlib import Path

PROC = Path("/proc")
MARK = "LOYALTY_SUPERVISOR_MARK"


class RefusedError(Exception):
    """The command cannot go on; the message is a sentence for whoever typed it."""


def say(text: str) -> None:
    """Tell the person at the terminal; never on standard output, which belongs to the command that runs here."""
    with suppress(OSError):  # the terminal may be gone; what is to be done now is to stop, not to complain
        print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def birth(pid: int) -> str | None:
    """What tells this process from a later one with the same number; None if it is gone or a zombie."""
    if not PROC.is_dir():
        line = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
        return None if not line or line.startswith("Z") else line.split(None, 1)[1]
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else f"{_boot()}/{fields[18]}"


def _boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def carriers(mark: str) -> list[int]:
    """The processes with this mark in their environment, where the system shows it."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for pid in _numbers():
        try:
            if wanted in (PROC / str(pid) / "environ").read_bytes().split(b"\0") and birth(pid):
                found.append(pid)
        except OSError:
            continue
    return found


def working_in(directory: Path, name: str) -> list[int]:
    """The processes called `name` whose current directory is `directory`, where the system shows it."""
    found = []
    for pid in _numbers():
        try:
            inside = (PROC / str(pid) / "cwd").samefile(directory)
            if inside and (PROC / str(pid) / "comm").read_text().strip() == name and birth(pid):
                found.append(pid)
        except OSError:
            continue
    return found


def _numbers() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()] if PROC.is_dir() else []


def end(pids: Iterable[int], *, first: signal.Signals = signal.SIGTERM, patience: float = 5) -> None:
    """Ask these processes to end, wait, and kill those that did not. Each is told from a namesake by its birth."""
    alive = {pid: born for pid in pids if (born := birth(pid))}
    for number in (first, signal.SIGKILL):
        for pid in alive:
            signal_quietly(pid, number)
        deadline = time.monotonic() + patience
        while alive and time.monotonic() < deadline:
            time.sleep(0.05)
            alive = {pid: born for pid, born in alive.items() if birth(pid) == born}


def signal_quietly(pid: int, number: signal.Signals, *, group: bool = False) -> None:
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)


def adopt_orphans() -> None:
    """Become the parent of what a killed program leaves behind, so that it can be reaped here (Linux only)."""
    if sys.platform == "linux":
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


class StoppedError(Exception):
    """Ctrl-C, TERM or a closed terminal."""


class Signals:
    """Counts the requests to stop instead of dying of them."""

    def __init__(self) -> None:
        self.received = 0
        self._to_hand_on: list[int] = []

    def __enter__(self) -> "Signals":
        self._before = {number: signal.signal(number, self._count) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _count(self, number: int, frame: object) -> None:
        self.received += 1
        if number != signal.SIGINT:  # which the terminal itself sends to whatever runs in the foreground
            self._to_hand_on.append(number)

    def check(self) -> None:
        if self.received:
            raise StoppedError

    def call(self, argv: list[str], *, env: dict[str, str], cwd: Path | None = None, output: Path | None = None) -> int:
        """Run a command in the foreground and give its exit status; a request to stop is handed on to it.

        With `output`, what it prints goes to the end of that file.
        """
        with output.open("ab") if output else nullcontext() as sink:
            child = subprocess.Popen(argv, env=env, cwd=cwd, stdout=sink, stderr=sink)
        while child.poll() is None:
            while self._to_hand_on:
                child.send_signal(self._to_hand_on.pop())
            with suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.1)
        return child.returncode if child.returncode >= 0 else 128 - child.returncode
