"""When members hold too many points, and by how much."""

import pytest

from mall.markdowns import rules


@pytest.mark.parametrize(
    ("outstanding", "due", "percent"),
    [(0, False, 0), (1_000, False, 0), (1_001, False, 0), (1_199, False, 19), (1_200, True, 20), (1_201, True, 20), (3_000, True, 200)],
)
def test_it_is_due_from_the_excess_on(outstanding, due, percent):
    assert rules.due(outstanding=outstanding, budget=1_000, excess=20) is due
    assert rules.excess_percent(outstanding=outstanding, budget=1_000) == percent


@pytest.mark.parametrize("outstanding", [0, 1, 10**12])
def test_without_a_plan_nothing_is_ever_due(outstanding):
    assert not rules.due(outstanding=outstanding, budget=0, excess=20)


@pytest.mark.parametrize(("outstanding", "due"), [(1_000, False), (1_001, True)])
def test_without_an_excess_it_is_due_above_the_plan(outstanding, due):
    assert rules.due(outstanding=outstanding, budget=1_000, excess=0) is due
