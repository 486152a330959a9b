"""A provider that misbehaves: the one of `tools/voucher_provider.py`, told what goes wrong with its next answers. As a program: it kills itself."""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections import deque
from pathlib import Path

from tools.voucher_provider import Conversation, Provider, Refusal

SECRET = "a-sample-secret-of-a-provider"


class Faulty(Provider):
    """`next`: what goes wrong with the next requests, one each; an empty text is nothing. `at`: what its clock says, where that matters.

    Before anything is done: `slow`, `close`, `error`, `busy`, `refuse`, `no`. After it: `slow after`, `close after`, `error after`, `half`, `twice`,
    `noise`, `stranger`, `one short`.
    """

    def __init__(self, *, file: Path, at=None, **more):
        self.next: deque[str] = deque()
        self.faults: dict[str, str] = {}
        self._over = threading.Event()
        if at is not None:
            self.clock = lambda: at().timestamp()
        super().__init__(file=file, secret=SECRET, **more)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_exc):
        self._over.set()
        self.shutdown()
        self.server_close()

    def answer(self, talk: Conversation, method, key, body):
        fault = self.next.popleft() if self.next else ""
        if fault == "slow":
            self._over.wait(20)
        if fault in ("slow", "close"):
            self._hang_up(talk)
        if fault == "error":
            raise Refusal(500, "sorry")
        if fault == "no":
            raise Refusal(404, "no_such_page")
        if fault == "busy":
            raise Refusal(429, "too_many")
        if fault == "refuse" and method == "POST":
            body = {**body, "sku": "SOLD-OUT"}
        status, told = super().answer(talk, method, key, body)
        if fault == "slow after":
            self._over.wait(20)
        if fault in ("slow after", "close after"):
            self._hang_up(talk)
        if fault == "error after":
            raise Refusal(502, "sorry")
        if fault == "half":
            talk.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + str(told).encode()[:40])
            self._hang_up(talk)
        if fault == "noise":
            talk.wfile.write(b"this is no HTTP at all\r\n\r\n")
            self._hang_up(talk)
        if fault == "twice":
            talk.say(status, told)
        if fault == "stranger":
            told = {**told, "key": "somebody-elses"}
        if fault == "one short":
            told = {**told, "vouchers": told.get("vouchers", [])[1:]}
        return status, told

    def _hang_up(self, talk):
        with contextlib.suppress(OSError):
            talk.connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Mortal(Faulty):
    """Kills its own process, before or after it has done what it was asked."""

    def __init__(self, *, dies, **more):
        self.dies = dies
        super().__init__(**more)

    def answer(self, talk, method, key, body):
        if self.dies == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        done = super().answer(talk, method, key, body)
        if self.dies == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return done


if __name__ == "__main__":
    server = Mortal(dies=sys.argv[3], port=int(sys.argv[2]), file=Path(sys.argv[1]))
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    server.serve_forever()
