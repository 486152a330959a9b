"""The sample mall of the demo."""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from loyalty.demo import rules, services
from mall.codes import selectors as codes
from mall.coupons import selectors as coupons
from mall.flashsale.models import FlashSale
from mall.revival.models import RevivalWindow
from mall.rewards import selectors as rewards
from mall.shelf import selectors as shelf
from mall.vouchers import services as vouchers
from mall.vouchers.models import Provider, ProviderProduct
from tests.mall.conftest import Mall
from tests.mall.conftest import mall as _mall

mall = _mall
SAID = json.loads(services.FILE.read_text(encoding="utf-8"))


@pytest.fixture
def stocked(db, now):
    """The sample mall, where nobody has made tiers or segments."""
    provider = Provider(code="sample", name_zh="示例", name_en="Sample", base_url="http://127.0.0.1:8100", key_id="sample")
    products = [ProviderProduct(code=one["item"], provider=provider, sku="S", name_zh="券", name_en="V") for one in SAID["rewards"] if one["kind"] == "voucher"]
    products += [ProviderProduct(code=one["product_id"], provider=provider, sku="L", name_zh="借", name_en="L") for one in SAID["rental_terms"]]
    vouchers.keep(provider=provider, products=products, actor="tests", now=now)
    return services.stock_mall(actor="tests", now=now)


def test_each_reward_has_a_picture_of_its_own_and_no_picture_is_left_over():
    named = [one["picture"] for one in SAID["rewards"]]
    assert sorted(named) == sorted(rules.PICTURES)
    assert len({rules.draw(name) for name in named}) == len(named)


def test_there_is_a_reward_of_every_kind_and_one_for_points_and_money(stocked, now):
    items = shelf.items(shelf.shelf(who=shelf.NOBODY, now=now), who=shelf.NOBODY, now=now)
    assert {one.offer.kind for one in items} == {"goods", "coupon", "code", "voucher", "privilege"}
    assert any(one.price.cents for one in items)
    assert all(one.offer.pictures and one.why_not is None for one in items)
    assert {one.price.why for one in items} >= {"list", "clearance", "scarcity"}


def test_what_is_for_tiers_or_segments_that_are_not_there_is_left_out(stocked):
    known = rewards.catalogue().by_code
    assert stocked == len(known) == len(SAID["rewards"]) - 3
    assert {"own-agent", "birthday-cake", "air-miles"}.isdisjoint(known)
    assert known["blanket"].prices == ()


def test_what_rewards_hand_out_is_there(stocked, now):
    assert codes.left(codes=["coffee-cup"], now=now) == {"coffee-cup": 40}
    assert {"five-off", "free-shipping", "diamond-welcome"} <= set(coupons.templates())


def test_there_is_a_flash_sale_each_friday_at_eight(stocked):
    zone = ZoneInfo("Asia/Shanghai")
    begins = [one.starts_at.astimezone(zone) for one in FlashSale.objects.filter(reward__code="mug")]
    assert {(one.isoweekday(), one.hour) for one in begins} == {(5, 20)}
    assert len(begins) in (4, 5)


def test_a_sale_begins_within_the_hour_and_december_is_a_season(stocked, now):
    soon = FlashSale.objects.get(reward__code="plant")
    assert timedelta() < soon.starts_at - now < timedelta(hours=1) < soon.ends_at - soon.starts_at
    window = RevivalWindow.objects.get()
    zone = ZoneInfo("Asia/Shanghai")
    year = now.astimezone(zone).year
    december = [datetime(year, 12, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)]
    assert [window.opens_at, window.closes_at] == december
    assert [window.expired_from, window.expired_until] == [datetime(year, 1, 1, tzinfo=zone), december[1]]
    assert sorted(one.reward.code for one in window.rewards.all()) == ["coffee", "free-shipping", "mug"]


def test_where_there_is_a_reward_nothing_is_touched(mall: Mall, now):
    mall.reward()
    assert services.stock_mall(actor="tests", now=now) == 0
    assert set(rewards.catalogue().by_code) == {"mug"}
