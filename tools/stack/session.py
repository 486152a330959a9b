"""A session: the servers are up, and the settings that lead to them are in the environment."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .environment import Environment
from .layout import ROOT, DataDirectory
from .postgres import DURABLE, Postgres
from .processes import MARK, RefusedError, Signals, say
from .supervisor import Supervisor, end_leftovers
from .valkey import Valkey


def free_port(wanted: int = 0) -> int:
    """The wanted port on 127.0.0.1, or any for 0; refuses when somebody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise RefusedError(f"Port {wanted} cannot be used ({error.strerror}). Choose another: make run PORT={wanted + 1}") from None
        return probe.getsockname()[1]


def environment_of(settings: dict[str, str]) -> dict[str, str]:
    """This process's environment with the settings in it, and without what would lead Python or PostgreSQL's client astray."""
    strays = ("PYTHONPATH", "PYTHONHOME", "DATA_DIR", "PORT", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    embedded = not os.environ.get("DATABASE_URL")
    kept = {name: value for name, value in os.environ.items() if name not in strays and not (embedded and name.startswith("PG") and name.isupper())}
    return {**kept, **settings}


class Session:
    """The servers of one data directory, with the supervisor that keeps them."""

    def __init__(self, data: DataDirectory, environment: Environment, signals: Signals, *, verb: str) -> None:
        self.data, self.environment, self.signals = data, environment, signals
        self.supervisor = Supervisor(data, signals, verb=verb)
        self.settings: dict[str, str] = {}

    @property
    def env(self) -> dict[str, str]:
        return {**environment_of(self.settings), MARK: self.supervisor.mark}

    def open(self, *, port: int, postgres_settings: dict[str, str] = DURABLE) -> None:
        """Start the servers that the environment does not name. The caller holds the data directory's lock."""
        end_leftovers(self.data)
        secrets = self.data.secrets
        self.supervisor.note()
        database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
        if not database_url:
            postgres = Postgres(
                home=self.data.postgres,
                packages=self.environment.packages,
                password=secrets["postgres"],
                port=free_port(),
                log=self.data.log / "postgres.log",
                settings=postgres_settings,
            )
            if postgres.initialise():
                self.data.demo.unlink(missing_ok=True)
            self.supervisor.start_and_wait(postgres.program)
            database_url = postgres.url()
        if not redis_url:
            valkey = Valkey(
                home=self.data.valkey,
                packages=self.environment.packages,
                password=secrets["valkey"],
                port=free_port(),
                log=self.data.log / "valkey.log",
            )
            self.supervisor.start_and_wait(valkey.program)
            redis_url = valkey.url
        self.settings = settings(database_url, redis_url, secret_key=secrets["secret_key"], url=f"http://127.0.0.1:{port}", data=self.data)
        self.supervisor.note(settings=self.settings)

    def manage(self, *args: str, also: dict[str, str] | None = None, output: Path | None = None) -> int:
        """Run a management command in the foreground, with these settings too, and give its exit status."""
        argv = [str(self.environment.python), "manage.py", *args]
        return self.signals.call(argv, env={**self.env, **(also or {})}, cwd=ROOT, output=output)


def settings(database_url: str, redis_url: str, *, secret_key: str, url: str, data: DataDirectory) -> dict[str, str]:
    """What `loyalty/settings.py` reads, for this machine: no https, logs for people. What the user has set goes first."""
    defaults = {
        "SECRET_KEY": secret_key,
        "SECURE": "false",
        "SERVE_STATIC_FROM_SOURCE": "true",
        "STATIC_ROOT": str(data.static),  # stays empty
        "LOG_FORMAT": "console",
        "PUBLIC_URL": url,
        "MAIL_DIR": str(data.mail),
        "WEBHOOK_INTERNAL_HOSTS": "127.0.0.1,localhost",
    }
    chosen = {name: os.environ.get(name) or value for name, value in defaults.items()}
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "PYTHONUNBUFFERED": "1", **chosen}


@contextmanager
def servers(data: DataDirectory, environment: Environment, signals: Signals, *, verb: str, port: int = 8000, **options: object) -> Iterator[dict[str, str]]:
    """The environment for a command: of the running installation if there is one, else with servers started for this command."""
    told = False
    while not data.acquire():
        holder = data.holder()
        if holder.get("verb") == "run" and "settings" in holder:
            yield environment_of(holder["settings"])
            return
        if not told:
            say(f"Waiting for `{holder.get('verb', 'another command')}` (process {holder.get('pid', '?')}) to leave {data.path}")
            told = True
        signals.check()
        time.sleep(0.2)
    session = Session(data, environment, signals, verb=verb)
    try:
        session.open(port=port, **options)
        yield session.env
    finally:
        session.supervisor.stop()
        data.release()
