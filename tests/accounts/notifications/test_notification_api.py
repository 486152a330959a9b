"""Inbox, preferences, addresses and the unsubscribe page over HTTP."""

from datetime import timedelta

import pytest

from accounts.members import services as members
from accounts.notifications import selectors, services
from accounts.notifications.models import Address, InboxItem, Preference

pytestmark = pytest.mark.django_db
API = "/api/v1/"


@pytest.fixture
def told(member, now):
    for number in range(3):
        services.notify(member_id=member.id, kind="birthday", key=f"k-{number}", about={"points": number}, now=now - timedelta(minutes=3 - number))
    return member


def test_the_inbox_shows_the_newest_first_a_page_at_a_time_with_what_is_unread(storefront, told):
    first = storefront.get(f"{API}members/M-1/inbox?limit=2").json()
    assert [item["text"].split("!")[1].split(" ")[1] for item in first["results"]] == ["2", "1"]
    assert (first["unread"], set(first["results"][0])) == (3, {"id", "kind", "subject", "text", "at", "read_at"})
    rest = storefront.get(first["next"]).json()
    assert (len(rest["results"]), rest["next"]) == (1, None)


def test_the_inbox_speaks_the_language_of_whoever_asks(storefront, told):
    assert storefront.get(f"{API}members/M-1/inbox").json()["results"][0]["subject"] == "Happy birthday"
    storefront.credentials(**{**storefront._credentials, "HTTP_ACCEPT_LANGUAGE": "zh-CN"})
    assert storefront.get(f"{API}members/M-1/inbox").json()["results"][0]["subject"] == "生日快乐"


def test_what_is_read_is_marked_once_and_all_can_be_marked_at_once(member_client, told, now):
    newest = member_client.get(f"{API}me/inbox").json()["results"][0]
    for _ in range(2):
        assert member_client.post(f"{API}me/inbox/{newest['id']}/read").json() == {"unread": 2}
    read_at = InboxItem.objects.get(id=newest["id"]).read_at
    assert member_client.post(f"{API}me/inbox/read-all").json() == {"unread": 0}
    assert InboxItem.objects.get(id=newest["id"]).read_at == read_at


def test_anothers_message_is_not_there(other_member_client, told):
    item = InboxItem.objects.first()
    response = other_member_client.post(f"{API}me/inbox/{item.id}/read")
    assert (response.status_code, response.json()["code"]) == (404, "inbox_item_unknown")
    item.refresh_from_db()
    assert item.read_at is None


def test_preferences_say_for_each_purpose_and_channel_what_holds(storefront, member):
    rows = storefront.get(f"{API}members/M-1/preferences").json()["preferences"]
    assert len(rows) == 15
    by_name = {(row["purpose"], row["channel"]): (row["wanted"], row["fixed"]) for row in rows}
    assert by_name["expiry", "inbox"] == (True, True)
    assert by_name["expiry", "sms"] == (True, False)
    assert by_name["marketing", "email"] == (False, False)


def test_what_a_member_chooses_stays_chosen_and_the_rest_as_it_was(member_client, member):
    asked = {"preferences": [{"purpose": "marketing", "channel": "email", "wanted": True}, {"purpose": "expiry", "channel": "sms", "wanted": False}]}
    rows = member_client.put(f"{API}me/preferences", asked, format="json").json()["preferences"]
    assert {(row["purpose"], row["channel"]) for row in rows if row["wanted"]} >= {("marketing", "email"), ("expiry", "email")}
    assert ("expiry", "sms") not in {(row["purpose"], row["channel"]) for row in rows if row["wanted"]}
    assert Preference.objects.count() == 2


def test_nobody_turns_off_what_concerns_their_own_points_in_the_inbox(member_client, member):
    asked = {"preferences": [{"purpose": "marketing", "channel": "email", "wanted": True}, {"purpose": "expiry", "channel": "inbox", "wanted": False}]}
    response = member_client.put(f"{API}me/preferences", asked, format="json")
    assert (response.status_code, response.json()["code"]) == (422, "preference_fixed")
    assert not Preference.objects.exists()


@pytest.mark.parametrize("channel", ["email", "sms", "push", "wechat"])
def test_an_address_is_kept_told_again_and_forgotten(member_client, member, channel):
    value = {"email": "a@sample.example", "sms": "+8613800138000", "push": "apns:" + "0f" * 32, "wechat": "oSampleFollower000000000001"}[channel]
    for _ in range(2):
        rows = member_client.put(f"{API}me/addresses", {"channel": channel, "value": value}, format="json").json()["addresses"]
        assert [(row["channel"], row["value"], row["gone_at"]) for row in rows] == [(channel, value, None)]
    assert member_client.get(f"{API}me/addresses").json()["addresses"] == rows
    assert member_client.delete(f"{API}me/addresses/{rows[0]['id']}").json() == {"addresses": []}
    assert member_client.delete(f"{API}me/addresses/{rows[0]['id']}").status_code == 404


@pytest.mark.parametrize(("channel", "value"), [("email", "no address"), ("push", "token-of-nobody"), ("wechat", "x"), ("sms", "abc"), ("inbox", "me")])
def test_what_is_no_address_is_refused(member_client, member, channel, value):
    response = member_client.put(f"{API}me/addresses", {"channel": channel, "value": value}, format="json")
    assert (response.status_code, response.json()["code"]) == (422, "address_refused")


def test_anothers_address_is_not_there(member_client, other_member_client, member, now):
    kept = services.keep_address(member_id=member.id, channel="email", value="a@sample.example", now=now)
    assert other_member_client.delete(f"{API}me/addresses/{kept.id}").status_code == 404
    assert Address.objects.filter(id=kept.id).exists()


# The link in a message.


@pytest.fixture
def link(member):
    address = services.unsubscribe_link(member_id=member.id, purpose="expiry", channel="email")
    return address[address.index("/unsubscribe/") :]


def wants(member):
    return selectors.wanted(purpose="expiry", channel="email", reach=selectors.reaches([member])[member.id])


def test_opening_the_link_asks_and_changes_nothing(client, member, link):
    response = client.get(link)
    assert response.status_code == 200
    assert "不再接收这类消息吗" in response.content.decode()
    assert wants(member)


def test_the_page_speaks_the_members_language_whatever_the_browsers(client, member, link, now):
    members.register(external_id="M-1", language="en", now=now)
    assert "Do you want no more" in client.get(link, headers={"Accept-Language": "zh-CN"}).content.decode()


def test_one_click_of_a_mail_program_is_enough(client, member, link):
    response = client.post(link, {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200
    assert not wants(member)
    assert selectors.wanted(purpose="expiry", channel="sms", reach=selectors.reaches([member])[member.id])
    assert client.post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200


def test_who_clicked_by_mistake_takes_it_back(client, member, link):
    client.post(link)
    assert "我还是想接收" in client.get(link).content.decode()
    client.post(link, {"again": "1"})
    assert wants(member)


def test_a_link_that_was_changed_does_nothing(client, member, link):
    response = client.post(link[:-2] + "xx")
    assert response.status_code == 404
    assert wants(member)
    assert client.get("/unsubscribe/nonsense").status_code == 404


def test_nothing_but_asking_and_answering_is_allowed(client, link):
    assert client.delete(link).status_code == 405
