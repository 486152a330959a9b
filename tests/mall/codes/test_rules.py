"""A file, line by line."""

from datetime import date

import pytest

from mall.codes.rules import FileFault, Row, masked, read

TODAY = date(2026, 11, 22)


def lines(text):
    return read(text.encode(), today=TODAY)


def test_a_line_is_a_code_with_or_without_its_last_day():
    assert lines("code,expires_on\nA-1,2026-12-31\nB-2,\n").rows == [Row(2, "A-1", date(2026, 12, 31)), Row(3, "B-2", None)]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (",2026-12-31", (2, "empty", "")),
        ("   ,", (2, "empty", "")),
        ("x" * 101, (2, "too_long", "101")),
        ("A\u200bB", (2, "unreadable", "")),
        ("1.23457E+12", (2, "rounded", "")),
        ("A,soon", (2, "day", "soon")),
        ("A,2026-02-30", (2, "day", "2026-02-30")),
        ("A,2200-01-01", (2, "day", "2200-01-01")),
        ("A,2026-11-21", (2, "over", "2026-11-21")),
    ],
)
def test_a_line_that_cannot_be_taken_in_says_why(line, fault):
    assert lines(f"code,expires_on\n{line}\nB,\n").faults == [fault]


def test_what_is_good_through_today_is_taken_in():
    assert lines("code,expires_on\nA,2026-11-22").rows == [Row(2, "A", TODAY)]


def test_the_longest_code_has_a_hundred_characters():
    assert len(lines("code\n" + "x" * 100).rows) == 1


def test_a_code_that_stands_there_twice_is_taken_in_once():
    found = lines("code\nA\nB\nA\nA\n")
    assert [row.value for row in found.rows] == ["A", "B"]
    assert found.faults == [(4, "twice", "2"), (5, "twice", "2")]


def test_a_gap_is_an_empty_line_and_the_end_of_the_file_is_none():
    assert lines("code\nA\n\nB\n\n\n").faults == [(3, "empty", "")]


@pytest.mark.parametrize("written", ["2026-12-31", "2026/12/31", "2026.12.31", "2026年12月31日", "20261231"])
def test_days_are_read_as_spreadsheets_write_them(written):
    assert lines(f"code;expires_on\nA;{written}").rows == [Row(2, "A", date(2026, 12, 31))]


def test_chinese_headings_and_files_of_chinese_spreadsheets_are_read():
    assert read("兑换码\t有效期至\nA\t2026-12-31".encode("gb18030"), today=TODAY).rows == [Row(2, "A", date(2026, 12, 31))]


def test_a_cell_that_a_spreadsheet_kept_as_text_is_read_without_its_apostrophe():
    assert [row.value for row in lines("code\n'0012").rows] == ["0012"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"A\nB\n", "no_header"),
        (b"", "no_header"),
        (b"code,code\nA,B\n", "column_twice"),
        (b"code\n\x00\xff\xfe\n", "no_text"),
        (b"code\n" + b"x" * 5_000_000, "too_large"),
        (b"code\n" + b"x\n" * 100_001, "too_many"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content, why):
    with pytest.raises(FileFault) as refused:
        read(content, today=TODAY)
    assert refused.value.code == why


@pytest.mark.parametrize(("value", "shown"), [("ABCD-EFGH-12345678", "••••5678"), ("ABCD1234", "••••34"), ("ABCD", "••••D"), ("ABC", "••••")])
def test_of_a_code_its_last_quarter_is_shown_and_four_characters_at_most(value, shown):
    assert masked(value) == shown
