"""Rows of a merged member stay theirs; who answers for them reads, renews and ends what they have borrowed."""

from uuid import uuid4

import pytest

from accounts.members import selectors as members
from mall.rentals import selectors, services
from mall.rentals.models import Rental
from points.ledger import services as ledger
from points.merging import services as merging


@pytest.fixture
def merged(desk, rich, other_member, now, django_user_model):
    """A rental of who is merged into another then; that other."""
    rental = desk.borrow(rich)
    desk.mall.give(other_member, 500)
    maker, checker = (django_user_model.objects.create_user(name, is_superuser=True).pk for name in ("maker", "checker"))
    asked = merging.request(merged_id=rich.id, survivor_id=other_member.id, reason="tests", operator_id=maker, key=uuid4(), now=desk.mall.now)
    merging.approve(merge_id=asked.id, operator_id=checker, now=desk.mall.now)
    assert members.survivor_id(rich.id) == other_member.id
    return rental, other_member


def test_the_survivor_renews_what_the_merged_member_has_borrowed(desk, merged, all_is_well):
    rental, survivor = merged
    desk.hear()
    assert list(selectors.rentals(member_id=survivor.id)) == [rental]
    had = desk.mall.points(survivor)
    desk.renew(rental, member_id=survivor.id)
    assert desk.mall.points(survivor) == had - 40
    desk.send()
    assert desk.fresh(rental).ends_at > rental.ends_at
    desk.partner.next.append("refuse")
    desk.renew(rental, member_id=survivor.id)
    desk.send()
    assert desk.mall.points(survivor) == had - 40
    all_is_well()


def test_what_was_under_way_goes_on_and_its_points_reach_the_survivor(desk, rich, other_member, merged, all_is_well):
    rental, survivor = merged
    had = desk.mall.points(survivor)
    desk.end(rental, member_id=survivor.id)
    desk.send()
    assert (desk.state(rental), desk.left(), desk.mall.points(survivor)) == (Rental.State.TAKEN_BACK, 3, had)
    all_is_well()


def test_what_the_merged_member_has_counts_for_the_survivor(desk, merged, refuses):
    _rental, survivor = merged
    desk.asked(survivor)
    with refuses(services.RentalLimit):
        desk.asked(survivor)


def test_it_renews_itself_with_the_survivors_points(desk, merged, refuses):
    rental, survivor = merged
    services.renew_by_itself(rental_id=rental.id, member_id=survivor.id, on=True, now=desk.mall.now)
    had = desk.mall.points(survivor)
    desk.until(rental.ends_at, hours=-1)
    assert desk.tend()["renewals"] == 1
    assert desk.mall.points(survivor) == had - 40
    with refuses(ledger.InsufficientPoints):
        ledger.spend(member_id=rental.member_id, points=1, actor="tests", key="x", now=desk.mall.now)
