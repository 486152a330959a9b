from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from accounts.activity import rules as activity
from accounts.activity import selectors as facts
from accounts.activity import services as recording
from accounts.activity.models import Behaviour
from accounts.members import services as members
from accounts.members.models import Member
from loyalty.lib.localtime import end_of_day, local_date
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme
from points.budgets import rules as budget_rules
from points.budgets import services as budgets
from points.cards import services as cards
from points.ledger import services as ledger
from points.ledger.models import Entry, Source
from points.rulebook.models import PURCHASE
from points.terms import selectors as terms
from points.terms.models import Terms
from points.terms.rules import ExpiryPolicy
from riskcontrol.screening import services as screening
from tiers.evaluation import selectors as tiers_seen
from tiers.evaluation import services as tiers
from tiers.growth import selectors as growth

from . import events, rules, selectors
from .models import Decision, Grant
from .selectors import Situation

Status = Grant.Status
REGISTERED = "registered"


class ClaimOver(BusinessError):
    code, status, title = "claim_over", 409, _("This was not claimed in time, or was withdrawn.")


class Granted(NamedTuple):
    """What a fact was granted. `points` are in the books or pending; `offered` wait to be claimed."""

    decision: Decision
    grants: Sequence[Grant]
    points: int
    offered: int

    @property
    def entry(self) -> Entry | None:
        return next((grant.entry for grant in self.grants if grant.entry_id), None)


class Taken(NamedTuple):
    """A behaviour that came in. `repeated`: the same id with the same content came before; this is the first answer again."""

    fact: Behaviour
    points: int
    decision_id: UUID | None
    repeated: bool
    claimable: int = 0


class TakenBack(NamedTuple):
    """What deciding again took back from the books; `waived` of it had expired and is not owed, `claimed` of it had been an offer."""

    points: int = 0
    waived: int = 0
    claimed: int = 0


@transaction.atomic(savepoint=False)
def award_purchase(*, member_id: UUID, facts_of: activity.Purchase, policy: ExpiryPolicy | None = None, actor: str, now: datetime) -> Granted:
    """Decide and grant what a purchase earns. The caller holds the member's lock and has recorded it.

    `policy` takes the place of the programme's expiry, for rules that say nothing of theirs.
    """
    fact = selectors.purchase_fact(facts_of)
    granted = _award(member_id=member_id, fact=fact, occurred_at=facts_of.occurred_at, policy=policy, actor=actor, now=now)
    if not granted.decision.screened:
        # After the decision: the order that lifts a member to a tier earns at the old multiplier.
        tiers.count_purchase(member_id=member_id, purchase=facts_of.id, net_cents=fact.amount_cents, occurred_at=facts_of.occurred_at, now=now)
    return granted


@transaction.atomic(savepoint=False)
def take(
    *, member_id: UUID, kind: str, external_id: str, data: Mapping[str, Any], occurred_at: datetime, ours: bool = True, actor: str, now: datetime
) -> Taken:
    """A behaviour comes in: record it, decide, grant. The same again is a replay. `ours` False: the storefront tells it.

    Refuses: FactKindUnknown, FactKindOurs, FactDataInvalid, FactConflict, FactRepeated.
    """
    ledger.lock(member_id=member_id)
    behaviour, repeated = recording.record_behaviour(
        member_id=member_id, kind=kind, external_id=external_id, data=data, occurred_at=occurred_at, ours=ours, now=now
    )
    fact = selectors.behaviour_fact(behaviour)
    if repeated:
        decided = selectors.decision(member_id=member_id, subject=fact.key)
        grants = selectors.grants_of(member_id=member_id, decision_id=decided.id) if decided else []
        given, offered = _sums(grants)
        return Taken(behaviour, given, decided.id if decided else None, True, offered)
    granted = _award(member_id=member_id, fact=fact, occurred_at=occurred_at, policy=None, actor=actor, now=now)
    if not granted.decision.screened:
        tiers.count_behaviour(member_id=member_id, kind=kind, subject=fact.key, occurred_at=occurred_at, now=now)
    return Taken(behaviour, granted.points, granted.decision.id, False, granted.offered)


@transaction.atomic(savepoint=False)
def register(*, external_id: str, occurred_at: datetime, event_id: str = REGISTERED, actor: str, now: datetime, **profile: Any) -> tuple[Member, Taken | None]:
    """Write what is given of a member's profile; with the first time they are registered, and that fact comes in.

    Refuses what `members.register` refuses.
    """
    member = members.ensure(external_id=external_id, now=now)
    ledger.lock(member_id=member.id)
    member, first = members.register(external_id=external_id, now=now, **profile)
    if not first:
        return member, None
    taken = take(member_id=member.id, kind=REGISTERED, external_id=event_id, data={}, occurred_at=occurred_at, ours=False, actor=actor, now=now)
    return member, taken


@transaction.atomic(savepoint=False)
def hear(*, member_ref: str, kind: str, external_id: str, data: Mapping[str, Any], occurred_at: datetime, actor: str, now: datetime) -> Taken:
    """The storefront tells what a member did. A member not heard of before is made, bare; `registered` registers them.

    Refuses: FactFromTheFuture, FactTooOld, MemberClosed, and what `take` refuses.
    """
    facts.refuse_untimely(occurred_at, now=now)
    if kind == REGISTERED:
        facts.checked(kind=facts.fact_kind(kind), data=data)
        member, taken = register(external_id=member_ref, occurred_at=occurred_at, event_id=external_id, actor=actor, now=now)
        if taken is not None:
            return taken
    else:
        member = members.ensure(external_id=member_ref, now=now)
        if member.status != Member.Status.ACTIVE:
            raise members.MemberClosed
    if kind == REGISTERED and facts.behaviour(member_id=member.id, kind=kind, external_id=external_id) is None:
        raise recording.FactRepeated(since=member.registered_at.isoformat() if member.registered_at else "")
    return take(member_id=member.id, kind=kind, external_id=external_id, data=data, occurred_at=occurred_at, ours=False, actor=actor, now=now)


@transaction.atomic(savepoint=False)
def amend(*, member_id: UUID, kind: str, external_id: str, data: Mapping[str, Any], actor: str, now: datetime) -> int:
    """A fact turned out smaller: decide it again under its versions, take back the difference. How many points. Never grants more.

    A fact that was never told is nothing to take back from.
    """
    ledger.lock(member_id=member_id)
    behaviour = facts.behaviour(member_id=member_id, kind=kind, external_id=external_id)
    if behaviour is None or behaviour.withdrawn_at is not None:
        return 0
    behaviour = recording.amend_behaviour(behaviour=behaviour, data=data, now=now)
    fact = selectors.behaviour_fact(behaviour)
    about = f"{fact.key}/amended"
    key = f"{about}/{activity.digest_of_behaviour(occurred_at=behaviour.occurred_at, data=data)}"
    return decide_again(member_id=member_id, fact=fact, about=about, key=key, occurred_at=now, actor=actor, now=now).points


@transaction.atomic(savepoint=False)
def withdraw(*, member_id: UUID, kind: str, external_id: str, actor: str, now: datetime) -> int:
    """A fact did not hold: take back all that it was granted; what it counted once for may be done again. How many points."""
    ledger.lock(member_id=member_id)
    behaviour = facts.behaviour(member_id=member_id, kind=kind, external_id=external_id)
    if behaviour is None or behaviour.withdrawn_at is not None:
        return 0
    behaviour = recording.withdraw_behaviour(behaviour=behaviour, free_key=True, now=now)
    fact = selectors.behaviour_fact(behaviour)
    about = f"{fact.key}/withdrawn"
    tiers.uncount_behaviour(member_id=member_id, kind=kind, subject=fact.key, now=now)
    return decide_again(member_id=member_id, fact=fact, void=True, about=about, key=about, occurred_at=now, actor=actor, now=now).points


def _award(*, member_id: UUID, fact: rules.Fact, occurred_at: datetime, policy: ExpiryPolicy | None, actor: str, now: datetime) -> Granted:
    seen = selectors.situation(member_id=member_id, fact=fact, occurred_at=occurred_at, now=now)
    if seen.term_over:
        # The job that ends terms has not come by yet; nobody earns by a tier that they no longer have.
        tiers.look_again(member_ids=[member_id], now=now)
        seen = selectors.situation(member_id=member_id, fact=fact, occurred_at=occurred_at, now=now)
    decision = seen.decide()
    if decision.points or decision.won:
        verdict = screening.assess(member_id=member_id, action="earn", points=decision.points, blocked=seen.blocked, now=now)
        if not verdict.allowed:
            row = _decided(member_id, seen, decision, points=0, charged=(), occurred_at=occurred_at, screened=verdict.code, now=now)
            _write(row, [], {})
            _publish_decided(row, now=now)
            return Granted(row, [], 0, 0)
    seen, decision = _charged(seen, decision, now=now)
    row = _decided(member_id, seen, decision, points=decision.points, charged=decision.charges, occurred_at=occurred_at, now=now)
    granted = _grants(row, decision, now=now)
    for number, (grant, rule) in enumerate(granted):
        if grant.status == Status.GRANTED:
            key = f"{fact.key}/earn/{rule.code}" if number else f"{fact.key}/earn"
            grant.entry = _earn(grant, rule, fact=fact, policy=policy, occurred_at=occurred_at, actor=actor, key=key, now=now)
    for kind in decision.cards:
        cards.use(member_id=member_id, kind=kind, subject=fact.key, now=now)
    grants = [grant for grant, _rule in granted]
    _write(row, grants, _uses(decision.charges, seen.counters, +1))
    for one in decision.won:
        payload = {"effect": one.effect, "item": one.item, "count": one.count, "subject": row.subject, "rule": one.code}
        outbox.publish(topic=events.EFFECT_WON, member_id=member_id, payload=payload, now=now)
    _publish_decided(row, now=now)
    return Granted(row, grants, *_sums(grants))


def _sums(grants: Sequence[Grant]) -> tuple[int, int]:
    """What was granted at first, and what was offered, whatever has become of it."""
    offered = sum(grant.points for grant in grants if grant.claim_until)
    return sum(grant.points for grant in grants) - offered, offered


def _charged(seen: Situation, decision: rules.Decision, *, now: datetime) -> tuple[Situation, rules.Decision]:
    """Charge the counters that members share. Where somebody was faster: decide again on what is left, which nobody else takes meanwhile."""
    if not (charges := _shared(seen, decision.charges)):
        return seen, decision
    # A savepoint: what was locked in vain is free again before all of them are locked, in their order.
    with transaction.atomic():
        if not budgets.take(charges=charges, now=now):
            return seen, decision
        transaction.set_rollback(True)
    budgets.take(charges=[budget_rules.Charge(counter=one.name, starts=one.starts, times=0) for one in seen.shared.values()], now=now)
    seen = selectors.shared_anew(seen)
    decision = seen.decide()
    missed = budgets.take(charges=_shared(seen, decision.charges), now=now)
    assert not missed, "the shared counters are locked, and were looked at"
    return seen, decision


def _shared(seen: Situation, charges: Sequence[rules.Charge]) -> list[budget_rules.Charge]:
    """What the counters that members share are charged; a limit counts only for what is charged of its kind."""
    return [
        replace(
            template,
            points=charge.points,
            times=charge.times,
            limit_points=template.limit_points if charge.points else None,
            limit_times=template.limit_times if charge.times else None,
        )
        for charge in charges
        if (template := seen.shared.get(charge.key)) is not None
    ]


def _decided(
    member_id: UUID,
    seen: Situation,
    decision: rules.Decision,
    *,
    points: int,
    charged: Sequence[rules.Charge],
    occurred_at: datetime,
    screened: str = "",
    now: datetime,
) -> Decision:
    counters = {**seen.counters, **{key: rules.Counter(key, charge.starts, True) for key, charge in seen.shared.items()}}
    return Decision(
        member_id=member_id,
        fact=seen.given.fact.kind,
        subject=seen.given.fact.key,
        occurred_at=occurred_at,
        decided_at=now,
        points=points,
        screened=screened,
        given=rules.given_as_json(seen.given, [one.id for one in seen.rules], charged, counters) | ({} if screened else _besides(decision)),
        trace=rules.trace_as_json(decision, seen.given.fact),
    )


def _besides(decision: rules.Decision) -> dict[str, Any]:
    """What a decision used and gave besides points, as it is kept."""
    kept = {"used_cards": list(decision.cards), "won": [[one.code, one.effect, one.item, one.count] for one in decision.won]}
    return {name: value for name, value in kept.items() if value}


class _Terms(NamedTuple):
    """What must be the same for points to be granted together. The default ones come first."""

    claim_days: int
    expiry: str
    pending: str
    cost_centre: str
    campaign: str


def _terms_of(one: rules.Rule) -> _Terms:
    said = one.said
    return _Terms(said.claim_days, said.expiry, said.pending, said.cost_centre, said.campaign)


def _shares(decision: rules.Decision) -> dict[_Terms, list[rules.Considered]]:
    """Who gave points, by the terms under which they are granted."""
    found: dict[_Terms, list[rules.Considered]] = {}
    for one in decision.considered:
        if one.granted:
            found.setdefault(_terms_of(one.rule), []).append(one)
    return dict(sorted(found.items()))


def _grants(row: Decision, decision: rules.Decision, *, now: datetime) -> list[tuple[Grant, rules.Rule]]:
    """One grant for all that has the same terms; it names the version that gave most of it."""
    made, zone = [], programme.zone(now=now)
    for said, givers in _shares(decision).items():
        most = max(givers, key=lambda one: one.granted).rule
        until = end_of_day(local_date(now, zone) + timedelta(days=said.claim_days), zone) if said.claim_days else None
        grant = Grant(
            member_id=row.member_id,
            decision=row,
            rule_version_id=most.id,
            status=Status.OFFERED if until else Status.GRANTED,
            points=sum(one.granted for one in givers),
            claim_until=until,
        )
        made.append((grant, most))
    return made


def _earn(
    grant: Grant,
    rule: rules.Rule,
    *,
    fact: rules.Fact,
    policy: ExpiryPolicy | None,
    delivered: bool = False,
    occurred_at: datetime,
    actor: str,
    key: str,
    now: datetime,
) -> Entry:
    """Grant through the ledger, pending as the rule says, or for a purchase as the programme's terms say."""
    said, term = rule.said, terms.terms()
    pending = said.pending
    if not pending and fact.kind == PURCHASE:
        pending = {Terms.Pending.DAYS: f"days:{term.pending_days}", Terms.Pending.DELIVERED: "delivered"}.get(Terms.Pending(term.pending), "none")
    matures_at = occurred_at + timedelta(days=int(pending.removeprefix("days:"))) if pending.startswith("days:") else None
    source = Source.PURCHASE if fact.kind == PURCHASE else Source.CAMPAIGN if said.campaign else Source.BEHAVIOUR
    return ledger.earn(
        member_id=grant.member_id,
        points=grant.points - grant.taken_back,
        source=source,
        subject=fact.key,
        policy=ExpiryPolicy.parse(said.expiry) if said.expiry else policy,
        matures_at=matures_at,
        waits=pending == "delivered" and not delivered,
        rule_version_id=rule.id,
        cost_centre=said.cost_centre,
        occurred_at=occurred_at,
        actor=actor,
        key=key,
        now=now,
    )


@transaction.atomic(savepoint=False)
def decide_again(*, member_id: UUID, fact: rules.Fact, void: bool = False, about: str, key: str, occurred_at: datetime, actor: str, now: datetime) -> TakenBack:
    """Decide a fact again, on what is left of it, by the versions and within the room of then; `void`: nothing of it is left.

    What it gives less is taken back; limits, budgets and cards get back what it charged less. A purchase grows only by what is left of it.
    The caller holds the member's lock.
    """
    grow_again(member_id=member_id, fact=fact, void=void, now=now)
    row = selectors.decision(member_id=member_id, subject=fact.key)
    if row is None:
        return TakenBack()
    if row.screened:
        # Nothing was given, but whoever counts facts hears that this one is no longer what it was.
        _publish_decided(row, now=now)
        return TakenBack()
    decision = rules.decide(selectors.given_again(row, fact), [] if void else selectors.versions_of(row))
    back = TakenBack()
    grants = selectors.grants_of(member_id=member_id, decision_id=row.id, lock=True)
    for number, (grant, points) in enumerate(_less(grants, decision, now=now)):
        row.taken_back += points
        own_key = key if not number else f"{key}/{grant.rule_version.rule.code}"
        if (entry := _take_back(grant, points, about=about, key=own_key, occurred_at=occurred_at, actor=actor, now=now)) is not None:
            back = TakenBack(back.points + points, back.waived + entry.waived, back.claimed + (points if grant.claim_until else 0))
    less, charges = rules.given_back(rules.charges_from_json(row.given), decision.charges)
    _give_back_room(row, less, now=now)
    used = [card for card in row.given.get("used_cards", []) if card in decision.cards]
    if lost := set(row.given.get("used_cards", [])).difference(used):
        cards.give_back(member_id=member_id, subject=fact.key, kinds=lost, now=now)
    row.given = {**row.given, "charges": [[one.key, one.points, one.times] for one in charges], "used_cards": used, "won": _still_won(row, decision, now=now)}
    row.save(update_fields=["taken_back", "given"])
    _publish_decided(row, now=now)
    return back


def grow_again(*, member_id: UUID, fact: rules.Fact, void: bool = False, now: datetime) -> None:
    """What is left of a purchase is what it grows by; other facts grow as they did. The caller holds the member's lock."""
    if fact.kind == PURCHASE:
        left = 0 if void else fact.amount_cents
        tiers.recount_purchase(member_id=member_id, purchase=fact.key.removeprefix(f"{PURCHASE}/"), net_cents=left, now=now)


def earlier_growth(*, after: UUID | None, limit: int, dry_run: bool, now: datetime) -> tuple[tiers.Counted, UUID | None]:
    """Let what the next members did before growth was counted grow now, by what is left of it; what it came to, and the last of them.

    None as the last: there was nobody left. What grew already is left alone, so it may be run again. Each call is a transaction of its own.
    """
    ids = tiers_seen.members_after(after=after, limit=limit)
    kinds = list(growth.rates())
    with transaction.atomic():
        if not dry_run:
            for member_id in ids:
                ledger.lock(member_id=member_id)
        refused = selectors.screened(member_ids=ids)
        told = [_earlier(one) for one in facts.all_of(member_ids=ids, kinds=kinds)]
        counted = tiers.count_earlier(facts=[one for one in told if (one.member_id, one.subject) not in refused], dry_run=dry_run, now=now)
    return counted, ids[-1] if len(ids) == limit else None


def _earlier(told: facts.Told) -> tiers.Earlier:
    member_id = UUID(told.member)
    if told.purchase is None:
        assert told.behaviour is not None
        return tiers.Earlier(member_id, told.behaviour.kind_id, f"{told.behaviour.kind_id}/{told.behaviour.external_id}", told.at)
    left = activity.left_after(told.purchase, [refund for _when, _id, refund in told.refunds])
    net = 0 if left.goods_gone else sum(line.cents for line in rules.still_earned(told.purchase, left))
    return tiers.Earlier(member_id, PURCHASE, f"{PURCHASE}/{told.purchase.id}", told.at, net)


def _less(grants: Sequence[Grant], decision: rules.Decision, *, now: datetime) -> list[tuple[Grant, int]]:
    """How much is taken from which grants: from each at most what its terms give no longer, together what all terms do.

    What lapsed, closed or not, or was withdrawn, is out of it: what its terms would still give makes up for nothing.
    """
    gives = {said: sum(one.granted for one in givers) for said, givers in _shares(decision).items()}
    by_terms = {_terms_of(selectors.ready(grant.rule_version)): grant for grant in grants}
    standing = {said: grant for said, grant in by_terms.items() if selectors.status_at(grant, now=now) in (Status.GRANTED, Status.OFFERED)}
    still = sum(points for said, points in gives.items() if said in standing or said not in by_terms)
    excess = max(0, sum(grant.points - grant.taken_back for grant in standing.values()) - still)
    found = []
    for said, grant in standing.items():
        points = min(excess, max(0, grant.points - grant.taken_back - gives.get(said, 0)))
        excess -= points
        if points:
            found.append((grant, points))
    assert not excess, "what is in excess of all is in excess of some"
    return found


def _take_back(grant: Grant, points: int, *, about: str, key: str, occurred_at: datetime, actor: str, now: datetime) -> Entry | None:
    """Take back points of one grant; the entry by which they left the books. An offer only shrinks."""
    grant.taken_back += points
    if grant.status == Status.OFFERED:
        if grant.taken_back == grant.points:
            _turn(grant, Status.WITHDRAWN)
        grant.save(update_fields=["taken_back", "status"])
        return None
    grant.save(update_fields=["taken_back"])
    assert grant.entry_id is not None
    return ledger.clawback(
        member_id=grant.member_id, entry_id=grant.entry_id, points=points, subject=about, occurred_at=occurred_at, actor=actor, key=key, now=now
    )


def _turn(grant: Grant, status: Status) -> None:
    assert status in Grant.ARROWS[Status(grant.status)], f"a grant does not go from {grant.status} to {status}"
    grant.status = status


def _give_back_room(row: Decision, less: Sequence[rules.Charge], *, now: datetime) -> None:
    """Limits and budgets get back what is charged no longer."""
    counters = rules.counters_from_json(row.given)
    if uses := _uses(less, counters, -1):
        with connection.cursor() as cursor:
            cursor.execute(*_counting(row.member_id, uses))
    shared = [
        budget_rules.Charge(counter=charge.key, starts=counters[charge.key].starts, points=charge.points, times=charge.times)
        for charge in less
        if charge.key in counters and counters[charge.key].shared
    ]
    budgets.give_back(charges=shared, now=now)


def _still_won(row: Decision, decision: rules.Decision, *, now: datetime) -> list[list[Any]]:
    """Tell what was won and is not any longer; what of it stays."""
    still = {(one.code, one.effect, one.item): one.count for one in decision.won}
    stays = []
    for code, effect, item, count in row.given.get("won", []):
        kept = min(count, still.get((code, effect, item), 0))
        if kept:
            stays.append([code, effect, item, kept])
        if kept < count:
            payload = {"effect": effect, "item": item, "count": count - kept, "subject": row.subject, "rule": code}
            outbox.publish(topic=events.EFFECT_WITHDRAWN, member_id=row.member_id, payload=payload, now=now)
    return stays


Uses = Mapping[tuple[str, str], tuple[int, int]]


def _uses(charges: Sequence[rules.Charge], counters: Mapping[str, rules.Counter], sign: int) -> Uses:
    """What these charges add to the member's own counters, by counter and first day."""
    own = ((charge, counters[charge.key]) for charge in charges if charge.key in counters and not counters[charge.key].shared)
    return {(counter.key, counter.starts.isoformat()): (sign * charge.points, sign * charge.times) for charge, counter in own}


_COUNT = """
INSERT INTO points_memberuse (member_id, counter, starts, points, times) VALUES {}
    ON CONFLICT (member_id, starts, counter)
    DO UPDATE SET points = points_memberuse.points + EXCLUDED.points, times = points_memberuse.times + EXCLUDED.times"""


_COUNT_LESS = """
UPDATE points_memberuse u SET points = u.points + n.points, times = u.times + n.times
  FROM (VALUES {}) n (member, counter, starts, points, times) WHERE u.member_id = n.member::uuid AND u.counter = n.counter AND u.starts = n.starts::date"""


def _counting(member_id: UUID, uses: Uses) -> tuple[str, list[Any]]:
    values = [value for (counter, starts), (points, times) in uses.items() for value in (member_id, counter, starts, points, times)]
    statement = _COUNT_LESS if any(points < 0 or times < 0 for points, times in uses.values()) else _COUNT
    return statement.format(", ".join(["(%s, %s, %s, %s, %s)"] * len(uses))), values


_DECISION_COLUMNS = [field.attname for field in Decision._meta.concrete_fields]
_GRANT_COLUMNS = [field.attname for field in Grant._meta.concrete_fields]
_AS_JSON = {name: Decision._meta.get_field(name).get_prep_value for name in ("given", "trace")}


def _write(row: Decision, grants: Sequence[Grant], uses: Uses) -> None:
    """Write a decision with its grants and what it counts, in one round trip."""
    sql = [_insertion(Decision._meta.db_table, _DECISION_COLUMNS, 1)]
    values: list[Any] = [_AS_JSON[name](getattr(row, name)) if name in _AS_JSON else getattr(row, name) for name in _DECISION_COLUMNS]
    if grants:
        sql.append(_insertion(Grant._meta.db_table, _GRANT_COLUMNS, len(grants)))
        values += [getattr(grant, name) for grant in grants for name in _GRANT_COLUMNS]
    if uses:
        counting, more = _counting(row.member_id, uses)
        sql.append(counting)
        values += more
    with connection.cursor() as cursor:
        cursor.execute(";\n".join(sql), values)
    for written in (row, *grants):
        written._state.adding = False


def _insertion(table: str, columns: Sequence[str], rows: int) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES " + ", ".join([f"({', '.join(['%s'] * len(columns))})"] * rows)  # noqa: S608 (our own names)


def _publish_decided(row: Decision, *, now: datetime) -> None:
    if outbox.heard(events.FACT_DECIDED):
        payload = {"kind": row.fact, "fact": row.subject.removeprefix(f"{row.fact}/"), "points": row.points - row.taken_back}
        outbox.publish(topic=events.FACT_DECIDED, member_id=row.member_id, payload=payload, now=now)


@transaction.atomic(savepoint=False)
def note_delivery(*, member_id: UUID, subject: str) -> None:
    """The order was received: what is claimed of its offers from now on does not wait for that. The caller holds the member's lock."""
    for offer in selectors.offers(member_id=member_id).filter(decision__subject=subject, status=Status.OFFERED)[:1]:
        offer.decision.given["delivered"] = True
        offer.decision.save(update_fields=["given"])


@transaction.atomic(savepoint=False)
def claim(*, member_id: UUID, grant_id: UUID, actor: str, now: datetime) -> Grant:
    """The member claims what was offered. Claimed before: the same again. Refuses: GrantUnknown, ClaimOver."""
    ledger.lock(member_id=member_id)
    grant = selectors.offers(member_id=member_id).select_for_update(of=("self",)).filter(id=grant_id).first()
    if grant is None:
        raise selectors.GrantUnknown
    if grant.status == Status.GRANTED:
        return grant
    if grant.status != Status.OFFERED or grant.claim_until <= now:
        raise ClaimOver(grant_status=grant.status)
    rule = selectors.ready(grant.rule_version)
    kind = grant.decision.fact
    fact = rules.Fact(kind, grant.decision.subject, local_date(now, programme.zone(now=now)))
    screening.demand(member_id=member_id, action="earn", points=grant.points - grant.taken_back, now=now)
    delivered = bool(grant.decision.given.get("delivered"))
    key = f"{fact.key}/claim/{rule.code}"
    grant.entry = _earn(grant, rule, fact=fact, policy=None, delivered=delivered, occurred_at=now, actor=actor, key=key, now=now)
    _turn(grant, Status.GRANTED)
    grant.save(update_fields=["entry", "status"])
    return grant


@transaction.atomic(savepoint=False)
def lapse_due(*, limit: int, now: datetime) -> int:
    """Close at most `limit` offers that were not claimed in time; how many it was. What they had charged stays charged."""
    due = Grant.objects.select_for_update(skip_locked=True).filter(status=Status.OFFERED, claim_until__lte=now).order_by("claim_until")[:limit]
    return Grant.objects.filter(id__in=[grant.id for grant in due], status=Status.OFFERED).update(status=Status.LAPSED)


def prune(*, before: datetime, limit: int) -> int:
    """Drop the explanations of the oldest decisions, at most `limit`, that were made before that time; how many it was.

    The decisions stay, as refunds ask for them, and so do their grants.
    """
    old = Decision.objects.filter(decided_at__lt=before, trace__isnull=False).order_by("decided_at").values("id")[:limit]
    return Decision.objects.filter(id__in=old).update(trace=None)


@transaction.atomic(savepoint=False)
def withdraw_offers(*, member_ids: Sequence[UUID]) -> int:
    """What these members could still claim is theirs to claim no more; how many offers. The caller holds their locks."""
    return Grant.objects.filter(member_id__in=member_ids, status=Status.OFFERED).update(status=Status.WITHDRAWN)
