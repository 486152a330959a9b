"""Figures, windows, terms and where they put a member, as tables around every boundary."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tiers.evaluation import rules
from tiers.evaluation.rules import Cuts, Figures, Policy
from tiers.ladder.rules import Step

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")
LADDER = (
    Step("bronze", 10),
    Step("silver", 20, threshold=1_000),
    Step("gold", 30, threshold=10_000),
    Step("black", 35, threshold=1, invited_only=True),
    Step("old", 37, threshold=20_000, active=False),
    Step("diamond", 40, threshold=50_000),
    Step("hand", 50, threshold=0),
)
TODAY = date(2026, 7, 1)


def local(text, zone=SHANGHAI):
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def shown(moment, zone=SHANGHAI):
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


# Where a figure leads


@pytest.mark.parametrize(
    ("figure", "code"),
    [
        (-5, "bronze"),
        (0, "bronze"),
        (999, "bronze"),
        (1_000, "silver"),
        (1_001, "silver"),
        (9_999, "silver"),
        (10_000, "gold"),
        (10_001, "gold"),
        (49_999, "gold"),
        (50_000, "diamond"),
        (50_001, "diamond"),
        (10**12, "diamond"),
    ],
)
def test_a_figure_lifts_to_the_highest_threshold_it_reaches_and_to_no_invited_or_inactive_tier(figure, code):
    lifted = rules.risen(LADDER, None, figure)
    assert (lifted.code if lifted else "bronze") == code


@pytest.mark.parametrize(
    ("put", "figure", "code"),
    [
        ("silver", 9_999, None),
        ("silver", 10_000, "gold"),
        ("gold", 10_000, None),
        ("gold", 0, None),
        ("diamond", 10**9, None),
        ("black", 49_999, None),
        ("black", 50_000, "diamond"),
        ("old", 10_000, None),
        ("hand", 10**9, None),
        ("gone", 1_000, "silver"),
    ],
)
def test_a_figure_lifts_only_above_where_the_member_was_put(put, figure, code):
    lifted = rules.risen(LADDER, put, figure)
    assert (lifted.code if lifted else None) == code


def test_without_a_ladder_nobody_is_lifted_or_falls_anywhere():
    assert rules.risen((), None, 10**9) is None
    assert rules.fallen(Policy(), (), "gold", 10**9) is None


@pytest.mark.parametrize(
    ("put", "figure", "kept"),
    [
        ("gold", 9_999, False),
        ("gold", 10_000, True),
        ("gold", 10_001, True),
        ("silver", 999, False),
        ("silver", 1_000, True),
        ("old", 20_000, True),
        ("old", 19_999, False),
        ("hand", 10**9, False),
        ("gone", 10**9, False),
    ],
)
def test_a_term_is_kept_by_reaching_the_threshold_of_the_tier(put, figure, kept):
    assert rules.keeps(LADDER, put, figure) is kept


@pytest.mark.parametrize(
    ("at_end", "put", "figure", "code"),
    [
        ("fall_to_figures", "diamond", 49_999, "gold"),
        ("fall_to_figures", "diamond", 9_999, "silver"),
        ("fall_to_figures", "diamond", 0, "bronze"),
        ("fall_to_figures", "gold", 999, "bronze"),
        ("fall_to_figures", "gold", 10_000, "gold"),
        ("fall_to_figures", "gold", 50_000, "gold"),
        ("one_step", "diamond", 0, "gold"),
        ("one_step", "gold", 0, "silver"),
        ("one_step", "silver", 0, "bronze"),
        ("one_step", "hand", 0, "diamond"),
        ("one_step", "black", 0, "gold"),
        ("one_step", "diamond", 50_000, "diamond"),
    ],
)
def test_who_does_not_keep_a_tier_falls_as_the_policy_says(at_end, put, figure, code):
    assert rules.fallen(Policy(at_end=at_end), LADDER, put, figure).code == code


# What figures come to


@pytest.mark.parametrize(("mode", "figure"), [("growth", 12), ("spend", 3_400)])
def test_one_dimension_is_its_own_figure(mode, figure):
    assert rules.figure(Policy(mode=mode), Figures(growth=12, spend=3_400, interaction=5), on=TODAY) == figure


@pytest.mark.parametrize(
    ("spend", "interaction", "figure"),
    [
        (0, 0, 0),
        (1_000_000, 0, 6_000),
        (1_000_001, 0, 6_000),
        (999_999, 0, 5_999),
        (0, 1_000, 4_000),
        (0, 999, 3_996),
        (0, 5_000, 4_000),
        (1_000_000, 1_000, 10_000),
        (500_000, 500, 5_000),
        (1, 1, 4),
        (-100, 1_000, 4_000),
        (333_333, 333, 3_331),
    ],
)
def test_two_dimensions_are_shares_of_their_full_values_weighted(spend, interaction, figure):
    assert rules.figure(Policy(mode="two_dimensions"), Figures(spend=spend, interaction=interaction), on=TODAY) == figure


def test_only_the_relation_of_the_weights_counts():
    seen = Figures(spend=700_000, interaction=300)
    assert rules.two_dimensions(Policy(spend_weight=3, interaction_weight=2), seen) == rules.two_dimensions(Policy(), seen)
    assert rules.two_dimensions(Policy(spend_weight=1, interaction_weight=0), seen) == 7_000


CUTS = Cuts(recency=[10, 30, 90, 180], frequency=[1, 2, 4, 8], monetary=[100, 200, 300, 400], lifetime=[500, 1_000, 5_000, 9_000])
FOUR = Policy(mode="rfm_ltv", cuts=CUTS)


@pytest.mark.parametrize(("value", "fifth"), [(-1, 1), (0, 1), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (8, 4), (9, 5), (10**9, 5)])
def test_a_fifth_ends_with_its_cut(value, fifth):
    assert rules.fifth(value, CUTS.frequency) == fifth


@pytest.mark.parametrize(("days", "score"), [(0, 5), (10, 5), (11, 4), (30, 4), (31, 3), (90, 3), (91, 2), (180, 2), (181, 1), (9_999, 1), (-3, 5)])
def test_the_more_recent_the_last_order_the_better(days, score):
    assert rules.scores(FOUR, Figures(orders=1, last_day=TODAY - timedelta(days=days)), on=TODAY).recency == score


@pytest.mark.parametrize(
    ("weights", "figure"),
    [((25, 25, 25, 25), 275), ((1, 0, 0, 0), 500), ((0, 1, 0, 0), 300), ((0, 0, 1, 0), 200), ((0, 0, 0, 1), 100), ((1, 1, 1, 0), 333)],
)
def test_four_quintiles_are_a_weighted_mean_times_a_hundred(weights, figure):
    policy = replace(FOUR, **dict(zip(("recency_weight", "frequency_weight", "monetary_weight", "lifetime_weight"), weights, strict=True)))
    assert rules.figure(policy, Figures(orders=3, spend=150, lifetime=400, last_day=TODAY), on=TODAY) == figure


def test_who_never_bought_is_in_the_lowest_fifth_of_everything():
    assert rules.scores(FOUR, Figures(spend=10**6, orders=99, lifetime=10**6), on=TODAY) == rules.LEAST
    assert rules.figure(FOUR, Figures(), on=TODAY) == 100


@pytest.mark.parametrize(
    ("values", "cuts"),
    [
        ([], [0, 0, 0, 0]),
        ([7], [7, 7, 7, 7]),
        ([1, 2], [1, 1, 2, 2]),
        ([5, 4, 3, 2, 1], [1, 2, 3, 4]),
        (range(1, 11), [2, 4, 6, 8]),
        ([0] * 8 + [1, 9], [0, 0, 0, 0]),
    ],
)
def test_quintiles_are_the_smallest_values_that_so_many_fifths_do_not_exceed(values, cuts):
    assert rules.quintiles(list(values)) == cuts


# From when to when


@pytest.mark.parametrize(
    ("since", "months", "until"),
    [
        ("2026-07-01 10:00", 12, "2027-07-02 00:00"),
        ("2026-07-01 00:00", 12, "2027-07-02 00:00"),
        ("2026-06-30 23:59:59.999999", 12, "2027-07-01 00:00"),
        ("2024-02-29 12:00", 12, "2025-03-01 00:00"),
        ("2023-02-28 12:00", 12, "2024-02-29 00:00"),
        ("2026-08-31 12:00", 6, "2027-03-01 00:00"),
        ("2027-08-31 12:00", 6, "2028-03-01 00:00"),
        ("2026-01-31 12:00", 1, "2026-03-01 00:00"),
        ("2026-12-15 12:00", 1, "2027-01-16 00:00"),
    ],
)
def test_a_term_runs_through_the_same_day_months_later(since, months, until):
    assert shown(rules.term_end(Policy(term_months=months), local(since), SHANGHAI)) == until


@pytest.mark.parametrize(
    ("since", "years", "until"),
    [
        ("2026-01-01 00:00", 0, "2027-01-01 00:00"),
        ("2026-12-31 23:59:59.999999", 0, "2027-01-01 00:00"),
        ("2026-05-05 12:00", 1, "2028-01-01 00:00"),
        ("2027-01-01 00:00", 0, "2028-01-01 00:00"),
    ],
)
def test_a_calendar_term_runs_to_the_end_of_the_year_and_of_further_ones(since, years, until):
    assert shown(rules.term_end(Policy(term_kind="calendar_year", term_years=years), local(since), SHANGHAI)) == until


@pytest.mark.parametrize(
    ("policy", "ended", "until"),
    [
        (Policy(), "2027-07-02 00:00", "2028-07-02 00:00"),
        (Policy(), "2025-03-01 00:00", "2026-03-01 00:00"),
        (Policy(), "2024-03-01 00:00", "2025-03-01 00:00"),
        (Policy(term_months=1), "2026-02-01 00:00", "2026-03-01 00:00"),
        (Policy(term_kind="calendar_year"), "2027-01-01 00:00", "2028-01-01 00:00"),
        (Policy(term_kind="calendar_year", term_years=1), "2027-01-01 00:00", "2029-01-01 00:00"),
    ],
)
def test_the_next_term_ends_on_the_same_day_and_creeps_on_by_none(policy, ended, until):
    assert shown(rules.next_term_end(policy, local(ended), SHANGHAI)) == until


@pytest.mark.parametrize(
    ("policy", "at", "since"),
    [
        (Policy(), "2026-07-01 10:00", "2025-07-01 00:00"),
        (Policy(), "2026-07-02 00:00", "2025-07-02 00:00"),
        (Policy(), "2024-02-29 23:59", "2023-02-28 00:00"),
        (Policy(term_months=1), "2026-03-31 10:00", "2026-02-28 00:00"),
        (Policy(term_kind="calendar_year"), "2026-01-01 00:00", "2026-01-01 00:00"),
        (Policy(term_kind="calendar_year"), "2026-12-31 23:59", "2026-01-01 00:00"),
    ],
)
def test_what_lifts_is_counted_from_the_beginning_of_a_day_or_of_the_year(policy, at, since):
    window = rules.climbing(policy, local(at), SHANGHAI)
    assert shown(window.since) == since
    assert window.until - timedelta(microseconds=1) == local(at)


@pytest.mark.parametrize(
    ("policy", "at", "since"),
    [
        (Policy(), "2027-07-02 00:00", "2026-07-02 00:00"),
        (Policy(term_kind="calendar_year"), "2027-01-01 00:00", "2026-01-01 00:00"),
        (Policy(term_kind="calendar_year"), "2027-01-11 00:00", "2027-01-01 00:00"),
    ],
)
def test_at_the_end_of_a_term_the_window_ends_with_it_and_holds_the_year_that_is_over(policy, at, since):
    window = rules.ending(policy, local(at), SHANGHAI)
    assert (shown(window.since), window.until) == (since, local(at))


@pytest.mark.parametrize(("days", "until"), [(0, "2027-07-02 00:00"), (1, "2027-07-03 00:00"), (30, "2027-08-01 00:00")])
def test_days_of_grace_are_whole_days_after_the_last_one(days, until):
    assert shown(rules.grace_end(Policy(grace_days=days), local("2027-07-02 00:00"), SHANGHAI)) == until


def test_days_of_grace_follow_the_zone_that_is_in_force():
    ended = local("2027-07-02 00:00")
    # In New York that is noon of 1 July: that day is the last one.
    assert shown(rules.grace_end(Policy(grace_days=2), ended, NEW_YORK), NEW_YORK) == "2027-07-04 00:00"


@pytest.mark.parametrize(("days", "since"), [(30, "2027-06-02 00:00"), (1, "2027-07-01 00:00"), (366, "2026-07-01 10:00")])
def test_the_sprint_is_the_last_days_of_a_term_and_no_longer_than_it(days, since):
    begins, ends = local("2026-07-01 10:00"), local("2027-07-02 00:00")
    assert shown(rules.sprint_from(Policy(sprint_days=days), begins, ends, SHANGHAI)) == since


def test_without_days_there_is_no_sprint():
    assert rules.sprint_from(Policy(sprint_days=0), local("2026-07-01 10:00"), local("2027-07-02 00:00"), SHANGHAI) is None


@pytest.mark.parametrize(
    ("at", "since", "ends"),
    [
        # Clocks go forward on 8 March 2026 and back on 1 November 2026.
        ("2026-03-08 12:00", "2025-03-08 00:00", "2027-03-09 00:00"),
        ("2026-11-01 12:00", "2025-11-01 00:00", "2027-11-02 00:00"),
        ("2025-11-01 12:00", "2024-11-01 00:00", "2026-11-02 00:00"),
    ],
)
def test_where_clocks_change_days_still_begin_at_midnight(at, since, ends):
    moment = local(at, NEW_YORK)
    assert shown(rules.climbing(Policy(), moment, NEW_YORK).since, NEW_YORK) == since
    assert shown(rules.term_end(Policy(), moment, NEW_YORK), NEW_YORK) == ends


def test_a_policy_is_kept_and_read_again_as_it_was():
    assert rules.policy_from_json(rules.policy_as_json(FOUR)) == FOUR
    assert rules.policy_from_json(rules.policy_as_json(Policy())) == Policy()
