"""The till over HTTP: what is answered, in which words, and that a second request finds the first answer."""

from datetime import timedelta

import pgtrigger
import pytest

from loyalty.programme.models import Programme
from points.ledger import services as ledger
from points.ledger.models import Hold
from points.rulebook import services as rulebook
from points.rulebook.rules import Definition, Effect

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(at):
    def make(number="1001", amount=10_000, **more):
        lines = [{"id": "1", "sku": "MUG", "category": "HOME", "quantity": 2, "amount_cents": amount}]
        return {"id": number, "member": "M-1", "occurred_at": at, "currency": "CNY", "lines": lines, "paid_cents": amount, **more}

    return make


def balance(api, member="M-1"):
    shown = api.get(f"members/{member}/account").json()
    return {name: shown[name] for name in ("available", "held", "pending", "debt")}


def test_an_order_from_quote_to_refund(api, world, order, at):
    stood = balance(api)
    cart = {"member": "M-1", "lines": order()["lines"], "points": 500}
    quote = api.post("quotes", cart).json()
    assert (quote["earn"], quote["burn"]["points"], quote["burn"]["points_worth_cents"]) == (95, 500, 500)
    hold = api.post("holds", {"member": "M-1", "points": 500, "quote": quote["quote"], "purchase": "1001"})
    assert (hold.status_code, hold.json()["worth_cents"], hold.json()["status"]) == (201, 500, "open")
    paid = api.post("purchases", order(paid_cents=9_500, hold=hold.json()["id"]))
    assert paid.status_code == 201
    body = paid.json()
    assert (body["member"], body["earned"], body["spent"]) == ("M-1", quote["earn"], 500)
    assert [(entry["kind"], entry["points"]) for entry in body["entries"]] == [("capture", 500), ("earn", 95)]
    assert [one["text"] for one in body["explanation"]] == [
        "500 held points were spent.",
        "Points are earned on CN¥95.00, what is paid in money for goods.",
        "95 points by the rule “Points for purchases”.",
        "95 points earned.",
    ]
    refunded = api.post("purchases/1001/refunds", {"id": "R-1", "occurred_at": at, "amount_cents": 4_750})
    assert refunded.status_code == 201
    body = refunded.json()
    assert [one["text"] for one in body.pop("explanation")] == [
        "250 spent points are given back, to the lots that they came from.",
        "48 earned points are taken back, for what was refunded.",
    ]
    assert body == {"id": "R-1", "status": "applied", "clawed_back": 48, "restored": 250, "waived": 0, "debt": 0, "coupons": []}
    assert balance(api) == {**stood, "available": stood["available"] - 500 + 95 + 250 - 48}


def test_an_order_names_every_entry_that_it_earned_with_and_what_is_claimed_later_is_none_of_them(api, world, order, now):
    own_terms = {"double": Definition(effect=Effect("multiplier", factor=20_000), cost_centre="marketing")}
    own_terms["claimed"] = Definition(effect=Effect("fixed", points=7), multiplied=False, claim_days=7)
    for code, said in own_terms.items():
        made = rulebook.make(code=code, fact="purchase", name_zh=code, name_en=code, definition=said, actor="tests", now=now)
        rulebook.publish(version_id=made.id, ever=True, actor="tests", now=now)
    paid = api.post("purchases", order()).json()
    assert (paid["earned"], [(entry["kind"], entry["points"]) for entry in paid["entries"]]) == (200, [("earn", 100), ("earn", 100)])
    offer = api.get("members/M-1/offers").json()["results"][0]
    assert api.post(f"members/M-1/offers/{offer['id']}/claim").json()["points"] == 7
    assert api.post("purchases", order()).json() == paid


def test_the_same_order_under_a_new_key_finds_the_first_answer_marked_as_a_replay(api, world, order):
    first, again = api.post("purchases", order()), api.post("purchases", order())
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")


def test_the_same_refund_under_a_new_key_finds_the_first_answer_marked_as_a_replay(api, world, at):
    refund = {"id": "R-1", "occurred_at": at, "amount_cents": 1_000}
    first, again = api.post("purchases/P-1/refunds", refund), api.post("purchases/P-1/refunds", refund)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("purchases/P-1/refunds", {"id": "R", "amount_cents": 1}, {"id": "R", "amount_cents": 2}),
        ("purchases/later/refunds", {"id": "R", "amount_cents": 1}, {"id": "R", "lines": [{"id": "1"}]}),
        ("refunds", {"id": "R", "amount_cents": 1}, {"id": "R", "amount_cents": 1, "member": "M-1"}),
    ],
)
def test_the_same_id_with_other_content_is_409_and_the_same_key_with_another_body_422(api, world, at, path, first, second):
    assert api.post(path, {**first, "occurred_at": at}, key="k").status_code < 300
    for key, status, code in (("other", 409, "refund_conflict"), ("k", 422, "key_reused")):
        response = api.post(path, {**second, "occurred_at": at}, key=key)
        assert (response.status_code, response.json()["code"]) == (status, code)


def test_a_refusal_is_not_kept_a_retry_decides_anew(api, world, order):
    hold = {"member": "M-1", "points": balance(api)["available"] + 200}
    assert api.post("holds", hold, key="k").json()["code"] == "insufficient_points"
    api.post("purchases", order(amount=20_000))
    assert api.post("holds", hold, key="k").status_code == 201


def test_another_members_order_of_that_id_is_409(api, world, order):
    api.post("purchases", order())
    response = api.post("purchases", order(member="M-2"))
    assert (response.status_code, response.json()["code"]) == (409, "purchase_conflict")


def test_a_refund_before_its_purchase_is_202_waiting_and_applied_with_it(api, world, order, at):
    before = balance(api)["available"]
    refund = {"id": "R-1", "occurred_at": at, "amount_cents": 4_000}
    kept = api.post("purchases/1001/refunds", refund)
    assert (kept.status_code, kept.json()["status"], kept.json()["explanation"][0]["code"]) == (202, "waiting", "waiting")
    api.post("purchases", order())
    assert balance(api)["available"] == before + 60
    told = api.post("purchases/1001/refunds", refund)
    assert (told.status_code, told.json()["status"], told.json()["clawed_back"]) == (201, "applied", 40)


def test_a_refund_without_a_reference_is_202_parked(api, world, at):
    kept = api.post("refunds", {"id": "R-9", "occurred_at": at, "amount_cents": 4_000, "member": "M-1"})
    assert (kept.status_code, kept.json()["status"]) == (202, "parked")


def test_a_guests_order_is_202_and_claimed_once(api, world, order):
    kept = api.post("purchases", {name: value for name, value in order().items() if name != "member"})
    assert (kept.status_code, kept.json()["member"], kept.json()["earned"]) == (202, None, 0)
    assert kept.json()["explanation"][0]["code"] == "guest"
    claimed = api.post("purchases/1001/claim", {"member": "M-2"})
    assert (claimed.status_code, claimed.json()["earned"]) == (200, 100)
    assert api.post("purchases/1001/claim", {"member": "M-1"}).json()["code"] == "already_claimed"


def test_a_member_nobody_knew_is_made_bare(api, world, order):
    assert api.post("purchases", order(member="M-99")).status_code == 201
    assert api.get("members/M-99").json()["registered_at"] is None
    assert balance(api, "M-99")["available"] == 100


@pytest.mark.parametrize("path", ["purchases", "purchases/P-1/refunds", "purchases/P-1/delivered", "refunds"])
def test_facts_from_the_future_or_too_long_ago_are_refused_with_the_reason(api, world, order, now, path):
    programme = Programme.objects.get()
    programme.fact_window_days = 30
    programme.save()
    body = order() if path == "purchases" else {"occurred_at": ""} if path.endswith("delivered") else {"id": "R", "amount_cents": 1}
    for moment, status, code in (
        (now + timedelta(minutes=6), 422, "fact_from_the_future"),
        (now - timedelta(days=31), 422, "fact_too_old"),
        (now + timedelta(minutes=4), None, None),
    ):
        response = api.post(path, {**body, "occurred_at": moment.isoformat()})
        if status:
            assert (response.status_code, response.json()["code"]) == (status, code)
        else:
            assert response.status_code < 300


def test_a_wrong_total_is_422_with_the_figure_expected(api, world, order):
    problem = api.post("purchases", order(paid_cents=9_999)).json()
    assert (problem["status"], problem["code"], problem["expected_paid_cents"]) == (422, "amounts_disagree", 10_000)


def test_another_currency_is_422(api, world, order):
    problem = api.post("purchases", order(currency="USD")).json()
    assert (problem["status"], problem["code"], problem["expected"]) == (422, "currency_mismatch", "CNY")


def test_a_lapsed_hold_is_said_in_the_answer(api, world, order, now):
    available = balance(api)["available"]
    hold = api.post("holds", {"member": "M-1", "points": 1_000}).json()["id"]
    with pgtrigger.ignore("points.Hold:hold_is_pinned"):
        Hold.objects.filter(id=hold).update(expires_at=now - timedelta(seconds=1))
    assert api.get(f"holds/{hold}").json()["status"] == "lapsed"
    assert api.post("members/M-1/spends", {"points": available - 400, "subject": "x"}).status_code == 201
    paid = api.post("purchases", order(paid_cents=9_000, hold=hold)).json()
    assert [one["text"] for one in paid["explanation"][:2]] == [
        "The hold had lapsed, so 1000 points were spent from the balance.",
        "600 of them were missing and are owed; the next points that come in settle them.",
    ]


def test_delivered_is_noted_and_said_again(api, world, at, now):
    first = api.post("purchases/P-1/delivered", {"occurred_at": at})
    later = api.post("purchases/P-1/delivered", {"occurred_at": (now + timedelta(minutes=1)).isoformat()})
    assert first.json() == later.json()
    assert first.json()["delivered_at"].endswith("Z")


def test_held_points_are_captured_or_released_without_an_order(api, world):
    stood = balance(api)
    captured = api.post(f"holds/{world['hold']}/capture", {"points": 30}).json()
    assert (captured["status"], captured["captured"]) == ("captured", 30)
    assert balance(api) == {**stood, "available": stood["available"] + 70, "held": stood["held"] - 100}
    again = api.post(f"holds/{world['hold']}/release")
    assert (again.status_code, again.json()["code"]) == (409, "hold_settled")
    hold = api.post("holds", {"member": "M-1", "points": 100}).json()["id"]
    assert api.post(f"holds/{hold}/release").json()["status"] == "released"


def test_a_hold_made_elsewhere_is_not_the_tills(api, world, member, now):
    bid = ledger.hold(member_id=member.id, points=5, expires_at=now + timedelta(days=1), subject="auction/1", actor="mall", key="bid", now=now)
    assert api.get(f"holds/{bid.id}").status_code == 404
    for verb in ("capture", "release"):
        assert api.post(f"holds/{bid.id}/{verb}", {} if verb == "capture" else None).status_code == 404


def test_sentences_are_in_the_language_asked_for(api, world, order):
    cart = {"lines": order()["lines"]}
    english = api.ask("POST", "quotes", cart, **{"Accept-Language": "en"}).json()["why"]
    chinese = api.ask("POST", "quotes", cart, **{"Accept-Language": "zh-CN"}).json()["why"]
    assert english[0]["code"] == chinese[0]["code"] == "basis"
    assert "CN¥100.00" in english[0]["text"]
    assert "¥100.00" in chinese[0]["text"]


def test_purchases_are_listed_newest_first_with_lines_and_refunds(api, world, order, at):
    api.post("purchases", order())
    api.post("purchases/1001/refunds", {"id": "R-1", "occurred_at": at, "lines": [{"id": "1", "quantity": 1}]})
    listed = api.get("members/M-1/purchases?limit=2").json()
    assert {one["id"] for one in listed["results"]} <= {"1001", "P-1", "P-2"}
    assert listed["next"] is not None
    [shown] = [one for page in (listed, api.client.get(listed["next"]).json()) for one in page["results"] if one["id"] == "1001"]
    assert (shown["paid_cents"], shown["lines"][0]["sku"], shown["refunds"]) == (
        10_000, "MUG", [{"id": "R-1", "occurred_at": shown["occurred_at"], "amount_cents": 5_000}],
    )  # fmt: skip


def test_the_channel_is_shown_and_what_a_line_cost_the_shop_is_nobodys_business(api, world, order):
    lines = [{**order()["lines"][0], "cost_cents": 6_000}]
    assert api.post("purchases", order("1002", lines=lines, channel="app")).status_code == 201
    [shown] = [one for one in api.get("members/M-1/purchases").json()["results"] if one["id"] == "1002"]
    assert shown["channel"] == "app"
    assert "cost_cents" not in shown["lines"][0]
    assert api.post("purchases", order("1002", lines=lines, channel="web")).status_code == 409
    assert api.post("quotes", {"lines": lines, "channel": "app"}).status_code == 200


def test_a_quote_for_anyone_needs_no_member(api, world, order):
    quote = api.post("quotes", {"lines": order()["lines"]}).json()
    assert (quote["earn"], quote["burn"]["max_points"], quote["quote"]) == (100, 0, "")


def test_the_programme_is_for_anyone(anonymous, world):
    shown = anonymous.get("/api/v1/programme").json()
    assert (shown["name"], shown["currency"], shown["worth"], shown["expiry"]) == ("points", "CNY", {"points": 100, "cents": 100}, "months:12")
    assert shown["earn"] == [
        {"rule": "comment", "name": "Comment", "fact": "commented", "points_per_unit": None, "categories": {}},
        {"rule": "purchase", "name": "Points for purchases", "fact": "purchase", "points_per_unit": "1.0000", "categories": {}},
    ]


def test_the_programme_of_a_new_installation_is_shown_too(anonymous, db):
    shown = anonymous.get("/api/v1/programme").json()
    assert (shown["currency"], shown["earn"]) == ("", [])
