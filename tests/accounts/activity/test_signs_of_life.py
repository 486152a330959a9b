"""When members last did anything themselves, and how often they bought."""

from datetime import timedelta

import pytest

from accounts.activity import rules, selectors, services
from accounts.activity.models import FactKind

pytestmark = pytest.mark.django_db


@pytest.fixture
def did(member, now):
    """The member does something that many days ago."""

    def record(kind, days, **data):
        made, _repeated = services.record_behaviour(
            member_id=member.id, kind=kind, external_id=f"{kind}/{days}", data=data, occurred_at=now - timedelta(days=days), ours=True, now=now
        )
        return made

    return record


@pytest.fixture
def bought(member, now):
    def record(days):
        facts = rules.Purchase(f"P-{days}", now - timedelta(days=days), "CNY", 1000, (rules.Line("1", amount_cents=1000),))
        return services.record_purchase(member_id=member.id, facts=facts, digest=rules.digest(facts), now=now).purchase

    return record


def test_own_doing_is_told_from_what_others_or_the_programme_do():
    kinds = FactKind.objects.all()
    assert {kind.code for kind in kinds if kind.ours and rules.own_doing(kind.code, ours=True)} == {"checked_in"}
    assert {kind.code for kind in kinds if not kind.ours and not rules.own_doing(kind.code, ours=False)} == {"share_clicked", "share_bought", "review_featured"}


def test_the_last_sign_of_life_is_the_latest_of_purchases_and_own_doings(did, bought, member, other_member, now):
    def last():
        found = selectors.last_active(member_ids=[member.id, other_member.id], until=now)
        assert found[other_member.id] is None
        return found[member.id] and (now - found[member.id]).days

    assert last() is None
    did("birthday", 1, year=2026)
    did("share_clicked", 2, subject="S", by="X")
    assert last() is None
    did("checked_in", 40, streak=1)
    assert last() == 40
    bought(30)
    assert last() == 30
    liked = did("liked", 20, subject="R")
    assert last() == 20
    services.withdraw_behaviour(behaviour=liked, free_key=True, now=now)
    assert last() == 30


def test_what_lies_after_the_moment_asked_does_not_count(bought, member, now):
    bought(10)
    bought(5)
    for days, expected in ((5, 5), (6, 10), (11, None)):
        (at,) = selectors.last_active(member_ids=[member.id], until=now - timedelta(days=days)).values()
        assert at == (expected and now - timedelta(days=expected))


def test_the_first_sign_of_life_from_a_moment_on(did, bought, member, now):
    assert selectors.first_active(member_id=member.id, since=now - timedelta(days=50)) is None
    did("checked_in", 40, streak=1)
    bought(30)
    for days, expected in ((40, 40), (39, 30), (30, 30)):
        assert selectors.first_active(member_id=member.id, since=now - timedelta(days=days)) == now - timedelta(days=expected)
    assert selectors.first_active(member_id=member.id, since=now - timedelta(days=29)) is None


def test_orders_are_counted_from_a_day_up_to_another_without_what_was_given_back(bought, member, other_member, now):
    for days in (1, 5, 10):
        bought(days)
    services.mark_refunded(purchase=bought(7))
    both, since, until = [member.id, other_member.id], now - timedelta(days=10), now - timedelta(days=1)
    assert selectors.orders(member_ids=both, since=since, until=until) == {member.id: 2}
    assert selectors.orders(member_ids=both, since=now - timedelta(days=4), until=now) == {member.id: 1}


def test_what_was_told_of_whom_is_known(did, member, other_member):
    assert selectors.told_of(member_ids=[member.id, other_member.id], kind="birthday", external_id="birthday/1") == set()
    did("birthday", 1, year=2026)
    assert selectors.told_of(member_ids=[member.id, other_member.id], kind="birthday", external_id="birthday/1") == {member.id}


def test_the_last_signs_of_many_members_are_one_statement(did, bought, member, other_member, now, django_assert_num_queries):
    selectors.fact_kinds()
    with django_assert_num_queries(1):
        selectors.last_active(member_ids=[member.id, other_member.id], until=now)
