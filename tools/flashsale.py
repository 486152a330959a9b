"""A flash sale with a rush: so many buyers through HTTP at once, and what was sold, to whom, and how long it took.

    python tools/flashsale.py --buyers 5000 --units 100

Starts a web server as `make run` does, on 127.0.0.1, in a database of its own that must be empty (DATABASE_URL). Every buyer takes a ticket,
asks for its place until it is their turn or all is sold, and redeems; whoever bought then tries to buy a second one. docs/BENCHMARKS.md says
what it is compared with.
"""

import argparse
import heapq
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
POINTS = 100
# How soon whoever waits asks again.
PAUSE = 2.0
HOME = {"name": "Sample Member", "address": "1 Sample Street"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--buyers", type=int, default=5_000, metavar="N")
    parser.add_argument("--units", type=int, default=100, metavar="N")
    parser.add_argument("--connections", type=int, default=32, metavar="N", help="open at the same time; each carries one buyer's request after another's")
    options = parser.parse_args()

    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    import django

    django.setup()
    from accounts.members.models import Member

    if Member.objects.exists():
        parser.error("there are members in this database: give it one of its own by DATABASE_URL")
    sale, key = build(options.buyers, options.units)
    with web_server() as port:
        rush = Rush(port, key, sale, options.buyers)
        rush.go(options.connections)
    return report(rush, options.buyers, options.units, sale)


def build(buyers: int, units: int) -> tuple[int, str]:
    """Members with points for more than one, a mug with twice the units in stock, a sale that is on; the sale and a storefront's key."""
    from django.db import connection, transaction

    from accounts.keys import services as keys
    from accounts.members.models import Member
    from mall.flashsale import services
    from mall.flashsale.models import FlashSale
    from mall.rewards import services as shelf
    from mall.rewards.models import Reward

    now = datetime.now(UTC)  # noqa: TID251 (an edge)
    about = {"actor": "bench", "now": now}
    with transaction.atomic(), connection.cursor() as cursor:
        Member.objects.bulk_create((Member(external_id=f"bench-{n}", created_at=now) for n in range(buyers)), batch_size=5_000)
        cursor.execute((ROOT / "tools" / "benchmark" / "books.sql").read_text(), {"lots": 3, "due": 0, "history": 0})
    mug = shelf.keep(reward=Reward(code="mug", kind="goods", name_zh="杯子", name_en="Mug", points=2 * POINTS), **about)
    shelf.restock(reward_id=mug.id, change=2 * units, reason="bench", **about)
    sale = FlashSale(
        reward=mug, name_zh="秒杀", name_en="Flash sale", points=POINTS, quantity=units, per_member=1, starts_at=now - timedelta(minutes=1),
        ends_at=now + timedelta(hours=1),
    )  # fmt: skip
    services.keep_sale(sale=sale, **about)
    services.set_aside(sale_id=sale.id, **about)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    return sale.id, keys.issue(name="bench", scopes=["points:read", "points:spend"], **about)[1]


@contextmanager
def web_server() -> Iterator[int]:
    """gunicorn as `make run` starts it, without a rate limit; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "web.log").open("wb") as log:
        env = {**os.environ, "RATE_LIMIT_STOREFRONT": str(10**9), "PROMETHEUS_MULTIPROC_DIR": folder}
        argv = [
            *(sys.executable, "-m", "gunicorn", "loyalty.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket"),
            *("--workers", "2", "--threads", "4", "--graceful-timeout", "8"),
        ]
        process = subprocess.Popen(argv, env=env, cwd=ROOT, stdout=log, stderr=log)
        try:
            deadline = perf_counter() + 60
            while not _serves(port):
                if process.poll() is not None or perf_counter() > deadline:
                    raise RuntimeError(f"the web server did not start: {(Path(folder) / 'web.log').read_text()[-4000:]}")
                time.sleep(0.1)
            yield port
        finally:
            process.terminate()
            process.wait()


def _serves(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as caller:
            caller.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return caller.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


class Due(NamedTuple):
    """When which buyer asks for what; the order of a heap."""

    at: float
    buyer: int
    step: str


class Call:
    """A connection that stays open, with the request that is on its way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due, self.sent, self.got = Due(0, 0, ""), 0.0, b""

    def send(self, due: Due, request: bytes) -> None:
        self.due, self.sent, self.got = due, perf_counter(), b""
        self.socket.sendall(request)

    def answer(self) -> tuple[int, Any] | None:
        """Status and body once the whole answer has come."""
        more = self.socket.recv(65536)
        self.got += more
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not more:
            raise RuntimeError(f"the server hung up: {self.got[:500]!r}")
        if not end:
            return None
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        return (int(head[9:12]), json.loads(body) if body else None) if len(body) >= length else None


class Rush:
    """All buyers at once, in one light process: it shall not be what is measured."""

    def __init__(self, port: int, key: str, sale: int, buyers: int) -> None:
        self.port, self.key, self.sale = port, key, sale
        self.due = [Due(0.0, n, "ticket") for n in range(buyers)]
        self.took: dict[str, list[float]] = {"ticket": [], "redeem": [], "again": []}
        self.outcomes: Counter[str] = Counter()
        self.seconds = 0.0

    def go(self, connections: int) -> None:
        poll = selectors.DefaultSelector()
        idle = [Call(self.port) for _ in range(connections)]
        busy = 0
        began = perf_counter()
        while self.due or busy:
            while idle and self.due and self.due[0].at <= perf_counter() - began:
                call = idle.pop()
                due = heapq.heappop(self.due)
                poll.register(call.socket, selectors.EVENT_READ, call)
                call.send(due, self._request(due))
                busy += 1
            if not busy:
                time.sleep(0.01)
                continue
            for one, _events in poll.select(timeout=0.05):
                call = one.data
                if (answer := call.answer()) is not None:
                    poll.unregister(call.socket)
                    idle.append(call)
                    busy -= 1
                    self.took[call.due.step].append(perf_counter() - call.sent)
                    self._next(call.due, *answer, now=perf_counter() - began)
        self.seconds = perf_counter() - began
        for call in idle:
            call.socket.close()

    def _next(self, due: Due, status: int, body: Any, *, now: float) -> None:
        if due.step == "ticket" and status == 200:
            if body["state"] == "your_turn":
                heapq.heappush(self.due, Due(now, due.buyer, "redeem"))
            elif body["left"]:
                heapq.heappush(self.due, Due(now + PAUSE, due.buyer, "ticket"))
            else:
                self.outcomes["sold out"] += 1
        elif due.step == "redeem" and status == 201:
            self.outcomes["bought"] += 1
            heapq.heappush(self.due, Due(now, due.buyer, "again"))
        elif due.step == "again" and (status, body.get("code")) == (409, "member_limit"):
            self.outcomes["a second one refused"] += 1
        else:
            self.outcomes[f"{due.step}: {status} {body.get('code') if body else ''}"] += 1

    def _request(self, due: Due) -> bytes:
        what, body = ("redemptions", {"recipient": HOME, "points": POINTS}) if due.step == "redeem" else ("ticket", {})
        text = json.dumps(body).encode()
        head = [
            f"POST /api/v1/members/bench-{due.buyer}/flash-sales/{self.sale}/{what} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Api-Key {self.key}",
            f"Idempotency-Key: {what}-{due.buyer}", "Content-Type: application/json", f"Content-Length: {len(text)}",
        ]  # fmt: skip
        return "\r\n".join([*head, "", ""]).encode() + text


def report(rush: Rush, buyers: int, units: int, sale_id: int) -> int:
    """Says what happened, and whether all of it is as it must be; the exit status."""
    from django.db.models import Count

    from mall.flashsale.models import FlashStock, FlashTicket
    from mall.reconciliation import selectors as the_mall
    from mall.redemptions.models import Redemption
    from mall.rewards.models import Stock
    from points.reconciliation import selectors as reconciliation

    sold = Redemption.objects.filter(sale_id=sale_id)
    stock, shelf = FlashStock.objects.get(sale_id=sale_id), Stock.objects.get()
    greedy = sold.values("member_id").annotate(n=Count("id")).filter(n__gt=1).count()
    winners = sorted(FlashTicket.objects.filter(sale_id=sale_id, status="used").values_list("number", flat=True))
    unserved = FlashTicket.objects.filter(sale_id=sale_id, status="waiting", number__lt=winners[-1] if winners else 0).count()
    breaches = [str(one) for part in reconciliation.audit() for one in part.breaches]
    breaches += [str(one) for one in the_mall.audit(now=datetime.now(UTC)).breaches]  # noqa: TID251 (an edge)
    requests = sum(len(one) for one in rush.took.values())
    print(f"{buyers:,} buyers for {units:,} units: {rush.seconds:.1f} s, {requests:,} requests, {requests / rush.seconds:,.0f} a second")
    for step, took in rush.took.items():
        times = sorted(took) or [0.0]
        print(f"  {step}: {len(took):,}, p50 {1000 * times[len(times) // 2]:.0f} ms, p99 {1000 * times[int(len(times) * 0.99)]:.0f} ms")
    print(f"  {dict(rush.outcomes)}")
    print(f"  sold {sold.count()}, left {stock.left}, on the shelf {shelf.on_hand}; members with more than one: {greedy}; passed over in line: {unserved}")
    right = (sold.count(), stock.left, stock.promised, shelf.on_hand, greedy, unserved) == (min(units, buyers), max(units - buyers, 0), 0, units, 0, 0)
    wanted = {"bought": min(units, buyers), "a second one refused": min(units, buyers), "sold out": max(buyers - units, 0)}
    right = right and rush.outcomes == {name: n for name, n in wanted.items() if n} and not breaches
    print("\n".join(breaches) or "  the books balance")
    print("as it must be" if right else "NOT as it must be")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
