"""What is asked of a provider, how it is signed, what an answer means and what follows from it. Plain values only."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from accounts.channels.rules import short, wait_said

# What was lent is taken back (RETURN) by DELETE as well, but that it is still out is no end of it.
Ask = Literal["POST", "GET", "DELETE", "RETURN"]
Said = Literal["issued", "refused", "pending", "absent", "cancelled", "throttled", "unreachable", "unknown"]
# What a provider says and does not take back.
FINAL = ("issued", "refused", "cancelled")

# Whoever says how soon to ask is asked then; but after many attempts no sooner than this.
PATIENCE = timedelta(minutes=5)
BACK_OFF = (
    timedelta(seconds=10), timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3),
)  # fmt: skip


class Voucher(NamedTuple):
    """One voucher as a member gets it. A code, an address or both; `expires_on`: the last day on which it is good, where the provider says so."""

    code: str = ""
    url: str = ""
    expires_on: str = ""


class Answer(NamedTuple):
    """What came of one question. `number` is the provider's own of the order."""

    said: Said
    vouchers: tuple[Voucher, ...] = ()
    number: str = ""
    detail: str = ""
    retry_after: timedelta | None = None


def environment_name(what: Literal["SECRET", "URL"], provider: str) -> str:
    return f"VOUCHER_{what}_{provider.upper()}"


def signed(*, key_id: str, secret: str, method: str, path: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a signed request: HMAC-SHA256 over method, path, time and the body's digest, a line each."""
    timestamp = str(int(now.timestamp()))
    text = "\n".join((method, path, timestamp, hashlib.sha256(body).hexdigest()))
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"authorization": f"HMAC-SHA256 Credential={key_id}, Timestamp={timestamp}, Signature={signature}"}


def order(*, key: str, sku: str, quantity: int, until: datetime | None = None, extends: str = "") -> bytes:
    """The body that asks for vouchers. `until`: what is issued is lent, and is to end then; `extends`: the key of the loan that this one makes longer."""
    told: dict[str, Any] = {"key": key, "sku": sku, "quantity": quantity}
    if until is not None:
        told["until"] = until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if extends:
        told["extends"] = extends
    return json.dumps(told, separators=(",", ":")).encode()


def meaning(*, status: int, headers: Mapping[str, str], text: str, key: str, quantity: int, ask: Ask, now: datetime) -> Answer:
    """What a provider's answer says. It is believed only with our key in it: what some proxy says about a page is no provider's word.

    `quantity`: how many vouchers come with what is issued; 0 where none are looked for.
    """
    told = _json(text)
    # Words only: half an answer may hold half a voucher.
    words = f"{told.get('code') or ''} {told.get('detail') or ''}" if told or status < 400 else text
    detail = short(f"HTTP {status} {words}")
    if told.get("key") == key:
        detail = short(words)
        number = short(str(told.get("number") or ""))[:100]
        said = told.get("status")
        if said == "issued":
            found = vouchers(told.get("vouchers")) if quantity else ()
            return Answer("issued" if len(found) == quantity else "unknown", found if len(found) == quantity else (), number, detail)
        if said == "absent" and ask == "GET":
            return Answer("absent", detail=detail)
        if said == "pending" or said == "refused" or said == "cancelled":
            return Answer(said, number=number, detail=detail)
    if status in (429, 503):
        return Answer("throttled", detail=detail, retry_after=wait_said(headers.get("retry-after", ""), now))
    return Answer("unreachable" if 300 <= status < 500 else "unknown", detail=detail)


def vouchers(told: Any) -> tuple[Voucher, ...]:
    """The vouchers in an answer; those that nobody could use are left out."""
    found = []
    for one in told if isinstance(told, list) else []:
        if not isinstance(one, dict):
            continue
        code, url, day = (str(one.get(name) or "").strip() for name in ("code", "url", "expires_on"))
        plain = len(code) <= 200 and code.isprintable() and (not url or re.fullmatch(r"https?://[^\s<>\"']{1,490}", url))
        if (code or url) and plain and (not day or _is_day(day)):
            found.append(Voucher(code, url, day))
    return tuple(found)


def typed(lines: str) -> tuple[Voucher, ...]:
    """Vouchers as an operator types them, a line each: code, address and last day, with commas between; what is not there stays empty."""
    found = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        code, url, day, *_rest = [*(part.strip() for part in re.split("[,，]", line)), "", ""]
        found.append(Voucher(code, url, day))
    return tuple(found)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _json(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


class Next(NamedTuple):
    """What becomes of an order. Where it waits: what is asked next, and when."""

    state: Literal["waiting", "delivered", "refused", "withdrawn", "unknown"]
    ask: Ask
    due_at: datetime | None = None


def following(
    answer: Answer, *, ask: Ask, unanswered: bool, refused: bool = False, attempts: int, until: datetime, unwanted: bool = False, now: datetime
) -> Next:
    """What follows from an answer to `ask`. `unanswered`, `refused`: a POST before it got no answer, was refused; `until`: after that an operator decides.

    `unwanted`: nobody is there to get it any more, so it is to come to nothing.
    """
    if unwanted and ask != "DELETE" and answer.said not in ("refused", "cancelled"):
        return Next("waiting", "DELETE", now + (answer.retry_after or timedelta()))
    if answer.said == "issued" and ask != "RETURN":
        # Asked to cancel it, the provider says that it cannot any more.
        return Next("delivered", ask)
    if answer.said == "cancelled":
        return Next("withdrawn" if ask in ("DELETE", "RETURN") else "refused", ask)
    if answer.said == "refused":
        # The POST before may be the one that counts: what the provider made of the key, it says when asked for it.
        return Next("waiting", "GET", now) if ask == "POST" and unanswered else Next("refused", ask)
    if answer.said == "absent":
        # Refused and never seen: nothing was issued, and asked anew it would be refused anew.
        return Next("refused", ask) if refused else Next("waiting", "POST", now)
    if answer.said in ("unknown", "pending") and ask == "POST":
        ask = "GET"
    wait = BACK_OFF[min(attempts, len(BACK_OFF)) - 1]
    if answer.retry_after:
        wait = max(answer.retry_after, min(wait, PATIENCE))
    again = now + wait
    return Next("waiting", ask, again) if again <= until else Next("unknown", ask)


def masked(code: str) -> str:
    """Enough of a code to compare by, too little to use."""
    return f"••••{code[-4:]}" if len(code) > 8 else "••••"


# Marks a text for translation; it is translated where it is shown.
_ = str

# What came of asking a provider for an order that does not exist, for who tries its settings.
TRIED: Mapping[str, str] = {
    "absent": _("The provider answers as it should: it knows the key, and the signature is right."),
    "throttled": _("The provider takes nothing right now: %(detail)s"),
    "unreachable": _("The provider was not reached, or does not accept the key or the signature: %(detail)s"),
    "unknown": _("The provider answers something that is none of its answers, or not in time: %(detail)s"),
}
UNEXPECTED = _("The provider says that an order exists which we never made: %(detail)s")

# Why a provider cannot be asked: code → sentence.
WHY_NOT: Mapping[str, str] = {
    "not_in_use": _("The provider is not in use."),
    "secret_missing": _("The secret that signs is missing from the environment."),
    "worker_gone": _("Under way when its program was ended."),
}
