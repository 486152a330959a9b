from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import connection, transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.html import linebreaks, urlize
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.channels import services as channels
from accounts.channels.services import Outcome, Rendered
from accounts.members.models import Member
from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError
from loyalty.lib.threads import in_threads
from loyalty.outbox import services as outbox
from loyalty.outbox.rules import Event
from loyalty.programme import selectors as programme

from . import events, rules, selectors
from .models import Address, Attempt, Channel, ChannelPace, Delivery, InboxItem, Message, NotificationKind, Preference, Purpose, Template

State = Delivery.State
JOB = "accounts.send_messages"
# A hand-over that is silent for so long got no answer: no task lives as long.
LEASE = timedelta(minutes=3)
# Whose providers tell later what became of a message.
WITH_RECEIPTS = (Channel.SMS, Channel.WECHAT)

UNSUBSCRIBE = "accounts.unsubscribe"

_TAKE_PACE = """
INSERT INTO accounts_channelpace AS pace (channel, minute, used) VALUES (%(channel)s, %(minute)s, 1)
ON CONFLICT (channel) DO UPDATE
SET minute = EXCLUDED.minute, used = CASE WHEN pace.minute = EXCLUDED.minute THEN pace.used + 1 ELSE 1 END
WHERE (pace.paused_until IS NULL OR pace.paused_until <= %(now)s)
    AND (%(most)s = 0 OR pace.minute IS DISTINCT FROM EXCLUDED.minute OR pace.used < %(most)s)
"""
_COUNT_MARKETING = """
INSERT INTO accounts_marketingday AS there (id, member_id, day, used)
SELECT told.id, told.member_id, %s, 1 FROM unnest(%s::uuid[], %s::uuid[]) AS told (id, member_id)
ON CONFLICT (member_id, day) DO UPDATE SET used = there.used + 1 WHERE there.used < %s
RETURNING there.member_id
"""


class NotToBeSentAgain(BusinessError):
    code, status, title = "delivery_not_open", 409, _("Only what was given up, or got no answer, can be sent again.")


class TextRefused(BusinessError):
    code, status, title = "text_refused", 422, _("This text cannot be sent.")


class LinkUnknown(BusinessError):
    code, status, title = "link_unknown", 404, _("This link does not work.")


class AddressRefused(BusinessError):
    code, status, title = "address_refused", 422, _("This is no address of that channel.")


class AddressUnknown(BusinessError):
    code, status, title = "address_unknown", 404, _("There is no such address.")


class NothingToChoose(BusinessError):
    code, status, title = "preference_fixed", 422, _("What concerns a member's own points and tier always stands in the inbox.")


class _StandsStillError(Exception):
    """The channel may not go on in this minute."""


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
    kinds, limits = selectors.kinds(), selectors.settings()
    reaches, in_use = selectors.reaches(people.values()), selectors.channels_in_use()
    within_limit = _count_marketing([one for one in messages if kinds[one.kind_id].purpose == Purpose.MARKETING], most=limits.marketing_per_day, now=now)
    loud = selectors.quiet_until(now)
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
    if loud == now and any(row.state == State.WAITING for row in deliveries):
        audit.wake(job=JOB)
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
        fault = _why_not(kind, channel, member, reach) if within_limit else "too_many_today"
        if fault:
            plans.append(Plan(channel, State.SKIPPED, detail=fault))
        elif channel == Channel.INBOX:
            plans.append(Plan(channel, State.HANDED_OVER))
        else:
            state = State.WAITING if kind.way == NotificationKind.Way.ALL or not turn else State.STANDBY
            plans += [Plan(channel, state, to=to, turn=turn) for to in reach.addresses[channel]]
            turn += 1
    return plans


def _why_not(kind: NotificationKind, channel: str, member: Member, reach: selectors.Reach) -> str:
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
        points = programme.programme()
        standard = {
            "member_name": member.name or gettext("member"),
            "points_name": points.points_name,
            "points_unit": points.points_unit,
            "unsubscribe_link": unsubscribe_link(member_id=member.id, purpose=kind.purpose, channel=channel) if channel else "",
        }
    return rules.values(kind.known, about, standard, language)


def unsubscribe_link(*, member_id: UUID, purpose: str, channel: str) -> str:
    """The address under which whoever got the message says that they want no more of these. It tells nothing and works for good."""
    token = signing.dumps([str(member_id), purpose, channel], salt=UNSUBSCRIBE)
    return settings.PUBLIC_URL.rstrip("/") + reverse("unsubscribe", args=[token])


def rendered(*, kind: NotificationKind, text: Template, member: Member, about: Mapping[str, Any]) -> Rendered:
    """A message as it is handed over: that text, filled in for that member."""
    values = values_for(kind=kind, member=member, about=about, language=text.language, channel=text.channel)
    subject, said = rules.one_line(rules.fill(text.subject, values)), rules.fill(text.text, values).strip()
    if text.channel != Channel.EMAIL:
        return Rendered(subject, said, template=kind.code, parameters=values, language=text.language)
    link = "" if kind.purpose == Purpose.SERVICE else values["unsubscribe_link"]
    body = rules.fill_html(text.html, values) if text.html else linebreaks(urlize(said, autoescape=True), autoescape=False)
    with translation.override(text.language):
        html = render_to_string("notifications/mail.html", {"subject": subject, "body": body, "link": link, "language": text.language})
        if link:
            said += "\n\n-- \n" + gettext("No more mails of this kind") + f": {link}"
    headers = {"List-Unsubscribe": f"<{link}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if link else {}
    return Rendered(subject, said, html=html, template=kind.code, parameters=values, language=text.language, headers=headers)


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


def send_due(*, limit: int, at_once: int = 1, until: datetime | None = None, clock: Callable[[], datetime]) -> Counter[str]:
    """Hand over what is due, at most `limit` deliveries; how many came to what. Outside any transaction; safe in several workers at once.

    `at_once` of them wait for their providers at the same time, each on a connection of its own. None is begun after `until`.
    `clock` tells the time, since the network takes some.
    """
    work = selectors.due(limit=limit, now=clock())
    return in_threads(lambda part: _send_all(part, until, clock), [work[first::at_once] for first in range(at_once)], at_once=at_once)


def _send_all(work: Sequence[selectors.Due], until: datetime | None, clock: Callable[[], datetime]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    still: set[str] = set()
    with channels.keeping_connections():
        for due in work:
            if until is not None and clock() >= until:
                break
            if due.delivery.channel not in still:
                outcome = _send(due, clock)
                if outcome == "stands_still":
                    still.add(due.delivery.channel)
                elif outcome:
                    outcomes[outcome] += 1
    return outcomes


def _send(due: selectors.Due, clock: Callable[[], datetime]) -> str:
    """What became of it; empty where another worker has it."""
    delivery, now = due.delivery, clock()
    fault = "closed" if due.member.status != Member.Status.ACTIVE else _why_not(due.kind, delivery.channel, due.member, due.reach)
    addresses = due.reach.addresses[delivery.channel]
    # A device gets what was planned for it; of the others the member may have changed the address meanwhile.
    to = delivery.to if delivery.channel == Channel.PUSH else (addresses or [""])[0]
    if fault or to not in addresses:
        return _turn(delivery, State.SKIPPED, {"detail": fault or "no_address"}, now=now) and "skipped"
    if delivery.until < now:
        return _turn(delivery, State.GAVE_UP, {"detail": "too_late"}, now=now) and "gave_up"
    text = selectors.text_for(kind=due.kind.code, channel=delivery.channel, language=due.member.language)
    assert text is not None, "just asked"
    message = rendered(kind=due.kind, text=text, member=due.member, about=delivery.message.about)
    try:
        attempt = _begin(delivery, to=to, message=message, now=now)
    except _StandsStillError:
        return "stands_still"
    if attempt is None:
        return ""
    outcome = channels.hand_over(channel=delivery.channel, to=to, message=message, key=str(delivery.id), now=now)
    return _finish(attempt, outcome, now=clock())


@transaction.atomic
def _begin(delivery: Delivery, *, to: str, message: Rendered, now: datetime) -> Attempt | None:
    """Claim the delivery and write down that it is being handed over; None where another worker was quicker."""
    waiting = Delivery.objects.filter(id=delivery.id, member_id=delivery.member_id, state=State.WAITING, attempts=delivery.attempts, due_at__lte=now)
    said = {"to": to, "language": message.language, "subject": message.subject[:300], "text": message.text}
    number = delivery.attempts + 1
    if not waiting.update(state=State.SENDING, attempts=number, lease_until=now + LEASE, **said):
        return None
    attempt = Attempt.objects.create(delivery=delivery, member_id=delivery.member_id, number=number, to=to, started_at=now)
    if not _take_pace(delivery.channel, now=now):
        raise _StandsStillError
    return attempt


def _take_pace(channel: str, *, now: datetime) -> bool:
    minute, most = now.replace(second=0, microsecond=0), selectors.settings().per_minute(channel)
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_PACE, {"channel": channel, "minute": minute, "now": now, "most": most})
        return bool(cursor.rowcount)


def _finish(attempt: Attempt, outcome: Outcome, *, now: datetime) -> str:
    """Write down what the provider answered, and what follows from it; gives the delivery's state."""
    delivery = attempt.delivery
    kind = selectors.kinds()[delivery.message.kind_id]
    again = selectors.quiet_until(rules.again_at(failures=attempt.number, retry_after=outcome.retry_after, now=now))
    with transaction.atomic():
        told = {"outcome": outcome.state, "provider_id": outcome.provider_id[:200], "detail": outcome.detail[:300]}
        Attempt.objects.filter(id=attempt.id, member_id=attempt.member_id).update(answered_at=now, **told)
        unanswered = outcome.state != "accepted" and _unanswered(attempt)
        following = rules.settle(outcome.state, resend_unknown=kind.resend_unknown, unanswered=unanswered, again=again, until=delivery.until)
        late = (State.UNKNOWN, State.WAITING) if following.state in (State.HANDED_OVER, State.REFUSED) else ()
        values = {"provider_id": told["provider_id"], "detail": told["detail"], "lease_until": None}
        if following.due_at:
            values["due_at"] = following.due_at
        _turn(delivery, State(following.state), values, attempts=attempt.number, origins=(State.SENDING, *late), now=now)
        if outcome.address_gone:
            _forget_address(member_id=delivery.member_id, channel=delivery.channel, value=attempt.to, detail=outcome.detail, now=now)
        if outcome.state == "throttled" and outcome.retry_after:
            ChannelPace.objects.filter(channel=delivery.channel).update(paused_until=now + outcome.retry_after)
    # After the commit: a receipt that comes now finds the number itself.
    if outcome.provider_id and delivery.channel in WITH_RECEIPTS:
        for receipt in channels.recognise(channel=delivery.channel, provider_id=outcome.provider_id, key=str(delivery.id)):
            _hear(delivery, state=receipt.state, detail=receipt.detail, address_gone=receipt.address_gone, now=now)
    return following.state


def _unanswered(attempt: Attempt) -> bool:
    earlier = Attempt.objects.filter(member_id=attempt.member_id, delivery_id=attempt.delivery_id, number__lt=attempt.number)
    return earlier.filter(Q(outcome=Attempt.Outcome.UNKNOWN) | Q(outcome="")).exists()


def recover(*, limit: int, now: datetime) -> int:
    """Treat hand-overs whose lease has run out as unanswered, at most `limit`: their worker died, or nobody knows; how many there were."""
    silent = Delivery.objects.filter(state=State.SENDING, lease_until__lt=now).select_related("message").order_by("lease_until")[:limit]
    for delivery in silent:
        attempt = Attempt.objects.get(member_id=delivery.member_id, delivery_id=delivery.id, number=delivery.attempts)
        attempt.delivery = delivery
        _finish(attempt, Outcome("unknown", detail="worker_gone"), now=now)
    return len(silent)


@transaction.atomic(savepoint=False)
def _turn(
    delivery: Delivery, state: State, values: Mapping[str, Any], *, attempts: int | None = None, origins: Sequence[State] | None = None, now: datetime
) -> bool:
    """One arrow, taken once whoever else tries, and what it means for the message's other channels; whether it was taken by us."""
    message = delivery.message
    one_by_one = selectors.kinds()[message.kind_id].way == NotificationKind.Way.FIRST
    if one_by_one:
        # Two channels that fail at once must not both think that the other one still may work.
        Message.objects.select_for_update(no_key=True).get(id=message.id, member_id=message.member_id)
    allowed = [origin for origin, ends in Delivery.ARROWS.items() if state in ends and (origins is None or origin in origins)]
    there = Delivery.objects.filter(id=delivery.id, member_id=delivery.member_id, state__in=allowed)
    if attempts is not None:
        there = there.filter(attempts=attempts)
    if not there.update(state=state, settled_at=None if state == State.WAITING else now, **values):
        return False
    if state == State.HANDED_OVER:
        _tell([(message, delivery.channel)], now=now)
    if one_by_one:
        _pass_on(delivery, now=now)
    return True


def _pass_on(delivery: Delivery, *, now: datetime) -> None:
    """Let the next channel have its turn when the ones before have failed; the caller holds the message."""
    others = Delivery.objects.filter(message_id=delivery.message_id, member_id=delivery.member_id).exclude(channel=Channel.INBOX)
    in_reserve = Q(state=State.STANDBY) | Q(state=State.SKIPPED, detail="not_needed")
    if others.filter(state__in=Delivery.SENT).exists():
        others.filter(state=State.STANDBY).update(state=State.SKIPPED, detail="not_needed", settled_at=now)
    elif not others.filter(state__in=Delivery.HOPEFUL).exists() and (following := others.filter(in_reserve, until__gte=now).order_by("turn").first()):
        others.filter(in_reserve, turn=following.turn).update(state=State.WAITING, detail="", due_at=selectors.quiet_until(now), settled_at=None)
        audit.wake(job=JOB)


def hear_receipt(*, channel: str, provider_id: str, key: str, state: str, detail: str, address_gone: bool, now: datetime) -> bool:
    """A provider tells what became of a message; whether it was one of ours. Told twice is told once."""
    named = Q(id=key) if rules.is_uuid(key) else Q()
    numbered = Q(channel=channel, provider_id=provider_id) if provider_id else Q()
    delivery = Delivery.objects.filter(named | numbered, channel=channel).select_related("message").first() if named or numbered else None
    if delivery is None:
        return False
    channels.recognise(channel=channel, provider_id=provider_id, key=key)
    _hear(delivery, state=state, detail=detail, address_gone=address_gone, now=now)
    return True


@transaction.atomic(savepoint=False)
def _hear(delivery: Delivery, *, state: str, detail: str, address_gone: bool, now: datetime) -> None:
    known = Delivery.objects.values_list("state", "to").get(id=delivery.id, member_id=delivery.member_id)
    taken = _turn(delivery, State(state), {"detail": detail[:300]}, now=now)
    if taken and state == State.DELIVERED and known[0] != State.HANDED_OVER:
        # Nobody knew until now that it had been handed over at all.
        _tell([(delivery.message, delivery.channel)], now=now)
    if address_gone:
        _forget_address(member_id=delivery.member_id, channel=delivery.channel, value=known[1], detail=detail, now=now)


def _forget_address(*, member_id: UUID, channel: str, value: str, detail: str, now: datetime) -> None:
    """Nobody is there any more: nothing is sent there again until the member, or the storefront, gives that address anew."""
    gone = {"gone_at": now, "detail": detail[:300]}
    Address.objects.update_or_create(member_id=member_id, channel=channel, value=value, defaults=gone, create_defaults={**gone, "added_at": now})


@transaction.atomic(savepoint=False)
def send_again(*, delivery_id: UUID, actor: str, reason: str, now: datetime) -> Delivery:
    """An operator has something sent again that was given up, or got no answer; for marketing, too: this is a person's decision.

    The chain goes on, with as many hours as the kind gives. Refuses: NotToBeSentAgain.
    """
    delivery = Delivery.objects.select_related("message", "member").get(id=delivery_id)
    before = delivery.state
    hours = selectors.kinds()[delivery.message.kind_id].hours
    again = {"due_at": selectors.quiet_until(now), "until": now + timedelta(hours=hours), "detail": ""}
    if not _turn(delivery, State.WAITING, again, origins=Delivery.RESENT, now=now):
        raise NotToBeSentAgain(state=before)
    figures = {"message": str(delivery.message), "channel": delivery.channel, "was": before}
    audit.record(actor=actor, verb="message.send_again", subject=f"member/{delivery.member.external_id}", reason=reason, figures=figures, now=now)
    audit.wake(job=JOB)
    return delivery


def prefer(*, member_id: UUID, choices: Sequence[tuple[str, str, bool]], now: datetime) -> None:
    """Keep what a member wants: (purpose, channel, wanted) each. What is left out stays. Refuses: NothingToChoose."""
    for purpose, channel, wanted in choices:
        if rules.is_fixed(purpose=purpose, channel=channel) and not wanted:
            raise NothingToChoose(purpose=purpose, channel=channel)
    with transaction.atomic(savepoint=False):
        for purpose, channel, wanted in choices:
            named = {"member_id": member_id, "purpose": purpose, "channel": channel}
            kept, made = Preference.objects.get_or_create(**named, defaults={"wanted": wanted, "said_at": now})
            if not made and kept.wanted != wanted:
                Preference.objects.filter(id=kept.id, member_id=member_id).update(wanted=wanted, said_at=now)


def unsubscribed(*, token: str) -> tuple[Member, str, str]:
    """Whom a link from a message is about, and which messages: member, purpose, channel. Refuses: LinkUnknown."""
    try:
        member_id, purpose, channel = signing.loads(token, salt=UNSUBSCRIBE)
        return Member.objects.get(id=member_id), Purpose(purpose), Channel(channel)
    except (signing.BadSignature, ValueError, Member.DoesNotExist):
        raise LinkUnknown from None


def keep_address(*, member_id: UUID, channel: str, value: str, now: datetime) -> Address:
    """An address of the member's, told again or anew: it is the newest, and in use whatever was said of it before. Refuses: AddressRefused."""
    if channels.why_not(channel=channel, to=value) == "address_invalid" or channel == Channel.INBOX or len(value) > 512:
        raise AddressRefused(channel=channel)
    now_in_use = {"added_at": now, "gone_at": None, "detail": ""}
    return Address.objects.update_or_create(member_id=member_id, channel=channel, value=value, defaults=now_in_use)[0]


def drop_address(*, member_id: UUID, address_id: UUID) -> None:
    """Forget an address; one of the profile's stays in the profile, and is used again. Refuses: AddressUnknown."""
    if not Address.objects.filter(member_id=member_id, id=address_id).delete()[0]:
        raise AddressUnknown


def read(*, member_id: UUID, item_id: UUID | None, now: datetime) -> int:
    """Mark one item of the inbox as read, or all of them where none is named; how many were not read before."""
    unread = InboxItem.objects.filter(member_id=member_id, read_at=None)
    return (unread.filter(id=item_id) if item_id else unread).update(read_at=now)


@transaction.atomic(savepoint=False)
def prune_deliveries(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` deliveries planned before that time, with their attempts; how many it was. Messages and inbox stay."""
    ids = list(Delivery.objects.filter(created_at__lt=before).exclude(state=State.SENDING).order_by("id").values_list("id", flat=True)[:limit])
    Attempt.objects.filter(delivery_id__in=ids).delete()
    return Delivery.objects.filter(id__in=ids).delete()[0] if ids else 0


@transaction.atomic(savepoint=False)
def prune_messages(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` messages from before that time, with what is left of them anywhere; how many it was. Their keys are free again."""
    ids = list(Message.objects.filter(created_at__lt=before).order_by("id").values_list("id", flat=True)[:limit])
    Attempt.objects.filter(delivery__message_id__in=ids).delete()
    Delivery.objects.filter(message_id__in=ids).delete()
    InboxItem.objects.filter(message_id__in=ids).delete()
    return Message.objects.filter(id__in=ids).delete()[0] if ids else 0


@transaction.atomic(savepoint=False)
def write_text(*, kind: str, channel: str, language: str, subject: str, text: str, html: str, actor: str, now: datetime) -> None:
    """Put a text in the place of the one before, which stays in the history; all empty: there is none any more. Refuses: TextRefused.

    What was planned and not yet sent goes out with the new one.
    """
    named = {"kind_id": kind, "channel": channel, "language": language}
    there = Template.objects.select_for_update().filter(**named).first()
    said = {"subject": subject.strip(), "text": text.replace("\r\n", "\n").strip(), "html": html.strip()}
    if not any(said.values()):
        if there:
            there.delete()
    else:
        if faults := selectors.faults(kind=selectors.kinds()[kind], channel=channel, **said):
            raise TextRefused(faults[0][1], field=faults[0][0])
        row = there or Template(**named)
        if there and all(getattr(there, name) == value for name, value in said.items()):
            return
        for name, value in said.items():
            setattr(row, name, value)
        row.save()
    audit.record(actor=actor, verb="message_text.write", subject=f"message/{kind}", figures={"channel": channel, "language": language}, now=now)


def example(*, kind: NotificationKind, channel: str, language: str, subject: str, text: str, html: str) -> Rendered:
    """What a text makes of the kind's sample values, for whoever writes it."""
    written = Template(kind=kind, channel=channel, language=language, subject=subject, text=text, html=html)
    with translation.override(language):
        somebody = Member(name=gettext("Sample Member"), language=language)
    return rendered(kind=kind, text=written, member=somebody, about={variable.name: variable.sample for variable in kind.known})


def send_example(*, to: str, message: Rendered, channel: str, key: str, actor: str, now: datetime) -> Outcome:
    """Hand such a message to the channel's provider, for the operator who wrote it. Outside any transaction. Refuses: NotSetUp, AddressRefused."""
    fault = channels.why_not(channel=channel, to=to)
    if fault == "address_invalid":
        raise AddressRefused(channel=channel)
    able = channels.providers()[channel].providers
    serving = [code for code in able if channel != Channel.PUSH or to.startswith(f"{code}:")]
    if fault or not serving:
        raise channels.NotSetUp(gettext("No provider is ready to send by this channel."))
    return channels.send_test(provider=serving[0], to=to, message=message, key=key, actor=actor, now=now)
