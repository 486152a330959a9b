"""Rows as the file has them, and a replay of them."""

import csv
import json
from collections import Counter
from types import SimpleNamespace

import pytest
from django.utils import translation

from mall.replay import rules, services


def bought(order_id, amount, at="2024-01-10T12:00:00+00:00", customer="ann", **more):
    row = dict(zip(rules.HEADER, (order_id, customer, at, "purchase", "", amount, "USD", "", "[]"), strict=True))
    return {**row, "lines": json.dumps([{"sku": "MUG", "category": "HOME", "quantity": 1, "amount": amount}]), **more}


def refunded(order_id, purchase, amount, at="2024-01-11T12:00:00+00:00", customer="ann", **more):
    return bought(order_id, amount, at, customer, **{"kind": "refund", "refers_to": purchase, "lines": "[]", **more})


@pytest.fixture
def rows():
    return SimpleNamespace(bought=bought, refunded=refunded)


@pytest.fixture
def replay(db, now):
    """Replay rows with wishes: how many became what, and which lines were refused and why. The header is line 1."""

    def run(*given, until=None, **wishes):
        by = services.conditions(now=now, **wishes)
        with translation.override("en"):
            steps = list(services.replay(rows=[(line, _read(row)) for line, row in enumerate(given, 2)], by=by, until=until))
        counts = sum((step.counts for step in steps), Counter())
        return SimpleNamespace(counts=counts, refused=dict(one for step in steps for one in step.refused), steps=steps)

    return run


def _read(row):
    try:
        return rules.read(row)
    except rules.BadRow as bad:
        return bad


@pytest.fixture
def written(tmp_path):
    """A CSV file of rows."""

    def write(*given, name="purchases.csv"):
        path = tmp_path / name
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rules.HEADER, lineterminator="\n")
            writer.writeheader()
            writer.writerows(given)
        return path

    return write
