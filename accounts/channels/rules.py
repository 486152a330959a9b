"""What is handed over and what becomes of it; what each provider needs; what an address looks like. Plain values only."""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Literal, NamedTuple

# Marks a text for translation; it is translated where it is shown.
_ = str

CHANNELS = ("inbox", "email", "sms", "push", "wechat")
State = Literal["accepted", "refused", "throttled", "unreachable", "unknown"]
_NOTHING: Mapping[str, str] = MappingProxyType({})

# What a provider answers is read up to here, kept up to there.
MOST_READ = 64 * 1024
MOST_KEPT = 300
LONGEST_ID = 200
LONGEST_WAIT = timedelta(days=1)


class Rendered(NamedTuple):
    """A message as it is to be sent. SMS and WeChat take no free text: for them `template` names the message's kind, `parameters` its variables."""

    subject: str
    text: str
    html: str = ""
    template: str = ""
    parameters: Mapping[str, str] = _NOTHING
    language: str = ""
    headers: Mapping[str, str] = _NOTHING


class Outcome(NamedTuple):
    """What became of a hand-over; the states are told in this feature's essay."""

    state: State
    provider_id: str = ""
    detail: str = ""
    retry_after: timedelta | None = None
    address_gone: bool = False


class Told(NamedTuple):
    """One line of a provider's receipt."""

    provider_id: str
    state: Literal["delivered", "bounced"]
    detail: str = ""
    address_gone: bool = False
    key: str = ""


class Parameter(NamedTuple):
    """Something public that a provider must know, as its form asks for it."""

    name: str
    label: str
    about: str
    required: bool = True
    pattern: str = ""
    default: str = ""
    choices: Sequence[tuple[str, str]] = ()


class Provider(NamedTuple):
    """`needs`: names of the environment without which it cannot be used; `may`: names that it also reads. `templates`: how its templates name variables.

    `receipts`: how the address to which it sends receipts goes on after its name.
    """

    code: str
    channel: str
    title: str
    about: str
    parameters: Sequence[Parameter]
    needs: Sequence[str]
    may: Sequence[str] = ()
    templates: Literal["", "named", "ordered"] = ""
    receipts: str | None = None


_ADDRESS = r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+"
_FROM = (
    Parameter("from_address", _("sender's address"), _("The address that members see and answer to: points@shop.example."), pattern=_ADDRESS),
    Parameter("from_name", _("name of the sender"), _("Shown instead of the address: the shop's name."), required=False),
    Parameter("reply_to", _("answers go to"), _("Empty: to the address above."), required=False, pattern=_ADDRESS),
)
_COUNTRY = Parameter(
    "country_code", _("country of numbers without one"), _("86: 13800138000 is taken for +8613800138000."), pattern=r"[1-9][0-9]{0,2}", default="86"
)
_SIGN = Parameter("sign_name", _("signature"), _("The signature approved for your account, without the brackets 【】 that stand around it in the message."))

PROVIDERS: Mapping[str, Provider] = {
    each.code: each
    for each in (
        Provider(
            "smtp",
            "email",
            _("Mail server (SMTP)"),
            _("Sends through your mail server or your mail provider's, over TLS."),
            _FROM,
            needs=("SMTP_HOST",),
            may=("SMTP_PORT", "SMTP_SECURITY", "SMTP_USER", "SMTP_PASSWORD"),
        ),
        Provider(
            "mailbox",
            "email",
            _("Files in a folder"),
            _("Nothing is sent: each message is a file in the folder MAIL_DIR, to be opened with any mail program. For trying things out."),
            _FROM,
            needs=("MAIL_DIR",),
        ),
        Provider(
            "aliyun",
            "sms",
            _("SMS by Aliyun"),
            _("Signature and templates are approved in Aliyun's console first."),
            (_SIGN, _COUNTRY),
            needs=("ALIYUN_SMS_ACCESS_KEY_ID", "ALIYUN_SMS_ACCESS_KEY_SECRET"),
            may=("ALIYUN_SMS_URL", "ALIYUN_SMS_RECEIPT_TOKEN"),
            templates="named",
            receipts="?token=ALIYUN_SMS_RECEIPT_TOKEN",
        ),
        Provider(
            "tencent",
            "sms",
            _("SMS by Tencent Cloud"),
            _("Application, signature and templates are made in Tencent Cloud's console first."),
            (
                Parameter("app_id", _("application"), _("SmsSdkAppId, digits only: 1400006666."), pattern=r"[0-9]+"),
                _SIGN,
                _COUNTRY,
                Parameter("region", _("region"), _("ap-guangzhou, ap-beijing or ap-nanjing."), pattern=r"[a-z]+-[a-z0-9-]+", default="ap-guangzhou"),
            ),
            needs=("TENCENT_SMS_SECRET_ID", "TENCENT_SMS_SECRET_KEY"),
            may=("TENCENT_SMS_URL", "TENCENT_SMS_RECEIPT_TOKEN"),
            templates="ordered",
            receipts="?token=TENCENT_SMS_RECEIPT_TOKEN",
        ),
        Provider(
            "fcm",
            "push",
            _("Push to Android (FCM)"),
            _("Google's Firebase Cloud Messaging. Serves addresses that begin with fcm: and go on with the device's token."),
            (Parameter("project", _("project"), _("The id of the Firebase project, as in its service account."), pattern=r"[a-z][a-z0-9-]{4,29}"),),
            needs=("FCM_SERVICE_ACCOUNT",),
            may=("FCM_URL",),
        ),
        Provider(
            "apns",
            "push",
            _("Push to iOS (APNs)"),
            _("Apple's Push Notification service. Serves addresses that begin with apns: and go on with the device's token."),
            (
                Parameter("topic", _("app"), _("The app's bundle id: com.example.shop."), pattern=r"[A-Za-z0-9.-]+"),
                Parameter("team", _("team"), _("The ten characters of your Apple developer team."), pattern=r"[A-Z0-9]{10}"),
                Parameter("key_id", _("number of the key"), _("The ten characters that the signing key was given."), pattern=r"[A-Z0-9]{10}"),
            ),
            needs=("APNS_KEY",),
            may=("APNS_URL",),
        ),
        Provider(
            "wechat",
            "wechat",
            _("WeChat official account"),
            _("Template messages to followers of your official account. An address is the follower's OpenID."),
            (
                Parameter("app_id", _("AppID"), _("Of the official account: wx and sixteen characters."), pattern=r"wx[0-9a-f]{16}"),
                Parameter(
                    "page", _("page that a message opens"), _("An https address of the shop. Empty: nothing opens."), required=False, pattern=r"https://\S+"
                ),
            ),
            needs=("WECHAT_APP_SECRET",),
            may=("WECHAT_URL", "WECHAT_RECEIPT_TOKEN", "WECHAT_AES_KEY"),
            templates="named",
            receipts="",
        ),
    )
}
PUSH = ("fcm", "apns")

# Each name of the environment: what it is.
ENVIRONMENT: Mapping[str, str] = {
    "SMTP_HOST": _("The mail server's name."),
    "SMTP_PORT": _("587, or 465 where TLS begins at once."),
    "SMTP_SECURITY": _("starttls, or tls where TLS begins at once; none sends without encryption, and without a password."),
    "SMTP_USER": _("Who logs in there. Empty: nobody needs to."),
    "SMTP_PASSWORD": _("The password for it."),
    "MAIL_DIR": _("The folder in which messages are kept as files."),
    "ALIYUN_SMS_ACCESS_KEY_ID": _("Of a RAM user who may do nothing but send messages."),
    "ALIYUN_SMS_ACCESS_KEY_SECRET": _("The secret of that key."),
    "ALIYUN_SMS_RECEIPT_TOKEN": _("A long random text of your own, which makes Aliyun's receipts believed."),
    "ALIYUN_SMS_URL": _("Where Aliyun is reached."),
    "TENCENT_SMS_SECRET_ID": _("Of a sub-user who may do nothing but send messages."),
    "TENCENT_SMS_SECRET_KEY": _("The secret of that key."),
    "TENCENT_SMS_RECEIPT_TOKEN": _("A long random text of your own, which makes Tencent's receipts believed."),
    "TENCENT_SMS_URL": _("Where Tencent Cloud is reached."),
    "FCM_SERVICE_ACCOUNT": _("The service account's JSON, or the path of its file."),
    "FCM_URL": _("Where FCM is reached."),
    "APNS_KEY": _("The signing key (.p8), or the path of its file."),
    "APNS_URL": _("Where APNs is reached; https://api.sandbox.push.apple.com for apps under test."),
    "WECHAT_APP_SECRET": _("The AppSecret of the official account."),
    "WECHAT_RECEIPT_TOKEN": _("The Token entered at the official account, which signs its events."),
    "WECHAT_AES_KEY": _("The EncodingAESKey of the official account, where it sends its events in safe mode."),
    "WECHAT_URL": _("Where WeChat is reached."),
}

# What a template of a provider's calls a variable, and what we call it: `thing1=tier`. Ordered ones: our name alone.
_LINE = re.compile(r"(?:(?P<theirs>[A-Za-z][A-Za-z0-9_]*)\s*=\s*)?(?P<ours>[a-z][a-z0-9_]*)")


def template_variables(lines: str, *, ordered: bool) -> list[tuple[str, str]] | None:
    """(theirs, ours) of each line, in order; None where a line cannot be read."""
    found = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        parts = _LINE.fullmatch(line)
        if parts is None or (ordered and parts["theirs"]):
            return None
        found.append((parts["theirs"] or parts["ours"], parts["ours"]))
    return found


_LABEL = r"[^@\s<>\"(),:;\[\]\\_\x00-\x1f\x7f.-][^@\s<>\"(),:;\[\]\\_\x00-\x1f\x7f.]*"
_EMAIL = re.compile(rf"[^@\s<>\"(),:;\[\]\\\x00-\x1f\x7f]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}")
_PUSH = re.compile(r"fcm:[A-Za-z0-9_:-]{20,4096}|apns:(?:[0-9A-Fa-f]{2}){16,128}")
_OPEN_ID = re.compile(r"[A-Za-z0-9_-]{20,64}")


def well_formed(channel: str, to: str) -> bool:
    """Whether `to` can be an address of that channel at all."""
    if channel == "email":
        return len(to) <= 254 and _EMAIL.fullmatch(to) is not None
    if channel == "sms":
        return phone(to, "86") is not None
    pattern = {"push": _PUSH, "wechat": _OPEN_ID}.get(channel)
    return pattern is not None and pattern.fullmatch(to) is not None


def phone(written: str, country_code: str) -> str | None:
    """The number as E.164 has it, `+` and digits; None for what is no number. Without a country's prefix it is one of `country_code`."""
    digits = re.sub(r"[\s().-]", "", written)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if not digits.startswith("+"):
        # A country's own long-distance prefix is not dialled from abroad; mainland mobiles have none.
        digits = "+" + (digits if country_code == "86" and re.fullmatch(r"86\d{11}", digits) else country_code + digits.removeprefix("0"))
    # In mainland China only mobiles take messages.
    return digits if re.fullmatch(r"\+(?!86)[1-9][0-9]{6,14}|\+861[0-9]{10}", digits) else None


def masked(channel: str, to: str) -> str:
    """Enough of an address to compare by, too little to use."""
    if channel == "email":
        name, at, domain = to.partition("@")
        return f"{name[:1]}***{at}{domain}"
    if channel == "sms":
        return f"{to[:-8]}****{to[-4:]}" if len(to) > 8 else "****"
    kind, colon, rest = to.rpartition(":") if channel == "push" else ("", "", to)
    return f"{kind}{colon}{rest[:4]}…"


def without(text: str, channel: str, to: str) -> str:
    """The text with the address masked wherever it says it: servers like to repeat it."""
    spelled = {to, to.rpartition(":")[2] if channel == "push" else to}
    if channel == "sms":
        digits = re.sub(r"[^0-9]", "", phone(to, "86") or to)
        spelled |= {digits, f"+{digits}", digits.removeprefix("86")}
    for one in sorted((one for one in spelled if len(one) > 4), key=len, reverse=True):
        text = re.sub(re.escape(one), lambda _found: masked(channel, to), text, flags=re.IGNORECASE)
    return text


def short(text: str) -> str:
    """A provider's words as they are kept: one line, not long, nothing that a terminal or a database would stumble over."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", " ", text).split())[:MOST_KEPT]


def mark(key: str) -> str:
    """A key as providers can take it: 32 hexadecimal digits, always the same for the same key."""
    return sha256(key.encode()).hexdigest()[:32]


def uuid_of(key: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:loyalty:message:{key}"))


def wait_said(retry_after: str, now: datetime) -> timedelta | None:
    """What a `Retry-After` header says, in seconds or as a date; at most a day."""
    said = retry_after.strip()
    if re.fullmatch(r"[0-9]{1,9}", said, re.ASCII):
        return min(timedelta(seconds=int(said)), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(said)
    except (TypeError, ValueError, IndexError):
        return None
    return min(max(until.replace(tzinfo=until.tzinfo or UTC) - now, timedelta(0)), LONGEST_WAIT)


class Template(NamedTuple):
    """A template approved at a provider: its code there, and (theirs, ours) of each variable, in its order."""

    code: str
    variables: Sequence[tuple[str, str]]


class Setup(NamedTuple):
    """All that an adapter is told besides the message: the provider's public parameters, its environment, its templates by kind and language."""

    provider: Provider
    parameters: Mapping[str, str]
    environment: Mapping[str, str]
    templates: Mapping[tuple[str, str], Template]
    connect_seconds: float
    answer_seconds: float

    def template_of(self, message: Rendered) -> Template | None:
        """The template of the message's kind in its language; in the other one where it has none in this."""
        languages = (message.language, "zh-hans", "en")
        return next((self.templates[message.template, one] for one in languages if (message.template, one) in self.templates), None)


# What became of a test, for who sent it.
TESTED: Mapping[State, str] = {
    "accepted": _("The provider has taken it as number %(number)s. Now see whether it arrives."),
    "refused": _("The provider refuses it: %(detail)s"),
    "throttled": _("The provider takes nothing right now: %(detail)s"),
    "unreachable": _("It was not handed over: %(detail)s"),
    "unknown": _("It was sent, and no answer came that says what became of it: %(detail)s"),
}

# Why nothing can be sent, or not to this address: code → sentence.
WHY_NOT: Mapping[str, str] = {
    "not_in_use": _("No provider is in use for this channel."),
    "parameters_missing": _("The provider's settings are not complete."),
    "environment_missing": _("What the provider needs from the environment is missing."),
    "address_invalid": _("This is no address of that channel."),
    "template_missing": _("The provider has no template for this kind of message."),
}


class Readiness(NamedTuple):
    """Whether a channel can send now; `why_not` is a code of WHY_NOT, empty when it can."""

    can_send: bool
    why_not: str = ""
    providers: Sequence[str] = ()


def fault_of(provider: Provider, parameters: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """Why the provider cannot be used as it is set up; empty when it can."""
    if not all(parameters.get(each.name) or each.default for each in provider.parameters if each.required):
        return "parameters_missing"
    return "" if all(environment.get(name) for name in provider.needs) else "environment_missing"


def serves(provider: Provider, channel: str, to: str) -> bool:
    """Push is served by the provider that the address begins with, every other channel by the one in use."""
    return provider.channel == channel and (channel != "push" or to.startswith(f"{provider.code}:"))
