"""A supervisor of two toy programs in a data directory, for the tests: `python -m tests.tools.toy_installation DATA_DIR`.

`parent` has a child in a session of its own, as PostgreSQL and the worker have; `deaf` does not hear TERM.
"""

import sys
from pathlib import Path

from tools.stack.layout import DataDirectory
from tools.stack.processes import Signals
from tools.stack.supervisor import Program, Supervisor, end_leftovers

PARENT = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
pathlib.Path("grandchild").write_text(str(child.pid))
time.sleep(600)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w').close(); time.sleep(600)"


def main() -> None:
    data = DataDirectory(Path(sys.argv[1]))
    if not data.acquire():
        sys.exit("in use")
    end_leftovers(data)
    with Signals() as signals:
        supervisor = Supervisor(data, signals, verb="run")
        for name, code in (("parent", PARENT), ("deaf", DEAF)):
            program = Program(name=name, argv=[sys.executable, "-c", code], log=data.log / f"{name}.log", cwd=data.path, patience=0.5 if name == "deaf" else 5)
            supervisor.start(program)
        supervisor.wait_for(lambda: all((data.path / sign).exists() for sign in ("grandchild", "deaf")), supervisor.programs, seconds=20)
        sys.stdout.write("Ready\n")
        sys.stdout.flush()
        supervisor.watch()
        supervisor.stop()


if __name__ == "__main__":
    main()
