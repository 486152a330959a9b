"""Which version decides: the one in force when the fact happened, as every process sees it at its next decision."""

import time
from datetime import timedelta

import pytest
from django.db import connection

from loyalty.lib import configuration
from loyalty.lib.configuration import Configuration
from points.earning import selectors
from points.rulebook import selectors as rulebook_seen
from points.rulebook import services as rulebook
from points.rulebook.models import EarningSettings, RulebookGeneration, RuleVersion
from points.rulebook.rules import ONE

from .conftest import NOON
from .world import definition

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)


@pytest.fixture
def versions(publish):
    """One point a yuan, from noon on two, a day later three."""
    return [publish(), publish(rate=2 * ONE, begins=NOON), publish(rate=3 * ONE, begins=NOON + timedelta(days=1))]


def committed():
    """As after the commit of what was published: this process holds what it reads."""
    configuration._changing.models = set()


@pytest.mark.parametrize(
    ("happened", "earned"),
    [
        (NOON - timedelta(days=399), 100),
        (NOON - INSTANT, 100),
        (NOON, 200),
        (NOON + timedelta(days=1) - INSTANT, 200),
        (NOON + timedelta(days=1), 300),
        (NOON + timedelta(days=99), 300),
    ],
)
def test_a_fact_is_decided_by_the_version_in_force_when_it_happened_however_late_it_is_told(world, versions, happened, earned):
    world.wait(days=100)
    assert world.buy(at=happened).earned == earned
    (grant,) = world.grants()
    assert grant.rule_version == versions[earned // 100 - 1]


def test_a_refund_is_decided_by_the_version_of_then_also_when_it_was_retired(world, versions):
    world.now = NOON - timedelta(hours=1)
    world.buy()
    world.wait(days=3)
    rulebook.retire(version_id=versions[2].id, reason="tests", actor="tests", now=world.now)
    assert world.buy(number="2").earned == 0
    assert world.refund(3_000) == 30
    assert world.refund(7_000) == 70


def test_a_retired_version_still_decides_what_happened_before_its_end(world, publish):
    version = publish("share", "fixed", fact="shared", points=20)
    rulebook.retire(version_id=version.id, at=NOON, reason="tests", actor="tests", now=NOON - timedelta(days=1))
    assert world.take(at=NOON - INSTANT).points == 20
    assert world.take(number="2", at=NOON).points == 0


def test_one_that_was_to_begin_later_never_does_once_another_takes_its_place(world, publish):
    publish()
    publish(rate=9 * ONE, begins=NOON + timedelta(days=5))
    publish(rate=2 * ONE, begins=NOON + timedelta(days=1), at=NOON)
    assert world.buy(number="1", at=NOON + timedelta(days=6)).earned == 200


def test_a_version_of_another_process_decides_the_very_next_fact(world, publish):
    publish("share", "fixed", fact="shared", points=20)
    committed()
    assert world.take().points == 20
    held = Configuration._held[RulebookGeneration]
    publish("share", "fixed", fact="shared", points=50, begins=NOON)
    committed()
    # As a process that has heard nothing of it.
    Configuration._held[RulebookGeneration] = (time.monotonic(), held[1])
    assert world.take(number="2").points == 50
    # By what another process published, and this one had not read: decided again by its version.
    Configuration._held[RulebookGeneration] = (time.monotonic(), held[1])
    committed()
    assert world.withdraw(number="2") == 50


def test_the_generation_is_what_tells_and_it_alone(world, publish):
    publish("share", "fixed", fact="shared", points=20)
    committed()
    world.take()
    book = rulebook_seen.rulebook(seen=rulebook_seen.generation())
    assert rulebook_seen.rulebook(seen=rulebook_seen.generation()) is book
    with connection.cursor() as cursor:
        cursor.execute("UPDATE points_rulebookgeneration SET number = number + 1")
    assert rulebook_seen.rulebook(seen=rulebook_seen.generation()) is not book


def test_a_publish_that_was_rolled_back_is_not_seen(world, publish, refuses):
    publish("share", "fixed", fact="shared", points=20)
    draft = rulebook.draft(code="share", definition=definition("fixed", points=999), actor="tests", now=NOON)
    with refuses(ZeroDivisionError):
        rulebook.publish(version_id=draft.id, effective_from=NOON, actor="tests", now=NOON)
        assert world.take().points == 999
        raise ZeroDivisionError
    assert world.take().points == 20
    # The same row, published as something else.
    rulebook.edit(version_id=draft.id, definition=definition("fixed", points=7), actor="tests", now=NOON)
    rulebook.publish(version_id=draft.id, effective_from=NOON, actor="tests", now=NOON)
    assert world.take(number="2").points == 7


def test_what_a_rule_is_called_now_is_how_it_is_told(world, publish):
    publish()
    committed()
    world.buy()
    rulebook.rename(code="base", name_zh="新名字", name_en="A new name", actor="tests", now=NOON)
    committed()
    assert [one["en"] for one in selectors.givers(world.decision("purchase/1"))] == ["A new name"]


def test_without_a_generation_written_rules_are_found_all_the_same(world, publish):
    RulebookGeneration.objects.all().delete()
    committed()
    assert world.take().points == 0
    publish("share", "fixed", fact="shared", points=20)
    committed()
    assert world.take(number="2").points == 20
    assert RuleVersion.objects.get().in_force_at(NOON)


def test_settings_that_another_process_has_changed_are_those_of_the_next_decision(world, publish):
    publish("luck", "random", fact="shared", minimum=1, maximum=10**9)
    EarningSettings.current().save()
    committed()
    first = world.take().points
    EarningSettings.current()
    # Another process: it saves, and tells it by the generation.
    EarningSettings.objects.update(points_per_unit=7)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE points_rulebookgeneration SET number = number + 1")
    book = rulebook_seen.rulebook(seen=rulebook_seen.generation())
    assert (book.points_per_unit, book.roll_key) == (7, EarningSettings.objects.get().roll_key)
    assert world.amend("shared", subject="article 1") == 0
    assert world.available() == first
