"""What a kind of fact lets pass, what a fact counts once for, and which kinds cannot be."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from accounts.activity.rules import LONGEST, MOST, Fault, Field, checked, digest_of_behaviour, faults_of_kind, field_as_json, field_from_json, once_key

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
TEXT = Field("word", "text", required=True)
COLOUR = Field("colour", "text", choices=("red", "green"))
GRADE = Field("grade", "number", minimum=1, maximum=3)
SUM = Field("sum", "number")
YES = Field("yes", "flag")
AT = Field("at", "time")


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        (TEXT, "tea", "tea"),
        (TEXT, "x" * LONGEST, "x" * LONGEST),
        (Field("word"), "", ""),
        (COLOUR, "red", "red"),
        (GRADE, 1, 1),
        (GRADE, 3, 3),
        (GRADE, 2.0, 2),
        (SUM, -MOST, -MOST),
        (SUM, MOST, MOST),
        (YES, False, False),
        (AT, "2026-03-01T12:00:00+08:00", "2026-03-01T04:00:00Z"),
        (AT, "2026-03-01t04:00:00z", "2026-03-01T04:00:00Z"),
    ],
)
def test_what_fits_is_kept(field, given, kept):
    data, faults = checked([field], {field.name: given})
    assert faults == {}
    assert data == {field.name: kept}
    assert type(data[field.name]) is type(kept)


@pytest.mark.parametrize(
    ("field", "given", "code"),
    [
        (TEXT, 5, "no_text"),
        (TEXT, None, "no_text"),
        (TEXT, ["tea"], "no_text"),
        (TEXT, "a\0b", "no_text"),
        (TEXT, "", "empty"),
        (TEXT, "   ", "empty"),
        (TEXT, "x" * (LONGEST + 1), "too_long"),
        (COLOUR, "blue", "no_choice"),
        (COLOUR, "Red", "no_choice"),
        (GRADE, 0, "too_small"),
        (GRADE, 4, "too_large"),
        (GRADE, 2.5, "no_number"),
        (GRADE, True, "no_number"),
        (GRADE, "2", "no_number"),
        (GRADE, None, "no_number"),
        (SUM, float("nan"), "no_number"),
        (SUM, float("inf"), "no_number"),
        (SUM, MOST + 1, "too_large"),
        (SUM, -MOST - 1, "too_small"),
        (YES, 1, "no_flag"),
        (YES, "true", "no_flag"),
        (YES, None, "no_flag"),
        (AT, "2026-03-01", "no_time"),
        (AT, "2026-03-01T12:00:00", "no_time"),
        (AT, "1969-12-31T23:00:00Z", "no_time"),
        (AT, "2026-02-30T12:00:00Z", "no_time"),
        (AT, "noon T", "no_time"),
        (AT, 1_772_337_600, "no_time"),
    ],
)
def test_what_does_not_fit_is_named(field, given, code):
    _kept, faults = checked([field], {field.name: given})
    assert {name: fault.code for name, fault in faults.items()} == {field.name: code}


def test_each_wrong_field_is_named_at_once():
    _kept, faults = checked([TEXT, GRADE, YES], {"grade": 9, "yes": True, "colour": "red"})
    assert faults == {"word": Fault("required"), "grade": Fault("too_large", {"most": 3}), "colour": Fault("unknown")}


def test_what_is_not_required_may_be_left_out():
    assert checked([GRADE, AT], {}) == ({}, {})


DAY = date(2026, 3, 1)
DATA = {"sku": "MUG", "line": "2"}


@pytest.mark.parametrize(
    ("once", "subject", "key"),
    [
        ("each", [], "#E1"),
        ("ever", [], "ever"),
        ("day", [], "2026-03-01"),
        ("subject", ["sku"], "MUG"),
        ("subject", ["sku", "line"], "MUG|2"),
        ("subject", ["line", "sku"], "2|MUG"),
        ("subject_day", ["sku"], "2026-03-01|MUG"),
    ],
)
def test_the_key_says_what_can_be_done_once_only(once, subject, key):
    assert once_key(once, subject, external_id="E1", day=DAY, data=DATA) == key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "x|y", "b": "z"}, {"a": "x", "b": "y|z"}),
        ({"a": "x\\", "b": "y"}, {"a": "x", "b": "\\y"}),
        ({"a": "x" * 400, "b": "y"}, {"a": "x" * 400, "b": "z"}),
        ({"a": 1, "b": 11}, {"a": 11, "b": 1}),
    ],
)
def test_two_subjects_never_share_a_key(one, other):
    keys = {once_key("subject", ["a", "b"], external_id="E", day=DAY, data=data) for data in (one, other)}
    assert len(keys) == 2
    assert max(map(len, keys)) <= 200


def test_no_subject_reads_like_an_id_or_a_withdrawn_fact():
    assert once_key("subject", ["a"], external_id="E", day=DAY, data={"a": "#E"}) != once_key("each", [], external_id="E", day=DAY, data={})


def test_what_says_the_same_has_the_same_digest():
    digest = digest_of_behaviour(occurred_at=NOW, data={"a": 1, "b": "x"})
    assert digest_of_behaviour(occurred_at=NOW.astimezone(timezone(timedelta(hours=8))), data={"b": "x", "a": 1}) == digest
    assert digest_of_behaviour(occurred_at=NOW, data={"a": 2, "b": "x"}) != digest
    assert digest_of_behaviour(occurred_at=NOW + timedelta(seconds=1), data={"a": 1, "b": "x"}) != digest


@pytest.mark.parametrize("field", [TEXT, COLOUR, GRADE, SUM, YES, AT, Field("zero", "number", minimum=0, maximum=0, help="None at all.")])
def test_a_field_kept_and_read_again_is_the_same(field):
    assert field_from_json(field_as_json(field)) == field


@pytest.mark.parametrize(
    ("once", "subject", "fields", "found"),
    [
        ("each", [], [], []),
        ("each", [], [TEXT, COLOUR, GRADE, SUM, YES, AT], []),
        ("subject", ["word"], [TEXT], []),
        ("subject_day", ["word"], [TEXT, GRADE], []),
        ("each", [], [TEXT, TEXT], [("word", "twice")]),
        ("each", [], [Field("Word")], [("Word", "no_name")]),
        ("each", [], [Field("2nd")], [("2nd", "no_name")]),
        ("each", [], [Field("")], [("", "no_name")]),
        ("each", [], [Field("x" * 41)], [("x" * 41, "no_name")]),
        ("each", [], [Field("in")], [("in", "reserved")]),
        ("each", [], [Field("a", "money")], [("a", "no_type")]),
        ("each", [], [Field("a", "number", choices=("1",))], [("a", "choices_not_text")]),
        ("each", [], [Field("a", choices=("x", "x"))], [("a", "choice_invalid")]),
        ("each", [], [Field("a", choices=("x" * 501,))], [("a", "choice_invalid")]),
        ("each", [], [Field("a", minimum=1)], [("a", "bounds_not_number")]),
        ("each", [], [Field("a", "number", minimum=2, maximum=1)], [("a", "bounds_crossed")]),
        ("each", [], [Field("a", "number", minimum=2, maximum=2)], []),
        ("each", [], [Field("a", "number", maximum=MOST + 1)], [("a", "bounds_too_far")]),
        ("subject", [], [TEXT], [("", "subject_missing")]),
        ("each", ["word"], [TEXT], [("", "subject_unused")]),
        ("day", ["word"], [TEXT], [("", "subject_unused")]),
        ("subject", ["colour"], [COLOUR], [("", "subject_not_required")]),
        ("subject", ["nothing"], [TEXT], [("", "subject_not_required")]),
    ],
)
def test_a_kind_that_cannot_work_is_told_why(once, subject, fields, found):
    assert [(name, fault.code) for name, fault in faults_of_kind(once=once, subject=subject, fields=fields)] == found
