"""How an operator publishes a burn policy: rows, a cart to try it on, what it changes; and makes good what a change takes."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from loyalty.programme import selectors as programme
from mall.checkout import services
from mall.checkout.models import BurnPolicy
from mall.checkout.rules import Band, CategoryShare, TierShare
from points.batches import services as batches
from points.batches.models import Batch
from tiers.ladder import services as ladder

pytestmark = pytest.mark.django_db
ADD = "/admin/mall/burnpolicy/add/"
FORM = {
    "points_per_unit": "100", "threshold": "0", "step": "1", "max_share": "30", "with_coupons": "on",
    "rows:bands": "3", "bands.0.from": "100", "bands.0.share": "50", "bands.1.from": "300", "bands.1.share": "80",
    "dear": "500", "dear_share": "70",
    "rows:categories": "3", "categories.0.category": "GOLD", "categories.0.share": "0",
    "rows:tiers": "3", "tiers.0.tier": "gold", "tiers.0.factor": "1.2",
    "rows:cart": "3", "cart.0.category": "GOLD", "cart.0.quantity": "2", "cart.0.price": "60", "order": "80", "available": "50000",
}  # fmt: skip


@pytest.fixture
def now():
    """Pages read the clock."""
    return timezone.now().replace(microsecond=0) - timedelta(minutes=1)


@pytest.fixture
def operator():
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("anna"))
    return client


@pytest.fixture
def gold(db, now):
    ladder.keep(code="gold", name_zh="金", name_en="Gold", rank=1, multiplier_bps=10_000, actor="tests", now=now)


def rows(page):
    return {str(row[0]): row[1:] for row in page.context["rows"]}


def test_a_preview_tries_a_cart_line_by_line_and_says_what_changes(operator, gold, publish_policy):
    publish_policy()
    page = operator.post(ADD, FORM)
    assert rows(page) == {
        "points that this order may use": ("20,000", "4,000"),
        "what they pay": ("CN¥200.00", "CN¥40.00"),
        "GOLD × 2, CN¥120.00": ("CN¥120.00 (100 %, the order)", "CN¥0.00 (0 %, category)"),
        "other goods × 1, CN¥80.00": ("CN¥80.00 (100 %, the order)", "CN¥40.00 (50 %, the order)"),
    }
    assert page.context["form"].changes == [
        ("up to a share of the order", "100 %", "30 %"),
        ("by the order's total", "—", "CN¥100.00: 50 %; CN¥300.00: 80 %"),
        ("from this unit price on", "—", "CN¥500.00: 70 %"),
        ("by category", "—", "GOLD: 0 %"),
        ("by tier", "—", "Gold: × 1.2"),
    ]
    assert BurnPolicy.objects.count() == 1


def test_a_cart_is_tried_for_a_member_by_their_tier_and_points(operator, gold, shop, member):
    shop.give(member, 900)
    page = operator.post(ADD, {**FORM, "cart.0.category": "", "member": member.external_id})
    assert rows(page)["points that this order may use"] == ("900", "900")
    shop.give(member, 50_000)
    page = operator.post(ADD, {**FORM, "cart.0.category": "", "member": member.external_id})
    assert rows(page)["points that this order may use"][1] == "12,000"  # 50 % of 200.00, 1.2 times
    page = operator.post(ADD, {**FORM, "member": "nobody"})
    assert page.context["form"].errors["member"] == ["There is no member of that id."]


def test_beside_a_coupon_the_cart_is_tried_as_the_policy_says(operator, gold):
    assert rows(operator.post(ADD, {**FORM, "off": "20"}))["points that this order may use"][1] == "3,600"
    without = {name: value for name, value in FORM.items() if name != "with_coupons"}
    assert rows(operator.post(ADD, {**without, "off": "20"}))["points that this order may use"][1] == "0"


def test_what_was_previewed_is_published_with_its_rows_and_the_next_form_begins_with_them(operator, gold):
    mark = operator.post(ADD, FORM).context["mark"]
    operator.post(ADD, {**FORM, "mark": mark, "publish": "1"})
    policy = BurnPolicy.objects.get().plain
    assert policy.bands == (Band(10_000, 5_000), Band(30_000, 8_000))
    assert (policy.dear_cents, policy.dear_share_bps, policy.with_coupons) == (50_000, 7_000, True)
    assert (policy.categories, policy.tiers) == ((CategoryShare("GOLD", 0),), (TierShare("gold", None, 12_000),))
    form = operator.get(ADD).context["form"]
    shown = ["bands.0.from", "bands.1.share", "categories.0.category", "categories.0.share", "tiers.0.tier", "tiers.0.factor", "dear", "dear_share"]
    assert [str(form[name].value()) for name in shown] == ["100", "80", "GOLD", "0", "gold", "1.2", "500", "70"]


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"bands.2.from": "300", "bands.2.share": "1"}, "bands.0.from", "Two bands begin at the same total."),
        ({"bands.2.from": "400"}, "bands.0.from", "Fill in both, or leave the row empty."),
        ({"bands.2.from": "0", "bands.2.share": "1"}, "bands.0.from", "A band begins above 0; what holds below it is the share above."),
        ({"categories.1.category": "GOLD/", "categories.1.share": "1"}, "categories.0.category", "Name a category by its path, like HOME/KITCHEN."),
        ({"tiers.0.share": "50"}, "tiers.0.tier", "Choose a tier, and either a share or how many times."),
        ({"dear_share": ""}, "dear_share", "How much of them may points pay?"),
        ({"in_force_from_0": "2020-01-01", "in_force_from_1": "00:00"}, "in_force_from", "A burn policy comes into force now or later, never in the past."),
    ],
)
def test_what_cannot_work_is_said_where_it_stands(operator, gold, wrong, field, said):
    form = operator.post(ADD, {**FORM, **wrong}).context["form"]
    assert form.errors[field] == [said]


def test_more_rows_are_given_and_nothing_is_lost(operator, gold):
    page = operator.post(ADD, {**FORM, "more": "bands"})
    form = page.context["form"]
    assert (form["bands.1.share"].value(), "bands.5.from" in form.fields, "rows" in page.context) == ("80", True, False)


def test_another_worth_at_once_takes_a_reason(operator, gold, publish_policy):
    publish_policy()
    asked = {**FORM, "points_per_unit": "125"}
    mark = operator.post(ADD, asked).context["mark"]
    refused = operator.post(ADD, {**asked, "mark": mark, "publish": "1"})
    assert "at least seven days" in refused.content.decode()
    day = timezone.localdate() + timedelta(days=9)
    asked |= {"in_force_from_0": f"{day}", "in_force_from_1": "00:00"}
    mark = operator.post(ADD, asked).context["mark"]
    assert "announced" in operator.post(ADD, {**asked, "mark": mark, "publish": "1"}, follow=True).content.decode()


def test_a_version_says_what_it_says_and_what_it_changed(operator, gold, publish_policy, now):
    publish_policy()
    coming = publish_policy(points_per_unit=125, bands=[Band(10_000, 5_000)], in_force_from=now + timedelta(days=8))
    listed = operator.get("/admin/mall/burnpolicy/").content.decode()
    assert ("in force" in listed, "announced" in listed) == (True, True)
    page = operator.get(f"/admin/mall/burnpolicy/{coming.pk}/change/").content.decode()
    assert "points for one unit of money: 100 → 125" in page
    assert "by the order&#x27;s total: — → CN¥100.00: 50 %" in page


# Making good


def test_members_are_made_good_by_a_batch_that_a_second_person_decides_on(operator, shop, member, other_member, publish_policy):
    publish_policy()
    shop.give(member, 1_001)
    shop.give(other_member, 400)
    dearer = publish_policy(points_per_unit=125, in_force_from=shop.now + timedelta(days=8))
    page = f"/admin/mall/burnpolicy/{dearer.pk}/make_good/"
    asked = operator.get(page)
    assert [(str(what), after) for what, _before, after in asked.context["effect"]] == [("members", "2"), ("points", "351"), ("what that costs", "CN¥2.80")]
    assert not Batch.objects.exists()
    assert operator.post(page, {"reason": "the new rate"}).status_code == 302
    batch = Batch.objects.get()
    batches.work(now=timezone.now())
    batch.refresh_from_db()
    assert (batch.kind, batch.status, batch.reason, batch.ready) == ("grant", "checked", "the new rate", 2)


def test_nobody_is_made_good_for_points_that_are_worth_more_or_as_much(operator, shop, member, publish_policy, refuses):
    shop.give(member, 1_000)
    first, better = publish_policy(), publish_policy(points_per_unit=80)
    for policy in (first, better):
        assert "make_good" not in operator.get(f"/admin/mall/burnpolicy/{policy.pk}/change/").content.decode()
        with refuses(services.NobodyLoses):
            services.propose_make_good(policy_id=policy.pk, reason="x", operator_id=1, key=policy.pk, now=shop.now)


def test_the_value_of_a_share_is_read_as_it_was_typed(operator, gold):
    form = operator.post(ADD, {**FORM, "bands.0.share": "33.33"}).context["form"]
    assert (form.policy.bands[0].share_bps, form.cleaned_data["bands.0.share"]) == (3_333, Decimal("33.33"))


def test_the_list_says_how_far_the_bands_go_and_the_page_since_when_it_is_in_force(operator, publish_policy):
    policy = publish_policy(max_share_bps=3_000, bands=[Band(10_000, 5_000), Band(30_000, 8_000)])
    assert "30 % (by the total up to 80 %)" in operator.get("/admin/mall/burnpolicy/").content.decode()
    since = f"{timezone.localtime(policy.starts_at, programme.zone(now=policy.starts_at)):%Y-%m-%d %H:%M}"
    assert operator.get(f"/admin/mall/burnpolicy/{policy.pk}/change/").content.decode().count(since) == 2  # published at, and in force from


def test_what_is_wrong_is_said_on_top_and_a_preview_is_landed_at(operator, gold):
    said = operator.post(ADD, {**FORM, "points_per_unit": "0"}).content.decode()
    assert '<li><a href="#id_points_per_unit">Points for one unit of money</a>: Ensure this value is greater than or equal to 1.</li>' in said
    assert 'id="result"' not in said
    said = operator.post(ADD, FORM).content.decode()
    assert ('action="#result"' in said, 'id="result"' in said) == (True, True)
