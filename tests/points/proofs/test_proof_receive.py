from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from loyalty.outbox.models import OutboxRow
from points.earning import services as earning
from points.proofs import selectors, services
from points.proofs.models import Proof, ProofTask

pytestmark = pytest.mark.django_db
Status, Refusal = Proof.Status, Proof.Refusal


def test_an_upload_becomes_a_proof_that_waits(task, upload, member, now):
    proof = upload()
    assert (proof.member_id, proof.task_code, proof.url, proof.uploaded_at) == (member.id, "share-post", "https://pictures.example.com/post.jpg", now)
    assert (proof.status, proof.grade, proof.points, proof.why) == (Status.WAITING, None, None, "")
    assert list(selectors.waiting()) == [proof]


def test_the_storefronts_event_leads_to_the_proof_after_the_commit(task, member, now, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        data = {"task": "share-post", "url": "https://example.com/a.jpg"}
        earning.take(member_id=member.id, kind="proof_uploaded", external_id="U-1", data=data, occurred_at=now, ours=False, actor="tests", now=now)
        assert not Proof.objects.exists()
    assert Proof.objects.get().status == Status.WAITING
    assert not OutboxRow.objects.exclude(status="delivered").exists()


def test_the_same_event_delivered_twice_is_one_proof(task, upload, member, now):
    proof = upload(external_id="U-same")
    services.approve(proof_id=proof.id, grade=1, operator="sample operator", now=now)
    again = services.receive(member_id=member.id, external_id="U-same", now=now + timedelta(hours=1))
    assert (again, again.status) == (proof, Status.APPROVED)
    assert Proof.objects.count() == 1


@pytest.mark.parametrize(
    "url", ["javascript:alert(document.cookie)", "data:text/html,<script>alert(1)</script>", "http://example.com/a.jpg", "https://10.0.0.1/a.jpg", "post.jpg"]
)
def test_an_address_that_we_do_not_open_is_refused_as_it_comes_in_with_a_reason(task, upload, url):
    proof = upload(url=url)
    assert (proof.status, proof.refusal, proof.decided_by) == (Status.REFUSED, Refusal.ADDRESS, "")
    assert "https://" in proof.why


def test_an_address_of_500_characters_waits_and_a_longer_one_never_comes_in_cut(task, upload):
    proof = upload(url="https://example.com/" + "x" * 480)
    assert (proof.status, len(proof.url)) == (Status.WAITING, 500)


def test_http_is_opened_while_developing(task, upload, settings):
    settings.DEBUG = True
    assert upload(url="http://example.com/a.jpg").status == Status.WAITING


def test_a_task_that_does_not_exist_refuses(upload):
    assert upload("no-such-task").refusal == Refusal.TASK_UNKNOWN


def test_a_long_name_of_no_task_is_kept_as_far_as_it_fits(upload):
    assert upload("x" * 500).task_code == "x" * 100


def test_a_closed_task_refuses_what_comes_in_and_what_waits_can_be_decided(task, upload, now):
    waiting = upload()
    ProofTask.objects.filter(code=task.code).update(active=False)
    assert upload().refusal == Refusal.TASK_CLOSED
    assert services.approve(proof_id=waiting.id, grade=1, operator="sample operator", now=now).status == Status.APPROVED


class TestMostPerMonth:
    def test_one_more_than_the_task_takes_is_refused(self, task, upload):
        ProofTask.objects.filter(code=task.code).update(most_per_month=2)
        assert [upload().status for _n in range(3)] == [Status.WAITING, Status.WAITING, Status.REFUSED]
        assert Proof.objects.filter(status=Status.REFUSED).get().refusal == Refusal.TOO_MANY

    def test_approved_ones_take_room_and_refused_and_withdrawn_ones_leave_it(self, task, upload, now):
        ProofTask.objects.filter(code=task.code).update(most_per_month=1)
        first = upload()
        services.refuse(proof_id=first.id, refusal=Refusal.NOT_SHOWN, operator="sample operator", now=now)
        second = upload()
        services.approve(proof_id=second.id, grade=1, operator="sample operator", now=now)
        assert upload().refusal == Refusal.TOO_MANY
        services.withdraw(proof_id=second.id, reason="sample", operator="sample operator", now=now)
        assert upload().status == Status.WAITING

    def test_each_task_and_each_member_have_their_own(self, task, upload, other_member):
        ProofTask.objects.filter(code=task.code).update(most_per_month=1)
        ProofTask.objects.create(code="other", name_zh="另", name_en="Other", most_per_month=1)
        assert {upload().status, upload("other").status, upload(whose=other_member).status} == {Status.WAITING}

    def test_the_month_is_that_of_the_upload_in_the_programmes_zone(self, task, upload):
        ProofTask.objects.filter(code=task.code).update(most_per_month=1)
        # Midnight in Shanghai, where the last day of February ends.
        ends = datetime(2026, 2, 28, 16, tzinfo=UTC)
        moments = [ends - timedelta(seconds=1), ends, ends - timedelta(days=27), ends + timedelta(days=30)]
        assert [upload(occurred_at=moment).status for moment in moments] == [Status.WAITING, Status.WAITING, Status.REFUSED, Status.REFUSED]


def test_the_database_keeps_one_proof_for_an_upload(task, upload, member, now):
    proof = upload()
    with pytest.raises(IntegrityError, match="proof_once"), transaction.atomic():
        Proof.objects.create(member=member, behaviour_id=proof.behaviour_id, task_code="x", url="x", uploaded_at=now)


@pytest.mark.parametrize("wrong", [{"status": "approved"}, {"status": "refused"}, {"status": "withdrawn"}, {"grade": 1}, {"refusal": "other"}])
def test_the_database_keeps_status_and_figures_together(task, upload, now, wrong):
    proof = upload()
    with pytest.raises(IntegrityError, match="proof_status_says_what_happened"), transaction.atomic():
        Proof.objects.filter(id=proof.id).update(**wrong)
