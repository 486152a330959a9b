"""Push by FCM and APNs: what is sent, how their tokens are kept, and what each answer means."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.channels import services as channels
from tests.accounts.channels.conftest import ANDROID, IPHONE
from tests.accounts.channels.servers import CLOSE, HANG, Fcm, Said, say

pytestmark = pytest.mark.django_db


def test_fcm_gets_the_text_and_a_tag_made_of_the_key(provider, hand_over):
    server = provider("fcm")
    first, second = hand_over("fcm"), hand_over("fcm")
    one, two = [asked.json["message"] for asked in server.asked if asked.path != "/token"]
    assert first.provider_id == "projects/sample-project/messages/0:2"
    assert second.state == "accepted"
    assert (one["token"], one["notification"]) == ("sample-registration-token-0001", {"title": "积分即将过期", "body": "您有 300 积分将于 12 月 31 日过期。"})
    assert one["android"]["notification"]["tag"] == two["android"]["notification"]["tag"]


def test_a_token_of_googles_is_asked_for_once_and_renewed_before_it_ends(provider, hand_over, now):
    server = provider("fcm")
    for minutes in (0, 20, 54):
        assert hand_over("fcm", at=now + timedelta(minutes=minutes)).state == "accepted"
    assert len(server.tokens) == 1
    hand_over("fcm", at=now + timedelta(minutes=56))
    assert sum(asked.path == "/token" for asked in server.asked) == 2


def test_a_token_that_google_no_longer_takes_is_replaced_once(provider, hand_over):
    server = provider("fcm")
    hand_over("fcm")
    server.tokens.append("ya29.newer")
    assert hand_over("fcm").state == "accepted"
    server.next.extend([Fcm.error(401, "UNAUTHENTICATED")] * 2)
    assert hand_over("fcm").state == "unreachable"


def test_a_service_account_that_google_does_not_take_is_no_fault_of_the_message(provider, hand_over):
    server = provider("fcm")
    server.account = "somebody-else@sample-project.iam.gserviceaccount.com"
    outcome = hand_over("fcm")
    assert (outcome.state, outcome.detail) == ("unreachable", "no token: HTTP 400 invalid_grant Invalid JWT")
    assert [asked.path for asked in server.asked] == ["/token"]


@pytest.mark.parametrize("said", [{"access_token": "o\ne", "expires_in": 60}, {"access_token": "ü", "expires_in": 60}, {"access_token": 5}, {"expires_in": 5}])
@pytest.mark.parametrize("code", ["fcm", "wechat"])
def test_a_token_that_is_none_is_no_fault_of_the_message(provider, hand_over, code, said):
    server = provider(code)
    server.takes_turns = bool
    server.next.append(say(said))
    assert hand_over(code).state == "unreachable"


def test_a_token_without_a_life_is_used_once(provider, hand_over):
    server = provider("fcm")
    server.takes_turns = lambda asked: asked.path == "/token"
    server.tokens.append("sample")
    server.next.append(say({"access_token": "sample", "expires_in": -(10**30)}))
    assert hand_over("fcm").state == "accepted"


@pytest.mark.parametrize("end", [HANG, CLOSE, Said(200, b"<html>"), Said(500, b"")], ids=["silence", "hung up", "nonsense", "fault"])
@pytest.mark.parametrize("code", ["fcm", "wechat"])
def test_whatever_becomes_of_asking_for_a_token_the_message_was_not_handed_over(provider, hand_over, code, end, impatient):
    server = provider(code)
    server.takes_turns = bool
    server.next.append(end)
    assert hand_over(code).state == "unreachable"
    assert len(server.asked) == 1


def test_many_at_once_ask_for_one_token(provider, message):
    server = provider("fcm")
    way = channels.selectors.setup_for(channel="push", to=ANDROID)
    outcomes = []
    threads = [
        threading.Thread(target=lambda key=key: outcomes.append(channels.ADAPTERS["fcm"](way, ANDROID, message, f"k{key}", timezone.now()))) for key in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ([outcome.state for outcome in outcomes], len(server.tokens)) == (["accepted"] * 8, 1)


@pytest.mark.parametrize("written", ["/nowhere/account.json", "{", "{}", '{"client_email": "a", "private_key_id": "k", "private_key": "x", "token_uri": "y"}'])
def test_an_account_that_cannot_be_read_is_no_fault_of_the_message(provider, hand_over, environment, written):
    server = provider("fcm")
    environment(FCM_SERVICE_ACCOUNT=written)
    assert hand_over("fcm").state == "unreachable"
    assert server.asked == []


def test_an_account_may_lie_in_a_file(provider, hand_over, environment, settings, tmp_path):
    provider("fcm")
    (tmp_path / "account.json").write_text(settings.CHANNELS["FCM_SERVICE_ACCOUNT"])
    environment(FCM_SERVICE_ACCOUNT=str(tmp_path / "account.json"))
    assert hand_over("fcm").state == "accepted"


@pytest.mark.parametrize(
    ("said", "state", "wait", "gone"),
    [
        (Fcm.error(404, "NOT_FOUND", "UNREGISTERED"), "refused", None, True),
        (Fcm.error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token"), "refused", None, True),
        (Fcm.error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.android.ttl"), "refused", None, False),
        (Fcm.error(400, "INVALID_ARGUMENT"), "refused", None, False),
        (Fcm.error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), "refused", None, False),
        (Fcm.error(403, "PERMISSION_DENIED"), "unreachable", None, False),
        (Fcm.error(404, "NOT_FOUND"), "unreachable", None, False),
        (Fcm.error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), "throttled", timedelta(minutes=1), False),
        (Fcm.error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", **{"retry-after": "300"}), "throttled", timedelta(minutes=5), False),
        (Fcm.error(503, "UNAVAILABLE", "UNAVAILABLE", **{"retry-after": "30"}), "throttled", timedelta(seconds=30), False),
        (Fcm.error(500, "INTERNAL", "INTERNAL"), "unknown", None, False),
        (say({"error": {"status": "INVALID_ARGUMENT", "details": 5}}, 400), "refused", None, False),
        (say({"error": {"status": "INVALID_ARGUMENT", "details": [{"fieldViolations": 5}, "x"]}}, 400), "refused", None, False),
    ],
    ids=lambda value: value.body.decode()[:60] if isinstance(value, Said) else None,
)
def test_what_fcms_errors_mean(provider, hand_over, said, state, wait, gone):
    server = provider("fcm")
    server.next.append(said)
    outcome = hand_over("fcm")
    assert (outcome.state, outcome.retry_after, outcome.address_gone) == (state, wait, gone)


def test_apns_gets_ids_made_of_the_key_over_http2(provider, hand_over):
    server = provider("apns")
    first, second, other = hand_over("apns"), hand_over("apns"), hand_over("apns", key="another")
    assert first.provider_id == second.provider_id != other.provider_id
    asked = server.asked[0]
    assert asked.path == f"/3/device/{IPHONE.removeprefix('apns:')}"
    assert asked.json["aps"]["alert"] == {"title": "积分即将过期", "body": "您有 300 积分将于 12 月 31 日过期。"}
    assert asked.headers["apns-collapse-id"] == server.asked[1].headers["apns-collapse-id"] != server.asked[2].headers["apns-collapse-id"]
    assert server.wrong == []


def test_an_unanswered_push_to_apple_can_still_be_found_by_its_id(provider, hand_over):
    server = provider("apns")
    server.next.append(CLOSE)
    unanswered = hand_over("apns")
    assert (unanswered.state, unanswered.provider_id) == ("unknown", hand_over("apns").provider_id)


def test_apples_token_is_used_for_forty_minutes(provider, hand_over, now):
    server = provider("apns")
    for minutes in (0, 39, 41):
        assert hand_over("apns", at=now + timedelta(minutes=minutes)).state == "accepted"
    first, second, third = [asked.headers["authorization"] for asked in server.asked]
    assert first == second != third


def test_a_token_that_apple_calls_expired_is_replaced_once(provider, hand_over, now):
    server = provider("apns")
    hand_over("apns")
    server.next.append(say({"reason": "ExpiredProviderToken"}, 403))
    assert hand_over("apns", at=now + timedelta(seconds=2)).state == "accepted"
    server.next.extend([say({"reason": "ExpiredProviderToken"}, 403)] * 2)
    assert hand_over("apns", at=now + timedelta(seconds=4)).state == "unreachable"


def test_a_key_that_signs_nothing_is_no_fault_of_the_message(provider, hand_over, environment):
    server = provider("apns")
    environment(APNS_KEY="-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n")
    assert hand_over("apns")[:3] == ("unreachable", "", "APNS_KEY cannot sign")
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "reason", "state", "wait", "gone"),
    [
        (410, "Unregistered", "refused", None, True),
        (410, "ExpiredToken", "refused", None, True),
        (400, "BadDeviceToken", "refused", None, True),
        (400, "DeviceTokenNotForTopic", "refused", None, False),
        (400, "PayloadEmpty", "refused", None, False),
        (413, "PayloadTooLarge", "refused", None, False),
        (400, "BadTopic", "unreachable", None, False),
        (403, "InvalidProviderToken", "unreachable", None, False),
        (403, "Forbidden", "unreachable", None, False),
        (429, "TooManyRequests", "throttled", None, False),
        (429, "TooManyProviderTokenUpdates", "throttled", timedelta(minutes=20), False),
        (400, "IdleTimeout", "throttled", None, False),
        (503, "Shutdown", "throttled", None, False),
        (500, "InternalServerError", "unknown", None, False),
    ],
)
def test_what_apples_reasons_mean(provider, hand_over, status, reason, state, wait, gone):
    server = provider("apns")
    server.next.append(say({"reason": reason}, status))
    outcome = hand_over("apns")
    assert (outcome.state, outcome.detail, outcome.retry_after, outcome.address_gone) == (state, f"{status} {reason}", wait, gone)


def test_each_kind_of_device_is_served_by_its_own_provider(provider, hand_over):
    apple, google = provider("apns"), provider("fcm")
    assert (hand_over("apns").state, hand_over("fcm").state) == ("accepted", "accepted")
    assert (len(apple.asked), len(google.asked)) == (1, 2)
    assert sorted(channels.providers()["push"].providers) == ["apns", "fcm"]


def test_a_device_whose_provider_is_not_in_use_is_not_reached(provider, hand_over):
    provider("apns")
    assert channels.why_not(channel="push", to=ANDROID) == "not_in_use"
    assert hand_over("fcm").detail == "not_in_use"
