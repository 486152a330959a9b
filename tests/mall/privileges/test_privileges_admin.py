"""How an operator makes kinds of privileges, grants some and ends one."""

import re
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from loyalty.audit.models import AuditEntry
from mall.privileges.models import Privilege, PrivilegeKind

pytestmark = pytest.mark.django_db
KINDS, LIST, GRANT = "/admin/mall/privilegekind/", "/admin/mall/privilege/", "/admin/mall/privilege/grant/"
SEES = ("view_privilege", "view_privilegekind")


@pytest.fixture
def operator():
    """A browser in which an operator with these permissions is logged in, reading English."""

    def enter(*codenames):
        user = User.objects.create_user("sample", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=(*SEES, *codenames), content_type__app_label="mall"))
        client = Client(headers={"accept-language": "en"})
        client.force_login(user)
        return client

    return enter


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def about(**more):
    names = {"name_zh": "优先", "name_en": "Priority", "text_zh": "", "text_en": ""}
    return {"code": "fast", "what": "priority_shipping", **names, "term": "days", "term_days": "30", "uses": "", "active": "on", **more}


def test_a_kind_is_made_and_who_made_it_is_known(operator):
    assert operator("add_privilegekind").post(f"{KINDS}add/", about(uses="3")).status_code == 302
    kind = PrivilegeKind.objects.get()
    assert (kind.term_days, kind.uses, kind.history.get().history_user.username) == (30, 3, "sample")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"term_days": ""}, "For how many days?"),
        ({"term_days": "0"}, "For how many days?"),
        ({"uses": "0"}, "greater than or equal to 1"),
        ({"code": "Fast!"}, "Write small letters"),
    ],
)
def test_what_is_wrong_with_a_kind_stands_at_its_field(operator, wrong, sentence):
    assert sentence in text(operator("add_privilegekind").post(f"{KINDS}add/", about(**wrong)))
    assert not PrivilegeKind.objects.exists()


def test_days_left_over_from_another_choice_are_not_kept(operator):
    operator("add_privilegekind").post(f"{KINDS}add/", about(term="year_end", term_days="30"))
    assert PrivilegeKind.objects.get().term_days is None


def test_privileges_are_granted_with_a_reason_and_a_form_sent_twice_is_one_grant(operator, member, privileges):
    privileges.kind()
    client, form = operator("grant_privilege"), {"key": str(uuid4()), "member": "M-1", "kind": "fast", "count": "2", "reason": "ticket 4711"}
    for _ in range(2):
        assert client.post(GRANT, form).status_code == 302
    assert Privilege.objects.filter(member=member, actor="sample").count() == 2
    assert AuditEntry.objects.get(verb="privilege.granted").reason == "ticket 4711"


@pytest.mark.parametrize("wrong", [{"member": "nobody"}, {"count": "0"}, {"count": "101"}, {"reason": ""}, {"kind": "retired"}])
def test_what_is_wrong_with_a_grant_grants_nothing(operator, member, privileges, wrong):
    privileges.kind()
    privileges.kind("retired", active=False)
    form = {"key": str(uuid4()), "member": "M-1", "kind": "fast", "count": "1", "reason": "x", **wrong}
    assert operator("grant_privilege").post(GRANT, form).status_code == 200
    assert not Privilege.objects.exists()


def test_one_that_brings_nothing_is_refused_with_a_sentence(operator, member, privileges):
    privileges.kind("agent", term="for_ever", uses=None)
    privileges.grant(member, "agent")
    form = {"key": str(uuid4()), "member": "M-1", "kind": "agent", "count": "1", "reason": "x"}
    assert "The member has this privilege already" in text(operator("grant_privilege").post(GRANT, form))


def test_a_members_privilege_shows_what_it_was_used_for_and_can_be_ended(operator, member, privileges):
    privileges.kind()
    (row,) = privileges.grant(member)
    privileges.use(row, "purchase/A-7")
    client = operator("end_privilege")
    assert "2 of 3" in text(client.get(f"{LIST}?q=M-1"))
    shown = text(client.get(f"{LIST}{row.pk}/change/"))
    assert "purchase/A-7" in shown
    assert "Status good" in shown
    assert "The privilege has ended." in text(client.post(f"{LIST}{row.pk}/end/", {"reason": "fraud"}, follow=True))
    row.refresh_from_db()
    assert row.ended_for == "fraud"


def test_who_may_only_look_can_do_nothing(operator, member, privileges):
    privileges.kind()
    (row,) = privileges.grant(member)
    client = operator()
    for page in (GRANT, f"{LIST}{row.pk}/end/", f"{KINDS}add/"):
        assert client.get(page).status_code == client.post(page, {"reason": "x"}).status_code == 403
    row.refresh_from_db()
    assert row.ended_at is None
