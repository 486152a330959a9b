"""Template messages of a WeChat official account. Every answer is HTTP 200; its errcode says what became of it.

The access token is asked for at /cgi-bin/stable_token, which gives every process the same one: the older /cgi-bin/token ends the tokens of
all others with each new one.

| errcode | outcome |
|---|---|
| 0 | accepted; `provider_id` is the msgid |
| 40001, 40014, 42001 | once more with a new token, then unreachable; so is whatever goes wrong in getting the token |
| 40003, 43004 | refused, `address_gone`: not a follower's OpenID, or of one who follows no more |
| -1, 45009, 45011, 429, 503 | throttled; 45009 is the day's quota: an hour |
| 40013, 40125, 40164, 40037, 48001, 50001, 89503 | unreachable: the account's own settings, rights or addresses |
| other codes (43101: the member wants none of these; 47003: a variable does not fit) | refused |
| 5xx, anything that cannot be read | unknown |

The key goes along as client_msg_id: within ten minutes WeChat takes a second copy for the first.
"""

import base64
import hmac
import json
from datetime import datetime, timedelta
from hashlib import sha1, sha256
from xml.parsers import expat

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from accounts.channels import rules
from accounts.channels.rules import Outcome, Rendered, Setup, Told

from . import connections
from .templates import MissingError, filled

TOKENS = connections.Tokens()
_TOKEN_ENDED = (40001, 40014, 42001)
_GONE = (40003, 43004)
_THROTTLED = (-1, 45009, 45011)
_ACCOUNTS_OWN = (40002, 40013, 40125, 40164, 40037, 48001, 50001, 89501, 89503, 89506, 89507, *_TOKEN_ENDED)
# How old a receipt's signature may be: it does not cover what is told, so one that was overheard must not be good for ever.
FRESH = timedelta(minutes=15)


def send(setup: Setup, to: str, message: Rendered, key: str, now: datetime) -> Outcome:
    try:
        template, values = filled(setup, message)
    except MissingError as missing:
        return missing.outcome
    about: dict[str, object] = {
        "touser": to,
        "template_id": template.code,
        "client_msg_id": rules.mark(key),
        "data": {name: {"value": value} for name, value in values},
    }
    if setup.parameters["page"]:
        about["url"] = setup.parameters["page"]
    content = json.dumps(about, ensure_ascii=False).encode()
    url = setup.environment["WECHAT_URL"].rstrip("/")
    secret = setup.environment["WECHAT_APP_SECRET"]
    whose = ("wechat", url, setup.parameters["app_id"], sha256(secret.encode()).hexdigest())
    refused_token = ""
    for _attempt in range(2):
        token = TOKENS.get(whose, now, lambda: _fetch(setup, url, now), not_this=refused_token)
        if isinstance(token, Outcome):
            return token
        if token == refused_token:
            break
        answer = connections.ask(
            setup, f"{url}/cgi-bin/message/template/send?access_token={token}", headers={"content-type": "application/json; charset=utf-8"}, content=content
        )
        if isinstance(answer, Outcome):
            return answer
        if connections.said_in_json(answer).get("errcode") not in _TOKEN_ENDED:
            break
        refused_token = token
    return meaning(answer, now)


def _fetch(setup: Setup, url: str, now: datetime) -> tuple[str, timedelta] | Outcome:
    asked = {"grant_type": "client_credential", "appid": setup.parameters["app_id"], "secret": setup.environment["WECHAT_APP_SECRET"]}
    answer = connections.ask(setup, f"{url}/cgi-bin/stable_token", headers={"content-type": "application/json"}, content=json.dumps(asked).encode())
    if isinstance(answer, Outcome):
        return answer
    said = connections.said_in_json(answer)
    token, seconds = said.get("access_token"), said.get("expires_in")
    if isinstance(token, str) and token.replace("-", "").replace("_", "").isalnum() and token.isascii() and isinstance(seconds, int):
        # Renewed early, so that it does not end on the way; WeChat gives the next one from five minutes before.
        return token, timedelta(seconds=max(min(seconds, 86_400) - 300, 10))
    return Outcome("unreachable", detail=rules.short(f"no token: HTTP {answer.status} {said.get('errcode') or ''} {said.get('errmsg') or ''}"))


def meaning(answer: connections.Answer, now: datetime) -> Outcome:
    said = connections.said_in_json(answer)
    code = said.get("errcode")
    if not isinstance(code, int) or isinstance(code, bool):
        return connections.not_understood(answer, now)
    detail = rules.short(f"{code} {said.get('errmsg') or ''}")
    if code == 0:
        return Outcome("accepted", provider_id=str(said.get("msgid") or "")[: rules.LONGEST_ID], detail=detail)
    if code in _THROTTLED:
        return Outcome("throttled", detail=detail, retry_after=timedelta(hours=1) if code == 45009 else None)
    if code in _ACCOUNTS_OWN:
        return Outcome("unreachable", detail=detail)
    return Outcome("refused", detail=detail, address_gone=code in _GONE)


def signed(token: str, *, signature: str, timestamp: str, nonce: str, now: datetime, content: str = "") -> bool:
    """Whether WeChat, who knows the token, has signed this, a short while ago. Only what is encrypted is signed with its `content`."""
    parts = sorted((token, timestamp, nonce, *((content,) if content else ())))
    wanted = sha1("".join(parts).encode()).hexdigest()  # noqa: S324 (WeChat's choice)
    fresh = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12 and abs(now.timestamp() - int(timestamp)) <= FRESH.total_seconds()
    return fresh and hmac.compare_digest(wanted.encode(), signature.encode())


def sealed(text: str) -> str:
    """The encrypted content of an event in safe mode; empty where there is none. ValueError for what is no XML of WeChat's kind."""
    return _fields(text).get("Encrypt", "")


def opened(content: str, *, aes_key: str, app_id: str) -> str:
    """The event in an encrypted content: sixteen random bytes, the length, the event, the AppID, padded. ValueError where it is none of ours."""
    key = base64.b64decode(f"{aes_key}=", validate=True)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    plain = decryptor.update(base64.b64decode(content, validate=True)) + decryptor.finalize()
    plain = plain[: -plain[-1]] if plain else b""
    end = 20 + int.from_bytes(plain[16:20], "big")
    if len(plain) <= end or plain[end:] != app_id.encode():
        raise ValueError("it is for another account")
    return plain[20:end].decode()


def receipts(text: str) -> list[Told]:
    """What an event says, if it is about a template message. ValueError for what is no XML of WeChat's kind."""
    said = _fields(text)
    number, status = said.get("MsgID", ""), said.get("Status", "")
    if said.get("Event") != "TEMPLATESENDJOBFINISH" or not number or not status:
        return []
    return [Told(number[: rules.LONGEST_ID], "delivered" if status == "success" else "bounced", status)]


def _fields(text: str) -> dict[str, str]:
    """The texts of the elements below the outermost one."""
    found: dict[str, str] = {}
    open_elements: list[str] = []

    def begin(name: str, _attributes: object) -> None:
        open_elements.append(name)

    def end(_name: str) -> None:
        open_elements.pop()

    def characters(piece: str) -> None:
        if len(open_elements) == 2:
            found[open_elements[1]] = found.get(open_elements[1], "") + piece

    def refuse(*_about: object) -> None:
        # With it come entities, and with them answers larger than the question.
        raise ValueError("a document type is not expected")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, characters
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(str(error)) from error
    return {name: value.strip() for name, value in found.items()}
