"""The virtual environment: made where it is missing, filled from a lock with hashes, filled again only when that lock changes.

pip does it, because pip reads the user's own configuration (mirrors, proxies, certificates), and it is the pip of whatever Python runs
this: the environment itself needs none, so a Python without ensurepip will do.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .layout import ROOT
from .processes import RefusedError, say

REQUIREMENTS = ROOT / "requirements"
# In this order: each keeps to the versions of the one before it, so that what is tested is what is served.
LOCKS = ("base", "embedded", "dev")
LONE_LOCKS = ("full", "bootstrap")
# An environment that holds the second holds the first.
CONTAINED = {"base": "embedded", "embedded": "dev"}
UV = "uv==0.13.9"


class Environment:
    """A virtual environment of this checkout."""

    def __init__(self, name: str = ".venv") -> None:
        self.path = ROOT / name
        self.python = self.path / "bin" / "python"
        self._record = self.path / "locks.json"

    @property
    def packages(self) -> Path:
        return next(self.path.glob("lib/python3*/site-packages"))

    def ensure(self, lock: str) -> "Environment":
        """Bring the environment up to this lock; quick when it already is."""
        self.path.mkdir(exist_ok=True)
        guard = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if not works(self.python):
                self._make()
            if not self._holds(lock):
                self._install(lock)
        finally:
            os.close(guard)
        return self

    def _holds(self, lock: str | None) -> bool:
        installed = json.loads(self._record.read_text()) if self._record.exists() else {}
        while lock:
            if installed.get(lock) == digest(lock):
                return True
            lock = CONTAINED.get(lock)
        return False

    def _make(self) -> None:
        say(f"Making {self.path.name} with Python {'.'.join(map(str, sys.version_info[:3]))}")
        for inside in self.path.iterdir():
            shutil.rmtree(inside) if inside.is_dir() and not inside.is_symlink() else inside.unlink()
        try:
            import venv
        except ImportError:
            self._make_with_virtualenv()
        else:
            venv.create(self.path, symlinks=True, with_pip=False)
        if not works(self.python):
            raise RefusedError(f"{self.path} does not work: {self.python} does not start.")

    def _make_with_virtualenv(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            pip("install", "--target", place, *hashed("bootstrap"))
            argv = [sys.executable, "-m", "virtualenv", "--quiet", "--no-seed", str(self.path)]
            subprocess.run(argv, env={**os.environ, "PYTHONPATH": place}, check=True)

    def _install(self, lock: str) -> None:
        say(f"Installing requirements/{lock}.txt")
        pip("--python", str(self.python), "install", *hashed(lock))
        self._record.write_text(json.dumps({lock: digest(lock)}))


def hashed(lock: str) -> list[str]:
    return ["--require-hashes", "--no-deps", "--requirement", str(REQUIREMENTS / f"{lock}.txt")]


def pip(*args: str) -> None:
    quiet = ["--quiet", "--quiet", "--disable-pip-version-check", "--no-input"]
    env = {**os.environ, "PIP_USER": "0"}  # a user's own default, which no virtual environment takes
    if subprocess.run([sys.executable, "-m", "pip", *quiet, *args], env=env, stdout=sys.stderr).returncode:
        raise RefusedError("pip could not install the packages; what it says above tells why.")


def works(python: Path) -> bool:
    try:
        return subprocess.run([python, "-c", "import encodings"], capture_output=True).returncode == 0
    except OSError:
        return False


def digest(lock: str) -> str:
    return hashlib.sha256((REQUIREMENTS / f"{lock}.txt").read_bytes()).hexdigest()


def compile_messages(environment: Environment) -> None:
    """Compile the translations that changed."""
    sources = (ROOT / "loyalty" / "locale").glob("*/LC_MESSAGES/*.po")
    stale = [po for po in sources if not (mo := po.with_suffix(".mo")).exists() or mo.stat().st_mtime < po.stat().st_mtime]
    if stale:
        argv = [environment.python, ROOT / "tools" / "compile_messages.py", *stale]
        if subprocess.run(argv).returncode:
            raise RefusedError("The translations could not be compiled.")


def write_locks() -> None:
    """Write every lock anew from its `.in` file, keeping the versions that still satisfy it; `UPGRADE=1` takes the newest."""
    with tempfile.TemporaryDirectory() as place:
        pip("install", "--target", place, "--no-deps", UV)
        for name in (*LOCKS, *LONE_LOCKS):
            earlier = LOCKS[LOCKS.index(name) - 1] if name in LOCKS[1:] else None
            argv = [
                *(str(Path(place) / "bin" / "uv"), "pip", "compile", "--quiet", "--no-config"),
                *("--universal", "--python-version", "3.11", "--generate-hashes"),
                *("--no-emit-index-url", "--no-emit-find-links", "--no-header"),
                *(["--upgrade"] if os.environ.get("UPGRADE") else []),
                *(["--constraint", f"requirements/{earlier}.txt"] if earlier else []),
                *("--output-file", f"requirements/{name}.txt", f"requirements/{name}.in"),
            ]
            say(f"Locking requirements/{name}.txt")
            if subprocess.run(argv, cwd=ROOT).returncode:
                raise RefusedError(f"requirements/{name}.in cannot be locked.")
