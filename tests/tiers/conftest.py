from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.together import at_once
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
def together() -> Callable[..., list[Any]]:
    """Do them all at the same time, each on a connection of its own; what each gave."""
    return partial(at_once, caught=())
