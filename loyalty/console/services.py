import secrets
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from . import rules, selectors

BACKUP_CODES = 10


@transaction.atomic(savepoint=False)
def load_roles() -> dict[str, int]:
    """Make the groups of `rules.ROLES` and set the permissions of each to exactly what the table says; how many each has.

    What was added to these groups by hand is taken back; other groups are left alone.
    """
    there = selectors.all_permissions()
    counts = {}
    for role in rules.ROLES:
        group, _made = Group.objects.get_or_create(name=role)
        granted = rules.granted(role, there)
        group.permissions.set([there[name] for name in granted])
        counts[role] = len(granted)
    return counts


def begin_enrolment(*, user: Any) -> TOTPDevice:
    """The device that the operator is setting up: not in force until `confirm_enrolment`."""
    device, _made = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "app"})
    return device


@transaction.atomic(savepoint=False)
def confirm_enrolment(*, user: Any, device: TOTPDevice) -> list[str]:
    """Put the device in force, in place of any before, and make new backup codes, which are shown this once."""
    TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    return renew_backup_codes(user=user)


@transaction.atomic(savepoint=False)
def renew_backup_codes(*, user: Any, make: Callable[[], str] = lambda: secrets.token_hex(5)) -> list[str]:
    """New backup codes, each good for one login; the old ones stop working."""
    device, _made = StaticDevice.objects.get_or_create(user=user, defaults={"name": "backup codes"})
    device.token_set.all().delete()
    codes = [make() for _each in range(BACKUP_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


@transaction.atomic(savepoint=False)
def drop_second_factor(*, user: Any) -> None:
    """The operator logs in with a password alone again, or sets up a new device where one is required."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
