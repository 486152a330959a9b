"""The protocol of docs/INTEGRATING.md: JSON over HTTP, signed. Redirects are not followed; an answer is waited for no longer than it may take."""

from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from accounts.channels.providers import connections
from accounts.channels.rules import Outcome
from mall.vouchers import rules
from mall.vouchers.rules import Answer, Ask


class Line(NamedTuple):
    """All that is needed to reach a provider."""

    base_url: str
    key_id: str
    secret: str
    connect_seconds: float
    answer_seconds: float


def ask(line: Line, what: Ask, *, key: str, sku: str = "", quantity: int = 1, until: datetime | None = None, extends: str = "", now: datetime) -> Answer:
    """Ask once about the order of that key. Never raises for what the network does. Outside any transaction."""
    method = "DELETE" if what == "RETURN" else what
    url = f"{line.base_url}/orders" if what == "POST" else f"{line.base_url}/orders/{key}"
    body = rules.order(key=key, sku=sku, quantity=quantity, until=until, extends=extends) if what == "POST" else b""
    headers = rules.signed(key_id=line.key_id, secret=line.secret, method=method, path=urlsplit(url).path, body=body, now=now)
    headers |= {"accept": "application/json", **({"content-type": "application/json", "idempotency-key": key} if body else {})}
    answer = connections.ask(line, url, method=method, headers=headers, content=body)
    if isinstance(answer, Outcome):
        return Answer("unreachable" if answer.state == "unreachable" else "unknown", detail=answer.detail)
    wanted = 0 if extends else quantity
    return rules.meaning(status=answer.status, headers=answer.headers, text=answer.text, key=key, quantity=wanted, ask=what, now=now)
