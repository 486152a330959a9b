"""The night looks at everybody: rises that were missed, and quintiles of real distributions."""

from datetime import timedelta

import pytest

from accounts.members import services as members
from tiers.evaluation import rules, selectors, services
from tiers.evaluation.models import CutPoints, Night, Score
from tiers.standing.models import Standing

from .conftest import NOON


@pytest.fixture
def crowd(ladder_of, someone):
    """Twenty members; number n has spent n times 100."""
    worlds = [someone() for _ in range(20)]
    for number, world in enumerate(worlds, 1):
        world.buy(number * 100)
    return worlds


def all_night(now, limit=7):
    looked = []
    while True:
        looked.append(services.look_at_slice(limit=limit, now=now))
        if looked[-1].over:
            return sum(one.members for one in looked), sum(one.moved for one in looked)


def test_who_reaches_more_since_the_ladder_changed_is_lifted_at_night(crowd, ladder_of):
    assert Standing.objects.count() == 11
    ladder_of(silver=500, gold=1_500)
    assert all_night(NOON) == (20, 11)
    assert [world.tier for world in crowd] == ["bronze"] * 4 + ["silver"] * 10 + ["gold"] * 6


def test_one_night_looks_at_everybody_once_and_then_rests_until_the_next(crowd, ladder_of):
    assert all_night(NOON) == (20, 0)
    ladder_of(silver=1)
    assert services.look_at_slice(now=NOON + timedelta(hours=11)) == (0, 0, True)
    assert all_night(NOON + timedelta(hours=12)) == (20, 9)


def test_a_night_that_was_cut_short_is_gone_on_with(crowd, ladder_of):
    ladder_of(silver=100)
    services.look_at_slice(limit=15, now=NOON)
    night = Night.objects.get()
    assert (night.looked_at, night.moved, night.finished_at) == (15, 9, None)
    assert selectors.count_left(now=NOON) == 5
    all_night(NOON)
    night.refresh_from_db()
    assert (night.looked_at, night.moved, night.finished_at) == (20, 9, NOON)


def test_nobody_is_put_lower_at_night(crowd, ladder_of):
    ladder_of(silver=10**6, gold=10**7, diamond=10**8)
    assert all_night(NOON) == (20, 0)


def test_a_closed_member_is_not_looked_at(crowd, ladder_of):
    members.close(member_id=crowd[-1].member.id)
    assert all_night(NOON) == (19, 0)


def test_an_upgrade_of_the_night_rests_on_growth_like_any_other(world, ladder_of):
    ladder_of(silver=2_000)
    number = world.buy(1_500)
    ladder_of()
    all_night(world.now)
    assert world.tier == "silver"
    world.refund(number)
    assert world.tier == "bronze"


class TestQuintiles:
    @pytest.fixture
    def by_quintiles(self, policy, ladder_of):
        ladder_of(silver=200, gold=300, diamond=400)
        policy(mode="rfm_ltv", recency_weight=0, frequency_weight=0, monetary_weight=1, lifetime_weight=0)

    def test_each_fifth_of_the_buyers_has_its_score(self, crowd, by_quintiles, policy):
        assert all_night(NOON)[0] == 20
        row = CutPoints.objects.get()
        assert (row.members, row.monetary, row.lifetime, row.frequency, row.recency) == (20, *[[40_000, 80_000, 120_000, 160_000]] * 2, [1] * 4, [0] * 4)
        assert list(Score.objects.order_by("member_id").values_list("monetary", "figure")) == [(n, n * 100) for n in (1, 2, 3, 4, 5) for _ in range(4)]
        assert [world.tier for world in crowd][::4] == ["bronze", "silver", "gold", "diamond", "diamond"]

    def test_the_quintiles_of_the_database_are_those_of_plain_python(self, crowd, by_quintiles, policy):
        for number, world in enumerate(crowd):
            for more in range(number % 3):
                world.go(NOON + timedelta(days=number * 3 + more))
                world.buy(50 + number)
        crowd[3].refund("P-1")
        now = NOON + timedelta(days=100)
        said, zone = selectors.policy(now=now), selectors.programme.zone(now=now)
        bought, cuts = selectors.quintiles_of_all(said=said, zone=zone, now=now)
        window = rules.climbing(said, now, zone)
        seen = selectors.figures(asked=[selectors.growth.Asked(world.member.id, *window) for world in crowd], said=said, zone=zone)
        counted = [one for one in seen if one.last_day is not None]
        today = selectors.local_date(now, zone)
        assert bought == len(counted) == 19
        assert list(cuts.recency) == rules.quintiles([(today - one.last_day).days for one in counted])
        assert list(cuts.frequency) == rules.quintiles([one.orders for one in counted])
        assert list(cuts.monetary) == rules.quintiles([one.spend for one in counted])
        assert list(cuts.lifetime) == rules.quintiles([one.lifetime for one in counted])

    def test_before_the_first_night_nothing_is_decided(self, by_quintiles, world):
        world.buy(100)
        world.put("gold", until=NOON + timedelta(days=1))
        world.go(NOON + timedelta(days=2))
        assert world.job() == {}

    def test_an_order_lifts_nobody_before_the_night(self, crowd, by_quintiles):
        all_night(NOON)
        crowd[0].buy(10**6)
        assert crowd[0].tier == "bronze"
        all_night(NOON + timedelta(days=1))
        assert crowd[0].tier == "diamond"

    def test_a_refund_undoes_what_was_reached_by_quintiles(self, crowd, by_quintiles):
        all_night(NOON)
        crowd[19].refund("P-1", left=900)
        # Silver was reached by growth before, and is reached by quintiles now.
        assert crowd[19].outcomes()[-1] == ("undone", "diamond", "silver", 300)

    def test_scores_that_stay_are_not_written_again(self, crowd, by_quintiles):
        all_night(NOON)
        all_night(NOON + timedelta(days=1))
        assert set(Score.objects.values_list("day", flat=True)) == {selectors.local_date(NOON, selectors.programme.zone(now=NOON))}

    def test_at_the_end_of_a_term_the_newest_quintiles_decide(self, crowd, by_quintiles):
        all_night(NOON)
        ended = crowd[19].until
        crowd[19].go(ended - timedelta(days=1))
        crowd[19].buy(5_000)
        crowd[19].go(ended)
        services.end_due(limit=100, now=ended)
        assert crowd[19].outcomes()[-1][:3] == ("kept", "diamond", "diamond")
        assert crowd[18].tier == "bronze"


def test_the_last_order_that_still_counts_is_the_last_one(world, policy):
    policy(mode="rfm_ltv")
    world.buy(100)
    world.wait(days=10)
    number = world.buy(50)
    world.wait(days=10)

    def last():
        [seen] = selectors.figures(
            asked=[selectors.growth.Asked(world.member.id, NOON - timedelta(days=1), world.now)],
            said=selectors.policy(now=world.now),
            zone=selectors.programme.zone(now=world.now),
        )
        return seen.last_day.isoformat(), seen.orders, seen.lifetime

    assert last() == ("2026-07-11", 2, 15_000)
    world.refund(number, left=20)
    assert last() == ("2026-07-11", 2, 12_000)
    world.refund(number)
    assert last() == ("2026-07-01", 1, 10_000)
