from datetime import timedelta

import pytest
from django.urls import reverse

from points.ledger import services as ledger
from points.reconciliation.models import Finding


@pytest.fixture
def finding(member, now):
    breaches = [{"invariant": 4, "what": "entry 3 (spend), lots", "expected": "a", "found": "b"}]
    ledger.earn(member_id=member.id, points=5, source="purchase", actor="tests", key="e", now=now)
    return Finding.objects.create(member_id=member.id, found_at=now - timedelta(hours=2), seen_at=now, breaches=breaches, breach_count=1, frozen=True)


def test_a_finding_says_in_a_sentence_what_is_wrong(client, operator, finding):
    operator("view_finding", "view_member")
    shown = client.get(reverse("admin:points_finding_changelist")).content.decode()
    assert "Points were not taken in the order in which they expire" in shown
    assert "M-1" in shown
    assert "entry 3 (spend), lots" in client.get(reverse("admin:points_finding_change", args=[finding.id])).content.decode()


def test_who_may_only_look_closes_nothing(client, operator, finding):
    operator("view_finding")
    close = reverse("admin:points_finding_close", args=[finding.id])
    assert client.post(close, {"reason": "looked at"}).status_code == 403
    finding.refresh_from_db()
    assert finding.status == "open"


def test_closing_asks_for_a_reason(client, operator, finding):
    operator("view_finding", "close_finding")
    close = reverse("admin:points_finding_close", args=[finding.id])
    assert client.get(close).status_code == 200
    assert client.post(close, {"reason": ""}).status_code == 200
    assert client.post(close, {"reason": "looked at"}).status_code == 302
    finding.refresh_from_db()
    assert (finding.status, finding.closed_by) == ("closed", "sample")


def test_an_open_finding_stands_on_the_overview(client, operator, finding):
    operator("view_finding")
    assert "Members whose books do not balance" in client.get(reverse("admin:index")).content.decode()
