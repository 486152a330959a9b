"""GET …/entries/{entry}/explanation, and the sentences with which events are answered."""

import json
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from points.earning.models import Decision
from points.explanation import selectors
from points.ledger import services as ledger
from points.missions.models import Badge
from points.rulebook.models import SharedLimit
from points.rulebook.rules import Effect, Limit, Release
from points.terms.rules import NEVER

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(publish, one_a_unit, budget, buys, entry_of):
    """An order under rules that held, did not hold, were beaten, cut and limited by a budget."""
    publish("double", Effect("multiplier", factor=20_000), group="g", combine="best", limits=(Limit("day", points=3),))
    publish("secret-beaten", Effect("multiplier", factor=11_000), group="g", combine="best")
    publish("secret-staff", Effect("fixed", points=5), release=Release("staff"), cost_centre="secret", campaign="secret")
    budget(1_000)
    buys(10, 2.50)
    return entry_of("earn")


def explanation(client, entry, whose="members/M-1"):
    return client.get(f"/api/v1/{whose}/entries/{entry.id}/explanation")


class TestAnEntry:
    def test_a_storefront_reads_every_rule_and_what_became_of_it(self, storefront, order):
        body = explanation(storefront, order).json()
        assert (body["entry"], body["kind"], body["points"], body["subject"]) == (str(order.id), "earn", 15, "purchase/A-1")
        assert [(rule["rule"], rule["holds"], rule["wanted"], rule["granted"]) for rule in body["rules"]] == [
            ("base", True, "12.5", 12),
            ("double", True, "12.5", 3),
            ("secret-beaten", True, "0", 0),
            ("secret-staff", False, "0", 0),
        ]
        assert body["rules"][1]["factor"] == "2"
        assert body["rules"][1]["notes"] == ["9.5 less: its limit for a day."]
        assert body["rules"][2]["notes"] == ["“Rule double” counted in its place."]
        assert body["rules"][3]["conditions"] == [{"code": "release", "name": "released to this member", "holds": False}]
        assert "1 more rule did not hold." in body["text"]

    def test_the_shares_of_rules_and_of_lines_add_up(self, storefront, order):
        body = explanation(storefront, order).json()
        assert sum(rule["granted"] for rule in body["rules"]) == body["points"]
        assert [(line["category"], line["basis_cents"]) for line in body["lines"]] == [("HOME", 1_000), ("HOME", 250)]
        assert sum(line["points"] for line in body["lines"]) + body["besides"] == body["points"]

    def test_the_members_own_version_has_no_rules_but_those_that_gave_and_names_nothing_else(self, member_client, order):
        response = explanation(member_client, order, "me")
        body = response.json()
        assert body["rules"] == []
        assert body["text"] == [
            "For the order A-1 of 11 November 2026:",
            "“Rule base” gave 12 points.",
            "“Rule double” multiplied by 2, which added 3 points.",
            "It would have been 12.5 points, but its limit for a day left room for no more.",
            "Together: 15 points.",
            "Only the sum is rounded, down; the parts are their shares of it.",
            "Good through 11 November 2027.",
        ]
        for word in ("secret", "budget", "staff", "release"):
            assert word not in json.dumps(body).lower()

    def test_it_speaks_the_readers_language(self, member_client, order):
        member_client.credentials(HTTP_AUTHORIZATION=member_client._credentials["HTTP_AUTHORIZATION"], HTTP_ACCEPT_LANGUAGE="zh-CN")
        assert explanation(member_client, order, "me").json()["text"][:2] == ["2026年11月11日的订单 A-1：", "“规则 base”发放 12 积分。"]

    def test_one_that_no_decision_stands_behind_is_told_as_well(self, storefront, member, noon):
        entry = ledger.adjust(member_id=member.id, points=5, policy=NEVER, actor="tests", reason="wrong till", key="a", now=noon)
        body = explanation(storefront, entry).json()
        assert (body["text"], body["decision"]) == (["Corrected by hand: +5 points.", "Reason: wrong till"], None)
        assert (body["lines"], body["rules"], body["besides"]) == ([], [], 0)

    def test_anothers_entry_is_404_for_both_and_so_is_one_that_is_not_there(self, storefront, member_client, other_member_client, order):
        class Nothing:
            id = uuid4()

        answers = [
            explanation(storefront, order, "members/M-2"),
            explanation(other_member_client, order, "me"),
            explanation(storefront, Nothing),
            explanation(member_client, Nothing, "me"),
        ]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "entry_unknown")] * 4
        assert storefront.get("/api/v1/members/M-1/entries/7/explanation").status_code == 404

    def test_the_queries_are_bounded_whatever_was_considered(self, storefront, publish, budget, does, entry_of, order):
        Badge.objects.create(code="sharer", name_zh="分享达人", name_en="Great sharer")
        SharedLimit.objects.create(code="daily", name_zh="每日", name_en="Daily", over=["behaviours"], per="day", points=20)
        for number in range(20):
            publish(f"r{number}", Effect("fixed", points=5), fact="liked", claim_days=number % 3, expiry="" if number % 2 else "days:9")
        for name in "abc":
            publish(f"badge-{name}", Effect("badge", item="sharer"), fact="liked")
        does("liked", subject="x")
        with CaptureQueriesContext(connection) as captured:
            body = explanation(storefront, entry_of("earn")).json()
        assert len(body["rules"]) == 23
        assert any("limit “Daily”" in sentence for sentence in body["text"])
        assert len(captured) <= 18


class TestEvents:
    @pytest.fixture
    def send(self, storefront, now):
        """Send events of the kind `liked`, each about something else."""

        def post(*numbers, member="M-1", **more):
            told = {"kind": "liked", "member": member, "occurred_at": now.isoformat(), **more}
            events = [{"id": f"L-{number}", **told, "data": {"subject": str(number)}} for number in numbers]
            return storefront.post("/api/v1/events", {"events": events}, format="json").json()["results"]

        return post

    def test_an_answer_carries_the_members_sentences_in_the_order_of_the_events(self, publish, send):
        publish("like", Effect("fixed", points=5), fact="liked", limits=(Limit("day", times=2),))
        publish("secret", Effect("fixed", points=5), fact="liked", release=Release("staff"))
        assert [one["text"][1:] for one in send(1, 2, 3)] == [
            ["“Rule like” gave 5 points."],
            ["“Rule like” gave 5 points."],
            ["“Rule like” gave nothing, because its limit for a day left no room."],
        ]

    def test_a_replay_reads_the_same_and_a_refused_one_has_none(self, publish, send):
        publish("like", Effect("fixed", points=5), fact="liked")
        first, again, refused = send(1)[0], send(1)[0], send(2, kind="checked_in")[0]
        assert (again["status"], again["text"]) == ("replayed", first["text"])
        assert (refused["status"], "text" in refused) == ("refused", False)

    def test_sentences_take_as_many_queries_for_many_events_as_for_one(self, publish, member, does, noon):
        publish("like", Effect("fixed", points=5), fact="liked", claim_days=3)
        for number in range(12):
            does("liked", str(number), subject=str(number))
        ids, taken = list(Decision.objects.values_list("id", flat=True)), []
        for some in (ids[:1], ids[:1], ids):
            with CaptureQueriesContext(connection) as captured:
                told = selectors.in_short(member_ids=[member.id] * len(some), decision_ids=some, now=noon)
            taken.append(len(captured))
            assert len(told) == len(some)
        assert taken[1] == taken[2] <= 8
