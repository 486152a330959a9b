"""SMS by Tencent Cloud: SendSms 2021-01-11, signed by TC3-HMAC-SHA256. Every answer is HTTP 200; what it says stands in it.

| Code, of the request or of the number | outcome |
|---|---|
| Ok | accepted; `provider_id` is the SerialNo |
| LimitExceeded…, RequestLimitExceeded…, ResourceInsufficient, 429, 503 | throttled; for 30 seconds, an hour or a day by the limit's name |
| InvalidParameterValue.IncorrectPhoneNumber | refused, `address_gone` |
| the account's own: AuthFailure…, UnauthorizedOperation…, no balance, signature, template or application not approved | unreachable |
| other InvalidParameter…, FailedOperation…, UnsupportedOperation…, MissingParameter | refused |
| InternalError…, 5xx, anything that cannot be read | unknown |

The key goes along as SessionContext, which Tencent gives back with the answer alone, not with the receipt.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from accounts.channels import rules
from accounts.channels.rules import Outcome, Rendered, Setup, Told

from . import connections
from .templates import MissingError, filled

ACTION, VERSION, SERVICE = "SendSms", "2021-01-11", "sms"
CONTENT_TYPE = "application/json; charset=utf-8"
_THROTTLED = ("LimitExceeded", "RequestLimitExceeded", "ResourceInsufficient")
_WAITS = {"ThirtySecond": timedelta(seconds=30), "OneHour": timedelta(hours=1), "Daily": timedelta(days=1)}
_ACCOUNTS_OWN = (
    "AuthFailure", "UnauthorizedOperation", "FailedOperation.InsufficientBalance", "FailedOperation.SignatureIncorrect", "FailedOperation.TemplateIncorrect",
    "FailedOperation.MissingSignature", "InvalidParameterValue.SdkAppIdNotExist", "InvalidParameterValue.MissingSignatureList",
)  # fmt: skip
_GONE = ("InvalidParameterValue.IncorrectPhoneNumber",)
_REFUSED = ("InvalidParameter", "FailedOperation", "UnsupportedOperation", "MissingParameter", "UnknownParameter")


def send(setup: Setup, to: str, message: Rendered, key: str, now: datetime) -> Outcome:
    number = rules.phone(to, setup.parameters["country_code"])
    if number is None:
        return Outcome("refused", detail="address_invalid")
    try:
        template, values = filled(setup, message)
    except MissingError as missing:
        return missing.outcome
    asked = {
        "PhoneNumberSet": [number],
        "SmsSdkAppId": setup.parameters["app_id"],
        "SignName": setup.parameters["sign_name"],
        "TemplateId": template.code,
        "TemplateParamSet": [value for _name, value in values],
        "SessionContext": key if len(key) <= rules.LONGEST_ID else rules.mark(key),
    }
    content = json.dumps(asked, ensure_ascii=False).encode()
    url = setup.environment["TENCENT_SMS_URL"].rstrip("/") + "/"
    headers = sign(setup.environment, host=urlsplit(url).netloc, region=setup.parameters["region"], content=content, now=now)
    answer = connections.ask(setup, url, headers=headers, content=content)
    return answer if isinstance(answer, Outcome) else meaning(answer, now)


def sign(environment: Mapping[str, str], *, host: str, region: str, content: bytes, now: datetime) -> dict[str, str]:
    """The headers of a signed POST of JSON to `/`."""
    date, timestamp = now.astimezone(UTC).strftime("%Y-%m-%d"), str(int(now.timestamp()))
    signed = "content-type;host;x-tc-action"
    canonical = "\n".join(
        ["POST", "/", "", f"content-type:{CONTENT_TYPE}", f"host:{host}", f"x-tc-action:{ACTION.lower()}", "", signed, hashlib.sha256(content).hexdigest()]
    )
    scope = f"{date}/{SERVICE}/tc3_request"
    text = "\n".join(["TC3-HMAC-SHA256", timestamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    secret = f"TC3{environment['TENCENT_SMS_SECRET_KEY']}".encode()
    for part in (date, SERVICE, "tc3_request"):
        secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{environment['TENCENT_SMS_SECRET_ID']}/{scope}"
    return {
        "content-type": CONTENT_TYPE,
        "host": host,
        "authorization": f"TC3-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={signature}",
        "x-tc-action": ACTION,
        "x-tc-version": VERSION,
        "x-tc-timestamp": timestamp,
        "x-tc-region": region,
    }


def meaning(answer: connections.Answer, now: datetime) -> Outcome:
    said = connections.said_in_json(answer).get("Response")
    line = _line(said) if isinstance(said, dict) else {}
    code = str(line.get("Code") or "")
    if not code:
        return connections.not_understood(answer, now)
    detail = rules.short(f"{code}: {line.get('Message') or ''}")
    if code == "Ok":
        return Outcome("accepted", provider_id=str(line.get("SerialNo") or "")[: rules.LONGEST_ID], detail=detail)
    if code.startswith(_THROTTLED):
        return Outcome("throttled", detail=detail, retry_after=next((wait for word, wait in _WAITS.items() if word in code), None))
    if code.startswith(_ACCOUNTS_OWN):
        return Outcome("unreachable", detail=detail)
    if code.startswith(_REFUSED):
        return Outcome("refused", detail=detail, address_gone=code in _GONE)
    return Outcome("unknown", detail=detail)


def _line(said: dict[str, Any]) -> dict[str, Any]:
    """The request's own fault, or what is said of the one number that was in it."""
    if isinstance(said.get("Error"), dict):
        return dict(said["Error"])
    numbers = said.get("SendStatusSet")
    return dict(numbers[0]) if isinstance(numbers, list) and numbers and isinstance(numbers[0], dict) else {}


def receipts(lines: Sequence[object]) -> list[Told]:
    """What a status callback says; lines that say nothing of a message are left out."""
    told = []
    for line in lines:
        if isinstance(line, dict) and isinstance(line.get("sid"), str) and line["sid"] and line.get("report_status") in ("SUCCESS", "FAIL"):
            detail = rules.without(f"{line.get('errmsg') or ''} {line.get('description') or ''}", "sms", str(line.get("mobile") or ""))
            told.append(Told(line["sid"][: rules.LONGEST_ID], "delivered" if line["report_status"] == "SUCCESS" else "bounced", detail))
    return told
