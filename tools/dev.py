"""The project's commands: `python3 tools/dev.py run`, `test`, `check` … Needs Python 3.11 or later and pip, nothing else.

What they are made of is in `tools/stack/`; what each does, `python3 tools/dev.py --help` tells.
"""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036  (whoever has an older Python shall read this, not a SyntaxError)
    sys.exit("This needs Python 3.11 or later; this one is " + sys.version.split()[0] + ". Choose another: make run PYTHON=python3.12")

from stack import archive, checks, environment, running
from stack.environment import Environment, compile_messages
from stack.layout import ROOT, DataDirectory, data_dir
from stack.postgres import FORGETFUL
from stack.processes import RefusedError, Signals, StoppedError
from stack.session import servers
from stack.supervisor import end_leftovers


def django(venv: Environment, signals: Signals, settings: dict[str, str], *command: str) -> int:
    return signals.call([str(venv.python), "manage.py", *command], env=settings, cwd=ROOT)


def run(args: argparse.Namespace, signals: Signals) -> int:
    running.run(signals)
    return 0


def manage(args: argparse.Namespace, signals: Signals) -> int:
    venv = Environment().ensure("embedded")
    with servers(DataDirectory(data_dir()), venv, signals, verb="manage", port=running.chosen_port()) as env:
        return django(venv, signals, env, *args.rest)


def test(args: argparse.Namespace, signals: Signals) -> int:
    venv = Environment().ensure("dev")
    compile_messages(venv)
    with Scratch() as data, servers(data, venv, signals, verb="test", postgres_settings=FORGETFUL) as env:
        # One more than processors, for a test often waits.
        workers = str(min((os.cpu_count() or 2) + 1, 4))
        return signals.call([str(venv.python), "-m", "pytest", "-n", workers, *args.rest], env=env, cwd=ROOT)


class Scratch:
    """A data directory for one run of the tests; those of runs that were killed are cleared away first."""

    place = ROOT / ".local-test"

    def __enter__(self) -> DataDirectory:
        self.place.mkdir(exist_ok=True)
        for old in map(DataDirectory, self.place.iterdir()):
            if old.acquire():
                end_leftovers(old)
                shutil.rmtree(old.path)
                old.release()
        self.data = DataDirectory(Path(tempfile.mkdtemp(dir=self.place)))
        return self.data

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self.data.path, ignore_errors=True)


def check(args: argparse.Namespace, signals: Signals) -> int:
    venv = Environment().ensure("dev")
    failed = checks.check(venv)
    print(f"{failed} failed" if failed else "All checks passed")
    return 1 if failed else 0


def bench(args: argparse.Namespace, signals: Signals) -> int:
    venv = Environment().ensure("dev")
    with servers(DataDirectory(data_dir(".local-bench")), venv, signals, verb="bench") as env:
        status = django(venv, signals, env, "upgrade", "--verbosity", "0")
        return status or signals.call([str(venv.python), "tools/bench.py", *args.rest], env=env, cwd=ROOT)


def replay_full(args: argparse.Namespace, signals: Signals) -> int:
    venv = Environment().ensure("embedded")
    data = DataDirectory(data_dir(".local-full"))
    data.make()
    file = data.path / "journey.csv.gz"
    if not file.exists():
        full = Environment(".venv-full").ensure("full")
        beside = file.with_name("partial.csv.gz")
        argv = [str(full.python), "tools/journey.py", "--out", str(beside), "--households", "all"]
        if status := signals.call(argv, env=dict(os.environ), cwd=ROOT):
            return status
        beside.rename(file)
    with servers(data, venv, signals, verb="replay-full") as env:
        status = django(venv, signals, env, "upgrade", "--verbosity", "0")
        return status or django(venv, signals, env, "replay", str(file), *args.rest)


def env(args: argparse.Namespace, signals: Signals) -> int:
    data = DataDirectory(data_dir())
    settings = data.holder().get("settings")
    if not settings:
        raise RefusedError(f"Nothing runs in {data.path}. Start it with `make run`.")
    for name, value in settings.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def backup(args: argparse.Namespace, signals: Signals) -> int:
    venv = Environment().ensure("embedded")
    with servers(DataDirectory(data_dir()), venv, signals, verb="backup") as env:
        archive.backup(Path(args.file), url=env["DATABASE_URL"], environment=venv)
    return 0


def restore(args: argparse.Namespace, signals: Signals) -> int:
    venv = Environment().ensure("embedded")
    with servers(DataDirectory(data_dir()), venv, signals, verb="restore") as env:
        archive.restore(Path(args.file), env=env, environment=venv, signals=signals, yes=args.yes)
    return 0


def lock(args: argparse.Namespace, signals: Signals) -> int:
    environment.write_locks()
    return 0


def setup(args: argparse.Namespace, signals: Signals) -> int:
    compile_messages(Environment().ensure("dev"))
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools/dev.py", description="The project's commands.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def verb(function: Callable[[argparse.Namespace, Signals], int], what: str, *, rest: str | None = None) -> argparse.ArgumentParser:
        added = verbs.add_parser(function.__name__.replace("_", "-"), help=what, description=what)
        added.set_defaults(function=function)
        if rest:
            added.add_argument("rest", nargs=argparse.REMAINDER, metavar=rest)
        return added

    verb(run, "set up and serve: PostgreSQL, Valkey, web, worker, beat. PORT, DATA_DIR, DATABASE_URL, REDIS_URL change where.")
    verb(manage, "run a management command against the servers of DATA_DIR, started for it if they are not up", rest="COMMAND …")
    verb(test, "run the tests on servers of their own", rest="pytest's arguments")
    verb(check, "run every check that is not a test: style, types, layers, settings, migrations, API description, locks")
    verb(bench, "measure against the raw-SQL ceiling, on servers of its own", rest="the benchmark's arguments")
    verb(replay_full, "replay the whole Complete Journey into a data directory of its own", rest="replay's arguments")
    verb(env, 'print the settings of the running installation for a shell: eval "$(python3 tools/dev.py env)"')
    verb(backup, "write the database into FILE").add_argument("file", metavar="FILE")
    restoring = verb(restore, "restore FILE beside the live database, audit the copy, and put it in its place")
    restoring.add_argument("file", metavar="FILE")
    restoring.add_argument("--yes", action="store_true", help="do not ask before the copy takes the live database's place")
    verb(lock, "write requirements/*.txt anew from requirements/*.in; UPGRADE=1 takes the newest versions")
    verb(setup, "only make .venv, with what serving, testing and checking need")
    return parser


def main() -> int:
    args = parser().parse_args()
    if getattr(args, "rest", None) and args.rest[0] == "--":
        args.rest = args.rest[1:]
    with Signals() as signals:
        try:
            return args.function(args, signals)
        except RefusedError as refusal:
            print(f"\n{refusal}", file=sys.stderr)
            return 1
        except StoppedError:
            return 130


if __name__ == "__main__":
    sys.exit(main())
