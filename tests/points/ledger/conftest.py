from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from points.ledger import selectors
from points.ledger import services as ledger
from points.ledger.models import Account, Entry, Hold, Lot, Source
from points.reconciliation import selectors as reconciliation
from points.terms.models import Terms
from points.terms.rules import ExpiryPolicy

NEVER = ExpiryPolicy("never")


def days(number: int) -> ExpiryPolicy:
    return ExpiryPolicy("days", number)


class Desk:
    """The verbs for one member: keys and actor filled in, and a clock that the test sets. It is noon in Shanghai when a test begins."""

    keys = count(1)

    def __init__(self, member) -> None:
        self.member, self.id = member, member.id
        self.now = datetime(2025, 3, 10, 4, 0, tzinfo=UTC)

    def later(self, **span) -> datetime:
        self.now += timedelta(**span)
        return self.now

    def midnight(self, in_days: int) -> datetime:
        """The first instant after the local day that lies so many days ahead: when `days(in_days)` given today ends."""
        return (self.now + timedelta(hours=8)).replace(hour=0, minute=0) + timedelta(days=in_days + 1) - timedelta(hours=8)

    def ask(self, verb, **content):
        return verb(**{"member_id": self.id, "actor": "tests", "key": f"key {next(self.keys)}", "now": self.now, **content})

    def earn(self, points, policy=NEVER, **more):
        return self.ask(ledger.earn, points=points, policy=policy, **{"source": Source.PURCHASE, **more})

    def mature(self, entry, **more):
        return self.ask(ledger.mature, entry_id=entry.id, **more)

    def spend(self, points, **more):
        return self.ask(ledger.spend, points=points, **more)

    def hold(self, points, *, lasts=timedelta(hours=1), **more):
        return self.ask(ledger.hold, points=points, **{"expires_at": self.now + lasts, **more})

    def capture(self, hold, points=None, **more):
        return self.ask(ledger.capture, hold_id=hold.id, points=points, **more)

    def release(self, hold, **more):
        return self.ask(ledger.release, hold_id=hold.id, **more)

    def restore(self, entry, points, **more):
        return self.ask(ledger.restore, entry_id=entry.id, points=points, **more)

    def clawback(self, entry, points, **more):
        return self.ask(ledger.clawback, entry_id=entry.id, points=points, **more)

    def adjust(self, points, **more):
        return self.ask(ledger.adjust, points=points, **{"reason": "sample", **more})

    def forfeit(self, points, **more):
        return self.ask(ledger.forfeit, points=points, **{"reason": "sample", **more})

    def postpone(self, *entries, to, **more):
        return self.ask(ledger.postpone, lot_ids=[self.lot(entry).id for entry in entries], **{"expires_at": to, "reason": "sample", **more})

    def transfer(self, to, points, **more):
        return self.ask(ledger.transfer, to_member_id=to.id, points=points, **more)

    def freeze(self, **more):
        return self.ask(ledger.freeze, **{"reason": "sample", **more})

    def unfreeze(self, **more):
        return self.ask(ledger.unfreeze, **{"reason": "sample", **more})

    def sweep(self):
        ledger.expire(member_id=self.id, actor="sweep", now=self.now)

    @property
    def buckets(self) -> tuple[int, int, int, int]:
        """Available, held, pending and debt as they are read."""
        return tuple(selectors.balance(member_id=self.id, now=self.now))

    @property
    def stored(self) -> tuple[int, int, int, int]:
        """Available, held, pending and debt as the account's row has them."""
        return Account.objects.values_list("available", "held", "pending", "debt").get(member_id=self.id)

    @property
    def kinds(self) -> list[str]:
        return list(Entry.objects.filter(member_id=self.id).order_by("seq").values_list("kind", flat=True))

    def last(self, kind: str) -> Entry:
        return Entry.objects.filter(member_id=self.id, kind=kind).latest("seq")

    def lot(self, entry) -> Lot:
        return Lot.objects.get(member_id=self.id, entry_id=entry.id)

    def left(self, *entries) -> list[int]:
        """What remains of the lots of these earnings."""
        return [self.lot(entry).remaining for entry in entries]

    def status(self, hold) -> str:
        return Hold.objects.get(member_id=self.id, id=hold.id).status

    def taken(self, entry) -> dict[str, int]:
        """What an entry took from the lots of which entries, by those entries' keys."""
        return {lot.entry.key: points for lot, points in ((a.lot, a.points) for a in entry.allocations.select_related("lot__entry"))}


@pytest.fixture
def terms(db) -> Terms:
    """The programme's terms, as an operator has saved them: a year, no grace."""
    return Terms.objects.create()


@pytest.fixture
def desk(member, terms):
    yield Desk(member)
    assert [str(breach) for breach in reconciliation.breaches()] == []


@pytest.fixture
def other(other_member, desk) -> Desk:
    return Desk(other_member)
