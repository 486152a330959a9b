"""What every test may ask for. Fixtures are made by the verbs."""

import csv
import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import hypothesis
import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import TransactionTestCase
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.keys import selectors as keys_seen
from accounts.keys import services as keys
from accounts.keys.models import Scope
from accounts.members import services as members
from accounts.members.models import Member
from accounts.tokens import services as tokens
from loyalty.lib import configuration
from loyalty.lib.configuration import Configuration
from points.earning import selectors as earning
from points.reconciliation import selectors as reconciliation

# A busy machine is no failure.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


# What is imported and collected is never garbage; to look through it again and again took an eighth of the time.
gc.set_threshold(100_000, 20, 20)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture(autouse=True)
def fresh_process(settings):
    """Nothing remembered from the test before; everybody is the same anonymous address, so that one is not limited."""
    Configuration._held.clear()
    configuration._changing.models = set()
    keys_seen._held.clear()
    earning._ready.clear()
    # Replays raise it for their process.
    csv.field_size_limit(131_072)
    settings.RATE_LIMIT_ANONYMOUS = 10**6
    # Each test's client would look for every static file.
    settings.WHITENOISE_USE_FINDERS = False


# Migrations that bring rows. A test with transaction=True empties every table, and the next run with --reuse-db finds them so.
BRING_ROWS = (
    "accounts.migrations.0006_behaviours",
    "accounts.migrations.0007_segments",
    "accounts.migrations.0017_kinds_of_tiers",
    "accounts.migrations.0016_notifications",
    "mall.migrations.0008_redemption_queue",
    "mall.migrations.0013_rentals",
)


def _bring_rows() -> None:
    for migration in BRING_ROWS:
        import_module(migration).load(apps, None)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        _bring_rows()


# What Django itself writes when it migrates, and no test changes.
WRITTEN_BY_DJANGO = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session", autouse=True)
def only_what_was_filled_is_emptied() -> None:
    """After a test that commits. To empty all tables, and to write Django's own rows anew, takes half a second each time."""

    def empty(self: TransactionTestCase) -> None:
        with connection.cursor() as cursor:
            tables = set(connection.introspection.django_table_names(include_views=False)) - WRITTEN_BY_DJANGO
            cursor.execute(" UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in sorted(tables)))  # noqa: S608
            if filled := ", ".join(table for (table,) in cursor.fetchall()):
                cursor.execute(f"TRUNCATE {filled} CASCADE")

    TransactionTestCase._fixture_teardown = empty


@pytest.fixture(autouse=True)
def rows_of_migrations(request):
    marker = request.node.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        request.getfixturevalue("transactional_db")
        _bring_rows()


@pytest.fixture
def refuses(db) -> Callable[..., AbstractContextManager[Any]]:
    """`with refuses(Refusal) as refused:` like `pytest.raises`, with what was written inside rolled back, as a request would."""

    @contextmanager
    def inside(refusal: type[BaseException]) -> Iterator[Any]:
        with pytest.raises(refusal) as refused, transaction.atomic():
            yield refused

    return inside


@pytest.fixture
def assert_books_balance(db) -> Callable[[], None]:
    """Audit the books of everybody, as `manage.py audit_ledger` does."""

    def audit() -> None:
        parts = list(reconciliation.audit())
        assert sum(part.checked["entries"] for part in parts)
        assert [str(breach) for part in parts for breach in part.breaches] == []

    return audit


@pytest.fixture
def now() -> datetime:
    """The time at which the test runs; requests, which read the clock themselves, agree with it to the moment."""
    return timezone.now()


@pytest.fixture
def client_with(db, now) -> Callable[..., APIClient]:
    """A storefront's client whose key has the scopes named, and no others."""

    def make(*scopes: str) -> APIClient:
        _key, text = keys.issue(name="sample shop", scopes=scopes, expires_at=now + timedelta(days=1), actor="tests", now=now)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}", HTTP_ACCEPT_LANGUAGE="en")
        return client

    return make


@pytest.fixture
def storefront(client_with) -> APIClient:
    """A storefront whose key has every scope."""
    return client_with(*Scope.values)


@pytest.fixture
def key_without_scopes(client_with) -> APIClient:
    """A storefront whose key is valid and good for nothing."""
    return client_with()


@pytest.fixture
def member(db, now) -> Member:
    found, _registered = members.register(external_id="M-1", name="Sample Member", now=now)
    return found


@pytest.fixture
def other_member(db, now) -> Member:
    found, _registered = members.register(external_id="M-2", name="Other Sample", now=now)
    return found


def _client_of(member: Member, now: datetime) -> APIClient:
    token, _expires_at = tokens.issue(member=member, now=now)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}", HTTP_ACCEPT_LANGUAGE="en")
    return client


@pytest.fixture
def member_client(member, now) -> APIClient:
    """The app of `member`."""
    return _client_of(member, now)


@pytest.fixture
def other_member_client(other_member, now) -> APIClient:
    return _client_of(other_member, now)


@pytest.fixture
def anonymous() -> APIClient:
    client = APIClient()
    client.credentials(HTTP_ACCEPT_LANGUAGE="en")
    return client
