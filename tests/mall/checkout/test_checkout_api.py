"""Coupons, shares and rates as the storefront and anybody reads them."""

from datetime import timedelta
from itertools import count

import pytest
from django.test import Client
from django.utils import timezone

from accounts.activity.models import UnmatchedRefund
from accounts.keys import services as keys
from mall.checkout import services
from mall.checkout.rules import Band, CategoryShare, TierShare
from mall.coupons import services as coupon_verbs
from mall.coupons.models import CouponTemplate

pytestmark = pytest.mark.django_db


@pytest.fixture
def now():
    """Requests read the clock."""
    return timezone.now().replace(microsecond=0) - timedelta(minutes=1)


@pytest.fixture
def post(db, now):
    _row, secret = keys.issue(name="shop", scopes=("points:read", "points:spend", "purchases:write"), actor="tests", now=now)
    client, numbers = Client(headers={"accept-language": "en"}), count(1)

    def send(path, body, status=None):
        sent = client.post(f"/api/v1/{path}", body, "application/json", headers={"authorization": f"Api-Key {secret}", "idempotency-key": f"k{next(numbers)}"})
        assert sent.status_code == (status or sent.status_code), sent.content
        return sent.json()

    return send


@pytest.fixture
def ten(member, now):
    about = {"kind": "amount", "amount_cents": 1_000, "valid_days": 30, "name_zh": "十元券", "name_en": "Ten off", "combines_with_points": True}
    coupon_verbs.keep(template=CouponTemplate(code="ten-off", **about), actor="tests", now=now)
    return coupon_verbs.issue(member_id=member.id, template="ten-off", reason="tests", actor="tests", key="ten", now=now)[0].code


LINES = [{"id": "1", "category": "GOLD", "amount_cents": 6_000}, {"id": "2", "category": "HOME", "amount_cents": 4_000}]


def test_a_quote_tells_of_coupons_shares_and_the_rate(post, shop, member, publish_policy, ten):
    publish_policy(categories=[CategoryShare("GOLD", 0)])
    shop.give(member, 50_000)
    told = post("quotes", {"member": "M-1", "lines": LINES, "points": 1_000, "coupons": [{"code": ten}, {"code": "NOSUCHCODE"}]}, 200)
    assert (told["due_cents"], told["shipping_cents"]) == (8_000, 0)
    assert told["burn"]["rate"] == {"version": 1, "points": 100, "cents": 100}
    assert told["coupons"] == [{"code": ten, "name": "Ten off", "discount_cents": 1_000, "shipping_cents": 0, "with_points": True}]
    assert told["coupons_not"] == [{"code": "NOSUCHCODE", "why": "coupon_unknown", "text": "There is no such coupon."}]
    assert [
        (line["coupon_cents"], line["points"], line["points_cents"], line["basis_cents"], line["share_bps"], line["share_by"]) for line in told["lines"]
    ] == [
        (600, 0, 0, 5_400, 0, "category"),
        (400, 1_000, 1_000, 2_600, 10_000, "order"),
    ]
    assert "Points may pay at most CN¥36.00 of these goods." in [one["text"] for one in told["why"]]


def test_a_coupon_goes_with_the_order_and_comes_back_with_it(post, shop, member, ten, now):
    order = {"id": "1001", "member": "M-1", "occurred_at": now.isoformat(), "currency": "CNY", "lines": LINES, "paid_cents": 9_000, "coupons": [{"code": ten}]}
    paid = post("purchases", order, 201)
    assert (paid["earned"], paid["explanation"][0]) == (90, {"code": "coupon_used", "text": f"The coupon {ten} took off CN¥10.00."})
    refused = post("purchases", {**order, "id": "1002"}, 422)
    assert (refused["code"], refused["why"], refused["detail"]) == ("coupon_refused", "coupon_used", "This coupon was used already.")
    back = post("purchases/1001/refunds", {"id": "R-1", "occurred_at": now.isoformat(), "amount_cents": 9_000}, 201)
    assert back["coupons"] == [{"code": ten, "given_back": True, "why_not": ""}]
    assert back["explanation"][-1] == {"code": "coupon_back", "text": f"The coupon {ten} is good again."}


@pytest.mark.parametrize("coupon", [{}, {"kind": "offer"}, {"code": "A", "discount_cents": 1}, {"discount_cents": 1}])
def test_a_discount_says_what_it_is(post, member, coupon):
    assert post("quotes", {"member": "M-1", "lines": LINES, "coupons": [coupon]}, 400)["code"] == "invalid"


def test_the_programme_says_how_points_are_used_and_what_was_announced(client, publish_policy, now, shop):
    publish_policy(max_share_bps=3_000, bands=[Band(10_000, 5_000)], dear_cents=50_000, dear_share_bps=7_000, tiers=[TierShare("gold", 10_000)])
    publish_policy(points_per_unit=125, in_force_from=now + timedelta(days=8))
    told = client.get("/api/v1/programme").json()
    assert told["worth"] == {"points": 100, "cents": 100}
    assert told["use"] == {
        "threshold": 0, "step": 1, "max_share_bps": 3_000, "bands": [{"from_cents": 10_000, "share_bps": 5_000}], "dear_cents": 50_000,
        "dear_share_bps": 7_000, "categories": [], "tiers": [{"tier": "gold", "share_bps": 10_000, "factor_bps": 10_000}], "with_coupons": True,
    }  # fmt: skip
    assert (told["coming"]["worth"], told["coming"]["use"]["bands"]) == ({"points": 125, "cents": 100}, [])
    assert told["coming"]["in_force_from"] == (now + timedelta(days=8)).isoformat().replace("+00:00", "Z")


def test_without_anything_announced_nothing_is_coming(client, publish_policy):
    publish_policy()
    assert client.get("/api/v1/programme").json()["coming"] is None


def test_a_guests_order_told_again_after_it_was_claimed_says_so(post, shop):
    order = {"id": "G-1", "occurred_at": shop.now.isoformat(), "currency": "CNY", "lines": [{"amount_cents": 100}], "paid_cents": 100}
    assert [one["code"] for one in post("purchases", order, 202)["explanation"]] == ["guest"]
    post("purchases/G-1/claim", {"member": "M-1"}, 200)
    assert [one["code"] for one in post("purchases", order, 202)["explanation"]] == ["claimed"]


@pytest.mark.parametrize(("decided", "status", "code"), [(None, "parked", "parked"), ("close", "closed", "closed"), ("link", "applied", "applied")])
def test_a_refund_without_a_reference_told_again_says_what_an_operator_has_decided(post, shop, member, decided, status, code):
    shop.pay(member)
    refund = {"id": "R-9", "occurred_at": shop.now.isoformat(), "amount_cents": 100}
    post("refunds", refund, 202)
    about = {"unmatched_id": UnmatchedRefund.objects.get().id, "actor": "operator", "reason": "tests", "now": shop.now}
    if decided == "close":
        services.close_refund(**about)
    elif decided == "link":
        services.link_refund(purchase_ref="1001", **about)
    told = post("refunds", refund, 202)
    assert (told["status"], [one["code"] for one in told["explanation"]]) == (status, [code])
