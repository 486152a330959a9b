"""A file of parcels as spreadsheets save it: what is read of it, and what is wrong with it."""

import pytest

from mall.redemptions import rules
from mall.redemptions.rules import Parcel

ID, OTHER = "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0b", "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0c"
GOOD = [Parcel(2, ID, "Sample Post", "T-1")]


@pytest.mark.parametrize(
    "text",
    [
        f"redemption,carrier,tracking number\n{ID},Sample Post,T-1\n",
        f"Tracking Number;Redemption;reward;carrier\r\nT-1;{ID};mug; Sample Post \r\n",
        f"兑换单\t快递公司\t运单号\n{ID.upper()}\tSample Post\tT-1",
        f"redemption,carrier,tracking\n{ID},Sample Post,'T-1\n{OTHER},,\n\n",
        f'redemption,carrier,tracking,address\n{ID},Sample Post,T-1,"1 Sample Street,\nUpstairs"\n',
    ],
)
def test_a_table_is_read_however_the_spreadsheet_saved_it(text):
    assert rules.parcels(text) == GOOD


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("4711,Sample Post,T-1", "redemption_unreadable"),
        (f"{OTHER},Sample Post,", "parcel_incomplete"),
        (f"{OTHER},,T-1", "parcel_incomplete"),
        (f"{OTHER},Sample Post,{'9' * 81}", "too_long"),
        (f"{OTHER},{'P' * 61},T-1", "too_long"),
        (f"{ID},Sample Post,T-2", "twice_in_file"),
    ],
)
def test_what_is_wrong_with_a_line_stands_at_it_and_the_others_are_read(line, fault):
    first, second = rules.parcels(f"redemption,carrier,tracking\n{ID},Sample Post,T-1\n{line}\n")
    assert (first, second.line, second.fault) == (GOOD[0], 3, fault)


def test_lines_that_name_no_redemption_are_each_told_so():
    assert [one.fault for one in rules.parcels("redemption,carrier,tracking\n,Sample Post,T-1\n,Sample Post,T-2\n")] == ["redemption_unreadable"] * 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "columns_missing"),
        ("redemption,carrier\n", "columns_missing"),
        (f"redemption,redemption id,carrier,tracking\n{ID},{ID},P,T\n", "columns_missing"),
        ("redemption,carrier,tracking\n", "file_empty"),
        ('redemption,carrier,tracking\n"open', "file_not_csv"),
        ("redemption,carrier,tracking\n" + "x,y,z\n" * 1_001, "lines_too_many"),
    ],
)
def test_what_is_no_such_table_is_refused_as_a_whole(text, fault):
    with pytest.raises(rules.FileFault) as refused:
        rules.parcels(text)
    assert refused.value.code == fault


def test_a_file_is_text_in_one_of_two_encodings():
    assert rules.text_of("\ufeff兑换单".encode()) == "兑换单"
    assert rules.text_of("兑换单".encode("gb18030")) == "兑换单"
    for content, fault in ((b"\xff\xff\xff", "file_not_text"), (b"x" * 1_000_001, "file_too_large")):
        with pytest.raises(rules.FileFault) as refused:
            rules.text_of(content)
        assert refused.value.code == fault
