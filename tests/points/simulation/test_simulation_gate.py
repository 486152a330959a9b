"""Who may publish what costs more: the gate, on both sides of its boundaries."""

from datetime import timedelta
from decimal import Decimal

import pytest

from points.rulebook import services as rulebook
from points.rulebook.models import EarningSettings, RuleVersion
from points.simulation import services
from tests.points.earning.world import definition
from tests.points.simulation.conftest import FIRST, LAST, NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def settings_of_earning():
    def keep(second_person="costly", gate_percent=10):
        EarningSettings(pk=1, second_person=second_person, gate_percent=gate_percent, roll_key="tests").save()

    return keep


def publish(version, actor="maker"):
    return rulebook.publish(version_id=version.id, actor=actor, now=NOON)


def figure(version):
    return RuleVersion.objects.get(id=version.id).simulated_percent


@pytest.fixture
def one_purchase(shop, published):
    """Of ten thousand points by the rules in force."""
    published()
    shop.buys("ann", 1_000_000, day=1)


@pytest.mark.parametrize(
    ("rate", "percent", "own"),
    [(5000, "-50", True), (10_000, "0", True), (11_000, "10", True), (11_001, "10.01", False), (20_000, "100", False)],
)
def test_up_to_the_gate_its_maker_publishes_it_and_above_a_second_person(one_purchase, settings_of_earning, draft, run, refuses, rate, percent, own):
    settings_of_earning(gate_percent=10)
    trying = draft(rate=rate)
    run(trying)
    assert figure(trying) == Decimal(percent)
    if own:
        assert publish(trying).status == "published"
        return
    with refuses(rulebook.SecondPersonNeeded):
        publish(trying)
    assert publish(trying, actor="another").status == "published"


@pytest.mark.parametrize(("gate", "own"), [(9, False), (10, True), (11, True)])
def test_the_gate_is_a_setting(one_purchase, settings_of_earning, draft, run, refuses, gate, own):
    settings_of_earning(gate_percent=gate)
    trying = draft(rate=11_000)
    run(trying)
    if own:
        publish(trying)
        return
    with refuses(rulebook.SecondPersonNeeded):
        publish(trying)


@pytest.mark.parametrize(("second_person", "own"), [("never", True), ("costly", False), ("always", False)])
def test_without_a_simulation_a_second_person_publishes_where_it_is_asked_for(one_purchase, settings_of_earning, draft, refuses, second_person, own):
    settings_of_earning(second_person)
    trying = draft(rate=5000)
    if own:
        publish(trying)
        return
    with refuses(rulebook.SecondPersonNeeded):
        publish(trying)


def test_who_submitted_it_is_not_the_second_person(one_purchase, settings_of_earning, draft, run, refuses):
    settings_of_earning()
    trying = draft(rate=20_000)
    run(trying)
    rulebook.submit(version_id=trying.id, actor="submitter", now=NOON)
    for actor in ("maker", "submitter"):
        with refuses(rulebook.SecondPersonNeeded):
            publish(trying, actor=actor)
    assert publish(trying, actor="another").status == "published"


def test_the_last_simulation_counts(one_purchase, shop, draft, run):
    trying = draft("dear", "fixed", fact="purchase", points=5000)
    run(trying)
    assert figure(trying) == 50
    shop.buys("bob", 1_000_000, day=2)
    shop.buys("bob", 3_000_000, day=3)
    run(trying)
    assert figure(trying) == 30


def test_editing_the_draft_clears_the_figure(one_purchase, settings_of_earning, draft, run, refuses):
    settings_of_earning()
    trying = draft(rate=10_500)
    run(trying)
    assert figure(trying) == 5
    rulebook.edit(version_id=trying.id, definition=definition(rate=90_000), actor="maker", now=NOON)
    assert figure(trying) is None
    with refuses(rulebook.SecondPersonNeeded):
        publish(trying)


def test_a_simulation_of_what_it_said_before_gives_an_edited_draft_no_figure(one_purchase, draft, asked):
    row = asked(trying := draft(rate=10_500))
    rulebook.edit(version_id=trying.id, definition=definition(rate=90_000), actor="maker", now=NOON)
    while services.work(now=NOON):
        pass
    row.refresh_from_db()
    assert row.result["percent"] == 5
    assert figure(trying) is None


def test_drafts_that_were_tried_together_get_no_figure(one_purchase, draft, run):
    """One of them might be published without the other that pays for it."""
    dear, cheap = draft("dear", "fixed", fact="purchase", points=5000), draft(rate=5000)
    assert run(dear, cheap).result["no_figure"] == "several"
    assert figure(dear) is None
    assert figure(cheap) is None


@pytest.mark.parametrize(("days", "counts"), [(27, False), (28, True)])
def test_a_span_of_four_weeks_gives_a_figure(one_purchase, draft, run, days, counts):
    trying = draft(rate=10_500)
    row = run(trying, first=FIRST, last=FIRST + timedelta(days=days - 1))
    assert row.result["no_figure"] == ("" if counts else "short")
    assert (figure(trying) is not None) == counts


def test_what_no_fact_met_gets_no_figure(one_purchase, shop, draft, run):
    trying = draft("likes", "fixed", fact="liked", points=500)
    assert run(trying).result["no_figure"] == "silent"
    assert figure(trying) is None
    shop.does("ann", day=3)
    assert run(trying).result["no_figure"] == ""
    assert figure(trying) == 5


def test_a_multiplier_that_lessens_is_not_silent(one_purchase, draft, run):
    trying = draft("less", "multiplier", fact="purchase", factor=9000)
    assert run(trying).result["no_figure"] == ""
    assert figure(trying) == -10


def test_a_figure_beyond_all_bounds_is_kept_as_the_highest(shop, published, draft, run):
    published("one", "fixed", points=1)
    shop.buys("ann", 100, day=1)
    trying = draft("dear", "fixed", fact="purchase", points=1_000_000)
    assert run(trying).result["percent"] == 100_000_000
    assert figure(trying) == services.MOST_PERCENT


def test_a_cancelled_simulation_gives_no_figure(one_purchase, draft, asked):
    row = asked(trying := draft(rate=10_500), last=LAST)
    services.cancel(simulation_id=row.id, actor="tests", now=NOON)
    assert not services.work(now=NOON)
    assert figure(trying) is None
