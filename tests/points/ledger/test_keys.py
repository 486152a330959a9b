"""One key, one effect, per member."""

from datetime import timedelta
from uuid import uuid4

import pytest

from points.ledger import services as ledger
from points.ledger.models import Entry, Source


def prepared(desk):
    """An earning to take back, a pending one, a spend and two open holds; then each verb with everything but its key."""
    earned, waiting, spent = desk.earn(100), desk.earn(50, waits=True), desk.spend(10)
    held, other_held = desk.hold(10, lasts=timedelta(days=1)), desk.hold(10, lasts=timedelta(days=1))
    return {
        "earn": lambda **k: desk.earn(5, **k),
        "mature": lambda **k: desk.mature(waiting, **k),
        "spend": lambda **k: desk.spend(5, **k),
        "hold": lambda **k: desk.hold(5, **k),
        "capture": lambda **k: desk.capture(held, **k),
        "release": lambda **k: desk.release(other_held, **k),
        "restore": lambda **k: desk.restore(spent, 5, **k),
        "clawback": lambda **k: desk.clawback(earned, 5, **k),
        "adjust up": lambda **k: desk.adjust(5, **k),
        "adjust down": lambda **k: desk.adjust(-5, **k),
        "forfeit": lambda **k: desk.forfeit(5, **k),
        "freeze": lambda **k: desk.freeze(**k),
    }


VERBS = ["earn", "mature", "spend", "hold", "capture", "release", "restore", "clawback", "adjust up", "adjust down", "forfeit", "freeze"]


@pytest.mark.parametrize("verb", VERBS)
def test_the_same_act_again_gives_the_first_answer_and_changes_nothing(desk, verb):
    act = prepared(desk)[verb]
    first = act(key="order/1")
    before, buckets = len(desk.kinds), desk.buckets
    desk.later(minutes=5)

    again = act(key="order/1")

    assert (type(again), again.id) == (type(first), first.id)
    assert (len(desk.kinds), desk.buckets) == (before, buckets)


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_used_for_one_act_is_refused_for_every_other(desk, refuses, verb):
    acts = prepared(desk)
    acts[verb](key="order/1")

    for name, act in acts.items():
        if name != verb:
            with refuses(ledger.KeyConflict):
                act(key="order/1")


@pytest.mark.parametrize(
    ("verb", "content"),
    [
        *((verb, {"points": 6}) for verb in ("earn", "spend", "hold", "capture", "restore", "clawback", "adjust up", "forfeit")),
        *((verb, {"subject": "other"}) for verb in ("earn", "spend", "hold", "capture", "restore", "clawback", "adjust up", "forfeit")),
        ("adjust down", {"points": -6}),
        ("earn", {"source": Source.CAMPAIGN}),
        ("release", {"hold_id": uuid4()}),
        ("capture", {"hold_id": uuid4()}),
        ("restore", {"entry_id": uuid4()}),
        ("clawback", {"entry_id": uuid4()}),
        ("mature", {"entry_id": uuid4()}),
    ],
)
def test_the_same_key_with_other_content_is_refused(desk, refuses, verb, content, monkeypatch):
    act = prepared(desk)[verb]
    act(key="order/1")
    ask = desk.ask
    monkeypatch.setattr(desk, "ask", lambda called, **given: ask(called, **{**given, **content}))

    with refuses(ledger.KeyConflict) as conflict:
        act(key="order/1")

    assert conflict.value.figures == {"key": "order/1"}


def test_who_asks_and_when_is_not_content(desk):
    first = desk.earn(5, key="order/1", actor="storefront", reason="one")
    desk.later(days=1)

    assert desk.earn(5, key="order/1", actor="job", reason="other").id == first.id


def test_a_source_may_be_written_as_its_value(desk):
    first = desk.earn(5, key="order/1", source=Source.PURCHASE)

    assert desk.earn(5, key="order/1", source="purchase").id == first.id


def test_a_refusal_is_not_stored_so_a_retry_decides_anew(desk, refuses):
    with refuses(ledger.InsufficientPoints):
        desk.spend(50, key="order/1")
    desk.earn(100)

    assert desk.spend(50, key="order/1").points == 50


def test_keys_are_each_members_own(desk, other):
    desk.earn(5, key="order/1")
    other.earn(7, key="order/1")

    assert (desk.stored[0], other.stored[0]) == (5, 7)


def test_the_first_answer_comes_even_when_the_act_would_be_refused_now(desk):
    desk.earn(100)
    first = desk.spend(100, key="order/1")
    desk.freeze()

    assert desk.spend(100, key="order/1").id == first.id


def test_the_first_answer_of_a_hold_is_the_hold_as_it_is_now(desk):
    desk.earn(100)
    held = desk.hold(100, key="cart/1")
    desk.capture(held)

    again = desk.hold(100, key="cart/1", lasts=timedelta(days=9))

    assert (again.id, again.status) == (held.id, "captured")


def test_an_answered_key_books_nothing_that_is_due(desk):
    from .conftest import days

    desk.earn(100, days(1), key="order/1")
    desk.later(days=5)

    desk.earn(100, days(1), key="order/1")

    assert desk.kinds == ["earn"]


@pytest.mark.parametrize("key", ["#1", ""])
def test_keys_of_the_ledgers_own_and_empty_ones_are_a_bug_of_the_caller(desk, refuses, key):
    with refuses(AssertionError):
        desk.earn(5, key=key)


def test_one_purchase_makes_several_entries_each_with_its_own_key(desk):
    held = (desk.earn(100), desk.hold(40))[1]
    desk.capture(held, key="purchase/1/capture")
    earned = desk.earn(7, key="purchase/1/earn")
    desk.clawback(earned, 7, key="purchase/1/refund/1")

    assert Entry.objects.filter(member_id=desk.id, key__startswith="purchase/1/").count() == 3


def test_entries_are_numbered_per_member_without_a_gap(desk, other, refuses):
    from .conftest import days

    desk.earn(100, days(1))
    other.earn(100)
    with refuses(ledger.InsufficientPoints):
        desk.spend(101)
    desk.later(days=5)
    desk.earn(5)

    assert list(Entry.objects.filter(member_id=desk.id).order_by("seq").values_list("seq", flat=True)) == [1, 2, 3]
