"""A member brings a friend, over the API: the code, the friend's first order, its refunds, the next one; what both get; the books balance."""

import threading
from itertools import count

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.activity.models import FactKind
from accounts.members import services as members
from accounts.referrals import services as referrals
from accounts.referrals.models import Referral
from loyalty.lib.configuration import forget
from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow
from mall.checkout import services as till
from points.earning.models import Decision
from points.rulebook import services as rulebook
from points.rulebook.rules import Band, Conditions, Definition, Effect
from riskcontrol.screening import services as screening

pytestmark = pytest.mark.django_db
at_the_same_moment = pytest.mark.django_db(transaction=True)


class Story:
    """The inviter M-1, the friends, and the shop that tells of them."""

    def __init__(self, client, now):
        self.client, self.now, self.keys = client, now, count(1)

    def ask(self, method, path, body=None):
        headers = {"Idempotency-Key": f"story-{next(self.keys)}"} if method == "post" else {}
        response = getattr(self.client, method)(f"/api/v1/{path}", body, format="json" if body is not None else None, headers=headers)
        assert response.status_code < 300, response.content
        return response.json()

    def deliver(self):
        """What the job of every minute delivers; a request drains its own lines after its commit, which a test never has."""
        outbox.deliver_due(limit=1000, now=timezone.now())
        assert not OutboxRow.objects.exclude(status="delivered").exists()

    def befriend(self, name="F-1", **body):
        return self.ask("put", f"members/{name}", body or {"referred_by": "M-1"})

    def order(self, cents, number="1001", member="F-1"):
        line = {"id": "1", "amount_cents": cents}
        body = {"id": number, "member": member, "occurred_at": self.now.isoformat(), "currency": "CNY", "lines": [line], "paid_cents": cents}
        return self.ask("post", "purchases", {name: value for name, value in body.items() if value})

    def refund(self, cents, refund, number="1001"):
        return self.ask("post", f"purchases/{number}/refunds", {"id": refund, "occurred_at": self.now.isoformat(), "amount_cents": cents})

    def points(self, *names):
        """What each has, less what each owes."""
        self.deliver()
        shown = [self.ask("get", f"members/{name}/account") for name in names or ("M-1", "F-1")]
        return tuple(one["available"] - one["debt"] for one in shown)

    def status(self, name="F-1"):
        return next(one["status"] for one in self.ask("get", "members/M-1/referrals")["results"] if one["friend"] == name)


@pytest.fixture
def story(storefront, member, now):
    """An invitation is worth 50, from an order of 100 yuan on 200; the friend gets 30. Orders themselves earn nothing."""
    bands = (Band(1, 10_000, points=50), Band(10_000, None, points=200))
    rules = {"referral_completed": Effect("bands", measure="amount_cents", bands=bands), "referred": Effect("fixed", points=30)}
    with transaction.atomic():
        for fact, effect in rules.items():
            made = rulebook.make(code=fact, fact=fact, name_zh="示例", name_en="Sample", definition=Definition(Conditions(), effect), actor="tests", now=now)
            rulebook.publish(version_id=made.id, ever=True, actor="tests", now=now)
    return Story(storefront, now)


@pytest.fixture
def books_balance_after(assert_books_balance):
    yield
    assert_books_balance()


def test_from_the_code_to_the_next_order(story, books_balance_after):
    code = story.ask("get", "members/M-1/referrals")["code"]
    assert story.befriend(referral_code=code.lower())["referred_by"] == "M-1"
    assert (story.status(), story.points()) == ("open", (0, 0))
    story.order(15_000)
    assert (story.status(), story.points()) == ("completed", (200, 30))
    story.refund(5_000, "R-1")
    assert story.points() == (200, 30)
    story.refund(1, "R-2")
    assert (story.status(), story.points()) == ("completed", (50, 30))
    story.refund(9_999, "R-3")
    assert (story.status(), story.points()) == ("revoked", (0, 0))
    story.order(8_000, "1002")
    assert (story.status(), story.points()) == ("completed", (50, 30))
    story.order(90_000, "1003")
    assert story.points() == (50, 30)
    story.refund(8_000, "R-4", "1002")
    assert (story.status(), story.points()) == ("revoked", (0, 0))


def test_what_the_inviter_reads_tells_nothing_of_the_friends_order(story):
    story.befriend()
    story.order(15_000, "ORDER-77")
    story.refund(15_000, "R-1", "ORDER-77")
    story.deliver()
    entries = story.ask("get", "members/M-1/entries")["results"]
    told = [story.ask("get", f"members/M-1/entries/{entry['id']}/explanation") for entry in entries]
    assert [entry["kind"] for entry in entries] == ["clawback", "earn"]
    assert "ORDER-77" not in f"{entries} {told}"


@pytest.mark.parametrize(("cents", "worth"), [(1, 50), (9_999, 50), (10_000, 200)])
def test_the_amount_of_the_order_decides(story, cents, worth, books_balance_after):
    story.befriend()
    story.order(cents)
    assert story.points() == (worth, 30)


def test_everything_said_twice_counts_once(story, books_balance_after):
    for _turn in range(2):
        story.befriend()
        story.order(10_000)
    for _turn in range(2):
        story.refund(1_000, "R-1")
    assert story.points() == (50, 30)


def test_an_inviter_who_has_spent_the_reward_owes_it(story, books_balance_after):
    story.befriend()
    story.order(10_000)
    story.deliver()
    story.ask("post", "members/M-1/spends", {"points": 150, "subject": "game/1"})
    story.refund(10_000, "R-1")
    story.deliver()
    account = story.ask("get", "members/M-1/account")
    assert (account["available"], account["debt"]) == (0, 150)


def test_an_order_whose_refund_came_first_brings_what_is_left_of_it(story, books_balance_after):
    story.befriend()
    story.refund(6_000, "R-1")
    story.order(12_000)
    assert (story.status(), story.points()) == ("completed", (50, 30))


def test_an_order_refunded_before_it_was_told_brings_nothing(story, books_balance_after):
    story.befriend()
    story.refund(12_000, "R-1")
    story.order(12_000)
    assert (story.status(), story.points()) == ("revoked", (0, 0))


def test_a_guests_order_counts_when_the_friend_claims_it(story, books_balance_after):
    story.befriend()
    story.order(10_000, member="")
    assert story.points() == (0, 0)
    story.ask("post", "purchases/1001/claim", {"member": "F-1"})
    assert (story.status(), story.points()) == ("completed", (200, 30))


def test_an_order_told_before_the_registration_of_that_day_counts(story, books_balance_after):
    story.order(10_000)
    story.befriend()
    assert (story.status(), story.points()) == ("completed", (200, 30))


def test_each_friend_counts_for_themselves(story, books_balance_after):
    for number in range(3):
        story.befriend(f"F-{number}")
        story.order(10_000, f"{number}", f"F-{number}")
    story.refund(10_000, "R-1", "1")
    assert story.points("M-1", "F-0", "F-1", "F-2") == (400, 30, 0, 30)


def test_a_cancelled_referral_is_taken_back_from_both(story, now, books_balance_after):
    story.befriend()
    story.order(10_000)
    with transaction.atomic():
        referrals.cancel(referral_id=Referral.objects.get().id, actor="anna", reason="one household", now=now)
    assert (story.status(), story.points()) == ("cancelled", (0, 0))


def test_a_blocked_inviter_gets_nothing_and_the_decision_says_why(story, member, now, books_balance_after):
    story.befriend()
    with transaction.atomic():
        screening.block(member_id=member.id, reason="sample", actor="tests", now=now)
    story.order(10_000)
    assert (story.status(), story.points()) == ("completed", (0, 30))
    assert Decision.objects.get(member_id=member.id).screened


def test_an_inviter_who_has_left_stops_nobodys_reward(story, member, books_balance_after):
    story.befriend()
    members.close(member_id=member.id)
    story.order(10_000)
    assert story.points("F-1") == (30,)


def test_where_the_facts_are_switched_off_nothing_is_given_and_what_was_is_taken_back(story, books_balance_after):
    story.befriend()
    story.order(10_000)
    story.deliver()
    FactKind.objects.filter(code__in=("referral_completed", "referred")).update(active=False)
    forget(FactKind)
    story.befriend("F-2")
    story.order(10_000, "1002", "F-2")
    assert (story.status("F-2"), story.points("M-1", "F-1", "F-2")) == ("completed", (200, 30, 0))
    story.refund(10_000, "R-1")
    assert story.points("M-1", "F-1", "F-2") == (0, 0, 0)


def test_who_invited_is_named_in_one_way(story):
    code = story.ask("get", "members/M-1/referrals")["code"]
    refused = story.client.put("/api/v1/members/F-1", {"referred_by": "M-1", "referral_code": code}, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "referral_code")
    unknown = story.client.put("/api/v1/members/F-1", {"referral_code": "22222222"}, format="json")
    assert (unknown.status_code, unknown.json()["code"], unknown.json()["title"]) == (422, "referral_code_unknown", "There is no such invitation code.")


def at_once(*acts):
    start = threading.Barrier(len(acts))

    def run(act):
        try:
            start.wait(20)
            act()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@at_the_same_moment
@pytest.mark.parametrize("turn", range(3))
def test_a_registration_and_the_first_order_at_once_never_miss_each_other(story, turn, books_balance_after):
    at_once(story.befriend, lambda: story.order(10_000))
    assert (story.status(), story.points()) == ("completed", (200, 30))


@pytest.fixture
def during_the_order(story, monkeypatch, now):
    """Pay an order that has looked for a referral and found none, and is not committed yet, while `act` goes on beside it."""

    def go(act):
        members.ensure(external_id="F-1", now=now)
        looked, acting = till.referrals.purchase_paid, threading.Thread(target=at_once, args=(act,))

        def then(**kwargs):
            looked(**kwargs)
            acting.start()
            acting.join(0.5)

        monkeypatch.setattr(till.referrals, "purchase_paid", then)
        story.order(10_000)
        acting.join(60)

    return go


@at_the_same_moment
def test_a_registration_waits_for_an_order_under_way(story, during_the_order, books_balance_after):
    during_the_order(story.befriend)
    assert (story.status(), story.points()) == ("completed", (200, 30))


@at_the_same_moment
def test_control_without_the_members_lock_it_does_not_and_they_miss_each_other(story, during_the_order, now):
    during_the_order(lambda: members.register(external_id="F-1", referred_by="M-1", now=now))
    assert story.status() == "open"


@at_the_same_moment
def test_eight_first_orders_at_once_are_rewarded_once(story, books_balance_after):
    story.befriend()
    at_once(*(lambda number=number: story.order(10_000, f"{number}") for number in range(8)))
    assert story.points() == (200, 30)


@at_the_same_moment
def test_many_friends_of_one_inviter_at_once(story, books_balance_after):
    for number in range(6):
        story.befriend(f"F-{number}")
    at_once(*(lambda number=number: story.order(10_000, f"{number}", f"F-{number}") for number in range(6)))
    assert story.points("M-1", *(f"F-{number}" for number in range(6))) == (1_200, *[30] * 6)
