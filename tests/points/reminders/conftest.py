from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.members import services as members
from accounts.notifications.models import Message
from loyalty.lib.localtime import end_of_day, local_date, start_of_day
from loyalty.programme.models import Programme
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Entry, Lot
from points.reconciliation import selectors as reconciliation
from points.reminders import services as reminders
from points.reminders.models import ExpiryNotice, ReminderTerms
from points.terms.models import Terms
from points.terms.rules import NEVER, ExpiryPolicy


class World:
    """Members with points, a clock that the test sets, and the jobs. It is eleven o'clock in Shanghai when a test begins."""

    def __init__(self) -> None:
        self.now = datetime(2025, 3, 10, 3, 0, tzinfo=UTC)
        self.keys = 0

    @property
    def zone(self):
        return Programme.current().zone_at(self.now)

    @property
    def today(self):
        return local_date(self.now, self.zone)

    def terms(self, **said: Any) -> None:
        ReminderTerms.objects.update_or_create(id=1, defaults=said)
        ReminderTerms._held.clear()

    def member(self, name: str = "M-1"):
        return members.ensure(external_id=name, now=self.now)

    def act(self, verb: Callable[..., Any], name: str = "M-1", **content: Any) -> Any:
        self.keys += 1
        return verb(**{"member_id": self.member(name).id, "actor": "tests", "key": f"key {self.keys}", "now": self.now, **content})

    def earn(self, points: int, days: int | None, name: str = "M-1", **more: Any) -> Entry:
        """Points that are good so many days after today."""
        policy = NEVER if days is None else ExpiryPolicy("days", days)
        return self.act(ledger.earn, name, points=points, policy=policy, source="purchase", **more)

    def end(self, days: int) -> datetime:
        """The first instant after the day that lies so many days ahead."""
        return end_of_day(self.today + timedelta(days=days), self.zone)

    def pass_days(self, days: int, hour: int = 11) -> None:
        day = self.today + timedelta(days=days)
        self.now = datetime(day.year, day.month, day.day, hour, tzinfo=self.zone).astimezone(UTC)

    def remind(self, **more: Any) -> dict[str, int]:
        done: dict[str, int] = {}
        for counts in reminders.remind(**{"now": self.now, **more}):
            for name, count in counts.items():
                done[name] = done.get(name, 0) + count
        return done

    def sweep(self) -> None:
        """The sweep of this day's first minutes."""
        while ledger.expire_due(actor="sweep", now=start_of_day(self.today, self.zone) + timedelta(minutes=2)):
            pass

    def messages(self, name: str = "M-1") -> list[Message]:
        return list(Message.objects.filter(member_id=self.member(name).id, kind_id__in=["points_expiring", "points_expired"]).order_by("created_at"))

    def told(self, name: str = "M-1") -> list[tuple[str, int, int]]:
        """Of each message to that member: its day, the points it says expire, and those that have."""
        return [(one.key.removeprefix("expiry/2025-"), one.about["points"], one.about["expired_points"]) for one in self.messages(name)]

    def steps(self, name: str = "M-1") -> list[int]:
        return list(ExpiryNotice.objects.filter(member_id=self.member(name).id).order_by("id").values_list("step", flat=True))

    def hand_over(self, name: str = "M-1") -> None:
        """The sender hands the last message to the member's e-mail now."""
        reminders.mark_handed_over(member_id=self.member(name).id, key=self.messages(name)[-1].key, at=self.now, now=self.now)

    def lot(self, entry: Entry) -> Lot:
        return Lot.objects.get(member_id=entry.member_id, entry_id=entry.id)

    def kinds(self, name: str = "M-1") -> list[str]:
        return list(Entry.objects.filter(member_id=self.member(name).id).order_by("seq").values_list("kind", flat=True))

    def available(self, name: str = "M-1") -> int:
        return books.balance(member_id=self.member(name).id, now=self.now).available


@pytest.fixture
def world(db):
    Terms.objects.create()
    yield World()
    assert [str(breach) for breach in reconciliation.breaches()] == []
