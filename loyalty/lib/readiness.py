"""What must hold before this system may be called ready. Features add their checks; the readiness probe asks them all."""

from collections.abc import Callable


class NotReady(Exception):
    """Raised by a check, with the sentence that the probe shows."""


Check = Callable[..., str]
CHECKS: dict[str, Check] = {}


def readiness(name: str) -> Callable[[Check], Check]:
    """Register `check(*, now: datetime) -> str`: a sentence when all is well, `NotReady` when it is not. It must be quick."""

    def register(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return register
