"""An operator makes, rotates and revokes keys; the secret is on one page, once."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from accounts.keys import services
from accounts.keys.models import StorefrontKey

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"lk_[0-9a-f]{12}_[0-9A-Za-z_-]{43}")


@pytest.fixture
def operator(client, settings):
    settings.LANGUAGE_CODE = "en"
    client.force_login(User.objects.create_superuser("op", password=None))
    return client


@pytest.fixture
def key(now):
    return services.issue(name="shop", scopes=["points:read"], actor="op", now=now)[0]


def page(name, *args):
    return reverse(f"admin:accounts_storefrontkey_{name}", args=args)


def test_a_new_key_is_shown_once(operator):
    response = operator.post(page("add"), {"name": "web shop", "scopes": ["points:read", "members:read"], "expires_at_0": "", "expires_at_1": ""})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    text = SECRET.search(response.content.decode())[0]
    key = StorefrontKey.objects.get()
    assert key.scopes == ["members:read", "points:read"]
    for address in (page("changelist"), page("change", key.id), page("history", key.id)):
        shown = operator.get(address).content.decode()
        assert text[16:] not in shown
        assert key.digest not in shown


def test_a_key_without_scopes_is_not_made_by_accident(operator):
    response = operator.post(page("add"), {"name": "web shop", "expires_at_0": "", "expires_at_1": ""})
    assert response.status_code == 200
    assert not StorefrontKey.objects.exists()


def test_scopes_can_change_and_nothing_else_of_the_key(operator, key):
    digest = key.digest
    operator.post(
        page("change", key.id), {"name": "shop", "scopes": ["members:read"], "expires_at_0": "", "expires_at_1": "", "digest": "0" * 64, "prefix": "x"}
    )
    key.refresh_from_db()
    assert (key.scopes, key.digest) == (["members:read"], digest)


def test_a_rotation_is_confirmed_with_a_reason_and_shows_the_new_secret(operator, key):
    address = page("rotate_secret", key.id)
    asked = operator.get(address)
    assert asked.status_code == 200
    assert not SECRET.search(asked.content.decode())
    assert operator.post(address, {"grace": "24"}).status_code == 200
    digest = key.digest
    key.refresh_from_db()
    assert key.digest == digest
    response = operator.post(address, {"grace": "24", "reason": "yearly"})
    assert SECRET.search(response.content.decode())
    key.refresh_from_db()
    assert key.digest != digest
    assert key.previous_digest == digest


def test_a_revocation_is_confirmed_with_a_reason_and_final(operator, key):
    address = page("revoke_key", key.id)
    assert "cannot be undone" in operator.get(address).content.decode()
    operator.post(address, {})
    key.refresh_from_db()
    assert key.revoked_at is None
    operator.post(address, {"reason": "leaked"})
    key.refresh_from_db()
    assert key.revoked_at
    again = operator.post(address, {"reason": "again"}, follow=True)
    assert "This key is revoked" in again.content.decode()
    assert operator.post(page("change", key.id), {"name": "x", "scopes": ["points:read"]}).status_code == 403


def test_a_key_cannot_be_deleted(operator, key):
    assert operator.post(page("delete", key.id), {"post": "yes"}).status_code == 403
    assert StorefrontKey.objects.exists()


def test_who_may_only_look_cannot_rotate_or_revoke(client, key):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_storefrontkey"))
    client.force_login(viewer)
    assert client.get(page("changelist")).status_code == 200
    for action in ("rotate_secret", "revoke_key"):
        assert client.post(page(action, key.id), {"reason": "x", "grace": "0"}).status_code == 403
    assert client.post(page("add"), {}).status_code == 403


def test_a_keys_page_says_when_it_was_last_used(operator, key):
    assert "Exact to the hour." in operator.get(page("change", key.id)).content.decode()
