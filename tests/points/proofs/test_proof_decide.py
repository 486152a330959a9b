from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.translation import override

from accounts.activity import selectors as activity
from loyalty.audit.models import AuditEntry
from points.ledger import selectors as books
from points.proofs import selectors, services
from points.proofs.models import Proof

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("task", "grades_give_points")]
Status, Refusal = Proof.Status, Proof.Refusal


def available(member, now):
    return books.balance(member_id=member.id, now=now).available


@pytest.fixture
def decide(now):
    """The verbs, by an operator."""

    def do(verb, proof, operator="sample operator", **asked):
        return getattr(services, verb)(proof_id=proof.id, operator=operator, now=now, **asked)

    return do


class TestApprove:
    @pytest.mark.parametrize(("grade", "points"), [(1, 100), (2, 200)])
    def test_the_rules_give_the_points_for_the_grade(self, upload, decide, member, now, grade, points):
        proof = decide("approve", upload(), grade=grade)
        assert (proof.status, proof.grade, proof.points, proof.decided_by, proof.decided_at) == (Status.APPROVED, grade, points, "sample operator", now)
        assert available(member, now) == points

    def test_it_is_a_fact_about_the_proof(self, upload, decide, member):
        proof = decide("approve", upload(), grade=2)
        fact = activity.behaviour(member_id=member.id, kind="proof_reviewed", external_id=str(proof.id))
        assert fact.data == {"proof": str(proof.id), "task": "share-post", "grade": 2}

    @pytest.mark.parametrize("grade", [0, 3, -1])
    def test_a_grade_that_the_task_has_not_is_refused(self, upload, decide, refuses, grade):
        proof = upload()
        with refuses(services.GradeUnknown):
            decide("approve", proof, grade=grade)
        assert selectors.get(proof.id).status == Status.WAITING

    def test_an_unknown_proof_is_refused(self, refuses, now):
        with refuses(selectors.ProofUnknown):
            services.approve(proof_id=uuid4(), grade=1, operator="sample operator", now=now)

    def test_whoever_comes_second_is_told_who_decided(self, upload, decide, refuses, member, now):
        proof = upload()
        decide("approve", proof, operator="first", grade=1)
        for verb, asked in (("approve", {"grade": 2}), ("refuse", {"refusal": Refusal.NOT_OWN})):
            with refuses(services.ProofDecided) as refused:
                decide(verb, proof, operator="second", **asked)
            assert "first" in refused.value.message
            assert refused.value.figures["by"] == "first"
        assert available(member, now) == 100


class TestRefuse:
    def test_the_member_reads_why_in_their_language_and_the_operators_words(self, upload, decide, member, now):
        proof = decide("refuse", upload(), refusal=Refusal.NOT_SHOWN, reason="No name in it.")
        assert proof.status == Status.REFUSED
        with override("en"):
            assert selectors.get(proof.id).why == "It does not show what the task asks for. No name in it."
        with override("zh-hans"):
            assert selectors.get(proof.id).why.endswith("No name in it.")
            assert "It does not show" not in selectors.get(proof.id).why
        assert available(member, now) == 0

    def test_another_reason_needs_words(self, upload, decide, refuses):
        with refuses(services.ReasonMissing):
            decide("refuse", upload(), refusal=Refusal.OTHER, reason="  ")

    def test_another_reason_is_told_by_the_words_alone(self, upload, decide):
        assert decide("refuse", upload(), refusal=Refusal.OTHER, reason=" Please upload the whole page. ").why == "Please upload the whole page."

    def test_a_refused_proof_stays_refused(self, upload, decide, refuses):
        proof = decide("refuse", upload(), refusal=Refusal.ALTERED)
        with refuses(services.ProofDecided):
            decide("approve", proof, grade=1)
        with refuses(services.NotApproved):
            decide("withdraw", proof, reason="sample")

    def test_what_was_refused_as_it_came_in_is_not_decided_again(self, upload, decide, refuses):
        proof = upload(url="javascript:alert(1)")
        with refuses(services.ProofDecided):
            decide("approve", proof, grade=1)


class TestWithdraw:
    def test_what_the_approval_gave_is_taken_back(self, upload, decide, member, now, assert_books_balance):
        proof = decide("approve", upload(), grade=2)
        assert decide("withdraw", proof, operator="another", reason="Wrong member.") == 200
        proof.refresh_from_db()
        assert (proof.status, proof.why, proof.decided_by, proof.grade) == (Status.WITHDRAWN, "Wrong member.", "another", 2)
        assert available(member, now) == 0
        assert_books_balance()

    def test_it_is_final(self, upload, decide, refuses):
        proof = decide("approve", upload(), grade=1)
        decide("withdraw", proof, reason="sample")
        with refuses(services.ProofDecided):
            decide("approve", proof, grade=1)
        with refuses(services.NotApproved):
            decide("withdraw", proof, reason="sample")

    def test_only_an_approval_is_withdrawn_and_with_a_reason(self, upload, decide, refuses):
        proof = upload()
        with refuses(services.NotApproved):
            decide("withdraw", proof, reason="sample")
        decide("approve", proof, grade=1)
        with refuses(services.ReasonMissing):
            decide("withdraw", proof, reason=" ")

    def test_another_upload_can_be_approved_afterwards(self, upload, decide, member, now):
        decide("withdraw", decide("approve", upload(), grade=1), reason="sample")
        decide("approve", upload(), grade=2)
        assert available(member, now) == 200


def test_every_decision_is_in_the_audit_trail_with_who_and_why(upload, decide):
    decide("withdraw", decide("approve", upload(), grade=1), operator="another", reason="sample reason")
    decide("refuse", upload(), refusal=Refusal.NOT_OWN)
    trail = list(AuditEntry.objects.filter(verb__startswith="proof.").order_by("id").values_list("verb", "actor", "reason"))
    assert trail == [
        ("proof.approved", "sample operator", ""),
        ("proof.withdrawn", "another", "sample reason"),
        ("proof.refused", "sample operator", ""),
    ]


class TestTheQueue:
    def test_the_oldest_waits_first_and_decided_ones_are_gone(self, upload, decide, now):
        newer, older, done = (upload(occurred_at=now - timedelta(hours=hours)) for hours in (1, 3, 2))
        decide("approve", done, grade=1)
        assert list(selectors.waiting()) == [older, newer]

    def test_next_and_earlier_lead_through_it_and_next_comes_round(self, upload, now):
        first, second, third = (upload(occurred_at=now - timedelta(hours=hours)) for hours in (3, 2, 1))
        assert list(selectors.before(third)) == [second, first]
        following = [selectors.next_for(one, operator="sample operator", now=now) for one in (first, second, third)]
        assert following == [second, third, first]

    def test_uploads_of_the_same_moment_have_an_order_too(self, upload):
        first, second = upload(), upload()
        assert list(selectors.behind(first)) == [second]
        assert list(selectors.before(second)) == [first]
        assert not selectors.behind(second).exists()

    def test_next_is_nothing_where_nothing_else_waits(self, upload, now):
        assert selectors.next_for(upload(), operator="sample operator", now=now) is None

    def test_a_colleague_is_led_past_what_somebody_has_open_for_ten_minutes(self, upload, now):
        first, second, third = (upload(occurred_at=now - timedelta(hours=hours)) for hours in (3, 2, 1))
        services.look(proof_id=second.id, operator="one", now=now)
        assert selectors.next_for(first, operator="another", now=now) == third
        assert selectors.next_for(first, operator="one", now=now) == second
        assert selectors.next_for(first, operator="another", now=now + timedelta(minutes=10, seconds=1)) == second

    def test_who_opened_it_first_stays_noted_until_they_are_taken_to_have_left(self, upload, now):
        proof = upload()
        assert services.look(proof_id=proof.id, operator="one", now=now).seen_by == "one"
        assert services.look(proof_id=proof.id, operator="another", now=now + timedelta(minutes=9)).seen_by == "one"
        assert services.look(proof_id=proof.id, operator="another", now=now + timedelta(minutes=11)).seen_by == "another"

    def test_a_decided_proof_is_looked_at_without_a_note(self, upload, decide, now):
        proof = decide("approve", upload(), grade=1)
        assert services.look(proof_id=proof.id, operator="another", now=now).seen_by == ""

    def test_that_a_colleague_has_it_open_keeps_nobody_from_deciding(self, upload, decide, now):
        proof = upload()
        services.look(proof_id=proof.id, operator="one", now=now)
        assert decide("approve", proof, operator="another", grade=1).status == Status.APPROVED
