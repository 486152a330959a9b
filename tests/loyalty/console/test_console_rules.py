import pytest

from loyalty.console.rules import ROLES, granted, place

PERMISSIONS = [
    "accounts.view_member",
    "accounts.change_member",
    "accounts.view_storefrontkey",
    "accounts.add_storefrontkey",
    "points.view_entry",
    "points.export_entry",
    "points.add_adjustment",
    "points.decide_adjustment",
    "points.change_account",
    "points.add_ruleversion",
    "riskcontrol.add_blocklistentry",
    "tiers.view_later",
    "loyalty.view_auditentry",
    "loyalty.decide_outboxrow",
    "auth.change_user",
    "auth.change_group",
    "sessions.view_session",
]


@pytest.mark.parametrize(
    ("role", "has", "lacks"),
    [
        (
            "viewer",
            {"points.view_entry", "tiers.view_later"},
            {"accounts.view_storefrontkey", "accounts.change_member", "points.add_adjustment", "loyalty.view_auditentry"},
        ),
        (
            "service",
            {"points.add_adjustment", "points.change_account", "accounts.change_member"},
            {"points.decide_adjustment", "points.export_entry", "points.add_ruleversion"},
        ),
        ("marketer", {"points.add_ruleversion"}, {"points.add_adjustment", "points.change_account"}),
        ("risk", {"riskcontrol.add_blocklistentry", "points.change_account"}, {"points.add_adjustment", "points.export_entry"}),
        ("finance", {"points.export_entry", "points.decide_adjustment", "loyalty.view_auditentry"}, {"points.change_account", "auth.change_user"}),
        ("administrator", {"accounts.add_storefrontkey", "auth.change_user", "loyalty.decide_outboxrow"}, {"auth.change_group", "sessions.view_session"}),
    ],
)
def test_a_role_has_what_its_line_of_the_table_says(role, has, lacks):
    got = granted(role, PERMISSIONS)
    assert has <= got
    assert not lacks & got


def test_a_feature_that_comes_later_is_seen_by_every_role_without_an_edit():
    assert all("tiers.view_later" in granted(role, PERMISSIONS) for role in ROLES)


def test_a_page_that_nobody_placed_stands_last_in_its_apps_group():
    later, known = place("tiers.later"), place("accounts.member")
    assert (later.group, known.group) == ("tiers", "members")
    assert later.order > known.order


def test_a_page_of_an_unknown_app_stands_nowhere():
    assert place("strangers.thing") is None
