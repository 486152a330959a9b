"""Feeding rows to the verbs. See the package's essay for what always holds."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.activity import rules as facts
from accounts.activity import selectors as activity
from accounts.members import selectors as members_seen
from accounts.members import services as members
from loyalty.lib.localtime import end_of_day, local_date
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from loyalty.programme import services as programme_verbs
from mall.checkout import services as checkout
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.rulebook import selectors as rulebook
from points.rulebook import services as publishing
from points.rulebook.rules import ONE, Definition, Effect
from points.terms import selectors as terms
from points.terms.rules import NEVER, ExpiryPolicy

from . import rules
from .rules import BadRow, Row

ACTOR = "replay"
CHUNK = 100

# A line's number in the file, with the row it holds or why it holds none.
Numbered = tuple[int, Row | BadRow]


class Conditions(NamedTuple):
    """What a replay goes by. `policy` None: points expire by the programme's terms, if `terms_set`. `currency` empty: the file's."""

    policy: ExpiryPolicy | None
    terms_set: bool
    zone: ZoneInfo
    currency: str = ""
    park_unknown: bool = True
    shift: timedelta = timedelta(0)


class Step(NamedTuple):
    """What has become of some rows: how many of each outcome, which were refused and why, and what time the replay has reached."""

    counts: Counter[str]
    refused: Sequence[tuple[int, str]]
    reached: datetime | None


class _Fact(NamedTuple):
    """A row of a member's that can be booked."""

    line: int
    row: Row
    fact: facts.Purchase | facts.Refund


@transaction.atomic(savepoint=False)
def conditions(
    *,
    points_per_unit: Decimal | None = None,
    expire_months: int | None = None,
    zone: str = "",
    currency: str = "",
    park_unknown: bool = True,
    shift: timedelta = timedelta(0),
    now: datetime,
) -> Conditions:
    """What a replay with these wishes goes by; what is not wished for is the programme's.

    A rate other than that of the rule in force is published as a new version. Where no rule was ever published it is 1, and where no
    terms were ever set, points never expire. Refuses: RateInvalid.
    """
    if points_per_unit is None and not rulebook.anything_published():
        points_per_unit = Decimal(1)
    if points_per_unit is not None:
        wanted = Effect("per_unit", rate=int(points_per_unit * ONE))
        rule = rulebook.in_force(at=now)
        if rule is None or rule.said != Definition(effect=wanted):
            publishing.publish_formula(points_per_unit=points_per_unit, categories={}, effective_from=rules.EARLIEST, actor=ACTOR, now=now)
    if expire_months is not None:
        policy: ExpiryPolicy | None = ExpiryPolicy("months", expire_months, zone=zone)
    elif not terms.are_set():
        policy = NEVER
    else:
        policy = replace(terms.terms().policy, zone=zone) if zone else None
    return Conditions(policy, terms.are_set(), ZoneInfo(zone) if zone else programme.zone(now=now), currency, park_unknown, shift)


def replay(*, rows: Iterable[Numbered], by: Conditions, until: datetime | None = None) -> Iterator[Step]:
    """Feed rows, in their order, each at its own time, with every night they pass; expiry is booked to the last one, or to `until`.

    Each step was committed when it is given. Running the same rows again changes nothing.
    """
    currency = _Currency(by.currency)
    reached: datetime | None = None
    for chunk in _chunks(rows, by):
        counts, refused, batch = Counter(rows=len(chunk)), [], []
        at = max((row.occurred_at for _line, row in chunk if isinstance(row, Row)), default=None)
        if at and reached:
            for midnight in rules.nights(reached, at, by.zone):
                _pass_night(midnight)
        reached = max(filter(None, (at, reached)), default=None)
        for line, row in chunk:
            if isinstance(row, BadRow):
                refused.append((line, str(row)))
            elif row.is_guest:
                counts["guests"] += 1
            elif row.is_refund and not row.refers_to and not by.park_unknown:
                counts["skipped"] += 1
            else:
                try:
                    batch.append(_Fact(line, row, currency.fact(row)))
                except (BadRow, BusinessError) as reason:
                    refused.append((line, _sentence(reason)))
        for one, outcome in _book(batch, by):
            if isinstance(outcome, str):
                counts[outcome] += 1
            else:
                refused.append((one.line, _sentence(outcome)))
        counts["bad"] = len(refused)
        yield Step(counts, sorted(refused), reached)
    if end := max(filter(None, (reached, until)), default=None):
        _pass_night(end)


def _chunks(rows: Iterable[Numbered], by: Conditions) -> Iterator[list[Numbered]]:
    """The rows in chunks, moved to their time, none across a local midnight."""
    chunk: list[Numbered] = []
    midnight: datetime | None = None
    for line, row in rows:
        if isinstance(row, Row):
            row = replace(row, occurred_at=row.occurred_at + by.shift)
            if midnight is None or row.occurred_at >= midnight:
                if chunk:
                    yield chunk
                    chunk = []
                midnight = end_of_day(local_date(row.occurred_at, by.zone), by.zone)
        chunk.append((line, row))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Currency:
    """The currency of a file: that of the first row which is accepted; `taken_as` renames it."""

    def __init__(self, taken_as: str) -> None:
        self.taken_as = taken_as
        self.of_file: str | None = None

    def fact(self, row: Row) -> facts.Purchase | facts.Refund:
        """What the row says, in the programme's currency, which is fixed with the first. Raises BadRow. Refuses: CurrencyMismatch."""
        if row.currency != (self.of_file or row.currency):
            raise BadRow(f"currency {row.currency!r} in a file of {self.of_file}")
        currency = self.taken_as or row.currency
        if not currency:
            raise BadRow("no currency")
        fact = (rules.refund if row.is_refund else rules.purchase)(row, currency, row.occurred_at)
        if self.of_file is None:
            try:
                with transaction.atomic():
                    programme_verbs.fix_currency(currency=currency)
            except ValidationError as invalid:
                raise BadRow(f"currency {currency!r} is not one of ISO 4217") from invalid
            self.of_file = row.currency
        return fact


def _book(batch: Sequence[_Fact], by: Conditions) -> list[tuple[_Fact, str | BusinessError]]:
    """Book what is new in a batch, in one transaction, or, where anything in it refuses, each row in its own."""
    outcomes: list[tuple[_Fact, str | BusinessError]] = []
    # The verbs would find it out one by one: that makes a second run several times as long.
    recorded = activity.recorded(external_ids=[one.fact.id for one in batch if isinstance(one.fact, facts.Purchase)])
    new = []
    for one in batch:
        if isinstance(one.fact, facts.Purchase) and one.fact.id in recorded and recorded[one.fact.id] == (one.row.customer_id, facts.digest(one.fact)):
            outcomes.append((one, "repeated"))
        else:
            new.append(one)
    if not new:
        return outcomes
    try:
        outcomes += zip(new, _book_together(new, by), strict=True)
    except BusinessError:
        for one in new:
            try:
                outcomes.append((one, *_book_together([one], by)))
            except BusinessError as refusal:
                outcomes.append((one, refusal))
    return outcomes


@transaction.atomic
def _book_together(batch: Sequence[_Fact], by: Conditions) -> list[str]:
    buyers = {one.row.customer_id for one in batch if not one.row.is_refund}
    ids = members.ensure_all(external_ids=buyers, now=batch[0].row.occurred_at)
    others = members_seen.ids_of({one.row.customer_id for one in batch} - buyers)
    ledger.lock_all(member_ids=[*ids.values(), *others.values()])
    return [_refund(one) if isinstance(one.fact, facts.Refund) else _pay(one, ids, by) for one in batch]


def _pay(one: _Fact, ids: dict[str, UUID], by: Conditions) -> str:
    now = one.row.occurred_at
    paid = checkout.pay(member_id=ids[one.row.customer_id], facts=one.fact, policy=by.policy, actor=ACTOR, now=now)
    return "repeated" if paid.replayed else "purchases"


def _refund(one: _Fact) -> str:
    purchase_ref, member_ref, now = one.row.refers_to, one.row.customer_id, one.row.occurred_at
    before = activity.unmatched(purchase_ref=purchase_ref, external_id=one.fact.id)
    if not purchase_ref:
        checkout.park_refund(facts=one.fact, member_ref=member_ref, actor=ACTOR, now=now)
        return "repeated" if before else "parked"
    done = checkout.refund(purchase_ref=purchase_ref, facts=one.fact, member_ref=member_ref, actor=ACTOR, now=now)
    if before or done.replayed:
        return "repeated"
    return "refunds" if done.settlement else "waiting"


def _pass_night(midnight: datetime) -> None:
    """What the jobs do in a night. Each of them goes on until nothing is left that can be done."""
    if not books.anything_due(now=midnight):
        return
    while ledger.release_overdue(actor=ACTOR, now=midnight)["members"]:
        pass
    while ledger.mature_due(actor=ACTOR, now=midnight)["lots"]:
        pass
    while ledger.expire_due(actor=ACTOR, now=midnight):
        pass


def _sentence(reason: BadRow | BusinessError) -> str:
    if isinstance(reason, BadRow):
        return str(reason)
    figures = ", ".join(f"{name} {figure}" for name, figure in reason.figures.items())
    return f"{reason.message} ({figures})" if figures else reason.message
