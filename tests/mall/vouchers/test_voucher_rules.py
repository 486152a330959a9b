"""What is signed, what an answer means, what follows from it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from mall.vouchers import rules
from mall.vouchers.rules import Answer, Next, Voucher

NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
LATER = NOW + timedelta(days=3)
KEY = "0190-key"


def meant(told, status=200, ask="POST", quantity=1, **headers):
    text = told if isinstance(told, str) else json.dumps({"key": KEY, **told})
    return rules.meaning(status=status, headers=headers, text=text, key=KEY, quantity=quantity, ask=ask, now=NOW)


def test_the_signature_is_the_one_of_the_written_example():
    body = rules.order(key="0190f0a0-0000-7000-8000-000000000001", sku="FILM-2D", quantity=1)
    assert body == b'{"key":"0190f0a0-0000-7000-8000-000000000001","sku":"FILM-2D","quantity":1}'
    signed = rules.signed(key_id="shop-1", secret="a-sample-secret", method="POST", path="/v1/orders", body=body, now=NOW)
    signature = "a2a7b31230bfc3b078ccf547d35b7b7bba5c9e8a1938d5d98b0b0d90d7d2e3cf"
    assert signed == {"authorization": f"HMAC-SHA256 Credential=shop-1, Timestamp=1773115200, Signature={signature}"}


@pytest.mark.parametrize(
    ("told", "status", "ask", "said"),
    [
        ({"status": "issued", "vouchers": [{"code": "A"}]}, 200, "POST", "issued"),
        ({"status": "issued", "vouchers": [{"code": "A"}]}, 409, "DELETE", "issued"),
        ({"status": "issued", "vouchers": [{"code": "A"}, {"code": "B"}]}, 200, "POST", "unknown"),
        ({"status": "issued", "vouchers": [{}]}, 200, "GET", "unknown"),
        ({"status": "issued", "vouchers": "A"}, 200, "GET", "unknown"),
        ({"status": "issued"}, 200, "GET", "unknown"),
        ({"status": "issued", "key": "another", "vouchers": [{"code": "A"}]}, 200, "POST", "unknown"),
        ({"status": "pending"}, 202, "POST", "pending"),
        ({"status": "refused", "code": "sold_out"}, 422, "POST", "refused"),
        ({"status": "refused", "key": "another"}, 422, "POST", "unreachable"),
        ({"status": "refused", "key": None}, 422, "POST", "unreachable"),
        ({"status": "absent"}, 404, "GET", "absent"),
        ({"status": "absent"}, 404, "POST", "unreachable"),
        ({"status": "absent"}, 404, "DELETE", "unreachable"),
        ("<html>not found</html>", 404, "GET", "unreachable"),
        ({"status": "cancelled"}, 200, "DELETE", "cancelled"),
        ({"status": "something"}, 200, "POST", "unknown"),
        ("", 302, "POST", "unreachable"),
        ("", 401, "POST", "unreachable"),
        ("", 500, "POST", "unknown"),
        ("[1]", 200, "POST", "unknown"),
        ("[" * 10_000, 200, "POST", "unknown"),
        ("", 503, "POST", "throttled"),
    ],
)
def test_an_answer_is_believed_only_where_it_says_one_thing_of_our_key(told, status, ask, said):
    assert meant(told, status, ask).said == said


@pytest.mark.parametrize(
    "voucher",
    [
        {"code": "A" * 201},
        {"code": "A\nB"},
        {"code": "A", "url": "javascript:alert(1)"},
        {"url": "https://x.example/" + "a" * 600},
        {"code": "A", "expires_on": "31.12.2026"},
        {"code": "A", "expires_on": "2026-02-30"},
        "A",
    ],
)
def test_a_voucher_that_nobody_could_use_is_none(voucher):
    assert meant({"status": "issued", "vouchers": [voucher]}).said == "unknown"


def test_a_voucher_has_a_code_an_address_or_both_and_may_have_a_last_day():
    told = [{"code": " A-1 ", "url": "https://x.example/A-1", "expires_on": "2026-12-31", "more": 1}, {"url": "https://x.example/2"}]
    assert meant({"status": "issued", "number": 17, "vouchers": told}, quantity=2) == Answer(
        "issued", (Voucher("A-1", "https://x.example/A-1", "2026-12-31"), Voucher("", "https://x.example/2", "")), "17"
    )


def test_what_is_kept_of_an_answer_holds_no_voucher():
    assert meant('{"key": "0190-key", "vouchers": [{"code": "SECRET-').detail == "HTTP 200"


@pytest.mark.parametrize(
    ("said", "wait"), [("120", timedelta(minutes=2)), ("x", None), ("Tue, 10 Mar 2026 04:01:00 GMT", timedelta(minutes=1)), ("9" * 9, timedelta(days=1))]
)
def test_patience_is_given_as_the_provider_asks_for_it(said, wait):
    assert meant("", 429, **{"retry-after": said}).retry_after == wait


SOON = NOW + timedelta(seconds=10)


@pytest.mark.parametrize(
    ("said", "ask", "unanswered", "following"),
    [
        ("issued", "POST", False, Next("delivered", "POST")),
        ("issued", "GET", True, Next("delivered", "GET")),
        ("issued", "DELETE", True, Next("delivered", "DELETE")),
        ("refused", "POST", False, Next("refused", "POST")),
        ("refused", "POST", True, Next("waiting", "GET", NOW)),
        ("refused", "GET", True, Next("refused", "GET")),
        ("refused", "DELETE", True, Next("refused", "DELETE")),
        ("cancelled", "DELETE", True, Next("withdrawn", "DELETE")),
        ("cancelled", "GET", False, Next("refused", "GET")),
        ("absent", "GET", True, Next("waiting", "POST", NOW)),
        ("unknown", "POST", False, Next("waiting", "GET", SOON)),
        ("unknown", "GET", True, Next("waiting", "GET", SOON)),
        ("unknown", "DELETE", True, Next("waiting", "DELETE", SOON)),
        ("pending", "POST", False, Next("waiting", "GET", SOON)),
        ("pending", "DELETE", False, Next("waiting", "DELETE", SOON)),
        ("throttled", "POST", False, Next("waiting", "POST", SOON)),
        ("unreachable", "POST", True, Next("waiting", "POST", SOON)),
        ("unreachable", "GET", True, Next("waiting", "GET", SOON)),
    ],
)
def test_points_come_back_only_where_the_provider_has_said_that_nothing_will_be_issued(said, ask, unanswered, following):
    assert rules.following(Answer(said), ask=ask, unanswered=unanswered, attempts=1, until=LATER, now=NOW) == following


@pytest.mark.parametrize(
    ("attempts", "asked", "seconds"),
    [(1, 1, 10), (1, 60, 60), (3, 1, 60), (4, 1, 300), (7, 1, 300), (100, 299, 300), (100, 3600, 3600), (100, None, 10_800)],
)
def test_who_says_how_soon_is_asked_then_and_after_many_attempts_no_sooner_than_in_five_minutes(attempts, asked, seconds):
    answer = Answer("throttled", retry_after=None if asked is None else timedelta(seconds=asked))
    following = rules.following(answer, ask="POST", unanswered=False, attempts=attempts, until=LATER, now=NOW)
    assert following == Next("waiting", "POST", NOW + timedelta(seconds=seconds))


OPEN = ("issued", "absent", "unknown", "pending", "throttled", "unreachable")


@pytest.mark.parametrize(
    ("said", "ask", "following"),
    [
        *((said, ask, Next("waiting", "DELETE", NOW)) for said in OPEN for ask in ("POST", "GET")),
        *(("refused", ask, Next("refused", ask)) for ask in ("POST", "GET")),
        ("cancelled", "GET", Next("refused", "GET")),
        ("cancelled", "DELETE", Next("withdrawn", "DELETE")),
        ("issued", "DELETE", Next("delivered", "DELETE")),
        ("unknown", "DELETE", Next("waiting", "DELETE", SOON)),
    ],
)
def test_what_nobody_wants_any_more_is_cancelled_unless_that_is_settled(said, ask, following):
    assert rules.following(Answer(said), ask=ask, unanswered=False, attempts=1, until=LATER, unwanted=True, now=NOW) == following


@pytest.mark.parametrize("said", ["unknown", "pending", "throttled", "unreachable"])
def test_after_its_days_an_operator_decides(said):
    following = rules.following(Answer(said), ask="GET", unanswered=True, attempts=30, until=NOW + timedelta(hours=3) - timedelta(microseconds=1), now=NOW)
    assert following == Next("unknown", "GET")
    assert rules.following(Answer(said), ask="GET", unanswered=True, attempts=30, until=NOW + timedelta(hours=3), now=NOW).state == "waiting"


def test_vouchers_are_typed_a_line_each():
    assert rules.typed("A-1, https://x.example/1, 2026-12-31\n\n B-2 ,\nC-3，，2026-01-01") == (
        Voucher("A-1", "https://x.example/1", "2026-12-31"), Voucher("B-2"), Voucher("C-3", "", "2026-01-01"),
    )  # fmt: skip


@pytest.mark.parametrize(("code", "shown"), [("ABCD-EFGH-1234", "••••1234"), ("ABCD1234", "••••"), ("", "••••")])
def test_a_code_is_shown_by_its_last_four_where_that_gives_little_away(code, shown):
    assert rules.masked(code) == shown
