"""A whole programme over a year of real baskets and their refunds must come to what an independent reckoning comes to, order by order.

The baskets are those of a fifth of the sample's households, or all of the file that JOURNEY_CSV names; docs/EXTENDING.md says how to run it.
"""

import csv
import gzip
import io
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.models import F

from loyalty.programme import services as programme_verbs
from points.budgets.models import Budget
from points.earning import services as earning
from points.earning.models import Decision
from points.rulebook import rules
from points.rulebook import services as publishing
from points.rulebook.models import Festival, SharedLimit
from tests.oracle import earning_oracle

# What is committed is read once by the process, as in life.
pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[2]
WHOLE_FILE = os.environ.get("JOURNEY_CSV")
FILE = Path(WHOLE_FILE or ROOT / "loyalty" / "demo" / "journey_sample.csv.gz")
PROGRAMME = json.loads((ROOT / "tests" / "oracle" / "journey_programme.json").read_text())
REGISTERED = datetime.combine(datetime.fromisoformat(PROGRAMME["members"]["registered_on"]), datetime.min.time(), UTC) + timedelta(hours=17)
BEFORE = REGISTERED - timedelta(days=10)


def refunds_of(row):
    """The data has no refunds. Two orders in fourteen are given back, one wholly, one in part; every third of those, later, the rest as well.

    By the order's number alone: which, how much, and how long after.
    """
    number, cents = int(row["order_id"]), earning_oracle.cents(row["amount"])
    amounts = {2: [cents], 9: [cents * (1 + number % 5) // 7]}.get(number % 14, [])
    if number % 42 == 9:
        amounts.append(cents - amounts[0])
    for n, amount in enumerate(amounts):
        at = datetime.fromisoformat(row["occurred_at"]) + timedelta(days=number % 11 + 9 * n, minutes=number % 1000)
        refund = {"order_id": f"{number}-{n}", "occurred_at": at.isoformat(), "kind": "refund", "refers_to": row["order_id"], "lines": "[]"}
        yield row | refund | {"amount": f"{amount // 100}.{amount % 100:02}"}


def with_refunds(path, to):
    """The file with refunds, by time; what happens at one instant in the order of the file, refunds last."""
    rows = [row for row in earning_oracle.read(path) if WHOLE_FILE or int(row["customer_id"]) % 250 == 0]
    rows += [refund for row in rows for refund in refunds_of(row)]
    rows.sort(key=lambda row: datetime.fromisoformat(row["occurred_at"]))
    with gzip.open(to, "wt", newline="", compresslevel=1) as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def publish(programme):
    for one in programme["rules"]:
        definition = rules.from_json(one["definition"])
        assert rules.as_json(definition) == rules.as_json(rules.from_json(rules.as_json(definition)))
        version = publishing.make(code=one["code"], fact="purchase", name_zh="", name_en=one["code"], definition=definition, actor="tests", now=BEFORE)
        publishing.publish(version_id=version.id, ever=True, actor="tests", now=BEFORE)
    SharedLimit.objects.bulk_create(SharedLimit(**one, name_zh="", name_en=one["code"]) for one in programme["shared_limits"])
    Budget.objects.bulk_create(Budget(**one, name=one["code"]) for one in programme["budgets"])
    publishing.changed_what_is_in_force()


@pytest.fixture
def journey(tmp_path):
    """The rows, of the file and their refunds, and where they were written; the programme is published and everybody registered."""
    path = tmp_path / "journey.csv.gz"
    rows = with_refunds(FILE, path)
    programme_verbs.change_zone(zone=PROGRAMME["zone"], now=BEFORE)
    for code, spans in PROGRAMME["festivals"].items():
        festival = Festival.objects.create(code=code, name_zh="", name_en=code)
        for first, last in spans:
            festival.days.create(first=first, last=last)
    publish(PROGRAMME)
    for customer in sorted({row["customer_id"] for row in rows}):
        birthday = earning_oracle.birthday_of(customer)
        earning.register(external_id=customer, birthday=birthday, occurred_at=REGISTERED, actor="tests", now=REGISTERED)
    return rows, path


def test_a_year_of_baskets_and_refunds_comes_to_what_the_oracle_says_for_every_order_and_household(journey, assert_books_balance):
    rows, path = journey
    refused = io.StringIO()
    call_command("replay", str(path), stdout=io.StringIO(), stderr=refused)
    oracle = earning_oracle.feed(earning_oracle.Oracle(PROGRAMME), rows)

    expected = {f"purchase/{order}": taken.decision.points for order, taken in oracle.taken.items()}
    decided = dict(Decision.objects.filter(fact="purchase").values_list("subject", F("points") - F("taken_back")))
    assert {order: (decided.get(order), points) for order, points in expected.items() if decided.get(order) != points} == {}

    out = io.StringIO()
    call_command("balances", as_of=datetime.fromisoformat(rows[-1]["occurred_at"]), stdout=out)
    balances = {row["customer_id"]: int(row["balance"]) for row in csv.DictReader(io.StringIO(out.getvalue()))}
    totals = oracle.totals()
    assert balances == totals
    assert_books_balance()

    gave = {code for taken in oracle.taken.values() for code in taken.decision.rules}
    # Every rule had its part in it; the two that lessen others give nothing themselves.
    assert {one["code"] for one in PROGRAMME["rules"]} - gave == {"frozen-half", "tobacco"}
    sys.stdout.write(
        f"\n{len(oracle.taken):,} orders, {len(rows) - len(oracle.taken):,} refunds, {len(totals):,} households, {sum(totals.values()):,} points: all equal\n"
    )
