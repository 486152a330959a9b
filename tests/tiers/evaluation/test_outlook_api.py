"""What a member can see of their growth, what is missing, and why."""

from datetime import timedelta

import pytest

from tiers.evaluation import services
from tiers.ladder import services as ladder
from tiers.standing import services as standings

ADDRESS = "/api/v1/members/M-1/standing"


@pytest.fixture
def tiers(db, now):
    for code, rank, threshold in (("bronze", 10, 0), ("silver", 20, 1_000), ("gold", 30, 10_000)):
        names = {"name_zh": code, "name_en": code.capitalize(), "card_url": f"https://shop.example/{code}.png"}
        ladder.keep(code=code, rank=rank, multiplier_bps=10_000, threshold=threshold, **names, actor="tests", now=now)


@pytest.fixture
def buy(tiers, member, now):
    def pay(amount, number, back=timedelta(microseconds=1), at=None):
        at = at or now
        services.count_purchase(member_id=member.id, purchase=number, net_cents=amount * 100, occurred_at=at - back, now=at)

    return pay


def test_who_has_a_term_reads_what_is_missing_to_keep_it_and_to_the_next(storefront, buy, now):
    buy(1_200, "1", at=now - timedelta(days=2))
    buy(300, "2", at=now - timedelta(days=1))
    shown = storefront.get(ADDRESS).json()
    assert (shown["tier"], shown["unit"], shown["growth"], shown["card_url"]) == ("silver", "growth", 1_500, "https://shop.example/silver.png")
    assert shown["to_next"] == {"tier": "gold", "name": "Gold", "threshold": 10_000, "figure": 1_500, "missing": 8_500}
    assert shown["to_keep"] == {"threshold": 1_000, "figure": 300, "missing": 700, "until": shown["until"], "decided_at": shown["until"]}
    assert shown["sprint"] is False


def test_why_is_told_in_sentences_the_last_decision_first(storefront, buy, member, now):
    buy(1_200, "1", at=now - timedelta(days=2))
    services.recount_purchase(member_id=member.id, purchase="1", net_cents=0, now=now - timedelta(days=1))
    standings.set_standing(member_id=member.id, tier="gold", reason="kept to ourselves", actor="tests", now=now)
    given, undone, reached = storefront.get(ADDRESS).json()["why"]
    assert given.endswith("Gold was given by the programme.")
    assert "a refund left 0 growth points of the 1,000 growth points that had reached Silver; so it is Bronze again." in undone
    assert "1,200 growth points since" in reached
    assert reached.endswith("reached Silver, which begins at 1,000 growth points.")


def test_who_was_never_decided_on_reads_that_everybody_begins_there(storefront, tiers, member):
    assert storefront.get(ADDRESS).json()["why"] == ["Nothing was decided yet: everybody begins in the lowest tier."]


def test_the_standing_takes_as_many_statements_with_more_history(storefront, buy, member, now, django_assert_max_num_queries):
    for number in range(12):
        buy(1_000, str(number), at=now - timedelta(days=40 - number))
    with django_assert_max_num_queries(20):
        assert storefront.get(ADDRESS).status_code == 200


def test_growth_is_listed_the_newest_first(storefront, buy, member, now):
    buy(100, "1")
    services.recount_purchase(member_id=member.id, purchase="1", net_cents=4_000, now=now)
    services.adjust(member_id=member.id, growth_change=5, reason="kept to ourselves", actor="tests", key="1", now=now)
    shown = storefront.get("/api/v1/members/M-1/growth").json()
    assert [(line["kind"], line["about"], line["growth"], line["amount_cents"]) for line in shown["results"]] == [
        ("adjustment", "adjustment/1", 5, 0),
        ("purchase", "purchase/1", -60, -6_000),
        ("purchase", "purchase/1", 100, 10_000),
    ]
    assert "kept to ourselves" not in str(shown)


def test_a_member_sees_their_own_growth(member_client, other_member_client, buy):
    buy(100, "1")
    assert [len(client.get("/api/v1/me/growth").json()["results"]) for client in (member_client, other_member_client)] == [1, 0]
