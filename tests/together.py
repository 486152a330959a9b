"""Several acts at the same moment, as races need them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Barrier, Event
from typing import Any

from django.db import connection, connections, transaction

from loyalty.lib.refusals import BusinessError


def at_once(*acts: Callable[[], Any], caught: tuple[type[BaseException], ...] = (BusinessError,), atomic: bool = False) -> list[Any]:
    """What each of them gave, or what it raised of those `caught`. Each runs in a thread and on a connection of its own; `atomic`: in a transaction."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            start.wait(60)
            with transaction.atomic() if atomic else nullcontext():
                return act()
        except caught as raised:
            return raised
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def wait_until_somebody_waits_for_us() -> None:
    """Until another connection waits for a lock that this one's transaction has."""
    pause = Event()
    for _ in range(3000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))")
            if cursor.fetchone()[0]:
                return
        pause.wait(0.01)
    raise AssertionError("nobody came to wait")
