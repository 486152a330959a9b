"""Counting facts: what counts, from when on, under what condition, and which one is the nth."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.activity import rules, selectors
from accounts.activity import services as activity
from accounts.activity.models import Purchase

pytestmark = pytest.mark.django_db


@pytest.fixture
def did(member, now):
    """`did(kind, id, hours_ago, **data)`: a fact of the member's."""

    def did(kind, external_id, hours_ago=0, **data):
        at = now - timedelta(hours=hours_ago)
        return activity.record_behaviour(member_id=member.id, kind=kind, external_id=external_id, data=data, occurred_at=at, ours=False, now=now).behaviour

    return did


@pytest.fixture
def bought(member, now):
    """`bought(id, cents, hours_ago)`: an order of the member's, paid."""

    def bought(external_id, cents, hours_ago=0):
        facts = rules.Purchase(external_id, now - timedelta(hours=hours_ago), "CNY", cents, (rules.Line("1", amount_cents=cents),))
        return activity.record_purchase(member_id=member.id, facts=facts, digest=rules.digest(facts), now=now).purchase

    return bought


@pytest.fixture
def tally(member):
    def tally(*args, **kwargs):
        return selectors.tallies(member_id=member.id, questions=[rules.Question(*args, **kwargs)])[0]

    return tally


def test_facts_of_the_kind_are_counted_and_the_nth_in_time_is_named(did, tally, now):
    for n, hours in enumerate((1, 3, 2)):
        did("proof_uploaded", f"e-{n}", hours, task="t", url="u")
    did("shared", "s-1", subject="a")
    assert tally("proof_uploaded", nth=2) == (3, "e-2", now - timedelta(hours=2))
    assert tally("proof_uploaded", nth=4) == (3, "", None)
    assert tally("liked") == (0, "", None)


def test_another_members_facts_do_not_count(did, other_member):
    did("proof_uploaded", "e-1", task="t", url="u")
    assert selectors.tallies(member_id=other_member.id, questions=[rules.Question("proof_uploaded")])[0].found == 0


def test_the_first_instant_counts_and_the_last_does_not(did, tally, now):
    at = did("proof_uploaded", "e-1", 1, task="t", url="u").occurred_at
    moment = timedelta(microseconds=1)
    assert tally("proof_uploaded", since=at, until=at + moment).found == 1
    assert tally("proof_uploaded", since=at + moment).found == 0
    assert tally("proof_uploaded", until=at).found == 0


def test_a_withdrawn_fact_does_not_count(did, tally, now):
    activity.withdraw_behaviour(behaviour=did("proof_uploaded", "e-1", task="t", url="u"), free_key=False, now=now)
    assert tally("proof_uploaded").found == 0


@pytest.mark.parametrize(
    ("compare", "value", "count"),
    [("at_least", "2", 2), ("at_least", "3", 1), ("at_least", "4", 0), ("is", "2", 1), ("is", "02", 1), ("at_least", "many", 0), ("is", "many", 0)],
)
def test_a_number_counts_from_the_value_on_or_where_it_is_the_value(did, tally, compare, value, count):
    for pictures in (1, 2, 3):
        did("reviewed", f"r-{pictures}", purchase="P", line=str(pictures), pictures=pictures)
    assert tally("reviewed", field="pictures", compare=compare, value=value).found == count


def test_a_text_counts_where_it_is_the_value_and_never_as_a_number(did, tally):
    did("profile_completed", "p-1", item="address")
    did("profile_completed", "p-2", item="7")
    assert tally("profile_completed", field="item", compare="is", value="address").found == 1
    assert tally("profile_completed", field="item", compare="is", value="7").found == 1
    assert tally("profile_completed", field="item", compare="at_least", value="1").found == 0
    assert tally("profile_completed", field="nothing", compare="is", value="").found == 0


def test_what_a_fact_turned_out_to_be_counts_and_not_what_was_told_first(did, tally, now):
    fact = did("reviewed", "r-1", purchase="P", line="1", pictures=3)
    activity.amend_behaviour(behaviour=fact, data={"purchase": "P", "line": "1", "pictures": 0}, now=now)
    assert tally("reviewed", field="pictures", compare="at_least", value="1").found == 0


def test_each_value_of_the_distinct_field_counts_once_from_its_first_fact_on(did, tally, now):
    for n, (subject, hours) in enumerate((("a", 50), ("a", 26), ("b", 25), ("c", 1))):
        did("shared", f"s-{n}", hours, subject=subject)
    assert tally("shared").found == 4
    assert tally("shared", distinct="subject", nth=2) == (3, "s-2", now - timedelta(hours=25))


def test_a_completely_refunded_purchase_does_not_count(bought, tally):
    bought("P-1", 5_000)
    assert tally("purchase").found == 1
    Purchase.objects.update(refunded=True)
    assert tally("purchase").found == 0


def test_the_amount_of_a_purchase_is_what_was_not_given_back(bought, tally, now):
    order = bought("P-1", 5_000)
    asked = {"field": "amount_cents", "compare": "at_least"}
    assert tally("purchase", **asked, value="5000") == (1, "P-1", now)
    assert tally("purchase", **asked, value="5001").found == 0
    activity.record_refund(purchase=order, facts=rules.Refund("R-1", now, 1_000), amount_cents=1_000, digest="", now=now)
    assert tally("purchase", **asked, value="4001").found == 0
    assert tally("purchase", **asked, value="4000").found == 1
    assert tally("purchase", field="amount_cents", compare="is", value="4000").found == 1


def test_one_fact_can_be_asked_about_alone(did, bought, tally):
    did("proof_uploaded", "e-1", task="t", url="u")
    bought("P-1", 100)
    assert [tally("proof_uploaded", fact=fact).found for fact in ("e-1", "e-2")] == [1, 0]
    assert [tally("purchase", fact=fact).found for fact in ("P-1", "P-2")] == [1, 0]


def test_facts_whose_id_begins_so_can_be_left_out(did, tally):
    for external_id in ("own/1", "own/2", "owner/1", "my own/1"):
        did("proof_uploaded", external_id, task="t", url="u")
    assert tally("proof_uploaded", besides="own/").found == 2


def test_a_hundred_questions_are_two_statements_and_answered_in_their_order(did, bought, member):
    did("proof_uploaded", "e-1", task="t", url="u")
    bought("P-1", 100)
    questions = [rules.Question(kind) for kind in ("purchase", "liked", "proof_uploaded", "purchase")] * 25
    with CaptureQueriesContext(connection) as captured:
        found = selectors.tallies(member_id=member.id, questions=questions)
    assert [tally.found for tally in found] == [1, 0, 1, 1] * 25
    assert len(captured) == 2


def test_no_question_is_no_statement(member, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert selectors.tallies(member_id=member.id, questions=[]) == []


def test_when_a_fact_happened(did, bought, member, now):
    did("proof_uploaded", "e-1", 2, task="t", url="u")
    bought("P-1", 100, 3)
    about = {"member_id": member.id}
    assert selectors.happened_at(**about, kind="proof_uploaded", external_id="e-1") == now - timedelta(hours=2)
    assert selectors.happened_at(**about, kind="purchase", external_id="P-1") == now - timedelta(hours=3)
    assert selectors.happened_at(**about, kind="purchase", external_id="e-1") is None
