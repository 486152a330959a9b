import time

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.lib import callers
from loyalty.lib.refusals import BusinessError

from .models import StorefrontKey

# Nothing that strangers could make grow. Read and replaced whole, so threads need no lock.
_held: dict[str, tuple[float, StorefrontKey | None]] = {}


class KeyUnknown(BusinessError):
    code, status, title = "storefront_key_unknown", 404, _("There is no such storefront key.")


def by_prefix(prefix: str, *, from_books: bool = False) -> StorefrontKey | None:
    """The key's row as it was at most CONFIGURATION_SECONDS ago. That there is none is remembered only of a prefix `from_books`."""
    read_at, row = _held.get(prefix, (None, None))
    if read_at is None or time.monotonic() - read_at >= settings.CONFIGURATION_SECONDS:
        row = StorefrontKey.objects.filter(prefix=prefix).first()
        if row or from_books:
            _held[prefix] = (time.monotonic(), row)
    return row


def by_name(name: str) -> StorefrontKey | None:
    """The newest key of that name that is not revoked."""
    return StorefrontKey.objects.filter(name=name, revoked_at=None).order_by("-id").first()


def forget(prefix: str) -> None:
    """This process reads the row anew at the next request."""
    _held.pop(prefix, None)


@callers.named_by("key")
def _named(identity: str) -> str:
    row = by_prefix(identity.removeprefix("key:"), from_books=True)
    return row.name if row else identity
