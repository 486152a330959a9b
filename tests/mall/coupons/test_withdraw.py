from uuid import uuid4

from accounts.leaving.services import Erasing
from mall import personal
from mall.coupons import services
from mall.coupons.models import Coupon

Status = Coupon.Status


def fall(coupons, member, *, count=1, subject="purchase/A-1", key="effect/2"):
    return services.withdraw_won(member_id=member.id, template="ten-off", count=count, subject=subject, key=key, now=coupons.now)


def test_what_is_withdrawn_cannot_be_used_and_makes_room_for_another(coupons, member, refuses):
    coupons.template(in_all=1)
    coupon = coupons.issue(member)
    services.withdraw(coupon_id=coupon.id, reason="sent to the wrong member", actor="tests", now=coupons.now)
    assert coupons.left() == 1
    with refuses(services.NotUsable) as refused:
        coupons.use(coupon)
    assert refused.value.figures["why"] == "coupon_withdrawn"


def test_a_used_or_expired_coupon_is_not_withdrawn(coupons, member, refuses):
    coupons.template(valid_days=1)
    used, old = coupons.issue(member, count=2)
    coupons.use(used)
    with refuses(services.NotAvailable):
        services.withdraw(coupon_id=used.id, reason="tests", actor="tests", now=coupons.now)
    coupons.wait(days=3)
    with refuses(services.NotAvailable):
        services.withdraw(coupon_id=old.id, reason="tests", actor="tests", now=coupons.now)


def test_when_the_ground_falls_the_coupon_goes(coupons, member):
    coupons.template()
    [coupon] = coupons.won(member)
    fall(coupons, member)
    assert coupons.again(coupon).status == Status.WITHDRAWN


def test_the_ground_falls_once(coupons, member):
    coupons.template()
    coupons.won(member, count=3)
    fall(coupons, member, count=2)
    fall(coupons, member, count=2)
    assert Coupon.objects.filter(status=Status.WITHDRAWN).count() == 2


def test_the_unused_go_first(coupons, member):
    coupons.template()
    one, other = coupons.won(member, count=2)
    coupons.use(one)
    fall(coupons, member)
    assert (coupons.again(one).status, coupons.again(other).status) == (Status.USED, Status.WITHDRAWN)


def test_a_used_coupon_whose_ground_fell_is_not_given_back(coupons, member):
    coupons.template(in_all=1)
    [coupon] = coupons.won(member)
    coupons.use(coupon)
    fall(coupons, member)
    assert coupons.again(coupon).status == Status.USED
    [given] = services.give_back_of(member_id=member.id, purchase_ref="A-1", now=coupons.now)
    assert (given.why_not, coupons.again(coupon).status) == ("coupon_withdrawn", Status.WITHDRAWN)
    assert coupons.left() == 1


def test_who_leaves_keeps_no_coupon_that_could_be_used(coupons, member):
    coupons.template()
    open_one, used = coupons.issue(member, count=2)
    coupons.use(used)
    assert services.withdraw_all(member_ids=[member.id], reason="erased", now=coupons.now) == 1
    assert (coupons.again(open_one).status, coupons.again(used).status) == (Status.WITHDRAWN, Status.USED)


def test_an_erasure_withdraws_what_could_still_be_used_and_names_nobody_in_reasons(coupons, member):
    coupons.template()
    coupon = coupons.issue(member)
    batch = services.issue_to_many(template="ten-off", member_ids=[member.id], reason="sorry, M-1", actor="tests", key=uuid4(), now=coupons.now)
    assert personal.withdraw_coupons(member_ids=[member.id], actor="tests", now=coupons.now) == {"coupons withdrawn": 1}
    assert coupons.again(coupon).withdrawn_for == "erased"
    personal.reasons_of_issues(Erasing([member.id], ["M-1"], "gone", "", coupons.now))
    batch.refresh_from_db()
    assert batch.reason == "sorry, gone"
