from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from points.cards import services as cards
from points.cards.models import Card, CardKind

NOON = datetime(2026, 11, 3, 4, tzinfo=UTC)  # noon in Shanghai


@pytest.fixture
def double(db) -> CardKind:
    return CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double points", use="multiplier", factor_percent=200, valid_days=30)


@pytest.fixture
def make_up_card(db) -> CardKind:
    return CardKind.objects.create(code="make-up", name_zh="补签卡", name_en="Make-up card", use="make_up")


@pytest.fixture
def granted(member) -> Callable[..., list[Card]]:
    """Cards of the sample member, by the verb."""

    def grant(kind: CardKind, count: int = 1, key: str = "sample", now: datetime = NOON, subject: str = "") -> list[Card]:
        return cards.grant(member_id=member.id, kind=kind.code, count=count, subject=subject, actor="tests", key=key, now=now)

    return grant
