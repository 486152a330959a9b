"""Benefits on the ladder's page."""

import pytest
from django.urls import reverse

from mall.coupons import services as coupons
from mall.coupons.models import CouponTemplate
from tiers.ladder import selectors, services
from tiers.ladder.models import TierBenefit
from tiers.ladder.rules import Band

pytestmark = pytest.mark.django_db


def url(name, *args):
    return reverse(f"admin:tiers_tier_{name}", args=args)


def posted(*rows, there=0, code="gold"):
    """The form of a gold tier with these rows of benefits, the first `there` of them being kept ones."""
    said = {"name_zh": "gold会员", "name_en": "Gold", "rank": "30", "multiplier": "1.5", "colour": "#8a8f98", "active": "on", "threshold": "0"}
    said |= {"benefits-TOTAL_FORMS": len(rows), "benefits-INITIAL_FORMS": there}
    for n, row in enumerate(rows):
        blank = {"tier": code, "said": "", "grows": "", "text_zh": "", "text_en": ""}
        said |= {f"benefits-{n}-{name}": value for name, value in (blank | row).items()}
    return said


@pytest.fixture
def change(client, operator, tiers):
    operator("view_tier", "change_tier")
    return lambda *rows, **more: client.post(url("change", "gold"), posted(*rows, **more))


def brought():
    return [(one.kind, one.value, one.item, list(one.bands)) for one in selectors.benefits("gold").values()]


@pytest.fixture
def welcome(db, now):
    """The template of a coupon of that code."""
    template = CouponTemplate(code="welcome", name_zh="见面礼", name_en="Welcome", kind="amount", amount_cents=500, valid_days=30)
    return coupons.keep(template=template, actor="tests", now=now)


def test_benefits_are_written_as_people_write_them(change, welcome):
    rows = [
        {"kind": "birthday_gift", "said": "100", "grows": "3: 200, 6: 300"},
        {"kind": "birthday_multiplier", "said": "2"},
        {"kind": "redemption_discount", "said": "7.5"},
        {"kind": "own_agent", "text_zh": "专属顾问", "text_en": "Ask Mei"},
        {"kind": "level_up_coupon", "said": "welcome"},
    ]
    assert change(*rows).status_code == 302
    assert brought() == [
        ("birthday_multiplier", 20_000, "", []),
        ("birthday_gift", 100, "", [Band(3, 200), Band(6, 300)]),
        ("redemption_discount", 750, "", []),
        ("level_up_coupon", 0, "welcome", []),
        ("own_agent", 0, "", []),
    ]


def test_a_benefit_is_changed_turned_into_another_and_taken_out(change, now):
    for kind, value in (("monthly_allowance", 300), ("loan_limit", 1000), ("early_access", 60)):
        services.keep_benefit(tier="gold", kind=kind, value=value, actor="tests", now=now)
    first, second, third = (str(row.pk) for row in TierBenefit.objects.order_by("pk"))
    rows = [
        {"id": first, "kind": "monthly_allowance", "said": "500"},
        {"id": second, "kind": "own_agent"},
        {"id": third, "kind": "early_access", "said": "60", "DELETE": "on"},
    ]
    assert change(*rows, there=3).status_code == 302
    assert [(kind, value) for kind, value, _item, _bands in brought()] == [("monthly_allowance", 500), ("own_agent", 0)]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"kind": "birthday_gift"}, "Write a number, like 2, 1.5 or 500."),
        ({"kind": "birthday_gift", "said": "0"}, "From 1 to 1,000,000,000."),
        ({"kind": "birthday_gift", "said": "100", "grows": "many"}, "Write orders and value with a colon"),
        ({"kind": "birthday_gift", "said": "100", "grows": "3: 50"}, "Each further line needs more orders"),
        ({"kind": "level_up_gift", "said": "100", "grows": "3: 500"}, "This benefit does not grow with orders."),
        ({"kind": "redemption_discount", "said": "100.01"}, "From 0.01 to 100."),
        ({"kind": "level_up_coupon"}, "Give the code, of at most 60 characters."),
        ({"kind": "level_up_coupon", "said": "welcom"}, "There is no coupon template of that code."),
    ],
)
def test_what_cannot_work_is_said_at_its_field(change, row, sentence):
    answer = change(row)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert brought() == []


def test_a_coupon_that_cannot_be_had_any_more_is_said_and_holds_up_nothing_else(change, client, welcome, now):
    row = services.keep_benefit(tier="gold", kind="level_up_coupon", item="welcome", actor="tests", now=now)
    welcome.active = False
    coupons.keep(template=welcome, actor="tests", now=now)
    said = "Coupons of this template cannot be had any more."
    assert said in client.get(url("change", "gold")).content.decode()
    kept = {"id": str(row.pk), "kind": "level_up_coupon", "said": "welcome"}
    assert change({**kept, "text_zh": "礼券", "text_en": "A gift"}, there=1).status_code == 302
    assert selectors.benefit("gold", "level_up_coupon").text_en == "A gift"
    assert said in change({"kind": "level_up_coupon", "said": "welcome"}).content.decode()


def test_the_page_shows_what_members_read_and_warns_where_no_rule_answers(client, operator, tiers, now):
    operator("view_tier", "change_tier")
    services.keep_benefit(tier="gold", kind="monthly_allowance", value=500, actor="tests", now=now)
    page = client.get(url("change", "gold")).content.decode()
    assert "500 points each month" in page
    assert "no earning rule about monthly allowances that gives points is in force" in page


def test_a_reader_reads_the_benefits_and_changes_nothing(client, operator, tiers, now):
    operator("view_tier")
    services.keep_benefit(tier="gold", kind="free_shipping", actor="tests", now=now)
    page = client.get(url("change", "gold")).content.decode()
    assert "Free shipping" in page
    assert "benefits-0-said" not in page
    assert client.post(url("change", "gold"), posted()).status_code == 403


def test_a_standing_lists_what_the_tier_brings_in_the_callers_language(storefront, member, tiers, now):
    services.keep_benefit(tier="bronze", kind="birthday_gift", value=100, bands=[Band(3, 200)], actor="tests", now=now)
    services.keep_benefit(tier="bronze", kind="own_agent", text_zh="专属顾问", text_en="Ask Mei", actor="tests", now=now)
    assert storefront.get("/api/v1/members/M-1/standing").json()["benefits"] == [
        {"kind": "birthday_gift", "value": 100, "item": "", "text": "100 points for your birthday, 200 from 3 orders within 12 months"},
        {"kind": "own_agent", "value": None, "item": "", "text": "Ask Mei"},
    ]
    storefront._credentials["HTTP_ACCEPT_LANGUAGE"] = "zh-CN"
    assert storefront.get("/api/v1/members/M-1/standing").json()["benefits"][1]["text"] == "专属顾问"
