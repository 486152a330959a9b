"""A partner on this machine that lends, a reward that lends of it, and what becomes of what is borrowed."""

from datetime import timedelta

import pytest

from loyalty.outbox import services as outbox
from mall.redemptions.models import Redemption
from mall.rentals import selectors, services
from mall.rentals.models import Renewal, Rental, RentalTerms
from mall.vouchers import services as vouchers
from mall.vouchers.models import Provider, ProviderProduct, VoucherOrder
from tests.mall.vouchers.provider_server import SECRET, Faulty
from tools.voucher_provider import KEY_ID


class Desk:
    """The mall's clock is the jobs' and the partner's."""

    def __init__(self, mall, partner):
        self.mall, self.partner = mall, partner

    def borrow(self, member, **more):
        """Redeem, and have the partner asked; the rental."""
        return self.of(self.asked(member, **more), send=True)

    def asked(self, member, **more):
        return self.mall.redeem(member, "miles", **more)

    def of(self, row, *, send=False):
        if send:
            self.send()
        return selectors.of_redemption(row)

    def hear(self):
        """Deliver what was published."""
        while outbox.deliver_due(limit=100, now=self.mall.now):
            pass

    def send(self, **later):
        """Go on by so much, and ask the partner what is due then."""
        self.mall.wait(**later)
        vouchers.recover(limit=100, now=self.mall.now)
        return dict(vouchers.send_due(limit=100, clock=lambda: self.mall.now))

    def tend(self, **later):
        self.hear()
        self.mall.wait(**later)
        return dict(services.tend(limit=100, now=self.mall.now))

    def until(self, moment, **later):
        self.mall.now = moment + timedelta(**later)
        return self

    def settle(self, days=10):
        """Ask as often as anything is due, for so many days."""
        end = self.mall.now + timedelta(days=days)
        while self.mall.now < end and VoucherOrder.objects.filter(state__in=["waiting", "sending"]).exists():
            while self.send():
                pass
            due = VoucherOrder.objects.filter(state="waiting").order_by("due_at").values_list("due_at", flat=True).first()
            self.mall.now = max(due or self.mall.now, self.mall.now + timedelta(seconds=1))

    def renew(self, rental, **more):
        about = {"member_id": rental.member_id, "actor": "tests", "key": f"R-{next(self.mall.keys)}", "now": self.mall.now}
        return services.renew(rental_id=rental.id, **{**about, **more})

    def end(self, rental, **more):
        return services.end(rental_id=rental.id, **{"member_id": rental.member_id, "actor": "tests", "now": self.mall.now, **more})

    def state(self, rental):
        return Rental.objects.get(id=rental.id).state

    def fresh(self, rental):
        return Rental.objects.get(id=rental.id)

    def status(self, rental):
        return Redemption.objects.get(id=rental.redemption_id).status

    def renewals(self):
        return list(Renewal.objects.order_by("id").values_list("state", flat=True))

    def left(self):
        return self.mall.left("miles")

    def decide(self, verb, order, **more):
        return getattr(vouchers, verb)(order_id=order.id, **{"reason": "by telephone", "actor": "an operator", "now": self.mall.now, **more})


@pytest.fixture
def partner(mall, tmp_path, settings):
    """Its answers come at once; who is kept waiting on purpose does not wait long."""
    with Faulty(file=tmp_path / "loans.sqlite3", at=lambda: mall.now) as server:
        settings.VOUCHERS = {"VOUCHER_SECRET_AIRLINE": SECRET}
        settings.VOUCHER_CONNECT_SECONDS = settings.VOUCHER_ANSWER_SECONDS = 1.0
        row = Provider(code="airline", name_zh="航空", name_en="Airline", base_url=server.url, key_id=KEY_ID, active=True)
        products = [ProviderProduct(code="miles", provider=row, sku="SAMPLE-MILES", name_zh="里程", name_en="Miles")]
        vouchers.keep(provider=row, products=products, actor="tests", now=mall.now)
        yield server


@pytest.fixture
def terms(mall, partner):
    about = {"days": 30, "renewals": 2, "renewal_points": 40, "remind_days": 3, "at_once": 2}
    kept = RentalTerms(code="miles-30", name_zh="里程", name_en="Miles", product=ProviderProduct.objects.get(code="miles"), **about)
    return services.keep(terms=kept, actor="tests", now=mall.now)


@pytest.fixture
def desk(mall, partner, terms):
    mall.reward("miles", kind="rental", item="miles-30", points=100, stock=3)
    return Desk(mall, partner)


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


@pytest.fixture
def all_is_well(assert_books_balance, assert_mall_adds_up):
    def look():
        assert_books_balance()
        assert_mall_adds_up()

    return look
