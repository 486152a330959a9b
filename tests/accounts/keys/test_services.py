from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.keys import selectors, services
from accounts.keys.models import StorefrontKey
from accounts.keys.selectors import KeyUnknown
from accounts.keys.services import KeyRevoked
from loyalty.audit.models import AuditEntry
from loyalty.lib.ids import new_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def issued(now):
    return services.issue(name="shop", scopes=["members:read"], actor="op", now=now)


@pytest.fixture
def call(anonymous, settings):
    """The status of a request with that key, in a process that remembers nothing."""
    settings.CONFIGURATION_SECONDS = 0

    def status(text):
        return anonymous.get("/api/v1/members/nobody", headers={"Authorization": f"Api-Key {text}"}).status_code

    return status


def test_a_key_is_kept_so_that_nobody_who_reads_the_table_can_use_it(issued, call):
    key, text = issued
    secret = text.removeprefix(f"lk_{key.prefix}_")
    row = StorefrontKey.objects.filter(id=key.id).values().get()
    assert secret not in str(row)
    assert call(text) == 404
    for stored in (row["digest"], row["digest"][:43]):
        assert call(f"lk_{key.prefix}_{stored}") == 401


def test_two_keys_share_nothing(issued, now):
    other, text = services.issue(name="shop", scopes=[], actor="op", now=now)
    assert other.prefix != issued[0].prefix
    assert text.split("_", 2)[2] != issued[1].split("_", 2)[2]


def test_a_scope_that_does_not_exist_is_refused(now):
    with pytest.raises(ValidationError):
        services.issue(name="shop", scopes=["points:mint"], actor="op", now=now)


def test_a_key_works_until_it_expires(call, now):
    _key, text = services.issue(name="shop", scopes=["members:read"], expires_at=now + timedelta(hours=1), actor="op", now=now)
    assert call(text) == 404
    StorefrontKey.objects.update(expires_at=now - timedelta(seconds=1))
    assert call(text) == 401


def test_after_a_rotation_the_old_secret_works_for_its_grace(issued, call, now):
    key, old = issued
    _key, new = services.rotate(key_id=key.id, grace=timedelta(hours=1), actor="op", now=now)
    assert (call(old), call(new)) == (404, 404)
    StorefrontKey.objects.update(previous_until=now - timedelta(seconds=1))
    assert (call(old), call(new)) == (401, 404)


def test_a_rotation_without_grace_ends_the_old_secret_at_once(issued, call, now):
    key, old = issued
    _key, new = services.rotate(key_id=key.id, grace=timedelta(0), actor="op", now=now)
    assert (call(old), call(new)) == (401, 404)


def test_a_second_rotation_ends_the_first_secret(issued, call, now):
    key, first = issued
    _key, second = services.rotate(key_id=key.id, grace=timedelta(hours=1), actor="op", now=now)
    _key, third = services.rotate(key_id=key.id, grace=timedelta(hours=1), actor="op", now=now)
    assert [call(text) for text in (first, second, third)] == [401, 404, 404]


def test_a_revoked_key_is_dead_for_good(issued, call, now):
    key, text = issued
    services.revoke(key_id=key.id, actor="op", reason="leaked", now=now)
    assert call(text) == 401
    for verb in (services.revoke, services.rotate, services.change):
        more = {"rotate": {"grace": timedelta(0)}, "change": {"name": "x", "scopes": [], "expires_at": None}}.get(verb.__name__, {})
        with pytest.raises(KeyRevoked):
            verb(key_id=key.id, actor="op", now=now, **more)


def test_an_unknown_key_is_refused(now):
    with pytest.raises(KeyUnknown):
        services.revoke(key_id=new_id(), actor="op", now=now)


def test_other_scopes_count_from_the_next_request(issued, call, now):
    key, text = issued
    services.change(key_id=key.id, name="shop 2", scopes=[], expires_at=None, actor="op", now=now)
    assert call(text) == 403


@pytest.mark.django_db(transaction=True)
def test_a_process_that_revokes_forgets_at_once_and_others_within_the_set_time(issued, anonymous, settings, now):
    settings.CONFIGURATION_SECONDS = 60
    key, text = issued
    headers = {"Authorization": f"Api-Key {text}"}
    assert anonymous.get("/api/v1/members/nobody", headers=headers).status_code == 404
    StorefrontKey.objects.update(revoked_at=now)  # as another process would
    assert anonymous.get("/api/v1/members/nobody", headers=headers).status_code == 404
    settings.CONFIGURATION_SECONDS = 0
    assert anonymous.get("/api/v1/members/nobody", headers=headers).status_code == 401
    StorefrontKey.objects.update(revoked_at=None)
    settings.CONFIGURATION_SECONDS = 60
    assert anonymous.get("/api/v1/members/nobody", headers=headers).status_code == 401
    selectors.forget(key.prefix)
    assert anonymous.get("/api/v1/members/nobody", headers=headers).status_code == 404
    services.revoke(key_id=key.id, actor="op", now=now)
    assert anonymous.get("/api/v1/members/nobody", headers=headers).status_code == 401


def test_a_key_just_seen_costs_no_query(issued, anonymous, settings):
    settings.CONFIGURATION_SECONDS = 60
    headers = {"Authorization": f"Api-Key {issued[1]}"}
    anonymous.get("/api/v1/members/nobody", headers=headers)
    with CaptureQueriesContext(connection) as seen:
        anonymous.get("/api/v1/members/nobody", headers=headers)
    assert not [query for query in seen if "storefrontkey" in query["sql"]]


def test_use_is_noted_once_an_hour(issued, now):
    key, _text = issued
    for minutes, noted in ((0, 0), (59, 0), (60, 60), (61, 60)):
        services.note_use(key=StorefrontKey.objects.get(id=key.id), now=now + timedelta(minutes=minutes))
        assert StorefrontKey.objects.get(id=key.id).last_used_at == now + timedelta(minutes=noted)


def test_every_verb_leaves_an_audit_entry_without_the_secret(issued, now):
    key, text = issued
    services.change(key_id=key.id, name="shop", scopes=["points:read"], expires_at=None, actor="op", now=now)
    _key, second = services.rotate(key_id=key.id, grace=timedelta(0), actor="op", reason="yearly", now=now)
    services.revoke(key_id=key.id, actor="op", reason="closed", now=now)
    entries = AuditEntry.objects.order_by("id")
    assert [(entry.verb, entry.actor, entry.reason) for entry in entries] == [
        ("keys.issue", "op", ""), ("keys.change", "op", ""), ("keys.rotate", "op", "yearly"), ("keys.revoke", "op", "closed"),
    ]  # fmt: skip
    written = str(list(entries.values()))
    assert text[16:] not in written
    assert second[16:] not in written
