"""What people read about an entry, of whatever kind."""

from datetime import timedelta

import pytest
from django.utils.translation import override

from points.earning import services as earning
from points.earning.models import Decision
from points.explanation import selectors
from points.ledger import services as ledger
from points.ledger.models import Entry, Source
from points.rulebook.rules import Effect
from points.terms.models import Terms
from points.terms.rules import NEVER, ExpiryPolicy

pytestmark = pytest.mark.django_db

BASE = ["For the order A-1 of 11 November 2026:", "“Rule base” gave 100 points."]


@pytest.fixture
def act(member, noon):
    """`act("spend", points=5, key="k")`: a verb of the ledger for the sample member."""
    return lambda verb, now=noon, **about: getattr(ledger, verb)(member_id=member.id, actor="some operator", now=now, **about)


@pytest.fixture
def given(act):
    """Points of no decision's, that never expire unless said otherwise."""
    return lambda points=100, key="g", policy=NEVER, source=Source.BEHAVIOUR, **more: act("earn", points=points, source=source, policy=policy, key=key, **more)


class TestEarned:
    def test_it_tells_how_and_how_long_it_is_good(self, one_a_unit, buys, entered):
        buys(100)
        assert entered("earn", to_member=True) == [*BASE, "Good through 11 November 2027."]
        assert entered("earn", language="zh-hans") == ["2026年11月11日的订单 A-1：", "“规则 base”发放 100 积分。", "有效期至2027年11月11日（含）。"]

    def test_one_that_waits_says_until_when(self, one_a_unit, buys, entered):
        Terms.objects.create(id=1, pending=Terms.Pending.DAYS, pending_days=7)
        buys(100)
        assert entered("earn") == [*BASE, "To be spent from 18 November 2026 on."]

    def test_one_that_waits_for_the_delivery_says_so(self, one_a_unit, buys, entered):
        Terms.objects.create(id=1, pending=Terms.Pending.DELIVERED)
        buys(100)
        assert entered("earn") == [*BASE, "To be spent once the order is delivered."]

    def test_one_of_several_says_which_part_it_holds(self, one_a_unit, publish, buys, entered, member, noon):
        publish("short", Effect("fixed", points=20), expiry="days:30")
        publish("claimed", Effect("fixed", points=7), claim_days=7)
        buys(100)
        parts = {}
        for entry in Entry.objects.filter(kind="earn"):
            with override("en"):
                parts[entry.points] = selectors.explain(member_id=member.id, entry_id=entry.id, for_member=True, now=noon).sentences
        assert parts[100][-3:] == [
            "To be claimed by 18 November 2026: 7 points.",
            "This entry holds 100 points of it; the rest has terms of its own.",
            "Good through 11 November 2027.",
        ]
        assert parts[20][-2:] == ["This entry holds 20 points of it; the rest has terms of its own.", "Good through 11 December 2026."]

    def test_one_from_before_decisions_were_kept_says_so(self, one_a_unit, buys, given, entered, publish):
        version = publish("old", Effect("fixed", points=5))
        given(rule_version_id=version.id, subject="purchase/A-0")
        told = ["“Rule old” gave 100 points.", "That was before explanations were kept, so there are no details."]
        assert entered("earn") == entered("earn", to_member=True) == told

    def test_one_without_a_rule_names_its_source(self, given, entered):
        given(source=Source.CAMPAIGN)
        assert entered("earn")[0] == "Came in as “campaign”: 100 points."

    def test_what_was_bought_is_called_that(self, given, entered):
        given(source=Source.BOUGHT)
        assert entered("earn") == ["Bought for money: 100 points."]
        assert entered("earn", language="zh-hans") == ["用现金购买 100 积分。"]

    def test_an_opening_balance_is_called_that(self, given, entered):
        given(source=Source.IMPORT)
        assert entered("earn") == ["Brought over as the opening balance: 100 points."]
        assert entered("earn", language="zh-hans") == ["作为期初余额导入 100 积分。"]


class TestTakenBack:
    def test_it_names_the_refund_and_how_they_had_been_earned(self, one_a_unit, buys, gives_back, entered):
        buys(100)
        gives_back(40)
        assert entered("clawback", to_member=True) == [
            "Taken back: 40 points, because of the refund R-1 of the order A-1.",
            "This is how they had been earned.",
            *BASE,
            "Taken back since: 40 points.",
        ]

    def test_what_had_been_spent_is_owed(self, one_a_unit, buys, gives_back, act, entered):
        buys(100)
        act("spend", points=90, key="s")
        gives_back(40)
        assert entered("clawback")[1] == "Owed for it: 30 points that had been spent already. What comes in next settles that."

    def test_what_had_expired_is_not_claimed(self, publish, buys, gives_back, entered, noon):
        publish("base", Effect("per_unit", rate=10_000), expiry="days:30")
        buys(100)
        gives_back(40, at=noon + timedelta(days=60))
        assert entered("clawback")[1] == "Of these, 40 points had expired; they are not claimed."

    def test_a_behaviour_that_was_withdrawn_has_no_refund_to_name(self, publish, does, entered, member, noon):
        publish("share", Effect("fixed", points=5), fact="shared")
        does("shared")
        earning.withdraw(member_id=member.id, kind="shared", external_id="1", actor="tests", now=noon)
        assert entered("clawback")[0] == "Taken back: 5 points, because what had earned them was undone or became less."


def test_points_that_waited_tell_how_they_had_been_earned(one_a_unit, buys, act, entered, entry_of):
    Terms.objects.create(id=1, pending=Terms.Pending.DELIVERED)
    buys(100)
    act("mature", entry_id=entry_of("earn").id, key="m")
    assert entered("mature")[:4] == [
        "100 points that had waited could be spent from then on.",
        "Good through 11 November 2027.",
        "This is how they had been earned.",
        BASE[0],
    ]


class TestSpent:
    def test_it_names_the_order_and_what_was_taken_first_what_expires_first(self, given, act, entered, noon):
        given(30, "later", occurred_at=noon - timedelta(days=3))
        given(20, "sooner", ExpiryPolicy("days", 9), Source.CAMPAIGN)
        act("spend", points=50, subject="purchase/A-9", key="s")
        assert entered("spend", to_member=True) == [
            "Spent for the order A-9: 50 points.",
            "20 points that came in as “campaign” on 11 November 2026.",
            "30 points that came in as “behaviour” on 8 November 2026.",
        ]
        assert entered("spend", language="zh-hans")[:2] == ["订单 A-9 使用了 50 积分。", "其中 20 积分：2026年11月11日以“活动”入账。"]

    def test_what_was_held_before_is_told_likewise(self, given, act, entered, noon):
        given()
        held = act("hold", points=30, subject="purchase/A-9", expires_at=noon + timedelta(hours=1), key="h")
        act("capture", hold_id=held.id, points=20, subject="purchase/A-9", key="c")
        assert entered("hold") == ["Set aside for the order A-9: 30 points."]
        assert entered("capture") == ["Spent for the order A-9: 20 points.", "20 points that came in as “behaviour” on 11 November 2026."]
        assert entered("release") == ["No longer set aside: 10 points."]

    def test_what_was_missing_is_owed(self, given, act, entered):
        given(10)
        act("spend", points=50, overdraw=True, key="s")
        assert entered("spend")[-1] == "Owed for it: 40 points that were missing. What comes in next settles that."

    def test_many_lots_are_summed_up_after_the_first_twenty(self, given, act, entered):
        for number in range(25):
            given(2, str(number))
        act("spend", points=50, key="s")
        told = entered("spend")
        assert (len(told), told[-1]) == (22, "And 10 points that came in at other times.")


def test_what_expired_names_its_last_day_and_where_it_came_from(given, act, entered, noon):
    given(policy=ExpiryPolicy("days", 9))
    act("expire", now=noon + timedelta(days=30))
    assert entered("expire") == [
        "Expired: 100 points. The last day to use them was 20 November 2026.",
        "100 points that came in as “behaviour” on 11 November 2026.",
    ]


class TestGivenBack:
    def test_it_names_the_refund(self, given, act, entered):
        given()
        spent = act("spend", points=60, subject="purchase/A-9", key="s")
        act("restore", entry_id=spent.id, points=20, subject="purchase/A-9/refund/R-7", key="r")
        assert entered("restore") == [
            "Given back: 20 points that had been spent, because of the refund R-7 of the order A-9.",
            "They keep the expiry that they had before they were spent.",
        ]

    def test_what_had_been_owed_is_owed_no_longer(self, given, act, entered):
        given(10)
        spent = act("spend", points=50, overdraw=True, key="s")
        act("restore", entry_id=spent.id, points=50, key="r")
        assert entered("restore")[:2] == ["Given back: 50 points that had been spent.", "Of these, 40 points had been owed and are owed no longer."]

    def test_points_that_had_expired_meanwhile_may_be_good_for_longer(self, given, act, entered, noon):
        given(policy=ExpiryPolicy("days", 9))
        spent = act("spend", points=60, key="s")
        act("restore", entry_id=spent.id, points=60, grace=timedelta(days=5), now=noon + timedelta(days=30), key="r")
        assert entered("postpone") == ["The expiry of 60 points was put off: good through 16 December 2026."]


def test_what_settles_a_debt_says_so(given, act, entered):
    act("spend", points=50, overdraw=True, key="s")
    given()
    assert entered("settle") == ["50 points of what had come in settled what was owed."]


@pytest.mark.parametrize(("points", "told"), [(5, "Corrected by hand: +5 points."), (-5, "Corrected by hand: -5 points.")])
def test_a_correction_keeps_its_reason_and_its_operator_from_the_member(given, act, entered, points, told):
    given()
    act("adjust", points=points, policy=NEVER, reason="wrong till", key="a")
    assert entered("adjust") == [told, "Reason: wrong till"]
    assert entered("adjust", to_member=True) == [told]


def test_freezing_and_unfreezing_are_told_without_their_reasons(act, entered):
    act("freeze", reason="bought accounts", key="f")
    act("unfreeze", reason="was not", key="u")
    assert entered("freeze", to_member=True) == ["The account was frozen: until that ends, nothing can be spent."]
    assert entered("unfreeze") == ["The account was unfrozen: spending is possible again.", "Reason: was not"]


def test_a_transfer_does_not_say_to_whom(given, act, entered, member, other_member, noon):
    given()
    ledger.transfer(member_id=member.id, to_member_id=other_member.id, points=10, actor="tests", key="t", now=noon)
    ledger.transfer(member_id=other_member.id, to_member_id=member.id, points=4, actor="tests", key="u", now=noon)
    assert entered("transfer_out") == ["Given to another member: 10 points."]
    assert entered("transfer_in") == ["Received from another member: 4 points."]


def test_what_was_voided_says_so(given, act, entered):
    given()
    act("forfeit", points=10, reason="fraud", key="v")
    assert entered("forfeit", to_member=True) == ["Voided: 10 points."]


def test_no_kind_of_entry_is_without_words_in_either_language(one_a_unit, buys, member, noon):
    """Also one that is told oddly little: no subject, no decision, nothing beside it."""
    buys(1)
    entry = Entry.objects.get(kind="earn")
    for kind in Entry.Kind.values:
        plain = Entry(id=entry.id, member_id=member.id, kind=kind, points=3, expires_at=noon, occurred_at=noon, recorded_at=noon, seq=1, balance_after=0)
        for language in ("en", "zh-hans"):
            with override(language):
                told = list(selectors._of_entry(plain, None, True, noon.tzinfo))
            assert told, kind
            assert any("一" <= sign <= "鿿" for sign in told[0]) == (language == "zh-hans"), kind
    assert Decision.objects.count() == 1
