"""Settings that operators edit: one row each, read on every request, so held in the process for a moment."""

import time
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models


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
        read_at, row = Configuration._held.get(cls, (0.0, None))
        if row is None or time.monotonic() - read_at >= settings.CONFIGURATION_SECONDS:
            row = cls._default_manager.order_by("id").first() or cls()
            Configuration._held[cls] = (time.monotonic(), row)
        return row

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        Configuration._held.pop(type(self), None)
