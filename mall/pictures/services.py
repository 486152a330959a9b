from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError

from . import rules
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
    """Keep a picture that was read; one that is there already stays as it is."""
    values = {"content": pair.large, "small": pair.small, "width": pair.width, "height": pair.height, "uploaded_at": now, "uploaded_by": actor}
    return Picture.objects.get_or_create(digest=pair.digest, defaults=values)[0]
