"""Connections, kept open for a batch, and one HTTP request with its ends told apart: not sent, or sent and not answered."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, NamedTuple, TypeVar

import httpx

from accounts.channels import rules
from accounts.channels.rules import Outcome, Setup

Connection = TypeVar("Connection")
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


def tls() -> ssl.SSLContext:
    """Certificates are checked, and whom they name. SSL_CERT_FILE names authorities of one's own."""
    return httpx.create_ssl_context(trust_env=True)


class Answer(NamedTuple):
    """`text` is empty for an answer that was too long to be one, or is no text."""

    status: int
    headers: Mapping[str, str]
    text: str


def ask(setup: Setup, method: str, url: str, *, headers: Mapping[str, str], content: bytes, http2: bool = False) -> Answer | Outcome:
    """One request: its answer, or `unreachable` when it was surely not sent, or `unknown` when it was and nothing whole came back."""
    timeout = httpx.Timeout(setup.answer_seconds, connect=setup.connect_seconds, pool=setup.connect_seconds)

    def make() -> httpx.Client:
        # Redirects are not followed: signatures and secrets go where they were addressed to.
        return httpx.Client(verify=tls(), http1=not http2, http2=http2, timeout=timeout, limits=httpx.Limits(max_connections=4, keepalive_expiry=5))

    try:
        with (
            connection((setup.provider.code, http2, timeout.read, timeout.connect), make) as client,
            client.stream(method, url, headers={"accept-encoding": "identity", **headers}, content=content) as response,
        ):
            read = bytearray()
            for piece in response.iter_raw():
                read += piece
                if len(read) > rules.MOST_READ:
                    break
            text = "" if len(read) > rules.MOST_READ else read.decode(errors="replace")
            return Answer(response.status_code, response.headers, text)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        return Outcome("unreachable", detail=rules.short(f"{type(error).__name__}: {error}"))
    except httpx.HTTPError as error:
        return Outcome("unknown", detail=rules.short(f"{type(error).__name__}: {error}"))
