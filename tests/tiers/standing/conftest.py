from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections


@pytest.fixture
def together() -> Callable[..., list[Any]]:
    """Do them all at the same time, each on a connection of its own; what each gave."""

    def run_all(*acts: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(len(acts))

        def run(act: Callable[[], Any]) -> Any:
            try:
                connection.ensure_connection()
                barrier.wait(30)
                return act()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(acts)) as pool:
            return list(pool.map(run, acts))

    return run_all
