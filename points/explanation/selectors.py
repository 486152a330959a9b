from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property, reduce
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.activity import selectors as facts
from loyalty.lib.localtime import local_date
from loyalty.programme import selectors as programme
from points.budgets.models import Budget
from points.cards.models import CardKind
from points.earning import selectors as earning
from points.earning.models import Decision, Grant
from points.ledger import selectors as books
from points.ledger.models import Allocation, Entry, Lot, Source
from points.missions.models import Badge
from points.rulebook import selectors as rulebook
from points.rulebook.models import PURCHASE, RuleVersion, SharedLimit
from points.rulebook.rules import ONE, THINGS

CONDITIONS = {
    "release": gettext_lazy("released to this member"),
    "min_cents": gettext_lazy("amount large enough"),
    "max_cents": gettext_lazy("amount small enough"),
    "tiers": gettext_lazy("tier"),
    "sprint": gettext_lazy("sprint"),
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
# A rule's own limits, by period: for each member, and for all members together.
OWN_LIMITS = {
    "fact": gettext_lazy("its limit for each time"),
    "day": gettext_lazy("its limit for a day"),
    "week": gettext_lazy("its limit for a week"),
    "month": gettext_lazy("its limit for a month"),
    "life": gettext_lazy("its limit for a member’s life"),
}
LIMITS_OF_ALL = {
    "fact": gettext_lazy("its limit for each time"),
    "day": gettext_lazy("its limit for all members in a day"),
    "week": gettext_lazy("its limit for all members in a week"),
    "month": gettext_lazy("its limit for all members in a month"),
    "life": gettext_lazy("its limit for all members, for good"),
}
ABOUT_GOODS = {"categories", "brands", "skus"}
MOST_PARTS = 20


class Condition(NamedTuple):
    code: str
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
    """A decision as people read it. What the `parts` got and what was given `besides`, for the fact as such, add up to its points.

    `lines` and `parts` are empty where its explanation is kept no longer.
    """

    decision: Decision
    sentences: list[str]
    lines: list[Line]
    parts: list[Part]
    besides: int
    grants: Sequence[Grant]


class Explained(NamedTuple):
    """An entry as people read it. `told`: the decision behind it, if there is one: its own, or that of the earning that it is about."""

    entry: Entry
    sentences: list[str]
    told: Told | None


def explain(*, member_id: UUID, entry_id: UUID, for_member: bool, now: datetime) -> Explained:
    """Why an entry is what it is, in the reader's language. Refuses: EntryUnknown."""
    entry = books.entry_of(member_id=member_id, entry_id=entry_id)
    about = {Entry.Kind.EARN: entry.id, Entry.Kind.CLAWBACK: entry.refers_to_id, Entry.Kind.MATURE: entry.refers_to_id}.get(Entry.Kind(entry.kind))
    decision = earning.decision_of_entry(member_id=member_id, entry_id=about) if about else None
    told = of_decision(decision, for_member=for_member, now=now) if decision else None
    return Explained(entry, list(_of_entry(entry, told, for_member, programme.zone(now=now))), told)


def of_decision(decision: Decision, *, for_member: bool, now: datetime) -> Told:
    """What a decision considered, gave and why, in the reader's language."""
    grants = earning.grants_of(member_id=decision.member_id, decision_id=decision.id)
    tale = _Tale(decision, grants, _Names([decision]), now)
    parts = [Part(*part) for part in (decision.trace or {}).get("lines", ())] if decision.points else []
    lines = [] if for_member else list(tale.lines())
    return Told(decision, list(tale.sentences(for_member)), lines, parts, decision.points - sum(part.points for part in parts), grants)


def in_short(*, member_ids: Sequence[UUID], decision_ids: Sequence[UUID], now: datetime) -> dict[UUID, list[str]]:
    """What members read about many decisions at once, by the decision's id. As many queries as for one."""
    decisions = Decision.objects.filter(member_id__in=set(member_ids), id__in=decision_ids).in_bulk()
    granted: dict[UUID, list[Grant]] = {}
    for grant in Grant.objects.filter(member_id__in=set(member_ids), decision_id__in=decisions).order_by("id"):
        granted.setdefault(grant.decision_id, []).append(grant)
    names = _Names(decisions.values())
    return {one.id: list(_Tale(one, granted.get(one.id, ()), names, now).sentences(for_member=True)) for one in decisions.values()}


def _counting() -> Callable[[int | str], str]:
    """So many points, as the programme calls them."""
    settings = programme.programme()

    def counted(points: int | str) -> str:
        shown, name = points if isinstance(points, str) else f"{points:,}", settings.points_name
        if name == "points":
            return ngettext("%(points)s point", "%(points)s points", 1 if shown == "1" else 2) % {"points": shown}
        return _("%(points)s %(name)s") % {"points": shown, "name": name}

    return counted


def _hundredths(wanted: int) -> str:
    whole, rest = divmod(wanted, 100)
    return f"{whole:,}.{rest:02}".rstrip("0") if rest else f"{whole:,}"


def _date(day: date) -> str:
    # Each language writes its dates in its own order.
    return date_format(day, _("j F Y"))


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return _date(local_date(moment, zone))


def _last_day(until: datetime, zone: ZoneInfo) -> str:
    """The last day before an instant at which something ends."""
    return _day(until - timedelta(microseconds=1), zone)


def _order(subject: str) -> tuple[str, str]:
    """The storefront's ids of the order and the refund that an entry is about; empty for none."""
    if not subject.startswith(f"{PURCHASE}/"):
        return "", ""
    order, _rest, refund = subject.removeprefix(f"{PURCHASE}/").partition("/refund/")
    return order, refund


def _both(texts: Iterable[str]) -> str:
    return reduce(lambda one, other: _("%(one)s and %(other)s") % {"one": one, "other": other}, texts)


def _of_entry(entry: Entry, told: Told | None, for_member: bool, zone: ZoneInfo) -> Iterator[str]:
    counted, (order, refund) = _counting(), _order(entry.subject)
    figures = {"points": counted(entry.points), "order": order, "refund": refund, "day": _last_day(entry.expires_at, zone) if entry.expires_at else ""}
    match entry.kind:
        case Entry.Kind.EARN:
            yield from told.sentences if told else _undecided(entry, figures)
            if told and entry.points != told.decision.points:
                yield _("This entry holds %(points)s of it; the rest has terms of its own.") % figures
            yield from _when_good(entry, figures, zone)
        case Entry.Kind.MATURE:
            yield _("%(points)s that had waited could be spent from then on.") % figures
            if entry.expires_at:
                yield _("Good through %(day)s.") % figures
            yield from _how_earned(told)
        case Entry.Kind.CLAWBACK:
            if refund:
                yield _("Taken back: %(points)s, because of the refund %(refund)s of the order %(order)s.") % figures
            else:
                yield _("Taken back: %(points)s, because what had earned them was undone or became less.") % figures
            if entry.waived:
                yield _("Of these, %(points)s had expired; they are not claimed.") % {"points": counted(entry.waived)}
            if entry.debt_change > 0:
                yield _("Owed for it: %(points)s that had been spent already. What comes in next settles that.") % {"points": counted(entry.debt_change)}
            yield from _how_earned(told)
        case Entry.Kind.SPEND | Entry.Kind.CAPTURE:
            yield (_("Spent for the order %(order)s: %(points)s.") if order else _("Spent: %(points)s.")) % figures
            yield from _taken(entry, zone, counted)
            if entry.debt_change > 0:
                yield _("Owed for it: %(points)s that were missing. What comes in next settles that.") % {"points": counted(entry.debt_change)}
        case Entry.Kind.EXPIRE:
            yield _("Expired: %(points)s. The last day to use them was %(day)s.") % {**figures, "day": _last_day(entry.occurred_at, zone)}
            yield from _taken(entry, zone, counted)
        case Entry.Kind.RESTORE:
            if refund:
                yield _("Given back: %(points)s that had been spent, because of the refund %(refund)s of the order %(order)s.") % figures
            else:
                yield _("Given back: %(points)s that had been spent.") % figures
            if entry.debt_change < 0:
                yield _("Of these, %(points)s had been owed and are owed no longer.") % {"points": counted(-entry.debt_change)}
            yield _("They keep the expiry that they had before they were spent.")
        case Entry.Kind.HOLD:
            yield (_("Set aside for the order %(order)s: %(points)s.") if order else _("Set aside: %(points)s.")) % figures
        case Entry.Kind.RELEASE:
            yield _("No longer set aside: %(points)s.") % figures
        case Entry.Kind.SETTLE:
            yield _("%(points)s of what had come in settled what was owed.") % figures
        case Entry.Kind.POSTPONE:
            yield _("The expiry of %(points)s was put off: good through %(day)s.") % figures
        case Entry.Kind.ADJUST:
            yield _("Corrected by hand: %(points)s.") % {"points": counted(f"{entry.available_change - entry.debt_change:+,}")}
            if entry.expires_at:
                yield _("Good through %(day)s.") % figures
        case Entry.Kind.FORFEIT:
            yield _("Voided: %(points)s.") % figures
        case Entry.Kind.TRANSFER_OUT:
            yield _("Given to another member: %(points)s.") % figures
        case Entry.Kind.TRANSFER_IN:
            yield _("Received from another member: %(points)s.") % figures
        case Entry.Kind.FREEZE:
            yield _("The account was frozen: until that ends, nothing can be spent.")
        case Entry.Kind.UNFREEZE:
            yield _("The account was unfrozen: spending is possible again.")
    if entry.reason and not for_member:
        yield _("Reason: %(reason)s") % {"reason": entry.reason}


def _undecided(entry: Entry, figures: Mapping[str, str]) -> Iterator[str]:
    """An earning that no decision stands behind."""
    lot = Lot.objects.select_related("rule_version__rule").filter(member_id=entry.member_id, entry_id=entry.id).first()
    source = Source(lot.source) if lot else Source.PURCHASE
    if source == Source.IMPORT:
        yield _("Brought over as the opening balance: %(points)s.") % figures
        return
    if source == Source.BOUGHT:
        yield _("Bought for money: %(points)s.") % figures
        return
    if lot and lot.rule_version:
        yield _("“%(rule)s” gave %(points)s.") % {**figures, "rule": lot.rule_version.rule.name}
    else:
        yield _("Came in as “%(source)s”: %(points)s.") % {**figures, "source": source.label}
    yield _("That was before explanations were kept, so there are no details.")


def _when_good(entry: Entry, figures: Mapping[str, str], zone: ZoneInfo) -> Iterator[str]:
    if entry.pending_change:
        lot = Lot.objects.filter(member_id=entry.member_id, entry_id=entry.id).first()
        if lot and lot.matures_at:
            yield _("To be spent from %(day)s on.") % {"day": _day(lot.matures_at, zone)}
        else:
            yield _("To be spent once the order is delivered.")
    elif entry.expires_at:
        yield _("Good through %(day)s.") % figures


def _how_earned(told: Told | None) -> Iterator[str]:
    if told:
        yield _("This is how they had been earned.")
        yield from told.sentences


def _taken(entry: Entry, zone: ZoneInfo, counted: Callable[[int | str], str]) -> Iterator[str]:
    """Which points an entry took; what expires first goes first."""
    found = Allocation.objects.filter(member_id=entry.member_id, entry_id=entry.id).select_related("lot")
    parts = list(found.order_by("lot__expires_at", "lot__earned_at")[: MOST_PARTS + 1])
    for part in parts[:MOST_PARTS]:
        about = {"points": counted(part.points), "source": part.lot.get_source_display(), "day": _day(part.lot.earned_at, zone)}
        yield _("%(points)s that came in as “%(source)s” on %(day)s.") % about
    if len(parts) > MOST_PARTS:
        rest = entry.points - max(0, entry.debt_change) - sum(part.points for part in parts[:MOST_PARTS])
        yield _("And %(points)s that came in at other times.") % {"points": counted(rest)}


class _Names:
    """What rules, limits, budgets and things are called, asked once for any number of decisions."""

    def __init__(self, decisions: Iterable[Decision]) -> None:
        ids = {one["v"] for decision in decisions for one in (decision.trace or {}).get("rules", ())}
        self.versions = {version.id: version for version in earning.version_rows(sorted(ids))}
        self.counted = _counting()

    @cached_property
    def limits(self) -> dict[str, SharedLimit]:
        return {one.code: one for one in SharedLimit.objects.all()}

    @cached_property
    def budgets(self) -> dict[str, str]:
        return {str(number): name for number, name in Budget.objects.values_list("id", "name")}

    @cached_property
    def cards(self) -> dict[str, CardKind]:
        return CardKind.objects.in_bulk()

    @cached_property
    def badges(self) -> dict[str, Badge]:
        return Badge.objects.in_bulk()

    def thing(self, effect: str, item: str, count: int) -> str:
        """What is won, by its own name where it has one here."""
        known: Mapping[str, Any] = self.cards if effect == "card" else self.badges if effect == "badge" else {}
        return str(rulebook.WON[effect]) % {"count": count, "item": known[item].name if item in known else item}

    def room(self, key: str) -> str:
        """What a limit or a budget is called."""
        period = key.rpartition("/")[2]
        if key == "margin":
            return _("the share of the margin that it may give away")
        if _is_budget(key):
            return _("the budget “%(name)s”") % {"name": self.budgets.get(period, period)}
        if key.startswith("="):
            return _("the limit “%(name)s”") % {"name": self.limits[key[1:]].name if key[1:] in self.limits else key[1:]}
        return str((LIMITS_OF_ALL if key.startswith("*") else OWN_LIMITS)[period])


def _is_budget(key: str) -> bool:
    # A rule may be called “budget” as well; its limits end in a period, budgets in their number.
    return key.startswith("budget/") and key.removeprefix("budget/") not in OWN_LIMITS


def _members_own(key: str) -> bool:
    """Whether a room is a limit of the member's own; what all share is not theirs to see."""
    return key != "margin" and not key.startswith("*") and not _is_budget(key)


class _Tale:
    """A decision, told."""

    def __init__(self, decision: Decision, grants: Sequence[Grant], names: _Names, now: datetime) -> None:
        self.decision, self.grants, self.names, self.now = decision, grants, names, now
        self.zone = programme.zone(now=now)
        self.trace: Mapping[str, Any] = decision.trace or {}
        self.rules: Sequence[Mapping[str, Any]] = self.trace.get("rules", ())

    def rule(self, one: Mapping[str, Any]) -> str:
        return self.names.versions[one["v"]].rule.name

    def called(self, code: str) -> str:
        """What the rule of that code is called, one of those considered."""
        return next((self.rule(one) for one in self.rules if one["c"] == code), code)

    def definition(self, one: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.names.versions[one["v"]].definition

    def effect(self, one: Mapping[str, Any]) -> str:
        return str(self.definition(one).get("effect", {}).get("kind", "fixed"))

    def factor(self, one: Mapping[str, Any]) -> str:
        """By what a rule multiplies, and whether only some lines of the order; empty for one that does not."""
        if not one.get("x"):
            return ""
        factor, group = rulebook.plain(one["x"]), self.definition(one).get("group")
        if ABOUT_GOODS.intersection(name for name, _holds in one["if"]):
            return _("%(factor)s for the goods that it is about") % {"factor": factor}
        rivals = [other for other in self.rules if other["holds"] and not other.get("by") and other is not one]
        if group and self.definition(one).get("combine") != "product" and any(self.definition(other).get("group") == group for other in rivals):
            return _("%(factor)s for the goods that no other one counts for") % {"factor": factor}
        return factor

    def unlucky(self, one: Mapping[str, Any]) -> bool:
        return bool(one["holds"]) and self.effect(one) == "random" and not one.get("want")

    def sentences(self, for_member: bool) -> Iterator[str]:
        decision = self.decision
        day = {"day": _date(date.fromisoformat(decision.given["day"]))}
        if decision.fact == PURCHASE:
            yield _("For the order %(order)s of %(day)s:") % {"order": decision.subject.removeprefix(f"{PURCHASE}/"), **day}
        else:
            kind = facts.fact_kinds().get(decision.fact)
            yield _("For “%(fact)s” on %(day)s:") % {"fact": kind.name if kind else decision.fact, **day}
        if decision.screened:
            yield _("Nothing could be given for this.") if for_member else _("Risk control refused it: “%(code)s”.") % {"code": decision.screened}
            return
        if decision.trace is None:
            if decision.points:
                yield _("Given: %(points)s.") % {"points": self.names.counted(decision.points)}
            yield _("How that came about is kept no longer.")
        else:
            yield from self.how(for_member)
        yield from self.afterwards()

    def how(self, for_member: bool) -> Iterator[str]:
        """What gave what, in the order in which it counts: what gives by itself, what lessens that, what multiplies it."""
        counts = [one for one in self.rules if one["holds"] and not one.get("by")]
        counts.sort(key=lambda one: (bool(one.get("x")), one.get("x", 0) >= ONE, -self.definition(one).get("priority", 0), one["c"]))
        gave = [sentence for one in counts for sentence in self.of_rule(one, for_member)]
        ends = list(self.sum(counts))
        yield from gave
        for code, effect, item, count in self.trace.get("won", ()):
            yield _("Won with “%(rule)s”: %(things)s.") % {"rule": self.called(code), "things": self.names.thing(effect, item, count)}
        for card in self.decision.given.get("used_cards", ()):
            yield _("Used for it: a card “%(card)s”.") % {"card": self.names.cards[card].name if card in self.names.cards else card}
        yield from ends
        if not for_member:
            yield from self.besides(counts)
        elif not gave and not ends and not self.trace.get("won"):
            yield _("This earned nothing.")

    def of_rule(self, one: Mapping[str, Any], for_member: bool) -> Iterator[str]:
        got, factor, cuts = one.get("got", 0), one.get("x"), one.get("cut", ())
        figures = {"rule": self.rule(one), "points": self.names.counted(got), "factor": self.factor(one)}
        hidden = for_member and not all(_members_own(key) for key, _cut in cuts)
        if factor and factor < ONE:
            yield _("“%(rule)s” multiplied by %(factor)s; the figures above include that.") % figures
        elif got and factor:
            yield _("“%(rule)s” multiplied by %(factor)s, which added %(points)s.") % figures
        elif got:
            yield (_("“%(rule)s” gave %(points)s, drawn at random.") if self.effect(one) == "random" else _("“%(rule)s” gave %(points)s.")) % figures
        elif factor and factor > ONE and not cuts and one.get("want"):
            yield _("“%(rule)s” multiplied by %(factor)s, which added only a fraction.") % figures
        if cuts and got and hidden:
            yield _("It would have been more, but what this rule can give is limited.")
        elif cuts and got:
            wanted = min(one.get("want", 0), got * 100 + sum(cut for _key, cut in cuts))
            told = {"wanted": self.names.counted(_hundredths(wanted)), "limit": _both(self.names.room(key) for key, _cut in cuts)}
            yield _("It would have been %(wanted)s, but %(limit)s left room for no more.") % told
        elif cuts and not hidden:
            yield _("“%(rule)s” gave nothing, because %(limit)s left no room.") % {**figures, "limit": _both(self.names.room(key) for key, _cut in cuts)}

    def sum(self, counts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        lessens = any(0 < one.get("x", ONE) < ONE for one in counts)
        whole = not lessens and not any(one.get("want", 0) % 100 for one in counts if not one.get("cut"))
        if self.decision.points:
            several = sum(bool(one.get("got")) for one in counts) > 1
            if several:
                yield _("Together: %(points)s.") % {"points": self.names.counted(self.decision.points)}
            if not whole:
                yield _("Only the sum is rounded, down; the parts are their shares of it.") if several else _("Fractions are dropped.")
        elif any(one.get("want") and not one.get("cut") for one in counts):
            yield _("It came to a fraction only, and fractions are dropped.")

    def besides(self, counts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        """What operators read of the rules that gave nothing."""
        for one in counts:
            if self.unlucky(one):
                yield _("“%(rule)s” was drawn, without luck.") % {"rule": self.rule(one)}
            elif not one.get("want") and not one.get("cut") and one.get("x", ONE) >= ONE and self.effect(one) not in THINGS:
                yield _("“%(rule)s” held, but there was nothing to give for it.") % {"rule": self.rule(one)}
        for one in self.rules:
            if one.get("by"):
                told = {"rule": self.rule(one), "other": self.called(one["by"])}
                if cuts := one.get("cut"):
                    limit = _both(self.names.room(key) for key, _cut in cuts)
                    yield _("“%(rule)s” held too, but “%(other)s” took its place, because %(limit)s left no room.") % {**told, "limit": limit}
                else:
                    yield _("“%(rule)s” held too, but “%(other)s” counted in its place.") % told
        if not self.rules:
            yield _("No rule was in force for this.")
        if failed := sum(not one["holds"] for one in self.rules):
            if failed == len(self.rules):
                yield _("None of the %(count)s rules for this held.") % {"count": failed} if failed > 1 else _("The only rule for this did not hold.")
            else:
                yield ngettext("%(count)s more rule did not hold.", "%(count)s more rules did not hold.", failed) % {"count": failed}

    def afterwards(self) -> Iterator[str]:
        """What has become since of what was given."""
        for grant in self.grants:
            left = grant.left
            if grant.claim_until and left:
                about = {"points": self.names.counted(left), "day": _last_day(grant.claim_until, self.zone)}
                match earning.status_at(grant, now=self.now):
                    case Grant.Status.OFFERED:
                        yield _("To be claimed by %(day)s: %(points)s.") % about
                    case Grant.Status.GRANTED:
                        yield _("Claimed in time: %(points)s.") % about
                    case Grant.Status.LAPSED:
                        yield _("Not claimed by %(day)s: %(points)s.") % about
        still = {(code, effect, item): count for code, effect, item, count in self.decision.given.get("won", ())}
        for code, effect, item, count in self.trace.get("won", ()):
            if gone := count - still.get((code, effect, item), 0):
                yield _("Taken back since: %(what)s.") % {"what": self.names.thing(effect, item, gone)}
        if self.decision.taken_back:
            yield _("Taken back since: %(what)s.") % {"what": self.names.counted(self.decision.taken_back)}

    def lines(self) -> Iterator[Line]:
        """Every rule that was considered, those that held first; where risk control refused, none was granted what it had wanted."""
        for one in sorted(self.rules, key=lambda one: not one["holds"]):
            conditions = [Condition(name, str(CONDITIONS.get(name, name)), holds) for name, holds in one.get("if", ())]
            granted = 0 if self.decision.screened else one.get("got", 0)
            factor = rulebook.plain(one["x"]) if one.get("x") else ""
            yield Line(self.names.versions[one["v"]], one["holds"], conditions, factor, _hundredths(one.get("want", 0)), granted, list(self.notes(one)))

    def notes(self, one: Mapping[str, Any]) -> Iterator[str]:
        if beaten := one.get("by"):
            yield _("“%(rule)s” counted in its place.") % {"rule": self.called(beaten)}
        for key, cut in one.get("cut", ()):
            if cut:
                yield _("%(points)s less: %(limit)s.") % {"points": _hundredths(cut), "limit": self.names.room(key)}
            else:
                yield _("Nothing left: %(limit)s.") % {"limit": self.names.room(key)}
        if self.unlucky(one):
            yield _("Drawn, without luck.")
        if self.effect(one) in THINGS and not self.decision.screened:
            for code, effect, item, count in self.trace.get("won", ()):
                if code == one["c"]:
                    yield self.names.thing(effect, item, count)
