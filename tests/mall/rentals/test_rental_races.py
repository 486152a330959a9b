"""Several at once, and a partner killed in the middle, on a real PostgreSQL. The controls are the same without what holds, and go wrong."""

import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from loyalty.lib.refusals import BusinessError
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.rentals import selectors, services
from mall.rentals.models import Renewal, Rental
from mall.rewards import services as shelf
from mall.rewards.models import StockChange
from mall.vouchers import services as vouchers
from mall.vouchers.models import VoucherAttempt
from tests.mall.vouchers.test_voucher_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[3]
State = Rental.State


def outcome(act):
    """What came of it, and of a refusal its code."""
    try:
        done = act()
    except BusinessError as refusal:
        return refusal.code
    return "done" if done else "nothing"


def all_at_once(*acts):
    return Counter(at_once(*[lambda act=act: outcome(act) for act in acts]))


def leave(desk, left):
    """So many on the shelf."""
    shelf.restock(reward_id=redemptions.rewards.offer("miles").id, change=left - desk.left(), reason="tests", actor="tests", now=desk.mall.now)


# The last one


def test_the_last_one_is_lent_to_one_of_two(desk, rich, other_member, all_is_well):
    desk.mall.give(other_member, 1_000)
    leave(desk, 1)
    assert all_at_once(*[lambda who=who: desk.asked(who) for who in (rich, other_member)]) == {"done": 1, "sold_out": 1}
    desk.send()
    assert (desk.left(), len(desk.partner.orders.lent())) == (0, 1)
    all_is_well()


def test_what_comes_back_while_somebody_wants_it_is_out_once_at_any_time(desk, rich, other_member, all_is_well):
    desk.mall.give(other_member, 1_000)
    leave(desk, 1)
    rental = desk.borrow(rich)
    desk.end(rental)
    most = []
    answer = desk.partner.answer

    def watched(*args):
        done = answer(*args)
        most.append(len(desk.partner.orders.lent()))
        return done

    desk.partner.answer = watched
    at_once(lambda: desk.send(), *[lambda: outcome(lambda: desk.asked(other_member))] * 2)
    if desk.left():
        desk.asked(other_member)
    desk.send()
    assert (max(most), Rental.objects.filter(state=State.LENT).count(), desk.left()) == (1, 1, 0)
    all_is_well()


def test_if_it_were_back_in_stock_before_it_is_taken_back_it_would_be_lent_twice_at_once(desk, rich, other_member, monkeypatch):
    end = services._end

    def too_early(row, *, now):
        end(row, now=now)
        moved = {"change": 1, "kind": StockChange.Kind.TAKEN_BACK, "subject": f"rental/{row.id}", "actor": "tests"}
        shelf.move_stock(reward_id=row.redemption.reward_id, **moved, now=now)

    monkeypatch.setattr(services, "_end", too_early)
    desk.mall.give(other_member, 1_000)
    leave(desk, 1)
    rental = desk.borrow(rich)
    desk.partner.orders.use(str(rental.order_id))
    desk.end(rental)
    desk.asked(other_member)
    desk.send()
    assert len(desk.partner.orders.lent()) == 2


# How many at one time


def test_a_member_who_asks_from_several_places_has_as_many_as_the_terms_say(desk, rich, all_is_well):
    leave(desk, 10)
    assert all_at_once(*[lambda: desk.asked(rich)] * 6) == {"done": 2, "rental_limit": 4}
    all_is_well()


def test_without_the_members_lock_they_would_have_more(desk, rich, monkeypatch):
    """Each looks how many there are before any other is written."""
    leave(desk, 10)
    together, look = threading.Barrier(3), selectors.borrowed

    def seen_by_all(**asked):
        had = look(**asked)
        together.wait(20)
        return had

    monkeypatch.setattr(selectors, "borrowed", seen_by_all)
    offer = redemptions.rewards.offer("miles")
    rows = [Redemption(member_id=rich.id, reward_id=offer.id, quantity=1, item="miles-30") for _ in range(3)]
    assert all_at_once(*[lambda row=row: services._reserve(row, desk.mall.now) or True for row in rows]) == {"done": 3}


# The end, and what is done at the same moment


def ended(desk, rental):
    return Rental.objects.filter(id=rental.id).values_list("state", "renewals").get(), Renewal.objects.count()


def test_renewed_at_the_very_end_or_ended_whoever_is_quicker(desk, rich, all_is_well):
    rental = desk.borrow(rich)
    before = desk.until(rental.ends_at, microseconds=-1).mall.now
    renew = lambda: services.renew(rental_id=rental.id, member_id=rich.id, actor="tests", key="at-the-end", now=before)  # noqa: E731
    end = lambda: services.end_due(rental_id=rental.id, now=rental.ends_at)  # noqa: E731
    came = all_at_once(renew, end, end)
    assert came in ({"done": 1, "nothing": 2}, {"done": 1, "nothing": 1, "rental_over": 1})
    desk.until(rental.ends_at)
    desk.settle(days=1)
    (state, renewals), asked = ended(desk, rental)
    assert (state, renewals, asked) in ((State.LENT, 1, 1), (State.TAKEN_BACK, 0, 0))
    assert desk.mall.points(rich) == 900 - 40 * asked
    all_is_well()


def test_without_looking_again_under_the_lock_it_would_end_while_it_is_renewed(desk, rich, monkeypatch):
    rental = desk.borrow(rich)
    found = selectors.rental(rental_id=rental.id)
    desk.until(rental.ends_at, microseconds=-1)
    desk.renew(rental)
    monkeypatch.setattr(services, "_locked", lambda *_id: found)
    assert services.end_due(rental_id=rental.id, now=rental.ends_at)
    assert (desk.state(rental), desk.mall.points(rich)) == (State.ENDING, 860), "paid for a longer term, and taken back all the same"


def test_ended_from_several_places_it_ends_once(desk, rich, all_is_well):
    rental = desk.borrow(rich)
    end = lambda: services.end(rental_id=rental.id, member_id=rich.id, actor="tests", now=rental.ends_at)  # noqa: E731
    due = lambda: services.end_due(rental_id=rental.id, now=rental.ends_at)  # noqa: E731
    came = all_at_once(end, end, due, due)
    assert came["done"] >= 2 and set(came) <= {"done", "nothing"}
    desk.until(rental.ends_at).settle()
    assert VoucherAttempt.objects.filter(ask="RETURN").count() == 1
    assert StockChange.objects.filter(kind="taken_back").count() == 1
    all_is_well()


def test_without_the_arrows_it_would_end_twice(desk, rich, monkeypatch):
    rental = desk.borrow(rich)
    found = selectors.rental(rental_id=rental.id)
    services.end_due(rental_id=rental.id, now=rental.ends_at)
    monkeypatch.setattr(services, "_locked", lambda *_id: found)
    with pytest.raises(AssertionError):
        services.end_due(rental_id=rental.id, now=rental.ends_at)


def test_renewed_from_several_places_it_is_paid_once(desk, rich, all_is_well):
    rental = desk.borrow(rich)
    same = [lambda: services.renew(rental_id=rental.id, member_id=rich.id, actor="tests", key="same", now=desk.mall.now)] * 3
    other = [lambda: services.renew(rental_id=rental.id, member_id=rich.id, actor="tests", key="other", now=desk.mall.now)]
    came = all_at_once(*same, *other)
    assert came in ({"done": 3, "renewal_under_way": 1}, {"done": 1, "renewal_under_way": 3})
    assert (desk.mall.points(rich), Renewal.objects.count()) == (860, 1)
    desk.send()
    all_is_well()


def test_jobs_and_senders_in_several_workers_do_everything_once(desk, rich, all_is_well):
    first, second = desk.borrow(rich), desk.borrow(rich)
    services.renew_by_itself(rental_id=first.id, on=True, now=desk.mall.now)
    desk.until(first.ends_at, hours=-1)
    job = lambda: services.tend(limit=100, now=desk.mall.now)  # noqa: E731
    came = sum(at_once(*[job] * 4), Counter())
    assert came == {"reminded": 2, "renewals": 1}
    send = lambda: vouchers.send_due(limit=100, clock=lambda: desk.mall.now)  # noqa: E731
    at_once(*[send] * 3)
    desk.until(first.ends_at)
    assert sum(at_once(*[job] * 4), Counter()) == {"ended": 1}
    at_once(*[send] * 3)
    assert (desk.state(first), desk.state(second), desk.mall.points(rich)) == (State.LENT, State.TAKEN_BACK, 760)
    all_is_well()


def test_a_failing_one_stops_no_other(desk, rich, monkeypatch):
    first, second = desk.borrow(rich), desk.borrow(rich)
    end = services._end

    def fails(row, *, now):
        if row.id == first.id:
            raise RuntimeError
        end(row, now=now)

    monkeypatch.setattr(services, "_end", fails)
    assert desk.until(first.ends_at).tend()["failed"] == 1
    assert (desk.state(first), desk.state(second), desk.fresh(first).cause) == (State.LENT, State.ENDING, "")


# Killed


@pytest.mark.parametrize("dies", ["before", "after"])
@pytest.mark.parametrize("moment", ["lending", "renewing", "taking back"])
def test_a_partner_that_is_killed_has_done_it_once_in_the_end(desk, rich, tmp_path, dies, moment, all_is_well):
    """A process of its own, killed before or after it has written it down, and started again on its books."""
    rental = desk.of(desk.asked(rich), send=moment != "lending")
    if moment == "renewing":
        desk.renew(rental)
    elif moment == "taking back":
        desk.end(rental)
    desk.partner.__exit__()
    port = str(desk.partner.server_address[1])
    argv = [sys.executable, "-m", "tests.mall.vouchers.provider_server", str(tmp_path / "loans.sqlite3"), port]

    def start(how):
        program = subprocess.Popen([*argv, how], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert program.stdout.readline().startswith("http://127.0.0.1")
        return program

    mortal = start(dies)
    try:
        assert desk.send() == {"waiting": 1}
        assert mortal.wait(20) == -signal.SIGKILL
        assert desk.send(minutes=1) == {"waiting": 1}, "nobody is there"
    finally:
        mortal.kill()
        mortal.stdout.close()
    immortal = start("never")
    try:
        desk.settle(days=1)
    finally:
        immortal.kill()
        immortal.wait(20)
        immortal.stdout.close()
    end, state = (rental.ends_at, State.TAKEN_BACK) if moment == "taking back" else (desk.fresh(rental).ends_at, State.LENT)
    assert desk.state(rental) == state
    assert desk.partner.orders.lent() == ({} if moment == "taking back" else {str(rental.order_id): f"{end:%Y-%m-%dT%H:%M:%SZ}"})
    assert (end > rental.ends_at) == (moment == "renewing")
    all_is_well()
