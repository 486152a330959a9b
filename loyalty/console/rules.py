"""Tables: who may do what, what stands where, how it looks."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

# Marks a title for translation; it is translated where it is shown.
_ = str

VIEW = ("accounts.view_*", "points.view_*", "mall.view_*", "tiers.view_*", "riskcontrol.view_*", "loyalty.view_programme")
NOT_FOR_EVERYBODY = ("accounts.view_storefrontkey",)
STEER_MEMBERS = ("accounts.change_member", "points.change_account")

# Role → permissions, as patterns. `points.change_account` is freezing, `accounts.change_member` ending tokens: those pages edit nothing.
ROLES: Mapping[str, tuple[str, ...]] = {
    "viewer": VIEW,
    "service": (
        *VIEW,
        *STEER_MEMBERS,
        "points.add_adjustment",
        "points.add_batch",
        "points.grant_card",
        "points.withdraw_card",
        "mall.issue_coupon",
        "mall.withdraw_coupon",
        "mall.replace_code",
        "mall.grant_privilege",
        "mall.end_privilege",
        "mall.end_rental",
        "points.change_proof",
        "mall.fulfil_redemption",
        "mall.return_redemption",
        "accounts.change_unmatchedrefund",
        "accounts.resend_delivery",
        "mall.decide_voucherorder",
        "accounts.export_member",
        "accounts.erase_member",
        "points.add_merge",
        "tiers.add_standing",
        "tiers.add_growthentry",
    ),
    "marketer": (
        *VIEW,
        "points.add_rule",
        "points.*_ruleversion",
        "points.add_simulation",
        "points.add_festival",
        "points.change_festival",
        "points.add_sharedlimit",
        "points.change_sharedlimit",
        "points.add_cardkind",
        "points.change_cardkind",
        "points.change_checkinterms",
        "points.change_benefitterms",
        "points.change_reminderterms",
        "points.*_mission",
        "points.add_badge",
        "points.change_badge",
        "points.change_proof",
        "points.add_prooftask",
        "points.change_prooftask",
        "points.add_board",
        "points.change_board*",
        "mall.add_burnpolicy",
        "mall.add_flashplan",
        "mall.change_flashplan",
        "mall.add_flashsale",
        "mall.change_flashsale",
        "mall.add_reward",
        "mall.change_reward",
        "mall.change_stock",
        "mall.*_category",
        "mall.add_partner",
        "mall.change_partner",
        "mall.add_coupontemplate",
        "mall.change_coupontemplate",
        "mall.add_couponbatch",
        "mall.withdraw_couponbatch",
        "mall.issue_coupon",
        "mall.withdraw_coupon",
        "mall.add_codepool",
        "mall.change_codepool",
        "mall.add_codeimport",
        "mall.withdraw_codeimport",
        "mall.add_privilegekind",
        "mall.change_privilegekind",
        "mall.add_rentalterms",
        "mall.change_rentalterms",
        "mall.change_markdownterms",
        "mall.decide_markdown",
        "mall.*_revivalwindow",
        "mall.*_revivalreward",
        "accounts.change_referralterms",
        "accounts.change_notificationkind",
        "accounts.change_notificationsettings",
        "accounts.add_factkind",
        "accounts.change_factkind",
        "accounts.add_segment",
        "accounts.change_segment",
        "tiers.*_tier",
        "tiers.change_evaluationpolicy",
        "tiers.change_growthterms",
        "tiers.add_growthrate",
        "tiers.change_growthrate",
        "tiers.add_growthentry",
        "tiers.add_ladderplan",
        "tiers.apply_ladderplan",
        "tiers.change_dormancyterms",
        "tiers.add_standing",
    ),
    "risk": (*VIEW, *STEER_MEMBERS, "accounts.change_referral", "accounts.decide_erasure", "points.decide_merge", "riskcontrol.*"),
    "finance": (
        *VIEW,
        "mall.change_topup",
        "mall.change_topupterms",
        "points.export_entry",
        "points.add_adjustment",
        "points.decide_adjustment",
        "points.add_batch",
        "points.decide_batch",
        "points.add_budget",
        "points.change_budget",
        "points.add_simulation",
        "loyalty.view_auditentry",
    ),
    "administrator": (
        "accounts.*",
        "points.*",
        "mall.*",
        "tiers.*",
        "riskcontrol.*",
        "loyalty.*",
        "django_celery_beat.*",
        "auth.*_user",
        "auth.view_group",
        "axes.*",
    ),
}


def granted(role: str, permissions: Iterable[str]) -> set[str]:
    """Which of these permissions (`app.codename`) the role has."""
    kept_back = () if role == "administrator" else NOT_FOR_EVERYBODY
    return {name for name in permissions if _any(name, ROLES[role]) and not _any(name, kept_back)}


def _any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


# Group of the navigation → title and the apps whose pages stand there unless PLACES says otherwise.
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "members": (_("Members"), ("accounts",)),
    "points": (_("Points"), ("points",)),
    "mall": (_("Mall"), ("mall",)),
    "tiers": (_("Tiers"), ("tiers",)),
    "risk": (_("Risk"), ("riskcontrol",)),
    "earning": (_("Earning"), ()),
    "messages": (_("Messages"), ()),
    "programme": (_("Programme"), ()),
    "operations": (_("Operations"), ("loyalty", "django_celery_beat")),
    "operators": (_("Operators"), ("auth", "axes")),
}

# Model → group and icon, in the order in which they stand. What is not listed comes after these, in its app's group.
PLACES: Mapping[str, tuple[str, str]] = {
    "accounts.member": ("members", "person"),
    "accounts.purchase": ("members", "shopping_bag"),
    "accounts.refund": ("members", "assignment_return"),
    "accounts.unmatchedrefund": ("members", "help_center"),
    "accounts.guestpurchase": ("members", "no_accounts"),
    "accounts.referral": ("members", "group_add"),
    "accounts.behaviour": ("members", "touch_app"),
    "accounts.segment": ("members", "groups"),
    "accounts.segmentmember": ("", ""),
    "points.merge": ("members", "merge"),
    "accounts.copy": ("members", "folder_zip"),
    "accounts.erasure": ("members", "person_remove"),
    "accounts.delivery": ("messages", "forward_to_inbox"),
    "points.adjustment": ("points", "tune"),
    "points.batch": ("points", "upload_file"),
    "points.batchline": ("", ""),
    "points.entry": ("points", "receipt_long"),
    "points.decision": ("points", "account_tree"),
    "points.offer": ("points", "redeem"),
    "points.lot": ("points", "inventory_2"),
    "points.hold": ("points", "lock_clock"),
    "points.budget": ("earning", "savings"),
    "points.account": ("points", "account_balance_wallet"),
    "points.card": ("points", "style"),
    "points.checkin": ("points", "event_available"),
    "points.missioncompletion": ("points", "task_alt"),
    "points.memberbadge": ("points", "stars"),
    "points.proof": ("points", "photo_library"),
    "points.boardperiod": ("points", "leaderboard"),
    "points.boardresult": ("points", "workspace_premium"),
    "points.allowanceround": ("tiers", "calendar_month"),
    "points.inactivitycase": ("points", "hourglass_disabled"),
    "points.expirynotice": ("messages", "notifications"),
    "mall.redemption": ("mall", "package_2"),
    "mall.voucherorder": ("mall", "confirmation_number"),
    "mall.provider": ("mall", "storefront"),
    "mall.coupontemplate": ("mall", "local_activity"),
    "mall.coupon": ("mall", "loyalty"),
    "mall.couponbatch": ("mall", "outbox"),
    "mall.codepool": ("mall", "password"),
    "mall.code": ("mall", "pin"),
    "mall.codeimport": ("", ""),
    "mall.privilege": ("mall", "workspace_premium"),
    "mall.privilegekind": ("mall", "add_moderator"),
    "mall.rental": ("mall", "published_with_changes"),
    "mall.rentalterms": ("mall", "car_rental"),
    "mall.reward": ("mall", "featured_seasonal_and_gifts"),
    "mall.category": ("mall", "category"),
    "mall.partner": ("mall", "handshake"),
    "mall.stockchange": ("mall", "inventory"),
    "mall.settlement": ("mall", "receipt"),
    "mall.refundsettlement": ("mall", "currency_exchange"),
    "mall.checkouthold": ("mall", "shopping_cart"),
    "mall.flashsale": ("mall", "bolt"),
    "mall.flashplan": ("mall", "event_repeat"),
    "mall.topup": ("points", "add_card"),
    "mall.topupterms": ("programme", "add_card"),
    "mall.markdown": ("mall", "sell"),
    "mall.markdownterms": ("mall", "tune"),
    "mall.revivalwindow": ("mall", "restore_from_trash"),
    "tiers.standing": ("tiers", "military_tech"),
    "tiers.standingchange": ("tiers", "history"),
    "tiers.evaluation": ("tiers", "rule"),
    "tiers.growthentry": ("tiers", "trending_up"),
    "tiers.dormancy": ("tiers", "bedtime"),
    "tiers.dormancyterms": ("tiers", "hotel"),
    "tiers.tier": ("tiers", "stairs"),
    "tiers.evaluationpolicy": ("tiers", "balance"),
    "tiers.growthterms": ("tiers", "payments"),
    "tiers.growthrate": ("tiers", "psychiatry"),
    "tiers.cutpoints": ("tiers", "stacked_bar_chart"),
    "tiers.ladderplan": ("tiers", "edit_road"),
    "tiers.ladderplansettings": ("tiers", "tune"),
    "riskcontrol.blocklistentry": ("risk", "block"),
    "loyalty.programme": ("programme", "settings"),
    "points.terms": ("programme", "event_busy"),
    "points.reminderterms": ("messages", "notification_important"),
    "points.rule": ("earning", "add_shopping_cart"),
    "points.ruleversion": ("", ""),
    "points.simulation": ("earning", "manage_history"),
    "points.simulatedmember": ("", ""),
    "points.sharedlimit": ("earning", "speed"),
    "points.festival": ("earning", "celebration"),
    "points.earningsettings": ("earning", "tune"),
    "mall.burnpolicy": ("programme", "shopping_cart_checkout"),
    "accounts.referralterms": ("earning", "person_add"),
    "accounts.leavingterms": ("programme", "logout"),
    "accounts.factkind": ("earning", "category"),
    "points.mission": ("earning", "flag"),
    "points.badge": ("earning", "verified"),
    "points.cardkind": ("earning", "playing_cards"),
    "points.checkinterms": ("earning", "edit_calendar"),
    "points.benefitterms": ("tiers", "cake"),
    "points.inactivityterms": ("programme", "hourglass_bottom"),
    "points.prooftask": ("earning", "add_a_photo"),
    "points.board": ("earning", "social_leaderboard"),
    "points.adjustmentlimit": ("programme", "rule"),
    "accounts.channelsettings": ("messages", "outgoing_mail"),
    "accounts.notificationkind": ("messages", "sms"),
    "accounts.notificationsettings": ("messages", "notifications_paused"),
    "accounts.storefrontkey": ("programme", "key"),
    "loyalty.webhookendpoint": ("programme", "webhook"),
    "accounts.receipt": ("messages", "mark_email_read"),
    "loyalty.outboxrow": ("operations", "outbox"),
    "loyalty.webhookdelivery": ("operations", "outgoing_mail"),
    "django_celery_beat.periodictask": ("operations", "schedule"),
    "loyalty.jobrun": ("operations", "history"),
    "points.finding": ("operations", "balance"),
    "points.reconciliationround": ("operations", "rule_folder"),
    "django_celery_beat.intervalschedule": ("", ""),
    "django_celery_beat.crontabschedule": ("", ""),
    "loyalty.auditentry": ("operations", "fact_check"),
    "auth.user": ("operators", "badge"),
    "auth.group": ("operators", "groups"),
    "axes.accessattempt": ("operators", "lock"),
}

# What has no place of its own → the page that leads to it.
UNDER: Mapping[str, str] = {
    "accounts.segmentmember": "accounts.segment",
    "mall.codeimport": "mall.codepool",
    "points.batchline": "points.batch",
    "points.ruleversion": "points.rule",
    "points.simulatedmember": "points.simulation",
}

# What a library calls a page differently.
TITLES: Mapping[str, str] = {
    "auth.user": _("Operators"),
    "auth.group": _("Roles"),
    "axes.accessattempt": _("Failed logins"),
    "django_celery_beat.periodictask": _("Jobs"),
}


class Place(NamedTuple):
    group: str
    order: int
    icon: str


def place(model: str) -> Place | None:
    """Where a model's page (`app.model`) stands in the navigation; None if it has no place there."""
    group, icon = PLACES.get(model, (_group_of(model.partition(".")[0]), "chevron_right"))
    order = list(PLACES).index(model) if model in PLACES else len(PLACES)
    return Place(group, order, icon) if group else None


def _group_of(app: str) -> str:
    return next((group for group, (_title, apps) in GROUPS.items() if app in apps), "")


UNFOLD = {
    "SITE_TITLE": "loyalty.console.selectors.site_title",
    "SITE_HEADER": "loyalty.console.selectors.site_title",
    "SITE_SUBHEADER": "loyalty.console.selectors.site_subtitle",
    "SITE_SYMBOL": "loyalty",
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "loyalty.console.selectors.favicon"}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "loyalty.console.selectors.environment",
    "DASHBOARD_CALLBACK": "loyalty.console.api.dashboard",
    "STYLES": ["loyalty.console.selectors.stylesheet"],
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "loyalty.console.selectors.navigation"},
    "ACCOUNT": {"navigation": "loyalty.console.selectors.account_links"},
    "COLORS": {
        "primary": {
            "50": "oklch(98.4% .014 180.7)", "100": "oklch(95.3% .051 180.8)", "200": "oklch(91% .096 180.4)", "300": "oklch(85.5% .138 181.1)",
            "400": "oklch(77.7% .152 181.9)", "500": "oklch(60% .118 184.7)", "600": "oklch(51.1% .096 186.4)", "700": "oklch(43.7% .078 188.2)",
            "800": "oklch(38.6% .063 188.4)", "900": "oklch(33% .055 190)", "950": "oklch(27.7% .046 192.5)",
        }
    },
}  # fmt: skip
