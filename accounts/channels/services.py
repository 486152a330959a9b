from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext

from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox

from . import events, rules, selectors
from .models import ChannelSettings, Receipt
from .providers import aliyun, apns, fcm, mailbox, smtp, tencent, wechat
from .providers.connections import keeping_connections
from .rules import CHANNELS, Outcome, Rendered, Setup, Told
from .selectors import providers, why_not

__all__ = [
    "CHANNELS", "Outcome", "Rendered", "hand_over", "keeping_connections", "providers", "prune", "receive", "recognise", "send_test", "set_up", "why_not",
]  # fmt: skip

logger = structlog.get_logger(__name__)

# By provider: (setup, to, message, key, now) → outcome.
ADAPTERS: Mapping[str, Callable[[Setup, str, Rendered, str, datetime], Outcome]] = {
    "smtp": smtp.send,
    "mailbox": mailbox.send,
    "aliyun": aliyun.send,
    "tencent": tencent.send,
    "fcm": fcm.send,
    "apns": apns.send,
    "wechat": wechat.send,
}


class NotSetUp(BusinessError):
    code, status = "channel_not_set_up", 409


def hand_over(*, channel: str, to: str, message: Rendered, key: str, now: datetime) -> Outcome:
    """Ask the channel's provider to take one message. Never raises for what the network does; the states are told in the essay.

    Call it outside any transaction; for more than one, inside `with keeping_connections():`. The same key again is, as far as the
    provider can tell, the same message. `channel`: any but the inbox, which is nobody's to hand over to.
    """
    fault = why_not(channel=channel, to=to)
    setup = None if fault else selectors.setup_for(channel=channel, to=to)
    if setup is None:
        return Outcome("refused" if fault == "address_invalid" else "unreachable", detail=fault or "not_in_use")
    return _send(setup, to, message, key, now)


def _send(setup: Setup, to: str, message: Rendered, key: str, now: datetime) -> Outcome:
    outcome = ADAPTERS[setup.provider.code](setup, to, message, key, now)
    detail = rules.without(outcome.detail, setup.provider.channel, to)
    outcome = outcome._replace(provider_id=rules.short(outcome.provider_id)[: rules.LONGEST_ID], detail=rules.short(detail))
    log = logger.info if outcome.state == "accepted" else logger.warning
    about = {"provider": setup.provider.code, "to": rules.masked(setup.provider.channel, to), "key": key}
    log("message handed over", **about, state=outcome.state, provider_id=outcome.provider_id, detail=outcome.detail)
    return outcome


def send_test(*, provider: str, to: str, message: Rendered, key: str, actor: str, now: datetime) -> Outcome:
    """Hand one message to that provider, in use or not, for an operator who tries it. Outside any transaction. Refuses: NotSetUp."""
    row = ChannelSettings.objects.get(provider=provider)
    fault = selectors.fault(row) or ("" if rules.serves(row.about, row.channel, to) and rules.well_formed(row.channel, to) else "address_invalid")
    if fault:
        raise NotSetUp(gettext(rules.WHY_NOT[fault]), reason=fault)
    outcome = _send(selectors.setup(row), to, message, key, now)
    figures = {"to": rules.masked(row.channel, to), "state": outcome.state, "provider_id": outcome.provider_id, "detail": outcome.detail}
    audit.record(actor=actor, verb="channel.test", subject=f"channel/{provider}", figures=figures, now=now)
    return outcome


@transaction.atomic(savepoint=False)
def set_up(*, provider: str, parameters: Mapping[str, str], in_use: bool) -> ChannelSettings:
    """Give a provider its public parameters, in place of those before. In use, it takes the place of whoever served its channel (push apart)."""
    about = rules.PROVIDERS[provider]
    assert set(parameters) <= {each.name for each in about.parameters}, "a parameter that the provider does not know"
    if in_use and about.channel != "push":
        for other in ChannelSettings.objects.select_for_update().filter(channel=about.channel, in_use=True).exclude(provider=provider):
            other.in_use = False
            other.save(update_fields=["in_use"])
    row, _made = ChannelSettings.objects.update_or_create(provider=provider, defaults={"parameters": dict(parameters), "in_use": in_use})
    return row


@transaction.atomic(savepoint=False)
def receive(*, provider: str, told: Sequence[Told], now: datetime) -> int:
    """Keep what a provider tells of messages, each line once, and publish what is new; how many lines were new."""
    # No provider's number has what a database would not keep.
    lines = {(each.provider_id, each.state): each for each in told if (each.provider_id + each.key).isprintable()}
    rows = [Receipt(provider=provider, received_at=now, **each._replace(detail=rules.short(each.detail))._asdict()) for each in lines.values()]
    Receipt.objects.bulk_create(rows, ignore_conflicts=True)
    new = set(Receipt.objects.filter(id__in=[row.id for row in rows]).values_list("id", flat=True))
    for row in rows:
        if row.id in new:
            outbox.publish(topic=events.RECEIPT_RECEIVED, member_id=None, payload=_payload(row), now=now)
        else:
            Receipt.objects.filter(provider=provider, provider_id=row.provider_id, state=row.state).update(times=F("times") + 1)
    return len(new)


def _payload(row: Receipt) -> dict[str, object]:
    return {
        "receipt": str(row.id),
        "channel": rules.PROVIDERS[row.provider].channel,
        "provider": row.provider,
        "provider_id": row.provider_id,
        "key": row.key,
        "state": row.state,
        "detail": row.detail,
        "address_gone": row.address_gone,
        "at": row.received_at.isoformat(),
    }


def recognise(*, channel: str, provider_id: str, key: str = "") -> list[Receipt]:
    """Say that the message handed over under this key, or with this number, is known; gives what was told of it so far, the oldest first.

    For whoever hears of a receipt, and for whoever has just written a hand-over's outcome: a receipt may have been quicker.
    """
    named = (Q(provider_id=provider_id) if provider_id else Q()) | (Q(key=key) if key else Q())
    if not named:
        return []
    told = Receipt.objects.filter(named, provider__in=[each.code for each in rules.PROVIDERS.values() if each.channel == channel])
    told.filter(recognised=False).update(recognised=True)
    return list(told.order_by("id"))


@transaction.atomic(savepoint=False)
def prune(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` receipts received before that time; how many it was."""
    ids = list(Receipt.objects.filter(received_at__lt=before).order_by("received_at").values_list("id", flat=True)[:limit])
    return Receipt.objects.filter(id__in=ids).delete()[0] if ids else 0
