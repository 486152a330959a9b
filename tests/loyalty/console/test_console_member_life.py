"""Merging, copies, closing and erasing from the admin: each asks first, and what stays needs a second person."""

import re
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.leaving import services as leaving
from accounts.leaving.models import Copy, Erasure
from accounts.members import services as members
from loyalty.audit.models import AuditEntry
from points.ledger import services as ledger
from points.merging.models import Merge
from points.terms.rules import NEVER

pytestmark = pytest.mark.django_db


def page_of(member, what):
    return reverse(f"admin:accounts_member_{what}", args=[member.id])


def text(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def with_points(member, now):
    ledger.earn(member_id=member.id, points=120, source="campaign", policy=NEVER, actor="tests", key="g", now=now)


@pytest.fixture
def merge_asked(browser, member, other_member, with_points):
    """A merge that somebody of the service asked for in the admin."""
    client = browser("service")
    form = {"key": str(uuid4()), "merged": "M-1", "survivor": "M-2", "reason": "one person"}
    shown = client.post(reverse("admin:points_merge_add"), form)
    assert "120" in text(shown)
    assert Merge.objects.count() == 0
    assert client.post(reverse("admin:points_merge_add"), {**form, "confirmed": "1"}).status_code == 302
    return Merge.objects.get()


def test_the_members_page_offers_what_the_role_may(browser, member):
    shown = text(browser("service").get(reverse("admin:accounts_member_change", args=[member.id])))
    assert all(one in shown for one in ("Merge", "Copy of the data", "Close membership", "Erase member"))
    shown = text(browser("viewer").get(reverse("admin:accounts_member_change", args=[member.id])))
    assert not any(one in shown for one in ("Copy of the data", "Close membership", "Erase member"))


def test_a_merge_shows_both_sides_and_is_approved_by_a_second_person(browser, merge_asked, other_member):
    checker = browser("risk")
    page = reverse("admin:points_merge_change", args=[merge_asked.id])
    assert "waiting for a second person" in text(checker.get(page))
    asked = checker.get(reverse("admin:points_merge_approve", args=[merge_asked.id]))
    assert "It cannot be undone" in text(asked)
    assert checker.post(reverse("admin:points_merge_approve", args=[merge_asked.id])).status_code == 302
    merge_asked.refresh_from_db()
    assert merge_asked.status == "applied"
    shown = text(checker.get(reverse("admin:accounts_member_change", args=[other_member.id])))
    assert "answers for" in shown
    assert "merged into" in text(checker.get(reverse("admin:accounts_member_change", args=[merge_asked.merged_id])))


def test_what_waits_for_a_second_person_is_on_the_overview(browser, merge_asked, member):
    leaving.request_erasure(member_id=member.id, reason="a letter", operator_id=merge_asked.requested_by_id, key=uuid4(), now=timezone.now())
    shown = text(browser("risk").get(reverse("admin:index")))
    assert "Merges that wait for a second person" in shown
    assert "Erasures that wait for a second person" in shown


def test_the_form_of_a_merge_says_what_is_wrong(browser, member):
    form = {"key": str(uuid4()), "merged": "M-1", "survivor": "nobody", "reason": "one person"}
    assert "There is no member of that id" in text(browser("service").post(reverse("admin:points_merge_add"), form))
    same = {**form, "survivor": "M-1", "confirmed": "1"}
    assert "one member already" in text(browser("service", name="another").post(reverse("admin:points_merge_add"), same))


def test_an_erasure_says_what_is_lost_waits_for_a_second_person_and_can_be_called_off(browser, member, with_points):
    service, risk = browser("service"), browser("risk")
    asked = text(service.get(page_of(member, "erase")))
    assert "120 points are forfeited" in asked
    assert service.post(page_of(member, "erase"), {"reason": "a letter", "key": str(uuid4())}).status_code == 302
    erasure = Erasure.objects.get()
    assert "to be erased" in text(service.get(reverse("admin:accounts_member_change", args=[member.id])))
    assert risk.post(reverse("admin:accounts_erasure_approve", args=[erasure.id])).status_code == 302
    erasure.refresh_from_db()
    assert erasure.status == "approved"
    assert service.post(reverse("admin:accounts_erasure_call_off", args=[erasure.id]), {"reason": "changed their mind"}).status_code == 302
    erasure.refresh_from_db()
    assert erasure.status == "called_off"


def test_a_copy_is_asked_for_and_downloaded_by_who_may(browser, member, now):
    service = browser("service")
    assert service.post(page_of(member, "copy")).status_code == 302
    leaving.write_copy(now=now)
    copy = Copy.objects.get()
    got = service.get(reverse("admin:accounts_copy_download_file", args=[copy.id]))
    assert (got.status_code, len(b"".join(got.streaming_content))) == (200, copy.bytes)
    assert AuditEntry.objects.get(verb="copy.downloaded").actor == "service"
    assert browser("marketer").get(reverse("admin:accounts_copy_download_file", args=[copy.id])).status_code in (302, 403)
    assert AuditEntry.objects.filter(verb="copy.downloaded").count() == 1


def test_a_member_is_closed_and_opened_again_with_a_reason(browser, member):
    client = browser("service")
    assert client.post(page_of(member, "close"), {"reason": "asked"}).status_code == 302
    member.refresh_from_db()
    assert member.status == "closed"
    assert "Open again" in text(client.get(reverse("admin:accounts_member_change", args=[member.id])))
    assert client.post(page_of(member, "reopen"), {"reason": "asked"}).status_code == 302
    assert not members.reopen(member_id=member.id)
