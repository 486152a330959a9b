from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, connections

from tiers.ladder import services as ladder
from tiers.ladder.models import Tier


@pytest.fixture
def tier(db, now) -> Callable[..., Tier]:
    """Make a tier, or change it."""

    def keep(code: str, rank: int, multiplier_bps: int = 10_000, **more) -> Tier:
        names = {"name_zh": f"{code}会员", "name_en": code.capitalize()}
        return ladder.keep(code=code, rank=rank, multiplier_bps=multiplier_bps, **{**names, **more}, actor="tests", now=now)

    return keep


@pytest.fixture
def tiers(tier) -> list[Tier]:
    """Bronze, silver and gold."""
    return [tier("bronze", 10), tier("silver", 20, 12_000), tier("gold", 30, 15_000)]


@pytest.fixture
def operator(client, db) -> Callable[..., User]:
    """Log in an operator with these permissions, in English."""

    def enter(*codenames: str) -> User:
        user = User.objects.create_user("sample", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        return user

    return enter


@pytest.fixture
def together() -> Callable[..., list[Any]]:
    """Do them all at the same time, each on a connection of its own; what each gave."""

    def run_all(*acts: Callable[[], Any]) -> list[Any]:
        barrier = Barrier(len(acts))

        def run(act: Callable[[], Any]) -> Any:
            try:
                connection.ensure_connection()
                barrier.wait(30)
                return act()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(acts)) as pool:
            return list(pool.map(run, acts))

    return run_all
