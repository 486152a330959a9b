"""`check`: everything that can be said about the code without running its tests, as many at once as there are processors."""

import os
import re
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from .environment import REQUIREMENTS, Environment
from .layout import ROOT
from .session import environment_of

# Nobody is asked; a check that did connect would fail at once.
NOWHERE = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing", "REDIS_URL": "redis://127.0.0.1:1/0"}
PLACEHOLDER = "only-for-checks-and-never-for-serving-anything-at-all-0123456789"
ADDRESS = re.compile(r"https?://|file:|--(extra-)?index-url|--find-links|--trusted-host")


def example_settings(text: str) -> dict[str, str]:
    """The settings of `.env.example`, with a value where the example leaves one to be filled in."""
    pairs = (line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z_]+=", line))
    return {name: value for name, value in pairs if value} | {"SECRET_KEY": PLACEHOLDER} | NOWHERE


def addresses_in_locks(folder: Path = REQUIREMENTS) -> list[str]:
    """The lines of the locks that name a place to download from; a lock names versions and hashes only."""
    return [
        f"{lock.name}:{number}: {line.strip()}"
        for lock in sorted(folder.glob("*.txt"))
        for number, line in enumerate(lock.read_text().splitlines(), 1)
        if ADDRESS.search(line)
    ]


def commands(python: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """The checks that are commands, the slowest first: name, command, settings."""
    here = {"SECRET_KEY": PLACEHOLDER, "SECURE": "false", **NOWHERE}
    production = example_settings((ROOT / ".env.example").read_text())
    manage = [python, "manage.py"]
    importlinter = "import sys; from importlinter.cli import lint_imports_command as lint; sys.argv[0] = 'lint-imports'; lint()"
    return {
        "types (mypy)": ([python, "-m", "mypy"], here),
        "architecture tests": ([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/architecture"], here),
        "API description": ([*manage, "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull], here),
        "production settings": ([*manage, "check", "--deploy", "--fail-level", "WARNING"], production),
        "migrations": ([*manage, "makemigrations", "--check", "--dry-run"], here),
        "layers (import-linter)": ([python, "-c", importlinter, "--no-cache"], here),
        "ruff check": ([python, "-m", "ruff", "check", "."], here),
        "ruff format": ([python, "-m", "ruff", "format", "--check", "."], here),
    }


def check(environment: Environment) -> int:
    """Run all of them; a line for each, and the output of those that fail. Gives how many failed."""
    failed = 0

    def run(argv: list[str], settings: dict[str, str]) -> str | None:
        done = subprocess.run(argv, cwd=ROOT, env=environment_of(settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout if done.returncode else None

    def timed(job: Callable[[], str | None]) -> tuple[float, str | None]:
        began = time.monotonic()
        fault = job()
        return time.monotonic() - began, fault

    jobs: dict[str, Callable[[], str | None]] = {
        name: lambda argv=argv, settings=settings: run(argv, settings) for name, (argv, settings) in commands(str(environment.python)).items()
    }
    jobs["locks name no address"] = lambda: "\n".join(addresses_in_locks()) or None
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {pool.submit(timed, job): name for name, job in jobs.items()}
        for future in as_completed(running):
            seconds, fault = future.result()
            print(f"{'FAILED' if fault is not None else 'ok':6}  {seconds:5.1f} s  {running[future]}", flush=True)
            if fault is not None:
                failed += 1
                print(fault.rstrip(), flush=True)
    return failed
