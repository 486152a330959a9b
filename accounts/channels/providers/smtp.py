"""E-mail by SMTP (RFC 5321), over STARTTLS or TLS from the first byte.

| the mail server | outcome |
|---|---|
| no connection, no TLS, no STARTTLS where it is asked for, credentials refused, silence or nonsense before it said 354 to DATA | unreachable |
| 4xx, at any step | throttled |
| 5xx, at any step | refused; `address_gone` where RCPT was answered with a status that says so (5.1.1, 5.1.2, 5.1.3, 5.1.6, 5.1.10, 5.2.1) |
| 530, 534, 535, 538 | unreachable: it wants other credentials, whatever the message |
| silence or nonsense after the message was written | unknown |
| 250 after the message | accepted |

The Message-ID is made of the key, so a second copy has the same one. Bounces that come back as mail are not read here.
"""

import re
import smtplib
import ssl
from collections.abc import Callable
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from types import TracebackType
from typing import Any, Self

from django.core.mail.utils import DNS_NAME

from accounts.channels import rules
from accounts.channels.rules import Outcome, Rendered, Setup

from . import connections

_GONE = re.compile(r"5\.(?:1\.(?:1|2|3|6|10)|2\.1)\b")
_CREDENTIALS = (530, 534, 535, 538)


class _Bounded:
    """A server's answers as a file of which only so much is read for each of them."""

    def __init__(self, file: Any) -> None:
        self._file, self.left = file, rules.MOST_READ

    def readline(self, limit: int) -> bytes:
        line: bytes = self._file.readline(limit)
        self.left -= len(line)
        if self.left < 0:
            raise OSError("the answer does not end")
        return line

    def close(self) -> None:
        self._file.close()


class _BoundedAnswers(smtplib.SMTP):
    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))  # type: ignore[assignment]
        if self.file is not None:
            self.file.left = rules.MOST_READ  # type: ignore[attr-defined]
        return super().getreply()


class _Plain(_BoundedAnswers):
    pass


class _Secure(_BoundedAnswers, smtplib.SMTP_SSL):
    pass


class _NotReadyError(Exception):
    """The mail server could not be brought to take mail."""


class Line:
    """A connection to the mail server, opened when it is needed, and again after it was lost."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (OSError, smtplib.SMTPException):
                self.hang_up()

    @property
    def socket(self) -> Any:
        return self._smtp.sock if self._smtp is not None else None

    def hang_up(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None

    def ready(self) -> smtplib.SMTP:
        """The connection, ready for a message. Raises _NotReadyError, OSError, SMTPException: then nothing was handed over."""
        if self._smtp is not None:
            try:
                if self._smtp.rset()[0] == 250:
                    return self._smtp
            except (OSError, smtplib.SMTPException):
                pass
            self.hang_up()
        return self._open()

    def _open(self) -> smtplib.SMTP:
        env = self._setup.environment
        security, user, password = env["SMTP_SECURITY"], env["SMTP_USER"], env["SMTP_PASSWORD"]
        if security not in ("starttls", "tls", "none"):
            raise _NotReadyError("SMTP_SECURITY is starttls, tls or none")
        if user and security == "none":
            raise _NotReadyError("a password is sent over TLS only")
        name = DNS_NAME.get_fqdn()
        smtp: smtplib.SMTP
        if security == "tls":
            smtp = _Secure(local_hostname=name, timeout=self._setup.connect_seconds, context=connections.tls())
        else:
            smtp = _Plain(local_hostname=name, timeout=self._setup.connect_seconds)
        self._smtp = smtp
        try:
            # What SMTP_SSL and starttls check the certificate against; only the constructor would set it.
            smtp._host = env["SMTP_HOST"]  # type: ignore[attr-defined]
            code, said = smtp.connect(env["SMTP_HOST"], int(env["SMTP_PORT"]))
            if code != 220:
                raise _NotReadyError(f"{code} {said.decode(errors='replace')}")
            assert smtp.sock is not None
            smtp.sock.settimeout(self._setup.answer_seconds)
            smtp.ehlo_or_helo_if_needed()
            if security == "starttls":
                # Without it the server is not who it should be, or somebody stands in between: never in clear instead.
                smtp.starttls(context=connections.tls())
                smtp.ehlo_or_helo_if_needed()
            if user:
                smtp.login(user, password)
        except BaseException:
            self.hang_up()
            raise
        return smtp


def send(setup: Setup, to: str, message: Rendered, key: str, now: datetime) -> Outcome:
    try:
        sender, to = in_ascii(setup.parameters["from_address"]), in_ascii(to)
        number = message_id(key, sender)
        mail = write(setup, sender, to, message, number, now)
        content = mail.as_bytes()
    except (ValueError, MessageError, UnicodeError) as error:
        return Outcome("refused", detail=rules.short(f"the message cannot be written: {error}"))
    env = setup.environment
    with (
        connections.connection(("smtp", env["SMTP_HOST"], env["SMTP_PORT"]), lambda: Line(setup)) as line,
        # The talk is a dozen answers, each within its time.
        connections.ended_after(setup.connect_seconds + 4 * setup.answer_seconds, lambda: [line.socket]),
    ):
        try:
            smtp = line.ready()
        except (_NotReadyError, OSError, ValueError, smtplib.SMTPException) as error:
            return Outcome("unreachable", detail=_said(error))
        outcome = _transmit(smtp, sender, to, content)
        if outcome.state in ("unreachable", "unknown") or outcome.detail.startswith("421"):
            line.hang_up()
        return outcome._replace(provider_id=number) if outcome.state in ("accepted", "unknown") else outcome


def message_id(key: str, sender: str) -> str:
    local = key if re.fullmatch(r"[A-Za-z0-9._-]{1,80}", key) else rules.mark(key)
    return f"{local}@{sender.rpartition('@')[2]}"


class _Whole(EmailPolicy):
    """Headers that programs read are not folded: an address within <> would be broken where it is long."""

    def fold(self, name: str, value: Any) -> str:
        return f"{name}: {value}\r\n" if name.lower().startswith(("list-", "message-id")) else super().fold(name, value)

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("ascii", "surrogateescape")


_POLICY = _Whole(linesep="\r\n", max_line_length=SMTP.max_line_length, cte_type="7bit")


def write(setup: Setup, sender: str, to: str, message: Rendered, number: str, now: datetime) -> EmailMessage:
    """The message as a mail. ValueError for what no mail may contain, such as a line break in a header."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = Address(setup.parameters["from_name"], addr_spec=sender)
    mail["To"] = Address(addr_spec=to)
    if setup.parameters["reply_to"]:
        mail["Reply-To"] = Address(addr_spec=in_ascii(setup.parameters["reply_to"]))
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{number}>"
    mail["Auto-Submitted"] = "auto-generated"
    for name, value in message.headers.items():
        if not value.isascii():
            raise ValueError(f"{name} is not in ASCII")
        mail[name] = value
    mail.set_content(message.text)
    if message.html:
        mail.add_alternative(message.html, subtype="html")
    return mail


def _transmit(smtp: smtplib.SMTP, sender: str, to: str, content: bytes) -> Outcome:
    steps: list[tuple[Callable[[], tuple[int, bytes]], tuple[int, ...]]] = [
        (lambda: smtp.mail(sender, [f"size={len(content)}"] if smtp.has_extn("size") else []), (250,)),
        (lambda: smtp.rcpt(to), (250, 251, 252)),
        (lambda: smtp.docmd("DATA"), (354,)),
    ]
    for number, (step, good) in enumerate(steps):
        try:
            code, said = step()
        except (OSError, smtplib.SMTPException) as error:
            return Outcome("unreachable", detail=_said(error))
        if code not in good:
            return _meaning(code, said, "unreachable", of_recipient=number == 1)
    try:
        # A dot at the beginning of a line is doubled: alone it would end the message.
        smtp.send(re.sub(rb"(?m)^\.", b"..", content) + b".\r\n")
        code, said = smtp.getreply()
    except (OSError, smtplib.SMTPException) as error:
        return Outcome("unknown", detail=_said(error))
    return _meaning(code, said, "unknown")


def _meaning(code: int, said: bytes, otherwise: rules.State, *, of_recipient: bool = False) -> Outcome:
    text = said.decode(errors="replace")
    detail = rules.short(f"{code} {text}")
    if code == 250:
        return Outcome("accepted", detail=detail)
    if code in _CREDENTIALS:
        return Outcome("unreachable", detail=detail)
    if 400 <= code < 500:
        return Outcome("throttled", detail=detail)
    if 500 <= code < 600:
        return Outcome("refused", detail=detail, address_gone=of_recipient and _GONE.match(text) is not None)
    return Outcome(otherwise, detail=detail)


def in_ascii(address: str) -> str:
    """The address with its domain as DNS has it. UnicodeError for a name before the @ that plain SMTP cannot carry."""
    local, _at, domain = address.rpartition("@")
    local.encode("ascii")
    return f"{local}@{domain.encode('idna').decode()}"


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return rules.short(f"{error.smtp_code} {said}")
    if isinstance(error, ssl.SSLError | TimeoutError):
        return rules.short(f"{type(error).__name__}: {error}")
    return rules.short(str(error) or type(error).__name__)
