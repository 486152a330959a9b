import pytest
from django.db import DatabaseError, transaction
from structlog.contextvars import bound_contextvars

from loyalty.audit import services as audit
from loyalty.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_an_act_is_written_down_with_who_what_why_and_when(now):
    with bound_contextvars(request_id="R-1"):
        entry = audit.record(actor="sample", verb="adjust", subject="member/M-1", reason="goodwill", figures={"points": 50}, now=now)
    entry.refresh_from_db()
    assert (entry.actor, entry.verb, entry.subject, entry.reason, entry.figures, entry.at, entry.request_id) == (
        "sample", "adjust", "member/M-1", "goodwill", {"points": 50}, now, "R-1",
    )  # fmt: skip


@pytest.mark.parametrize("meddle", [lambda rows: rows.update(reason="another"), lambda rows: rows.delete()])
def test_an_entry_is_never_changed_or_deleted(meddle, now):
    audit.record(actor="sample", verb="adjust", subject="member/M-1", now=now)
    with pytest.raises(DatabaseError), transaction.atomic():
        meddle(AuditEntry.objects.all())
    assert AuditEntry.objects.get().reason == ""
