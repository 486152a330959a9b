"""Ids as operators bring them."""

import pytest

from accounts.segments.rules import first_column, lines, pasted


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", []),
        (" \n\n, ;", []),
        ("M-1", ["M-1"]),
        ("M-1\nM-2\r\nM-3", ["M-1", "M-2", "M-3"]),
        ("M-1, M-2;M-3\tM-4", ["M-1", "M-2", "M-3", "M-4"]),
        ("会员一，会员二；会员三、会员四", ["会员一", "会员二", "会员三", "会员四"]),
        ("M-2\nM-1\nM-2", ["M-2", "M-1"]),
        ("with a blank\n M-1 ", ["with a blank", "M-1"]),
    ],
)
def test_pasted_ids_are_told_apart_and_taken_once(text, ids):
    assert pasted(text) == ids


def test_where_ids_stand_one_a_line_they_may_hold_commas():
    assert lines("a,b\r\nc;d\na,b\n\n") == ["a,b", "c;d"]


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (b"", []),
        (b"M-1\nM-2\n", ["M-1", "M-2"]),
        (b"M-1,Sample,5\nM-2,Other,6\n", ["M-1", "M-2"]),
        (b"M-1;Sample\r\nM-2;Other", ["M-1", "M-2"]),
        (b"M-1\tSample\nM-2\tOther", ["M-1", "M-2"]),
        (b'"a,b",1\n"c",2\n', ["a,b", "c"]),
        (b",1\n\nM-1,2", ["M-1"]),
        ("\ufeffM-1\nM-2".encode(), ["M-1", "M-2"]),
        ("会员一,甲\n会员二,乙".encode("gb18030"), ["会员一", "会员二"]),
    ],
)
def test_a_file_gives_its_first_column(content, ids):
    assert first_column(content) == ids


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"M-1\0M-2", b'"' + b"x" * 200_000])
def test_what_is_no_text_is_refused(content):
    with pytest.raises(ValueError, match=r"."):
        first_column(content)
