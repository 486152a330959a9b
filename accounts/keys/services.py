import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError

from . import rules, selectors
from .models import StorefrontKey

USE_NOTED_EVERY = timedelta(hours=1)


class KeyRevoked(BusinessError):
    code, status, title = "storefront_key_revoked", 409, _("This key is revoked; make a new one.")


def _secret() -> str:
    return secrets.token_urlsafe(32)


@transaction.atomic
def issue(*, name: str, scopes: Sequence[str], expires_at: datetime | None = None, actor: str, now: datetime) -> tuple[StorefrontKey, str]:
    """A new key and, this once, its text for the storefront's configuration."""
    secret = _secret()
    key = StorefrontKey(prefix=secrets.token_hex(6), digest=rules.digest(secret), created_at=now)
    key.name, key.scopes, key.expires_at = name, sorted(set(scopes)), expires_at
    key.full_clean()
    key.save(force_insert=True)
    _record(key, "issue", actor, now=now)
    return key, rules.write(key.prefix, secret)


@transaction.atomic
def change(*, key_id: UUID, name: str, scopes: Sequence[str], expires_at: datetime | None, actor: str, now: datetime) -> StorefrontKey:
    """Other scopes, another end, another name. The secret stays."""
    key = _locked(key_id)
    key.name, key.scopes, key.expires_at = name, sorted(set(scopes)), expires_at
    key.full_clean()
    key.save(update_fields=["name", "scopes", "expires_at"])
    _record(key, "change", actor, now=now)
    return key


@transaction.atomic
def rotate(*, key_id: UUID, grace: timedelta, actor: str, reason: str = "", now: datetime) -> tuple[StorefrontKey, str]:
    """A new secret for the same key. The old one works for `grace` more; one rotated out earlier stops at once."""
    key = _locked(key_id)
    secret = _secret()
    key.previous_digest, key.previous_until = key.digest, now + grace
    key.digest = rules.digest(secret)
    key.save(update_fields=["digest", "previous_digest", "previous_until"])
    _record(key, "rotate", actor, reason, now=now)
    return key, rules.write(key.prefix, secret)


@transaction.atomic
def revoke(*, key_id: UUID, actor: str, reason: str = "", now: datetime) -> StorefrontKey:
    """The key stops working, for good: here at once, in other processes within CONFIGURATION_SECONDS."""
    key = _locked(key_id)
    key.revoked_at = now
    key.save(update_fields=["revoked_at"])
    _record(key, "revoke", actor, reason, now=now)
    return key


def note_use(*, key: StorefrontKey, now: datetime) -> None:
    """Remember that the key was used; writes at most once an hour, whoever comes first."""
    earlier = now - USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at <= earlier:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lte=earlier)
        StorefrontKey.objects.filter(unnoted, id=key.id).update(last_used_at=now)
        key.last_used_at = now


def _locked(key_id: UUID) -> StorefrontKey:
    key = StorefrontKey.objects.select_for_update().filter(id=key_id).first()
    if key is None:
        raise selectors.KeyUnknown
    if key.revoked_at:
        raise KeyRevoked
    return key


def _record(key: StorefrontKey, verb: str, actor: str, reason: str = "", *, now: datetime) -> None:
    figures = {"scopes": key.scopes, "expires_at": key.expires_at and key.expires_at.isoformat()}
    audit.record(actor=actor, verb=f"keys.{verb}", subject=str(key), reason=reason, figures=figures, now=now)
    transaction.on_commit(lambda: selectors.forget(key.prefix))
