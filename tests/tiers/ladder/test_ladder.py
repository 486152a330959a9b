import pytest
from django.db import IntegrityError, connection, transaction

from loyalty.audit.models import AuditEntry
from loyalty.lib import configuration
from tiers.ladder import selectors
from tiers.ladder import services as ladder
from tiers.ladder.models import Tier
from tiers.standing import services as standings


def test_the_ladder_goes_from_the_lowest_up(tier):
    tier("gold", 30)
    tier("bronze", 10, active=False)
    assert [(step.code, step.active) for step in selectors.ladder()] == [("bronze", False), ("gold", True)]


def test_a_ladder_that_did_not_change_is_not_read_again(tiers, django_assert_num_queries):
    configuration._changing.models = set()
    selectors.ladder()
    with django_assert_num_queries(0):
        assert len(selectors.ladder()) == 3


def test_an_empty_ladder_is_held_like_any_other(db, django_assert_num_queries):
    assert selectors.ladder() == ()
    with django_assert_num_queries(0):
        assert selectors.ladder() == ()


def test_a_tier_is_changed_by_its_code_and_its_history_is_kept(tier):
    tier("gold", 30, 15_000)
    tier("gold", 40, 20_000)
    assert [(step.rank, step.multiplier_bps) for step in selectors.ladder()] == [(40, 20_000)]
    assert list(Tier.history.values_list("rank", flat=True)) == [40, 30]
    assert AuditEntry.objects.filter(verb="tier.kept").latest("id").figures == {"rank": [30, 40], "multiplier_bps": [15_000, 20_000]}


def test_the_same_tier_again_changes_nothing(tier):
    tier("gold", 30)
    tier("gold", 30)
    assert (Tier.history.count(), AuditEntry.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rank": 20}, "rank"),
        ({"multiplier_bps": 999}, "multiplier_bps"),
        ({"multiplier_bps": 1_000_001}, "multiplier_bps"),
        ({"code": "Gold card"}, "code"),
        ({"code": "Gold"}, "code"),
        ({"name_zh": ""}, "name_zh"),
        ({"colour": "golden"}, "colour"),
    ],
)
def test_a_tier_that_cannot_work_is_refused_at_its_field(tiers, tier, refuses, changes, field):
    with refuses(ladder.TierInvalid) as refused:
        tier(**{"code": "platinum", "rank": 40, **changes})
    assert list(refused.value.figures["fields"]) == [field]


@pytest.mark.parametrize("multiplier_bps", [1_000, 1_000_000])
def test_a_multiplier_from_a_tenth_to_a_hundred_is_taken(tier, multiplier_bps):
    assert tier("gold", 30, multiplier_bps).multiplier_bps == multiplier_bps


def test_the_database_knows_the_range_too(tiers):
    with pytest.raises(IntegrityError, match="tier_multiplier_in_range"), transaction.atomic():
        Tier.objects.filter(code="gold").update(multiplier_bps=0)


def test_a_tier_that_nobody_ever_had_can_be_removed(tiers, now):
    ladder.remove(code="gold", actor="tests", now=now)
    assert [step.code for step in selectors.ladder()] == ["bronze", "silver"]


def test_a_tier_that_somebody_has_or_once_had_stays(tiers, member, refuses, now):
    for code in ("gold", "silver"):
        standings.set_standing(member_id=member.id, tier=code, reason="invited", actor="tests", now=now)
    for code in ("gold", "silver"):
        with refuses(ladder.TierInUse):
            ladder.remove(code=code, actor="tests", now=now)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM tiers_tier WHERE code = 'silver'")
