"""The operators' pages of ladder plans: from the form to the matrix, and the buttons that can do something."""

from uuid import uuid4

import pytest
from django.urls import reverse

from tiers.ladder_plans import selectors, services
from tiers.ladder_plans.models import LadderPlan, LadderPlanSettings

pytestmark = pytest.mark.django_db
Status = LadderPlan.Status
MAY = ("view_ladderplan", "add_ladderplan", "apply_ladderplan")


def page(name, row=None):
    return reverse(f"admin:tiers_ladderplan_{name}", args=[row.id] if row else [])


@pytest.fixture
def said(policy):
    """What the form sends, as it is in force unless said otherwise."""

    def make(**more):
        thresholds, values = selectors.in_force()
        values.pop("sprint_bps")
        filled = {"key": uuid4(), "purpose": "Worth more", "sprint": "2", **values, **{f"threshold_{code}": value for code, value in thresholds.items()}}
        return {name: value for name, value in {**filled, **more}.items() if value is not None}

    return make


def test_the_form_begins_with_what_is_in_force(client, operator, ladder):
    operator(*MAY)
    form = client.get(page("add")).context["form"]
    assert (form["threshold_silver"].value(), form["threshold_gold"].value(), form["mode"].value(), form["sprint"].value()) == (1_000, 5_000, "growth", "2")
    assert "threshold_bronze" not in form.fields
    assert [len(fields) for _title, _said, fields in form.sections()] == [9, 2, 5, 2]


def test_saved_and_counted_it_shows_who_would_move(client, operator, grown, put, said, now, django_capture_on_commit_callbacks):
    operator(*MAY)
    for growth in (1_500, 2_500, 8_000):
        grown(growth)
    put(grown(0, "by-hand"), "gold")
    answer = client.post(page("add"), said(threshold_silver=2_000, threshold_gold=8_000, count="1"))
    row = LadderPlan.objects.get()
    assert (answer.status_code, answer.url) == (302, page("change", row))
    assert row.status == Status.COUNTING
    shown = client.get(page("change", row))
    assert 'data-refresh="2"' in shown.content.decode()
    services.work(now=now)
    shown = client.get(page("change", row))
    assert shown.context["figures"] == {"up": 0, "down": 1, "held": 1, "stays": 2, "anyway": 0}
    text = shown.content.decode()
    assert "G-1500" in text
    assert "by-hand" in text
    assert 'data-refresh="2"' not in text
    assert page("apply", row) in text
    assert [(name, [square.members for square in squares]) for name, _colour, squares, _all in shown.context["matrix"]] == [
        ("Gold", [0, 0, 2]),
        ("Silver", [1, 1, 0]),
        ("Bronze", [0, 0, 0]),
    ]


def test_a_fault_is_said_at_its_field(client, operator, ladder, said):
    operator(*MAY)
    answer = client.post(page("add"), said(threshold_gold=1_000, term_months=0, purpose=""))
    form = answer.context["form"]
    assert answer.status_code == 200
    assert set(form.errors) == {"purpose", "term_months", "threshold_gold"}
    answer = client.post(page("add"), said(threshold_gold=1_000, mode="two_dimensions", spend_weight=0, interaction_weight=0))
    assert {name: list(errors) for name, errors in answer.context["form"].errors.items()} == {
        "spend_weight": ["At least one of the two must weigh something."],
        "threshold_gold": ["At least 1,001, or a higher tier would be reached by less than the one below it."],
    }
    assert not LadderPlan.objects.exists()


def test_the_sprint_is_written_as_a_factor_and_kept_in_ten_thousandths(client, operator, ladder, said):
    operator(*MAY)
    client.post(page("add"), said(sprint="1.5", sprint_days=10))
    assert LadderPlan.objects.get().policy["sprint_bps"] == 15_000


def test_a_plan_is_changed_from_what_it_says(client, operator, grown, counted, said):
    operator(*MAY)
    grown(1_500)
    row = counted(term_months=6)
    form = client.get(page("edit", row)).context["form"]
    assert (form["threshold_silver"].value(), form["term_months"].value(), form["purpose"].value()) == (2_000, 6, row.purpose)
    answer = client.post(page("edit", row), said(threshold_silver=3_000, threshold_gold=9_000))
    assert answer.url == page("change", row)
    row.refresh_from_db()
    assert (row.status, row.thresholds, row.authors) == (Status.DRAFT, {"silver": 3_000, "gold": 9_000}, ["maker", "sample"])


def test_applying_asks_first_and_says_how_many_rise_and_fall(client, operator, grown, counted):
    operator(*MAY)
    grown(1_500)
    row = counted()
    asked = client.get(page("apply", row))
    assert LadderPlan.objects.get().status == Status.COUNTED
    assert "0 members rise now. 1 member falls when their term ends" in asked.context["consequence"]
    assert [what for what, _before, _after in asked.context["effect"]] == ["Threshold of Silver", "Threshold of Gold"]
    client.post(page("apply", row))
    assert LadderPlan.objects.get().applied_by == "sample"
    assert "Members are being lifted" in client.get(page("change", row)).content.decode()


def test_a_stale_plan_says_so_and_offers_to_count_again(client, operator, grown, counted, tier):
    operator(*MAY)
    grown(1_500)
    row = counted()
    tier("silver", 20, 13_000, threshold=1_000)
    text = client.get(page("change", row)).content.decode()
    assert "do not hold any more" in text
    assert page("apply", row) not in text
    assert page("count", row) in text
    client.post(page("apply", row))
    assert LadderPlan.objects.get().status == Status.COUNTED
    client.post(page("count", row))
    assert LadderPlan.objects.get().status == Status.COUNTING


def test_where_a_second_person_is_asked_for_the_maker_is_told_so(client, operator, grown, counted):
    operator(*MAY)
    grown(1_500)
    LadderPlanSettings(pk=1, second_person=True).save()
    own, others = counted(actor="sample"), counted(silver=3_000)
    text = client.get(page("change", own)).content.decode()
    assert "A second person applies it" in text
    assert page("apply", own) not in text
    client.post(page("apply", own))
    assert not LadderPlan.objects.filter(status=Status.APPLIED).exists()
    assert page("apply", others) in client.get(page("change", others)).content.decode()


def test_a_discarded_plan_says_why_and_offers_nothing(client, operator, grown, counted):
    operator(*MAY)
    grown(1_500)
    row = counted()
    client.post(page("discard", row), {"reason": "Too early in the year"})
    text = client.get(page("change", row)).content.decode()
    assert "Too early in the year" in text
    assert not any(page(name, row) in text for name in ("apply", "count", "edit", "discard"))
    assert client.get(page("edit", row)).url == page("change", row)


def test_who_may_only_look_is_offered_nothing_and_can_do_nothing(client, operator, grown, counted, said):
    operator("view_ladderplan")
    grown(1_500)
    row = counted()
    text = client.get(page("change", row)).content.decode()
    assert not any(page(name, row) in text for name in ("apply", "count", "edit", "discard"))
    assert client.get(page("changelist")).status_code == 200
    assert client.get(page("add")).status_code == 403
    for name in ("apply", "count", "edit", "discard"):
        assert client.post(page(name, row), said(reason="x")).status_code == 403
    assert LadderPlan.objects.get().status == Status.COUNTED


def test_proposing_is_not_applying(client, operator, grown, counted):
    operator("view_ladderplan", "add_ladderplan")
    grown(1_500)
    row = counted()
    assert page("apply", row) not in client.get(page("change", row)).content.decode()
    assert client.post(page("apply", row)).status_code == 403


def test_where_nobody_stands_the_draft_is_applied_at_once(client, operator, propose):
    operator(*MAY)
    row = propose()
    assert page("apply", row) in client.get(page("change", row)).content.decode()
    assert "Nobody stands in a tier yet" in client.get(page("edit", row)).content.decode()


def test_the_list_says_how_far_each_is(client, operator, grown, counted, propose):
    operator(*MAY)
    grown(1_500)
    counted()
    propose()
    text = client.get(page("changelist")).content.decode()
    assert "↑ 0  ↓ 1" in text
    assert "to be applied" in text


@pytest.mark.parametrize("address", ["nothing", "00000000-0000-0000-0000-000000000000"])
def test_there_is_no_page_of_what_does_not_exist(client, operator, ladder, address):
    operator(*MAY)
    assert client.get(reverse("admin:tiers_ladderplan_change", args=[address])).status_code == 404
