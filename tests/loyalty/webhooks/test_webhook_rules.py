from datetime import timedelta
from importlib import import_module
from itertools import pairwise

import pytest
from standardwebhooks import Webhook

from loyalty.webhooks import rules

BEFORE_AFTER = [
    ("mall.redemption_changed", "", "held", ["redemption.held"]),
    ("mall.redemption_changed", "held", "confirmed", ["redemption.confirmed"]),
    ("mall.redemption_changed", "shipped", "shipped", ["redemption.changed"]),
    ("mall.redemption_changed", "delivered", "returned", ["redemption.returned"]),
    ("mall.coupon_changed", "", "available", ["coupon.issued"]),
    ("mall.coupon_changed", "available", "used", ["coupon.used"]),
    ("mall.coupon_changed", "used", "available", ["coupon.given_back"]),
    ("mall.coupon_changed", "used", "withdrawn", ["coupon.withdrawn"]),
]


@pytest.mark.parametrize(("source", "before", "status", "names"), BEFORE_AFTER)
def test_what_turned_into_what_says_which_event_it_is(source, before, status, names):
    assert [topic.name for topic in rules.topics_of(source, {"before": before, "status": status})] == names


def test_every_source_is_a_topic_that_some_feature_publishes():
    published = set()
    for feature in (
        "accounts.members", "accounts.referrals", "riskcontrol.screening", "tiers.standing", "tiers.evaluation", "tiers.dormancy", "points.merging",
        "points.ledger", "mall.redemptions", "mall.coupons", "mall.rentals",
    ):  # fmt: skip
        published |= {value for value in vars(import_module(f"{feature}.events")).values() if isinstance(value, str)}
    assert set(rules.SOURCES) <= published


def test_the_reference_library_takes_a_signature_of_either_secret(now):
    body = '{"type":"points.earned","data":{"name":"示例"}}'.encode()
    old, new = (rules.derived("key", endpoint="e", generation=number) for number in (1, 2))
    headers = rules.headers([new, old], message="msg_1", body=body, now=now)
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert Webhook(rules.shown(secret)).verify(body, headers)["data"] == {"name": "示例"}


def test_a_secret_is_another_for_every_endpoint_generation_and_installation():
    given = [("key", "e", 1), ("key", "e", 2), ("key", "f", 1), ("other", "e", 1)]
    assert len({rules.derived(key, endpoint=endpoint, generation=generation) for key, endpoint, generation in given}) == 4


def test_it_is_tried_for_three_days_and_longer_each_time(now):
    at, waits = now, []
    for failures in range(1, 10):
        again = rules.next_attempt(failures=failures, luck=0.5, now=at)
        waits.append(again - at)
        at = again
    assert rules.next_attempt(failures=10, luck=0.5, now=at) is None
    assert all(one < two for one, two in pairwise(waits))
    assert timedelta(days=3) < at - now < timedelta(days=4)


@pytest.mark.parametrize(("luck", "minutes"), [(0.0, 4.5), (0.5, 5), (1.0, 5.5)])
def test_a_part_of_each_wait_is_luck(luck, minutes, now):
    assert rules.next_attempt(failures=2, luck=luck, now=now) == now + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("failures", "asked", "seconds"),
    [(1, None, 0), (2, None, 0), (3, None, 10), (4, None, 20), (8, None, 320), (9, None, 600), (99, None, 600), (1, 30, 30), (99, 7200, 3600)],
)
def test_an_endpoint_that_fails_in_a_row_or_asks_for_it_rests(failures, asked, seconds, now):
    until = rules.rests_until(failures=failures, asked=timedelta(seconds=asked) if asked else None, now=now)
    assert until == (now + timedelta(seconds=seconds) if seconds else None)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://shop.example.com/webhooks", ""),
        ("https://shop.example.com:8443/webhooks?a=b", ""),
        ("https://8.8.8.8/", ""),
        ("http://inside.example/x", ""),
        ("http://10.0.0.7:8000/x", ""),
        ("http://shop.example.com/", "not_https"),
        ("https://user:secret@shop.example.com/", "has_user"),
        ("https://10.0.0.8/", "internal"),
        ("https://[::1]/", "internal"),
        ("https://[::ffff:169.254.169.254]/", "internal"),
        ("https://localhost/", "internal"),
        ("https://shop.localhost/", "internal"),
        ("https://database/", "internal"),
        ("https://2130706433/", "internal"),
        ("ftp://shop.example.com/", "no_url"),
        ("https://", "no_url"),
        ("https://shop.example.com:99999/", "no_url"),
        ("https://shop.example.com/ x", "no_url"),
        ("https://shop.example.com/\r\nx", "no_url"),
        ("https://[::1", "no_url"),
        ("shop.example.com", "no_url"),
        ("", "no_url"),
    ],
)
def test_where_requests_may_go(url, fault):
    assert rules.url_fault(url, internal=["inside.example", "10.0.0.7"]) == fault


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_an_address_of_the_whole_internet_is_public(address):
    assert rules.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::",
        "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:53aa:64c:0:0:80ff:fffe",
    ],
)  # fmt: skip
def test_an_address_inside_a_network_or_one_that_leads_there_by_a_detour_is_not(address):
    assert not rules.is_public(address)
