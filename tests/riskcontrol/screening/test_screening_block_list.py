from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from loyalty.audit.models import AuditEntry, JobRun
from points.ledger import services as ledger
from riskcontrol.screening import services as screening
from riskcontrol.screening import tasks
from riskcontrol.screening.models import BlockListEntry
from riskcontrol.screening.rules import Verdict

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def verdict(member, now):
    return screening.assess(member_id=member.id, action="spend", points=10, now=now)


def test_a_member_on_the_list_is_refused_and_another_is_not(blocked, member, other_member, now):
    assert verdict(member, now) == Verdict(False, "blocked")
    assert verdict(other_member, now) == Verdict(True)


def test_the_door_asks_the_database_once(member, now, django_assert_num_queries):
    with django_assert_num_queries(1):
        verdict(member, now)


def test_a_demand_that_is_refused_says_why(blocked, member, now):
    with pytest.raises(screening.Screened) as refusal:
        screening.demand(member_id=member.id, action="spend", points=10, now=now)
    assert (refusal.value.code, refusal.value.status, refusal.value.figures) == ("screened", 403, {"verdict": "blocked"})
    assert refusal.value.message == str(screening.SENTENCES["blocked"])


def test_a_demand_that_is_allowed_says_nothing(member, now):
    screening.demand(member_id=member.id, action="spend", points=10, now=now)


def test_an_action_nobody_knows_is_a_bug(member, now):
    with pytest.raises(ValueError, match="juggle"):
        screening.assess(member_id=member.id, action="juggle", points=10, now=now)


def test_a_lifted_block_no_longer_counts(blocked, member, now):
    screening.lift(entry_id=blocked.id, reason="a mistake", actor="other", now=now)
    assert verdict(member, now) == Verdict(True)
    blocked.refresh_from_db()
    assert (blocked.lifted_at, blocked.lifted_by, blocked.lift_reason) == (now, "other", "a mistake")


def test_a_block_with_an_end_counts_until_that_instant(member, now):
    screening.block(member_id=member.id, reason="cooling off", until=now + HOUR, actor="sample", now=now)
    assert not verdict(member, now + HOUR - timedelta(microseconds=1)).allowed
    assert verdict(member, now + HOUR).allowed


def test_a_blocked_member_is_not_blocked_twice(blocked, member, now):
    with pytest.raises(screening.AlreadyBlocked), transaction.atomic():
        screening.block(member_id=member.id, reason="again", actor="sample", now=now)
    assert BlockListEntry.objects.count() == 1


def test_a_block_whose_time_is_over_makes_room_for_a_new_one(member, now):
    first = screening.block(member_id=member.id, reason="cooling off", until=now + HOUR, actor="sample", now=now)
    screening.block(member_id=member.id, reason="again", actor="sample", now=now + HOUR)
    first.refresh_from_db()
    assert (first.lifted_at, first.lifted_by) == (now + HOUR, "time")
    assert not verdict(member, now + HOUR).allowed


@pytest.mark.parametrize("ends_in", [timedelta(0), -HOUR])
def test_a_block_must_end_in_the_future(ends_in, member, now):
    with pytest.raises(screening.BlockOver), transaction.atomic():
        screening.block(member_id=member.id, reason="", until=now + ends_in, actor="sample", now=now)


def test_a_block_is_lifted_once(blocked, now):
    screening.lift(entry_id=blocked.id, reason="a mistake", actor="sample", now=now)
    with pytest.raises(screening.NotBlocked), transaction.atomic():
        screening.lift(entry_id=blocked.id, reason="again", actor="sample", now=now)


def test_each_block_and_each_lift_is_on_record(blocked, member, now):
    screening.lift(entry_id=blocked.id, reason="a mistake", actor="other", now=now)
    entries = AuditEntry.objects.order_by("id").values_list("actor", "verb", "subject", "reason")
    assert list(entries) == [
        ("sample", "screening.block", f"member/{member.id}", "many accounts, one address"),
        ("other", "screening.lift", f"member/{member.id}", "a mistake"),
    ]


@pytest.mark.parametrize("meddle", [lambda rows: rows.update(reason="another"), lambda rows: rows.delete()])
def test_what_was_written_about_a_block_stays(meddle, blocked):
    with pytest.raises(DatabaseError), transaction.atomic():
        meddle(BlockListEntry.objects.all())


def test_the_job_lifts_blocks_whose_time_is_over_and_no_others(member, other_member, now):
    over = screening.block(member_id=member.id, reason="cooling off", until=now - HOUR, actor="sample", now=now - 2 * HOUR)
    lasts = screening.block(member_id=other_member.id, reason="cooling off", until=now + HOUR, actor="sample", now=now)
    tasks.lift_lapsed()
    over.refresh_from_db()
    lasts.refresh_from_db()
    assert (over.lifted_by, lasts.lifted_at) == ("time", None)
    assert JobRun.objects.get(job="screening.lift_lapsed").counts == {"lifted": 1}


def test_a_ban_freezes_the_account_and_its_end_frees_it(member, spend, now, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        entry = screening.block(member_id=member.id, reason="many accounts", actor="sample", now=now)
    with pytest.raises(ledger.AccountFrozen), transaction.atomic():
        spend(10)
    with django_capture_on_commit_callbacks(execute=True):
        screening.lift(entry_id=entry.id, reason="a mistake", actor="sample", now=now)
    spend(10)


def test_a_block_that_ends_by_itself_frees_the_account_too(member, spend, now, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        screening.block(member_id=member.id, reason="cooling off", until=now + HOUR, actor="sample", now=now)
    with django_capture_on_commit_callbacks(execute=True):
        assert screening.lift_lapsed(limit=10, now=now + HOUR) == 1
    spend(10)


def test_a_freeze_that_an_operator_made_outlasts_the_ban(member, spend, now, django_capture_on_commit_callbacks):
    ledger.freeze(member_id=member.id, actor="operator", reason="asked for it", key="by hand", now=now)
    with django_capture_on_commit_callbacks(execute=True):
        entry = screening.block(member_id=member.id, reason="many accounts", actor="sample", now=now)
    with django_capture_on_commit_callbacks(execute=True):
        screening.lift(entry_id=entry.id, reason="a mistake", actor="sample", now=now)
    with pytest.raises(ledger.AccountFrozen), transaction.atomic():
        spend(10)
