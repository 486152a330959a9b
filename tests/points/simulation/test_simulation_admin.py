"""How an operator asks for a simulation, watches it, reads it and goes on to publishing."""

import re
from datetime import date, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from kombu.exceptions import OperationalError

from loyalty.audit.services import JOBS
from mall.coupons import services as coupons
from mall.coupons.models import CouponTemplate
from points.budgets import services as budgets
from points.rulebook import services as rulebook
from points.rulebook.models import EarningSettings
from points.simulation import rules, services
from points.simulation.models import Simulation
from tests.points.earning.world import definition
from tests.points.simulation.conftest import FIRST, LAST, NOON

pytestmark = pytest.mark.django_db
MAY_SEE = ("view_simulation", "view_simulatedmember", "view_rule", "view_ruleversion", "view_member")
MAY_ASK = (*MAY_SEE, "add_simulation")


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def operator(client):
    """Log in an operator with these permissions, in English."""

    def enter(*codenames, name="sample"):
        user = User.objects.create_user(name, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    return enter


@pytest.fixture
def sent(monkeypatch):
    """The jobs that are sent to the workers."""
    found = []
    monkeypatch.setattr(JOBS["points.simulate"].task, "apply_async", lambda **_options: found.append("points.simulate"))
    return found


def url(name, *args, model="simulation"):
    return reverse(f"admin:points_{model}_{name}", args=args)


def text(answer):
    """What the page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def form(*versions, **changes):
    return {"key": str(uuid4()), "versions": [version.id for version in versions], "span": "days_365", "first": "", "last": "", **changes}


def test_it_asks_which_versions_and_which_days_with_last_quarter_chosen(client, operator, published, draft):
    published()
    later, over = draft(rate=20_000), draft("over", "fixed", fact="purchase", points=1)
    rulebook.publish(version_id=over.id, actor="tests", now=NOON - timedelta(days=1))
    rulebook.retire(version_id=over.id, reason="sample", actor="tests", now=NOON)
    submitted, coming = draft("submitted", "fixed", fact="liked", points=3), draft("coming", "fixed", fact="purchase", points=2)
    rulebook.submit(version_id=submitted.id, actor="tests", now=NOON)
    rulebook.publish(version_id=coming.id, effective_from=NOON + timedelta(days=3), actor="tests", now=NOON)
    operator(*MAY_ASK)
    page = client.get(url("add"), {"version": later.id})
    assert page.status_code == 200
    assert [one["version"] for one in page.context["candidates"]] == [later, coming, submitted]
    assert [(one["state"], one["checked"]) for one in page.context["candidates"]] == [("draft", True), ("begins later", False), ("submitted", False)]
    assert page.context["span"] == "quarter"
    assert "last quarter: 2026-07-01 – 2026-09-30" in text(page)


def test_before_it_starts_it_tells_what_on_how_many_facts_and_how_long(client, operator, history, draft):
    operator(*MAY_ASK)
    trying = draft(rate=20_000)
    page = client.post(url("add"), form(trying))
    assert "Facts to decide 18" in text(page)
    assert "Takes about 1 second" in text(page)
    assert "2 points for each" in text(page)
    assert not Simulation.objects.exists()


def test_of_very_many_facts_it_tells_about_how_many_and_minutes(client, operator, history, draft, monkeypatch):
    operator(*MAY_ASK)
    monkeypatch.setattr("points.simulation.selectors.about", lambda **_span: (1_234_567, False))
    page = client.post(url("add"), form(draft(rate=20_000)))
    assert "about 1,230,000" in text(page)
    assert "21 minutes" in text(page)


def test_started_it_is_sent_to_the_workers_at_once(client, operator, history, draft, sent, django_capture_on_commit_callbacks):
    operator(*MAY_ASK)
    trying = draft(rate=20_000)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url("add"), form(trying, confirmed="1"))
    row = Simulation.objects.get()
    assert answer.url == url("change", row.id)
    assert sent == ["points.simulate"]
    assert (row.status, row.asked_by, [one["version"] for one in row.tried]) == ("waiting", "sample", [trying.id])
    assert (row.first, row.last) == rules.presets(NOON.date())["days_365"]


def test_without_a_broker_it_waits_for_the_schedule(client, operator, history, draft, monkeypatch, django_capture_on_commit_callbacks):
    def away(**_options):
        raise OperationalError

    monkeypatch.setattr(JOBS["points.simulate"].task, "apply_async", away)
    operator(*MAY_ASK)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(url("add"), form(draft(rate=20_000), confirmed="1"))
    assert answer.status_code == 302
    assert Simulation.objects.get().status == "waiting"


def test_a_form_sent_twice_is_one_simulation(client, operator, history, draft, sent):
    operator(*MAY_ASK)
    said = form(draft(rate=20_000), confirmed="1")
    assert client.post(url("add"), said).url == client.post(url("add"), said).url
    assert Simulation.objects.count() == 1


def test_changing_it_goes_back_to_the_form_as_it_was(client, operator, history, draft):
    operator(*MAY_ASK)
    page = client.post(url("add"), form(draft(rate=20_000), span="own", first="2026-08-01", last="2026-08-31", again="1"))
    assert [one["checked"] for one in page.context["candidates"]] == [True]
    assert page.context["span"] == "own"
    assert 'value="2026-08-01"' in page.content.decode()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"versions": []}, "Choose at least one version."),
        ({"span": "own"}, "Which day?"),
        ({"span": "own", "first": "2026-08-02", "last": "2026-08-01"}, "The span must begin before it ends."),
        ({"span": "own", "first": "2026-11-12", "last": "2026-12-01"}, "Nothing has happened yet on these days."),
        ({"span": "own", "first": "2026-13-02", "last": "2026-08-01"}, "Enter a valid date."),
    ],
)
def test_what_cannot_be_is_said_at_its_field(client, operator, published, draft, changes, said):
    published()
    operator(*MAY_ASK)
    page = client.post(url("add"), form(draft(rate=20_000), confirmed="1") | changes)
    assert said in text(page)
    assert not Simulation.objects.exists()


def test_one_version_of_a_rule_at_a_time(client, operator, published, draft):
    published()
    operator(*MAY_ASK)
    page = client.post(url("add"), form(draft(rate=20_000), draft(rate=30_000), confirmed="1"))
    assert "Two of these are versions of one rule" in text(page)


def test_a_version_that_cannot_work_is_named(client, operator, published, draft):
    published()
    operator(*MAY_ASK)
    page = client.post(url("add"), form(draft("gone", "fixed", fact="purchase", points=1, tiers=("no-such-tier",)), confirmed="1"))
    assert "“Rule gone, version 1” cannot work as it stands." in text(page)


def test_days_on_which_nothing_happened_are_not_simulated(client, operator, published, draft):
    published()
    operator(*MAY_ASK)
    page = client.post(url("add"), form(draft(rate=20_000)))
    assert "Nothing happened on these days" in text(page)
    assert 'name="confirmed"' not in page.content.decode()


def test_it_says_beforehand_what_gives_no_figure_for_the_gate(client, operator, history, draft):
    operator(*MAY_ASK)
    trying = draft(rate=20_000)
    short = form(trying, span="own", first="2026-08-01", last="2026-08-27")
    assert "no figure for the gate" not in text(client.post(url("add"), short))
    EarningSettings(pk=1, second_person="costly").save()
    assert "the span is shorter than 28 days" in text(client.post(url("add"), short))
    assert "Several versions were tried together" in text(client.post(url("add"), form(trying, draft("more", "fixed", fact="purchase", points=1))))
    assert "no figure for the gate" not in text(client.post(url("add"), form(trying)))


def test_earlier_simulations_of_a_version_are_shown_where_it_is_tried_again(client, operator, history, draft, run):
    trying = draft(rate=20_000)
    row = run(trying)
    operator(*MAY_ASK)
    assert url("change", row.id) in client.get(url("add"), {"version": trying.id}).content.decode()


def test_the_page_of_one_that_waits_or_runs_asks_for_itself_again(client, operator, history, draft, asked, monkeypatch):
    monkeypatch.setattr(services, "PAGE", 5)
    monkeypatch.setattr(services, "SLICE_SECONDS", 0)
    trying = draft(rate=20_000)
    before, row = asked(trying), asked(trying, now=NOON + timedelta(seconds=1))
    operator(*MAY_ASK)
    page = client.get(url("change", row.id))
    assert 'data-refresh="2"' in page.content.decode()
    assert "console/refresh.js" in page.content.decode()
    assert "It waits until one other simulation is done." in text(page)
    services.cancel(simulation_id=before.id, actor="tests", now=NOON)
    assert "It begins within a few seconds." in text(client.get(url("change", row.id)))
    services.work(now=NOON)
    page = client.get(url("change", row.id))
    assert "5 of 18 facts decided, 27 %." in text(page)
    assert 'aria-valuenow="27"' in page.content.decode()


def test_it_is_cancelled_after_a_question(client, operator, history, draft, asked):
    row = asked(draft(rate=20_000))
    operator(*MAY_ASK)
    assert url("cancel", row.id) in client.get(url("change", row.id)).content.decode()
    client.get(url("cancel", row.id))
    assert Simulation.objects.get().status == "waiting"
    client.post(url("cancel", row.id))
    assert Simulation.objects.get().status == "cancelled"
    page = client.get(url("change", row.id))
    assert "data-refresh" not in page.content.decode()
    assert client.get(url("cancel", row.id)).url == url("change", row.id)


def test_the_result_tells_all_of_it(client, operator, shop, published, draft, run):
    published()
    budgets.keep(code="all", name="Everything", scope="all", period="month", points=1000, at_end="cut", actor="tests", now=NOON)
    shop.buys("ann", 30_000, day=1)
    shop.buys("bob", 10_000, day=40)
    shop.returns(shop.buys("cid", 10_000, day=41), 10_000, day=42)
    coupons.keep(
        template=CouponTemplate(code="big", name_zh="大额券", name_en="Big one", kind="amount", amount_cents=1_000, valid_days=30), actor="tests", now=NOON
    )
    row = run(draft(rate=40_000), draft("coupon", "coupon", fact="purchase", item="big", min_cents=20_000))
    operator(*MAY_ASK)
    page = client.get(url("change", row.id))
    said = text(page)
    assert "+250.00 %" in said
    assert "400 → 1,400 +1,000" in said
    assert "CN¥4.00 → CN¥14.00" in said or "¥4.00 → ¥14.00" in said
    assert "Members who gain 2" in said
    assert "No difference 1" in said
    assert page.content.decode().count('<svg class="console-chart"') == 2
    assert "Rule base 400 1,400 +1,000" in said
    assert "coupons: big 0 1 +1" in said
    assert "ann 300 1,000 +700" in said
    assert "Everything from 2026-08-01 1,000 1,000 100 %" in said
    assert "from 2026-09-01 400 1,000 40 %" in said
    assert "Asked for by maker" in said
    assert "3 facts in 1 second." in said
    assert "4 points for each" in said
    members = url("changelist", model="simulatedmember") + f"?simulation={row.id}"
    assert members in page.content.decode()
    assert [one.member.external_id for one in client.get(f"{members}&change__gt=0&o=3").context["cl"].result_list] == ["bob", "ann"]
    assert [one.member.external_id for one in client.get(members).context["cl"].result_list] == ["ann", "bob", "cid"]


@pytest.mark.parametrize(
    ("gate", "said", "second_person"),
    [(100, "+100.00 % is within the gate of +100 %: who made this version may publish it.", "costly"),
     (99, "+100.00 % is above the gate of +99 %: a second person has to publish this version.", "costly"),
     (99, "", "never")],
)  # fmt: skip
def test_the_result_tells_what_it_means_for_publishing(client, operator, history, draft, run, gate, said, second_person):
    EarningSettings(pk=1, second_person=second_person, gate_percent=gate).save()
    trying = draft(rate=20_000)
    row = run(trying)
    operator(*MAY_ASK, "publish_ruleversion")
    page = client.get(url("change", row.id))
    assert said in text(page)
    assert ("the gate" in text(page)) == bool(said)
    assert url("publish", trying.id, model="ruleversion") in page.content.decode()


def test_a_draft_that_was_changed_since_is_not_published_from_here(client, operator, history, draft, run):
    trying = draft(rate=20_000)
    row = run(trying)
    rulebook.edit(version_id=trying.id, definition=definition(rate=30_000), actor="maker", now=NOON)
    operator(*MAY_ASK, "publish_ruleversion")
    page = client.get(url("change", row.id))
    assert "The draft was changed since" in text(page)
    assert url("publish", trying.id, model="ruleversion") not in page.content.decode()


def test_a_draft_that_was_thrown_away_is_still_told_in_words(client, operator, history, draft, run):
    trying = draft(rate=20_000)
    row = run(trying)
    rulebook.drop(version_id=trying.id, actor="maker", now=NOON)
    operator(*MAY_ASK)
    page = client.get(url("change", row.id))
    assert "Rule base, version 2 thrown away since" in text(page)
    assert "2 points for each" in text(page)


@pytest.mark.parametrize("why", ["several", "short", "silent"])
def test_the_result_says_why_its_figure_does_not_count(client, operator, history, draft, run, why):
    EarningSettings(pk=1, second_person="costly").save()
    trying = [draft("likes", "fixed", fact="liked", points=1)] if why == "silent" else [draft(rate=20_000)]
    trying += [draft("more", "fixed", fact="purchase", points=1)] if why == "several" else []
    row = run(*trying, last=FIRST + timedelta(days=26) if why == "short" else LAST)
    operator(*MAY_ASK)
    expected = {"several": "Several versions were tried together", "short": "shorter than 28 days", "silent": "no fact in this span met the version"}
    assert expected[why] in text(client.get(url("change", row.id)))


def test_a_version_that_no_fact_met_is_said_also_where_no_gate_asks(client, operator, history, draft, run):
    met, unmet = run(draft(rate=20_000)), run(draft("likes", "fixed", fact="liked", points=1))
    operator(*MAY_ASK)
    said = "No fact in this span met the version"
    assert said in text(client.get(url("change", unmet.id)))
    assert said not in text(client.get(url("change", met.id)))


def test_one_that_failed_says_why(client, operator, history, draft, asked, monkeypatch):
    row = asked(draft(rate=20_000))
    monkeypatch.setattr(services.rules, "feed", lambda *_args: 1 // 0)
    services.work(now=NOON)
    operator(*MAY_ASK)
    assert "It could not go on: ZeroDivisionError" in text(client.get(url("change", row.id)))


def test_the_list_tells_what_was_tried_and_what_came_of_it(client, operator, history, draft, run, asked):
    trying = draft(rate=20_000)
    run(trying, draft("more", "fixed", fact="purchase", points=1))
    asked(trying)
    operator(*MAY_ASK)
    said = text(client.get(url("changelist")))
    assert "Rule base, version 2 and 1 more" in said
    assert "2026-08-01 – 2026-10-31" in said
    assert "waiting" in said
    assert "done" in said


def test_where_points_cost_nothing_before_there_is_no_percentage(client, operator, shop, published, draft, run):
    published("never", "fixed", points=1, min_cents=10**9)
    shop.buys("ann", 1000, day=1)
    row = run(draft("likes", "fixed", fact="purchase", points=5))
    operator(*MAY_ASK)
    assert "new cost 0 → 5" in text(client.get(url("change", row.id)))


def test_who_may_not_ask_only_looks(client, operator, history, draft, run, asked):
    trying = draft(rate=20_000)
    done, waiting = run(trying), asked(trying)
    operator(*MAY_SEE)
    assert client.get(url("changelist")).status_code == 200
    assert "Try again" not in text(client.get(url("change", done.id)))
    assert url("cancel", waiting.id) not in client.get(url("change", waiting.id)).content.decode()
    assert client.get(url("add")).status_code == 403
    assert client.post(url("add"), form(trying, confirmed="1")).status_code == 403
    assert client.post(url("cancel", waiting.id)).status_code == 403
    assert Simulation.objects.count() == 2
    page = client.get(url("change", trying.id, model="ruleversion"))
    assert "Try on history" not in text(page)


def test_who_may_not_see_simulations_sees_none(client, operator, history, draft, run):
    row = run(draft(rate=20_000))
    operator("view_member")
    assert client.get(url("changelist")).status_code == 403
    assert client.get(url("change", row.id)).status_code == 403
    assert client.get(url("changelist", model="simulatedmember") + f"?simulation={row.id}").status_code == 403


@pytest.mark.parametrize("key", ["nonsense", "0190aaaa-0000-7000-8000-000000000000"])
def test_there_is_nothing_at_a_wrong_address(client, operator, key):
    operator(*MAY_ASK)
    assert client.get(f"/admin/points/simulation/{key}/change/").status_code == 404
    assert client.get(url("changelist", model="simulatedmember"), {"simulation": key}).url == url("changelist")


def test_the_page_of_a_version_leads_here(client, operator, published, draft):
    in_force, trying = published(), draft(rate=20_000)
    operator(*MAY_ASK)
    assert "Try on history" in text(client.get(url("change", trying.id, model="ruleversion")))
    assert "Try on history" not in text(client.get(url("change", in_force.id, model="ruleversion")))
    assert client.get(url("simulate", trying.id, model="ruleversion")).url == f"{url('add')}?version={trying.id}"


def test_trying_again_begins_with_the_same_versions_and_days(client, operator, history, draft, run):
    trying = draft(rate=20_000)
    row = run(trying)
    operator(*MAY_ASK)
    page = client.get(client.get(url("change", row.id)).context["again"])
    assert [one["checked"] for one in page.context["candidates"]] == [True]
    assert page.context["span"] == "own"
    assert page.context["form"]["first"].value() == FIRST
    assert page.context["form"]["last"].value() == LAST


@pytest.mark.parametrize(
    ("today", "quarter", "month", "year"),
    [
        (date(2026, 1, 1), (date(2025, 10, 1), date(2025, 12, 31)), (date(2025, 12, 1), date(2025, 12, 31)), (date(2025, 1, 1), date(2025, 12, 31))),
        (date(2026, 3, 31), (date(2025, 10, 1), date(2025, 12, 31)), (date(2026, 2, 1), date(2026, 2, 28)), (date(2025, 1, 1), date(2025, 12, 31))),
        (date(2026, 4, 1), (date(2026, 1, 1), date(2026, 3, 31)), (date(2026, 3, 1), date(2026, 3, 31)), (date(2025, 1, 1), date(2025, 12, 31))),
        (date(2024, 3, 1), (date(2023, 10, 1), date(2023, 12, 31)), (date(2024, 2, 1), date(2024, 2, 29)), (date(2023, 1, 1), date(2023, 12, 31))),
        (date(2026, 12, 31), (date(2026, 7, 1), date(2026, 9, 30)), (date(2026, 11, 1), date(2026, 11, 30)), (date(2025, 1, 1), date(2025, 12, 31))),
    ],
)
def test_the_spans_offered_are_over(today, quarter, month, year):
    presets = rules.presets(today)
    assert (presets["quarter"], presets["month"], presets["year"]) == (quarter, month, year)
    for name, days in (("days_30", 30), ("days_90", 90), ("days_365", 365)):
        first, last = presets[name]
        assert last == today - timedelta(days=1)
        assert (last - first).days + 1 == days
