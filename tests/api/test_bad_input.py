"""What is not exactly understood is refused, told field by field, and changes nothing."""

import json
from uuid import uuid4

import pytest

from points.ledger.models import Entry

pytestmark = pytest.mark.django_db

# Where numbers, ids and moments are read, with a body that is good but for them.
POINTS = {
    "spend": ("members/M-1/spends", lambda value, **_: {"points": value, "subject": "game/1"}, "points"),
    "hold": ("holds", lambda value, **_: {"member": "M-1", "points": value}, "points"),
    "capture": ("holds/{hold}/capture", lambda value, **_: {"points": value}, "points"),
    "quote": ("quotes", lambda value, **_: {"lines": [], "points": value}, "points"),
}
CENTS = {
    "line": ("quotes", lambda value, **_: {"lines": [{"amount_cents": value}]}, "lines.0.amount_cents"),
    "paid": ("purchases", lambda w, value, **_: w["body"]("P-9", paid_cents=value), "paid_cents"),
    "shipping": ("purchases", lambda w, value, **_: w["body"]("P-9", shipping_cents=value), "shipping_cents"),
    "discount": ("quotes", lambda value, **_: {"lines": [], "coupons": [{"kind": "x", "discount_cents": value}]}, "coupons.0.discount_cents"),
    "refund": ("purchases/P-1/refunds", lambda at, value, **_: {"id": "R", "occurred_at": at, "amount_cents": value}, "amount_cents"),
    "returned": (
        "purchases/P-1/refunds",
        lambda at, value, **_: {"id": "R", "occurred_at": at, "lines": [{"id": "1", "amount_cents": value}]},
        "lines.0.amount_cents",
    ),
    "restored": ("purchases/P-1/refunds", lambda at, value, **_: {"id": "R", "occurred_at": at, "amount_cents": 1, "points": value}, "points"),
    "parked": ("refunds", lambda at, value, **_: {"id": "R", "occurred_at": at, "amount_cents": value}, "amount_cents"),
}
IDS = {
    "order": ("purchases", lambda w, value, **_: w["body"](value), "id"),
    "whose": ("purchases", lambda w, value, **_: w["body"]("P-9", member=value), "member"),
    "refund": ("purchases/P-1/refunds", lambda at, value, **_: {"id": value, "occurred_at": at, "amount_cents": 1}, "id"),
    "hold": ("holds", lambda value, **_: {"member": value, "points": 1}, "member"),
    "claim": ("purchases/P-guest/claim", lambda value, **_: {"member": value}, "member"),
}
MOMENTS = {
    "order": ("purchases", lambda w, value, **_: w["body"]("P-9", occurred_at=value), "occurred_at"),
    "refund": ("purchases/P-1/refunds", lambda value, **_: {"id": "R", "occurred_at": value, "amount_cents": 1}, "occurred_at"),
    "delivered": ("purchases/P-1/delivered", lambda value, **_: {"occurred_at": value}, "occurred_at"),
    "parked": ("refunds", lambda value, **_: {"id": "R", "occurred_at": value, "amount_cents": 1}, "occurred_at"),
}
NOT_WHOLE = ["１２３", "5", "1_000", 1.0, 1.5, True, False, [5], {"n": 5}, 10**12 + 1, 10**30, -(10**30), "", " "]
NOT_IDS = ["", " ", "a/b", " a", "a ", ".", "..", "a\u0000b", "a\u200bb", "a\nb", "a" * 65, 7, True, ["a"], {}]
NOT_MOMENTS = [
    "2026-03-01T12:00:00", "2026-03-01", "12:00", "2026-02-30T12:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T12:00:60Z", "2026-03-01 12:00:00Z", "now",
    "", 1772337600, 1772337600.5, True, "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "２０２６-03-01T12:00:00Z",
]  # fmt: skip


def refused(api, world, at, where, value):
    path, body, field = where
    before = Entry.objects.count()
    response = api.post(path.format(hold=world["hold"]), body(w=world, at=at, value=value))
    assert response.status_code == 400, response.content
    problem = response.json()
    if problem["code"] == "invalid":
        assert [line["field"] for line in problem["errors"]] == [field]
    else:
        assert problem["code"] == "parse_error"  # what no JSON of ours may contain
    assert Entry.objects.count() == before


# One test for each place: a world is made once for all the values that it refuses.


@pytest.mark.parametrize("where", POINTS.values(), ids=POINTS)
def test_points_are_whole_numbers_above_zero(api, world, at, where):
    for value in [*NOT_WHOLE, 0, -1]:
        refused(api, world, at, where, value)


@pytest.mark.parametrize("where", CENTS.values(), ids=CENTS)
def test_amounts_are_whole_cents(api, world, at, where):
    for value in [*NOT_WHOLE, *([] if where is CENTS["line"] else [-1])]:
        refused(api, world, at, where, value)


@pytest.mark.parametrize("where", IDS.values(), ids=IDS)
def test_ids_are_visible_characters(api, world, at, where):
    for value in NOT_IDS:
        refused(api, world, at, where, value)


@pytest.mark.parametrize("where", MOMENTS.values(), ids=MOMENTS)
def test_moments_have_an_offset(api, world, at, where):
    for value in NOT_MOMENTS:
        refused(api, world, at, where, value)


@pytest.mark.parametrize("text", ["1e3", "1E0", "1.0", "-0.0", "1e400", "NaN", "Infinity", "0x10", "+1", "01"])
def test_a_number_written_otherwise_than_as_an_integer_is_refused(api, text):
    body = f'{{"member": "M-1", "points": {text}}}'
    response = api.client.post("/api/v1/holds", body, content_type="application/json", headers={"Idempotency-Key": "n"})
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("holds", {"member": "M-1", "points": 1, "colour": "red"}),
        ("quotes", {"lines": [{"amount_cents": 1, "colour": "red"}]}),
        ("quotes", {"lines": [], "coupons": [{"kind": "x", "discount_cents": 1, "colour": "red"}]}),
        ("purchases/P-1/delivered", {"occurred_at": "2026-03-01T12:00:00Z", "colour": "red"}),
        ("purchases/P-1/refunds", {"id": "R", "occurred_at": "2026-03-01T12:00:00Z", "lines": [{"id": "1", "colour": "red"}]}),
        ("members/M-1/spends", {"points": 1, "subject": "x", "colour": "red"}),
        ("purchases/P-guest/claim", {"member": "M-1", "colour": "red"}),
    ],
)
def test_a_field_that_is_not_known_is_refused(api, member, path, body):
    response = api.post(path, body)
    assert response.status_code == 400
    assert [(line["field"].rsplit(".")[-1], line["code"]) for line in response.json()["errors"]] == [("colour", "unknown")]


@pytest.mark.parametrize("path", ["holds", "purchases", "quotes", "refunds", "purchases/P-1/refunds", "purchases/P-1/delivered", "members/M-1/spends"])
@pytest.mark.parametrize("body", [[], "text", 5, None, True])
def test_a_body_that_is_no_object_is_refused(api, member, path, body):
    response = api.client.post(f"/api/v1/{path}", json.dumps(body), content_type="application/json", headers={"Idempotency-Key": "b"})
    assert response.status_code == 400


def in_language(api, language):
    api.client.credentials(**{**api.client._credentials, "HTTP_ACCEPT_LANGUAGE": language})
    return api.client


@pytest.mark.parametrize(
    ("body", "field", "english", "chinese"),
    [
        ("null", "", "The body is null. Give an object: fields and their values, in braces.", "请求体为 null。请提供一个对象：用花括号括起的字段及其值。"),
        ("[]", "", "Give an object: fields and their values, in braces.", "请提供一个对象：用花括号括起的字段及其值。"),
        ('{"lines": {}}', "lines", "Give a list, in brackets.", "请提供一个列表，用方括号括起。"),
        ('{"lines": [[]]}', "lines.0", "Give an object: fields and their values, in braces.", "请提供一个对象：用花括号括起的字段及其值。"),
    ],
)
def test_a_body_of_another_shape_is_told_which_it_should_have(api, body, field, english, chinese):
    for language, said in (("en", english), ("zh-hans", chinese)):
        answer = in_language(api, language).post("/api/v1/quotes", body, content_type="application/json")
        assert [(one["field"], one["message"]) for one in answer.json()["errors"]] == [(field, said)]


@pytest.mark.parametrize(
    ("body", "english", "chinese"),
    [
        ("{", "it breaks off, or goes wrong, at line 1, column 2", "在第 1 行第 2 列处中断或有误"),
        ('{"points": 1,\n "points": 2}', "the same key twice in one object", "同一对象中有重复的键"),
        ('{"points": NaN}', "NaN is not a JSON number", "NaN 不是 JSON 数字"),
        ('{"points": 1e999}', "a number out of range", "数字超出范围"),
        ('{"member": "\\u0000"}', "a NUL character", "含有 NUL 字符"),
        ('{"member": "\\ud800"}', "not UTF-8", "不是 UTF-8 编码"),
        ("[" * 1_000, "nested too deeply", "嵌套层级过深"),
    ],
)
def test_a_body_that_is_no_json_is_told_where_and_why_in_one_language(api, body, english, chinese):
    for language, said in (("en", english), ("zh-hans", chinese)):
        answer = in_language(api, language).post("/api/v1/quotes", body, content_type="application/json")
        assert (answer.json()["code"], answer.json()["detail"].rpartition(": " if language == "en" else "：")[2]) == ("parse_error", said)


NOWHERE = uuid4()
TRUTHS = {
    "restock": ("POST", f"redemptions/{NOWHERE}/return", lambda value: {"restock": value, "reason": "tests"}),
    "shipping": ("POST", f"redemptions/{NOWHERE}/return", lambda value: {"restock": True, "shipping": value, "reason": "tests"}),
    "wanted": ("PUT", "members/M-1/preferences", lambda value: {"preferences": [{"purpose": "marketing", "channel": "email", "wanted": value}]}),
}


@pytest.mark.parametrize(("method", "path", "body"), TRUTHS.values(), ids=TRUTHS)
def test_true_and_false_are_written_as_json_writes_them(api, member, method, path, body):
    for value in ("yes", "true", "", 1, 0, "1", [], {}):
        answer = api.ask(method, path, body(value))
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), value
        assert answer.json()["errors"][0]["message"] == "Give true or false."
    assert api.ask(method, path, body(True)).json().get("code") != "invalid"


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("quotes", {}),
        ("coupons/validate", {"code": "7KQ4TADX2MRE"}),
        ("purchases", {"id": "P-9", "occurred_at": "2026-03-01T12:00:00Z", "currency": "CNY", "paid_cents": 1_799}),
    ],
)
def test_lines_may_be_below_zero_a_whole_cart_not(api, path, more):
    def asked(less):
        return api.post(path, {**more, "lines": [{"amount_cents": 1_000}, {"amount_cents": less}], "shipping_cents": 800})

    assert asked(-1).status_code in (200, 202)
    below = asked(-1_801)
    assert below.status_code == 400
    assert [(one["field"], one["message"]) for one in below.json()["errors"]] == [("lines", "The lines and the shipping come to less than zero.")]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"])
def test_only_json_is_read(api, content_type):
    response = api.client.post("/api/v1/holds", b'{"member": "M-1", "points": 1}', content_type=content_type, headers={"Idempotency-Key": "c"})
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"points": 1} x', b'{"points": 1, "points": 2}', b"\xff\xfe", b'{"member": "\\ud800"}', b'{"member": "\\u0000"}', b"[" * 100_000]
)
def test_what_is_no_json_of_ours_is_refused(api, body):
    response = api.client.post("/api/v1/holds", body, content_type="application/json", headers={"Idempotency-Key": "j"})
    assert response.status_code == 400


@pytest.mark.parametrize("hold", ["x", "1", "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0", "01980a5c7f3e7c1a9b1e2f6c7d8e9f02", "%00"])
def test_a_hold_that_is_no_uuid_is_not_there(api, hold):
    assert api.get(f"holds/{hold}").status_code == 404
    assert api.post(f"holds/{hold}/capture", {}).status_code == 404


@pytest.mark.parametrize("path", ["purchases/{}/refunds", "purchases/{}/delivered", "purchases/{}/claim", "members/{}/spends"])
@pytest.mark.parametrize("name", ["%00", "a%0Ab", "%20a", "a" * 65, "%E2%80%8B"])
def test_an_id_in_the_address_is_read_as_strictly(api, at, path, name):
    bodies = {"refunds": {"id": "R", "occurred_at": at, "amount_cents": 1}, "delivered": {"occurred_at": at}, "claim": {"member": "M-1"}}
    body = bodies.get(path.rsplit("/")[-1], {"points": 1, "subject": "x"})
    assert api.post(path.format(name), body).status_code == 400


@pytest.mark.parametrize("hold", ["x", 5, True, "", None, {}])
def test_a_hold_in_a_purchase_is_a_uuid_that_is_the_members(api, world, hold):
    response = api.post("purchases", {**world["body"]("P-9"), "hold": hold})
    assert response.status_code in (400, 422)
    assert response.json()["code"] in ("invalid", "hold_unknown")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"id": "R", "amount_cents": 1}, "occurred_at"),
        ({"id": "R", "occurred_at": "2026-03-01T12:00:00Z"}, ""),
        ({"id": "R", "occurred_at": "2026-03-01T12:00:00Z", "lines": []}, ""),
        ({"id": "R", "occurred_at": "2026-03-01T12:00:00Z", "lines": [{"id": "1"}, {"id": "1"}]}, "lines"),
        ({"occurred_at": "2026-03-01T12:00:00Z", "amount_cents": 1}, "id"),
    ],
)
def test_a_refund_says_what_and_when(api, body, field):
    for path in ("purchases/P-1/refunds", "refunds"):
        response = api.post(path, body)
        assert response.status_code == 400
        assert [line["field"] for line in response.json()["errors"]] == [field]


def test_two_lines_of_one_id_are_refused(api):
    lines = [{"id": "2", "amount_cents": 1}, {"amount_cents": 1}]
    assert [line["field"] for line in api.post("quotes", {"lines": lines}).json()["errors"]] == ["lines"]


def test_a_guest_has_no_hold(api, world):
    response = api.post("purchases", world["body"]("P-9", member=None, hold=world["hold"]))
    assert (response.status_code, [line["field"] for line in response.json()["errors"]]) == (400, ["hold"])


@pytest.mark.parametrize(("path", "limits"), [("holds", [59, 7 * 86400 + 1])])
def test_a_hold_is_for_a_minute_to_a_week(api, world, path, limits):
    for seconds in limits:
        assert api.post(path, {"member": "M-1", "points": 1, "expires_in": seconds}).status_code == 400
    for seconds in (60, 7 * 86400):
        assert api.post(path, {"member": "M-1", "points": 1, "expires_in": seconds}).status_code == 201


@pytest.mark.parametrize("currency", ["cny", "XXQ", "", "CNYY", 1, None, "元"])
def test_a_currency_is_one_that_there_is(api, world, currency):
    response = api.post("purchases", {**world["body"]("P-9"), "currency": currency})
    assert (response.status_code, [line["field"] for line in response.json()["errors"]]) == (400, ["currency"])


def test_the_longest_key_is_a_key_everywhere(api, world):
    for path, body in (
        ("holds", {"member": "M-1", "points": 1}),
        ("members/M-1/spends", {"points": 1, "subject": "x"}),
        (f"holds/{world['hold']}/release", None),
    ):
        assert api.post(path, body, key=path.replace("/", "") + "~" * (255 - len(path.replace("/", "")))).status_code < 300
