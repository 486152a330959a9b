from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from loyalty.audit.models import AuditEntry
from loyalty.lib.ids import new_id
from loyalty.outbox import services as outbox
from points.cards import selectors
from points.cards import services as cards
from points.cards.models import Card, CardKind

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 3, 4, tzinfo=UTC)


def statuses(member):
    return sorted(Card.objects.filter(member_id=member.id).values_list("status", flat=True))


class TestByAnOperator:
    @pytest.fixture
    def withdraw(self, member):
        return partial(cards.withdraw, member_id=member.id, reason="granted twice", actor="sample", now=NOON)

    def test_a_card_is_withdrawn_with_a_reason_that_stays(self, member, double, granted, withdraw):
        (card,) = granted(double)
        withdraw(card_id=card.id)
        assert Card.objects.get().withdrawn_for == "granted twice"
        assert (AuditEntry.objects.get().verb, AuditEntry.objects.get().reason) == ("card.withdrawn", "granted twice")
        assert selectors.available_kinds(member_id=member.id, now=NOON) == {}

    def test_a_used_an_expired_and_a_withdrawn_card_are_not_withdrawn(self, member, double, granted, withdraw, refuses):
        used, gone, due = granted(double, 3)
        cards.use(member_id=member.id, kind="double", subject="purchase/A-1", now=NOON)
        withdraw(card_id=gone.id)
        for card, now in ((used, NOON), (gone, NOON), (due, due.expires_at)):
            with refuses(cards.CardNotAvailable):
                withdraw(card_id=card.id, now=now)

    def test_another_members_card_is_unknown(self, other_member, double, granted, withdraw, refuses):
        (card,) = granted(double)
        for about in ({"card_id": new_id()}, {"card_id": card.id, "member_id": other_member.id}):
            with refuses(selectors.CardUnknown):
                withdraw(**about)


class TestWithTheirGround:
    """Cards that a rule gave: they stand and fall with what won them."""

    def withdraw(self, member, count=1, key="effect/1", subject="purchase/A-1", kind="double"):
        return cards.withdraw_won(member_id=member.id, kind=kind, count=count, subject=subject, key=key, now=NOON)

    def test_unused_cards_are_withdrawn(self, member, double, granted):
        granted(double, 2, subject="purchase/A-1")
        self.withdraw(member, 2)
        assert statuses(member) == ["withdrawn", "withdrawn"]

    def test_only_what_that_subject_won_of_that_kind_and_so_many(self, member, double, make_up_card, granted):
        granted(double, 2, subject="purchase/A-1")
        granted(double, 1, "other subject", subject="purchase/A-2")
        granted(make_up_card, 1, "other kind", subject="purchase/A-1")
        self.withdraw(member, 1)
        assert statuses(member) == ["available", "available", "available", "withdrawn"]
        assert selectors.available_kinds(member_id=member.id, now=NOON) == {"double": 2, "make-up": 1}

    def test_the_same_key_takes_no_more(self, member, double, granted):
        granted(double, 2, subject="purchase/A-1")
        self.withdraw(member)
        self.withdraw(member)
        assert statuses(member) == ["available", "withdrawn"]

    def test_a_used_card_stays_used_and_is_withdrawn_when_it_would_come_back(self, member, double, granted):
        granted(double, subject="purchase/A-1")
        cards.use(member_id=member.id, kind="double", subject="purchase/B-1", now=NOON)
        self.withdraw(member)
        assert statuses(member) == ["used"]
        cards.give_back(member_id=member.id, subject="purchase/B-1", now=NOON)
        assert statuses(member) == ["withdrawn"]

    def test_unused_ones_go_before_used_ones(self, member, double, granted):
        granted(double, 2, subject="purchase/A-1")
        cards.use(member_id=member.id, kind="double", subject="purchase/B-1", now=NOON)
        self.withdraw(member)
        assert sorted(Card.objects.values_list("status", "withdrawn_for")) == [("used", ""), ("withdrawn", "effect/1")]

    def test_what_expired_unused_counts_as_taken(self, member, double, granted):
        granted(double, 2, subject="purchase/A-1", now=NOON - timedelta(days=40))
        Card.objects.filter(id=Card.objects.order_by("id").first().id).update(expires_at=None)
        cards.use(member_id=member.id, kind="double", subject="purchase/B-1", now=NOON)
        cards.expire_due(limit=10, now=NOON)
        self.withdraw(member, 1)
        assert sorted(Card.objects.values_list("status", "withdrawn_for")) == [("expired", "effect/1"), ("used", "")]


class TestHeardFromTheEngine:
    """A rule's effect comes by the outbox."""

    @pytest.fixture
    def tell(self, member, django_capture_on_commit_callbacks):
        def publish(topic, effect="card", item="double", count=1, subject="purchase/A-1"):
            with django_capture_on_commit_callbacks(execute=True):
                outbox.publish(topic=topic, member_id=member.id, payload={"effect": effect, "item": item, "count": count, "subject": subject}, now=NOON)

        return publish

    def test_a_card_that_was_won_is_granted(self, member, double, tell):
        tell("points.effect_won", count=2)
        assert list(Card.objects.values_list("kind_id", "status", "subject")) == [("double", "available", "purchase/A-1")] * 2

    def test_what_is_no_card_is_left_to_others(self, member, double, tell):
        tell("points.effect_won", effect="coupon")
        tell("points.effect_withdrawn", effect="coupon")
        assert statuses(member) == []

    def test_two_effects_of_one_fact_are_two_grants(self, member, double, tell):
        tell("points.effect_won")
        tell("points.effect_won")
        assert statuses(member) == ["available", "available"]

    def test_a_card_whose_ground_fell_is_withdrawn(self, member, double, tell):
        tell("points.effect_won", count=2)
        tell("points.effect_withdrawn", count=1)
        assert statuses(member) == ["available", "withdrawn"]

    def test_a_withdrawal_waits_for_the_grant_that_could_not_be_delivered_yet(self, member, double, tell):
        CardKind.objects.filter(code="double").delete()
        tell("points.effect_won")
        tell("points.effect_withdrawn")
        assert statuses(member) == []
        double.save()
        outbox.deliver_due(limit=10, now=NOON + timedelta(hours=1))
        assert statuses(member) == ["withdrawn"]
