"""All verbs of the mall, in any order and at any time, against the oracle of `oracle.py`; the auditors have the last word on every run.

MALL_STEPS says how many steps are taken in all (about; without it a few hundred, always the same ones; otherwise they are drawn afresh).
"""

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from types import SimpleNamespace

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import F, Sum
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from accounts.activity.rules import Line, Purchase, Refund
from accounts.members import services as members
from accounts.members.models import Member
from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError
from mall.checkout import services as till
from mall.codes import services as codes
from mall.codes.models import Code, CodePool
from mall.coupons import services as coupons
from mall.coupons.models import Coupon, CouponTemplate
from mall.flashsale import services as flashsale
from mall.flashsale.models import FlashSale, FlashStock
from mall.reconciliation import selectors as mall_books
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption, Step
from mall.revival import selectors as revival_seen
from mall.revival import services as revival
from mall.revival.models import RevivalReward, RevivalWindow
from mall.rewards import services as shelf
from mall.rewards.models import Reward, Stock
from mall.topups import services as topups
from mall.topups.models import TopUpTerms
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.merging import services as merging
from points.reconciliation import selectors as ledger_books
from points.rulebook import services as rulebook
from points.terms.models import Terms
from points.terms.rules import ExpiryPolicy
from tests.mall.conftest import HOME
from tests.points.ledger.model import end_of_term

from . import oracle
from .oracle import Mall, Refused

STEPS = int(os.environ.get("MALL_STEPS", "360"))
STEPS_A_RUN = 45
START = datetime(2026, 2, 27, 9, 30, tzinfo=UTC)
OFFSET, DAYS = timedelta(hours=8), 2
NAMES = ("A", "B", "C")
COUPON = {"days": 1, "in_all": 7, "per_member": 4, "amount": 1000, "threshold": 5000}
REVIVED = {"mug": 4, "video": 2}
PAY_WITHIN = timedelta(minutes=30)
SHELF = {
    "mug": {"kind": "goods", "points": 30, "stock": 5},
    "tea": {"kind": "goods", "points": 20, "cents": 500, "stock": 4, "per_member": 3, "in_all": 5},
    "pin": {"kind": "goods", "points": 5, "stock": None, "per_member_day": 2, "per_day": 3},
    "video": {"kind": "code", "points": 15, "stock": None},
    "pass": {"kind": "code", "points": 10, "cents": 100, "stock": None, "per_member": 4},
    "ten-off": {"kind": "coupon", "points": 8, "stock": None},
    "gift": {"kind": "coupon", "points": 5, "cents": 200, "stock": None},
}

# Left to itself the search spends most of its steps on acts that are refused.
WEIGHTS = {
    "time_passes": 6, "earn": 4, "redeem": 12, "confirm": 6, "cancel": 4, "lapse": 2, "lapse_due": 1, "go": 6, "return_": 6, "restock": 1, "take_stock": 1,
    "edit": 2, "codes_come": 1, "claim": 2, "use": 2, "give_back": 2, "withdraw": 1, "sale_begins": 2, "line_up": 6, "buy_in_sale": 5, "tend": 3, "revive": 3,
    "hold": 3, "pay": 5, "refund": 6, "top_up": 1, "give_back_top_up": 2, "freeze": 1, "say_it_again": 2, "say_something_else": 1, "expire": 1, "merge": 1,
}  # fmt: skip
some_act = st.sampled_from([act for act, weight in WEIGHTS.items() for _ in range(weight)])
some_span = st.sampled_from([timedelta(minutes=7), timedelta(minutes=30), timedelta(hours=5), timedelta(hours=15), timedelta(days=1), timedelta(0)])


def stock_world():
    """What stands on the shelf before any run."""
    Terms.objects.create(expiry="days", length=DAYS)
    rulebook.publish_formula(points_per_unit=Decimal(1), categories={}, actor="tests", now=START)
    till.publish_policy(points_per_unit=100, threshold=0, step=1, max_share_bps=8_000, reason="tests", actor="tests", now=START)
    template = CouponTemplate(code="ten-off", name_zh="十元券", name_en="Ten off", kind="amount", amount_cents=COUPON["amount"], claimable=True)
    template.valid_days, template.threshold_cents = COUPON["days"], COUPON["threshold"]
    template.in_all, template.per_member = COUPON["in_all"], COUPON["per_member"]
    coupons.keep(template=template, actor="tests", now=START)
    codes.keep(pool=CodePool(code="video", name_zh="视频", name_en="Video", text_zh="输入", text_en="Enter it."), actor="tests", now=START)
    TopUpTerms(id=1, active=True, least_cents=1, most_cents=10_000, most_cents_month=10_000_000).save()
    window = RevivalWindow.objects.create(
        name_zh="复活", name_en="Revival", opens_at=START, closes_at=START + timedelta(days=900), expired_from=START, expired_until=START + timedelta(days=900)
    )
    rows = {}
    for code, said in SHELF.items():
        item = {"code": "video", "coupon": "ten-off"}.get(said["kind"], "")
        more = {name: value for name, value in said.items() if name != "stock"}
        rows[code] = Reward(code=code, name_zh=code, name_en=code, item=item, counted=said["stock"] is not None, **more)
        shelf.keep(reward=rows[code], prices=[], actor="tests", now=START)
        if said["stock"]:
            shelf.restock(reward_id=rows[code].id, change=said["stock"], reason="tests", actor="tests", now=START)
        if code in REVIVED:
            RevivalReward.objects.create(window=window, reward=rows[code], points=REVIVED[code])
    Machine.ids = {name: members.ensure(external_id=name, now=START).id for name in NAMES}
    Machine.rewards = {code: row.id for code, row in rows.items()}
    Machine.window = window
    Machine.first, Machine.second = (get_user_model().objects.create_superuser(name) for name in ("first", "second"))


class Machine(RuleBasedStateMachine):
    ids: dict
    rewards: dict

    def __init__(self):
        super().__init__()
        self.rolled_back = transaction.atomic()
        # Lining up insists on transactions of its own; this one is the test's.
        self.rolled_back._from_testcase = True
        self.rolled_back.__enter__()
        on_shelf = {code: oracle.Reward(**said) for code, said in SHELF.items()}
        self.mall = Mall(NAMES, on_shelf, offset=OFFSET, days=DAYS, coupon=COUPON, revived=REVIVED)
        self.now, self.keys = START, 0
        # Beside the oracle's rows, by their places in its lists: ours.
        self.rows, self.slips, self.sales, self.top_ups = [], [], [], []
        self.holds, self.calls = [], []

    def teardown(self):
        try:
            self.compare()
            for name in NAMES:
                self.compare_revivable(name)
            assert [str(one) for one in mall_books.audit(now=self.now).breaches] == []
            assert ledger_books.breaches() == []
        finally:
            transaction.set_rollback(True)
            self.rolled_back.__exit__(None, None, None)

    def act(self, told, verb, learn=None, **content):
        """Ask the oracle and the mall alike; (its answer, ours), or None where both refuse. `learn`: what is looked at before they are compared."""
        answer = reasons = None
        try:
            answer = told()
        except Refused as refusal:
            reasons = refusal.reasons
        inner = transaction.atomic()
        inner._from_testcase = True
        try:
            with inner:
                ours = verb(**content, now=self.now)
        except BusinessError as refusal:
            assert reasons is not None, f"refused: {refusal.code}"
            assert refusal.code in reasons, (refusal.code, reasons)
            ours = None
        else:
            assert reasons is None, f"not refused: {reasons}"
        done = (answer, ours) if reasons is None else None
        if learn:
            learn(done)
        self.compare()
        return done

    def key(self):
        self.keys += 1
        return f"k{self.keys}"

    # What must agree after every step

    def compare(self):
        for name, member_id in self.ids.items():
            seen = tuple(books.balance(member_id=member_id, now=self.now))
            assert seen == self.mall.points.books[name].seen(self.now), name
        stock = dict(Stock.objects.values_list("reward__code", "on_hand"))
        assert stock == {code: one.stock for code, one in self.mall.rewards.items() if one.stock is not None}
        stored = list(Redemption.objects.filter(id__in=[row.id for row in self.rows]).order_by("id").values_list("id", "status", "returned", "quantity"))
        modelled = [(row.id, one.status, one.returned, one.quantity) for row, one in zip(self.rows, self.mall.redemptions, strict=True)]
        assert sorted(stored) == sorted(modelled)
        told = dict(Step.objects.values_list("redemption_id").annotate(Sum("cents"), Sum("points")).values_list("redemption_id", "cents__sum"))
        for row, one in zip(self.rows, self.mall.redemptions, strict=True):
            assert told.get(row.id, 0) == one.cents_back
        assert Code.objects.filter(redemption=None, voided_at=None).count() == self.mall.codes
        stored = list(Coupon.objects.filter(id__in=[slip.id for slip in self.slips]).values_list("id", "status", "member_id"))
        slips = [(slip, one) for slip, one in zip(self.slips, self.mall.coupons, strict=True) if one.status != oracle.NEVER_WAS]
        assert sorted(stored) == sorted((slip.id, one.status, self.ids[one.member]) for slip, one in slips)
        units = list(FlashStock.objects.order_by("sale_id").values_list("set_aside", "left", "returned"))
        assert units == [(one.units, one.left, one.returned) for one in self.mall.sales]
        # No promise outlives what is there.
        assert not FlashStock.objects.filter(promised__gt=F("left")).exists()

    def compare_revivable(self, name):
        ours = revival_seen.revivable(member_id=self.ids[name], window=self.window, now=self.now)
        assert sorted(one.points for one in ours) == sorted(self.mall.revivable(name, self.now).values())

    # Choosing

    def earlier(self, drawn, ours, theirs, wanted=bool):
        """(ours, the oracle's): mostly one of those that are wanted, the latest for 0, the one before it for 1 …"""
        pairs = list(zip(ours, theirs, strict=True))
        good = [pair for pair in pairs if wanted(pair[1])]
        pairs = good if good and drawn.index < 18 else pairs
        return pairs[-1 - drawn.index % len(pairs)] if pairs else (None, None)

    def some_row(self, drawn, *statuses):
        return self.earlier(drawn, self.rows, self.mall.redemptions, lambda one: one.status in statuses)

    @initialize(points=st.integers(60, 300), stock=st.integers(1, 6), sale=st.integers(0, 40))
    def something_to_spend(self, points, stock, sale):
        for name, share in (("A", points), ("B", points // 2)):
            self.earned(name, share, 1)
            self.earned(name, share // 2, 3)
        self.fill(stock)
        if sale:
            self.sale_begins(SimpleNamespace(number=sale, index=0))

    @rule(
        what=some_act, name=st.sampled_from("AAAABBC"), quantity=st.sampled_from([1, 1, 1, 2, 3]), span=some_span, index=st.integers(0, 20),
        number=st.integers(0, 999),
    )  # fmt: skip
    def step(self, what, **drawn):
        drawn = SimpleNamespace(**drawn)
        drawn.name = self.mall.survivor(drawn.name)
        getattr(self, what)(drawn)

    # Time, points

    def time_passes(self, drawn):
        """Now and then to the very instant at which a day ends, or a deadline is."""
        deadlines = [one.pay_until for one in self.mall.redemptions if one.status == "held" and one.pay_until > self.now]
        deadlines += [at for one in self.mall.sales for at in (one.starts_at, one.ends_at) if at > self.now]
        if drawn.index < 4:
            self.now = end_of_term(self.now, 0, OFFSET)
        elif drawn.index < 9 and deadlines:
            self.now = min(deadlines) - (timedelta(microseconds=1) if drawn.index == 8 else timedelta(0))
        else:
            self.now += drawn.span
        self.compare()

    def earned(self, name, points, days):
        told = lambda: self.mall.points.earn(name, points, days=days, matures_at=None, waits=False, occurred_at=self.now, now=self.now)  # noqa: E731
        content = {"points": points, "source": "campaign", "policy": ExpiryPolicy("days", days), "actor": "tests", "key": self.key()}
        self.act(told, ledger.earn, member_id=self.ids[name], **content)

    def earn(self, drawn):
        self.earned(drawn.name, 1 + drawn.number % 60, drawn.index % 4)

    def expire(self, drawn):
        self.act(lambda: self.mall.points.sweep(drawn.name, now=self.now), ledger.expire, member_id=self.ids[drawn.name], actor="tests")

    def freeze(self, drawn):
        frozen = self.mall.points.books[drawn.name].frozen
        verb, told = (ledger.unfreeze, self.mall.points.unfreeze) if frozen else (ledger.freeze, self.mall.points.freeze)
        self.act(lambda: told(drawn.name, now=self.now), verb, member_id=self.ids[drawn.name], actor="tests", reason="tests", key=self.key())

    # Redemptions

    def redeemed(self, drawn, told, verb, **content):
        content = {"quantity": drawn.quantity, "recipient": HOME, "actor": "tests", "key": self.key(), **content}
        done = self.act(told, verb, self.keep_rows, **content)
        if done:
            self.calls.append((verb, content, done[1].redemption.id))

    def keep_rows(self, done):
        if done:
            self.rows.append(done[1].redemption)
            self.keep_slips(done)

    def keep_slips(self, _done):
        known = {slip.id for slip in self.slips}
        self.slips += [one for one in Coupon.objects.order_by("issued_at", "id") if one.id not in known]

    def redeem(self, drawn):
        code = ("mug", "tea", "pin", "video", "pass", "ten-off", "mug", "gift", "pass")[drawn.number % 9]
        reward = self.mall.rewards[code]
        expected = {0: (reward.points + 1, reward.cents), 1: (reward.points, reward.cents)}.get(drawn.index)
        told = lambda: self.mall.redeem(drawn.name, code, drawn.quantity, expected=expected, pay_within=PAY_WITHIN, now=self.now)  # noqa: E731
        self.redeemed(drawn, told, redemptions.redeem, member_id=self.ids[drawn.name], reward=code, expected=expected, pay_within=PAY_WITHIN)

    def revive(self, drawn):
        self.compare_revivable(drawn.name)
        code = ("mug", "video")[drawn.number % 2]
        told = lambda: self.mall.redeem(drawn.name, code, drawn.quantity, revive=True, pay_within=PAY_WITHIN, now=self.now)  # noqa: E731
        self.redeemed(drawn, told, revival.redeem, member_id=self.ids[drawn.name], reward=code)

    def confirm(self, drawn):
        row, one = self.some_row(drawn, "held")
        if row:
            cents = one.cents * one.quantity + (drawn.index == 20)
            payment = "PAY-2" if drawn.index == 19 else "PAY-1"
            told = lambda: self.mall.confirm(one, cents, payment, now=self.now)  # noqa: E731
            self.act(told, redemptions.confirm, redemption_id=row.id, paid_cents=cents, payment=payment, actor="tests")

    def cancel(self, drawn):
        row, one = self.some_row(drawn, "held", "confirmed", "fulfilling")
        if row:
            by_member = drawn.number % 2 == 0
            more = {"member_id": self.ids[one.member]} if by_member else {"reason": "tests"}
            self.act(lambda: self.mall.cancel(one, by_member=by_member, now=self.now), redemptions.cancel, redemption_id=row.id, actor="tests", **more)

    def lapse(self, drawn):
        row, one = self.some_row(drawn, "held")
        if row:
            self.act(lambda: self.mall.lapse(one, self.now), redemptions.lapse, redemption_id=row.id, actor="tests")

    def lapse_due(self, drawn):
        def told():
            for one in self.mall.redemptions:
                self.mall.lapse(one, self.now)

        self.act(told, redemptions.lapse_due, limit=100)

    def go(self, drawn):
        step = ("begin", "ship", "deliver", "ship")[drawn.number % 4]
        row, one = self.some_row(drawn, *{"begin": ("confirmed",), "ship": ("confirmed", "fulfilling"), "deliver": ("shipped",)}[step])
        if row:
            more = {"carrier": "Sample Post", "tracking": f"T-{drawn.number}"} if step == "ship" else {}
            self.act(lambda: self.mall.go(one, step, self.now), getattr(redemptions, step), redemption_id=row.id, actor="tests", **more)

    def return_(self, drawn):
        row, one = self.some_row(drawn, "shipped", "delivered")
        if row:
            quantity = (None, 1, 2)[drawn.number % 3]
            restock = drawn.number % 2 == 0
            content = {"quantity": quantity, "restock": restock, "reason": "tests", "actor": "tests", "key": self.key()}
            told = lambda: self.mall.return_(one, quantity, restock=restock, now=self.now)  # noqa: E731
            done = self.act(told, redemptions.return_, partial(self.learn_which_went, one), redemption_id=row.id, **content)
            if done:
                self.calls.append((redemptions.return_, {"redemption_id": row.id, **content}, row.id))

    def learn_which_went(self, one, _done):
        """Which of a redemption's coupons go with its return is the mall's to choose, how many is not."""
        gone = dict(Coupon.objects.filter(id__in=[slip.id for slip in self.slips]).values_list("id", "status"))
        mine = [(gone.get(slip.id), coupon) for slip, coupon in zip(self.slips, self.mall.coupons, strict=True) if coupon.redemption == one.number]
        assert sum(coupon.status == "withdrawn" for _now, coupon in mine) == sum(now == "withdrawn" for now, _coupon in mine)
        for now, coupon in mine:
            if {now, coupon.status} == {"withdrawn", "available"}:
                coupon.status = now

    # The shelf

    def restock(self, drawn):
        code, change = ("mug", "tea")[drawn.number % 2], drawn.number % 6 - 2 or 3

        def told():
            if self.mall.rewards[code].stock + change < 0:
                raise Refused({"stock_below_zero"})
            self.mall.rewards[code].stock += change

        self.act(told, shelf.restock, reward_id=self.rewards[code], change=change, reason="tests", actor="tests", key=self.key())

    def take_stock(self, drawn):
        code = ("mug", "tea")[drawn.number % 2]
        seen, counted = self.mall.rewards[code].stock + drawn.index % 3, max(0, self.mall.rewards[code].stock + drawn.number % 4 - 1)

        def told():
            if self.mall.rewards[code].stock + counted - seen < 0:
                raise Refused({"stock_moved"})
            self.mall.rewards[code].stock += counted - seen

        self.act(told, shelf.take_stock, reward_id=self.rewards[code], counted=counted, seen=seen, reason="tests", actor="tests", key=self.key())

    def edit(self, drawn):
        """Another price, other limits, off the shelf or on it again: what is sold and what is there stays."""
        code = tuple(SHELF)[drawn.number % len(SHELF)]
        modelled = self.mall.rewards[code]

        def told():
            modelled.points = 5 + drawn.number % 30
            modelled.active = drawn.index > 2
            if modelled.per_member:
                modelled.per_member = 1 + drawn.number % 4

        def verb(*, now):
            row = Reward.objects.get(id=self.rewards[code])
            row.points, row.active, row.per_member = modelled.points, modelled.active, modelled.per_member
            shelf.keep(reward=row, actor="tests", now=now)

        self.act(told, verb)

    def fill(self, count):
        self.keys += 1
        content = "\n".join(["code", *(f"V-{self.keys}-{n}" for n in range(count))]).encode()

        def told():
            self.mall.codes += count

        self.act(told, codes.take_in, pool="video", content=content, actor="tests")

    def codes_come(self, drawn):
        self.fill(1 + drawn.number % 3)

    # Coupons

    def claim(self, drawn):
        content = {"member_id": self.ids[drawn.name], "template": "ten-off", "actor": "tests", "key": self.key()}
        self.act(lambda: self.mall.claim(drawn.name, self.now), coupons.claim, self.keep_slips, **content)

    def some_slip(self, drawn, status):
        pairs = [(slip, one) for slip, one in zip(self.slips, self.mall.coupons, strict=True) if one.status not in ("reserved", oracle.NEVER_WAS)]
        return self.earlier(drawn, [slip for slip, _one in pairs], [one for _slip, one in pairs], lambda one: one.status == status)

    def use(self, drawn):
        slip, one = self.some_slip(drawn, "available")
        if slip:
            purchase = f"T-{drawn.number % 4}"
            self.act(lambda: self.mall.use(one, purchase, self.now), coupons.use, code=slip.code, purchase_ref=purchase)

    def give_back(self, drawn):
        slip, one = self.some_slip(drawn, "used")
        if slip and not one.purchase.startswith("P-"):
            purchase = one.purchase if drawn.index < 18 else "another"
            self.act(lambda: self.mall.give_back(one, purchase, self.now), coupons.give_back, code=slip.code, purchase_ref=purchase)

    def withdraw(self, drawn):
        slip, one = self.some_slip(drawn, "available")
        if slip:
            self.act(lambda: self.mall.withdraw(one, self.now), coupons.withdraw, coupon_id=slip.id, reason="tests", actor="tests")

    # Flash sales

    def sale_begins(self, drawn):
        code = ("mug", "mug", "tea")[drawn.number % 3]
        units = min(1 + drawn.number % 4, self.mall.rewards[code].stock)
        if len(self.sales) == 3 or not units:
            return
        starts_at = self.now + (timedelta(0) if drawn.index < 15 else timedelta(minutes=5))
        sale = FlashSale(
            reward_id=self.rewards[code], name_zh="秒杀", name_en="Sale", points=6, quantity=units, per_member=2, turn_minutes=3, starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=5 + drawn.number % 50), line_minutes=10,
        )  # fmt: skip
        flashsale.keep_sale(sale=sale, actor="tests", now=self.now)
        flashsale.set_aside(sale_id=sale.id, actor="tests", now=self.now)
        self.sales.append(sale)
        self.mall.rewards[code].stock -= units
        self.mall.sales.append(oracle.Sale(code, 6, 2, sale.starts_at, sale.ends_at, timedelta(minutes=3), units, units))
        self.compare()

    def some_sale(self, drawn):
        return self.earlier(drawn, self.sales, self.mall.sales, lambda one: not one.closed)

    def line_up(self, drawn):
        sale, one = self.some_sale(drawn)
        if sale:
            told = lambda: self.mall.line_up(one, drawn.name, min(drawn.quantity, 2), self.now)  # noqa: E731
            done = self.act(told, flashsale.line_up, sale_id=sale.id, member_id=self.ids[drawn.name], quantity=min(drawn.quantity, 2))
            if done:
                ticket, turn = done
                assert turn.state == {"waiting": "waiting", "admitted": "your_turn"}[ticket.status]
                assert turn.ticket.quantity == ticket.quantity

    def buy_in_sale(self, drawn):
        sale, one = self.some_sale(drawn)
        if sale:
            live = [ticket for ticket in one.tickets if ticket.status == "admitted" and ticket.until > self.now and ticket.member not in self.mall.into]
            name = live[0].member if live and drawn.index < 16 else drawn.name
            quantity = live[0].quantity if live and drawn.index < 12 else drawn.quantity
            told = lambda: self.mall.redeem(name, one.reward, quantity, sale=one, pay_within=PAY_WITHIN, now=self.now)  # noqa: E731
            self.redeemed(drawn, told, flashsale.redeem, sale_id=sale.id, member_id=self.ids[name], quantity=quantity)

    def tend(self, drawn):
        def told():
            for one in self.mall.sales:
                one.move(self.now)
                self.mall.close(one, self.now)

        self.act(told, flashsale.tend)

    # Orders

    def hold(self, drawn):
        points = 1 + drawn.number % 70
        told = lambda: self.mall.hold(drawn.name, points, self.now + PAY_WITHIN, self.now)  # noqa: E731
        content = {"points": points, "expires_in": PAY_WITHIN, "actor": "tests", "key": self.key()}
        done = self.act(told, till.hold, member_id=self.ids[drawn.name], **content)
        if done:
            self.holds.append((drawn.name, points, *done))

    def pay(self, drawn):
        """Now and then with points, of a hold that may have lapsed meanwhile; now and then with a coupon, which may not be good any more."""
        purchase, lines = f"P-{len(self.mall.orders)}", 500 + drawn.number * 13
        name, points, number, held = drawn.name, 0, None, None
        if self.holds and drawn.index < 12:
            name, points, number, held = self.holds.pop()
            if name in self.mall.into:
                return
        slip, coupon = self.some_slip(drawn, "available") if drawn.index % 3 == 0 else (None, None)
        if slip and (coupon.member != name or lines < COUPON["threshold"]):
            slip = coupon = None
        points_worth = points
        off = COUPON["amount"] if slip else 0
        goods = tuple(Line(str(n), f"SKU-{n}", "", "", 1, amount) for n, amount in enumerate((lines // 3, lines - lines // 3), 1))
        discounts = ({"code": slip.code},) if slip else ()
        facts = Purchase(purchase, self.now, "CNY", lines - off - points_worth, goods, 0, discounts, str(held.hold_id if held else ""))
        told = lambda: self.mall.pay(purchase, name, lines=lines, hold=number, hold_points=points, coupon=coupon, now=self.now)  # noqa: E731
        done = self.act(told, till.pay, member_id=self.ids[name], facts=facts, actor="tests")
        if done:
            order, paid = done
            assert (paid.settlement.spent, paid.settlement.earned) == (order.spent, order.earned)
            self.calls.append((till.pay, {"member_id": self.ids[name], "facts": facts, "actor": "tests"}, paid.purchase.id))

    def refund(self, drawn):
        orders = [(code, one) for code, one in self.mall.orders.items() if not one.complete or drawn.index > 17]
        if orders:
            code, one = orders[-1 - drawn.index % len(orders)]
            left = one.paid - one.refunded
            cents = left if drawn.index % 3 == 0 else max(1, left * (drawn.number % 130) // 100)
            facts = Refund(f"R-{self.key()}", self.now, cents)
            done = self.act(lambda: self.mall.refund(one, cents, self.now), till.refund, purchase_ref=code, facts=facts, actor="tests")
            if done:
                restored, clawed, waived = done[0]
                ours = done[1].settlement
                assert (ours.restored, ours.clawed_back, ours.waived) == (restored, clawed, waived)
                self.calls.append((till.refund, {"purchase_ref": code, "facts": facts, "actor": "tests"}, ours.refund_id))

    # Points for money

    def top_up(self, drawn):
        cents = 1 + drawn.number % 77
        content = {"cents": cents, "payment": self.key(), "actor": "tests"}
        done = self.act(lambda: self.mall.top_up(drawn.name, cents, self.now), topups.buy, member_id=self.ids[drawn.name], **content)
        if done:
            self.top_ups.append(done[1].top_up)
            self.calls.append((topups.buy, {"member_id": self.ids[drawn.name], **content}, done[1].top_up.id))

    def give_back_top_up(self, drawn):
        row, one = self.earlier(drawn, self.top_ups, self.mall.top_ups)
        if row and not self.mall.points.books[one.member].frozen and one.member not in self.mall.into:
            done = self.act(lambda: self.mall.give_back_top_up(one, self.now), topups.give_back, top_up_id=row.id, reason="tests", actor="tests")
            if done:
                assert (done[1].points_back, done[1].cents_back) == (one.points_back, one.cents_back)

    # Again

    def say_it_again(self, drawn):
        if self.calls:
            verb, content, row_id = self.calls[-1 - drawn.index % len(self.calls)]
            with transaction.atomic():
                again = verb(**content, now=self.now)
            found = next(one for one in (getattr(again, name, None) for name in ("redemption", "top_up", "purchase", "settlement")) if one is not None)
            assert row_id == (found.refund_id if verb == till.refund else found.id)
            assert again.replayed
            self.compare()

    def say_something_else(self, drawn):
        calls = [call for call in self.calls if "quantity" in call[1]]
        if calls:
            verb, content, _row_id = calls[-1 - drawn.index % len(calls)]

            def told():
                raise Refused({"key_conflict"})

            self.act(told, verb, **{**content, "quantity": (content["quantity"] or 99) + 1})

    def merge(self, drawn):
        """B is A, as it turns out, or A is C; once at most of each."""
        merged, survivor = ("BA", "AC", "BC")[drawn.number % 3]
        if drawn.index > 5 or merged in self.mall.into or survivor in self.mall.into or any(self.mall.points.books[one].frozen for one in (merged, survivor)):
            return

        def verb(*, now):
            about = {"merged_id": self.ids[merged], "survivor_id": self.ids[survivor], "reason": "tests"}
            asked = merging.request(**about, operator_id=self.first.id, key=new_id(), now=now)
            merging.approve(merge_id=asked.id, operator_id=self.second.id, now=now)
            redemptions.cancel_held(member_id=self.ids[merged], actor="tests", now=now)
            coupons.move(from_id=self.ids[merged], into_id=self.ids[survivor])

        self.act(lambda: self.mall.merge(merged, survivor, self.now), verb)


def test_any_sequence_of_the_malls_verbs_does_what_the_oracle_says(db):
    stock_world()
    with connection.cursor() as cursor:
        # Nothing is committed here, so that foreign keys would never be checked.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert Member.objects.count() == len(NAMES)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=max(1, STEPS // STEPS_A_RUN),
            stateful_step_count=STEPS_A_RUN,
            deadline=None,
            database=None,
            derandomize="MALL_STEPS" not in os.environ,
            suppress_health_check=list(HealthCheck),
            # Shrinking takes minutes: for those who look for something.
            phases=[Phase.generate, Phase.shrink] if "MALL_STEPS" in os.environ else [Phase.generate],
        ),
    )
