from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User

from points.adjustments.models import AdjustmentLimit
from points.ledger import services as ledger
from points.terms.rules import NEVER


@pytest.fixture
def operator(db) -> Callable[..., User]:
    """An operator; with `limit`, in a role that may move so many points alone: (per adjustment, per day)."""

    def make(name: str = "maker", limit: tuple[int, int] | None = None, superuser: bool = False) -> User:
        user = User.objects.create_user(username=name, is_staff=True, is_superuser=superuser)
        if limit:
            group = Group.objects.create(name=f"role of {name}")
            AdjustmentLimit.objects.create(group=group, per_adjustment=limit[0], per_day=limit[1])
            user.groups.add(group)
        return user

    return make


@pytest.fixture
def with_points(member, now) -> Callable[[int], None]:
    """Give the sample member points, an hour ago."""

    def give(points: int) -> None:
        earlier = now - timedelta(hours=1)
        ledger.earn(member_id=member.id, points=points, source="campaign", policy=NEVER, occurred_at=earlier, actor="tests", key=f"gift/{uuid4()}", now=earlier)

    return give
