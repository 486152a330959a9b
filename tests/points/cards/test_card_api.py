import pytest

from points.cards import services as cards
from points.cards.models import Card

pytestmark = pytest.mark.django_db


def page(client, query="", path="me/cards"):
    answer = client.get(f"/api/v1/{path}{query}")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def test_a_member_sees_their_cards_newest_first_and_page_by_page(member_client, double, granted, now):
    for number in range(3):
        granted(double, key=f"grant {number}", now=now)
    first = page(member_client, "?limit=2")
    rest = member_client.get(first["next"]).json()
    shown = [card["id"] for card in (*first["results"], *rest["results"])]
    assert shown == [str(card.id) for card in Card.objects.order_by("-id")]
    assert rest["next"] is None


def test_a_card_says_what_it_is_for_and_what_became_of_it(member_client, member, double, granted, now):
    granted(double, now=now, subject="mission/newcomer")
    cards.use(member_id=member.id, kind="double", subject="purchase/A-1", now=now)
    (card,) = page(member_client)["results"]
    assert {name: card[name] for name in ("kind", "name", "use", "factor_percent", "status", "granted_for", "used_for")} == {
        "kind": "double",
        "name": "Double points",
        "use": "multiplier",
        "factor_percent": 200,
        "status": "used",
        "granted_for": "mission/newcomer",
        "used_for": "purchase/A-1",
    }


def test_a_card_past_its_expiry_is_shown_as_expired_before_the_job_has_run(member_client, double, granted):
    granted(double)
    Card.objects.update(expires_at=Card.objects.get().granted_at)
    assert [card["status"] for card in page(member_client)["results"]] == ["expired"]


def test_the_name_is_in_the_language_asked_for(member_client, make_up_card, granted, now):
    granted(make_up_card, now=now)
    member_client.credentials(**{**member_client._credentials, "HTTP_ACCEPT_LANGUAGE": "zh-hans"})
    assert page(member_client)["results"][0]["name"] == "补签卡"


def test_a_page_of_cards_is_a_few_statements_however_many_there_are(member_client, double, granted, now, django_assert_max_num_queries):
    granted(double, 60, now=now)
    with django_assert_max_num_queries(4):
        assert len(page(member_client, "?limit=50")["results"]) == 50
