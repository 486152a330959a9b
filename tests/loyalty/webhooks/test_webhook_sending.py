"""Requests go out signed, in order, again when they fail, and to no address that they must not go to."""

import socket
import threading
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from accounts.members import services as members
from loyalty.lib.ids import new_id
from loyalty.outbox.rules import Event
from loyalty.webhooks import rules, selectors, services, tasks
from loyalty.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from tests.accounts.channels import certificates
from tests.loyalty.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db
Status = WebhookDelivery.Status


def numbers(told):
    return [one.json["data"]["days"] for one in told]


def statuses():
    return list(WebhookDelivery.objects.order_by("id").values_list("status", flat=True))


def health(endpoint):
    endpoint.refresh_from_db()
    return endpoint.failures, endpoint.rests_until, endpoint.off_why


def test_a_request_is_one_that_the_reference_library_takes(endpoint, receiver, happen, member, send, now):
    happen(1, member_id=member.id)
    assert send(now) == {"delivered": 1}
    (told,) = receiver.told
    row = WebhookDelivery.objects.get()
    assert told.verified(endpoint.secret) == {
        "type": "member.dormant",
        "timestamp": now.isoformat(),
        "data": {"member": "M-1", "days": 1, "since": "2026-01-01"},
    }
    assert (told.path, told.headers["webhook-id"], told.headers["content-type"]) == ("/webhooks", row.message, "application/json")
    assert told.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (row.status, row.settled_at, row.tries.get().status_code) == (Status.DELIVERED, now, 204)
    with pytest.raises(WebhookVerificationError):
        told.verified(rules.shown(b"x" * 32))


def test_a_line_is_sent_in_its_order_and_once(endpoint, receiver, happen, member, send, now):
    happen(*range(50), member_id=member.id)
    assert send(now) == {"delivered": 50}
    assert numbers(receiver.told) == list(range(50))


def test_what_fails_holds_back_its_own_line_alone(endpoint, receiver, happen, member, other_member, send, now):
    receiver.answer = lambda said: 500 if said["data"]["days"] == 1 else 200
    happen(0, 1, 2, member_id=member.id)
    happen(3, 4, member_id=other_member.id)
    assert send(now) == {"delivered": 3, "failed": 1}
    assert numbers(receiver.taken) == [0, 3, 4]
    receiver.answer = lambda _said: 200
    assert send(now + timedelta(seconds=4)) == {}
    assert send(now + timedelta(seconds=6)) == {"delivered": 2}
    assert numbers(receiver.taken) == [0, 3, 4, 1, 2]
    ids = [one.headers["webhook-id"] for one in receiver.told if one.json["data"]["days"] == 1]
    assert len(ids) == 2 and len(set(ids)) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 429, 500, 503])
def test_no_answer_but_2xx_is_delivered_and_no_redirect_is_followed(status, endpoint, receiver, happen, member, send, now):
    receiver.answer, receiver.text, receiver.headers = lambda _said: status, "not today\x00", {"location": receiver.url}
    happen(1, member_id=member.id)
    assert send(now) == {"failed": 1}
    assert len(receiver.told) == 1
    row = WebhookDelivery.objects.get()
    assert (row.status, row.attempts, row.last_error, row.due_at) == (Status.WAITING, 1, f"HTTP {status} not today", now + timedelta(seconds=5))
    assert (row.tries.get().status_code, row.tries.get().detail) == (status, "not today")


def test_a_pause_that_is_asked_for_is_kept(endpoint, receiver, happen, member, other_member, send, now):
    receiver.answer, receiver.headers = lambda _said: 429, {"retry-after": "120"}
    happen(1, member_id=member.id)
    happen(2, member_id=other_member.id)
    assert send(now) == {"failed": 1}
    assert send(now + timedelta(seconds=119)) == {}
    receiver.answer, receiver.headers = lambda _said: 200, {}
    assert send(now + timedelta(seconds=120)) == {"delivered": 2}


def test_of_a_long_answer_only_the_beginning_is_read_and_kept(endpoint, receiver, happen, member, send, now):
    receiver.answer, receiver.text = lambda _said: 500, "x" * 1_000_000
    happen(1, member_id=member.id)
    send(now)
    assert WebhookAttempt.objects.get().detail == "x" * 300


def test_a_server_that_does_not_answer_is_waited_for_no_longer_than_is_set(endpoint, receiver, happen, member, send, now, settings):
    settings.WEBHOOK_ANSWER_SECONDS = 0.2
    receiver.hang = threading.Event()
    happen(1, member_id=member.id)
    assert send(now) == {"failed": 1}
    assert WebhookAttempt.objects.get().detail.startswith("ReadTimeout")


def test_a_server_that_is_not_there_is_tried_again(make, happen, member, send, now):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    make(f"http://127.0.0.1:{port}/")
    happen(1, member_id=member.id)
    assert send(now) == {"failed": 1}
    assert WebhookAttempt.objects.get().detail.startswith("ConnectError")


def test_after_the_last_attempt_it_is_a_dead_letter_and_its_line_waits_behind_it(endpoint, receiver, happen, member, other_member, send, now):
    receiver.answer = lambda said: 400 if said["data"]["days"] == 1 else 200
    happen(1, 2, member_id=member.id)
    at, outcomes = now, []
    for wait in (timedelta(0), *rules.BACK_OFF):
        at += wait
        happen(7, member_id=other_member.id, at=at)
        outcomes += [outcome for outcome in send(at) if outcome != "delivered"]
    assert outcomes == ["failed"] * 9 + ["given_up"]
    assert [row.status for row in WebhookDelivery.objects.filter(member_id=member.id).order_by("id")] == [Status.FAILED, Status.WAITING]
    assert selectors.dead_letters().count() == 1
    receiver.answer = lambda _said: 200
    assert send(at + timedelta(days=30)) == {}
    services.replay(delivery_id=WebhookDelivery.objects.earliest("id").id, actor="sample", reason="mended", now=at)
    assert send(at) == {"delivered": 2}
    assert numbers(receiver.taken)[-2:] == [1, 2]


def test_an_endpoint_that_fails_rests_and_costs_one_attempt_at_a_time(endpoint, receiver, happen, send, now):
    receiver.answer = lambda _said: 502
    for number in range(40):
        member, _new = members.register(external_id=f"M-{100 + number}", now=now)
        happen(number, member_id=member.id)
    assert send(now) == {"failed": 3}
    assert health(endpoint) == (3, now + timedelta(seconds=10), "")
    assert send(now + timedelta(seconds=9)) == {}
    assert send(now + timedelta(seconds=10)) == {"failed": 1}
    assert health(endpoint)[:2] == (4, now + timedelta(seconds=30))
    receiver.answer = lambda _said: 200
    # Those that had failed are due at once as well: it is not them who were wrong.
    assert send(now + timedelta(seconds=30)) == {"delivered": 40}
    assert health(endpoint) == (0, None, "")
    assert sorted(numbers(receiver.taken)) == list(range(40))


def test_an_endpoint_that_is_gone_is_switched_off_and_keeps_what_waits(endpoint, receiver, happen, member, send, now):
    receiver.answer = lambda _said: 410
    happen(1, 2, member_id=member.id)
    assert send(now) == {"failed": 1}
    assert health(endpoint)[2] == "gone"
    assert send(now + timedelta(days=9)) == {}
    assert list(selectors.troubled()) == [endpoint]
    receiver.answer = lambda _said: 200
    services.switch_on(endpoint_id=endpoint.id, actor="sample", reason="it is back", now=now)
    assert send(now) == {"delivered": 2}
    assert numbers(receiver.taken) == [1, 2]


def test_an_endpoint_that_fails_for_five_days_is_switched_off(endpoint, receiver, happen, member, send, now):
    receiver.answer = lambda _said: 500
    days = 0
    while not endpoint.off_at:
        happen(days, member_id=new_member(now, days).id, at=now + timedelta(days=days))
        send(now + timedelta(days=days))
        endpoint.refresh_from_db()
        days += 1
    assert (days, endpoint.off_why) == (6, "failing")


def new_member(now, number):
    return members.register(external_id=f"D-{number}", now=now)[0]


def test_two_endpoints_do_not_wait_for_each_other(make, happen, member, send, now):
    with Receiver(answer=lambda _said: 500) as broken, Receiver() as sound:
        make(broken.url)
        make(sound.url)
        happen(1, 2, member_id=member.id)
        assert send(now) == {"failed": 1, "delivered": 2}
        assert numbers(sound.told) == [1, 2]


def test_after_a_rotation_both_secrets_sign_until_the_old_ones_time_is_over(endpoint, receiver, happen, member, send, now):
    _endpoint, new = services.rotate_secret(endpoint_id=endpoint.id, grace=timedelta(hours=24), actor="sample", reason="yearly", now=now)
    happen(1, member_id=member.id)
    send(now)
    happen(2, member_id=member.id)
    send(now + timedelta(hours=24))
    before, after = receiver.told
    assert before.verified(new) == before.verified(endpoint.secret)
    assert after.verified(new)
    with pytest.raises(WebhookVerificationError):
        after.verified(endpoint.secret)


def test_with_another_secret_key_nothing_is_sent_until_a_new_secret_is_made(endpoint, receiver, happen, member, send, now, settings, refuses):
    happen(1, member_id=member.id)
    settings.SECRET_KEY = "another-installation-with-a-copy-of-the-database"
    assert send(now) == {}
    with refuses(services.SecretLost):
        services.send_test(endpoint_id=endpoint.id, actor="sample", now=now)
    _endpoint, new = services.rotate_secret(endpoint_id=endpoint.id, grace=timedelta(hours=24), actor="sample", reason="moved", now=now)
    assert send(now) == {"delivered": 1}
    assert receiver.told[0].verified(new)


def test_a_name_that_leads_inside_is_not_called_whatever_the_form_said(endpoint, receiver, happen, member, send, now, settings):
    settings.WEBHOOK_INTERNAL_HOSTS = []
    # A public name, by its look, that leads to 127.0.0.1.
    WebhookEndpoint.objects.update(url=f"https://0x7f.0.0.1:{receiver.port}/")
    happen(1, member_id=member.id)
    assert send(now) == {"failed": 1}
    assert receiver.told == []
    assert "WEBHOOK_INTERNAL_HOSTS" in WebhookAttempt.objects.get().detail


@pytest.fixture
def names(settings, monkeypatch):
    """These names lead to this machine; what was looked up, in order."""
    looked_up = []

    def lookup(host, port, *args, **kwargs):
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    settings.WEBHOOK_INTERNAL_HOSTS = ["shop.example", "elsewhere.example"]
    return looked_up


def test_the_request_goes_to_the_address_that_was_looked_at(names, make, receiver, happen, member, send, now):
    """A name that would lead elsewhere when it is asked again leads nowhere new."""
    make(f"http://shop.example:{receiver.port}/webhooks")
    happen(1, member_id=member.id)
    assert send(now) == {"delivered": 1}
    assert [one for one in names if one != "127.0.0.1"] == ["shop.example"]
    assert receiver.told[0].headers["host"] == f"shop.example:{receiver.port}"


@pytest.mark.parametrize(("certificate", "outcome"), [("of_another_host", "delivered"), ("good", "failed"), ("self_signed", "failed")])
def test_the_certificate_must_be_the_hosts_and_not_the_addresss(certificate, outcome, names, make, happen, member, send, now, tmp_path, monkeypatch):
    """`of_another_host` names elsewhere.example, `good` names 127.0.0.1 alone."""
    made = certificates.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    with Receiver(certificate=getattr(made, certificate)) as receiver:
        make(f"https://elsewhere.example:{receiver.port}/webhooks")
        happen(1, member_id=member.id)
        assert send(now) == {outcome: 1}
        assert len(receiver.told) == (outcome == "delivered")
    assert outcome == "delivered" or "CERTIFICATE_VERIFY_FAILED" in WebhookAttempt.objects.get().detail


def test_a_test_event_goes_out_at_once_and_is_no_delivery(endpoint, receiver, now):
    services.switch_off(endpoint_id=endpoint.id, actor="sample", reason="not yet", now=now)
    assert services.send_test(endpoint_id=endpoint.id, actor="sample", now=now).accepted
    assert receiver.told[0].verified(endpoint.secret) == {"type": "webhook.test", "timestamp": now.isoformat(), "data": {"endpoint": "sample shop"}}
    assert not WebhookDelivery.objects.exists()


def test_what_was_delivered_since_a_time_is_sent_again_under_the_same_ids(endpoint, receiver, happen, member, send, hour):
    for number in range(4):
        happen(number, member_id=member.id, at=hour(number))
    send(hour(4))
    options = {"endpoint_id": endpoint.id, "since": hour(2), "limit": 100, "actor": "sample", "reason": "their disk was lost", "now": hour(5)}
    assert services.replay_since(statuses=[Status.FAILED], **options) == 0
    assert services.replay_since(statuses=[Status.FAILED, Status.DELIVERED], **options) == 2
    send(hour(5))
    assert numbers(receiver.told) == [0, 1, 2, 3, 2, 3]
    assert [one.headers["webhook-id"] for one in receiver.told[2:4]] == [one.headers["webhook-id"] for one in receiver.told[4:]]


def test_what_is_dropped_is_not_sent_and_lets_the_rest_go_on(endpoint, receiver, happen, member, send, refuses, now):
    happen(1, 2, 3, member_id=member.id)
    first = WebhookDelivery.objects.earliest("id")
    services.drop(delivery_id=first.id, actor="sample", reason="they have it", now=now)
    with refuses(services.NotToDrop):
        services.drop(delivery_id=first.id, actor="sample", reason="they have it", now=now)
    assert send(now) == {"delivered": 2}
    assert numbers(receiver.told) == [2, 3]
    happen(4, 5, member_id=member.id)
    assert services.drop_all(endpoint_id=endpoint.id, limit=10, actor="sample", reason="too old", now=now) == 2
    assert send(now) == {}


def test_what_is_on_its_way_is_not_replayed(endpoint, happen, member, refuses, now):
    happen(1, member_id=member.id)
    with refuses(services.NotToReplay):
        services.replay(delivery_id=WebhookDelivery.objects.get().id, actor="sample", reason="again", now=now)


def test_what_a_dead_sender_had_in_hand_is_sent_by_another_later(endpoint, receiver, happen, member, send, now):
    happen(1, 2, member_id=member.id)
    selectors.due(endpoint_id=endpoint.id, now=now).update(claimed_until=now + services.LEASE)
    assert send(now + timedelta(minutes=2)) == {}
    assert send(now + timedelta(minutes=3)) == {"delivered": 2}
    assert numbers(receiver.told) == [1, 2]


def test_no_request_begins_after_the_time_that_was_given(endpoint, receiver, happen, member, now):
    happen(1, member_id=member.id)
    assert services.send_due(limit=9, until=now, clock=lambda: now, luck=lambda: 0.5) == {}
    assert receiver.told == []


def test_old_deliveries_are_deleted_and_what_still_waits_stays(endpoint, receiver, happen, member, other_member, send, now):
    receiver.answer = lambda said: 500 if said["data"]["member"] == "M-2" else 200
    happen(1, member_id=member.id)
    happen(2, member_id=other_member.id)
    send(now)
    assert services.prune(before=now + timedelta(days=1), limit=10) == 1
    assert statuses() == [Status.WAITING]
    services.switch_off(endpoint_id=endpoint.id, actor="sample", reason="over", now=now)
    assert services.prune(before=now + timedelta(days=1), limit=10) == 1
    assert not WebhookAttempt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_job_sends_what_is_due(receiver, member, make, now):
    make(receiver.url)
    services.enqueue(event=Event(topic="tiers.member_dormant", member_id=member.id, payload={"days": 3, "since": "2026-01-01"}, now=now))
    tasks.send()
    assert numbers(receiver.told) == [3]


def test_an_id_that_nobody_has_is_refused(refuses, now):
    with refuses(selectors.EndpointUnknown):
        services.switch_off(endpoint_id=new_id(), actor="sample", reason="no", now=now)


@pytest.mark.parametrize("how", ["moved", "switched on again"])
def test_what_was_put_off_is_sent_at_once_where_an_operator_has_mended_the_endpoint(how, endpoint, receiver, happen, member, send, hour):
    receiver.answer = lambda _said: 500
    happen(1, member_id=member.id)
    for hours in range(4):
        send(hour(hours))
    assert WebhookDelivery.objects.get().due_at > hour(4)
    receiver.answer = lambda _said: 204
    about = {"endpoint_id": endpoint.id, "actor": "sample"}
    if how == "moved":
        services.change_endpoint(**about, name="x", url=receiver.url + "/new", topics=endpoint.topics, now=hour(3.1))
    else:
        services.switch_off(**about, reason="it is being mended", now=hour(3.05))
        services.switch_on(**about, reason="mended", now=hour(3.1))
    assert send(hour(3.1)) == {"delivered": 1}
