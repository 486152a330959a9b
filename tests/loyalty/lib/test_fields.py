"""What the API reads and what it refuses, as tables."""

import json
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError

from loyalty.lib import fields
from loyalty.lib.fields import (
    CentsField,
    CurrencyField,
    DayField,
    IdField,
    LanguageField,
    MomentField,
    PointsField,
    StrictJSONParser,
    StrictSerializer,
    TextField,
    WholeNumberField,
    id_in_address,
)


def parse(body: bytes):
    return StrictJSONParser().parse(None, parser_context={"request": SimpleNamespace(body=body)})


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b'{"a": 1, "b": [1.5, null, true]}', {"a": 1, "b": [1.5, None, True]}),
        ('{"名": "会员 😀"}'.encode(), {"名": "会员 😀"}),
        (rb'{"a": "\ud83d\ude00"}', {"a": "😀"}),
        (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
    ],
)
def test_plain_json_is_read(body, value):
    assert parse(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1' + b"0" * 5000 + b"}",
        b'{"a": "\x00"}',
        rb'{"a": "\u0000"}',
        rb'{"\u0000": 1}',
        rb'{"a": "\ud800"}',
        rb'{"a": ["\udfff"]}',
        b'{"a": "\xff"}',
        '{"a": "é"}'.encode("latin-1"),
        '{"a": 1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"{'a': 1}",
        b'{"a": 1} {"b": 2}',
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
    ],
)
def test_anything_else_is_refused_and_never_breaks(body):
    with pytest.raises(ParseError):
        parse(body)


@pytest.mark.parametrize("value", [1, 42, fields.MOST])
def test_points_are_whole_numbers(value):
    assert PointsField().run_validation(value) == value


@pytest.mark.parametrize("value", [0, -1, True, False, "1", "１２３", "1_000", 1.0, 1.5, 1e3, None, [], {}, fields.MOST + 1, 2**63, 10**400])
def test_what_only_looks_like_points_is_refused(value):
    with pytest.raises(ValidationError):
        PointsField().run_validation(value)


@pytest.mark.parametrize(
    ("field", "value", "fine"),
    [
        (CentsField(), 0, True),
        (CentsField(), -1, False),
        (CentsField(signed=True), -1, True),
        (CentsField(signed=True), -fields.MOST - 1, False),
        (WholeNumberField(max_value=5), 5, True),
        (WholeNumberField(max_value=5), 6, False),
    ],
)
def test_whole_numbers_keep_their_bounds(field, value, fine):
    if fine:
        assert field.run_validation(value) == value
    else:
        with pytest.raises(ValidationError):
            field.run_validation(value)


@pytest.mark.parametrize("value", ["1", "M-1001", "会员 7", "a b", "a" * 64, "ünï", "x@y.z", "😀", "100%", "?q=1#x"])
def test_ids_are_visible_characters(value):
    assert IdField().run_validation(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        " a",
        "a ",
        "a\n",
        "a\tb",
        "\x00",
        "a\x7f",
        "a\x85b",
        "a/b",
        ".",
        "..",
        "a" * 65,
        "a\u200bb",
        "a\u2028",
        "a\u00a0b",
        "a\u202eb",
        7,
        True,
        None,
        ["a"],
        1.5,
    ],
)
def test_other_ids_are_refused(value):
    with pytest.raises(ValidationError):
        IdField().run_validation(value)


def test_an_id_in_an_address_is_refused_by_its_name():
    assert id_in_address("member", "M-1") == "M-1"
    with pytest.raises(ValidationError) as refused:
        id_in_address("member", "a\0")
    assert list(refused.value.detail) == ["member"]


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-01T12:00:00+08:00", datetime(2026, 3, 1, 4, tzinfo=UTC)),
        ("2026-03-01T12:00:00Z", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        ("2026-03-01t12:00:00.123456z", datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9998-12-31T23:59:59Z", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_moments_are_read_with_their_offset(value, moment):
    assert MomentField().run_validation(value) == moment


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T12:00:00", "2026-03-01", "2026-03-01 12:00:00Z", "20260301T120000Z", "2026-W09-7T12:00:00Z", "2026-02-30T12:00:00Z",
        "2026-03-01T24:00:01Z", "2026-03-01T12:00:00+24:00", "２０２６-03-01T12:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+00:01",
        "9998-12-31T23:59:59-00:01", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-03-01T12:00:00Z\n",
        "", 1767225600, None, True,
    ],
)  # fmt: skip
def test_other_moments_are_refused(value):
    with pytest.raises(ValidationError):
        MomentField().run_validation(value)


def test_moments_are_given_in_utc():
    assert MomentField().to_representation(datetime.fromisoformat("2026-03-01T12:00:00+08:00")) == "2026-03-01T04:00:00Z"


@pytest.mark.parametrize(
    ("value", "day"), [("1990-05-17", date(1990, 5, 17)), ("1899-12-31", None), ("1990-5-17", None), ("19900517", None), ("1990-02-30", None), (7, None)]
)
def test_days(value, day):
    if day:
        assert DayField().run_validation(value) == day
    else:
        with pytest.raises(ValidationError):
            DayField().run_validation(value)


@pytest.mark.parametrize(
    ("tag", "kept"), [("zh-CN", "zh-hans"), ("zh-Hans", "zh-hans"), ("en", "en"), ("en-GB", "en"), *((tag, None) for tag in ("fr", "", "x" * 30, 1))]
)
def test_a_language_is_kept_as_ours(tag, kept):
    if kept:
        assert LanguageField().run_validation(tag) == kept
    else:
        with pytest.raises(ValidationError):
            LanguageField().run_validation(tag)


@pytest.mark.parametrize(("code", "fine"), [("CNY", True), ("JPY", True), ("cny", False), ("XYZ", False), ("", False), (156, False)])
def test_currencies_are_iso_4217(code, fine):
    if fine:
        assert CurrencyField().run_validation(code) == code
    else:
        with pytest.raises(ValidationError):
            CurrencyField().run_validation(code)


@pytest.mark.parametrize("value", ["a\nb", "a\x00b", "a\x1bb", 5, True, None])
def test_texts_are_one_line(value):
    with pytest.raises(ValidationError):
        TextField().run_validation(value)


class Line(StrictSerializer):
    id = IdField()


class Order(StrictSerializer):
    id = IdField()
    shown = serializers.CharField(read_only=True)
    lines = Line(many=True, required=False)
    main = Line(required=False)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"id": "1", "colour": "red"}, {"colour": ["unknown"]}),
        ({"colour": "red"}, {"colour": ["unknown"], "id": ["required"]}),
        ({"id": "1", "shown": "x"}, {"shown": ["unknown"]}),
        ({"id": "1", "main": {"id": "1", "x": 1}}, {"main": {"x": ["unknown"]}}),
        ({"id": "1", "lines": [{"id": "1"}, {"id": "2", "x": 1}]}, {"lines": {1: {"x": ["unknown"]}}}),
        ([], {"non_field_errors": ["invalid"]}),
        ("text", {"non_field_errors": ["invalid"]}),
        (None, ["null"]),
    ],
)
def test_unknown_fields_are_refused_at_any_depth(body, errors):
    with pytest.raises(ValidationError) as refused:
        Order().run_validation(body)
    assert refused.value.get_codes() == errors


def test_known_fields_pass():
    body = {"id": "1", "lines": [{"id": "2"}], "main": {"id": "3"}}
    assert Order().run_validation(body) == body
