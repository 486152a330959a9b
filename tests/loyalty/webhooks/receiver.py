"""A storefront's server on this machine that is told what happens, and verifies it with the reference library."""

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import time_machine
from standardwebhooks import Webhook


@dataclass(frozen=True)
class Told:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    answered: int

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), tz=UTC)

    def verified(self, secret: str) -> dict:
        """The content, if the reference library takes the signature for this secret's at the time at which it was sent."""
        with time_machine.travel(self.at, tick=False):
            return Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """`answer` says with which status, given what came; `headers` are sent along. `hang` holds answers back until it is set.

    With a `certificate` it speaks TLS.
    """

    answer: Callable[[dict], int] = lambda _said: 204
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    told: list[Told] = field(default_factory=list)
    hang: threading.Event | None = None
    certificate: Path | None = None

    def __enter__(self) -> "Receiver":
        receiver, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with lock:
                    status = receiver.answer(json.loads(body))
                    receiver.told.append(Told(self.path, {name.lower(): value for name, value in self.headers.items()}, body, status))
                if receiver.hang:
                    receiver.hang.wait(10)
                self.send_response(status)
                text = receiver.text.encode() if status != 204 else b""
                for name, value in {**receiver.headers, **({"content-length": str(len(text))} if status != 204 else {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/webhooks"
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.hang:
            self.hang.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def taken(self) -> list[Told]:
        """What was answered with 2xx."""
        return [one for one in self.told if 200 <= one.answered < 300]
