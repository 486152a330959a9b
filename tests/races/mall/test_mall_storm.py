"""A storm in the mall: a few members, a few rewards, everybody at once. Requests come twice, under one key; connections die in the middle of them; the
clock goes on, so that deadlines pass and a flash sale begins and ends. Afterwards everything adds up, and each key has had one effect.

How many acts there are is MALL_STORM_ACTS in the environment (240 by default), which ones MALL_STORM_SEED.
"""

import os
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from itertools import count
from random import Random
from threading import Lock
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, InterfaceError, connection, connections, transaction
from django.db.models import Sum

from accounts.activity.rules import Line, Purchase, Refund
from accounts.members import services as members
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow
from mall.checkout import services as till
from mall.codes import services as codes
from mall.codes.models import Code, CodePool
from mall.coupons import services as coupons
from mall.coupons.models import Coupon, CouponTemplate
from mall.flashsale import services as flashsale
from mall.flashsale.models import FlashSale, FlashStock, FlashTicket
from mall.reconciliation import selectors as reconciliation
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption, Step
from mall.rewards import services as shelf
from mall.rewards.models import Stock, StockChange
from points.ledger import services as ledger
from points.merging import services as merging
from points.merging.models import Merge
from points.rulebook import services as rulebook
from tests.mall.conftest import HOME, Mall

pytestmark = pytest.mark.django_db(transaction=True)

ACTS = int(os.environ.get("MALL_STORM_ACTS", "240"))
SEED = int(os.environ.get("MALL_STORM_SEED", "20261211"))
THREADS = 8
MERGE = UUID("01a00000-0000-7000-8000-000000000001")
LIMITS = {"mug": {"stock": 8}, "tea": {"stock": 4, "cents": 500, "per_member": 3, "in_all": 9}, "pin": {"stock": None, "per_member_day": 3, "per_day": 8}}
WEIGHTS = {
    "redeem": 14, "confirm": 6, "cancel": 5, "step_on": 6, "return_": 6, "line_up": 5, "buy_in_sale": 6, "claim": 4, "pay": 5, "refund": 5, "earn": 5,
    "restock": 2, "fill": 1, "merge": 1, "jobs": 4,
}  # fmt: skip


class Killed(Exception):
    """The connection of a request died in the middle of it."""


@contextmanager
def dying(draw):
    """Inside, the connection is closed under some statement, or right before the commit."""
    left = draw.randrange(1, 9)

    def execute(execute, sql, params, many, context):
        nonlocal left
        left -= 1
        if not left:
            connection.connection.close()
            raise Killed
        return execute(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield
    connection.connection.close()
    raise Killed


class Storm:
    def __init__(self, seed, mall, people, sale):
        self.seed, self.mall, self.people, self.sale, self.now = seed, mall, people, sale, mall.now
        self.guard, self.numbers = Lock(), count(1)
        self.first, self.second = (get_user_model().objects.create_user(name).id for name in ("first", "second"))
        self.outcomes, self.surprises, self.asked = Counter(), [], []
        # What each key was answered, and what was bought.
        self.answers, self.orders = defaultdict(set), []

    def work(self, thread, acts):
        draw = Random(self.seed * 100 + thread)
        try:
            for _number in range(acts):
                self.happen(draw, getattr(self, draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]))
        finally:
            connections.close_all()

    def happen(self, draw, act):
        with self.guard:
            self.now += timedelta(seconds=draw.choice((0, 1, 5, 20)))
            now = self.now
        try:
            asked = act(draw, now)
            for verb, name, content in asked:
                self.ask(draw, verb, name, content, now)
        except Exception as error:  # noqa: BLE001 (none is expected; each is shown in the end)
            self.surprises.append((act.__name__, error))

    def ask(self, draw, verb, name, content, now):
        """Now and then a request dies, and comes again; now and then it comes again all the same."""
        told = draw.choice((1, 1, 2))
        dies = draw.random() < 0.12
        while told:
            told -= 1
            try:
                if verb in OF_THEIR_OWN:
                    answer = verb(**content, now=now)
                else:
                    with transaction.atomic():
                        if dies:
                            with dying(draw):
                                verb(**content, now=now)
                        answer = verb(**content, now=now)
            except (Killed, InterfaceError, DatabaseError) as error:
                # Of two who are merged one lock after the other is taken, by asking for the merge and by what comes back to a merged one.
                deadlocked = "deadlock" in str(error) and Merge.objects.exists()
                if not (dies or deadlocked):
                    raise
                self.outcomes["deadlock" if deadlocked else "killed"] += 1
                connection.close()
                dies, told = False, told + (1 if deadlocked else draw.choice((0, 1, 1)))
            except BusinessError as refusal:
                self.outcomes[f"{name}: {refusal.code}"] += 1
            else:
                self.outcomes[name] += 1
                self.heard(name, content, answer)

    def heard(self, name, content, answer):
        made = getattr(answer, "redemption", None) or getattr(answer, "purchase", None) or answer
        with self.guard:
            if content.get("key"):
                self.answers[name, content.get("member_id") or content["redemption_id"], content["key"]].add(getattr(made, "id", made))

    def again_or(self, draw, name, fresh):
        """An earlier request with its key, sometimes; else a fresh one."""
        with self.guard:
            earlier = [one for one in self.asked[-12:] if one[1] == name]
        if earlier and draw.random() < 0.25:
            return [draw.choice(earlier)]
        with self.guard:
            self.asked.append(fresh)
        return [fresh]

    def one(self, draw):
        return draw.choice(self.people).id

    def about(self, draw, **more):
        return {"member_id": self.one(draw), "actor": "storm", "key": f"K-{next(self.numbers)}", **more}

    # What members and storefronts do

    def redeem(self, draw, now):
        reward = draw.choice(("mug", "mug", "tea", "tea", "pin", "video", "pass", "ten-off"))
        content = self.about(draw, reward=reward, quantity=draw.choice((1, 1, 2)), recipient=HOME, pay_within=timedelta(minutes=draw.choice((1, 9))))
        return self.again_or(draw, "redeem", (redemptions.redeem, "redeem", content))

    def some_row(self, draw, *statuses):
        """Mostly one that stands where the step is possible, and so others' choice as well."""
        rows = Redemption.objects.filter(status__in=statuses) if draw.random() < 0.85 else Redemption.objects.all()
        newest = rows.order_by("-id").values_list("id", flat=True)[:3]
        return draw.choice(list(newest) or [None])

    def confirm(self, draw, now):
        if row := self.some_row(draw, "held"):
            due = Redemption.objects.get(id=row)
            yield redemptions.confirm, "confirm", {"redemption_id": row, "paid_cents": due.total_cents, "payment": "PAY", "actor": "storm"}

    def cancel(self, draw, now):
        if row := self.some_row(draw, "held", "confirmed", "fulfilling"):
            yield redemptions.cancel, "cancel", {"redemption_id": row, "reason": "storm", "actor": "storm"}

    def step_on(self, draw, now):
        if row := self.some_row(draw, "confirmed", "fulfilling", "shipped"):
            step, more = draw.choice((("begin", {}), ("ship", {"carrier": "Sample Post", "tracking": "T-1"}), ("deliver", {})))
            yield getattr(redemptions, step), step, {"redemption_id": row, "actor": "storm", **more}

    def return_(self, draw, now):
        if row := self.some_row(draw, "shipped", "delivered"):
            content = {"redemption_id": row, "quantity": draw.choice((None, 1)), "restock": draw.random() < 0.6, "reason": "storm", "actor": "storm"}
            return self.again_or(draw, "return", (redemptions.return_, "return", {**content, "key": f"R-{next(self.numbers)}"}))
        return []

    def line_up(self, draw, now):
        yield flashsale.line_up, "line up", {"sale_id": self.sale.id, "member_id": self.one(draw), "quantity": draw.choice((1, 2))}

    def buy_in_sale(self, draw, now):
        # So that somebody has their turn.
        flashsale.move_line(sale_id=self.sale.id, now=now)
        turn = FlashTicket.objects.filter(status="admitted").order_by("?").values_list("member_id", flat=True).first()
        content = self.about(draw, sale_id=self.sale.id, recipient=HOME, **({"member_id": turn} if turn else {}))
        return self.again_or(draw, "buy in sale", (flashsale.redeem, "buy in sale", content))

    def claim(self, draw, now):
        return self.again_or(draw, "claim", (coupons.claim, "claim", self.about(draw, template="ten-off")))

    def earn(self, draw, now):
        content = self.about(draw, points=draw.randrange(1, 200), source="campaign")
        return self.again_or(draw, "earn", (ledger.earn, "earn", content))

    def pay(self, draw, now):
        number, member_id = f"P-{next(self.numbers)}", self.one(draw)
        hold, off, worth = "", 0, 0
        if draw.random() < 0.5:
            with transaction.atomic():
                try:
                    held = till.hold(member_id=member_id, points=50, actor="storm", key=f"H-{number}", now=now)
                except BusinessError:
                    held = None
            if held:
                hold, worth = str(held.hold_id), 50
        coupon = Coupon.objects.filter(member_id=member_id).exclude(status="withdrawn").order_by("?").first() if draw.random() < 0.5 else None
        if coupon:
            off = 1_000
        facts = Purchase(number, now, "CNY", 9_000 - off - worth, (Line("1", "SKU", "", "", 1, 9_000),), 0, ({"code": coupon.code},) if coupon else (), hold)
        content = {"member_id": member_id, "facts": facts, "actor": "storm"}
        with self.guard:
            self.orders.append(facts)
        return [(till.pay, "pay", content)]

    def refund(self, draw, now):
        with self.guard:
            bought = draw.choice(self.orders[-8:]) if self.orders else None
        if bought:
            facts = Refund(f"R-{next(self.numbers)}", now, draw.choice((bought.paid_cents, 1_000, 3_333)))
            yield till.refund, "refund", {"purchase_ref": bought.id, "facts": facts, "actor": "storm"}

    # What operators and the clock do

    def restock(self, draw, now):
        reward = Stock.objects.order_by("?").first().reward_id
        content = {"reward_id": reward, "change": draw.choice((-1, 1, 2)), "reason": "storm", "actor": "storm"}
        yield shelf.restock, "restock", {**content, "key": ""}

    def fill(self, draw, now):
        number = next(self.numbers)
        yield codes.take_in, "fill", {"pool": "video", "content": f"code\nC-{number}\nD-{number}\n".encode(), "actor": "storm"}

    def merge(self, draw, now):
        """Once: one of them turns out to be another, and goes on being asked for by their old name."""
        merged, survivor = self.people[-1].id, self.people[0].id
        if next(self.numbers) > ACTS // 2 and not Merge.objects.exists():
            asked = merging.request(merged_id=merged, survivor_id=survivor, reason="storm", operator_id=self.first, key=MERGE, now=now)
            yield merging.approve, "merge", {"merge_id": asked.id, "operator_id": self.second}

    def jobs(self, draw, now):
        yield draw.choice(JOBS), "job", {}


def tell(*, now):
    outbox.deliver_due(limit=20, now=now)


def lapse(*, now):
    assert not redemptions.lapse_due(limit=50, now=now)["failed"]


def forward(*, now):
    merging.forward_due(limit=50, actor="storm", now=now)


JOBS = (flashsale.tend, tell, lapse, forward)
OF_THEIR_OWN = (flashsale.line_up, *JOBS)


@pytest.fixture
def storm(now, caplog):
    caplog.set_level("CRITICAL")
    mall = Mall(now)
    rulebook.publish_formula(points_per_unit=Decimal(1), categories={}, actor="tests", now=now)
    till.publish_policy(points_per_unit=100, threshold=0, step=1, max_share_bps=8_000, reason="tests", actor="tests", now=now)
    template = CouponTemplate(code="ten-off", name_zh="十元券", name_en="Ten off", kind="amount", amount_cents=1_000, valid_days=30, claimable=True)
    template.in_all, template.per_member = 9, 4
    coupons.keep(template=template, actor="tests", now=now)
    codes.keep(pool=CodePool(code="video", name_zh="视频", name_en="Video"), actor="tests", now=now)
    codes.take_in(pool="video", content=b"code\nA\nB\nC\nD\n", actor="tests", now=now)
    for code, more in LIMITS.items():
        mall.reward(code, points=40, **more)
    mall.reward("video", kind="code", item="video", points=20, stock=None)
    mall.reward("pass", kind="code", item="video", points=10, cents=100, stock=None)
    mall.reward("ten-off", kind="coupon", item="ten-off", points=15, stock=None)
    people = [members.register(external_id=f"S-{n}", now=now)[0] for n in range(4)]
    for one in people:
        mall.give(one, 700)
    sale = FlashSale(reward_id=Stock.objects.get(reward__code="mug").reward_id, name_zh="秒杀", name_en="Sale", points=10, quantity=5, per_member=2)
    sale.turn_minutes = 1
    sale.starts_at, sale.ends_at = now + timedelta(minutes=2), now + timedelta(seconds=120 + ACTS * 4)
    flashsale.keep_sale(sale=sale, actor="tests", now=now)
    made = Storm(SEED, mall, people, sale)
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(made.work, thread, ACTS // THREADS) for thread in range(THREADS)]:
            done.result()
    return made


def test_everything_adds_up_after_a_storm_and_each_key_has_had_one_effect(storm, assert_books_balance):
    assert storm.surprises == []
    at = storm.now + timedelta(days=1)
    lapse(now=at)
    flashsale.tend(now=at)
    while outbox.deliver_due(limit=500, now=at):
        pass
    forward(now=at)
    assert not OutboxRow.objects.exclude(status="delivered").exists()
    assert_books_balance()
    assert [str(one) for one in reconciliation.audit(now=at).breaches] == []
    assert {key: found for key, found in storm.answers.items() if len(found) != 1} == {}
    each_is_known_to_whom_it_was_answered(storm)
    limits_hold()
    stock = FlashStock.objects.get()
    assert (stock.left, stock.promised, stock.closed_at is None) == (0, 0, False)
    done = ("killed", "redeem", "confirm", "cancel", "return", "buy in sale", "claim", "pay", "refund")
    assert [name for name in done if not storm.outcomes[name]] == []


def each_is_known_to_whom_it_was_answered(storm):
    """Nothing was made of which nobody was told, as who died did so before the commit; and nothing was made twice under one key."""
    redeemed = [(ids, key) for (name, _whose, key), ids in storm.answers.items() if name in ("redeem", "buy in sale")]
    assert {found for ids, _key in redeemed for found in ids} == set(Redemption.objects.values_list("id", flat=True))
    assert len(redeemed) == Redemption.objects.count()
    assert sum(name == "return" for name, _whose, _key in storm.answers) == Step.objects.exclude(key="").count()


def limits_hold():
    out = Redemption.objects.exclude(status__in=Redemption.VOID)
    for code, limit in (("tea", 3),):
        had = out.filter(reward__code=code).values("member_id").annotate(n=Sum("quantity") - Sum("returned"))
        assert all(one["n"] <= limit for one in had)
    assert (out.filter(reward__code="tea").aggregate(n=Sum("quantity") - Sum("returned"))["n"] or 0) <= LIMITS["tea"]["in_all"]
    assert all(on_hand >= 0 for on_hand in Stock.objects.values_list("on_hand", flat=True))
    assert StockChange.objects.filter(on_hand_after__lt=0).count() == 0
    assert Coupon.objects.exclude(status="withdrawn").count() <= 9
    assert Code.objects.filter(handed_at__isnull=False, redemption=None).count() == 0
