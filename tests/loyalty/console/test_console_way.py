"""The line above a page says where one is as the navigation does, and names a row as it is called."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from mall.codes import services as codes
from mall.codes.models import CodePool
from tests.loyalty.console.test_console_pages import page_of, text

pytestmark = pytest.mark.django_db


def way(page: str) -> list[str]:
    """The crumbs of a page."""
    heading = re.search(r"<h1 .*?</h1>", page, re.DOTALL)
    assert heading is not None
    return [one.strip() for one in re.findall(r"tracking-tight\">(.*?)</", heading[0], re.DOTALL)]


@pytest.mark.parametrize(
    ("page", "here"),
    [
        ("mall_burnpolicy_changelist", ["Programme", "Burn policy versions"]),
        ("mall_topupterms_add", ["Programme", "Points for money"]),
        ("mall_topup_changelist", ["Points", "Top-ups"]),
        ("loyalty_webhookdelivery_changelist", ["Operations", "Webhook deliveries"]),
        ("mall_codeimport_changelist", ["Mall", "Pools of codes", "Imports of codes"]),
        ("accounts_member_changelist", ["Members"]),
        ("auth_user_changelist", ["Operators"]),
    ],
)
def test_a_page_stands_where_the_navigation_has_it(browser, page, here):
    assert way(text(browser(superuser=True).get(reverse(f"admin:{page}")))) == here


def test_a_members_id_keeps_its_letters(browser, member):
    member.external_id = "rich"
    member.save()
    assert way(text(browser("service").get(page_of(member)))) == ["Members", str(member)]


def test_the_navigation_stays_open_on_what_has_no_place_of_its_own(browser):
    page = text(browser(superuser=True).get("/admin/mall/codeimport/"))
    found = dict(re.findall(r'<a href="(/admin/mall/(?:codepool|coupon)/)" class="(flex h-[^"]*)"', page))
    assert {link: "active" in classes.split() for link, classes in found.items()} == {"/admin/mall/codepool/": True, "/admin/mall/coupon/": False}


def test_the_history_says_nothing_where_nobody_and_no_reason_is_known(browser):
    pool = CodePool(code="video", name_zh="视频月卡", name_en="Video month")
    codes.keep(pool=pool, actor="tests", now=timezone.now())
    pool.name_en = "A month of videos"
    pool.save()
    page = text(browser(superuser=True).get("/admin/mall/codepool/video/history/"))
    assert "Video month → A month of videos" in page
    assert "None" not in page[page.index('id="change-history"') :]
