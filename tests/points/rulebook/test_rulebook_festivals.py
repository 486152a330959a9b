"""Days of festivals: what an operator may set."""

from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from points.rulebook.models import LONGEST_FESTIVAL, FestivalDays

FIRST = date(2026, 11, 11)


@pytest.mark.parametrize("days", [1, LONGEST_FESTIVAL])
def test_a_festival_has_one_day_or_many(days):
    FestivalDays(first=FIRST, last=FIRST + timedelta(days=days - 1)).clean()


@pytest.mark.parametrize(
    ("days", "sentence"), [(0, "The last day comes before the first."), (LONGEST_FESTIVAL + 1, f"A festival lasts at most {LONGEST_FESTIVAL} days.")]
)
def test_what_cannot_be_a_festival_is_said_at_its_last_day(days, sentence):
    with translation.override("en"):
        with pytest.raises(ValidationError) as refused:
            FestivalDays(first=FIRST, last=FIRST + timedelta(days=days - 1)).clean()
        assert refused.value.message_dict == {"last": [sentence]}
