"""What members have to claim, as operators see it."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from points.earning import services
from points.earning.models import Grant

from .conftest import NOON

pytestmark = pytest.mark.django_db
LIST = "/admin/points/offer/"


@pytest.fixture
def browser(db):
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("sample"))
    return client


@pytest.fixture
def offered(publish, world, other_member):
    """Two offers of the sample member, one of them claimed, one of another's; and points that nobody needs to claim."""
    publish("offer", "fixed", points=5, fact="shared", claim_days=7)
    publish("base")
    world.take("shared", "1")
    world.take("shared", "2")
    world.take("shared", "3", member=other_member)
    world.buy(10_000)
    services.claim(member_id=world.member.id, grant_id=Grant.objects.get(decision__subject="shared/2").id, actor="tests", now=NOON)


def found(client, **query):
    return {row.decision.subject for row in client.get(LIST, query).context["cl"].result_list}


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ({}, {"shared/1", "shared/2", "shared/3"}),
        ({"q": "M-1"}, {"shared/1", "shared/2"}),
        ({"q": "M-1 shared/2"}, {"shared/2"}),
        ({"q": "nobody"}, set()),
        ({"status__exact": "granted"}, {"shared/2"}),
        ({"status__exact": "offered"}, {"shared/1", "shared/3"}),
    ],
)
def test_they_are_found_by_member_fact_and_status_and_nothing_else_is_among_them(browser, offered, query, subjects):
    assert found(browser, **query) == subjects


def test_one_past_its_time_has_lapsed_booked_or_not(browser, offered):
    with time_machine.travel(NOON + timedelta(days=30), tick=False):
        browser.force_login(User.objects.get())
        rows = browser.get(LIST, {"q": "M-2"}).content.decode().split("result_list")[1].split("</table>")[0]
    assert "not claimed in time" in rows
    assert "waiting to be claimed" not in rows


def test_its_page_leads_to_the_decision_and_to_the_entry_it_came_in_with(browser, offered):
    grant = Grant.objects.get(decision__subject="shared/2")
    text = browser.get(reverse("admin:points_offer_change", args=[grant.id])).content.decode()
    assert reverse("admin:points_decision_change", args=[grant.decision_id]) in text
    assert reverse("admin:points_entry_change", args=[grant.entry_id]) in text


def test_the_list_never_counts_and_takes_as_many_queries_with_more_rows(browser, offered, world):
    browser.get(LIST)  # What is held of the settings is read once.
    taken = []
    for numbers in (range(10, 11), range(11, 31)):
        for number in numbers:
            world.take("shared", str(number))
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(LIST).status_code == 200
        assert not [one["sql"] for one in captured if "COUNT(" in one["sql"].upper()]
        taken.append(len(captured))
    assert taken[0] == taken[1] <= 12


def test_nothing_is_written_there(browser, offered):
    grant = Grant.objects.get(decision__subject="shared/1")
    assert browser.post(reverse("admin:points_offer_change", args=[grant.id]), {"status": "granted"}).status_code == 403
    assert browser.post(reverse("admin:points_offer_delete", args=[grant.id]), {"post": "yes"}).status_code == 403
    assert browser.get("/admin/points/offer/add/").status_code == 403
    grant.refresh_from_db()
    assert grant.status == "offered"
