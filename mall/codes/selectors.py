"""Questions about codes. What is past its last day is gone, without anybody having booked it so."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from mall.redemptions.models import Redemption

from . import rules
from .models import FOR_EVER, Code, CodeImport, CodePool

# So many are counted of a pool; more are “1,000+”.
COUNTED = 1000


class PoolUnknown(BusinessError):
    code, status, title = "code_pool_unknown", 404, _("There is no such pool of codes.")


class CodeUnknown(BusinessError):
    code, status, title = "code_unknown", 404, _("There is no such code.")


class FileUnread(BusinessError):
    code, status, title = "file_unread", 422, _("The file cannot be read.")


# A sentence for each fault of a line, and for why a file cannot be read at all.
FAULTS = {
    "empty": _("There is no code in it."),
    "too_long": _("It has %(text)s characters, and a code has 100 at most."),
    "unreadable": _("It has characters that nobody can see or type."),
    "rounded": _("A spreadsheet has rounded this number. Format the column as text before you save."),
    "twice": _("The same as line %(text)s."),
    "day": _("“%(text)s” is not a day that we can read. Write it like 2026-12-31."),
    "over": _("Good through %(text)s only: that is over."),
    "there": _("The pool has it already."),
}
FILE_FAULTS = {
    "no_text": _("This is no text that we can read. Save it as CSV in UTF-8."),
    "no_header": _("The first line must name the columns: code, and expires_on where codes have a last day."),
    "column_twice": _("The same column stands there twice."),
    "too_many": _("It has more than 100,000 lines. Split it."),
    "too_large": _("It is larger than 5 MB. Split it."),
}


class Report(NamedTuple):
    """What an import would do. `faults` by line: those of the file, and `there` for what the pool has already."""

    rows: list[rules.Row]
    there: int
    faults: list[rules.Fault]

    @property
    def faulty(self) -> int:
        return len(self.faults) - self.there

    @property
    def by_kind(self) -> dict[str, list[int]]:
        """The lines that are left out, by why."""
        found: dict[str, list[int]] = {}
        for fault in self.faults:
            found.setdefault(fault.code, []).append(fault.line)
        return found


def check(*, pool: str, content: bytes, now: datetime) -> Report:
    """What taking in this file would do. Refuses: FileUnread."""
    try:
        read = rules.read(content, today=local_date(now, programme.zone(now=now)))
    except rules.FileFault as fault:
        raise FileUnread(str(FILE_FAULTS[fault.code]), why=fault.code) from fault
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM mall_code WHERE pool_id = %s AND value = ANY(%s)", [pool, [row.value for row in read.rows]])
        there = {value for (value,) in cursor.fetchall()}
    known = [rules.Fault(row.line, "there") for row in read.rows if row.value in there]
    return Report([row for row in read.rows if row.value not in there], len(known), sorted([*read.faults, *known]))


def sentence(fault: rules.Fault) -> str:
    return str(FAULTS[fault.code]) % {"text": fault.text}


_FREE = "c.pool_id = {pool} AND c.redemption_id IS NULL AND c.voided_at IS NULL AND COALESCE(c.expires_at, %s) > %s"
_LEFT = f"(SELECT count(*) FROM (SELECT FROM mall_code c WHERE {_FREE.format(pool='mall_codepool.code')} LIMIT %s) found)"  # noqa: S608 (our own names)


def pools(*, now: datetime) -> QuerySet[CodePool]:
    """All, with what is `left` of each: counted to COUNTED + 1 at most, which is “more”."""
    return CodePool.objects.annotate(left=RawSQL(_LEFT, [FOR_EVER, now, COUNTED + 1]))  # noqa: S611 (our own names)


def left(*, codes: Collection[str], now: datetime) -> dict[str, int]:
    """How many codes can be had of each of these pools; COUNTED + 1 stands for more. One statement."""
    return dict(pools(now=now).filter(code__in=codes).values_list("code", "left"))


def low() -> QuerySet[CodePool]:
    """Pools that call for more."""
    return CodePool.objects.filter(low_since__isnull=False)


def handed(row: Redemption) -> list[dict[str, Any]]:
    """The codes that a redemption brought, as its member reads them."""
    found = codes_of(row).filter(handed_at__isnull=False, voided_at=None).select_related("pool").order_by("id")
    return [{"code": one.value, "expires_at": one.expires_at, "text": one.pool.text} for one in found]


def codes_of(row: Redemption) -> QuerySet[Code]:
    return Code.objects.filter(member_id=row.member_id, redemption_id=row.id)


def free_of(batch: CodeImport) -> QuerySet[Code]:
    """What nobody has of an import."""
    return Code.objects.filter(batch=batch, redemption=None, voided_at=None)


def in_state(name: str, *, now: datetime) -> Q:
    """Codes that are free, over, reserved, handed or voided."""
    over = Q(expires_at__lte=now)
    unseen, nobodys = Q(voided_at=None), Q(redemption=None)
    return {
        "free": unseen & nobodys & ~(over & Q(expires_at__isnull=False)),
        "over": unseen & nobodys & over,
        "reserved": unseen & ~nobodys & Q(handed_at=None),
        "handed": unseen & Q(handed_at__isnull=False),
        "voided": ~unseen,
    }[name]


def state_of(code: Code, *, now: datetime) -> str:
    """Where a code stands: one of the names of `in_state`."""
    if code.voided_at is not None:
        return "voided"
    if code.redemption_id is not None:
        return "reserved" if code.handed_at is None else "handed"
    return "over" if code.expires_at is not None and code.expires_at <= now else "free"


def standing(*, pool: str, now: datetime) -> dict[str, int]:
    """How many codes of a pool are in which state. Reads the whole pool: for its own page only."""
    names = ("free", "reserved", "handed", "voided", "over")
    found: dict[str, int] = Code.objects.filter(pool_id=pool).aggregate(**{name: Count("id", filter=in_state(name, now=now)) for name in names})
    return found
