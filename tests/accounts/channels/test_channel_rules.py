from datetime import UTC, datetime, timedelta

import pytest

from accounts.channels import rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("13800138000", "+8613800138000"),
        ("+8613800138000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        ("0086 138-0013-8000", "+8613800138000"),
        ("(+86) 138 0013 8000", "+8613800138000"),
        ("+852 9123 4567", "+85291234567"),
        ("02012345678", None),
        ("", None),
        ("12345", None),
        ("138001380001380013800", None),
        ("１３８００１３８０００", None),
        ("13800138000;rm", None),
        ("+0123456789", None),
    ],
)
def test_numbers_are_written_with_their_country(written, number):
    assert rules.phone(written, "86") == number


def test_a_number_without_a_country_is_of_the_country_that_was_set():
    assert rules.phone("(212) 555-0100", "1") == "+12125550100"
    assert rules.phone("020 7946 0000", "44") == "+442079460000"


@pytest.mark.parametrize(
    ("channel", "to", "shown"),
    [
        ("email", "member@example.com", "m***@example.com"),
        ("email", "@", "***@"),
        ("sms", "+8613800138000", "+86138****8000"),
        ("sms", "123", "****"),
        ("push", "fcm:abcdefghijk", "fcm:abcd…"),
        ("wechat", "oia2TjuEGTNo", "oia2…"),
    ],
)
def test_an_address_is_shown_so_that_it_can_be_compared_and_not_used(channel, to, shown):
    assert rules.masked(channel, to) == shown


@pytest.mark.parametrize(
    ("channel", "to", "said", "kept"),
    [
        ("email", "member@example.com", "550 5.1.1 <Member@Example.com>: no such user", "550 5.1.1 <m***@example.com>: no such user"),
        ("sms", "13800138000", "number 13800138000 (+8613800138000) is illegal", "number 138****8000 (138****8000) is illegal"),
        ("push", "fcm:abcdefghijklmnopqrstu", "token abcdefghijklmnopqrstu, fcm:abcdefghijklmnopqrstu", "token fcm:abcd…, fcm:abcd…"),
        ("wechat", "oia2TjuEGTNo", "openid oia2TjuEGTNo rid: 1", "openid oia2… rid: 1"),
        ("sms", "", "no number", "no number"),
    ],
)
def test_what_a_provider_says_is_kept_without_the_address(channel, to, said, kept):
    assert rules.without(said, channel, to) == kept


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("999999999", timedelta(days=1)),
        ("Sun, 01 Mar 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Sun, 01 Mar 2026 11:00:00 GMT", timedelta(0)),
        ("Fri, 01 Jan 2100 00:00:00 GMT", timedelta(days=1)),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(said, wait):
    assert rules.wait_said(said, NOW) == wait


@pytest.mark.parametrize(
    ("lines", "ordered", "read"),
    [
        ("thing1=tier\n\n time2 = day ", False, [("thing1", "tier"), ("time2", "day")]),
        ("points\nday", True, [("points", "points"), ("day", "day")]),
        ("points", False, [("points", "points")]),
        ("", True, []),
        ("thing1=tier", True, None),
        ("thing 1=tier", False, None),
        ("tier=", False, None),
    ],
)
def test_a_templates_variables_are_a_line_each(lines, ordered, read):
    assert rules.template_variables(lines, ordered=ordered) == read


@pytest.mark.parametrize(
    ("channel", "to", "good"),
    [
        ("email", "a.b+c@shop.example.com", True),
        ("email", "a@" + "b" * 250 + ".cn", False),
        ("email", "a@b.c\n", False),
        ("sms", "13800138000", True),
        ("push", "fcm:" + "a" * 20, True),
        ("push", "a" * 64, False),
        ("push", "apns:" + "5f" * 32, True),
        ("push", "apns:" + "5g" * 32, False),
        ("push", "apns:" + "5f" * 32 + "/../x", False),
        ("wechat", "oia2TjuEGTNoeX76QEjQNrcURxG8", True),
        ("wechat", "oia2 TjuEGTNoeX76QEjQNrcURxG8", False),
        ("inbox", "anything", False),
        ("fax", "13800138000", False),
    ],
)
def test_an_address_is_of_its_channel(channel, to, good):
    assert rules.well_formed(channel, to) is good


def test_each_provider_is_of_a_channel_and_has_its_settings():
    assert {each.channel for each in rules.PROVIDERS.values()} == set(rules.CHANNELS) - {"inbox"}
    assert all(each.needs for each in rules.PROVIDERS.values())


def test_the_same_key_has_the_same_mark_and_another_key_another():
    assert rules.mark("a") == rules.mark("a") != rules.mark("b")
    assert rules.uuid_of("a") == rules.uuid_of("a") != rules.uuid_of("b")
