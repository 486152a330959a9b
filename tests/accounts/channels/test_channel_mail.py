"""E-mail: a real mail server takes it over TLS; and what every answer and every silence at every step means."""

import time
from datetime import UTC, datetime

import pytest
from time_machine import travel

from accounts.channels import services as channels
from accounts.channels.providers.connections import keeping_connections
from tests.accounts.channels import mail_servers
from tests.accounts.channels.mail_servers import PASSWORD, USER, Scripted

pytestmark = pytest.mark.django_db
TO = "member@example.com"
FROM = {"from_address": "points@shop.example", "from_name": "样例商城", "reply_to": "service@shop.example"}
LONG = "<https://points.example.com/api/v1/unsubscribe/" + "t" * 200 + ">"


@pytest.fixture
def mail(message):
    return message._replace(html="<p>您有 <b>300</b> 积分。</p>", headers={"List-Unsubscribe": LONG, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"})


@pytest.fixture
def send(mail, now):
    def act(*, to=TO, key="01980a5c-7f3e", said=None):
        return channels.hand_over(channel="email", to=to, message=said or mail, key=key, now=now)

    return act


@pytest.fixture
def use(db, environment):
    """Set this installation up to use the mail server at a port."""

    def act(port, *, security="none", user="", password="", host="127.0.0.1", **parameters):
        environment(SMTP_HOST=host, SMTP_PORT=str(port), SMTP_SECURITY=security, SMTP_USER=user, SMTP_PASSWORD=password)
        channels.set_up(provider="smtp", parameters=FROM | parameters, in_use=True)

    return act


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_real_mail_server_takes_it_over_tls_from_who_knows_the_password(use, send, certificates, security, now):
    with mail_servers.real(certificates.good, security) as inbox:
        use(inbox.port, security=security, user=USER, password=PASSWORD)
        outcome = send()
    sender, to, mail, over_tls, authenticated = inbox.mails[0]
    assert outcome == ("accepted", "01980a5c-7f3e@shop.example", "250 2.0.0 Ok: queued as 4XyZ", None, False)
    assert (sender, to, over_tls, authenticated) == ("points@shop.example", [TO], True, True)
    assert {name: str(mail[name]) for name in ("From", "To", "Reply-To", "Subject", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post")} == {
        "From": "样例商城 <points@shop.example>",
        "To": TO,
        "Reply-To": "service@shop.example",
        "Subject": "积分即将过期",
        "Message-ID": "<01980a5c-7f3e@shop.example>",
        "List-Unsubscribe": LONG,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert mail["Date"].datetime == now.replace(microsecond=0)
    assert mail.get_body(["plain"]).get_content().strip() == "您有 300 积分将于 12 月 31 日过期。"
    assert mail.get_body(["html"]).get_content().strip() == "<p>您有 <b>300</b> 积分。</p>"


def test_a_batch_shares_one_connection_and_each_mail_stands_alone(use, send, certificates):
    with mail_servers.real(certificates.good, "starttls") as inbox:
        use(inbox.port, security="starttls", user=USER, password=PASSWORD)
        with keeping_connections():
            assert {send(key=f"k{number}").state for number in range(5)} == {"accepted"}
        assert inbox.connections == 1
        send(key="alone")
        assert inbox.connections == 2
    assert [mail["Message-ID"] for _from, _to, mail, *_rest in inbox.mails] == [f"<{key}@shop.example>" for key in ("k0", "k1", "k2", "k3", "k4", "alone")]


def test_the_same_key_is_the_same_message_id_whatever_the_key_looks_like(use, send):
    with Scripted() as server:
        use(server.port)
        odd = [send(key="M-1/到期/2026-12-01 " + "x" * 200).provider_id for _again in range(2)]
        other = send(key="M-1/到期/2026-12-02 " + "x" * 200).provider_id
    assert odd[0] == odd[1] != other
    assert all(f"Message-ID: <{number}>".encode() in body for number, body in zip([*odd, other], server.bodies, strict=True))


@pytest.mark.parametrize("certificate", ["self_signed", "of_another_host"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_server_without_a_good_certificate_gets_no_password(use, send, certificates, certificate, security):
    with mail_servers.real(getattr(certificates, certificate), security) as inbox:
        use(inbox.port, security=security, user=USER, password=PASSWORD)
        outcome = send()
    assert (outcome.state, inbox.mails) == ("unreachable", [])
    assert "CERTIFICATE_VERIFY_FAILED" in outcome.detail


def test_where_starttls_is_not_offered_nothing_goes_in_clear(use, send):
    with Scripted() as server:
        use(server.port, security="starttls", user=USER, password=PASSWORD)
        assert send().state == "unreachable"
    assert [line.split()[0] for line in server.heard] == ["ehlo"]


def test_a_password_goes_over_tls_only(use, send):
    with Scripted(EHLO="250-mail.example\r\n250 AUTH PLAIN LOGIN") as server:
        use(server.port, security="none", user=USER, password=PASSWORD)
        assert send()[:3] == ("unreachable", "", "a password is sent over TLS only")
    assert server.heard == []


def test_a_wrong_password_is_no_fault_of_the_message(use, send, certificates):
    with mail_servers.real(certificates.good, "starttls") as inbox:
        use(inbox.port, security="starttls", user=USER, password="another")
        outcome = send()
    assert (outcome.state, outcome.detail[:3]) == ("unreachable", "535")


@pytest.mark.parametrize(("port", "host"), [("nobody", "127.0.0.1"), ("25", "nowhere.invalid"), ("smtp?", "127.0.0.1")])
def test_where_no_mail_server_is_nothing_was_handed_over(use, send, nobody, port, host):
    use(nobody.rpartition(":")[2] if port == "nobody" else port, host=host)
    assert send().state == "unreachable"


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "BODY"])
@pytest.mark.parametrize("end", ["hang", "close", "what?", "25x no", ""])
def test_silence_and_nonsense_mean_unknown_only_after_the_message_was_written(use, send, step, end, impatient):
    answers = {step: end, "HELO": end} if step == "EHLO" else {step: end}
    with Scripted(**answers) as server:
        use(server.port)
        began = time.monotonic()
        outcome = send()
    assert outcome.state == ("unknown" if step == "BODY" else "unreachable")
    assert time.monotonic() - began < 10
    assert bool(server.bodies) == (step == "BODY")
    # What may have been sent can be found by its number.
    assert outcome.provider_id == ("01980a5c-7f3e@shop.example" if step == "BODY" else "")


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "BODY"])
@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("421 4.3.2 closing", "throttled"),
        ("450 4.2.0 greylisted", "throttled"),
        ("451 4.7.1 try again", "throttled"),
        ("452 4.2.2 mailbox full", "throttled"),
        ("550 5.7.1 not wanted", "refused"),
        ("552 5.3.4 too big", "refused"),
        ("554 5.7.1 spam", "refused"),
        ("530 5.7.0 authentication required", "unreachable"),
    ],
)
def test_4xx_is_again_later_and_5xx_is_refused_at_every_step(use, send, step, said, state):
    with Scripted(**{step: said}) as server:
        use(server.port)
        assert send() == (state, "", said, None, False)


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        ("550 5.1.1 no such user", True),
        ("550-5.1.1 The account that you tried\r\n550 5.1.1 to reach does not exist", True),
        ("550 5.1.2 no such host", True),
        ("550 5.2.1 mailbox disabled", True),
        ("556 5.1.10 null MX", True),
        ("550 5.7.1 relaying denied", False),
        ("552 5.2.2 mailbox full", False),
        ("550 mailbox unavailable, or not", False),
        ("550 5.1.15 something else", False),
    ],
)
def test_an_address_is_given_up_only_where_the_server_says_that_nobody_is_there(use, send, said, gone):
    with Scripted(RCPT=said) as server:
        use(server.port)
        outcome = send()
    assert (outcome.state, outcome.address_gone) == ("refused", gone)


def test_a_server_that_repeats_the_address_puts_it_into_no_log(use, send, caplog):
    with Scripted(RCPT=f"550 5.1.1 <{TO}>: unknown in virtual mailbox table") as server:
        use(server.port)
        assert send().detail == "550 5.1.1 <m***@example.com>: unknown in virtual mailbox table"
    assert [record.getMessage() for record in caplog.records if TO in record.getMessage()] == []


def test_the_same_words_about_the_message_give_up_no_address(use, send):
    with Scripted(BODY="550 5.1.1 whatever") as server:
        use(server.port)
        assert send().address_gone is False


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "RCPT", "BODY"])
def test_of_an_answer_without_end_only_so_much_is_read(use, send, step):
    with Scripted(**{step: 40_000_000}) as server:
        use(server.port)
        assert send().state == ("unknown" if step == "BODY" else "unreachable")
        assert server.sent < 10_000_000


@pytest.mark.parametrize("step", ["RCPT", "BODY"])
def test_who_says_a_letter_now_and_then_does_not_hold_us(use, send, impatient, step):
    with Scripted(**{step: "drip"}) as server:
        use(server.port)
        began = time.monotonic()
        assert send().state == ("unknown" if step == "BODY" else "unreachable")
        assert time.monotonic() - began < 20


@pytest.mark.parametrize("lost", ["421 too many messages on this connection", "close"])
def test_a_connection_lost_between_two_mails_is_replaced(use, send, lost):
    with Scripted(RSET=[lost]) as server:
        use(server.port)
        with keeping_connections():
            assert [send(key=key).state for key in ("one", "two", "three")] == ["accepted"] * 3
        assert server.connections == 2


@pytest.mark.parametrize("end", ["hang", "close", "421 enough"])
def test_after_a_failure_the_batch_goes_on_by_a_new_connection(use, send, end, impatient):
    with Scripted(BODY=["250 Ok", end]) as server:
        use(server.port)
        with keeping_connections():
            states = [send(key=key).state for key in ("one", "two", "three")]
    assert states == ["accepted", "throttled" if end.startswith("421") else "unknown", "accepted"]
    assert server.connections == 2


def test_after_a_refusal_the_batch_goes_on_by_the_same_connection(use, send):
    with Scripted(RCPT=["550 5.1.1 no", "250 Ok"]) as server:
        use(server.port)
        with keeping_connections():
            assert [send(key=key).state for key in ("one", "two")] == ["refused", "accepted"]
    assert (server.connections, len(server.bodies)) == (1, 1)


def test_dots_at_the_beginning_of_lines_end_no_message(use, send, mail):
    text = "first\n.\n..second\nMAIL FROM:<a@b.example>\n"
    with Scripted() as server:
        use(server.port)
        assert send(said=mail._replace(text=text, html="")).state == "accepted"
    assert b"\r\n..\r\n...second\r\n" in server.bodies[0]
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "change", [{"subject": "Hello\r\nBcc: other@example.com"}, {"headers": {"X-Sample": "a\nBcc: b@example.com"}}, {"headers": {"Subject": "twice"}}]
)
def test_what_would_add_headers_of_its_own_is_refused(use, send, mail, change):
    with Scripted() as server:
        use(server.port)
        assert send(said=mail._replace(**change)).state == "refused"
    assert server.heard == []


@pytest.mark.parametrize(("to", "sent"), [("someone@例子.公司", "someone@xn--fsqu00a.xn--55qx5d"), ("o'neil+x@example.com", "o'neil+x@example.com")])
def test_a_domain_in_any_script_is_written_as_dns_has_it(use, send, to, sent):
    with Scripted() as server:
        use(server.port)
        assert send(to=to).state == "accepted"
    assert f"rcpt TO:<{sent}>" in server.heard


def test_a_name_that_plain_smtp_cannot_carry_is_refused(use, send):
    with Scripted() as server:
        use(server.port)
        assert send(to="例子@example.com").state == "refused"


@pytest.mark.parametrize("to", ["nobody", "a@b", "two@example.com,three@example.com", "a b@example.com", "<a@example.com>", "a@example.com\r\nDATA"])
def test_what_is_no_address_is_refused(use, send, to):
    with Scripted() as server:
        use(server.port)
        assert send(to=to)[:3] == ("refused", "", "address_invalid")
    assert server.heard == []


def test_for_trying_out_each_message_is_a_file(db, environment, send, tmp_path):
    environment(MAIL_DIR=str(tmp_path / "mail"))
    channels.set_up(provider="mailbox", parameters=FROM, in_use=True)
    with travel(datetime(2026, 3, 1, tzinfo=UTC)):
        first, again, other = send(), send(), send(key="other")
    assert first == again
    files = sorted((tmp_path / "mail").iterdir())
    assert sorted(file.name for file in files) == sorted({first.detail, other.detail})
    assert b"Message-ID: <01980a5c-7f3e@shop.example>" in (tmp_path / "mail" / first.detail).read_bytes()


def test_a_folder_that_cannot_be_written_is_no_fault_of_the_message(db, environment, send, tmp_path):
    (tmp_path / "mail").write_text("no folder")
    environment(MAIL_DIR=str(tmp_path / "mail"))
    channels.set_up(provider="mailbox", parameters=FROM, in_use=True)
    assert send().state == "unreachable"
