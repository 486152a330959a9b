"""The pages of rules, as operators use them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from loyalty.audit.models import AuditEntry
from points.cards.models import CardKind
from points.missions.models import Badge
from points.rulebook import selectors, services
from points.rulebook.admin import DefinitionForm
from points.rulebook.models import EarningSettings, Festival, Rule, RuleVersion, SharedLimit
from points.rulebook.rules import ONE, Band, Conditions, Definition, Effect, Limit

pytestmark = pytest.mark.django_db

ADD, LIST, CALENDAR = "/admin/points/rule/add/", "/admin/points/rule/", "/admin/points/rule/calendar/"
DOUBLE = Definition(effect=Effect("multiplier", factor=2 * ONE))
NAMED = {"code": "beauty", "name_zh": "美妆", "name_en": "Beauty"}


def text(answer) -> str:
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def page(version: RuleVersion, what: str = "change") -> str:
    return f"/admin/points/ruleversion/{version.id}/{what}/"


def sent(said: Definition = DOUBLE, fact: str = "purchase", **more) -> dict:
    """What the browser sends for a definition."""
    form = DefinitionForm(said=said, fact=fact)
    values = {name: form[name].value() for name in form.fields}
    data = {name: "on" if value is True else [*map(str, value)] if isinstance(value, list | tuple) else str(value) for name, value in values.items() if value}
    return data | {f"rows:{table}": str(count) for table, count in form.row_counts.items()} | {name.replace("__", "."): value for name, value in more.items()}


def wrong(answer) -> dict[str, list[str]]:
    """The sentences at the fields of the form, by place."""
    form = answer.context["form"]
    return {**{place: list(sentences) for place, sentences in form.errors.items()}, **form.at_tables}


class TestWritingARule:
    def test_first_it_is_asked_what_for(self, browser):
        answer = text(browser().get(ADD))
        assert 'href="?fact=purchase"' in answer
        assert 'href="?fact=reviewed"' in answer

    def test_what_is_saved_is_a_draft_of_what_was_filled_in(self, browser):
        data = sent(**NAMED, conditions__tiers=[], conditions__categories="COSMETICS\r\nBEAUTY\r\n\r\n", effect__factor="1.5", note="first")
        answer = browser().post(f"{ADD}?fact=purchase", data)
        version = RuleVersion.objects.get()
        assert answer["Location"] == page(version)
        assert (version.rule.code, version.status, version.note, version.made_by) == ("beauty", "draft", "first", "marketer")
        assert version.said == replace(DOUBLE, effect=Effect("multiplier", factor=15_000), conditions=Conditions(categories=("COSMETICS", "BEAUTY")))

    def test_what_is_wrong_stands_at_its_field_and_nothing_is_saved(self, browser):
        limits = {"limits.0.per": "day", "limits.0.points": "0", "limits.0.by": "member", "limits.1.per": "day", "limits.1.times": "2", "limits.1.by": "member"}
        data = sent(**NAMED, conditions__date_from="2026-11-11", conditions__date_until="2026-11-10", conditions__hour_from="8", conditions__hour_until="8")
        answer = browser().post(f"{ADD}?fact=purchase", {**data, **limits, "conditions.expression": "quantity > 'x'", "effect.factor": "101"})
        found = wrong(answer)
        assert list(found) == [
            *("conditions.hour_until", "conditions.date_until", "conditions.expression", "effect.factor", "limits.0.points", "limits.1.per"),
        ]  # fmt: skip
        assert found["conditions.date_until"] == ["This is before the first day, so no day could be both."]
        assert "at character 10: found no matching overload" in found["conditions.expression"][0]
        assert not Rule.objects.exists()

    def test_bands_with_a_gap_are_told_at_the_row_and_none_at_the_table(self, browser):
        client, url = browser(), f"{ADD}?fact=purchase"
        bands = Definition(effect=Effect("bands", measure="amount", bands=(Band(0, 10_000, points=5), Band(10_100, None, points=9))))
        assert wrong(client.post(url, sent(bands, **NAMED))) == {"effect.bands.1.start": ["There is a gap: begin where the band before ends."]}
        none = replace(bands, effect=replace(bands.effect, bands=()))
        assert wrong(client.post(url, sent(none, **NAMED))) == {"effect.bands": ["Give at least one band."]}

    def test_a_row_left_empty_in_between_does_not_shift_the_sentence(self, browser):
        data = sent(**NAMED) | {"rows:limits": "3", "limits.0.by": "member", "limits.1.by": "member", "limits.2.by": "member", "limits.2.per": "day"}
        assert wrong(browser().post(f"{ADD}?fact=purchase", data)) == {"limits.2.points": ["Limit the points, the times, or both."]}

    def test_an_unfinished_draft_may_be_saved_and_its_page_says_what_is_missing(self, browser):
        client = browser()
        data = sent(**NAMED, conditions__hour_from="8", conditions__hour_until="8")
        assert "Save unfinished" in text(client.post(f"{ADD}?fact=purchase", data))
        client.post(f"{ADD}?fact=purchase", {**data, "unfinished": "1"})
        version = RuleVersion.objects.get()
        assert "Until hour: The hours begin and end at the same time" in text(client.get(page(version)))
        answer = text(client.post(page(version, "publish")))
        assert "This rule cannot work as it stands." in answer
        assert RuleVersion.objects.get().status == "draft"

    def test_the_preview_tells_it_in_words_and_saves_nothing(self, browser):
        answer = browser().post(f"{ADD}?fact=purchase", sent(**NAMED, preview="1"))
        assert answer.context["words"] == ["For each purchase: points × 2."]
        assert not Rule.objects.exists()

    def test_more_rows_are_given_when_asked_for(self, browser):
        answer = text(browser().post(f"{ADD}?fact=purchase", sent(more="limits")))
        assert 'name="limits.3.per"' in answer

    def test_what_cannot_be_said_of_a_fact_is_not_asked(self, browser):
        form = browser().get(f"{ADD}?fact=checked_in").context["form"]
        assert not {"conditions.nth_purchase", "conditions.min_cents", "conditions.categories", "margin_percent"} & form.fields.keys()
        assert "per_unit" not in dict(form.fields["effect.kind"].choices)
        assert ("streak", "streak") in form.fields["effect.measure"].choices
        assert ("data.streak", "whole number") in [(name, type_) for name, type_, _meaning in form.variables()]

    def test_the_cards_and_badges_that_there_are_are_named(self, browser):
        CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double card", use="multiplier")
        Badge.objects.create(code="star", name_zh="星", name_en="Star")
        form = browser().get(f"{ADD}?fact=checked_in").context["form"]
        assert ("double", "Double card") in form.fields["conditions.card"].choices
        assert "star" in form.fields["effect.item"].help_text

    def test_a_code_that_is_taken_is_refused_with_a_sentence(self, browser, draft):
        draft(code="beauty")
        assert "A rule with this code exists already." in text(browser().post(f"{ADD}?fact=purchase", sent(**NAMED)))


class TestVersions:
    def test_a_new_version_begins_as_the_one_in_force(self, browser, published):
        version = published(replace(DOUBLE, limits=(Limit("day", points=9),)))
        client, url = browser(), f"/admin/points/rule/{version.rule_id}/new-version/"
        form = client.get(url).context["form"]
        assert (form["effect.factor"].value(), form["limits.0.points"].value()) == ("2", 9)
        client.post(url, sent(effect__factor="3"))
        assert [(one.number, one.status, one.said.effect.factor) for one in version.rule.versions.order_by("number")] == [
            *((1, "published", 2 * ONE), (2, "draft", 3 * ONE)),
        ]  # fmt: skip

    def test_a_draft_is_edited_and_what_is_submitted_no_more(self, browser, draft, now):
        version, client = draft(), browser()
        client.post(page(version, "edit"), sent(effect__factor="4"))
        version.refresh_from_db()
        assert version.said.effect.factor == 4 * ONE
        assert client.post(page(version, "submit")).status_code == 302
        assert client.get(page(version, "edit")).status_code == 302
        client.post(page(version, "edit"), sent(effect__factor="5"))
        version.refresh_from_db()
        assert (version.status, version.said.effect.factor) == ("submitted", 4 * ONE)

    def test_sent_back_it_needs_a_reason(self, browser, draft, now):
        version, client = draft(), browser()
        services.submit(version_id=version.id, actor="anna", now=now)
        assert "required" in text(client.post(page(version, "send-back"), {"reason": ""}))
        client.post(page(version, "send-back"), {"reason": "too much"})
        version.refresh_from_db()
        assert version.status == "draft"

    def test_a_rule_is_duplicated_under_another_code(self, browser, published):
        version = published()
        client, url = browser(), f"/admin/points/rule/{version.rule_id}/duplicate/"
        assert client.get(url).context["names"]["code"].value() == "double-2"
        client.post(url, sent(**NAMED))
        made = RuleVersion.objects.get(rule__code="beauty")
        assert (made.status, made.said, made.rule.fact) == ("draft", DOUBLE, "purchase")

    def test_versions_stand_side_by_side_with_what_differs_marked(self, browser, published, draft):
        published()
        other = draft(replace(DOUBLE, limits=(Limit("day", points=9),)))
        answer = browser().get(page(other, "compare"))
        before, after = answer.context["sides"]
        assert [only for _sentence, only in before["words"]] == [False]
        assert [sentence for sentence, only in after["words"] if only] == ["At most 9 points a day for each member."]
        assert answer.context["differing"] == [("At most", "", "counted for each member · within one day · points 9")]
        assert "There is no other version" in text(browser().get(page(draft(code="lonely"), "compare")))

    def test_a_draft_is_thrown_away_after_a_question(self, browser, draft):
        version, client = draft(), browser()
        assert "has no other version" in text(client.get(page(version, "drop")))
        assert RuleVersion.objects.exists()
        assert client.post(page(version, "drop"))["Location"] == LIST
        assert not Rule.objects.exists()

    def test_a_rule_is_renamed(self, browser, published):
        version = published()
        browser().post(f"/admin/points/rule/{version.rule_id}/rename/", {"name_zh": "新", "name_en": "New"})
        assert Rule.objects.get().name_en == "New"

    def test_the_buttons_offered_are_those_that_can_do_something(self, browser, draft, now):
        def offered(version) -> set[str]:
            buttons = browser().get(page(version)).context["actions_detail"]
            shown = [*(one for one in buttons if not one.get("items")), *(item for one in buttons for item in one.get("items") or ())]
            return {one["path"].rstrip("/").rsplit("/", 1)[1] for one in shown} - {"new-version", "compare", "try-it", "try-on-history", "duplicate"}

        version = draft()
        assert offered(version) == {"edit", "submit", "publish", "drop"}
        services.submit(version_id=version.id, actor="anna", now=now)
        assert offered(version) == {"publish", "send-back"}
        services.publish(version_id=version.id, actor="anna", now=now)
        assert offered(version) == {"retire"}
        services.retire(version_id=version.id, reason="over", actor="anna", now=now)
        assert offered(version) == set()


class TestPublishing:
    def test_the_question_shows_what_holds_now_and_then_and_changes_nothing(self, browser, published, draft):
        published()
        version = draft(replace(DOUBLE, effect=Effect("multiplier", factor=3 * ONE)))
        answer = browser().get(page(version, "publish"))
        assert [[sentence for sentence, _only in side["words"]] for side in answer.context["sides"]] == [
            *(["For each purchase: points × 2."], ["For each purchase: points × 3."]),
        ]  # fmt: skip
        version.refresh_from_db()
        assert version.status == "draft"

    def test_published_it_is_in_force_from_now_on_or_from_the_time_given(self, browser, draft, now):
        at_once, later = draft(code="one"), draft(code="other")
        client = browser()
        client.post(page(at_once, "publish"), {"effective_from_0": "", "effective_from_1": "", "reason": "agreed"})
        client.post(page(later, "publish"), {"effective_from_0": "2999-11-11", "effective_from_1": "00:00", "reason": ""})
        at_once.refresh_from_db()
        later.refresh_from_db()
        assert (selectors.state(at_once, now=now + timedelta(minutes=1)), at_once.published_by) == ("in_force", "marketer")
        # Midnight in Shanghai.
        assert later.effective_from.isoformat() == "2999-11-10T16:00:00+00:00"
        assert AuditEntry.objects.filter(reason="agreed").exists()

    def test_a_time_that_has_passed_is_refused_with_a_sentence(self, browser, draft):
        version = draft()
        answer = text(browser().post(page(version, "publish"), {"effective_from_0": "2020-01-01", "effective_from_1": "00:00"}))
        assert "This has passed, and what happened then is decided." in answer

    def test_where_a_second_person_is_asked_for_the_page_says_who_may(self, browser, draft):
        EarningSettings(id=1, second_person="always").save()
        version = draft(actor="marketer")
        client = browser()
        assert "A second person must publish it" in text(client.get(page(version, "publish")))
        assert "A second person must publish this version" in text(client.post(page(version, "publish")))
        second = browser("marketer", name="second")
        assert "You are the second person: marketer has made it." in text(second.get(page(version, "publish")))
        second.post(page(version, "publish"))
        version.refresh_from_db()
        assert (version.status, version.published_by) == ("published", "second")

    def test_the_gate_is_told_with_what_the_simulation_showed(self, browser, draft):
        EarningSettings(id=1, second_person="costly", gate_percent=10).save()
        version, client = draft(), browser()
        assert "It was not simulated since it was last changed." in text(client.get(page(version, "publish")))
        RuleVersion.objects.update(simulated_percent="12.50")
        assert "The simulation shows 12.50 % of cost against before; the gate is +10 %." in text(client.get(page(version, "publish")))

    def test_what_would_give_nothing_is_said_before(self, browser, draft):
        over = replace(DOUBLE, conditions=Conditions(date_until=date(2020, 1, 1)))
        assert "its last day has passed" in text(browser().get(page(draft(over), "publish")))

    def test_retired_with_a_reason_it_decides_nothing_more(self, browser, published, now):
        version, client = published(), browser()
        assert "required" in text(client.post(page(version, "retire"), {"reason": ""}))
        client.post(page(version, "retire"), {"reason": "too dear", "at_0": "", "at_1": ""})
        version.refresh_from_db()
        assert (version.status, version.retire_reason) == ("retired", "too dear")
        assert selectors.in_force(code="double", at=now + timedelta(minutes=1)) is None


class TestSeeing:
    def test_the_list_tells_each_rule_in_short_with_its_state(self, browser, published, draft):
        published(replace(DOUBLE, campaign="11.11"))
        draft(code="other", fact="checked_in")
        found = {rule.code: rule for rule in browser().get(LIST).context["cl"].result_list}
        assert [(found[code].words, found[code].telling_state) for code in ("double", "other")] == [("points × 2", "in_force"), ("points × 2", "draft")]

    @pytest.mark.parametrize(
        ("query", "codes"),
        [
            ("state=in_force", {"a"}),
            ("state=coming", {"b"}),
            ("state=draft", {"a", "c"}),
            ("state=submitted", {"e"}),
            ("state=over", {"d"}),
            ("fact=checked_in", {"c"}),
            ("campaign=11.11", {"b"}),
            ("q=Rule d", {"d"}),
        ],
    )
    def test_the_list_is_filtered(self, browser, published, draft, now, query, codes):
        published(code="a")
        draft(code="a")
        published(replace(DOUBLE, campaign="11.11"), code="b", at=now + timedelta(days=1))
        draft(code="c", fact="checked_in")
        services.retire(version_id=published(code="d").id, reason="over", actor="anna", now=now)
        services.submit(version_id=draft(code="e").id, actor="anna", now=now)
        assert {rule.code for rule in browser().get(f"{LIST}?{query}").context["cl"].result_list} == codes

    def test_a_rules_page_shows_what_is_in_force_what_comes_and_what_is_worked_on(self, browser, published, draft, now):
        version = published()
        published(replace(DOUBLE, priority=1), at=now + timedelta(days=1))
        draft(replace(DOUBLE, conditions=Conditions(tiers=("nowhere",))))
        leading = browser().get(f"/admin/points/rule/{version.rule_id}/change/").context["leading"]
        assert [(str(one["state"]), one["version"].number) for one in leading] == [("in force", 1), ("begins later", 2), ("draft", 3)]
        assert leading[2]["wrong"] == [("Tiers", "There is no such tier: nowhere.")]

    def test_the_calendar_shows_what_runs_in_the_months_asked_for(self, browser, published):
        published(replace(DOUBLE, conditions=Conditions(date_from=date(2030, 11, 11), date_until=date(2030, 11, 17))))
        client = browser()
        assert [line.version.rule.code for line, _state, _short in client.get(f"{CALENDAR}?from=2030-10").context["lines"]] == ["double"]
        assert client.get(f"{CALENDAR}?from=2031-10").context["lines"] == []
        assert client.get(f"{CALENDAR}?from=nonsense").status_code == 200

    @pytest.mark.parametrize("language", ["en", "zh-hans"])
    def test_every_page_opens_in_both_languages(self, browser, published, draft, language):
        version, other = published(), draft(replace(DOUBLE, limits=(Limit("day", points=9),)))
        client = browser(language=language)
        rule = f"/admin/points/rule/{version.rule_id}"
        pages = [f"{rule}/{what}/" for what in ("change", "new-version", "duplicate", "rename")]
        pages += [page(other, what) for what in ("change", "edit", "submit", "publish", "drop", "compare", "new-version", "duplicate")]
        pages += [page(version, what) for what in ("change", "retire")] + [
            LIST,
            ADD,
            f"{ADD}?fact=purchase",
            f"{ADD}?fact=reviewed",
            CALENDAR,
            f"{CALENDAR}?all",
        ]
        assert {one: client.get(one).status_code for one in pages} == dict.fromkeys(pages, 200)


class TestWhoMay:
    WRITES = ("edit", "submit", "publish", "drop", "new-version", "duplicate")

    @pytest.mark.parametrize("role", ["viewer", "finance", "service", "risk"])
    def test_others_read_and_change_nothing(self, browser, draft, role):
        version, client = draft(), browser(role)
        assert [client.get(url).status_code for url in (LIST, page(version), page(version, "compare"), CALENDAR)] == [200] * 4
        assert {client.post(page(version, what), sent(**NAMED)).status_code for what in self.WRITES} == {403}
        rule = f"/admin/points/rule/{version.rule_id}"
        assert {client.post(f"{rule}/{what}/", sent(**NAMED)).status_code for what in ("new-version", "duplicate", "rename")} == {403}
        assert client.post(f"{ADD}?fact=purchase", sent(**NAMED)).status_code == 403
        assert client.post(page(version), sent()).status_code == 403
        assert RuleVersion.objects.get().status == "draft"

    def test_not_even_a_superuser_edits_what_is_published_past_the_verbs(self, browser, published):
        version = published()
        User.objects.create_superuser("root")
        client = browser(name="root")
        assert client.post(page(version), {"note": "x"}).status_code == 403
        assert client.get(reverse("admin:points_ruleversion_delete", args=[version.id])).status_code == 403
        assert client.get(reverse("admin:points_rule_delete", args=[version.rule_id])).status_code == 403


class TestWhatElseDecides:
    LIMIT = {"code": "daily", "name_zh": "每日", "name_en": "Daily", "over": ["behaviours"], "per": "day", "points": "1000", "active": "on"}
    DAYS = {"days-TOTAL_FORMS": "1", "days-INITIAL_FORMS": "0", "days-0-first": "2026-11-11", "days-0-last": "2026-11-17"}
    FESTIVAL = {"code": "singles", "name_zh": "双十一", "name_en": "Singles"}

    def test_a_shared_limit_is_in_force_in_every_process_once_saved(self, browser):
        before = selectors.generation()
        browser().post("/admin/points/sharedlimit/add/", self.LIMIT)
        kept = SharedLimit.objects.get()
        assert (kept.over, kept.points, kept.times) == (["behaviours"], 1000, None)
        assert selectors.generation() == before + 1
        assert [limit.code for limit in selectors.rulebook(seen=selectors.generation()).limits] == ["daily"]
        assert (AuditEntry.objects.get().subject, AuditEntry.objects.get().actor) == ("sharedlimit/daily", "marketer")

    @pytest.mark.parametrize(
        ("more", "sentence"),
        [({"points": ""}, "Limit the points, the times, or both."), ({"points": "0"}, "Give at least 1."), ({"over": ["danced"]}, "Select a valid choice.")],
    )
    def test_a_limit_that_limits_nothing_is_refused_with_a_sentence(self, browser, more, sentence):
        assert sentence in text(browser().post("/admin/points/sharedlimit/add/", {**self.LIMIT, **more}))

    def test_the_days_of_a_festival_count_once_saved(self, browser):
        before = selectors.generation()
        browser().post("/admin/points/festival/add/", {**self.FESTIVAL, **self.DAYS})
        assert selectors.generation() == before + 1
        festivals = selectors.rulebook(seen=selectors.generation()).festivals
        assert [festivals.get(date(2026, 11, day)) for day in (10, 11, 17, 18)] == [None, {"singles"}, {"singles"}, None]

    def test_days_that_end_before_they_begin_are_refused(self, browser):
        answer = browser().post("/admin/points/festival/add/", {**self.FESTIVAL, **self.DAYS, "days-0-last": "2026-11-10"})
        assert answer.status_code == 200
        assert not Festival.objects.exists()

    def test_a_festival_that_a_rule_names_is_not_deleted(self, browser, draft):
        named, free = (Festival.objects.create(code=code, name_zh=code, name_en=code) for code in ("named", "free"))
        draft(replace(DOUBLE, conditions=Conditions(festival="named")))
        client, before = browser("administrator"), selectors.generation()
        answers = [client.post(f"/admin/points/festival/{one.id}/delete/", {"post": "yes"}).status_code for one in (named, free)]
        assert answers == [403, 302]
        assert selectors.generation() == before + 1

    def test_the_settings_are_an_administrators(self, browser):
        form = {"second_person": "costly", "gate_percent": "5", "points_per_unit": "200", "decision_days": "365"}
        assert browser().post("/admin/points/earningsettings/add/", form).status_code == 403
        before = selectors.generation()
        browser("administrator").post("/admin/points/earningsettings/add/", form)
        assert (selectors.settings().gate_percent, selectors.rulebook(seen=selectors.generation()).points_per_unit) == (5, 200)
        assert selectors.generation() == before + 1
        assert AuditEntry.objects.get().figures["second_person"] == "costly"
