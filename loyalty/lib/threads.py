"""Work that waits for somebody else's server, done in several threads."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

Part = TypeVar("Part")


def in_threads(do: Callable[[Part], Counter[str]], parts: Iterable[Part], *, at_once: int) -> Counter[str]:
    """What came of all parts. So many are done `at_once`, each thread on a database connection of its own; a single one is this thread."""

    def aside(part: Part) -> Counter[str]:
        try:
            return do(part)
        finally:
            connection.close()

    if at_once == 1:
        return sum(map(do, parts), Counter())
    with ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(aside, parts), Counter())
