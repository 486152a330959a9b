"""From too many points to a cheaper shelf, and back."""

from datetime import timedelta

import pytest
from django.urls import reverse

from loyalty.audit.models import AuditEntry
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import ReasonMissing
from loyalty.programme import selectors as programme
from mall.markdowns import selectors, services
from mall.markdowns.models import Markdown, MarkdownTerms
from points.totals import services as totals
from tiers.standing import services as standings

Status = Markdown.Status


@pytest.fixture
def terms(db):
    return lambda **more: MarkdownTerms(pk=1, **{"budget_points": 1_000, **more}).save()


@pytest.fixture
def members_hold(mall, member):
    """Let members hold so many points together, as the totals of today say."""

    def give(points):
        mall.give(member, points)
        totals.refresh(now=mall.now)
        return member

    return give


def test_where_members_hold_too_much_a_markdown_is_proposed_once(mall, terms, members_hold):
    terms()
    members_hold(1_199)
    assert services.consider(now=mall.now) is None
    members_hold(1)
    row = services.consider(now=mall.now)
    assert (row.status, row.off_percent, row.days, row.outstanding, row.budget) == (Status.PROPOSED, 30, 7, 1_200, 1_000)
    assert services.consider(now=mall.now) is None
    assert selectors.off_bps(now=mall.now) == 0


def test_what_is_held_and_pending_counts_as_well(mall, terms, members_hold):
    terms()
    member = members_hold(1_200)
    mall.reward(points=700, cents=100)
    mall.redeem(member)
    totals.refresh(now=mall.now)
    assert selectors.outstanding(now=mall.now)[:4] == (1_200, 1_000, 20, True)


def test_a_markdown_that_was_started_makes_every_reward_cheaper_until_its_last_midnight(mall, terms, members_hold):
    terms()
    member = members_hold(1_200)
    mall.reward(points=99)
    row = services.start(markdown_id=services.consider(now=mall.now).id, actor="tests", now=mall.now)
    zone = programme.zone(now=mall.now)
    assert local_date(row.ends_at - timedelta(microseconds=1), zone) == local_date(mall.now, zone) + timedelta(days=6)
    bought = mall.redeem(member)
    assert (bought.points, bought.price) == (69, "markdown")
    mall.now = row.ends_at - timedelta(microseconds=1)
    assert mall.redeem(member).points == 69
    mall.now = row.ends_at
    assert mall.redeem(member).points == 99
    assert (services.end_over(now=mall.now), services.end_over(now=mall.now)) == (1, 0)
    row.refresh_from_db()
    assert row.status == Status.OVER


def test_who_has_a_tier_pays_the_better_of_both_and_never_both(mall, terms, members_hold, tier):
    basic, gold = tier("basic", 1), tier("gold", 2)
    gold.benefits.create(kind="redemption_discount", value=4_000)
    basic.benefits.create(kind="redemption_discount", value=1_000)
    member = members_hold(1_000)
    mall.reward(points=100)
    services.start_by_hand(off_percent=30, days=1, reason="tests", actor="tests", now=mall.now)
    assert mall.redeem(member).points == 70
    standings.set_standing(member_id=member.id, tier="gold", reason="tests", actor="tests", now=mall.now)
    assert mall.redeem(member).points == 60


def test_where_the_terms_say_so_it_starts_without_asking(mall, terms, members_hold):
    terms(starts_itself=True, off_percent=10, days=1)
    members_hold(1_200)
    row = services.consider(now=mall.now)
    assert (row.status, row.decided_by, selectors.off_bps(now=mall.now)) == (Status.RUNNING, "job", 1_000)


@pytest.mark.parametrize("how", ["declined", "over"])
def test_after_one_there_is_a_rest(mall, terms, members_hold, how):
    terms(rest_days=30)
    members_hold(1_200)
    row = services.consider(now=mall.now)
    if how == "declined":
        services.decline(markdown_id=row.id, reason="not now", actor="tests", now=mall.now)
        rested_from = mall.now
    else:
        rested_from = services.start(markdown_id=row.id, actor="tests", now=mall.now).ends_at
    for at, again in ((rested_from + timedelta(days=30) - timedelta(microseconds=1), False), (rested_from + timedelta(days=30), True)):
        totals.refresh(now=at)
        assert (services.consider(now=at) is not None) is again


def test_it_can_be_ended_early_with_a_reason(mall, terms, members_hold, refuses):
    terms()
    row = services.start_by_hand(off_percent=50, days=3, reason="tests", actor="tests", now=mall.now)
    mall.wait(hours=1)
    with refuses(ReasonMissing):
        services.end(markdown_id=row.id, reason=" ", actor="tests", now=mall.now)
    ended = services.end(markdown_id=row.id, reason="wrong percent", actor="tests", now=mall.now)
    assert (ended.status, ended.ends_at, selectors.off_bps(now=mall.now)) == (Status.ENDED, mall.now, 0)
    assert [one.verb for one in AuditEntry.objects.order_by("id")] == ["markdown.running", "markdown.ended"]
    with refuses(services.MarkdownDecided):
        services.end(markdown_id=row.id, reason="again", actor="tests", now=mall.now)


@pytest.mark.parametrize(("off", "days"), [(0, 1), (91, 1), (1, 0), (1, 91)])
def test_what_is_out_of_bounds_is_refused(mall, refuses, off, days):
    with refuses(services.MarkdownInvalid):
        services.start_by_hand(off_percent=off, days=days, reason="tests", actor="tests", now=mall.now)


def test_two_at_once_are_refused(mall, terms, refuses):
    terms()
    services.start_by_hand(off_percent=30, days=1, reason="tests", actor="tests", now=mall.now)
    with refuses(services.MarkdownUnderWay):
        services.start_by_hand(off_percent=30, days=1, reason="tests", actor="tests", now=mall.now)


def test_an_operator_starts_and_ends_one_after_being_asked(mall, admin_client):
    mall.reward(points=100)
    page = reverse("admin:mall_markdown_start_one")
    asked = admin_client.get(page, headers={"accept-language": "en"})
    assert b"Start a markdown" in asked.content
    assert not Markdown.objects.exists()
    admin_client.post(page, {"off_percent": 20, "days": 2, "reason": "tests"})
    row = Markdown.objects.get()
    assert (row.status, row.off_percent, row.decided_by) == (Status.RUNNING, 20, "admin")
    shown = admin_client.get(reverse("admin:mall_markdown_change", args=[row.id]), headers={"accept-language": "en"}).content.decode()
    assert "End now" in shown
    assert "Decline" not in shown
    admin_client.post(reverse("admin:mall_markdown_end", args=[row.id]), {"reason": "enough"})
    row.refresh_from_db()
    assert (row.status, row.reason) == (Status.ENDED, "enough")
