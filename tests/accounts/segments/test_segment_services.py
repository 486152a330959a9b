"""Who is in a segment, and how lists of ids change it."""

import pytest

from accounts.segments import selectors, services
from accounts.segments.models import Segment, SegmentMember
from loyalty.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def testers():
    return Segment.objects.create(code="testers", name_zh="试用", name_en="Testers").code


@pytest.fixture
def change(now, testers):
    return lambda verb, *ids: verb(segment=testers, external_ids=ids, actor="sample", reason="trial", now=now)


def test_staff_is_there_from_the_start():
    assert selectors.segment("staff").name_en == "Staff"


def test_members_are_added_by_the_storefronts_ids_and_unknown_ids_are_told(change, member, other_member, testers, now):
    assert change(services.add, "M-1", "M-2", "M-9") == (2, ["M-9"])
    assert selectors.segments_of(member.id) == selectors.segments_of(other_member.id) == {testers}
    row = SegmentMember.objects.get(member=member)
    assert (row.added_by, row.added_at) == ("sample", now)


def test_adding_again_changes_nothing(change, member, other_member):
    change(services.add, "M-1")
    assert change(services.add, "M-1", "M-2") == (1, [])
    assert change(services.add, "M-1", "M-2") == (0, [])
    assert SegmentMember.objects.count() == 2


def test_members_are_removed_and_nobody_else_is(change, member, other_member, testers):
    change(services.add, "M-1", "M-2")
    services.add(segment="staff", external_ids=["M-1"], actor="sample", now=SegmentMember.objects.first().added_at)
    assert change(services.remove, "M-1", "M-9") == (1, ["M-9"])
    assert change(services.remove, "M-1") == (0, [])
    assert selectors.segments_of(member.id) == {"staff"}
    assert selectors.segments_of(other_member.id) == {testers}


def test_a_member_of_nothing_is_in_no_segment(member):
    assert selectors.segments_of(member.id) == frozenset()


def test_ids_are_sorted_into_inside_outside_and_unknown(change, member, other_member, testers):
    change(services.add, "M-1")
    listed = selectors.listed(segment=testers, external_ids=["M-9", "M-2", "M-1"])
    assert listed == ({"M-1": member.id}, {"M-2": other_member.id}, ["M-9"])
    assert selectors.size(segment=testers) == 1


def test_every_change_is_in_the_audit_trail(change, member):
    change(services.add, "M-1", "M-9")
    change(services.remove, "M-1")
    told = AuditEntry.objects.order_by("id").values_list("verb", "subject", "actor", "reason", "figures")
    assert list(told) == [
        ("segment.added", "segment/testers", "sample", "trial", {"members": 1, "unknown": 1, "first": ["M-1"]}),
        ("segment.removed", "segment/testers", "sample", "trial", {"members": 1, "unknown": 0, "first": ["M-1"]}),
    ]


@pytest.mark.parametrize("verb", [services.add, services.remove])
def test_an_unknown_segment_is_refused(verb, member, now, refuses):
    with refuses(selectors.SegmentUnknown):
        verb(segment="nowhere", external_ids=["M-1"], actor="sample", now=now)


def test_thousands_are_added_in_a_few_statements(change, now, django_assert_max_num_queries):
    from accounts.members import services as members

    ids = [f"S-{n}" for n in range(3_000)]
    members.ensure_all(external_ids=ids, now=now)
    with django_assert_max_num_queries(6):
        assert change(services.add, *ids).count == 3_000
