"""A pool, and codes in it."""

import pytest

from mall.codes import services
from mall.codes.models import Code, CodePool


class Pool:
    def __init__(self, mall):
        self.mall = mall
        self.row = services.keep(
            pool=CodePool(code="video", name_zh="视频月卡", name_en="Video month", text_en="Enter it.", text_zh="输入"), actor="tests", now=mall.now
        )

    def fill(self, *values, pool="video"):
        """Take in these codes; one with a last day is written `code,2026-12-31`."""
        content = "\n".join(["code,expires_on", *values]).encode()
        return services.take_in(pool=pool, content=content, file_name="codes.csv", actor="tests", now=self.mall.now)

    def codes(self, **which):
        return sorted(Code.objects.filter(pool_id="video", **which).values_list("value", flat=True))


@pytest.fixture
def pool(mall):
    return Pool(mall)


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


@pytest.fixture
def reward(mall, pool):
    """A code for 100 points."""
    return mall.reward("video-month", kind="code", item="video", stock=None)
