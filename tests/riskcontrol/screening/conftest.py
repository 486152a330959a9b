from collections.abc import Callable

import pytest

from points.ledger import services as ledger
from riskcontrol.screening import services as screening


@pytest.fixture
def blocked(member, now):
    """`member`, blocked for good, and the entry that says so."""
    return screening.block(member_id=member.id, reason="many accounts, one address", actor="sample", now=now)


@pytest.fixture
def spend(member, now) -> Callable[[int], object]:
    """Spend of the 100 points that `member` has."""
    ledger.earn(member_id=member.id, points=100, source="purchase", actor="tests", key="opening", now=now)

    def take(points: int) -> object:
        return ledger.spend(member_id=member.id, points=points, actor="tests", key=f"spend/{points}", now=now)

    return take
