"""Template messages of a WeChat official account."""

from datetime import timedelta

import pytest

from tests.accounts.channels.conftest import FOLLOWER
from tests.accounts.channels.servers import say

pytestmark = pytest.mark.django_db


def test_a_follower_gets_the_template_with_its_variables_and_a_page(provider, hand_over):
    server = provider("wechat")
    outcome = hand_over("wechat")
    about = server.asked[-1].json
    assert (outcome.state, outcome.provider_id) == ("accepted", "200163836")
    assert (about["touser"], about["template_id"], about["url"]) == (FOLLOWER, "SMS_154950909", "https://shop.example/points")
    assert about["data"] == {"amount1": {"value": "300"}, "time2": {"value": "12 月 31 日"}}


def test_the_same_key_again_is_the_same_message_to_wechat(provider, hand_over):
    provider("wechat")
    assert hand_over("wechat").provider_id == hand_over("wechat").provider_id != hand_over("wechat", key="another").provider_id


def test_the_access_token_is_asked_for_once_and_renewed_before_it_ends(provider, hand_over, now):
    server = provider("wechat")
    for minutes in (0, 60, 114, 116):
        assert hand_over("wechat", at=now + timedelta(minutes=minutes)).state == "accepted"
    assert [asked.path for asked in server.asked].count("/cgi-bin/stable_token") == 2


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_an_access_token_that_ended_early_is_replaced_and_the_message_sent(provider, hand_over, code):
    server = provider("wechat")
    hand_over("wechat")
    server.new_token()
    server.next.append(say({"errcode": code, "errmsg": "sample"}))
    assert hand_over("wechat").state == "accepted"


def test_a_token_that_wechat_gives_and_does_not_take_is_no_fault_of_the_message(provider, hand_over):
    server = provider("wechat")
    server.next.extend([say({"errcode": 40001, "errmsg": "invalid credential"})] * 2)
    assert hand_over("wechat").state == "unreachable"
    assert [asked.path for asked in server.asked].count("/cgi-bin/message/template/send") == 1


def test_a_wrong_secret_is_no_fault_of_the_message(provider, hand_over, environment):
    provider("wechat")
    environment(WECHAT_APP_SECRET="another")
    assert hand_over("wechat")[:3] == ("unreachable", "", "no token: HTTP 200 40125 invalid appsecret")


@pytest.mark.parametrize(
    ("code", "state", "wait", "gone"),
    [
        (40003, "refused", None, True),
        (43004, "refused", None, True),
        (43101, "refused", None, False),
        (47003, "refused", None, False),
        (-1, "throttled", None, False),
        (45009, "throttled", timedelta(hours=1), False),
        (45011, "throttled", None, False),
        (40037, "unreachable", None, False),
        (40164, "unreachable", None, False),
        (48001, "unreachable", None, False),
    ],
)
def test_what_wechats_codes_mean(provider, hand_over, code, state, wait, gone):
    server = provider("wechat")
    server.next.append(say({"errcode": code, "errmsg": "sample"}))
    assert hand_over("wechat") == (state, "", f"{code} sample", wait, gone)
