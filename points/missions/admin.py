from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.activity import selectors as activity
from accounts.members import selectors as members
from accounts.members.models import Member
from accounts.segments import selectors as segments
from loyalty.lib.localtime import local_date
from loyalty.lib.screens import HistoryAdmin, operator_name
from loyalty.programme import selectors as programme
from points.cards import selectors as cards
from points.ledger.admin import BooksAdmin

from . import rules, selectors, services
from .models import FIXED, Badge, MemberBadge, Mission, MissionCompletion, MissionEffect, MissionStep

DRAFT, PUBLISHED, RETIRED = Mission.Status.DRAFT, Mission.Status.PUBLISHED, Mission.Status.RETIRED
MISSION_COLOURS = {DRAFT: "info", PUBLISHED: "success", RETIRED: "warning"}
Status = MissionCompletion.Status
COMPLETION_COLOURS = {Status.OFFERED: "warning", Status.GRANTED: "success", Status.LAPSED: "info", Status.WITHDRAWN: "danger"}
# What of a published mission may still change: how it is shown.
SHOWN = ("name_zh", "name_en", "description_zh", "description_en", "icon", "priority")
NOTHING = [("", "—")]


def _today() -> Any:
    now = timezone.now()
    return local_date(now, programme.zone(now=now))


class MissionForm(forms.ModelForm):
    segment = forms.ChoiceField(
        label=capfirst(_("for the segment")), required=False, widget=UnfoldAdminSelectWidget,
        help_text=_("Only its members see the mission and can complete it. Empty: everybody."),
    )  # fmt: skip

    class Meta:
        model = Mission
        fields = [*SHOWN, *FIXED]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "segment" in self.fields:
            self.fields["segment"].choices = [("", gettext("everybody")), *((one.code, str(one)) for one in segments.segments())]

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if "kind" in self.fields and not self.errors:
            for flaw in selectors.flaws(asked, (), (), today=_today()):
                if flaw.place is None and flaw.field in self.fields and flaw.field != "points":
                    self.add_error(flaw.field, flaw.sentence)
        return asked


class StepForm(forms.ModelForm):
    fact = forms.ChoiceField(label=capfirst(_("what is to be done")), widget=UnfoldAdminSelectWidget)

    class Meta:
        model = MissionStep
        fields = ["position", "label_zh", "label_en", "fact", "needed", "field", "compare", "value", "distinct"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [kind for kind in activity.fact_kinds().values() if kind.active or kind.code == self.instance.fact]
        told = [(kind.code, str(kind)) for kind in kinds if not kind.ours]
        ours = [(kind.code, str(kind)) for kind in kinds if kind.ours]
        purchase = (rules.PURCHASE, gettext("Purchase"))
        self.fields["fact"].choices = [*NOTHING, (gettext("told by the storefront"), [purchase, *told]), (gettext("told by the programme itself"), ours)]


def _kept(formset: forms.BaseInlineFormSet) -> list[forms.ModelForm]:
    """The forms of those rows that are there and stay."""
    return [form for form in formset.forms if (form.has_changed() or form.instance.pk) and not formset._should_delete_form(form)]


class StepFormSet(forms.BaseInlineFormSet):
    """What is wrong with a step is said at its field."""

    def clean(self) -> None:
        super().clean()
        kept = _kept(self)
        if self.instance.status != DRAFT or any(form.errors for form in kept):
            return
        steps = [form.instance.plain for form in kept]
        terms = {field.name: getattr(self.instance, field.name) for field in Mission._meta.concrete_fields}
        for flaw in selectors.flaws(terms, steps, (), today=_today()):
            if flaw.place:
                kept[flaw.place[1]].add_error(flaw.field, flaw.sentence)
        if not steps:
            raise forms.ValidationError(selectors.SENTENCES["no_step"])


class PrizeForm(forms.ModelForm):
    """One choice of what it is, in place of an effect and a code."""

    what = forms.ChoiceField(label=capfirst(_("what is won")), widget=UnfoldAdminSelectWidget)
    benefit = forms.CharField(
        label=capfirst(_("which benefit")), required=False, max_length=60, widget=UnfoldAdminTextInputWidget,
        help_text=_("Only for a benefit: what the storefront gives then, in its words, like own_agent."),
    )  # fmt: skip

    class Meta:
        model = MissionEffect
        fields = ["count"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        badges = [(f"badge/{badge.code}", f"{badge} ({badge.code})") for badge in Badge.objects.all()]
        kinds = [(f"card/{kind.code}", f"{kind} ({kind.code})") for kind in cards.active_kinds()]
        benefit = ("benefit/", gettext("a benefit of the storefront's"))
        self.fields["what"].choices = [*NOTHING, (gettext("badges"), badges), (gettext("cards"), kinds), benefit]
        if self.instance.pk:
            is_benefit = self.instance.effect == MissionEffect.Effect.BENEFIT
            self.initial["what"] = "benefit/" if is_benefit else f"{self.instance.effect}/{self.instance.item}"
            self.initial["benefit"] = self.instance.item if is_benefit else ""

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        effect, _slash, item = asked.get("what", "").partition("/")
        item = item or asked.get("benefit", "").strip()
        if effect and not item:
            self.add_error("benefit", _("Say which benefit."))
        self.instance.effect, self.instance.item = effect, item
        return asked


class PrizeFormSet(forms.BaseInlineFormSet):
    def clean(self) -> None:
        super().clean()
        kept = _kept(self)
        named = [(form.instance.effect, form.instance.item) for form in kept]
        for number, form in enumerate(kept):
            if named[number] in named[:number]:
                form.add_error("what", _("This stands here twice. Give more of it instead."))
        if self.instance.status == DRAFT and not self.instance.points and not kept:
            raise forms.ValidationError(selectors.SENTENCES["nothing_to_win"])


class PartOfAMission:
    """An inline: who may change a mission may change its parts, while it is a draft. Afterwards each part is said in words."""

    extra = 0
    readonly_fields = ["said"]

    def has_view_permission(self, request: HttpRequest, obj: Mission | None = None) -> bool:
        return request.user.has_perm("points.view_mission")

    def has_change_permission(self, request: HttpRequest, obj: Mission | None = None) -> bool:
        return request.user.has_perm("points.change_mission") and (obj is None or obj.status == DRAFT)

    def has_add_permission(self, request: HttpRequest, obj: Mission | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Mission | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Mission | None = None) -> Sequence[Any]:
        return self.fields if self.has_change_permission(request, obj) else ["said"]


class StepInline(PartOfAMission, StackedInline):
    model = MissionStep
    form = StepForm
    formset = StepFormSet
    fields = [("fact", "needed"), ("field", "compare"), ("value", "distinct"), ("label_zh", "label_en"), "position"]

    def get_extra(self, request: HttpRequest, obj: Mission | None = None, **kwargs: Any) -> int:
        return 0 if obj else 1

    @display(description=_("in words"))
    def said(self, step: MissionStep) -> str:
        return selectors.step_in_words(step.plain)


class PrizeInline(PartOfAMission, TabularInline):
    model = MissionEffect
    form = PrizeForm
    formset = PrizeFormSet
    fields = ["what", "benefit", "count"]

    @display(description=_("in words"))
    def said(self, effect: MissionEffect) -> str:
        return selectors.prize_in_words(effect.plain, selectors.prize_names([effect.plain]))


class WhoForm(forms.Form):
    member = forms.CharField(label=_("Member"), max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id."))

    def clean_member(self) -> Member:
        try:
            return members.get(self.cleaned_data["member"].strip())
        except members.MemberUnknown:
            raise forms.ValidationError(_("There is no member of that id.")) from None


@admin.register(Mission)
class MissionAdmin(HistoryAdmin):
    """A draft is edited freely; of a published mission only how it is shown."""

    form = MissionForm
    list_display = ["name", "code", "kind", "state", "reward", "given", "segment", "starts_on", "ends_on", "priority"]
    list_filter = ["status", "kind", "automatic"]
    search_fields = ["code", "name_zh", "name_en"]
    inlines = [StepInline, PrizeInline]
    actions = None
    actions_detail = ["publish", "preview", "duplicate", "retire"]
    conditional_fields = {"days": "['newcomer', 'wake_up'].includes(kind)", "counts_from": "kind == 'achievement'", "claim_days": "!automatic"}

    def get_fieldsets(self, request: HttpRequest, obj: Mission | None = None) -> list[Any]:
        named = ["code", ("name_zh", "name_en"), "description_zh", "description_en", ("icon", "priority")]
        told = [(None, {"fields": ["in_words", "status"]})] if obj else []
        became = [_("What became of it"), {"fields": ["made_by", "made_at", "published_by", "published_at", "retired_by", "retired_at", "retire_reason"]}]
        return [
            *told,
            (_("What members see"), {"fields": named}),
            (_("When and for whom"), {"fields": ["kind", "days", "counts_from", ("starts_on", "ends_on"), "segment"]}),
            (_("Reward"), {"fields": ["points", "automatic", "claim_days"]}),
            (_("What can be counted"), {"fields": ["countable"], "classes": ["collapse"]}),
            *([became] if obj and obj.status != DRAFT else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Mission | None = None) -> list[str]:
        own = ["in_words", "status", "countable"]
        told = ["made_by", "made_at", "published_by", "published_at", "retired_by", "retired_at", "retire_reason"]
        if obj is None or obj.status == DRAFT:
            return [*own, *told]
        return [*own, *told, *FIXED]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Mission | None = None) -> dict[str, Any]:
        return {} if obj else {"code": ("name_en",)}

    def has_delete_permission(self, request: HttpRequest, obj: Mission | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.status == DRAFT)

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.publish_mission")

    def has_preview_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("accounts.view_member")

    def has_duplicate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def save_model(self, request: HttpRequest, obj: Mission, form: forms.ModelForm, change: bool) -> None:
        if not change:
            obj.made_at, obj.made_by = timezone.now(), operator_name(request)
        super().save_model(request, obj, form, change)

    @display(description=_("name"))
    def name(self, mission: Mission) -> str:
        return mission.name

    @display(description=_("status"), label=MISSION_COLOURS)
    def state(self, mission: Mission) -> tuple[str, str]:
        return mission.status, mission.get_status_display()

    @display(description=_("points"))
    def reward(self, mission: Mission) -> str:
        return f"{mission.points:,}"

    @display(description=_("automatic"), boolean=True)
    def given(self, mission: Mission) -> bool:
        return mission.automatic

    @display(description=_("in words"))
    def in_words(self, mission: Mission) -> str:
        return selectors.in_words(mission)

    @display(description=_("kinds of facts and their fields"))
    def countable(self, mission: Mission) -> SafeString:
        kinds = [(gettext("Purchase"), "amount_cents")]
        kinds += [(str(kind), ", ".join(field.name for field in kind.shape) or "–") for kind in activity.fact_kinds().values() if kind.active]
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}: <code>{}</code></li>", kinds))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons that can do something now; who finds another way to them is told by the verb."""
        status = Mission.objects.filter(pk=object_id).values_list("status", flat=True).first()
        offered = {"preview", "duplicate"} | {DRAFT: {"publish"}, PUBLISHED: {"retire"}}.get(status, set())
        return [one for one in super().get_actions_detail(request, object_id) if one.path in offered]

    @action(description=_("Publish"), permissions=["publish"], icon="publish", variant=ActionVariant.PRIMARY)
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.publish(mission_id=mission.id, actor=operator_name(request), now=timezone.now())
            return _("The mission is published.")

        mission = self._named(object_id)
        said = [selectors.in_words(mission), gettext("Once published, its steps and reward stay as they are. It can be retired, and copied.")]
        if mission.points and not selectors.points_are_given(now=timezone.now()):
            said.append(gettext("Mind: no earning rule about completed missions is in force, so its points would not be given. Publish such a rule first."))
        return self.ask(request, mission, act, title=_("Publish mission"), consequence=selectors.sentences(said))

    @action(description=_("Retire"), permissions=["publish"], icon="archive")
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.retire(mission_id=mission.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The mission is retired.")

        mission = self._named(object_id)
        consequence = _("Nobody is offered it any more, and progress towards it is lost. What is completed already can still be claimed. This is final.")
        return self.ask(request, mission, act, with_reason=True, title=_("Retire mission"), consequence=consequence, danger=True)

    @action(description=_("Duplicate"), permissions=["duplicate"], icon="content_copy")
    def duplicate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        made = []

        def act(asked: Mapping[str, Any]) -> Any:
            made.append(services.duplicate(mission_id=mission.id, actor=operator_name(request), now=timezone.now()))
            return _("This is a draft with the same steps and rewards, %(code)s.") % {"code": made[0].code}

        mission = self._named(object_id)
        consequence = _(
            "You get a draft with the same steps and rewards under a new code. It is a mission of its own: who has completed this one can complete it too."
        )
        answer = self.ask(request, mission, act, title=_("Duplicate mission"), consequence=consequence)
        if made:
            answer["Location"] = _page(made[0])
        return answer

    @action(description=_("Preview for a member"), url_path="preview", permissions=["preview"], icon="person_search")
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        mission = self._named(object_id)
        if not self.has_preview_permission(request):
            raise PermissionDenied
        form = WhoForm(request.GET if "member" in request.GET else None)
        page = {
            **self.admin_site.each_context(request), "opts": self.opts, "object": mission, "original": mission, "title": _("Preview for a member"),
            "form": form, "back": _page(mission), "words": selectors.in_words(mission), "notes": None,
        }  # fmt: skip
        if form.is_valid():
            page |= _preview(mission, form.cleaned_data["member"])
        return TemplateResponse(request, "admin/points/mission/preview.html", page)

    def _named(self, object_id: str) -> Mission:
        return get_object_or_404(Mission.objects.prefetch_related("steps", "effects"), pk=object_id)


def _page(mission: Mission) -> str:
    return reverse("admin:points_mission_change", args=[mission.id])


def _preview(mission: Mission, member: Member) -> dict[str, Any]:
    """How far the member is with it now, and why they would not see it."""
    now = timezone.now()
    notes = []
    if not selectors.for_member([mission], member_id=member.id):
        notes.append(gettext("This member is not in the segment and would not see the mission."))
    found = next(iter(selectors.progress([mission], member=member, at=now)), None)
    if found is None:
        notes.append(gettext("The mission is not on for this member today."))
        return {"notes": notes}
    if found.completion:
        notes.append(gettext("Completed in this period: %(status)s.") % {"status": found.completion.get_status_display()})
    if found.period.over(now):
        notes.append(gettext("Its time is over for this member."))
    zone = programme.zone(now=now)

    def moment(at: Any) -> str:
        return date_format(at.astimezone(zone), "DATETIME_FORMAT") if at else ""

    told = [gettext("In all %(percent)s percent.") % {"percent": rules.percent(found.steps)}]
    if found.period.since:
        told.append(gettext("Counted from %(moment)s on.") % {"moment": moment(found.period.since)})
    if found.period.until:
        told.append(gettext("Over at %(moment)s.") % {"moment": moment(found.period.until)})
    labels = [selectors.label(step) for step in selectors.plain_steps(mission)]
    return {"notes": notes, "progress": list(zip(labels, found.steps, strict=True)), "told": selectors.sentences(told)}


@admin.register(MissionCompletion)
class MissionCompletionAdmin(BooksAdmin):
    list_display = ["mission", "whose", "period", "state", "points", "completed_by", "completed_at", "claim_until"]
    list_filter = ["status", "mission"]
    list_select_related = ["member", "mission"]
    search_help_text = _("A member's storefront id")
    fields = ["mission", "whose", "period", "status_now", "points", "completed_by", "completed_at", "claim_until", "turned_at", "attempt"]
    readonly_fields = ["whose", "status_now", "completed_by"]

    @display(description=_("status"), label=COMPLETION_COLOURS)
    def state(self, completion: MissionCompletion) -> tuple[str, str]:
        seen = _seen(completion)
        return seen, seen.label

    @display(description=_("status"))
    def status_now(self, completion: MissionCompletion) -> str:
        return _seen(completion).label

    @display(description=_("completed by"))
    def completed_by(self, completion: MissionCompletion) -> str:
        return f"{selectors.fact_name(completion.completed_kind)} {completion.completed_fact}"


def _seen(completion: MissionCompletion) -> Status:
    """What was not claimed in time has lapsed, booked so or not."""
    due = completion.status == Status.OFFERED and completion.claim_until <= timezone.now()
    return Status.LAPSED if due else Status(completion.status)


@admin.register(Badge)
class BadgeAdmin(HistoryAdmin):
    list_display = ["name", "code", "icon"]
    search_fields = ["code", "name_zh", "name_en"]
    fields = ["code", ("name_zh", "name_en"), "icon"]
    actions = None

    @display(description=_("name"))
    def name(self, badge: Badge) -> str:
        return badge.name

    def get_readonly_fields(self, request: HttpRequest, obj: Badge | None = None) -> list[str]:
        return ["code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(MemberBadge)
class MemberBadgeAdmin(BooksAdmin):
    list_display = ["badge", "whose", "won_at", "subject", "times"]
    list_filter = ["badge"]
    list_select_related = ["member", "badge"]
    search_help_text = _("A member's storefront id")
    fields = ["badge", "whose", "won_at", "subject", "times"]
    readonly_fields = ["whose"]
