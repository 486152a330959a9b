"""The door of the console: the site that every admin page hangs on, login's second factor, the first page."""

from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

import qrcode
import qrcode.image.svg
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.i18n import set_language
from django_otp import login as otp_login
from django_otp import match_token
from unfold.sites import UnfoldAdminSite
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.audit import services as audit
from loyalty.lib import charts
from loyalty.lib.localtime import local_date
from loyalty.lib.screens import operator_name
from loyalty.programme import selectors as programme
from points.totals import selectors as totals

from . import selectors, services

DAYS_DRAWN = 14


def _is_id(model: type[Model], part: Any) -> bool:
    """Whether that part of an address can name a row: none is there, or the address's own pattern has read it already, or its text is such an id."""
    try:
        model._meta.pk.to_python(unquote(part) if isinstance(part, str) else part)
    except ValidationError:
        return False
    return True


class ConsoleSite(UnfoldAdminSite):
    """Django's admin in our clothes. Times are shown in the programme's zone; nobody passes without the second factor they have or need."""

    def extra_urls(self) -> list[URLPattern]:
        return [path("language/", set_language, name="language"), path("second-factor/", csrf_protect(never_cache(self.second_factor)), name="second_factor")]

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and self.has_passed(request)

    def has_passed(self, request: HttpRequest) -> bool:
        """Whether the second factor was given, or none is set up and none is required."""
        if request.user.is_verified():
            return True
        if settings.OPERATOR_SECOND_FACTOR:
            return False
        if not hasattr(request, "_has_second_factor"):
            request._has_second_factor = selectors.has_second_factor(request.user)
        return not request._has_second_factor

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """Only made where a page shows it: ours have their own navigation, and to make both took a third of every page's time."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        inner, model = super().admin_view(view, cacheable), getattr(getattr(view, "__self__", None), "model", None)

        def in_the_programmes_zone(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            # An address may hold anything; what no row can be called is looked for nowhere.
            if model is not None and not _is_id(model, kwargs.get("object_id")):
                raise Http404
            with timezone.override(programme.zone(now=timezone.now())):
                response = inner(request, *args, **kwargs)
                if isinstance(response, TemplateResponse) and not response.is_rendered:
                    response.render()
            return response

        return update_wrapper(in_the_programmes_zone, inner)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if super().has_permission(request) and not self.has_passed(request):
            wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
            return redirect_to_login(wanted, reverse("admin:second_factor"))
        return super().login(request, extra_context)

    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """Asks for a code, or sets a device up, or, once past it, lets the operator change it."""
        if not super().has_permission(request):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        if request.user.is_verified():
            return self._manage_factor(request)
        form = CodeForm(request.POST or None)
        if selectors.has_second_factor(request.user):
            if form.is_valid():
                device = match_token(request.user, form.cleaned_data["code"])
                if device:
                    otp_login(request, device)
                    return HttpResponseRedirect(self._wanted(request))
                form.add_error("code", _("This code is not valid, or was used before. After several wrong ones, wait a moment before the next."))
            return self._factor_page(request, "console/second_factor.html", title=_("Second factor"), form=form)
        device = services.begin_enrolment(user=request.user)
        if form.is_valid():
            if device.verify_token(form.cleaned_data["code"]):
                codes = services.confirm_enrolment(user=request.user, device=device)
                otp_login(request, device)
                self._note(request, "operator.second_factor_set_up")
                return self._factor_page(request, "console/backup_codes.html", title=_("Backup codes"), codes=codes, wanted=self._wanted(request))
            form.add_error("code", _("This code does not fit. Check that your phone's clock is right, and use the newest code."))
        picture = qrcode.make(device.config_url, image_factory=qrcode.image.svg.SvgPathImage).to_string(encoding="unicode")
        secret = device.config_url.partition("secret=")[2].partition("&")[0]
        page = {"form": form, "picture": mark_safe(picture), "secret": secret, "required": settings.OPERATOR_SECOND_FACTOR}  # noqa: S308 (made here)
        return self._factor_page(request, "console/enrol.html", title=_("Set up a second factor"), **page)

    def _manage_factor(self, request: HttpRequest) -> HttpResponse:
        if "renew" in request.POST:
            codes = services.renew_backup_codes(user=request.user)
            self._note(request, "operator.backup_codes_renewed")
            return self._factor_page(request, "console/backup_codes.html", title=_("Backup codes"), codes=codes, wanted=reverse("admin:index"))
        if "drop" in request.POST:
            services.drop_second_factor(user=request.user)
            self._note(request, "operator.second_factor_dropped")
            messages.success(request, _("The second factor is switched off."))
            return HttpResponseRedirect(reverse("admin:second_factor" if settings.OPERATOR_SECOND_FACTOR else "admin:index"))
        return self._factor_page(request, "console/manage_factor.html", title=_("Second factor"), required=settings.OPERATOR_SECOND_FACTOR)

    def _factor_page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        return TemplateResponse(request, template, {**self.each_context(request), **context})

    def _wanted(self, request: HttpRequest) -> str:
        wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
        safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure())
        return wanted if safe else reverse("admin:index")

    def _note(self, request: HttpRequest, verb: str) -> None:
        audit.record(actor=operator_name(request), verb=verb, subject=f"operator/{request.user.get_username()}"[:200], now=timezone.now())


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"), max_length=12, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True}),
        help_text=_("Six digits from the app on your phone, or one of your backup codes."),
    )  # fmt: skip

    def clean_code(self) -> str:
        return self.cleaned_data["code"].replace(" ", "").lower()


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: Any) -> HttpResponse:
    """What a login answers that is locked, in place of its form."""
    from django.contrib.admin import site

    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    page = {**site.each_context(request), "title": _("Locked for a while"), "minutes": minutes, "failures": settings.AXES_FAILURE_LIMIT}
    return TemplateResponse(request, "console/locked_out.html", page, status=429).render()


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the first page shows, to whom it may be shown."""
    now = timezone.now()
    zone = programme.zone(now=now)
    context |= {"attention": selectors.attention(request.user, now=now), "title": _("Overview")}
    if request.user.has_perm("points.view_account"):
        days = totals.last_days(until=local_date(now, zone), days=DAYS_DRAWN)
        today = next((day for day in reversed(days) if day.accounts), days[-1])
        context |= {
            "today": today,
            "totals_are_there": any(day.computed_at for day in days),
            "chart": charts.chart([f"{day.day:%m-%d}" for day in days], [[getattr(day, name) for day in days] for name in ("earned", "spent", "expired")]),
            "legend": [_("earned"), _("spent"), _("expired")],
            "sums": [
                (label, sum(getattr(day, name) for day in days)) for label, name in ((_("earned"), "earned"), (_("spent"), "spent"), (_("expired"), "expired"))
            ],
            "unit": programme.programme().points_unit,
        }
    return context
