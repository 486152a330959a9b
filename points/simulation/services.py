import json
import time
import zlib
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.activity import rules as activity
from accounts.activity import selectors as facts
from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError
from points.earning import rules as earning
from points.earning import selectors as engine
from points.rulebook import selectors as rulebook
from points.rulebook import services as publishing
from points.rulebook.models import RuleVersion

from . import rules, selectors
from .models import Simulation

Status = Simulation.Status
# Facts read at a time; a slice is as many of these as fit into its seconds.
PAGE = 1000
SLICE_SECONDS = 5.0


class SpanInvalid(BusinessError):
    code, status, title = "span_invalid", 422, _("The span must begin before it ends.")


class NothingTried(BusinessError):
    code, status, title = "nothing_tried", 422, _("Choose at least one version to try, and only one of each rule.")


class SimulationOver(BusinessError):
    code, status, title = "simulation_over", 409, _("This simulation is over.")


@transaction.atomic(savepoint=False)
def ask(*, version_ids: Sequence[int], first: date, last: date, actor: str, now: datetime) -> Simulation:
    """Have these versions tried on the facts of these business days. What they say now is what is tried.

    Refuses: SpanInvalid, NothingTried, RuleInvalid.
    """
    if first > last:
        raise SpanInvalid(first=str(first), last=str(last))
    versions = list(RuleVersion.objects.select_related("rule").filter(id__in=version_ids))
    if not versions or len({version.rule_id for version in versions}) < len(versions):
        raise NothingTried
    for version in versions:
        if problems := rulebook.problems(version.said, fact=version.rule.fact, code=version.rule.code, now=now):
            raise publishing.RuleInvalid(problems)
    definitions = {str(version.id): version.definition for version in versions}
    row = Simulation.objects.create(drafts=[version.id for version in versions], definitions=definitions, first=first, last=last, asked_by=actor, asked_at=now)
    figures = {"versions": [str(version) for version in versions], "first": str(first), "last": str(last)}
    audit.record(actor=actor, verb="simulation.asked", subject=f"simulation/{row.id}", figures=figures, now=now)
    return row


@transaction.atomic(savepoint=False)
def cancel(*, simulation_id: UUID, actor: str, now: datetime) -> Simulation:
    """Stop a simulation that is under way. Refuses: SimulationUnknown, SimulationOver."""
    row = Simulation.objects.select_for_update().filter(id=simulation_id).first()
    if row is None:
        raise selectors.SimulationUnknown
    if row.status not in Simulation.OPEN:
        raise SimulationOver
    _turn(row, Status.CANCELLED, now)
    audit.record(actor=actor, verb="simulation.cancelled", subject=f"simulation/{row.id}", now=now)
    return row


@transaction.atomic
def work(*, now: datetime) -> int:
    """Do a slice of the oldest simulation that nobody works on; how many facts it decided. Zero: there is nothing to do.

    What the slice did is kept in its transaction, or not at all.
    """
    row = Simulation.objects.select_for_update(skip_locked=True).filter(status__in=Simulation.OPEN).order_by("asked_at", "id").first()
    if row is None:
        return 0
    try:
        with transaction.atomic():
            return _slice(row, now=now)
    except Exception as error:  # noqa: BLE001 (a simulation that cannot go on must not be tried for ever; its row says why)
        row.refresh_from_db()
        row.error = f"{type(error).__name__}: {error}"[:500]
        if row.status == Status.WAITING:
            row.status = Status.RUNNING
        _turn(row, Status.FAILED, now)
        return 1


def _slice(row: Simulation, *, now: datetime) -> int:
    started = time.monotonic()
    span = selectors.span(row, now=now)
    if row.status == Status.WAITING:
        row.status = Status.RUNNING
        row.total = facts.count_told(since=span.since, until=span.until)
    world = rules.from_json(json.loads(zlib.decompress(bytes(row.state)))) if row.state else rules.World()
    plans = selectors.plans(row, now=now)
    with_history = selectors.asks_for_history(plans)
    roll = earning.rolls(rulebook.rulebook().roll_key)

    def fact_of(purchase: activity.Purchase, lines: Sequence[earning.Line]) -> earning.Fact:
        return engine.purchase_fact(purchase, lines=lines, now=now)

    before, finished = world.facts, False
    while not finished and time.monotonic() - started < SLICE_SECONDS:
        page, row.cursor, finished = facts.told(since=span.since, until=span.until, after=row.cursor, limit=PAGE)
        seen = sorted({one.member for one in page})
        common = selectors.common(seen, with_history=with_history, now=now)
        if with_history and (new := [member for member in seen if member not in world.past]):
            known = selectors.past_before(new, before=span.since, now=now)
            world.past.update({member: known.get(member, rules.Past()) for member in new})
        for told in page:
            happened = selectors.happened(told, now=now)
            rules.refund_due(world, plans, fact_of, roll, until=(happened.at, happened.id))
            rules.feed(world, plans, happened, common.given(happened), with_history=with_history)
    if finished:
        rules.refund_due(world, plans, fact_of, roll, until=None)
    row.done, row.seconds = world.facts, row.seconds + time.monotonic() - started
    if finished:
        _finish(row, world, plans, now=now)
    else:
        row.state = zlib.compress(json.dumps(rules.as_json(world)).encode(), 1)
        row.save()
    return max(1, world.facts - before)


def _finish(row: Simulation, world: rules.World, plans: tuple[rules.Plan, rules.Plan], *, now: datetime) -> None:
    row.result = rules.report(world, points_per_unit=rulebook.settings().points_per_unit, minor_digits=selectors.digits(), plans=plans)
    row.state = None
    row.save()
    _turn(row, Status.DONE, now)
    for version in RuleVersion.objects.filter(id__in=row.drafts):
        # Only of what was tried; a draft that was edited meanwhile has no figure.
        if version.definition == row.definitions[str(version.id)]:
            publishing.note_simulation(version_id=version.id, percent=Decimal(str(row.result["percent"])), now=now)


def _turn(row: Simulation, status: Status, now: datetime) -> None:
    assert status in Simulation.ARROWS[Status(row.status)], f"a simulation does not go from {row.status} to {status}"
    row.status, row.finished_at = status, now
    row.save()
