"""Mail servers on 127.0.0.1: a real one (aiosmtpd), and one that answers what a test wants."""

import asyncio
import contextlib
import socket
import ssl
import threading
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "sender", "$ample p%ssword"


def context(certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


class Inbox:
    """What the real server has taken; as aiosmtpd calls it back."""

    def __init__(self):
        self.mails = []
        self.connections = 0

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802 (aiosmtpd's name)
        session.host_name = hostname
        return responses

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, mail, server.transport.get_extra_info("sslcontext") is not None, session.authenticated))
        return "250 2.0.0 Ok: queued as 4XyZ"


def _let_in(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login.decode(), data.password.decode()) == (USER, PASSWORD), handled=False)


@contextlib.contextmanager
def real(certificate, security):
    """aiosmtpd, with TLS as asked for: "starttls" before anything else, or "tls" from the first byte."""
    inbox, tls, loop = Inbox(), context(certificate), asyncio.new_event_loop()
    starttls = security == "starttls"

    def protocol():
        inbox.connections += 1
        return SMTP(
            inbox, hostname="mail.example", tls_context=tls if starttls else None, require_starttls=starttls, auth_required=True, authenticator=_let_in,
            auth_require_tls=starttls, loop=loop,
        )  # fmt: skip

    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0, ssl=None if starttls else tls))
    inbox.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield inbox
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Scripted:
    """Says to each command what `answers` holds for its first word (`CONNECT` is the greeting, `BODY` the end of the message); else what is usual.

    An answer is text; "hang" says nothing any more, "close" ends the connection, "drip" says a letter now and then, a number of
    bytes says that many of a reply without end.
    """

    USUAL = {"CONNECT": "220 mail.example", "EHLO": "250-mail.example\r\n250 SIZE 1000000", "DATA": "354 go on", "QUIT": "221 bye"}

    def __init__(self, **answers):
        self.answers = answers
        self.heard: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.sent = 0
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._open = []
        self._threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self._over.set()
        for sock in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def _accept(self):
        while not self._over.is_set():
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock):
        with contextlib.suppress(OSError):
            file = sock.makefile("rb")
            if not self._say(sock, "CONNECT"):
                return
            while line := file.readline():
                word = line.split()[0].decode(errors="replace").upper()
                self.heard.append(line.decode(errors="replace").strip())
                if not self._say(sock, word):
                    return
                if word == "DATA" and self.answers.get("DATA", "354").startswith("354"):
                    body = b""
                    while (line := file.readline()) not in (b".\r\n", b""):
                        body += line
                    self.bodies.append(body)
                    if not self._say(sock, "BODY"):
                        return

    def _say(self, sock, word):
        said = self.answers.get(word, self.USUAL.get(word, "250 Ok"))
        if isinstance(said, list):
            said = said.pop(0) if said else "250 Ok"
        if said == "hang":
            self._over.wait(10)
            return False
        if said == "close":
            sock.shutdown(socket.SHUT_RDWR)
            return False
        if said == "drip":
            for letter in b"250-" + b"x" * 1000:
                sock.sendall(bytes([letter]))
                if self._over.wait(0.1):
                    break
            return False
        if isinstance(said, int):
            for _piece in range(said // 1000):
                sock.sendall(b"250-" + b"x" * 994 + b"\r\n")
                self.sent += 1000
            return False
        sock.sendall(said.encode() + b"\r\n")
        return True
