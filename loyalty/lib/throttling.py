"""So many requests a minute for each key, each member, each anonymous address (RATE_LIMIT_* in the settings)."""

import functools
import logging
import threading
import time
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

logger = logging.getLogger(__name__)

WINDOW = 60


_one_at_a_time = threading.Lock()


def _valkey() -> "redis.Redis[bytes]":
    # A cache lets two threads make two clients at first; the one that is not kept closes its connections while they are in use.
    with _one_at_a_time:
        return _client()


@functools.cache
def _client() -> "redis.Redis[bytes]":
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.2, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))


class CallerThrottle(BaseThrottle):
    """A counter per caller and minute, one round trip. Lets everyone through, and says so in the log, while Valkey is away:
    a limit is there for the service, not the other way round."""

    def allow_request(self, request: Request, view: Any) -> bool:
        caller = request.auth
        if caller is None:
            who, most = f"address:{self.get_ident(request)}", settings.RATE_LIMIT_ANONYMOUS
        else:
            who, most = caller.identity, settings.RATE_LIMIT_MEMBER if caller.member_id else settings.RATE_LIMIT_STOREFRONT
        moment = time.time()
        key = f"rate:{who}:{int(moment) // WINDOW}"
        self._wait = WINDOW - moment % WINDOW
        try:
            both = _valkey().pipeline(transaction=False)
            both.incr(key)
            both.expire(key, WINDOW)
            count = both.execute()[0]
        except redis.RedisError:
            logger.warning("Rate limits are not counted: Valkey does not answer", exc_info=True)
            return True
        return bool(count <= most)

    def wait(self) -> float:
        return self._wait
