from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

from axes.models import AccessAttempt
from axes.utils import reset
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as StockGroupAdmin
from django.contrib.auth.admin import UserAdmin as StockUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.leaving import selectors as leaving_seen
from accounts.leaving import services as leaving
from accounts.leaving.models import Erasure
from accounts.members.models import Member
from accounts.tokens import services as tokens
from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.screens import ReadOnlyAdmin, ReasonForm, ScreenAdmin, operator_name
from points.ledger import selectors as books
from points.ledger import services as ledger

from . import selectors, services


class EraseForm(ReasonForm):
    """`key` is made with the form, so that a form sent twice is one request."""

    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = Erasure._meta.get_field("reason").help_text


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    """One page with all that is known of a member. The storefront writes the profile; here it is read, and points are steered."""

    list_display = ["external_id", "name", "masked_phone", "email", "state", "registered_at", "created_at"]
    search_fields = ["external_id"]
    search_help_text = _("The storefront's id (or its beginning), a whole phone number or a whole e-mail address")
    ordering = ["-id"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Member], search_term: str) -> tuple[QuerySet[Member], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # “Above empty” lets PostgreSQL use the index of phones, which leaves empty ones out.
        found = Q(external_id__startswith=term) | Q(phone=term, phone__gt="")
        if "@" in term:
            queryset = queryset.alias(lower_email=Lower("email"))
            found |= Q(lower_email=term.lower())
        return queryset.filter(found), False

    @display(description=_("phone"), ordering=None)
    def masked_phone(self, member: Member) -> str:
        return f"{member.phone[:3]}****{member.phone[-4:]}" if len(member.phone) > 7 else member.phone

    @display(
        description=_("status"),
        label={Member.Status.ACTIVE: "success", Member.Status.CLOSED: "danger", Member.Status.MERGED: "info", Member.Status.ERASED: "info"},
    )
    def state(self, member: Member) -> tuple[str, str]:
        return member.status, member.get_status_display()

    def get_urls(self) -> list[URLPattern]:
        pages = {"freeze": self.freeze, "unfreeze": self.unfreeze, "end-tokens": self.end_tokens}
        pages |= {"close": self.close, "reopen": self.reopen, "copy": self.copy, "erase": self.erase}
        own = [path(f"<uuid:member_id>/{name}/", self.admin_site.admin_view(view), name=f"accounts_member_{view.__name__}") for name, view in pages.items()]
        return own + super().get_urls()

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        member = self.get_object(request, object_id)
        if member is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, member):
            raise PermissionDenied
        page = {
            **self.admin_site.each_context(request),
            **selectors.member_page(member, user=request.user, now=timezone.now()),
            "opts": self.opts, "object": member, "original": member, "title": str(member), "member": member,
        }  # fmt: skip
        return TemplateResponse(request, "console/member.html", page)

    def freeze(self, request: HttpRequest, member_id: UUID) -> HttpResponse:
        def act(member: Member, asked: Mapping[str, Any]) -> Any:
            ledger.freeze(member_id=member.id, actor=operator_name(request), reason=asked["reason"], key=f"freeze/{uuid4()}", now=timezone.now())
            return _("The points of %(member)s are frozen.") % {"member": member}

        consequence = _("The member can no longer use points: no hold, no spending, no transfer. Points still come in, expire and are taken back.")
        return self._ask(request, member_id, "points.change_account", act, title=_("Freeze points"), consequence=consequence, danger=True)

    def unfreeze(self, request: HttpRequest, member_id: UUID) -> HttpResponse:
        def act(member: Member, asked: Mapping[str, Any]) -> Any:
            ledger.unfreeze(member_id=member.id, actor=operator_name(request), reason=asked["reason"], key=f"unfreeze/{uuid4()}", now=timezone.now())
            return _("%(member)s can use points again.") % {"member": member}

        return self._ask(
            request, member_id, "points.change_account", act, title=_("Unfreeze points"), consequence=_("The member can use points again at once.")
        )

    def end_tokens(self, request: HttpRequest, member_id: UUID) -> HttpResponse:
        def act(member: Member, asked: Mapping[str, Any]) -> Any:
            tokens.revoke(member_id=member.id)
            audit.record(
                actor=operator_name(request), verb="member.tokens_ended", subject=f"member/{member.external_id}", reason=asked["reason"], now=timezone.now()
            )
            return _("All tokens of %(member)s have ended.") % {"member": member}

        consequence = _("Every app that acts for this member now must ask the storefront for a new token. For a lost phone or a token that leaked.")
        return self._ask(request, member_id, "accounts.change_member", act, title=_("End tokens"), consequence=consequence, danger=True)

    def close(self, request: HttpRequest, member_id: UUID) -> HttpResponse:
        def act(member: Member, asked: Mapping[str, Any]) -> Any:
            leaving.close(member_id=member.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("%(member)s is closed.") % {"member": member}

        consequence = _(
            "The member takes part no more: tokens end, the profile, events, holds and spending are refused, purchases earn nothing. "
            "Captures, refunds and expiry go on. It can be opened again."
        )
        return self._ask(request, member_id, "accounts.change_member", act, title=_("Close membership"), consequence=consequence, danger=True)

    def reopen(self, request: HttpRequest, member_id: UUID) -> HttpResponse:
        def act(member: Member, asked: Mapping[str, Any]) -> Any:
            leaving.reopen(member_id=member.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("%(member)s takes part again.") % {"member": member}

        return self._ask(
            request, member_id, "accounts.change_member", act, title=_("Open again"), consequence=_("The member takes part again, with everything as it was.")
        )

    def copy(self, request: HttpRequest, member_id: UUID) -> HttpResponse:
        def act(member: Member, asked: Mapping[str, Any]) -> Any:
            leaving.ask_copy(member_id=member.id, actor=operator_name(request), now=timezone.now())
            return _("The copy of %(member)s is being written. It is listed under copies of members' data.") % {"member": member}

        consequence = _("Everything that is kept of the member, as a zip of JSON files. That you asked for it, and each download, is kept in the audit trail.")
        return self._ask(request, member_id, "accounts.export_member", act, with_reason=False, title=_("Copy of the data"), consequence=consequence)

    def erase(self, request: HttpRequest, member_id: UUID) -> HttpResponse:
        def act(member: Member, asked: Mapping[str, Any]) -> Any:
            about = {"member_id": member.id, "reason": asked["reason"], "operator_id": request.user.pk, "key": asked["key"]}
            leaving.request_erasure(**about, now=timezone.now())
            return _("This waits for a second person, who finds it on the overview and in the list of erasures.")

        now = timezone.now()
        has = books.balance(member_id=member_id, now=now)
        lost = has.available + has.held + has.pending
        consequence = gettext(
            "Name, phone, e-mail, birthday, the storefront's ids and everything else that says who this is will be cleared for good, once a second person "
            "has approved it and %(days)s days have passed. Open holds are released, and %(points)s points are forfeited. Figures and rows stay."
        ) % {"days": leaving_seen.terms().erasure_days, "points": f"{lost:,}"}
        effect = [(_("available"), f"{has.available:,}", "0"), (_("held"), f"{has.held:,}", "0"), (_("pending"), f"{has.pending:,}", "0")]
        page = {"title": _("Erase member"), "consequence": consequence, "effect": effect, "danger": True}
        return self._ask(request, member_id, "accounts.erase_member", act, EraseForm(request.POST or None, initial={"key": new_id()}), **page)

    def _ask(
        self, request: HttpRequest, member_id: UUID, permission: str, act: Callable[[Member, Mapping[str, Any]], Any], form: Any = None, **page: Any
    ) -> HttpResponse:
        member = self.get_object(request, str(member_id))
        if member is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(member_id))
        if not (self.has_view_permission(request, member) and request.user.has_perm(permission)):
            raise PermissionDenied
        return self.ask(request, member, lambda asked: act(member, asked), form, **{"with_reason": True, **page})


admin.site.unregister([User, Group, TOTPDevice, StaticDevice])


@admin.register(User)
class OperatorAdmin(StockUserAdmin, ScreenAdmin):
    """Operators and their roles. Only a superuser touches superusers or grants single permissions."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "roles", "is_active", "is_superuser", "last_login"]
    list_filter = ["is_active", "groups"]
    for_superusers = ("is_superuser", "user_permissions")
    actions_detail = ["reset_second_factor"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @display(description=_("roles"))
    def roles(self, user: User) -> str:
        return ", ".join(gettext(group.name) for group in user.groups.all())

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if request.user.is_superuser else self.for_superusers

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (request.user.is_superuser or not (isinstance(obj, User) and obj.is_superuser))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @action(description=_("Reset second factor"), permissions=["change"], icon="phonelink_erase")
    def reset_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.drop_second_factor(user=user)
            audit.record(
                actor=operator_name(request),
                verb="operator.second_factor_reset",
                subject=f"operator/{user.username}"[:200],
                reason=asked["reason"],
                now=timezone.now(),
            )
            return _("%(name)s logs in with the password and sets up a new device.") % {"name": user.username}

        user = self.found(request, object_id)
        if not self.has_change_permission(request, user):
            raise PermissionDenied
        consequence = _("For a lost phone: the device and the backup codes of this operator stop working. Make sure that it is really they who ask.")
        return self.ask(request, user, act, with_reason=True, title=_("Reset second factor"), consequence=consequence, danger=True)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.is_staff = obj.is_staff or not change  # Else somebody new could not log in here at all.
        super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        self._note(request, "operator.added", obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        self._note(request, "operator.changed", obj, message)
        return super().log_change(request, obj, message)

    def _note(self, request: HttpRequest, verb: str, user: User, message: Any = "", reason: str = "") -> None:
        figures = {"changed": message if isinstance(message, list) else str(message), "roles": sorted(group.name for group in user.groups.all())}
        subject = f"operator/{user.username}"[:200]
        audit.record(actor=operator_name(request), verb=verb, subject=subject, reason=reason, figures=figures, now=timezone.now())


@admin.register(Group)
class RoleAdmin(StockGroupAdmin, ModelAdmin):
    """The six roles are set by `load_roles`; other groups are the superuser's."""

    list_display = ["role", "members"]

    @display(description=_("role"), ordering="name")
    def role(self, group: Group) -> str:
        return gettext(group.name)

    @display(description=_("operators"))
    def members(self, group: Group) -> str:
        count = group.user_set.count()
        return ngettext("%(count)s operator", "%(count)s operators", count) % {"count": count}


@admin.register(AccessAttempt)
class LockedLoginAdmin(ReadOnlyAdmin):
    """Logins that failed. Five in a row lock that name at that address for a quarter of an hour."""

    list_display = ["username", "ip_address", "failures_since_start", "attempt_time", "locked"]
    search_fields = ["username", "ip_address"]
    fields = ["username", "ip_address", "failures_since_start", "attempt_time", "user_agent"]
    actions_detail = ["unlock"]

    @display(description=_("locked"), boolean=True)
    def locked(self, attempt: AccessAttempt) -> bool:
        return attempt.failures_since_start >= settings.AXES_FAILURE_LIMIT and attempt.attempt_time > timezone.now() - settings.AXES_COOLOFF_TIME

    def has_unlock_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("axes.delete_accessattempt")

    @action(description=_("Unlock"), permissions=["unlock"], icon="lock_open")
    def unlock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            reset(username=attempt.username, ip=attempt.ip_address)
            audit.record(
                actor=operator_name(request), verb="operator.unlocked", subject=f"operator/{attempt.username}"[:200], reason=asked["reason"], now=timezone.now()
            )
            return _("%(name)s can try again.") % {"name": attempt.username}

        attempt = self.found(request, object_id)
        back = reverse("admin:axes_accessattempt_changelist")
        consequence = _("The failed attempts of this name at this address are forgotten.")
        return self.ask(request, attempt, act, with_reason=True, title=_("Unlock"), consequence=consequence, back=back)
