"""A receiver that fails for an hour gets everything, in order for each member: a clock that is turned, a server that is real."""

import random
from collections import defaultdict
from datetime import timedelta

import pytest

from accounts.members import services as members
from loyalty.webhooks import selectors, services
from loyalty.webhooks.models import WebhookAttempt

pytestmark = pytest.mark.django_db
STEP = timedelta(minutes=2)


def test_a_receiver_that_fails_for_an_hour_gets_everything_in_order_per_member(endpoint, receiver, happen, now):
    luck = random.Random(7)
    people = [members.register(external_id=f"M-{100 + number}", now=now)[0] for number in range(25)]
    ways = [500, 503, 429, 404, 302]
    at, number = now, 0
    expected = defaultdict(list)
    for step in range(45):
        at = now + step * STEP
        down = 5 <= step < 35
        receiver.answer = lambda _said, down=down: luck.choice(ways) if down else 204
        for _ in range(4):
            who = luck.choice(people)
            happen(number, member_id=who.id, at=at)
            expected[who.external_id].append(number)
            number += 1
        while services.send_due(limit=100, clock=lambda at=at: at, luck=luck.random):
            pass

    got = defaultdict(list)
    for told in receiver.taken:
        content = told.verified(endpoint.secret)
        got[content["data"]["member"]].append(content["data"]["days"])
    assert got == expected
    assert sum(map(len, got.values())) == number == 180
    assert not selectors.open_rows(endpoint_id=endpoint.id).exists()
    # An hour of failing cost a few requests, not one for each thing that waited.
    failed = WebhookAttempt.objects.exclude(status_code=204)
    assert 5 <= failed.count() < 60
    # And within ten minutes of its end all was told.
    assert max(told.at for told in receiver.taken if told.json["data"]["days"] < 4 * 35) <= now + 41 * STEP
