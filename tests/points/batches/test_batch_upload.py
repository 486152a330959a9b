"""Taking a file in: what it may be, and that it is one batch."""

from uuid import uuid4

import pytest
from django.utils.translation import override

from loyalty.audit.models import AuditEntry
from points.batches import rules, services
from points.batches.models import Batch, BatchPart

from .conftest import faults, lines, worked

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_of_any_spreadsheet_are_read(checked, shop, encoding, mark, end):
    shop.member("会员-1")
    text = end.join([mark.join(["会员号", "积分", "原因"]), mark.join(["会员-1", "5", "包裹迟到"]), mark.join(["M-2", "7", ""]), ""])
    batch = checked(text.encode(encoding))
    first, second = lines(batch)
    assert (first.status, first.points, first.reason, first.number) == ("ready", 5, "包裹迟到", 2)
    assert (second.number, faults(batch)) == (3, {3: ["member_unknown"]})
    assert batch.lines == 2


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", services.FileEmpty),
        (b"\n\n", services.FileEmpty),
        (b"member,points\n", services.FileEmpty),
        (b"member,points", services.FileEmpty),
        (b"PK\x03\x04rest", services.FileIsWorkbook),
        (b"\xd0\xcf\x11\xe0rest", services.FileIsWorkbook),
        ("member,points\nM-1,5\n".encode("utf-16"), services.FileNoText),
        (b"member,points\nM-1,\xff\xff\n", services.FileNoText),
        (b"name,email\nx,y\n", services.FileUnread),
        (b"member,points\n" + b"M,1\n" * 200_001, services.FileTooLarge),
        (b"member,points\n" + b"x" * 20_000_000, services.FileTooLarge),
    ],
)
def test_what_is_no_such_table_is_refused_at_the_door(operator, refuses, noon, content, refusal):
    with refuses(refusal):
        said = {"kind": "grant", "file_name": "x.csv", "reason": "sample", "operator_id": operator().id, "key": uuid4(), "now": noon}
        services.upload(content=[content[at : at + 65536] for at in range(0, len(content), 65536)], **said)
    assert not Batch.objects.exists()
    assert not BatchPart.objects.exists()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "“point” is not a column of such a file. It has these: member, points, expires_on, reason, cost_centre."),
        ("zh-hans", "这种文件没有“point”列。可用的列：会员, 积分, 有效期至, 原因, 成本中心。"),
    ],
)
def test_the_headers_fault_is_said_in_the_readers_language(uploaded, refuses, language, said):
    with override(language), refuses(services.FileUnread) as refused:
        uploaded("member,point\nM-1,5\n")
    assert refused.value.message == said


def test_as_many_lines_as_allowed_are_taken(uploaded, monkeypatch):
    monkeypatch.setattr(rules, "MOST_LINES", 3)
    assert uploaded("member,points\n" + "M,1\n" * 3).lines == 3


def test_a_file_without_line_ends_as_we_know_them_is_still_no_longer_than_allowed(uploaded, shop, monkeypatch):
    monkeypatch.setattr(rules, "MOST_LINES", 3)
    batch = uploaded("member,points\n" + "M,1\r" + "M,1\n" * 2)
    monkeypatch.setattr(rules, "MOST_LINES", 2)
    batch = worked(batch)
    assert (batch.status, batch.paused_at is not None, batch.error) == ("uploaded", True, str(services.FileTooLarge.title))
    assert lines(batch) == []


def test_a_form_sent_twice_is_one_batch(uploaded):
    key = uuid4()
    assert uploaded("member,points\nM,1\n", key=key) == uploaded("member,points\nM,1\n", key=key)
    assert Batch.objects.count() == 1
    assert AuditEntry.objects.filter(verb="batch.uploaded").count() == 1


def test_a_batch_has_a_reason(uploaded, refuses):
    with refuses(services.ReasonMissing):
        uploaded("member,points\nM,1\n", reason="  ")


def test_once_it_is_checked_the_file_is_not_kept(checked):
    checked("member,points\nM,1\n")
    assert not BatchPart.objects.exists()
