"""SMS by Aliyun: SendSms of Dysmsapi 2017-05-25, signed by ACS3-HMAC-SHA256 (Aliyun's signature V3, which replaces the older RPC one).

| Code of the answer | outcome |
|---|---|
| OK | accepted; `provider_id` is the BizId |
| isv.BUSINESS_LIMIT_CONTROL, other limits, Throttling…, 429, 503 | throttled; for a minute, an hour or a day where the message says which |
| isv.MOBILE_NUMBER_ILLEGAL | refused, `address_gone` |
| the account's own: no balance, signature or template not approved, keys, permissions | unreachable |
| other isv. codes | refused |
| isp. codes, InternalError, 5xx, anything that cannot be read | unknown |

The key goes along as OutId, and comes back with the receipt. Aliyun sends a second copy of the same OutId all the same.
"""

import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

from accounts.channels import rules
from accounts.channels.rules import Outcome, Rendered, Setup, Told

from . import connections
from .templates import MissingError, filled

ACTION, VERSION = "SendSms", "2017-05-25"
_THROTTLED = ("isv.BUSINESS_LIMIT", "isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL", "Throttling", "ServiceUnavailable")
_ACCOUNTS_OWN = (
    "isv.ACCOUNT_", "isv.AMOUNT_NOT_ENOUGH", "isv.OUT_OF_SERVICE", "isv.PRODUCT_UN", "isv.SMS_SIGN", "isv.SMS_TEMPLATE_ILLEGAL", "isv.DENY_IP_RANGE",
    "isp.RAM_PERMISSION", "SignatureDoesNotMatch", "SignatureNonceUsed", "Incomplete", "InvalidAccessKey", "InvalidTimeStamp", "Forbidden", "MissingAccessKey",
)  # fmt: skip
_WAITS = {"分钟": timedelta(minutes=1), "小时": timedelta(hours=1), "天": timedelta(days=1), "日": timedelta(days=1)}
_GONE = ("isv.MOBILE_NUMBER_ILLEGAL",)


def send(setup: Setup, to: str, message: Rendered, key: str, now: datetime) -> Outcome:
    number = rules.phone(to, setup.parameters["country_code"])
    if number is None:
        return Outcome("refused", detail="address_invalid")
    try:
        template, values = filled(setup, message)
    except MissingError as missing:
        return missing.outcome
    query = {
        # Mainland numbers stand alone, all others with their country and no plus.
        "PhoneNumbers": number.removeprefix("+86") if number.startswith("+86") else number[1:],
        "SignName": setup.parameters["sign_name"],
        "TemplateCode": template.code,
        "OutId": key if len(key) <= rules.LONGEST_ID else rules.mark(key),
    }
    if values:
        query["TemplateParam"] = json.dumps(dict(values), ensure_ascii=False)
    url = setup.environment["ALIYUN_SMS_URL"].rstrip("/") + "/"
    wanted = canonical_query(query)
    headers = sign(setup.environment, host=urlsplit(url).netloc, query=wanted, nonce=uuid.uuid4().hex, now=now)
    answer = connections.ask(setup, f"{url}?{wanted}", headers=headers, content=b"")
    return answer if isinstance(answer, Outcome) else meaning(answer, now)


def canonical_query(query: Mapping[str, str]) -> str:
    """Names in order, everything but RFC 3986's unreserved characters escaped."""
    return "&".join(f"{quote(name, safe='~')}={quote(query[name], safe='~')}" for name in sorted(query))


def sign(environment: Mapping[str, str], *, host: str, query: str, nonce: str, now: datetime) -> dict[str, str]:
    """The headers of a signed POST without a body to `/`."""
    body = hashlib.sha256(b"").hexdigest()
    headers = {
        "host": host,
        "x-acs-action": ACTION,
        "x-acs-content-sha256": body,
        "x-acs-date": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": VERSION,
    }
    signed = ";".join(sorted(headers))
    canonical = "\n".join(["POST", "/", query, *(f"{name}:{headers[name]}" for name in sorted(headers)), "", signed, body])
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    signature = hmac.new(environment["ALIYUN_SMS_ACCESS_KEY_SECRET"].encode(), text.encode(), hashlib.sha256).hexdigest()
    credential = environment["ALIYUN_SMS_ACCESS_KEY_ID"]
    return {**headers, "authorization": f"ACS3-HMAC-SHA256 Credential={credential},SignedHeaders={signed},Signature={signature}"}


def meaning(answer: connections.Answer, now: datetime) -> Outcome:
    said = connections.said_in_json(answer)
    code = str(said.get("Code") or "")
    if not code:
        return connections.not_understood(answer, now)
    words = str(said.get("Message") or "")
    detail = rules.short(f"{code}: {words}")
    if code == "OK":
        return Outcome("accepted", provider_id=str(said.get("BizId") or "")[: rules.LONGEST_ID], detail=detail)
    if code.startswith(_THROTTLED):
        wait = next((wait for word, wait in _WAITS.items() if word in words), None)
        return Outcome("throttled", detail=detail, retry_after=wait or rules.wait_said(answer.headers.get("retry-after", ""), now))
    if code.startswith(_ACCOUNTS_OWN):
        return Outcome("unreachable", detail=detail)
    if code.startswith("isv."):
        return Outcome("refused", detail=detail, address_gone=code in _GONE)
    return connections.not_understood(answer, now)._replace(detail=detail)


def receipts(lines: Sequence[object]) -> list[Told]:
    """What an SmsReport says; lines that say nothing of a message are left out."""
    told = []
    for line in lines:
        if isinstance(line, dict) and isinstance(line.get("biz_id"), str) and line["biz_id"] and isinstance(line.get("success"), bool):
            detail = rules.without(f"{line.get('err_code') or ''} {line.get('err_msg') or ''}", "sms", str(line.get("phone_number") or ""))
            key = line["out_id"][: rules.LONGEST_ID] if isinstance(line.get("out_id"), str) else ""
            told.append(Told(line["biz_id"][: rules.LONGEST_ID], "delivered" if line["success"] else "bounced", detail, key=key))
    return told
