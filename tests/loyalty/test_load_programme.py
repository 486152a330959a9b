"""`manage.py load_programme`: a programme from a file, which takes nothing away from what operators have made of it."""

import io
import json

import pytest
from django.core.management import call_command

from loyalty.audit.models import AuditEntry
from loyalty.management.commands import load_programme
from points.budgets import services as budgets
from points.budgets.models import Budget
from points.missions.models import Mission
from points.rulebook import selectors as seen
from points.rulebook import services as rulebook
from points.rulebook.models import EarningSettings, Rule, RuleVersion
from points.rulebook.rules import Definition, Effect
from tiers.ladder import services as ladder
from tiers.ladder.models import Tier

pytestmark = pytest.mark.django_db
SAID = json.loads(load_programme.FILE.read_text(encoding="utf-8"))


@pytest.fixture
def load():
    def run():
        out = io.StringIO()
        call_command("load_programme", stdout=out)
        return out.getvalue()

    return run


def versions():
    return list(RuleVersion.objects.order_by("pk").values())


def test_every_rule_is_in_force_for_facts_of_any_age(load):
    assert load() == ""
    found = RuleVersion.objects.filter(status="published", effective_from=None, effective_until=None)
    assert sorted(found.values_list("rule__code", flat=True)) == sorted(rule["code"] for rule in SAID["rules"])
    assert set(Mission.objects.values_list("status", flat=True)) == {"published"}


def test_a_definition_comes_back_as_it_is_written(load):
    load()
    kept = {version.rule.code: version.definition for version in RuleVersion.objects.select_related("rule")}
    for rule in SAID["rules"]:
        for part, said in rule["definition"].items():
            assert _contains(kept[rule["code"]].get(part), said), f"{rule['code']}: {part}"


def _contains(kept, said):
    """Whether `kept` says all that `said` says, defaults apart, which are left out."""
    if isinstance(said, dict):
        return all(_contains(kept.get(name, value), value) for name, value in said.items())
    if isinstance(said, list):
        return len(kept) == len(said) and all(_contains(*pair) for pair in zip(kept, said, strict=True))
    return kept == said


def test_again_it_changes_nothing(load):
    load()
    before, generation, audited = versions(), seen.generation(), AuditEntry.objects.count()
    load()
    assert (versions(), seen.generation(), AuditEntry.objects.count()) == (before, generation, audited)


def test_what_operators_have_changed_stays(load, now):
    load()
    theirs = rulebook.draft(code="like", definition=Definition(effect=Effect("fixed", points=7)), actor="anna", now=now)
    rulebook.publish(version_id=theirs.id, actor="anna", now=now)
    rulebook.retire(version_id=seen.version(code="share", number=1).id, reason="sample", actor="anna", now=now)
    rulebook.rename(code="comment", name_zh="留言", name_en="Remark", actor="anna", now=now)
    budget = Budget.objects.get(code="surprise-month")
    about = {"scope": budget.scope, "of": budget.of, "period": budget.period, "at_end": budget.at_end}
    budgets.keep(code=budget.code, name=budget.name, **about, points=5, actor="anna", now=now)
    before = versions()
    load()
    assert (versions(), Rule.objects.get(code="comment").name_en, Budget.objects.get(code="surprise-month").points) == (before, "Remark", 5)


def test_a_part_that_operators_have_begun_is_theirs(load, now):
    ladder.keep(code="member", name_zh="会员", name_en="Member", rank=1, multiplier_bps=10_000, actor="anna", now=now)
    load()
    assert list(Tier.objects.values_list("code", flat=True)) == ["member"]


def test_what_a_second_person_must_publish_stays_a_draft_until_it_may_be(load):
    terms = EarningSettings(id=1, second_person="always")
    terms.save()
    assert "The rule registration stays a draft: A second person" in load()
    assert set(RuleVersion.objects.values_list("status", flat=True)) == {"draft"}
    terms.second_person = "never"
    terms.save()
    load()
    assert set(RuleVersion.objects.values_list("status", flat=True)) == {"published"}


def test_a_draft_that_an_operator_works_on_is_left_alone(load, now):
    EarningSettings(id=1, second_person="always").save()
    load()
    draft = seen.version(code="like", number=1)
    rulebook.edit(version_id=draft.id, definition=Definition(effect=Effect("fixed", points=7)), actor="anna", now=now)
    EarningSettings.objects.update(second_person="never")
    EarningSettings.current().save()
    load()
    draft.refresh_from_db()
    assert (draft.status, draft.said.effect.points) == ("draft", 7)
