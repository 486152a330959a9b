"""A shelf to redeem from, and what a test asks of it."""

from datetime import timedelta
from itertools import count

import pytest

from mall.reconciliation import selectors as reconciliation
from mall.redemptions import services as redemptions
from mall.redemptions.services import Recipient
from mall.rewards import selectors as rewards
from mall.rewards import services as shelf
from mall.rewards.models import Reward, RewardPrice
from points.ledger import selectors as books
from points.ledger import services as ledger
from tiers.ladder import services as ladder

HOME = Recipient("Sample Member", "13800000000", "1 Sample Street")


class Mall:
    """Its clock goes on by `wait`."""

    def __init__(self, now):
        self.now, self.keys = now, count(1)

    def wait(self, **more):
        self.now += timedelta(**more)

    def reward(self, code="mug", *, points=100, stock=5, prices=(), kind="goods", **more):
        """Put a reward on the shelf, with so much stock where it is counted."""
        row = Reward(code=code, kind=kind, name_zh="杯子", name_en="Mug", points=points, counted=stock is not None, **more)
        shelf.keep(reward=row, prices=[RewardPrice(**one) for one in prices], actor="tests", now=self.now)
        if stock:
            shelf.restock(reward_id=row.id, change=stock, reason="tests", actor="tests", now=self.now)
        return row

    def give(self, member, points):
        return ledger.earn(member_id=member.id, points=points, source="campaign", actor="tests", key=f"give/{next(self.keys)}", now=self.now)

    def redeem(self, member, reward="mug", *, key="", **more):
        about = {"recipient": HOME, "actor": "tests", "key": key or f"K-{next(self.keys)}", "now": self.now}
        return redemptions.redeem(member_id=member.id, reward=reward, **{**about, **more}).redemption

    def step(self, name, row, **more):
        """Go a step; what the verb gives."""
        return getattr(redemptions, name)(redemption_id=row.id, **{"actor": "tests", "now": self.now, **more})

    def left(self, code="mug"):
        return rewards.stocks(reward_ids=[rewards.offer(code).id]).get(rewards.offer(code).id)

    def points(self, member):
        return books.balance(member_id=member.id, now=self.now).available


@pytest.fixture
def mall(db, now):
    return Mall(now)


@pytest.fixture
def assert_mall_adds_up(mall):
    """Audit stock, redemptions, codes, coupons, vouchers and sales, as `manage.py audit_mall` does."""
    return lambda: _adds_up(mall.now)


def _adds_up(now):
    assert [str(breach) for breach in reconciliation.audit(now=now).breaches] == []


@pytest.fixture
def tier(db, now):
    """Make a tier, or change it."""

    def keep(code, rank, **more):
        return ladder.keep(code=code, name_zh=code, name_en=code, rank=rank, **{"multiplier_bps": 10_000, **more}, actor="tests", now=now)

    return keep
