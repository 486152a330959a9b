"""Many at one pool, on a real PostgreSQL. Beside it stands a control: the same without the locks, and two buyers have one code."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, transaction

from accounts.members import services as members
from loyalty.lib.refusals import BusinessError
from mall.codes import services
from mall.codes.models import Code
from mall.redemptions import services as redemptions
from tests import together

pytestmark = pytest.mark.django_db(transaction=True)


def buyers(mall, count):
    """So many members with points for one code each."""
    found = [members.register(external_id=f"B-{n}", now=mall.now)[0] for n in range(count)]
    for one in found:
        mall.give(one, 100)
    return found


at_once = partial(together.at_once, atomic=True)


def names(given):
    return Counter(type(one).__name__ for one in given)


def while_the_first_has_not_committed(monkeypatch, first, second):
    """`first` stops with its code in hand, not yet committed; `second` runs meanwhile; then both end. What each gave."""
    taken, go_on, once, original = threading.Event(), threading.Event(), threading.Lock(), services._take

    def stopping(*args, **kwargs):
        result = original(*args, **kwargs)
        if once.acquire(blocking=False):
            taken.set()
            go_on.wait(30)
        return result

    monkeypatch.setattr(services, "_take", stopping)

    def run(act):
        try:
            with transaction.atomic():
                return act()
        except BusinessError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(run, first)
        assert taken.wait(20)
        two = pool.submit(run, second)
        # Past locked codes the second comes to its end; in the control it waits for the first.
        _finished_or_waiting(two)
        go_on.set()
        return one.result(30), two.result(30)


def _finished_or_waiting(future):
    pause = threading.Event()
    for _ in range(2_000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if future.done() or cursor.fetchone()[0]:
                return
        pause.wait(0.01)
    raise AssertionError("the second neither ended nor came to wait")


def codes_of(row):
    return [one["code"] for one in redemptions.handed(row)]


def test_two_buyers_of_one_code_and_one_has_it(pool, reward, mall, monkeypatch, assert_books_balance, assert_mall_adds_up):
    pool.fill("A")
    one, two = buyers(mall, 2)
    given = while_the_first_has_not_committed(monkeypatch, lambda: mall.redeem(one, "video-month"), lambda: mall.redeem(two, "video-month"))
    assert names(given) == {"Redemption": 1, "CodesOut": 1}
    assert (codes_of(given[0]), mall.points(one), mall.points(two)) == (["A"], 0, 100)
    assert_books_balance()
    assert_mall_adds_up()


def test_two_buyers_of_two_codes_do_not_wait_for_each_other(pool, reward, mall, monkeypatch):
    pool.fill("A", "B")
    one, two = buyers(mall, 2)
    given = while_the_first_has_not_committed(monkeypatch, lambda: mall.redeem(one, "video-month"), lambda: mall.redeem(two, "video-month"))
    assert [codes_of(row) for row in given] == [["A"], ["B"]]


def test_control_without_the_locks_two_buyers_pay_for_one_code(pool, reward, mall, monkeypatch):
    monkeypatch.setattr(services, "_TAKE", services._TAKE.replace("FOR UPDATE SKIP LOCKED", ""))
    pool.fill("A", "B")
    one, two = buyers(mall, 2)
    given = while_the_first_has_not_committed(monkeypatch, lambda: mall.redeem(one, "video-month"), lambda: mall.redeem(two, "video-month"))
    assert names(given) == {"Redemption": 2}
    # The second took the first one's code away; both have paid.
    assert [codes_of(row) for row in given] == [[], ["A"]]
    assert (mall.points(one), mall.points(two)) == (0, 0)


def test_eight_at_a_pool_of_five_empty_it_and_no_code_is_had_twice(pool, reward, mall, assert_books_balance, assert_mall_adds_up):
    pool.fill(*(f"C-{n}" for n in range(5)))
    given = at_once(*(lambda who=who: mall.redeem(who, "video-month") for who in buyers(mall, 8)))
    assert names(given) == {"Redemption": 5, "CodesOut": 3}
    handed = [code for row in given if not isinstance(row, BusinessError) for code in codes_of(row)]
    assert sorted(handed) == pool.codes(redemption__isnull=False) == pool.codes()
    assert_books_balance()
    assert_mall_adds_up()


def test_an_import_withdrawn_while_its_codes_are_handed_out_voids_none_that_a_member_has(pool, reward, mall):
    made = pool.fill(*(f"C-{n}" for n in range(6)))
    acts = [lambda who=who: mall.redeem(who, "video-month") for who in buyers(mall, 4)]
    acts.append(lambda: services.withdraw(import_id=made.id, reason="wrong", actor="tests", now=mall.now))
    given = at_once(*acts)
    assert Code.objects.filter(redemption__isnull=False, voided_at__isnull=False).count() == 0
    handed = sum(type(one).__name__ == "Redemption" for one in given)
    assert (len(pool.codes(handed_at__isnull=False)), len(pool.codes(voided_at__isnull=False))) == (handed, 6 - handed)


def test_the_same_codes_taken_in_twice_at_once_come_in_once(pool, mall):
    codes = [f"C-{n}" for n in range(300)]
    given = at_once(lambda: pool.fill(*codes), lambda: pool.fill(*reversed(codes)))
    assert names(given) == {"CodeImport": 1, "NothingNew": 1}
    assert len(pool.codes()) == 300
