"""Every role on every page of the console."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.urls import reverse

from loyalty.console import rules
from loyalty.console.selectors import all_permissions

pytestmark = pytest.mark.django_db

EVERYBODY = {"viewer", "service", "marketer", "risk", "finance", "administrator"}
ONLY_ADMINISTRATORS = {"administrator"}
# Page → the roles that may open its list, where that is not everybody.
LISTS = {
    "accounts.storefrontkey": ONLY_ADMINISTRATORS,
    "loyalty.auditentry": {"finance", "administrator"},
    "loyalty.jobrun": ONLY_ADMINISTRATORS,
    "loyalty.outboxrow": ONLY_ADMINISTRATORS,
    "loyalty.webhookdelivery": ONLY_ADMINISTRATORS,
    "loyalty.webhookendpoint": ONLY_ADMINISTRATORS,
    "auth.user": ONLY_ADMINISTRATORS,
    "auth.group": ONLY_ADMINISTRATORS,
    "axes.accessattempt": ONLY_ADMINISTRATORS,
    "django_celery_beat.periodictask": ONLY_ADMINISTRATORS,
    "django_celery_beat.intervalschedule": ONLY_ADMINISTRATORS,
    "django_celery_beat.crontabschedule": ONLY_ADMINISTRATORS,
}
# Page → the roles that may add to it; nobody else, and to no other page of ours.
ADDED_BY = {
    "points.adjustment": {"service", "finance", "administrator"},
    "points.batch": {"service", "finance", "administrator"},
    "points.merge": {"service", "administrator"},
    "points.reminderterms": {"marketer", "administrator"},
    "points.rule": {"marketer", "administrator"},
    "points.sharedlimit": {"marketer", "administrator"},
    "points.festival": {"marketer", "administrator"},
    "points.earningsettings": ONLY_ADMINISTRATORS,
    "mall.burnpolicy": {"marketer", "administrator"},
    "mall.category": {"marketer", "administrator"},
    "mall.codepool": {"marketer", "administrator"},
    "mall.coupontemplate": {"marketer", "administrator"},
    "mall.flashplan": {"marketer", "administrator"},
    "mall.flashsale": {"marketer", "administrator"},
    "mall.markdownterms": {"marketer", "administrator"},
    "mall.partner": {"marketer", "administrator"},
    "mall.privilegekind": {"marketer", "administrator"},
    "mall.provider": ONLY_ADMINISTRATORS,
    "mall.rentalterms": {"marketer", "administrator"},
    "mall.revivalwindow": {"marketer", "administrator"},
    "mall.reward": {"marketer", "administrator"},
    "mall.topupterms": {"finance", "administrator"},
    "points.budget": {"finance", "administrator"},
    "points.simulation": {"finance", "marketer", "administrator"},
    "points.cardkind": {"marketer", "administrator"},
    "points.checkinterms": {"marketer", "administrator"},
    "points.mission": {"marketer", "administrator"},
    "points.badge": {"marketer", "administrator"},
    "points.prooftask": {"marketer", "administrator"},
    "points.board": {"marketer", "administrator"},
    "points.benefitterms": {"marketer", "administrator"},
    "points.inactivityterms": ONLY_ADMINISTRATORS,
    "tiers.dormancyterms": {"marketer", "administrator"},
    "tiers.evaluationpolicy": {"marketer", "administrator"},
    "tiers.growthentry": {"service", "marketer", "administrator"},
    "tiers.growthrate": {"marketer", "administrator"},
    "tiers.growthterms": {"marketer", "administrator"},
    "tiers.ladderplan": {"marketer", "administrator"},
    "tiers.ladderplansettings": ONLY_ADMINISTRATORS,
    "tiers.standing": {"service", "marketer", "administrator"},
    "tiers.tier": {"marketer", "administrator"},
    "riskcontrol.blocklistentry": {"risk", "administrator"},
    "accounts.leavingterms": ONLY_ADMINISTRATORS,
    "accounts.referralterms": {"marketer", "administrator"},
    "accounts.notificationsettings": {"marketer", "administrator"},
    "accounts.factkind": {"marketer", "administrator"},
    "accounts.segment": {"marketer", "administrator"},
    "points.adjustmentlimit": ONLY_ADMINISTRATORS,
    "points.terms": ONLY_ADMINISTRATORS,
    "loyalty.programme": ONLY_ADMINISTRATORS,
    "accounts.storefrontkey": ONLY_ADMINISTRATORS,
    "loyalty.webhookendpoint": ONLY_ADMINISTRATORS,
    "auth.user": ONLY_ADMINISTRATORS,
    "django_celery_beat.intervalschedule": ONLY_ADMINISTRATORS,
    "django_celery_beat.crontabschedule": ONLY_ADMINISTRATORS,
}
PAGES = sorted(model._meta.label_lower for model in admin.site._registry)


def address(page: str, what: str) -> str:
    return reverse(f"admin:{page.replace('.', '_')}_{what}")


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_a_role_opens_the_lists_that_the_table_gives_it_and_no_other(browser, role):
    client = browser(role)
    # A page of settings is its form: 302 leads there.
    got = {page: client.get(address(page, "changelist")).status_code in (200, 302) for page in PAGES}
    assert got == {page: role in LISTS.get(page, EVERYBODY) for page in PAGES}


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_a_role_adds_where_the_table_lets_it_and_nowhere_else(browser, role):
    client = browser(role)
    got = {page: client.get(address(page, "add")).status_code for page in PAGES}
    assert got == {page: 200 if role in ADDED_BY.get(page, set()) else 403 for page in PAGES}


def test_the_navigation_names_exactly_the_pages_that_a_role_may_open(browser):
    for role in sorted(EVERYBODY):
        page = browser(role).get(reverse("admin:index")).content.decode()
        for name in PAGES:
            if rules.place(name) is not None:
                assert (f'href="{address(name, "changelist")}"' in page) is (role in LISTS.get(name, EVERYBODY)), (role, name)


def test_an_operator_without_a_role_sees_an_overview_and_nothing_else(browser):
    client = browser("", name="newcomer")
    assert client.get(reverse("admin:index")).status_code == 200
    assert {client.get(address(page, "changelist")).status_code for page in PAGES} == {403}


def test_whoever_is_not_logged_in_is_sent_to_the_login(client, db):
    for page in PAGES:
        answer = client.get(address(page, "changelist"))
        assert answer.status_code == 302
        assert answer["Location"].startswith(reverse("admin:login"))


@pytest.mark.parametrize("page", ["points.account", "points.entry", "points.lot", "points.hold", "loyalty.auditentry", "accounts.member", "accounts.purchase"])
@pytest.mark.parametrize("what", ["add", "change", "delete"])
def test_not_even_a_superuser_writes_the_books(rf, operator, page, what):
    request = rf.get("/")
    request.user = operator(name="root", superuser=True)
    model_admin = next(page_of for model, page_of in admin.site._registry.items() if model._meta.label_lower == page)
    assert getattr(model_admin, f"has_{what}_permission")(request) is False


def test_every_pattern_of_the_table_grants_something_once_its_app_has_tables(db):
    there = all_permissions()
    apps = {name.partition(".")[0] for name in there}
    for role, patterns in rules.ROLES.items():
        for pattern in patterns:
            if pattern.partition(".")[0] in apps:
                assert rules._any(next((name for name in there if rules._any(name, [pattern])), ""), [pattern]), (role, pattern)


def test_loading_the_roles_again_changes_nothing_and_takes_back_what_was_added_by_hand(db):
    call_command("load_roles", verbosity=0)
    viewer = Group.objects.get(name="viewer")
    before = set(viewer.permissions.values_list("codename", flat=True))
    viewer.permissions.add(Permission.objects.get(codename="decide_adjustment"))
    own = Group.objects.create(name="our own mix")
    own.permissions.add(Permission.objects.get(codename="decide_adjustment"))
    call_command("load_roles", verbosity=0)
    assert set(viewer.permissions.values_list("codename", flat=True)) == before
    assert own.permissions.count() == 1


def test_an_administrator_makes_no_superuser_and_touches_none(browser, operator):
    client, root = browser("administrator"), operator(name="root", superuser=True)
    other = operator("viewer")
    form = {
        "username": other.username,
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "00:00",
        "_save": "1",
    }
    client.post(reverse("admin:auth_user_change", args=[other.pk]), form)
    other.refresh_from_db()
    assert other.is_superuser is False
    assert client.post(reverse("admin:auth_user_change", args=[root.pk]), {**form, "username": "root"}).status_code == 403
    assert client.get(f"/admin/auth/user/{root.pk}/password/").status_code == 403


def test_a_new_operator_can_log_in(browser):
    client, password = browser("administrator"), "a-long-Sample-phrase-7"
    client.post(reverse("admin:auth_user_add"), {"username": "newcomer", "usable_password": "true", "password1": password, "password2": password})
    assert User.objects.get(username="newcomer").is_staff
