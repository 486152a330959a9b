"""Every endpoint of the API for every kind of caller. A new endpoint must be named here, or the first test fails."""

import pytest
from django.urls import get_resolver

pytestmark = pytest.mark.django_db

# Route, method, scope a key needs, whether a member's own token may, and a good body (a function of the world and of now).
LINES = [{"amount_cents": 1_000}]
PROFILE = {"name": "Sample Member"}
CHOICE = {"purpose": "marketing", "channel": "email", "wanted": False}
HOME = {"name": "Sample Member", "address": "1 Sample Street"}
DEVICE = {"channel": "push", "value": "fcm:sample-device-token-0001"}
ENDPOINTS = {
    ("members/{member}", "GET"): ("members:read", 200, None),
    ("members/{member}", "PUT"): ("members:write", 200, lambda **_: PROFILE),
    ("members/{member}/token", "POST"): ("tokens:issue", 201, None),
    ("members/{member}/close", "POST"): ("members:write", 200, lambda **_: {}),
    ("members/{member}/export", "POST"): ("members:export", 202, None),
    ("members/{member}/export", "GET"): ("members:export", 200, None),
    ("members/{member}/export/file", "GET"): ("members:export", 200, None),
    ("members/{member}/account", "GET"): ("points:read", 200, None),
    ("members/{member}/entries", "GET"): ("points:read", 200, None),
    ("members/{member}/entries/{entry}/explanation", "GET"): ("points:read", 200, None),
    ("members/{member}/lots", "GET"): ("points:read", 200, None),
    ("members/{member}/offers", "GET"): ("points:read", 200, None),
    ("members/{member}/offers/{offer}/claim", "POST"): ("events:write", 200, None),
    ("members/{member}/cards", "GET"): ("points:read", 200, None),
    ("members/{member}/check-ins", "GET"): ("points:read", 200, None),
    ("members/{member}/check-ins", "POST"): ("events:write", 201, lambda **_: {}),
    ("members/{member}/proofs", "GET"): ("points:read", 200, None),
    ("members/{member}/missions", "GET"): ("points:read", 200, None),
    ("members/{member}/missions/{mission}/claim", "POST"): ("events:write", 200, lambda **_: {}),
    ("members/{member}/badges", "GET"): ("points:read", 200, None),
    ("members/{member}/purchases", "GET"): ("purchases:read", 200, None),
    ("members/{member}/standing", "GET"): ("members:read", 200, None),
    ("members/{member}/growth", "GET"): ("members:read", 200, None),
    ("members/{member}/referrals", "GET"): ("members:read", 200, None),
    ("members/{member}/inbox", "GET"): ("members:read", 200, None),
    ("members/{member}/inbox/read-all", "POST"): ("members:write", 200, None),
    ("members/{member}/inbox/{item}/read", "POST"): ("members:write", 200, None),
    ("members/{member}/preferences", "GET"): ("members:read", 200, None),
    ("members/{member}/preferences", "PUT"): ("members:write", 200, lambda **_: {"preferences": [CHOICE]}),
    ("members/{member}/addresses", "GET"): ("members:read", 200, None),
    ("members/{member}/addresses", "PUT"): ("members:write", 200, lambda **_: DEVICE),
    ("members/{member}/addresses/{address}", "DELETE"): ("members:write", 200, None),
    ("members/{member}/spends", "POST"): ("points:spend", 201, lambda **_: {"points": 5, "subject": "game/1"}),
    ("rewards", "GET"): ("points:read", 200, None),
    ("rewards/{reward}", "GET"): ("points:read", 200, None),
    ("reward-categories", "GET"): ("points:read", 200, None),
    ("members/{member}/rewards", "GET"): ("points:read", 200, None),
    ("members/{member}/rewards/{reward}", "GET"): ("points:read", 200, None),
    ("members/{member}/coupons", "GET"): ("points:read", 200, None),
    ("members/{member}/coupons", "POST"): ("events:write", 201, lambda **_: {"template": "ten-off"}),
    ("members/{member}/coupons/claimable", "GET"): ("points:read", 200, None),
    ("coupons/validate", "POST"): ("points:read", 200, lambda w, **_: {"code": w["coupon"], "lines": LINES}),
    ("coupons/{coupon}", "GET"): ("points:read", 200, None),
    ("coupons/{coupon}/use", "POST"): ("purchases:write", 200, lambda **_: {"purchase": "P-9"}),
    ("coupons/{coupon}/give-back", "POST"): ("purchases:write", 200, lambda **_: {"purchase": "P-9"}),
    ("members/{member}/revival", "GET"): ("points:read", 200, None),
    ("members/{member}/revival/redemptions", "POST"): ("points:spend", 201, lambda w, **_: {"reward": w["reward"], "recipient": HOME}),
    ("members/{member}/redemptions", "GET"): ("points:read", 200, None),
    ("members/{member}/redemptions", "POST"): ("points:spend", 201, lambda w, **_: {"reward": w["reward"], "recipient": HOME}),
    ("members/{member}/redemptions/{redemption}", "GET"): ("points:read", 200, None),
    ("members/{member}/redemptions/{redemption}/cancel", "POST"): ("points:spend", 200, lambda **_: {}),
    ("redemptions/{redemption}", "GET"): ("points:read", 200, None),
    ("redemptions/{redemption}/confirm", "POST"): ("points:spend", 200, lambda **_: {"paid_cents": 500}),
    ("redemptions/{redemption}/cancel", "POST"): ("points:spend", 200, lambda **_: {"reason": "tests"}),
    ("redemptions/{parcel}/return", "POST"): ("points:spend", 200, lambda **_: {"restock": True, "reason": "tests"}),
    ("members/{member}/privileges", "GET"): ("points:read", 200, None),
    ("members/{member}/privileges/{privilege}/use", "POST"): ("points:spend", 200, lambda **_: {"subject": "purchase/P-1"}),
    ("members/{member}/privileges/{privilege}/give-back", "POST"): ("points:spend", 200, lambda **_: {"subject": "purchase/P-1"}),
    ("members/{member}/rentals", "GET"): ("points:read", 200, None),
    ("members/{member}/rentals/{rental}", "PUT"): ("points:spend", 200, lambda **_: {"renews_itself": True}),
    ("members/{member}/rentals/{rental}/renew", "POST"): ("points:spend", 200, None),
    ("members/{member}/rentals/{rental}/end", "POST"): ("points:spend", 200, None),
    ("flash-sales", "GET"): ("points:read", 200, None),
    ("members/{member}/flash-sales", "GET"): ("points:read", 200, None),
    ("members/{member}/flash-sales/{sale}/ticket", "GET"): ("points:read", 200, None),
    ("members/{member}/flash-sales/{sale}/ticket", "POST"): ("points:spend", 200, lambda **_: {}),
    ("members/{member}/flash-sales/{sale}/ticket", "DELETE"): ("points:spend", 200, None),
    ("members/{member}/flash-sales/{sale}/redemptions", "POST"): ("points:spend", 201, lambda **_: {"recipient": HOME}),
    ("members/{member}/top-ups", "GET"): ("points:read", 200, None),
    ("members/{member}/top-ups", "POST"): ("purchases:write", 201, lambda **_: {"paid_cents": 1_000, "payment": "PAY-9"}),
    ("top-ups/{top_up}/give-back", "POST"): ("purchases:write", 200, lambda **_: {"reason": "tests"}),
    ("events", "POST"): ("events:write", 200, lambda w, at: {"events": [{"id": "E-9", "kind": "liked", "member": w["member"], "occurred_at": at}]}),
    ("programme", "GET"): (None, 200, None),
    ("quotes", "POST"): ("points:read", 200, lambda w, **_: {"member": w["member"], "lines": LINES}),
    ("holds", "POST"): ("points:spend", 201, lambda w, **_: {"member": w["member"], "points": 5}),
    ("holds/{hold}", "GET"): ("points:read", 200, None),
    ("holds/{hold}/capture", "POST"): ("points:spend", 200, lambda **_: {"points": 5}),
    ("holds/{hold}/release", "POST"): ("points:spend", 200, None),
    ("purchases", "POST"): ("purchases:write", 201, lambda w, **_: w["body"]("P-9")),
    ("purchases/{purchase}/refunds", "POST"): ("purchases:write", 201, lambda at, **_: {"id": "R-1", "occurred_at": at, "amount_cents": 500}),
    ("purchases/{purchase}/delivered", "POST"): ("purchases:write", 200, lambda at, **_: {"occurred_at": at}),
    ("purchases/{guest}/claim", "POST"): ("purchases:write", 200, lambda w, **_: {"member": w["other"]}),
    ("refunds", "POST"): ("purchases:write", 202, lambda at, **_: {"id": "R-9", "occurred_at": at, "amount_cents": 500}),
}
OWN = {
    "me",
    "me/account",
    "me/addresses",
    "me/badges",
    "me/cards",
    "me/check-ins",
    "me/coupons",
    "me/coupons/claimable",
    "me/entries",
    "me/growth",
    "me/inbox",
    "me/lots",
    "me/missions",
    "me/offers",
    "me/preferences",
    "me/privileges",
    "me/proofs",
    "me/purchases",
    "me/redemptions",
    "me/referrals",
    "me/rentals",
    "me/revival",
    "me/rewards",
    "me/standing",
    "me/top-ups",
}
# One thing of a member's.
OWN_THINGS = {"me/redemptions/{redemption}"}
# A thing of everybody's, at their own price.
OWN_PRICES = {"me/rewards/{reward}"}
# With our clock, which goes on from one answer to the next.
OWN_CLOCKED = {"me/flash-sales", "me/flash-sales/{sale}/ticket"}
# A member's own version of it says less.
OWN_VERSIONS = {"me/entries/{entry}/explanation"}
OWN_WRITES = {
    "me/check-ins",
    "me/coupons",
    "me/flash-sales/{sale}/redemptions",
    "me/flash-sales/{sale}/ticket",
    "me/inbox/read-all",
    "me/inbox/{item}/read",
    "me/missions/{mission}/claim",
    "me/offers/{offer}/claim",
    "me/redemptions",
    "me/redemptions/{redemption}/cancel",
    "me/rentals/{rental}/end",
    "me/rentals/{rental}/renew",
    "me/revival/redemptions",
}
OWN_CHANGES = {("me/flash-sales/{sale}/ticket", "DELETE"), ("me/addresses", "PUT"), ("me/addresses/{address}", "DELETE"), ("me/preferences", "PUT")}
OWN_CHANGES |= {("me/rentals/{rental}", "PUT")}
# Asked by nobody but a provider, whom its signature or its token lets in.
PROVIDERS = {("receipts/aliyun", "POST"), ("receipts/tencent", "POST"), ("receipts/wechat", "GET"), ("receipts/wechat", "POST")}
# Writes that need no key, because they move nothing or carry ids of their own.
WITHOUT_KEY = (
    "quotes",
    "members/{member}/flash-sales/{sale}/ticket",
    "coupons/validate",
    "members/{member}/token",
    "members/{member}/inbox/read-all",
    "members/{member}/inbox/{item}/read",
    "events",
)
NAMES = {
    "<str:member>": "{member}",
    "<uuid:entry>": "{entry}",
    "<uuid:hold>": "{hold}",
    "<uuid:item>": "{item}",
    "<uuid:address>": "{address}",
    "<uuid:offer>": "{offer}",
    "<uuid:privilege>": "{privilege}",
    "<str:purchase>": "{purchase}",
    "<slug:mission>": "{mission}",
    "<slug:reward>": "{reward}",
    "<slug:coupon>": "{coupon}",
    "<uuid:redemption>": "{redemption}",
    "<uuid:rental>": "{rental}",
    "<int:sale>": "{sale}",
    "<uuid:top_up>": "{top_up}",
}
every_endpoint = pytest.mark.parametrize(("path", "method"), ENDPOINTS, ids=lambda value: value)
scoped = pytest.mark.parametrize(("path", "method"), [at for at, (scope, *_) in ENDPOINTS.items() if scope], ids=lambda value: value)


def routes(patterns, prefix=""):
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from routes(pattern.url_patterns, route)
        elif route.startswith("api/v1/"):
            for name, shown in NAMES.items():
                route = route.replace(name, shown)
            view = pattern.callback
            methods = {method.upper() for method in view.initkwargs.get("http_method_names", view.cls.http_method_names) if hasattr(view.cls, method)}
            yield route.removeprefix("api/v1/"), methods - {"OPTIONS", "HEAD"}


def test_every_endpoint_stands_in_the_table():
    found = dict(routes(get_resolver().url_patterns))
    named = {(path.replace("{guest}", "{purchase}").replace("{parcel}", "{redemption}"), method) for path, method in ENDPOINTS}
    named |= (
        {(path, "GET") for path in OWN | OWN_CLOCKED | OWN_VERSIONS | OWN_THINGS | OWN_PRICES}
        | {(path, "POST") for path in OWN_WRITES}
        | OWN_CHANGES
        | PROVIDERS
    )
    assert {(path, method) for path, methods in found.items() for method in methods} == named


NOWHERE = "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f02"
NAMED = {"member": "M-1", "mission": "first-order", "purchase": "P-1", "guest": "P-guest", "hold": NOWHERE, "offer": NOWHERE, "entry": NOWHERE}
NAMED |= {"item": NOWHERE, "address": NOWHERE, "reward": "mug", "redemption": NOWHERE, "parcel": NOWHERE}
NAMED |= {"privilege": NOWHERE}
NAMED |= {"coupon": "NOWHERE"}
NAMED |= {"sale": 1, "top_up": NOWHERE, "rental": NOWHERE}


def knock(asking, client, path, method):
    """Who is not let in learns nothing of what is there, nor of what is wrong with the body."""
    return asking(client).ask(method, path.format(**NAMED))


def send(asking, client, world, at, path, method, **kwargs):
    body = ENDPOINTS[path, method][2]
    return asking(client).ask(method, path.format(**{name: value for name, value in world.items() if name != "body"}), body and body(w=world, at=at), **kwargs)


def answer(response):
    return response.status_code, response.json().get("code")


@every_endpoint
def test_nobody_is_asked_who_they_are(asking, anonymous, path, method):
    scope, good, _body = ENDPOINTS[path, method]
    assert answer(knock(asking, anonymous, path, method)) == ((401, "not_authenticated") if scope else (good, None))


@pytest.mark.parametrize(("path", "method"), sorted(PROVIDERS))
@pytest.mark.parametrize("whose", ["anonymous", "storefront", "member_client"])
def test_who_is_not_the_provider_is_turned_away(asking, request, path, method, whose):
    assert answer(asking(request.getfixturevalue(whose)).ask(method, f"{path}?token=", key="")) == (403, "receipt_not_verified")


@scoped
def test_a_key_with_the_scope_may(asking, client_with, world, at, path, method):
    scope, good, _body = ENDPOINTS[path, method]
    assert send(asking, client_with(scope), world, at, path, method).status_code == good


@scoped
def test_a_key_with_every_other_scope_may_not(asking, client_with, path, method):
    scope = ENDPOINTS[path, method][0]
    others = {other for other, *_ in ENDPOINTS.values() if other} - {scope}
    response = knock(asking, client_with(*others), path, method)
    assert (*answer(response), response.json()["scope"]) == (403, "scope_missing", scope)


@scoped
@pytest.mark.parametrize("whose", ["member_client", "other_member_client"])
def test_a_members_token_opens_no_path_of_the_storefronts(asking, request, path, method, whose):
    response = knock(asking, request.getfixturevalue(whose), path, method)
    assert response.status_code == 403
    assert response.json()["code"] in ("own_paths_only", "members_may_not")


@pytest.mark.parametrize("path", sorted(OWN))
def test_a_member_sees_their_own_and_nobody_elses(asking, api, member_client, other_member_client, world, path):
    named = path.replace("me", "members/{}", 1)
    assert asking(member_client).get(path).json() == api.get(named.format("M-1")).json()
    assert asking(other_member_client).get(path).json() == api.get(named.format("M-2")).json()
    assert answer(api.get(path)) == (403, "member_token_needed")


@pytest.mark.parametrize(("path", "method"), [at for at in ENDPOINTS if "{" in at[0] and at != ("members/{member}", "PUT")], ids=lambda value: value)
def test_what_is_not_there_is_404_or_waits_for_it(asking, storefront, world, at, path, method):
    nowhere = {**world, "member": "nobody", "purchase": "nowhere", "guest": "nowhere", "hold": NOWHERE, "item": NOWHERE, "address": NOWHERE}
    nowhere |= {"privilege": NOWHERE, "sale": 2**70, "top_up": NOWHERE, "rental": NOWHERE}
    nowhere |= {"coupon": "NOWHERE", "redemption": NOWHERE, "parcel": NOWHERE, "reward": "nowhere"}
    expected = 202 if path.endswith("/refunds") else 404
    assert send(asking, storefront, nowhere, at, path, method).status_code == expected


@pytest.mark.parametrize("path", sorted(OWN_THINGS))
def test_a_member_sees_this_one_of_their_own_and_nobody_elses(asking, member_client, other_member_client, api, world, path):
    own, named = path.format(**world), path.replace("me", "members/M-1", 1).format(**world)
    assert asking(member_client).get(own).json() == api.get(named).json()
    assert asking(other_member_client).get(own).status_code == 404
    assert answer(api.get(own)) == (403, "member_token_needed")


@pytest.mark.parametrize("path", sorted(OWN_CLOCKED))
def test_a_member_sees_their_own_by_our_clock(asking, member_client, other_member_client, api, world, path):
    own, named = path.format(**world), path.replace("me", "members/M-1", 1).format(**world)
    assert {**asking(member_client).get(own).json(), "now": ""} == {**api.get(named).json(), "now": ""}
    assert asking(other_member_client).get(own).status_code == (404 if "ticket" in path else 200)
    assert answer(api.get(own)) == (403, "member_token_needed")


@pytest.mark.parametrize("path", sorted(OWN_VERSIONS))
def test_a_member_sees_their_own_version_and_nobody_elses(asking, member_client, other_member_client, api, world, path):
    own, named = path.format(**NAMED | world), path.replace("me", "members/M-2", 1).format(**NAMED | world)
    assert asking(member_client).get(own).status_code == 200
    assert asking(other_member_client).get(own).status_code == api.get(named).status_code == 404


@pytest.mark.parametrize("path", sorted(OWN_WRITES))
def test_a_member_does_for_themselves_what_a_member_may(asking, member_client, world, at, path):
    body = ENDPOINTS[path.replace("me/", "members/{member}/", 1), "POST"][2]
    assert asking(member_client).post(path.format(**NAMED | world), body and body(w=world, at=at)).status_code < 300


@pytest.mark.parametrize(("path", "method"), sorted(OWN_CHANGES), ids=str)
def test_a_member_changes_what_is_their_own_to_choose(asking, member_client, world, path, method):
    body = ENDPOINTS[path.replace("me/", "members/{member}/"), method][2]
    assert asking(member_client).ask(method, path.format(**NAMED | world), body and body()).status_code == 200


def test_what_another_was_offered_cannot_be_claimed(asking, other_member_client, world):
    assert answer(asking(other_member_client).post(f"me/offers/{world['offer']}/claim")) == (404, "grant_unknown")


@pytest.mark.parametrize(("path", "method"), [at for at in ENDPOINTS if at[1] == "POST" and at[0] not in WITHOUT_KEY], ids=lambda value: value)
def test_a_write_needs_an_idempotency_key_and_is_answered_once(asking, storefront, world, at, path, method):
    assert answer(send(asking, storefront, world, at, path, method, key="")) == (400, "key_missing")
    first = send(asking, storefront, world, at, path, method, key="once")
    again = send(asking, storefront, world, at, path, method, key="once")
    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (first.status_code, first.content, "true")
    assert first.status_code < 300
    assert "Idempotent-Replayed" not in first


@every_endpoint
def test_another_method_is_405(api, path, method):
    assert answer(api.ask("PATCH", path.format(**NAMED))) == (405, "method_not_allowed")
