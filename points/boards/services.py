import logging
from collections import Counter
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError, ReasonMissing
from points.earning import services as earning
from points.ledger import services as ledger

from . import selectors
from .models import Board, BoardPeriod, BoardResult

logger = logging.getLogger(__name__)

KIND = "board_placed"
Status = BoardResult.Status


class PeriodConfirmed(BusinessError):
    code, status, title = "board_period_confirmed", 409, _("This period was confirmed before.")


class ResultWithdrawn(BusinessError):
    code, status, title = "board_result_withdrawn", 409, _("This place was withdrawn before.")


@transaction.atomic(savepoint=False)
def close(*, board: Board, period: str, now: datetime) -> int | None:
    """Count a period that is over and propose its places, confirmed already where the board is automatic: how many.

    None where it was counted before. Two at once: the second waits for the first and finds it done.
    """
    _name, since, until = selectors.span(period, now=now)
    assert until <= now, "a period is counted once it is over"
    made = BoardPeriod(board=board, period=period, since=since, until=until, counted_at=now)
    if board.automatic:
        made.status, made.confirmed_at = BoardPeriod.Status.CONFIRMED, now
    BoardPeriod.objects.bulk_create([made], ignore_conflicts=True)
    if not BoardPeriod.objects.filter(id=made.id).exists():
        return None
    return _propose(made, board)


def _propose(period: BoardPeriod, board: Board) -> int:
    struck = BoardResult.objects.filter(board_period=period, status=Status.WITHDRAWN).values_list("member_id", flat=True)
    placed = selectors.count(board, since=period.since, until=period.until, without=list(struck))
    rows = [BoardResult(member_id=one.member_id, board_period=period, place=place, fact=one.fact, count=one.times) for place, one in enumerate(placed, start=1)]
    BoardResult.objects.bulk_create(rows)
    return len(rows)


@transaction.atomic(savepoint=False)
def count_again(*, period_id: UUID, actor: str, now: datetime) -> int:
    """Propose the places anew, from the facts as they stand now and without the members who were struck: how many.

    Refuses: PeriodUnknown, PeriodConfirmed.
    """
    period = _proposed(period_id)
    # Locked first: whoever is being struck at this moment keeps the row.
    gone = list(BoardResult.objects.select_for_update().filter(board_period=period, status=Status.PROPOSED).values_list("id", flat=True))
    BoardResult.objects.filter(id__in=gone).delete()
    places = _propose(period, period.board)
    period.counted_at = now
    period.save(update_fields=["counted_at"])
    _record("counted_again", period, actor=actor, figures={"places": places}, now=now)
    return places


@transaction.atomic(savepoint=False)
def confirm(*, period_id: UUID, actor: str, reason: str, now: datetime) -> BoardPeriod:
    """Let the places be granted, which begins with the commit; what is left then is the job's. Refuses: PeriodUnknown, PeriodConfirmed, ReasonMissing."""
    if not reason.strip():
        raise ReasonMissing
    period = _proposed(period_id)
    assert BoardPeriod.Status.CONFIRMED in BoardPeriod.ARROWS[BoardPeriod.Status(period.status)]
    period.status, period.confirmed_by, period.confirmed_at, period.reason = BoardPeriod.Status.CONFIRMED, actor, now, reason.strip()
    period.save(update_fields=["status", "confirmed_by", "confirmed_at", "reason"])
    _record("confirmed", period, actor=actor, reason=period.reason, now=now)
    transaction.on_commit(partial(grant_all, period_id=period.id, now=now), robust=True)
    return period


def grant_all(*, period_id: UUID, now: datetime) -> Counter[str]:
    """Grant what is confirmed of a period and not granted yet, each in a transaction of its own: how many were granted, how many failed."""
    outcomes: Counter[str] = Counter()
    for result_id in selectors.to_grant().filter(board_period_id=period_id).values_list("id", flat=True):
        outcomes[attempt_grant(result_id=result_id, now=now)] += 1
    return outcomes


def attempt_grant(*, result_id: UUID, now: datetime) -> str:
    """Grant one place: granted or failed. One that is refused stays to be granted and stops nobody else's."""
    try:
        with transaction.atomic():
            grant(result_id=result_id, now=now)
    except BusinessError:
        logger.exception("A place of a board could not be granted: %s", result_id)
        return "failed"
    return "granted"


@transaction.atomic(savepoint=False)
def grant(*, result_id: UUID, now: datetime) -> BoardResult:
    """Record that the member is placed; the rules about that give the points. Granted or withdrawn before: it stays as it is.

    Refuses: ResultUnknown, and what taking a fact refuses.
    """
    result = _locked(result_id)
    if result.status != Status.PROPOSED:
        return result
    period = result.board_period
    assert period.status == BoardPeriod.Status.CONFIRMED, "what nobody confirmed is not granted"
    data = {"board": period.board_id, "period": period.period, "place": result.place}
    actor = period.confirmed_by or "job"
    taken = earning.take(member_id=result.member_id, kind=KIND, external_id=_external_id(result), data=data, occurred_at=now, actor=actor, now=now)
    _turn(result, Status.GRANTED)
    result.points, result.granted_at = taken.points + taken.claimable, now
    result.save()
    return result


@transaction.atomic(savepoint=False)
def withdraw(*, result_id: UUID, actor: str, reason: str, now: datetime) -> int:
    """Strike a place, granted or not: what it gave is taken back; how many points. Refuses: ResultUnknown, ResultWithdrawn, ReasonMissing."""
    if not reason.strip():
        raise ReasonMissing
    result = _locked(result_id)
    if result.status == Status.WITHDRAWN:
        raise ResultWithdrawn
    granted, taken_back = result.status == Status.GRANTED, 0
    if granted:
        taken_back = earning.withdraw(member_id=result.member_id, kind=KIND, external_id=_external_id(result), actor=actor, now=now)
    _turn(result, Status.WITHDRAWN)
    result.withdrawn_by, result.withdrawn_at, result.reason = actor, now, reason.strip()
    result.save()
    figures = {"member": str(result.member_id), "place": result.place, "taken_back": taken_back}
    _record("place_withdrawn", result.board_period, actor=actor, reason=result.reason, figures=figures, now=now)
    return taken_back


def _proposed(period_id: UUID) -> BoardPeriod:
    period = BoardPeriod.objects.select_for_update(of=["self"]).select_related("board").filter(id=period_id).first()
    if period is None:
        raise selectors.PeriodUnknown
    if period.status != BoardPeriod.Status.PROPOSED:
        raise PeriodConfirmed(by=period.confirmed_by)
    return period


def _locked(result_id: UUID) -> BoardResult:
    ledger.lock(member_id=selectors.get_result(result_id).member_id)
    result = BoardResult.objects.select_for_update(of=["self"]).select_related("board_period").filter(id=result_id).first()
    if result is None:
        raise selectors.ResultUnknown
    return result


def _turn(result: BoardResult, status: Status) -> None:
    assert status in BoardResult.ARROWS[Status(result.status)], f"a result does not go from {result.status} to {status}"
    result.status = status


def _external_id(result: BoardResult) -> str:
    return f"{result.board_period.board_id}/{result.board_period.period}/{result.place}"


def _record(what: str, period: BoardPeriod, *, actor: str, reason: str = "", figures: dict[str, object] | None = None, now: datetime) -> None:
    audit.record(actor=actor[:100], verb=f"board.{what}", subject=f"board/{period.board_id}/{period.period}", reason=reason, figures=figures, now=now)
