"""The audit finds each wrong that is sown, and is silent where all is well."""

from datetime import timedelta

import pytest
from django.db import connection

from mall.reconciliation import selectors as reconciliation
from mall.redemptions.models import Redemption
from mall.rentals.models import Renewal, Rental
from mall.rewards.models import StockChange
from mall.vouchers.models import VoucherOrder
from points.ledger import services as ledger


def breaches(desk):
    return {(one.invariant, one.what) for one in reconciliation.audit(now=desk.mall.now).breaches if one.invariant == 13}


LENT_OR_BACK = (13, "lent once or points back, never both and never neither")
STANDS = (13, "a rental stands where its partner's order says")
STOCK = (13, "what was lent is back in stock once it was taken back, and not before")
PAID = (13, "a renewal is paid by an entry of its own, and its points are back where it was refused")
ENDS = (13, "a rental ends when its last renewal says, and was renewed so often")


@pytest.fixture
def world(desk, rich):
    """One of each: lent and renewed, taken back, refused, asked for; and a renewal that was refused."""
    lent, back = desk.borrow(rich), desk.borrow(rich)
    desk.renew(lent)
    desk.renew(back)
    desk.send()
    desk.partner.next.append("refuse")
    desk.renew(lent)
    desk.send()
    desk.end(back)
    desk.send()
    desk.partner.next.append("refuse")
    refused = desk.borrow(rich)
    assert breaches(desk) == set()
    return {"lent": lent, "back": back, "refused": refused, "asked": desk.of(desk.asked(rich))}


def test_where_all_is_well_nothing_is_found(desk, world, all_is_well):
    all_is_well()


SOWN = [
    ("lent", LENT_OR_BACK, lambda row: Redemption.objects.filter(id=row.redemption_id).update(status="cancelled")),
    ("refused", LENT_OR_BACK, lambda row: Redemption.objects.filter(id=row.redemption_id).update(status="delivered")),
    ("asked", LENT_OR_BACK, lambda row: Redemption.objects.filter(id=row.redemption_id).update(status="delivered")),
    ("asked", LENT_OR_BACK, lambda row: Rental.objects.filter(id=row.id).delete()),
    ("lent", STANDS, lambda row: VoucherOrder.objects.filter(id=row.order_id).update(state="withdrawn")),
    ("back", STANDS, lambda row: VoucherOrder.objects.filter(id=row.order_id).update(state="delivered")),
    ("asked", STANDS, lambda row: VoucherOrder.objects.filter(id=row.order_id).update(state="delivered")),
    ("lent", STOCK, lambda row: Rental.objects.filter(id=row.id).update(state="taken_back", cause="term", closed_at=row.ends_at)),
    ("back", STOCK, lambda row: Rental.objects.filter(id=row.id).update(quantity=2)),
    ("back", STOCK, lambda row: Rental.objects.filter(id=row.id).update(stocked=False)),
    ("lent", PAID, lambda row: Renewal.objects.filter(rental_id=row.id, state="done").update(points=39)),
    ("lent", PAID, lambda row: Renewal.objects.filter(rental_id=row.id, state="refused").update(state="done")),
    ("lent", PAID, lambda row: Renewal.objects.filter(rental_id=row.id, state="done").delete()),
    ("lent", ENDS, lambda row: Rental.objects.filter(id=row.id).update(ends_at=row.ends_at)),
    ("lent", ENDS, lambda row: Rental.objects.filter(id=row.id).update(renewals=2)),
    ("asked", ENDS, lambda row: Rental.objects.filter(id=row.id).update(ends_at=row.ends_at + timedelta(days=1))),
]


@pytest.mark.parametrize(("which", "wrong", "sow"), SOWN, ids=[f"{which} {number}" for number, (which, *_rest) in enumerate(SOWN)])
def test_what_is_sown_is_found(desk, world, which, wrong, sow):
    sow(world[which])
    assert wrong in breaches(desk)


def test_what_is_back_in_stock_twice_or_without_a_rental_is_found(desk, world):
    change = StockChange.objects.latest("id")
    for subject in (f"rental/{world['back'].id}", "rental/somebody-elses"):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO mall_stockchange (reward_id, number, kind, change, on_hand_after, subject, actor, reason, at)"
                " VALUES (%s, %s, 'taken_back', 1, 9, %s, 'x', '', now())",
                [change.reward_id, change.number + 1 + len(subject), subject],
            )
        found = [one for one in reconciliation.audit(now=desk.mall.now).breaches if (one.invariant, one.what) == STOCK]
        assert subject in {one.about for one in found}


def test_points_spent_on_a_rental_without_a_renewal_are_found(desk, rich, world):
    ledger.spend(member_id=rich.id, points=1, subject=f"rental/{world['lent'].id}", actor="x", key="x", now=desk.mall.now)
    assert breaches(desk) == {PAID}
