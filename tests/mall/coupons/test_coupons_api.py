from itertools import count

import pytest

_keys = count(1)


@pytest.fixture
def post(storefront):
    return lambda path, body, client=storefront: client.post(f"/api/v1/{path}", body, format="json", headers={"Idempotency-Key": f"k-{next(_keys)}"})


@pytest.fixture
def get(storefront):
    return lambda path, client=storefront: client.get(f"/api/v1/{path}")


def test_a_member_claims_a_coupon_and_sees_it(coupons, member, member_client, post, get):
    coupons.template(claimable=True, per_member=1, threshold_cents=10_000)
    [offered] = get("me/coupons/claimable", member_client).json()["results"]
    assert (offered["can_claim"], offered["does"], offered["good"]) == (True, "CN¥10.00 off from CN¥100.00 on", "good for 30 days")
    claimed = post("me/coupons", {"template": "ten-off"}, member_client)
    assert claimed.status_code == 201
    [listed] = get("me/coupons", member_client).json()["results"]
    assert listed == claimed.json()
    [offered] = get("me/coupons/claimable", member_client).json()["results"]
    assert (offered["why_not"], offered["text"]) == ("coupon_member_limit", "One member may have at most 1 of this coupon; had 1.")
    again = post("me/coupons", {"template": "ten-off"}, member_client)
    assert (again.status_code, again.json()["code"]) == (409, "coupon_member_limit")


def test_what_can_be_claimed_is_listed_page_by_page(coupons, member, member_client, get, tier):
    tier("green", 1)
    for code, least in (("a", None), ("b", None), ("c", tier("gold", 2))):
        coupons.template(code, claimable=True, per_member=1, least_tier=least)
    first = get("me/coupons/claimable?limit=2", member_client).json()
    rest = member_client.get(first["next"]).json()
    assert [one["id"] for one in (*first["results"], *rest["results"])] == ["a", "b", "c"]
    assert (rest["next"], rest["results"][0]["why_not"], rest["results"][0]["text"]) == (None, "tier_too_low", "This coupon is for members from gold on.")
    assert get("me/coupons/claimable?cursor=lost", member_client).status_code == 400


def test_a_claim_takes_the_longest_key_there_is(coupons, member, member_client):
    coupons.template(claimable=True, per_member=1)
    sent = {"path": "/api/v1/me/coupons", "data": {"template": "ten-off"}, "format": "json", "headers": {"Idempotency-Key": "k" * 255}}
    assert member_client.post(**sent).json()["id"] == member_client.post(**sent).json()["id"]


@pytest.mark.parametrize(("status", "codes"), [("available", ["good"]), ("expired", ["old"]), ("used", ["used"]), ("withdrawn", [])])
def test_the_list_can_be_asked_for_those_that_stand_so(coupons, member, get, status, codes):
    coupons.template("good")
    coupons.template("used")
    coupons.template("old", valid_days=1)
    coupons.use(coupons.issue(member, "used"))
    coupons.issue(member, "good")
    coupons.wait(days=-5)
    coupons.issue(member, "old")
    assert [one["template"] for one in get(f"members/M-1/coupons?status={status}").json()["results"]] == codes
    assert get("members/M-1/coupons?status=lost").status_code == 400


def test_the_list_asks_the_same_however_long_it_is(coupons, member, get, django_assert_max_num_queries):
    coupons.template()
    coupons.issue(member, count=30)
    get("members/M-1/coupons")
    with django_assert_max_num_queries(6):
        assert len(get("members/M-1/coupons?limit=30").json()["results"]) == 30


LINES = [{"id": "a", "category": "HOME/KITCHEN", "amount_cents": 3_000}, {"id": "b", "category": "BOOKS", "amount_cents": 9_000}]


def test_a_till_asks_what_a_coupon_takes_off_a_cart(coupons, member, post):
    coupons.template(categories=["HOME"])
    coupon = coupons.issue(member)
    told = post("coupons/validate", {"code": coupon.code, "lines": LINES}).json()
    assert (told["usable"], told["discount_cents"]) == (True, 1_000)
    assert told["lines"] == [{"id": "a", "discount_cents": 1_000}, {"id": "b", "discount_cents": 0}]


def test_a_till_is_told_why_a_coupon_takes_nothing_off(coupons, member, other_member, post):
    coupons.template(threshold_cents=20_000)
    coupon = coupons.issue(member)
    told = post("coupons/validate", {"member": "M-1", "code": coupon.code, "lines": LINES}).json()
    assert (told["usable"], told["why"]) == (False, [{"code": "coupon_threshold", "text": "This coupon is for CN¥200.00 and more; CN¥80.00 are missing."}])
    told = post("coupons/validate", {"member": "M-2", "code": coupon.code, "lines": LINES}).json()
    assert told["why"][0]["code"] == "coupon_unknown"


def test_the_sentences_come_in_the_language_asked_for(coupons, member, storefront):
    coupons.template(threshold_cents=20_000)
    body = {"code": coupons.issue(member).code, "lines": LINES}
    storefront.credentials(**{**storefront._credentials, "HTTP_ACCEPT_LANGUAGE": "zh-hans"})
    told = storefront.post("/api/v1/coupons/validate", body, format="json").json()
    assert told["why"][0]["text"] == "本券满 ¥200.00 可用，还差 ¥80.00。"


def test_free_shipping_is_told_apart(coupons, member, post):
    coupons.template(kind="free_shipping")
    told = post("coupons/validate", {"code": coupons.issue(member).code, "lines": LINES, "shipping_cents": 800}).json()
    assert (told["discount_cents"], told["shipping_cents"], {one["discount_cents"] for one in told["lines"]}) == (800, 800, {0})


def test_a_till_uses_a_coupon_once_and_gives_it_back(coupons, member, post, get):
    coupons.template()
    code = coupons.issue(member).code
    used = post(f"coupons/{code}/use", {"purchase": "A-1", "member": "M-1", "discount_cents": 1_000})
    assert (used.status_code, used.json()["status"], used.json()["discount_cents"]) == (200, "used", 1_000)
    other = post(f"coupons/{code}/use", {"purchase": "A-2"})
    assert (other.status_code, other.json()["code"], other.json()["why"]) == (409, "coupon_not_usable", "coupon_used")
    back = post(f"coupons/{code}/give-back", {"purchase": "A-1"}).json()
    assert (back["given_back"], back["status"], back["why"]) == (True, "available", [])
    assert get(f"coupons/{code.lower()}").json()["status"] == "available"


@pytest.mark.parametrize(
    ("language", "said", "conflict"),
    [
        ("en", "The coupon takes no more than CN¥50.00 off.", "This coupon's use for that purchase was told with another discount."),
        ("zh-hans", "该优惠券最多抵扣 ¥50.00。", "该优惠券用于此订单时报告的抵扣金额不同。"),
    ],
)
def test_what_a_till_took_off_must_be_possible_and_stays_as_it_was_told(coupons, member, post, storefront, language, said, conflict):
    coupons.template(kind="percent", percent_bps=1_500, cap_cents=5_000)
    code = coupons.issue(member).code
    storefront.credentials(**{**storefront._credentials, "HTTP_ACCEPT_LANGUAGE": language})
    far = post(f"coupons/{code}/use", {"purchase": "A-1", "discount_cents": 99_999_999_999})
    assert (far.status_code, far.json()["code"], far.json()["most_cents"], far.json()["detail"]) == (422, "coupon_discount_too_large", 5_000, said)
    assert post(f"coupons/{code}/use", {"purchase": "A-1", "discount_cents": 5_000}).status_code == 200
    other = post(f"coupons/{code}/use", {"purchase": "A-1", "discount_cents": 4_000})
    assert (other.status_code, other.json()["code"], other.json()["detail"]) == (409, "coupon_use_conflict", conflict)


def test_a_coupon_that_expired_meanwhile_is_not_given_back_and_the_till_is_told(coupons, member, post):
    coupons.template(valid_days=1)
    coupons.wait(days=-5)
    coupon = coupons.issue(member)
    coupons.use(coupon)
    back = post(f"coupons/{coupon.code}/give-back", {"purchase": "A-1"}).json()
    assert (back["given_back"], back["status"], back["why"]) == (False, "used", [{"code": "coupon_expired", "text": "This coupon has expired."}])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("coupons/validate", {"code": "A", "lines": [{"amount_cents": "5"}]}),
        ("coupons/validate", {"code": "A", "lines": [{"id": "1", "amount_cents": 5}, {"id": "1", "amount_cents": 5}]}),
        ("coupons/validate", {"code": "A", "lines": [], "shipping": 5}),
        ("coupons/7KQ4TADX2MRE/use", {"purchase": ""}),
        ("members/M-1/coupons", {"template": 5}),
    ],
)
def test_what_is_not_exactly_understood_is_refused(member, post, path, body):
    assert post(path, body).status_code == 400
