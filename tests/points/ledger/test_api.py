"""The books over HTTP: balance, entries, lots, and spending that is not about an order."""

from datetime import timedelta

import pytest

from points.ledger import services as ledger
from points.terms.rules import ExpiryPolicy
from riskcontrol.screening import services as screening

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/members/M-1"


@pytest.fixture
def give(member, now):
    """Points to spend."""

    def give(points, key, policy=None, source="purchase", **kwargs):
        return ledger.earn(member_id=member.id, points=points, source=source, policy=policy, actor="tests", key=key, now=now, **kwargs)

    return give


def spend(client, points, key="k-1", subject="game/4711"):
    return client.post(f"{ADDRESS}/spends", {"points": points, "subject": subject}, format="json", headers={"Idempotency-Key": key})


def test_a_balance_shows_buckets_sources_and_what_expires_next(storefront, member, give, now):
    give(100, "a", ExpiryPolicy("days", 30))
    give(50, "b", ExpiryPolicy("days", 10), source="campaign")
    give(25, "c", ExpiryPolicy("never"))
    give(7, "d", waits=True)
    ledger.hold(member_id=member.id, points=20, expires_at=now + timedelta(hours=1), actor="tests", key="h", now=now)
    shown = storefront.get(f"{ADDRESS}/account").json()
    assert {name: shown[name] for name in ("available", "held", "pending", "debt", "frozen")} == {
        "available": 155, "held": 20, "pending": 7, "debt": 0, "frozen": False,
    }  # fmt: skip
    assert shown["sources"] == {"purchase": 125, "campaign": 30}
    assert [one["points"] for one in shown["expiring"]] == [30, 100]
    assert shown["expiring"][0]["at"] < shown["expiring"][1]["at"]
    assert (shown["name"], shown["unit"]) == ("points", "pts")


def test_a_member_without_points_has_nothing(storefront, member):
    shown = storefront.get(f"{ADDRESS}/account").json()
    assert (shown["available"], shown["expiring"], shown["sources"]) == (0, [], {})
    for what in ("entries", "lots"):
        assert storefront.get(f"{ADDRESS}/{what}").json() == {"results": [], "next": None}


def test_what_expired_a_moment_ago_is_gone_swept_or_not(storefront, member, give, now):
    give(100, "a", ExpiryPolicy("days", 1), occurred_at=now - timedelta(days=3))
    ledger.earn(member_id=member.id, points=40, source="purchase", policy=ExpiryPolicy("days", 1), actor="tests", key="b", now=now - timedelta(days=3))
    shown = storefront.get(f"{ADDRESS}/account").json()
    assert (shown["available"], shown["expiring"], shown["sources"]) == (0, [], {})
    assert {lot["remaining"] for lot in storefront.get(f"{ADDRESS}/lots").json()["results"]} == {0}


def test_entries_are_listed_newest_first_page_by_page(storefront, give):
    for n in range(5):
        give(n + 1, f"e/{n}")
    first = storefront.get(f"{ADDRESS}/entries?limit=3").json()
    second = storefront.get(first["next"]).json()
    assert [entry["seq"] for page in (first, second) for entry in page["results"]] == [5, 4, 3, 2, 1]
    assert second["next"] is None
    entry = first["results"][0]
    assert (entry["kind"], entry["points"], entry["balance_after"], entry["refers_to"]) == ("earn", 5, 15, None)


def test_lots_are_listed_with_what_is_left_and_when_it_expires(storefront, member, give, now):
    give(100, "a", ExpiryPolicy("days", 30))
    give(10, "b", waits=True)
    ledger.spend(member_id=member.id, points=30, actor="tests", key="s", now=now)
    waiting, live = storefront.get(f"{ADDRESS}/lots").json()["results"]
    assert (live["original"], live["remaining"], live["held"], live["is_pending"], live["source"]) == (100, 70, 0, False, "purchase")
    assert live["expires_at"].endswith("Z")
    assert (waiting["remaining"], waiting["is_pending"], waiting["expires_at"], waiting["rule_version"]) == (10, True, None, None)


def test_a_spend_takes_points_at_once(storefront, give):
    give(100, "a")
    response = spend(storefront, 30)
    assert response.status_code == 201
    body = response.json()
    assert (body["kind"], body["points"], body["available_change"], body["balance_after"], body["subject"]) == ("spend", 30, -30, 70, "game/4711")


def test_a_spend_sent_again_is_one_spend(storefront, give):
    give(100, "a")
    first, again = spend(storefront, 30), spend(storefront, 30)
    assert (first.json(), again["Idempotent-Replayed"]) == (again.json(), "true")
    assert storefront.get(f"{ADDRESS}/account").json()["available"] == 70
    assert spend(storefront, 30, key="k-2").json()["balance_after"] == 40


def test_more_than_is_available_is_refused_with_the_figures(storefront, give):
    give(100, "a")
    problem = spend(storefront, 101).json()
    assert (problem["status"], problem["code"], problem["wanted"], problem["available"]) == (409, "insufficient_points", 101, 100)


def test_a_frozen_account_and_a_blocked_member_spend_nothing(storefront, member, give, now):
    give(100, "a")
    ledger.freeze(member_id=member.id, actor="tests", reason="looking into it", key="f", now=now)
    assert storefront.get(f"{ADDRESS}/account").json()["frozen"] is True
    assert (spend(storefront, 30).status_code, spend(storefront, 30).json()["code"]) == (403, "account_frozen")
    screening.block(member_id=member.id, reason="many accounts", actor="tests", now=now)
    problem = spend(storefront, 30).json()
    assert (problem["code"], problem["verdict"]) == ("screened", "blocked")


@pytest.mark.parametrize("subject", ["", "a" * 101, "a\nb", 7, None])
def test_a_spend_says_what_for(storefront, give, subject):
    give(100, "a")
    response = spend(storefront, 30, subject=subject)
    assert (response.status_code, [line["field"] for line in response.json()["errors"]]) == (400, ["subject"])


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=１", "cursor=x", "cursor=WzFd==", "cursor=%00", "cursor=W10"])
def test_a_page_is_asked_for_properly(storefront, give, query):
    give(1, "a")
    for what in ("entries", "lots", "purchases"):
        assert storefront.get(f"{ADDRESS}/{what}?{query}").status_code in ((400,) if query != "cursor=WzFd==" else (200, 400))
