import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiers.ladder.rules import Step, next_above, place, times

BRONZE, SILVER, GOLD = Step("bronze", 10), Step("silver", 20), Step("gold", 30)


def off(step):
    return Step(step.code, step.rank, active=False)


@pytest.mark.parametrize(
    ("ladder", "put", "counts"),
    [
        ([], None, None),
        ([], "gold", None),
        ([off(BRONZE)], "bronze", None),
        ([BRONZE, SILVER, GOLD], None, "bronze"),
        ([GOLD, BRONZE, SILVER], None, "bronze"),
        ([BRONZE, SILVER, GOLD], "silver", "silver"),
        ([BRONZE, SILVER, GOLD], "unheard-of", "bronze"),
        ([BRONZE, off(SILVER), GOLD], "silver", "bronze"),
        ([BRONZE, off(SILVER), GOLD], "gold", "gold"),
        ([BRONZE, SILVER, off(GOLD)], "gold", "silver"),
        ([off(BRONZE), SILVER, GOLD], "bronze", "silver"),
        ([off(BRONZE), SILVER, GOLD], None, "silver"),
        ([off(BRONZE), off(SILVER), GOLD], "silver", "gold"),
    ],
)
def test_the_tier_that_counts(ladder, put, counts):
    found = place(ladder, put)
    assert (found and found.code) == counts


@pytest.mark.parametrize(
    ("ladder", "step", "above"),
    [
        ([BRONZE, SILVER, GOLD], BRONZE, SILVER),
        ([GOLD, SILVER, BRONZE], BRONZE, SILVER),
        ([BRONZE, off(SILVER), GOLD], BRONZE, GOLD),
        ([BRONZE, SILVER, GOLD], GOLD, None),
        ([BRONZE, SILVER, off(GOLD)], SILVER, None),
        ([], None, None),
    ],
)
def test_the_next_tier_up(ladder, step, above):
    assert next_above(ladder, step) == above


@pytest.mark.parametrize(
    ("bps", "written"), [(10_000, "1"), (12_000, "1.2"), (15_000, "1.5"), (12_345, "1.2345"), (1_000, "0.1"), (1_000_000, "100"), (200_000, "20")]
)
def test_a_multiplier_is_written_as_people_write_it(bps, written):
    assert times(bps) == written


STEPS = st.lists(st.builds(Step, code=st.text(min_size=1), rank=st.integers(0, 50), active=st.booleans()), unique_by=(lambda s: s.rank, lambda s: s.code))


@given(STEPS, st.randoms())
def test_somebody_counts_somewhere_as_long_as_a_tier_is_active_and_never_above_where_they_were_put_unless_there_is_nothing_below(ladder, random):
    put = random.choice(ladder) if ladder else None
    found = place(ladder, put and put.code)
    assert (found is None) == (not any(step.active for step in ladder))
    if found:
        assert found.active
        assert found.rank <= put.rank or not any(step.active and step.rank <= put.rank for step in ladder)
