"""Coupons to many members at once."""

from uuid import uuid4

import pytest

from accounts.members import services as members
from accounts.segments import services as segments
from accounts.segments.models import Segment
from loyalty.lib.refusals import ReasonMissing
from mall.coupons import services
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
