"""Codes come in, are handed out, and never go back once they were seen."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from loyalty.audit.models import AuditEntry
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import ReasonMissing
from loyalty.outbox.rules import Event
from loyalty.outbox.services import SUBSCRIBERS
from loyalty.programme import selectors as programme
from mall.codes import events, selectors, services
from mall.codes.models import Code, CodeImport, CodePool
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.rewards.services import RewardInvalid, SoldOut

Status = Redemption.Status


# Filling


def test_an_import_says_what_it_took_in_and_what_it_left_out(pool):
    pool.fill("A", "B")
    made = pool.fill("B", "C", "C", "D")
    assert (made.added, made.there, made.faulty) == (2, 1, 1)
    assert pool.codes() == ["A", "B", "C", "D"]


def test_a_check_says_what_an_import_would_do_by_line_and_does_nothing(pool, mall):
    pool.fill("A")
    report = selectors.check(pool="video", content=b"code\nB\nA\nB\n\nC\n", now=mall.now)
    assert ([row.value for row in report.rows], report.by_kind, report.faulty) == (["B", "C"], {"there": [3], "twice": [4], "empty": [5]}, 2)
    with override("en"):
        assert [selectors.sentence(fault) for fault in report.faults] == [selectors.FAULTS["there"], "The same as line 2.", selectors.FAULTS["empty"]]
    assert pool.codes() == ["A"]


def test_the_same_file_again_brings_nothing_and_leaves_no_trace(pool, refuses):
    pool.fill("A")
    with refuses(services.NothingNew):
        pool.fill("A")
    assert CodeImport.objects.count() == 1


def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(pool, mall, refuses):
    with refuses(selectors.FileUnread) as refused:
        services.take_in(pool="video", content=b"A\nB", actor="tests", now=mall.now)
    assert (refused.value.figures, refused.value.message) == ({"why": "no_header"}, str(selectors.FILE_FAULTS["no_header"]))


def test_codes_for_a_pool_that_is_not_there_are_refused(db, mall, refuses):
    with refuses(selectors.PoolUnknown):
        services.take_in(pool="nowhere", content=b"code\nA", actor="tests", now=mall.now)


def test_the_same_code_stands_in_two_pools_but_not_twice_in_one(pool, mall):
    services.keep(pool=CodePool(code="music", name_zh="音乐", name_en="Music"), actor="tests", now=mall.now)
    assert pool.fill("A").added == pool.fill("A", pool="music").added == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Code.objects.create(pool_id="video", value="A", batch=CodeImport.objects.first())


def test_what_is_kept_of_an_import_is_its_figures_and_digest_never_the_file(pool):
    pool.fill("SECRET-1")
    told = AuditEntry.objects.get(verb="codes.taken_in")
    assert told.figures["added"] == 1
    assert "SECRET-1" not in str([told.figures, list(CodeImport.objects.values())])


def test_a_reward_names_a_pool_that_is_there(pool, mall, refuses):
    with refuses(RewardInvalid):
        mall.reward("x", kind="code", item="nowhere", stock=None)
    mall.reward("y", kind="code", item="video", stock=None)


# Handing out


def test_a_code_for_points_is_handed_over_at_once(pool, reward, rich, mall, assert_books_balance, assert_mall_adds_up):
    pool.fill("A")
    row = mall.redeem(rich, "video-month")
    assert (row.status, mall.points(rich)) == (Status.DELIVERED, 900)
    assert redemptions.handed(row) == [{"code": "A", "expires_at": None, "text": pool.row.text}]
    assert_books_balance()
    assert_mall_adds_up()


def test_several_at_a_time_are_several_codes(pool, reward, rich, mall):
    pool.fill("A", "B", "C")
    assert sorted(one["code"] for one in redemptions.handed(mall.redeem(rich, "video-month", quantity=2))) == ["A", "B"]


def test_the_same_key_again_hands_out_no_second_code(pool, reward, rich, mall):
    pool.fill("A", "B")
    first, again = (mall.redeem(rich, "video-month", key="K") for _ in range(2))
    assert first.id == again.id
    assert pool.codes(redemption=None) == ["B"]


def test_those_that_end_first_go_first_and_those_that_never_end_last(pool, reward, rich, mall):
    soon = local_date(mall.now, programme.zone(now=mall.now))
    pool.fill("never", f"later,{soon + timedelta(days=9)}", f"soon,{soon}")
    assert [redemptions.handed(mall.redeem(rich, "video-month"))[0]["code"] for _ in range(3)] == ["soon", "later", "never"]


def test_a_code_past_its_last_day_is_handed_to_nobody(pool, reward, rich, mall, refuses):
    pool.fill(f"A,{local_date(mall.now, programme.zone(now=mall.now))}")
    mall.wait(days=1)
    assert selectors.left(codes=["video"], now=mall.now) == {"video": 0}
    with refuses(services.CodesOut):
        mall.redeem(rich, "video-month")


def test_where_there_are_not_enough_nothing_is_taken(pool, reward, rich, mall, refuses, assert_books_balance, assert_mall_adds_up):
    pool.fill("A")
    with refuses(SoldOut) as refused:
        mall.redeem(rich, "video-month", quantity=2)
    assert (refused.value.code, refused.value.figures) == ("codes_out", {"left": 1})
    assert (pool.codes(redemption=None), mall.points(rich)) == (["A"], 1_000)
    assert_books_balance()
    assert_mall_adds_up()


def test_handing_out_a_code_costs_a_few_statements(pool, reward, rich, mall):
    pool.fill("A", "B")
    mall.redeem(rich, "video-month")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        mall.redeem(rich, "video-month")
    about_codes = [one["sql"] for one in asked if "mall_code " in one["sql"] or '"mall_code"' in one["sql"]]
    assert len(about_codes) <= 2, about_codes


# With money due


@pytest.fixture
def dear(mall, pool):
    """A code for 100 points and 10.00."""
    return mall.reward("video-year", kind="code", item="video", stock=None, cents=1_000)


def test_while_it_waits_for_payment_its_code_is_set_aside_unseen(pool, dear, rich, other_member, mall, refuses):
    pool.fill("A")
    row = mall.redeem(rich, "video-year")
    assert (row.status, redemptions.handed(row), pool.codes(redemption=row, handed_at=None)) == (Status.HELD, [], ["A"])
    mall.give(other_member, 1_000)
    with refuses(services.CodesOut):
        mall.redeem(other_member, "video-year")
    paid = mall.step("confirm", row, paid_cents=1_000).redemption
    assert (paid.status, [one["code"] for one in redemptions.handed(paid)]) == (Status.DELIVERED, ["A"])


def test_where_none_is_left_nothing_is_held_and_nobody_pays_for_nothing(pool, dear, rich, mall, refuses):
    with refuses(services.CodesOut):
        mall.redeem(rich, "video-year")
    assert mall.points(rich) == 1_000


@pytest.mark.parametrize("how", ["cancel", "lapse"])
def test_what_was_not_paid_goes_back_to_the_pool_as_nobody_has_seen_it(pool, dear, rich, mall, how, assert_books_balance, assert_mall_adds_up):
    pool.fill("A")
    row = mall.redeem(rich, "video-year")
    mall.wait(minutes=31 if how == "lapse" else 1)
    mall.step(how, row)
    assert (pool.codes(redemption=None, member=None), mall.points(rich)) == (["A"], 1_000)
    assert_books_balance()
    assert_mall_adds_up()


def test_a_code_that_ends_before_it_must_be_paid_is_not_set_aside(pool, dear, rich, mall, refuses):
    zone = programme.zone(now=mall.now)
    today = local_date(mall.now, zone)
    from loyalty.lib.localtime import end_of_day

    mall.now = end_of_day(today, zone) - timedelta(minutes=10)
    pool.fill(f"A,{today}")
    with refuses(services.CodesOut):
        mall.redeem(rich, "video-year")


# Coming back


def test_what_comes_back_was_seen_and_is_voided_never_handed_out_again(pool, reward, rich, mall, refuses, assert_books_balance, assert_mall_adds_up):
    pool.fill("A")
    row = mall.redeem(rich, "video-month")
    back = mall.step("return_", row, restock=True, reason="did not work", key="R").redemption
    assert (back.status, redemptions.handed(back), mall.points(rich)) == (Status.RETURNED, [], 1_000)
    assert pool.codes(voided_at__isnull=False, voided_for=services.RETURNED, member=rich) == ["A"]
    with refuses(services.CodesOut):
        mall.redeem(rich, "video-month")
    with refuses(services.NothingNew):
        pool.fill("A")
    assert_books_balance()
    assert_mall_adds_up()


def test_of_several_so_many_come_back_as_are_returned(pool, reward, rich, mall):
    pool.fill("A", "B", "C")
    row = mall.redeem(rich, "video-month", quantity=3)
    mall.step("return_", row, quantity=2, restock=True, reason="tests", key="R")
    row.refresh_from_db()
    assert [one["code"] for one in redemptions.handed(row)] == ["A"]
    assert pool.codes(voided_at__isnull=False) == ["B", "C"]


def test_a_code_that_does_not_work_is_voided_and_another_takes_its_place(pool, reward, rich, mall, refuses):
    pool.fill("A", "B")
    row = mall.redeem(rich, "video-month")
    bad = Code.objects.get(value="A")
    about = {"member_id": rich.id, "code_id": bad.id, "actor": "operator", "now": mall.now}
    with refuses(ReasonMissing):
        services.replace(**about, reason=" ")
    assert services.replace(**about, reason="used before").value == "B"
    assert [one["code"] for one in redemptions.handed(row)] == ["B"]
    with refuses(services.NotWithTheMember):
        services.replace(**about, reason="again")
    with refuses(services.CodesOut):
        services.replace(**{**about, "code_id": Code.objects.get(value="B").id}, reason="used before")
    told = AuditEntry.objects.get(verb="code.replaced")
    assert (told.reason, told.actor, told.figures["code"]) == ("used before", "operator", bad.id)


def test_a_code_is_replaced_for_its_own_member_only(pool, reward, rich, other_member, mall, refuses):
    pool.fill("A", "B")
    mall.redeem(rich, "video-month")
    with refuses(selectors.CodeUnknown):
        services.replace(member_id=other_member.id, code_id=Code.objects.get(value="A").id, reason="x", actor="operator", now=mall.now)


def test_an_import_by_mistake_is_withdrawn_as_far_as_nobody_has_it(pool, reward, rich, mall, refuses):
    made = pool.fill("A", "B", "C")
    mall.redeem(rich, "video-month")
    about = {"import_id": made.id, "actor": "operator", "now": mall.now}
    with refuses(ReasonMissing):
        services.withdraw(**about, reason="")
    assert services.withdraw(**about, reason="wrong pool").voided == 2
    assert (pool.codes(voided_at__isnull=False), selectors.left(codes=["video"], now=mall.now)) == (["B", "C"], {"video": 0})
    with refuses(services.ImportWithdrawn):
        services.withdraw(**about, reason="again")
    assert AuditEntry.objects.get(verb="codes.withdrawn").figures["voided"] == 2


def test_what_was_being_paid_for_as_its_import_was_withdrawn_does_not_go_back_to_the_pool(pool, dear, rich, mall, refuses):
    made = pool.fill("A", "B")
    row = mall.redeem(rich, "video-year")
    assert services.withdraw(import_id=made.id, reason="wrong pool", actor="operator", now=mall.now).voided == 1
    mall.step("cancel", row)
    assert (pool.codes(voided_at__isnull=False), selectors.left(codes=["video"], now=mall.now)) == (["A", "B"], {"video": 0})
    made.refresh_from_db()
    assert made.voided == 2
    with refuses(services.CodesOut):
        mall.redeem(rich, "video-year")


# Looking


def test_what_is_left_is_counted_up_to_a_thousand(pool, mall):
    pool.fill(*(f"C-{n}" for n in range(1_005)))
    assert selectors.left(codes=["video", "nowhere"], now=mall.now) == {"video": selectors.COUNTED + 1}


def test_what_is_left_of_many_pools_is_one_question(pool, mall, django_assert_num_queries):
    for n in range(20):
        services.keep(pool=CodePool(code=f"p-{n}", name_zh="池", name_en="Pool"), actor="tests", now=mall.now)
    with django_assert_num_queries(1):
        assert len(selectors.left(codes=["video", *(f"p-{n}" for n in range(20))], now=mall.now)) == 21


def test_every_code_stands_in_one_state(pool, reward, dear, rich, mall):
    pool.fill("A", "B", "C", "D", f"E,{local_date(mall.now, programme.zone(now=mall.now))}")
    mall.wait(days=1)
    mall.redeem(rich, "video-month")
    mall.step("return_", mall.redeem(rich, "video-month"), restock=True, reason="tests", key="R")
    mall.redeem(rich, "video-year")
    found = selectors.standing(pool="video", now=mall.now)
    assert found == {"free": 1, "reserved": 1, "handed": 1, "voided": 1, "over": 1}
    for name in found:
        (one,) = Code.objects.filter(selectors.in_state(name, now=mall.now))
        assert selectors.state_of(one, now=mall.now) == name


def test_a_pool_that_runs_low_is_told_of_once_until_it_is_filled_up(pool, reward, rich, mall, monkeypatch):
    told = []

    def hear(event: Event) -> None:
        told.append(event.payload)

    monkeypatch.setitem(SUBSCRIBERS, events.POOL_LOW, {"tests.hear": hear})
    pool.fill(*(f"C-{n}" for n in range(12)))
    CodePool.objects.filter(code="video").update(low_water=11)

    def watch():
        with transaction.atomic():
            return services.watch(now=mall.now)

    assert watch() == 0
    mall.redeem(rich, "video-month")
    assert (watch(), watch(), selectors.low().count()) == (1, 0, 1)
    pool.fill("more")
    assert (watch(), selectors.low().count()) == (0, 0)
    mall.redeem(rich, "video-month")
    assert watch() == 1


def test_a_pool_that_runs_low_because_its_codes_end_is_seen_too(pool, mall):
    pool.fill(*(f"C-{n},{local_date(mall.now, programme.zone(now=mall.now))}" for n in range(20)))
    assert services.watch(now=mall.now) == 0
    mall.wait(days=1)
    assert services.watch(now=mall.now) == 1
    assert selectors.low().get().low_since == mall.now
