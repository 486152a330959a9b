from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from loyalty.audit.models import AuditEntry
from points.cards import selectors
from points.cards import services as cards
from points.cards.models import Card, CardKind
from points.ledger.services import KeyConflict

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 3, 4, tzinfo=UTC)  # noon in Shanghai


def kinds(member, now=NOON):
    return selectors.available_kinds(member_id=member.id, now=now)


def test_a_grant_gives_so_many_cards_that_can_be_used_at_once(member, double, granted):
    assert [card.status for card in granted(double, 3)] == ["available"] * 3
    assert kinds(member) == {"double": 3}


def test_the_same_key_gives_the_same_cards(member, double, granted):
    first, again = granted(double, 2), granted(double, 2)
    assert [card.id for card in first] == [card.id for card in again]
    assert kinds(member) == {"double": 2}


@pytest.mark.parametrize("other", [{"count": 3}, {"subject": "mission/9"}, {"kind": "make-up"}])
def test_the_same_key_for_another_grant_is_refused(member, double, make_up_card, granted, refuses, other):
    granted(double, 2)
    with refuses(KeyConflict):
        cards.grant(**{"member_id": member.id, "kind": "double", "count": 2, "actor": "tests", "key": "sample", "now": NOON, **other})


def test_one_key_may_serve_two_members(member, other_member, double, granted):
    granted(double)
    cards.grant(member_id=other_member.id, kind="double", actor="tests", key="sample", now=NOON)
    assert (kinds(member), kinds(other_member)) == ({"double": 1}, {"double": 1})


@pytest.mark.parametrize("count", [0, -1, 101])
def test_no_cards_or_too_many_are_refused(member, double, granted, refuses, count):
    with refuses(cards.CountInvalid):
        granted(double, count)


def test_a_hundred_cards_are_granted_at_a_time(member, double, granted):
    granted(double, 100)
    assert kinds(member) == {"double": 100}


def test_a_kind_that_is_not_there_is_refused(member, refuses):
    with refuses(selectors.CardKindUnknown):
        cards.grant(member_id=member.id, kind="nothing", actor="tests", key="sample", now=NOON)


def test_a_kind_no_longer_active_is_not_offered_but_what_was_won_of_it_is_granted(member, double, granted):
    CardKind.objects.filter(code="double").update(active=False)
    assert list(selectors.active_kinds()) == []
    granted(double)
    assert kinds(member) == {"double": 1}


def test_a_card_is_good_through_the_end_of_its_last_business_day(member, double, granted):
    (card,) = granted(double)
    assert card.expires_at == datetime(2026, 12, 3, 16, tzinfo=UTC)  # midnight after 3 December in Shanghai
    assert kinds(member, card.expires_at - timedelta(microseconds=1)) == {"double": 1}
    assert kinds(member, card.expires_at) == {}


def test_a_kind_without_a_term_gives_cards_for_ever(member, make_up_card, granted):
    (card,) = granted(make_up_card)
    assert card.expires_at is None
    assert kinds(member, NOON + timedelta(days=36_500)) == {"make-up": 1}


def test_another_term_of_the_kind_moves_no_card_that_was_granted(member, double, granted):
    (card,) = granted(double)
    CardKind.objects.filter(code="double").update(valid_days=1)
    assert Card.objects.get(id=card.id).expires_at == card.expires_at


def test_an_operators_grant_is_in_the_audit_trail_once(member, double):
    for _ in range(2):
        cards.grant(member_id=member.id, kind="double", count=2, reason="ticket 4711", actor="sample", key="by-hand/1", now=NOON)
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.actor, entry.reason, entry.figures["count"]) == ("card.granted", "sample", "ticket 4711", 2)


def test_the_cards_of_a_member_are_counted_by_one_statement(member, double, granted, django_assert_num_queries):
    granted(double, 3)
    with django_assert_num_queries(1):
        assert kinds(member) == {"double": 3}


def test_the_database_keeps_a_make_up_card_from_having_a_factor(make_up_card):
    with pytest.raises(IntegrityError, match="card_kind_factor_is_a_multipliers"), transaction.atomic():
        CardKind.objects.filter(code="make-up").update(factor_percent=200)
