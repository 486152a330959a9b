"""The supervisor: starts programs, starts them again when they die, stops them in order, and leaves nothing behind."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .layout import DataDirectory
from .processes import (
    MARK,
    RefusedError,
    Signals,
    adopt_orphans,
    birth,
    carriers,
    end,
    say,
    signal_quietly,
    working_in,
)

LOG_BYTES = 10_000_000
STEADY_SECONDS = 30


def back_off(failures: int) -> float:
    """Seconds to wait before starting again a program that has died `failures` times in a row."""
    return min(0.5 * 2 ** (failures - 1), 30.0)


@dataclass
class Program:
    """What the supervisor keeps running."""

    name: str
    argv: list[str]
    log: Path
    cwd: Path | None = None
    env: dict[str, str] = field(default_factory=dict)
    account: dict = field(default_factory=dict)  # whom it runs as, in subprocess's words
    stop_with: signal.Signals = signal.SIGTERM
    patience: float = 10.0  # seconds it may take to stop
    layer: int = 1  # a layer stops together, the highest first; 0 are the servers, which are never hurried
    before: Callable[[], None] = lambda: None
    is_ready: Callable[[], bool] = lambda: True

    process: subprocess.Popen | None = None
    started: float = 0.0
    failures: int = 0
    again_at: float = 0.0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None


class Supervisor:
    """Keeps programs running in one data directory whose lock the caller holds."""

    def __init__(self, data: DataDirectory, signals: Signals, *, verb: str) -> None:
        self.data, self.signals = data, signals
        self.programs: list[Program] = []
        self.mark = secrets.token_hex(16)
        self._state = {"verb": verb, "pid": os.getpid(), "birth": birth(os.getpid()), "mark": self.mark, "programs": {}}
        adopt_orphans()

    def note(self, **facts: object) -> None:
        """Write facts into the state, for other commands to read."""
        self._state.update(facts)
        self.data.state = self._state

    def start(self, program: Program) -> None:
        if program not in self.programs:
            self.programs.append(program)
        program.before()
        with program.log.open("ab") as log:
            program.process = subprocess.Popen(
                program.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=program.cwd,
                env={"PATH": os.environ.get("PATH", os.defpath), **program.env, MARK: self.mark},
                start_new_session=True,
                **program.account,
            )
        program.started = time.monotonic()
        pid = program.process.pid
        self.note(programs={**self._state["programs"], program.name: {"pid": pid, "birth": birth(pid)}})

    def start_and_wait(self, program: Program, *, seconds: float = 60) -> None:
        """Start a program and return when it is ready; refuse, with the end of its log, when it dies or takes too long."""
        self.start(program)
        self.wait_for(program.is_ready, [program], seconds=seconds)

    def wait_for(self, condition: Callable[[], bool], programs: list[Program], *, seconds: float) -> None:
        """Wait for a condition that these programs, all started, are to bring about."""
        deadline = time.monotonic() + seconds
        in_time = False
        while all(program.alive for program in programs) and not in_time and time.monotonic() < deadline:
            self.signals.check()
            in_time = condition()
            time.sleep(0 if in_time else 0.05)
            self.reap()
        dead = [program for program in programs if not program.alive]
        if dead or not in_time:
            culprits = dead or programs
            what = "ended at once" if dead else f"not ready after {seconds:.0f} seconds"
            tails = "".join(f"\n\n{program.log}:\n{tail(program.log)}" for program in culprits)
            raise RefusedError(f"{', '.join(program.name for program in culprits)}: {what}.{tails}")

    def watch(self) -> None:
        """Keep everything running until somebody asks to stop."""
        while not self.signals.received:
            for program in self.reap():
                self._failed(program, how_it_ended(program.process.returncode))
            for program in self.programs:
                if not program.alive and time.monotonic() >= program.again_at:
                    self._start_again(program)
                bound(program.log)
            time.sleep(0.2)

    def _start_again(self, program: Program) -> None:
        try:
            self.start(program)
            say(f"{program.name} started again")
        except (OSError, RefusedError) as error:
            self._failed(program, f"could not start ({error})")

    def _failed(self, program: Program, how: str) -> None:
        steady = time.monotonic() - program.started > STEADY_SECONDS
        program.failures = 1 if steady else program.failures + 1
        wait = back_off(program.failures)
        program.again_at = time.monotonic() + wait
        say(f"{program.name} {how}; again in {wait:.1f} s, its log is {program.log}")

    def reap(self) -> list[Program]:
        """Take note of every child that ended, end what it leaves behind in its session, and give the programs among them."""
        gone = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return gone
            if not pid:
                return gone
            for program in self.programs:
                if program.alive and program.process.pid == pid:
                    signal_quietly(pid, signal.SIGKILL, group=True)
                    program.process.returncode = os.waitstatus_to_exitcode(status)
                    gone.append(program)

    def stop(self) -> None:
        """Stop everything, layer by layer; another request to stop meanwhile makes it quick. After this nothing of ours runs."""
        asked = self.signals.received
        for layer in sorted({program.layer for program in self.programs}, reverse=True):
            programs = [program for program in self.programs if program.layer == layer]
            began = time.monotonic()
            for program in programs:
                if program.alive:
                    signal_quietly(program.process.pid, program.stop_with)
            for program in programs:
                while program.alive and time.monotonic() < began + program.patience and (layer == 0 or self.signals.received == asked):
                    time.sleep(0.05)
                    self.reap()
                if program.alive:
                    signal_quietly(program.process.pid, signal.SIGKILL, group=True)
                    program.process.wait()
        end(carriers(self.mark))
        self.reap()
        self.data.forget_state()


def end_leftovers(data: DataDirectory) -> None:
    """End what a killed supervisor left running in this data directory. The caller holds its lock."""
    state = data.state
    if not state:
        return
    known = {entry["pid"] for entry in state["programs"].values() if birth(entry["pid"]) == entry["birth"]}
    servers = set(working_in(data.postgres, "postgres")) | {
        entry["pid"] for name, entry in state["programs"].items() if name == "postgres" and entry["pid"] in known
    }
    others = (known | set(carriers(state["mark"]))) - servers
    if known or servers or others:
        say("The last supervisor was killed; ending what it left running")
    end(others)
    # Before the postmaster is asked to go, for it waits for whoever is connected.
    end(servers, first=signal.SIGINT, patience=20)
    data.forget_state()


def how_it_ended(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def bound(log: Path) -> None:
    """Keep a log and the one before it: the programs append, so a copy may be taken and the file emptied under them."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


def tail(log: Path, lines: int = 15) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(nothing)"
