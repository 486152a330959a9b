"""Many facts at once, on a real PostgreSQL: never over a budget or a limit, never twice. Each with a control without the guard, which goes wrong.

Controls leave nothing to luck: in them everybody has looked before anybody writes.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier

import pytest
from django.db import DatabaseError, connection, connections
from django.db.models import Sum

from accounts.activity.models import Behaviour
from accounts.activity.rules import Line, Purchase, Refund
from accounts.members import services as members
from loyalty.lib.refusals import BusinessError
from mall.checkout import services as till
from points.budgets import services as budgets
from points.budgets.models import SharedUse
from points.earning import selectors, services
from points.earning.models import Decision, Grant, MemberUse
from points.ledger.models import Entry
from points.reconciliation import selectors as reconciliation
from points.rulebook import services as rulebook
from points.rulebook.models import SharedLimit
from points.rulebook.rules import Definition, Effect, Limit

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 11, 4, tzinfo=UTC)
FIXED = Effect("fixed", points=7)


def publish(code="share", fact="shared", **said):
    made = rulebook.make(code=code, fact=fact, name_zh=code, name_en=code, definition=Definition(**{"effect": FIXED, **said}), actor="tests", now=NOW)
    return rulebook.publish(version_id=made.id, ever=True, actor="tests", now=NOW)


def budget(points, code="budget", **said):
    about = {"scope": "all", "period": "total", "at_end": "cut", **said}
    return budgets.keep(code=code, name=code, points=points, **about, actor="tests", now=NOW)


def someone(number=1):
    return members.ensure(external_id=f"M-{number}", now=NOW).id


def crowd(size):
    return [found for _ref, found in sorted(members.ensure_all(external_ids=[f"M-{n}" for n in range(size)], now=NOW).items())]


def share(member_id, number="1", kind="shared", **data):
    data = data or {"subject": f"article {number}"}
    return services.take(member_id=member_id, kind=kind, external_id=str(number), data=data, occurred_at=NOW, actor="tests", now=NOW).points


def at_once(*acts) -> Counter:
    """Do them all at the same time, each on a connection of its own; how often each outcome came: what it gave, or the refusal's code."""
    barrier = Barrier(len(acts))

    def run(act) -> object:
        try:
            connection.ensure_connection()
            barrier.wait(60)
            return act()
        except BusinessError as refusal:
            return refusal.code
        except DatabaseError as error:
            return f"database: {type(error).__name__}"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return Counter(pool.map(run, acts))


def granted():
    return Grant.objects.aggregate(points=Sum("points") - Sum("taken_back"))["points"] or 0


@pytest.fixture
def all_look_first(monkeypatch):
    """`all_look_first(n)`: n decisions have looked before any of them goes on."""

    def arm(parties):
        barrier = Barrier(parties)
        situation = selectors.situation

        def look(**about):
            seen = situation(**about)
            barrier.wait(60)
            return seen

        monkeypatch.setattr(selectors, "situation", look)

    return arm


# Shared by all members: a rule's budget, a rule's limit.


@pytest.mark.parametrize(("at_end", "spent", "begun"), [("cut", 500, False), ("stop", 497, True)], ids=["cut, a period that begins", "stop, one under way"])
def test_two_hundred_members_at_a_rules_budget_get_what_it_has_and_no_more(at_end, spent, begun):
    publish()
    budget(500 + 7 * begun, scope="rule", of="share", at_end=at_end)
    everybody = crowd(200)
    if begun:
        assert share(someone("first")) == 7

    outcomes = at_once(*(partial(share, one) for one in everybody))

    print(f"200 earn 7 each of 500, {at_end}: {dict(outcomes)}")  # noqa: T201
    assert outcomes == {7: 71, 0: 128, 3: 1} if at_end == "cut" else {7: 71, 0: 129}
    assert SharedUse.objects.get().points == granted() == spent + 7 * begun
    assert reconciliation.breaches() == []


@pytest.mark.parametrize("limit", [Limit("day", points=500, by="rule"), Limit("month", times=71, by="rule")], ids=["points", "times"])
def test_two_hundred_members_at_a_rules_limit_for_all(limit):
    publish(limits=(limit,))
    everybody = crowd(200)

    outcomes = at_once(*(partial(share, one) for one in everybody))

    print(f"200 earn 7 each, {limit}: {dict(outcomes)}")  # noqa: T201
    assert outcomes == ({7: 71, 3: 1, 0: 128} if limit.points else {7: 71, 0: 129})
    use = SharedUse.objects.get()
    assert (use.points, use.times) == (granted(), outcomes[7] + outcomes[3])


def test_control_without_the_charge_being_refused_the_budget_is_overdrawn(all_look_first, monkeypatch):
    publish(effect=Effect("fixed", points=300))
    budget(500)
    two = crowd(2)
    share(someone("first"), kind="liked", subject="x")
    _shared = services._shared
    unlimited = {"limit_points": None, "limit_times": None}
    monkeypatch.setattr(services, "_shared", lambda *about: [services.replace(one, **unlimited) for one in _shared(*about)])
    all_look_first(2)

    assert at_once(*(partial(share, one) for one in two)) == {300: 2}
    assert SharedUse.objects.get().points == 600 > 500


def test_who_was_overtaken_decides_again_on_what_is_left(all_look_first):
    publish(effect=Effect("fixed", points=300))
    budget(500)
    two = crowd(2)
    all_look_first(2)

    assert at_once(*(partial(share, one) for one in two)) == {300: 1, 200: 1}
    assert SharedUse.objects.get().points == granted() == 500


@pytest.mark.parametrize("at_end", ["cut", "stop"])
def test_who_was_overtaken_may_find_another_rule_and_nobody_waits_in_a_circle(at_end):
    # Each of a group has a budget of its own; whoever misses one is charged to another, and all to one more.
    for number in range(6):
        publish(f"share-{number}", effect=Effect("fixed", points=20), group="g", combine="best")
        budget(100, f"b-{number}", scope="rule", of=f"share-{number}", at_end=at_end)
    overall = budget(100_000)
    everybody = crowd(120)

    outcomes = at_once(*(partial(share, one) for one in everybody))

    print(f"120 at six budgets of 100, {at_end}: {dict(outcomes)}")  # noqa: T201
    assert outcomes == {20: 30, 0: 90}
    spent = {use.counter: use.points for use in SharedUse.objects.all()}
    assert spent.pop(f"budget/{overall.id}") == granted() == 600
    assert list(spent.values()) == [100] * 6


# A member's own: the cap of a day, a fact that counts once, an offer.


def test_two_hundred_facts_of_one_member_at_the_cap_of_a_day():
    publish(limits=(Limit("day", points=100),))
    publish("like", fact="liked")
    SharedLimit.objects.create(code="daily", name_zh="每日", name_en="Daily", over=["behaviours"], per="day", points=150)
    rulebook.changed_what_is_in_force()
    one = someone()
    share(one, "first", kind="commented", subject="x")
    facts = [partial(share, one, n) for n in range(100)] + [partial(share, one, n, kind="liked", subject=str(n)) for n in range(100)]

    outcomes = at_once(*facts)

    print(f"200 facts at 100 a day, 150 in all: {dict(outcomes)}")  # noqa: T201
    uses = dict(MemberUse.objects.values_list("counter", "points"))
    assert granted() == sum(points * times for points, times in outcomes.items()) == uses["=daily"] == 150
    assert uses["share/day"] <= 100
    assert reconciliation.breaches() == []


def test_control_without_the_members_lock_the_cap_is_exceeded(all_look_first, monkeypatch):
    publish(limits=(Limit("day", points=10),))
    one = someone()
    share(one, "first", kind="commented", subject="x")
    monkeypatch.setattr(services.ledger, "lock", lambda **_about: None)
    all_look_first(2)

    assert at_once(partial(share, one, 1), partial(share, one, 2)) == {7: 2}
    assert MemberUse.objects.get().points == 14 > 10


def test_a_fact_that_counts_once_is_granted_once_whoever_tells_it():
    publish(fact="phone_verified")
    one = someone()

    outcomes = at_once(*(partial(verified, one, n % 100) for n in range(200)))

    print(f"200 tell a fact of once ever: {dict(outcomes)}")  # noqa: T201
    assert outcomes == {7: 2, "fact_repeated": 198}  # who told it first told it twice
    assert (Decision.objects.count(), Entry.objects.count(), granted()) == (1, 1, 7)


def verified(member_id, number):
    about = {"member_id": member_id, "kind": "phone_verified", "external_id": str(number)}
    return services.take(**about, data={}, occurred_at=NOW, actor="tests", now=NOW).points


def test_control_without_the_key_it_is_granted_twice():
    publish(fact="phone_verified")
    one = someone()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_behaviour DROP CONSTRAINT behaviour_once_only")
    try:
        assert at_once(*(partial(verified, one, n) for n in range(2))) == {7: 2}
        assert granted() == 14
    finally:
        Grant.objects.all().delete()
        Decision.objects.all().delete()
        Behaviour.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_behaviour ADD CONSTRAINT behaviour_once_only UNIQUE (member_id, kind_id, once_key)")


def test_an_offer_is_claimed_once_and_never_after_it_lapsed():
    publish(claim_days=1)
    one = someone()
    share(one)
    offer = Grant.objects.get()

    def claim(when):
        return services.claim(member_id=one, grant_id=offer.id, actor="tests", now=when).status

    late = offer.claim_until + timedelta(seconds=1)
    outcomes = at_once(*[partial(claim, NOW)] * 20, *[partial(claim, late)] * 10, *[partial(services.lapse_due, limit=5, now=late)] * 10)

    offer.refresh_from_db()
    print(f"claimed by 20, late by 10, closed by 10: {offer.status}, {dict(outcomes)}")  # noqa: T201
    assert Entry.objects.count() == (offer.status == "granted")
    assert offer.status in ("granted", "lapsed")
    assert (outcomes["granted"] > 0) == (offer.status == "granted")
    assert outcomes[1] == (offer.status == "lapsed")


# Orders and their refunds, while rules change.


def test_orders_and_refunds_of_many_at_once_leave_what_stands_in_every_counter():
    effect = Effect("per_unit", rate=10_000)
    publish("base", fact="purchase", effect=effect, limits=(Limit("day", points=250), Limit("day", points=2_000, by="rule")))
    budget(1_500)
    everybody = crowd(12)

    def order(member_id, number):
        facts = Purchase(f"{member_id}/{number}"[-60:], NOW, "CNY", 10_000, (Line("1", amount_cents=10_000),))
        till.pay(member_id=member_id, facts=facts, actor="tests", now=NOW)
        return facts.id

    def order_and_refund(member_id, number):
        paid = order(member_id, number)
        till.refund(purchase_ref=paid, facts=Refund("R", NOW, 10_000 if number % 2 else 4_000), actor="tests", now=NOW)
        return "done"

    order(everybody[0], "first")
    outcomes = at_once(*(partial(order_and_refund, one, number) for one in everybody for number in range(8)))

    assert outcomes == {"done": 96}
    stands = granted()
    assert stands == sum(use.points for use in MemberUse.objects.all())
    assert {use.points for use in SharedUse.objects.all()} == {stands}
    assert all(use.points <= 250 for use in MemberUse.objects.all())
    assert reconciliation.breaches() == []


def test_facts_that_come_while_a_version_is_published_are_decided_by_the_one_or_the_other():
    publish(effect=Effect("fixed", points=5))
    everybody = crowd(60)

    def publish_next():
        made = rulebook.draft(code="share", definition=Definition(effect=Effect("fixed", points=9)), actor="tests", now=NOW)
        rulebook.publish(version_id=made.id, effective_from=NOW, actor="tests", now=NOW)
        return "published"

    outcomes = at_once(publish_next, *(partial(share, one) for one in everybody))

    assert outcomes["published"] == 1
    assert outcomes[5] + outcomes[9] == 60
    assert share(someone("after")) == 9
