"""How an operator makes templates, issues coupons to one and to many, and withdraws them."""

import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.segments import services as segments
from accounts.segments.models import Segment
from loyalty.audit.models import AuditEntry
from mall.coupons import services
from mall.coupons.models import Coupon, CouponBatch, CouponTemplate

pytestmark = pytest.mark.django_db
TEMPLATES, COUPONS, MANY = "/admin/mall/coupontemplate/", "/admin/mall/coupon/", "/admin/mall/couponbatch/"
SEES = ("view_coupon", "view_coupontemplate", "view_couponbatch")


@pytest.fixture
def operator():
    """A browser in which an operator with these permissions is logged in, reading English unless it is said otherwise."""

    def enter(*codenames, language="en"):
        user = User.objects.create_user(f"sample-{uuid4().hex[:6]}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=(*SEES, *codenames)))
        client = Client(headers={"accept-language": language})
        client.force_login(user)
        return client

    return enter


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def form(**more):
    """A template as the form sends it."""
    return {
        "code": "welcome-10", "name_zh": "新人券", "name_en": "Welcome", "kind": "amount", "amount_cents": "10", "percent_bps": "0",
        "threshold_cents": "100", "categories": "", "excluded": "", "valid_days": "30", "active": "on", "combines_with_points": "on", **more,
    }  # fmt: skip


def test_a_template_is_made_by_its_form_and_the_trail_says_by_whom(operator):
    client = operator("add_coupontemplate", "change_coupontemplate")
    answer = client.post(f"{TEMPLATES}add/", form(categories="HOME/KITCHEN\n\n BOOKS/ \nBOOKS", percent_bps="15", cap_cents="5"))
    assert answer.status_code == 302, answer.context["errors"]
    made = CouponTemplate.objects.get()
    assert (made.categories, made.percent_bps, made.cap_cents) == (["HOME/KITCHEN", "BOOKS"], 0, None)
    assert AuditEntry.objects.get(verb="coupon_template.kept").actor.startswith("sample-")
    assert made.history.count() == 1


def test_money_and_shares_of_a_template_are_asked_for_as_people_write_them(operator):
    client = operator("add_coupontemplate", "change_coupontemplate")
    assert client.post(f"{TEMPLATES}add/", form(amount_cents="10.50", threshold_cents="")).status_code == 302
    assert client.post(f"{TEMPLATES}add/", form(code="part-off", kind="percent", amount_cents="", percent_bps="12.5", cap_cents="")).status_code == 302
    made = {one.code: (one.amount_cents, one.percent_bps, one.cap_cents, one.threshold_cents) for one in CouponTemplate.objects.all()}
    assert made == {"welcome-10": (1_050, 0, None, 0), "part-off": (0, 1_250, None, 10_000)}
    page = text(client.get(f"{TEMPLATES}part-off/change/"))
    assert 'value="12.5"' in page and 'value="100.00"' in page


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"amount_cents": "0"}, "Say how much it takes off"),
        ({"kind": "percent"}, "Say how much it takes off"),
        ({"kind": "percent", "percent_bps": "100.01"}, "less than or equal to 100"),
        ({"amount_cents": "10.005"}, "At most 2 decimals."),
        ({"valid_days": ""}, "Every coupon ends"),
        ({"claimable": "on"}, "Say how many a member may have"),
        ({"starts_on": "2026-12-02", "ends_on": "2026-12-01"}, "The last day comes before the first."),
        ({"code": "Welcome 10"}, "small letters"),
    ],
)
def test_what_is_wrong_with_a_template_is_said_and_nothing_is_kept(operator, wrong, sentence):
    assert sentence in text(operator("add_coupontemplate").post(f"{TEMPLATES}add/", form(**wrong)))
    assert not CouponTemplate.objects.exists()


def test_a_template_is_shown_in_both_languages_and_on_carts_around_its_threshold(operator, coupons):
    coupons.template(threshold_cents=10_000)
    page = text(operator("change_coupontemplate").get(f"{TEMPLATES}ten-off/change/"))
    for said in ("满 ¥100.00 减 ¥10.00", "CN¥10.00 off from CN¥100.00 on", "CN¥99.99", "CN¥0.01 are missing", "十元券", "Ten off"):
        assert said in page, said


def test_a_templates_list_says_what_it_does_and_how_many_are_left(operator, coupons, member, django_assert_max_num_queries):
    for n in range(10):
        coupons.template(f"c-{n}", in_all=100 + n)
    coupons.issue(member, "c-7")
    client = operator()
    page = text(client.get(TEMPLATES))
    assert "CN¥10.00 off" in page
    assert ">106<" in page.replace(" ", "").replace("\n", "")
    with django_assert_max_num_queries(25):
        client.get(TEMPLATES)


def test_no_template_is_deleted(operator, coupons):
    coupons.template()
    assert operator("change_coupontemplate", "delete_coupontemplate").post(f"{TEMPLATES}ten-off/delete/", {"post": "yes"}).status_code == 403


def asked(**more):
    return {"key": str(uuid4()), "member": "M-1", "template": "ten-off", "count": "2", "reason": "ticket 4711", **more}


def test_coupons_are_issued_with_a_reason_and_a_form_sent_twice_is_one_issue(operator, coupons, member):
    coupons.template()
    client, sent = operator("issue_coupon"), asked(confirmed="1")
    for _twice in range(2):
        assert client.post(f"{COUPONS}issue/", sent).status_code == 302
    assert Coupon.objects.count() == 2
    assert AuditEntry.objects.get(verb="coupon.issued").reason == "ticket 4711"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"member": "nobody"}, "There is no member of that id."),
        ({"count": "101"}, "less than or equal to 100"),
        ({"reason": ""}, "This field is required."),
        ({"template": "gone"}, "Select a valid choice"),
        ({"count": "5"}, "All coupons of this template are gone."),
    ],
)
def test_what_is_wrong_with_an_issue_is_said_and_nothing_is_issued(operator, coupons, member, wrong, sentence):
    coupons.template(in_all=3)
    coupons.template("gone", active=False)
    assert sentence in text(operator("issue_coupon").post(f"{COUPONS}issue/", asked(**wrong, confirmed="1")))
    assert not Coupon.objects.exists()


def test_a_template_is_chosen_and_what_would_be_issued_is_said_before_it_is(operator, coupons, member):
    coupons.template()
    client = operator("issue_coupon")
    assert client.get(f"{COUPONS}issue/").context["form"].fields["template"].choices[0] == ("", "–")
    assert "This field is required." in text(client.post(f"{COUPONS}issue/", asked(template="")))
    page = text(client.post(f"{COUPONS}issue/", asked()))
    for said in ("Ten off (ten-off)", "CN¥10.00 off", str(member), "ticket 4711", 'name="confirmed"'):
        assert said in page, said
    assert not Coupon.objects.exists()
    assert 'name="confirmed"' not in text(client.post(f"{COUPONS}issue/", asked(again="1")))


def test_a_coupon_for_a_tier_says_in_words_what_it_is_about_and_nothing_of_a_use_that_was_not(operator, coupons, member, now):
    coupons.template()
    services.issue_won(member_id=member.id, template="ten-off", count=1, subject="tier_reached/gold/2026-11-22T13:10:47.127638+00:00", key="k", now=now)
    page = text(operator().get(f"{COUPONS}{Coupon.objects.get().id}/change/"))
    assert "gold, reached 2026-11-22 21:10" in page
    assert "It was used in an order that is recorded here." not in page


def test_a_coupon_is_withdrawn_with_a_reason(operator, coupons, member):
    coupons.template()
    coupon = coupons.issue(member)
    client = operator("withdraw_coupon")
    page = text(client.get(f"{COUPONS}{coupon.id}/withdraw/"))
    assert "cannot be undone" in page
    assert f"{member} can no longer use this coupon: Ten off, which is CN¥10.00 off" in page
    assert client.post(f"{COUPONS}{coupon.id}/withdraw/", {"reason": "sent to the wrong member"}).status_code == 302
    assert coupons.again(coupon).withdrawn_for == "sent to the wrong member"
    assert "withdraw/" not in text(client.get(f"{COUPONS}{coupon.id}/change/"))


@pytest.mark.parametrize("path", [f"{COUPONS}issue/", f"{COUPONS}{{coupon}}/withdraw/", f"{MANY}issue/", f"{TEMPLATES}add/"])
def test_who_may_only_look_may_do_nothing(operator, coupons, member, path):
    coupons.template()
    assert operator().post(path.format(coupon=coupons.issue(member).id), asked()).status_code == 403
    assert (Coupon.objects.count(), CouponBatch.objects.count()) == (1, 0)


@pytest.mark.parametrize("term", ["{code}", "M-1", "M-1 A-1", "{spaced}"])
def test_a_coupon_is_found_by_its_code_and_by_its_member(operator, coupons, member, other_member, term):
    coupons.template()
    coupon, other = coupons.issue(member), coupons.issue(other_member)
    coupons.use(coupon, "A-1")
    page = text(operator().get(COUPONS, {"q": term.format(code=coupon.code, spaced=f"{coupon.code[:6].lower()} {coupon.code[6:]}")}))
    assert coupon.code in page
    assert other.code not in page


def test_an_expired_coupon_is_shown_as_expired(operator, coupons, member):
    coupons.template(valid_days=1)
    coupons.wait(days=-5)
    coupon = coupons.issue(member)
    assert "expired" in text(operator().get(f"{COUPONS}{coupon.id}/change/"))


def many(**more):
    return {"key": str(uuid4()), "template": "ten-off", "segment": "", "ids": "", "reason": "thanks", **more}


def test_before_coupons_go_to_many_it_is_said_how_many_and_whom_nobody_knows(operator, coupons, member, other_member):
    coupons.template(in_all=1)
    client, sent = operator("add_couponbatch"), many(ids="M-1, M-2\nnobody")
    page = text(client.post(f"{MANY}issue/", sent))
    assert "nobody" in page
    assert "There are fewer than members" in page
    assert not CouponBatch.objects.exists()
    assert client.post(f"{MANY}issue/", {**sent, "ids": "M-1\nM-2\nnobody", "confirmed": "1"}).status_code == 302
    assert CouponBatch.objects.get().members == 2


def test_a_file_of_members_is_taken_in(operator, coupons, member, other_member):
    coupons.template()
    file = SimpleUploadedFile("members.csv", "M-1,x\nM-2,y\n".encode("utf-8-sig"))
    page = text(operator("add_couponbatch").post(f"{MANY}issue/", many(file=file)))
    assert "M-1\nM-2" in page


def test_a_segment_is_issued_to_and_stopped(operator, coupons, member):
    coupons.template()
    Segment.objects.create(code="friends", name_zh="老友", name_en="Friends")
    segments.add(segment="friends", external_ids=["M-1"], actor="tests", now=coupons.now)
    client = operator("add_couponbatch")
    sent = many(segment="friends", confirmed="1")
    for _twice in range(2):
        assert client.post(f"{MANY}issue/", sent).status_code == 302
    batch = CouponBatch.objects.get()
    assert "Friends" in text(client.get(MANY))
    assert client.post(f"{MANY}{batch.id}/stop/", {"reason": "wrong segment"}).status_code == 302
    assert services.issue_due(now=coupons.now) == 0
    assert "wrong segment" in text(client.get(f"{MANY}{batch.id}/change/"))


def test_an_issue_is_withdrawn_as_a_whole_after_a_look_at_how_it_stands(operator, coupons, member, other_member):
    coupons.template()
    batch = services.issue_to_many(template="ten-off", member_ids=[member.id, other_member.id], reason="thanks", actor="tests", key=uuid4(), now=coupons.now)
    services.issue_due(now=coupons.now)
    coupons.use(Coupon.objects.get(member=member))
    client, path = operator("withdraw_couponbatch"), f"{MANY}{batch.id}/"
    assert "withdraw/" in text(client.get(f"{path}change/"))
    asked = text(client.get(f"{path}withdraw/"))
    assert "cannot be undone" in asked
    assert re.findall(r'<th scope="row">(.*?)</th><td class="console-number">(\d)</td><td class="[^"]*">(\d)</td>', asked) == [
        ("not used", "1", "0"), ("used", "1", "1"), ("expired", "0", "0"), ("withdrawn", "0", "1"),
    ]  # fmt: skip
    assert client.post(f"{path}withdraw/", {"reason": "a wrong amount"}).status_code == 302
    assert "0 of 1" in text(client.get(f"{path}change/"))
    while services.withdraw_due(now=coupons.now):
        pass
    page = text(client.get(f"{path}change/"))
    for said in ("1 of 1", "a wrong amount", "not used 0, used 1, expired 0, withdrawn 1"):
        assert said in page, said
    assert "withdraw/" not in page


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"ids": "M-1", "segment": "friends"}, "not both"),
        ({}, "Paste ids, or choose a file."),
        ({"ids": "nobody", "confirmed": "1"}, "There is no member to issue to."),
        ({"ids": "M-1", "reason": ""}, "This field is required."),
    ],
)
def test_what_is_wrong_with_an_issue_to_many_is_said(operator, coupons, member, wrong, sentence):
    coupons.template()
    Segment.objects.create(code="friends", name_zh="老友", name_en="Friends")
    assert sentence in text(operator("add_couponbatch").post(f"{MANY}issue/", many(**wrong)))
    assert not CouponBatch.objects.exists()


def test_who_may_only_issue_to_many_withdraws_no_issue(operator, coupons, member):
    coupons.template()
    batch = services.issue_to_many(template="ten-off", member_ids=[member.id], reason="thanks", actor="tests", key=uuid4(), now=coupons.now)
    services.issue_due(now=coupons.now)
    client = operator("add_couponbatch", "withdraw_coupon")
    assert "withdraw/" not in text(client.get(f"{MANY}{batch.id}/change/"))
    assert client.post(f"{MANY}{batch.id}/withdraw/", {"reason": "tests"}).status_code == 403
    assert Coupon.objects.get().status == "available"


def test_the_pages_speak_chinese(operator, coupons, member):
    coupons.template()
    coupon = coupons.issue(member)
    client = operator("issue_coupon", "withdraw_coupon", "add_couponbatch", "change_coupontemplate", language="zh-hans")
    for path, said in {
        TEMPLATES: "优惠券模板",
        COUPONS: "发放优惠券",
        f"{COUPONS}{coupon.id}/change/": "优惠内容",
        MANY: "批量发放",
        f"{MANY}issue/": "每人一张",
    }.items():
        assert said in text(client.get(path)), path
