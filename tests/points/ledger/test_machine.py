"""All verbs, in any order, against the model of `model.py`; the auditor has the last word on every run.

LEDGER_STEPS says how many steps are taken in all (about; 5000 without it, always the same ones; more, or fewer, are drawn afresh).
"""

import os
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from accounts.members import services as members
from loyalty.lib.refusals import BusinessError
from points.ledger import selectors
from points.ledger import services as ledger
from points.ledger.models import Lot, Source
from points.reconciliation import selectors as reconciliation
from points.terms.models import Terms
from points.terms.rules import ExpiryPolicy

from .model import PENDING, Model, Refused, end_of_term

STEPS = int(os.environ.get("LEDGER_STEPS", "5000"))
STEPS_A_RUN = 50
START = datetime(2024, 2, 27, 9, 30, tzinfo=UTC)
OFFSET = timedelta(hours=8)
DEFAULT_DAYS = 2
NAMES = ("A", "B", "C")

# One rule with weights of its own: left to itself the search spends most of its steps on acts that are refused.
WEIGHTS = {
    "time_passes": 7, "earn": 4, "earn_pending": 2, "adjust_up": 1, "mature": 1, "spend": 2, "overdraw": 1, "forfeit": 1, "adjust_down": 1, "transfer": 2,
    "hold": 3, "capture": 3, "release": 1, "restore": 3, "clawback": 4, "postpone": 2, "freeze": 1, "say_it_again": 1, "say_something_else": 1,
    "expire": 1, "the_night_comes": 1, "the_jobs_run": 1,
}  # fmt: skip
some_act = st.sampled_from([act for act, weight in WEIGHTS.items() for _ in range(weight)])
# Most happens to one member, and amounts are shares (in percent) of what is there, so that acts meet, empty and overdraw each other.
some_member = st.sampled_from("AAAABBC")
some_points = st.integers(1, 90)
some_share = st.sampled_from([100, 100, 40, 7, 75, 130])
some_days = st.sampled_from([None, 0, 1, 2, 2, 5])
some_span = st.sampled_from([timedelta(minutes=7), timedelta(hours=5), timedelta(hours=9), timedelta(days=1), timedelta(days=2, hours=11), timedelta(0)])


def share(percent, whole):
    return max(1, whole * percent // 100)


def policy(days):
    return ExpiryPolicy("never") if days is None else ExpiryPolicy("days", days)


class Machine(RuleBasedStateMachine):
    ids: dict

    def __init__(self):
        super().__init__()
        self.rolled_back = transaction.atomic()
        self.rolled_back.__enter__()
        self.model = Model(NAMES, OFFSET)
        self.now = START
        self.keys = 0
        self.earnings, self.spends, self.holds, self.calls = [], [], [], []

    def teardown(self):
        try:
            for name in NAMES:
                self.compare(name)
                self.compare_lots(name)
            assert reconciliation.breaches() == []
        finally:
            transaction.set_rollback(True)
            self.rolled_back.__exit__(None, None, None)

    def act(self, verb, told, *names, **content):
        """Ask the model and the ledger alike; (number in the model, row of the ledger), or None where both refuse."""
        self.keys += 1
        content = {"key": f"k{self.keys}", "actor": "model", **content}
        before = {name: self.model.books[name].copy() for name in names}
        answer = row = refused = None
        try:
            answer = told()
        except Refused as refusal:
            refused = refusal.args[0]
            self.model.books.update(before)
        try:
            with transaction.atomic():
                row = verb(**content, now=self.now)
        except BusinessError as refusal:
            assert refusal.code == refused
        else:
            assert refused is None
            if row is not None:
                self.calls.append((verb, content, row))
        for name in names:
            self.compare(name)
        return None if refused else (answer, row)

    def compare(self, name):
        assert tuple(selectors.balance(member_id=self.ids[name], now=self.now)) == self.model.books[name].seen(self.now)

    def compare_lots(self, name):
        stored = Lot.objects.filter(member_id=self.ids[name]).values_list("original", "remaining", "held", "is_pending", "expires_at")
        modelled = []
        for lot in self.model.books[name].lots:
            held = sum(points for place, points in lot.where.items() if isinstance(place, tuple) and place[0] == "held")
            pending = lot.where[PENDING] > 0
            modelled.append((lot.original, lot.where["free"] + lot.where[PENDING], held, pending, lot.expires_at))
        if any(lot[3] != (lot[1] > 0) for lot in stored if lot[3]):
            # A pending lot that was taken back whole stays pending for ever, with nothing in it: the model does not tell.
            stored = [(*lot[:3], lot[3] and lot[1] > 0, lot[4]) for lot in stored]
        assert sorted(stored, key=str) == sorted(modelled, key=str)

    def earlier(self, acts, drawn):
        """The latest for 0, the one before it for 1 …"""
        return acts[-1 - drawn.index % len(acts)]

    @initialize(lots=st.lists(st.tuples(some_points, some_days), min_size=1, max_size=4))
    def something_to_spend(self, lots):
        for points, days in lots:
            self.earned("A", points, days)

    @rule(what=some_act, name=some_member, points=some_points, percent=some_share, days=some_days, span=some_span, index=st.integers(0, 20))
    def step(self, what, **drawn):
        getattr(self, what)(SimpleNamespace(**drawn))

    def available(self, name):
        return self.model.books[name].seen(self.now)[0]

    def time_passes(self, drawn):
        """Now and then to the very instant at which a day ends."""
        self.now = end_of_term(self.now, 0, OFFSET) if drawn.index < 4 else self.now + drawn.span

    def earned(self, name, points, days, *, ago=timedelta(0), matures_at=None, waits=False):
        told = lambda: self.model.earn(name, points, days=days, matures_at=matures_at, waits=waits, occurred_at=self.now - ago, now=self.now)  # noqa: E731
        content = {"points": points, "source": Source.PURCHASE, "policy": policy(days), "matures_at": matures_at, "waits": waits, "occurred_at": self.now - ago}
        done = self.act(ledger.earn, told, name, member_id=self.ids[name], **content)
        self.earnings.append((name, *done))

    def earn(self, drawn):
        self.earned(drawn.name, drawn.points, drawn.days, ago=drawn.span if drawn.index > 15 else timedelta(0))

    def earn_pending(self, drawn):
        if drawn.index < 10:
            self.earned(drawn.name, drawn.points, drawn.days, waits=True)
        else:
            self.earned(drawn.name, drawn.points, drawn.days, matures_at=self.now + drawn.span * (-1 if drawn.index == 20 else 1))

    def mature(self, drawn):
        waiting = [one for one in self.earnings if self.model.books[one[0]].lots[self.model.books[one[0]].earnings[one[1]].lot].where[PENDING]]
        if self.earnings:
            name, number, entry = self.earlier(waiting or self.earnings, drawn)
            matured, row = self.act(ledger.mature, lambda: self.model.mature(name, number, now=self.now), name, member_id=self.ids[name], entry_id=entry.id)
            assert matured == (row is not None)

    def spend(self, drawn, *, overdraw=False):
        name, points = drawn.name, share(drawn.percent, self.available(drawn.name))
        told = lambda: self.model.spend(name, points, overdraw=overdraw, now=self.now)  # noqa: E731
        done = self.act(ledger.spend, told, name, member_id=self.ids[name], points=points, overdraw=overdraw)
        if done:
            self.spends.append((name, *done))

    def overdraw(self, drawn):
        self.spend(drawn, overdraw=True)

    def forfeit(self, drawn):
        name, points = drawn.name, share(drawn.percent, self.available(drawn.name))
        self.act(ledger.forfeit, lambda: self.model.forfeit(name, points, now=self.now), name, member_id=self.ids[name], points=points, reason="sample")

    def adjust_up(self, drawn):
        self.adjust(drawn.name, drawn.points, drawn.days)

    def adjust_down(self, drawn):
        self.adjust(drawn.name, -share(drawn.percent, self.available(drawn.name)), None)

    def adjust(self, name, points, days):
        told = lambda: self.model.adjust(name, points, days=days, now=self.now)  # noqa: E731
        done = self.act(ledger.adjust, told, name, member_id=self.ids[name], points=points, policy=policy(days), reason="sample")
        if done and points > 0:
            self.earnings.append((name, *done))

    def transfer(self, drawn):
        name, to, points = drawn.name, "BCAB"[drawn.index % 4], share(drawn.percent, self.available(drawn.name))
        told = lambda: self.model.transfer(name, to, points, now=self.now)  # noqa: E731
        self.act(ledger.transfer, told, name, to, member_id=self.ids[name], to_member_id=self.ids[to], points=points)

    def hold(self, drawn):
        name, points, deadline = drawn.name, share(drawn.percent, self.available(drawn.name)), self.now + drawn.span
        told = lambda: self.model.hold(name, points, deadline=deadline, now=self.now)  # noqa: E731
        done = self.act(ledger.hold, told, name, member_id=self.ids[name], points=points, expires_at=deadline)
        if done:
            self.holds.append((name, *done))

    def some_hold(self, drawn):
        unsettled = [one for one in self.holds if self.model.books[one[0]].holds[one[1]].status == "open"]
        return self.earlier(unsettled if unsettled and drawn.index < 18 else self.holds, drawn)

    def capture(self, drawn):
        if self.holds:
            name, number, held = self.some_hold(drawn)
            points = None if drawn.percent == 100 else share(drawn.percent, held.points)
            told = lambda: self.model.capture(name, number, points, now=self.now)  # noqa: E731
            done = self.act(ledger.capture, told, name, member_id=self.ids[name], hold_id=held.id, points=points)
            if done:
                self.spends.append((name, *done))

    def release(self, drawn):
        if self.holds:
            name, number, held = self.some_hold(drawn)
            self.act(ledger.release, lambda: self.model.release(name, number, now=self.now), name, member_id=self.ids[name], hold_id=held.id)

    def restore(self, drawn):
        if self.spends:
            name, number, entry = self.earlier(self.spends, drawn)
            spent = self.model.books[name].spends[number]
            points, grace = share(drawn.percent, spent.points - spent.restored), timedelta(hours=drawn.points // 2 if drawn.points > 20 else 0)
            told = lambda: self.model.restore(name, number, points, grace=grace, term=DEFAULT_DAYS, now=self.now)  # noqa: E731
            self.act(ledger.restore, told, name, member_id=self.ids[name], entry_id=entry.id, points=points, grace=grace)

    def clawback(self, drawn):
        if self.earnings:
            name, number, entry = self.earlier(self.earnings, drawn)
            points = share(drawn.percent, entry.points - self.model.books[name].earnings[number].clawed)
            told = lambda: self.model.clawback(name, number, points, now=self.now)  # noqa: E731
            done = self.act(ledger.clawback, told, name, member_id=self.ids[name], entry_id=entry.id, points=points)
            if done:
                assert done[0] == (done[1].debt_change, done[1].waived)

    def postpone(self, drawn):
        """One to three lots of one member, now and then to an instant that has passed."""
        name = drawn.name
        mine = [(number, entry) for of, number, entry in self.earnings if of == name][-1 - drawn.index % 5 :][:3]
        if mine:
            expires_at = self.now + drawn.span if drawn.index > 14 else end_of_term(self.now, drawn.points % 5, OFFSET)
            lots = list(Lot.objects.filter(member_id=self.ids[name], entry_id__in=[entry.id for _number, entry in mine]).values_list("id", flat=True))
            told = lambda: self.model.postpone(name, [number for number, _entry in mine], expires_at, now=self.now)  # noqa: E731
            content = {"member_id": self.ids[name], "lot_ids": lots, "expires_at": expires_at, "reason": "sample"}
            done = self.act(ledger.postpone, told, name, **content)
            if done:
                assert done[0] == (done[1] is not None)

    def freeze(self, drawn):
        """Or the opposite, where that is possible; now and then where it is not."""
        name = drawn.name
        opposite = self.model.books[name].frozen != (drawn.index == 20)
        verb, told = (ledger.unfreeze, self.model.unfreeze) if opposite else (ledger.freeze, self.model.freeze)
        self.act(verb, lambda: told(name, now=self.now), name, member_id=self.ids[name], reason="sample")

    def say_it_again(self, drawn):
        if self.calls:
            verb, content, row = self.earlier(self.calls, drawn)
            with transaction.atomic():
                again = verb(**content, now=self.now)
            assert _ids(again) == _ids(row)
            for name in NAMES:
                self.compare(name)

    def say_something_else(self, drawn):
        calls = [call for call in self.calls if call[1].get("points")]
        if calls:
            verb, content, _row = self.earlier(calls, drawn)
            with pytest.raises(ledger.KeyConflict), transaction.atomic():
                verb(**{**content, "points": content["points"] + (1 if content["points"] > 0 else -1)}, now=self.now)

    def expire(self, drawn):
        self.model.sweep(drawn.name, now=self.now)
        with transaction.atomic():
            ledger.expire(member_id=self.ids[drawn.name], actor="model", now=self.now)

    def the_night_comes(self, drawn):
        for books in self.model.books.values():
            books.end_due(self.now)
        with transaction.atomic():
            while ledger.expire_due(members=2, actor="model", now=self.now):
                pass

    def the_jobs_run(self, drawn):
        for name, number, _entry in self.earnings:
            lot = self.model.books[name].lots[self.model.books[name].earnings[number].lot]
            if lot.where[PENDING] and lot.matures_at and lot.matures_at <= self.now:
                self.model.mature(name, number, now=self.now)
        for name, books in self.model.books.items():
            if any(hold.status == "open" and hold.deadline <= self.now for hold in books.holds.values()):
                self.model.sweep(name, now=self.now)
        with transaction.atomic():
            ledger.mature_due(actor="model", now=self.now)
            ledger.release_overdue(actor="model", now=self.now)


def _ids(row):
    return [one.id for one in row] if isinstance(row, tuple) else [row.id]


def test_any_sequence_of_verbs_does_what_the_model_says(db):
    Terms.objects.create(expiry="days", length=DEFAULT_DAYS)
    Machine.ids = {name: members.ensure(external_id=name, now=START).id for name in NAMES}
    with connection.cursor() as cursor:
        # Nothing is committed here, so that foreign keys would never be checked.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=max(1, STEPS // STEPS_A_RUN),
            stateful_step_count=STEPS_A_RUN,
            deadline=None,
            database=None,
            derandomize="LEDGER_STEPS" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
