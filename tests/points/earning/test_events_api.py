"""`POST /events`, and what was offered to be claimed: an answer for each event, whatever becomes of the others."""

from datetime import timedelta

import pytest
import time_machine

from accounts.activity import services as kinds
from accounts.activity.models import Behaviour, FactKind
from accounts.keys.models import StorefrontKey
from accounts.members import selectors as members_seen
from accounts.members import services as members
from points.ledger import selectors as books

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(now):
    def make(number="E-1", kind="liked", member="M-1", *, at=None, **data):
        return {"id": number, "kind": kind, "member": member, "occurred_at": (at or now).isoformat(), "data": data or {"subject": "S"}}

    return make


@pytest.fixture
def send(storefront):
    """What is answered to each of these events."""

    def ask(*events):
        response = storefront.post("/api/v1/events", {"events": list(events)}, format="json")
        assert response.status_code == 200, response.content
        return response.json()["results"]

    return ask


def test_an_event_is_answered_with_what_it_earned_and_why(send, event, member, publish):
    publish("like", "fixed", fact="liked", points=5)
    (answer,) = send(event())
    assert (answer["id"], answer["status"], answer["points"], answer["claimable"]) == ("E-1", "accepted", 5, 0)
    assert answer["text"][-1] == "“Rule like” gave 5 points."


def test_each_is_answered_in_its_place_and_a_refused_one_stops_nothing(send, event, member, publish):
    publish("like", "fixed", fact="liked", points=5)
    answers = send(event("E-1"), event("E-2"), event("E-3", subject="other"), event("E-4", "nothing"), "no event", event("E-6", subject="third"))
    assert [(one["id"], one["status"], one.get("code")) for one in answers] == [
        ("E-1", "accepted", None),
        ("E-2", "refused", "fact_repeated"),
        ("E-3", "accepted", None),
        ("E-4", "refused", "fact_kind_unknown"),
        ("", "refused", "invalid"),
        ("E-6", "accepted", None),
    ]
    assert books.balance(member_id=member.id, now=member.created_at).available == 15


@pytest.mark.parametrize(
    ("late", "answer"),
    [
        (timedelta(minutes=-5), "accepted"),
        (timedelta(minutes=-5, seconds=-1), "fact_from_the_future"),
        (timedelta(days=400), "accepted"),
        (timedelta(days=400, seconds=1), "fact_too_old"),
    ],
)
def test_what_comes_too_early_or_too_late_is_refused_with_the_reason(send, event, member, now, late, answer):
    with time_machine.travel(now, tick=False):
        (one,) = send(event(at=now - late))
    assert one.get("code", one["status"]) == answer
    if answer.startswith("fact"):
        assert one["title"].endswith(".")


OURS = (
    "checked_in",
    "streak_reached",
    "birthday",
    "referred",
    "referral_completed",
    "mission_completed",
    "proof_reviewed",
    "board_placed",
    "tier_reached",
    "allowance",
)


@pytest.mark.parametrize("kind", OURS)
def test_what_the_programme_tells_itself_is_nobody_elses_to_tell(send, event, member, kind):
    (one,) = send(event(kind=kind))
    assert (one["status"], one["code"]) == ("refused", "fact_kind_ours")


def test_data_that_does_not_fit_is_refused_field_by_field(send, event, member):
    (one,) = send(event(kind="product_viewed", sku="A", seconds="long", colour="red"))
    assert (one["code"], set(one["errors"]["fields"])) == ("fact_data_invalid", {"seconds", "colour"})


@pytest.mark.parametrize("change", [{"id": ""}, {"id": "x" * 129}, {"kind": 5}, {"occurred_at": "yesterday"}, {"data": []}, {"member": None}, {"more": 1}])
def test_what_cannot_be_read_says_where(send, event, member, change):
    (one,) = send({**event(), **change})
    assert (one["status"], one["code"], list(one["errors"])) == ("refused", "invalid", list(change))


def test_the_same_again_is_the_first_answer_and_with_other_content_a_conflict(send, event, member, publish):
    publish("like", "fixed", fact="liked", points=5)
    (first,) = send(event())
    (again,) = send(event())
    assert (again["status"], again["points"], again["decision"]) == ("replayed", 5, first["decision"])
    (other,) = send(event(subject="other"))
    assert (other["status"], other["code"]) == ("refused", "fact_conflict")
    assert Behaviour.objects.count() == 1


def test_what_was_refused_can_be_put_right_under_the_same_id(send, event, member):
    assert send(event(kind="product_viewed", sku="A"))[0]["status"] == "refused"
    assert send(event(kind="product_viewed", sku="A", seconds=1))[0]["status"] == "accepted"


def test_a_member_nobody_knew_is_made_bare_and_a_closed_one_is_refused(send, event, member):
    assert send(event(member="M-new"))[0]["status"] == "accepted"
    assert members_seen.get("M-new").registered_at is None
    members.close(member_id=member.id)
    assert send(event())[0]["code"] == "member_closed"


def test_the_event_registers_a_member_once(send, event, storefront, publish):
    publish("registration", "fixed", fact="registered", points=100)
    first, again, other = event("E-1", "registered", "M-new"), event("E-1", "registered", "M-new"), event("E-2", "registered", "M-new")
    for one in (first, again, other):
        one["data"] = {}
    answers = send(first, again, other)
    assert [(one["status"], one.get("points"), one.get("code")) for one in answers] == [
        ("accepted", 100, None),
        ("replayed", 100, None),
        ("refused", None, "fact_repeated"),
    ]
    assert storefront.put("/api/v1/members/M-new", {"name": "Sample"}, format="json").json()["earned"] == 0


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 200), (1000, 200), (1001, 400)])
def test_a_batch_is_one_to_a_thousand(storefront, count, status):
    response = storefront.post("/api/v1/events", {"events": ["not an event"] * count}, format="json")
    assert response.status_code == status
    if status == 200:
        assert len(response.json()["results"]) == count


def test_an_operators_kind_needs_no_release(send, event, member, publish):
    fields = [{"name": "minutes", "type": "number", "required": True}]
    kind = FactKind(code="listened", name_zh="收听", name_en="Listened", once="each", fields=fields)
    kinds.keep_kind(kind=kind, actor="anna", now=member.created_at)
    publish("listening", "stated", fact="listened", measure="minutes", maximum=10)
    assert [one["points"] for one in send(event("E-1", "listened", minutes=4), event("E-2", "listened", minutes=40))] == [4, 10]


def test_offers_are_listed_and_claimed_in_time_once(storefront, send, event, member, now, publish):
    StorefrontKey.objects.update(expires_at=None)
    publish("featured", "fixed", fact="review_featured", points=30, claim_days=7)
    for number in ("1", "2"):
        assert send(event(f"E-{number}", "review_featured", review=number, grade=1))[0]["claimable"] == 30
    newest, oldest = storefront.get("/api/v1/members/M-1/offers").json()["results"]
    assert (newest["status"], newest["points"], newest["fact"], newest["rule"]) == ("offered", 30, "review_featured", "Rule featured")

    def claim(offer, key):
        return storefront.post(f"/api/v1/members/M-1/offers/{offer['id']}/claim", headers={"Idempotency-Key": key})

    assert [claim(oldest, key).json()["status"] for key in ("k-1", "k-1", "k-2")] == ["granted"] * 3
    with time_machine.travel(now + timedelta(days=9)):
        late = claim(newest, "k-3")
        assert (late.status_code, late.json()["code"]) == (409, "claim_over")
        assert [one["status"] for one in storefront.get("/api/v1/members/M-1/offers").json()["results"]] == ["lapsed", "granted"]
    assert books.balance(member_id=member.id, now=now).available == 30
