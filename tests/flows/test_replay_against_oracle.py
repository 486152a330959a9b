"""A replay must come to what an independent reckoning comes to: in total, for every customer, and at any instant."""

import csv
import gzip
import io
import itertools
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.activity.models import Purchase, Refund, UnmatchedRefund
from loyalty.programme.models import Programme
from mall.replay.rules import HEADER
from points.ledger import selectors as books
from tests.oracle import replay_oracle

pytestmark = pytest.mark.django_db

SAMPLE = Path(__file__).parents[2] / "loyalty" / "demo" / "journey_sample.csv.gz"
START = datetime(2024, 1, 30, tzinfo=UTC)
ZONE = "America/New_York"


def made_up(seed, count):
    """A file of everything that can happen, sorted by time; several things happen at the same instant, in any order."""
    chance = random.Random(seed)
    rows, ordered = [], []

    def row(kind, order_id, customer, at, refers_to, cents, **more):
        lines = [{"sku": "A", "category": "X/Y", "quantity": chance.choice((0, 1, 2)), "amount": f"{Decimal(cents + chance.choice((0, 0, -70))) / 100:.2f}"}]
        values = (order_id, customer, at.isoformat(), kind, refers_to, f"{Decimal(cents) / 100:.2f}", "USD", json.dumps(lines), "[]")
        rows.append({**dict(zip(HEADER, values, strict=True)), **more})

    for n in range(count):
        at = START + timedelta(hours=6 * chance.randrange(count))
        customer = chance.choice(("ann", "bob", "cid", "dot", "", "eve"))
        cents = chance.choice((0, 99, 100, 199, 1000, 2599, chance.randrange(100_000)))
        row("purchase", f"o{n}", customer, at, "", cents, **chance.choice(({}, {}, {}, {}, {"currency": "EUR"}, {"amount": "-1"})))
        ordered.append((f"o{n}", customer, at, cents))
    for n in range(count):
        order_id, customer, at, cents = chance.choice(ordered)
        when = at + timedelta(hours=6 * chance.choice((-8, 0, 0, 1, 30, 200)))
        whose = chance.choice((customer,) * 9 + ("bob",))
        refers_to = chance.choice((order_id,) * 9 + ("", "elsewhere"))
        row("refund", f"r{n}", whose, when, refers_to, chance.choice((0, 50, cents // 2, cents // 3, cents, cents + 1)))
    rows += chance.sample(rows, count // 10)
    chance.shuffle(rows)
    return sorted(rows, key=lambda one: one["occurred_at"])


def replayed(path, *options):
    err = io.StringIO()
    call_command("replay", str(path), *options, stdout=io.StringIO(), stderr=err)
    return {int(line.removeprefix("line ").partition(":")[0]) for line in err.getvalue().splitlines() if line.startswith("line ")}


def balances(as_of):
    out = io.StringIO()
    call_command("balances", as_of=as_of, stdout=out)
    header, *rows = csv.reader(out.getvalue().splitlines())
    assert header == ["customer_id", "balance"]
    return {customer: int(balance) for customer, balance in rows}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("months", "rate"), [(1, "1"), (None, "1.5")], ids=["a month", "never"])
def test_everything_that_can_happen_comes_to_what_the_oracle_says(tmp_path, seed, months, rate):
    rows = made_up(seed, 120)
    path = tmp_path / "made_up.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        writer.writerows(rows)
    oracle = replay_oracle.Replay(points_per_unit=rate, expire_months=months, zone=ZONE).feed(rows)

    until = START + timedelta(days=50)
    options = ["--points-per-unit", rate, "--zone", ZONE, "--until", until.isoformat()]
    refused = replayed(path, *options, *(["--expire-months", str(months)] if months else []))

    said, counts = oracle.totals(until), oracle.counts()
    assert books.sums()._asdict() == said
    # What the oracle calls bad because it waited for a purchase that cannot bear it, stays for an operator here.
    for_an_operator = UnmatchedRefund.objects.filter(status="parked").exclude(purchase_ref="")
    assert refused <= {number for number, _reason in oracle.bad}
    assert len(refused) + for_an_operator.count() == counts["bad"]
    assert (Purchase.objects.count(), Refund.objects.count()) == (counts["purchases"], counts["refunds"])
    assert UnmatchedRefund.objects.filter(status="parked", purchase_ref="").count() == counts["parked"]
    assert UnmatchedRefund.objects.filter(status="waiting").count() == counts["waiting"]
    for day in range(-1, 90, 4):
        as_of = START + timedelta(days=day, hours=12)
        assert balances(as_of) == oracle.balances(as_of)
    call_command("audit_ledger", stdout=io.StringIO())


def test_the_beginning_of_the_sample_comes_to_what_the_oracle_says(tmp_path):
    with gzip.open(SAMPLE, "rt", newline="") as file:
        text = list(itertools.islice(file, 501))
    path = tmp_path / "sample.csv"
    path.write_text("".join(text), newline="")
    oracle = replay_oracle.Replay(expire_months=1, zone=ZONE).feed(csv.DictReader(text))

    assert replayed(path, "--expire-months", "1", "--zone", ZONE) == set()
    assert books.sums()._asdict() == oracle.totals()
    assert Programme.current().currency == "USD"
    assert replayed(path, "--expire-months", "1", "--zone", ZONE) == set()
    assert books.sums()._asdict() == oracle.totals()
    call_command("audit_ledger", stdout=io.StringIO())
