"""Points for money: off until switched on, set apart, limited, and given back as far as they were not spent."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation

from loyalty.lib.refusals import ReasonMissing
from mall.topups import rules, selectors, services
from mall.topups.models import TopUpTerms
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Lot
from points.merging import services as merging
from riskcontrol.screening import services as screening


@pytest.fixture
def on(db):
    TopUpTerms(id=1, active=True, least_cents=100, most_cents=10_000, most_cents_month=15_000).save()


def buy(member, now, *, cents=1_000, payment="PAY-1"):
    return services.buy(member_id=member.id, cents=cents, payment=payment, actor="tests", now=now)


def back(row, now, **more):
    return services.give_back(top_up_id=row.id, **{"reason": "changed their mind", "actor": "tests", "now": now, **more})


def test_points_cannot_be_bought_until_an_operator_allows_it(member, now, refuses):
    with refuses(services.TopUpsOff):
        buy(member, now)


def test_what_is_bought_is_set_apart_never_expires_and_comes_once_for_a_payment(on, member, now, refuses, assert_books_balance):
    row = buy(member, now).top_up
    assert (row.points, books.by_source(member_id=member.id, now=now)) == (1_000, {"bought": 1_000})
    assert Lot.objects.get().expires_at is None
    assert buy(member, now) == (row, True)
    with refuses(ledger.KeyConflict):
        buy(member, now, cents=2_000)
    assert_books_balance()


def test_less_and_more_than_can_be_bought_are_refused(on, member, now, refuses):
    for cents in (99, 10_001):
        with refuses(services.TopUpAmountInvalid):
            buy(member, now, cents=cents)
    buy(member, now, cents=10_000)
    for language, said in (
        ("en", "One member may buy points for at most CN¥150.00 in a month; bought for CN¥100.00."),
        ("zh-hans", "每位会员每月最多购买 ¥150.00 的积分，本月已购买 ¥100.00。"),
    ):
        with translation.override(language), refuses(services.TopUpMonthLimit) as refused:
            buy(member, now, cents=5_001, payment="PAY-2")
        assert refused.value.message == said
    buy(member, now, cents=5_000, payment="PAY-2")


def test_who_is_blocked_buys_nothing(on, member, now, refuses):
    screening.block(member_id=member.id, reason="tests", actor="tests", now=now)
    with refuses(screening.Screened):
        buy(member, now)


def test_what_was_not_spent_is_given_back_and_a_return_of_the_rest_later(on, member, now, refuses, assert_books_balance):
    row = buy(member, now, cents=999).top_up
    spend = ledger.spend(member_id=member.id, points=600, subject="game/1", actor="tests", key="spend", now=now)
    with refuses(ReasonMissing):
        back(row, now, reason=" ")
    for _again in range(2):
        done = back(row, now)
        assert (done.points_back, done.cents_back) == (399, 399)
    ledger.restore(member_id=member.id, entry_id=spend.id, points=600, subject="game/1", actor="tests", key="restore", now=now)
    done = back(row, now)
    assert (done.points_back, done.cents_back, books.balance(member_id=member.id, now=now).available) == (999, 999, 0)
    assert selectors.paid_in_month(member_ids=[member.id], now=now) == 0
    assert_books_balance()


def test_what_was_spent_is_not_given_back(on, member, now, refuses):
    row = buy(member, now).top_up
    ledger.spend(member_id=member.id, points=1_000, subject="game/1", actor="tests", key="spend", now=now)
    with refuses(services.NothingToGiveBack):
        back(row, now)


@pytest.fixture
def merge(member, other_member, now):
    """`member` turns out to be `other_member`."""

    def do():
        maker, checker = (User.objects.create_user(name) for name in ("maker", "checker"))
        about = {"merged_id": member.id, "survivor_id": other_member.id, "reason": "one person", "operator_id": maker.pk, "key": uuid4()}
        merging.approve(merge_id=merging.request(**about, now=now).id, operator_id=checker.pk, now=now)

    return do


def test_a_payment_of_who_was_merged_brings_no_points_a_second_time(on, member, other_member, merge, now, refuses, assert_books_balance):
    row = buy(member, now).top_up
    merge()
    assert buy(other_member, now) == (row, True)
    with refuses(ledger.KeyConflict):
        buy(other_member, now, cents=2_000)
    assert books.balance(member_id=other_member.id, now=now).available == 1_000
    assert_books_balance()


def test_what_a_merged_member_bought_counts_for_what_may_be_bought_in_a_month(on, member, other_member, merge, now, refuses):
    buy(member, now, cents=10_000)
    merge()
    with refuses(services.TopUpMonthLimit):
        buy(other_member, now, cents=5_001, payment="PAY-2")
    buy(other_member, now, cents=5_000, payment="PAY-2")


def test_where_bought_points_went_with_a_merge_the_refusal_says_so(on, member, merge, now, refuses):
    row = buy(member, now).top_up
    merge()
    with refuses(services.TopUpMerged):
        back(row, now)


@pytest.mark.parametrize(("bought", "paid", "parts"), [(300, 1_000, (1, 1, 298)), (7, 100, (2, 2, 3)), (1_000, 999, (333, 667))])
def test_parts_given_back_add_up_to_the_cent(bought, paid, parts):
    points = cents = 0
    for part in parts:
        cents += rules.money_back(points=part, bought=bought, paid_cents=paid, points_before=points, cents_before=cents)
        points += part
    assert (points, cents) == (bought, paid)


@pytest.mark.parametrize(("cents", "rate", "digits", "points"), [(100, 100, 2, 100), (1, 100, 2, 1), (99, 50, 2, 49), (5, 100, 0, 500)])
def test_money_brings_whole_points(cents, rate, digits, points):
    assert rules.points_for(cents, points_per_unit=rate, minor_digits=digits) == points


@pytest.fixture
def operator(django_user_model):
    client = Client(headers={"accept-language": "en"})
    client.force_login(django_user_model.objects.create_superuser("sample", password="a-sample-password-x"))
    return client


def test_an_operator_gives_bought_points_back_and_is_told_how_much_money(on, operator, member, now):
    row = buy(member, now).top_up
    page = f"/admin/mall/topup/{row.id}/give-back/"
    assert "1,000 of the 1,000 points bought" in operator.get(page).content.decode()
    said = operator.post(page, {"reason": "a complaint"}, follow=True).content.decode()
    assert "¥10.00" in said
    row.refresh_from_db()
    assert row.points_back == 1_000


def test_the_terms_are_a_page_of_settings(operator):
    assert operator.get("/admin/mall/topupterms/", follow=True).status_code == 200
    given = {"active": "on", "points_per_unit": 100, "least_cents": "1", "most_cents": "10.50", "most_cents_month": "50"}
    operator.post("/admin/mall/topupterms/add/", given)
    assert selectors.terms().active
    kept = TopUpTerms.current()
    assert (kept.least_cents, kept.most_cents, kept.most_cents_month) == (100, 1_050, 5_000)


def test_the_form_begins_with_limits_that_work_and_says_which_of_them_to_change(operator):
    add = "/admin/mall/topupterms/add/"
    form = operator.get(add).context["adminform"].form
    assert [form[name].value() for name in form.LIMITS] == ["1.00", "1000.00", "5000.00"]
    given = {"active": "on", "points_per_unit": 100}
    said = operator.post(add, {**given, "least_cents": "", "most_cents": "0", "most_cents_month": "50"}).context["adminform"].form.errors
    assert said == {"least_cents": ["This field is required."], "most_cents": ["Give an amount above 0."]}
    said = operator.post(add, {**given, "least_cents": "20", "most_cents": "10", "most_cents_month": "10"}).context["adminform"].form.errors
    assert set(said) == {"most_cents", "most_cents_month"}
    assert "nobody could buy anything" in str(said)
    assert TopUpTerms.objects.count() == 0
