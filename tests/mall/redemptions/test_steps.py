"""The arrows of a redemption: which can be gone from where, by whom, and what each gives back."""

import pytest

from accounts.leaving import services as leaving
from loyalty.audit.models import AuditEntry
from mall.redemptions import selectors, services
from mall.redemptions.models import Redemption, Step
from points.ledger import services as ledger
from points.ledger.models import Hold

Status = Redemption.Status
pytestmark = pytest.mark.usefixtures("rich")


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


@pytest.fixture
def at(mall, member):
    """A redemption of 100 points that stands at that status; with 5.00 to pay where it has to."""

    def bring(status, **more):
        paid = status in (Status.HELD, Status.LAPSED)
        mall.reward(cents=500 if paid else 0)
        row = mall.redeem(member, quantity=2, **more)
        if status in (Status.FULFILLING, Status.SHIPPED, Status.DELIVERED, Status.RETURNED):
            mall.step("begin", row)
        if status in (Status.SHIPPED, Status.DELIVERED, Status.RETURNED):
            mall.step("ship", row, carrier="Sample Post", tracking="T-1")
        if status == Status.DELIVERED:
            mall.step("deliver", row)
        elif status == Status.CANCELLED:
            mall.step("cancel", row)
        elif status == Status.RETURNED:
            mall.step("return_", row, restock=True, reason="tests", key="R-1")
        elif status == Status.LAPSED:
            mall.wait(minutes=30)
            services.lapse_due(limit=10, now=mall.now)
        row.refresh_from_db()
        assert row.status == status
        return row

    return bring


VERBS = {
    "confirm": {"paid_cents": 1_000},
    "begin": {},
    "ship": {"carrier": "Sample Post", "tracking": "T-1"},
    "deliver": {},
    "cancel": {"reason": "tests"},
    "return_": {"restock": True, "reason": "tests", "key": "R-9"},
}
# Where each verb leads from each status; what stands there already, or never was to be paid, is left out.
LEADS = {
    ("confirm", Status.HELD): Status.CONFIRMED,
    ("begin", Status.CONFIRMED): Status.FULFILLING,
    ("ship", Status.CONFIRMED): Status.SHIPPED,
    ("ship", Status.FULFILLING): Status.SHIPPED,
    ("ship", Status.SHIPPED): Status.SHIPPED,
    ("deliver", Status.CONFIRMED): Status.DELIVERED,
    ("deliver", Status.FULFILLING): Status.DELIVERED,
    ("deliver", Status.SHIPPED): Status.DELIVERED,
    ("deliver", Status.DELIVERED): Status.DELIVERED,
    ("cancel", Status.HELD): Status.CANCELLED,
    ("cancel", Status.CONFIRMED): Status.CANCELLED,
    ("cancel", Status.FULFILLING): Status.CANCELLED,
    ("cancel", Status.CANCELLED): Status.CANCELLED,
    ("return_", Status.SHIPPED): Status.RETURNED,
    ("return_", Status.DELIVERED): Status.RETURNED,
}
REFUSALS = (services.StepImpossible, services.RedemptionLapsed)


@pytest.mark.parametrize("status", list(Status), ids=str)
@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_goes_its_arrows_and_no_others(mall, at, refuses, assert_mall_adds_up, verb, status):
    row = at(status)
    if (verb, status) in LEADS:
        mall.step(verb, row, **VERBS[verb])
        row.refresh_from_db()
        assert row.status == LEADS[verb, status]
    else:
        with refuses(REFUSALS):
            mall.step(verb, row, **VERBS[verb])
        row.refresh_from_db()
        assert row.status == status
    assert_mall_adds_up()


@pytest.mark.parametrize("verb", ["cancel", "begin", "ship", "return_"])
def test_one_that_was_not_paid_in_time_is_told_as_lapsed_before_that_is_booked(mall, at, refuses, verb):
    row = at(Status.HELD)
    mall.wait(days=1)
    with refuses(services.StepImpossible) as refused:
        mall.step(verb, row, **VERBS[verb])
    assert refused.value.figures["redemption_status"] == "lapsed"


def test_more_than_is_left_cannot_come_back_and_the_refusal_says_how_many_are(mall, at, refuses):
    row = at(Status.SHIPPED)
    with refuses(services.ReturnExceedsLeft) as refused:
        mall.step("return_", row, **{**VERBS["return_"], "quantity": row.quantity + 1})
    assert (refused.value.code, refused.value.figures) == ("quantity_invalid", {"left": row.quantity})


def test_who_went_which_step_and_when_is_kept(mall, at):
    row = at(Status.CONFIRMED)
    mall.wait(hours=1)
    mall.step("ship", row, carrier="Sample Post", tracking="T-1", actor="sample")
    steps = selectors.steps(redemption=row)
    assert [(step.before, step.status, step.actor, step.at) for step in steps] == [
        ("confirmed", "fulfilling", "sample", mall.now),
        ("fulfilling", "shipped", "sample", mall.now),
    ]


def test_a_wrong_tracking_number_is_corrected_and_what_it_was_is_kept(mall, at):
    row = at(Status.SHIPPED)
    mall.step("ship", row, carrier="Other Post", tracking="T-2")
    row.refresh_from_db()
    last = selectors.steps(redemption=row).last()
    assert (row.tracking, last.status, last.reason) == ("T-2", Status.SHIPPED, "Sample Post T-1")
    mall.step("ship", row, carrier="Other Post", tracking="T-2")
    assert selectors.steps(redemption=row).last() == last


def test_once_it_is_being_made_ready_the_member_cannot_cancel_it_but_others_can(mall, member, other_member, at, refuses):
    row = at(Status.FULFILLING)
    with refuses(services.StepImpossible):
        mall.step("cancel", row, member_id=member.id)
    with refuses(selectors.RedemptionUnknown):
        mall.step("cancel", row, member_id=other_member.id)
    assert mall.step("cancel", row).redemption.status == Status.CANCELLED


def test_a_reason_to_cancel_goes_to_the_audit_trail(mall, at):
    mall.step("cancel", at(Status.CONFIRMED), reason="asked by phone", actor="sample")
    entry = AuditEntry.objects.get(verb="redemption.cancelled")
    assert (entry.actor, entry.reason, entry.figures["points"]) == ("sample", "asked by phone", 200)


def test_what_a_member_says_of_why_stays_on_the_step_alone(mall, member, at):
    mall.step("cancel", at(Status.CONFIRMED), member_id=member.id, reason="changed my mind", actor="member")
    assert Step.objects.get().reason == "changed my mind"
    assert not AuditEntry.objects.filter(verb="redemption.cancelled").exists()


def test_a_second_payment_is_told_from_the_first_one_told_again(mall, at, refuses):
    row = at(Status.HELD)
    mall.step("confirm", row, paid_cents=1_000, payment="PAY-1")
    assert mall.step("confirm", row, paid_cents=1_000, payment="PAY-1").replayed
    with refuses(services.PaidTwice) as refused:
        mall.step("confirm", row, paid_cents=1_000, payment="PAY-2")
    assert refused.value.figures == {"payment": "PAY-1"}


def test_money_that_comes_after_it_was_cancelled_is_sent_back(mall, at, refuses):
    row = at(Status.HELD)
    mall.step("cancel", row)
    with refuses(services.RedemptionCancelled):
        mall.step("confirm", row, paid_cents=1_000)


def test_the_same_return_again_is_a_replay_and_another_one_under_its_key_a_conflict(mall, at, refuses):
    row = at(Status.DELIVERED)
    asked = {"quantity": 1, "restock": True, "reason": "tests", "key": "R-1"}
    mall.step("return_", row, **asked)
    assert mall.step("return_", row, **asked).replayed
    for other in ({"quantity": 2}, {"restock": False}):
        with refuses(ledger.KeyConflict):
            mall.step("return_", row, **{**asked, **other})
    row.refresh_from_db()
    assert row.returned == 1


def test_a_key_as_long_as_they_come_is_no_trouble(mall, member, at):
    row = at(Status.DELIVERED, key=f"key:{'k' * 12}/{'x' * 255}")
    mall.step("return_", row, restock=True, reason="tests", key=f"key:{'k' * 12}/{'x' * 255}")


def test_a_return_needs_a_reason(mall, at, refuses):
    with refuses(services.ReasonMissing):
        mall.step("return_", at(Status.DELIVERED), restock=True, reason=" ", key="R-1")


def test_one_that_cannot_be_released_stops_none_of_the_others(mall, member, other_member, monkeypatch, caplog):
    mall.reward(cents=500)
    mall.give(other_member, 1_000)
    rows = [mall.redeem(one) for one in (member, other_member)]
    mall.wait(minutes=30)
    lapse = services.lapse

    def stumble(*, redemption_id, **more):
        if redemption_id == rows[0].id:
            raise RuntimeError("out of order")
        return lapse(redemption_id=redemption_id, **more)

    monkeypatch.setattr(services, "lapse", stumble)
    assert services.lapse_due(limit=10, now=mall.now) == {"lapsed": 1, "failed": 1}
    assert "could not be released" in caplog.text


def test_many_are_begun_at_once_and_what_is_not_to_be_made_ready_is_left(mall, member, other_member):
    mall.reward()
    mall.reward("set", cents=500)
    mall.give(other_member, 1_000)
    rows = [mall.redeem(member), mall.redeem(other_member), mall.redeem(member, "set")]
    mall.step("cancel", rows[1])
    assert services.begin_all(redemption_ids=[row.id for row in rows], actor="sample", now=mall.now) == 1
    assert list(Redemption.objects.order_by("id").values_list("status", flat=True)) == ["fulfilling", "cancelled", "held"]


def test_who_is_erased_gets_no_parcel_and_what_comes_back_is_forfeited(mall, member, at, assert_books_balance, assert_mall_adds_up):
    mall.reward("set", cents=500)
    shipped = at(Status.SHIPPED)
    waiting, held = mall.redeem(member), mall.redeem(member, "set")
    for settle in leaving.SETTLES.values():
        settle(member_ids=[member.id], actor="erasure", now=mall.now)
    for row in (shipped, waiting, held):
        row.refresh_from_db()
    assert (shipped.status, waiting.status, held.status) == (Status.SHIPPED, Status.CANCELLED, Status.CANCELLED)
    assert (mall.points(member), mall.left()) == (0, 3)
    assert not Hold.objects.filter(status="open").exists()
    assert_books_balance()
    assert_mall_adds_up()


def test_a_step_says_where_the_points_went(mall, at):
    row = at(Status.CANCELLED)
    step = Step.objects.get()
    assert (step.points, step.cents, step.restocked, selectors.money_back(row)) == (200, 0, True, 0)
