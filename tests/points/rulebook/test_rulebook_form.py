"""Whatever a definition can say can be said in its form, and comes back as it went in."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from points.rulebook import rules
from points.rulebook.admin import DefinitionForm
from points.rulebook.rules import CERTAIN, Band, Conditions, Definition, Effect, Limit, Release

pytestmark = pytest.mark.django_db

WORD = st.text("abcXYZ019 -/&中文'\"<>", min_size=1, max_size=12).map(str.strip).filter(bool)
CODE = st.text("abc-1", min_size=1, max_size=8)
POINTS, RATE = st.integers(1, rules.MOST_POINTS), st.integers(0, rules.MOST_RATE)
CENTS, DAYS = st.integers(0, 10**9), st.integers(0, 3650)


def maybe(strategy):
    return st.none() | strategy


def texts(strategy=WORD):
    return st.lists(strategy, max_size=3).map(tuple)


CONDITIONS = st.builds(
    Conditions,
    categories=texts(), brands=texts(), skus=texts(), channels=texts(),
    min_cents=maybe(CENTS), max_cents=maybe(CENTS),
    tiers=st.lists(CODE, max_size=2, unique=True).map(tuple), segments=st.lists(CODE, max_size=2, unique=True).map(tuple),
    sprint=st.booleans(), new_member_days=maybe(DAYS), nth_purchase=texts(st.integers(1, 99)),
    again_days=maybe(DAYS), again_scope=st.sampled_from(["member", "category"]),
    weekdays=st.lists(st.integers(1, 7), max_size=7, unique=True).map(lambda days: tuple(sorted(days))),
    hour_from=maybe(st.integers(0, 23)), hour_until=maybe(st.integers(0, 24)),
    date_from=maybe(st.dates(date(2000, 1, 1), date(2100, 1, 1))), date_until=maybe(st.dates(date(2000, 1, 1), date(2100, 1, 1))),
    birthday=st.sampled_from(["", "day", "month"]), festival=st.just("") | CODE, card=st.just("") | CODE, expression=st.just("") | WORD,
)  # fmt: skip
# A band that says nothing at all is a row left empty.
BAND = st.builds(Band, start=CENTS, end=maybe(CENTS), points=st.integers(0, rules.MOST_POINTS), rate=RATE)
EFFECTS = st.one_of(
    st.builds(Effect, st.just("fixed"), points=POINTS),
    st.builds(Effect, st.just("per_unit"), rate=RATE, by_category=st.dictionaries(WORD, RATE, max_size=4)),
    st.builds(Effect, st.just("bands"), measure=st.sampled_from(["amount", "grade"]), bands=st.lists(BAND, max_size=4).map(tuple)),
    st.builds(Effect, st.just("ladder"), measure=CODE, ladder=texts(st.integers(0, 10**6)), cycles=st.booleans()),
    st.builds(Effect, st.just("stated"), measure=CODE, minimum=st.integers(0, 10**6), maximum=maybe(POINTS)),
    st.builds(Effect, st.just("random"), minimum=st.integers(0, 10**6), maximum=maybe(POINTS), chance=st.integers(1, CERTAIN)),
    st.builds(Effect, st.just("multiplier"), factor=st.integers(1, rules.MOST_FACTOR)),
    st.builds(Effect, st.sampled_from(["tier_multiplier", "tier_birthday_multiplier"])),
    st.builds(Effect, st.sampled_from(rules.THINGS), item=CODE, count=st.integers(1, 99)),
)
LIMITS = st.builds(
    Limit, per=st.sampled_from(rules.PERIODS), by=st.sampled_from(rules.BY), points=maybe(POINTS), times=maybe(st.integers(1, 10**6))
)  # fmt: skip
EXPIRIES = st.sampled_from(["", "never", "months:12", "days:90@Asia/Tokyo", "calendar_year:0", "fiscal_year:1:4", "fiscal_year:0:1@Europe/Paris"])
RELEASES = st.one_of(
    st.builds(Release, st.sampled_from(["all", "staff"])),
    st.builds(Release, st.just("segment"), segment=CODE),
    st.builds(Release, st.just("percent"), percent=st.integers(1, 100)),
)
DEFINITIONS = st.builds(
    Definition, conditions=CONDITIONS, effect=EFFECTS, group=st.just("") | WORD, combine=st.sampled_from(["", "best", "first", "product"]),
    priority=st.integers(-99, 99), multiplied=st.booleans(), limits=st.lists(LIMITS, max_size=4).map(tuple), margin_percent=maybe(st.integers(1, 100)),
    expiry=EXPIRIES, pending=st.sampled_from(["", "none", "days:1", "days:30", "delivered"]), claim_days=st.integers(0, 365), release=RELEASES,
    cost_centre=st.just("") | WORD, campaign=st.just("") | WORD,
)  # fmt: skip


def sent(form: DefinitionForm) -> dict:
    """What a browser sends when the form is submitted as it came."""
    data = {}
    for name, field in form.fields.items():
        value = form[name].value()
        if value is True:
            data[name] = "on"
        elif isinstance(value, list | tuple):
            data[name] = [str(one) for one in value]
        elif value is not None and value is not False:
            data[name] = str(value)
        assert field.label, f"{name} has no label"
    return data | {f"rows:{table}": str(count) for table, count in form.row_counts.items()}


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=DEFINITIONS, fact=st.sampled_from(["purchase", "checked_in", "referral_completed", "gone"]))
def test_a_definition_put_into_its_form_and_sent_is_the_same_definition(db, said, fact):
    data = sent(DefinitionForm(said=said, fact=fact, note="why"))
    form = DefinitionForm(data, said=said, fact=fact)
    assert form.is_valid(), form.errors.as_json()
    assert form.definition == said
    assert form.cleaned_data["note"] == "why"
    assert rules.from_json(rules.as_json(form.definition)) == said


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=DEFINITIONS)
def test_every_field_of_the_form_stands_in_one_of_its_sections(db, said):
    form = DefinitionForm(said=said, fact="purchase")
    shown = [item["field"].name if "field" in item else item["table"] for _title, _told, items in form.sections() for item in items]
    cells = {name for name in form.fields if any(name.startswith(f"{table}.") for table in form.row_counts)}
    assert sorted(shown) == sorted([*(name for name in form.fields if name not in cells), *form.row_counts])
