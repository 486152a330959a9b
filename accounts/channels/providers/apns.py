"""Push by Apple's Push Notification service over HTTP/2, with a provider token (a JWT signed by ES256) that is used for forty minutes.

| the answer | outcome |
|---|---|
| 200 | accepted; `provider_id` is the apns-id |
| 410 (Unregistered, ExpiredToken), BadDeviceToken | refused, `address_gone` |
| 403 ExpiredProviderToken | once more with a new token, then unreachable; so are the other faults of key, team and app |
| 429, 503, IdleTimeout | throttled; twenty minutes for TooManyProviderTokenUpdates |
| other 4xx | refused |
| other 5xx, anything that cannot be read | unknown |

apns-id is made of the key, and so is apns-collapse-id: on the device a second copy takes the place of the first.
"""

import json
from datetime import datetime, timedelta

import jwt

from accounts.channels import rules
from accounts.channels.rules import Outcome, Rendered, Setup

from . import connections

# Apple takes one between twenty minutes and an hour old.
LIFETIME = timedelta(minutes=40)
TOKENS = connections.Tokens()
_GONE = ("Unregistered", "ExpiredToken", "BadDeviceToken")
_THROTTLED = ("TooManyRequests", "TooManyProviderTokenUpdates", "ServiceUnavailable", "Shutdown", "IdleTimeout")
_ACCOUNTS_OWN = (
    "BadCertificate", "BadCertificateEnvironment", "ExpiredProviderToken", "Forbidden", "InvalidProviderToken", "MissingProviderToken", "BadTopic",
    "MissingTopic", "TopicDisallowed", "UnrelatedKeyIdInToken", "BadEnvironmentKeyIdInToken", "BadEnvironmentKeyInToken",
)  # fmt: skip


def send(setup: Setup, to: str, message: Rendered, key: str, now: datetime) -> Outcome:
    number = rules.uuid_of(key)
    content = json.dumps({"aps": {"alert": {"title": message.subject, "body": message.text}, "sound": "default"}}, ensure_ascii=False).encode()
    url = f"{setup.environment['APNS_URL'].rstrip('/')}/3/device/{to.removeprefix('apns:').lower()}"
    whose = ("apns", setup.parameters["team"], setup.parameters["key_id"], setup.environment["APNS_KEY"])
    refused_token = ""
    for _attempt in range(2):
        token = TOKENS.get(whose, now, lambda: _sign(setup, now), not_this=refused_token)
        if isinstance(token, Outcome):
            return token
        headers = {
            "authorization": f"bearer {token}",
            "apns-topic": setup.parameters["topic"],
            "apns-push-type": "alert",
            "apns-id": number,
            "apns-collapse-id": rules.mark(key),
            "content-type": "application/json",
        }
        answer = connections.ask(setup, url, headers=headers, content=content, http2=True)
        if isinstance(answer, Outcome):
            return answer._replace(provider_id=number) if answer.state == "unknown" else answer
        if _reason(answer) != "ExpiredProviderToken":
            break
        refused_token = token
    return meaning(answer, number, now)


def _sign(setup: Setup, now: datetime) -> tuple[str, timedelta] | Outcome:
    claims = {"iss": setup.parameters["team"], "iat": int(now.timestamp())}
    try:
        secret = connections.key_text(setup.environment["APNS_KEY"])
        return jwt.encode(claims, secret, algorithm="ES256", headers={"kid": setup.parameters["key_id"]}), LIFETIME
    except (OSError, ValueError, TypeError, jwt.PyJWTError):
        return Outcome("unreachable", detail="APNS_KEY cannot sign")


def _reason(answer: connections.Answer) -> str:
    return str(connections.said_in_json(answer).get("reason") or "")


def meaning(answer: connections.Answer, number: str, now: datetime) -> Outcome:
    if answer.status == 200:
        return Outcome("accepted", provider_id=answer.headers.get("apns-id", number)[: rules.LONGEST_ID])
    reason = _reason(answer)
    detail = rules.short(f"{answer.status} {reason}")
    if answer.status == 410 or reason in _GONE:
        return Outcome("refused", detail=detail, address_gone=True)
    if answer.status in (429, 503) or reason in _THROTTLED:
        wait = timedelta(minutes=20) if reason == "TooManyProviderTokenUpdates" else rules.wait_said(answer.headers.get("retry-after", ""), now)
        return Outcome("throttled", detail=detail, retry_after=wait)
    if reason in _ACCOUNTS_OWN:
        return Outcome("unreachable", detail=detail)
    if reason and 400 <= answer.status < 500:
        return Outcome("refused", detail=detail)
    outcome = connections.not_understood(answer, now)
    return outcome._replace(detail=detail if reason else outcome.detail, provider_id=number if outcome.state == "unknown" else "")
