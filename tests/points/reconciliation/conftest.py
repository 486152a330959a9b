from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import count

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from points.ledger import services as ledger
from points.ledger.models import Source
from points.terms.rules import ExpiryPolicy

NEVER = ExpiryPolicy("never")


class Books:
    """One member's sample books, made by the verbs, and ways to spoil them behind the database's back."""

    def __init__(self, member) -> None:
        self.member, self.id = member, member.id
        self.now = datetime(2025, 3, 10, 4, 0, tzinfo=UTC)
        self.keys = count(1)

    def do(self, verb, **content):
        return verb(**{"member_id": self.id, "actor": "tests", "key": f"key {next(self.keys)}", "now": self.now, **content})

    def earn(self, points=100, policy=NEVER, **more):
        return self.do(ledger.earn, points=points, policy=policy, source=Source.PURCHASE, **more)

    def days(self, number):
        return ExpiryPolicy("days", number)

    def pass_days(self, number):
        self.now += timedelta(days=number)

    def sql(self, statement: str, *values) -> None:
        """Run it with no trigger, no foreign key and no check constraint in the way."""
        with connection.cursor() as cursor:
            cursor.execute(statement, values)


@pytest.fixture
def lawless(db) -> None:
    """Takes every guard of the database away, for this test."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "SELECT conrelid::regclass, conname FROM pg_constraint WHERE contype IN ('c', 'u')"
            " AND conrelid::regclass::text IN ('points_account', 'points_entry', 'points_lot', 'points_allocation', 'points_hold')"
        )
        for table, name in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = DEFAULT")


@pytest.fixture
def books(member, lawless) -> Books:
    return Books(member)


class Verdict(list):
    """The lines that the command printed."""

    code = 0


@pytest.fixture
def audit() -> Callable[..., Verdict]:
    def run(**options) -> Verdict:
        out = StringIO()
        lines = Verdict()
        try:
            call_command("audit_ledger", stdout=out, stderr=StringIO(), **options)
        except CommandError as error:
            lines.code = error.returncode
        lines.extend(out.getvalue().splitlines())
        return lines

    return run
