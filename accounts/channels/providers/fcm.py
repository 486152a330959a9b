"""Push by Firebase Cloud Messaging, HTTP v1. A service account signs a JWT (RS256), Google gives an OAuth token for it, held until it ends.

| the answer | outcome |
|---|---|
| 200 with a name | accepted; `provider_id` is that name |
| UNREGISTERED; INVALID_ARGUMENT about message.token | refused, `address_gone` |
| other INVALID_ARGUMENT, SENDER_ID_MISMATCH | refused |
| QUOTA_EXCEEDED, UNAVAILABLE, 429, 503 | throttled, for as long as Retry-After says; a minute where the quota says nothing |
| 401 | once more with a new token, then unreachable; so are other 403 and 404, and whatever goes wrong in getting the token |
| INTERNAL, other 5xx, anything that cannot be read | unknown |

The key goes along as the notification's tag: on the device a second copy takes the place of the first.
"""

import json
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt

from accounts.channels import rules
from accounts.channels.rules import Outcome, Rendered, Setup

from . import connections

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKENS = connections.Tokens()


def send(setup: Setup, to: str, message: Rendered, key: str, now: datetime) -> Outcome:
    try:
        account = json.loads(connections.key_text(setup.environment["FCM_SERVICE_ACCOUNT"]))
        whose = ("fcm", account["client_email"], account["private_key_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return Outcome("unreachable", detail="FCM_SERVICE_ACCOUNT cannot be read")
    about = {
        "token": to.removeprefix("fcm:"),
        "notification": {"title": message.subject, "body": message.text},
        "android": {"notification": {"tag": rules.mark(key)}},
    }
    content = json.dumps({"message": about}, ensure_ascii=False).encode()
    url = f"{setup.environment['FCM_URL'].rstrip('/')}/v1/projects/{setup.parameters['project']}/messages:send"
    refused_token = ""
    for _attempt in range(2):
        token = TOKENS.get(whose, now, lambda: _fetch(setup, account, now), not_this=refused_token)
        if isinstance(token, Outcome):
            return token
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json; charset=utf-8"}
        answer = connections.ask(setup, url, headers=headers, content=content)
        if isinstance(answer, Outcome):
            return answer
        if answer.status != 401:
            break
        refused_token = token
    return meaning(answer, now)


def _fetch(setup: Setup, account: dict[str, Any], now: datetime) -> tuple[str, timedelta] | Outcome:
    try:
        claims = {"iss": account["client_email"], "scope": SCOPE, "aud": account["token_uri"], "iat": int(now.timestamp()), "exp": int(now.timestamp()) + 3600}
        assertion = jwt.encode(claims, account["private_key"], algorithm="RS256", headers={"kid": account["private_key_id"]})
    except (ValueError, KeyError, TypeError, jwt.PyJWTError):
        return Outcome("unreachable", detail="FCM_SERVICE_ACCOUNT cannot sign")
    content = urlencode({"grant_type": GRANT, "assertion": assertion}).encode()
    answer = connections.ask(setup, account["token_uri"], headers={"content-type": "application/x-www-form-urlencoded"}, content=content)
    if isinstance(answer, Outcome):
        return answer
    said = connections.said_in_json(answer)
    token, seconds = said.get("access_token"), said.get("expires_in")
    if answer.status == 200 and isinstance(token, str) and re.fullmatch(r"[!-~]+", token) and isinstance(seconds, int):
        # Renewed five minutes early, so that it does not end on the way.
        return token, timedelta(seconds=max(min(seconds, 86_400) - 300, 10))
    return Outcome("unreachable", detail=rules.short(f"no token: HTTP {answer.status} {said.get('error') or ''} {said.get('error_description') or ''}"))


def meaning(answer: connections.Answer, now: datetime) -> Outcome:
    said = connections.said_in_json(answer)
    if answer.status == 200 and isinstance(said.get("name"), str):
        return Outcome("accepted", provider_id=said["name"][: rules.LONGEST_ID])
    error = said.get("error")
    if not isinstance(error, dict):
        return connections.not_understood(answer, now)
    about = _objects(error.get("details"))
    code = next((str(each["errorCode"]) for each in about if each.get("errorCode")), str(error.get("status") or ""))
    detail = rules.short(f"{code}: {error.get('message') or ''}")
    if code in ("QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED", "UNAVAILABLE") or answer.status in (429, 503):
        wait = rules.wait_said(answer.headers.get("retry-after", ""), now)
        return Outcome("throttled", detail=detail, retry_after=wait or (timedelta(minutes=1) if answer.status == 429 else None))
    if code == "UNREGISTERED":
        return Outcome("refused", detail=detail, address_gone=True)
    if code == "INVALID_ARGUMENT":
        fields = [violation.get("field") for each in about for violation in _objects(each.get("fieldViolations"))]
        return Outcome("refused", detail=detail, address_gone="message.token" in fields)
    if code == "SENDER_ID_MISMATCH":
        return Outcome("refused", detail=detail)
    return connections.not_understood(answer, now)._replace(detail=detail)


def _objects(said: object) -> list[dict[str, Any]]:
    return [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []
