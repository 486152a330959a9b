"""How a hand-over can end, for every provider that is asked over HTTP: surely not handed over, perhaps, or what the answer says."""

import time
from datetime import timedelta

import pytest

from accounts.channels import rules
from accounts.channels import services as channels
from accounts.channels.providers.connections import keeping_connections
from tests.accounts.channels.conftest import ADDRESS
from tests.accounts.channels.servers import CLOSE, DRIP, HANG, Said

pytestmark = pytest.mark.django_db
every_provider = pytest.mark.parametrize("code", ADDRESS)


@every_provider
def test_a_message_is_taken_and_its_number_is_known(provider, hand_over, code):
    server = provider(code)
    outcome = hand_over(code)
    assert (server.wrong, outcome.state) == ([], "accepted")
    assert outcome.provider_id


@every_provider
def test_where_nobody_listens_nothing_was_handed_over(provider, hand_over, nobody, code):
    provider(code, url=nobody)
    assert hand_over(code).state == "unreachable"


@every_provider
def test_where_no_name_leads_anywhere_nothing_was_handed_over(provider, hand_over, code):
    provider(code, url="https://nowhere.invalid")
    assert hand_over(code).state == "unreachable"


@every_provider
def test_where_the_connection_is_never_ready_nothing_was_handed_over(provider, hand_over, code, impatient):
    server = provider(code, handshakes=False)
    began = time.monotonic()
    assert hand_over(code).state == "unreachable"
    assert (server.asked, time.monotonic() - began < 10) == ([], True)


@every_provider
@pytest.mark.parametrize("certificate", ["self_signed", "of_another_host"])
def test_who_cannot_show_a_good_certificate_is_told_nothing(provider, hand_over, certificates, code, certificate):
    server = provider(code, certificate=getattr(certificates, certificate))
    assert hand_over(code).state == "unreachable"
    assert server.asked == []


@every_provider
@pytest.mark.parametrize("end", [HANG, CLOSE], ids=["silence", "hung up"])
def test_after_an_unanswered_hand_over_it_is_unknown(provider, hand_over, code, end, impatient):
    server = provider(code)
    server.next.append(end)
    began = time.monotonic()
    assert hand_over(code).state == "unknown"
    assert (server.wrong, time.monotonic() - began < 10) == ([], True)
    assert server.asked[-1].body or server.asked[-1].query


@every_provider
@pytest.mark.parametrize(
    "body", [b"", b"<html>busy</html>", b"\xff\xfe\x00", b'"OK"', b"[[[[[[[[" * 4000, b"{}", b'{"Code": null, "name": 5, "errcode": "0", "Response": 7}']
)
def test_an_answer_that_says_nothing_leaves_it_unknown(provider, hand_over, code, body):
    server = provider(code)
    # Of APNs, 200 alone says that it was taken.
    server.next.append(Said(206 if code == "apns" else 200, body))
    assert hand_over(code).state == "unknown"


@every_provider
@pytest.mark.parametrize("noise", [b"\x00" * 2000, b"SSH-2.0-sample\r\n", b"HTTP/1.1 200 OK\r\n\xff\xfe: \x00\r\n\r\n", bytes(range(256)) * 40])
def test_a_server_that_speaks_something_else_leaves_it_unknown(provider, hand_over, code, noise):
    server = provider(code)
    server.next.append(Said(how="noise", body=noise))
    assert hand_over(code).state == "unknown"


@every_provider
def test_authorities_that_cannot_be_read_are_no_fault_of_the_message(provider, hand_over, monkeypatch, tmp_path, code):
    server = provider(code)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    assert hand_over(code).state == "unreachable"
    assert server.asked == []


@every_provider
def test_of_an_answer_without_end_only_so_much_is_read(provider, hand_over, code):
    server = provider(code)
    server.next.append(Said(206 if code == "apns" else 200, b"x" * 40_000_000))
    assert hand_over(code).state == "unknown"
    assert server.sent < 20_000_000


@every_provider
def test_who_sends_a_byte_now_and_then_does_not_hold_us(provider, hand_over, impatient, code):
    server = provider(code)
    server.next.append(DRIP)
    began = time.monotonic()
    assert hand_over(code).state == "unknown"
    assert time.monotonic() - began < 10


@every_provider
@pytest.mark.parametrize("status", [429, 503])
def test_a_provider_that_is_busy_says_when_to_come_again(provider, hand_over, code, status):
    server = provider(code)
    server.next.append(Said(status, b"later", {"retry-after": "120"}))
    outcome = hand_over(code)
    assert (outcome.state, outcome.retry_after) == ("throttled", timedelta(minutes=2))


@every_provider
@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_fault_of_the_providers_own_leaves_it_unknown(provider, hand_over, code, status):
    server = provider(code)
    server.next.append(Said(status, b"<html>Bad Gateway</html>"))
    assert hand_over(code).state == "unknown"


@every_provider
@pytest.mark.parametrize("status", [302, 307])
def test_nobody_is_followed_elsewhere(provider, hand_over, code, status):
    server = provider(code)
    server.next.append(Said(status, b"", {"location": f"{server.url}/elsewhere"}))
    assert hand_over(code).state == "unreachable"
    assert [asked.path for asked in server.asked if asked.path == "/elsewhere"] == []


@every_provider
def test_somebody_in_between_who_says_no_has_handed_nothing_over(provider, hand_over, code):
    server = provider(code)
    server.next.append(Said(403, b"<html>Forbidden by the proxy</html>"))
    assert hand_over(code).state == "unreachable"


@every_provider
def test_a_batch_shares_one_connection_and_a_lost_one_is_replaced(provider, hand_over, code):
    server = provider(code)
    with keeping_connections():
        assert {hand_over(code, key=f"k{number}").state for number in range(3)} == {"accepted"}
        assert server.connections == 1
        server.next.append(CLOSE)
        assert hand_over(code, key="lost").state == "unknown"
        assert hand_over(code, key="after").state == "accepted"
    assert server.connections == 2
    assert hand_over(code, key="alone").state == "accepted"
    assert server.wrong == []


@every_provider
def test_without_its_secrets_a_channel_is_not_set_up(provider, hand_over, environment, code):
    server = provider(code)
    environment(**dict.fromkeys(rules.PROVIDERS[code].needs, ""))
    outcome = hand_over(code)
    assert (outcome.state, outcome.detail, server.asked) == ("unreachable", "environment_missing", [])
    assert channels.providers()[ADDRESS[code][0]] == rules.Readiness(can_send=False, why_not="environment_missing", providers=[])


@every_provider
def test_what_is_no_address_is_refused_without_asking(provider, hand_over, code):
    server = provider(code)
    outcome = hand_over(code, to={"fcm": "fcm:short", "apns": "apns:zz"}.get(code, "nobody!"))
    assert (outcome.state, outcome.detail, server.asked) == ("refused", "address_invalid", [])


@every_provider
def test_no_secret_no_address_and_no_text_is_logged(provider, hand_over, caplog, code, impatient):
    caplog.set_level("DEBUG")
    server = provider(code)
    hand_over(code)
    server.next.append(HANG)
    hand_over(code, key="again")
    address = ADDRESS[code][1]
    unwanted = [
        address,
        address.partition(":")[2] or address,
        "过期",
        "sample-app-secret",
        "sample-key-secret",
        "sample-secret-key",
        "sample-token",
        "ya29",
        "BEGIN",
    ]
    lines = [record.getMessage() for record in caplog.records]
    assert sum("message handed over" in line for line in lines) == 2
    assert [(word, line) for word in unwanted for line in lines if word in line] == []
