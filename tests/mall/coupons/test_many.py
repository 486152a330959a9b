"""Coupons to many members at once."""

from uuid import uuid4

import pytest

from accounts.members import services as members
from accounts.segments import services as segments
from accounts.segments.models import Segment
from loyalty.audit.models import AuditEntry
from loyalty.lib.refusals import ReasonMissing
from mall.coupons import selectors, services
from mall.coupons.models import Coupon, CouponBatch

Status = CouponBatch.Status


@pytest.fixture
def crowd(db, now):
    return [members.register(external_id=f"M-{n}", name="Sample Member", now=now)[0] for n in range(10, 17)]


@pytest.fixture
def friends(crowd, now):
    Segment.objects.create(code="friends", name_zh="老友", name_en="Friends")
    segments.add(segment="friends", external_ids=[one.external_id for one in crowd], actor="tests", now=now)
    return "friends"


def ask(coupons, *, key=None, **more):
    about = {"template": "ten-off", "reason": "thanks", "actor": "tests", "now": coupons.now}
    return services.issue_to_many(**about | more, key=key or uuid4())


def work(coupons, monkeypatch, page=3):
    """As the job does, in small pages, until there is nothing to do; how many pages it took."""
    monkeypatch.setattr(services, "PAGE", page)
    pages = 0
    while services.issue_due(now=coupons.now):
        pages += 1
    return pages


def test_each_of_a_segment_gets_one(coupons, crowd, friends, monkeypatch):
    coupons.template()
    batch = ask(coupons, segment=friends)
    assert (batch.members, work(coupons, monkeypatch)) == (7, 3)
    batch.refresh_from_db()
    assert (batch.status, batch.issued, batch.left_out) == (Status.DONE, 7, 0)
    assert set(Coupon.objects.values_list("member_id", flat=True)) == {one.id for one in crowd}
    assert work(coupons, monkeypatch) == 0


def test_each_of_a_list_gets_one_and_the_list_is_kept_no_longer(coupons, crowd, monkeypatch):
    coupons.template()
    batch = ask(coupons, member_ids=[one.id for one in crowd] + [crowd[0].id])
    assert batch.members == 7
    work(coupons, monkeypatch)
    batch.refresh_from_db()
    assert (batch.issued, batch.listed) == (7, [])


def test_who_has_had_as_many_as_one_may_is_left_out(coupons, crowd, friends, monkeypatch):
    coupons.template(per_member=1)
    coupons.issue(crowd[0])
    batch = ask(coupons, segment=friends)
    work(coupons, monkeypatch)
    batch.refresh_from_db()
    assert (batch.issued, batch.left_out) == (6, 1)


def test_when_the_coupons_are_gone_it_stops_and_says_so(coupons, friends, monkeypatch):
    coupons.template(in_all=4)
    batch = ask(coupons, segment=friends)
    work(coupons, monkeypatch)
    batch.refresh_from_db()
    assert (batch.status, batch.issued, Coupon.objects.count()) == (Status.STOPPED, 4, 4)
    assert batch.why_stopped == "All coupons of this template are gone."


def test_after_the_last_day_it_stops(coupons, friends, monkeypatch):
    coupons.template(ends_on=coupons.now.date())
    batch = ask(coupons, segment=friends)
    coupons.wait(days=3)
    work(coupons, monkeypatch)
    batch.refresh_from_db()
    assert (batch.status, batch.issued) == (Status.STOPPED, 0)


def test_stopped_by_hand_nothing_more_is_issued(coupons, friends, monkeypatch, refuses):
    coupons.template()
    batch = ask(coupons, segment=friends)
    monkeypatch.setattr(services, "PAGE", 3)
    services.issue_due(now=coupons.now)
    services.stop(batch_id=batch.id, reason="wrong segment", actor="tests", now=coupons.now)
    assert work(coupons, monkeypatch) == 0
    assert Coupon.objects.count() == 3
    with refuses(services.BatchOver):
        services.stop(batch_id=batch.id, reason="again", actor="tests", now=coupons.now)


def test_the_same_form_sent_twice_is_one_issue(coupons, friends, monkeypatch):
    coupons.template()
    key = uuid4()
    assert ask(coupons, segment=friends, key=key).id == ask(coupons, segment=friends, key=key).id
    work(coupons, monkeypatch)
    assert Coupon.objects.count() == 7


@pytest.mark.parametrize(("more", "refusal"), [({"reason": " "}, ReasonMissing), ({"member_ids": []}, services.NobodyThere)])
def test_what_could_not_work_is_refused(coupons, refuses, more, refusal):
    coupons.template()
    with refuses(refusal):
        ask(coupons, **more)


# Withdrawing an issue as a whole


@pytest.fixture
def issued(coupons, crowd, friends, monkeypatch):
    """One for each of seven; the first has used theirs."""
    coupons.template(in_all=10)
    batch = ask(coupons, segment=friends)
    work(coupons, monkeypatch)
    coupons.use(Coupon.objects.get(member=crowd[0]))
    return batch


def withdraw(coupons, batch, reason="a wrong amount"):
    return services.withdraw_batch(batch_id=batch.id, reason=reason, actor="tests", now=coupons.now)


def work_back(coupons):
    pages = 0
    while services.withdraw_due(now=coupons.now):
        pages += 1
    return pages


def standing(coupons, batch):
    return tuple(selectors.issued(batch, now=coupons.now))


def test_an_issue_is_withdrawn_page_by_page_and_what_was_used_stays(coupons, crowd, issued):
    other = coupons.issue(crowd[0])
    withdraw(coupons, issued)
    assert (standing(coupons, issued), selectors.would_withdraw(now=coupons.now)) == ((6, 1, 0, 0), {"coupons": 6})
    assert work_back(coupons) == 3
    issued.refresh_from_db()
    assert (issued.status, issued.to_withdraw, issued.withdrawn, issued.withdrawn_at) == (Status.WITHDRAWN, 6, 6, coupons.now)
    assert standing(coupons, issued) == (0, 1, 0, 6)
    assert (coupons.again(other).status, coupons.left()) == ("available", 8)
    assert set(Coupon.objects.filter(status="withdrawn").values_list("withdrawn_for", flat=True)) == {"a wrong amount"}


def test_between_two_pages_it_says_how_far_it_is(coupons, issued):
    withdraw(coupons, issued)
    services.withdraw_due(now=coupons.now)
    issued.refresh_from_db()
    # A page is three, wherever in the issue the used one lies.
    assert (issued.status, Coupon.objects.exclude(withdrawn_for="").count(), issued.to_withdraw) == (Status.WITHDRAWING, 3, 6)
    assert issued.withdrawn == Coupon.objects.filter(status="withdrawn").count()


def test_a_used_one_does_not_come_back_with_its_order(coupons, crowd, issued):
    withdraw(coupons, issued)
    work_back(coupons)
    [given] = services.give_back_of(member_id=crowd[0].id, purchase_ref="A-1", now=coupons.now)
    assert (given.why_not, coupons.again(given.coupon).status) == ("coupon_withdrawn", "withdrawn")


def test_one_used_while_the_issue_is_being_withdrawn_stays_used(coupons, crowd, issued):
    withdraw(coupons, issued)
    services.withdraw_due(now=coupons.now)
    last = Coupon.objects.filter(status="available").first()
    coupons.use(last, "A-2")
    work_back(coupons)
    issued.refresh_from_db()
    assert (coupons.again(last).status, issued.withdrawn, issued.to_withdraw, issued.status) == ("used", 5, 6, Status.WITHDRAWN)


def test_what_has_expired_stays_expired(coupons, issued, refuses):
    coupons.wait(days=40)
    with refuses(services.NothingUnused):
        withdraw(coupons, issued)
    assert standing(coupons, issued) == (0, 1, 6, 0)


def test_each_withdrawn_one_is_told(coupons, issued, monkeypatch):
    told = []
    monkeypatch.setattr(services.outbox, "publish", lambda **event: told.append(event["payload"]["status"]))
    withdraw(coupons, issued)
    work_back(coupons)
    assert told == ["withdrawn"] * 6


def test_one_that_is_still_being_issued_ends_with_it(coupons, friends, monkeypatch):
    coupons.template()
    batch = ask(coupons, segment=friends)
    monkeypatch.setattr(services, "PAGE", 3)
    services.issue_due(now=coupons.now)
    withdraw(coupons, batch)
    assert (work(coupons, monkeypatch), work_back(coupons)) == (0, 1)
    assert standing(coupons, batch) == (0, 0, 0, 3)


def test_asked_for_twice_it_is_withdrawn_once_and_the_trail_says_so(coupons, issued):
    withdraw(coupons, issued)
    withdraw(coupons, issued, "again")
    work_back(coupons)
    withdraw(coupons, issued, "and again")
    assert work_back(coupons) == 0
    entry = AuditEntry.objects.get(verb="coupon_batch.withdrawn")
    assert (entry.reason, entry.figures) == ("a wrong amount", {"unused": 6, "used": 1, "over": 0, "withdrawn": 0})


def test_a_member_who_was_merged_on_the_way_is_come_to_again(coupons, member, issued, monkeypatch):
    withdraw(coupons, issued)
    lock_all, first = services.ledger.lock_all, Coupon.objects.filter(status="available").last()

    def merged_meanwhile(*, member_ids):
        Coupon.objects.filter(id=first.id).update(member=member)
        lock_all(member_ids=member_ids)

    monkeypatch.setattr(services.ledger, "lock_all", merged_meanwhile)
    assert services.withdraw_due(now=coupons.now) == 0
    monkeypatch.setattr(services.ledger, "lock_all", lock_all)
    work_back(coupons)
    assert coupons.again(first).status == "withdrawn"


def test_without_a_reason_nothing_is_withdrawn(coupons, issued, refuses):
    with refuses(ReasonMissing):
        withdraw(coupons, issued, " ")
    with refuses(selectors.CouponBatchUnknown):
        services.withdraw_batch(batch_id=uuid4(), reason="tests", actor="tests", now=coupons.now)
