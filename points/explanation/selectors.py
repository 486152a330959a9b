from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.programme import selectors as programme
from points.budgets.models import Budget
from points.earning import selectors as earning
from points.earning.models import Decision, Grant
from points.ledger import selectors as books
from points.ledger.models import Allocation, Entry
from points.rulebook import selectors as rulebook
from points.rulebook.models import RuleVersion, SharedLimit

CONDITIONS = {
    "release": gettext_lazy("released to this member"),
    "min_cents": gettext_lazy("amount large enough"),
    "max_cents": gettext_lazy("amount small enough"),
    "tiers": gettext_lazy("tier"),
    "segments": gettext_lazy("segment"),
    "new_member_days": gettext_lazy("new member"),
    "nth_purchase": gettext_lazy("number of the purchase"),
    "again_days": gettext_lazy("bought again in time"),
    "channels": gettext_lazy("channel"),
    "weekdays": gettext_lazy("weekday"),
    "hours": gettext_lazy("hour"),
    "dates": gettext_lazy("dates"),
    "birthday": gettext_lazy("birthday"),
    "festival": gettext_lazy("festival"),
    "card": gettext_lazy("card"),
    "expression": gettext_lazy("expression"),
    "categories": gettext_lazy("category"),
    "brands": gettext_lazy("brand"),
    "skus": gettext_lazy("SKU"),
}
PERIODS = {
    "fact": gettext_lazy("for one time"),
    "day": gettext_lazy("of the day"),
    "week": gettext_lazy("of the week"),
    "month": gettext_lazy("of the month"),
    "life": gettext_lazy("for good"),
}
# Rooms that a member may be told of: limits on themselves.
_OWN, _SHARED, _ALL, _BUDGET = "own", "shared", "all", "budget"


class Condition(NamedTuple):
    name: str
    holds: bool | None


class Line(NamedTuple):
    """A rule in a decision, for a table: `wanted` as text with up to two decimals; `notes` say what became of it."""

    version: RuleVersion
    holds: bool
    conditions: list[Condition]
    factor: str
    wanted: str
    granted: int
    notes: list[str]


class Part(NamedTuple):
    category: str
    basis_cents: int
    points: int


class Told(NamedTuple):
    """A decision as people read it. `lines` and `parts` are empty where its explanation is kept no longer."""

    decision: Decision
    sentences: list[str]
    lines: list[Line]
    parts: list[Part]
    grants: list[Grant]


def of_entry(*, entry: Entry, for_member: bool) -> list[str]:
    """Why that entry is what it is, in sentences."""
    return list(_sentences(entry, for_member))


def _sentences(entry: Entry, for_member: bool) -> Iterator[str]:
    unit = {"points": f"{entry.points:,}"}
    match entry.kind:
        case Entry.Kind.EARN:
            decision = earning.decision_of_entry(member_id=entry.member_id, entry_id=entry.id)
            if decision is None:
                yield _("%(points)s points came in, from before decisions were kept.") % unit
            else:
                yield from of_decision(decision, for_member=for_member).sentences
            if entry.pending_change:
                yield _("They wait until they can be spent, as the terms say.")
        case Entry.Kind.CLAWBACK:
            yield _("%(points)s points were taken back, because what had earned them was undone or became less.") % unit
            if entry.waived:
                yield _("%(points)s of them had expired and are not claimed.") % {"points": f"{entry.waived:,}"}
            if entry.debt_change > 0:
                yield _("%(points)s of them had been spent and are owed now; what comes in next settles them.") % {"points": f"{entry.debt_change:,}"}
            if entry.refers_to_id and (decision := earning.decision_of_entry(member_id=entry.member_id, entry_id=entry.refers_to_id)):
                yield _("This is how they had been earned:")
                yield from of_decision(decision, for_member=for_member).sentences
        case Entry.Kind.MATURE:
            yield _("%(points)s points that waited can be spent from now on.") % unit
            if entry.refers_to_id and (decision := earning.decision_of_entry(member_id=entry.member_id, entry_id=entry.refers_to_id)):
                yield from of_decision(decision, for_member=for_member).sentences
        case Entry.Kind.SPEND | Entry.Kind.CAPTURE:
            yield _("%(points)s points were spent, those first that expire first:") % unit
            yield from _taken(entry)
        case Entry.Kind.EXPIRE:
            yield _("%(points)s points expired: the time for which they were good was over.") % unit
        case Entry.Kind.RESTORE:
            yield _("%(points)s spent points were given back, to the very points they had been taken from; these keep their expiry.") % unit
        case Entry.Kind.HOLD:
            yield _("%(points)s points were set aside.") % unit
        case Entry.Kind.RELEASE:
            yield _("%(points)s points that were set aside are free again.") % unit
        case Entry.Kind.SETTLE:
            yield _("%(points)s points settled what was owed.") % unit
        case Entry.Kind.POSTPONE:
            yield _("The expiry of %(points)s points was put off.") % unit
        case Entry.Kind.ADJUST:
            yield _("An operator changed the balance by %(points)s points.") % {"points": f"{entry.available_change - entry.debt_change:+,}"}
        case _:
            yield _("%(kind)s: %(points)s points.") % {"kind": entry.get_kind_display(), **unit}
    if entry.reason and not for_member:
        yield _("Reason: %(reason)s") % {"reason": entry.reason}


def _taken(entry: Entry) -> Iterator[str]:
    zone = programme.zone(now=entry.recorded_at)
    parts = Allocation.objects.filter(member_id=entry.member_id, entry_id=entry.id).select_related("lot").order_by("lot__expires_at", "lot__earned_at")[:20]
    for part in parts:
        figures = {"points": f"{abs(part.points or part.held):,}", "source": part.lot.get_source_display(), "day": part.lot.earned_at.astimezone(zone).date()}
        yield _("%(points)s from %(source)s of %(day)s") % figures


def of_decision(decision: Decision, *, for_member: bool) -> Told:
    """What a decision considered, gave and why, in the reader's language."""
    grants = earning.grants_of(member_id=decision.member_id, decision_id=decision.id)
    trace = decision.trace
    if trace is None:
        return Told(decision, [_("How these points came about is kept no longer.")], [], [], grants)
    versions = {row.id: row for row in RuleVersion.objects.select_related("rule").filter(id__in=[one["v"] for one in trace.get("rules", ())])}
    named = _Named()
    lines = [_line(one, versions[one["v"]], versions, named) for one in trace.get("rules", ()) if one["v"] in versions]
    parts = [Part(*part) for part in trace.get("lines", ())]
    sentences = list(_decided(decision, trace, versions, named, grants, for_member))
    if for_member:
        return Told(decision, sentences, [], parts if decision.points else [], grants)
    return Told(decision, sentences, lines, parts, grants)


class _Named:
    """What limits and budgets are called, asked once."""

    def __init__(self) -> None:
        self._limits: dict[str, SharedLimit] | None = None
        self._budgets: dict[str, str] | None = None

    def room(self, key: str) -> tuple[str, str]:
        """Whose a room is, and what it is called."""
        if key == "margin":
            return _BUDGET, _("the share of the margin that may be given away")
        if key.startswith("budget/"):
            if self._budgets is None:
                self._budgets = {str(number): name for number, name in Budget.objects.values_list("id", "name")}
            return _BUDGET, _("the budget “%(name)s”") % {"name": self._budgets.get(key.removeprefix("budget/"), "–")}
        if key.startswith("="):
            if self._limits is None:
                self._limits = {one.code: one for one in SharedLimit.objects.all()}
            limit = self._limits.get(key[1:])
            return _SHARED, _("the limit “%(name)s”") % {"name": limit.name if limit else key[1:]}
        period = PERIODS.get(key.rpartition("/")[2], key)
        if key.startswith("*"):
            return _ALL, _("the rule's limit for all members %(period)s") % {"period": period}
        return _OWN, _("the rule's limit %(period)s") % {"period": period}


def _line(one: dict[str, Any], version: RuleVersion, versions: dict[int, RuleVersion], named: _Named) -> Line:
    notes = []
    if beaten := one.get("by"):
        first = next((row.rule.name for row in versions.values() if row.rule.code == beaten), beaten)
        notes.append(_("“%(rule)s” counted in its place.") % {"rule": first})
    for key, cut in one.get("cut", ()):
        notes.append(_("%(points)s less: %(limit)s.") % {"points": _hundredths(cut), "limit": named.room(key)[1]})
    conditions = [Condition(str(CONDITIONS.get(name, name)), holds) for name, holds in one.get("if", ())]
    factor = rulebook.plain(one["x"]) if one.get("x") else ""
    return Line(version, one["holds"], conditions, factor, _hundredths(one.get("want", 0)), one.get("got", 0), notes)


def _hundredths(wanted: int) -> str:
    whole, rest = divmod(wanted, 100)
    return f"{whole:,}.{rest:02}".rstrip("0").rstrip(".") if rest else f"{whole:,}"


def _decided(
    decision: Decision, trace: dict[str, Any], versions: dict[int, RuleVersion], named: _Named, grants: list[Grant], for_member: bool
) -> Iterator[str]:
    if decision.screened:
        yield _("No points could be given for this.") if for_member else _("Risk control refused: “%(code)s”.") % {"code": decision.screened}
        return
    gave = [one for one in trace.get("rules", ()) if one["v"] in versions and (one.get("got") or one.get("cut"))]
    # In the order in which they count: what gives, then what multiplies it.
    gave.sort(key=lambda one: "x" in one)
    for one in gave:
        name = versions[one["v"]].rule.name
        figures = {"rule": name, "points": f"{one.get('got', 0):,}", "factor": rulebook.plain(one["x"]) if one.get("x") else ""}
        if one.get("x"):
            yield _("“%(rule)s” multiplied by %(factor)s: %(points)s points more.") % figures
        elif one.get("got"):
            yield _("“%(rule)s” gave %(points)s points.") % figures
        for key, _cut in one.get("cut", ()):
            whose, limit = named.room(key)
            if for_member and whose == _BUDGET:
                yield _("“%(rule)s” would have given more; the programme had no more to give.") % figures
            elif for_member and whose == _ALL:
                yield _("“%(rule)s” would have given more; its limit for all members was reached.") % figures
            else:
                yield _("“%(rule)s” would have given %(wanted)s; %(limit)s left no room for more.") % {
                    **figures,
                    "wanted": _hundredths(one.get("want", 0)),
                    "limit": limit,
                }
    for code, effect, item, count in trace.get("won", ()):
        name = next((row.rule.name for row in versions.values() if row.rule.code == code), code)
        yield _("“%(rule)s” gave %(count)s × %(thing)s “%(item)s”.") % {"rule": name, "count": count, "thing": THINGS.get(effect, effect), "item": item}
    if not gave and not trace.get("won"):
        yield _("No rule gave anything for this.")
    elif len(gave) > 1 or not decision.points:
        yield _("Together %(points)s points, rounded down once at the end.") % {"points": f"{decision.points:,}"}
    for grant in grants:
        if grant.status == Grant.Status.OFFERED:
            yield _("%(points)s points wait to be claimed.") % {"points": f"{grant.points - grant.taken_back:,}"}
        elif grant.status == Grant.Status.LAPSED:
            yield _("%(points)s points were not claimed in time.") % {"points": f"{grant.points - grant.taken_back:,}"}
    if decision.taken_back:
        yield _("%(points)s of them were taken back since.") % {"points": f"{decision.taken_back:,}"}


THINGS = {
    "coupon": gettext_lazy("coupon"),
    "badge": gettext_lazy("badge"),
    "chance": gettext_lazy("chance in a draw"),
    "card": gettext_lazy("card"),
    "benefit": gettext_lazy("benefit"),
}


def entry(*, member_id: UUID, entry_id: UUID) -> Entry:
    """Refuses: EntryUnknown."""
    return books.entry_of(member_id=member_id, entry_id=entry_id)


def decision_of(entry: Entry) -> Decision | None:
    """The decision behind an entry, if it has one: its own, or that of the earning it is about."""
    about = entry.refers_to_id if entry.kind in (Entry.Kind.CLAWBACK, Entry.Kind.MATURE) else entry.id
    return earning.decision_of_entry(member_id=entry.member_id, entry_id=about) if about else None
