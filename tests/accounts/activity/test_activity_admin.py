"""Kinds of facts and behaviours as operators see and steer them."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from accounts.activity import services
from accounts.activity.models import FactKind
from loyalty.audit.models import AuditEntry

pytestmark = pytest.mark.django_db
CELLS = ("name", "type", "required", "subject", "minimum", "maximum", "choices", "help")


@pytest.fixture
def browser():
    def open_for(role, language="en"):
        user = User.objects.create_user(username=role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client(headers={"accept-language": language})
        client.force_login(user)
        return client

    return open_for


def kinds(what, *args):
    return reverse(f"admin:accounts_factkind_{what}", args=args)


def given(*rows, **more):
    """What the form sends: rows are dicts of their cells."""
    sent = {"code": "photo_shared", "name_zh": "晒图", "name_en": "Photo shared", "description": "", "once": "each", "active": "on", "_save": "1"}
    sent |= {"row-TOTAL_FORMS": str(len(rows)), "row-INITIAL_FORMS": "0"}
    for n, row in enumerate(rows):
        sent |= {f"row-{n}-{name}": value for name, value in {"type": "text", **row}.items()}
    return sent | more


def text(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def errors(answer):
    form = answer.context["adminform"].form
    return dict(form.errors), [row.errors for row in form.table]


def test_a_kind_is_made_from_a_table_of_its_fields(browser):
    rows = [
        {"name": "photo", "required": "on", "subject": "on", "help": "The picture's id."},
        {"name": "likes", "type": "number", "minimum": "0", "maximum": "1000"},
        {"name": "place", "choices": "app, web，shop"},
        {},
    ]
    assert browser("marketer").post(kinds("add"), given(*rows, once="subject")).status_code == 302
    made = FactKind.objects.get(code="photo_shared")
    assert (made.subject, made.built_in, made.ours, made.history.get().history_user.username) == (["photo"], False, False, "marketer")
    assert made.fields == [
        {"name": "photo", "type": "text", "required": True, "help": "The picture's id."},
        {"name": "likes", "type": "number", "required": False, "minimum": 0, "maximum": 1000},
        {"name": "place", "type": "text", "required": False, "choices": ["app", "web", "shop"]},
    ]
    assert AuditEntry.objects.get(verb="fact_kind.kept").actor == "marketer"


def test_the_table_shows_a_kind_as_it_is_and_keeps_what_is_not_touched(browser):
    client = browser("marketer")
    client.post(kinds("add"), given({"name": "photo", "required": "on", "subject": "on", "choices": "a,b"}, once="subject"))
    before = FactKind.objects.get(code="photo_shared").fields
    table = client.get(kinds("change", "photo_shared")).context["adminform"].form.table
    shown = {f"row-{n}-{name}": row[name].value() for n, row in enumerate(table) for name in CELLS if row[name].value()}
    counts = {"row-TOTAL_FORMS": str(len(table.forms)), "row-INITIAL_FORMS": str(table.initial_form_count())}
    again = given(once="subject", name_en="Picture shared") | {name: "on" if value is True else value for name, value in shown.items()} | counts
    assert client.post(kinds("change", "photo_shared"), again).status_code == 302
    kind = FactKind.objects.get(code="photo_shared")
    assert (kind.fields, kind.subject, kind.name_en) == (before, ["photo"], "Picture shared")


@pytest.mark.parametrize(
    ("rows", "more", "wrong", "cell"),
    [
        ([{"name": "Photo"}], {}, {"rows"}, "name"),
        ([{"name": "in"}], {}, {"rows"}, "name"),
        ([{"help": "forgotten"}], {}, {"rows"}, "name"),
        ([{"name": "a", "type": "number", "minimum": "2", "maximum": "1"}], {}, {"rows"}, "name"),
        ([{"name": "a", "type": "number", "minimum": "some"}], {}, {"rows"}, "minimum"),
        ([{"name": "a", "type": "number", "choices": "1,2"}], {}, {"rows"}, "name"),
        ([{"name": "a", "choices": "x,,y"}], {}, {"rows"}, "name"),
        ([{"name": "a"}, {"name": "a"}], {}, {"rows"}, "name"),
        ([{"name": "a", "subject": "on"}], {"once": "subject"}, {"rows"}, None),
        ([{"name": "a"}], {"once": "subject"}, {"rows"}, None),
        ([{"name": "a"}], {"code": "Photo"}, {"code"}, None),
        ([{"name": "a"}], {"code": "liked"}, {"code"}, None),
        ([{"name": "a"}], {"name_zh": ""}, {"name_zh"}, None),
    ],
)
def test_what_cannot_be_is_told_where_it_stands(browser, rows, more, wrong, cell):
    of_form, of_rows = errors(browser("marketer").post(kinds("add"), given(*rows, **more)))
    assert of_form.keys() == wrong
    assert {name for row in of_rows for name in row} == ({cell} if cell else set())
    assert not FactKind.objects.filter(code="photo_shared").exists()


def test_of_a_built_in_kind_only_the_names_and_its_acceptance_change(browser):
    client = browser("marketer")
    page = text(client.get(kinds("change", "review_featured")))
    assert all(shown in page for shown in ("How good it is, 3 is best.", "1 – 3", "the storefront"))
    assert 'name="row-TOTAL_FORMS"' not in page
    sent = given({"name": "x"}, name_zh="精选", name_en="Picked", once="each")
    del sent["active"]
    assert client.post(kinds("change", "review_featured"), sent).status_code == 302
    kind = FactKind.objects.get(code="review_featured")
    assert (kind.name_en, kind.active, kind.once, kind.subject, len(kind.fields)) == ("Picked", False, "subject", ["review"], 2)


@pytest.mark.parametrize("code", ["registered", "checked_in"])
def test_what_the_programme_needs_is_never_switched_off(browser, code):
    sent = {"name_zh": "名", "name_en": "Name", "_save": "1"}
    assert browser("marketer").post(kinds("change", code), sent).status_code == 302
    assert FactKind.objects.get(code=code).active


def test_a_kind_is_never_deleted(browser):
    assert browser("administrator").post(kinds("delete", "liked"), {"post": "yes"}).status_code == 403


def test_who_may_only_look_sees_the_fields_and_no_form(browser):
    browser("marketer").post(kinds("add"), given({"name": "photo", "help": "The picture's id."}))
    page = text(browser("viewer").get(kinds("change", "photo_shared")))
    assert "The picture&#x27;s id." in page
    assert "row-0-name" not in page


def test_the_kinds_are_explained_in_chinese(browser):
    page = text(browser("viewer", "zh-hans").get(kinds("change", "product_viewed")))
    assert "浏览商品" in page
    assert "How long" not in page


class TestBehaviours:
    @pytest.fixture
    def told(self, member, other_member, now):
        def tell(whom, external_id):
            return services.record_behaviour(
                member_id=whom.id, kind="liked", external_id=external_id, data={"subject": external_id}, occurred_at=now, ours=False, now=now
            ).behaviour  # fmt: skip

        return [tell(member, "E 1"), tell(member, "E2"), tell(other_member, "E3")]

    def listed(self, client, query=""):
        return [row.external_id for row in client.get(f"{reverse('admin:accounts_behaviour_changelist')}?{query}").context["cl"].result_list]

    def test_they_are_listed_newest_first_and_found_by_member_message_and_kind(self, browser, told):
        client = browser("viewer")
        assert self.listed(client) == ["E3", "E2", "E 1"]
        assert self.listed(client, "q=M-1") == ["E2", "E 1"]
        assert self.listed(client, "q=M-1+E2") == ["E2"]
        assert self.listed(client, "q=nobody") == []
        assert self.listed(client, "kind__code__exact=liked") == ["E3", "E2", "E 1"]
        assert self.listed(client, "kind__code__exact=shared") == []

    def test_each_says_what_it_was_and_whether_it_holds(self, browser, told, now):
        services.withdraw_behaviour(behaviour=told[0], free_key=False, now=now)
        services.amend_behaviour(behaviour=told[1], data={"subject": "other"}, now=now)
        client = browser("viewer")
        assert "subject: E2" in text(client.get(reverse("admin:accounts_behaviour_change", args=[told[1].id])))
        page = text(client.get(reverse("admin:accounts_behaviour_changelist")))
        assert all(word in page for word in ("subject: other", "withdrawn", "amended", "stands"))

    def test_nobody_writes_one_by_hand(self, browser, told):
        client = browser("administrator")
        assert client.get(reverse("admin:accounts_behaviour_add")).status_code == 403
        assert client.post(reverse("admin:accounts_behaviour_change", args=[told[0].id]), {"external_id": "x"}).status_code == 403
