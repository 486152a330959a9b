"""`backup` and `restore`: a whole database in one file, and back, never over the live one before the copy has proved itself."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from . import postgres
from .environment import Environment
from .layout import ROOT
from .processes import RefusedError, Signals, say

# What a database address may say that PostgreSQL's own tools understand; the rest is Django's.
UNDERSTOOD = {"sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "target_session_attrs", "options"}

# Exchanges two databases in one transaction, with nobody connected to either.
SWAP = """
ALTER DATABASE :"live" ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname IN (:'live', :'copy');
BEGIN;
ALTER DATABASE :"live" RENAME TO :"kept";
ALTER DATABASE :"copy" RENAME TO :"live";
COMMIT;
ALTER DATABASE :"kept" ALLOW_CONNECTIONS true;
"""


def address(url: str, *, database: str) -> str:
    """The same server's address, of another database."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{database}" + (f"?{parts.query}" if parts.query else "")


def for_tools(url: str) -> tuple[str, dict[str, str]]:
    """An address for PostgreSQL's tools, and the password for their environment: a command line is everybody's to read."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query) if key in UNDERSTOOD])
    cleaned = f"postgresql://{name}@{host}{parts.path}" if name else f"postgresql://{host}{parts.path}"
    return f"{cleaned}?{query}" if query else cleaned, {"PGPASSWORD": unquote(password)} if password else {}


class Tools:
    """psql, pg_dump and pg_restore for one server: those on the PATH, or the embedded ones if these are too old or missing."""

    def __init__(self, url: str, packages: Path) -> None:
        self.url = url
        on_path = shutil.which("pg_dump")
        folders = [Path(on_path).parent] if on_path and os.environ.get("DATABASE_URL") else []
        reasons = []
        for folder in (*folders, postgres.binaries(packages)):
            self.folder = folder
            answer = self._run("psql", url, "-XqAtc", "SHOW server_version_num", capture_output=True, text=True)
            if answer.returncode:
                reasons.append(answer.stderr.strip())
            elif self.major() < int(answer.stdout) // 10000:
                reasons.append(f"{folder / 'pg_dump'} is older than the server")
            else:
                return
        raise RefusedError("The database cannot be reached: " + "; ".join(reasons))

    def major(self) -> int:
        version = subprocess.run([self.folder / "pg_dump", "--version"], capture_output=True, text=True).stdout
        return int(version.split(")")[1].split(".")[0])

    def _run(self, tool: str, url: str, *args: str, **how: object) -> subprocess.CompletedProcess:
        target, password = for_tools(url)
        return subprocess.run([self.folder / tool, "--dbname", target, *args], env={**os.environ, **password}, **how)

    def do(self, tool: str, *args: str, url: str | None = None, refusal: str) -> None:
        if self._run(tool, url or self.url, *args, stdout=sys.stderr).returncode:
            raise RefusedError(refusal)

    def sql(self, script: str, *, refusal: str, **names: str) -> None:
        """Run a script beside the databases it is about; `:"name"` in it stands for a name given."""
        variables = [word for name, value in names.items() for word in ("-v", f"{name}={value}")]
        beside = address(self.url, database="postgres")
        how = {"input": script, "text": True, "stdout": subprocess.DEVNULL}
        if self._run("psql", beside, "-Xq", "-v", "ON_ERROR_STOP=1", *variables, "-f", "-", **how).returncode:
            raise RefusedError(refusal)


def backup(file: Path, *, url: str, environment: Environment) -> None:
    """Write the database as it is at this moment into one file that only its owner may read."""
    if file.exists():
        raise RefusedError(f"{file} is there already; a backup is never written over another.")
    beside = file.with_name(f"{file.name}.partial")
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        Tools(url, environment.packages).do(
            "pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", str(beside), refusal="No backup was written."
        )
        beside.rename(file)
    finally:
        beside.unlink(missing_ok=True)
    say(f"{file}: {file.stat().st_size:,} bytes")


def restore(file: Path, *, env: dict[str, str], environment: Environment, signals: Signals, yes: bool) -> None:
    """Restore into a new database, prove it with the audit, and only then put it in the live one's place."""
    url = env["DATABASE_URL"]
    tools = Tools(url, environment.packages)
    if subprocess.run([tools.folder / "pg_restore", "--list", file], stdout=subprocess.DEVNULL).returncode:
        raise RefusedError(f"{file} is not a backup that can be read.")
    live = urlsplit(url).path.strip("/")
    stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime())
    copy, kept = f"{live}_restored_{stamp}", f"{live}_before_{stamp}"
    tools.sql('CREATE DATABASE :"copy" TEMPLATE template0', copy=copy, refusal="No database could be made for the copy.")
    try:
        say(f"Restoring into {copy}")
        tools.do(
            *("pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", "--jobs", "2", str(file)),
            url=address(url, database=copy),
            refusal="The backup could not be restored. The live database is as it was.",
        )
        beside = {**env, "DATABASE_URL": address(url, database=copy)}
        for command in ("upgrade", "audit_ledger"):
            say(f"manage.py {command} on the copy")
            if signals.call([str(environment.python), "manage.py", command], env=beside, cwd=ROOT):
                raise RefusedError(f"The copy did not pass `{command}`, so it is not put in place. The live database is as it was.")
        if not yes and not confirmed(live):
            raise RefusedError("Not confirmed. The live database is as it was.")
        signals.check()
        try:
            tools.sql(SWAP, live=live, copy=copy, kept=kept, refusal="The copy could not be put in place; the live database is as it was.")
        except BaseException:
            tools.sql('ALTER DATABASE :"live" ALLOW_CONNECTIONS true', live=live, refusal=f"{live} takes no connections now; see above.")
            raise
    except BaseException:
        tools.sql('DROP DATABASE IF EXISTS :"copy" WITH (FORCE)', copy=copy, refusal=f"The copy {copy} is still there.")
        raise
    say(f"Restored. What was live until now is kept as the database {kept}; drop it when you no longer need it.")


def confirmed(live: str) -> bool:
    if not sys.stdin.isatty():
        say("To put the copy in place without a question, add --yes.")
        return False
    print(f"The audit passed. The copy will take the place of {live}; what was written since the backup stays in the old one only.")
    counting = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(f"Type {live} to go on: ").strip() == live
    except (EOFError, KeyboardInterrupt):
        return False
    finally:
        signal.signal(signal.SIGINT, counting)
