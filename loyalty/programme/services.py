from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty.lib.localtime import local_date, start_of_day
from loyalty.lib.refusals import BusinessError

from .models import Programme


class CurrencyMismatch(BusinessError):
    code, status, title = "currency_mismatch", 422, _("The programme runs in another currency.")


def _locked() -> Programme:
    Programme.objects.get_or_create(id=1)
    return Programme.objects.select_for_update().get(id=1)


@transaction.atomic(savepoint=False)
def fix_currency(*, currency: str) -> None:
    """Make `currency` the programme's if it has none yet. Refuses another one than it has."""
    programme = Programme.current()
    if not programme.currency:
        programme = _locked()
    if not programme.currency:
        programme.currency = currency
        programme.full_clean()
        programme.save()
    if programme.currency != currency:
        raise CurrencyMismatch(expected=programme.currency)


@transaction.atomic(savepoint=False)
def change_zone(*, zone: str, now: datetime) -> Programme:
    """Business days follow `zone` from its next local midnight on."""
    programme = _locked()
    if zone != programme.zone:
        new = ZoneInfo(zone)
        programme.previous_zone = programme.zone_at(now).key
        programme.zone = zone
        programme.zone_from = start_of_day(local_date(now, new) + timedelta(days=1), new)
        programme.save()
    return programme
