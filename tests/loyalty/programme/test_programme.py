"""The programme's name, currency and zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from loyalty.programme import selectors, services
from loyalty.programme.models import Programme

pytestmark = pytest.mark.django_db


def test_without_a_row_the_defaults_are_in_force():
    programme = selectors.programme()
    assert (programme.currency, programme.zone, programme.points_name_zh) == ("", "Asia/Shanghai", "积分")


@pytest.mark.parametrize(
    ("language", "name", "unit"), [("zh-hans", "积分", "分"), ("zh-cn", "积分", "分"), ("en", "points", "pts"), ("en-gb", "points", "pts")]
)
def test_the_points_are_called_as_the_reader_speaks(language, name, unit):
    with translation.override(language):
        programme = selectors.programme()
        assert (programme.points_name, programme.points_unit) == (name, unit)


def test_the_first_purchase_fixes_the_currency_and_another_is_refused(refuses):
    services.fix_currency(currency="JPY")
    services.fix_currency(currency="JPY")
    with refuses(services.CurrencyMismatch):
        services.fix_currency(currency="CNY")
    assert Programme.objects.get().currency == "JPY"


def test_what_another_process_fixed_meanwhile_counts(refuses):
    assert selectors.programme().currency == ""
    Programme.objects.create(id=1)
    selectors.programme()
    Programme.objects.update(currency="KWD")  # behind the back of what this process holds
    with refuses(services.CurrencyMismatch):
        services.fix_currency(currency="CNY")
    assert Programme.objects.get().currency == "KWD"


SHANGHAI, NEW_YORK, AUCKLAND = "Asia/Shanghai", "America/New_York", "Pacific/Auckland"


@pytest.mark.parametrize(
    ("zone", "now", "from_then"),
    [
        (NEW_YORK, datetime(2026, 3, 1, 4, tzinfo=UTC), datetime(2026, 3, 1, 5, tzinfo=UTC)),
        (NEW_YORK, datetime(2026, 3, 1, 5, tzinfo=UTC), datetime(2026, 3, 2, 5, tzinfo=UTC)),
        (NEW_YORK, datetime(2026, 3, 8, 6, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC)),  # clocks change that day
        (AUCKLAND, datetime(2026, 3, 1, 4, tzinfo=UTC), datetime(2026, 3, 1, 11, tzinfo=UTC)),
    ],
)
def test_a_change_of_zone_takes_effect_at_the_new_zones_next_midnight(zone, now, from_then):
    programme = services.change_zone(zone=zone, now=now)
    assert programme.zone_from == from_then
    assert selectors.zone(now=now) == ZoneInfo(SHANGHAI)
    assert selectors.zone(now=from_then) == ZoneInfo(zone)


def test_the_same_zone_again_changes_nothing(now):
    services.change_zone(zone=NEW_YORK, now=now)
    before = Programme.objects.get().zone_from
    services.change_zone(zone=NEW_YORK, now=now)
    assert Programme.objects.get().zone_from == before


def test_a_second_change_before_the_first_took_effect_replaces_it():
    now = datetime(2026, 3, 1, 4, tzinfo=UTC)
    services.change_zone(zone=NEW_YORK, now=now)
    services.change_zone(zone=AUCKLAND, now=now)
    assert selectors.zone(now=now) == ZoneInfo(SHANGHAI)
    assert selectors.zone(now=datetime(2026, 3, 3, tzinfo=UTC)) == ZoneInfo(AUCKLAND)


@pytest.mark.parametrize(("field", "value"), [("zone", "Shanghai"), ("zone", "UTC+8"), ("currency", "XXQ"), ("currency", "cn"), ("fact_window_days", 0)])
def test_what_is_no_zone_or_currency_is_refused_with_a_sentence(field, value):
    with pytest.raises(ValidationError) as refused:
        Programme(**{field: value}).full_clean()
    assert set(refused.value.message_dict) == {field}


def test_a_currency_is_written_in_capitals():
    programme = Programme(currency="cny")
    programme.clean()
    assert programme.currency == "CNY"
