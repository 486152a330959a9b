"""The mission editor: drafts in a form, a sentence for what is wrong, publish and retire asked before, a member looked up."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from accounts.segments.models import Segment
from points.missions import services
from points.missions.models import Badge, Mission
from points.missions.rules import Prize, Step
from points.rulebook import services as rulebook
from points.rulebook.models import RuleVersion

pytestmark = pytest.mark.django_db
ADD, LIST = "/admin/points/mission/add/", "/admin/points/mission/"


@pytest.fixture
def browser(db) -> Callable[..., Client]:
    def open_for(role: str = "marketer") -> Client:
        user = User.objects.create_user(f"sample {role}", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client = Client(headers={"accept-language": "en"})
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return open_for


def text(answer) -> str:
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def page(mission, what="change") -> str:
    return reverse(f"admin:points_mission_{what}", args=[mission.id])


def form(*, steps=({"fact": "shared", "needed": "5"},), prizes=(), **more) -> dict[str, str]:
    """The editor's form, filled in."""
    filled = {
        "code": "share-5", "name_zh": "分享", "name_en": "Share five times", "description_zh": "", "description_en": "", "icon": "", "priority": "0",
        "kind": "achievement", "days": "7", "counts_from": "", "starts_on": "", "ends_on": "", "segment": "", "points": "200", "claim_days": "7", **more,
    }  # fmt: skip
    for prefix, rows, blank in (
        ("steps", steps, {"position": "0", "needed": "1", "compare": "at_least", "field": "", "value": "", "distinct": "", "label_zh": "", "label_en": ""}),
        ("effects", prizes, {"benefit": "", "count": "1"}),
    ):
        filled |= {f"{prefix}-TOTAL_FORMS": str(len(rows)), f"{prefix}-INITIAL_FORMS": "0", f"{prefix}-MIN_NUM_FORMS": "0", f"{prefix}-MAX_NUM_FORMS": "1000"}
        for n, row in enumerate(rows):
            filled |= {f"{prefix}-{n}-{name}": value for name, value in {**blank, **row}.items()}
    return filled


class TestEditor:
    def test_a_mission_is_written_and_reads_as_it_will_be(self, browser, badge):
        client = browser()
        prizes = [{"what": "badge/sharer"}, {"what": "benefit/", "benefit": "own_agent", "count": "2"}]
        answer = client.post(ADD, form(prizes=prizes, automatic="on", _continue="1"))
        assert answer.status_code == 302, answer.context and answer.context["errors"]
        mission = Mission.objects.get()
        assert (mission.status, mission.made_by, [step.plain for step in mission.steps.all()]) == ("draft", "sample marketer", [Step("shared", 5)])
        assert [effect.plain for effect in mission.effects.all()] == [Prize("badge", "sharer"), Prize("benefit", "own_agent", 2)]
        assert "Shared × 5. Reward: 200 points + badge “Sharer” + benefit “own_agent” × 2." in text(client.get(answer["Location"]))

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"steps": ()}, "A mission needs a step"),
            ({"points": "0"}, "There is nothing to win"),
            ({"starts_on": "2099-12-02", "ends_on": "2099-12-01"}, "It ends before it begins."),
            ({"ends_on": "2020-01-01"}, "Its last day has passed."),
            ({"claim_days": "0"}, "Give members at least one day to claim it"),
            ({"kind": "newcomer", "days": "0"}, "needs at least one day"),
            ({"steps": ({"fact": "nonsense"},)}, "Select a valid choice"),
            ({"steps": ({"fact": "reviewed", "field": "stars", "value": "5"},)}, "has no such field. It has: purchase, line, pictures."),
            ({"steps": ({"fact": "reviewed", "field": "pictures", "value": "many"},)}, "give a whole number"),
            ({"steps": ({"fact": "reviewed", "field": "pictures"},)}, "give both or neither"),
            ({"steps": ({"fact": "shared"}, {"fact": "registered", "needed": "2"})}, "at most 1 times"),
            ({"prizes": ({"what": "benefit/"},)}, "Say which benefit."),
            ({"prizes": ({"what": "badge/sharer"}, {"what": "badge/sharer"})}, "This stands here twice"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_is_kept(self, browser, badge, change, sentence):
        assert sentence in text(browser().post(ADD, form(**change)))
        assert not Mission.objects.exists()

    def test_a_benefit_alone_is_reward_enough(self, browser):
        assert browser().post(ADD, form(points="0", prizes=[{"what": "benefit/", "benefit": "own_agent"}])).status_code == 302

    def test_a_draft_is_changed_and_keeps_its_history(self, browser, drafted):
        mission, client = drafted(), browser()
        (step,) = mission.steps.all()
        changed = form(name_en="Share three times", steps=({"fact": "shared", "needed": "3", "id": str(step.id), "mission": str(mission.id)},))
        assert client.post(page(mission), {**changed, "steps-INITIAL_FORMS": "1"}).status_code == 302
        assert (Mission.objects.get().name_en, Mission.objects.get().steps.get().needed) == ("Share three times", 3)
        assert Mission.history.filter(history_user__username="sample marketer").exists()

    def test_of_a_published_mission_only_how_it_is_shown_is_changed(self, browser, published):
        mission, client = published(), browser()
        shown = text(client.get(page(mission)))
        hidden = dict(re.findall(r'<input type="hidden" name="((?:steps|effects)-[^"]*)" value="([^"]*)"', shown))
        assert 'name="points"' not in shown
        assert 'name="steps-0-needed"' not in shown
        names = {"name_zh": "新", "name_en": "New", "description_zh": "", "description_en": "", "icon": "", "priority": "3"}
        assert client.post(page(mission), {**names, **hidden, "points": "1", "code": "other", "steps-0-needed": "1"}).status_code == 302
        mission.refresh_from_db()
        assert (mission.name_en, mission.priority, mission.points, mission.code) == ("New", 3, 200, "share-5")
        assert mission.steps.get().needed == 5

    def test_a_published_mission_is_not_deleted_and_a_draft_is(self, browser, published, drafted):
        client = browser()
        assert client.post(page(published(), "delete"), {"post": "yes"}).status_code == 403
        assert client.post(page(drafted("draft"), "delete"), {"post": "yes"}).status_code == 302

    def test_the_list_takes_as_many_queries_for_thirty_as_for_three(self, browser, drafted, django_assert_max_num_queries):
        client = browser()
        for n in range(30):
            drafted(f"m-{n}")
        client.get(LIST)
        with django_assert_max_num_queries(12):
            assert "Sample mission" in text(client.get(LIST))


class TestSteering:
    def test_publishing_asks_first_and_says_what_it_will_be(self, browser, drafted):
        mission, client = drafted(), browser()
        asked = text(client.get(f"{LIST}{mission.id}/publish/"))
        assert "Shared × 5. Reward: 200 points." in asked
        assert "no earning rule" not in asked
        assert Mission.objects.get().status == "draft"
        assert client.post(f"{LIST}{mission.id}/publish/").status_code == 302
        assert (Mission.objects.get().status, Mission.objects.get().published_by) == ("published", "sample marketer")

    def test_publishing_warns_where_its_points_would_not_be_given(self, browser, drafted, noon):
        mission = drafted()
        rulebook.retire(version_id=RuleVersion.objects.get().id, reason="over", actor="tests", now=noon)
        assert "no earning rule about completed missions is in force" in text(browser().get(f"{LIST}{mission.id}/publish/"))

    def test_what_cannot_be_published_stays_a_draft_and_says_why(self, browser, drafted):
        mission = drafted(points=0)
        assert "There is nothing to win" in text(browser().post(f"{LIST}{mission.id}/publish/"))
        assert Mission.objects.get().status == "draft"

    def test_retiring_takes_a_reason(self, browser, published):
        mission, client = published(), browser()
        assert "required" in text(client.post(f"{LIST}{mission.id}/retire/", {"reason": ""}))
        assert client.post(f"{LIST}{mission.id}/retire/", {"reason": "too dear"}).status_code == 302
        assert (Mission.objects.get().status, Mission.objects.get().retire_reason) == ("retired", "too dear")

    def test_duplicating_leads_to_the_draft(self, browser, published):
        answer = browser().post(f"{LIST}{published().id}/duplicate/")
        assert answer["Location"] == page(Mission.objects.get(code="share-5-2"))

    @pytest.mark.parametrize(
        ("state", "buttons"),
        [("drafted", {"publish", "preview", "duplicate"}), ("published", {"retire", "preview", "duplicate"})],
    )
    def test_only_the_buttons_that_can_do_something_are_there(self, browser, request, state, buttons):
        mission = request.getfixturevalue(state)()
        shown = text(browser().get(page(mission)))
        assert {one for one in ("publish", "retire", "preview", "duplicate") if f"{mission.id}/{one}/" in shown} == buttons

    def test_a_viewer_reads_and_does_nothing(self, browser, published, drafted):
        client, mission = browser("viewer"), published()
        assert "Shared × 5" in text(client.get(page(mission)))
        assert 'name="_save"' not in text(client.get(page(drafted("draft"))))
        for what in ("publish", "retire", "duplicate"):
            assert client.post(f"{LIST}{mission.id}/{what}/", {"reason": "x"}).status_code == 403
        assert client.get(ADD).status_code == 403


class TestPreview:
    def show(self, client, mission, member="M-1"):
        return text(client.get(f"{LIST}{mission.id}/preview/", {"member": member}))

    def test_it_shows_how_far_a_member_is_with_a_draft(self, browser, drafted, shares):
        mission = drafted("pack", Step("shared", 5), Step("purchase"))
        shares(1, 2, 3)
        shown = self.show(browser(), mission)
        assert "In all 50 percent." in shown
        assert ">3<" in shown

    def test_it_says_why_a_member_would_not_see_it(self, browser, drafted, member, now):

        Segment.objects.create(code="vip", name_zh="贵宾", name_en="VIPs")
        client = browser()
        assert "is not in the segment" in self.show(client, drafted("vips", segment="vip"))
        assert "is not on for this member today" in self.show(client, drafted("later", starts_on=(now + timedelta(days=9)).date()))
        assert "There is no member of that id." in self.show(client, drafted("any"), "nobody")

    def test_before_a_member_is_named_nothing_is_counted(self, browser, drafted):
        assert "In all" not in text(browser().get(f"{LIST}{drafted().id}/preview/"))


class TestLists:
    def test_completions_are_found_by_their_member(self, browser, published, shares, member):
        published(automatic=True)
        shares(1, 2, 3, 4, 5)
        client = browser("viewer")
        shown = text(client.get("/admin/points/missioncompletion/", {"q": "M-1"}))
        assert "Shared S-5" in shown
        assert "Shared S-5" not in text(client.get("/admin/points/missioncompletion/", {"q": "M-2"}))

    def test_what_was_not_claimed_in_time_reads_as_lapsed_before_the_job_has_run(self, browser, published, shares, completion, now):
        published()
        shares(1, 2, 3, 4, 5)
        type(completion()).objects.update(claim_until=now)
        shown = text(browser("viewer").get(reverse("admin:points_missioncompletion_change", args=[completion().id])))
        assert "lapsed" in shown

    def test_badges_are_written_and_members_badges_are_read(self, browser, member, noon):
        client = browser()
        assert client.post("/admin/points/badge/add/", {"code": "sharer", "name_zh": "分享达人", "name_en": "Sharer", "icon": "📣"}).status_code == 302
        services.award(member_id=member.id, badge="sharer", subject="mission/share-5/ever", now=noon)
        assert "mission/share-5/ever" in text(client.get("/admin/points/memberbadge/"))
        badge = Badge.objects.get()
        assert client.post(reverse("admin:points_badge_delete", args=[badge.code]), {"post": "yes"}).status_code == 403
