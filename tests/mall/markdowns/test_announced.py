"""What everybody reads of a markdown, and one that begins later than it is decided on."""

from datetime import timedelta

import pytest
from django.urls import reverse

from loyalty.audit.models import AuditEntry
from mall.markdowns import selectors, services
from mall.markdowns.models import Markdown, MarkdownTerms
from points.totals import services as totals

pytestmark = pytest.mark.django_db
Status = Markdown.Status
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture
def start(mall):
    def by_hand(*, after=None, off=30, days=2):
        about = {"off_percent": off, "days": days, "starts_at": mall.now + after if after is not None else None}
        return services.start_by_hand(**about, reason="tests", actor="tests", now=mall.now)

    return by_hand


@pytest.fixture
def read(client, monkeypatch, mall):
    """What the programme says of it, to somebody who reads that language."""

    def programme(language="en"):
        monkeypatch.setattr("mall.checkout.api.timezone.now", lambda: mall.now)
        return client.get("/api/v1/programme", headers={"accept-language": language}).json()["markdown"]

    return programme


def shown(moment):
    return moment.isoformat().replace("+00:00", "Z")


def test_where_none_runs_nothing_is_said(read):
    assert read() is None


def test_what_is_only_proposed_is_said_to_nobody(mall, member, read):
    MarkdownTerms(pk=1, budget_points=1_000).save()
    mall.give(member, 2_000)
    totals.refresh(now=mall.now)
    row = services.consider(now=mall.now)
    assert read() is None
    services.start(markdown_id=row.id, starts_at=mall.now + DAY, actor="tests", now=mall.now)
    assert read()["running"] is False


def test_one_that_runs_is_told_with_its_rate_its_times_and_a_sentence(mall, start, read):
    row = start()
    told = read()
    assert told.pop("text").startswith("Until ")
    assert told == {"off_percent": 30, "starts_at": shown(row.starts_at), "ends_at": shown(row.ends_at), "running": True}
    assert "所有奖品所需积分减少 30%" in read("zh-hans")["text"]
    mall.now = row.ends_at - SECOND
    assert read() is not None
    mall.now = row.ends_at
    assert read() is None


@pytest.mark.parametrize(("at", "running", "points"), [(-DAY, False, 100), (-SECOND, False, 100), (timedelta(), True, 70), (SECOND, True, 70)])
def test_one_that_is_announced_is_told_before_and_takes_off_from_its_start(mall, member, start, read, at, running, points):
    mall.give(member, 1_000)
    mall.reward(points=100)
    row = start(after=3 * DAY)
    mall.now = row.starts_at + at
    told = read()
    assert (told["running"], told["text"].startswith("Until " if running else "From ")) == (running, True)
    assert mall.redeem(member).points == points
    assert selectors.status_at(row, now=mall.now) == (Status.RUNNING if running else selectors.ANNOUNCED)


def test_its_days_are_counted_from_where_it_begins(start):
    at_once, later = start(days=2), None
    services.end(markdown_id=at_once.id, reason="tests", actor="tests", now=at_once.starts_at + SECOND)
    later = start(after=3 * DAY, days=2)
    assert later.ends_at - at_once.starts_at > 4 * DAY


@pytest.mark.parametrize(("after", "good"), [(-SECOND, False), (timedelta(), True), (timedelta(days=90), True), (timedelta(days=90) + SECOND, False)])
def test_it_begins_at_once_or_within_ninety_days(start, refuses, after, good):
    if good:
        start(after=after)
    else:
        with refuses(services.StartInvalid):
            start(after=after)


def test_while_one_is_announced_no_other_is_started(start, refuses):
    start(after=DAY)
    with refuses(services.MarkdownUnderWay):
        start()


def test_one_that_is_announced_can_be_called_off_and_nobody_reads_of_it_any_more(mall, start, read):
    row = start(after=DAY)
    services.end(markdown_id=row.id, reason="not now", actor="tests", now=mall.now)
    assert read() is None
    mall.now = row.starts_at + SECOND
    assert (read(), selectors.off_bps(now=mall.now)) == (None, 0)
    assert AuditEntry.objects.get(verb="markdown.ended").reason == "not now"


def test_one_that_never_began_is_rested_from_as_from_the_day_it_was_called_off(mall, member, start):
    MarkdownTerms(pk=1, budget_points=1_000, rest_days=30).save()
    mall.give(member, 2_000)
    services.end(markdown_id=start(after=80 * DAY).id, reason="not now", actor="tests", now=mall.now)
    for days, again in ((30 * DAY - SECOND, False), (30 * DAY, True)):
        totals.refresh(now=mall.now + days)
        assert (services.consider(now=mall.now + days) is not None) is again


def test_the_programme_asks_no_more_for_it(start, read, client, django_assert_max_num_queries):
    start()
    read()
    with django_assert_max_num_queries(6):
        client.get("/api/v1/programme")


def test_an_operator_announces_one_and_calls_it_off(mall, admin_client):
    english = {"headers": {"accept-language": "en"}}
    mall.reward(points=100)
    page = reverse("admin:mall_markdown_start_one")
    begin = (mall.now + 2 * DAY).date().isoformat()
    sent = {"off_percent": 20, "days": 2, "starts_at_0": begin, "starts_at_1": "08:00", "reason": "tests"}
    said = admin_client.post(page, sent, follow=True, **english).content.decode()
    assert "every reward costs 20 % fewer points." in said
    assert "begins later" in said
    row = Markdown.objects.get()
    assert (row.status, row.starts_at > mall.now) == (Status.RUNNING, True)
    assert "End now" in admin_client.get(reverse("admin:mall_markdown_change", args=[row.id]), **english).content.decode()
    late = {**sent, "starts_at_0": (mall.now - 2 * DAY).date().isoformat()}
    admin_client.post(reverse("admin:mall_markdown_end", args=[row.id]), {"reason": "enough"})
    assert "begins at once, or within the next 90 days" in admin_client.post(page, late, **english).content.decode()
    assert Markdown.objects.get().status == Status.ENDED
