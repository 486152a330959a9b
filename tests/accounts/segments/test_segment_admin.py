"""Segments as operators steer them."""

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.segments import rules, selectors, services
from accounts.segments.models import Segment, SegmentMember
from loyalty.audit.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser():
    def open_for(role, language="en"):
        user = User.objects.create_user(username=role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client(headers={"accept-language": language})
        client.force_login(user)
        return client

    return open_for


def page(what, *args):
    return reverse(f"admin:accounts_segment{what}", args=args)


ADD, REMOVE = page("_add_members", "staff"), page("_remove_members", "staff")


def text(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_marketer_makes_a_segment_whose_code_then_stays(browser):
    client = browser("marketer")
    given = {"code": "testers", "name_zh": "试用", "name_en": "Testers", "description": "", "_save": "1"}
    assert client.post(page("_add"), given).status_code == 302
    assert client.post(page("_change", "testers"), {**given, "code": "other", "name_en": "Tasters"}).status_code == 302
    made = Segment.objects.get(code="testers")
    assert (made.name_en, made.history.count(), Segment.objects.filter(code="other").exists()) == ("Tasters", 2, False)


@pytest.mark.parametrize("code", ["Testers", "1st", "", "two words", "x" * 41])
def test_a_code_that_rules_could_not_name_is_refused(browser, code):
    answer = browser("marketer").post(page("_add"), {"code": code, "name_zh": "试", "name_en": "T", "_save": "1"})
    assert answer.context["adminform"].form.errors.keys() == {"code"}


def test_ids_are_shown_before_anything_happens_and_added_when_confirmed(browser, member, other_member, now):
    services.add(segment="staff", external_ids=["M-2"], actor="tests", now=now)
    client = browser("marketer")
    asked = {"ids": "M-1, M-2\nM-9", "reason": "opening team"}
    preview = client.post(ADD, asked)
    assert [count for _what, count in preview.context["rows"]] == [1, 1, 1]
    assert preview.context["effect"] == (1, 2)
    assert "<li>M-9</li>" in text(preview)
    assert selectors.segments_of(member.id) == frozenset()
    done = client.post(ADD, {"ids": preview.context["ids"], "reason": "opening team", "confirmed": "1"}, follow=True)
    assert "1 member was added." in text(done)
    assert selectors.segments_of(member.id) == {"staff"}
    assert AuditEntry.objects.get(actor="marketer").reason == "opening team"


def test_members_are_taken_out_the_same_way(browser, member, now):
    services.add(segment="staff", external_ids=["M-1"], actor="tests", now=now)
    client = browser("marketer")
    assert client.post(REMOVE, {"ids": "M-1", "reason": "left"}).context["effect"] == (1, 0)
    assert "1 member was removed." in text(client.post(REMOVE, {"ids": "M-1", "reason": "left", "confirmed": "1"}, follow=True))
    assert not SegmentMember.objects.exists()


def test_a_file_is_read_like_a_paste_and_an_id_may_hold_a_comma(browser, member, now):
    from accounts.members import services as members

    members.ensure(external_id="a,b", now=now)
    client = browser("marketer")
    file = SimpleUploadedFile("ids.csv", b'"a,b",Sample\nM-1,Sample\n')
    preview = client.post(ADD, {"ids": "", "file": file, "reason": "list"})
    assert [count for _what, count in preview.context["rows"]] == [2, 0, 0]
    client.post(ADD, {"ids": preview.context["ids"], "reason": "list", "confirmed": "1"})
    assert selectors.size(segment="staff") == 2


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"ids": "", "reason": "why"}, "__all__"),
        ({"ids": "M-1", "reason": ""}, "reason"),
        ({"ids": "\n".join(f"S-{n}" for n in range(rules.MOST + 1)), "reason": "why"}, "__all__"),
    ],
)
def test_a_list_that_cannot_be_is_refused_at_its_field(browser, asked, where):
    assert browser("marketer").post(ADD, asked).context["form"].errors.keys() == {where}


def test_a_file_that_is_no_text_is_refused(browser):
    answer = browser("marketer").post(ADD, {"ids": "", "reason": "x", "file": SimpleUploadedFile("a.xlsx", b"PK\x03\x04\0\0")})
    assert answer.context["form"].errors.keys() == {"file"}


def test_a_list_of_nobody_we_know_offers_nothing_to_confirm(browser):
    assert 'name="confirmed"' not in text(browser("marketer").post(ADD, {"ids": "M-9", "reason": "x"}))


def test_going_back_keeps_what_was_typed(browser, member):
    answer = browser("marketer").post(ADD, {"ids": "M-1", "reason": "mine", "again": "1"})
    assert answer.context["form"]["reason"].value() == "mine"
    assert not SegmentMember.objects.exists()


def test_who_may_only_look_changes_nothing(browser, member):
    client = browser("viewer")
    assert client.get(page("_change", "staff")).status_code == 200
    assert client.post(ADD, {"ids": "M-1", "reason": "x", "confirmed": "1"}).status_code == 403
    assert not SegmentMember.objects.exists()


def test_a_segment_is_never_deleted(browser):
    assert browser("administrator").post(page("_delete", "staff"), {"post": "yes"}).status_code == 403


def test_members_of_a_segment_are_listed_and_found_by_their_id(browser, member, other_member, now):
    services.add(segment="staff", external_ids=["M-1", "M-2"], actor="tests", now=now)
    client = browser("viewer")
    assert "2 members" in text(client.get(page("_change", "staff")))
    rows = reverse("admin:accounts_segmentmember_changelist")
    assert "M-2" in text(client.get(f"{rows}?segment__code__exact=staff"))
    found = client.get(f"{rows}?q=M-1").context["cl"].result_list
    assert [row.member_id for row in found] == [member.id]
