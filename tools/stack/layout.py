"""The data directory: everything one installation keeps on this machine, readable by its owner only."""

import fcntl
import json
import os
import secrets
from pathlib import Path

from .processes import RefusedError, birth

ROOT = Path(__file__).resolve().parents[2]


def data_dir(default: str = ".local") -> Path:
    """`DATA_DIR`, or `default` in the checkout."""
    return (ROOT / os.environ.get("DATA_DIR", default)).resolve()


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    beside.replace(path)


class DataDirectory:
    """The paths in one data directory, its lock and its state."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.postgres = path / "postgres"
        self.valkey = path / "valkey"
        self.log = path / "log"
        self.metrics = path / "metrics"
        self.static = path / "static"
        self.mail = path / "mail"
        self.vouchers = path / "vouchers.sqlite3"
        self.demo = path / "demo.json"
        self._lock: int | None = None

    def make(self) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.log, self.metrics, self.static):
                folder.mkdir(exist_ok=True)
            os.close(os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600))
        except PermissionError as error:
            raise RefusedError(f"{self.path} belongs to another user ({error.strerror}). Choose another with DATA_DIR=…") from None

    def acquire(self) -> bool:
        """Take the lock for the life of this process; False if another process holds it."""
        self.make()
        handle = os.open(self.path / "lock", os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._lock = handle
        return True

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def state(self) -> dict:
        """What the last supervisor wrote: who it is, its mark, its programs, its settings. Empty if there was none."""
        try:
            return json.loads((self.path / "state.json").read_text())
        except (OSError, ValueError):
            return {}

    @state.setter
    def state(self, value: dict) -> None:
        write_private(self.path / "state.json", json.dumps(value, indent=1))

    def forget_state(self) -> None:
        (self.path / "state.json").unlink(missing_ok=True)

    def holder(self) -> dict:
        """The state of the supervisor that is alive now; empty if there is none."""
        state = self.state
        return state if state and birth(state["pid"]) == state["birth"] else {}

    @property
    def secrets(self) -> dict[str, str]:
        """The secret key, the two servers' passwords and the sample provider's secret, each made on this machine when it is first wanted."""
        path = self.path / "secrets.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        missing = {name: secrets.token_urlsafe(48) for name in ("secret_key", "postgres", "valkey", "vouchers") if name not in known}
        if missing:
            write_private(path, json.dumps({**known, **missing}, indent=1))
        return {**known, **missing}
