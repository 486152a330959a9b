from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import CharField, ModelForm, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.members import selectors as members
from accounts.members.models import Member
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import ReadOnlyAdmin, operator_name

from . import selectors, services
from .models import BlockListEntry


class BlockForm(ModelForm):
    member_named = CharField(label=_("member"), max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id of the member."))

    class Meta:
        model = BlockListEntry
        fields = ["reason", "until"]

    def clean_member_named(self) -> Member:
        try:
            member = members.get(self.cleaned_data["member_named"])
        except members.MemberUnknown as refusal:
            raise ValidationError(refusal.message) from refusal
        if selectors.is_blocked(member_id=member.id, now=timezone.now()):
            raise ValidationError(services.AlreadyBlocked.title)
        return member

    def clean_until(self) -> datetime | None:
        until = self.cleaned_data["until"]
        if until and until <= timezone.now():
            raise ValidationError(services.BlockOver.title)
        return until


class OpenFilter(admin.SimpleListFilter):
    title = _("block")
    parameter_name = "block"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, Any]]:
        return [("open", _("in force")), ("lifted", _("lifted"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[BlockListEntry]) -> QuerySet[BlockListEntry]:
        return queryset.filter(lifted_at__isnull=self.value() == "open") if self.value() else queryset


@admin.register(BlockListEntry)
class BlockListEntryAdmin(ReadOnlyAdmin):
    form = BlockForm
    list_display = ["member", "state", "reason", "blocked_by", "blocked_at", "until", "lifted_at", "lifted_by"]
    list_select_related = ["member"]
    list_filter = [OpenFilter]
    search_fields = ["=member__external_id", "reason", "blocked_by"]
    search_help_text = _("The storefront's id of the member, the reason, or who blocked")
    fields = ["member", "reason", "blocked_by", "blocked_at", "until", "lifted_at", "lifted_by", "lift_reason"]
    add_fieldsets = [
        (
            None,
            {
                "fields": ["member_named", "reason", "until"],
                "description": _("A blocked member can neither earn nor use points, and the account is frozen, until the block is lifted."),
            },
        )
    ]
    actions_detail = ["lift"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("riskcontrol.add_blocklistentry")

    def has_lift_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("riskcontrol.lift_blocklistentry")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        lifted = BlockListEntry.objects.filter(pk=object_id, lifted_at__isnull=False).exists()
        return [] if lifted else super().get_actions_detail(request, object_id)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except BusinessError as refusal:
            # Somebody else was quicker between the form's check and the verb's.
            self.message_user(request, refusal.message, level=messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: BlockListEntry, form: ModelForm, change: bool) -> None:
        member = form.cleaned_data["member_named"]
        entry = services.block(member_id=member.id, reason=obj.reason, until=obj.until, actor=operator_name(request), now=timezone.now())
        obj.pk, obj.member = entry.pk, member

    @action(description=_("Lift the block"), permissions=["lift"], icon="lock_open")
    def lift(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.lift(entry_id=entry.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The block was lifted.")

        entry = self.found(request, object_id)
        consequence = _("The member can earn and use points again at once. To block the member again is a new entry.")
        return self.ask(request, entry, act, with_reason=True, title=_("Lift the block"), consequence=consequence)

    @display(description=_("block"), label={"open": "danger", "lifted": "success"})
    def state(self, entry: BlockListEntry) -> tuple[str, Any]:
        return ("lifted", _("lifted")) if entry.lifted_at else ("open", _("in force"))
