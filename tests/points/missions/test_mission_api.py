"""Missions and badges over HTTP."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.segments.models import Segment
from points.earning import services as earning
from points.missions import services
from points.missions.models import Badge, Mission
from points.missions.rules import Prize, Step

pytestmark = pytest.mark.django_db
MISSIONS, BADGES = "/api/v1/members/M-1/missions", "/api/v1/members/M-1/badges"


@pytest.fixture
def shared(member, now, delivered):
    """`shared(1, 2)`: the sample member has shared these, just now or so many days ago."""

    def share(*numbers, days_ago=0):
        at = now - timedelta(days=days_ago)
        for n in numbers:
            with delivered():
                earning.take(
                    member_id=member.id, kind="shared", external_id=f"S-{n}", data={"subject": str(n)}, occurred_at=at, ours=False,
                    actor="tests", now=at,
                )  # fmt: skip

    return share


@pytest.fixture
def on(drafted, now):
    """A mission published three days ago, by the test's own clock."""

    def make(*args, **terms):
        earlier = now - timedelta(days=3)
        return services.publish(mission_id=drafted(*args, now=earlier, **terms).id, actor="tests", now=earlier)

    return make


def listed(client, address=MISSIONS, **query):
    answer = client.get(address, query)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def claim(client, code="share-5", body=None, key="k-1", address=MISSIONS):
    return client.post(f"{address}/{code}/claim", body or {}, format="json", headers={"Idempotency-Key": key})


def test_a_mission_shows_its_steps_progress_and_reward(storefront, on, shared, badge):
    on("pack", Step("shared", 4, label_en="Share something"), Step("purchase"), prizes=[Prize("badge", "sharer"), Prize("benefit", "own_agent")], icon="🎁")
    shared(1, 2, 3)
    (mission,) = listed(storefront)
    assert {name: mission[name] for name in ("code", "name", "icon", "kind", "automatic", "period", "status", "progress", "until", "claimable")} == {
        "code": "pack", "name": "Sample mission", "icon": "🎁", "kind": "achievement", "automatic": False, "period": "ever", "status": "open",
        "progress": 60, "until": None, "claimable": [],
    }  # fmt: skip
    assert mission["steps"] == [{"label": "Share something", "done": 3, "needed": 4}, {"label": "Purchase", "done": 0, "needed": 1}]
    assert mission["reward"] == {
        "points": 200,
        "prizes": [
            {"effect": "badge", "item": "sharer", "name": "Sharer", "count": 1},
            {"effect": "benefit", "item": "own_agent", "name": "own_agent", "count": 1},
        ],
    }


def test_it_reads_in_chinese_where_the_request_does(storefront, member, on):
    on()
    storefront.credentials(**{**storefront._credentials, "HTTP_ACCEPT_LANGUAGE": "zh-CN"})
    (mission,) = listed(storefront)
    assert (mission["name"], mission["steps"][0]["label"]) == ("任务", "分享")


def test_looking_completes_what_was_done_before_it_was_published(storefront, on, shared, available, now):
    shared(1, 2, 3, 4, 5)
    on(automatic=True)
    assert [mission["status"] for mission in listed(storefront)] == ["granted"]
    assert available(now) == 200


def test_a_member_claims_their_own(member_client, on, shared, available, now):
    on()
    shared(1, 2, 3, 4, 5)
    (mission,) = listed(member_client, "/api/v1/me/missions")
    assert (mission["status"], mission["progress"], [one["period"] for one in mission["claimable"]]) == ("completed", 100, ["ever"])
    assert mission["until"] == mission["claimable"][0]["until"]
    answer = claim(member_client, address="/api/v1/me/missions")
    assert (answer.status_code, answer.json()["mission"], answer.json()["status"], answer.json()["points"]) == (200, "share-5", "granted", 200)
    (mission,) = listed(member_client, "/api/v1/me/missions")
    assert (mission["status"], mission["claimable"], available(now)) == ("granted", [], 200)


def test_claimed_again_under_another_key_it_is_the_same_answer(storefront, on, shared, available, now):
    on()
    shared(1, 2, 3, 4, 5)
    assert claim(storefront, key="a").json() == claim(storefront, key="b").json()
    assert available(now) == 200


@pytest.mark.parametrize(("code", "expected"), [("share-5", (409, "mission_not_completed")), ("nonsense", (404, "mission_unknown"))])
def test_what_cannot_be_claimed_says_why(storefront, member, on, code, expected):
    on()
    answer = claim(storefront, code)
    assert (answer.status_code, answer.json()["code"]) == expected


def test_yesterdays_daily_mission_can_be_claimed_beside_todays(storefront, on, shared):
    on("daily", Step("shared"), kind="daily")
    shared(1, days_ago=1)
    (mission,) = listed(storefront)
    assert (mission["status"], len(mission["claimable"])) == ("open", 1)
    yesterday = mission["claimable"][0]["period"]
    assert yesterday != mission["period"]
    assert claim(storefront, "daily", {"period": yesterday}).json()["period"] == yesterday
    assert [one["claimable"] for one in listed(storefront)] == [[]]


def test_a_retired_mission_is_seen_as_long_as_it_can_be_claimed(storefront, on, shared, now):
    mission = on()
    shared(1, 2, 3, 4, 5)
    services.retire(mission_id=mission.id, reason="over", actor="tests", now=now)
    assert [one["status"] for one in listed(storefront)] == ["completed"]
    claim(storefront)
    assert listed(storefront) == []


def test_a_newcomer_pack_that_is_over_has_ended(storefront, on, member, now):
    type(member).objects.update(registered_at=now - timedelta(days=2))
    on("pack", kind="newcomer", days=1)
    assert [mission["status"] for mission in listed(storefront)] == ["ended"]


def test_what_is_for_another_segment_or_not_on_yet_or_a_draft_is_not_seen(storefront, member, drafted, on, now):
    Segment.objects.create(code="vip", name_zh="贵宾", name_en="VIPs")
    on("vips", segment="vip")
    on("later", starts_on=(now + timedelta(days=2)).date())
    drafted("draft")
    assert listed(storefront) == []


def test_the_highest_priority_stands_first_page_by_page(storefront, member, on):
    for n in range(5):
        on(f"m-{n}", priority=n % 3)
    seen, address = [], f"{MISSIONS}?limit=2"
    while address:
        page = storefront.get(address).json()
        seen += [mission["code"] for mission in page["results"]]
        address = page["next"]
    assert seen == ["m-2", "m-4", "m-1", "m-3", "m-0"]


def test_thirty_missions_take_as_many_queries_as_three(storefront, member, on, shared, badge):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            listed(storefront, limit=100)
        return len(captured)

    shared(1, 2)
    listed(storefront)
    for n in range(30):
        steps = (Step("shared", 5), Step("purchase", 2), Step("liked", 3))
        on(f"m-{n}", *steps, kind=["daily", "weekly", "achievement"][n % 3], prizes=[Prize("badge", "sharer")])
        if n == 2:
            few = queries()
    assert queries() == few
    assert few <= 10
    assert Mission.objects.count() == 30


def test_badges_are_listed_newest_first(storefront, member_client, member, badge, now):
    Badge.objects.create(code="buyer", name_zh="买手", name_en="Buyer")
    for n, code in enumerate(("sharer", "buyer", "sharer")):
        services.award(member_id=member.id, badge=code, subject=f"s/{n}", now=now + timedelta(seconds=n))
    shown = listed(storefront, BADGES)
    assert [(one["code"], one["name"], one["icon"], one["times"]) for one in shown] == [("buyer", "Buyer", "", 1), ("sharer", "Sharer", "📣", 2)]
    assert listed(member_client, "/api/v1/me/badges") == shown
