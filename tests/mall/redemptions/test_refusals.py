"""What a refusal says to people, in both languages: the figures that explain it, where the redemption stands, and what can be done instead."""

from datetime import timedelta

import pytest
from django.utils import translation

from loyalty.lib.localtime import in_words
from loyalty.programme import selectors as programme
from mall.redemptions import services
from mall.redemptions.models import Redemption
from mall.rewards.services import SoldOut

Status = Redemption.Status
EVERY = [(before, wanted) for before in Status for wanted in Status if wanted not in (before, *Redemption.ARROWS.get(before, ()))]


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


def said(refuses, refusal, act, *more, language="en", **asked):
    """The sentence that the act is refused with, and its title."""
    with translation.override(language), refuses(refusal) as refused:
        act(*more, **asked)
    with translation.override(language):
        return refused.value.message, str(refused.value.title)


@pytest.mark.parametrize(
    ("language", "nothing_yet", "had_two", "in_a_day"),
    [
        ("en", "One member may have at most 2 of it; had 0.", "One member may have at most 2 of it; had 2.",
         "One member may have at most 1 of it in a day; had 1 today."),
        ("zh-hans", "每位会员最多兑换 2 件，已兑换 0 件。", "每位会员最多兑换 2 件，已兑换 2 件。", "每位会员每天最多兑换 1 件，今天已兑换 1 件。"),
    ],
)  # fmt: skip
def test_a_limit_is_said_with_what_the_member_had(mall, rich, refuses, language, nothing_yet, had_two, in_a_day):
    mall.reward(per_member=2)
    mall.reward("daily", per_member_day=1)
    assert said(refuses, services.MemberLimit, mall.redeem, rich, quantity=3, language=language)[0] == nothing_yet
    mall.redeem(rich, quantity=2)
    mall.redeem(rich, "daily")
    assert said(refuses, services.MemberLimit, mall.redeem, rich, language=language)[0] == had_two
    assert said(refuses, services.MemberDayLimit, mall.redeem, rich, "daily", language=language)[0] == in_a_day


@pytest.mark.parametrize(
    ("language", "left", "none"),
    [
        ("en", ("Only 2 are left.", "There are not so many left."), ("It is sold out.", "It is sold out.")),
        ("zh-hans", ("仅剩 2 件。", "剩余数量不足。"), ("已兑完。", "已兑完。")),
    ],
)
def test_what_is_sold_out_says_so_and_else_how_many_are_left(mall, rich, refuses, language, left, none):
    mall.reward(stock=2)
    assert said(refuses, SoldOut, mall.redeem, rich, quantity=3, language=language) == left
    mall.redeem(rich, quantity=2)
    assert said(refuses, SoldOut, mall.redeem, rich, language=language) == none


@pytest.mark.parametrize(("language", "sentence"), [("en", "This reward is for members from gold on."), ("zh-hans", "该奖品仅限gold及以上等级的会员兑换。")])
def test_the_tier_that_a_reward_is_for_is_named(mall, rich, refuses, tier, language, sentence):
    tier("green", 1)
    mall.reward(least_tier=tier("gold", 2))
    assert said(refuses, services.TierTooLow, mall.redeem, rich, language=language)[0] == sentence


@pytest.mark.parametrize(("language", "sentence"), [("en", "This reward can be redeemed from %s on."), ("zh-hans", "该奖品 %s 起可以兑换。")])
def test_a_reward_that_opens_later_says_when_in_the_programmes_zone(mall, rich, refuses, language, sentence):
    opens = mall.now + timedelta(hours=5)
    mall.reward(starts_at=opens)
    told = in_words(opens, programme.zone(now=mall.now), language)
    assert said(refuses, services.RewardNotYet, mall.redeem, rich, language=language)[0] == sentence % told


@pytest.mark.parametrize(("language", "sentence"), [("en", "Only 1 of it can still come back."), ("zh-hans", "最多还能退回 1 件。")])
def test_a_return_of_too_many_says_how_many_can_still_come_back(mall, rich, refuses, language, sentence):
    mall.reward()
    row = mall.redeem(rich)
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    about = {"quantity": 5, "restock": True, "reason": "tests", "key": "R-1"}
    assert said(refuses, services.ReturnExceedsLeft, mall.step, "return_", row, **about, language=language)[0] == sentence


@pytest.mark.parametrize(
    ("language", "ready", "shipped", "waits"),
    [
        ("en", "It is being made ready: the member cannot cancel it any more, the shop can until it is shipped.",
         "It was shipped: it cannot be cancelled any more. The shop can take it back.",
         "It was not shipped yet: nothing can come back. It can be cancelled."),
        ("zh-hans", "正在备货：会员已不能自行取消，发货前可由商家取消。", "已发货，不能再取消，可由商家办理退货。", "尚未发货，无法退货，可以取消。"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_be_gone_says_where_it_stands_and_what_can_be_done(mall, rich, refuses, language, ready, shipped, waits):
    mall.reward()
    row = mall.redeem(rich)
    about = {"restock": True, "reason": "tests", "key": "R-1"}
    assert said(refuses, services.StepImpossible, mall.step, "return_", row, **about, language=language)[0] == waits
    mall.step("begin", row)
    assert said(refuses, services.StepImpossible, mall.step, "cancel", row, member_id=rich.id, language=language)[0] == ready
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    assert said(refuses, services.StepImpossible, mall.step, "cancel", row, language=language)[0] == shipped


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_whatever_cannot_follow_what_has_a_sentence_of_its_own(mall, rich, language):
    mall.reward()
    row = mall.redeem(rich)
    for row.status, wanted in EVERY:
        with translation.override(language):
            sentence = services._impossible(row, wanted, now=mall.now).message
            assert sentence != str(services.StepImpossible.title)
            assert sentence.isascii() == (language == "en"), sentence
