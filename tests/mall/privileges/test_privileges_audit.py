"""The auditor finds a privilege too many or too few, and a use that nobody counted."""

import pytest
from django.db import connection

from mall.privileges.models import Privilege
from mall.reconciliation import selectors as reconciliation


@pytest.fixture
def busy(mall, privileges, rich):
    """Privileges of every kind of past: used, given back, returned, ended."""
    privileges.kind()
    mall.reward("fast-card", kind="privilege", item="fast", stock=None)
    mall.reward("fast-paid", kind="privilege", item="fast", stock=None, cents=1_000)
    row = mall.redeem(rich, "fast-card", quantity=3)
    used, ended, _unused = Privilege.objects.order_by("number")
    privileges.use(used)
    privileges.give_back(used)
    privileges.use(used, "purchase/A-2")
    privileges.end(ended)
    mall.step("return_", row, quantity=1, restock=False, reason="tests", key="R")
    mall.redeem(rich, "fast-paid")
    mall.step("cancel", mall.redeem(rich, "fast-paid"))
    return mall


def breaches(mall):
    return [breach.invariant for breach in reconciliation.audit(now=mall.now).breaches]


def test_privileges_moved_by_their_verbs_add_up(busy):
    assert breaches(busy) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE mall_privilege SET uses_left = uses_left - 1 WHERE ended_at IS NULL",
        "UPDATE mall_privilegeuse SET given_back_at = now() WHERE given_back_at IS NULL",
        "UPDATE mall_privilege SET redemption_id = NULL WHERE ended_at IS NULL",
        "UPDATE mall_privilege SET ended_at = NULL, ended_for = '' WHERE ended_for = 'redemption/returned'",
    ],
)
def test_each_wrong_is_found(busy, wrong):
    with connection.cursor() as cursor:
        cursor.execute(wrong)
        assert cursor.rowcount
    assert set(breaches(busy)) == {10}
