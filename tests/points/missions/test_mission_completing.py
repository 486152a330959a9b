"""From facts to completions: found by the fact and by looking, given automatically or claimed, once a period."""

from datetime import UTC, date, datetime, timedelta

import pytest

from accounts.members import services as members
from accounts.segments import services as segments
from accounts.segments.models import Segment
from points.earning import services as earning
from points.missions import selectors, services
from points.missions.models import MissionCompletion
from points.missions.rules import Prize, Step
from riskcontrol.screening import services as screening

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def claim(member, now, code="share-5", **more):
    return services.claim(member_id=member.id, code=code, actor="tests", **more, now=now)


def test_share_five_times_and_200_points_come_by_themselves(published, shares, completion, available, done):
    mission = published(automatic=True)
    shares(1, 2, 3, 4)
    assert (done(mission), completion(), available()) == ([4], None, 0)
    shares(5)
    assert (completion().status, completion().points, completion().completed_fact, available()) == ("granted", 200, "S-5", 200)
    assert done(mission) == [5]


def test_review_three_times_and_become_an_own_agent(published, did, completion, member):
    published("review-3", Step("reviewed", 3), points=0, prizes=[Prize("benefit", "own_agent")], automatic=True)
    for n in range(3):
        did("reviewed", f"R-{n}", purchase="P", line=str(n), pictures=0)
    assert completion("review-3").status == "granted"


def test_a_claimed_mission_waits_until_it_is_claimed_and_is_given_once(published, shares, completion, available, member, noon):
    published()
    shares(1, 2, 3, 4, 5)
    assert (completion().status, available()) == ("offered", 0)
    first = claim(member, noon)
    again = claim(member, noon)
    assert (first.id, first.status, first.points) == (again.id, "granted", again.points)
    assert (again.points, available()) == (200, 200)


def test_all_steps_must_be_done_in_any_order(published, did, buys, completion):
    published("pack", Step("purchase"), Step("phone_verified"), Step("shared", 2), automatic=True)
    did("shared", "S-1", subject="a")
    buys("P-1")
    did("shared", "S-2", subject="b")
    assert completion("pack") is None
    did("phone_verified", "V-1")
    assert (completion("pack").completed_kind, completion("pack").completed_fact) == ("phone_verified", "V-1")


def test_more_than_is_needed_completes_it_no_second_time(published, shares, available):
    published(automatic=True)
    shares(*range(1, 12))
    assert available() == 200


def test_what_was_done_before_the_achievement_was_published_counts_and_is_found_by_looking(published, shares, completion, member, noon):
    shares(1, 2, 3, 4, 5)
    published(automatic=True)
    assert completion() is None
    (found,) = services.settle(member_id=member.id, at=noon, now=noon)
    assert (found.status, found.completed_fact) == ("granted", "S-5")
    assert services.settle(member_id=member.id, at=noon, now=noon) == []


def test_claiming_finds_it_as_well(published, shares, member, noon, available):
    shares(1, 2, 3, 4, 5)
    published()
    claim(member, noon)
    assert available() == 200


def test_an_achievement_may_count_from_a_day_on(published, shares, done, noon):
    shares(1, at=noon - DAY)
    shares(2)
    assert done(published(counts_from=date(2026, 11, 21))) == [1]


def test_a_daily_mission_begins_anew_each_day(published, shares, completion, available, noon):
    published("daily", Step("shared", 2), kind="daily", points=10, automatic=True)
    shares(1)
    shares(2, 3, at=noon + DAY)
    assert [completion("daily", period=day) is not None for day in ("2026-11-21", "2026-11-22")] == [False, True]
    shares(4, 5, at=noon + 2 * DAY)
    assert available(noon + 2 * DAY) == 20


def test_a_fact_told_after_midnight_completes_the_day_on_which_it_happened(published, shares, did, completion):
    published("daily", Step("shared", 2), kind="daily", automatic=True)
    late = datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC)
    shares(1)
    did("shared", "S-2", subject="b", at=late, now=late + timedelta(hours=1))
    assert completion("daily").period == "2026-11-21"


def test_a_weekly_mission_begins_anew_on_monday(published, shares, completion, noon):
    published("weekly", Step("shared", 2), kind="weekly", automatic=True)
    shares(1, at=noon + DAY)
    shares(2, at=noon + 2 * DAY)
    assert completion("weekly") is None
    shares(3, at=noon + 3 * DAY)
    assert completion("weekly").period == "2026-W48"


def test_a_newcomer_pack_is_for_the_first_days_only(published, did, completion, member, noon):
    published("pack", Step("phone_verified"), kind="newcomer", days=3, automatic=True, now=noon - DAY)
    type(member).objects.update(registered_at=noon)
    did("phone_verified", "V-1", at=datetime(2026, 11, 24, 16, tzinfo=UTC))
    assert completion("pack") is None


def test_a_newcomer_pack_is_completed_in_the_last_second(published, did, completion, member, noon):
    published("pack", Step("phone_verified"), kind="newcomer", days=3, automatic=True, now=noon - DAY)
    type(member).objects.update(registered_at=noon)
    did("phone_verified", "V-1", at=datetime(2026, 11, 24, 15, 59, 59, tzinfo=UTC))
    assert completion("pack").status == "granted"


def test_who_is_only_mentioned_in_an_order_is_offered_no_newcomer_pack(published, noon):
    mission = published("pack", kind="newcomer")
    bare = members.ensure(external_id="M-bare", now=noon)
    assert selectors.progress([mission], member=bare, at=noon) == []


def test_only_members_of_the_segment_can_complete_it(drafted, shares, completion, member, noon, refuses):
    Segment.objects.create(code="vip", name_zh="贵宾", name_en="VIPs")
    services.publish(mission_id=drafted(segment="vip").id, actor="tests", now=noon)
    shares(1, 2, 3, 4, 5)
    assert completion() is None
    with refuses(selectors.MissionUnknown):
        claim(member, noon)
    segments.add(segment="vip", external_ids=["M-1"], actor="tests", now=noon)
    assert claim(member, noon).status == "granted"


def test_a_condition_decides_what_counts(published, did, buys, done):
    pictured = published("pictured", Step("reviewed", 3, "pictures", "at_least", "1"))
    for n in range(3):
        did("reviewed", f"R-{n}", purchase="P", line=str(n), pictures=n)
    assert done(pictured) == [2]
    large = published("large", Step("purchase", 3, "amount_cents", "at_least", "10000"))
    for n, cents in enumerate((9_999, 10_000, 10_001)):
        buys(f"P-{n}", cents)
    assert done(large) == [2]


def test_five_different_subjects_are_not_five_times_the_same(published, did, done, noon):
    mission = published("varied", Step("shared", 5, distinct="subject"))
    for n in range(4):
        did("shared", f"S-{n}", subject="the same", at=noon - n * DAY)
    did("shared", "S-4", subject="another")
    assert done(mission) == [2]


def test_a_mission_may_ask_for_missions(published, shares, completion, available):
    published("daily", Step("shared"), kind="daily", points=10, automatic=True)
    published("collector", Step("mission_completed", 1, "mission", "is", "daily"), points=50, automatic=True)
    shares(1)
    assert completion("collector").status == "granted"
    assert available() == 60


class TestClaiming:
    def test_what_is_not_completed_cannot_be_claimed(self, published, shares, member, noon, refuses):
        published()
        shares(1, 2, 3, 4)
        with refuses(services.MissionNotCompleted) as refused:
            claim(member, noon)
        assert refused.value.figures == {"percent": 80}

    @pytest.mark.parametrize("make", ["drafted", None])
    def test_a_draft_is_no_mission_to_members(self, request, make, member, noon, refuses):
        if make:
            request.getfixturevalue(make)()
        with refuses(selectors.MissionUnknown):
            claim(member, noon)

    def test_it_can_be_claimed_through_its_last_day_and_not_a_second_longer(self, published, shares, member, noon, refuses):
        published(claim_days=1)
        shares(1, 2, 3, 4, 5)
        midnight = datetime(2026, 11, 22, 16, tzinfo=UTC)
        with refuses(services.MissionLapsed) as refused:
            claim(member, midnight)
        assert refused.value.figures == {"claim_until": midnight.isoformat()}
        assert claim(member, midnight - timedelta(seconds=1)).status == "granted"

    def test_of_several_days_the_one_that_lapses_first_is_claimed_unless_one_is_named(self, published, shares, member, noon):
        published("daily", Step("shared"), kind="daily")
        for n in range(3):
            shares(n, at=noon + n * DAY)
        now = noon + 2 * DAY
        assert claim(member, now, "daily", period="2026-11-22").period == "2026-11-22"
        assert [claim(member, now, "daily").period for _n in range(3)] == ["2026-11-21", "2026-11-23", "2026-11-23"]

    def test_a_retired_mission_can_still_be_claimed_and_no_longer_completed(self, published, shares, member, other_member, delivered, noon, completion):
        mission = published()
        shares(1, 2, 3, 4, 5)
        services.retire(mission_id=mission.id, reason="over", actor="tests", now=noon)
        for n in range(5):
            with delivered():
                earning.take(
                    member_id=other_member.id, kind="shared", external_id=f"S-{n}", data={"subject": str(n)}, occurred_at=noon, ours=False,
                    actor="tests", now=noon,
                )  # fmt: skip
        assert MissionCompletion.objects.count() == 1
        assert claim(member, noon).status == "granted"

    def test_a_blocked_member_claims_nothing_until_the_block_is_lifted(self, published, shares, member, noon, refuses, completion):
        published()
        shares(1, 2, 3, 4, 5)
        block = screening.block(member_id=member.id, reason="sample", actor="tests", now=noon)
        with refuses(screening.Screened):
            claim(member, noon)
        screening.lift(entry_id=block.id, reason="sample", actor="tests", now=noon)
        assert claim(member, noon).points == 200

    def test_a_blocked_member_is_given_nothing_automatically_until_the_block_is_lifted(self, published, shares, member, noon, completion):
        published(automatic=True)
        block = screening.block(member_id=member.id, reason="sample", actor="tests", now=noon)
        shares(1, 2, 3, 4, 5)
        assert completion() is None
        screening.lift(entry_id=block.id, reason="sample", actor="tests", now=noon)
        (found,) = services.settle(member_id=member.id, at=noon, now=noon)
        assert (found.status, found.points) == ("granted", 200)

    def test_a_closed_member_completes_nothing(self, published, member, noon):
        published(automatic=True)
        members.close(member_id=member.id)
        assert services.settle(member_id=member.id, at=noon, now=noon) == []


class TestLapsing:
    def test_the_job_books_what_was_not_claimed_in_time(self, published, shares, completion, noon):
        published(claim_days=1)
        shares(1, 2, 3, 4, 5)
        midnight = datetime(2026, 11, 22, 16, tzinfo=UTC)
        assert services.lapse_due(limit=10, now=midnight - timedelta(seconds=1)) == 0
        assert services.lapse_due(limit=10, now=midnight) == 1
        assert services.lapse_due(limit=10, now=midnight) == 0
        assert completion().status == "lapsed"

    def test_what_lapsed_is_not_completed_again(self, published, shares, completion, member, noon):
        published(claim_days=1)
        shares(1, 2, 3, 4, 5)
        later = noon + 2 * DAY
        services.lapse_due(limit=10, now=later)
        shares(6, at=later)
        assert services.settle(member_id=member.id, at=later, now=later) == []
        assert completion().status == "lapsed"

    def test_a_few_at_a_time(self, published, shares, noon):
        published("daily", Step("shared"), kind="daily", claim_days=1)
        for n in range(3):
            shares(n, at=noon + n * DAY)
        later = noon + 9 * DAY
        assert [services.lapse_due(limit=2, now=later) for _n in range(3)] == [2, 1, 0]
