"""Reading: cells in, rows and faults out."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from points.batches import rules
from points.terms.rules import NEVER, ExpiryPolicy

SHANGHAI = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 6, 15)
TERMS = rules.Terms(ExpiryPolicy("months", 12), SHANGHAI, TODAY, datetime(2026, 6, 15, 4, tzinfo=UTC))


def read(*, kind="grant", terms=TERMS, **said):
    columns = list(rules.COLUMNS[kind])
    cells = {"member": "M-1", "points": "5", **({"earned_on": "2026-01-31"} if kind == "import" else {}), **said}
    return rules.read([cells.get(column, "") for column in columns], columns, kind, terms)


def codes(row):
    return [fault.code for fault in row.faults]


@pytest.mark.parametrize(
    ("text", "points", "fault"),
    [
        ("5", 5, ""),
        ("+5", 5, ""),
        (" 5 ", 5, ""),
        ("\u3000007", 7, ""),
        ("1000000000", 1_000_000_000, ""),
        ("1000000001", None, "points_too_many"),
        ("999999999999", None, "points_too_many"),
        ("9999999999999", None, "points_not_whole"),
        ("", None, "points_missing"),
        ("0", None, "points_zero"),
        ("-0", None, "points_zero"),
        ("１２３", None, "points_not_whole"),
        ("1e3", None, "points_not_whole"),
        ("1,000", None, "points_not_whole"),
        ("1_000", None, "points_not_whole"),
        ("5.0", None, "points_not_whole"),
        ("5,5", None, "points_not_whole"),
        ("0x10", None, "points_not_whole"),
        ("五", None, "points_not_whole"),
        ("--5", None, "points_not_whole"),
        ("5 points", None, "points_not_whole"),
        ("-5", None, "points_below_zero"),
    ],
)
def test_points_are_plain_digits_or_a_fault(text, points, fault):
    row = read(points=text)
    assert (row.points, codes(row)) == (points, [fault] if fault else [])


@pytest.mark.parametrize(("text", "points"), [("-5", -5), ("'-500", -500), ("-1000000000", -1_000_000_000)])
def test_a_correction_has_a_sign(text, points):
    row = read(kind="correction", points=text)
    assert (row.points, codes(row)) == (points, [])


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-31", date(2026, 12, 31)),
        ("2026/12/31", date(2026, 12, 31)),
        ("2026/7/1", date(2026, 7, 1)),
        ("2026.7.1", date(2026, 7, 1)),
        ("2026年7月1日", date(2026, 7, 1)),
        ("20260701", date(2026, 7, 1)),
        ("2026/7/1 0:00", date(2026, 7, 1)),
        ("2026-07-01 00:00:00", date(2026, 7, 1)),
        ("2028-02-29", date(2028, 2, 29)),
        ("2026-06-15", TODAY),
        ("2199-12-31", date(2199, 12, 31)),
    ],
)
def test_a_day_is_read_as_tables_write_it(text, day):
    row = read(expires_on=text)
    assert (row.expiry, codes(row)) == (str(ExpiryPolicy.until(day)), [])


@pytest.mark.parametrize(
    "text",
    [
        "31.12.2026",
        "12/31/2026",
        "01/02/2026",
        "2026-02-29",
        "2026-13-01",
        "2026-1",
        "46388",
        "tomorrow",
        "２０２６-12-31",
        "2200-01-01",
        "1969-12-31",
        "2026-07-01 08:00",
    ],
)
def test_a_day_that_is_not_certain_is_a_fault(text):
    row = read(expires_on=text)
    assert (row.expiry, codes(row)) == ("", ["no_day"])


@pytest.mark.parametrize("text", ["never", "Never", "永久有效"])
def test_points_may_never_expire(text):
    assert read(expires_on=text).expiry == str(NEVER)


@pytest.mark.parametrize(("day", "fault"), [("2026-06-14", "expired"), ("2026-06-15", ""), ("2026-06-16", "")])
def test_the_last_day_may_be_today_and_not_earlier(day, fault):
    assert codes(read(expires_on=day)) == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("earned_on", "fault"),
    [("2026-06-15", ""), ("2026-06-16", "earned_later"), ("", "earned_missing"), ("2025-06-15", ""), ("2025-06-14", "expired_by_terms"), ("x", "no_day")],
)
def test_an_opening_balance_was_earned_by_today_and_is_still_good_by_the_terms(earned_on, fault):
    assert codes(read(kind="import", earned_on=earned_on)) == ([fault] if fault else [])


def test_an_opening_balance_with_a_last_day_of_its_own_is_not_judged_by_the_terms():
    row = read(kind="import", earned_on="2019-01-01", expires_on="2026-12-31")
    assert (row.earned_on, row.expiry, codes(row)) == (date(2019, 1, 1), "until:20261231", [])


def test_what_is_taken_has_no_expiry():
    assert codes(read(kind="correction", points="-5", expires_on="2026-12-31")) == ["expiry_of_nothing"]


def test_every_fault_of_a_line_is_told():
    row = read(member=" ", points="x", expires_on="y", reason="r" * 301, cost_centre="c" * 51)
    assert codes(row) == ["member_missing", "points_not_whole", "no_day", "text_too_long", "text_too_long"]
    assert (len(row.reason), len(row.cost_centre)) == (300, 50)


def test_a_line_may_have_fewer_cells_than_the_header_and_not_more():
    columns = ["member", "points", "reason"]
    assert codes(rules.read(["M-1", "5"], columns, "grant", TERMS)) == []
    assert codes(rules.read(["M-1", "5", "", " "], columns, "grant", TERMS)) == []
    assert codes(rules.read(["M-1", "1", "000", "late"], columns, "grant", TERMS)) == ["cells_too_many"]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("member,points", ["member", "points"]),
        ("Points;Member;Reason", ["points", "member", "reason"]),
        ("会员号\t积分\t原因\t成本中心\t有效期至", ["member", "points", "reason", "cost_centre", "expires_on"]),
        ("\ufeff会员ID,分值", ["member", "points"]),
        ("MEMBER_ID,points,Expires-On,cost  centre", ["member", "points", "expires_on", "cost_centre"]),
        ("member,points,line,fault", ["member", "points", "", ""]),
        ("member,points,,", ["member", "points", "", ""]),
    ],
)
def test_columns_have_names_in_both_languages_in_any_order(header, found):
    mark = rules.separator(header)
    assert rules.columns(header.split(mark), "grant") == found


@pytest.mark.parametrize(
    ("header", "kind", "code"),
    [
        ("M-1,5", "grant", "no_header"),
        ("", "grant", "no_header"),
        ("member,point", "grant", "column_unknown"),
        ("member,points,earned_on", "grant", "column_unknown"),
        ("member,points,Points", "grant", "column_twice"),
        ("member,会员,points", "grant", "column_twice"),
        ("member", "grant", "column_missing"),
        ("points,reason", "correction", "column_missing"),
        ("member,points", "import", "column_missing"),
    ],
)
def test_a_header_that_is_not_understood_refuses_the_file(header, kind, code):
    with pytest.raises(rules.FileFault) as refused:
        rules.columns(header.split(","), kind)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("way", "number", "times", "got", "points"),
    [
        ("each", 100, 3, 70, 100),
        ("times", 100, 3, 70, 300),
        ("percent", 100, 3, 70, 70),
        ("percent", 50, 3, 71, 35),
        ("percent", 250, 1, 3, 7),
        ("percent", -100, 3, 70, -70),
        ("percent", -50, 3, 71, -35),
        ("percent", 100, 1, 0, 0),
        ("each", -10, 1, 0, -10),
    ],
)
def test_victims_are_given_a_number_or_a_share_of_what_they_got(way, number, times, got, points):
    assert rules.Suggestion(way, number).points(times=times, got=got) == points
