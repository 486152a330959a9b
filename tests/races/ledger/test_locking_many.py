"""Locks of many members whose accounts come into being at the same moment, on a real PostgreSQL."""

from itertools import combinations

import pytest
from django.db import OperationalError

from accounts.members import services as members
from points.ledger import services
from points.ledger.models import Account
from tests.together import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_locks_many_of_whom_some_have_no_account_yet_never_waits_for_each_other(now):
    for round_ in range(12):
        made = [members.ensure(external_id=f"{round_}-{n}", now=now).id for n in range(5)]
        acts = [lambda some=some: services.lock_all(member_ids=some) for some in combinations(made, 4)]
        assert at_once(*acts, *acts, caught=(OperationalError,), atomic=True) == [None] * 10
        assert Account.objects.filter(member_id__in=made).count() == 5
