import pytest

from points.ledger import services as ledger
from points.ledger.models import Account


def test_a_freeze_stops_what_the_member_does_with_points(desk, other, refuses):
    desk.earn(100)
    desk.freeze(reason="review")

    for act in (lambda: desk.spend(1), lambda: desk.hold(1), lambda: desk.transfer(other.member, 1)):
        with refuses(ledger.AccountFrozen):
            act()

    assert desk.stored == (100, 0, 0, 0)


def test_after_the_freeze_everything_goes_on(desk):
    desk.earn(100)
    desk.freeze()
    desk.unfreeze()

    desk.spend(100)

    assert desk.kinds == ["earn", "freeze", "unfreeze", "spend"]


def test_freezing_is_an_entry_with_a_reason_that_moves_nothing(desk):
    desk.earn(100)

    entry = desk.freeze(reason="review")

    assert (entry.kind, entry.points, entry.available_change, entry.balance_after, entry.reason) == ("freeze", 0, 0, 100, "review")
    assert Account.objects.get(member_id=desk.id).frozen


@pytest.mark.parametrize("act", ["earn", "adjust", "forfeit"])
def test_what_the_programme_does_goes_on_while_frozen(desk, act):
    desk.earn(100)
    desk.freeze()

    getattr(desk, act)(10)


def test_a_frozen_account_is_not_frozen_again(desk, refuses):
    desk.freeze()

    with refuses(ledger.AccountFrozen):
        desk.freeze()


def test_an_account_that_is_not_frozen_is_not_unfrozen(desk, refuses):
    with refuses(ledger.NotFrozen):
        desk.unfreeze()
