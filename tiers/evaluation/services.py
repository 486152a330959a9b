from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from accounts.notifications import services as notifications
from accounts.notifications.services import Notice
from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.localtime import end_of_day, local_date, start_of_day
from loyalty.lib.money import minor_digits
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme
from tiers.growth import rules as growing
from tiers.growth import selectors as growth
from tiers.growth import services as books
from tiers.growth.models import GrowthEntry
from tiers.ladder import selectors as ladders
from tiers.ladder.rules import Ladder, Step, place
from tiers.standing import selectors as standings_seen
from tiers.standing import services as standings
from tiers.standing.models import Cause, Standing
from tiers.standing.services import BY_TIME, Move, changed

from . import events, rules, selectors
from .models import CutPoints, Evaluation, Night

Outcome = Evaluation.Outcome
# Who is named as having moved somebody whose figures did it.
BY_FIGURES = "figures"
BACKFILL = "backfill"
NIGHT_SLICE = 10_000
MOVED_AT_ONCE = 500


class NothingToAdjust(BusinessError):
    code, status, title = "nothing_to_adjust", 422, _("Give growth above or below zero.")


_GROW = """
SELECT written, tier, due_at, growth, spend, interaction FROM tiers_grow(
    %(member)s, %(entry)s, %(kind)s, %(fact)s, %(subject)s, %(happened)s, %(now)s, %(cents)s, %(orders)s::smallint, %(plain)s, %(plain_rate)s, %(hurried)s,
    %(hurried_rate)s, %(day_from)s, %(day_until)s, %(most)s, %(hurried_most)s, %(since)s, %(until)s)"""


@transaction.atomic(savepoint=False)
def count_purchase(*, member_id: UUID, purchase: str, net_cents: int, occurred_at: datetime, now: datetime) -> None:
    """A purchase was paid, so much of it in money for goods: it grows, and lifts the member where that reaches a higher tier.

    The same purchase again comes to what is said now, as `recount_purchase`. The caller holds the member's account and has decided what the
    purchase earns. One statement, where nobody is lifted.
    """
    terms, said = growth.terms(), selectors.policy(now=now)
    rates = [growing.rate(terms.per_unit_bps, factor_bps=factor) for factor in (growing.ONCE, said.sprint_bps)]
    digits = _minor_digits()
    plain, hurried = (growing.of_money(net_cents, rate, minor_digits=digits) for rate in rates)
    values = {"cents": max(0, net_cents), "orders": int(net_cents > 0), "plain": plain, "plain_rate": rates[0], "hurried": hurried, "hurried_rate": rates[1]}
    about = {"kind": GrowthEntry.Kind.PURCHASE.value, "fact": growing.PURCHASE, "subject": _purchase(purchase), "most": None, "hurried_most": None}
    if not _grow(member_id, {**values, **about}, said, occurred_at=occurred_at, now=now):
        recount_purchase(member_id=member_id, purchase=purchase, net_cents=net_cents, now=now)


@transaction.atomic(savepoint=False)
def recount_purchase(*, member_id: UUID, purchase: str, net_cents: int, now: datetime) -> None:
    """What is left of a purchase is worth so much now: its growth becomes what its own rate makes of that, dated to the purchase.

    Less undoes a rise that rested on it. One that never grew grows nothing now. The caller holds the member's account.
    """
    grown = growth.subject(member_id=member_id, subject=_purchase(purchase))
    if grown is None:
        return
    left = max(0, net_cents)
    new = growing.of_money(left, grown.first.rate, minor_digits=_minor_digits())
    if books.add_line(to=grown, growth=new, amount_cents=left, orders=int(left > 0), now=now):
        look_again(member_ids=[member_id], lessened=left < grown.amount_cents or new < grown.growth, now=now)


@transaction.atomic(savepoint=False)
def count_behaviour(*, member_id: UUID, kind: str, subject: str, occurred_at: datetime, now: datetime) -> None:
    """A member did something: it grows by the rate of its kind, and lifts the member where that reaches a higher tier.

    `subject` names it among all (`shared/E-1`). A kind without a rate asks nothing. The caller holds the member's account.
    """
    rate = growth.rates().get(kind)
    if rate is None:
        return
    said, zone = selectors.policy(now=now), programme.zone(now=occurred_at)
    day = local_date(occurred_at, zone)
    values = {
        "cents": 0,
        "orders": 0,
        "plain": rate.growth,
        "plain_rate": 0,
        "hurried": growing.multiplied(rate.growth, said.sprint_bps),
        "hurried_rate": 0,
        "day_from": start_of_day(day, zone),
        "day_until": end_of_day(day, zone),
        "most": rate.most_a_day,
        "hurried_most": growing.multiplied(rate.most_a_day, said.sprint_bps) if rate.most_a_day else None,
    }
    _grow(member_id, {**values, "kind": GrowthEntry.Kind.BEHAVIOUR.value, "fact": kind, "subject": subject}, said, occurred_at=occurred_at, now=now)


@transaction.atomic(savepoint=False)
def uncount_behaviour(*, member_id: UUID, kind: str, subject: str, now: datetime) -> None:
    """It did not hold: what it grew is gone, and with it a rise that rested on it. The caller holds the member's account."""
    grown = growth.subject(member_id=member_id, subject=subject)
    if grown is not None and books.add_line(to=grown, growth=0, amount_cents=0, orders=0, now=now):
        look_again(member_ids=[member_id], lessened=True, now=now)


@transaction.atomic(savepoint=False)
def adjust(*, member_id: UUID, growth_change: int, reason: str, actor: str, key: str, now: datetime) -> GrowthEntry:
    """An operator gives growth, or takes it, with a reason; it counts from now on, and may lift or undo. The same key again is a replay.

    Refuses: NothingToAdjust, ReasonMissing.
    """
    if not growth_change:
        raise NothingToAdjust
    if not reason.strip():
        raise ReasonMissing
    line = GrowthEntry(
        member_id=member_id,
        kind=GrowthEntry.Kind.ADJUSTMENT,
        subject=f"adjustment/{key}",
        growth=growth_change,
        occurred_at=now,
        recorded_at=now,
        actor=actor,
        reason=reason.strip(),
    )
    if not books.write(lines=[line]):
        grown = growth.subject(member_id=member_id, subject=line.subject)
        assert grown is not None
        return grown.first
    audit.record(actor=actor, verb="growth.adjusted", subject=f"member/{member_id}", reason=line.reason, figures={"growth": growth_change}, now=now)
    look_again(member_ids=[member_id], lessened=growth_change < 0, now=now)
    return line


class Earlier(NamedTuple):
    """Something that happened before growth was counted. Money of a purchase that is left of it; None: a behaviour."""

    member_id: UUID
    kind: str
    subject: str
    occurred_at: datetime
    net_cents: int | None = None


class Counted(NamedTuple):
    """What counting earlier facts came to, or would."""

    members: int = 0
    lines: int = 0
    growth: int = 0
    rising: int = 0


@transaction.atomic(savepoint=False)
def count_earlier(*, facts: Sequence[Earlier], dry_run: bool, now: datetime) -> Counted:
    """Let what happened earlier grow, in the order given, by the rates of now and without any sprint, and lift whom that lifts.

    What grew already stays as it is: the same again changes nothing. `dry_run` writes nothing and says what would be. The caller holds
    these members' accounts where it writes.
    """
    known = growth.known_subjects(member_ids={one.member_id for one in facts})
    lines = _lines_of([one for one in facts if (one.member_id, one.subject) not in known], now=now)
    grown: dict[UUID, list[GrowthEntry]] = {}
    for line in lines:
        grown.setdefault(line.member_id, []).append(line)
    if dry_run:
        rising = _would_rise(grown, now=now)
    else:
        books.write(lines=lines)
        rising = look_again(member_ids=list(grown), now=now)[Outcome.REACHED]
    return Counted(len(grown), len(lines), sum(line.growth for line in lines), rising)


def _lines_of(facts: Sequence[Earlier], *, now: datetime) -> list[GrowthEntry]:
    rates, rate, digits = growth.rates(), growing.rate(growth.terms().per_unit_bps), _minor_digits()
    days = _days_grown({one.member_id for one in facts}, [code for code, one in rates.items() if one.most_a_day])
    lines = []
    for one in facts:
        line = GrowthEntry(member_id=one.member_id, subject=one.subject, occurred_at=one.occurred_at, recorded_at=now, fact=one.kind, actor=BACKFILL)
        if one.net_cents is not None:
            left = max(0, one.net_cents)
            line.kind, line.rate, line.amount_cents, line.orders = GrowthEntry.Kind.PURCHASE, rate, left, int(left > 0)
            line.growth = growing.of_money(left, rate, minor_digits=digits)
        elif one.kind in rates:
            day = (one.member_id, one.kind, local_date(one.occurred_at, programme.zone(now=one.occurred_at)))
            line.kind = GrowthEntry.Kind.BEHAVIOUR
            line.growth = growing.within_day(rates[one.kind].growth, grown=days[day], most=rates[one.kind].most_a_day)
            days[day] += line.growth
        else:
            continue
        lines.append(line)
    return lines


def _days_grown(member_ids: Collection[UUID], kinds: Collection[str]) -> Counter[tuple[UUID, str, date]]:
    """What has grown already of kinds of which no more than so much counts on a day."""
    found: Counter[tuple[UUID, str, date]] = Counter()
    for member, fact, at, grown in growth.lines_of_kinds(member_ids=member_ids, facts=kinds):
        found[member, fact, local_date(at, programme.zone(now=at))] += grown
    return found


def _would_rise(grown: Mapping[UUID, Sequence[GrowthEntry]], *, now: datetime) -> int:
    said, ladder, zone = selectors.policy(now=now), ladders.ladder(), programme.zone(now=now)
    if said.mode == selectors.QUINTILES:
        return 0
    window = rules.climbing(said, now, zone)
    members = list(grown)
    put, found = selectors.tiers_of(member_ids=members), selectors.figures(asked=[growth.Asked(one, *window) for one in members], said=said, zone=zone)
    rising = 0
    for member, seen in zip(members, found, strict=True):
        more = [line for line in grown[member] if window.since <= line.occurred_at < window.until]
        seen = replace(
            seen,
            growth=seen.growth + sum(line.growth for line in more),
            spend=seen.spend + sum(line.amount_cents for line in more),
            interaction=seen.interaction + sum(line.growth for line in more if line.kind == GrowthEntry.Kind.BEHAVIOUR),
        )
        rising += rules.risen(ladder, put.get(member), rules.figure(said, seen, on=local_date(now, zone))) is not None
    return rising


def _purchase(purchase: str) -> str:
    return f"{growing.PURCHASE}/{purchase}"


def _minor_digits() -> int:
    return minor_digits(programme.programme().currency or "CNY")


def _grow(member_id: UUID, values: Mapping[str, Any], said: rules.Policy, *, occurred_at: datetime, now: datetime) -> bool:
    """Write a first line and, where it moves the member, move them; False where the subject had a line already."""
    window = _rising(said, max(now, occurred_at), now=now)
    fixed = {"member": member_id, "entry": new_id(), "happened": occurred_at, "now": now, "since": window.since, "until": window.until}
    with connection.cursor() as cursor:
        cursor.execute(_GROW, {"day_from": None, "day_until": None, **values, **fixed})
        written, tier, due_at, grown, spend, interaction = cursor.fetchone()
    if written:
        due = due_at is not None and due_at <= now
        rises = said.mode != selectors.QUINTILES and rules.risen(
            ladders.ladder(), tier, rules.figure(said, rules.Figures(grown, spend, interaction), on=local_date(now, programme.zone(now=now)))
        )
        if due or rises:
            look_again(member_ids=[member_id], at=max(now, occurred_at), now=now)
    return bool(written)


def _rising(said: rules.Policy, at: datetime, *, now: datetime) -> rules.Window:
    return rules.climbing(said, at, programme.zone(now=now))


@transaction.atomic(savepoint=False)
def look_again(*, member_ids: Collection[UUID], lessened: bool = False, at: datetime | None = None, night: bool = False, now: datetime) -> Counter[str]:
    """Decide on these members anew: end the terms that are over, undo what rests on nothing any more, lift who reaches more. What became of them.

    `lessened`: growth was taken away, in this transaction. `night`: quintiles lift as well. `at`: of facts that happened a moment ahead.
    """
    sitting = Sitting(member_ids, meet=lessened or night, at=at or now, now=now)
    decides = selectors.can_decide(sitting.said)
    if decides:
        sitting.end_terms()
    if lessened:
        sitting.undo()
    if decides:
        sitting.end_terms()
        if night or sitting.said.mode != selectors.QUINTILES:
            sitting.lift()
    return sitting.close()


@transaction.atomic(savepoint=False)
def end_due(*, limit: int, now: datetime) -> Counter[str]:
    """Decide on at most `limit` members whose term, or time, is over; what became of them, `waiting` those who have days of grace.

    Each as of the end, however long ago. Safe in several workers at once.
    """
    if not selectors.can_decide(selectors.policy(now=now)):
        return Counter()
    due = list(standings_seen.due(now=now).select_for_update(skip_locked=True, no_key=True).values_list("member_id", flat=True)[:limit])
    done = look_again(member_ids=due, now=now)
    return done + Counter(waiting=max(0, len(due) - done.total()))


@transaction.atomic(savepoint=False)
def tell_sprints(*, limit: int, now: datetime) -> int:
    """Tell at most `limit` members in the last days of their terms what is missing; how many were told. Each term once."""
    said, ladder, zone = selectors.policy(now=now), ladders.ladder(), programme.zone(now=now)
    rows = list(standings_seen.sprints_to_tell(now=now).select_for_update(skip_locked=True, no_key=True)[:limit])
    found = selectors.figures(asked=[growth.Asked(one.member_id, *selectors.term_of(one, until=now + rules.INSTANT)) for one in rows], said=said, zone=zone)
    notices = []
    for one, seen in zip(rows, found, strict=True):
        threshold = next((step.threshold for step in ladder if step.code == one.tier_id), 0)
        missing = max(0, threshold - rules.figure(said, seen, on=local_date(now, zone)))
        assert one.until is not None
        about = {"tier": one.tier_id, "until": one.until.isoformat(), "missing": missing, "keeps_with": threshold, "unit": rules.unit(said)}
        outbox.publish(topic=events.TERM_ENDING, member_id=one.member_id, payload=about, now=now)
        if missing:
            told = {"tier": _names(ladder, one.tier_id), "until": _last_day(one.until, zone), "missing": selectors.amount_in_both(missing, said)}
            notices.append(Notice(one.member_id, "term_ending", f"term/{one.until.isoformat()}", told))
    notifications.notify_all(notices=notices, now=now)
    standings.mark_told(ids=[one.id for one in rows])
    return len(rows)


class Looked(NamedTuple):
    """What a slice of the night came to; `over`: there was nobody left."""

    members: int
    moved: int
    over: bool


def look_at_slice(*, limit: int = NIGHT_SLICE, now: datetime) -> Looked:
    """Look at the next members of tonight, and lift whose figures reach more than where they stand; quintiles are computed first.

    The row of the night says how far it has come, so that a run that was killed is gone on with. Twice at once does the same twice, which
    changes nothing. Nobody is locked but who moves.
    """
    zone = programme.zone(now=now)
    day = local_date(now, zone)
    night = Night.objects.get_or_create(day=day)[0]
    if night.finished_at is not None:
        return Looked(0, 0, True)
    said = selectors.policy(now=now)
    if said.mode == selectors.QUINTILES:
        said = selectors.with_cuts(said, cuts=compute_cuts(day=day, now=now))
    members = selectors.members_after(after=night.after, limit=limit)
    window = rules.climbing(said, now, zone)
    put = selectors.tiers_of(member_ids=members)
    found = selectors.figures(asked=[growth.Asked(member, *window) for member in members], said=said, zone=zone)
    if said.mode == selectors.QUINTILES:
        _keep_scores(said, day, dict(zip(members, found, strict=True)))
    ladder, on = ladders.ladder(), day
    rising = [member for member, seen in zip(members, found, strict=True) if rules.risen(ladder, put.get(member), rules.figure(said, seen, on=on))]
    moved = 0
    for start in range(0, len(rising), MOVED_AT_ONCE):
        moved += look_again(member_ids=rising[start : start + MOVED_AT_ONCE], night=True, now=now).total()
    ahead = {"after": members[-1]} if len(members) == limit else {"finished_at": now}
    Night.objects.filter(day=day, after=night.after, finished_at=None).update(**ahead, looked_at=F("looked_at") + len(members), moved=F("moved") + moved)
    return Looked(len(members), moved, len(members) < limit)


def compute_cuts(*, day: date, now: datetime) -> rules.Cuts:
    """The quintiles of a day, computed when they are first asked for."""
    row = CutPoints.objects.filter(day=day).first()
    if row is None:
        bought, cuts = selectors.quintiles_of_all(said=selectors.policy(now=now), zone=programme.zone(now=now), now=now)
        CutPoints.objects.bulk_create([CutPoints(day=day, computed_at=now, members=bought, **asdict(cuts))], ignore_conflicts=True)
        row = CutPoints.objects.get(day=day)
    return rules.Cuts(row.recency, row.frequency, row.monetary, row.lifetime)


_SCORES = """
INSERT INTO tiers_score (member_id, day, recency, frequency, monetary, lifetime, figure)
SELECT n.member, %s, n.recency, n.frequency, n.monetary, n.lifetime, n.figure
  FROM unnest(%s::uuid[], %s::smallint[], %s::smallint[], %s::smallint[], %s::smallint[], %s::smallint[])
    AS n(member, recency, frequency, monetary, lifetime, figure)
    ON CONFLICT (member_id) DO UPDATE SET day = EXCLUDED.day, recency = EXCLUDED.recency, frequency = EXCLUDED.frequency, monetary = EXCLUDED.monetary,
       lifetime = EXCLUDED.lifetime, figure = EXCLUDED.figure
 WHERE (tiers_score.recency, tiers_score.frequency, tiers_score.monetary, tiers_score.lifetime, tiers_score.figure)
       IS DISTINCT FROM (EXCLUDED.recency, EXCLUDED.frequency, EXCLUDED.monetary, EXCLUDED.lifetime, EXCLUDED.figure)"""


def _keep_scores(said: rules.Policy, day: date, found: Mapping[UUID, rules.Figures]) -> None:
    """The members' quintiles; rows that stay as they are keep the day on which they became so. Who never bought has none."""
    scored = {member: rules.scores(said, seen, on=day) for member, seen in found.items() if seen.last_day is not None}
    if scored:
        columns = [list(column) for column in zip(*((*one, rules.four_quintiles(said, one)) for one in scored.values()), strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(_SCORES, [day, list(scored), *columns])


class Sitting:
    """Decisions on some members, whose standings are locked as long as it lasts: made in memory, written down at the end in a few statements."""

    def __init__(self, member_ids: Collection[UUID], *, meet: bool, at: datetime, now: datetime) -> None:
        self.now, self.at = now, at
        self.said, self.ladder, self.zone = selectors.policy(now=now), ladders.ladder(), programme.zone(now=now)
        self.how = rules.policy_as_json(self.said)
        self.locked = standings.locked(member_ids=member_ids, meet=meet)
        self.stands = {member: None if one is None or standings.is_empty(one) else one for member, one in self.locked.items()}
        self.touched: set[UUID] = set()
        self.moves: list[Move] = []
        self.evaluations: list[Evaluation] = []

    # What is decided

    def end_terms(self) -> None:
        """Decide on the terms that are over, each as of its end, and on those that begin with it and are over as well."""
        while due := [one for one in self.stands.values() if one is not None and one.due_at is not None and one.due_at <= self.now]:
            by_hand = [one for one in due if one.by_hand]
            self._close(by_hand)
            self._end([one for one in due if not one.by_hand])

    def _close(self, over: Sequence[Standing]) -> None:
        """What was set by hand until a time is over: the figures say where to."""
        windows = [rules.ending(self.said, one.until, self.zone) for one in over]
        for one, window, seen in self._seen((one, window) for one, window in zip(over, windows, strict=True)):
            value = self._figure(seen, window)
            to = rules.risen(self.ladder, None, value)
            self._move(one, to, Cause.TIME, Outcome.TIME, since=one.until, value=value, window=window, seen=seen, threshold=to.threshold if to else 0)

    def _end(self, over: Sequence[Standing]) -> None:
        terms = [(one, _term(one)) for one in over]
        failing = []
        for one, term, seen in self._seen(terms):
            value = self._figure(seen, term)
            if rules.keeps(self.ladder, one.tier_id, value):
                self._keep(one, value=value, window=term, seen=seen)
            elif one.due_at == one.until and (later := rules.grace_end(self.said, one.until, self.zone)) > one.until:
                self._put(changed(one, due_at=later))
            else:
                failing.append((one, rules.ending(self.said, one.due_at, self.zone), value))
        for (one, _window, kept), (_one, window, seen) in zip(failing, self._seen((one, window) for one, window, _value in failing), strict=True):
            self._fall(one, kept, value=self._figure(seen, window), window=window, seen=seen)

    def _fall(self, one: Standing, kept: int, *, value: int, window: rules.Window, seen: rules.Figures) -> None:
        to = rules.fallen(self.said, self.ladder, one.tier_id, value)
        if to is not None and to.code == one.tier_id:
            self._keep(one, value=value, window=window, seen=seen)
            return
        threshold = self._threshold(one.tier_id)
        term = _term(one)
        floor = self._rank(one.floor_id) if one.floor_id and (one.floor_until is None or one.floor_until > one.due_at) else None
        if floor is not None and (to is None or floor >= to.rank):
            after = changed(
                one, tier_id=one.floor_id, since=one.due_at, until=one.floor_until, by_hand=True, due_at=one.floor_until, sprint_from=None, sprint_told=False,
                reached_by=None, floor_id=None, floor_until=None, set_by=BY_TIME, reason="",
            )  # fmt: skip
            self._decided(one, after, Cause.FELL, Outcome.FELL, value=kept, window=term, seen=seen, threshold=threshold)
            return
        self._move(one, to, Cause.FELL, Outcome.FELL, since=one.due_at, value=kept, window=term, seen=seen, threshold=threshold)

    def _keep(self, one: Standing, *, value: int, window: rules.Window, seen: rules.Figures) -> None:
        until = rules.next_term_end(self.said, one.until, self.zone)
        sprint = rules.sprint_from(self.said, one.until, until, self.zone)
        after = changed(one, since=one.until, until=until, due_at=until, sprint_from=sprint, sprint_told=False, reached_by=None)
        self._decided(one, after, Cause.KEPT, Outcome.KEPT, value=value, window=window, seen=seen, threshold=self._threshold(one.tier_id))

    def undo(self) -> None:
        """Take back the rises whose growth is gone, one below the other, as long as they rest on nothing."""
        while rising := [one for one in self.stands.values() if one is not None and one.reached_by is not None]:
            by_id = selectors.reached(ids=[one.reached_by for one in rising], member_ids=[one.member_id for one in rising])
            by_id |= {one.id: one for one in self.evaluations}
            undone = [(one, by_id[one.reached_by]) for one in rising if not self._still_reaches(one, by_id[one.reached_by])]
            for one, rise in undone:
                self._undo(one, rise)
            if not undone:
                return

    def _still_reaches(self, one: Standing, rise: Evaluation) -> bool:
        """By what is left of the figures of then, as they were reckoned then, or by those of now."""
        then = rules.policy_from_json(rise.how)
        window = rules.Window(rise.since, rise.until)
        if self._value_of(then, one.member_id, window) >= rise.threshold:
            return True
        threshold = self._threshold(one.tier_id)
        return 0 < threshold <= self._value_of(self.said, one.member_id, rules.climbing(self.said, self.at, self.zone))

    def _value_of(self, said: rules.Policy, member_id: UUID, window: rules.Window) -> int:
        [seen] = selectors.figures(asked=[growth.Asked(member_id, *window)], said=said, zone=self.zone)
        return rules.figure(said, seen, on=local_date(window.until - rules.INSTANT, self.zone))

    def _undo(self, one: Standing, rise: Evaluation) -> None:
        then = rules.policy_from_json(rise.how)
        window = rules.Window(rise.since, rise.until)
        [seen] = selectors.figures(asked=[growth.Asked(one.member_id, *window)], said=then, zone=self.zone)
        value = rules.figure(then, seen, on=local_date(window.until - rules.INSTANT, self.zone))
        after = _brought_back(rise.left, one) if rise.left else None
        self._decided(one, after, Cause.UNDONE, Outcome.UNDONE, value=value, window=window, seen=seen, threshold=rise.threshold, said=then)

    def lift(self) -> None:
        """Put who reaches a higher tier there, with a new term from now."""
        window = rules.climbing(self.said, self.at, self.zone)
        members = list(self.stands)
        found = selectors.figures(asked=[growth.Asked(member, *window) for member in members], said=self.said, zone=self.zone)
        for member, seen in zip(members, found, strict=True):
            one = self.stands[member]
            value = self._figure(seen, window)
            to = rules.risen(self.ladder, one.tier_id if one else None, value)
            if to is not None:
                self._move(
                    one, to, Cause.REACHED, Outcome.REACHED, member_id=member, since=self.at, value=value, window=window, seen=seen, threshold=to.threshold
                )

    # How it is kept

    def _seen(self, asked: Iterable[tuple[Standing, rules.Window]]) -> list[tuple[Standing, rules.Window, rules.Figures]]:
        asked = list(asked)
        found = selectors.figures(asked=[growth.Asked(one.member_id, *window) for one, window in asked], said=self.said, zone=self.zone)
        return [(one, window, seen) for (one, window), seen in zip(asked, found, strict=True)]

    def _figure(self, seen: rules.Figures, window: rules.Window) -> int:
        return rules.figure(self.said, seen, on=local_date(window.until - rules.INSTANT, self.zone))

    def _threshold(self, code: str) -> int:
        return next((step.threshold for step in self.ladder if step.code == code), 0)

    def _rank(self, code: str) -> int | None:
        return next((step.rank for step in self.ladder if step.code == code), None)

    def _move(
        self,
        one: Standing | None,
        to: Step | None,
        cause: Cause,
        outcome: Outcome,
        *,
        member_id: UUID | None = None,
        since: datetime,
        **decided: Any,
    ) -> None:
        """Into a tier by figures, with a term of its own; into the lowest, with none."""
        lowest = place(self.ladder, None)
        member = one.member_id if one is not None else member_id
        assert member is not None
        after = None
        if to is not None and (lowest is None or to.code != lowest.code):
            until = rules.term_end(self.said, since, self.zone)
            kept = self.locked[member]
            floor_id, floor_until = _floor(one, cause, since)
            after = Standing(
                id=kept.id if kept is not None else new_id(), member_id=member, tier_id=to.code, since=since, until=until, due_at=until, by_hand=False,
                sprint_from=rules.sprint_from(self.said, since, until, self.zone), set_by=BY_FIGURES, floor_id=floor_id, floor_until=floor_until,
            )  # fmt: skip
        self._decided(one, after, cause, outcome, member_id=member, **decided)

    def _decided(
        self,
        one: Standing | None,
        after: Standing | None,
        cause: Cause,
        outcome: Outcome,
        *,
        value: int,
        window: rules.Window,
        seen: rules.Figures,
        threshold: int,
        member_id: UUID | None = None,
        said: rules.Policy | None = None,
    ) -> None:
        member = one.member_id if one is not None else member_id
        assert member is not None
        row = Evaluation(
            id=new_id(),
            member_id=member,
            at=self.now,
            outcome=outcome,
            tier_id=after.tier_id if after else None,
            before_id=one.tier_id if one else None,
            figure=value,
            threshold=threshold,
            since=window.since,
            until=window.until,
            figures=rules.figures_as_json(seen),
            how=self.how if said is None else rules.policy_as_json(said),
            left=_kept(one) if outcome == Outcome.REACHED and one is not None else None,
        )
        if after is not None and outcome == Outcome.REACHED:
            after.reached_by = row.id
        self.evaluations.append(row)
        self.moves.append(Move(member, one, after, cause, BY_TIME if cause == Cause.TIME else BY_FIGURES))
        self._put(after, member)

    def _put(self, after: Standing | None, member: UUID | None = None) -> None:
        member = after.member_id if after is not None else member
        assert member is not None
        self.stands[member] = after
        self.touched.add(member)

    def _tell(self) -> None:
        """Tell each member where they have come to. A rise that is undone is no news by itself."""
        notices = []
        for row in {row.member_id: row for row in self.evaluations}.values():
            kind = _MESSAGES.get(Outcome(row.outcome))
            if kind is None:
                continue
            about: dict[str, Any] = {"tier": _names(self.ladder, row.tier_id)}
            if kind == "tier_fell":
                about["before"] = _names(self.ladder, row.before_id)
            stands = self.stands[row.member_id]
            if stands is not None and stands.until is not None:
                about["until"] = _last_day(stands.until, self.zone)
            notices.append(Notice(row.member_id, kind, f"evaluation/{row.id}", about))
        if notices:
            notifications.notify_all(notices=notices, now=self.now)

    def close(self) -> Counter[str]:
        """Write it all down; how many of what."""
        after = [self.stands[member] for member in self.touched]
        changes = standings.settle(locked=self.locked.values(), after=after, moves=self.moves, now=self.now)
        for row, change in zip(self.evaluations, changes, strict=True):
            row.change = change
        Evaluation.objects.bulk_create(self.evaluations, batch_size=1000)
        self._tell()
        return Counter(row.outcome for row in self.evaluations)


_MESSAGES = {Outcome.REACHED: "tier_reached", Outcome.KEPT: "tier_kept", Outcome.FELL: "tier_fell", Outcome.TIME: "tier_fell"}


def _names(ladder: Ladder, code: str | None) -> dict[str, str]:
    step = place(ladder, code)
    return {"zh": step.name_zh, "en": step.name_en} if step else {"zh": "", "en": ""}


def _last_day(until: datetime, zone: ZoneInfo) -> str:
    return local_date(until - rules.INSTANT, zone).isoformat()


def _term(one: Standing) -> rules.Window:
    """What counts for keeping a tier: what happens in its term, with the days of grace."""
    return selectors.term_of(one, until=one.due_at)


def _floor(one: Standing | None, cause: Cause, since: datetime) -> tuple[str | None, datetime | None]:
    """What an operator has set and holds on beneath."""
    if one is None or cause == Cause.TIME:
        return None, None
    if one.by_hand:
        return one.tier_id, one.until
    return (one.floor_id, one.floor_until) if one.floor_until is None or one.floor_until > since else (None, None)


_LEFT = ("tier_id", "since", "until", "by_hand", "due_at", "sprint_from", "sprint_told", "reached_by", "floor_id", "floor_until", "set_by", "reason")
_MOMENTS = {"since", "until", "due_at", "sprint_from", "floor_until"}


def _kept(one: Standing) -> dict[str, Any]:
    said = {name: getattr(one, name) for name in _LEFT}
    return {name: value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value for name, value in said.items()}


def _brought_back(left: Mapping[str, Any], one: Standing) -> Standing:
    """The standing that was left, as it was."""
    values = {name: datetime.fromisoformat(value) if value and name in _MOMENTS else value for name, value in left.items()}
    values["reached_by"] = UUID(values["reached_by"]) if values["reached_by"] else None
    return Standing(id=one.id, member_id=one.member_id, **values)
