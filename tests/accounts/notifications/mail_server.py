"""A mail server on 127.0.0.1 that takes mail, or answers as it is told to."""

from collections import deque
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller

HANG_UP = "hang up"


class OnAFreePort(Controller):
    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class MailServer:
    """`mails`: what was taken, the latest last. `next`: answers in place of 250 to the recipient or, where they begin with DATA, to the mail."""

    def __init__(self):
        self.mails = []
        self.next = deque()
        self._controller = OnAFreePort(self, hostname="127.0.0.1", port=0)

    def __enter__(self):
        self._controller.start()
        self.port = self._controller.port
        return self

    def __exit__(self, *_exc):
        self._controller.stop()

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.next and not self.next[0].startswith(("DATA", HANG_UP)):
            return self.next.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        answer = self.next.popleft() if self.next else "DATA 250 taken"
        if answer == HANG_UP or answer.startswith("DATA 250"):
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        if answer == HANG_UP:
            server.transport.close()
        return answer.removeprefix("DATA ")
