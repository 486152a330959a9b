"""What the protocols share: connections kept for a batch, tokens kept until they end, and one HTTP request whose ends are told apart."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import httpx

from accounts.channels import rules
from accounts.channels.rules import Outcome

Connection = TypeVar("Connection")
_NOT_SENT = (
    ConnectionError, httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol, httpx.InvalidURL,
)  # fmt: skip
_kept = threading.local()


@contextmanager
def keeping_connections() -> Iterator[None]:
    """Inside, this thread's hand-overs share their connections, which are closed at the end."""
    if getattr(_kept, "open", None) is not None:
        yield
        return
    with ExitStack() as stack:
        _kept.open, _kept.stack = {}, stack
        try:
            yield
        finally:
            _kept.open = None


@contextmanager
def connection(name: tuple[Any, ...], make: Callable[[], AbstractContextManager[Connection]]) -> Iterator[Connection]:
    """The kept connection of that name, made if there is none; outside `keeping_connections`, one for this once."""
    kept = getattr(_kept, "open", None)
    if kept is None:
        with make() as fresh:
            yield fresh
        return
    if name not in kept:
        kept[name] = _kept.stack.enter_context(make())
    yield kept[name]


@contextmanager
def ended_after(seconds: float, sockets: Callable[[], Iterable[socket.socket | None]]) -> Iterator[None]:
    """Ends those connections when the time is over: whoever sends a byte now and then does not hold us for ever."""

    def end() -> None:
        for each in sockets():
            if each is not None:
                with suppress(OSError):
                    # Not as TLS would say good-bye, which waits for an answer: as the system does it, whoever is reading.
                    socket.socket.shutdown(each, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def tls() -> ssl.SSLContext:
    """Certificates are checked, and whom they name. SSL_CERT_FILE names authorities of one's own. ConnectionError where that cannot be read."""
    try:
        return httpx.create_ssl_context(trust_env=True)
    except OSError as error:
        raise ConnectionError(f"SSL_CERT_FILE or SSL_CERT_DIR: {error}") from error


class Client(httpx.Client):
    """Knows the sockets that it has opened."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.sockets: list[socket.socket] = []

    def note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self.sockets = [one for one in self.sockets if one.fileno() >= 0] + [info["return_value"].get_extra_info("socket")]


class Answer(NamedTuple):
    """`text` is empty for an answer that was too long to be one."""

    status: int
    headers: Mapping[str, str]
    text: str


class Patience(Protocol):
    """How long whoever asks waits: to be connected, and to be answered."""

    @property
    def connect_seconds(self) -> float: ...

    @property
    def answer_seconds(self) -> float: ...


def ask(setup: Patience, url: str, *, headers: Mapping[str, str], content: bytes, http2: bool = False, method: str = "POST") -> Answer | Outcome:
    """Ask once: the answer; or `unreachable` when nothing was surely sent, or `unknown` when it was and nothing whole came back."""
    timeout = httpx.Timeout(setup.answer_seconds, connect=setup.connect_seconds, pool=setup.connect_seconds)

    def make() -> Client:
        # Redirects are not followed: signatures and secrets go where they were addressed to.
        return Client(verify=tls(), http1=not http2, http2=http2, timeout=timeout, limits=httpx.Limits(max_connections=4, keepalive_expiry=5))

    try:
        with (
            connection((http2, timeout.read, timeout.connect), make) as client,
            ended_after(setup.connect_seconds + 2 * setup.answer_seconds, lambda: client.sockets),
            client.stream(
                method, url, headers={"accept-encoding": "identity", **headers}, content=content, extensions={"trace": client.note_socket}
            ) as response,
        ):
            read = bytearray()
            for piece in response.iter_raw():
                read += piece
                if len(read) > rules.MOST_READ:
                    break
            text = "" if len(read) > rules.MOST_READ else read.decode(errors="replace")
            return Answer(response.status_code, response.headers, text)
    except (
        ConnectionError,
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
        httpx.InvalidURL,
    ) as error:
        return Outcome("unreachable", detail=rules.short(f"{type(error).__name__}: {error}"))
    except httpx.HTTPError as error:
        return Outcome("unknown", detail=rules.short(f"{type(error).__name__}: {error}"))


def said_in_json(answer: Answer) -> dict[str, Any]:
    """What the answer says, where it is a JSON object; else nothing."""
    try:
        said = json.loads(answer.text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def not_understood(answer: Answer, now: datetime) -> Outcome:
    """What a status alone tells, of an answer that says nothing we know. A rejection was none of the provider's sending; the rest may be."""
    detail = rules.short(f"HTTP {answer.status} {answer.text}")
    if answer.status in (429, 503):
        return Outcome("throttled", detail=detail, retry_after=rules.wait_said(answer.headers.get("retry-after", ""), now))
    return Outcome("unreachable" if 300 <= answer.status < 500 else "unknown", detail=detail)


class Tokens:
    """Tokens that a provider gives for a while, in this process. One thread asks for a new one while the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str, ...], tuple[str, datetime]] = {}

    def get(self, whose: tuple[str, ...], now: datetime, fetch: Callable[[], tuple[str, timedelta] | Outcome], *, not_this: str = "") -> str | Outcome:
        """The token of `whose`, or what went wrong in getting one: then nothing was handed over. `not_this` one was refused."""
        with self._lock:
            token, until = self._held.get(whose, ("", now))
            if until > now and token != not_this:
                return token
            fetched = fetch()
            if isinstance(fetched, Outcome):
                self._held.pop(whose, None)
                # Whatever became of asking for a token, the message itself was not sent.
                return fetched._replace(state="unreachable", provider_id="", address_gone=False)
            token, lifetime = fetched
            self._held[whose] = (token, now + lifetime)
            return token

    def clear(self) -> None:
        with self._lock:
            self._held.clear()


def key_text(written: str) -> str:
    """A key or an account as the environment gives it: its text, or the path of the file that holds it. OSError where there is no such file."""
    return written if "\n" in written or written.lstrip().startswith(("-----BEGIN", "{")) else Path(written).read_text(encoding="utf-8")
