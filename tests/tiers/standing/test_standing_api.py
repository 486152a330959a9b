from datetime import timedelta

import pytest

from tiers.standing import services as standings

ADDRESS = "/api/v1/members/M-1/standing"
NAMED = ("tier", "name", "rank", "multiplier", "colour", "since", "until", "next")


@pytest.fixture
def gold_for_a_month(tiers, member, now):
    until = now + timedelta(days=30)
    standings.set_standing(member_id=member.id, tier="silver", reason="invited", until=until, actor="sample", now=now)
    return until


def moment(at):
    return at.isoformat().replace("+00:00", "Z")


def test_a_standing_says_which_tier_since_when_and_what_comes_next(storefront, gold_for_a_month, now):
    shown = storefront.get(ADDRESS).json()
    assert {name: shown[name] for name in NAMED} == {
        "tier": "silver",
        "name": "Silver",
        "rank": 20,
        "multiplier": "1.2",
        "colour": "#8a8f98",
        "since": moment(now),
        "until": moment(gold_for_a_month),
        "next": {"tier": "gold", "name": "Gold"},
    }


def test_names_are_in_the_callers_language(storefront, gold_for_a_month):
    storefront._credentials["HTTP_ACCEPT_LANGUAGE"] = "zh-CN"
    shown = storefront.get(ADDRESS).json()
    assert (shown["name"], shown["next"]["name"]) == ("silver会员", "gold会员")


def test_who_was_put_nowhere_is_in_the_lowest_tier_since_no_time(storefront, tiers, member):
    shown = storefront.get(ADDRESS).json()
    assert (shown["tier"], shown["since"], shown["until"], shown["next"]["tier"]) == ("bronze", None, None, "silver")


def test_nothing_comes_after_the_top(storefront, tiers, member, now):
    standings.set_standing(member_id=member.id, tier="gold", reason="invited", actor="sample", now=now)
    assert storefront.get(ADDRESS).json()["next"] is None


def test_without_a_ladder_there_is_an_answer_all_the_same(storefront, member):
    shown = storefront.get(ADDRESS).json()
    assert {name: shown[name] for name in NAMED} == {
        "tier": "", "name": "", "rank": 0, "multiplier": "1", "colour": "", "since": None, "until": None, "next": None,
    }  # fmt: skip
    assert (shown["to_next"], shown["to_keep"], shown["growth"], shown["sprint"]) == (None, None, 0, False)


def test_a_member_sees_their_own(member_client, other_member_client, gold_for_a_month):
    assert member_client.get("/api/v1/me/standing").json()["tier"] == "silver"
    assert other_member_client.get("/api/v1/me/standing").json()["tier"] == "bronze"
