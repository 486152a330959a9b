from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from accounts.activity import services as activity
from accounts.activity.models import Behaviour
from accounts.members import services as members
from points.boards.models import Board
from points.ledger import services as ledger
from points.rulebook import services as rulebook
from points.rulebook.rules import Definition, Effect

# Noon in Shanghai in the middle of March, the month that the tests count.
NOON = datetime(2024, 3, 15, 4, tzinfo=UTC)
_ids = count(1)


@pytest.fixture
def board(db) -> Board:
    return Board.objects.create(code="top-reviews", name_zh="人气评价榜", name_en="Best reviews", places=3, starts_on=date(2024, 3, 1))


@pytest.fixture
def tell(db) -> Callable[..., Behaviour]:
    """A fact of the storefront's about the member of that name."""

    def make(who: str, kind: str, data: dict[str, Any], *, external_id: str = "", occurred_at: datetime = NOON) -> Behaviour:
        member = members.ensure(external_id=who, now=NOON)
        ledger.lock(member_id=member.id)
        told = {"kind": kind, "external_id": external_id or f"E-{next(_ids)}", "data": data, "occurred_at": occurred_at}
        return activity.record_behaviour(member_id=member.id, **told, ours=False, now=occurred_at).behaviour

    return make


@pytest.fixture
def review(tell) -> Callable[..., Behaviour]:
    """A review by that member, with so many likes of others."""

    def make(who: str, name: str, likes: int = 0, *, occurred_at: datetime = NOON - timedelta(days=1), liked_at: datetime = NOON) -> Behaviour:
        made = tell(who, "reviewed", {"purchase": f"P-{name}", "line": "1", "pictures": 1}, external_id=name, occurred_at=occurred_at)
        for n in range(likes):
            tell(f"fan {n}", "liked", {"subject": name}, occurred_at=liked_at)
        return made

    return make


@pytest.fixture
def places_give_points(db, now) -> None:
    """200 points a place."""
    names = {"code": "boards", "fact": "board_placed", "name_zh": "上榜", "name_en": "Boards"}
    draft = rulebook.make(**names, definition=Definition(effect=Effect(points=200)), actor="tests", now=now)
    rulebook.publish(version_id=draft.id, ever=True, actor="tests", now=now)


@pytest.fixture
def browser(db) -> Callable[..., Client]:
    """A browser in which an operator with these permissions besides seeing is logged in, reading English."""

    def enter(*codenames: str, name: str = "sample") -> Client:
        user = User.objects.create_user(name, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=("view_board", "view_boardperiod", "view_boardresult", *codenames)))
        client = Client(headers={"accept-language": "en"})
        client.force_login(user)
        return client

    return enter
