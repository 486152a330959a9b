"""Every figure of the sample programme, on both sides of each of its boundaries, by the verbs that storefronts, members and operators call."""

from datetime import date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import transaction

from accounts.activity import services as recording
from accounts.activity.rules import Line, Purchase, Refund
from accounts.activity.selectors import FactDataInvalid
from accounts.activity.services import FactRepeated
from accounts.members import services as members
from loyalty.outbox import services as outbox
from loyalty.programme.models import Programme
from mall.checkout import selectors as quoting
from mall.checkout import services as checkout
from points.boards import services as boards
from points.boards.models import Board, BoardPeriod, BoardResult
from points.cards import selectors as cards_seen
from points.cards import services as cards
from points.checkin import services as checkin
from points.earning import rules as deciding
from points.earning import selectors as earning_seen
from points.earning import services as earning
from points.ledger import selectors as books
from points.missions import selectors as missions_seen
from points.missions import services as missions
from points.proofs import services as proofs
from points.rulebook.models import EarningSettings
from tiers.ladder import selectors as ladder
from tiers.ladder.rules import BENEFITS
from tiers.standing import services as placing

pytestmark = pytest.mark.django_db
NEW_YORK = ZoneInfo("America/New_York")
ROLL_KEY = "sample"
_numbers = count(1)


def at(*parts):
    return datetime(*parts, tzinfo=NEW_YORK)


NOON = at(2026, 3, 10, 12)


def days(number):
    """So many business days after that noon, at noon."""
    day = NOON.date() + timedelta(days=number)
    return at(day.year, day.month, day.day, 12)


@pytest.fixture(scope="module", autouse=True)
def loaded(django_db_setup, django_db_blocker):
    """The programme, loaded once for all tests here, and taken back after the last."""
    with django_db_blocker.unblock(), transaction.atomic():
        Programme(id=1, currency="USD", zone=NEW_YORK.key).save()
        EarningSettings(id=1, roll_key=ROLL_KEY).save()
        call_command("load_programme")
        yield
        transaction.set_rollback(True)


class Sample:
    """A member, who may do everything that is rewarded."""

    def __init__(self, name="", *, registered=True, since=None, **profile):
        self.name = name or f"sample-{next(_numbers)}"
        joined = since or days(-400)
        self.orders = count()
        self.id = (members.register(external_id=self.name, now=joined, **profile)[0] if registered else members.ensure(external_id=self.name, now=joined)).id

    def does(self, kind, when=NOON, **data):
        """What a behaviour earns, to be claimed or not."""
        taken = earning.take(member_id=self.id, kind=kind, external_id=str(next(_numbers)), data=data, occurred_at=when, actor="tests", now=when)
        return taken.points + taken.claimable

    def buys(self, *lines, when=NOON, channel="", number=""):
        """What an order of these (category, cents) earns, a second after the one before. A quote for it, without surprises, promises the same."""
        when += timedelta(seconds=next(self.orders))
        bought = [Line(str(position), "", category, "", 1, cents) for position, (category, cents) in enumerate(lines, 1)]
        facts = Purchase(number or no_surprise(), when, "USD", sum(cents for _category, cents in lines), tuple(bought), channel=channel)
        quote = quoting.quote(member_id=self.id, lines=bought, channel=channel, now=when)
        paid = checkout.pay(member_id=self.id, facts=facts, actor="tests", now=when)
        if not number:
            assert quote.earn == paid.settlement.earned
        self.last = facts.id
        return paid.settlement.earned

    def stands(self, tier):
        placing.set_standing(member_id=self.id, tier=tier, reason="sample", actor="tests", now=days(-300))
        return self

    def has_card(self, kind, when=NOON):
        cards.grant(member_id=self.id, kind=kind, actor="tests", key=f"sample/{next(_numbers)}", now=when)
        return self

    def cards(self, when=NOON):
        return cards_seen.available_kinds(member_id=self.id, now=when)

    def checks_in(self, when):
        done = checkin.check_in(member_id=self.id, actor="tests", now=when).check_in
        deliver(when)
        return done.points

    def balance(self, when=NOON):
        return books.balance(member_id=self.id, now=when).available


def deliver(when=NOON):
    while outbox.deliver_due(limit=500, now=when + timedelta(minutes=1)):
        pass


def surprises(number):
    """Whether the surprise drop falls on an order of that number."""
    return deciding.rolls(ROLL_KEY)(f"chance/surprise/purchase/{number}") * 1_000_000 // deciding.ROLLS < 100_000


def a_number(wins):
    return next(number for number in (f"order-{next(_numbers)}" for _each in range(1000)) if surprises(number) == wins)


def no_surprise():
    return a_number(False)


# Who one is


@pytest.mark.parametrize(
    ("kind", "data", "points"),
    [
        ("phone_verified", {}, 50),
        ("identity_verified", {}, 50),
        ("profile_completed", {"item": "birthday"}, 20),
        ("profile_completed", {"item": "address"}, 30),
        ("bound", {"channel": "wechat"}, 0),
    ],
)
def test_who_one_is_is_rewarded_once(refuses, kind, data, points):
    member = Sample()
    assert member.does(kind, **data) == points
    with refuses(FactRepeated):
        member.does(kind, **data)


def test_each_item_of_the_profile_is_rewarded():
    member = Sample()
    assert [member.does("profile_completed", item=item) for item in ("birthday", "gender", "address")] == [20, 20, 30]


@pytest.mark.parametrize("by_event_first", [False, True])
def test_registration_is_100_whichever_way_it_is_told_first_and_once(refuses, by_event_first):
    name = f"sample-{next(_numbers)}"

    def by_event():
        taken = earning.hear(member_ref=name, kind="registered", external_id="E-1", data={}, occurred_at=NOON, actor="tests", now=NOON)
        return taken.points

    def by_profile():
        _member, taken = earning.register(external_id=name, name="Sample Member", occurred_at=NOON, actor="tests", now=NOON)
        return taken.points if taken else 0

    if by_event_first:
        assert (by_event(), by_profile()) == (100, 0)
    else:
        assert by_profile() == 100
        with refuses(FactRepeated):
            by_event()


# What one does


@pytest.mark.parametrize(("seconds", "points"), [(0, 0), (179, 0), (180, 5), (181, 5), (3600, 5)])
def test_looking_at_a_product_for_three_minutes_is_5(seconds, points):
    assert Sample().does("product_viewed", sku="A", seconds=seconds) == points


def test_looking_brings_30_a_day_at_most():
    member = Sample()
    assert [member.does("product_viewed", sku=f"S-{n}", seconds=180) for n in range(7)] == [5, 5, 5, 5, 5, 5, 0]
    assert member.does("product_viewed", at(2026, 3, 10, 23, 59, 59), sku="last", seconds=180) == 0
    assert member.does("product_viewed", at(2026, 3, 11, 0, 0, 0), sku="S-0", seconds=180) == 5


@pytest.mark.parametrize(("said", "points"), [({}, 10), ({"points": 9}, 10), ({"points": 10}, 10), ({"points": 50}, 50), ({"points": 51}, 50)])
def test_a_survey_is_what_it_promises_from_10_to_50(said, points):
    assert Sample().does("survey_completed", survey="S", **said) == points


@pytest.mark.parametrize(("pictures", "points"), [(0, 0), (1, 50), (9, 50)])
def test_a_review_with_a_picture_is_50(pictures, points):
    assert Sample().does("reviewed", purchase="P", line="1", pictures=pictures) == points


@pytest.mark.parametrize(("kind", "each", "most"), [("liked", 5, 10), ("commented", 10, 10), ("shared", 20, 10)])
def test_likes_comments_and_shares_are_rewarded_ten_times_a_day(kind, each, most):
    member = Sample()
    assert [member.does(kind, subject=f"S-{n}") for n in range(most + 1)] == [*[each] * most, 0]
    assert member.does(kind, days(1), subject="tomorrow") == each


def test_what_is_bought_through_a_share_is_50_and_a_click_nothing():
    member = Sample()
    assert (member.does("share_clicked", subject="S", by="M"), member.does("share_bought", subject="S", by="M")) == (0, 50)


@pytest.mark.parametrize(("grade", "points"), [(1, 30), (2, 60), (3, 100)])
def test_a_featured_review_is_offered_by_its_grade(grade, points):
    member = Sample()
    assert member.does("review_featured", review="R", grade=grade) == points
    assert member.balance() == 0
    offer = earning_seen.offers(member_id=member.id).get()
    earning.claim(member_id=member.id, grant_id=offer.id, actor="tests", now=NOON)
    assert member.balance() == points


@pytest.mark.parametrize("grade", [0, 4])
def test_there_is_no_other_grade(refuses, grade):
    with refuses(FactDataInvalid):
        Sample().does("review_featured", review="R", grade=grade)


def test_it_is_claimed_through_the_seventh_day_and_not_after(refuses):
    member = Sample()
    for review in ("R-1", "R-2"):
        member.does("review_featured", review=review, grade=3)
    later, first = earning_seen.offers(member_id=member.id)
    last_second, too_late = at(2026, 3, 17, 23, 59, 59), at(2026, 3, 18, 0, 0, 0)
    earning.claim(member_id=member.id, grant_id=first.id, actor="tests", now=last_second)
    with refuses(earning.ClaimOver):
        earning.claim(member_id=member.id, grant_id=later.id, actor="tests", now=too_late)
    assert member.balance(too_late) == 100


@pytest.mark.parametrize(("board", "place", "points"), [("top-reviews", 1, 200), ("top-reviews", 10, 200), ("top-reviews", 11, 0), ("another", 1, 0)])
def test_the_first_ten_places_of_the_board_are_200(board, place, points):
    assert Sample().does("board_placed", board=board, period="2026-03", place=place) == points


def test_the_months_top_ten_by_likes_are_placed_and_the_eleventh_is_not():
    board = Board.objects.get(code="top-reviews")
    Board.objects.update(starts_on=NOON.date())
    fans, authors = [Sample() for _n in range(11)], [Sample() for _n in range(11)]
    for likes, author in enumerate(authors, 1):
        review = f"review-{likes}"
        told = {"occurred_at": NOON, "ours": False, "now": NOON}
        recording.record_behaviour(member_id=author.id, kind="reviewed", external_id=review, data={"purchase": "P", "line": str(likes), "pictures": 0}, **told)
        for fan in fans[:likes]:
            recording.record_behaviour(member_id=fan.id, kind="liked", external_id=review, data={"subject": review}, **told)
    april = at(2026, 4, 2, 12)
    assert boards.close(board=board, period="2026-03", now=april) == 10
    period = BoardPeriod.objects.get(board=board)
    boards.confirm(period_id=period.id, actor="anna", reason="looked at", now=april)
    boards.grant_all(period_id=period.id, now=april)
    assert [author.balance(april) for author in authors] == [0, *[200] * 10]
    assert BoardResult.objects.get(place=1).member_id == authors[-1].id


@pytest.mark.parametrize("grade", [1, 2])
def test_an_approved_proof_is_100(grade):
    member = Sample()
    assert member.does("proof_uploaded", task="show-your-order", url="https://pictures.example/1.jpg") == 0
    proof = proofs.receive(member_id=member.id, external_id=str(next(_numbers) - 1), now=NOON)
    proofs.approve(proof_id=proof.id, grade=grade, operator="anna", now=NOON)
    assert member.balance() == 100


def test_a_refused_proof_is_nothing():
    member = Sample()
    member.does("proof_uploaded", task="show-your-order", url="https://pictures.example/1.jpg")
    proof = proofs.receive(member_id=member.id, external_id=str(next(_numbers) - 1), now=NOON)
    proofs.refuse(proof_id=proof.id, refusal="unreadable", operator="anna", now=NOON)
    assert member.balance() == 0


@pytest.mark.parametrize(
    ("cents", "inviter", "friend"), [(1, 50, 50), (4_999, 50, 50), (5_000, 100, 50), (9_999, 100, 50), (10_000, 200, 50), (90_000, 200, 50)]
)
def test_an_invitation_is_worth_what_the_friends_first_order_is(cents, inviter, friend):
    host, guest = Sample("host"), Sample("guest", since=NOON, referred_by="host")
    earned = guest.buys(("GARDEN", cents))
    deliver()
    assert (host.balance(), guest.balance() - earned) == (inviter, 50)
    again = guest.buys(("BOOKS", cents))
    deliver()
    assert (host.balance(), guest.balance() - earned - again) == (inviter, 50)


def test_a_thousand_a_day_from_behaviours_purchases_apart():
    member = Sample()
    assert member.does("mission_completed", mission="sample", period="1", points=990) == 990
    assert [member.does("liked", subject="1"), member.does("shared", subject="1"), member.does("liked", subject="2")] == [5, 5, 0]
    assert member.buys(("GARDEN", 200_000)) == 2000
    assert member.does("shared", days(1), subject="1") == 20


def test_a_purchase_uses_nothing_of_that_thousand():
    member = Sample()
    member.buys(("GARDEN", 200_000))
    assert member.does("mission_completed", mission="sample", period="1", points=1001) == 1000


# What one buys


@pytest.mark.parametrize(
    ("lines", "points"),
    [
        ([("GARDEN", 99)], 0),
        ([("GARDEN", 100)], 1),
        ([("GARDEN", 199)], 1),
        ([("GARDEN", 50), ("BOOKS", 50)], 1),
        ([("LUXURY", 199)], 0),
        ([("LUXURY", 200)], 1),
        ([("LUXURY/WATCHES", 10_000)], 50),
        ([("LUXURYLIKE", 10_000)], 100),
        ([("MILK POWDER", 10_000)], 300),
        ([("MILK POWDER/STAGE 1", 10_000)], 300),
        ([("DRUG GM/INFANT FORMULA", 10_000)], 300),
        ([("DRUG GM/INFANT CARE PRODUCTS", 10_000)], 100),
        ([("DRUG GM", 10_000)], 100),
        ([("BEAUTY", 10_000)], 200),
        ([("COSMETICS/FRAGRANCES", 10_000)], 200),
        ([("COSMETICS", 10_000)], 100),
        ([("COSMETICS/BATH", 10_000)], 100),
        ([("", 10_000)], 100),
        ([("MILK POWDER", 33), ("GARDEN", 1)], 1),
        ([("MILK POWDER", 33)], 0),
        ([("MILK POWDER", 34)], 1),
        ([("LUXURY", 100), ("BEAUTY", 25)], 1),
        ([("GARDEN", 10_000), ("BEAUTY", 10_000), ("MILK POWDER", 10_000), ("LUXURY", 10_000)], 100 + 200 + 300 + 50),
    ],
)
def test_a_point_for_each_unit_of_money_by_category(lines, points):
    assert Sample().buys(*lines) == points
    assert Sample(registered=False).buys(*lines) == points


@pytest.mark.parametrize("when", [at(2026, 11, 11), at(2026, 11, 17, 23, 59), at(2027, 2, 28, 12), at(2027, 12, 31, 23, 59)])
def test_the_first_orders_of_the_readme_earn_the_same_on_any_day(when):
    first = Sample("first", registered=False)
    assert [first.buys(("HOME", 50_000), when=when), first.buys(("HOME", 7_700), when=when)] == [500, 77]


@pytest.mark.parametrize(("after", "points"), [(0, 200), (1, 200), (30, 200), (31, 100), (400, 100)])
def test_a_members_second_order_within_30_days_is_twice(after, points):
    member = Sample()
    assert member.buys(("GARDEN", 10_000)) == 100
    assert member.buys(("BOOKS", 10_000), when=days(after)) == points
    assert member.buys(("TOYS", 10_000), when=days(after)) == 100


def test_that_is_for_members_who_have_registered():
    guest = Sample(registered=False)
    assert [guest.buys(("GARDEN", 10_000)) for _order in range(3)] == [100, 100, 100]


def test_an_order_given_back_completely_does_not_count():
    member = Sample()
    member.buys(("GARDEN", 10_000))
    checkout.refund(purchase_ref=member.last, facts=Refund("R-1", NOON, 10_000), actor="tests", now=NOON)
    assert [member.buys(("GARDEN", 10_000)), member.buys(("BOOKS", 10_000))] == [100, 200]


@pytest.mark.parametrize(
    ("after", "lines", "points"),
    [
        (0, [("GARDEN", 10_000)], 200),
        (30, [("GARDEN", 10_000)], 200),
        (31, [("GARDEN", 10_000)], 100),
        (30, [("GARDEN/TOOLS", 10_000)], 100),
        (30, [("BOOKS", 10_000)], 100),
        (30, [("BOOKS", 10_000), ("GARDEN", 10_000)], 300),
    ],
)
def test_the_same_category_again_within_30_days_is_twice(after, lines, points):
    member = Sample()
    member.buys(("TOYS", 100), when=days(-100))
    member.buys(("GARDEN", 100))
    assert member.buys(*lines, when=days(after)) == points


@pytest.mark.parametrize(
    ("when", "points"),
    [
        (at(2026, 4, 30, 23, 59, 59), 100),
        (at(2026, 5, 1, 0, 0, 0), 200),
        (at(2026, 5, 17, 12), 200),
        (at(2026, 5, 31, 23, 59, 59), 200),
        (at(2026, 6, 1, 0, 0, 0), 100),
    ],
)
def test_the_month_of_the_birthday_is_twice(when, points):
    born = date(1990, 5, 17)
    assert Sample(birthday=born).buys(("GARDEN", 10_000), when=when) == points
    assert Sample().buys(("GARDEN", 10_000), when=when) == 100


@pytest.mark.parametrize(("tier", "points"), [("bronze", 100), ("silver", 120), ("gold", 150), ("diamond", 200)])
def test_the_tier_multiplies(tier, points):
    assert Sample().stands(tier).buys(("GARDEN", 10_000)) == points


@pytest.mark.parametrize(("tier", "points"), [("bronze", 200), ("gold", 300), ("diamond", 600)])
def test_in_the_month_of_the_birthday_the_tier_may_multiply_more(tier, points):
    assert Sample(birthday=date(1990, 5, 17)).stands(tier).buys(("GARDEN", 10_000), when=at(2026, 5, 20, 12)) == points


def test_what_the_tiers_promise_is_written_in_both_languages_and_given_by_rules():
    assert {kind for tier in ("silver", "gold", "diamond") for kind in ladder.benefits(tier)} == set(BENEFITS)
    assert ladder.benefit_value("gold", "monthly_allowance") == 500
    assert [ladder.benefit_value("gold", "birthday_gift", orders=n) for n in (0, 3, 6)] == [100, 200, 300]
    for tier in ("silver", "gold", "diamond"):
        assert ladder.promised_in_vain(tier, now=at(2026, 3, 1)) == []
        assert all(benefit.text_zh and benefit.text_en for benefit in ladder.benefits(tier).values())


@pytest.mark.parametrize(("tier", "cents", "points"), [("silver", 83, 0), ("silver", 84, 1), ("gold", 66, 0), ("gold", 67, 1), ("diamond", 50, 1)])
def test_there_is_one_floor_at_the_very_end(tier, cents, points):
    assert Sample().stands(tier).buys(("GARDEN", cents)) == points


def test_without_a_standing_one_is_in_the_lowest_tier():
    assert Sample().buys(("GARDEN", 10_000)) == 100


def test_the_best_promotion_counts_and_the_tier_multiplies_it():
    born = date(1990, 3, 17)
    member = Sample(birthday=born).stands("gold")
    assert member.buys(("MILK POWDER", 10_000), ("BEAUTY", 10_000), ("LUXURY", 10_000)) == 450 + 300 + 150


@pytest.mark.parametrize("year", range(2025, 2031))
@pytest.mark.parametrize(
    ("day", "clock", "channel", "points"),
    [
        (10, (23, 59, 59), "app", 100),
        (11, (0, 0, 0), "app", 300),
        (14, (12, 0, 0), "app", 300),
        (17, (23, 59, 59), "app", 300),
        (18, (0, 0, 0), "app", 100),
        (14, (12, 0, 0), "web", 100),
        (14, (12, 0, 0), "", 100),
    ],
)
def test_singles_week_in_the_app_is_three_times(year, day, clock, channel, points):
    assert Sample(since=at(2025, 1, 1)).buys(("GARDEN", 10_000), when=at(year, 11, day, *clock), channel=channel) == points


def test_a_double_card_makes_the_next_order_twice_and_is_used():
    member = Sample().has_card("double")
    assert (member.buys(("GARDEN", 10_000)), member.cards()) == (200, {})
    assert member.buys(("BOOKS", 10_000), when=days(31)) == 100


@pytest.mark.parametrize(("category", "points"), [("BEAUTY", 200), ("MILK POWDER", 300)])
def test_it_is_kept_where_another_promotion_is_as_good(category, points):
    member = Sample().has_card("double")
    assert (member.buys((category, 10_000)), member.cards()) == (points, {"double": 1})


@pytest.mark.parametrize(("when", "points"), [(at(2026, 4, 9, 23, 59, 59), 200), (at(2026, 4, 10, 0, 0, 0), 100)])
def test_it_is_good_for_30_days(when, points):
    assert Sample().has_card("double").buys(("GARDEN", 10_000), when=when) == points


def test_a_surprise_falls_on_one_order_in_ten_in_the_app():
    numbers = [f"order-{n}" for n in range(20_000)]
    assert 0.095 < sum(map(surprises, numbers)) / len(numbers) < 0.105


@pytest.mark.parametrize("tier", ["bronze", "diamond"])
def test_a_surprise_is_10_to_100_once_a_day_and_is_not_multiplied(tier):
    base = {"bronze": 100, "diamond": 200}[tier]
    drops = set()
    for _each in range(12):
        member = Sample().stands(tier)
        number = a_number(True)
        drop = member.buys(("GARDEN", 10_000), channel="app", number=number) - base
        assert 10 <= drop <= 100
        drops.add(drop)
    assert len(drops) > 3
    assert member.buys(("BOOKS", 10_000), channel="app", number=a_number(True)) == 2 * base
    assert member.buys(("TOYS", 10_000), channel="app", number=a_number(True), when=days(1)) > base


def test_no_surprise_elsewhere_nor_for_another_number():
    assert Sample().buys(("GARDEN", 10_000), channel="web", number=a_number(True)) == 100
    assert Sample().buys(("GARDEN", 10_000), channel="app", number=a_number(False)) == 100


def test_a_quote_tells_the_least_and_that_there_may_be_a_surprise():
    quote = quoting.quote(member_id=Sample().id, lines=[Line("1", "", "GARDEN", "", 1, 10_000)], channel="app", now=NOON)
    assert (quote.earn, [one["points"] for one in quote.why if one["code"] == "surprise"]) == (100, [200])


# Checking in


LADDER = [10, 15, 20, 25, 30, 40, 50]


def test_the_days_of_a_streak_with_50_more_on_the_seventh_and_a_double_card_on_the_thirtieth():
    member = Sample()
    brought = {day: member.checks_in(days(day)) for day in range(1, 32)}
    assert [brought[day] for day in range(1, 9)] == [10, 15, 20, 25, 30, 40, 50 + 50, 10]
    assert (brought[13], brought[14], brought[15]) == (40, 50, 10)
    assert (brought[29], brought[30], brought[31]) == (10, 15, 20)
    assert list(brought.values()) == [LADDER[(day - 1) % 7] + 50 * (day == 7) for day in range(1, 32)]


@pytest.mark.parametrize(("length", "held"), [(29, {}), (30, {"double": 1})])
def test_the_card_comes_with_the_thirtieth_day(length, held):
    member = Sample()
    for day in range(length):
        member.checks_in(days(day))
    assert member.cards(days(length)) == held


def test_a_day_missed_begins_the_ladder_again():
    member = Sample()
    assert [member.checks_in(days(day)) for day in (0, 1, 2, 4, 5)] == [10, 15, 20, 10, 15]


def test_a_missed_day_is_made_up_for_10_three_times_a_month(refuses):
    member = Sample()
    member.buys(("GARDEN", 10_000))
    for day in (0, 2):
        member.checks_in(days(day))
    before = member.balance(days(9))
    for day in (1, 3, 4):
        checkin.make_up(member_id=member.id, day=days(day).date(), actor="tests", now=days(9))
    assert before - member.balance(days(9)) == 30
    with refuses(checkin.MakeUpsUsedUp):
        checkin.make_up(member_id=member.id, day=days(5).date(), actor="tests", now=days(9))


def test_a_make_up_card_pays_for_it():
    member = Sample().has_card("make-up")
    checkin.make_up(member_id=member.id, day=days(-1).date(), actor="tests", now=NOON)
    assert (member.balance(), member.cards()) == (0, {})


# Missions


@pytest.mark.parametrize(("order_after", "points"), [(0, 100), (7, 100), (8, 0)])
def test_the_newcomer_pack_is_done_in_the_first_seven_days(order_after, points):
    member = Sample(since=NOON)
    done = member.does("phone_verified") + member.does("profile_completed", item="gender")
    deliver()
    assert member.balance() == done
    when = days(order_after)
    done += member.buys(("GARDEN", 10_000), when=when)
    deliver(when)
    assert member.balance(when) == done + points
    assert [one.badge_id for one in missions_seen.badges(member_id=member.id)] == (["newcomer"] if points else [])
    assert member.cards(when) == ({"make-up": 1} if points else {})


def test_five_different_things_shared_in_a_week_are_200(refuses):
    member = Sample()
    shared = sum(member.does("shared", subject=subject) for subject in "ABCD")
    shared += member.does("shared", days(1), subject="A")
    with refuses(missions.MissionNotCompleted):
        missions.claim(member_id=member.id, code="share-5", actor="tests", now=days(1))
    shared += member.does("shared", days(1), subject="E")
    missions.claim(member_id=member.id, code="share-5", actor="tests", now=days(1))
    assert member.balance(days(1)) == shared + 200


def test_three_reviews_bring_an_agent_of_ones_own(refuses):
    member = Sample()
    for line in "12":
        member.does("reviewed", purchase="P", line=line, pictures=0)
    with refuses(missions.MissionNotCompleted):
        missions.claim(member_id=member.id, code="review-3", actor="tests", now=NOON)
    member.does("reviewed", purchase="P", line="3", pictures=0)
    completion = missions.claim(member_id=member.id, code="review-3", actor="tests", now=NOON)
    assert [(one.effect, one.item) for one in completion.mission.effects.all()] == [("benefit", "own-agent"), ("badge", "reviewer")]
    assert completion.status == "granted"


def test_three_products_looked_at_in_a_day_are_10_every_day(refuses):
    member = Sample()
    for when in (NOON, days(1)):
        before = member.balance(when)
        looked = [member.does("product_viewed", when, sku=sku, seconds=1) for sku in "AB"]
        with refuses(missions.MissionNotCompleted):
            missions.claim(member_id=member.id, code="view-3", period=f"{when:%Y-%m-%d}", actor="tests", now=when)
        looked.append(member.does("product_viewed", when, sku="C", seconds=1))
        missions.claim(member_id=member.id, code="view-3", period=f"{when:%Y-%m-%d}", actor="tests", now=when)
        assert (sum(looked), member.balance(when) - before) == (0, 10)


# What is tried in the admin


TRIED = {
    "purchase": {"line.0.category": "MILK POWDER", "line.0.amount": "100.00"},
    "festival": {"line.0.category": "GARDEN", "line.0.amount": "100.00", "channel": "app", "occurred_at_0": "2026-11-14", "occurred_at_1": "12:00"},
    "luxury": {"line.0.category": "LUXURY", "line.0.amount": "100.00"},
    "liked": {"data.subject": "R"},
    "survey_completed": {"data.survey": "S", "data.points": "40"},
    "product_viewed": {"data.sku": "A", "data.seconds": "180"},
    "reviewed": {"data.purchase": "P", "data.line": "1", "data.pictures": "1"},
    "review_featured": {"data.review": "R", "data.grade": "3"},
    "proof_reviewed": {"data.proof": "1", "data.task": "show-your-order", "data.grade": "1"},
    "board_placed": {"data.board": "top-reviews", "data.period": "2026-03", "data.place": "10"},
    "referral_completed": {"data.friend": "F", "data.amount_cents": "10000", "data.purchase": "P"},
    "referred": {"data.by": "M"},
    "checked_in": {"data.streak": "8"},
    "streak_reached": {"data.days": "7", "data.start": "2026-03-01"},
    "mission_completed": {"data.mission": "share-5", "data.period": "2026-W10", "data.points": "200"},
    "profile_completed": {"data.item": "address"},
    "birthday": {"data.year": "2026", "data.points": "300"},
    "allowance": {"data.month": "2026-03", "data.points": "500"},
    "tier_reached": {"data.tier": "gold", "data.points": "500"},
    "registered": {},
}
GIVES = {
    "purchase": 450, "festival": 450, "luxury": 75, "liked": 5, "survey_completed": 40, "product_viewed": 5, "reviewed": 50, "review_featured": 100,
    "proof_reviewed": 100, "board_placed": 200, "referral_completed": 200, "referred": 50, "checked_in": 10, "streak_reached": 50,
    "mission_completed": 200, "profile_completed": 30, "registered": 100, "birthday": 300, "allowance": 500, "tier_reached": 500,
}  # fmt: skip


@pytest.mark.parametrize("what", TRIED)
def test_it_can_be_tried_in_the_admin_by_a_gold_member(operator, client, what):
    operator("view_decision", "view_member")
    Sample("sample-gold").stands("gold")
    fact = what if what not in ("festival", "luxury") else "purchase"
    page = client.get("/admin/points/decision/try-it/", {"fact": fact, "member": "sample-gold", "lines": "1", **TRIED[what]})
    (side,) = page.context["sides"]
    least, most = GIVES[what], GIVES[what] + (100 if what == "festival" else 0)
    assert least <= side["told"].decision.points <= most
