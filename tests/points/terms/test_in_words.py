import pytest
from django.utils.translation import override

from points.terms.selectors import in_words


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ("months:12", "12 months"),
        ("days:90@America/New_York", "90 days (America/New_York)"),
        ("calendar_year:0", "end of the calendar year"),
        ("calendar_year:2", "end of the calendar year, + 2 years"),
        ("fiscal_year:1:4", "end of the fiscal year from month 4, + 1 years"),
        ("until:20261231", "through 2026-12-31"),
        ("never", "never expires"),
        ("as_received", "as received"),
    ],
)
def test_a_lots_terms_are_told_in_words(kept, words):
    with override("en"):
        assert in_words(kept) == words
