"""A shop over HTTP: rows of every kind, made by requests, and how to ask."""

from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest

from accounts.leaving import services as leaving
from accounts.notifications import services as notifications
from mall.coupons import services as coupons
from mall.coupons.models import CouponTemplate
from mall.flashsale import services as flashsale
from mall.flashsale.models import FlashSale
from mall.privileges import services as privileges
from mall.privileges.models import PrivilegeKind
from mall.redemptions import services as redemptions
from mall.redemptions.services import Recipient
from mall.rentals import services as rentals
from mall.rentals.models import Rental, RentalTerms
from mall.revival.models import RevivalWindow
from mall.rewards import services as shelf
from mall.rewards.models import Reward
from mall.topups import services as topups
from mall.topups.models import TopUpTerms
from mall.vouchers import services as vouchers
from mall.vouchers.models import Provider, ProviderProduct, VoucherOrder
from mall.vouchers.rules import Voucher
from points.ledger import services as ledger
from points.missions import services as missions
from points.missions.rules import Prize, Step
from points.rulebook import services as rulebook
from points.rulebook.rules import Definition, Effect
from points.terms.rules import ExpiryPolicy

PREFIX = "/api/v1/"
_keys = count(1)


class Asking:
    """A client that writes the way the API wants it. Keys of its own unless one is given."""

    def __init__(self, client):
        self.client = client

    def ask(self, method, path, body=None, *, key=None, **headers):
        key = f"k-{next(_keys)}" if key is None else key
        sent = {"Idempotency-Key": key, **headers} if method == "POST" and key else headers
        return getattr(self.client, method.lower())(PREFIX + path, body, format="json" if body is not None else None, headers=sent)

    def post(self, path, body=None, **kwargs):
        return self.ask("POST", path, body, **kwargs)

    def get(self, path):
        return self.ask("GET", path)


@pytest.fixture
def asking():
    return Asking


@pytest.fixture
def api(storefront):
    return Asking(storefront)


@pytest.fixture
def at(now):
    return now.isoformat()


def lent(member, settings, now):
    """A rental of theirs; the partner's answer came by another way."""
    settings.VOUCHERS = {"VOUCHER_SECRET_AIRLINE": "a-sample-secret"}
    partner = Provider(code="airline", name_zh="航空", name_en="Airline", base_url="http://127.0.0.1:9", key_id="sample", active=True)
    miles = ProviderProduct(code="miles", provider=partner, sku="MILES", name_zh="里程", name_en="Miles")
    vouchers.keep(provider=partner, products=[miles], actor="tests", now=now)
    terms = RentalTerms(code="miles-30", name_zh="里程", name_en="Miles", product=miles, days=30, renewals=1, renewal_points=1)
    rentals.keep(terms=terms, actor="tests", now=now)
    reward = Reward(code="miles", kind="rental", item="miles-30", name_zh="里程", name_en="Miles", points=1, counted=False)
    shelf.keep(reward=reward, actor="tests", now=now)
    row = redemptions.redeem(member_id=member.id, reward="miles", actor="tests", key="miles", now=now).redemption
    order = VoucherOrder.objects.get(redemption_id=row.id)
    VoucherOrder.objects.update(state="unknown")
    vouchers.hand_over(order_id=order.id, vouchers=[Voucher("SAMPLE-1")], reason="tests", actor="tests", now=now)
    return Rental.objects.get(redemption_id=row.id)


@pytest.fixture
def world(api, member, other_member, now, at, settings):
    """Ids of what is there: a member with 1,100 points and an open hold, orders of theirs, a guest's order, a mission and an offer, messages, a copy; a reward,
    one redemption of it to be paid, one that is on its way, and a window in which expired points buy it."""
    rulebook.publish_formula(points_per_unit=Decimal(1), categories={}, actor="tests", now=now)

    def purchase(number, **more):
        lines = [{"id": "1", "sku": "MUG", "category": "HOME", "quantity": 2, "amount_cents": 55_000}]
        body = {"id": number, "member": "M-1", "occurred_at": at, "currency": "CNY", "lines": lines, "paid_cents": 55_000, **more}
        return {name: value for name, value in body.items() if value is not None}

    mission = missions.create(
        code="first-order", name_zh="首单", name_en="First order", kind="achievement", steps=[Step("purchase")], prizes=[Prize("benefit", "sample")],
        actor="tests", now=now,
    )  # fmt: skip
    missions.publish(mission_id=mission.id, actor="tests", now=now)
    said = Definition(effect=Effect("fixed", points=5), claim_days=7)
    to_claim = rulebook.make(code="comment", fact="commented", name_zh="评论", name_en="Comment", definition=said, actor="tests", now=now)
    rulebook.publish(version_id=to_claim.id, actor="tests", now=now)
    event = {"id": "E-1", "kind": "commented", "member": "M-1", "occurred_at": at, "data": {"subject": "P-1"}}
    assert api.post("events", {"events": [event]}).json()["results"][0]["claimable"] == 5
    for number in ("P-1", "P-2"):
        assert api.post("purchases", purchase(number)).status_code == 201
    assert api.post("purchases", purchase("P-guest", member=None)).status_code == 202
    hold = api.post("holds", {"member": "M-1", "points": 100}).json()
    leaving.ask_copy(member_id=member.id, actor="tests", now=now)
    leaving.write_copy(now=now)
    offer, entry = (api.get(f"members/M-1/{what}").json()["results"][-1]["id"] for what in ("offers", "entries"))
    notifications.notify(member_id=member.id, kind="birthday", key="birthday/2026", about={"points": 100}, now=now)
    address = notifications.keep_address(member_id=member.id, channel="push", value="fcm:sample-device-token-0009", now=now)
    item = api.get("members/M-1/inbox").json()["results"][0]["id"]
    named = {"purchase": "P-1", "guest": "P-guest", "hold": hold["id"], "mission": mission.code, "offer": offer, "entry": entry}
    named |= {"item": item, "address": address.id}
    ten_off = {"code": "ten-off", "name_zh": "十元券", "name_en": "Ten off", "kind": "amount", "amount_cents": 1_000, "valid_days": 30}
    coupons.keep(template=CouponTemplate(**ten_off, claimable=True, per_member=3), actor="tests", now=now)
    named["coupon"] = coupons.issue(member_id=member.id, template="ten-off", actor="tests", key="sample", now=now)[0].code
    shelf.keep(reward=Reward(code="mug", kind="goods", name_zh="杯子", name_en="Mug", points=10, cents=500, counted=False), actor="tests", now=now)
    recipient = Recipient("Sample Member", "", "1 Sample Street")
    about = {"member_id": member.id, "reward": "mug", "recipient": recipient, "actor": "tests", "now": now}
    redemption, parcel = (redemptions.redeem(**about, key=key).redemption for key in ("redemption", "parcel"))
    redemptions.confirm(redemption_id=parcel.id, paid_cents=500, actor="tests", now=now)
    redemptions.ship(redemption_id=parcel.id, carrier="Sample Post", tracking="T-1", actor="tests", now=now)
    named |= {"reward": "mug", "redemption": redemption.id, "parcel": parcel.id}
    kind = privileges.keep(kind=PrivilegeKind(code="agent", what="own_agent", name_zh="专属客服", name_en="Agent", term="for_ever"), actor="tests", now=now)
    (privilege,) = privileges.grant(member_id=member.id, kind=kind.code, actor="tests", key="privilege", now=now)
    privileges.use(member_id=member.id, privilege_id=privilege.id, subject="purchase/P-1", actor="tests", now=now)
    named["privilege"] = privilege.id
    named["rental"] = lent(member, settings, now).id
    gone = {"policy": ExpiryPolicy("days", 1), "occurred_at": now - timedelta(days=9), "actor": "tests", "key": "gone", "now": now}
    ledger.earn(member_id=member.id, points=50, source="campaign", **gone)
    spans = {"opens_at": now, "closes_at": now + timedelta(days=9), "expired_from": now - timedelta(days=30), "expired_until": now}
    window = RevivalWindow.objects.create(name_zh="复活季", name_en="Revival", **spans)
    window.rewards.create(reward=Reward.objects.get(code="mug"), points=10)
    hour = timedelta(hours=1)
    sale = FlashSale(
        reward=Reward.objects.get(code="mug"), name_zh="秒杀", name_en="Flash sale", points=10, quantity=5, starts_at=now - hour, ends_at=now + hour
    )
    flashsale.keep_sale(sale=sale, actor="tests", now=now)
    flashsale.line_up(sale_id=sale.id, member_id=member.id, now=now)
    TopUpTerms(id=1, active=True).save()
    bought = topups.buy(member_id=member.id, cents=500, payment="PAY-1", actor="tests", now=now).top_up
    named |= {"sale": sale.id, "top_up": bought.id}
    return {"member": "M-1", "other": "M-2", **named, "body": purchase}
