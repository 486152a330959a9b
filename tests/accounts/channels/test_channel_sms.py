"""SMS by Aliyun and Tencent Cloud: what is sent, and what each answer means."""

from datetime import timedelta

import pytest

from accounts.channels.models import ProviderTemplate
from tests.accounts.channels import servers
from tests.accounts.channels.servers import say

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def test_the_aliyun_server_checks_as_its_documentation_shows():
    """The fixed example published with signature V3."""
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": nothing,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = "RegionId=cn-shanghai&ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"
    signature = servers.acs3_signature(
        "YourAccessKeySecret", method="POST", path="/", query=query, headers=headers, signed_headers=";".join(headers), body_hash=nothing
    )
    assert signature == "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"


def test_the_tencent_server_checks_as_its_documentation_shows():
    """The worked example published with signature method v3; its secret is printed as 32 asterisks, and that is what signed it."""
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    signature = servers.tc3_signature(
        "*" * 32, service="cvm", content_type="application/json; charset=utf-8", host="cvm.tencentcloudapi.com", action="DescribeInstances",
        timestamp=1551113065, body=body,
    )  # fmt: skip
    assert signature == "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"


def test_aliyun_gets_the_template_its_variables_and_our_key(provider, hand_over):
    server = provider("aliyun")
    outcome = hand_over("aliyun", to="+86 138-0013-8000")
    assert outcome == ("accepted", "100^0", "OK: OK", None, False)
    assert server.asked[0].query == {
        "PhoneNumbers": "13800138000", "SignName": "样例商城", "TemplateCode": "SMS_154950909",
        "TemplateParam": '{"points": "300", "day": "12 月 31 日"}', "OutId": "M-1/expiry/2026-12-01",
    }  # fmt: skip


def test_a_number_abroad_has_its_country(provider, hand_over):
    server = provider("aliyun")
    hand_over("aliyun", to="0085291234567")
    assert server.asked[0].query["PhoneNumbers"] == "85291234567"


def test_tencent_gets_the_values_in_the_templates_order(provider, hand_over):
    server = provider("tencent")
    assert hand_over("tencent")[:3] == ("accepted", "2433:1", "Ok: send success")
    assert server.asked[0].json == {
        "PhoneNumberSet": ["+8613800138000"], "SmsSdkAppId": "1400006666", "SignName": "样例商城", "TemplateId": "SMS_154950909",
        "TemplateParamSet": ["300", "12 月 31 日"], "SessionContext": "M-1/expiry/2026-12-01",
    }  # fmt: skip


def test_two_messages_never_have_the_same_nonce(provider, hand_over):
    server = provider("aliyun")
    assert {hand_over("aliyun").state for _again in range(3)} == {"accepted"}
    assert server.wrong == []


@pytest.mark.parametrize("code", ["aliyun", "tencent"])
def test_with_the_wrong_secret_the_provider_refuses_us_and_not_the_message(provider, hand_over, environment, code):
    server = provider(code)
    environment(ALIYUN_SMS_ACCESS_KEY_SECRET="another", TENCENT_SMS_SECRET_KEY="another")
    assert hand_over(code).state == "unreachable"
    assert server.wrong == ["the signature is another"]


@pytest.mark.parametrize("code", ["aliyun", "tencent"])
def test_a_clock_that_is_wrong_is_no_fault_of_the_message(provider, hand_over, now, code):
    server = provider(code)
    assert hand_over(code, at=now - HOUR).state == "unreachable"
    assert server.wrong == ["too old"]


@pytest.mark.parametrize("code", ["aliyun", "tencent"])
def test_a_kind_without_a_template_waits_for_one(provider, hand_over, message, code):
    server = provider(code)
    assert hand_over(code, said=message._replace(template="tier_reached"))[:3] == ("unreachable", "", "template_missing")
    assert server.asked == []


@pytest.mark.parametrize("code", ["aliyun", "tencent"])
def test_in_a_language_without_a_template_the_other_one_is_used(provider, hand_over, message, code):
    server = provider(code)
    assert hand_over(code, said=message._replace(language="en")).state == "accepted"
    ProviderTemplate.objects.create(settings_id=code, kind="points_expiring", language="en", code="77", variables="points")
    assert hand_over(code, said=message._replace(language="en")).state == "accepted"
    sent = [asked.query["TemplateCode"] if code == "aliyun" else asked.json["TemplateId"] for asked in server.asked]
    assert sent == ["SMS_154950909", "77"]


@pytest.mark.parametrize("code", ["aliyun", "tencent"])
def test_a_message_that_lacks_a_variable_is_refused(provider, hand_over, message, code):
    provider(code)
    outcome = hand_over(code, said=message._replace(parameters={"points": "300"}))
    assert outcome[:3] == ("refused", "", "the message has no day")


@pytest.mark.parametrize(
    ("code", "words", "state", "wait", "gone"),
    [
        ("isv.BUSINESS_LIMIT_CONTROL", "触发分钟级流控Permits:1", "throttled", MINUTE, False),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发小时级流控Permits:5", "throttled", HOUR, False),
        ("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:40", "throttled", DAY, False),
        ("isv.DAY_LIMIT_CONTROL", "触发日发送限额", "throttled", DAY, False),
        ("Throttling.User", "Request was denied due to user flow control.", "throttled", None, False),
        ("isv.MOBILE_NUMBER_ILLEGAL", "手机号码格式错误", "refused", None, True),
        ("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制", "refused", None, False),
        ("isv.TEMPLATE_MISSING_PARAMETERS", "模板缺少变量", "refused", None, False),
        ("isv.BLACK_KEY_CONTROL_LIMIT", "黑名单管控", "refused", None, False),
        ("isv.AMOUNT_NOT_ENOUGH", "账户余额不足", "unreachable", None, False),
        ("isv.OUT_OF_SERVICE", "业务停机", "unreachable", None, False),
        ("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法", "unreachable", None, False),
        ("isv.SMS_TEMPLATE_ILLEGAL", "短信模版不合法", "unreachable", None, False),
        ("isp.RAM_PERMISSION_DENY", "RAM权限DENY", "unreachable", None, False),
        ("isp.SYSTEM_ERROR", "系统错误", "unknown", None, False),
        ("SomethingNew", "?", "unknown", None, False),
    ],
)
def test_what_aliyuns_codes_mean(provider, hand_over, code, words, state, wait, gone):
    server = provider("aliyun")
    server.next.append(say({"Code": code, "Message": words, "RequestId": "r"}))
    assert hand_over("aliyun") == (state, "", f"{code}: {words}", wait, gone)


@pytest.mark.parametrize(
    ("code", "state"), [("InvalidAccessKeyId.NotFound", "unreachable"), ("SignatureDoesNotMatch", "unreachable"), ("Forbidden.RAM", "unreachable")]
)
def test_what_aliyuns_gateway_refuses_was_not_handed_over(provider, hand_over, code, state):
    server = provider("aliyun")
    server.next.append(say({"Code": code, "Message": "sample"}, 403))
    assert hand_over("aliyun").state == state


@pytest.mark.parametrize(
    ("code", "state", "wait", "gone"),
    [
        ("LimitExceeded.PhoneNumberThirtySecondLimit", "throttled", timedelta(seconds=30), False),
        ("LimitExceeded.PhoneNumberOneHourLimit", "throttled", HOUR, False),
        ("LimitExceeded.PhoneNumberDailyLimit", "throttled", DAY, False),
        ("LimitExceeded.DeliveryFrequencyLimit", "throttled", None, False),
        ("InvalidParameterValue.IncorrectPhoneNumber", "refused", None, True),
        ("FailedOperation.PhoneNumberInBlacklist", "refused", None, False),
        ("FailedOperation.ContainSensitiveWord", "refused", None, False),
        ("UnsupportedOperation.ContainDomesticAndInternationalPhoneNumber", "refused", None, False),
        ("FailedOperation.InsufficientBalanceInSmsPackage", "unreachable", None, False),
        ("FailedOperation.SignatureIncorrectOrUnapproved", "unreachable", None, False),
        ("FailedOperation.TemplateIncorrectOrUnapproved", "unreachable", None, False),
        ("UnauthorizedOperation.SmsSdkAppIdVerifyFail", "unreachable", None, False),
        ("InternalError.Timeout", "unknown", None, False),
        ("SomethingNew", "unknown", None, False),
    ],
)
@pytest.mark.parametrize("of", ["number", "request"])
def test_what_tencents_codes_mean_of_the_number_and_of_the_request(provider, hand_over, code, state, wait, gone, of):
    server = provider("tencent")
    if of == "request":
        server.next.append(say({"Response": {"Error": {"Code": code, "Message": "sample"}, "RequestId": "r"}}))
    else:
        number = {"SerialNo": "", "PhoneNumber": "+8613800138000", "Code": code, "Message": "sample"}
        server.next.append(say({"Response": {"SendStatusSet": [number], "RequestId": "r"}}))
    assert hand_over("tencent") == (state, "", f"{code}: sample", wait, gone)


def test_a_number_that_no_database_would_keep_is_cleaned(provider, hand_over):
    server = provider("aliyun")
    server.next.append(say({"Code": "OK", "Message": "O\x00K", "BizId": "1\x00\ud8002" + "3" * 500}))
    outcome = hand_over("aliyun")
    assert (outcome.state, outcome.provider_id[:6], outcome.detail) == ("accepted", "1 2333", "OK: O K")
    assert len(outcome.provider_id) <= 200
