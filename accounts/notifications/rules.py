"""What a message says, when it may go out, and what follows from the provider's answer. Plain values in, plain values out."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from html import escape
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_date

from loyalty.lib.localtime import local_date

CODE = r"^[a-z][a-z0-9_]{0,39}$"
# The languages of ours, in the order in which one stands in for another.
LANGUAGES = ("zh-hans", "en")
# A variable's type → what `about` holds for it.
TYPES = {
    "text": "a text",
    "both": 'a text in both languages: {"zh": …, "en": …}',
    "number": "a whole number",
    "points": "a number of points",
    "day": "a day, YYYY-MM-DD",
    "amounts": 'a list of {"points": …, "day": …}',
}
# What every message may speak of, whatever its kind.
STANDARD = ("member_name", "points_name", "points_unit", "unsubscribe_link")

_PLACEHOLDER = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")
# What is left out as a whole where a placeholder in it has no value.
_OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_MEANT = re.compile(r"\{\{.*?\}\}|\{\{|\{%.*?%\}|\{%", re.DOTALL)

# What fits into one short message: in the alphabet of GSM 03.38, and in any other; then for each of several.
GSM = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
GSM_TWICE = "^{}\\[~]|€\f"

# How long after a failure of a hand-over the next one comes.
BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3))

# Channels whose messages have a subject of their own.
WITH_SUBJECT = ("inbox", "email", "push", "wechat")
# Why nothing was sent: code → sentence. Marked for translation; translated where it is shown.
_ = str
WHY_NOT = {
    "no_address": _("The member has no address for this channel."),
    "not_wanted": _("The member does not want such messages by this channel."),
    "no_text": _("There is no text for this channel."),
    "closed": _("The member is closed."),
    "too_many_today": _("The member had the day's marketing already."),
    "not_needed": _("Another channel worked."),
    "too_late": _("It could not be sent in time."),
    "worker_gone": _("The program that sent it was ended before an answer came."),
}

Answer = Literal["accepted", "refused", "throttled", "unreachable", "unknown"]


class Variable(NamedTuple):
    """Something that messages of a kind may speak of. `sample` is what `about` could hold for it, for previews."""

    name: str
    type: str
    zh: str
    en: str
    sample: Any


class Next(NamedTuple):
    """What a delivery becomes after an answer; `due_at` where it waits for another try."""

    state: Literal["handed_over", "waiting", "unknown", "refused", "gave_up"]
    due_at: datetime | None = None


def variables(rows: Iterable[Mapping[str, Any]]) -> list[Variable]:
    """A kind's variables, from how its row keeps them."""
    return [Variable(row["name"], row["type"], row["zh"], row["en"], row["sample"]) for row in rows]


def placeholders(text: str) -> list[str]:
    """The names that stand in `{{ … }}`, each once, in the order in which they come."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


def not_understood(text: str, known: Collection[str]) -> list[str]:
    """What looks like a placeholder and is none of those known."""
    wrong = []
    for written in _MEANT.findall(text):
        found = _PLACEHOLDER.fullmatch(written)
        if found is None or found[1] not in known:
            wrong.append(written if len(written) <= 40 else f"{written[:40]}…")
    return list(dict.fromkeys(wrong))


def is_balanced(text: str) -> bool:
    """Whether each `[[` has its `]]`, and none stands within another."""
    marks = re.findall(r"\[\[|\]\]", text)
    return marks == ["[[", "]]"] * (len(marks) // 2)


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled; one without a value leaves nothing behind, nor does `[[ … ]]` around it."""

    def optional(found: re.Match[str]) -> str:
        return found[1] if all(values.get(name) for name in _PLACEHOLDER.findall(found[1])) else ""

    return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), _OPTIONAL.sub(optional, text))


def fill_html(html: str, values: Mapping[str, str]) -> str:
    """The same for HTML: what is filled in stands there as text, whatever signs it is made of."""
    return fill(html, {name: escape(value).replace("\n", "<br>") for name, value in values.items()})


def in_language(given: str) -> list[str]:
    """The languages in which to look for a text, the member's own first."""
    own = "zh-hans" if given.startswith("zh") else given
    return list(dict.fromkeys(language for language in (own, *LANGUAGES) if language in LANGUAGES))


def shown(kind: str, value: Any, language: str) -> str:
    """A value as people read it in that language. Never fails: a message that says less is better than an order that fails."""
    if value is None:
        return ""
    if kind == "both" and isinstance(value, Mapping):
        return str(value.get("zh" if language.startswith("zh") else "en") or next(iter(value.values()), ""))
    if kind in ("number", "points") and isinstance(value, int):
        return f"{value:,}"
    if kind == "day":
        return day(value, language)
    if kind == "amounts" and isinstance(value, Sequence) and not isinstance(value, str):
        colon = "：" if language.startswith("zh") else ": "
        rows = [row for row in value if isinstance(row, Mapping)]
        return "\n".join(f"{day(row.get('day'), language)}{colon}{shown('points', row.get('points'), language)}" for row in rows)
    return str(value)


def day(value: Any, language: str) -> str:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value[:10])
        except ValueError:
            return str(value)
    if not isinstance(value, date):
        return ""
    return str(format_date(value, format="long", locale="zh_Hans" if language.startswith("zh") else "en"))


def values(known: Iterable[Variable], about: Mapping[str, Any], standard: Mapping[str, str], language: str) -> dict[str, str]:
    """What the placeholders of a message are filled with."""
    return {**standard, **{variable.name: shown(variable.type, about.get(variable.name), language) for variable in known}}


def is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None


def one_line(text: str) -> str:
    """A text fit for a mail's header: no line break gets into it."""
    return " ".join(text.split())


def segments(text: str) -> int:
    """How many short messages carry that text."""
    if all(sign in GSM or sign in GSM_TWICE for sign in text):
        length, single, each = len(text) + sum(sign in GSM_TWICE for sign in text), 160, 153
    else:
        length, single, each = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if length <= single else -(-length // each)


def is_quiet(at: time, begins: time | None, ends: time | None) -> bool:
    """Whether a time of day lies in the quiet hours; where they begin and end at the same time, or not at all, there are none."""
    if begins is None or ends is None or begins == ends:
        return False
    return begins <= at < ends if begins < ends else at >= begins or at < ends


def after_quiet(moment: datetime, *, begins: time | None, ends: time | None, zone: ZoneInfo) -> datetime:
    """`moment`, or where it lies in the quiet hours of the local clock, when they end.

    Where that time of day comes twice, quiet lasts until the second one; where it is skipped, until as long after as it would have been.
    """
    local = moment.astimezone(zone)
    if begins is None or ends is None or not is_quiet(local.time(), begins, ends):
        return moment
    last_day = local_date(moment, zone) + timedelta(days=1) if local.time() >= ends else local_date(moment, zone)
    end = datetime.combine(last_day, ends, tzinfo=zone).astimezone(moment.tzinfo)
    again = datetime.combine(last_day, ends, tzinfo=zone).replace(fold=1).astimezone(moment.tzinfo)
    return again if again > end else end


def is_fixed(*, purpose: str, channel: str) -> bool:
    """Whether members cannot choose: the inbox disturbs nobody, and what concerns their own points and tier always stands there."""
    return channel == "inbox" and purpose != "marketing"


def wanted(*, purpose: str, channel: str, said: bool | None, marketing_needs_consent: bool) -> bool:
    """Whether a member gets messages of that purpose by that channel; `said` is what they chose, None where they did not."""
    if is_fixed(purpose=purpose, channel=channel):
        return True
    if said is not None:
        return said
    return channel == "inbox" or purpose != "marketing" or not marketing_needs_consent


def again_at(*, failures: int, retry_after: timedelta | None, now: datetime) -> datetime:
    """When to try again after so many hand-overs that failed, at least one; what the provider asked for comes first."""
    return now + (retry_after or BACK_OFF[min(failures, len(BACK_OFF)) - 1])


def settle(answer: Answer, *, resend_unknown: bool, unanswered: bool, again: datetime, until: datetime) -> Next:
    """What becomes of a delivery after a hand-over.

    `unanswered`: whether one before it got no answer. `again`: when the next one could be; `until`: after that the message is of no use.
    What may have arrived never ends as given up.
    """
    if answer == "accepted":
        return Next("handed_over")
    if answer == "refused":
        return Next("refused")
    if answer == "unknown" and not resend_unknown:
        return Next("unknown")
    if again <= until:
        return Next("waiting", again)
    return Next("unknown") if unanswered or answer == "unknown" else Next("gave_up")
