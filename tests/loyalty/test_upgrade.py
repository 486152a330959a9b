"""`manage.py upgrade`: what every start of an installation runs before it serves."""

from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from django_celery_beat.models import PeriodicTask

pytestmark = pytest.mark.django_db


def test_an_upgrade_brings_migrations_roles_and_schedules_and_a_second_one_changes_nothing():
    Group.objects.all().delete()
    call_command("upgrade", stdout=StringIO())
    call_command("migrate", check_unapplied=True, stdout=StringIO())
    roles = {group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()}
    schedules = list(PeriodicTask.objects.order_by("name").values())
    assert roles["administrator"]
    assert "points.expire_due" in {schedule["name"] for schedule in schedules}
    call_command("upgrade", stdout=StringIO())
    assert {group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()} == roles
    assert list(PeriodicTask.objects.order_by("name").values()) == schedules
