import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as facts
from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError
from points.rulebook import selectors as rulebook
from points.rulebook import services as publishing
from points.rulebook.models import RuleVersion

from . import rules, selectors
from .models import SimulatedMember, Simulation

Status = Simulation.Status
# Facts read at a time; a slice is as many of these as fit into its seconds.
PAGE = 1000
SLICE_SECONDS = 5.0
# The most that a version's figure has room for.
MOST_PERCENT = Decimal("9999999.99")
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class SpanInvalid(BusinessError):
    code, status, title = "span_invalid", 422, _("The span must begin before it ends.")


class NothingTried(BusinessError):
    code, status, title = "nothing_tried", 422, _("Choose at least one version to try, and only one of each rule.")


class SimulationOver(BusinessError):
    code, status, title = "simulation_over", 409, _("This simulation is over.")


@transaction.atomic(savepoint=False)
def ask(*, version_ids: Sequence[int], first: date, last: date, actor: str, key: UUID, now: datetime) -> Simulation:
    """Have these versions tried on the facts of these business days. What they say now is what is tried. The same key again: the same simulation.

    Refuses: SpanInvalid, NothingTried, RuleInvalid.
    """
    if (before := Simulation.objects.filter(id=key).first()) is not None:
        return before
    if first > last:
        raise SpanInvalid(first=str(first), last=str(last))
    versions = list(RuleVersion.objects.select_related("rule").filter(id__in=version_ids).order_by("rule__code"))
    if not versions or len({version.rule_id for version in versions}) < len(versions):
        raise NothingTried
    for version in versions:
        if problems := rulebook.problems(version.said, fact=version.rule.fact, code=version.rule.code, now=now):
            raise publishing.RuleInvalid(problems)
    tried = [
        {
            "version": one.id,
            "rule": one.rule.code,
            "name_zh": one.rule.name_zh,
            "name_en": one.rule.name_en,
            "number": one.number,
            "fact": one.rule.fact,
            "definition": one.definition,
        }
        for one in versions
    ]
    said = {"tried": tried, "first": first, "last": last, "asked_by": actor, "asked_at": now}
    row, made = Simulation.objects.get_or_create(id=key, defaults=said)
    if not made:
        return row
    figures = {"versions": [f"{version.rule.code} {version.number}" for version in versions], "first": str(first), "last": str(last)}
    audit.record(actor=actor, verb="simulation.asked", subject=f"simulation/{row.id}", figures=figures, now=now)
    return row


@transaction.atomic(savepoint=False)
def cancel(*, simulation_id: UUID, actor: str, now: datetime) -> Simulation:
    """Stop a simulation that is under way; waits for the slice that is being done. Refuses: SimulationUnknown, SimulationOver."""
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
    """Do a slice of the oldest simulation that nobody works on; how many facts it decided, at least one. Zero: there is nothing to do.

    What the slice did is kept in its transaction, or not at all.
    """
    row = Simulation.objects.select_for_update(skip_locked=True).filter(status__in=Simulation.OPEN).order_by("asked_at", "id").first()
    if row is None:
        return 0
    try:
        with transaction.atomic():
            return _slice(row, now=now)
    except (OperationalError, InterfaceError):
        # The database's trouble, not the simulation's: the next run goes on with it.
        raise
    except Exception as error:  # noqa: BLE001 (a simulation that cannot go on must not be tried for ever; its row says why)
        row.refresh_from_db()
        row.error = (error.message if isinstance(error, BusinessError) else f"{type(error).__name__}: {error}")[:500]
        if row.status == Status.WAITING:
            row.status = Status.RUNNING
        _turn(row, Status.FAILED, now)
        return 1


def _slice(row: Simulation, *, now: datetime) -> int:
    started = time.monotonic()
    span = selectors.span(first=row.first, last=row.last, now=row.asked_at)
    plans, basis = selectors.plans(row), selectors.basis(row)
    if row.state.get("basis") != basis:
        _begin(row, span)
    world = rules.world_from_json(row.state.get("world", {}))
    before, finished, has_time = world.facts, False, True
    while has_time and not finished:
        if not row.cursor.get("over"):
            page, cursor, over = facts.told(since=span.since, until=span.until, after=row.cursor, limit=PAGE)
            row.cursor = {**cursor, "over": over}
            _decide(row, world, plans, [selectors.happened(one) for one in page], span, now=now)
        else:
            # The refunds that come after the last fact. Nothing is given any more that their order could change.
            _keep(row, world, plans)
            for member, known in selectors.remembered(row, due=END_OF_TIME, limit=PAGE).items():
                world.bring(member, known)
            finished = not world.members
            rules.refund_due(world, plans, until=None)
        has_time = time.monotonic() - started < SLICE_SECONDS
    _keep(row, world, plans)
    row.state = {"basis": basis, "world": rules.world_as_json(world)}
    row.done, row.seconds = world.facts, row.seconds + time.monotonic() - started
    if finished:
        _finish(row, world, plans, now=now)
    else:
        row.save()
    return max(1, world.facts - before)


def _begin(row: Simulation, span: selectors.Span) -> None:
    """From the beginning; also anew, where what is in force is not what it began with."""
    SimulatedMember.objects.filter(simulation=row).delete()
    row.status, row.cursor, row.state, row.done = Status.RUNNING, {}, {}, 0
    row.total = facts.count_told(since=span.since, until=span.until)


def _decide(row: Simulation, world: rules.World, plans: rules.Plans, page: Sequence[rules.Happened], span: selectors.Span, *, now: datetime) -> None:
    if not page:
        return
    new = {one.member for one in page} - world.members.keys()
    for member, known in selectors.remembered(row, member_ids=new, due=page[-1].at).items():
        # Who is looked at already has gone on since their row was written.
        if member not in world.members:
            world.bring(member, known)
    fresh = new - world.members.keys()
    pasts = selectors.past_before(fresh, plans, before=span.since) if fresh and "history" in plans.asks else {}
    for member in fresh:
        world.bring(member, rules.Known(past=pasts.get(member, rules.Past())))
    common = selectors.common(page, plans, now=now)
    for happened in page:
        rules.feed(world, plans, happened, common.given(happened))


_KEEP = """
INSERT INTO points_simulatedmember (simulation_id, member_id, old, new, change, state, due)
SELECT %s, member, old, new, new - old, state, due
  FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::text[], %s::timestamptz[]) AS kept (member, old, new, state, due)
    ON CONFLICT (simulation_id, member_id)
    DO UPDATE SET old = EXCLUDED.old, new = EXCLUDED.new, change = EXCLUDED.change, state = EXCLUDED.state, due = EXCLUDED.due"""


def _keep(row: Simulation, world: rules.World, plans: rules.Plans) -> None:
    """Write down what the members have so far, and look at nobody any more."""
    kept = [(member, one.old.points, one.new.points, rules.known_as_text(one, plans, world.day), one.due) for member, one in sorted(world.members.items())]
    if kept:
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [row.id, *map(list, zip(*kept, strict=True))])
    world.members, world.waiting = {}, []


def _finish(row: Simulation, world: rules.World, plans: rules.Plans, *, now: datetime) -> None:
    row.result = rules.report(world, plans, selectors.all_points(row), minor_digits=selectors.digits())
    days = (row.last - row.first).days + 1
    row.result["no_figure"] = rules.why_no_figure(tried=[one["rule"] for one in row.tried], days=days, by_rule=row.result["by_rule"])
    row.state = row.cursor = {}
    SimulatedMember.objects.filter(simulation=row).exclude(state="").update(state="")
    _turn(row, Status.DONE, now)
    if not row.result["no_figure"]:
        tried, percent = row.tried[0], min(Decimal(str(row.result["percent"])), MOST_PERCENT)
        publishing.note_simulation(version_id=tried["version"], definition=tried["definition"], percent=percent, now=now)


def _turn(row: Simulation, status: Status, now: datetime) -> None:
    assert status in Simulation.ARROWS[Status(row.status)], f"a simulation does not go from {row.status} to {status}"
    row.status, row.finished_at = status, now
    row.save()
    if status != Status.DONE:
        SimulatedMember.objects.filter(simulation=row).delete()


def prune(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` simulations that were finished before that time, with what they gave each member; how many it was."""
    oldest = list(Simulation.objects.filter(finished_at__lt=before).order_by("finished_at").values_list("id", flat=True)[:limit])
    SimulatedMember.objects.filter(simulation__in=oldest).delete()
    return Simulation.objects.filter(id__in=oldest).delete()[0]
