from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from points.cards import selectors, tasks
from points.cards import services as cards
from points.cards.models import Card

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 3, 4, tzinfo=UTC)
LATER = NOON + timedelta(days=40)


def use(member, subject="purchase/A-1", now=NOON, kind="double"):
    return cards.use(member_id=member.id, kind=kind, subject=subject, now=now)


def give_back(member, subject="purchase/A-1", now=NOON):
    return cards.give_back(member_id=member.id, subject=subject, now=now)


def test_the_card_that_expires_first_is_used_first_and_one_for_ever_last(member, double, granted):
    double.valid_days = None
    double.save()
    (forever,) = granted(double, key="for ever")
    double.valid_days = 30
    double.save()
    (late,) = granted(double, key="late", now=NOON + timedelta(days=1))
    (soon,) = granted(double, key="soon")
    at = NOON + timedelta(days=2)
    assert [use(member, f"purchase/{n}", at).id for n in range(3)] == [soon.id, late.id, forever.id]


def test_the_same_subject_again_names_the_same_card(member, double, granted):
    granted(double, 2)
    assert use(member).id == use(member).id
    assert selectors.available_kinds(member_id=member.id, now=NOON) == {"double": 1}


def test_one_subject_may_use_a_card_of_each_kind(member, double, make_up_card, granted):
    granted(double)
    granted(make_up_card, key="other")
    assert use(member).id != use(member, kind="make-up").id


def test_without_a_card_of_that_kind_use_is_refused(member, make_up_card, granted, refuses):
    granted(make_up_card)
    with refuses(cards.NoCard):
        use(member)


def test_nobody_uses_the_card_of_another_member(member, other_member, double, granted, refuses):
    granted(double)
    with refuses(cards.NoCard):
        use(other_member)


def test_an_expired_card_is_not_used_whether_the_job_has_run_or_not(member, double, granted, refuses):
    (card,) = granted(double)
    with refuses(cards.NoCard):
        use(member, now=card.expires_at)
    cards.expire_due(limit=10, now=card.expires_at)
    with refuses(cards.NoCard):
        use(member, now=card.expires_at)


def test_a_card_is_used_until_its_last_instant(member, double, granted):
    (card,) = granted(double)
    assert use(member, now=card.expires_at - timedelta(microseconds=1)).id == card.id


def test_a_card_given_back_is_available_with_its_own_expiry(member, double, granted):
    (card,) = granted(double)
    use(member)
    give_back(member)
    back = Card.objects.get(id=card.id)
    assert (back.status, back.expires_at, back.used_by, back.used_at) == ("available", card.expires_at, "", None)
    assert use(member, "purchase/A-2").id == card.id


def test_a_card_given_back_after_its_expiry_is_expired(member, double, granted):
    granted(double)
    use(member)
    assert [card.status for card in give_back(member, now=LATER)] == ["expired"]
    assert selectors.available_kinds(member_id=member.id, now=NOON) == {}


def test_giving_back_twice_or_for_another_subject_changes_nothing(member, double, granted):
    granted(double, 2)
    use(member)
    use(member, "purchase/A-2")
    assert len(give_back(member)) == 1
    assert give_back(member) == []
    assert give_back(member, "purchase/A-3") == []
    assert selectors.available_kinds(member_id=member.id, now=NOON) == {"double": 1}


def test_the_job_books_what_is_due_in_batches_and_nothing_else(member, other_member, double, make_up_card, granted):
    granted(double, 3)
    granted(make_up_card, key="other")
    used = use(member)
    cards.grant(member_id=other_member.id, kind="double", actor="tests", key="sample", now=NOON)
    assert [cards.expire_due(limit=2, now=LATER) for _ in range(3)] == [2, 1, 0]
    assert sorted(Card.objects.values_list("status", flat=True)) == ["available", "expired", "expired", "expired", "used"]
    assert Card.objects.get(id=used.id).status == "used"


def test_the_job_runs_until_nothing_is_due(member, double, granted):
    granted(double, 3, now=NOON - timedelta(days=400))
    tasks.expire_due()
    assert set(Card.objects.values_list("status", flat=True)) == {"expired"}


@pytest.mark.parametrize("status", ["expired", "withdrawn", "available"])
def test_the_database_keeps_a_card_that_says_for_what_it_was_used_from_being_anything_but_used(member, double, granted, status):
    granted(double)
    use(member)
    with pytest.raises(IntegrityError, match="card_used_says_for_what"), transaction.atomic():
        Card.objects.update(status=status, withdrawn_for="tests" if status == "withdrawn" else "")
