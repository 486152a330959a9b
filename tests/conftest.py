"""What every test may ask for. Fixtures are made by the verbs."""

import csv
import fcntl
import gc
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from itertools import compress
from typing import Any

import hypothesis
import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import TransactionTestCase
from django.utils import timezone, translation
from django.utils.module_loading import import_string
from rest_framework.test import APIClient

from accounts.keys import selectors as keys_seen
from accounts.keys import services as keys
from accounts.keys.models import Scope
from accounts.members import services as members
from accounts.members.models import Member
from accounts.tokens import services as tokens
from loyalty.console import services as console
from loyalty.lib import configuration
from loyalty.lib.configuration import Configuration
from points.earning import selectors as earning
from points.reconciliation import selectors as reconciliation

# A busy machine is no failure.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

# What is imported and collected is never garbage; to look through it again and again took an eighth of the time.
gc.set_threshold(100_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what takes longest, so that no worker is left with it at the end; and while one of them migrates, the others do what needs no database."""

    def rank(item: pytest.Item) -> int:
        marker = item.get_closest_marker("django_db")
        if (marker and marker.kwargs.get("transaction")) or "transactional_db" in item.fixturenames:
            return 0
        return 2 if marker or "db" in item.fixturenames else 1

    items.sort(key=rank)


def pytest_collection_finish() -> None:
    gc.freeze()


@pytest.fixture(scope="session")
def forget() -> Callable[[], None]:
    """What a process remembers is gone."""

    def act() -> None:
        Configuration._held.clear()
        configuration._changing.models = set()
        keys_seen._held.clear()
        earning._ready.clear()
        # A request leaves its language behind.
        translation.deactivate()
        # Replays raise it for their process.
        csv.field_size_limit(131_072)

    return act


@pytest.fixture(autouse=True)
def fresh_process(forget, settings):
    """Nothing remembered from the test before; everybody is the same anonymous address, so that one is not limited."""
    forget()
    settings.RATE_LIMIT_ANONYMOUS = 10**6
    # Each test's client would look for every static file.
    settings.WHITENOISE_USE_FINDERS = False


# What migrations do to bring rows.
BRING_ROWS = (
    "accounts.migrations.0006_behaviours.load",
    "accounts.migrations.0007_segments.load",
    "accounts.migrations.0017_kinds_of_tiers.load",
    "accounts.migrations.0015_channels.load",
    "accounts.migrations.0016_notifications.load",
    "mall.migrations.0008_redemption_queue.load",
    "mall.migrations.0013_rentals.load",
    "points.migrations.0008_rulebook.keep_formulas",
)
# What Django itself writes when it migrates, and no test changes.
WRITTEN_BY_DJANGO = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings, django_db_keepdb, django_db_blocker, request, tmp_path_factory):
    """Of several workers the first to need a database migrates; each then gets a copy."""
    if django_db_keepdb or not hasattr(request.config, "workerinput"):
        yield
        return
    made = tmp_path_factory.getbasetemp().parent / "template"  # of all workers
    name, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    template = f"test_{name}_template"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if first := not made.exists():
            own, test["NAME"] = test["NAME"], template
            with django_db_blocker.unblock():
                connection.creation.create_test_db(verbosity=0, autoclobber=True)
                connection.close()
            connection.settings_dict["NAME"], test["NAME"] = name, own
            made.touch()
        test["TEMPLATE"] = template
        fcntl.flock(lock, fcntl.LOCK_UN)
        yield
        if first:
            fcntl.flock(lock, fcntl.LOCK_EX)
            made.unlink()
            with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
                cursor.execute(f"DROP DATABASE {template}")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker, django_db_keepdb):
    """What migrations and `load_roles` bring is in the database, and nothing else: also with --reuse-db, and after each test that commits."""
    with django_db_blocker.unblock():
        migrated = _filled()
        _empty()
        for bring in map(import_string, BRING_ROWS):
            bring(apps, None)
        console.load_roles()
        brought = {table: io.StringIO() for table in _filled()}
        assert django_db_keepdb or brought.keys() >= set(migrated), "a migration that brings rows is missing in BRING_ROWS"
        with connection.cursor() as cursor:
            for table, rows in brought.items():
                cursor.copy_expert(f"COPY {table} TO STDOUT", rows)

    def put_back(self: TransactionTestCase) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            _empty()
            for table, rows in brought.items():
                rows.seek(0)
                cursor.copy_expert(f"COPY {table} FROM STDIN", rows)

    TransactionTestCase._fixture_teardown = put_back


def _filled() -> list[str]:
    tables = sorted(set(connection.introspection.django_table_names(include_views=False)) - WRITTEN_BY_DJANGO)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'EXISTS (SELECT FROM {table})' for table in tables)}")  # noqa: S608
        return list(compress(tables, cursor.fetchone()))


def _empty() -> None:
    """To truncate what hangs together takes a tenth of a second, to delete it nothing, once a superuser has said that no keys need be looked at."""
    filled = _filled()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('is_superuser') = 'on'")
        if cursor.fetchone()[0]:
            cursor.execute("; ".join(["SET LOCAL session_replication_role = replica", *(f"DELETE FROM {table}" for table in filled)]))  # noqa: S608
        elif filled:
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")


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


@pytest.fixture
def operator(client, db) -> Callable[..., User]:
    """Log in an operator with these permissions, in English."""

    def enter(*codenames: str) -> User:
        user = User.objects.create_user("sample", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        return user

    return enter
