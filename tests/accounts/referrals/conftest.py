"""Two who know each other: the inviter `M-1` is registered; friends come by `befriend`. What is published is in `told`."""

from datetime import timedelta

import pytest

from accounts.activity import services as recording
from accounts.activity.rules import Line, Purchase, Refund, digest
from accounts.members import services as members
from accounts.referrals import events, services
from accounts.referrals.models import Referral, ReferralTerms
from loyalty.outbox import services as outbox

OURS = {getattr(events, name) for name in dir(events) if name.isupper()}


@pytest.fixture
def told(monkeypatch):
    """What the referrals told, as (topic's last word, whose line, payload)."""
    seen = []
    publish = outbox.publish

    def note(*, topic, member_id, payload, now):
        if topic in OURS:
            seen.append((topic.removeprefix("accounts."), member_id, payload))
        publish(topic=topic, member_id=member_id, payload=payload, now=now)

    monkeypatch.setattr(outbox, "publish", note)
    return seen


@pytest.fixture
def befriend(member, now):
    """A friend whom `M-1` invited."""

    def make(external_id="F-1", at=now, **kwargs):
        friend, _registered = members.register(external_id=external_id, referred_by="M-1", now=at, **kwargs)
        return friend

    return make


@pytest.fixture
def friend(befriend):
    return befriend()


@pytest.fixture
def pays(now):
    """The friend pays an order: what the till says of it."""

    def pay(friend, number="1001", net=10_000, at=now):
        services.purchase_paid(member_id=friend.id, purchase_ref=number, net_cents=net, occurred_at=at, now=at)

    return pay


@pytest.fixture
def refunded(now):
    def refund(friend, number="1001", left=0, at=now):
        services.purchase_refunded(member_id=friend.id, purchase_ref=number, net_cents_left=left, now=at)

    return refund


@pytest.fixture
def referral():
    """How the referral of a friend stands: (status, the order, its amount)."""

    def of(friend):
        found = Referral.objects.get(member_id=friend.id)
        return found.status, found.purchase_ref, found.amount_cents

    return of


@pytest.fixture
def terms(db):
    def change(**values):
        row = ReferralTerms.objects.first() or ReferralTerms(id=1)
        for name, value in values.items():
            setattr(row, name, value)
        row.full_clean()
        row.save()

    return change


@pytest.fixture
def bought(now):
    """An order on the books, told at a time, of goods for so much and shipping; refunded by so much."""

    def record(external_id, number, goods=10_000, *, shipping=0, refunded=0, told_at=now):
        member = members.ensure(external_id=external_id, now=told_at)
        facts = Purchase(number, told_at - timedelta(minutes=1), "CNY", goods + shipping, (Line("1", amount_cents=goods),), shipping)
        made = recording.record_purchase(member_id=member.id, facts=facts, digest=digest(facts), now=told_at).purchase
        if refunded:
            back = Refund(f"R-{number}", told_at, refunded)
            recording.record_refund(purchase=made, facts=back, amount_cents=refunded, digest=digest(back), now=told_at)
        return made

    return record
