"""Settings that operators edit: one row each, read on every request, so held in the process for a moment."""

import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, Self, TypeVar

from django.conf import settings
from django.db import connection, models, transaction

Row = TypeVar("Row", bound=models.Model)

# What this thread's open transaction has changed and may yet roll back.
_changing = threading.local()


class Configuration(models.Model):
    """The one row of settings of a feature. `current()` gives it; without a row, the defaults of its fields are in force.

    A process may go on with what it read for `CONFIGURATION_SECONDS`; the process that saves sees its change at once.
    """

    _held: ClassVar[dict[type, tuple[float, Any]]] = {}

    id = models.SmallAutoField(primary_key=True)

    class Meta:
        abstract = True

    @classmethod
    def current(cls) -> Self:
        return held(cls, lambda: cls._default_manager.order_by("id").first() or cls())  # type: ignore[return-value]

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        forget(type(self))


def held(model: type[Row], read: Callable[[], Row | None], *, still_good: Callable[[Row], bool] | None = None) -> Row | None:
    """What `read` gave at most `CONFIGURATION_SECONDS` ago, and while one thread asks again; asked each time as long as there is nothing.

    Whoever can tell whether what is held is `still_good` has it read anew when it is not, and only then.
    """
    read_at, row = Configuration._held.get(model, (0.0, None))
    if row is None or not (still_good(row) if still_good else time.monotonic() - read_at < settings.CONFIGURATION_SECONDS):
        if not connection.in_atomic_block:
            _changing.models = set()
        holds = model not in getattr(_changing, "models", ())
        if holds and row is not None and not still_good:
            # One thread asks; the others go on with what there is, rather than ask the same all at once.
            Configuration._held[model] = (time.monotonic(), row)
        row = read()
        if holds:
            Configuration._held[model] = (time.monotonic(), row)
    return row


def forget(model: type[models.Model]) -> None:
    """This process reads it anew the next time, and holds what it read once the transaction that changed it is over."""
    if connection.in_atomic_block:
        _changing.models = {*getattr(_changing, "models", ()), model}
        # A thread that only ever reads inside transactions holds it again after this one, too. Rolled back: at its next read outside.
        transaction.on_commit(lambda: _changing.models.discard(model))
    Configuration._held.pop(model, None)
