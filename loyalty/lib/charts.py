"""A bar chart's arithmetic. Pure."""

from collections.abc import Sequence
from typing import NamedTuple


class Bar(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    label: str
    value: int


class Chart(NamedTuple):
    """Bars in groups, for an SVG of `width` × `height`: one list of bars a series, marks on the axis, and where each group's name stands."""

    width: int
    height: int
    series: list[list[Bar]]
    marks: list[tuple[float, int]]
    names: list[tuple[float, str]]


LEFT, TOP, BOTTOM, PLOT_WIDTH, PLOT_HEIGHT = 64, 8, 22, 720, 190


def chart(groups: Sequence[str], series: Sequence[Sequence[int]]) -> Chart:
    """Place one bar for each series in each group; the tallest bar fills the plot up to a round mark."""
    top = round_up(max((value for values in series for value in values), default=0))
    slot = PLOT_WIDTH / max(len(groups), 1)
    bar = slot * 0.8 / max(len(series), 1)
    drawn = [
        [
            Bar(
                round(LEFT + slot * i + slot * 0.1 + bar * s, 1),
                round(TOP + PLOT_HEIGHT * (1 - value / top), 1),
                round(bar * 0.9, 1),
                round(PLOT_HEIGHT * value / top, 1),
                name,
                value,
            )
            for i, (name, value) in enumerate(zip(groups, values, strict=True))
        ]
        for s, values in enumerate(series)
    ]
    marks = [(round(TOP + PLOT_HEIGHT * (1 - part / 4), 1), top * part // 4) for part in range(5)]
    names = [(round(LEFT + slot * (i + 0.5), 1), name) for i, name in enumerate(groups)]
    return Chart(LEFT + PLOT_WIDTH, TOP + PLOT_HEIGHT + BOTTOM, drawn, marks, names)


def round_up(value: int) -> int:
    """The next 4, 8, 12, 20, 40, 80 … at or above: a quarter of it is a whole number that reads well."""
    step = 1
    while True:
        for unit in (4, 8, 12, 20):
            if unit * step >= value:
                return unit * step
        step *= 10
