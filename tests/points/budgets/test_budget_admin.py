from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from loyalty.lib.localtime import local_date
from loyalty.programme import selectors as programme
from points.budgets import services
from points.budgets.models import Budget
from points.rulebook.models import Rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client):
    """Log in an operator with these permissions, in English."""

    def enter(*codenames):
        user = User.objects.create_user("sample", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    return enter


@pytest.fixture
def rule(now):
    """A rule `double`."""
    return Rule.objects.create(code="double", name_zh="双倍", name_en="Double", created_at=now, created_by="tests")


@pytest.fixture
def today(now):
    return local_date(now, programme.zone(now=now))


@pytest.fixture
def spend(today, now):
    def take(budget, points):
        assert services.take(charges=[budget.plan.charge(points, day=today)], now=now) == []

    return take


def url(name, *args):
    return reverse(f"admin:points_budget_{name}", args=args)


def asked(**changes):
    said = {
        "code": "double", "name": "Double points", "scope": "rule", "of": "double", "period": "month", "points": "1000", "at_end": "stop",
        "starts_on": "", "ends_on": "", "active": "on", **changes,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


def test_an_operator_makes_a_budget(client, operator, rule):
    operator("view_budget", "add_budget")
    assert client.get(url("add")).status_code == 200
    assert client.post(url("add"), asked()).status_code == 302
    made = Budget.objects.get()
    assert (made.code, made.scope, made.of, made.period, made.points, made.at_end) == ("double", "rule", "double", "month", 1000, "stop")
    assert made.history.get().history_user.username == "sample"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"points": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"of": ""}, "Say which one the budget pays for."),
        ({"of": "dubble"}, "There is no such rule."),
        ({"starts_on": "2025-03-02", "ends_on": "2025-03-01"}, "The last day comes before the first."),
        ({"code": "taken"}, "Budget with this Code already exists."),
        ({"code": "no code"}, "Enter a valid “slug”"),
    ],
)
def test_a_form_that_cannot_be_carried_out_says_why(client, operator, rule, budget, changes, sentence):
    operator("add_budget")
    budget(code="taken")
    answer = client.post(url("add"), asked(**changes))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert Budget.objects.count() == 1


def test_a_budget_for_everything_needs_no_code(client, operator):
    operator("view_budget", "add_budget")
    assert client.post(url("add"), asked(scope="all", of="whatever")).status_code == 302
    assert Budget.objects.get().of == ""


def test_the_list_shows_what_is_spent_and_the_alarm(client, operator, budget, spend, today):
    operator("view_budget")
    spend(budget(), 812)
    spend(budget(code="little", name="Little used", scope="all", of=""), 3)
    spend(budget(code="up", name="Used up", at_end="go_on"), 1500)
    budget(code="later", name="Later", starts_on=today + timedelta(days=1))
    budget(code="gone", name="Gone", ends_on=today - timedelta(days=1))
    budget(code="off", name="Off", active=False)
    page = client.get(url("changelist")).content.decode()
    for word in ("812 / 1,000 · 81 %", "80 %", "3 / 1,000 · 0 %", "1,500 / 1,000 · 150 %", "100 %", "one rule: double", "everything that rules give"):
        assert word in page, word
    for word in ("in force", "used up", "not begun", "over", "switched off"):
        assert word in page, word


def test_the_list_takes_as_many_queries_with_more_budgets(client, operator, budget, spend, django_assert_max_num_queries):
    operator("view_budget")
    for n in range(20):
        spend(budget(code=f"b{n}"), 600)
    with django_assert_max_num_queries(10):
        assert client.get(url("changelist")).status_code == 200


def test_the_page_of_a_budget_tells_each_period_its_alarms_and_what_it_pays_for(client, operator, rule, budget, spend, today, now):
    operator("view_budget")
    one = budget(period="day")
    services.take(charges=[one.plan.charge(77, day=today - timedelta(days=1))], now=now)
    spend(one, 512)
    page = client.get(url("change", one.pk)).content.decode()
    for word in ("512 / 1,000 · 51 %", str(today), str(today - timedelta(days=1)), "77", "50 % (", "no rule in force names it"):
        assert word in page, word
    assert client.post(url("change", one.pk), asked()).status_code == 403


def test_lowering_the_limit_below_what_is_spent_asks_first_and_then_stops(client, operator, rule, budget, spend, today, now):
    operator("view_budget", "change_budget")
    one = budget()
    spend(one, 300)
    answer = client.post(url("change", one.pk), asked(points="299"))
    assert "300 points are spent in this period already: with this limit the budget stops at once." in answer.content.decode()
    assert Budget.objects.get().points == 1000
    assert client.post(url("change", one.pk), asked(points="299", stop_at_once="on")).status_code == 302
    assert Budget.objects.get().points == 299
    assert services.take(charges=[Budget.objects.get().plan.charge(1, day=today)], now=now) != []


@pytest.mark.parametrize("changes", [{"points": "300"}, {"points": "2000"}, {"points": "10", "at_end": "go_on"}])
def test_a_limit_that_stops_nothing_is_not_asked_about(client, operator, rule, budget, spend, changes):
    operator("view_budget", "change_budget")
    one = budget()
    spend(one, 300)
    assert client.post(url("change", one.pk), asked(**changes)).status_code == 302
    assert Budget.objects.get().points == int(changes["points"])


def test_what_it_pays_for_cannot_be_edited_once_something_was_spent(client, operator, rule, budget, spend):
    operator("view_budget", "change_budget")
    one = budget()
    assert 'name="period"' in client.get(url("change", one.pk)).content.decode()
    spend(one, 1)
    page = client.get(url("change", one.pk)).content.decode()
    assert not any(f'name="{field}"' in page for field in ("code", "scope", "of", "period"))
    assert client.post(url("change", one.pk), asked(period="year", name="Another name")).status_code == 302
    assert list(Budget.objects.values_list("period", "name")) == [("month", "Another name")]


def test_what_was_spent_between_the_form_and_the_verb_is_told_and_nothing_changes(client, operator, rule, budget, spend, monkeypatch):
    operator("view_budget", "change_budget")
    one = budget()
    keep = services.keep

    def spent_meanwhile(**said):
        spend(one, 1)
        return keep(**said)

    monkeypatch.setattr(services, "keep", spent_meanwhile)
    answer = client.post(url("change", one.pk), asked(period="year"), follow=True)
    assert "Something was spent from this budget" in answer.content.decode()
    assert Budget.objects.get().period == "month"


def test_no_budget_is_deleted(client, operator, budget):
    operator("view_budget", "delete_budget")
    assert client.post(url("delete", budget().pk), {"post": "yes"}).status_code == 403
