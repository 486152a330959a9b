"""A copy of everything: asked for, written by a job, downloaded on record, deleted in time."""

import io
import json
import zipfile
from datetime import timedelta

import pytest

from accounts.leaving import selectors, services
from accounts.leaving.models import Copy, CopyPart, LeavingTerms
from accounts.members import services as members
from accounts.members.models import Member
from loyalty.audit.models import AuditEntry
from points.earning import services as earning
from points.ledger import services as ledger

pytestmark = pytest.mark.django_db


@pytest.fixture
def copied(member, now):
    """The files of a copy of the sample member's data, by their names."""

    def make(at=now):
        copy = services.ask_copy(member_id=member.id, actor="tests", now=at)
        assert services.write_copy(now=at) == 1
        copy.refresh_from_db()
        with zipfile.ZipFile(io.BytesIO(b"".join(selectors.content(copy)))) as archive:
            assert archive.testzip() is None
            return copy, {name: archive.read(name).decode() for name in archive.namelist()}

    return make


def test_a_copy_holds_every_part_and_a_page_in_both_languages(member, copied):
    copy, files = copied()
    assert set(files) == {f"{name}.json" for name in services.PORTABLE} | {"README.md"}
    assert "会员" in files["README.md"] or "积分" in files["README.md"]
    assert "This is all that is kept of you" in files["README.md"]
    assert json.loads(files["member.json"])[0]["external_id"] == "M-1"
    assert (copy.status, copy.rows >= 1, copy.bytes > 0) == ("ready", True, True)


def test_it_says_what_the_member_did_and_has_and_names_nobody_else(member, other_member, copied, now):
    ledger.earn(member_id=member.id, points=50, source="campaign", subject="welcome", actor="tests", key="w", now=now)
    ledger.earn(member_id=other_member.id, points=70, source="campaign", actor="tests", key="w", now=now)
    earning.take(member_id=member.id, kind="shared", external_id="E-1", data={"subject": "SKU-1"}, occurred_at=now, ours=False, actor="tests", now=now)
    _copy, files = copied()
    assert [(one["points"], one["subject"]) for one in json.loads(files["entries.json"])] == [(50, "welcome")]
    assert json.loads(files["behaviours.json"])[0]["data"] == {"subject": "SKU-1"}
    assert str(other_member.id) not in "".join(files.values())
    assert str(member.id) not in "".join(files.values())


def test_who_was_merged_into_the_member_is_in_it(member, copied, now):
    old = Member.objects.create(external_id="old", name="Old Sample", created_at=now)
    members.merge(member_id=old.id, into_id=member.id, now=now)
    _copy, files = copied()
    assert {one["external_id"] for one in json.loads(files["member.json"])} == {"M-1", "old"}


def test_a_large_one_is_kept_in_slices(member, copied, monkeypatch, now):
    monkeypatch.setattr(services, "SLICE", 1024)
    for number in range(60):
        ledger.earn(member_id=member.id, points=1, source="campaign", subject=f"gift {number} {now.isoformat()}", actor="tests", key=f"k{number}", now=now)
    copy, files = copied()
    assert CopyPart.objects.filter(copy=copy).count() > 1
    assert len(json.loads(files["entries.json"])) == 60


def test_asked_again_while_one_is_being_made_it_is_that_one(member, now):
    first = services.ask_copy(member_id=member.id, actor="tests", now=now)
    assert services.ask_copy(member_id=member.id, actor="tests", now=now) == first
    assert AuditEntry.objects.filter(verb="copy.asked").count() == 1
    assert (services.write_copy(now=now), services.write_copy(now=now)) == (1, 0)
    assert services.ask_copy(member_id=member.id, actor="tests", now=now) != first


def test_each_download_is_on_record_and_after_its_time_the_file_is_gone(member, copied, storefront, refuses, now):
    copy, _files = copied(now - timedelta(days=6))
    got = storefront.get("/api/v1/members/M-1/export/file")
    assert (got["Content-Type"], len(b"".join(got.streaming_content))) == ("application/zip", copy.bytes)
    assert AuditEntry.objects.filter(verb="copy.downloaded", subject=f"member/{member.id}").count() == 1
    assert services.delete_copies(limit=10, now=now) == 0
    assert services.delete_copies(limit=10, now=now + timedelta(days=1)) == 1
    assert (Copy.objects.get().status, CopyPart.objects.count()) == ("deleted", 0)
    assert storefront.get("/api/v1/members/M-1/export/file").json()["code"] == "copy_not_ready"


def test_how_long_it_can_be_downloaded_is_set(member, copied, now):
    LeavingTerms.objects.create(copy_days=2)
    assert copied()[0].until == now + timedelta(days=2)


def test_the_storefront_asks_and_looks_and_downloads(member, storefront, now):
    path = "/api/v1/members/M-1/export"
    asked = storefront.post(path, headers={"Idempotency-Key": "e-1"})
    assert (asked.status_code, asked.json()["status"]) == (202, "waiting")
    services.write_copy(now=now)
    assert storefront.get(path).json()["status"] == "ready"


def test_before_one_was_asked_for_or_written_there_is_nothing_to_download(member, storefront, now):
    path = "/api/v1/members/M-1/export"
    assert storefront.get(path).json()["code"] == "copy_unknown"
    services.ask_copy(member_id=member.id, actor="tests", now=now)
    assert storefront.get(f"{path}/file").json()["code"] == "copy_not_ready"
