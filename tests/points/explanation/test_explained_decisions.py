"""What people read about a decision: for operators and for the member, in both languages."""

import random
from datetime import timedelta

import pytest
from django.utils.translation import override

from loyalty.programme.models import Programme
from points.cards import services as cards
from points.cards.models import CardKind
from points.earning import services as earning
from points.earning.models import Decision, Grant
from points.explanation import selectors
from points.ledger import services as ledger
from points.ledger.models import Entry
from points.missions.models import Badge
from points.rulebook.models import SharedLimit
from points.rulebook.rules import Effect, Limit, Release
from riskcontrol.screening import services as screening

pytestmark = pytest.mark.django_db

FIVE, RATE = Effect("fixed", points=5), Effect("per_unit", rate=10_000)


def times(factor: float) -> Effect:
    return Effect("multiplier", factor=round(factor * 10_000))


def test_one_rule_alone_is_one_sentence(one_a_unit, buys, decided):
    buys(12)
    assert decided() == decided(to_member=True) == ["“Rule base” gave 12 points."]
    assert decided(language="zh-hans") == ["“规则 base”发放 12 积分。"]


def test_one_point_is_no_points(one_a_unit, buys, decided):
    buys(1)
    assert decided() == ["“Rule base” gave 1 point."]


def test_a_fraction_that_is_dropped_is_said(one_a_unit, buys, decided):
    buys(12.50)
    assert decided() == ["“Rule base” gave 12 points.", "Fractions are dropped."]
    assert decided(language="zh-hans") == ["“规则 base”发放 12 积分。", "零头舍去。"]


def test_less_than_a_point_is_said_to_the_member_as_well(one_a_unit, buys, decided):
    buys(0.50)
    assert decided() == decided(to_member=True) == ["It came to a fraction only, and fractions are dropped."]
    assert decided(language="zh-hans") == ["结果不足 1，零头舍去。"]


def test_the_fact_and_its_business_day_come_first(one_a_unit, publish, buys, does, member, noon):
    publish("share", FIVE, fact="shared")
    buys(12, at=noon.replace(hour=17))
    does("shared")
    with override("en"):
        told = [selectors.of_decision(one, for_member=True, now=noon).sentences[0] for one in Decision.objects.order_by("-fact")]
    # Five in the afternoon in London is the next day in Shanghai.
    assert told == ["For “Shared” on 11 November 2026:", "For the order A-1 of 12 November 2026:"]


def test_multipliers_say_what_they_added_and_it_adds_up(one_a_unit, publish, buys, decided):
    publish("milk", times(3), conditions={"categories": ("MILK",)})
    publish("tier", times(1.2))
    buys(10, 2.50, categories=("MILK", "HOME"))
    assert decided() == [
        "“Rule base” gave 13 points.",
        "“Rule milk” multiplied by 3 for the goods that it is about, which added 20 points.",
        "“Rule tier” multiplied by 1.2, which added 6 points.",
        "Together: 39 points.",
        "Only the sum is rounded, down; the parts are their shares of it.",
    ]
    assert decided(language="zh-hans") == [
        "“规则 base”发放 13 积分。",
        "“规则 milk”乘以 3（仅限适用商品），增加 20 积分。",
        "“规则 tier”乘以 1.2，增加 6 积分。",
        "合计 39 积分。",
        "只对合计向下取整，各部分按比例分摊。",
    ]


def test_a_multiplier_that_adds_less_than_a_point_is_named(one_a_unit, publish, buys, decided):
    publish("tier", times(1.2))
    buys(2)
    assert decided() == ["“Rule base” gave 2 points.", "“Rule tier” multiplied by 1.2, which added only a fraction.", "Fractions are dropped."]


def test_a_factor_below_one_is_told_as_being_in_the_figures_already(one_a_unit, publish, buys, decided):
    publish("luxury", times(0.5))
    buys(12)
    assert decided() == [
        "“Rule base” gave 6 points.",
        "“Rule luxury” multiplied by 0.5; the figures above include that.",
        "Fractions are dropped.",
    ]
    assert decided(language="zh-hans")[1] == "“规则 luxury”乘以 0.5，以上数值已按此计算。"


def test_a_factor_of_one_needs_no_words(one_a_unit, publish, buys, decided):
    publish("tier", times(1))
    buys(12)
    assert decided(to_member=True) == ["“Rule base” gave 12 points."]


def test_of_a_group_operators_read_which_one_counted_and_the_member_only_that_one(one_a_unit, publish, buys, decided):
    for code, factor in (("double", 2), ("triple", 3)):
        publish(code, times(factor), group="promotion", combine="best")
    buys(10)
    gave = ["“Rule base” gave 10 points.", "“Rule triple” multiplied by 3, which added 20 points.", "Together: 30 points."]
    assert decided(to_member=True) == gave
    assert decided() == [*gave, "“Rule double” held too, but “Rule triple” counted in its place."]


def test_of_a_group_each_line_has_its_own_and_the_words_say_for_which(one_a_unit, publish, buys, decided):
    publish("birthday", times(2), group="promotion", combine="best")
    publish("milk", times(3), conditions={"categories": ("MILK",)}, group="promotion", combine="best")
    buys(10, 3, categories=("MILK", "HOME"))
    assert decided()[1:3] == [
        "“Rule birthday” multiplied by 2 for the goods that no other one counts for, which added 3 points.",
        "“Rule milk” multiplied by 3 for the goods that it is about, which added 20 points.",
    ]
    assert decided(language="zh-hans")[1] == "“规则 birthday”乘以 2（仅限未适用其他倍数的商品），增加 3 积分。"


def test_what_is_used_up_gives_way_to_the_next_of_its_group(publish, does, decided):
    publish("best", Effect("fixed", points=50), fact="shared", group="g", combine="best", limits=(Limit("day", times=1),))
    publish("plain", FIVE, fact="shared", group="g", combine="best")
    does("shared", "1")
    does("shared", "2")
    assert decided("shared/2", to_member=True) == ["“Rule plain” gave 5 points."]
    assert decided("shared/2")[1] == "“Rule best” held too, but “Rule plain” took its place, because its limit for a day left no room."


class TestLimits:
    @pytest.mark.parametrize(
        ("per", "english", "chinese"),
        [
            ("fact", "its limit for each time", "该规则的单次上限"),
            ("day", "its limit for a day", "该规则的每日上限"),
            ("week", "its limit for a week", "该规则的每周上限"),
            ("month", "its limit for a month", "该规则的每月上限"),
            ("life", "its limit for a member’s life", "该规则的终身上限"),
        ],
    )
    def test_a_members_own_is_told_to_the_member(self, publish, buys, decided, per, english, chinese):
        publish("base", RATE, limits=(Limit(per, points=20),))
        buys(31)
        assert decided(to_member=True) == ["“Rule base” gave 20 points.", f"It would have been 31 points, but {english} left room for no more."]
        assert decided(language="zh-hans") == ["“规则 base”发放 20 积分。", f"本应为 31 积分，但{chinese}只剩这些。"]

    def test_one_that_is_used_up_is_why_nothing_came(self, publish, does, decided):
        publish("share", FIVE, fact="shared", limits=(Limit("day", times=1),))
        does("shared", "1")
        does("shared", "2")
        assert decided("shared/2") == decided("shared/2", to_member=True) == ["“Rule share” gave nothing, because its limit for a day left no room."]

    def test_one_over_several_rules_is_told_by_its_name(self, publish, does, decided):
        SharedLimit.objects.create(code="daily", name_zh="每日行为", name_en="A day's behaviours", over=["behaviours"], per="day", points=3)
        publish("share", FIVE, fact="shared")
        does("shared")
        assert decided("shared/1", to_member=True)[1] == "It would have been 5 points, but the limit “A day's behaviours” left room for no more."
        assert decided("shared/1", language="zh-hans")[1] == "本应为 5 积分，但限额“每日行为”只剩这些。"

    def test_several_are_named_together(self, publish, buys, decided):
        SharedLimit.objects.create(code="daily", name_zh="每日", name_en="Daily", over=["purchases"], per="day", points=3)
        publish("base", RATE, limits=(Limit("fact", points=4),))
        buys(5)
        assert decided()[1] == "It would have been 5 points, but its limit for each time and the limit “Daily” left room for no more."

    @pytest.mark.parametrize(
        ("per", "english"),
        [
            ("day", "its limit for all members in a day"),
            ("week", "its limit for all members in a week"),
            ("month", "its limit for all members in a month"),
            ("life", "its limit for all members, for good"),
        ],
    )
    def test_what_all_share_is_named_to_operators_and_only_hinted_at_to_the_member(self, publish, buys, decided, per, english):
        publish("base", RATE, limits=(Limit(per, points=3, by="rule"),))
        buys(5)
        assert decided()[1] == f"It would have been 5 points, but {english} left room for no more."
        assert decided(to_member=True)[1] == "It would have been more, but what this rule can give is limited."

    def test_a_budget_likewise(self, publish, budget, does, decided):
        budget(8)
        publish("share", FIVE, fact="shared")
        for number in "123":
            does("shared", number)
        assert decided("shared/2")[1] == "It would have been 5 points, but the budget “Secret budget” left room for no more."
        assert decided("shared/2", to_member=True) == ["“Rule share” gave 3 points.", "It would have been more, but what this rule can give is limited."]
        assert decided("shared/3") == ["“Rule share” gave nothing, because the budget “Secret budget” left no room."]
        assert decided("shared/3", to_member=True) == ["This earned nothing."]

    def test_a_rule_that_is_called_budget_has_limits_of_its_own(self, publish, buys, decided):
        publish("budget", RATE, limits=(Limit("day", points=3),))
        buys(5)
        assert decided(to_member=True)[1] == "It would have been 5 points, but its limit for a day left room for no more."

    def test_a_margin_likewise(self, publish, buys, decided):
        publish("base", RATE, margin_percent=10)
        buys(10, costs=(9.50,))
        assert decided() == [
            "“Rule base” gave 5 points.",
            "It would have been 10 points, but the share of the margin that it may give away left room for no more.",
        ]
        assert "margin" not in " ".join(decided(to_member=True))

    def test_a_multiplier_is_cut_in_its_own_words(self, one_a_unit, publish, buys, decided):
        publish("double", times(2), limits=(Limit("day", points=4),))
        buys(10)
        assert decided()[1:] == [
            "“Rule double” multiplied by 2, which added 4 points.",
            "It would have been 10 points, but its limit for a day left room for no more.",
            "Together: 14 points.",
        ]


class TestNothing:
    def test_where_no_rule_was_in_force(self, does, decided):
        does("shared")
        assert (decided("shared/1"), decided("shared/1", to_member=True)) == (["No rule was in force for this."], ["This earned nothing."])

    def test_where_none_held(self, publish, does, decided):
        publish("staff", FIVE, fact="shared", release=Release("staff"))
        does("shared")
        assert decided("shared/1") == ["The only rule for this did not hold."]
        assert decided("shared/1", language="zh-hans") == ["唯一适用的规则不满足条件。"]
        assert decided("shared/1", to_member=True, language="zh-hans") == ["此次没有获得。"]

    def test_where_none_of_several_held(self, publish, does, decided):
        for code in ("one", "two"):
            publish(code, FIVE, fact="shared", release=Release("staff"))
        does("shared")
        assert decided("shared/1") == ["None of the 2 rules for this held."]

    def test_where_one_held_and_had_nothing_to_give(self, publish, does, decided):
        publish("streak", Effect("ladder", measure="days", ladder=(10, 20)), fact="streak_reached")
        publish("double", times(2), fact="streak_reached")
        does("streak_reached", days=0, start="2026-11-01")
        assert decided("streak_reached/1") == [f"“Rule {code}” held, but there was nothing to give for it." for code in ("streak", "double")]

    def test_an_unlucky_draw_is_not_told_to_the_member(self, publish, does, decided):
        publish("surprise", Effect("random", minimum=10, maximum=10, chance=1), fact="shared")
        does("shared")
        assert (decided("shared/1"), decided("shared/1", to_member=True)) == (["“Rule surprise” was drawn, without luck."], ["This earned nothing."])

    def test_what_else_did_not_hold_is_counted_for_operators(self, publish, does, decided):
        publish("share", FIVE, fact="shared")
        for code in ("one", "two"):
            publish(code, FIVE, fact="shared", conditions={"weekdays": (1,)})
        does("shared")
        assert decided("shared/1") == ["“Rule share” gave 5 points.", "2 more rules did not hold."]


def test_a_lucky_draw_tells_neither_chance_nor_bounds(publish, does, decided, member, noon):
    publish("surprise", Effect("random", minimum=12, maximum=12, chance=1_000_000), fact="shared")
    does("shared")
    assert decided("shared/1", to_member=True) == ["“Rule surprise” gave 12 points, drawn at random."]


class TestThings:
    @pytest.fixture
    def double(self, db):
        return CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double points", use="multiplier", factor_percent=200)

    def test_cards_and_badges_are_named_as_people_know_them_and_what_nobody_keeps_by_its_code(self, publish, double, does, decided):
        Badge.objects.create(code="sharer", name_zh="分享达人", name_en="Great sharer")
        for effect, item in (("card", "double"), ("badge", "sharer"), ("benefit", "WELCOME-10")):
            publish(effect, Effect(effect, item=item, count=2), fact="shared")
        does("shared")
        assert decided("shared/1", to_member=True) == [
            "Won with “Rule badge”: 2 × badge “Great sharer”.",
            "Won with “Rule benefit”: 2 × benefit “WELCOME-10”.",
            "Won with “Rule card”: 2 × card “Double points”.",
        ]
        assert [name in text for name, text in zip(("分享达人", "WELCOME-10", "翻倍卡"), decided("shared/1", language="zh-hans"), strict=True)] == [True] * 3

    def test_what_was_won_and_taken_back_is_told(self, publish, double, does, decided, member, noon):
        publish("card", Effect("card", item="double"), fact="shared")
        does("shared")
        earning.withdraw(member_id=member.id, kind="shared", external_id="1", actor="tests", now=noon)
        assert decided("shared/1", to_member=True)[-1] == "Taken back since: 1 × card “Double points”."

    def test_one_that_is_used_up_says_so(self, publish, double, does, decided):
        publish("card", Effect("card", item="double"), fact="shared", limits=(Limit("life", times=1),))
        does("shared", "1")
        does("shared", "2")
        assert decided("shared/2", to_member=True) == ["“Rule card” gave nothing, because its limit for a member’s life left no room."]

    def test_a_card_that_was_used_is_named(self, one_a_unit, publish, double, buys, decided, member, noon):
        publish("with-card", times(2), conditions={"card": "double"})
        cards.grant(member_id=member.id, kind="double", actor="tests", key="k", now=noon)
        buys(10)
        assert decided(to_member=True)[2:] == ["Used for it: a card “Double points”.", "Together: 20 points."]
        assert decided(language="zh-hans")[2] == "为此使用了一张“翻倍卡”。"


class TestOffers:
    @pytest.fixture
    def offered(self, publish, does):
        publish("featured", Effect("fixed", points=50), fact="shared", claim_days=7)
        does("shared")
        return Grant.objects.get()

    def test_one_that_waits_says_until_when(self, offered, decided):
        assert decided("shared/1", to_member=True) == ["“Rule featured” gave 50 points.", "To be claimed by 18 November 2026: 50 points."]
        assert decided("shared/1", language="zh-hans")[1] == "请在2026年11月18日（含）之前领取 50 积分。"

    def test_one_that_was_claimed_says_so(self, offered, decided, member, noon):
        earning.claim(member_id=member.id, grant_id=offered.id, actor="tests", now=noon)
        assert decided("shared/1", to_member=True)[1] == "Claimed in time: 50 points."

    @pytest.mark.parametrize("booked", [False, True])
    def test_one_whose_time_is_over_has_lapsed_booked_or_not(self, offered, decided, noon, booked):
        later = noon + timedelta(days=8)
        assert earning.lapse_due(limit=10, now=later) if booked else True
        assert decided("shared/1", to_member=True, now=later)[1] == "Not claimed by 18 November 2026: 50 points."


def test_risk_controls_code_is_for_operators_only(publish, does, member, noon, decided):
    publish("share", FIVE, fact="shared")
    screening.block(member_id=member.id, reason="looks bought", actor="tests", now=noon - timedelta(days=1))
    does("shared")
    assert decided("shared/1") == ["Risk control refused it: “blocked”."]
    assert decided("shared/1", to_member=True) == ["Nothing could be given for this."]
    told = selectors.of_decision(Decision.objects.get(), for_member=False, now=noon)
    assert [(line.wanted, line.granted) for line in told.lines] == [("5", 0)]


def test_what_was_taken_back_since_is_told(one_a_unit, buys, gives_back, decided):
    buys(10)
    gives_back(4)
    assert decided(to_member=True) == ["“Rule base” gave 10 points.", "Taken back since: 4 points."]


def test_a_decision_whose_explanation_is_kept_no_longer_still_says_what_it_gave(one_a_unit, buys, gives_back, decided, noon):
    buys(10)
    gives_back(4)
    earning.prune(before=noon + timedelta(days=1), limit=10)
    assert decided() == decided(to_member=True) == ["Given: 10 points.", "How that came about is kept no longer.", "Taken back since: 4 points."]
    told = selectors.of_decision(Decision.objects.get(), for_member=False, now=noon)
    assert (told.lines, told.parts, told.besides) == ([], [], 10)


def test_points_are_called_as_the_programme_calls_them(one_a_unit, buys, decided):
    Programme.objects.update_or_create(id=1, defaults={"points_name_en": "coins", "points_name_zh": "金币"})
    buys(12)
    assert decided() == ["“Rule base” gave 12 coins."]
    assert decided(language="zh-hans") == ["“规则 base”发放 12 金币。"]


def test_a_table_for_operators_names_each_condition_and_what_became_of_each_rule(one_a_unit, publish, buys, noon):
    publish("double", times(2), conditions={"channels": ("app",), "categories": ("MILK",)}, release=Release("staff"))
    publish("ten", Effect("per_unit", rate=8_000), limits=(Limit("fact", points=4),))
    buys(12.50)
    with override("en"):
        told = {line.version.rule.code: line for line in selectors.of_decision(Decision.objects.get(), for_member=False, now=noon).lines}
    assert [(one.code, one.name, one.holds) for one in told["double"].conditions] == [
        ("release", "released to this member", False),
        ("channels", "channel", False),
        ("categories", "category", False),
    ]
    assert (told["base"].wanted, told["base"].granted, told["base"].factor) == ("12.5", 12, "")
    assert (told["ten"].wanted, told["ten"].granted, told["ten"].notes) == ("10", 4, ["6 less: its limit for each time."])


def test_whatever_the_rules_shares_of_rules_and_lines_add_up_to_the_points(publish, budget, buys, noon):
    roll = random.Random(7)
    publish("base", Effect("per_unit", rate=7_777), limits=(Limit("fact", points=90),))
    publish("ten", Effect("fixed", points=10))
    publish("milk", times(2.5), conditions={"categories": ("MILK",)}, group="g", combine="best")
    publish("luxury", times(0.3), conditions={"categories": ("LUXURY",)}, group="g", combine="best")
    publish("tier", times(1.15), margin_percent=30)
    budget(700)
    for number in range(12):
        amounts = [roll.randint(1, 9_999) / 100 for _n in range(roll.randint(1, 5))]
        named = tuple(roll.choice(("MILK", "LUXURY", "HOME")) for _one in amounts)
        buys(*amounts, number=f"A-{number}", categories=named, costs=tuple(one / 2 for one in amounts))
    for decision in Decision.objects.all():
        told = selectors.of_decision(decision, for_member=False, now=noon)
        assert sum(line.granted for line in told.lines) == decision.points
        assert sum(part.points for part in told.parts) + told.besides == decision.points


def test_the_member_reads_nothing_that_is_not_theirs(publish, one_a_unit, budget, buys, gives_back, does, member, other_member, noon):
    """Every sentence of everything that happened, in both languages, without a word of these."""
    publish("secret-segment", FIVE, conditions={"segments": ("staff",)})
    publish("secret-release", FIVE, release=Release("percent", percent=1))
    publish("secret-expression", FIVE, conditions={"expression": "amount_cents > 99999999"})
    publish("margin", RATE, margin_percent=1, cost_centre="secret-centre", campaign="secret-campaign")
    publish("beaten-secret", times(1.1), group="g", combine="best")
    publish("double", times(2), group="g", combine="best")
    publish("share", FIVE, fact="shared", limits=(Limit("day", points=17, by="rule"),))
    publish("surprise", Effect("random", minimum=1, maximum=9, chance=123_456), fact="shared")
    budget(31)
    does("shared", "1", whom=other_member)
    buys(10, costs=(9.90,))
    gives_back(5)
    for number in "234":
        does("shared", number)
    ledger.adjust(member_id=member.id, points=5, actor="secret-operator", reason="secret reason", key="adj", now=noon)
    ledger.freeze(member_id=member.id, actor="secret-operator", reason="secret reason", key="f", now=noon)
    texts = []
    for language in ("en", "zh-hans"):
        with override(language):
            for decision in Decision.objects.filter(member_id=member.id):
                told = selectors.of_decision(decision, for_member=True, now=noon)
                assert told.lines == []
                texts += told.sentences
            for entry in Entry.objects.filter(member_id=member.id):
                texts += selectors.explain(member_id=member.id, entry_id=entry.id, for_member=True, now=noon).sentences
    text = "\n".join(texts)
    for word in (
        "secret",
        "Secret",
        "budget",
        "预算",
        "margin",
        "毛利",
        "all members",
        "全体会员",
        "blocked",
        "staff",
        "123",
        "did not hold",
        "不满足",
        "12.3",
        "M-2",
    ):
        assert word not in text, word
