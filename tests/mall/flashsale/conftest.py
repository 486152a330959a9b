"""Flash sales, who stands in line for them, and a clock."""

from datetime import timedelta

import pytest

from accounts.members import services as members
from mall.flashsale import services
from mall.flashsale.models import FlashSale, FlashStock
from mall.reconciliation import selectors as reconciliation
from tests.mall.conftest import HOME


class Sales:
    """A sale of mugs begins in an hour: 5 units at 50 points, one a member."""

    def __init__(self, mall):
        self.mall = mall

    @property
    def now(self):
        return self.mall.now

    def sale(self, code="mug", *, units=5, begins=timedelta(hours=1), lasts=timedelta(hours=1), reward=None, **more):
        """Plan a sale of a reward, put on the shelf for it if it is not there."""
        reward = reward or self.mall.reward(code, points=100, stock=more.pop("stock", 20))
        about = {"name_zh": "周五秒杀", "name_en": "Friday flash sale", "points": 50, "quantity": units}
        row = FlashSale(reward=reward, starts_at=self.now + begins, ends_at=self.now + begins + lasts, **{**about, **more})
        services.keep_sale(sale=row, actor="tests", now=self.now)
        return row

    def on(self, **more):
        """A sale that has just begun."""
        row = self.sale(**more)
        services.set_aside(sale_id=row.id, actor="tests", now=self.now)
        self.mall.wait(hours=1)
        return row

    def members(self, count, *, points=1_000):
        made = [members.register(external_id=f"F-{n}", now=self.now)[0] for n in range(count)]
        for one in made:
            self.mall.give(one, points)
        return made

    def line_up(self, sale, member, **more):
        return services.line_up(sale_id=sale.id, member_id=member.id, **{"now": self.now, **more})

    def redeem(self, sale, member, *, key="", **more):
        about = {"recipient": HOME, "actor": "tests", "key": key or f"S-{next(self.mall.keys)}", "now": self.now}
        return services.redeem(sale_id=sale.id, member_id=member.id, **{**about, **more}).redemption

    def buy(self, sale, member, *, quantity=1, **more):
        assert self.line_up(sale, member, quantity=quantity).state == "your_turn"
        return self.redeem(sale, member, quantity=quantity, **more)

    def units(self, sale):
        """Set aside, left, promised, given back."""
        return FlashStock.objects.values_list("set_aside", "left", "promised", "returned").get(sale=sale)

    def close(self, sale):
        return services.close(sale_id=sale.id, actor="tests", now=self.now)


def breaches(mall):
    """What `manage.py audit_mall` finds."""
    return [str(one) for one in reconciliation.audit(now=mall.now).breaches]


@pytest.fixture
def sales(mall):
    made = Sales(mall)
    yield made
    assert breaches(mall) == []


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


@pytest.fixture
def rich_other(mall, other_member):
    mall.give(other_member, 1_000)
    return other_member
