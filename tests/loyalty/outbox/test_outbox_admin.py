import pytest
from django.urls import reverse

from loyalty.audit.models import AuditEntry
from loyalty.lib.ids import new_id
from loyalty.outbox.models import OutboxRow

pytestmark = pytest.mark.django_db
Status = OutboxRow.Status


@pytest.fixture
def dead_letter(happen, heard):
    happen(7, member_id=new_id())
    OutboxRow.objects.update(status=Status.FAILED, attempts=8, last_error="RuntimeError: no")
    return OutboxRow.objects.get()


def url(name, *args):
    return reverse(f"admin:loyalty_outboxrow_{name}", args=args)


def test_the_list_shows_failed_events_when_asked_for_them(client, operator, dead_letter, happen):
    operator("view_outboxrow")
    happen(8)
    assert "RuntimeError: no" in client.get(url("changelist"), {"status": "failed"}).content.decode()
    assert "RuntimeError: no" not in client.get(url("changelist"), {"status": "waiting"}).content.decode()
    assert "RuntimeError: no" not in client.get(url("changelist"), {"topic": "riskcontrol.member_banned"}).content.decode()


def test_an_event_is_found_by_its_number_and_by_its_member(client, operator, dead_letter):
    operator("view_outboxrow")
    for term, found in [(str(dead_letter.id), True), (str(dead_letter.member_id), True), (str(new_id()), False), ("99" * 20, False), ("words", False)]:
        assert ("RuntimeError: no" in client.get(url("changelist"), {"q": term}).content.decode()) is found


def test_an_events_page_shows_its_content_and_cannot_be_edited(client, operator, dead_letter):
    operator("view_outboxrow", "change_outboxrow", "delete_outboxrow", "add_outboxrow")
    assert "&quot;n&quot;: 7" in client.get(url("change", dead_letter.id)).content.decode()
    assert client.post(url("change", dead_letter.id), {"payload": "{}"}).status_code == 403
    assert client.post(url("delete", dead_letter.id), {"post": "yes"}).status_code == 403
    assert client.get(url("add")).status_code == 403


@pytest.mark.parametrize(("act", "status"), [("retry", Status.WAITING), ("drop", Status.DROPPED)])
def test_an_event_that_failed_is_retried_or_dropped_with_a_reason_after_a_question(act, status, client, operator, dead_letter):
    operator("view_outboxrow", "decide_outboxrow")
    asked = client.get(url(act, dead_letter.id))
    assert (asked.status_code, OutboxRow.objects.get().status) == (200, Status.FAILED)
    assert client.post(url(act, dead_letter.id), {"reason": ""}).status_code == 200
    assert OutboxRow.objects.get().status == Status.FAILED
    assert client.post(url(act, dead_letter.id), {"reason": "the subscriber was mended"}).status_code == 302
    assert OutboxRow.objects.get().status == status
    assert (AuditEntry.objects.get().actor, AuditEntry.objects.get().reason) == ("sample", "the subscriber was mended")


def test_all_that_failed_is_retried_with_one_reason(client, operator, dead_letter):
    operator("view_outboxrow", "decide_outboxrow")
    assert client.get(url("retry_all")).status_code == 200
    assert client.post(url("retry_all"), {"reason": "mended"}).status_code == 302
    assert OutboxRow.objects.get().status == Status.WAITING


@pytest.mark.parametrize("act", ["retry", "drop"])
def test_who_may_only_look_decides_nothing(act, client, operator, dead_letter):
    operator("view_outboxrow")
    assert client.post(url(act, dead_letter.id), {"reason": "just so"}).status_code == 403
    assert client.post(url("retry_all"), {"reason": "just so"}).status_code == 403
    assert OutboxRow.objects.get().status == Status.FAILED
