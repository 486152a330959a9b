import calendar
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Prefetch, QuerySet
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from loyalty.lib.configuration import held
from loyalty.lib.ids import first_id_at
from loyalty.lib.localtime import end_of_day
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme

from . import rules
from .models import Behaviour, FactKind, GuestPurchase, Purchase, PurchaseLine, PurchaseNumber, Refund, UnmatchedRefund


class PurchaseUnknown(BusinessError):
    code, status, title = "purchase_unknown", 404, _("There is no such purchase.")


class PurchaseGone(BusinessError):
    code, status, title = "purchase_gone", 410, _("This purchase was erased with its member. Nothing of it can be changed any more.")


class FactTooOld(BusinessError):
    code, status, title = "fact_too_old", 422, _("This happened too long ago to be accepted.")


class FactFromTheFuture(BusinessError):
    code, status, title = "fact_from_the_future", 422, _("This lies in the future. Check the clock that dated it.")


class FactKindUnknown(BusinessError):
    code, status, title = "fact_kind_unknown", 422, _("There is no such kind of event.")


class FactKindOurs(BusinessError):
    code, status, title = "fact_kind_ours", 422, _("Events of this kind are made by the programme itself; nobody else can send them.")


class FactDataInvalid(BusinessError):
    """`fields`: what is wrong with which field, as a sentence."""

    code, status, title = "fact_data_invalid", 422, _("The data does not fit the kind of event.")


DATA_SENTENCES = {
    "empty": _("This may not be empty."),
    "no_choice": _("Give one of these: %(choices)s."),
    "no_flag": _("Give true or false."),
    "no_number": _("Give a whole number."),
    "no_text": _("Give a text."),
    "no_time": _("Give a date and time with its offset, like 2026-03-01T12:00:00+08:00."),
    "required": _("This is missing."),
    "too_large": _("Give at most %(most)s."),
    "too_long": _("Give at most %(most)s characters."),
    "too_small": _("Give at least %(least)s."),
    "unknown": _("This field is not known."),
}

KIND_SENTENCES = {
    "bounds_crossed": _("The least is above the most."),
    "bounds_not_number": _("Only a whole number has a least and a most."),
    "bounds_too_far": _("A bound has at most twelve digits."),
    "choice_invalid": _("A choice is empty, too long, or stands here twice."),
    "choices_not_text": _("Only a text has choices."),
    "field_gone": _("Messages have told “%(name)s” already, so the field stays. It need not be required."),
    "field_retyped": _("Messages have told it already, so its type stays."),
    "no_name": _("Small letters, digits and underscores, a letter first, 40 at most: page_views."),
    "no_type": _("There is no such type."),
    "once_fixed": _("Messages of this kind have come already, so how often it counts, and its subject, stay."),
    "reserved": _("The language of the rules keeps this word for itself. Choose another."),
    "subject_missing": _("Mark which fields are the subject."),
    "subject_not_required": _("“%(name)s” is part of the subject, so it must be required."),
    "subject_unused": _("Fields are marked as the subject only where it counts by subject."),
    "twice": _("This name stands in the table twice."),
}


def faults_of_kind(kind: FactKind, *, before: FactKind | None) -> list[tuple[str, str]]:
    """Why a kind cannot be like this, `before` being how it stands: (the field's name, or "" for the kind itself, a sentence)."""
    shape = tuple(rules.field_from_json(one) for one in kind.fields)
    faults = rules.faults_of_kind(once=kind.once, subject=kind.subject, fields=shape)
    if before is not None and Behaviour.objects.filter(kind_id=kind.code).exists():
        once_changed = (before.once, set(before.subject)) != (kind.once, set(kind.subject))
        faults += rules.faults_of_change(old=before.shape, new=shape, once_changed=once_changed)
    return [(name, str(KIND_SENTENCES[fault.code]) % fault.figures) for name, fault in faults]


def refuse_untimely(occurred_at: datetime, *, now: datetime) -> None:
    """Refuse a fact later than now + 5 minutes, or older than the programme's window."""
    window = programme.programme().fact_window_days
    if rules.too_early(occurred_at, now=now):
        raise FactFromTheFuture(occurred_at=occurred_at.isoformat(), now=now.isoformat())
    if rules.too_late(occurred_at, now=now, window_days=window):
        raise FactTooOld(occurred_at=occurred_at.isoformat(), window_days=window)


def fact_kinds() -> dict[str, FactKind]:
    """Every kind by its code, as it was at most CONFIGURATION_SECONDS ago. Not to be changed."""
    return held(FactKind, lambda: {kind.code: kind for kind in FactKind.objects.all()})  # type: ignore[return-value, arg-type]


def fact_kind(code: str) -> FactKind:
    """The kind of that code, whether it is accepted now or not. Refuses: FactKindUnknown."""
    found = fact_kinds().get(code)
    if found is None:
        raise FactKindUnknown(kind=code)
    return found


def checked(*, kind: FactKind, data: Mapping[str, Any]) -> dict[str, Any]:
    """Data for a fact of that kind, as it is kept. Refuses: FactDataInvalid."""
    kept, faults = rules.checked(kind.shape, data)
    if faults:
        told = {name: str(DATA_SENTENCES[fault.code]) % fault.figures for name, fault in faults.items()}
        raise FactDataInvalid(" ".join([str(FactDataInvalid.title), *(f"{name}: {sentence}" for name, sentence in told.items())]), fields=told)
    return kept


def behaviours(*, member_id: UUID, kind: str | None = None) -> QuerySet[Behaviour]:
    """What a member did besides buying, newest first; withdrawn facts too."""
    rows = Behaviour.objects.filter(member_id=member_id)
    return rows.filter(kind_id=kind) if kind else rows


def behaviour(*, member_id: UUID, kind: str, external_id: str) -> Behaviour | None:
    return Behaviour.objects.filter(member_id=member_id, kind_id=kind, external_id=external_id).first()


def count_behaviours(*, member_id: UUID, kind: str, since: datetime, until: datetime) -> int:
    """How many of a kind a member did from `since` to before `until`, withdrawn ones apart."""
    return Behaviour.objects.filter(member_id=member_id, kind_id=kind, occurred_at__gte=since, occurred_at__lt=until, withdrawn_at=None).count()


def number(*, external_id: str) -> PurchaseNumber | None:
    """What is known of a purchase of the storefront's: whose it is, if anybody's, or that it is gone with a member who was erased."""
    # Asked for every purchase that is paid: the ORM would take several times as long as the database.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT external_id, member_id, purchase_id FROM accounts_purchasenumber WHERE external_id IN (%s, %s)", [external_id, gone_ref(external_id)]
        )
        row = cursor.fetchone()
    return PurchaseNumber(external_id=row[0], member_id=row[1], purchase_id=row[2]) if row else None


def gone_ref(external_id: str) -> str:
    """What stands in the place of a purchase's id once its member was erased: a hash that only this installation can make again."""
    return PurchaseNumber.GONE + salted_hmac("accounts.gone", external_id, algorithm="sha256").hexdigest()[:48]


def refuse_gone(number: PurchaseNumber | None) -> None:
    """Refuses: PurchaseGone."""
    if number is not None and number.gone:
        raise PurchaseGone


def recorded(*, external_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Of those purchases of the storefront's that are recorded: whose each is (the storefront's id), and the digest of its facts."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORDED, [list(external_ids)])
        return {external_id: (member_ref, digest) for external_id, member_ref, digest in cursor.fetchall()}


_RECORDED = """
SELECT n.external_id, m.external_id, p.digest FROM accounts_purchasenumber n
  JOIN accounts_purchase p ON p.member_id = n.member_id AND p.id = n.purchase_id
  JOIN accounts_member m ON m.id = n.member_id
 WHERE n.external_id = ANY(%s)"""


def purchase_of(*, member_id: UUID, purchase_id: UUID) -> Purchase:
    return Purchase.objects.get(member_id=member_id, id=purchase_id)


def purchases(*, member_id: UUID) -> QuerySet[Purchase]:
    lines = Prefetch("lines", PurchaseLine.objects.filter(member_id=member_id))
    refunds = Prefetch("refunds", Refund.objects.filter(member_id=member_id))
    return Purchase.objects.filter(member_id=member_id).prefetch_related(lines, refunds)


def lines_of(purchase: Purchase) -> QuerySet[PurchaseLine]:
    # Not `purchase.lines`: without the member in the question, the index that begins with the member is of no use.
    return PurchaseLine.objects.filter(member_id=purchase.member_id, purchase_id=purchase.id)


def facts_of(purchase: Purchase) -> rules.Purchase:
    """A recorded purchase as plain values."""
    lines = tuple(rules.Line(r.external_id, r.sku, r.category, r.brand, r.quantity, r.amount_cents, r.cost_cents, r.paid_cents) for r in lines_of(purchase))
    return rules.Purchase(
        purchase.external_id,
        purchase.occurred_at,
        purchase.currency,
        purchase.paid_cents,
        lines,
        purchase.shipping_cents,
        tuple(purchase.discounts),
        purchase.hold_ref,
        purchase.channel,
    )


def net_cents(purchase: Purchase) -> int:
    """What was paid in money for the goods of a recorded purchase and not given back."""
    facts = facts_of(purchase)
    refunds = refunds_of(member_id=purchase.member_id, purchase_id=purchase.id)
    left = rules.left_after(facts, [rules.refund_from_json(one.facts) for one in refunds])
    return 0 if left.goods_gone else max(0, facts.goods_cents - left.refunded_cents)


class History(NamedTuple):
    """What a member had bought before: how often in all, when last, and when last of each category that was asked for."""

    count: int
    last_at: datetime | None
    last_by_category: dict[str, datetime]


def history(told: Sequence[Mapping[str, Any]]) -> History:
    """What `accounts_bought_before` says in the database (migration 0014), its rows as JSON: the member's purchases up to an instant,
    as far as they are recorded, one of them and those refunded completely apart; by category, exactly as it stands on a line, since another
    instant.
    """
    if not told:
        return History(0, None, {})
    whole, *latest = told
    last_at = datetime.fromisoformat(whole["last_at"]) if whole["last_at"] else None
    return History(whole["purchases"], last_at, {one["category"]: datetime.fromisoformat(one["last_at"]) for one in latest})


def refunds_of(*, member_id: UUID, purchase_id: UUID) -> list[Refund]:
    """A purchase's refunds in the order in which they were recorded."""
    return list(Refund.objects.filter(member_id=member_id, purchase_id=purchase_id).order_by("recorded_at", "id"))


def has_refund(*, number: PurchaseNumber, external_id: str) -> bool:
    """Whether that refund was applied to that purchase."""
    return Refund.objects.filter(member_id=number.member_id, purchase_id=number.purchase_id, external_id=external_id).exists()


def waiting_for(*, purchase_ref: str) -> list[UnmatchedRefund]:
    """The refunds that came before their purchase, the earliest first; locked, so that nobody decides on them meanwhile."""
    waiting = UnmatchedRefund.objects.filter(purchase_ref=purchase_ref, status=UnmatchedRefund.Status.WAITING)
    return list(waiting.order_by("occurred_at", "recorded_at", "id").select_for_update())


def unmatched(*, purchase_ref: str, external_id: str) -> UnmatchedRefund | None:
    return UnmatchedRefund.objects.filter(purchase_ref=purchase_ref, external_id=external_id).first()


def names_hold(*, member_id: UUID, hold_ref: str) -> bool:
    """Whether one of the member's purchases was paid with that hold."""
    return Purchase.objects.filter(member_id=member_id, hold_ref=hold_ref).exists()


def guest_purchase(*, external_id: str) -> GuestPurchase | None:
    return GuestPurchase.objects.filter(external_id=external_id).first()


def counts() -> dict[str, int]:
    """How many purchases and refunds there are, and how many refunds wait or are parked."""
    statuses = UnmatchedRefund.Status
    return {
        "purchases": Purchase.objects.count(),
        "refunds": Refund.objects.count(),
        "refunds_waiting": UnmatchedRefund.objects.filter(status=statuses.WAITING).count(),
        "refunds_parked": UnmatchedRefund.objects.filter(status=statuses.PARKED).count(),
    }


_ASKED = """
unnest(%(n)s::int[], %(kind)s::text[], %(since)s::timestamptz[], %(until)s::timestamptz[], %(nth)s::int[],
       %(field)s::text[], %(compare)s::text[], %(value)s::text[], %(distinct)s::text[], %(fact)s::text[], %(besides)s::text[])
    AS q (n, kind, since, until, nth, field, compare, value, distinct_by, fact, besides)"""

_TALLY = """
SELECT q.n, t.* FROM {asked} CROSS JOIN LATERAL (
    SELECT count(*), (array_agg(f.external_id ORDER BY f.occurred_at, f.id))[q.nth], (array_agg(f.occurred_at ORDER BY f.occurred_at, f.id))[q.nth]
      FROM ({facts}) f) t"""

# A CASE, because a condition elsewhere does not keep a text from being read as a number.
_BEHAVIOURS = """
SELECT DISTINCT ON (s.subject) b.external_id, b.occurred_at, b.id FROM accounts_behaviour b
 CROSS JOIN LATERAL (SELECT coalesce(b.amended, b.data) AS said) d
 CROSS JOIN LATERAL (SELECT CASE WHEN q.distinct_by = '' THEN b.id::text ELSE d.said ->> q.distinct_by END AS subject, d.said -> q.field AS told) s
 WHERE b.member_id = %(member)s AND b.kind_id = q.kind AND b.withdrawn_at IS NULL AND s.subject IS NOT NULL AND q.fact IN ('', b.external_id)
   AND (q.besides = '' OR NOT starts_with(b.external_id, q.besides))
   AND b.occurred_at >= coalesce(q.since, '-infinity') AND b.occurred_at < coalesce(q.until, 'infinity')
   AND CASE WHEN q.field = '' THEN true
            WHEN jsonb_typeof(s.told) = 'number' AND q.value ~ '^-?[0-9]+$'
            THEN CASE q.compare WHEN 'at_least' THEN (s.told #>> '{}')::numeric >= q.value::numeric ELSE (s.told #>> '{}')::numeric = q.value::numeric END
            ELSE q.compare = 'is' AND s.told #>> '{}' = q.value END
 ORDER BY s.subject, b.occurred_at, b.id"""

_PURCHASES = """
SELECT p.external_id, p.occurred_at, p.id FROM accounts_purchase p
 WHERE p.member_id = %(member)s AND NOT p.refunded AND q.fact IN ('', p.external_id)
   AND p.occurred_at >= coalesce(q.since, '-infinity') AND p.occurred_at < coalesce(q.until, 'infinity')
   AND CASE WHEN q.field = '' THEN true WHEN q.value ~ '^-?[0-9]+$' THEN (
            SELECT CASE q.compare WHEN 'at_least' THEN left_over >= q.value::numeric ELSE left_over = q.value::numeric END
              FROM (SELECT p.paid_cents - coalesce(sum(r.amount_cents), 0) AS left_over FROM accounts_refund r
                     WHERE r.member_id = p.member_id AND r.purchase_id = p.id) paid)
            ELSE false END"""


def tallies(*, member_id: UUID, questions: Sequence[rules.Question]) -> list[rules.Tally]:
    """The answer to each question, in the order asked: one statement for behaviours and one for purchases, however many there are."""
    found = [rules.Tally()] * len(questions)
    for facts, asked in (
        (_BEHAVIOURS, [(n, one) for n, one in enumerate(questions) if one.kind != rules.PURCHASE]),
        (_PURCHASES, [(n, one) for n, one in enumerate(questions) if one.kind == rules.PURCHASE]),
    ):
        if asked:
            values: dict[str, Any] = {name: [getattr(one, name) for _n, one in asked] for name in rules.Question.__slots__}
            with connection.cursor() as cursor:
                cursor.execute(_TALLY.format(asked=_ASKED, facts=facts), {**values, "n": [n for n, _one in asked], "member": member_id})
                for n, *tally in cursor.fetchall():
                    found[n] = rules.Tally(tally[0], tally[1] or "", tally[2])
    return found


def happened_at(*, member_id: UUID, kind: str, external_id: str) -> datetime | None:
    """When that fact of the member's happened; None for one that is not recorded."""
    if kind == rules.PURCHASE:
        facts = Purchase.objects.filter(member_id=member_id, external_id=external_id)
    else:
        facts = Behaviour.objects.filter(member_id=member_id, kind=kind, external_id=external_id)
    return facts.values_list("occurred_at", flat=True).first()


# What is counted is found by the ids of its kind, which sort by the time they were recorded at: not before it happened, but for the
# clocks' difference. Where two members' facts have the same id, it means the first.
_RANKED = """
WITH counted AS (
    SELECT coalesce(amended, data) ->> %(field)s AS about, member_id FROM accounts_behaviour
     WHERE kind_id = %(counted)s AND id >= %(first_id)s AND occurred_at >= %(since)s AND occurred_at < %(until)s AND withdrawn_at IS NULL),
ranked AS (
    SELECT DISTINCT ON (external_id) id, member_id, external_id, occurred_at FROM accounts_behaviour
     WHERE kind_id = %(ranked)s AND withdrawn_at IS NULL AND external_id IN (SELECT about FROM counted)
     ORDER BY external_id, occurred_at, id),
standing AS (
    SELECT r.id, r.member_id, r.external_id, r.occurred_at, count(*) AS count FROM counted c
      JOIN ranked r ON r.external_id = c.about AND r.member_id <> c.member_id
     WHERE r.member_id <> ALL(%(without)s)
     GROUP BY r.id, r.member_id, r.external_id, r.occurred_at HAVING count(*) >= %(minimum)s),
best AS (SELECT *, row_number() OVER (PARTITION BY member_id ORDER BY count DESC, occurred_at, id) AS nth FROM standing)
SELECT b.member_id, m.external_id, b.external_id, b.count FROM best b
  JOIN accounts_member m ON m.id = b.member_id AND m.status = 'active'
 WHERE b.nth <= %(most_each)s ORDER BY b.count DESC, b.occurred_at, b.id LIMIT %(limit)s"""


def ranked(
    *,
    kind: str,
    counted: str,
    field: str,
    since: datetime,
    until: datetime,
    minimum: int = 1,
    most_each: int,
    without: Collection[UUID] = (),
    limit: int,
) -> list[rules.Ranked]:
    """The facts of `kind` that most facts of `counted` name in their `field`, those from `since` to before `until`; the most first.

    Equal counts: the fact that happened earlier is ahead. Withdrawn facts do not count, nor does what a member did about their own; closed
    members and those in `without` are left out; of one member at most `most_each`.
    """
    values = {"ranked": kind, "counted": counted, "field": field, "since": since, "until": until, "minimum": minimum, "most_each": most_each}
    values |= {"first_id": first_id_at(since - timedelta(days=1)), "without": list(without), "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_RANKED, values)
        return [rules.Ranked(*row) for row in cursor.fetchall()]


class Told(NamedTuple):
    """A fact of anybody's, in the order of time: a purchase with its refunds (when each counts, its id, what it says), or a behaviour."""

    at: datetime
    id: str
    member: str
    purchase: rules.Purchase | None = None
    refunds: Sequence[tuple[datetime, str, rules.Refund]] = ()
    behaviour: Behaviour | None = None


_WHOLE_PURCHASES = """
SELECT p.occurred_at, p.id, p.member_id, p.external_id, p.currency, p.paid_cents, p.shipping_cents, p.discounts, p.hold_ref, p.channel,
       (SELECT json_agg(json_build_array(l.external_id, l.sku, l.category, l.brand, l.quantity, l.amount_cents, l.cost_cents, l.paid_cents)
                        ORDER BY l.position)
          FROM accounts_purchaseline l WHERE l.member_id = p.member_id AND l.purchase_id = p.id),
       (SELECT json_agg(json_build_array(greatest(r.occurred_at, p.occurred_at), r.id, r.facts, r.amount_cents)
                        ORDER BY r.recorded_at, r.id)
          FROM accounts_refund r WHERE r.member_id = p.member_id AND r.purchase_id = p.id)
  FROM accounts_purchase p"""
_BOUGHT = f"{_WHOLE_PURCHASES} WHERE p.occurred_at >= %s AND p.occurred_at < %s AND (p.occurred_at, p.id) > (%s, %s) ORDER BY p.occurred_at, p.id LIMIT %s"
_BOUGHT_BY = f"{_WHOLE_PURCHASES} WHERE p.member_id = ANY(%s::uuid[]) ORDER BY p.occurred_at, p.id"

COUNTED_AT_MOST = 100_000
_FIRST_ID = "00000000-0000-0000-0000-000000000000"


def told(*, since: datetime, until: datetime, after: Mapping[str, Any], limit: int) -> tuple[list[Told], dict[str, Any], bool]:
    """What all members did from `since` up to, not with, `until`, in the order of time; withdrawn behaviours apart.

    A page of about `limit`, how far it came, to be given as `after` for the next one, and whether that was the last.
    """
    bought, bought_after = _bought(since, until, after.get("purchase"), limit)
    done, done_after = _done(since, until, after.get("behaviour"), limit)
    # Beyond the end of a full page of one kind nothing is told yet: what comes next of that kind may come before it.
    ends = [page[-1][:2] for page in (bought, done) if len(page) == limit]
    horizon = min(ends, default=None)
    page = sorted((one for one in (*bought, *done) if horizon is None or one[:2] <= horizon), key=lambda one: one[:2])
    following = dict(after)
    for name, found, end in (("purchase", bought, bought_after), ("behaviour", done, done_after)):
        kept = [one for one in found if horizon is None or one[:2] <= horizon]
        if kept:
            following[name] = end if len(kept) == len(found) else [kept[-1].at.isoformat(), kept[-1].id]
    return page, following, horizon is None


def all_of(*, member_ids: Collection[UUID], kinds: Collection[str]) -> list[Told]:
    """All that these members bought, and did of these kinds, in the order of time; withdrawn behaviours apart."""
    done = Behaviour.objects.filter(member_id__in=member_ids, kind__in=kinds, withdrawn_at=None) if kinds else ()
    found = [Told(row.occurred_at, str(row.id), str(row.member_id), behaviour=row) for row in done]
    return sorted([*_purchases(_BOUGHT_BY, [list(member_ids)]), *found], key=lambda one: one[:2])


def _purchases(statement: str, values: Sequence[Any]) -> list[Told]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    found = []
    for occurred_at, row_id, member, external_id, currency, paid, shipping, discounts, hold, channel, lines, refunds in rows:
        said = json.loads(discounts) if isinstance(discounts, str) else discounts
        made = tuple(rules.Line(*line) for line in lines or ())
        purchase = rules.Purchase(external_id, occurred_at, currency, paid, made, shipping, tuple(said), hold, channel)
        back = tuple((datetime.fromisoformat(when), refund, _refund(facts, refund, when, cents)) for when, refund, facts, cents in refunds or ())
        found.append(Told(occurred_at, str(row_id), str(member), purchase, back))
    return found


def _refund(facts: Mapping[str, Any], refund: str, when: str, cents: int) -> rules.Refund:
    """A refund as it was told; of somebody who was erased the figure is left."""
    return rules.refund_from_json(facts) if facts else rules.Refund(refund, datetime.fromisoformat(when), cents)


def _bought(since: datetime, until: datetime, after: Sequence[str] | None, limit: int) -> tuple[list[Told], Sequence[str] | None]:
    at, key = after or (since.isoformat(), _FIRST_ID)
    found = _purchases(_BOUGHT, [since, until, at, key, limit])
    return found, [found[-1].at.isoformat(), found[-1].id] if found else after


def _done(since: datetime, until: datetime, after: Sequence[str] | None, limit: int) -> tuple[list[Told], Sequence[str] | None]:
    at, key = after or (since.isoformat(), _FIRST_ID)
    rows = Behaviour.objects.filter(occurred_at__gte=since, occurred_at__lt=until, withdrawn_at=None).extra(
        where=["(occurred_at, id) > (%s, %s)"], params=[at, key]
    )
    found = [Told(row.occurred_at, str(row.id), str(row.member_id), behaviour=row) for row in rows.order_by("occurred_at", "id")[:limit]]
    return found, [found[-1].at.isoformat(), found[-1].id] if found else after


class Happened(NamedTuple):
    """That a fact of a kind happened to a member. `external_id` names it among the facts of its kind."""

    at: datetime
    id: UUID
    member: UUID
    external_id: str


def happened(*, kind: str, since: datetime, until: datetime, category: str = "", after: tuple[datetime, UUID] | None = None, limit: int) -> list[Happened]:
    """Facts of one kind (`purchase` or a behaviour) from `since` up to, not with, `until`, in the order of time, after the one named last.

    Withdrawn behaviours apart. `category`: of purchases, those with such a line.
    """
    at, key = after or (since, UUID(_FIRST_ID))
    if kind == "purchase":
        rows = Purchase.objects.filter(occurred_at__gte=since, occurred_at__lt=until)
        if category:
            rows = rows.filter(Exists(PurchaseLine.objects.filter(member_id=OuterRef("member_id"), purchase_id=OuterRef("id"), category=category)))
    else:
        rows = Behaviour.objects.filter(occurred_at__gte=since, occurred_at__lt=until, withdrawn_at=None, kind_id=kind)
    later = rows.extra(where=["(occurred_at, id) > (%s, %s)"], params=[at, key]).order_by("occurred_at", "id")
    return [Happened(*row) for row in later.values_list("occurred_at", "id", "member_id", "external_id")[:limit]]


def count_told(*, since: datetime, until: datetime) -> int:
    """How many facts `told` tells."""
    purchases = Purchase.objects.filter(occurred_at__gte=since, occurred_at__lt=until).count()
    return purchases + Behaviour.objects.filter(occurred_at__gte=since, occurred_at__lt=until, withdrawn_at=None).count()


class About(NamedTuple):
    """A number, and whether it is exact."""

    count: int
    exact: bool


def about_told(*, since: datetime, until: datetime) -> About:
    """How many facts `told` tells; of more than a hundred thousand purchases, or behaviours, as many as the database expects."""
    purchases = _about(Purchase.objects.filter(occurred_at__gte=since, occurred_at__lt=until))
    behaviours = _about(Behaviour.objects.filter(occurred_at__gte=since, occurred_at__lt=until, withdrawn_at=None))
    return About(purchases.count + behaviours.count, purchases.exact and behaviours.exact)


def _about(rows: QuerySet[Any]) -> About:
    counted = rows.order_by().values("id")[: COUNTED_AT_MOST + 1].count()
    if counted <= COUNTED_AT_MOST:
        return About(counted, True)
    expected = json.loads(rows.order_by().values("id").explain(format="json"))[0]["Plan"]["Plan Rows"]
    return About(max(counted, int(expected)), False)


_HISTORIES = """
SELECT p.member_id, count(*), max(p.occurred_at), NULL FROM accounts_purchase p
 WHERE p.member_id = ANY(%(members)s::uuid[]) AND p.occurred_at < %(before)s AND NOT p.refunded GROUP BY p.member_id"""

_LAST_BY_CATEGORIES = """
UNION ALL
SELECT p.member_id, 0, max(p.occurred_at), l.category FROM accounts_purchase p
  JOIN accounts_purchaseline l ON l.member_id = p.member_id AND l.purchase_id = p.id
 WHERE p.member_id = ANY(%(members)s::uuid[]) AND p.occurred_at < %(before)s AND p.occurred_at >= %(since)s AND NOT p.refunded AND l.category <> ''
 GROUP BY p.member_id, l.category"""


def histories(*, member_ids: Collection[UUID], before: datetime, days: int) -> dict[UUID, History]:
    """What these members had bought before an instant, those refunded completely apart; with the categories of so many days back. One statement."""
    values = {"members": [str(one) for one in member_ids], "before": before, "since": before - timedelta(days=days)}
    with connection.cursor() as cursor:
        cursor.execute(_HISTORIES + _LAST_BY_CATEGORIES if days else _HISTORIES, values)
        rows = cursor.fetchall()
    found = {UUID(str(member)): History(count, last, {}) for member, count, last, category in rows if category is None}
    for member, _count, last, category in rows:
        if category is not None:
            found[UUID(str(member))].last_by_category[category] = last
    return found


_BORN_ON = """
SELECT m.id FROM accounts_member m
 WHERE extract(month FROM m.birthday) = %(month)s AND extract(day FROM m.birthday) = ANY(%(days)s) AND m.status = 'active'
   AND m.registered_at < %(until)s AND extract(year FROM m.birthday) < %(year)s
   AND NOT EXISTS (SELECT FROM accounts_behaviour b WHERE b.member_id = m.id AND b.kind_id = 'birthday' AND b.external_id = %(key)s)
 ORDER BY m.id LIMIT %(limit)s"""


def born_on(*, day: date, limit: int) -> list[UUID]:
    """Registered, active members whose birthday that business day is, and of whom it was not told that year; at most `limit`.

    Who was born on 29 February celebrates on the 28th in other years. Nobody celebrates the day of their birth.
    """
    days = [28, 29] if (day.month, day.day) == (2, 28) and not calendar.isleap(day.year) else [day.day]
    until = end_of_day(day, ZoneInfo(programme.programme().zone))
    with connection.cursor() as cursor:
        cursor.execute(_BORN_ON, {"month": day.month, "days": days, "year": day.year, "key": str(day.year), "until": until, "limit": limit})
        return [UUID(str(row[0])) for row in cursor.fetchall()]


_BORN_IN = """
SELECT m.id, m.registered_at FROM accounts_member m
 WHERE extract(month FROM m.birthday) = %(month)s AND m.status = 'active' AND m.registered_at < %(until)s AND m.birthday < %(first)s
   AND NOT EXISTS (SELECT FROM accounts_behaviour b WHERE b.member_id = m.id AND b.kind_id = 'birthday' AND b.external_id = %(key)s)
 ORDER BY m.id LIMIT %(limit)s"""


def born_in(*, first: date, until: datetime, limit: int) -> list[tuple[UUID, datetime]]:
    """Active members who celebrate in the month that begins with `first`, with when they registered, which is before `until`.

    Left out are those of whom it was told that year, and those born in that very month. At most `limit`.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BORN_IN, {"month": first.month, "first": first, "key": str(first.year), "until": until, "limit": limit})
        return [(UUID(str(member)), registered_at) for member, registered_at in cursor.fetchall()]


def told_of(*, member_ids: Collection[UUID], kind: str, external_id: str) -> set[UUID]:
    """Of which of these members that fact was told, withdrawn or not."""
    return set(Behaviour.objects.filter(member_id__in=member_ids, kind_id=kind, external_id=external_id).values_list("member_id", flat=True))


def orders(*, member_ids: Collection[UUID], since: datetime, until: datetime) -> dict[UUID, int]:
    """How many purchases each of these members made from `since` up to, not with, `until`; completely refunded ones apart. Who made none is left out."""
    bought = Purchase.objects.filter(member_id__in=member_ids, occurred_at__gte=since, occurred_at__lt=until, refunded=False)
    return dict(bought.order_by().values("member_id").annotate(n=Count("id")).values_list("member_id", "n"))


_LAST_ACTIVE = """
SELECT m.id, greatest(
    (SELECT p.occurred_at FROM accounts_purchase p WHERE p.member_id = m.id AND p.occurred_at <= %(until)s ORDER BY p.occurred_at DESC LIMIT 1),
    (SELECT max(last.at) FROM unnest(%(kinds)s::text[]) k(kind) CROSS JOIN LATERAL (
        SELECT b.occurred_at AS at FROM accounts_behaviour b
         WHERE b.member_id = m.id AND b.kind_id = k.kind AND b.withdrawn_at IS NULL AND b.occurred_at <= %(until)s
         ORDER BY b.occurred_at DESC LIMIT 1) last))
  FROM unnest(%(members)s::uuid[]) m(id)"""


def last_active(*, member_ids: Collection[UUID], until: datetime) -> dict[UUID, datetime | None]:
    """When each of these members last bought anything or did anything of their own, up to and with `until`; None: never. One statement."""
    kinds = [code for code, kind in fact_kinds().items() if rules.own_doing(code, ours=kind.ours)]
    with connection.cursor() as cursor:
        cursor.execute(_LAST_ACTIVE, {"members": [str(one) for one in member_ids], "kinds": kinds, "until": until})
        return {UUID(str(member)): at for member, at in cursor.fetchall()}


_FIRST_ACTIVE = """
SELECT least(
    (SELECT min(p.occurred_at) FROM accounts_purchase p WHERE p.member_id = %(member)s AND p.occurred_at >= %(since)s),
    (SELECT min(b.occurred_at) FROM accounts_behaviour b
      WHERE b.member_id = %(member)s AND b.kind_id = ANY(%(kinds)s) AND b.withdrawn_at IS NULL AND b.occurred_at >= %(since)s))"""


def first_active(*, member_id: UUID, since: datetime) -> datetime | None:
    """When the member first bought or did anything from `since` on; None: not yet."""
    kinds = [code for code, kind in fact_kinds().items() if rules.own_doing(code, ours=kind.ours)]
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_ACTIVE, {"member": member_id, "kinds": kinds, "since": since})
        return cursor.fetchone()[0]


def done_by_both(*, member_ids: Collection[UUID]) -> list[FactKind]:
    """What counts once only, and each of these members did."""
    once = [kind.code for kind in fact_kinds().values() if kind.once == FactKind.Once.EVER]
    done = Behaviour.objects.filter(member_id__in=member_ids, kind_id__in=once, withdrawn_at=None).order_by()
    counted = done.values_list("kind_id").annotate(members=Count("member_id", distinct=True))
    return [fact_kinds()[code] for code, members in counted if members == len(set(member_ids))]


def told_ids(*, member_ids: Collection[UUID], names: Collection[str]) -> list[str]:
    """The storefront's ids of these members' purchases and refunds; also of refunds that named one of `names` and no purchase."""
    whose = {"member_id__in": member_ids}
    ids = [*Purchase.objects.filter(**whose).values_list("external_id", flat=True), *Refund.objects.filter(**whose).values_list("external_id", flat=True)]
    guests = GuestPurchase.objects.filter(claimed_by_id__in=member_ids).values_list("external_id", flat=True)
    return [*ids, *guests, *UnmatchedRefund.objects.filter(member_ref__in=names).values_list("external_id", flat=True)]
