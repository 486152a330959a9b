from datetime import timedelta

import pytest
from django.db import InternalError, transaction
from django.utils.translation import override

from loyalty.audit.models import AuditEntry
from loyalty.lib import configuration
from loyalty.outbox import services as outbox
from tiers.evaluation import services as evaluation
from tiers.ladder import selectors as ladders
from tiers.standing import selectors
from tiers.standing import services as standings
from tiers.standing.models import Standing, StandingChange


@pytest.fixture(autouse=True)
def in_chinese():
    with override("zh-hans"):
        yield


@pytest.fixture
def put(member, now):
    """Put `member` into a tier."""

    def into(tier, *, reason="invited", at=now, **more):
        return standings.set_standing(member_id=member.id, tier=tier, reason=reason, actor="sample", now=at, **more)

    return into


@pytest.fixture
def stands(member, now):
    """The code of the tier that counts for `member`."""
    return lambda at=now: selectors.standing(member_id=member.id, now=at).code


@pytest.fixture
def heard(monkeypatch):
    """What was published of changes."""
    told = []

    def insertion(events):
        told.extend((event.topic, event.member_id, event.payload) for event in events if event.topic.startswith("tiers."))
        return "", []

    monkeypatch.setattr(outbox, "insertion", insertion)
    return told


def test_without_a_ladder_nobody_stands_anywhere_and_everything_counts_once(member, now):
    assert selectors.standing(member_id=member.id, now=now) == ("", "", 0, 10_000, None, None, False, False)


def test_whoever_was_put_nowhere_is_in_the_lowest_active_tier(tiers, tier, member, now, stands):
    assert selectors.standing(member_id=member.id, now=now) == ("bronze", "bronze会员", 10, 10_000, None, None, False, False)
    tier("bronze", 10, active=False)
    assert stands() == "silver"


def test_a_member_is_put_into_a_tier_and_then_into_another(tiers, member, put, now):
    put("gold")
    assert selectors.standing(member_id=member.id, now=now) == ("gold", "gold会员", 30, 15_000, now, None, False, False)
    later = now + timedelta(days=1)
    put("silver", reason="asked to", at=later)
    assert selectors.standing(member_id=member.id, now=later)[:5] == ("silver", "silver会员", 20, 12_000, later)
    assert Standing.objects.get().reason == "asked to"


def test_a_standing_is_read_in_one_statement(tiers, member, put, now, django_assert_num_queries):
    put("gold")
    configuration._changing.models = set()
    ladders.ladder()
    with django_assert_num_queries(1):
        assert selectors.standing(member_id=member.id, now=now).multiplier_bps == 15_000


def test_every_change_is_kept_audited_and_told(tiers, member, put, heard):
    put("gold", reason=" invited by the founder ")
    put("silver", reason="asked to")
    moves = [(str(move.before_id), move.tier_id, move.actor, move.reason) for move in selectors.changes(member_id=member.id)]
    assert moves == [("gold", "silver", "sample", "asked to"), ("None", "gold", "sample", "invited by the founder")]
    entry = AuditEntry.objects.filter(verb="standing.set").latest("id")
    assert (entry.subject, entry.reason, entry.figures) == (f"member/{member.id}", "asked to", {"tier": "silver", "before": "gold", "until": None})
    assert heard == [
        ("tiers.standing_changed", member.id, {"tier": "gold", "before": "bronze", "reason": "invited by the founder", "cause": "by_hand", "until": None}),
        ("tiers.standing_changed", member.id, {"tier": "silver", "before": "gold", "reason": "asked to", "cause": "by_hand", "until": None}),
    ]


def test_the_same_again_changes_nothing_and_tells_nothing(tiers, put, heard, now):
    put("gold")
    again = put("gold", reason="once more", at=now + timedelta(days=1))
    assert (again.reason, again.since) == ("invited", now)
    assert (StandingChange.objects.count(), len(heard)) == (1, 1)


def test_who_is_put_where_they_count_already_is_noted_but_not_told(tiers, put, heard, stands):
    put("bronze")
    assert (stands(), StandingChange.objects.count(), heard) == ("bronze", 1, [])


def test_a_change_stays_as_it_was_written(tiers, put):
    put("gold")
    with pytest.raises(InternalError, match=r"Cannot update|Cannot delete|change only while"), transaction.atomic():
        StandingChange.objects.update(reason="another")
    with pytest.raises(InternalError, match=r"Cannot update|Cannot delete|change only while"), transaction.atomic():
        StandingChange.objects.all().delete()


@pytest.mark.parametrize(
    ("tier_code", "more", "refusal"),
    [
        ("platinum", {}, standings.TierUnknown),
        ("old", {}, standings.TierInactive),
        ("gold", {"reason": "  "}, standings.ReasonMissing),
        ("gold", {"until": timedelta(0)}, standings.StandingOver),
        ("gold", {"until": timedelta(seconds=-1)}, standings.StandingOver),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(tiers, tier, put, refuses, now, tier_code, more, refusal):
    tier("old", 5, active=False)
    if "until" in more:
        more = {"until": now + more["until"]}
    with refuses(refusal):
        put(tier_code, **more)
    assert not Standing.objects.exists()
    assert not StandingChange.objects.exists()


def test_a_deactivated_tier_moves_nobody_and_is_back_when_it_is_active_again(tiers, tier, put, stands):
    put("gold")
    tier("gold", 30, 15_000, active=False)
    assert stands() == "silver"
    assert Standing.objects.get().tier_id == "gold"
    tier("gold", 30, 15_000)
    assert stands() == "gold"


def test_a_standing_counts_up_to_its_end_and_not_at_it(tiers, put, stands, now):
    end = now + timedelta(days=30)
    put("gold", until=end)
    assert stands(end - timedelta(microseconds=1)) == "gold"
    assert stands(end) == "bronze"


def test_the_job_closes_what_is_over_once_and_tells_it(tiers, member, put, heard, now):
    end = now + timedelta(days=30)
    put("gold", until=end)
    assert not evaluation.end_due(limit=10, now=end - timedelta(microseconds=1))
    assert evaluation.end_due(limit=10, now=end) == {"time": 1}
    assert not evaluation.end_due(limit=10, now=end)
    assert heard[1:] == [("tiers.standing_changed", member.id, {"tier": "bronze", "before": "gold", "reason": "", "cause": "time", "until": None})]
    move = selectors.changes(member_id=member.id).first()
    assert (move.before_id, move.tier_id, move.actor) == ("gold", None, "time")


def test_who_is_set_again_after_the_end_but_before_the_job_has_left_and_come_back(tiers, put, heard, now):
    end = now + timedelta(days=30)
    put("gold", until=end)
    put("gold", reason="again", at=end)
    assert [(told["before"], told["tier"]) for _topic, _member, told in heard] == [("bronze", "gold"), ("gold", "bronze"), ("bronze", "gold")]
    assert Standing.objects.get().since == end
    assert not evaluation.end_due(limit=10, now=end)


def test_another_end_of_the_same_tier_is_a_change_that_keeps_its_beginning(tiers, put, heard, now):
    put("gold", until=now + timedelta(days=30))
    put("gold", reason="for good", at=now + timedelta(days=1))
    found = Standing.objects.get()
    assert (found.since, found.until, found.reason) == (now, None, "for good")
    assert (StandingChange.objects.count(), len(heard)) == (2, 1)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_set_a_first_standing_at_once_each_finds_what_the_one_before_left(tiers, member, now, together):
    outcomes = together(
        *(lambda code=code: standings.set_standing(member_id=member.id, tier=code, reason="r", actor="a", now=now).tier_id for code in ("gold", "silver") * 4)
    )
    assert sorted(outcomes) == ["gold"] * 4 + ["silver"] * 4
    moves = list(StandingChange.objects.order_by("id").values_list("before_id", "tier_id"))
    assert {before for before, _after in moves} <= {None, "gold", "silver"}
    assert sum(before is None for before, _after in moves) == 1
    assert all(before != after for before, after in moves)
    assert Standing.objects.count() == 1
