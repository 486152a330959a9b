"""What operators' screens share: pages that only show, lists that never count, one form for one row, a question before what stays."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import DateTimeField, Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminTextareaWidget

from .callers import named
from .configuration import Configuration
from .refusals import BusinessError


class ScreenAdmin(ModelAdmin):
    """A list with a sentence above it that explains it, and a question before something is done with one of its rows, or with all of them."""

    explanation: Any = ""
    list_before_template = "admin/explanation.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"explanation": self.explanation, **(extra_context or {})})

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field and isinstance(db_field, DateTimeField):
            clock = _("By the programme's clock, %(zone)s.") % {"zone": timezone.get_current_timezone_name()}
            field.help_text = f"{field.help_text} {clock}".strip()
        return field

    def found(self, request: HttpRequest, object_id: str) -> Any:
        """The row that an address names, as its list shows it. Raises Http404."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        return row

    def ask(
        self,
        request: HttpRequest,
        row: Model | None,
        act: Callable[[Mapping[str, Any]], Any],
        form: forms.Form | None = None,
        *,
        title: Any,
        consequence: Any,
        with_reason: bool = False,
        back: str = "",
        done: str = "",
        effect: Sequence[tuple[Any, Any, Any]] = (),
        danger: bool = False,
        context: Mapping[str, Any] | None = None,
        template: str = "admin/confirm.html",
    ) -> HttpResponse:
        """Ask before something is done with that row, None being the list; then do it. GET never acts.

        `act` gets what the form asked for and gives the sentence that reports what it did. It happens in one transaction; a refusal is shown
        on the page and nothing happened. Without a `form` there is nothing to fill in but, `with_reason`, the reason. `effect` are rows of
        (what, before, after). The page leads `back` to that of the row, and once it is `done` there too.
        """
        if form is None:
            form = (ReasonForm if with_reason else forms.Form)(request.POST if request.method == "POST" else None)
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        back = back or (reverse(f"{name}_change", args=[row.pk]) if row else reverse(f"{name}_changelist"))
        if request.method == "POST" and form.is_valid():
            try:
                with transaction.atomic():
                    said = act(form.cleaned_data)
            except BusinessError as refusal:
                form.add_error(None, refusal.message)
            else:
                messages.success(request, said)
                return HttpResponseRedirect(done or back)
        page = {
            **self.admin_site.each_context(request), "opts": self.opts, "title": title, "consequence": consequence, "form": form, "back": back,
            "effect": effect, "danger": danger, **({"object": row, "original": row} if row else {}), **(context or {}),
        }  # fmt: skip
        return TemplateResponse(request, template, page)


class ReadOnlyAdmin(ScreenAdmin):
    """Shows and never writes, for superusers as well. The list pages on without counting rows, which may be millions."""

    actions = None
    list_per_page = 50
    paginator = InfinitePaginator
    show_full_result_count = False

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> Any:
        # Nothing is changed here, so Django's history of changes has nothing to tell.
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), "show_history": False})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("by"))
    def by(self, row: Any) -> str:
        """Who did it: for lists and pages of rows that keep an `actor`."""
        return named(row.actor)


class HistoryAdmin(SimpleHistoryAdmin, ScreenAdmin):
    """What was set before, by whom, is under “History”: to be read. It is not brought back past the form and its verbs."""

    object_history_list_template = "admin/history.html"

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except BusinessError as refusal:
            # What the form allowed the verb did not: somebody else was quicker in between.
            messages.error(request, refusal.message)
            return HttpResponseRedirect(request.get_full_path())

    def history_form_view(self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None) -> HttpResponse:
        if request.method != "GET":
            raise PermissionDenied
        return super().history_form_view(request, object_id, version_id, extra_context)


class ConfigurationAdmin(HistoryAdmin):
    """Settings in one row: its list *is* the form."""

    show_add_link = False

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> Any:
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), "show_save_and_add_another": False})

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(self.form_url(request))

    def form_url(self, request: HttpRequest) -> str:
        row = self.model._default_manager.order_by("id").first()
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        if row is None and not self.has_add_permission(request):
            messages.info(request, _("Nothing was set here yet; the defaults are in force."))
            return reverse("admin:index")
        return reverse(f"{name}_change", args=[row.pk]) if row else reverse(f"{name}_add")

    def has_add_permission(self, request: HttpRequest) -> bool:
        # As this process holds it: the navigation asks on every page, of every page of settings.
        return super().has_change_permission(request) and self.model.current().pk is None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Configuration, form: forms.ModelForm, change: bool) -> None:
        obj.pk = obj.pk or 1
        super().save_model(request, obj, form, change)

    def response_post_save_add(self, request: HttpRequest, obj: Model) -> HttpResponse:
        return HttpResponseRedirect(self.form_url(request))

    def response_post_save_change(self, request: HttpRequest, obj: Model) -> HttpResponse:
        return HttpResponseRedirect(self.form_url(request))


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"), max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), help_text=_("Kept for good, and shown to whoever asks later.")
    )


class PublishForm(forms.Form):
    """What a new version is made of. Subclasses add fields; those named in `tried` are only for trying it out."""

    tried: tuple[str, ...] = ()

    def mark(self) -> str:
        """Tells whether what is published is what was previewed."""
        said = repr(sorted((name, str(value)) for name, value in self.cleaned_data.items() if name not in self.tried))
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


class PublishedAdmin(ReadOnlyAdmin):
    """Versions: a published one never changes, adding one publishes it. Nothing is published that was not previewed as it stands."""

    publish_form: type[PublishForm]
    publish_template = "admin/publish.html"
    consequence: Any = ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.add_{self.opts.model_name}")

    def initial(self) -> dict[str, Any]:
        """What the form begins with: the version in force."""
        raise NotImplementedError

    def preview(self, form: PublishForm) -> tuple[Sequence[Any], Sequence[Sequence[Any]]]:
        """A table, its headings and rows: what the version in force and the new one make of the example."""
        raise NotImplementedError

    def publish(self, form: PublishForm, *, actor: str) -> Any:
        """Publish it; gives the sentence that reports it."""
        raise NotImplementedError

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.publish_form(request.POST or None, initial=self.initial())
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        page = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Publish a new version"),
            "form": form,
            "back": back,
            "consequence": self.consequence,
        }
        if "more" not in request.POST and form.is_valid():
            if "publish" in request.POST and request.POST.get("mark") == form.mark():
                try:
                    with transaction.atomic():
                        said = self.publish(form, actor=operator_name(request))
                except BusinessError as refusal:
                    form.add_error(None, refusal.message)
                else:
                    messages.success(request, said)
                    return HttpResponseRedirect(back)
            else:
                page["headings"], page["rows"] = self.preview(form)
                page["mark"] = form.mark()
        return TemplateResponse(request, self.publish_template, page)


def in_two_steps(
    request: HttpRequest,
    *,
    site: AdminSite,
    title: Any,
    consequence: Any,
    form: forms.Form,
    preview: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    act: Callable[[Mapping[str, Any]], str],
    back: str,
    template: str,
    context: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """A form, then what it would do (`template`, with what `preview` gives) and the question whether to go on; then `act` does it, and gives the page to go to.

    `act` happens in one transaction. What either of them refuses is shown with the form, and nothing happened.
    """
    page = {**site.each_context(request), "title": title, "consequence": consequence, "form": form, "back": back, "button": _("Go on"), **(context or {})}
    if "again" not in request.POST and form.is_valid():
        try:
            if "confirmed" not in request.POST:
                return TemplateResponse(request, template, {**page, **preview(form.cleaned_data)})
            with transaction.atomic():
                return HttpResponseRedirect(act(form.cleaned_data))
        except BusinessError as refusal:
            form.add_error(None, refusal.message)
    return TemplateResponse(request, "admin/confirm.html", page)


def page_link(page: str, key: Any, text: Any) -> SafeString:
    """To the page of the row with that `key`; `page` is an app's and a model's name, like `points_entry`."""
    return format_html('<a class="console-link" href="{}">{}</a>', reverse(f"admin:{page}_change", args=[key]), text)


def moment(at: datetime | None) -> str:
    """A moment by the programme's clock, as lists show it. Of what a page computes; columns of the table are shown so by themselves."""
    return date_format(timezone.localtime(at), "DATETIME_FORMAT") if at else ""


def operator_name(request: HttpRequest) -> str:
    """How the books and the audit trail name who is logged in."""
    return request.user.get_username()[:100]
