from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.channels import services as channels
from accounts.members import selectors as members
from accounts.members.models import Member
from loyalty.lib.configuration import held
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme

from . import rules
from .models import Address, Channel, ChannelPace, Delivery, InboxItem, NotificationKind, NotificationSettings, Preference, Purpose, Template

OUTSIDE = [channel.value for channel in Channel if channel != Channel.INBOX]
# To how many of a member's devices a push message goes, the newest first.
DEVICES = 5


class InboxItemUnknown(BusinessError):
    code, status, title = "inbox_item_unknown", 404, _("There is no such message.")


class Reach(NamedTuple):
    """How a member can be reached: each channel's addresses, the newest first, and what they chose, by purpose and channel."""

    addresses: Mapping[str, list[str]]
    said: Mapping[tuple[str, str], bool]


def settings() -> NotificationSettings:
    return NotificationSettings.current()


def kinds() -> dict[str, NotificationKind]:
    """Every kind by its code, as it was at most CONFIGURATION_SECONDS ago. Not to be changed."""
    return held(NotificationKind, lambda: {kind.code: kind for kind in NotificationKind.objects.all()} or None) or {}  # type: ignore[return-value, arg-type]


def texts() -> dict[tuple[str, str, str], Template]:
    """Every text by kind, channel and language, as it was at most CONFIGURATION_SECONDS ago."""

    def read() -> dict[tuple[str, str, str], Template] | None:
        return {(text.kind_id, text.channel, text.language): text for text in Template.objects.all()} or None

    return held(Template, read) or {}  # type: ignore[return-value, arg-type]


def text_for(*, kind: str, channel: str, language: str) -> Template | None:
    """What a kind says on that channel: in the member's language, else in Chinese, else in English."""
    known = texts()
    return next((known[kind, channel, one] for one in rules.in_language(language) if (kind, channel, one) in known), None)


def faults(*, kind: NotificationKind, channel: str, subject: str, text: str, html: str) -> list[tuple[str, str]]:
    """What is wrong with a text, as (field, sentence)."""
    found = []
    for field, said in (("subject", subject), ("text", text), ("html", html)):
        if wrong := rules.not_understood(said, kind.speaks_of):
            names = ", ".join(f"{{{{ {name} }}}}" for name in kind.speaks_of)
            found.append((field, gettext("%(wrong)s is not known here. Known are: %(names)s.") % {"wrong": ", ".join(wrong), "names": names}))
        elif not rules.is_balanced(said):
            found.append((field, gettext("Each [[ needs a ]] after it, and none can stand within another.")))
    if channel in rules.WITH_SUBJECT and not subject:
        found.append(("subject", gettext("A message of this channel needs a subject.")))
    if not text:
        found.append(("text", gettext("Write what it says.")))
    return found


def channels_in_use() -> set[str]:
    """The channels for which an operator has chosen a provider, able to send at this moment or not; the inbox always."""
    return {channel for channel, ready in channels.providers().items() if ready.why_not != "not_in_use"}


def reaches(people: Collection[Member]) -> dict[UUID, Reach]:
    """How each of these members can be reached."""
    ids = [member.id for member in people]
    kept: dict[tuple[UUID, str], list[Address]] = defaultdict(list)
    for address in Address.objects.filter(member_id__in=ids).order_by("-added_at", "-id"):
        kept[address.member_id, address.channel].append(address)
    said: dict[UUID, dict[tuple[str, str], bool]] = defaultdict(dict)
    for preference in Preference.objects.filter(member_id__in=ids):
        said[preference.member_id][preference.purpose, preference.channel] = preference.wanted

    def addresses(member: Member) -> dict[str, list[str]]:
        profile = {"email": member.email, "sms": member.phone}
        found = {}
        for channel in OUTSIDE:
            rows = kept[member.id, channel]
            gone = {row.value for row in rows if row.gone_at}
            named = [*(row.value for row in rows if not row.gone_at), *([profile[channel]] if profile.get(channel) else [])]
            found[channel] = [value for value in dict.fromkeys(named) if value not in gone][: DEVICES if channel == Channel.PUSH else 1]
        return found

    return {member.id: Reach(addresses(member), said[member.id]) for member in people}


def wanted(*, purpose: str, channel: str, reach: Reach) -> bool:
    said = reach.said.get((purpose, channel))
    return rules.wanted(purpose=purpose, channel=channel, said=said, marketing_needs_consent=settings().marketing_needs_consent)


def preferences(*, member: Member) -> list[dict[str, Any]]:
    """For each purpose and channel, whether the member gets such messages by it, and whether they can choose."""
    reach = reaches([member])[member.id]
    return [
        {
            "purpose": purpose.value,
            "channel": channel.value,
            "wanted": wanted(purpose=purpose, channel=channel, reach=reach),
            "fixed": rules.is_fixed(purpose=purpose, channel=channel),
        }
        for purpose in Purpose
        for channel in Channel
    ]


class Due(NamedTuple):
    """A delivery that is to be handed over now, and what is asked about its member again."""

    delivery: Delivery
    kind: NotificationKind
    member: Member
    reach: Reach


def due(*, limit: int, now: datetime) -> list[Due]:
    """What is to be sent at `now`, the oldest first, by channels that may go on; nothing in quiet hours."""
    if quiet_until(now) > now:
        return []
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=now).exclude(channel__in=standing_still(now=now))
    rows = list(waiting.select_related("message", "member").order_by("due_at")[:limit])
    known, found = kinds(), reaches({row.member for row in rows})
    return [Due(row, known[row.message.kind_id], row.member, found[row.member_id]) for row in rows]


def would_send(*, now: datetime) -> dict[str, int]:
    """How much is due; 10,000 at most are counted. For whoever starts the job by hand."""
    quiet = quiet_until(now) > now
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=now).values("member_id")[: 0 if quiet else 10_000]
    found = list(waiting.values_list("member_id", flat=True))
    return {"members": len(set(found)), "messages": len(found)}


def quiet_until(moment: datetime) -> datetime:
    """`moment`, or the end of the quiet hours in which it lies."""
    hours = settings()
    return rules.after_quiet(moment, begins=hours.quiet_from, ends=hours.quiet_until, zone=programme.zone(now=moment))


def standing_still(*, now: datetime) -> list[str]:
    """The channels that hand nothing over at `now`: their provider asked them to wait, or the minute has had its share."""
    hours, minute = settings(), now.replace(second=0, microsecond=0)
    return [
        pace.channel
        for pace in ChannelPace.objects.all()
        if (pace.paused_until and pace.paused_until > now) or (pace.minute == minute and 0 < hours.per_minute(pace.channel) <= pace.used)
    ]


def inbox(*, member_id: UUID) -> QuerySet[InboxItem]:
    return InboxItem.objects.filter(member_id=member_id)


def inbox_item(*, member_id: UUID, item_id: UUID) -> InboxItem:
    """Refuses: InboxItemUnknown."""
    found = InboxItem.objects.filter(member_id=member_id, id=item_id).first()
    if found is None:
        raise InboxItemUnknown
    return found


def unread(*, member_id: UUID) -> int:
    """How many messages of the inbox the member has not read; 100 at most are counted."""
    return InboxItem.objects.filter(member_id=member_id, read_at=None)[:100].count()


def addresses(*, member_id: UUID) -> QuerySet[Address]:
    """What the member or the storefront gave, and what a provider told of it."""
    return Address.objects.filter(member_id=member_id).order_by("channel", "-added_at", "-id")


def found(term: str) -> QuerySet[Delivery]:
    """The deliveries that support means: by the member's storefront id, phone or e-mail, the address used, or the provider's number."""
    whose = {members.id_of(external_id=term)} | set(Member.objects.filter(phone=term).values_list("id", flat=True)[:20])
    if "@" in term:
        whose |= set(Member.objects.alias(lower_email=Lower("email")).filter(lower_email=term.lower()).values_list("id", flat=True)[:20])
    # With the channel, so that the index serves.
    return Delivery.objects.filter(Q(member_id__in=whose - {None}) | Q(to=term) | Q(channel__in=OUTSIDE, provider_id=term))


def failed(*, now: datetime) -> QuerySet[Delivery]:
    """What was given up, or got no answer, since this time yesterday."""
    since = now - timedelta(days=1)
    return Delivery.objects.filter(state__in=(Delivery.State.UNKNOWN, Delivery.State.GAVE_UP), settled_at__gte=since)
