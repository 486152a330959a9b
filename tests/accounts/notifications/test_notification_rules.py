"""Tables: what a text may hold, when it is quiet, who wants what, what follows from an answer."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.notifications import rules
from accounts.notifications.rules import Next, Variable

SHANGHAI, NEW_YORK, LORD_HOWE = (ZoneInfo(name) for name in ("Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"))
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
AMOUNTS = [{"points": 5, "day": "2026-03-01"}, {"points": 1000, "day": "2026-03-02"}]
_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANYTHING = st.recursive(_PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@pytest.mark.parametrize(
    ("text", "values", "reads"),
    [
        ("{{ points }} points", {"points": "1,200"}, "1,200 points"),
        ("{{points}} and {{  points  }}", {"points": "5"}, "5 and 5"),
        ("{{ gone }}!", {}, "!"),
        ("Kept[[ until {{ day }}]].", {"day": "May 1"}, "Kept until May 1."),
        ("Kept[[ until {{ day }}]].", {"day": ""}, "Kept."),
        ("[[{{ a }} and {{ b }}]]", {"a": "1", "b": ""}, ""),
        ("[[plain]]", {}, "plain"),
        ("p { color: red }", {}, "p { color: red }"),
        ("{{ a }}", {"a": "{{ b }} [[ {{ c }} ]]", "b": "no", "c": "no"}, "{{ b }} [[ {{ c }} ]]"),
        ("{{ a }}", {"a": r"\1 \g<0>"}, r"\1 \g<0>"),
    ],
)
def test_placeholders_are_filled_and_what_has_no_value_is_left_out(text, values, reads):
    assert rules.fill(text, values) == reads


def test_in_html_a_value_is_text():
    assert rules.fill_html("<b>{{ name }}</b>", {"name": "<i>&\"'\nx"}) == "<b>&lt;i&gt;&amp;&quot;&#x27;<br>x</b>"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{{ points }} { points } {x}", []),
        ("{{ point }}", ["{{ point }}"]),
        ("{{ points|upper }}", ["{{ points|upper }}"]),
        ("{{ points.real }}", ["{{ points.real }}"]),
        ("{{ points", ["{{"]),
        ("{% if points %}a{% endif %}", ["{% if points %}", "{% endif %}"]),
        ("{{ Points }} {{ Points }}", ["{{ Points }}"]),
        ("{{ 积分 }}", ["{{ 积分 }}"]),
    ],
)
def test_what_looks_like_a_placeholder_and_is_none_is_named(text, wrong):
    assert rules.not_understood(text, ["points"]) == wrong


@pytest.mark.parametrize(("text", "fine"), [("", True), ("[[a]] [[b]]", True), ("[[a", False), ("a]]", False), ("[[a [[b]] ]]", False), ("]] [[", False)])
def test_brackets_come_in_pairs_and_not_within_each_other(text, fine):
    assert rules.is_balanced(text) is fine


@pytest.mark.parametrize(
    ("kind", "value", "zh", "en"),
    [
        ("text", "A-1", "A-1", "A-1"),
        ("both", {"zh": "金卡", "en": "Gold"}, "金卡", "Gold"),
        ("both", {"zh": "金卡"}, "金卡", "金卡"),
        ("both", "Gold", "Gold", "Gold"),
        ("both", {}, "", ""),
        ("number", 1234567, "1,234,567", "1,234,567"),
        ("points", 0, "0", "0"),
        ("points", -5, "-5", "-5"),
        ("points", "many", "many", "many"),
        ("day", "2026-03-01", "2026年3月1日", "March 1, 2026"),
        ("day", "2024-02-29T12:00:00Z", "2024年2月29日", "February 29, 2024"),
        ("day", "soon", "soon", "soon"),
        ("day", 7, "", ""),
        ("amounts", AMOUNTS, "2026年3月1日：5\n2026年3月2日：1,000", "March 1, 2026: 5\nMarch 2, 2026: 1,000"),
        ("amounts", ["nonsense", {}], "：", ": "),
        ("amounts", "nonsense", "nonsense", "nonsense"),
        ("points", None, "", ""),
    ],
)
def test_values_read_as_people_write_them(kind, value, zh, en):
    assert (rules.shown(kind, value, "zh-hans"), rules.shown(kind, value, "en")) == (zh, en)


@given(kind=st.sampled_from(sorted(rules.TYPES)), value=ANYTHING)
def test_no_value_whatever_it_is_fails_a_message(kind, value):
    known = [Variable("it", kind, "", "", None)]
    assert isinstance(rules.fill("[[{{ it }}]] {{ it }}", rules.values(known, {"it": value}, {}, "en")), str)


@pytest.mark.parametrize("tag", ["", "zh-hans", "zh-TW", "fr", "en"])
def test_the_members_language_comes_first_then_chinese_then_english(tag):
    assert rules.in_language(tag) == (["en", "zh-hans"] if tag == "en" else ["zh-hans", "en"])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("a" * length, number) for length, number in ((0, 1), (160, 1), (161, 2), (306, 2), (307, 3))),
        *(("€" * length, number) for length, number in ((80, 1), (81, 2))),
        *(("积" * length, number) for length, number in ((70, 1), (71, 2), (134, 2), (135, 3))),
        *(("😀" * length, number) for length, number in ((35, 1), (36, 2))),
    ],
)
def test_short_messages_are_counted_as_networks_do(text, number):
    assert rules.segments(text) == number


# Quiet hours.


@pytest.mark.parametrize(
    ("at", "begins", "ends", "quiet"),
    [
        ("21:59:59", "22:00", "08:00", False),
        ("22:00", "22:00", "08:00", True),
        ("00:00", "22:00", "08:00", True),
        ("07:59:59", "22:00", "08:00", True),
        ("08:00", "22:00", "08:00", False),
        ("12:30", "12:00", "14:00", True),
        ("14:00", "12:00", "14:00", False),
        ("11:59", "12:00", "14:00", False),
        ("12:00", "12:00", "12:00", False),
    ],
)
def test_quiet_hours_begin_at_their_first_minute_and_end_before_their_last(at, begins, ends, quiet):
    assert rules.is_quiet(*(time.fromisoformat(one) for one in (at, begins, ends))) is quiet


def test_without_quiet_hours_nothing_is_quiet():
    assert rules.is_quiet(time(3), None, None) is False
    assert rules.after_quiet(NOW, begins=None, ends=time(8), zone=SHANGHAI) == NOW


@pytest.mark.parametrize(
    ("moment", "zone", "ends", "after"),
    [
        # In Shanghai, before and after midnight.
        ("2026-03-10T15:00", SHANGHAI, "08:00", "2026-03-11T00:00"),
        ("2026-03-10T17:00", SHANGHAI, "08:00", "2026-03-11T00:00"),
        ("2026-03-10T04:00", SHANGHAI, "08:00", "2026-03-10T04:00"),
        # New York, 8 March 2026: at 02:00 it is 03:00. Eight o'clock comes an hour sooner.
        ("2026-03-08T04:00", NEW_YORK, "08:00", "2026-03-08T12:00"),
        ("2026-03-07T04:00", NEW_YORK, "08:00", "2026-03-07T13:00"),
        # Quiet until half past two, which is skipped: as long as it would have been.
        ("2026-03-08T06:59", NEW_YORK, "02:30", "2026-03-08T07:30"),
        # 1 November: at 02:00 it is 01:00 again. Quiet until half past one lasts until the second one.
        ("2026-11-01T05:10", NEW_YORK, "01:30", "2026-11-01T06:30"),
        ("2026-11-01T06:10", NEW_YORK, "01:30", "2026-11-01T06:30"),
    ],
)
def test_what_is_quiet_waits_for_its_end_on_the_local_clock(moment, zone, ends, after):
    got = rules.after_quiet(datetime.fromisoformat(moment).replace(tzinfo=UTC), begins=time(22), ends=time.fromisoformat(ends), zone=zone)
    assert got == datetime.fromisoformat(after).replace(tzinfo=UTC)


@given(
    moment=st.integers(0, 4 * 366 * 24 * 3600).map(lambda seconds: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)),
    begins=st.times(),
    ends=st.times(),
    zone=st.sampled_from([SHANGHAI, NEW_YORK, LORD_HOWE]),
)
def test_after_quiet_it_is_not_quiet_and_no_more_than_a_day_is_lost(moment, begins, ends, zone):
    after = rules.after_quiet(moment, begins=begins, ends=ends, zone=zone)
    assert moment <= after <= moment + timedelta(hours=25)
    assert not rules.is_quiet(after.astimezone(zone).time(), begins, ends) or begins > ends == after.astimezone(zone).time()
    assert rules.after_quiet(after, begins=begins, ends=ends, zone=zone) == after


# Preferences.


@pytest.mark.parametrize("purpose", ["service", "expiry", "marketing"])
@pytest.mark.parametrize("channel", ["inbox", "email", "sms", "push", "wechat"])
@pytest.mark.parametrize("said", [None, True, False])
@pytest.mark.parametrize("consent", [True, False])
def test_who_gets_what(purpose, channel, said, consent):
    own_news_in_the_inbox = channel == "inbox" and purpose != "marketing"
    unasked = purpose != "marketing" or channel == "inbox" or not consent
    expected = True if own_news_in_the_inbox else unasked if said is None else said
    assert rules.wanted(purpose=purpose, channel=channel, said=said, marketing_needs_consent=consent) is expected


# What follows from an answer.

LATER, TOO_LATE = NOW + timedelta(hours=1), NOW + timedelta(hours=99)
UNTIL = NOW + timedelta(hours=48)
LATER_PERHAPS = ("throttled", "unreachable")


@pytest.mark.parametrize(
    ("answer", "resend", "unanswered", "again", "then"),
    [
        *(("accepted", resend, before, LATER, Next("handed_over")) for resend in (True, False) for before in (True, False)),
        *(("refused", resend, before, LATER, Next("refused")) for resend in (True, False) for before in (True, False)),
        *((answer, resend, before, LATER, Next("waiting", LATER)) for answer in LATER_PERHAPS for resend in (True, False) for before in (True, False)),
        *((answer, resend, False, TOO_LATE, Next("gave_up")) for answer in LATER_PERHAPS for resend in (True, False)),
        *((answer, resend, True, TOO_LATE, Next("unknown")) for answer in LATER_PERHAPS for resend in (True, False)),
        *(("unknown", True, before, LATER, Next("waiting", LATER)) for before in (True, False)),
        *(("unknown", True, before, TOO_LATE, Next("unknown")) for before in (True, False)),
        *(("unknown", False, before, again, Next("unknown")) for before in (True, False) for again in (LATER, TOO_LATE)),
    ],
)  # fmt: skip
def test_every_answer_has_one_consequence(answer, resend, unanswered, again, then):
    assert rules.settle(answer, resend_unknown=resend, unanswered=unanswered, again=again, until=UNTIL) == then


def test_the_last_moment_of_use_is_still_of_use():
    about = {"resend_unknown": False, "unanswered": False, "until": UNTIL}
    assert rules.settle("unreachable", again=UNTIL, **about).state == "waiting"
    assert rules.settle("unreachable", again=UNTIL + timedelta(microseconds=1), **about).state == "gave_up"


def test_waits_grow_and_what_the_provider_asks_for_comes_first():
    waits = [rules.again_at(failures=number, retry_after=None, now=NOW) - NOW for number in range(1, 8)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=1), timedelta(hours=3))
    assert rules.again_at(failures=1, retry_after=timedelta(seconds=7), now=NOW) == NOW + timedelta(seconds=7)
