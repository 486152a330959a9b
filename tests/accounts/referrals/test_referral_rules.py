from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.referrals import rules

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
SEED = b"sample seed of sixteen bytes"


def test_a_code_has_eight_signs_that_nobody_mistakes():
    codes = {rules.code(bytes([n])) for n in range(200)}
    assert len(codes) == 200
    assert {len(code) for code in codes} == {8}
    assert set("".join(codes)) == set(rules.ALPHABET)
    assert not set(rules.ALPHABET) & set("01OIL")


def test_the_same_seed_gives_the_same_code_and_each_attempt_another():
    assert rules.code(SEED) == rules.code(SEED, 0)
    assert len({rules.code(SEED, attempt) for attempt in range(300)}) == 300


@pytest.mark.parametrize("given", ["7K2MWQ9A", "7k2mwq9a", "7K2M-WQ9A", " 7k2m wq9a "])
def test_a_code_is_understood_however_it_is_typed(given):
    assert rules.as_written(given) == "7K2MWQ9A"


def test_a_link_carries_the_code_where_there_is_a_template():
    assert rules.link("https://shop.example/r/{code}?from=app", "7K2MWQ9A") == "https://shop.example/r/7K2MWQ9A?from=app"
    assert rules.link("", "7K2MWQ9A") is None


@pytest.mark.parametrize(
    ("registered", "days", "zone", "end"),
    [
        (datetime(2026, 3, 1, 0, 0, tzinfo=SHANGHAI), 1, SHANGHAI, datetime(2026, 3, 3, 0, 0, tzinfo=SHANGHAI)),
        (datetime(2026, 3, 1, 23, 59, 59, tzinfo=SHANGHAI), 1, SHANGHAI, datetime(2026, 3, 3, 0, 0, tzinfo=SHANGHAI)),
        (datetime(2026, 3, 1, 23, 59, 59, tzinfo=SHANGHAI), 1, NEW_YORK, datetime(2026, 3, 3, 0, 0, tzinfo=NEW_YORK)),
        # Clocks go forward on the 8th: the day is a day, not 24 hours.
        (datetime(2026, 3, 7, 12, 0, tzinfo=NEW_YORK), 1, NEW_YORK, datetime(2026, 3, 9, 4, 0, tzinfo=UTC)),
        (datetime(2026, 12, 1, 12, 0, tzinfo=SHANGHAI), 90, SHANGHAI, datetime(2027, 3, 2, 0, 0, tzinfo=SHANGHAI)),
    ],
)
def test_the_window_ends_after_a_local_day(registered, days, zone, end):
    assert rules.window_end(registered, days=days, zone=zone) == end


def test_without_days_there_is_no_end():
    assert rules.window_end(datetime(2026, 3, 1, tzinfo=UTC), days=0, zone=SHANGHAI) is None


REGISTERED = datetime(2026, 3, 2, 0, 0, 1, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ([], False),
        ([datetime(2026, 3, 2, 0, 0, 0, tzinfo=SHANGHAI)], False),
        ([datetime(2026, 3, 1, 23, 59, 59, tzinfo=SHANGHAI)], True),
        ([datetime(2026, 3, 1, 23, 59, 59, tzinfo=SHANGHAI), datetime(2026, 3, 2, 0, 0, 0, tzinfo=SHANGHAI)], True),
    ],
)
def test_an_order_of_the_day_before_makes_the_friend_a_known_customer(told, known):
    assert rules.had_bought(told, registered_at=REGISTERED, zone=SHANGHAI) is known


END = datetime(2026, 5, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("net", "occurred_at", "until", "expected"),
    [
        (1, END - timedelta(seconds=1), END, True),
        (1, END, END, False),
        (1, END, None, True),
        (0, END - timedelta(days=1), END, False),
        (-1, END - timedelta(days=1), None, False),
    ],
)
def test_an_order_completes_within_the_window_where_money_was_paid(net, occurred_at, until, expected):
    assert rules.completes(net_cents=net, occurred_at=occurred_at, until=until) is expected


@pytest.mark.parametrize(("name", "shown"), [("Alice", "A***"), ("示例会员", "示***"), (" Bo", "B***"), ("", "***"), ("X", "X***")])
def test_a_name_is_shown_by_its_first_letter(name, shown):
    assert rules.masked(name) == shown
