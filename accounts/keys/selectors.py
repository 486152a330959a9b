import time

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError

from .models import StorefrontKey

# Only keys that exist: strangers cannot make it grow. Read and replaced whole, so threads need no lock.
_held: dict[str, tuple[float, StorefrontKey]] = {}


class KeyUnknown(BusinessError):
    code, status, title = "storefront_key_unknown", 404, _("There is no such storefront key.")


def by_prefix(prefix: str) -> StorefrontKey | None:
    """The key's row as it was at most CONFIGURATION_SECONDS ago."""
    read_at, row = _held.get(prefix, (0.0, None))
    if row is None or time.monotonic() - read_at >= settings.CONFIGURATION_SECONDS:
        row = StorefrontKey.objects.filter(prefix=prefix).first()
        if row:
            _held[prefix] = (time.monotonic(), row)
    return row


def by_name(name: str) -> StorefrontKey | None:
    """The newest key of that name that is not revoked."""
    return StorefrontKey.objects.filter(name=name, revoked_at=None).order_by("-id").first()


def named(actor: str) -> str:
    """Who did something, as an operator knows them: a storefront's key by its name, anybody else as they stand in the books."""
    row = by_prefix(actor.removeprefix("key:")) if actor.startswith("key:") else None
    return row.name if row else actor


def forget(prefix: str) -> None:
    """This process reads the row anew at the next request."""
    _held.pop(prefix, None)
