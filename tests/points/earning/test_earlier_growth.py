"""What members did before growth was counted grows by a command, once."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command

from points.earning import services
from tests.mall.checkout.conftest import Shop, rule
from tiers.growth import selectors as growth
from tiers.growth.models import GrowthEntry, GrowthRate
from tiers.ladder import services as ladder
from tiers.standing import selectors as standings


@pytest.fixture
def shop(db, now):
    rule(now)
    for code, rank, threshold in (("bronze", 10, 0), ("silver", 20, 100)):
        ladder.keep(code=code, name_zh=code, name_en=code, rank=rank, multiplier_bps=10_000, threshold=threshold, actor="tests", now=now)
    return Shop(now)


@pytest.fixture
def before(monkeypatch):
    """Facts come in as they did before growth was counted."""

    def do(act):
        with monkeypatch.context() as patch:
            for name in ("count_purchase", "count_behaviour", "recount_purchase"):
                patch.setattr(services.tiers, name, lambda **_: None)
            return act()

    return do


def run(*options):
    out = io.StringIO()
    call_command("backfill_growth", *options, stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def history(shop, before, member, other_member):
    GrowthRate(kind_id="shared", growth=7, most_a_day=10).save()
    before(lambda: shop.pay(member, shop.order(8_000, 4_000, shipping=500, number="1")))
    before(lambda: shop.refund(4_000, purchase="1"))
    before(lambda: shop.pay(other_member, shop.order(9_900, number="2")))
    for number in ("1", "2"):
        about = {"kind": "shared", "external_id": number, "data": {"subject": number}}
        before(lambda about=about: services.take(member_id=member.id, **about, occurred_at=shop.now, actor="tests", now=shop.now))
    assert not GrowthEntry.objects.exists()
    return shop


def test_a_dry_run_says_what_would_be_and_writes_nothing(history):
    assert run("--dry-run") == "4 facts of 2 members would grow: 189 in all; 0 members would rise to another tier."
    assert not GrowthEntry.objects.exists()


def test_what_is_left_of_each_purchase_and_each_behaviour_within_its_day_grows_once(history, member, other_member):
    assert run("--slice", "1").startswith("4 facts of 2 members have grown: 189 in all")
    assert [growth.in_all(member_id=one.id)["growth"] for one in (member, other_member)] == [90, 99]
    assert run() == "0 facts of 0 members have grown: 0 in all; 0 members have risen to another tier."
    assert {line.occurred_at for line in GrowthEntry.objects.all()} == {history.now}


def test_who_reaches_a_tier_by_it_rises(history, before, member, other_member):
    before(lambda: history.pay(other_member, history.order(100, number="3")))
    assert run("--dry-run").endswith("1 members would rise to another tier.")
    assert run().endswith("1 members have risen to another tier.")
    assert [standings.standing(member_id=one.id, now=history.now + timedelta(1)).code for one in (member, other_member)] == ["bronze", "silver"]


def test_a_refund_after_it_takes_back_what_a_live_purchase_would_lose(history, member):
    run()
    history.refund(8_500, number="R-2", purchase="1")
    assert growth.in_all(member_id=member.id) == {"growth": 10, "spend": 0, "orders": 0, "lines": 3}
