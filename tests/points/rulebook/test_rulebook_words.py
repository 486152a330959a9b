"""Rules told in sentences, and when they run."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.utils.translation import override

from points.cards.models import CardKind
from points.rulebook import rules, selectors, services
from points.rulebook.models import Festival, FestivalDays
from points.rulebook.rules import ONE, Band, Conditions, Definition, Effect, Limit, Release, Span
from tiers.ladder.models import Tier

pytestmark = pytest.mark.django_db

DOUBLE = Definition(effect=Effect("multiplier", factor=2 * ONE))
BEAUTY = replace(
    DOUBLE,
    conditions=Conditions(categories=("COSMETICS/FRAGRANCES",), tiers=("gold",), date_from=date(2026, 11, 11), date_until=date(2026, 11, 17)),
    group="promotion", combine="best", limits=(Limit("day", points=1000),), cost_centre="marketing",
)  # fmt: skip


@pytest.fixture(autouse=True)
def named(db):
    Tier.objects.create(code="gold", name_zh="黄金会员", name_en="Gold", rank=77)
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double card", use="multiplier")
    Festival.objects.create(code="singles", name_zh="双十一", name_en="Singles’ week")


def words(said, fact="purchase", language="en"):
    with override(language):
        return selectors.in_words(said, fact=fact)


def test_a_rule_is_told_as_it_will_be_applied():
    assert words(BEAUTY) == [
        "For each purchase, in COSMETICS/FRAGRANCES, by members of the tier Gold, from 2026-11-11 through 2026-11-17: points × 2.",
        "Of the rules of the group “promotion” that hold, the best one counts.",
        "At most 1,000 points a day for each member.",
        "Paid by marketing.",
    ]


def test_and_in_chinese():
    assert words(BEAUTY, language="zh-hans") == [
        "每笔购物订单，品类为 COSMETICS/FRAGRANCES，会员等级为黄金会员，2026-11-11 至 2026-11-17：积分 × 2。",
        "“promotion”组内满足条件的规则，只取最优的一条。",
        "每位会员每天最多 1,000 积分。",
        "由 marketing 承担成本。",
    ]


CONDITIONS = [
    ({"categories": ("A", "B", "C/D")}, "in A, B or C/D"),
    ({"brands": ("Acme",)}, "of the brand Acme"),
    ({"skus": ("1", "2")}, "of the product 1 or 2"),
    ({"min_cents": 10_000}, "of at least CN¥100.00"),
    ({"max_cents": 10_050}, "of at most CN¥100.50"),
    ({"min_cents": 0, "max_cents": 100}, "of CN¥0.00 to CN¥1.00"),
    ({"tiers": ("gold", "gone")}, "by members of the tier Gold or gone"),
    ({"segments": ("staff",)}, "by members in the segment Staff (staff)"),
    ({"new_member_days": 30}, "within 30 days of registration"),
    ({"sprint": True}, "by members in the last days of their tier’s term"),
    ({"new_member_days": 0}, "on the day of registration"),
    ({"nth_purchase": (2, 3)}, "the member’s purchase number 2 or 3"),
    ({"again_days": 30}, "within 30 days of the purchase before"),
    ({"again_days": 30, "again_scope": "category"}, "of a category bought within 30 days before"),
    ({"channels": ("app", "web")}, "through the channel app or web"),
    ({"weekdays": (7, 1)}, "on Monday or Sunday"),
    ({"hour_from": 8}, "between 8:00 and 24:00"),
    ({"hour_until": 6}, "between 0:00 and 6:00"),
    ({"hour_from": 22, "hour_until": 6}, "between 22:00 and 6:00"),
    ({"date_from": date(2026, 11, 11)}, "from 2026-11-11 on"),
    ({"date_until": date(2026, 11, 11)}, "through 2026-11-11"),
    ({"birthday": "day"}, "on the member’s birthday"),
    ({"birthday": "month"}, "in the month of the member’s birthday"),
    ({"festival": "singles"}, "during “Singles’ week”"),
    ({"card": "double"}, "using a card “Double card”"),
    ({"expression": "quantity % 2 == 0"}, "where quantity % 2 == 0"),
]


@pytest.mark.parametrize(("conditions", "told"), CONDITIONS)
def test_every_condition_is_told(conditions, told):
    assert words(replace(DOUBLE, conditions=Conditions(**conditions))) == [f"For each purchase, {told}: points × 2."]


EFFECTS = [
    (Effect("fixed", points=1), "1 point"),
    (Effect("fixed", points=1500), "1,500 points"),
    (Effect("per_unit", rate=ONE), "1 point for each CN¥1.00 paid"),
    (Effect("per_unit", rate=ONE // 2, by_category={"A": 3 * ONE, "B": 0}), "0.5 points for each CN¥1.00 paid, by category A: 3, B: 0"),
    (
        Effect("bands", measure="amount", bands=(Band(0, 10_000, points=5), Band(10_000, None, points=1, rate=2 * ONE))),
        "by the amount: from CN¥0.00 to below CN¥100.00 5 points, from CN¥100.00 on 1 point + 2 points for each CN¥1.00 paid",
    ),
    (Effect("bands", measure="grade", bands=(Band(1, None, points=30),)), "by “grade”: from 1 on 30 points"),
    (Effect("ladder", measure="streak", ladder=(10, 15)), "10, 15 points for “streak” 1, 2, 3 …, then from the start again"),
    (Effect("ladder", measure="streak", ladder=(10, 15), cycles=False), "10, 15 points for “streak” 1, 2, 3 …, then always the last"),
    (Effect("stated", measure="points"), "as many points as it says in “points”"),
    (Effect("stated", measure="points", minimum=10, maximum=50), "as many points as it says in “points”, at least 10, at most 50"),
    (Effect("random", minimum=1, maximum=9), "1 to 9 points at random"),
    (Effect("random", minimum=3, chance=5_000), "3 to 3 points at random, in 0.5 % of all cases"),
    (Effect("tier_multiplier"), "points × the multiplier of the member’s tier"),
    (Effect("tier_birthday_multiplier"), "points × the birthday multiplier of the member’s tier"),
    (Effect("card", item="double", count=2), "2 × card “Double card”"),
    (Effect("coupon", item="ten-off"), "1 × coupon “ten-off”"),
]


@pytest.mark.parametrize(("effect", "told"), EFFECTS)
def test_every_effect_is_told(effect, told):
    assert words(Definition(effect=effect), fact="checked_in") == [f"For each “Checked in”: {told}."]


FURTHER = [
    ({"effect": Effect("bands", measure="amount", bands=(Band(0, 500, points=1),))}, "From CN¥5.00 on it gives nothing."),
    ({"effect": Effect("fixed", points=1), "multiplied": False}, "Multipliers do not count for it."),
    ({"group": "g", "combine": "first", "priority": 3}, "Of the rules of the group “g” that hold, the one of the highest priority counts; this one’s is 3."),
    ({"group": "g", "combine": "product"}, "It multiplies with the others of the group “g”."),
    ({"limits": (Limit("month", points=1, times=2, by="rule"),)}, "At most 1 point and 2 times a month for all members together."),
    ({"limits": (Limit("fact", points=9),)}, "At most 9 points for each fact."),
    ({"limits": (Limit("life", times=1),)}, "At most 1 time in a member’s life."),
    ({"margin_percent": 30}, "On each line at most 30 % of its margin, where the storefront tells its cost."),
    ({"claim_days": 7}, "Members must claim it within 7 days."),
    ({"pending": "none"}, "Its points can be spent at once."),
    ({"pending": "days:7"}, "Its points can be spent after 7 days."),
    ({"pending": "delivered"}, "Its points can be spent when the order was delivered."),
    ({"expiry": "months:6"}, "Its points expire: 6 months."),
    ({"release": Release("staff")}, "For now it is out for staff only."),
    ({"release": Release("segment", segment="staff")}, "For now it is out for the segment Staff (staff) only."),
    ({"release": Release("percent", percent=5)}, "For now it is out for 5 % of the members, always the same ones."),
    ({"campaign": "11.11"}, "Part of the campaign “11.11”."),
]


@pytest.mark.parametrize(("more", "told"), FURTHER)
def test_what_else_holds_has_a_sentence_of_its_own(more, told):
    assert words(replace(DOUBLE, **more))[1:] == [told]


@pytest.mark.parametrize("fact", ["purchase", "checked_in"])
def test_no_sentence_is_left_in_english_or_half_filled_in_chinese(fact):
    said = [replace(DOUBLE, conditions=Conditions(**conditions)) for conditions, _told in CONDITIONS]
    said += [Definition(effect=effect) for effect, _told in EFFECTS] + [replace(DOUBLE, **more) for more, _told in FURTHER]
    for definition in said:
        for chinese, english in zip(words(definition, fact, "zh-hans"), words(definition, fact), strict=True):
            assert chinese != english
            assert chinese.endswith("。")
            assert "%(" not in chinese


class TestWhereAVersionStands:
    def test_from_draft_to_over(self, draft, now):
        version = draft()
        seen = [selectors.state(version, now=now)]
        services.submit(version_id=version.id, actor="anna", now=now)
        version = services.publish(version_id=version.id, effective_from=now + timedelta(hours=1), actor="anna", now=now)
        seen += [selectors.state(version, now=now), selectors.state(version, now=now + timedelta(hours=1))]
        version = services.retire(version_id=version.id, at=now + timedelta(hours=2), reason="over", actor="anna", now=now)
        seen += [selectors.state(version, now=now + timedelta(hours=1)), selectors.state(version, now=now + timedelta(hours=2))]
        assert seen == ["draft", "coming", "in_force", "in_force", "over"]

    def test_what_is_in_force_says_most_about_a_rule_then_what_is_to_come_then_what_is_worked_on(self, draft, published, now):
        def telling():
            return selectors.telling(version.rule.versions.all(), now=now).number

        version = draft()
        assert telling() == 1
        draft()
        assert telling() == 2
        services.publish(version_id=version.id, effective_from=now + timedelta(days=1), actor="anna", now=now)
        assert telling() == 1
        published(at=now)
        assert telling() == 3


MONTH = Span(date(2026, 11, 1), date(2026, 11, 30))
WEEKS = [Span(date(2026, 10, 28), date(2026, 11, 3)), Span(date(2026, 11, 11), date(2026, 11, 17)), Span(date(2026, 12, 24), date(2026, 12, 26))]


@pytest.mark.parametrize(
    ("conditions", "spans"),
    [
        ({}, [(1, 30)]),
        ({"date_from": date(2026, 11, 11)}, [(11, 30)]),
        ({"date_until": date(2026, 11, 11)}, [(1, 11)]),
        ({"date_from": date(2026, 11, 30)}, [(30, 30)]),
        ({"date_from": date(2026, 12, 1)}, []),
        ({"date_until": date(2026, 10, 31)}, []),
        ({"festival": "singles"}, [(1, 3), (11, 17)]),
        ({"festival": "singles", "date_from": date(2026, 11, 3), "date_until": date(2026, 11, 12)}, [(3, 3), (11, 12)]),
    ],
)
def test_a_rule_runs_on_its_days_within_those_shown(conditions, spans):
    found = rules.runs(replace(DOUBLE, conditions=Conditions(**conditions)), MONTH, WEEKS)
    assert [(span.first.day, span.last.day) for span in found] == spans


def test_bars_stand_where_their_days_are():
    whole, half = rules.bars([MONTH, Span(date(2026, 11, 16), date(2026, 11, 30))], MONTH)
    assert [(whole.left, whole.width), (half.left, half.width)] == [(0, 100), (50, 50)]


def test_the_calendar_shows_what_is_dated_and_what_is_always_on_if_asked(published, draft, now):
    festival = Festival.objects.get(code="singles")
    FestivalDays.objects.create(festival=festival, first=date(2026, 11, 11), last=date(2026, 11, 17))
    published(code="always")
    published(replace(DOUBLE, conditions=Conditions(festival="singles")), code="festival")
    published(replace(DOUBLE, conditions=Conditions(date_from=date(2026, 11, 5))), code="dated")
    published(replace(DOUBLE, conditions=Conditions(date_until=date(2026, 10, 5))), code="past")
    draft(code="unpublished")

    def shown(undated):
        return [line.version.rule.code for line in selectors.calendar(within=MONTH, undated=undated, now=now)]

    assert shown(False) == ["dated", "festival"]
    assert shown(True) == ["always", "dated", "festival"]
