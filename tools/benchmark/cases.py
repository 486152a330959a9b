"""What is measured: each path, done by us and by what stands beside it."""

import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID, uuid4
from zlib import crc32

import psycopg2
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from accounts.activity import selectors as facts
from accounts.activity.models import Purchase
from accounts.keys import services as keys
from accounts.members.models import Member
from loyalty.outbox import services as outbox
from mall.redemptions import events as mall_events
from mall.redemptions import services as redemptions
from mall.redemptions.services import Recipient
from mall.rewards import services as shelf
from mall.rewards.models import Reward
from points.earning import selectors as engine
from points.earning import services as earning
from points.ledger import events, selectors, services
from points.ledger.models import Entry, Source
from points.simulation import selectors as simulated
from points.simulation import services as simulations

from . import load, programme
from .load import Load

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CEILING = HERE.parent / "ceiling"
SAMPLE = ROOT / "loyalty" / "demo" / "journey_sample.csv.gz"

OURS, SWEPT, REPLAYED, YOUNG, OLD = "bench_ours", "bench_swept", "bench_replayed", "bench_young", "bench_old"
RAW, RAW_SWEPT = "bench_ceiling", "bench_ceiling_swept"

HOME = Recipient("Sample Member", "13800000000", "1 Sample Street")
# Coprime to every number of members here, so that a walk in such steps meets each member once before any a second time.
STRIDE = 7919
BATCH = 1000
READ_LOTS = 10
# So many rewards hang on the shelf: a stock is one row, for which whoever redeems the same one has to wait.
REWARDS = 200
# So many members' purchases are decided again and again where the decision alone is measured.
DECIDED = 200


class Size(NamedTuple):
    """How much there is to measure on. `batches` are those of the sweep in one round, `simulated` the facts of a simulation, about."""

    rounds: int
    seconds: float
    members: int
    lots: int
    batches: int
    replayed: int
    young: tuple[int, int]
    old: tuple[int, int]
    simulated: int


# Members and, before their open lots, earnings that were spent: 5,000 × 20 entries, 30,000 × 100.
FULL = Size(rounds=5, seconds=2, members=20_000, lots=40, batches=7, replayed=450, young=(5_000, 5), old=(30_000, 45), simulated=3_340)
QUICK = Size(rounds=3, seconds=1, members=8_000, lots=40, batches=2, replayed=100, young=(1_000, 5), old=(5_000, 45), simulated=1_000)


class Measured(NamedTuple):
    """One side of a case in one round; times in seconds."""

    per_second: float
    writes_per_call: float | None = None
    p50: float | None = None
    p99: float | None = None


Side = Callable[[int], Measured]


class Case(NamedTuple):
    """`aim` is the least that ours ÷ the other side should be; `beside` names the other side.

    Where there is none, the aim is for our own figure: `of` says for which, and with `at_most` it is the most.
    """

    name: str
    ours: Side
    other: Side | None
    aim: float | None = None
    beside: str = "the ceiling"
    at_most: bool = False
    of: str = "per_second"


def heard(event: Any) -> None:
    """Somebody listens; nothing is done here, since nothing is delivered (see the package's essay)."""


def listen() -> None:
    for topic in (events.EARNED, events.SPENT, events.EXPIRED, mall_events.REDEMPTION_CHANGED):
        outbox.subscribe(topic)(heard)
    outbox._deliver_lines = lambda **_: None  # type: ignore[assignment]


def quantile(times: Sequence[float], share: float) -> float | None:
    return sorted(times)[int(len(times) * share)] if times else None


class Bench:
    """The databases of one run, and the cases on them."""

    def __init__(self, size: Size) -> None:
        self.size = size
        self.server = dict(connection.settings_dict)
        self.members: dict[str, list[UUID]] = {}
        self.walked: Counter[str] = Counter()

    # The databases

    def build(self, tell: Callable[[str], None]) -> None:
        """Make every database anew. Ours are copies of the one that Django's settings name, which must be empty."""
        if Member.objects.exists():
            raise SystemExit("The benchmark copies the database that DATABASE_URL names, and needs an empty one: this one has members.")
        size = self.size
        tell(f"filling our books: {size.members:,} members, {size.members * size.lots:,} lots")
        self._ours(OURS, members=size.members, lots=size.lots)
        tell("filling the ceiling's")
        self._raw(RAW, members=size.members, lots=size.lots)
        swept = BATCH * size.batches * (size.rounds + 1)
        tell(f"filling both for the sweep: {swept * 5:,} lots are due")
        self._ours(SWEPT, members=swept, lots=7, due=5)
        self._raw(RAW_SWEPT, members=swept, lots=7, due=5)
        self._ours(REPLAYED, members=0, lots=0)
        for name, (members, history) in ((YOUNG, size.young), (OLD, size.old)):
            tell(f"filling our books for the read: {members * (2 * history + READ_LOTS):,} entries")
            self._ours(name, members=members, lots=READ_LOTS, history=history)
        load.use(OURS)

    def drop(self) -> None:
        connection.close()
        with self._admin() as cursor:
            for name in (OURS, SWEPT, REPLAYED, YOUNG, OLD, RAW, RAW_SWEPT):
                cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _connect(self, database: str) -> Any:
        link = psycopg2.connect(host=self.server["HOST"], port=self.server["PORT"], user=self.server["USER"], password=self.server["PASSWORD"], dbname=database)
        link.autocommit = True
        return link

    def _admin(self) -> Any:
        return self._connect("postgres").cursor()

    def _ours(self, name: str, *, members: int, lots: int, due: int = 0, history: int = 0) -> None:
        connection.close()
        with self._admin() as cursor:
            cursor.execute(f'CREATE DATABASE {name} TEMPLATE "{self.server["NAME"]}"')
        load.use(name)
        now = _now()
        with transaction.atomic(), connection.cursor() as cursor:
            made = Member.objects.bulk_create((Member(external_id=f"bench-{n}", created_at=now) for n in range(members)), batch_size=5000)
            cursor.execute((HERE / "books.sql").read_text(), {"lots": lots, "due": due, "history": history})
        self.members[name] = [member.id for member in made]
        if name == OURS:
            self.draft = programme.publish(now)
            programme.fill()
            _fill_shelf(now)
            self.hot = Member.objects.create(external_id="bench-hot", created_at=now).id
            _earn(self.hot, 10**12, "seed/hot")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM (ANALYZE)")
        load.use(self.server["NAME"])

    def _raw(self, name: str, *, members: int, lots: int, due: int = 0) -> None:
        with self._admin() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        with self._connect(name).cursor() as cursor:
            cursor.execute((CEILING / "schema.sql").read_text())
            cursor.execute((CEILING / "seed.sql").read_text(), {"members": members, "lots": lots, "due": due})
            cursor.execute("VACUUM (ANALYZE)")

    # The cases

    def cases(self, port: int, key: str) -> list[Case]:
        earn = Case("earn", self._verb(lambda member, key: _earn(member, 100, key)), self._script("earn"), 0.30)
        award = Case("decide and grant a purchase", self._verb(_award, of=self._awarded), earn.ours, 1 / 3, "our earn, 8 clients")
        decision = Case("a decision, processor time", self._decide, None, 0.001, "", at_most=True, of="p50")
        simulation = Case("simulation, facts", self._simulate, None, 1000, "")
        replay = Case("replay by one worker, purchases", self._replay, earn.ours, 0.25, "our earn, 8 clients")
        spends = [
            Case(f"spend from {lots} lot{'s' * (lots > 1)}", self._verb(partial(_spend, points), share=share), self._script(f"spend_{lots}", share=share), aim)
            # Shorter where a call uses up many lots: a fast machine would find none left.
            for lots, points, aim, share in ((1, 10, 0.30, 1.0), (3, 250, 0.35, 0.5), (10, 950, None, 0.5))
        ]
        redeem = Case("redeem goods for points", self._verb(_redeem, of=self._redeemed), spends[0].ours, 1 / 2.5, "our spend from 1 lot")
        hold = Case("hold, then capture", self._verb(_hold_and_capture, entries=2), self._script("hold_capture", entries=2))
        hot = Case(
            "spend, 64 clients on one member",
            self._verb(lambda _member, key: _spend(10, self.hot, key), clients=64),
            self._script("spend_one_member", clients=64),
        )
        http = Case("HTTP spend, requests", self._spends(port, key), self._noops(port), 0.20, "a no-op view")
        shelf = Case("the shelf over HTTP", self._shelves(port, key), self._noops(port), 5.0, "a no-op view, p99", at_most=True, of="p99")
        sweep = Case("sweep, lots", self._sweep, self._raw_sweep, 0.60)
        reads = [
            Case(f"read at {members * (2 * history + READ_LOTS):,} entries", self._read(name), self._raw_read(name), None, "one raw statement")
            for name, (members, history) in ((YOUNG, self.size.young), (OLD, self.size.old))
        ]
        return [earn, *spends, redeem, hold, hot, award, decision, simulation, http, shelf, sweep, replay, *reads]

    def _verb(self, act: Callable[[UUID, str], Any], *, clients: int = 8, entries: int = 1, share: float = 1.0, of: Callable[[], int] | None = None) -> Side:
        """`of` counts what an act writes, where it is not so many entries."""
        written = of or self._entries

        def measure(round_: int) -> Measured:
            members, first, before = self.members[OURS], self.walked[OURS], written()

            def one(n: int, key: str) -> None:
                act(members[(first + n) * STRIDE % len(members)], key)

            done = load.processes(one, database=OURS, clients=clients, seconds=self.size.seconds * share, name=f"{uuid4()}")
            self.walked[OURS] += done.calls
            return _measured(done, written=written() - before, entries=entries)

        return measure

    def _script(self, name: str, *, clients: int = 8, entries: int = 1, share: float = 1.0) -> Side:
        def measure(round_: int) -> Measured:
            with self._connect(RAW).cursor() as cursor:
                before = _one(cursor, "SELECT sum(entries) FROM account")
                first = self.walked[RAW] // clients
                script = CEILING / f"{name}.sql"
                done = load.pgbench(script, database=RAW, clients=clients, seconds=self.size.seconds * share, first=first, members=self.size.members)
                self.walked[RAW] += done.calls
                written = _one(cursor, "SELECT sum(entries) FROM account") - before
            return _measured(done, written=written, entries=entries)

        return measure

    def _entries(self) -> int:
        with self._connect(OURS).cursor() as cursor:
            return _one(cursor, "SELECT sum(last_seq) FROM points_account")

    def _redeemed(self) -> int:
        """How many redemptions there are, each with its spend and with what it took from stock."""
        with self._connect(OURS).cursor() as cursor:
            return _one(cursor, _REDEEMED)

    def _awarded(self) -> int:
        """How many purchases were decided and granted: a decision, one grant of all of its points, one entry of as many. Each was counted once."""
        with self._connect(OURS).cursor() as cursor:
            cursor.execute(_AWARDED, [f"{programme.BASE}/month"])
            granted, counted = cursor.fetchone()
        if granted != counted:
            raise RuntimeError(f"{granted} purchases were granted, and {counted} counted")
        return granted

    def _decide(self, round_: int) -> Measured:
        """Decisions with all that they look at at hand, of purchases of so many members; the processor time of each."""

        def decide() -> list[float]:
            now, took = _now(), []
            members = self.members[OURS][:DECIDED]
            bought = [engine.purchase_fact(programme.basket(n, f"bench/{n}", now)) for n, _member in enumerate(members)]
            seen = [engine.situation(member_id=member, fact=fact, occurred_at=now, now=now) for member, fact in zip(members, bought, strict=True)]
            until = perf_counter() + self.size.seconds / 2
            while perf_counter() < until:
                for situation in seen:
                    began = time.thread_time()
                    decision = situation.decide()
                    took.append(time.thread_time() - began)
                    assert decision.points and len(decision.considered) == programme.FOR_PURCHASES
            return took

        took, _seconds = load.once(decide, database=OURS)
        return Measured(len(took) / sum(took), None, quantile(took, 0.50), quantile(took, 0.99))

    def _simulate(self, round_: int) -> Measured:
        """A simulation of another base rate, by one process; each fact is decided by the rules as they are and as they would be."""
        days = -(-self.size.simulated * programme.MONTH // self.size.members)
        last = _now().date() - timedelta(days=3)
        first = last - timedelta(days=days - 1)

        def simulate() -> int:
            now = _now()
            asked = simulations.ask(version_ids=[self.draft], first=first, last=last, actor="bench", key=uuid4(), now=now)
            while simulations.work(now=now):
                pass
            asked.refresh_from_db()
            if not asked.result or asked.result["points"][0] >= asked.result["points"][1]:
                raise RuntimeError(f"the simulation came to nothing: {asked.error}")
            return asked.result["facts"]

        since, until = simulated.span(first=first, last=last, now=_now())
        told, before = facts.count_told(since=since, until=until), self._entries()
        decided, seconds = load.once(simulate, database=OURS)
        if self._entries() != before:
            raise RuntimeError("a simulation wrote to the books")
        return Measured(decided / seconds, decided / told)

    def _spends(self, port: int, key: str) -> Side:
        """What a storefront calls: POST /api/v1/members/{member}/spends, with its key and an Idempotency-Key."""

        def measure(round_: int) -> Measured:
            first, before = self.walked[OURS], self._entries()
            requests = (
                _post(f"/api/v1/members/bench-{(first + n) * STRIDE % self.size.members}/spends", key, {"points": 10, "subject": "bench"}) for n in count()
            )
            done = load.http(requests, port=port, connections=8, seconds=self.size.seconds * 1.5, status=201)
            self.walked[OURS] += done.calls
            return _measured(done, written=self._entries() - before)

        return measure

    def _shelves(self, port: int, key: str) -> Side:
        """What a member's phone asks for: the first page of the shelf, 100 rewards with the prices that they have for this member."""

        def measure(round_: int) -> Measured:
            first = self.walked[OURS]
            requests = (_get(f"/api/v1/rewards?member=bench-{(first + n) * STRIDE % self.size.members}&limit=100", key) for n in count())
            return _measured(load.http(requests, port=port, connections=8, seconds=self.size.seconds * 1.5, status=200))

        return measure

    def _noops(self, port: int) -> Side:
        """The same requests, but for the address."""

        def measure(round_: int) -> Measured:
            requests = (_post("/noop", "", {"points": 10, "subject": "bench"}) for _ in count())
            return _measured(load.http(requests, port=port, connections=8, seconds=self.size.seconds * 1.5, status=201))

        return measure

    def _sweep(self, round_: int) -> Measured:
        now = _now()

        def sweep() -> int:
            return sum(services.expire_due(members=BATCH, actor="bench", now=now).lots for _ in range(self.size.batches))

        lots, seconds = load.once(sweep, database=SWEPT)
        return Measured(lots / seconds, lots / (5 * BATCH * self.size.batches))

    def _raw_sweep(self, round_: int) -> Measured:
        with self._connect(RAW_SWEPT).cursor() as cursor:
            began = perf_counter()
            lots = sum(_one(cursor, "SELECT sweep(%s)", [BATCH]) for _ in range(self.size.batches))
            seconds = perf_counter() - began
        return Measured(lots / seconds, lots / (5 * BATCH * self.size.batches))

    def _replay(self, round_: int) -> Measured:
        """`manage.py replay` on the next slice of the purchases that are shipped for the demo."""
        with gzip.open(SAMPLE, "rt", encoding="utf-8", newline="") as sample:
            header, *rows = sample.readlines()
        slice_ = rows[round_ * self.size.replayed :][: self.size.replayed]

        def replay() -> int:
            before = Purchase.objects.count()
            call_command("replay", file.name, stdout=io.StringIO())
            return Purchase.objects.count() - before

        with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8") as file:
            file.writelines([header, *slice_])
            file.flush()
            purchases, seconds = load.once(replay, database=REPLAYED)
        return Measured(purchases / seconds, purchases / len(slice_))

    def _read(self, database: str) -> Side:
        """A member's balance, what expires next, and the last 20 entries, by the selectors that the API asks."""

        def read(member_id: UUID) -> None:
            now = _now()
            assert selectors.balance(member_id=member_id, now=now).available
            assert selectors.expiring(member_id=member_id, now=now)
            assert len(Entry.objects.filter(member_id=member_id).order_by("-seq")[:20]) == 20

        return self._reader(database, read)

    def _raw_read(self, database: str) -> Side:
        def read(member_id: UUID) -> None:
            with connection.cursor() as cursor:
                cursor.execute(_RAW_READ, {"member": member_id, "now": _now()})
                assert len(cursor.fetchone()[-1]) == 20

        return self._reader(database, read)

    def _reader(self, database: str, read: Callable[[UUID], None]) -> Side:
        def measure(round_: int) -> Measured:
            members, first = self.members[database], self.walked[database]
            done = load.processes(
                lambda n, _key: read(members[(first + n) * STRIDE % len(members)]), database=database, clients=2, seconds=self.size.seconds * 0.75, name=""
            )
            self.walked[database] += done.calls
            return _measured(done)

        return measure


_RAW_READ = """
SELECT a.available, a.held, a.pending, a.debt,
       (SELECT json_agg(e) FROM (SELECT expires_at, sum(remaining) FROM points_lot
         WHERE member_id = a.member_id AND is_open AND NOT is_pending AND expires_at > %(now)s GROUP BY expires_at ORDER BY expires_at LIMIT 12) e),
       (SELECT json_agg(e) FROM (SELECT * FROM points_entry WHERE member_id = a.member_id ORDER BY seq DESC LIMIT 20) e)
  FROM points_account a WHERE a.member_id = %(member)s"""

_REDEEMED = """
SELECT count(*) FROM mall_redemption r
  JOIN points_entry e ON e.id = r.spend_id AND e.points = r.unit_points
  JOIN mall_stockchange c ON c.subject = 'redemption/' || r.id AND c.change = -r.quantity"""

_AWARDED = """
SELECT (SELECT count(*) FROM points_decision d
          JOIN points_grant g ON g.member_id = d.member_id AND g.decision_id = d.id AND g.points = d.points
          JOIN points_entry e ON e.id = g.entry_id AND e.points = g.points AND e.kind = 'earn'),
       (SELECT coalesce(sum(times), 0) FROM points_memberuse WHERE counter = %s)"""


def _now() -> datetime:
    return timezone.now()  # noqa: TID251 (whoever calls a verb here is an edge, and reads the clock once for it)


def _measured(done: Load, *, written: int | None = None, entries: int = 1) -> Measured:
    writes = None if written is None else float(written) / done.calls / entries
    return Measured(done.per_second, writes, quantile(done.took, 0.50), quantile(done.took, 0.99))


def _one(cursor: Any, sql: str, params: Any = None) -> Any:
    cursor.execute(sql, params)
    return cursor.fetchone()[0]


def _earn(member_id: UUID, points: int, key: str) -> None:
    services.earn(member_id=member_id, points=points, source=Source.PURCHASE, subject="bench", actor="bench", key=key, now=_now())


def _award(member_id: UUID, key: str) -> None:
    """As when an order is paid, where the lock is taken before the purchase is recorded."""
    now = _now()
    with transaction.atomic():
        services.lock(member_id=member_id)
        earning.award_purchase(member_id=member_id, facts_of=programme.basket(crc32(key.encode()), key, now), actor="bench", now=now)


def _spend(points: int, member_id: UUID, key: str) -> None:
    services.spend(member_id=member_id, points=points, subject="bench", actor="bench", key=key, now=_now())


def _fill_shelf(now: datetime) -> None:
    for number in range(REWARDS):
        row = Reward(code=f"bench-{number}", kind="goods", name_zh="样品", name_en="Sample", points=10)
        shelf.keep(reward=row, actor="bench", now=now)
        shelf.restock(reward_id=row.id, change=10**9, reason="bench", actor="bench", now=now)


def _redeem(member_id: UUID, key: str) -> None:
    """As when a member redeems: priced for them, within limits, spent, taken from stock, told."""
    reward = f"bench-{crc32(key.encode()) % REWARDS}"
    redemptions.redeem(member_id=member_id, reward=reward, recipient=HOME, actor="bench", key=key, now=_now())


def _hold_and_capture(member_id: UUID, key: str) -> None:
    """As at checkout, where time passes between the two: two transactions."""
    now = _now()
    common = {"member_id": member_id, "subject": "bench", "actor": "bench", "now": now}
    held = services.hold(points=10, expires_at=now + timedelta(hours=1), key=f"{key}/hold", **common)
    services.capture(hold_id=held.id, key=f"{key}/capture", **common)


def _get(path: str, key: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Api-Key {key}\r\n\r\n".encode()


def _post(path: str, key: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    headers = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": len(content), "Idempotency-Key": uuid4()}
    if key:
        headers["Authorization"] = f"Api-Key {key}"
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + content


def storefront_key() -> str:
    """A key for the web server, in our books."""
    return keys.issue(name="bench", scopes=["points:spend", "points:read"], actor="bench", now=_now())[1]


@contextmanager
def web_server(port: int, folder: Path) -> Iterator[None]:
    """gunicorn as `make run` starts it, on our books, with one address more and no rate limit."""
    server = connection.settings_dict
    url = f"postgres://{quote(server['USER'], safe='')}:{quote(server['PASSWORD'], safe='')}@{server['HOST']}:{server['PORT']}/{OURS}"
    env = {**os.environ, "DATABASE_URL": url, "RATE_LIMIT_STOREFRONT": str(10**9), "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    argv = [
        *(sys.executable, "-m", "gunicorn", "tools.benchmark.server", "--bind", f"127.0.0.1:{port}", "--no-control-socket"),
        *("--workers", "2", "--threads", "4", "--graceful-timeout", "8"),
    ]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(argv, env=env, cwd=ROOT, stdout=log, stderr=log)
        try:
            deadline = perf_counter() + 60
            while not _serves(port):
                if process.poll() is not None or perf_counter() > deadline:
                    raise RuntimeError("the web server did not start")
                time.sleep(0.1)
            yield
        except RuntimeError as failure:
            failure.add_note(f"The web server's log ends with:\n{(folder / 'web.log').read_text()[-4000:]}")
            raise
        finally:
            process.terminate()
            process.wait()


def _serves(port: int) -> bool:
    asked = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        asked.request("POST", "/noop")
        return asked.getresponse().status == 201
    except OSError:
        return False
    finally:
        asked.close()
