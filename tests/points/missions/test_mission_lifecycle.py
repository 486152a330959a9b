"""Draft, published, retired, copied; and what is said about a mission in words."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import translation

from accounts.activity.models import FactKind
from loyalty.audit.models import AuditEntry
from loyalty.lib.configuration import forget
from points.cards.models import CardKind
from points.missions import selectors, services
from points.missions.models import Mission, MissionCompletion
from points.missions.rules import Prize, Step
from points.rulebook import services as rulebook
from points.rulebook.models import RuleVersion

pytestmark = pytest.mark.django_db


def publish(mission, now):
    return services.publish(mission_id=mission.id, actor="tests", now=now)


class TestPublishing:
    def test_it_begins_today_where_no_first_day_is_given(self, drafted, noon):
        assert publish(drafted(), noon).starts_on == date(2026, 11, 21)
        assert publish(drafted("later", starts_on=date(2026, 12, 1)), noon).starts_on == date(2026, 12, 1)

    def test_who_published_it_is_on_record(self, published):
        published()
        assert list(AuditEntry.objects.filter(verb__startswith="mission").values_list("actor", "verb", "subject")) == [
            ("tests", "mission.published", "mission/share-5")
        ]

    def test_it_is_published_once(self, published, noon, refuses):
        mission = published()
        with refuses(services.MissionDecided):
            publish(mission, noon)

    @pytest.mark.parametrize(
        ("terms", "sentence"),
        [
            ({"points": 0}, "There is nothing to win"),
            ({"segment": "nobody"}, "There is no such segment."),
            ({"prizes": [Prize("badge", "nonsense")]}, "There is no “nonsense” to give away"),
            ({"prizes": [Prize("card", "nonsense")]}, "There is no “nonsense” to give away"),
            ({"starts_on": date(2026, 11, 1), "ends_on": date(2026, 11, 20)}, "Its last day has passed."),
        ],
    )
    def test_what_cannot_work_is_refused_with_a_sentence(self, drafted, noon, refuses, terms, sentence):
        mission = drafted(**terms)
        with translation.override("en"), refuses(services.MissionFaulty) as refused:
            publish(mission, noon)
        assert sentence in refused.value.message

    def test_facts_that_are_not_accepted_any_more_cannot_be_asked_for(self, drafted, noon, refuses):
        mission = drafted()
        FactKind.objects.filter(code="shared").update(active=False)
        forget(FactKind)
        with refuses(services.MissionFaulty):
            publish(mission, noon)

    def test_an_inactive_card_cannot_be_promised(self, drafted, noon, refuses):
        kind = CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double points", use="multiplier")
        mission = drafted(prizes=[Prize("card", "double")])
        kind.active = False
        kind.save()
        with refuses(services.MissionFaulty):
            publish(mission, noon)


class TestAPublishedMissionStays:
    @pytest.mark.parametrize(
        ("field", "value"),
        [("points", 1), ("kind", "daily"), ("automatic", True), ("claim_days", 1), ("segment", "vip"), ("ends_on", date(2027, 1, 1)), ("code", "other")],
    )
    def test_its_reward_and_its_days_never_change(self, published, field, value):
        mission = published()
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            Mission.objects.filter(id=mission.id).update(**{field: value})

    def test_its_steps_and_prizes_never_change(self, published, badge):
        mission = published(prizes=[Prize("badge", "sharer")])
        changes = [
            lambda: mission.steps.update(needed=1),
            lambda: mission.steps.all().delete(),
            lambda: mission.steps.create(fact="liked"),
            lambda: mission.effects.update(count=9),
            lambda: mission.effects.all().delete(),
            lambda: mission.effects.create(effect="benefit", item="more"),
            lambda: mission.delete(),
        ]
        for change in changes:
            with pytest.raises(DatabaseError), transaction.atomic():
                change()

    def test_how_it_is_shown_may_change(self, published):
        mission = published()
        mission.name_en, mission.priority = "Another name", 9
        mission.save()
        assert Mission.objects.get().name_en == "Another name"

    def test_a_draft_changes_freely_and_goes_without_a_trace(self, drafted):
        mission = drafted()
        mission.steps.update(needed=1)
        mission.delete()
        assert not Mission.objects.exists()


class TestRetiring:
    def test_it_takes_a_reason_which_is_on_record(self, published, noon, refuses):
        mission = published()
        with refuses(services.ReasonMissing):
            services.retire(mission_id=mission.id, reason=" ", actor="tests", now=noon)
        services.retire(mission_id=mission.id, reason="too dear", actor="tests", now=noon)
        assert Mission.objects.get().retire_reason == "too dear"
        assert AuditEntry.objects.get(verb="mission.retired").reason == "too dear"

    def test_a_draft_is_not_retired_and_a_retired_one_not_again(self, drafted, published, noon, refuses):
        for mission in (drafted("draft"), services.retire(mission_id=published().id, reason="over", actor="tests", now=noon)):
            with refuses(services.MissionDecided):
                services.retire(mission_id=mission.id, reason="over", actor="tests", now=noon)

    def test_nobody_completes_it_any_more(self, published, shares, noon):
        mission = published(automatic=True)
        services.retire(mission_id=mission.id, reason="over", actor="tests", now=noon)
        shares(1, 2, 3, 4, 5)
        assert not MissionCompletion.objects.exists()


class TestDuplicating:
    def test_the_copy_is_a_draft_with_the_same_steps_and_rewards_and_no_days(self, published, badge, noon):
        steps = (Step("shared", 5, distinct="subject", label_en="Share"), Step("reviewed", 1, "pictures", "at_least", "1"))
        origin = published("pack", *steps, prizes=[Prize("badge", "sharer")], claim_days=3, ends_on=date(2027, 1, 1), icon="🎁")
        copy = services.duplicate(mission_id=origin.id, actor="tests", now=noon)
        assert (copy.code, copy.status, copy.points, copy.claim_days, copy.icon, copy.starts_on, copy.ends_on) == ("pack-2", "draft", 200, 3, "🎁", None, None)
        assert selectors.plain_steps(copy) == list(steps)
        assert [effect.plain for effect in copy.effects.all()] == [Prize("badge", "sharer")]

    def test_each_copy_has_a_code_of_its_own(self, drafted, noon):
        origin = drafted("x" * 60)
        codes = [services.duplicate(mission_id=origin.id, actor="tests", now=noon).code for _n in range(2)]
        assert codes == ["x" * 56 + "-2", "x" * 56 + "-3"]

    def test_who_completed_the_first_completes_the_copy_by_the_same_facts(self, published, shares, member, noon):
        origin = published()
        shares(1, 2, 3, 4, 5)
        publish(services.duplicate(mission_id=origin.id, actor="tests", now=noon), noon)
        assert [one.mission.code for one in services.settle(member_id=member.id, at=noon, now=noon)] == ["share-5-2"]

    def test_a_code_that_is_taken_is_refused(self, drafted, refuses):
        drafted()
        with refuses(services.MissionTaken):
            drafted()


class TestWhatItPromises:
    def test_points_are_given_only_where_a_rule_about_missions_is_in_force(self, rule, noon):
        assert selectors.points_are_given(now=noon)
        rulebook.retire(version_id=RuleVersion.objects.get().id, reason="over", actor="tests", now=noon)
        assert not selectors.points_are_given(now=noon + timedelta(seconds=1))

    def test_without_such_a_rule_a_completion_gives_nothing_and_says_so(self, published, shares, completion, noon, available):
        published(automatic=True)
        rulebook.retire(version_id=RuleVersion.objects.get().id, reason="over", actor="tests", now=noon - timedelta(days=1))
        shares(1, 2, 3, 4, 5)
        assert (completion().status, completion().points, available()) == ("granted", 0, 0)


class TestInWords:
    @pytest.mark.parametrize(
        ("terms", "words"),
        [
            (
                {},
                "Once, counting all that was ever done: Shared × 5. Reward: 200 points. The member claims it within 7 days after completing it. For everybody.",
            ),
            (
                {"kind": "daily", "automatic": True, "points": 1},
                "Each day: Shared × 5. Reward: 1 point. It is given automatically with the last step. For everybody.",
            ),
            (
                {"kind": "weekly", "claim_days": 1, "segment": "vip", "ends_on": date(2026, 12, 31)},
                (
                    "Each week from Monday: Shared × 5. Reward: 200 points. The member claims it by the end of the next day. "
                    "Only for the segment “vip”. Through 2026-12-31."
                ),
            ),
            (
                {"kind": "newcomer", "days": 7, "automatic": True, "points": 1_000, "prizes": [Prize("badge", "sharer"), Prize("benefit", "own_agent", 2)]},
                (
                    "Once, within 7 days after registration: Shared × 5. Reward: 1,000 points + badge “Sharer” + benefit “own_agent” × 2. "
                    "It is given automatically with the last step. For everybody."
                ),
            ),
            (
                {"counts_from": date(2026, 1, 1), "automatic": True, "points": 0},
                "Once, counting from 2026-01-01: Shared × 5. Reward: nothing. It is given automatically with the last step. For everybody.",
            ),
        ],
    )
    def test_a_mission_reads_as_it_will_be(self, drafted, badge, terms, words):
        with translation.override("en"):
            assert selectors.in_words(drafted(**terms)) == words

    def test_steps_read_with_their_conditions(self, drafted):
        steps = (Step("reviewed", 3, "pictures", "at_least", "1"), Step("bound", 1, "channel", "is", "wechat"), Step("shared", 5, distinct="subject"))
        with translation.override("en"):
            assert "Reviewed × 3 (pictures at least 1); Channel bound × 1 (channel is wechat); Shared × 5 (each subject only once)." in selectors.in_words(
                drafted("pack", *steps)
            )
