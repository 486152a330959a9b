from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from .models import Picture


def content(*, digest: str, small: bool = False) -> bytes | None:
    """The picture as WebP; None where there is no such picture."""
    found = Picture.objects.filter(digest=digest).values_list("small" if small else "content", flat=True).first()
    return None if found is None else bytes(found)


def path(digest: str, *, small: bool = False) -> str:
    """Where anybody sees it, from the root of this server."""
    return f"/pictures/{digest}{'-small' if small else ''}.webp"


def shown(digests: Iterable[str], *, root: str) -> list[dict[str, str]]:
    """As `PictureShown` says. `root`: our address."""
    return [{"url": root + path(digest), "small": root + path(digest, small=True)} for digest in digests]


def unused() -> Q:
    """Pictures to which nothing points: no row of any model that has a foreign key to them. Histories hold no picture: they tell of it by its digest."""
    pointing = [one for one in Picture._meta.get_fields(include_hidden=True) if (one.one_to_many or one.one_to_one) and one.field.db_constraint]
    return Q(*(~Exists(one.related_model.objects.filter(**{one.field.name: OuterRef("pk")})) for one in pointing))


def to_clear(*, before: datetime) -> QuerySet[Picture]:
    """Those that nothing has shown since before then, the longest first."""
    return Picture.objects.filter(unused(), unused_since__lt=before, uploaded_at__lt=before).order_by("unused_since", "digest")


def would_clear(*, now: datetime) -> dict[str, int]:
    """What the nightly job would delete."""
    return {"deleted": to_clear(before=now - timedelta(days=settings.PICTURE_DAYS)).count()}
