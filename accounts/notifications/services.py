from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext

from accounts.members.models import Member
from loyalty.lib.ids import new_id
from loyalty.lib.localtime import local_date
from loyalty.outbox import services as outbox
from loyalty.outbox.rules import Event
from loyalty.programme import selectors as programme

from . import events, rules, selectors
from .models import Channel, Delivery, InboxItem, Message, NotificationKind, Purpose

State = Delivery.State

_COUNT_MARKETING = """
INSERT INTO accounts_marketingday AS there (id, member_id, day, used)
SELECT told.id, told.member_id, %s, 1 FROM unnest(%s::uuid[], %s::uuid[]) AS told (id, member_id)
ON CONFLICT (member_id, day) DO UPDATE SET used = there.used + 1 WHERE there.used < %s
RETURNING there.member_id
"""


class Notice(NamedTuple):
    """Something to be told to a member: see `notify`."""

    member_id: UUID
    kind: str
    key: str
    about: Mapping[str, Any]


def notify(*, member_id: UUID, kind: str, key: str, about: Mapping[str, Any], now: datetime) -> Message | None:
    """Tell a member something, once per key: asked again, the first message is given and nothing else happens.

    `about` holds a plain value for each variable of the kind (`rules.TYPES`); what is missing reads as nothing. It is planned within the
    caller's transaction and sent after it. None where the member is closed, or the kind not in use.
    """
    made = notify_all(notices=[Notice(member_id, kind, key, about)], now=now)
    return made[0] if made else Message.objects.filter(member_id=member_id, kind_id=kind, key=key).first()


@transaction.atomic(savepoint=False)
def notify_all(*, notices: Sequence[Notice], now: datetime) -> list[Message]:
    """Like `notify`, for many members in a few statements; gives the messages that are new."""
    kinds = selectors.kinds()
    told = [notice for notice in notices if kinds[notice.kind].active]
    people = {member.id: member for member in Member.objects.filter(id__in={one.member_id for one in told}, status=Member.Status.ACTIVE)}
    rows = [Message(member_id=one.member_id, kind_id=one.kind, key=one.key, about=dict(one.about), created_at=now) for one in told if one.member_id in people]
    Message.objects.bulk_create(rows, ignore_conflicts=True)
    new = set(Message.objects.filter(id__in=[row.id for row in rows]).values_list("id", flat=True)) if rows else set()
    messages = [row for row in rows if row.id in new]
    if messages:
        _plan(messages, people, now)
    return messages


def _plan(messages: Sequence[Message], people: Mapping[UUID, Member], now: datetime) -> None:
    kinds, settings = selectors.kinds(), selectors.settings()
    reaches, in_use = selectors.reaches(people.values()), selectors.channels_in_use()
    within_limit = _count_marketing([one for one in messages if kinds[one.kind_id].purpose == Purpose.MARKETING], most=settings.marketing_per_day, now=now)
    zone = programme.zone(now=now)
    loud = rules.after_quiet(now, begins=settings.quiet_from, ends=settings.quiet_until, zone=zone)
    deliveries: list[Delivery] = []
    items: list[InboxItem] = []
    for message in messages:
        member, kind = people[message.member_id], kinds[message.kind_id]
        allowed = kind.purpose != Purpose.MARKETING or message.id in within_limit
        for plan in plan_of(kind=kind, member=member, reach=reaches[member.id], in_use=in_use, within_limit=allowed):
            inbox = plan.channel == Channel.INBOX
            deliveries.append(
                Delivery(
                    message=message, member_id=member.id, channel=plan.channel, turn=plan.turn, state=plan.state, to=plan.to, detail=plan.detail,
                    created_at=now, due_at=now if inbox else loud, until=now + timedelta(hours=kind.hours),
                    settled_at=now if plan.state in (State.SKIPPED, State.HANDED_OVER) else None,
                )
            )  # fmt: skip
            if inbox and plan.state == State.HANDED_OVER:
                texts = inbox_texts(kind=kind, member=member, about=message.about)
                items.append(InboxItem(member_id=member.id, message=message, kind_id=kind.code, texts=texts, created_at=now))
    Delivery.objects.bulk_create(deliveries)
    InboxItem.objects.bulk_create(items)
    _tell([(row.message, row.channel) for row in deliveries if row.state == State.HANDED_OVER], now=now)


class Plan(NamedTuple):
    """A delivery as it is planned. `turn` counts up where channels are tried one after the other."""

    channel: str
    state: str
    to: str = ""
    detail: str = ""
    turn: int = 0


def plan_of(*, kind: NotificationKind, member: Member, reach: selectors.Reach, in_use: set[str], within_limit: bool) -> list[Plan]:
    """Which deliveries a message of that kind makes for that member, those that are not sent among them, with why."""
    plans: list[Plan] = []
    turn = 0
    for channel in [one for one in kind.channels if one in in_use]:
        fault = _why_not(kind=kind, channel=channel, member=member, reach=reach, within_limit=within_limit)
        if fault:
            plans.append(Plan(channel, State.SKIPPED, detail=fault))
        elif channel == Channel.INBOX:
            plans.append(Plan(channel, State.HANDED_OVER))
        else:
            state = State.WAITING if kind.way == NotificationKind.Way.ALL or not turn else State.STANDBY
            plans += [Plan(channel, state, to=to, turn=turn) for to in reach.addresses[channel]]
            turn += 1
    return plans


def _why_not(*, kind: NotificationKind, channel: str, member: Member, reach: selectors.Reach, within_limit: bool) -> str:
    if not within_limit:
        return "too_many_today"
    if not selectors.wanted(purpose=kind.purpose, channel=channel, reach=reach):
        return "not_wanted"
    if selectors.text_for(kind=kind.code, channel=channel, language=member.language) is None:
        return "no_text"
    return "" if channel == Channel.INBOX or reach.addresses[channel] else "no_address"


def _count_marketing(messages: Sequence[Message], *, most: int, now: datetime) -> set[UUID]:
    """Which of these marketing messages still fit into their member's day; they are counted with it."""
    fit: set[UUID] = set()
    left = list(messages) if most else []
    day = local_date(now, programme.zone(now=now))
    while left:
        # One message of each member at a time, as one statement can count a member once.
        firsts = {message.member_id: message for message in reversed(left)}
        with connection.cursor() as cursor:
            cursor.execute(_COUNT_MARKETING, [day, [str(new_id()) for _member in firsts], sorted(map(str, firsts)), most])
            fit |= {firsts[member_id].id for (member_id,) in cursor.fetchall()}
        left = [message for message in left if message is not firsts[message.member_id]]
    return fit


def values_for(*, kind: NotificationKind, member: Member, about: Mapping[str, Any], language: str, channel: str = "") -> dict[str, str]:
    """What the placeholders of a message to that member are filled with, in that language."""
    with translation.override(language):
        settings = programme.programme()
        standard = {
            "member_name": member.name or gettext("member"),
            "points_name": settings.points_name,
            "points_unit": settings.points_unit,
            "unsubscribe_link": "",
        }
    return rules.values(kind.known, about, standard, language)


def inbox_texts(*, kind: NotificationKind, member: Member, about: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What stands in the inbox, in each language that has a text."""
    texts = {}
    for language in rules.LANGUAGES:
        if text := selectors.texts().get((kind.code, Channel.INBOX, language)):
            values = values_for(kind=kind, member=member, about=about, language=language)
            texts[language] = {"subject": rules.fill(text.subject, values), "text": rules.fill(text.text, values)}
    return texts


def _tell(handed_over: Sequence[tuple[Message, str]], *, now: datetime) -> None:
    if not handed_over or not outbox.heard(events.NOTICE_HANDED_OVER):
        return
    told = [
        Event(
            topic=events.NOTICE_HANDED_OVER, member_id=message.member_id, now=now,
            payload={"kind": message.kind_id, "key": message.key, "channel": channel, "at": now.isoformat()},
        )
        for message, channel in handed_over
    ]  # fmt: skip
    sql, params = outbox.insertion(told)
    if sql:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
