"""The provider of sample vouchers keeps to the page that says what a provider has to speak."""

import hashlib
import hmac
import json
import re
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tools.voucher_provider import Orders, Provider

PAGE = (Path(__file__).parents[2] / "docs" / "INTEGRATING.md").read_text(encoding="utf-8").split("## Vouchers: what a provider speaks")[1].split("\n## ")[0]
NOW = 1_773_115_200
SECRET = "a-sample-secret"


@pytest.fixture
def provider(tmp_path):
    server = Provider(file=tmp_path / "orders.sqlite3", secret=SECRET, key_id="shop-1")
    server.clock = lambda: NOW
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask(provider):
    """Ask as the page says; status and answer."""

    def act(method, path, body=b"", *, secret=SECRET, at=NOW, signed_path=None, idempotency=None, authorization=None):
        text = "\n".join((method, signed_path or path, str(at), hashlib.sha256(body).hexdigest()))
        signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        headers = {"authorization": authorization or f"HMAC-SHA256 Credential=shop-1, Timestamp={at}, Signature={signature}"}
        if body:
            headers["idempotency-key"] = idempotency or json.loads(body)["key"]
        asked = urllib.request.Request(provider.url + path, data=body or None, method=method, headers=headers)  # noqa: S310 (our own server)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    return act


def order(key="K-1", sku="SAMPLE-FILM", quantity=1):
    return json.dumps({"key": key, "sku": sku, "quantity": quantity}).encode()


def test_the_example_on_the_page_is_signed_as_the_page_says():
    method, path, timestamp, digest = re.search(r"```\n(\w+)\n(/\S+)\n(\d+)\n([0-9a-f]{64})\n", PAGE).groups()
    body = re.search(r"^\{.*\}$", PAGE, re.MULTILINE)[0]
    assert hashlib.sha256(body.encode()).hexdigest() == digest
    text = "\n".join((method, path, timestamp, digest))
    assert hmac.new(b"a-sample-secret", text.encode(), hashlib.sha256).hexdigest() == re.search(r"Signature=([0-9a-f]{64})", PAGE)[1]


def test_one_key_is_one_order_for_ever(ask):
    status, told = ask("POST", "/orders", order(quantity=2))
    assert (status, told["status"], len(told["vouchers"])) == (200, "issued", 2)
    assert ask("POST", "/orders", order(quantity=2)) == ask("GET", "/orders/K-1") == (200, told)
    assert ask("POST", "/orders", order(quantity=3)) == (409, {"status": "error", "code": "key_used_for_another_order"})


def test_eight_at_once_get_the_same_voucher(ask):
    answers, threads = [], []
    for _ in range(8):
        threads.append(threading.Thread(target=lambda: answers.append(ask("POST", "/orders", order()))))
        threads[-1].start()
    for thread in threads:
        thread.join(20)
    assert len(answers) == 8
    assert len({told["vouchers"][0]["code"] for _status, told in answers}) == 1


def test_what_is_not_to_be_had_stays_refused_and_what_was_never_seen_is_absent(ask):
    for _ in range(2):
        assert ask("POST", "/orders", order(sku="SOLD-OUT"))[0] == 422
    assert ask("GET", "/orders/K-1")[1]["status"] == "refused"
    assert ask("GET", "/orders/K-2") == (404, {"key": "K-2", "status": "absent"})


def test_what_is_cancelled_is_never_issued_even_where_it_was_never_ordered(ask):
    assert ask("DELETE", "/orders/K-1")[1]["status"] == "cancelled"
    assert ask("POST", "/orders", order())[1]["status"] == "cancelled"
    assert ask("GET", "/orders/K-1")[1]["status"] == "cancelled"


def test_what_was_used_is_not_cancelled(ask, provider):
    _status, told = ask("POST", "/orders", order())
    provider.orders.use("K-1")
    assert ask("DELETE", "/orders/K-1") == (409, told)


def test_its_orders_outlive_it(ask, tmp_path):
    _status, told = ask("POST", "/orders", order())
    assert Orders(tmp_path / "orders.sqlite3").look("K-1") == told


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"secret": "another"}, "signature_wrong"),
        ({"at": NOW - 301}, "signature_too_old"),
        ({"at": NOW + 301}, "signature_too_old"),
        ({"signed_path": "/orders/K-1"}, "signature_wrong"),
        ({"authorization": "HMAC-SHA256 Credential=somebody, Timestamp=1, Signature=" + "0" * 64}, "credential_unknown"),
        ({"authorization": "Basic c2FtcGxlOnNhbXBsZQ=="}, "credential_unknown"),
        ({"idempotency": "K-2"}, "order_not_understood"),
    ],
)
def test_what_is_not_signed_as_it_should_be_does_nothing(ask, provider, how, code):
    assert ask("POST", "/orders", order(), **how)[1]["code"] == code
    assert provider.orders.look("K-1")["status"] == "absent"


@pytest.mark.parametrize(("method", "path"), [("GET", "/orders"), ("POST", "/orders/K-1"), ("GET", "/"), ("DELETE", "/orders/K-1/more")])
def test_there_are_three_requests_and_no_others(ask, method, path):
    assert ask(method, path, order() if method == "POST" else b"") == (404, {"status": "error", "code": "no_such_page"})
