import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.localtime import end_of_day
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.redemptions.services import HandOut
from mall.rewards.models import Reward
from mall.rewards.services import SoldOut, item_checked_by
from points.ledger import services as ledger

from . import events, selectors
from .models import FOR_EVER, Code, CodeImport, CodePool


class CodesOut(SoldOut):
    code, title = "codes_out", _("All codes are gone.")
    fewer = _("There are not so many codes left.")


class PoolInvalid(BusinessError):
    code, status, title = "code_pool_invalid", 422, _("The pool cannot be kept as it is.")


class NothingNew(BusinessError):
    code, status, title = "no_new_codes", 409, _("There is no new code in this file.")


class ImportWithdrawn(BusinessError):
    code, status, title = "import_withdrawn", 409, _("Nothing of this import is left that could be withdrawn.")


class NotWithTheMember(BusinessError):
    code, status, title = "code_not_handed", 409, _("Only a code that a member has, and that is still good, can be replaced.")


# Filling


@transaction.atomic(savepoint=False)
def keep(*, pool: CodePool, actor: str, now: datetime) -> CodePool:
    """Write a pool as it stands in hand. Refuses: PoolInvalid, with a sentence for each field."""
    try:
        pool.full_clean(validate_unique=pool._state.adding)
    except ValidationError as error:
        raise PoolInvalid(fields=error.message_dict) from error
    pool.save()
    audit.record(actor=actor, verb="code_pool.kept", subject=f"code_pool/{pool.code}", now=now)
    return pool


_ADD = """
INSERT INTO mall_code (pool_id, value, expires_at, batch_id, voided_for)
SELECT %(pool)s, one.value, one.expires_at, %(batch)s, '' FROM unnest(%(values)s::text[], %(ends)s::timestamptz[]) one (value, expires_at)"""


@transaction.atomic(savepoint=False)
def take_in(*, pool: str, content: bytes, file_name: str = "", actor: str, now: datetime) -> CodeImport:
    """Take in the codes of a file: a CSV whose first line names `code` and, where they have a last day, `expires_on`. Faulty lines are left out.

    One at a time for a pool. The same file again brings nothing new. Refuses: PoolUnknown, FileUnread, NothingNew.
    """
    if CodePool.objects.select_for_update(no_key=True).filter(code=pool).first() is None:
        raise selectors.PoolUnknown(pool=pool)
    report = selectors.check(pool=pool, content=content, now=now)
    if not report.rows:
        raise NothingNew
    figures: dict[str, Any] = {"added": len(report.rows), "there": report.there, "faulty": report.faulty, "digest": hashlib.sha256(content).hexdigest()}
    made = CodeImport.objects.create(pool_id=pool, file_name=file_name[:100], **figures, actor=actor, at=now)
    zone = programme.zone(now=now)
    ends = [end_of_day(row.last_day, zone) if row.last_day else None for row in report.rows]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, {"pool": pool, "batch": made.id, "values": [row.value for row in report.rows], "ends": ends})
    audit.record(actor=actor, verb="codes.taken_in", subject=f"code_pool/{pool}", figures={"import": made.id, **figures}, now=now)
    return made


@transaction.atomic(savepoint=False)
def withdraw(*, import_id: int, reason: str, actor: str, now: datetime) -> CodeImport:
    """It was taken in by mistake: what nobody has of it is voided. Refuses: ReasonMissing, ImportWithdrawn where nothing is left of it."""
    if not reason.strip():
        raise ReasonMissing
    batch = CodeImport.objects.select_for_update().get(id=import_id)
    voided = selectors.free_of(batch).update(voided_at=now, voided_for=reason.strip())
    if not voided:
        raise ImportWithdrawn
    batch.voided, batch.withdrawn_at, batch.withdrawn_by, batch.reason = batch.voided + voided, now, actor, reason.strip()
    batch.save(update_fields=["voided", "withdrawn_at", "withdrawn_by", "reason"])
    figures = {"import": batch.id, "voided": voided}
    audit.record(actor=actor, verb="codes.withdrawn", subject=f"code_pool/{batch.pool_id}", reason=reason.strip(), figures=figures, now=now)
    return batch


# Handing out

# Picked under lock, past those that others hold. Only then updated: as part of the UPDATE's own condition it might be asked twice.
_TAKE = """
WITH picked AS MATERIALIZED (
    SELECT id FROM mall_code
     WHERE pool_id = %(pool)s AND redemption_id IS NULL AND voided_at IS NULL AND COALESCE(expires_at, %(for_ever)s) > %(good_until)s
     ORDER BY COALESCE(expires_at, %(for_ever)s), id LIMIT %(count)s FOR UPDATE SKIP LOCKED)
UPDATE mall_code c SET member_id = %(member)s, redemption_id = %(redemption)s, handed_at = %(handed_at)s FROM picked WHERE c.id = picked.id"""


def _take(row: Redemption, count: int, *, good_until: datetime, handed_at: datetime | None) -> None:
    """So many codes are the redemption's. Refuses: CodesOut."""
    values = {"pool": row.item, "for_ever": FOR_EVER, "good_until": good_until, "count": count, "member": row.member_id, "redemption": row.id}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {**values, "handed_at": handed_at})
        if cursor.rowcount < count:
            raise CodesOut(left=cursor.rowcount)


def _reserve(row: Redemption, now: datetime) -> None:
    """While it waits for payment its codes are set aside, unseen; none that will be over before it must be paid."""
    assert row.pay_until is not None, "what waits for payment has a deadline"
    _take(row, row.quantity, good_until=row.pay_until, handed_at=None)


def _let_go(row: Redemption, now: datetime) -> None:
    """It was not paid: nobody has seen its codes, so others may have them, but for those of an import that was withdrawn meanwhile."""
    unseen = selectors.codes_of(row).filter(handed_at=None)
    for batch in CodeImport.objects.select_for_update().filter(id__in=unseen.values("batch_id")).order_by("id"):
        mine = unseen.filter(batch=batch)
        if batch.withdrawn_at is None:
            mine.update(member=None, redemption=None)
        else:
            batch.voided += mine.update(member=None, redemption=None, voided_at=now, voided_for=batch.reason)
            batch.save(update_fields=["voided"])


def _give(row: Redemption, now: datetime) -> Redemption.Status:
    """The codes are the member's at once: those set aside, or fresh ones."""
    had = selectors.codes_of(row).filter(handed_at=None).update(handed_at=now)
    if had < row.quantity:
        _take(row, row.quantity - had, good_until=now, handed_at=now)
    return Redemption.Status.DELIVERED


def _take_back(row: Redemption, quantity: int, now: datetime) -> None:
    """They were seen, so they are nobody's any more."""
    had = list(selectors.codes_of(row).filter(handed_at__isnull=False, voided_at=None).order_by("-id").values_list("id", flat=True)[:quantity])
    selectors.codes_of(row).filter(id__in=had).update(voided_at=now, voided_for=RETURNED)


# Kept, so in one language, and no reason that anybody gives; translated where it is shown.
RETURNED = "redemption/returned"


@transaction.atomic(savepoint=False)
def replace(*, member_id: UUID, code_id: int, reason: str, actor: str, now: datetime) -> Code:
    """A code does not work: it is voided, and its member gets another one of the pool for the same redemption.

    Refuses: ReasonMissing, CodeUnknown, NotWithTheMember, CodesOut.
    """
    if not reason.strip():
        raise ReasonMissing
    ledger.lock(member_id=member_id)
    bad = Code.objects.select_for_update(of=("self",)).select_related("redemption").filter(id=code_id, member_id=member_id).first()
    if bad is None:
        raise selectors.CodeUnknown
    if bad.handed_at is None or bad.voided_at is not None:
        raise NotWithTheMember
    bad.voided_at, bad.voided_for = now, reason.strip()
    bad.save(update_fields=["voided_at", "voided_for"])
    # The redemption may be of a pool that its reward no longer names.
    bad.redemption.item = bad.pool_id
    _take(bad.redemption, 1, good_until=now, handed_at=now)
    fresh = selectors.codes_of(bad.redemption).filter(voided_at=None).latest("handed_at", "id")
    figures = {"pool": bad.pool_id, "code": bad.id, "by": fresh.id, "redemption": str(bad.redemption_id)}
    audit.record(actor=actor, verb="code.replaced", subject=f"member/{member_id}", reason=reason.strip(), figures=figures, now=now)
    return fresh


# Watching


def watch(*, now: datetime) -> int:
    """Mark and tell of each pool that has come to its mark, and take the mark off what was filled up again; how many are newly low."""
    told = 0
    for pool in selectors.pools(now=now):
        is_low = pool.left <= pool.low_water
        if is_low == (pool.low_since is not None):
            continue
        with transaction.atomic():
            marked = CodePool.objects.filter(code=pool.code, low_since=pool.low_since).update(low_since=now if is_low else None)
            if marked and is_low:
                told += 1
                payload = {"pool": pool.code, "left": pool.left, "low_water": pool.low_water}
                outbox.publish(topic=events.POOL_LOW, member_id=None, payload=payload, now=now)
    return told


def _fault(item: str) -> str | None:
    return None if CodePool.objects.filter(code=item).exists() else str(selectors.PoolUnknown.title)


item_checked_by(Reward.Kind.CODE, _fault, among=CodePool.objects.all)
redemptions.hands_out(Reward.Kind.CODE, HandOut(give=_give, take_back=_take_back, show=selectors.handed, reserve=_reserve, let_go=_let_go))
