"""A version's way: draft, submitted, published, retired; who may, and what never changes."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import InternalError, transaction
from django.utils.translation import override

from loyalty.audit.models import AuditEntry
from points.rulebook import selectors, services
from points.rulebook.models import EarningSettings, Rule, RuleVersion
from points.rulebook.rules import ONE, Conditions, Definition, Effect

pytestmark = pytest.mark.django_db

DOUBLE = Definition(effect=Effect("multiplier", factor=2 * ONE))
TRIPLE = Definition(effect=Effect("multiplier", factor=3 * ONE))
BROKEN = replace(DOUBLE, conditions=Conditions(tiers=("nowhere",)))
ANNA, BEN = {"actor": "anna"}, {"actor": "ben"}
HOUR = timedelta(hours=1)


def said_at(moment):
    return [one.definition for one in selectors.rulebook(seen=selectors.generation()).at("purchase", moment)]


def test_a_draft_decides_nothing_and_can_be_edited(draft, now):
    version = draft()
    services.edit(version_id=version.id, definition=TRIPLE, note="three times", **BEN, now=now)
    version.refresh_from_db()
    assert (version.said, version.note, version.made_by) == (TRIPLE, "three times", "ben")
    assert said_at(now) == []


def test_published_it_decides_from_then_on(draft, now):
    version = services.publish(version_id=draft().id, **BEN, now=now)
    assert (said_at(now - HOUR), said_at(now)) == ([], [DOUBLE])
    assert (version.published_by, version.effective_from, version.effective_until) == ("ben", now, None)


def test_the_first_version_may_decide_facts_of_any_age(published, now):
    published()
    assert said_at(now - 1000 * HOUR) == [DOUBLE]


def test_a_new_version_ends_the_one_before_at_the_time_it_begins(published, draft, now):
    first = published()
    services.publish(version_id=draft(TRIPLE).id, effective_from=now + HOUR, **ANNA, now=now)
    assert [said_at(now + minutes) for minutes in (timedelta(0), HOUR - timedelta(microseconds=1), HOUR)] == [[DOUBLE], [DOUBLE], [TRIPLE]]
    first.refresh_from_db()
    assert first.effective_until == now + HOUR


def test_a_version_published_before_a_scheduled_one_begins_takes_its_place(published, draft, now):
    published()
    later = services.publish(version_id=draft(TRIPLE).id, effective_from=now + 2 * HOUR, **ANNA, now=now)
    fourth = replace(DOUBLE, priority=1)
    services.publish(version_id=draft(fourth).id, effective_from=now + HOUR, **ANNA, now=now)
    assert said_at(now + 3 * HOUR) == [fourth]
    later.refresh_from_db()
    assert selectors.state(later, now=now) == "over"


def test_no_version_begins_before_facts_that_another_one_has_decided(published, draft, refuses, now):
    published()
    with refuses(services.BeginsTooEarly):
        services.publish(version_id=draft(TRIPLE).id, ever=True, **ANNA, now=now)


@pytest.mark.parametrize("act", [services.submit, services.publish])
def test_what_is_wrong_is_neither_submitted_nor_published(draft, refuses, now, act):
    version = draft(BROKEN)
    with refuses(services.RuleInvalid) as refused:
        act(version_id=version.id, **ANNA, now=now)
    assert [(one.place, one.code) for one in refused.value.problems] == [("conditions.tiers", "tier_unknown")]
    assert RuleVersion.objects.get().status == "draft"


def test_a_rule_must_agree_with_what_is_published_in_its_group(published, draft, refuses, now):
    grouped = replace(DOUBLE, group="promotion", combine="best")
    published(grouped, code="one")
    other = draft(replace(grouped, combine="first"), code="other")
    with refuses(services.RuleInvalid) as refused, override("zh-hans"):
        services.publish(version_id=other.id, **ANNA, now=now)
    assert [(one.place, one.code, one.figures["rule"]) for one in refused.value.problems] == [("combine", "combine_differs", "规则one")]
    # With the rule of the same code it need not agree: it takes its place.
    again = draft(replace(grouped, combine="first"), code="one")
    assert services.publish(version_id=again.id, **ANNA, now=now).status == "published"


def test_groups_of_other_facts_and_of_versions_that_are_over_are_no_matter(published, draft, now):
    grouped = replace(DOUBLE, group="promotion", combine="best")
    gone = published(grouped, code="one")
    published(replace(DOUBLE, group="promotion", combine="product"), code="elsewhere", fact="shared")
    services.retire(version_id=gone.id, reason="over", **ANNA, now=now)
    other = draft(replace(grouped, combine="first"), code="other")
    assert services.publish(version_id=other.id, **ANNA, now=now + HOUR).status == "published"


def test_a_submitted_version_is_not_edited_and_may_be_sent_back_with_a_reason(draft, refuses, now):
    version = draft()
    services.submit(version_id=version.id, **ANNA, now=now)
    with refuses(services.VersionDecided):
        services.edit(version_id=version.id, definition=TRIPLE, **ANNA, now=now)
    with refuses(services.VersionDecided):
        services.drop(version_id=version.id, **ANNA, now=now)
    services.send_back(version_id=version.id, reason="too much", **BEN, now=now)
    version.refresh_from_db()
    assert (version.status, version.submitted_by) == ("draft", "")
    assert AuditEntry.objects.order_by("id").last().reason == "too much"


def test_retired_it_decides_nothing_from_then_on_and_says_why(published, now):
    version = services.retire(version_id=published().id, at=now + HOUR, reason="over", **BEN, now=now)
    assert (version.status, version.retire_reason, version.retired_by) == ("retired", "over", "ben")
    assert [said_at(now), said_at(now + HOUR)] == [[DOUBLE], []]


def test_a_version_that_has_ended_is_not_lengthened_by_retiring_it(published, draft, now):
    first = published()
    services.publish(version_id=draft(TRIPLE).id, **ANNA, now=now)
    assert services.retire(version_id=first.id, at=now + HOUR, reason="late", **ANNA, now=now).effective_until == now


def test_nothing_is_retired_or_published_twice(published, refuses, now):
    version = published()
    with refuses(services.VersionDecided):
        services.publish(version_id=version.id, **ANNA, now=now)
    services.retire(version_id=version.id, reason="over", **ANNA, now=now)
    with refuses(services.VersionDecided):
        services.retire(version_id=version.id, reason="again", **ANNA, now=now)


def test_a_draft_thrown_away_takes_the_rule_with_it_where_that_has_no_other_version(published, draft, now):
    services.drop(version_id=draft(code="lonely").id, **ANNA, now=now)
    published(code="kept")
    services.drop(version_id=draft(TRIPLE, code="kept").id, **ANNA, now=now)
    assert list(Rule.objects.values_list("code", flat=True)) == ["kept"]
    assert said_at(now) == [DOUBLE]


def test_a_code_names_one_rule(draft, refuses, now):
    draft()
    with refuses(services.RuleTaken):
        services.make(code="double", fact="purchase", name_zh="又", name_en="Again", definition=TRIPLE, **ANNA, now=now)


@pytest.mark.parametrize("change", [{"definition": {"effect": {"points": 9}}}, {"number": 7}, {"effective_from": None}, {"published_by": "somebody"}])
def test_not_even_the_database_lets_a_published_version_change(draft, now, change):
    version = services.publish(version_id=draft().id, **ANNA, now=now)
    with pytest.raises(InternalError), transaction.atomic():
        RuleVersion.objects.filter(id=version.id).update(**change)
    with pytest.raises(InternalError), transaction.atomic():
        version.delete()


class TestASecondPerson:
    @pytest.fixture
    def asked(self, db):
        def set_to(**terms):
            EarningSettings(id=1, **terms).save()

        return set_to

    @pytest.mark.parametrize("who", ["anna", "sue"])
    def test_where_it_is_always_asked_for_neither_maker_nor_submitter_publishes(self, asked, draft, refuses, now, who):
        asked(second_person="always")
        version = draft()
        services.submit(version_id=version.id, actor="sue", now=now)
        with refuses(services.SecondPersonNeeded):
            services.publish(version_id=version.id, actor=who, now=now)
        assert services.publish(version_id=version.id, **BEN, now=now).published_by == "ben"

    def test_whoever_edited_a_draft_last_counts_as_its_maker(self, asked, draft, refuses, now):
        asked(second_person="always")
        version = draft()
        services.edit(version_id=version.id, definition=TRIPLE, **BEN, now=now)
        with refuses(services.SecondPersonNeeded):
            services.publish(version_id=version.id, **BEN, now=now)
        assert services.publish(version_id=version.id, **ANNA, now=now).published_by == "anna"

    @pytest.mark.parametrize(("percent", "needed"), [(None, True), ("10.01", True), ("10.00", False), ("-5", False)])
    def test_with_the_gate_it_depends_on_what_the_simulation_showed(self, asked, draft, refuses, now, percent, needed):
        asked(second_person="costly", gate_percent=10)
        version = draft()
        if percent is not None:
            services.note_simulation(version_id=version.id, definition=version.definition, percent=Decimal(percent), now=now)
        version.refresh_from_db()
        assert services.needs_second_person(version) is needed
        if needed:
            with refuses(services.SecondPersonNeeded):
                services.publish(version_id=version.id, **ANNA, now=now)
        else:
            assert services.publish(version_id=version.id, **ANNA, now=now).status == "published"

    def test_what_was_simulated_before_an_edit_counts_no_more(self, asked, draft, now):
        asked(second_person="costly", gate_percent=10)
        version = draft()
        services.note_simulation(version_id=version.id, definition=version.definition, percent=Decimal(0), now=now)
        services.edit(version_id=version.id, definition=TRIPLE, **ANNA, now=now)
        version.refresh_from_db()
        assert services.needs_second_person(version)

    def test_where_nobody_asks_one_person_is_enough(self, draft, now):
        assert services.publish(version_id=draft().id, **ANNA, now=now).published_by == "anna"


def test_each_change_of_what_is_in_force_raises_the_generation_and_no_other_act_does(draft, now):
    seen = [selectors.generation()]

    def after(done):
        seen.append(selectors.generation())
        return done

    version = after(draft())
    after(services.edit(version_id=version.id, definition=TRIPLE, **ANNA, now=now))
    after(services.publish(version_id=version.id, **ANNA, now=now))
    after(services.rename(code="double", name_zh="三倍", name_en="Three times", **ANNA, now=now))
    after(services.retire(version_id=version.id, reason="over", **ANNA, now=now))
    assert [later - earlier for earlier, later in pairwise(seen)] == [0, 0, 1, 1, 1]


def test_every_act_is_written_down_with_who_did_it(draft, now):
    version = draft()
    services.submit(version_id=version.id, **ANNA, now=now)
    services.publish(version_id=version.id, reason="agreed", **BEN, now=now)
    services.retire(version_id=version.id, reason="over", **BEN, now=now)
    kept = [(one.verb, one.actor, one.reason) for one in AuditEntry.objects.order_by("id")]
    assert kept == [("rule.drafted", "anna", ""), ("rule.submitted", "anna", ""), ("rule.published", "ben", "agreed"), ("rule.retired", "ben", "over")]
