"""The last use of a privilege, asked for by many at once. The control is the same without the member's lock: two have it, until the update says no."""

import threading
from collections import Counter

import pytest

from loyalty.lib.refusals import BusinessError
from mall.privileges import services
from mall.privileges.models import Privilege, PrivilegeUse
from points.ledger import services as ledger
from tests import together

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts):
    """How often each of them gave what: a result, a refusal, or the assertion that it broke."""
    return Counter(type(one).__name__ for one in together.at_once(*acts, caught=(BusinessError, AssertionError), atomic=True))


def test_eight_at_the_last_use_and_one_has_it(privileges, member):
    privileges.kind(uses=1)
    (row,) = privileges.grant(member)
    given = at_once(*(lambda n=n: privileges.use(row, f"purchase/{n}") for n in range(8)))
    assert given == {"Used": 1, "PrivilegeNotGood": 7}
    assert (Privilege.objects.get().uses_left, PrivilegeUse.objects.count()) == (0, 1)


def test_eight_for_one_subject_use_it_once(privileges, member):
    privileges.kind(uses=3)
    (row,) = privileges.grant(member)
    assert at_once(*[lambda: privileges.use(row)] * 8) == {"Used": 8}
    assert (Privilege.objects.get().uses_left, PrivilegeUse.objects.count()) == (2, 1)


def test_control_without_the_members_lock_two_believe_that_they_have_the_last_use(privileges, member, monkeypatch):
    privileges.kind(uses=1)
    (row,) = privileges.grant(member)
    monkeypatch.setattr(ledger, "lock", lambda **_: None)
    meet, state_of = threading.Barrier(2), services.selectors.state_of

    def together(*args, **kwargs):
        seen = state_of(*args, **kwargs)
        meet.wait(20)
        return seen

    monkeypatch.setattr(services.selectors, "state_of", together)
    # Only the condition of the update stops the second, as a bug that announces itself.
    assert at_once(*(lambda n=n: privileges.use(row, f"purchase/{n}") for n in range(2))) == {"Used": 1, "AssertionError": 1}
