"""Who may have a reward before others, from when on, and what they read of it."""

from datetime import timedelta

import pytest

from mall.flashsale import services as flashsale
from mall.flashsale.models import FlashSale
from mall.flashsale.services import LineNotOpen
from mall.privileges import services as privileges
from mall.privileges.models import PrivilegeKind
from mall.redemptions import services as redemptions
from mall.shelf import selectors
from tiers.ladder import services as ladder
from tiers.standing import services as standings

pytestmark = pytest.mark.django_db
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


@pytest.fixture
def gold(mall, rich, tier):
    """The member is gold, which comes so many minutes sooner."""

    def early(minutes):
        tier("basic", 1)
        tier("gold", 2, threshold=5_000)
        ladder.keep_benefit(tier="gold", kind="early_access", value=minutes, actor="tests", now=mall.now)
        standings.set_standing(member_id=rich.id, tier="gold", reason="tests", actor="tests", now=mall.now)

    return early


def kind(code="early", *, minutes=60, **more):
    about = {"what": "early_access", "name_zh": "抢先购", "name_en": "Early access", "term": "days", "term_days": 30, "early_minutes": minutes, **more}
    return PrivilegeKind(code=code, **about)


@pytest.fixture
def privilege(mall, rich):
    """The member has a privilege that comes so many minutes sooner."""

    def grant(minutes=60, *, code="early", **more):
        privileges.keep(kind=kind(code, minutes=minutes, **more), actor="tests", now=mall.now)
        [row] = privileges.grant(member_id=rich.id, kind=code, reason="tests", actor="tests", key=code, now=mall.now)
        return row

    return grant


def look(mall, member):
    who = selectors.as_member(member_id=member.id, now=mall.now)
    [item] = selectors.items(selectors.shelf(who=who, now=mall.now), who=who, now=mall.now)
    return item


def notes(item, now):
    return [code for code, _text in selectors.in_words(item, now=now)]


@pytest.mark.parametrize("by", ["tier", "privilege"])
@pytest.mark.parametrize(
    ("at", "open_", "told"),
    [
        (-DAY, False, ["early_access_coming"]),
        (-HOUR - SECOND, False, ["early_access_coming"]),
        (-HOUR, True, ["early_access"]),
        (-HOUR + SECOND, True, ["early_access"]),
        (-SECOND, True, ["early_access"]),
        (timedelta(), True, []),
        (SECOND, True, []),
    ],
)
def test_the_shelf_opens_an_hour_sooner_to_the_second(mall, rich, refuses, gold, privilege, by, at, open_, told):
    gold(60) if by == "tier" else privilege(60)
    starts_at = mall.now + 2 * DAY
    mall.reward(starts_at=starts_at)
    mall.now = starts_at + at
    item = look(mall, rich)
    assert (item.opens_at, item.why_not is None, notes(item, mall.now)) == (starts_at - HOUR, open_, told)
    if open_:
        assert mall.redeem(rich).points == 100
    else:
        with refuses(redemptions.RewardNotYet) as refused:
            mall.redeem(rich)
        assert refused.value.figures == {"starts_at": (starts_at - HOUR).isoformat()}


@pytest.mark.parametrize(("at", "open_"), [(-SECOND, False), (timedelta(), True)])
def test_who_has_no_early_access_waits_for_the_start(mall, rich, refuses, tier, at, open_):
    tier("basic", 1)
    starts_at = mall.now + DAY
    mall.reward(starts_at=starts_at)
    mall.now = starts_at + at
    item = look(mall, rich)
    assert (item.opens_at, item.why_not is None, notes(item, mall.now)) == (starts_at, open_, [] if open_ else ["opens"])
    if not open_:
        with refuses(redemptions.RewardNotYet):
            mall.redeem(rich)


@pytest.mark.parametrize(("of_tier", "of_privilege", "minutes"), [(30, 60, 60), (60, 30, 60), (60, 60, 60), (60, None, 60), (None, 30, 30)])
def test_of_tier_and_privilege_the_longer_counts_and_never_both(mall, rich, gold, privilege, of_tier, of_privilege, minutes):
    if of_tier:
        gold(of_tier)
    if of_privilege:
        privilege(of_privilege)
    starts_at = mall.now + DAY
    mall.reward(starts_at=starts_at)
    assert look(mall, rich).opens_at == starts_at - timedelta(minutes=minutes)


def test_of_several_privileges_the_longest_counts(mall, rich, privilege):
    for code, minutes in (("short", 30), ("long", 90), ("none", None)):
        privilege(minutes, code=code)
    starts_at = mall.now + DAY
    mall.reward(starts_at=starts_at)
    assert look(mall, rich).opens_at == starts_at - timedelta(minutes=90)


@pytest.mark.parametrize(
    ("after", "early"),
    [(timedelta(), True), (timedelta(days=29), True), ("end", False), (timedelta(days=32), False)],
)
def test_a_privilege_opens_nothing_once_it_is_over_or_ended(mall, rich, privilege, after, early):
    row = privilege(60)
    starts_at = mall.now + timedelta(days=60)
    mall.reward(starts_at=starts_at)
    if after == "end":
        privileges.end(member_id=rich.id, privilege_id=row.id, reason="tests", actor="tests", now=mall.now)
    else:
        mall.now += after
    assert (look(mall, rich).opens_at < starts_at) is early


@pytest.mark.parametrize(("at", "early"), [(-SECOND, True), (timedelta(), False)])
def test_it_is_over_at_the_instant_of_its_end(mall, rich, privilege, at, early):
    row = privilege(60)
    starts_at = mall.now + timedelta(days=60)
    mall.reward(starts_at=starts_at)
    mall.now = row.ends_at + at
    assert (look(mall, rich).opens_at < starts_at) is early


def test_a_privilege_keeps_by_how_much_it_came_sooner_on_its_day(mall, rich, privilege):
    row = privilege(60)
    privileges.keep(kind=_changed(row.kind, 5), actor="tests", now=mall.now)
    starts_at = mall.now + DAY
    mall.reward(starts_at=starts_at)
    assert look(mall, rich).opens_at == starts_at - HOUR


def _changed(row, minutes):
    row.early_minutes = minutes
    return row


@pytest.mark.parametrize(
    "wrong", [{"what": "own_agent"}, {"uses": 3}, {"minutes": 0}, {"minutes": 60 * 24 * 30 + 1}], ids=["no early access", "counted", "none", "too long"]
)
def test_only_early_access_at_will_opens_anything_sooner(mall, refuses, wrong):
    with refuses(privileges.KindInvalid) as refused:
        privileges.keep(kind=kind(**wrong), actor="tests", now=mall.now)
    assert set(refused.value.figures["fields"]) == {"early_minutes"}


def test_what_is_bought_early_of_the_last_one_is_gone_for_the_others(mall, rich, privilege, other_member, refuses):
    privilege(60)
    mall.give(other_member, 1_000)
    starts_at = mall.now + DAY
    mall.reward(starts_at=starts_at, stock=1)
    mall.now = starts_at - HOUR
    mall.redeem(rich)
    mall.now = starts_at
    with refuses(redemptions.SoldOut):
        mall.redeem(other_member)


def test_members_read_it_in_their_language(mall, rich, privilege, api):
    privilege(60)
    mall.reward(starts_at=mall.now + timedelta(minutes=30))
    shown = api.get("rewards/mug?member=M-1").json()
    assert (shown["redeemable"], shown["opens_at"] < shown["starts_at"], [one["code"] for one in shown["why"]]) == (True, True, ["early_access"])
    assert shown["why"][0]["text"].startswith("Early access until ")
    nobody = api.get("rewards/mug").json()
    assert (nobody["redeemable"], nobody["opens_at"], nobody["why"][0]["code"]) == (False, nobody["starts_at"], "opens")
    api.client.credentials(**{**api.client._credentials, "HTTP_ACCEPT_LANGUAGE": "zh-hans"})
    assert "之后对所有人开放" in api.get("rewards/mug?member=M-1").json()["why"][0]["text"]


def test_a_privilege_lets_its_member_into_a_flash_sale_sooner(mall, rich, privilege, other_member, refuses):
    privilege(60)
    mall.give(other_member, 1_000)
    reward = mall.reward()
    starts_at = mall.now + DAY
    sale = FlashSale(reward=reward, name_zh="秒杀", name_en="Sale", points=50, quantity=2, starts_at=starts_at, ends_at=starts_at + HOUR, line_minutes=0)
    flashsale.keep_sale(sale=sale, actor="tests", now=mall.now)
    for member, opens in ((rich, starts_at - HOUR), (other_member, starts_at)):
        with refuses(LineNotOpen):
            flashsale.line_up(sale_id=sale.id, member_id=member.id, now=opens - SECOND)
        assert flashsale.line_up(sale_id=sale.id, member_id=member.id, now=opens).state == "your_turn"
