from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError

from . import rules, selectors
from .models import Picture

FAULTS = {
    "too_large": _("The file is larger than 8 MB."),
    "too_many_pixels": _("The picture has more than 40 megapixels."),
    "unread": _("This is no JPEG, PNG or WebP picture, or it is broken."),
}


class PictureUnfit(BusinessError):
    code, status, title = "picture_unfit", 422, FAULTS["unread"]


def read(content: bytes) -> rules.Pair:
    """The picture in both its sizes. Refuses: PictureUnfit, with a sentence. Takes up to a second: call it before anything is locked."""
    try:
        return rules.read(content)
    except rules.Unfit as unfit:
        raise PictureUnfit(FAULTS[unfit.code], fault=unfit.code) from unfit


@transaction.atomic(savepoint=False)
def keep(*, pair: rules.Pair, actor: str, now: datetime) -> Picture:
    """Keep a picture that was read; one that is there already stays as it is, and is not cleared before somebody can show it."""
    values = {"content": pair.large, "small": pair.small, "width": pair.width, "height": pair.height, "uploaded_at": now, "uploaded_by": actor}
    again = {"uploaded_at": now, "unused_since": None}
    return Picture.objects.update_or_create(digest=pair.digest, defaults=again, create_defaults=values)[0]


@transaction.atomic(savepoint=False)
def mark(*, now: datetime) -> int:
    """Note which pictures nothing shows from now on, and which are shown again; how many are newly noted."""
    Picture.objects.filter(~selectors.unused(), unused_since__isnull=False).update(unused_since=None)
    return Picture.objects.filter(selectors.unused(), unused_since=None).update(unused_since=now)


@transaction.atomic(savepoint=False)
def clear(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` pictures that nothing has shown since before then; how many it was."""
    locked = list(selectors.to_clear(before=before).select_for_update(skip_locked=True).values_list("digest", flat=True)[:limit])
    # Asked again under the lock: until then somebody could begin to show one.
    return selectors.to_clear(before=before).filter(digest__in=locked).only("digest").delete()[0]
