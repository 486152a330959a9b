import pytest

from points.adjustments.rules import NOTHING, Effect, Limit, effect, widest, within


@pytest.mark.parametrize(
    ("points", "limit", "alone"),
    [
        (1, Limit(0, 0), False),
        (100, Limit(100, 1000), True),
        (101, Limit(100, 1000), False),
        (-100, Limit(100, 1000), True),
        (-101, Limit(100, 1000), False),
        (100, Limit(500, 99), False),
        (0, Limit(100, 100), False),
    ],
)
def test_the_limit_counts_points_in_either_direction(points, limit, alone):
    assert within(points, limit) is alone


def test_an_operator_with_several_roles_has_the_widest_limit():
    assert widest([Limit(100, 1000), Limit(50, 5000)]) == Limit(100, 5000)


def test_an_operator_without_a_limit_may_move_nothing_alone():
    assert widest([]) == NOTHING


@pytest.mark.parametrize(
    ("available", "debt", "points", "after"),
    [
        (100, 0, 50, Effect(150, 0)),
        (100, 0, -50, Effect(50, 0)),
        (100, 0, -100, Effect(0, 0)),
        (100, 0, -101, Effect(-1, 0)),
        (0, 30, 50, Effect(20, 0)),
        (0, 80, 50, Effect(0, 30)),
        (0, 50, 50, Effect(0, 0)),
    ],
)
def test_what_is_given_settles_what_is_owed_first(available, debt, points, after):
    assert effect(available=available, debt=debt, points=points) == after
