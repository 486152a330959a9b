from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextareaWidget

from accounts.members.admin import OfMembersAdmin
from loyalty.lib.screens import HistoryAdmin, ReasonForm, in_two_steps, operator_name

from . import rules, selectors, services
from .models import Segment, SegmentMember

LARGEST_FILE = 5_000_000


class IdsForm(ReasonForm):
    """Which members: pasted, or as a file. `cleaned_data["found"]` are their ids, each once."""

    ids = forms.CharField(
        label=_("Members"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}),
        help_text=_("The storefront's ids: one a line, or with commas between them. You see who is meant before anything happens."),
    )  # fmt: skip
    file = forms.FileField(
        label=_("or a CSV file"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("Its first column holds the ids; other columns are ignored."),
    )
    field_order = ["ids", "file", "reason"]

    def clean_file(self) -> list[str]:
        file: UploadedFile | None = self.cleaned_data["file"]
        if file is None:
            return []
        if (file.size or 0) > LARGEST_FILE:
            raise forms.ValidationError(_("The file is too large. Split it."))
        try:
            return rules.first_column(file.read())
        except ValueError:
            raise forms.ValidationError(_("This is no text file. Save the table as CSV and try again.")) from None

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if self.errors:
            return asked
        # What was previewed is confirmed to the letter: an id may hold a comma.
        read = rules.lines if "confirmed" in self.data else rules.pasted
        found = list(dict.fromkeys([*read(asked["ids"]), *asked["file"]]))
        if not found:
            raise forms.ValidationError(_("Paste ids, or choose a file."))
        if len(found) > rules.MOST:
            raise forms.ValidationError(
                _("These are %(count)s ids; at most %(most)s are taken at a time.") % {"count": f"{len(found):,}", "most": f"{rules.MOST:,}"}
            )
        return {**asked, "found": found}


@admin.register(Segment)
class SegmentAdmin(HistoryAdmin):
    list_display = ["code", "shown", "description"]
    search_fields = ["code", "name_zh", "name_en"]
    actions = None
    actions_detail = ["add_members", "remove_members"]
    SHOWN = 100

    def get_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        return ["code", "name_zh", "name_en", "description", *(["inside"] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> list[str]:
        return ["code", "inside"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_members_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request)

    @display(description=_("name"), ordering="name_zh")
    def shown(self, segment: Segment) -> str:
        return segment.name

    @display(description=_("members"))
    def inside(self, segment: Segment) -> str:
        count = selectors.size(segment=segment.code)
        said = ngettext("%(count)s member", "%(count)s members", count) % {"count": f"{count:,}"}
        return format_html(
            '<a class="console-link" href="{}?segment__code__exact={}">{}</a>', reverse("admin:accounts_segmentmember_changelist"), segment.code, said
        )

    @action(description=_("Add members"), permissions=["members"], icon="group_add", variant=ActionVariant.PRIMARY)
    def add_members(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._change(request, object_id, services.add, title=_("Add members"))

    @action(description=_("Remove members"), permissions=["members"], icon="group_remove")
    def remove_members(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._change(request, object_id, services.remove, title=_("Remove members"))

    def _change(self, request: HttpRequest, object_id: str, verb: Callable[..., services.Changed], *, title: Any) -> HttpResponse:
        def preview(asked: Mapping[str, Any]) -> Mapping[str, Any]:
            """What it would do, and whom nobody knows."""
            listed = selectors.listed(segment=segment.code, external_ids=asked["found"])
            before = selectors.size(segment=segment.code)
            moved, stay = (listed.outside, listed.inside) if adding else (listed.inside, listed.outside)
            return {
                "segment": segment,
                "rows": [
                    (gettext("will be added") if adding else gettext("will be removed"), len(moved)),
                    (gettext("are in the segment already") if adding else gettext("are not in the segment"), len(stay)),
                    (gettext("nobody has this id"), len(listed.unknown)),
                ],
                "effect": (before, before + (len(moved) if adding else -len(moved))),
                "unknown": listed.unknown[: self.SHOWN],
                "more_unknown": max(0, len(listed.unknown) - self.SHOWN),
                "ids": "\n".join(asked["found"]),
                "reason": asked["reason"],
                "possible": bool(moved),
            }

        def act(asked: Mapping[str, Any]) -> str:
            changed = verb(segment=segment.code, external_ids=asked["found"], actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            done = ngettext("%(count)s member was added.", "%(count)s members were added.", changed.count) if adding else ngettext(
                "%(count)s member was removed.", "%(count)s members were removed.", changed.count
            )  # fmt: skip
            messages.success(request, done % {"count": f"{changed.count:,}"})
            return back

        segment, adding = get_object_or_404(Segment, pk=object_id), verb is services.add
        back = reverse("admin:accounts_segment_change", args=[segment.pk])
        said = gettext("They come into the segment %(segment)s.") if adding else gettext("They leave the segment %(segment)s.")
        return in_two_steps(
            request,
            site=self.admin_site,
            title=title,
            consequence=said % {"segment": segment},
            form=IdsForm(request.POST or None, request.FILES or None),
            preview=preview,
            act=act,
            back=back,
            template="admin/accounts/segment/preview.html",
            context={"opts": self.opts, "object": segment, "original": segment},
        )


@admin.register(SegmentMember)
class SegmentMemberAdmin(OfMembersAdmin):
    list_display = ["whose", "segment", "added_at", "added_by"]
    list_filter = ["segment"]
    list_select_related = ["member", "segment"]
    list_display_links = None
    sortable_by = ()
    ordering = ["-id"]
    fields = ["whose", "segment", "added_at", "added_by"]
    readonly_fields = ["whose"]
