"""The dry run: every line before and after, every fault by a sentence, and nothing booked."""

from datetime import timedelta
from itertools import islice

import pytest
from django.utils.translation import override

from accounts.members.models import Member
from loyalty.lib import spreadsheets
from points.batches import selectors, services
from points.ledger.models import Entry
from points.terms.rules import ExpiryPolicy

from .conftest import NOON, faults, lines, worked

pytestmark = pytest.mark.django_db


def killed_after(rows, count):
    """The lines of a file, and after so many of them the end of the process."""

    def read(batch):
        yield from islice(rows(batch), count)
        raise KeyboardInterrupt

    return read


def test_each_line_says_before_and_after_and_nothing_is_booked(checked, shop):
    shop.member("A", 100)
    shop.member("B")
    entries = Entry.objects.count()
    batch = checked("member,points\nA,5\nB,7\n")
    assert [(line.before, line.after, line.status) for line in lines(batch)] == [(100, 105, "ready"), (0, 7, "ready")]
    assert (batch.status, batch.checked, Entry.objects.count()) == ("checked", 2, entries)


def test_what_is_due_is_gone_and_what_is_owed_counts(checked, shop):
    shop.member("A", 100, policy=ExpiryPolicy("days", 1))
    shop.member("B")
    services.ledger.spend(member_id=shop.member("B"), points=30, overdraw=True, actor="tests", key="debt", now=NOON)
    batch = checked("member,points\nA,5\nB,7\n", now=NOON + timedelta(days=1))
    assert [(line.before, line.after) for line in lines(batch)] == [(0, 5), (-30, -23)]


def test_the_result_adds_up(checked, shop):
    for ref, points in (("A", 100), ("B", 10), ("C", 0)):
        shop.member(ref, points)
    batch = checked("member,points\nA,50\nA,-20\nB,-10\nC,5\nnobody,1\nB,x\n", kind="correction")
    said = batch.result
    assert {name: said[name] for name in ("ready", "faulty", "given", "taken", "members")} == {"ready": 4, "faulty": 2, "given": 55, "taken": 30, "members": 3}
    assert said["faults"] == {"member_unknown": 1, "points_not_whole": 1}
    assert (said["several"], said["several_lines"], said["repeated"]) == (1, 2, [[2, 3]])
    assert said["largest"] == [2, 3, 4, 5]
    assert (said["below_zero"], said["into_debt"]) == (0, 0)


def test_lines_of_one_member_add_up_in_their_order(checked, shop):
    shop.member("A", 100)
    batch = checked("member,points\nA,-60\nA,-60\nA,30\nA,-60\n", kind="correction")
    assert [(line.before, line.status) for line in lines(batch)] == [(100, "ready"), (40, "faulty"), (40, "ready"), (70, "ready")]


def test_lines_of_one_member_add_up_across_slices(uploaded, shop, monkeypatch):
    shop.member("A", 10)
    monkeypatch.setattr(services, "PAGE", 1)
    monkeypatch.setattr(services, "SLICE_SECONDS", 0)
    batch = uploaded("member,points\nA,-6\nA,-6\nA,3\nA,-6\n", kind="correction")
    slices = 0
    while services.check(batch_id=batch.id, now=NOON):
        slices += 1
    assert slices == 5
    assert [(line.before, line.status) for line in lines(batch)] == [(10, "ready"), (4, "faulty"), (4, "ready"), (7, "ready")]


def test_a_check_that_was_killed_goes_on_where_it_was(uploaded, shop, monkeypatch):
    shop.member("A")
    monkeypatch.setattr(services, "PAGE", 2)
    batch = uploaded("member,points\n" + "A,1\n" * 7)
    with monkeypatch.context() as hurried:
        hurried.setattr(services, "SLICE_SECONDS", 0)
        assert services.check(batch_id=batch.id, now=NOON) == 2
    with monkeypatch.context() as killing:
        killing.setattr(selectors, "rows", killed_after(selectors.rows, 6))
        with pytest.raises(KeyboardInterrupt):
            services.check(batch_id=batch.id, now=NOON)
    batch = worked(batch)
    assert [line.number for line in lines(batch)] == list(range(2, 9))
    assert batch.result["given"] == 7


def test_where_the_batch_says_so_the_rest_becomes_debt(checked, shop):
    shop.member("A", 10)
    shop.member("B", 10)
    batch = checked("member,points\nA,-25\nB,-10\n", kind="correction", shortfall="debt")
    assert [(line.after, line.status) for line in lines(batch)] == [(-15, "ready"), (0, "ready")]
    assert (batch.result["below_zero"], batch.result["into_debt"]) == (1, 1)


def test_a_line_that_cannot_be_covered_says_how_much_is_there(checked, shop):
    shop.member("A", 10)
    batch = checked("member,points\nA,-25\n", kind="correction")
    with override("en"):
        assert selectors.sentences(lines(batch)[0].faults) == ["It takes 25 points, but only 10 are there."]


def test_a_closed_member_gets_nothing(checked, shop):
    Member.objects.filter(id=shop.member("A")).update(status="closed")
    batch = checked("member,points\nA,5\n")
    assert faults(batch) == {2: ["member_closed"]}


def test_a_line_that_cannot_be_read_is_a_fault_and_the_rest_is_read(checked, shop):
    shop.member("A")
    batch = checked('member,points\nA,1\n"' + "x" * 140_000 + '",1\nA,2\n')
    assert faults(batch) == {3: ["unreadable"]}
    assert [line.points for line in lines(batch) if line.status == "ready"] == [1, 2]


def test_empty_lines_are_passed_over_and_numbers_are_those_of_the_file(checked, shop):
    shop.member("A")
    batch = checked("member,points\nA,1\n\n,,\nA,2\n")
    assert [(line.number, line.points) for line in lines(batch)] == [(2, 1), (5, 2)]


def test_every_fault_has_a_sentence_in_both_languages():
    figures = dict.fromkeys(("member", "text", "points", "most", "day", "cells", "columns", "available", "sentence"), "X")
    for language in ("en", "zh-hans"):
        with override(language):
            said = selectors.sentences([code, figures] for code in selectors.FAULTS)
            assert len(set(said)) == len(selectors.FAULTS)
            assert all("%" not in sentence for sentence in said)


def test_the_same_file_is_pointed_out_until_the_other_batch_is_gone(checked, applied, undone, shop):
    shop.member("A")
    first = applied("member,points\nA,1\n")
    second = checked("member,points\nA,1\n")
    assert selectors.same_file(second) == [first]
    undone(first)
    assert selectors.same_file(second) == []
    assert selectors.same_file(checked("member,points\nA,2\n")) == []


def test_who_had_an_opening_balance_before_is_counted(checked, applied, shop):
    shop.member("A")
    shop.member("B")
    applied("member,points,earned_on\nA,1,2026-01-01\n", kind="import")
    batch = checked("member,points,earned_on\nA,1,2026-02-01\nB,2,2026-02-01\n", kind="import")
    assert batch.result["imported_before"] == 1


@pytest.mark.parametrize(
    ("language", "header"),
    [("en", "member,points,expires_on,reason,cost_centre,line,fault"), ("zh-hans", "会员,积分,有效期至,原因,成本中心,行号,问题")],
)
def test_what_a_faulty_line_said_can_be_downloaded_corrected_and_uploaded_again(checked, shop, language, header):
    shop.member("=A")
    batch = checked("member,points,reason,cost_centre\n=A,-5,late,west\n=A,7,,\n")
    with override(language):
        (row,) = selectors.downloaded(batch, faulty=True)
        assert selectors.header(batch, faulty=True) == header.split(",")
        text = "".join(spreadsheets.lines(header.split(","), [row]))
    assert row[:6] == ["=A", "-5", "", "late", "west", 2]
    assert "'=A,'-5" in text
    again = checked(text, kind="correction", shortfall="debt")
    assert [(line.points, line.status, line.cost_centre) for line in lines(again)] == [(-5, "ready", "west")]


@pytest.mark.parametrize("count", [10, 1000])
def test_checking_asks_the_database_as_often_for_a_thousand_lines_as_for_ten(uploaded, shop, django_assert_max_num_queries, count):
    for number in range(10):
        shop.member(f"M-{number}", 5)
    batch = uploaded("member,points\n" + "".join(f"M-{number % 10},1\n" for number in range(count)))
    with django_assert_max_num_queries(30):
        services.check(batch_id=batch.id, now=NOON)
    batch.refresh_from_db()
    assert batch.result["ready"] == count


def test_what_was_refused_can_be_downloaded_like_what_was_faulty(approved, shop):
    shop.member("A", 10)
    batch = approved("member,points,reason\nA,-5,late\nA,3,\n", kind="correction")
    shop.spends("A", 8)
    batch = worked(batch)
    with override("en"):
        (row,) = selectors.downloaded(batch, faulty=True)
        assert [str(cell) for cell in row] == ["A", "-5", "", "late", "", "2", "It takes 5 points, but only 2 are there."]
