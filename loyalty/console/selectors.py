from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django_otp import user_has_device

from accounts.activity import selectors as activity
from accounts.activity.models import UnmatchedRefund
from accounts.leaving import selectors as leaving
from accounts.members.models import Member
from accounts.notifications import selectors as notifications
from loyalty import probes
from loyalty.audit import selectors as audit
from loyalty.audit.models import JobRun
from loyalty.audit.services import JOBS
from loyalty.lib.localtime import local_date
from loyalty.lib.money import show
from loyalty.outbox import selectors as outbox
from loyalty.programme import selectors as programme
from loyalty.webhooks import selectors as webhooks
from mall.checkout import selectors as checkout
from mall.codes import selectors as codes
from mall.coupons import selectors as coupons
from mall.markdowns import selectors as markdowns
from mall.redemptions import selectors as redemptions
from mall.vouchers import selectors as vouchers
from points.adjustments import selectors as adjustments
from points.batches import selectors as batches
from points.boards import selectors as boards
from points.cards import selectors as cards
from points.cards.models import CardKind
from points.checkin import selectors as checkin
from points.earning import selectors as earning
from points.earning.models import Grant
from points.ledger import selectors as books
from points.ledger.models import Account, Entry, Hold, Lot, Source
from points.merging import selectors as merging
from points.missions import selectors as missions
from points.proofs import selectors as proofs
from points.reconciliation import selectors as reconciliation
from tiers.standing import selectors as standings

from . import rules

SHOWN_AT_MOST = 100


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar: a group for each part of the business, in it the pages that this operator may see."""
    groups: dict[str, list[tuple[int, str, dict[str, Any]]]] = {name: [] for name in rules.GROUPS}
    for model, page in admin.site._registry.items():
        place = rules.place(model._meta.label_lower)
        if place and page.has_view_permission(request):
            title, link = _page(model)
            here = [link, *(_page(below)[1] for below in admin.site._registry if rules.UNDER.get(below._meta.label_lower) == model._meta.label_lower)]
            active = request.path.startswith(tuple(here))
            groups[place.group].append((place.order, title, {"title": title, "icon": place.icon, "link": link, "active": active}))
    home = {"title": "", "items": [{"title": _("Overview"), "icon": "dashboard", "link": reverse("admin:index")}]}
    shown = [
        {
            "title": _(rules.GROUPS[name][0]),
            "separator": True,
            "collapsible": True,
            "items": [item for _order, _title, item in sorted(found, key=lambda row: row[:2])],
        }
        for name, found in groups.items()
        if found
    ]
    return [home, *shown]


def _page(model: type[Model]) -> tuple[str, str]:
    """What the list of these rows is called, and where it is."""
    known = rules.TITLES.get(model._meta.label_lower)
    title = _(known) if known else capfirst(str(model._meta.verbose_name_plural))
    return title, reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def way_to(model: type[Model]) -> list[tuple[str, str]]:
    """What stands above a page of that model, from the navigation's group down to its list: titles, and where they lead."""
    way = [_page(model)]
    while parent := rules.UNDER.get(model._meta.label_lower):
        model = apps.get_model(parent)
        way.insert(0, _page(model))
    place = rules.place(model._meta.label_lower)
    group = _(rules.GROUPS[place.group][0]) if place else way[0][0]
    return way if group == way[0][0] else [(group, ""), *way]


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    return [{"title": _("Second factor"), "link": reverse("admin:second_factor")}]


def environment(request: HttpRequest) -> list[str] | None:
    """The badge that tells this installation from others."""
    if settings.ENVIRONMENT_NAME:
        return [settings.ENVIRONMENT_NAME, "danger" if settings.ENVIRONMENT_NAME.lower() == "production" else "info"]
    return None if settings.SECURE else [_("Local"), "info"]


def site_title(request: HttpRequest) -> str:
    return _("Loyalty")


def site_subtitle(request: HttpRequest) -> str:
    return _("Members, points, mall")


def favicon(request: HttpRequest) -> str:
    return static("console/icon.svg")


def stylesheet(request: HttpRequest) -> str:
    return static("console/console.css")


def all_permissions() -> dict[str, Permission]:
    """Every permission by its name, `app.codename`."""
    return {f"{row.content_type.app_label}.{row.codename}": row for row in Permission.objects.select_related("content_type")}


class Attention(NamedTuple):
    """Something that waits for a person: how many (at most 100 are counted), where, and whether something is broken."""

    title: str
    count: str
    link: str
    bad: bool = False


def attention(user: Any, *, now: datetime) -> list[Attention]:
    """What needs this operator's attention now. Empty: nothing does."""
    found = []
    if user.has_perm("points.view_adjustment"):
        found.append(("points_adjustment", "?status__exact=waiting", _("Adjustments that wait for a second person"), _bounded(adjustments.waiting()), False))
    if user.has_perm("points.view_batch"):
        found.append(("points_batch", "", _("Batches of points that wait for a second person"), _bounded(batches.waiting()), False))
    if user.has_perm("points.view_merge"):
        found.append(("points_merge", "?status__exact=waiting", _("Merges that wait for a second person"), _bounded(merging.waiting()), False))
    if user.has_perm("accounts.view_erasure"):
        found.append(("accounts_erasure", "?status__exact=waiting", _("Erasures that wait for a second person"), _bounded(leaving.waiting()), False))
    if user.has_perm("points.change_proof"):
        found.append(("points_proof", "", _("Proofs that wait for a decision"), _bounded(proofs.waiting()), False))
    if user.has_perm("points.change_boardperiod"):
        found.append(("points_boardperiod", "?status__exact=proposed", _("Boards that wait to be confirmed"), _bounded(boards.proposed()), False))
    if user.has_perm("accounts.view_unmatchedrefund"):
        open_refunds = UnmatchedRefund.objects.filter(status__in=UnmatchedRefund.OPEN)
        parked = open_refunds.filter(status=UnmatchedRefund.Status.PARKED)
        waiting = open_refunds.filter(status=UnmatchedRefund.Status.WAITING)
        found.append(("accounts_unmatchedrefund", "?status__exact=parked", _("Refunds parked for an operator"), _bounded(parked), False))
        found.append(("accounts_unmatchedrefund", "?status__exact=waiting", _("Refunds that wait for their purchase"), _bounded(waiting), False))
    if user.has_perm("mall.fulfil_redemption"):
        ready = redemptions.to_fulfil(statuses=["confirmed"])
        found.append(("mall_redemption", "?status__exact=confirmed", _("Redemptions to be made ready"), _bounded(ready), False))
    if user.has_perm("mall.decide_markdown"):
        proposed = markdowns.markdowns().filter(status="proposed")
        found.append(("mall_markdown", "", _("Markdowns that are proposed"), _bounded(proposed), False))
    if user.has_perm("mall.decide_voucherorder"):
        found.append(("mall_voucherorder", "?state__exact=unknown", _("Orders of vouchers that nobody answered"), _bounded(vouchers.to_decide()), False))
    if user.has_perm("points.view_finding"):
        found.append(("points_finding", "?status__exact=open", _("Members whose books do not balance"), _bounded(reconciliation.open_findings()), True))
    if user.has_perm("mall.view_codepool"):
        found.append(("mall_codepool", "", _("Pools of codes that run low"), _bounded(codes.low()), False))
    if user.has_perm("accounts.view_delivery"):
        unsent = _("Messages given up, or without an answer, since yesterday")
        found.append(("accounts_delivery", "?trouble=1", unsent, _bounded(notifications.failed(now=now)), True))
    if user.has_perm("loyalty.view_outboxrow"):
        found.append(("loyalty_outboxrow", "?status__exact=failed", _("Events that could not be delivered"), outbox.open_rows_by_status()["failed"], True))
    if user.has_perm("loyalty.view_webhookendpoint"):
        troubled, dead = webhooks.troubled().count(), _bounded(webhooks.dead_letters())
        found.append(("loyalty_webhookendpoint", "", _("Webhook endpoints that fail, or were switched off for it"), troubled, True))
        found.append(("loyalty_webhookdelivery", "?status__exact=failed", _("Webhooks that could not be delivered"), dead, True))
    if user.has_perm("loyalty.view_jobrun"):
        last = audit.last_runs(jobs=JOBS).values()
        broken = sum(run.status in (JobRun.Status.FAILED, JobRun.Status.ABANDONED) for run in last)
        found.append(("django_celery_beat_periodictask", "", _("Jobs whose last run failed"), broken, True))
    waits = [Attention(title, _count(count), _link(page, query), bad) for page, query, title, count, bad in found if count]
    if user.has_perm("loyalty.view_jobrun"):
        waits += [Attention(f"{_('Not ready')}: {finding.sentence}", "!", "", True) for finding in probes.ask_all(now=now).values() if not finding.ready]
    return waits


def _bounded(rows: QuerySet[Any]) -> int:
    return rows.order_by()[: SHOWN_AT_MOST + 1].count()


def _count(count: int) -> str:
    return f"{SHOWN_AT_MOST}+" if count > SHOWN_AT_MOST else str(count)


def _link(page: str, query: str) -> str:
    registered: Iterable[str] = (f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)
    return reverse(f"admin:{page}_changelist") + query if page in registered else ""


def has_second_factor(user: Any) -> bool:
    return user_has_device(user)


LAST_COPIES = 3
LAST_ENTRIES, LAST_PURCHASES, OPEN_LOTS, LAST_TIER_CHANGES, OPEN_MISSIONS, OPEN_OFFERS = 20, 10, 20, 5, 5, 5


def member_page(member: Member, *, user: Any, now: datetime) -> dict[str, Any]:
    """All sections of a member's page that this operator may see, each bounded."""
    page: dict[str, Any] = {"unit": programme.programme().points_unit, "merged_here": list(leaving.merged_into(member)[:SHOWN_AT_MOST])}
    if user.has_perm("accounts.view_erasure"):
        page["erasure"] = leaving.open_erasure(member_id=member.id)
    if user.has_perm("accounts.view_copy"):
        page["copies"] = list(leaving.copies(member_id=member.id)[:LAST_COPIES])
    if user.has_perm("tiers.view_standing"):
        page["standing"] = standings.standing(member_id=member.id, now=now)
        page["tier_changes"] = list(standings.changes(member_id=member.id)[:LAST_TIER_CHANGES])
    if user.has_perm("points.view_account"):
        expiring = books.expiring(member_id=member.id, now=now)
        zone = programme.zone(now=now)
        most = max((step["points"] for step in expiring), default=1)
        # The instant is the first one at which the points are gone; people name the last day on which they are good.
        page["expiring"] = [
            {"last_day": local_date(step["at"] - timedelta(microseconds=1), zone), "points": step["points"], "percent": 100 * step["points"] // most}
            for step in expiring
        ]
        page["balance"] = books.balance(member_id=member.id, now=now)
        page["account"] = Account.objects.filter(member_id=member.id).first()
        page["sources"] = [
            (Source(name).label, points) for name, points in sorted(books.by_source(member_id=member.id, now=now).items(), key=lambda row: -row[1])
        ]
    page |= _activity(member, user, now=now)
    if user.has_perm("points.view_entry"):
        page["entries"] = list(Entry.objects.filter(member_id=member.id).order_by("-seq")[:LAST_ENTRIES])
    if user.has_perm("points.view_lot"):
        page["lots"] = list(books.live_lots(member_id=member.id, now=now)[:OPEN_LOTS])
        page["pending_lots"] = list(Lot.objects.filter(member_id=member.id, is_open=True, is_pending=True).order_by("matures_at", "id")[:OPEN_LOTS])
    if user.has_perm("points.view_hold"):
        page["holds"] = list(Hold.objects.filter(member_id=member.id, status=Hold.Status.OPEN).order_by("expires_at")[:OPEN_LOTS])
    if user.has_perm("points.view_adjustment"):
        page["adjustments"] = list(adjustments.of_member(member_id=member.id).select_related("requested_by")[:5])
    if user.has_perm("accounts.view_purchase"):
        page["purchases"] = _purchases(member)
        unmatched = UnmatchedRefund.objects.filter(member_ref=member.external_id, status__in=UnmatchedRefund.OPEN)
        page["unmatched_refunds"] = list(unmatched.order_by("-recorded_at")[:LAST_PURCHASES])
    return page


def _activity(member: Member, user: Any, *, now: datetime) -> dict[str, Any]:
    """What the member is at: days in a row, missions begun, cards in hand, points to be claimed."""
    page: dict[str, Any] = {}
    if user.has_perm("points.view_checkin"):
        today = local_date(now, programme.zone(now=now))
        done = checkin.check_in(member_id=member.id, day=today) is not None
        page["streak"] = {"days": checkin.run(member_id=member.id, day=today).streak(today) - (not done), "done": done}
    if user.has_perm("points.view_missioncompletion"):
        offered = missions.for_member(missions.known().published, member_id=member.id)
        begun = [
            one
            for one in missions.progress(offered, member=member, at=now)
            if one.completion is None and not one.period.over(now) and any(step.done for step in one.steps)
        ]
        page["missions"] = [
            {"mission": one.mission, "done": sum(step.done for step in one.steps), "needed": sum(step.needed for step in one.steps)}
            for one in begun[:OPEN_MISSIONS]
        ]
    if user.has_perm("points.view_card"):
        held = cards.available_kinds(member_id=member.id, now=now)
        page["cards"] = [(kind.name, held[kind.code]) for kind in CardKind.objects.filter(code__in=held).order_by("code")]
    if user.has_perm("mall.view_coupon"):
        page["coupons"] = coupons.usable(member_id=member.id, now=now)
    if user.has_perm("points.view_offer"):
        waiting = earning.offers(member_id=member.id).filter(status=Grant.Status.OFFERED, claim_until__gt=now)
        page["offers"] = list(waiting.order_by("claim_until")[:OPEN_OFFERS])
    return page


def _purchases(member: Member) -> list[dict[str, Any]]:
    """The newest purchases, with what points did with each."""
    rows = list(activity.purchases(member_id=member.id).order_by("-occurred_at", "-id")[:LAST_PURCHASES])
    settled = checkout.settlements(member_id=member.id, purchase_ids=[row.id for row in rows])
    language = get_language() or settings.LANGUAGE_CODE
    return [
        {
            "row": row,
            "paid": show(row.paid_cents, row.currency, language),
            "refunded": show(sum(refund.amount_cents for refund in row.refunds.all()), row.currency, language) if row.refunds.all() else "",
            "settled": settled.get(row.id),
        }
        for row in rows
    ]
