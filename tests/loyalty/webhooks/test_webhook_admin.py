"""Operators make endpoints, see how they fare, and decide about what could not be delivered."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from loyalty.audit.models import AuditEntry
from loyalty.webhooks import rules, services
from loyalty.webhooks.admin import in_words
from loyalty.webhooks.models import WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"whsec_[0-9A-Za-z+/]{43}=")
MAY = ("view_webhookendpoint", "add_webhookendpoint", "change_webhookendpoint", "replay_webhookendpoint", "view_webhookdelivery")
URL = "https://shop.example.com/webhooks"


def endpoints(name, *args):
    return reverse(f"admin:loyalty_webhookendpoint_{name}", args=args)


def deliveries(name, *args):
    return reverse(f"admin:loyalty_webhookdelivery_{name}", args=args)


def shown(response):
    return response.content.decode()


def test_a_new_endpoints_secret_is_shown_once(client, operator):
    operator(*MAY)
    answer = client.post(endpoints("add"), {"name": "shop", "url": URL, "topics": ["points.earned", "member.registered"]})
    assert "no-store" in answer["Cache-Control"]
    secret = SECRET.search(shown(answer))[0]
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.topics == ["member.registered", "points.earned"]
    for page in (endpoints("changelist"), endpoints("change", endpoint.id), endpoints("history", endpoint.id)):
        assert secret not in shown(client.get(page))
        assert endpoint.digest not in shown(client.get(page))
    assert AuditEntry.objects.get().verb == "webhook.made"


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://shop.example.com/", "must begin with https://"), ("https://10.1.1.1/", "WEBHOOK_INTERNAL_HOSTS"), ("shop", "This is no address")],
)
def test_an_address_that_cannot_be_is_said_at_its_field(url, said, client, operator):
    operator(*MAY)
    assert said in shown(client.post(endpoints("add"), {"name": "shop", "url": url, "topics": ["points.earned"]}))
    assert not WebhookEndpoint.objects.exists()


def test_an_endpoint_is_given_another_address_and_other_events_and_keeps_its_secret(client, operator, endpoint):
    operator(*MAY)
    digest = endpoint.digest
    client.post(endpoints("change", endpoint.id), {"name": "shop 2", "url": URL, "topics": ["points.spent"], "digest": "0" * 64})
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.url, endpoint.topics, endpoint.digest) == ("shop 2", URL, ["points.spent"], digest)
    assert endpoint.history.count() == 2


def test_a_rotation_asks_first_and_shows_the_new_secret_once(client, operator, endpoint):
    operator(*MAY)
    assert client.get(endpoints("rotate", endpoint.id)).status_code == 200
    answer = client.post(endpoints("rotate", endpoint.id), {"grace": "24", "reason": "yearly"})
    assert SECRET.search(shown(answer))[0] != endpoint.secret
    endpoint.refresh_from_db()
    assert (endpoint.generation, AuditEntry.objects.get(verb="webhook.rotated").reason) == (2, "yearly")


@pytest.mark.parametrize(("status", "said"), [(204, "It was taken within"), (500, "It was not taken")])
def test_a_test_is_sent_after_a_question_and_its_answer_shown(status, said, client, operator, endpoint, receiver):
    operator(*MAY)
    receiver.answer = lambda _said: status
    assert client.get(endpoints("send_test", endpoint.id)).status_code == 200
    assert receiver.told == []
    assert said in shown(client.post(endpoints("send_test", endpoint.id), follow=True))
    assert receiver.told[0].json["type"] == rules.TEST


def test_an_endpoint_is_switched_off_and_on_with_a_reason(client, operator, endpoint):
    operator(*MAY)
    for name, said in (("switch_off", "switched off by an operator"), ("switch_on", "on")):
        assert client.post(endpoints(name, endpoint.id), {"reason": ""}).status_code == 200
        assert said in shown(client.post(endpoints(name, endpoint.id), {"reason": "a move"}, follow=True))
    endpoint.refresh_from_db()
    assert endpoint.off_at is None
    assert list(AuditEntry.objects.order_by("at", "id").values_list("verb", flat=True))[1:] == ["webhook.switched_off", "webhook.switched_on"]


def test_what_was_delivered_since_a_time_is_replayed_and_what_waits_dropped(client, operator, endpoint, receiver, happen, member, send, now):
    operator(*MAY)
    happen(1, 2, member_id=member.id)
    send(now)
    since = timezone.localtime(now).strftime("%Y-%m-%d"), "00:00:00"
    asked = {"since_0": "2020-01-01", "since_1": since[1], "which": "all", "reason": "their disk was lost"}
    assert client.get(endpoints("replay", endpoint.id)).status_code == 200
    assert "on their way again: 2" in shown(client.post(endpoints("replay", endpoint.id), asked, follow=True))
    assert "Deliveries dropped: 2" in shown(client.post(endpoints("drop_all", endpoint.id), {"reason": "they have it"}, follow=True))
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"dropped"}


def test_a_delivery_shows_what_it_says_and_each_answer_and_is_replayed(client, operator, endpoint, receiver, happen, member, send, now):
    operator(*MAY, "view_member")
    receiver.answer, receiver.text = lambda _said: 500, "our disk is <full>"
    happen(1, member_id=member.id)
    send(now)
    row = WebhookDelivery.objects.get()
    page = shown(client.get(deliveries("change", row.id)))
    assert "our disk is &lt;full&gt;" in page and row.message in page and "&quot;M-1&quot;" in page
    assert client.post(deliveries("drop", row.id), {"reason": "told by telephone"}).status_code == 302
    assert WebhookDelivery.objects.get().status == "dropped"
    assert client.post(deliveries("replay", row.id), {"reason": "no, it was not"}).status_code == 302
    assert WebhookDelivery.objects.get().status == "waiting"


def test_deliveries_are_found_by_id_and_member_and_the_list_takes_a_few_statements(
    client, operator, endpoint, happen, member, other_member, now, django_assert_max_num_queries
):
    operator(*MAY)
    happen(*range(30), member_id=member.id)
    happen(99, member_id=other_member.id)
    row = WebhookDelivery.objects.latest("id")
    with django_assert_max_num_queries(12):
        everything = shown(client.get(deliveries("changelist")))
    assert ">M-1<" in everything and ">M-2<" in everything
    for term, found in [(row.message, True), (str(row.message_id), True), ("M-2", True), ("M-1", False), ("nobody", False)]:
        assert (">M-2<" in shown(client.get(deliveries("changelist"), {"q": term}))) is found


def test_who_may_only_look_changes_nothing(client, operator, endpoint, happen, member, receiver, now):
    operator("view_webhookendpoint", "view_webhookdelivery")
    happen(1, member_id=member.id)
    row = WebhookDelivery.objects.get()
    assert client.get(endpoints("change", endpoint.id)).status_code == 200
    for page in ("rotate", "switch_off", "send_test", "replay", "drop_all"):
        assert client.post(endpoints(page, endpoint.id), {"reason": "just so"}).status_code == 403
    for page in ("replay", "drop"):
        assert client.post(deliveries(page, row.id), {"reason": "just so"}).status_code == 403
    assert client.post(deliveries("change", row.id), {"payload": "{}"}).status_code == 403
    assert receiver.told == []


def test_what_fails_stands_on_the_overview(client, operator, endpoint, receiver, happen, member, send, now):
    operator(*MAY)
    assert not client.get("/admin/").context["attention"]
    receiver.answer = lambda _said: 410
    happen(1, member_id=member.id)
    send(now)
    WebhookDelivery.objects.update(status="failed")
    said = {item.title: item.count for item in client.get("/admin/").context["attention"]}
    assert said == {"Webhook endpoints that fail, or were switched off for it": "1", "Webhooks that could not be delivered": "1"}


def test_a_secret_that_is_lost_is_said(client, operator, endpoint, settings):
    operator(*MAY)
    services.WebhookEndpoint.objects.update(digest="0" * 64)
    assert "needs a new secret" in shown(client.get(endpoints("changelist")))
    assert "rotate the secret" in shown(client.post(endpoints("send_test", endpoint.id), follow=True))


@pytest.mark.parametrize(
    ("error", "means"),
    [
        ("gaierror: [Errno -2] Name or service not known", "There is no such host."),
        ("ConnectError: [SSL: CERTIFICATE_VERIFY_FAILED]", "Its certificate is not valid"),
        ("ConnectError: [Errno 111] Connection refused", "Nobody answers there."),
        ("ReadTimeout: timed out", "longer than ten seconds"),
        (f"ConnectionRefusedError: {rules.NOT_CALLED}", "name it in WEBHOOK_INTERNAL_HOSTS"),
    ],
)
def test_an_error_of_the_network_says_what_it_means(error, means):
    with translation.override("en"):
        said = in_words(error)
    assert means in said and error in said
    assert in_words("HTTP 503 later") == "HTTP 503 later"
