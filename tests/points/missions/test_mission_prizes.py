"""What a mission gives besides points: badges, cards, benefits; and badges, whoever awards them."""

from datetime import timedelta

import pytest
from django.utils import translation

from points.cards import selectors as cards
from points.cards.models import CardKind
from points.missions import services
from points.missions.models import Badge, MemberBadge
from points.missions.rules import Prize, Step
from points.rulebook import rules as definitions
from points.rulebook import services as rulebook

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard(monkeypatch):
    """The effects that are told, as (topic, payload)."""
    told = []
    publish = services.outbox.publish

    def listen(**event):
        if event["topic"].startswith("points.effect"):
            told.append((event["topic"], event["payload"]))
        publish(**event)

    monkeypatch.setattr(services.outbox, "publish", listen)
    return told


def test_a_benefit_is_told_and_told_again_when_it_is_withdrawn(published, buys, gives_back, heard):
    published("agent", Step("purchase"), points=0, prizes=[Prize("benefit", "own_agent")], automatic=True)
    buys("P-1")
    payload = {"effect": "benefit", "item": "own_agent", "count": 1, "subject": "mission/agent/ever"}
    assert heard == [("points.effect_won", payload)]
    gives_back("P-1")
    assert heard[1:] == [("points.effect_withdrawn", payload)]


def test_cards_are_won_and_withdrawn(published, buys, gives_back, member, noon):
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double points", use="multiplier", factor_percent=200)
    published("pack", Step("purchase"), points=0, prizes=[Prize("card", "double", 2)], automatic=True)
    buys("P-1")
    assert cards.available_kinds(member_id=member.id, now=noon) == {"double": 2}
    gives_back("P-1")
    assert cards.available_kinds(member_id=member.id, now=noon) == {}
    buys("P-2")
    assert cards.available_kinds(member_id=member.id, now=noon) == {"double": 2}


def test_a_badge_is_had_once_and_counted(published, shares, member, badge, noon):
    published("daily", Step("shared"), kind="daily", prizes=[Prize("badge", "sharer")], automatic=True)
    shares(1)
    shares(2, at=noon + timedelta(days=1))
    mine = MemberBadge.objects.get(member_id=member.id)
    assert (mine.badge_id, mine.times, mine.subject, mine.won_at) == ("sharer", 2, "mission/daily/2026-11-21", noon)


def test_won_twice_it_takes_two_withdrawals_to_lose_it(member, badge, noon):
    for subject in ("a", "b"):
        services.award(member_id=member.id, badge="sharer", subject=subject, now=noon)
    assert MemberBadge.objects.get().times == 2
    services.take_back(member_id=member.id, badge="sharer")
    assert MemberBadge.objects.get().times == 1
    services.take_back(member_id=member.id, badge="sharer")
    assert not MemberBadge.objects.exists()
    services.take_back(member_id=member.id, badge="sharer")


def test_a_badge_that_is_not_there_is_refused(member, noon, refuses):
    with refuses(services.BadgeUnknown):
        services.award(member_id=member.id, badge="nonsense", subject="a", now=noon)


def test_a_rules_badge_is_kept_and_taken_back(member, badge, noon, buys, gives_back):
    definition = definitions.Definition(effect=definitions.Effect("badge", item="sharer"))
    made = rulebook.make(code="first", fact="purchase", name_zh="首单", name_en="First", definition=definition, actor="tests", now=noon)
    rulebook.publish(version_id=made.id, ever=True, actor="tests", now=noon)
    buys("P-1")
    assert MemberBadge.objects.get().badge_id == "sharer"
    gives_back("P-1")
    assert not MemberBadge.objects.exists()


def test_a_badge_is_called_by_the_readers_language():
    badge = Badge(code="sharer", name_zh="分享达人", name_en="Sharer")
    with translation.override("zh-hans"):
        assert str(badge) == "分享达人"
    with translation.override("en"):
        assert str(badge) == "Sharer"
