"""Trying rules: a member and a fact made up, the decision shown, nothing written."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from accounts.activity.models import Behaviour, Purchase
from points.earning import services as earning
from points.earning.models import Decision, MemberUse
from points.ledger.models import Entry
from points.rulebook import services as rulebook
from points.rulebook.rules import ONE, Conditions, Definition, Effect, Limit

pytestmark = pytest.mark.django_db

URL = "/admin/points/decision/try-it/"
RATE = Definition(effect=Effect("per_unit", rate=ONE))
DOUBLE = Definition(effect=Effect("multiplier", factor=2 * ONE), conditions=Conditions(categories=("BEAUTY",)))
CHECK_IN = Definition(effect=Effect("ladder", measure="streak", ladder=(10, 15, 20)))
CART = {"line.0.category": "BEAUTY", "line.0.amount": "100.00", "line.1.category": "FOOD", "line.1.amount": "50"}


@pytest.fixture
def client(db) -> Client:
    user = User.objects.create_user("sample", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_decision", "view_member"]))
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


@pytest.fixture
def write(db, now):
    def make(code: str, definition: Definition, fact: str = "purchase", publish: bool = True):
        named = {"code": code, "fact": fact, "name_zh": code, "name_en": code.title()}
        version = rulebook.make(**named, definition=definition, actor="anna", now=now)
        return rulebook.publish(version_id=version.id, ever=True, actor="anna", now=now) if publish else version

    return make


def tried(client: Client, **asked):
    """What the page shows: the points of each side, by its title."""
    answer = client.get(URL, {"member": "", "lines": "3", **asked})
    assert answer.status_code == 200
    return {str(side["title"]): side["told"] for side in answer.context["sides"] or ()}, answer


def test_a_cart_is_decided_rule_by_rule_and_nothing_is_written(client, write, member):
    write("base", RATE)
    write("beauty", DOUBLE)
    write("gold", replace(DOUBLE, conditions=Conditions(expression="quantity > 99")))
    sides, answer = tried(client, **CART, member="M-1")
    told = sides["As it is"]
    assert told.decision.points == 250
    lines = {line.version.rule.code: line for line in told.lines}
    assert [(lines[code].holds, lines[code].wanted, lines[code].granted) for code in ("base", "beauty", "gold")] == [
        *((True, "150", 150), (True, "100", 100), (False, "0", 0)),
    ]  # fmt: skip
    assert [(one.name, one.holds) for one in lines["gold"].conditions] == [("expression", False)]
    assert "✗ expression" in answer.content.decode()
    assert [model.objects.count() for model in (Decision, Purchase, Behaviour, Entry, MemberUse)] == [0] * 5


def test_a_draft_stands_beside_what_is_in_force_in_the_place_of_its_rule(client, write, now):
    write("base", RATE)
    beauty = write("beauty", DOUBLE)
    draft = rulebook.draft(code="beauty", definition=replace(DOUBLE, effect=Effect("multiplier", factor=5 * ONE)), actor="anna", now=now)
    sides, _answer = tried(client, **CART, version=draft.id)
    assert {title: told.decision.points for title, told in sides.items()} == {"As it is": 250, "Beauty, version 2": 550}
    assert {line.version.id for line in sides["Beauty, version 2"].lines} & {beauty.id, draft.id} == {draft.id}


def test_a_draft_that_cannot_work_says_why(client, write, now):
    write("base", RATE)
    draft = write("odd", replace(DOUBLE, conditions=Conditions(expression="nonsense >")), publish=False)
    sides, answer = tried(client, **CART, version=draft.id)
    assert sides["Odd, version 1"] is None
    assert "This is no condition" in answer.content.decode()


def test_what_the_member_has_had_today_counts_and_what_cuts_is_named(client, write, member, now):
    write("check-in", replace(CHECK_IN, limits=(Limit("week", points=25),)), "checked_in")
    earning.take(member_id=member.id, kind="checked_in", external_id="C-1", data={"streak": 3}, occurred_at=now, actor="tests", now=now)
    mine, _answer = tried(client, fact="checked_in", member="M-1", **{"data.streak": "2"})
    new, _answer = tried(client, fact="checked_in", **{"data.streak": "2"})
    assert (mine["As it is"].decision.points, new["As it is"].decision.points) == (5, 15)
    assert "10 less: its limit for a week." in mine["As it is"].lines[0].notes
    assert (Decision.objects.count(), Behaviour.objects.count()) == (1, 1)


def test_the_time_asked_for_decides_which_version_holds(client, write, now):
    first = write("base", RATE)
    draft = rulebook.draft(code="base", definition=Definition(effect=Effect("fixed", points=7)), actor="anna", now=now)
    rulebook.publish(version_id=draft.id, effective_from=now + timedelta(days=10), actor="anna", now=now)
    late = (now + timedelta(days=11)).date().isoformat()
    sides, _answer = tried(client, **CART, occurred_at_0=late, occurred_at_1="12:00")
    assert sides["As it is"].decision.points == 7
    sides, _answer = tried(client, **CART)
    assert [line.version for line in sides["As it is"].lines] == [first]


@pytest.mark.parametrize(
    ("asked", "place", "sentence"),
    [
        ({"member": "nobody", **CART}, "member", "There is no member of that id."),
        ({}, "line.0.amount", "Give at least one line an amount."),
        ({"fact": "checked_in"}, "data.streak", "This is missing."),
        ({"fact": "checked_in", "data.streak": "-1"}, "data.streak", "Give at least 0."),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_at_its_field(client, asked, place, sentence):
    sides, answer = tried(client, **asked)
    assert sides == {}
    assert answer.context["form"].errors == {place: [sentence]}


def test_every_kind_of_fact_can_be_asked_for(client, write):
    named = dict(client.get(URL).context["kinds"])
    assert {"purchase", "reviewed", "board_placed"} <= named.keys()
    assert {client.get(URL, {"fact": code}).status_code for code in named} == {200}


def test_more_lines_are_given_when_asked_for(client):
    assert "line.5.amount" in client.get(URL, {"member": "", "lines": "3", "more": "1"}).content.decode()


@pytest.mark.parametrize("codename", ["view_decision", "view_member"])
def test_who_may_not_see_members_and_decisions_tries_nothing(codename, db):
    user = User.objects.create_user("other", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename=codename))
    client = Client()
    client.force_login(user)
    assert client.get(URL).status_code == 403


def test_from_a_versions_page_the_way_leads_here_with_that_version_chosen(client, write):
    draft = write("beauty", DOUBLE, publish=False)
    User.objects.get().user_permissions.add(Permission.objects.get(codename="view_ruleversion"))
    answer = client.get(f"/admin/points/ruleversion/{draft.id}/try-it/", follow=True)
    assert answer.context["form"]["version"].value() == str(draft.id)
