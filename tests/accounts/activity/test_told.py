"""What all members did, told in the order of time: every fact once, however many at a time."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from accounts.activity import rules, selectors, services
from accounts.activity.models import Behaviour, Purchase
from accounts.members import services as members

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=30)


def bought(member, at, number, refunds=()):
    line = rules.Line("1", "SKU", "A/B", "brand", 2, 1000, 300)
    facts = rules.Purchase(f"P{number}", at, "CNY", 1000, (line,), 50, channel="app")
    purchase = services.record_purchase(member_id=member.id, facts=facts, digest=str(number), now=at).purchase
    for n, (later, cents) in enumerate(refunds):
        refund = rules.Refund(f"R{number}.{n}", at + later, cents)
        services.record_refund(purchase=purchase, facts=refund, amount_cents=cents, digest=f"{number}.{n}", now=END)
    return facts


def done(member, at, number):
    return services.record_behaviour(
        member_id=member.id, kind="liked", external_id=f"B{number}", data={"subject": str(number)}, occurred_at=at, ours=False, now=at
    ).behaviour


@pytest.fixture
def facts(db):
    """Forty facts of two members, mixed, several of them at the same instants."""
    chance = random.Random(4)
    who = [members.ensure(external_id=ref, now=START) for ref in ("ann", "bob")]
    for number in range(40):
        at = START + timedelta(hours=chance.randrange(12))
        member = chance.choice(who)
        if chance.random() < 0.5:
            bought(member, at, number)
        else:
            done(member, at, number)
    rows = [(one.occurred_at, str(one.id)) for model in (Purchase, Behaviour) for one in model.objects.all()]
    assert len({at for at, _id in rows}) < len(rows) / 2
    return sorted(rows)


def all_told(limit, since=START, until=END):
    found, after, over, pages = [], {}, False, 0
    while not over:
        page, after, over = selectors.told(since=since, until=until, after=after, limit=limit)
        found += [(one.at, one.id) for one in page]
        pages += 1
        assert pages < 200
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7, 19, 20, 21, 39, 40, 41, 1000])
def test_every_fact_is_told_once_and_in_the_order_of_time(facts, limit):
    assert all_told(limit) == facts


@pytest.mark.parametrize("limit", [1, 4, 1000])
def test_one_kind_alone_is_told_whole(facts, limit):
    Behaviour.objects.all().delete()
    assert all_told(limit) == [one for one in facts if Purchase.objects.filter(id=one[1]).exists()]


@pytest.mark.parametrize("hour", range(13))
def test_a_span_begins_with_its_first_instant_and_ends_before_its_last(facts, hour):
    middle = START + timedelta(hours=hour)
    assert all_told(3, until=middle) == [one for one in facts if one[0] < middle]
    assert all_told(3, since=middle) == [one for one in facts if one[0] >= middle]
    assert selectors.count_told(since=middle, until=END) == len([one for one in facts if one[0] >= middle])


def test_nothing_to_tell_is_told_at_once(db):
    assert selectors.told(since=START, until=END, after={}, limit=10) == ([], {}, True)


def test_a_purchase_is_told_as_it_was_recorded(member):
    facts = bought(member, START, 1)
    [told], _after, _over = selectors.told(since=START, until=END, after={}, limit=10)
    assert told.purchase == facts
    assert (told.member, told.refunds, told.behaviour) == (str(member.id), (), None)


def test_refunds_are_told_with_their_purchase_and_never_before_it(member):
    bought(member, START, 1, refunds=[(timedelta(days=40), 300), (-timedelta(days=1), 200)])
    [told], _after, _over = selectors.told(since=START, until=END, after={}, limit=10)
    assert [(at, refund.id, refund.amount_cents) for at, _id, refund in told.refunds] == [(START + timedelta(days=40), "R1.0", 300), (START, "R1.1", 200)]


def test_withdrawn_behaviours_are_not_told(member):
    behaviour = done(member, START, 1)
    services.withdraw_behaviour(behaviour=behaviour, free_key=True, now=START)
    assert all_told(10) == []
    assert selectors.count_told(since=START, until=END) == 0


def test_how_many_there_are_is_exact_up_to_a_bound_and_estimated_beyond(facts, monkeypatch):
    assert selectors.about_told(since=START, until=END) == (40, True)
    monkeypatch.setattr(selectors, "COUNTED_AT_MOST", 5)
    count, exact = selectors.about_told(since=START, until=END)
    assert not exact
    assert count >= 12
    assert selectors.about_told(since=END, until=END) == (0, True)


def test_the_histories_of_many_members_are_what_each_ones_history_is(facts):
    for one in Purchase.objects.all()[:3]:
        services.mark_refunded(purchase=one)
    moment = START + timedelta(hours=7)
    ids = set(Purchase.objects.values_list("member_id", flat=True))
    found = selectors.histories(member_ids=ids, before=moment, days=30)
    for member_id in ids:
        mine = Purchase.objects.filter(member_id=member_id, occurred_at__lt=moment, refunded=False)
        assert found[member_id].count == mine.count()
        assert found[member_id].last_at == max(one.occurred_at for one in mine)
        assert found[member_id].last_by_category == {"A/B": found[member_id].last_at}
    assert selectors.histories(member_ids=ids, before=moment, days=0)[min(ids)].last_by_category == {}
    assert selectors.histories(member_ids=ids, before=START, days=30) == {}
