from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.utils import OperationalError
from django.utils.translation import gettext_lazy as _
from psycopg2.errors import LockNotAvailable

from loyalty.lib.ids import first_id_at, new_id
from loyalty.lib.redaction import json_pattern
from loyalty.lib.refusals import BusinessError

from .models import AnsweredRequest

# One round trip. After the insert the row is there: ours, without a status, or one that was answered and committed before. The
# limit on waiting is for the insert alone; what the view waits for is its own affair.
_CLAIM = """
    SET LOCAL lock_timeout = '1s';
    INSERT INTO loyalty_answeredrequest (id, caller, key, digest, body, created_at)
    VALUES (%(id)s, %(caller)s, %(key)s, %(digest)s, '', %(now)s) ON CONFLICT (caller, key) DO NOTHING;
    SET LOCAL lock_timeout TO DEFAULT;
    SELECT id, digest, status, body FROM loyalty_answeredrequest WHERE caller = %(caller)s AND key = %(key)s
"""


class KeyReused(BusinessError):
    code, status, title = "key_reused", 422, _("This Idempotency-Key came before with another request. Use a new key for a new request.")


class InFlight(BusinessError):
    code, status, title = "in_flight", 409, _("A request with this Idempotency-Key is being answered right now. Try again in a moment.")
    retry_after = 1


class Claim(NamedTuple):
    """`answer` is (status, body) where the request was answered before, None where it is ours to answer now."""

    id: UUID
    answer: tuple[int, str] | None


def claim(*, caller: str, key: str, digest: str, now: datetime) -> Claim:
    """Take the key for the transaction that is open, or find the answer it had. Refuses with KeyReused or InFlight."""
    assert connection.in_atomic_block, "the key lives and dies with the effect's transaction"
    with connection.cursor() as cursor:
        try:
            cursor.execute(_CLAIM, {"id": new_id(), "caller": caller, "key": key, "digest": digest, "now": now})
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise InFlight from error
            raise
        row_id, earlier_digest, status, body = cursor.fetchone()
    if earlier_digest != digest:
        raise KeyReused
    return Claim(row_id, None if status is None else (status, body))


def keep(*, claim_id: UUID, status: int, body: str, member_id: UUID | None = None) -> None:
    """Keep the answer beside its key, and whom it is about where that is known."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE loyalty_answeredrequest SET status = %s, body = %s, member_id = %s WHERE id = %s", [status, body, member_id, claim_id])


_FORGET = """
DELETE FROM loyalty_answeredrequest WHERE member_id = ANY(%(members)s::uuid[]) OR caller = ANY(%(callers)s) OR body ~ %(named)s
    OR substring(body from '^{"id":"([^"]+)"') = ANY(%(ids)s)"""


def forget(*, member_ids: Collection[UUID], names: Collection[str], ids: Collection[str]) -> int:
    """Delete what was answered about these members: where the request was about them or theirs, where the answer names one of `names`, and
    where it is about the purchase or refund of one of `ids`. How many it was.
    """
    about = {"members": list(member_ids), "callers": [f"member:{one}" for one in member_ids], "named": json_pattern(names), "ids": list(ids)}
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, about)
        return cursor.rowcount


def prune(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` requests answered before that time; how many it was. The ids carry the time, so no other index is needed."""
    oldest = AnsweredRequest.objects.filter(id__lt=first_id_at(before)).order_by("id").values("id")[:limit]
    return AnsweredRequest.objects.filter(id__in=oldest.select_for_update(skip_locked=True)).delete()[0]
