"""A storm: members buy, return, share, check in and claim all at once, what they do comes late, twice or not at all, operators change what
is in force, and requests die between their commit and what follows. Afterwards everything must add up, decision by decision.

How many acts there are is `STORM_ACTS` in the environment (320 by default), which ones `STORM_SEED`.
"""

import os
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from threading import Lock

import pytest
from django.db import OperationalError, connections, transaction

from accounts.activity.models import Behaviour, Purchase, Refund
from accounts.activity.rules import PURCHASE, Line, RefundLine
from accounts.activity.rules import Purchase as Bought
from accounts.activity.rules import Refund as Returned
from accounts.members import services as members
from accounts.members.models import Member
from accounts.referrals.models import Referral
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow
from mall.checkout import services as till
from mall.checkout.models import Settlement
from points.budgets import services as budgets
from points.budgets.models import Budget, SharedUse
from points.cards import services as cards
from points.cards.models import Card, CardKind
from points.checkin import services as checkin
from points.checkin.models import CheckIn
from points.earning import services as earning
from points.earning.models import Decision, Grant, MemberUse
from points.earning.selectors import status_at
from points.ledger import services as ledger
from points.ledger.models import Entry, Lot
from points.missions import services as missions
from points.missions.models import Badge, MemberBadge, MissionCompletion
from points.missions.rules import Prize, Step
from points.rulebook import services as rulebook
from points.rulebook.models import SharedLimit
from points.rulebook.rules import ONE, Band, Conditions, Definition, Effect, Limit
from riskcontrol.screening import services as screening
from riskcontrol.screening.models import BlockListEntry

pytestmark = pytest.mark.django_db(transaction=True)

ACTS = int(os.environ.get("STORM_ACTS", "320"))
SEED = int(os.environ.get("STORM_SEED", "20261111"))
THREADS = 8
# Friday noon in Shanghai, three days before a month ends.
BEGINS = datetime(2026, 11, 27, 4, tzinfo=UTC)
MEMBERS = [f"M-{n}" for n in range(12)]
# Of what never changes while the storm goes on: at most so many points, and times, by counter.
MEMBERS_MOST = {"review/month": (120, None), "share/day": (30, None), "=behaviours": (100, None), "drop/week": (None, 2)}
SHARED_MOST = {"*nth/month": (None, 5)}
# Points that its budget has in all, by the budget's code.
BUDGETS_MOST = {"everything": 60_000, "promotion": 3_000}


class Died(Exception):
    """A request that dies before its commit."""


def programme():
    """Base rules that compete and that do not, multipliers in groups, cards, offers, things to win, limits and budgets of every sort."""
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double", use="multiplier", factor_percent=200, valid_days=20)
    CardKind.objects.create(code="make-up", name_zh="补签卡", name_en="Make-up", use="make_up")
    Badge.objects.create(code="fan", name_zh="粉丝", name_en="Fan")
    SharedLimit.objects.create(code="behaviours", name_zh="上限", name_en="Most", over=["behaviours"], per="day", points=100)
    SharedLimit.objects.create(code="orders", name_zh="上限", name_en="Most", over=["purchases"], per="week", points=2_500)
    best = {"group": "promotion", "combine": "best"}
    goods = Effect("per_unit", rate=ONE, by_category={"HOME": 3 * ONE // 2})
    steps = (Band(0, 10_000, points=5), Band(10_000, None, rate=ONE // 10))
    orders = {
        "goods": Definition(effect=goods, priority=5, expiry="days:60"),
        "bands": Definition(effect=Effect("bands", measure="amount", bands=steps), claim_days=2),
        "nth": Definition(Conditions(nth_purchase=(2, 3)), Effect("fixed", points=60), multiplied=False, limits=(Limit("month", times=5, by="rule"),)),
        "again": Definition(Conditions(again_days=9, again_scope="category"), Effect("multiplier", factor=2 * ONE), **best, campaign="promotion"),
        "card": Definition(Conditions(card="double"), Effect("multiplier", factor=3 * ONE), **best, campaign="promotion", pending="delivered"),
        "less": Definition(Conditions(categories=("OUTLET",)), Effect("multiplier", factor=ONE // 2)),
        "margin": Definition(effect=Effect("per_unit", rate=ONE // 4), margin_percent=20, pending="days:3", cost_centre="suppliers"),
        "drop": Definition(effect=Effect("random", minimum=1, maximum=40, chance=300_000), limits=(Limit("week", times=2),)),
        "gift": Definition(Conditions(min_cents=20_000), Effect("card", item="double"), limits=(Limit("month", times=4),)),
        "medal": Definition(Conditions(min_cents=30_000), Effect("badge", item="fan")),
    }
    facts = {
        "registered": Definition(effect=Effect("fixed", points=50)),
        "checked_in": Definition(effect=Effect("ladder", measure="streak", ladder=(10, 15, 20))),
        "streak_reached": Definition(effect=Effect("fixed", points=40)),
        "shared": Definition(effect=Effect("fixed", points=20), limits=(Limit("day", points=30),)),
        "reviewed": Definition(effect=Effect("stated", measure="pictures", maximum=50), claim_days=1, limits=(Limit("month", points=120),)),
        "mission_completed": Definition(effect=Effect("stated", measure="points"), campaign="promotion"),
        "referral_completed": Definition(effect=Effect("bands", measure="amount", bands=(Band(1, 10_000, points=50), Band(10_000, None, points=200)))),
        "referred": Definition(effect=Effect("fixed", points=30)),
    }
    codes = {"shared": "share", "reviewed": "review"}
    for code, fact, said in [
        *((code, PURCHASE, said) for code, said in orders.items()),
        *((codes.get(fact, fact), fact, said) for fact, said in facts.items()),
    ]:
        made = rulebook.make(code=code, fact=fact, name_zh=code, name_en=code, definition=said, actor="tests", now=BEGINS)
        rulebook.publish(version_id=made.id, ever=True, actor="tests", now=BEGINS)
    for code, more in {"everything": {"scope": "all"}, "promotion": {"scope": "campaign", "of": "promotion"}}.items():
        budgets.keep(code=code, name=code, period="total", at_end="cut", points=BUDGETS_MOST[code], **more, actor="tests", now=BEGINS)
    for code, period, at_end, points in (("day", "day", "stop", 4_000), ("month", "month", "go_on", 10_000)):
        budgets.keep(code=code, name=code, scope="all", period=period, at_end=at_end, points=points, actor="tests", now=BEGINS)
    for code, kind, steps, prizes, more in (
        ("sharer", "weekly", [Step("shared", 2)], [Prize("card", "make-up")], {"automatic": True, "points": 25}),
        ("buyer", "achievement", [Step(PURCHASE, 2, "amount_cents", "at_least", "5000")], [Prize("badge", "fan")], {"points": 80, "claim_days": 5}),
        ("daily", "daily", [Step("checked_in"), Step(PURCHASE)], [Prize("card", "double", 2)], {"points": 15, "automatic": True}),
    ):
        made = missions.create(code=code, name_zh=code, name_en=code, kind=kind, steps=steps, prizes=prizes, actor="tests", now=BEGINS, **more)
        missions.publish(mission_id=made.id, actor="tests", now=BEGINS)


class Storm:
    """`happen` does one act, whichever comes up."""

    def __init__(self, seed):
        self.at, self.guard, self.numbers = BEGINS, Lock(), count(1)
        self.seed, self.outcomes, self.surprises = seed, Counter(), []
        self.orders: list[tuple[str, Bought]] = []
        self.friends: list[str] = []

    def work(self, thread, acts):
        draw = Random(self.seed * 100 + thread)
        chances = {self.buy: 9, self.refund: 9, self.tell: 8, self.check_in: 4, self.claim: 6, self.deliver: 3, self.register: 5, self.guest: 2}
        chances |= {self.spend: 2, self.risk: 1, self.steer: 1, self.jobs: 3}
        try:
            for _number in range(acts):
                self.happen(draw, draw.choices(list(chances), list(chances.values()))[0])
        finally:
            connections.close_all()

    def happen(self, draw, act):
        with self.guard:
            self.at += timedelta(minutes=draw.randrange(120))
            now = self.at
        dies = draw.random() < 0.03
        for _attempt in range(5):
            try:
                # Jobs make transactions of their own.
                with nullcontext() if act == self.jobs else transaction.atomic():
                    act(draw, now)
                    if dies:
                        raise Died
            except OperationalError as error:
                # Two that each had what the other wanted: one is told to come again.
                assert "deadlock" in str(error), error
                self.outcomes["deadlock"] += 1
                continue
            except BusinessError as refusal:
                self.outcomes[f"{act.__name__}: {refusal.code}"] += 1
            except Died:
                self.outcomes["died"] += 1
            except Exception as error:  # noqa: BLE001 (none is expected; each is shown in the end)
                self.surprises.append((act.__name__, error))
            else:
                self.outcomes[act.__name__] += 1
            return

    def one(self, draw, now):
        """Somebody: one of the regulars, or a friend of theirs who has come lately."""
        name = draw.choice(self.friends[-6:]) if self.friends and draw.random() < 0.3 else draw.choice(MEMBERS)
        return members.ensure(external_id=name, now=now)

    def order(self, draw, now):
        lines = []
        for number in range(1, draw.choice((2, 2, 3, 4))):
            cents = draw.choice((draw.randrange(1, 60), draw.randrange(100, 30_000), draw.randrange(100, 30_000), 10_000))
            category = draw.choice(("", "HOME", "HOME/KITCHEN", "OUTLET", "BEAUTY"))
            lines.append(Line(str(number), "SKU", category, "", draw.randrange(1, 4), cents, draw.choice((None, cents // 2, cents))))
        shipping = draw.choice((0, 0, 500))
        late = timedelta(hours=draw.choice((0, 0, 0, 1, 40)))
        return Bought(f"P-{next(self.numbers)}", now - late, "CNY", sum(line.amount_cents for line in lines) + shipping, tuple(lines), shipping)

    # What members do

    def buy(self, draw, now):
        again = draw.random()
        if self.orders and again < 0.15:
            whose, facts = draw.choice(self.orders)
            if again < 0.03:
                facts = self.order(draw, now).__class__(facts.id, now, "CNY", 1, (Line("1", amount_cents=1),))
            member = Member.objects.get(external_id=whose)
        else:
            member, facts = self.one(draw, now), self.order(draw, now)
        if draw.random() < 0.1:
            # Its refund was quicker.
            till.refund(purchase_ref=facts.id, facts=Returned(f"R-{next(self.numbers)}", now, facts.paid_cents // 2), actor="tests", now=now)
        till.pay(member_id=member.id, facts=facts, actor="tests", now=now)
        self.orders.append((member.external_id, facts))

    def guest(self, draw, now):
        facts = self.order(draw, now)
        till.keep_guest(facts=facts, now=now)
        member = self.one(draw, now)
        till.claim(purchase_ref=facts.id, member_ref=member.external_id, actor="tests", now=now + timedelta(hours=1))
        self.orders.append((member.external_id, facts))

    def refund(self, draw, now):
        if not self.orders:
            return
        _whose, bought = draw.choice(self.orders[-15:])
        cents, lines = draw.choice((bought.paid_cents, bought.paid_cents // 3, draw.randrange(1, bought.paid_cents + 1), None)), ()
        if cents is None:
            lines = (RefundLine(draw.choice(bought.lines).id, draw.choice((None, 1))),)
        facts = Returned(f"R-{next(self.numbers)}", now, cents, lines)
        for _time in range(draw.choice((1, 1, 2))):
            till.refund(purchase_ref=bought.id, facts=facts, actor="tests", now=now)

    def deliver(self, draw, now):
        if self.orders:
            till.delivered(purchase_ref=draw.choice(self.orders)[1].id, occurred_at=now, actor="tests", now=now)

    def tell(self, draw, now):
        kind = draw.choice(("shared", "shared", "reviewed", "reviewed", "registered"))
        number = draw.randrange(60)
        data = {"shared": {"subject": f"S-{number % 9}"}, "reviewed": {"purchase": f"P-{number}", "line": "1", "pictures": number % 70}}.get(kind, {})
        at = BEGINS + timedelta(hours=number) if draw.random() < 0.5 else now
        about = {"member_ref": draw.choice(MEMBERS), "kind": kind, "data": data, "occurred_at": at, "actor": "tests", "now": max(now, at)}
        for _time in range(draw.choice((1, 2))):
            earning.hear(external_id=f"E-{number}", **about)

    def register(self, draw, now):
        if draw.random() < 0.3:
            earning.register(external_id=draw.choice(MEMBERS), occurred_at=now, actor="tests", now=now)
            return
        friend = f"F-{next(self.numbers)}"
        earning.register(external_id=friend, occurred_at=now, actor="tests", now=now, referred_by=draw.choice(MEMBERS[:6]))
        self.friends.append(friend)

    def check_in(self, draw, now):
        member = self.one(draw, now)
        if draw.random() < 0.3:
            checkin.make_up(member_id=member.id, day=(now - timedelta(days=draw.randrange(1, 4))).date(), actor="tests", now=now)
        else:
            checkin.check_in(member_id=member.id, actor="tests", now=now)

    def claim(self, draw, now):
        offers = list(Grant.objects.filter(claim_until__isnull=False).order_by("-id")[:15])
        if offers and draw.random() < 0.7:
            offer = draw.choice(offers)
            earning.claim(member_id=offer.member_id, grant_id=offer.id, actor="tests", now=now)
        else:
            missions.claim(member_id=self.one(draw, now).id, code="buyer", actor="tests", now=now)

    def spend(self, draw, now):
        ledger.spend(member_id=self.one(draw, now).id, points=draw.randrange(1, 300), actor="tests", key=f"spend/{next(self.numbers)}", now=now)

    # What operators and the clock do

    def risk(self, draw, now):
        member = self.one(draw, now)
        entry = BlockListEntry.objects.filter(member_id=member.id, lifted_at=None).first()
        if entry is None:
            screening.block(member_id=member.id, reason="storm", actor="tests", now=now)
        else:
            screening.lift(entry_id=entry.id, reason="storm", actor="tests", now=now)

    def steer(self, draw, now):
        match draw.randrange(3):
            case 0:
                limit = SharedLimit.objects.get(code="orders")
                limit.active = not limit.active
                limit.save()
                rulebook.changed_what_is_in_force()
            case 1:
                budgets.keep(
                    code="day", name="day", scope="all", period="day", at_end=draw.choice(("stop", "cut")), points=draw.randrange(1_000, 9_000),
                    active=draw.random() < 0.8, actor="tests", now=now,
                )  # fmt: skip
            case 2:
                said = Definition(
                    effect=Effect("per_unit", rate=draw.choice((ONE, 2 * ONE, ONE // 3))), priority=5, expiry=draw.choice(("", "days:1", "days:60"))
                )
                version = rulebook.draft(code="goods", definition=said, actor="tests", now=now)
                rulebook.publish(version_id=version.id, effective_from=now - timedelta(hours=draw.choice((0, 1, 30))), actor="tests", now=now)

    def jobs(self, draw, now):
        for job in draw.sample(JOBS, 2):
            job(now)


JOBS = (
    lambda now: earning.lapse_due(limit=100, now=now),
    lambda now: missions.lapse_due(limit=100, now=now),
    lambda now: cards.expire_due(limit=100, now=now),
    lambda now: ledger.expire_due(actor="tests", now=now),
    lambda now: ledger.mature_due(actor="tests", now=now),
    lambda now: outbox.deliver_due(limit=20, now=now),
)


@pytest.fixture
def forgetful(monkeypatch):
    """One request in five dies between its commit and the delivery of its events."""
    whole, draw = outbox._deliver_lines, Random(SEED)

    def some(**about):
        if draw.random() > 0.2:
            whole(**about)

    monkeypatch.setattr(outbox, "_deliver_lines", some)


@pytest.fixture
def storm(forgetful, caplog):
    caplog.set_level("CRITICAL")
    programme()
    for name in MEMBERS[:6]:
        member, _taken = earning.register(external_id=name, occurred_at=BEGINS, actor="tests", now=BEGINS)
        cards.grant(member_id=member.id, kind="double", count=10, actor="tests", key="welcome", now=BEGINS)
    made = Storm(SEED)
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(made.work, thread, ACTS // THREADS) for thread in range(THREADS)]:
            done.result()
    return made


def test_everything_adds_up_after_a_storm(storm, assert_books_balance):
    assert storm.surprises == []
    everything_is_told_in_the_end(storm.at)
    assert_books_balance()
    for decision in Decision.objects.prefetch_related("grants__entry"):
        a_decision_is_what_its_grants_are(decision, storm.at)
    limits_have_had_what_decisions_charged()
    nothing_went_over_its_limit()
    settlements_say_what_was_granted()
    nothing_of_an_order_refunded_completely_is_left(storm.at)
    cards_and_badges_are_those_that_were_won()
    a_referral_is_worth_something_while_it_is_completed()
    missions_are_given_while_they_stand()
    assert storm.outcomes["buy"] and storm.outcomes["refund"] and storm.outcomes["claim"]


def everything_is_told_in_the_end(at):
    for _hour in range(200):
        at += timedelta(hours=1)
        if not outbox.deliver_due(limit=1_000, now=at) and not OutboxRow.objects.filter(status="waiting").exists():
            break
    assert list(OutboxRow.objects.exclude(status="delivered").values_list("topic", "subscriber", "last_error")) == []
    deadlocked = [error for error in OutboxRow.objects.exclude(last_error="").values_list("last_error", flat=True) if "deadlock" not in error]
    assert deadlocked == []


def a_decision_is_what_its_grants_are(decision, at):
    grants = list(decision.grants.all())
    seen = [status_at(grant, now=at) for grant in grants]
    assert sum(grant.points for grant in grants) == decision.points
    assert sum(grant.taken_back for grant in grants) == decision.taken_back
    for grant in grants:
        assert (grant.entry is not None) == (grant.status == "granted")
        if grant.entry is None:
            continue
        clawed = sum(Entry.objects.filter(member_id=grant.member_id, refers_to=grant.entry, kind="clawback").values_list("points", flat=True))
        assert Lot.objects.get(entry=grant.entry).original - clawed == grant.points - grant.taken_back, decision
    entries = Entry.objects.filter(member_id=decision.member_id, kind="earn", subject=decision.subject)
    assert {entry.id for entry in entries} == {grant.entry_id for grant in grants if grant.entry_id}
    # What stands is charged, and where nothing lapsed, nothing else is.
    stands = sum(grant.left for grant, status in zip(grants, seen, strict=True) if status in ("granted", "offered"))
    everything = f"budget/{Budget.objects.get(code='everything').id}"
    charged = sum(points for key, points, _times in decision.given.get("charges", []) if key == everything)
    assert charged == stands if "lapsed" not in seen else charged >= stands, decision


def limits_have_had_what_decisions_charged():
    own, shared = defaultdict(lambda: [0, 0]), defaultdict(lambda: [0, 0])
    for decision in Decision.objects.all():
        for key, points, times in decision.given.get("charges", []):
            if key not in decision.given["counters"]:
                continue
            starts, of_all = decision.given["counters"][key]
            had = shared[key, starts] if of_all else own[decision.member_id, key, starts]
            had[0] += points
            had[1] += times
    used = {(use.member_id, use.counter, use.starts.isoformat()): [use.points, use.times] for use in MemberUse.objects.all()}
    assert {key: had for key, had in used.items() if any(had)} == {key: had for key, had in own.items() if any(had)}
    used = {(use.counter, use.starts.isoformat()): [use.points, use.times] for use in SharedUse.objects.all()}
    assert {key: had for key, had in used.items() if any(had)} == {key: had for key, had in shared.items() if any(had)}


def nothing_went_over_its_limit():
    def within(use, most):
        return (most[0] is None or use.points <= most[0]) and (most[1] is None or use.times <= most[1])

    assert [use for use in MemberUse.objects.filter(counter__in=MEMBERS_MOST) if not within(use, MEMBERS_MOST[use.counter])] == []
    most = SHARED_MOST | {f"budget/{budget.id}": (BUDGETS_MOST[budget.code], None) for budget in Budget.objects.filter(code__in=BUDGETS_MOST)}
    assert [use for use in SharedUse.objects.filter(counter__in=most) if not within(use, most[use.counter])] == []


def settlements_say_what_was_granted():
    for settlement in Settlement.objects.select_related("purchase"):
        grants = Grant.objects.filter(member_id=settlement.member_id, decision__subject=f"purchase/{settlement.purchase.external_id}", claim_until=None)
        assert settlement.earned == sum(grant.points for grant in grants)
        assert settlement.clawed_back == sum(grant.taken_back for grant in grants)


def nothing_of_an_order_refunded_completely_is_left(at):
    for purchase in Purchase.objects.filter(refunded=True):
        decision = Decision.objects.get(member_id=purchase.member_id, subject=f"purchase/{purchase.external_id}")
        assert not decision.given.get("charges")
        assert not decision.given.get("won")
        assert not decision.given.get("used_cards")
        assert [grant for grant in decision.grants.all() if grant.left and status_at(grant, now=at) != "lapsed"] == []
    assert all(refund.amount_cents >= 0 for refund in Refund.objects.all())


def cards_and_badges_are_those_that_were_won():
    used = {(card.member_id, card.used_by, card.kind_id) for card in Card.objects.filter(status="used", kind_id="double")}
    assert used == {(one.member_id, one.subject, kind) for one in Decision.objects.all() for kind in one.given.get("used_cards", [])}
    won, fans = Counter(), Counter()
    for decision in Decision.objects.all():
        for _code, effect, item, n in decision.given.get("won", []):
            if effect == "card":
                won[decision.member_id, item, decision.subject] += n
            else:
                fans[decision.member_id] += n
    for completion in MissionCompletion.objects.filter(status="granted").select_related("mission"):
        for effect in completion.mission.effects.all():
            if effect.effect == "card":
                won[completion.member_id, effect.item, f"mission/{completion.key}"] += effect.count
            else:
                fans[completion.member_id] += effect.count
    assert Counter((card.member_id, card.kind_id, card.subject) for card in Card.objects.filter(withdrawn_for="").exclude(subject="")) == won
    assert Counter({badge.member_id: badge.times for badge in MemberBadge.objects.all()}) == fans


def a_referral_is_worth_something_while_it_is_completed():
    told = Behaviour.objects.filter(kind_id="referral_completed", withdrawn_at=None)
    stands = Referral.objects.filter(status="completed").select_related("member")
    orders = Purchase.objects.filter(external_id__in=[one.purchase_ref for one in stands])
    assert not orders.filter(refunded=True).exists()
    assert Counter((fact.member_id, fact.data["friend"], fact.said["amount_cents"]) for fact in told) == Counter(
        (one.inviter_id, one.member.external_id, one.amount_cents) for one in stands
    )
    assert Counter(Behaviour.objects.filter(kind_id="referred", withdrawn_at=None).values_list("member_id", flat=True)) == Counter(
        one.member_id for one in stands
    )


def missions_are_given_while_they_stand():
    told = Behaviour.objects.filter(kind_id="mission_completed", withdrawn_at=None)
    granted = MissionCompletion.objects.filter(status="granted").select_related("mission")
    assert Counter((fact.member_id, fact.external_id) for fact in told) == Counter((one.member_id, one.key) for one in granted)
    for completion in MissionCompletion.objects.filter(status__in=("offered", "granted"), completed_kind=PURCHASE):
        assert not Purchase.objects.get(member_id=completion.member_id, external_id=completion.completed_fact).refunded
    assert CheckIn.objects.count() == CheckIn.objects.values("member_id", "date").distinct().count()
