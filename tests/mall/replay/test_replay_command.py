"""`manage.py replay`: the file, the exit status, what is said."""

import gzip
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.activity.models import Purchase
from points.ledger import selectors as books
from points.rulebook import selectors as rulebook

pytestmark = pytest.mark.django_db


def replay(path, *options):
    out, err = io.StringIO(), io.StringIO()
    call_command("replay", str(path), *options, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_summary_says_what_was_booked_and_what_is_in_the_database(rows, written):
    out, err = replay(
        written(rows.bought("1", "10.00"), rows.refunded("r1", "1", "4.00"), rows.refunded("r2", "", "1.00"), rows.bought("g", "1.00", customer=""))
    )
    said = {" ".join(words[:-1]): words[-1] for words in map(str.split, out.splitlines()) if len(words) > 1}
    assert said["refunds parked for an operator"] == "1"
    assert said["guests' rows, skipped"] == "1"
    assert (said["earned"], said["clawed back"], said["left"]) == ("10", "4", "6")
    assert "because no terms are set" in out
    assert err == ""


def test_a_second_run_says_that_nothing_is_new(rows, written):
    path = written(rows.bought("1", "10.00"))
    assert "Booked now" in replay(path)[0]
    assert "Nothing new" in replay(path)[0]


def test_a_packed_file_is_read_whatever_its_name(rows, written):
    path = written(rows.bought("1", "10.00"))
    path.write_bytes(gzip.compress(path.read_bytes()))
    replay(path)
    assert books.sums().earned == 10


def test_bad_rows_are_told_with_their_line_numbers_and_leave_the_status_alone(rows, written):
    path = written(rows.bought("1", "10.00"), rows.bought("2", "ten"), rows.bought("3", "5.00"))
    _out, err = replay(path)
    assert err.splitlines() == ["line 3: amount 'ten' is not an amount"]
    assert books.sums().earned == 15


def test_what_is_not_utf_8_spoils_its_own_row_only(rows, written):
    path = written(rows.bought("1", "10.00"), rows.bought("caf", "5.00"), rows.bought("3", "5.00"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"caf,", b"caf\xe9,"))
    _out, err = replay(path)
    assert err.startswith("line 3: order_id")
    assert books.sums().earned == 15


def test_columns_may_stand_in_any_order_and_empty_lines_are_none(rows, written):
    path = written(rows.bought("1", "10.00"))
    header, row = path.read_text().splitlines()
    path.write_text(f"{header.replace('order_id,customer_id', 'customer_id,order_id')}\n\n{row.replace('1,ann', 'ann,1')}\n\n")
    replay(path)
    assert Purchase.objects.get().external_id == "1"


def test_a_row_with_too_many_columns_is_bad(rows, written):
    path = written(rows.bought("1", "10.00"), rows.bought("2", "1.00"))
    path.write_text(path.read_text().rstrip() + ",more\n")
    assert replay(path)[1] == "line 3: not as many columns as the header\n"


@pytest.mark.parametrize("content", ["", "order_id,amount\n1,10.00\n"], ids=["empty", "another header"])
def test_a_file_without_the_header_is_refused(tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(CommandError, match="does not begin with order_id"):
        replay(tmp_path / "a.csv")


def test_a_file_that_is_not_there_is_refused_and_changes_nothing(now):
    with pytest.raises(CommandError, match="No such file"):
        replay(Path("/nowhere/a.csv"))
    assert rulebook.in_force(at=now) is None


def test_a_file_of_bad_rows_alone_is_refused(rows, written):
    with pytest.raises(CommandError, match="No row could be read"):
        replay(written(rows.bought("1", "ten")))


def test_a_file_without_rows_is_none_to_complain_about(written):
    assert "Read 0 rows." in replay(written())[0]


def test_a_file_that_breaks_off_is_booked_so_far_and_refused(rows, written):
    path = written(*(rows.bought(str(n), "10.00") for n in range(500)))
    packed = gzip.compress(path.read_bytes())
    path.write_bytes(packed[: len(packed) - 20])
    with pytest.raises(CommandError, match="breaks off after line"):
        replay(path)
    assert Purchase.objects.exists()


def test_times_move_so_that_the_last_lies_in_the_week_before(rows, written):
    path = written(rows.bought("1", "10.00", at="2024-01-03T12:00:00+00:00"), rows.bought("2", "10.00"))
    out, _err = replay(path, "--shift-to", "2026-02-01T00:00:00Z")
    assert "moved by +107 weeks" in out
    assert list(Purchase.objects.order_by("occurred_at").values_list("occurred_at", flat=True)) == [
        datetime(2026, 1, 21, 12, tzinfo=UTC),
        datetime(2026, 1, 28, 12, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    "options",
    [
        ["--points-per-unit", "-1"],
        ["--points-per-unit", "NaN"],
        ["--points-per-unit", "0.00001"],
        ["--expire-months", "0"],
        ["--expire-months", "six"],
        ["--zone", "Mars/Olympus"],
        ["--until", "2024-01-10"],
        ["--shift-to", "soon"],
        ["--refund-unknown", "ask"],
    ],
)
def test_options_that_make_no_sense_are_refused(rows, written, options):
    with pytest.raises(CommandError):
        replay(written(rows.bought("1", "10.00")), *options)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_sees_a_bar_with_rows_rate_and_date(rows, written, monkeypatch):
    monkeypatch.setattr("mall.management.commands.replay.TELL_EVERY", 0)
    err = Terminal()
    call_command("replay", str(written(rows.bought("1", "10.00"))), stdout=io.StringIO(), stderr=err)
    assert "1 rows" in err.getvalue()
    assert "/s  2024-01-10  100%" in err.getvalue()
