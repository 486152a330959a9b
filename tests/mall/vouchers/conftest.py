"""A provider on this machine, a reward that it issues, and what becomes of what is redeemed."""

from datetime import timedelta

import pytest

from mall.redemptions.models import Redemption
from mall.vouchers import services
from mall.vouchers.models import Provider, ProviderProduct, VoucherOrder
from tools.voucher_provider import KEY_ID

from .provider_server import SECRET, Faulty


class Counter:
    """The mall's clock is the senders' and the provider's."""

    def __init__(self, mall, provider):
        self.mall, self.provider = mall, provider

    def redeem(self, member, **more):
        return self.mall.redeem(member, "film", **more)

    def send(self, **later):
        """Go on by so much, and ask about what is due then."""
        self.mall.wait(**later)
        services.recover(limit=100, now=self.mall.now)
        return services.send_due(limit=100, clock=lambda: self.mall.now)

    def settle(self, days=10):
        """Ask as often as anything is due, for so many days."""
        end = self.mall.now + timedelta(days=days)
        while self.mall.now < end and VoucherOrder.objects.filter(state__in=["waiting", "sending"]).exists():
            while self.send():
                pass
            due = VoucherOrder.objects.filter(state="waiting").order_by("due_at").values_list("due_at", flat=True).first()
            self.mall.now = max(due or self.mall.now, self.mall.now + timedelta(seconds=1))

    def order(self, row):
        return VoucherOrder.objects.get(redemption_id=row.id)

    def status(self, row):
        return Redemption.objects.get(id=row.id).status

    def decide(self, verb, row, **more):
        return getattr(services, verb)(order_id=self.order(row).id, **{"reason": "by telephone", "actor": "an operator", "now": self.mall.now, **more})

    def assert_vouchers_or_points(self, rows, *, known=True):
        """Each redemption has its vouchers and its points are spent, or it has none and they are back. `known`: the provider sees it the same way."""
        issued = {told["key"]: told["vouchers"] for told in self.provider.orders.issued()}
        for row in rows:
            order, row = self.order(row), Redemption.objects.get(id=row.id)
            assert (order.state, row.status) in {("delivered", "delivered"), ("refused", "cancelled"), ("withdrawn", "cancelled"), ("withdrawn", "returned")}
            assert bool(order.vouchers) == (order.state == "delivered")
            if known:
                assert order.vouchers == issued.get(str(order.id), [])


@pytest.fixture
def provider(mall, tmp_path, settings):
    """Its answers come at once; who is kept waiting on purpose does not wait long."""
    with Faulty(file=tmp_path / "vouchers.sqlite3", at=lambda: mall.now) as server:
        settings.VOUCHERS = {"VOUCHER_SECRET_CINEMA": SECRET}
        settings.VOUCHER_CONNECT_SECONDS = settings.VOUCHER_ANSWER_SECONDS = 1.0
        row = Provider(code="cinema", name_zh="影院", name_en="Cinema", base_url=server.url, key_id=KEY_ID, active=True)
        products = [ProviderProduct(code="film-ticket", provider=row, sku="SAMPLE-FILM", name_zh="电影票", name_en="Film ticket")]
        services.keep(provider=row, products=products, actor="tests", now=mall.now)
        yield server


@pytest.fixture
def till(mall, provider):
    mall.reward("film", kind="voucher", item="film-ticket", points=100, stock=20)
    return Counter(mall, provider)


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member
