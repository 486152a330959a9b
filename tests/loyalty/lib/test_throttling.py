"""So many requests a minute, each caller for itself."""

import contextlib
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from loyalty.lib import throttling


class Public(APIView):
    scopes = None

    def get(self, request):
        return Response({})


urlpatterns = [path("api/v1/public", Public.as_view())]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def within_one_window(monkeypatch):
    """A minute of its own, far from a turn of the clock, so that no other run counts along."""
    minute = uuid.uuid4().int % 10**9
    monkeypatch.setattr(throttling.time, "time", lambda: minute * 60 + 15.0)


def statuses(client, times, **headers):
    return [client.get("/api/v1/public", **headers).status_code for _ in range(times)]


def test_the_request_after_the_last_allowed_one_waits_for_the_next_minute(storefront, settings, monkeypatch):
    settings.RATE_LIMIT_STOREFRONT = 3
    assert statuses(storefront, 4) == [200, 200, 200, 429]
    response = storefront.get("/api/v1/public")
    assert (response.json()["code"], response["Retry-After"]) == ("throttled", "45")
    later = throttling.time.time() + 60
    monkeypatch.setattr(throttling.time, "time", lambda: later)
    assert statuses(storefront, 1) == [200]


def test_each_key_and_each_member_counts_alone(client_with, member_client, other_member_client, settings):
    settings.RATE_LIMIT_STOREFRONT = settings.RATE_LIMIT_MEMBER = 1
    for client in (client_with("points:read"), client_with("points:read"), member_client, other_member_client):
        assert statuses(client, 2) == [200, 429]


def test_strangers_count_by_address(anonymous, settings):
    settings.RATE_LIMIT_ANONYMOUS = 1
    assert statuses(anonymous, 2, REMOTE_ADDR="192.0.2.1") == [200, 429]
    assert statuses(anonymous, 1, REMOTE_ADDR="192.0.2.2") == [200]


@pytest.mark.parametrize(
    ("proxies", "forwarded", "passes"),
    [(0, "198.51.100.9", False), (1, "198.51.100.9", True), (1, "198.51.100.9, 192.0.2.1", False), (2, "198.51.100.9, 192.0.2.7", True)],
)
def test_an_address_is_believed_only_from_trusted_proxies(anonymous, settings, monkeypatch, proxies, forwarded, passes):
    """The first request comes from 192.0.2.1; whether the second is somebody else depends on whom we believe."""
    settings.RATE_LIMIT_ANONYMOUS = 1
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    first = "192.0.2.1" if proxies < 2 else "192.0.2.1, 192.0.2.7"
    assert statuses(anonymous, 1, REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=first) == [200]
    assert statuses(anonymous, 1, REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded) == [200 if passes else 429]


def test_without_valkey_everybody_passes_and_the_log_says_so(storefront, settings, monkeypatch, caplog):
    settings.RATE_LIMIT_STOREFRONT = 0
    nowhere = redis.Redis.from_url("redis://127.0.0.1:1/0", retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0))
    monkeypatch.setattr(throttling, "_valkey", lambda: nowhere)
    assert statuses(storefront, 2) == [200, 200]
    assert "Rate limits are not counted" in caplog.text


def test_threads_that_come_first_together_share_one_client(monkeypatch):
    made, meeting = [], threading.Barrier(2)

    def make(*_args, **_kwargs):
        made.append(object())
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(timeout=0.3)  # whoever is let in beside the first one meets it here
        return made[-1]

    monkeypatch.setattr(throttling.redis.Redis, "from_url", make)
    throttling._client.cache_clear()
    try:
        with ThreadPoolExecutor(4) as pool:
            seen = set(pool.map(lambda _: throttling._valkey(), range(4)))
    finally:
        throttling._client.cache_clear()
    assert len(seen) == len(made) == 1
