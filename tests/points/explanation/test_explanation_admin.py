"""Decisions in the admin: the list, its search and filters, the pages that tell why."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.members import services as members
from points.earning.models import Decision
from points.ledger import services as ledger
from points.rulebook.rules import Effect, Release
from riskcontrol.screening import services as screening

pytestmark = pytest.mark.django_db
LIST = "/admin/points/decision/"


@pytest.fixture
def browser(db) -> Callable[..., Client]:
    def open_in(language: str = "en", superuser: bool = True) -> Client:
        user, _made = User.objects.get_or_create(username=f"sample-{superuser}", is_staff=True, is_superuser=superuser)
        client = Client(headers={"accept-language": language})
        client.force_login(user)
        return client

    return open_in


@pytest.fixture
def happenings(publish, one_a_unit, buys, does, other_member, member, noon) -> None:
    """An order, two shares, a like that earned nothing, one of another member's, one that risk control refused."""
    publish("share", Effect("fixed", points=5), fact="shared")
    publish("secret", Effect("fixed", points=5), fact="shared", release=Release("staff"))
    buys(10)
    does("shared", "1")
    does("shared", "2")
    does("liked", "1", subject="a")
    does("shared", "3", whom=other_member)
    screening.block(member_id=member.id, reason="sample", actor="tests", now=noon)
    does("shared", "4")


def found(client: Client, **query: str) -> set[str]:
    answer = client.get(LIST, query)
    assert answer.status_code == 200
    return {row.subject for row in answer.context["cl"].result_list}


ALL = {"purchase/A-1", "shared/1", "shared/2", "liked/1", "shared/3", "shared/4"}


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ({}, ALL),
        ({"q": "M-1"}, ALL - {"shared/3"}),
        ({"q": "M-1 shared/"}, {"shared/1", "shared/2", "shared/4"}),
        ({"q": "M-1 shared/2"}, {"shared/2"}),
        ({"q": "purchase/A-1"}, {"purchase/A-1"}),
        ({"q": "shared/1"}, set()),
        ({"q": "nobody"}, set()),
        ({"fact": "shared"}, {"shared/1", "shared/2", "shared/3", "shared/4"}),
        ({"fact": "purchase"}, {"purchase/A-1"}),
        ({"outcome": "nothing"}, {"liked/1", "shared/4"}),
        ({"outcome": "screened"}, {"shared/4"}),
        ({"outcome": "nothing", "fact": "liked"}, {"liked/1"}),
    ],
)
def test_decisions_are_found_by_member_subject_kind_and_outcome(browser, happenings, query, subjects):
    assert found(browser(), **query) == subjects


def test_one_is_found_by_its_own_id(browser, happenings):
    decision = Decision.objects.get(subject="shared/2")
    assert found(browser(), q=str(decision.id)) == {"shared/2"}


@pytest.mark.parametrize("query", ["", "?fact=shared", "?outcome=nothing", "?q=M-1"])
def test_the_list_never_counts_and_takes_as_many_queries_with_more_rows(browser, happenings, does, other_member, query):
    client = browser()
    client.get(LIST + query)
    taken = []
    for numbers in (range(10, 11), range(11, 31)):
        for number in numbers:
            does("shared", str(number), whom=other_member)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(LIST + query).status_code == 200
        assert not [one["sql"] for one in captured if "COUNT(" in one["sql"].upper()]
        taken.append(len(captured))
    assert taken[0] == taken[1] <= 12


def test_a_decisions_page_tells_operators_all_and_shows_what_the_member_reads(browser, happenings):
    decision = Decision.objects.get(subject="shared/1")
    page = browser().get(reverse("admin:points_decision_change", args=[decision.id]))
    text = page.content.decode()
    assert page.context["text"][1:] == ["“Rule share” gave 5 points.", "1 more rule did not hold."]
    assert page.context["member_text"][1:] == ["“Rule share” gave 5 points."]
    for shown in ("released to this member", "does not hold", "Rule secret, version 1", "article 1", "business day", "2026-11-11"):
        assert shown in text


def test_the_members_version_is_in_the_members_language(browser, happenings, now):
    members.register(external_id="M-1", language="zh-hans", now=now)
    decision = Decision.objects.get(subject="purchase/A-1")
    context = browser().get(reverse("admin:points_decision_change", args=[decision.id])).context
    assert context["text"] == ["For the order A-1 of 11 November 2026:", "“Rule base” gave 10 points."]
    assert context["member_text"] == ["2026年11月11日的订单 A-1：", "“规则 base”发放 10 积分。"]


def test_the_page_speaks_chinese(browser, happenings):
    decision = Decision.objects.get(subject="purchase/A-1")
    text = browser("zh-hans").get(reverse("admin:points_decision_change", args=[decision.id])).content.decode()
    for word in ("参与评估的规则", "决策时的情况", "会员看到的说明", "订单明细"):
        assert word in text


def test_an_entry_leads_to_why_it_is_what_it_is_and_from_there_to_its_decision(browser, happenings, entry_of):
    client, entry = browser(), entry_of("earn")
    why = reverse("admin:points_decision_explain", args=[entry.id])
    assert why in client.get(reverse("admin:points_entry_change", args=[entry.id])).content.decode()
    page = client.get(why)
    assert page.context["text"][1] == "“Rule share” gave 5 points."
    assert reverse("admin:points_decision_change", args=[Decision.objects.get(subject="shared/2").id]) in page.content.decode()


def test_an_entry_without_a_decision_is_explained_with_its_reason(browser, member, noon):
    entry = ledger.freeze(member_id=member.id, actor="tests", reason="bought accounts", key="f", now=noon)
    page = browser().get(reverse("admin:points_decision_explain", args=[entry.id]))
    assert "Reason: bought accounts" in page.context["text"]
    assert len(page.context["member_text"]) == 1


def test_what_is_not_there_is_404_or_leads_back(browser, member):
    assert browser().get(reverse("admin:points_decision_explain", args=[member.id])).status_code == 404
    assert browser().get(reverse("admin:points_decision_change", args=[member.id])).status_code == 302


def test_who_may_not_view_decisions_sees_neither_page(browser, happenings, entry_of):
    client, decision = browser(superuser=False), Decision.objects.first()
    for page in (LIST, reverse("admin:points_decision_change", args=[decision.id]), reverse("admin:points_decision_explain", args=[entry_of("earn").id])):
        assert client.get(page).status_code == 403


def test_nothing_is_written_by_post_either(browser, happenings):
    decision = Decision.objects.get(subject="shared/1")
    browser().post(reverse("admin:points_decision_change", args=[decision.id]), {"points": 1})
    assert browser().post(reverse("admin:points_decision_delete", args=[decision.id]), {"post": "yes"}).status_code == 403
    assert Decision.objects.get(subject="shared/1").points == 5


def test_a_page_takes_as_many_queries_however_many_rules_were_considered(browser, publish, does, happenings, other_member, noon):
    client, taken = browser(), []
    for number, rules in enumerate((1, 15)):
        for one in range(rules):
            publish(f"more-{number}-{one}", Effect("fixed", points=1), fact="commented", at=noon - timedelta(days=300))
        does("commented", str(number), whom=other_member, subject=str(number))
        page = reverse("admin:points_decision_change", args=[Decision.objects.latest("id").id])
        client.get(page)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(page).status_code == 200
        taken.append(len(captured))
    assert taken[0] == taken[1] <= 40, taken
