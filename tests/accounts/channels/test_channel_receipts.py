"""What providers tell later: believed only from them, kept once, told to whoever listens, counted where nobody knows the message."""

import base64
import json
import struct
import time
from datetime import timedelta
from hashlib import sha1

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.test import Client

from accounts.channels import services as channels
from accounts.channels.models import Receipt
from loyalty.outbox.models import OutboxRow
from loyalty.outbox.services import SUBSCRIBERS

pytestmark = pytest.mark.django_db
TOKEN = "sample-token-of-32-characters-or-so"
ALIYUN = {"phone_number": "13800138000", "success": True, "err_code": "DELIVERED", "err_msg": "用户接收成功", "biz_id": "9338^0", "out_id": "k-1"}
TENCENT = {"mobile": "13800138000", "report_status": "FAIL", "errmsg": "UNDELIV", "description": "用户手机关机", "sid": "2433:1"}


def heard(event):
    """Listens, as notifications do."""


@pytest.fixture
def told(db, monkeypatch):
    """The events published so far."""
    monkeypatch.setitem(SUBSCRIBERS, "accounts.receipt_received", {"tests.heard": heard})
    return lambda: [row.payload for row in OutboxRow.objects.filter(topic="accounts.receipt_received", subscriber="tests.heard").order_by("id")]


@pytest.fixture(autouse=True)
def tokens(environment):
    environment(ALIYUN_SMS_RECEIPT_TOKEN=TOKEN, TENCENT_SMS_RECEIPT_TOKEN=TOKEN, WECHAT_RECEIPT_TOKEN=TOKEN)


def tell(path, body, *, token=TOKEN, kind="application/json", **query):
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    return Client().post(f"/api/v1/receipts/{path}", text, content_type=kind, query_params={"token": token, **query}, headers={"accept-language": "en"})


def signature(token=TOKEN, *, age=0, nonce="n0nce"):
    """As WeChat's documentation says: token, timestamp and nonce sorted, joined, SHA-1."""
    timestamp = str(int(time.time()) - age)
    joined = "".join(sorted([token, timestamp, nonce]))
    return {"signature": sha1(joined.encode()).hexdigest(), "timestamp": timestamp, "nonce": nonce}  # noqa: S324


def event(status="success", number="200163836", kind="TEMPLATESENDJOBFINISH"):
    return (
        "<xml>\n<ToUserName><![CDATA[gh_7f083739789a]]></ToUserName>\n<FromUserName><![CDATA[oia2TjuEGTNoeX76QEjQNrcURxG8]]></FromUserName>\n"
        f"<CreateTime>1395658920</CreateTime>\n<MsgType><![CDATA[event]]></MsgType>\n<Event><![CDATA[{kind}]]></Event>\n<MsgID>{number}</MsgID>\n"
        f"<Status><![CDATA[{status}]]></Status>\n</xml>"
    )


def from_wechat(body, **query):
    return Client().post("/api/v1/receipts/wechat", body, content_type="text/xml", query_params=query or signature())


def problem(response):
    return response.status_code, response.json()["code"]


def test_aliyun_tells_of_many_messages_at_once_and_is_answered_as_it_expects(told):
    response = tell("aliyun", [ALIYUN, {**ALIYUN, "biz_id": "9339^0", "out_id": "", "success": False, "err_code": "MK:0001", "err_msg": "空号"}])
    assert (response.status_code, response.json()) == (200, {"code": 0, "msg": "成功"})
    first, second = told()
    assert {name: first[name] for name in ("channel", "provider", "provider_id", "key", "state", "detail", "address_gone")} == {
        "channel": "sms", "provider": "aliyun", "provider_id": "9338^0", "key": "k-1", "state": "delivered", "detail": "DELIVERED 用户接收成功",
        "address_gone": False,
    }  # fmt: skip
    assert (second["provider_id"], second["state"], second["detail"]) == ("9339^0", "bounced", "MK:0001 空号")


def test_tencent_tells_and_is_answered_as_it_expects(told):
    response = tell("tencent", [TENCENT], kind="text/plain")
    assert (response.status_code, response.json()) == (200, {"result": 0, "errmsg": "OK"})
    assert [(one["provider_id"], one["state"], one["detail"]) for one in told()] == [("2433:1", "bounced", "UNDELIV 用户手机关机")]


@pytest.mark.parametrize(("status", "state"), [("success", "delivered"), ("failed:user block", "bounced"), ("failed: system failed", "bounced")])
def test_wechat_tells_by_a_signed_event(told, status, state):
    response = from_wechat(event(status))
    assert (response.status_code, response.content) == (200, b"success")
    assert [(one["channel"], one["provider_id"], one["state"], one["detail"]) for one in told()] == [("wechat", "200163836", state, status)]


def test_wechat_finds_out_whether_this_is_our_server():
    response = Client().get("/api/v1/receipts/wechat", query_params={**signature(), "echostr": "5927782489442352469"})
    assert (response.status_code, response.content, response["Content-Type"]) == (200, b"5927782489442352469", "text/plain; charset=utf-8")


@pytest.mark.parametrize(
    "query", [signature("another"), {**signature(), "nonce": "other"}, {**signature(), "timestamp": "now"}, {}, {**signature(), "timestamp": "٣"}]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_not_signed_by_wechat_is_not_believed(told, query, method):
    response = getattr(Client(), method)(f"/api/v1/receipts/wechat?{'&'.join(f'{name}={value}' for name, value in query.items())}&echostr=1")
    assert problem(response) == (403, "receipt_not_verified")
    assert (Receipt.objects.count(), told()) == (0, [])


def test_a_signature_that_was_overheard_is_soon_worth_nothing(told):
    assert from_wechat(event(), **signature(age=14 * 60)).status_code == 200
    assert problem(from_wechat(event(), **signature(age=16 * 60))) == (403, "receipt_not_verified")


AES_KEY, APP_ID = base64.b64encode(bytes(range(32))).decode()[:-1], "wx0123456789abcdef"


def encrypted(text, *, app_id=APP_ID, key=AES_KEY, sign=TOKEN):
    """As WeChat's documentation of safe mode says: random, length, event, AppID; padded to 32, AES-256-CBC, signed with the rest."""
    secret = base64.b64decode(f"{key}=")
    plain = b"r" * 16 + struct.pack("!I", len(text.encode())) + text.encode() + app_id.encode()
    plain += bytes([32 - len(plain) % 32]) * (32 - len(plain) % 32)
    encryptor = Cipher(algorithms.AES(secret), modes.CBC(secret[:16])).encryptor()
    content = base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()
    query = signature()
    joined = "".join(sorted([sign, query["timestamp"], query["nonce"], content]))
    body = f"<xml><ToUserName><![CDATA[gh]]></ToUserName><Encrypt><![CDATA[{content}]]></Encrypt></xml>"
    return body, {**query, "encrypt_type": "aes", "msg_signature": sha1(joined.encode()).hexdigest()}  # noqa: S324


@pytest.fixture
def safe_mode(environment, db):
    environment(WECHAT_AES_KEY=AES_KEY)
    channels.set_up(provider="wechat", parameters={"app_id": APP_ID}, in_use=False)


def test_in_safe_mode_the_encrypted_event_counts(told, safe_mode):
    body, query = encrypted(event("failed:user block"))
    assert from_wechat(body, **query).content == b"success"
    assert [(one["provider_id"], one["detail"]) for one in told()] == [("200163836", "failed:user block")]


def test_in_safe_mode_nothing_in_clear_is_believed_whoever_overheard_a_signature(told, safe_mode):
    _body, query = encrypted(event())
    assert problem(from_wechat(event(), **query)) == (403, "receipt_not_verified")
    body, query = encrypted(event(), sign="another")
    assert problem(from_wechat(body, **query)) == (403, "receipt_not_verified")
    other, _query = encrypted(event(number="1"))
    assert problem(from_wechat(other, **encrypted(event())[1])) == (403, "receipt_not_verified")
    assert told() == []


@pytest.mark.parametrize("wrong", [{"app_id": "wx0000000000000000"}, {"key": base64.b64encode(bytes(32)).decode()[:-1]}])
def test_in_safe_mode_what_is_for_another_account_is_a_problem(told, safe_mode, wrong):
    body, query = encrypted(event(), **wrong)
    assert problem(from_wechat(body, **query)) == (400, "parse_error")
    assert told() == []


@pytest.mark.parametrize("content", ["!", "AAAA", base64.b64encode(bytes(32)).decode()])
def test_in_safe_mode_nonsense_is_a_problem(told, safe_mode, content):
    query = signature()
    joined = "".join(sorted([TOKEN, query["timestamp"], query["nonce"], content]))
    query["msg_signature"] = sha1(joined.encode()).hexdigest()  # noqa: S324
    assert problem(from_wechat(f"<xml><Encrypt>{content}</Encrypt></xml>", **query)) == (400, "parse_error")


@pytest.mark.parametrize("path", ["aliyun", "tencent"])
@pytest.mark.parametrize("token", ["", "another", TOKEN + "x", TOKEN.upper(), "t\u00f6ken"])
def test_without_our_token_nothing_is_believed(told, path, token):
    assert problem(tell(path, [ALIYUN, TENCENT], token=token)) == (403, "receipt_not_verified")
    assert Receipt.objects.count() == 0


@pytest.mark.parametrize("path", ["aliyun", "tencent", "wechat"])
def test_while_no_token_is_set_nobody_is_believed(environment, path):
    environment(ALIYUN_SMS_RECEIPT_TOKEN="", TENCENT_SMS_RECEIPT_TOKEN="", WECHAT_RECEIPT_TOKEN="")
    assert problem(tell(path, [ALIYUN], token="", **signature(""))) == (403, "receipt_not_verified")


def test_who_is_not_believed_is_told_so_before_anything_is_read():
    assert problem(tell("aliyun", "{" * 100_000, token="")) == (403, "receipt_not_verified")


@pytest.mark.parametrize(("path", "line"), [("aliyun", ALIYUN), ("tencent", TENCENT)])
def test_twice_is_once(told, path, line):
    for _again in range(3):
        assert tell(path, [line, line]).status_code == 200
    assert (Receipt.objects.count(), len(told()), Receipt.objects.get().times) == (1, 1, 3)


def test_an_event_of_wechats_twice_is_once(told):
    for _again in range(2):
        from_wechat(event())
    assert (Receipt.objects.count(), len(told())) == (1, 1)


def test_what_is_delivered_after_all_is_told_as_well(told):
    tell("aliyun", [{**ALIYUN, "success": False, "err_code": "UNDELIV"}])
    tell("aliyun", [ALIYUN])
    assert [one["state"] for one in told()] == ["bounced", "delivered"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"null", b"\xff\xfe", b"[" * 100_000, '"text"'])
@pytest.mark.parametrize("path", ["aliyun", "tencent"])
def test_what_is_no_list_of_receipts_is_a_problem_and_changes_nothing(told, path, body):
    assert problem(tell(path, body)) == (400, "parse_error")
    assert told() == []


@pytest.mark.parametrize(
    "line",
    [
        7,
        None,
        [],
        {},
        {"biz_id": 5, "success": True},
        {"biz_id": "x"},
        {"biz_id": "", "success": True},
        {"biz_id": "x", "success": "yes"},
        {**ALIYUN, "biz_id": "a\x00b"},
        {**ALIYUN, "biz_id": "\ud800"},
    ],
)
def test_a_line_that_says_nothing_is_left_out_and_the_others_are_taken(told, line):
    assert tell("aliyun", [line, ALIYUN]).status_code == 200
    assert [one["provider_id"] for one in told()] == ["9338^0"]


def test_what_a_provider_says_of_a_number_is_kept_without_it(told):
    tell("aliyun", [{**ALIYUN, "err_msg": "13800138000 is off"}])
    tell("tencent", [{**TENCENT, "description": "+8613800138000 is off"}])
    assert [one["detail"] for one in told()] == ["DELIVERED 138****8000 is off", "UNDELIV 138****8000 is off"]


def test_what_a_provider_says_is_kept_short_and_on_one_line(told):
    tell("aliyun", [{**ALIYUN, "err_msg": "a\n\x00\ud800b" + "x" * 1000, "biz_id": "9" * 500}])
    receipt = Receipt.objects.get()
    assert (receipt.detail[:17], len(receipt.detail), len(receipt.provider_id)) == ("DELIVERED a bxxxx", 300, 200)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<xml>",
        b"no xml",
        b"\xff",
        '<!DOCTYPE x [<!ENTITY a "aaaa">]><xml><Event>&a;</Event></xml>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml></xml>',
    ],
)
def test_what_is_no_event_is_a_problem_and_changes_nothing(told, body):
    assert problem(from_wechat(body)) == (400, "parse_error")
    assert told() == []


@pytest.mark.parametrize(
    "body",
    [
        event(kind="subscribe"),
        "<xml><MsgType>text</MsgType><Content>hello</Content></xml>",
        event(number=""),
        "<xml/>",
        "<xml>" + "<a>" * 1000 + "</a>" * 1000 + "</xml>",
    ],
)
def test_other_events_are_taken_and_left_alone(told, body):
    response = from_wechat(body)
    assert (response.status_code, response.content, told()) == (200, b"success", [])


def test_a_receipt_of_a_message_that_nobody_knows_is_taken_and_counted():
    assert tell("aliyun", [ALIYUN]).status_code == 200
    assert [receipt.recognised for receipt in Receipt.objects.all()] == [False]


def test_who_knows_the_message_says_so_and_hears_what_was_told_before():
    assert channels.recognise(channel="sms", provider_id="9338^0") == []
    tell("aliyun", [{**ALIYUN, "success": False}])
    tell("aliyun", [ALIYUN])
    assert [receipt.state for receipt in channels.recognise(channel="sms", provider_id="9338^0")] == ["bounced", "delivered"]
    assert Receipt.objects.filter(recognised=True).count() == 2
    assert channels.recognise(channel="wechat", provider_id="9338^0") == []


def test_a_message_whose_hand_over_was_not_answered_is_found_by_its_key():
    tell("aliyun", [ALIYUN])
    assert [receipt.state for receipt in channels.recognise(channel="sms", provider_id="", key="k-1")] == ["delivered"]
    assert channels.recognise(channel="sms", provider_id="", key="") == []


def test_receipts_are_no_matter_of_the_rate_limit(settings):
    settings.RATE_LIMIT_ANONYMOUS = 1
    assert {tell("aliyun", [ALIYUN]).status_code for _again in range(5)} == {200}


def test_old_receipts_are_deleted(settings, now):
    channels.receive(provider="aliyun", told=[channels.Told("old", "delivered")], now=now - timedelta(days=91))
    channels.receive(provider="aliyun", told=[channels.Told("new", "delivered")], now=now - timedelta(days=89))
    from accounts.channels.tasks import prune_receipts

    prune_receipts()
    assert [receipt.provider_id for receipt in Receipt.objects.all()] == ["new"]
