"""What the storefront and the member's app read and ask for."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from mall.rentals import services
from mall.rentals.models import Rental
from tests.api.conftest import Asking


@pytest.fixture
def api(storefront):
    return Asking(storefront)


@pytest.fixture
def app(member_client):
    return Asking(member_client)


def catch_up(desk):
    """Requests read the clock themselves."""
    desk.mall.now = timezone.now()
    return desk.send()


def test_a_member_reads_what_they_have_borrowed(desk, rich, api, app, other_member_client):
    rental = desk.borrow(rich)
    (shown,) = api.get(f"members/{rich.external_id}/rentals").json()["results"]
    assert shown == {
        "id": str(rental.id), "redemption": str(rental.redemption_id), "reward": "miles", "name": "Miles", "quantity": 1, "status": "lent",
        "started_at": shown["started_at"], "ends_at": f"{rental.ends_at:%Y-%m-%dT%H:%M:%SZ}", "handed": rental.order.vouchers, "renewals_left": 2,
        "renewal_points": 40, "renewing": False, "renewable": True, "renews_itself": False, "ended_because": "",
    }  # fmt: skip
    assert app.get("me/rentals").json()["results"] == [shown]
    assert Asking(other_member_client).get("me/rentals").json()["results"] == []


def test_the_list_is_a_bounded_number_of_questions(desk, rich, api, terms, mall, django_assert_max_num_queries):
    terms.at_once = None
    services.keep(terms=terms, actor="tests", now=mall.now)
    for _ in range(3):
        desk.borrow(rich)
    api.get(f"members/{rich.external_id}/rentals")
    with django_assert_max_num_queries(5):
        assert len(api.get(f"members/{rich.external_id}/rentals").json()["results"]) == 3


def test_a_member_renews_by_the_app_and_the_same_key_is_one_renewal(desk, rich, app):
    rental = desk.borrow(rich)
    done = app.post(f"me/rentals/{rental.id}/renew", key="one")
    assert (done.status_code, done.json()["renewing"], done.json()["renewable"], desk.mall.points(rich)) == (200, True, False, 860)
    again = app.post(f"me/rentals/{rental.id}/renew", key="one")
    assert (again.json(), again.headers["Idempotent-Replayed"], desk.mall.points(rich)) == (done.json(), "true", 860)
    refused = app.post(f"me/rentals/{rental.id}/renew")
    assert (refused.status_code, refused.json()["code"]) == (409, "renewal_under_way")
    catch_up(desk)
    (shown,) = app.get("me/rentals").json()["results"]
    assert (shown["renewals_left"], shown["ends_at"] > done.json()["ends_at"]) == (1, True)


def test_given_back_by_the_app_its_codes_are_shown_no_more(desk, rich, app):
    rental = desk.borrow(rich)
    done = app.post(f"me/rentals/{rental.id}/end").json()
    assert (done["status"], done["ended_because"], done["handed"], done["renewable"]) == ("ending", "member", [], False)
    over = datetime.fromisoformat(done["ends_at"])
    assert timezone.now() - timedelta(minutes=1) < over <= timezone.now() < rental.ends_at, "it says when it ended, not when it would have"
    assert app.post(f"me/rentals/{rental.id}/end").json() == done
    for status in ("ending", "taken_back"):
        assert app.get("me/rentals").json()["results"][0]["status"] == status
        refused = app.post(f"me/rentals/{rental.id}/renew").json()
        assert (refused["code"], refused["detail"]) == ("rental_over", "The rental is over, or was given back.")
        catch_up(desk)


def test_it_renews_itself_only_where_the_member_has_chosen_so(desk, rich, api, app):
    rental = desk.borrow(rich)
    assert app.ask("PUT", f"me/rentals/{rental.id}", {"renews_itself": True}).json()["renews_itself"] is True
    assert Rental.objects.get().renews_itself
    assert api.ask("PUT", f"members/{rich.external_id}/rentals/{rental.id}", {"renews_itself": False}).json()["renews_itself"] is False
    assert [app.ask("PUT", f"me/rentals/{rental.id}", body).status_code for body in ({}, {"renews_itself": 1}, {"renews_itself": "true"})] == [400] * 3
    services.end(rental_id=rental.id, actor="tests", now=timezone.now())
    assert app.ask("PUT", f"me/rentals/{rental.id}", {"renews_itself": True}).json()["code"] in ("rental_over", "rental_not_out")


def test_another_members_rental_is_not_there(desk, rich, other_member_client):
    rental = desk.borrow(rich)
    for path in ("renew", "end"):
        assert Asking(other_member_client).post(f"me/rentals/{rental.id}/{path}").status_code == 404


def test_redeemed_over_http_it_is_fulfilled_by_the_partner(desk, rich, app):
    done = app.post("me/redemptions", {"reward": "miles"}).json()
    assert (done["kind"], done["status"], done["handed"]) == ("rental", "fulfilling", [])
    catch_up(desk)
    shown = app.get(f"me/redemptions/{done['id']}").json()
    assert (shown["status"], {*shown["handed"][0]}) == ("delivered", {"rental", "name", "ends_at", "code", "url", "expires_on"})
