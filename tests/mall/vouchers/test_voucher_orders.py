"""One voucher for each redemption, or its points back; never both, never neither. Against a provider on a real socket."""

import random

import pytest
from django.db import connection

from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption, Step
from mall.redemptions.services import handed
from mall.rewards import services as shelf
from mall.vouchers import services
from mall.vouchers.models import Provider, ProviderProduct, VoucherAttempt, VoucherOrder

State = VoucherOrder.State


def test_a_voucher_is_ordered_after_the_redemption_and_shown_once_it_is_issued(till, rich, assert_books_balance):
    row = till.redeem(rich)
    assert (row.status, till.order(row).state, till.provider.asked, handed(row)) == ("fulfilling", State.WAITING, [], [])
    assert till.send() == {State.DELIVERED: 1}
    (told,) = till.provider.orders.issued()
    assert till.status(row) == "delivered"
    row.refresh_from_db()
    assert handed(row) == [{"name": till.order(row).product.name, **told["vouchers"][0]}]
    assert (till.order(row).number, till.provider.asked) == (told["number"], [("POST", "/orders")])
    assert till.send(days=1) == {}
    till.assert_vouchers_or_points([row])
    assert till.mall.points(rich) == 900
    assert_books_balance()


def test_the_network_is_not_touched_inside_a_transaction(till, rich, monkeypatch):
    inside = []
    ask = services.signed_http.ask
    monkeypatch.setattr(services.signed_http, "ask", lambda *args, **more: inside.append(len(connection.savepoint_ids)) or ask(*args, **more))
    till.redeem(rich)
    depth = len(connection.savepoint_ids)
    till.send()
    assert inside == [depth], "what claims the order is committed before its provider is asked"


def test_so_many_vouchers_as_were_redeemed_come_of_one_order(till, rich):
    row = till.redeem(rich, quantity=3)
    till.send()
    assert len({one["code"] for one in till.order(row).vouchers}) == 3
    till.assert_vouchers_or_points([row])


def test_what_the_provider_refuses_gives_points_and_stock_back(till, rich, assert_books_balance):
    till.provider.next.append("refuse")
    row = till.redeem(rich)
    assert till.send() == {State.REFUSED: 1}
    assert (till.status(row), till.mall.points(rich), till.mall.left("film")) == ("cancelled", 1_000, 20)
    assert Step.objects.filter(redemption_id=row.id).latest("id").actor == "provider"
    till.assert_vouchers_or_points([row])
    assert_books_balance()


@pytest.mark.parametrize(
    ("language", "under_way", "refused"),
    [
        ("en", "It is on its way from the partner.", ["It was cancelled; its points are free again.", "The partner cannot provide it at the moment."]),
        ("zh-hans", "正从合作方处获取。", ["已取消，积分已退回。", "合作方目前无法提供。"]),
    ],
)
def test_the_member_reads_that_the_partner_has_it_under_way_and_that_it_could_not_provide_it(till, rich, member_client, language, under_way, refused):
    till.provider.next.append("refuse")
    row = till.redeem(rich)
    member_client.credentials(**{**member_client._credentials, "HTTP_ACCEPT_LANGUAGE": language})
    read = lambda: member_client.get(f"/api/v1/me/redemptions/{row.id}").json()["why"]  # noqa: E731
    assert read() == [{"code": "fulfilling", "text": under_way}]
    till.send()
    assert [one["text"] for one in read()] == refused
    assert [one["code"] for one in read()] == ["cancelled", "not_from_partner"]


@pytest.mark.parametrize("fault", ["slow", "close", "error"])
def test_what_was_not_answered_and_not_done_is_found_absent_and_ordered_again(till, rich, fault):
    till.provider.next.append(fault)
    row = till.redeem(rich)
    assert till.send() == {State.WAITING: 1}
    assert (till.order(row).asks, till.status(row), till.mall.points(rich)) == ("GET", "fulfilling", 900)
    assert till.send(seconds=5) == {}
    assert till.send(seconds=5) == {State.WAITING: 1}
    assert till.send() == {State.DELIVERED: 1}
    assert [method for method, _path in till.provider.asked] == ["POST", "GET", "POST"]
    assert len(till.provider.orders.issued()) == 1
    till.assert_vouchers_or_points([row])


@pytest.mark.parametrize("fault", ["slow after", "close after", "error after", "half", "noise", "stranger", "one short"])
def test_what_was_done_and_not_answered_is_found_and_never_ordered_twice(till, rich, fault):
    till.provider.next.append(fault)
    row = till.redeem(rich)
    assert till.send() == {State.WAITING: 1}
    assert till.send(seconds=10) == {State.DELIVERED: 1}
    assert [method for method, _path in till.provider.asked] == ["POST", "GET"]
    assert len(till.provider.orders.issued()) == 1
    till.assert_vouchers_or_points([row])


def test_an_answer_that_comes_twice_is_not_taken_for_the_next_orders(till, rich):
    """On a connection that is kept, the second copy stands where the next answer is looked for."""
    till.provider.next.append("twice")
    rows = [till.redeem(rich) for _ in range(3)]
    till.settle()
    till.assert_vouchers_or_points(rows)
    assert len({till.order(row).vouchers[0]["code"] for row in rows}) == 3


def test_what_takes_its_time_is_asked_about_until_it_is_there(till, rich, monkeypatch):
    ProviderProduct.objects.update(sku="SLOW")
    monkeypatch.setattr("tools.voucher_provider.SLOW_SECONDS", 10**6)
    row = till.redeem(rich)
    assert till.send() == {State.WAITING: 1}
    assert till.send(seconds=10) == {State.WAITING: 1}
    monkeypatch.setattr("tools.voucher_provider.SLOW_SECONDS", 0)
    till.settle()
    assert [method for method, _path in till.provider.asked] == ["POST", "GET", "GET"]
    till.assert_vouchers_or_points([row])


def test_a_refusal_after_silence_is_believed_once_the_provider_says_it_of_the_key(till, rich):
    till.provider.next += ["close", "", "refuse"]
    row = till.redeem(rich)
    till.settle()
    assert [method for method, _path in till.provider.asked] == ["POST", "GET", "POST", "GET"]
    assert till.status(row) == "cancelled"
    till.assert_vouchers_or_points([row])


def test_a_provider_that_forgets_what_it_has_refused_is_not_asked_for_ever(till, rich, monkeypatch):
    """After silence it refuses; asked what it made of the key, it has never seen it. Either way nothing was issued."""
    till.provider.next.append("close")
    row = till.redeem(rich)
    till.send()
    ask = services.signed_http.ask

    def forgets(line, what, **about):
        said = ask(line, what, **about)
        return services.Answer("refused", detail="sold_out") if what == "POST" else services.Answer("absent") if what == "GET" else said

    monkeypatch.setattr(services.signed_http, "ask", forgets)
    for _pass in range(10):
        till.send(minutes=1)
    assert (till.order(row).state, till.status(row), till.mall.points(rich)) == ("refused", "cancelled", 1_000)


@pytest.mark.parametrize(("fault", "outcome"), [("busy", "throttled"), ("no", "unreachable")])
def test_what_was_not_taken_is_asked_again_later_and_the_providers_other_orders_wait(till, rich, fault, outcome):
    till.provider.next.append(fault)
    rows = [till.redeem(rich) for _ in range(3)]
    assert till.send() == {State.WAITING: 1}
    assert list(VoucherAttempt.objects.values_list("outcome", flat=True)) == [outcome]
    till.settle()
    assert {method for method, _path in till.provider.asked} == {"POST"}
    till.assert_vouchers_or_points(rows)


def test_one_provider_that_is_down_keeps_no_other_waiting(till, rich, mall, settings):
    settings.VOUCHERS |= {"VOUCHER_SECRET_SPA": settings.VOUCHERS["VOUCHER_SECRET_CINEMA"], "VOUCHER_URL_CINEMA": "http://127.0.0.1:9"}
    spa = Provider(code="spa", name_zh="水疗", name_en="Spa", base_url=till.provider.url, key_id="sample-shop", active=True)
    day = ProviderProduct(code="spa-day", provider=spa, sku="SAMPLE-SPA", name_zh="水疗", name_en="Spa")
    services.keep(provider=spa, products=[day], actor="tests", now=mall.now)
    mall.reward("spa", kind="voucher", item="spa-day")
    films, day = [till.redeem(rich) for _ in range(3)], mall.redeem(rich, "spa")
    assert services.send_due(limit=2, clock=lambda: mall.now) == {State.WAITING: 1, State.DELIVERED: 1}
    assert (till.order(day).state, {till.order(row).state for row in films}) == (State.DELIVERED, {State.WAITING})


def test_whatever_goes_wrong_each_redemption_ends_with_its_voucher_or_its_points(till, rich, assert_books_balance):
    """A hundred answers go wrong in every way there is, in an order drawn by a seed; the provider's books and ours agree in the end."""
    draw = random.Random(5)
    faults = ["close", "error", "busy", "no", "refuse", "close after", "error after", "half", "noise", "stranger", "one short", "twice", "", ""]
    till.provider.next.extend(draw.choice(faults) for _ in range(100))
    rows = [till.redeem(rich) for _ in range(10)]
    till.settle(days=3)
    for row in rows[:5]:
        if till.order(row).state == State.DELIVERED:
            till.decide("withdraw", row)
    till.provider.next.extend(draw.choice(["close", "close after", "half", "twice", ""]) for _ in range(40))
    till.settle(days=3)
    till.assert_vouchers_or_points(rows)
    spent = sum(till.status(row) == "delivered" for row in rows)
    assert 0 < spent < 10
    assert till.mall.points(rich) == 1_000 - 100 * spent
    assert_books_balance()


# Where it cannot be ordered


def test_nothing_is_redeemed_where_it_cannot_be_ordered(till, rich, refuses, settings, assert_books_balance):
    Provider.objects.update(active=False)
    with refuses(services.VoucherUnavailable):
        till.redeem(rich)
    Provider.objects.update(active=True)
    ProviderProduct.objects.update(active=False)
    with refuses(services.VoucherUnavailable):
        till.redeem(rich)
    ProviderProduct.objects.update(active=True)
    settings.VOUCHERS = {}
    till.mall.reward("premiere", kind="voucher", item="film-ticket", cents=500)
    for reward in ("film", "premiere"):
        with refuses(services.VoucherUnavailable):
            till.mall.redeem(rich, reward)
    assert (till.mall.points(rich), till.mall.left("film"), VoucherOrder.objects.count()) == (1_000, 20, 0)
    assert_books_balance()


def test_what_was_paid_for_in_money_waits_until_the_provider_is_in_use_again(till, rich):
    till.mall.reward("premiere", kind="voucher", item="film-ticket", cents=500)
    row = till.mall.redeem(rich, "premiere")
    Provider.objects.update(active=False)
    till.mall.step("confirm", row, paid_cents=500)
    assert (till.status(row), till.send(hours=1)) == ("fulfilling", {})
    Provider.objects.update(active=True)
    assert till.send() == {State.DELIVERED: 1}


def test_a_reward_names_a_product_that_there_is(till, refuses):
    with refuses(shelf.RewardInvalid) as refused:
        till.mall.reward("ferry", kind="voucher", item="ferry-ticket")
    assert list(refused.value.figures["fields"]) == ["item"]


# What comes back


def test_what_was_not_asked_for_yet_can_be_cancelled(till, rich, assert_books_balance):
    row = till.redeem(rich)
    till.mall.step("cancel", row)
    assert (till.order(row).state, till.mall.points(rich), till.send(days=1)) == (State.WITHDRAWN, 1_000, {})
    assert till.provider.asked == []
    assert_books_balance()


def test_what_was_asked_for_is_neither_cancelled_nor_returned_past_the_provider(till, rich, refuses):
    till.provider.next.append("close after")
    row = till.redeem(rich)
    till.send()
    with refuses(services.VoucherOrdered):
        till.mall.step("cancel", row)
    till.send(seconds=10)
    with refuses(services.VoucherOrdered):
        till.mall.step("return_", row, restock=True, reason="not wanted", key="R")
    assert (till.status(row), till.mall.points(rich)) == ("delivered", 900)


@pytest.mark.parametrize("faults", [[], ["close"], ["close after"], ["busy", "half"]], ids=str)
def test_points_return_once_the_provider_has_cancelled_the_voucher(till, rich, faults, assert_books_balance):
    row = till.redeem(rich)
    till.send()
    till.decide("withdraw", row)
    row.refresh_from_db()
    assert (handed(row), till.mall.points(rich)) == ([], 900), "neither shown nor given back until the provider says so"
    till.provider.next.extend(faults)
    till.settle()
    assert (till.status(row), till.mall.points(rich), till.mall.left("film")) == ("returned", 1_000, 20)
    step = Step.objects.filter(redemption_id=row.id).latest("id")
    assert (step.actor, step.reason) == ("an operator", "by telephone")
    till.assert_vouchers_or_points([row])
    assert_books_balance()


def test_a_voucher_that_was_used_stays_with_the_member(till, rich):
    row = till.redeem(rich)
    till.send()
    before = till.order(row).vouchers
    till.provider.orders.use(str(till.order(row).id))
    till.decide("withdraw", row)
    till.settle()
    assert (till.order(row).vouchers, till.status(row), till.mall.points(rich)) == (before, "delivered", 900)


def test_an_order_is_taken_back_while_nobody_knows_what_became_of_it_and_can_never_be_issued_then(till, rich):
    till.provider.next.append("close")
    row = till.redeem(rich)
    till.send()
    till.decide("withdraw", row)
    assert till.send() == {State.WITHDRAWN: 1}
    assert (till.status(row), till.mall.points(rich)) == ("cancelled", 1_000)
    assert till.provider.orders.order(str(till.order(row).id), "SAMPLE-FILM", 1)["status"] == "cancelled"


# What an operator decides


@pytest.fixture
def lost(till, rich, settings):
    """An order of which nobody knows what became: issued, never answered, and the provider not to be reached for days."""
    till.provider.next.append("close after")
    row = till.redeem(rich)
    till.send()
    settings.VOUCHERS |= {"VOUCHER_URL_CINEMA": "http://127.0.0.1:9"}
    till.settle()
    assert (till.order(row).state, till.status(row), till.send(days=30)) == (State.UNKNOWN, "fulfilling", {})
    assert list(services.selectors.to_decide()) == [till.order(row)]
    return row


def test_after_days_of_silence_it_is_asked_no_more_until_an_operator_decides(till, lost, settings):
    asked = till.order(lost).attempts
    assert 20 < asked < 60
    del settings.VOUCHERS["VOUCHER_URL_CINEMA"]
    till.decide("ask_again", lost)
    till.settle()
    assert (till.order(lost).attempts, [method for method, _path in till.provider.asked]) == (asked + 1, ["POST", "GET"])
    till.assert_vouchers_or_points([lost])


def test_an_operator_who_knows_that_nothing_was_issued_gives_the_points_back(till, lost, rich, assert_books_balance):
    till.decide("write_off", lost)
    assert (till.status(lost), till.mall.points(rich), till.send(days=1)) == ("cancelled", 1_000, {})
    till.assert_vouchers_or_points([lost], known=False)
    assert_books_balance()


def test_an_operator_who_has_the_voucher_hands_it_over(till, lost, rich, refuses):
    one = services.Voucher("BY-FAX-1234-5678")
    with refuses(services.VouchersMissing):
        till.decide("hand_over", lost, vouchers=[one, one])
    with refuses(services.VouchersMissing):
        till.decide("hand_over", lost, vouchers=[services.Voucher("", "javascript:alert(1)")])
    till.decide("hand_over", lost, vouchers=[one])
    assert (till.status(lost), till.order(lost).vouchers[0]["code"], till.mall.points(rich)) == ("delivered", "BY-FAX-1234-5678", 900)


def test_what_is_decided_says_why_and_is_decided_once(till, lost, refuses):
    with refuses(services.ReasonMissing):
        till.decide("write_off", lost, reason=" ")
    till.decide("write_off", lost)
    for verb in ("write_off", "ask_again", "withdraw"):
        with refuses(services.OrderUnderWay):
            till.decide(verb, lost)


# Answers that come late


def begun(till, row):
    order = till.order(row)
    return order, services._begin(order, now=till.mall.now)


def test_a_worker_that_died_is_found_by_its_lease_and_its_question_asked_about(till, rich):
    row = till.redeem(rich)
    begun(till, row)
    assert till.send(minutes=2) == {}
    till.send(minutes=2)
    assert list(VoucherAttempt.objects.values_list("outcome", "detail")) == [("unknown", "worker_gone")]
    till.settle()
    assert [method for method, _path in till.provider.asked] == ["GET", "POST"]
    till.assert_vouchers_or_points([row])


def test_an_answer_that_comes_after_its_lease_counts_until_something_else_was_asked(till, rich):
    first, second = till.redeem(rich), till.redeem(rich)
    late = [begun(till, row) for row in (first, second)]
    till.mall.wait(minutes=4)
    services.recover(limit=10, now=till.mall.now)
    till.decide("withdraw", second)
    issued = services.Answer("issued", (services.Voucher("A-LATE-ONE"),), "7")
    assert [services._finish(order, attempt, issued, now=till.mall.now) for order, attempt in late] == [State.DELIVERED, State.WAITING]
    assert list(VoucherAttempt.objects.order_by("order_id").values_list("counted", flat=True)) == [True, False]
    assert (till.status(first), till.order(second).vouchers) == ("delivered", [])


def test_what_is_known_of_a_member_is_not_told_to_the_provider(till, rich):
    row = till.redeem(rich)
    body = services.rules.order(key=str(till.order(row).id), sku="SAMPLE-FILM", quantity=1).decode()
    assert not any(word in body for word in (rich.external_id, str(rich.id), rich.name, str(row.id)))


def test_a_delivered_redemption_that_somebody_closed_by_hand_still_gets_its_points_back(till, rich, assert_books_balance):
    row = till.redeem(rich)
    redemptions.deliver(redemption_id=row.id, actor="an operator", now=till.mall.now)
    till.provider.next.append("refuse")
    till.send()
    assert (Redemption.objects.get(id=row.id).status, till.mall.points(rich)) == ("returned", 1_000)
    assert_books_balance()


def test_an_order_that_cannot_be_booked_keeps_no_other_waiting(till, rich, monkeypatch):
    bad, good = till.redeem(rich), till.redeem(rich)
    settle = services.settle

    def fails(order, **told):
        if order.redemption_id == bad.id:
            raise RuntimeError("a fault of ours")
        settle(order, **told)

    monkeypatch.setattr(services, "settle", fails)
    assert till.send() == {State.DELIVERED: 1, "failed": 1}
    later = till.redeem(rich)
    assert till.send(minutes=4) == {State.DELIVERED: 1}
    assert [till.status(row) for row in (bad, good, later)] == ["fulfilling", "delivered", "delivered"]
    monkeypatch.setattr(services, "settle", settle)
    till.settle()
    till.assert_vouchers_or_points([bad, good, later])
