"""What an operator promises to gold members on the admin's pages, and a member who rises to gold by an order: they get and see all of it.

A coupon for reaching the tier, a price of its own in the mall, free shipping, early access, a larger share of an order for points.
"""

from datetime import timedelta
from itertools import count
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme
from mall.checkout.models import BurnPolicy
from mall.coupons.models import CouponTemplate
from mall.reconciliation import selectors as reconciliation
from mall.rewards.models import Reward
from tests.mall.checkout.conftest import rule
from tests.mall.conftest import Mall
from tiers.ladder import selectors as ladder

pytestmark = pytest.mark.django_db(transaction=True)
HOME = {"name": "Sample Member", "phone": "13800000000", "address": "1 Sample Street"}
ADMIN = "/admin/mall"
_keys = count(1)


@pytest.fixture
def operator(db):
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("sample"))
    return client


@pytest.fixture
def till(storefront):
    """Ask as the storefront: GET without a body."""

    def ask(path, body=None, status=None):
        if body is None:
            answer = storefront.get(f"/api/v1/{path}")
        else:
            answer = storefront.post(f"/api/v1/{path}", body, format="json", headers={"Idempotency-Key": f"k-{next(_keys)}"})
        assert answer.status_code in ((status,) if status else (200, 201)), answer.json()
        return answer.json()

    return ask


def saved(answer):
    assert answer.status_code == 302, answer.context["errors"] if answer.context and "errors" in answer.context else answer.content.decode()
    return answer


def drain():
    while outbox.deliver_due(limit=100, now=timezone.now() + timedelta(seconds=1)):
        pass


# As the operator


def make_coupon(operator):
    """Ten off an order of 100, for 30 days."""
    saved(operator.post(f"{ADMIN}/coupontemplate/add/", {
        "code": "gold-welcome", "name_zh": "金卡见面礼", "name_en": "Welcome to gold", "kind": "amount", "amount_cents": "10", "percent_bps": "0",
        "threshold_cents": "100", "categories": "", "excluded": "", "valid_days": "30", "active": "on", "combines_with_points": "on",
    }))  # fmt: skip
    assert CouponTemplate.objects.get().amount_cents == 1_000


def tier_form(code, rank, threshold, *benefits):
    said = {
        "code": code, "name_zh": code, "name_en": code.capitalize(), "rank": rank, "multiplier": "1", "colour": "#8a8f98", "active": "on",
        "threshold": threshold, "benefits-TOTAL_FORMS": len(benefits), "benefits-INITIAL_FORMS": 0,
    }  # fmt: skip
    for n, (kind, value) in enumerate(benefits):
        row = {"tier": code, "kind": kind, "said": value, "grows": "", "text_zh": "", "text_en": ""}
        said |= {f"benefits-{n}-{name}": text for name, text in row.items()}
    return said


def make_ladder(operator):
    """Gold from 100 points of growth; a coupon that does not exist is not promised."""
    promised = [("free_shipping", ""), ("early_access", "60")]
    saved(operator.post("/admin/tiers/tier/add/", tier_form("basic", 1, 0)))
    mistyped = operator.post("/admin/tiers/tier/add/", tier_form("gold", 2, 100, ("level_up_coupon", "gold-welcom"), *promised))
    assert "There is no coupon template of that code." in mistyped.content.decode()
    assert ladder.benefits("gold") == {}
    saved(operator.post("/admin/tiers/tier/add/", tier_form("gold", 2, 100, ("level_up_coupon", "gold-welcome"), *promised)))
    assert list(ladder.benefits("gold")) == ["free_shipping", "early_access", "level_up_coupon"]


def make_reward(operator, opens):
    """A lamp for 500 points and 8.00 of shipping from `opens` on; 400 points for gold."""
    local = opens.astimezone(programme.zone(now=opens))
    saved(operator.post(f"{ADMIN}/reward/add/", {
        "code": "lamp", "kind": "goods", "item": "", "name_zh": "台灯", "name_en": "Lamp", "text_zh": "", "text_en": "", "points": "500", "cents": "",
        "shipping_cents": "8", "cost_cents": "", "sponsor_bps": "", "counted": "on", "active": "on",
        "starts_at_0": f"{local:%Y-%m-%d}", "starts_at_1": f"{local:%H:%M:%S}", "pictures-TOTAL_FORMS": "0", "pictures-INITIAL_FORMS": "0",
        "prices-TOTAL_FORMS": "1", "prices-INITIAL_FORMS": "0", "prices-0-kind": "tier", "prices-0-tier": "gold", "prices-0-points": "400",
    }))  # fmt: skip
    row = Reward.objects.get()
    saved(operator.post(f"{ADMIN}/reward/{row.id}/restock/", {"key": str(uuid4()), "change": "5", "reason": "first delivery"}))
    preview = operator.get(f"{ADMIN}/reward/{row.id}/preview/", {"tier": "gold"}).content.decode()
    for said in ("400 points", "Shipping is free", "Early access until"):
        assert said in preview, said


def make_policy(operator):
    """Points pay a tenth of an order, for gold half of it."""
    form = {
        "points_per_unit": "100", "threshold": "0", "step": "1", "max_share": "10", "with_coupons": "on", "rows:bands": "1", "rows:categories": "1",
        "rows:tiers": "1", "tiers.0.tier": "gold", "tiers.0.share": "50", "rows:cart": "1", "order": "200", "available": "50000",
    }  # fmt: skip
    mark = operator.post(f"{ADMIN}/burnpolicy/add/", form).context["mark"]
    saved(operator.post(f"{ADMIN}/burnpolicy/add/", {**form, "mark": mark, "publish": "1"}))
    assert BurnPolicy.objects.get().plain.tiers[0].share_bps == 5_000


# As the member


LINE = [{"id": "1", "sku": "SKU-1", "quantity": 1, "amount_cents": 20_000}]


def seen(till, *, coupons=()):
    """What the member finds: coupons they can use, the lamp on their shelf, and how many points an order of 200.00 may use."""
    have = [one["template"] for one in till("members/M-1/coupons?status=available")["results"]]
    lamp = till("rewards/lamp?member=M-1")
    quote = till("quotes", {"member": "M-1", "lines": LINE, "shipping_cents": 800, "coupons": [{"code": code} for code in coupons]})
    shelf = lamp["points"], lamp["price"], lamp["shipping_cents"], lamp["redeemable"], [one["code"] for one in lamp["why"]]
    return have, shelf, (quote["burn"]["worth_cents"], quote["shipping_cents"], quote["due_cents"])


AS_BASIC = ([], (500, "list", 800, False, ["opens"]), (2_080, 800, 20_800))
AS_GOLD = (["gold-welcome"], (400, "tier", 0, True, ["free_shipping", "early_access"]), (10_000, 0, 20_000))


def test_a_member_rises_to_gold_and_gets_and_sees_all_that_was_promised(operator, till, member, other_member, member_client, now, assert_books_balance):
    make_coupon(operator)
    make_ladder(operator)
    make_reward(operator, now + timedelta(minutes=30))
    make_policy(operator)
    rule(now)
    mall = Mall(now)
    for one in (member, other_member):
        mall.give(one, 50_000)
    assert seen(till) == AS_BASIC

    order = {"id": "1001", "member": "M-1", "occurred_at": now.isoformat(), "currency": "CNY", "lines": LINE, "paid_cents": 20_000}
    till("purchases", order)
    drain()
    assert seen(till) == AS_GOLD
    assert [one["kind"] for one in till("members/M-1/standing")["benefits"]] == ["free_shipping", "early_access", "level_up_coupon"]

    [coupon] = till("members/M-1/coupons")["results"]
    assert seen(till, coupons=[coupon["code"]])[2] == (9_500, 0, 19_000)
    body = {"reward": "lamp", "points": 400, "shipping_cents": 0, "recipient": HOME}
    made = member_client.post("/api/v1/me/redemptions", body, format="json", headers={"Idempotency-Key": "lamp"}).json()
    assert (made["status"], made["points"], made["total_cents"]) == ("confirmed", 400, 0)
    assert [one["code"] for one in made["why"]] == ["tier", "free_shipping", "confirmed"]
    assert till("members/M-2/redemptions", {"reward": "lamp", "recipient": HOME}, 409)["code"] == "reward_not_yet"

    till("purchases/1001/refunds", {"id": "R-1", "occurred_at": timezone.now().isoformat(), "amount_cents": 20_000})
    drain()
    assert seen(till) == AS_BASIC
    assert_books_balance()
    assert [str(breach) for breach in reconciliation.audit(now=timezone.now()).breaches] == []
