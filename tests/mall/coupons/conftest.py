"""Templates of coupons, and their verbs with everything filled in that a test does not care about."""

from datetime import timedelta
from itertools import count

import pytest

from accounts.activity.rules import Line
from mall.coupons import selectors, services
from mall.coupons.models import Coupon, CouponTemplate


class Coupons:
    """`now` is their clock; a test moves it by `wait`. Amounts are in cents."""

    def __init__(self, now):
        self.now, self.keys = now, count(1)

    def wait(self, **more):
        self.now += timedelta(**more)

    def template(self, code="ten-off", **more):
        """10.00 off, good for 30 days, unless it is said otherwise; again: change it."""
        row = CouponTemplate.objects.filter(code=code).first() or CouponTemplate(code=code, name_zh="十元券", name_en="Ten off", kind="amount", valid_days=30)
        for name, value in more.items():
            setattr(row, name, value)
        if row.kind == "amount" and not row.amount_cents:
            row.amount_cents = 1000
        return services.keep(template=row, actor="tests", now=self.now)

    def issue(self, member, template="ten-off", *, key="", **more):
        """One coupon, or a list where a count is given."""
        issued = services.issue(member_id=member.id, template=template, actor="tests", key=key or f"K-{next(self.keys)}", now=self.now, **more)
        return issued if "count" in more else issued[0]

    def claim(self, member, template="ten-off", *, key=""):
        return services.claim(member_id=member.id, template=template, actor="tests", key=key or f"K-{next(self.keys)}", now=self.now)

    def won(self, member, template="ten-off", *, count=1, subject="purchase/A-1", key="effect/1"):
        return services.issue_won(member_id=member.id, template=template, count=count, subject=subject, key=key, now=self.now)

    def applied(self, member, *codes, amounts=(10_000,), categories=(), shipping=0, purchase=""):
        lines = [Line(str(n), f"SKU-{n}", categories[n - 1] if categories else "", "", 1, amount) for n, amount in enumerate(amounts, 1)]
        return selectors.applied(member_id=member.id, codes=codes, lines=lines, shipping_cents=shipping, purchase_ref=purchase, now=self.now)

    def use(self, coupon, purchase="A-1", **more):
        return services.use(code=coupon.code, purchase_ref=purchase, now=self.now, **more)

    def give_back(self, coupon, purchase="A-1"):
        return services.give_back(code=coupon.code, purchase_ref=purchase, now=self.now)

    def again(self, coupon):
        return Coupon.objects.get(id=coupon.id)

    def left(self, template="ten-off"):
        return selectors.left([selectors.template(template)])[template]


@pytest.fixture
def coupons(db, now):
    return Coupons(now)
