import pytest

from loyalty.lib.charts import chart, round_up


@pytest.mark.parametrize(("value", "top"), [(0, 4), (4, 4), (5, 8), (12, 12), (13, 20), (21, 40), (81, 120), (1527, 2000), (999_999, 1_200_000)])
def test_the_axis_ends_at_a_round_number(value, top):
    assert round_up(value) == top


def test_a_bar_is_as_high_as_its_part_of_the_axis():
    drawn = chart(["mon", "tue"], [[0, 10], [20, 5]])
    heights = [[bar.height for bar in bars] for bars in drawn.series]
    assert heights == [[0, 95], [190, 47.5]]
    assert [mark for _y, mark in drawn.marks] == [0, 5, 10, 15, 20]


def test_a_chart_of_nothing_is_flat():
    assert all(bar.height == 0 for bars in chart(["mon"], [[0]]).series for bar in bars)
