"""A fact comes in: what it is granted, under which terms, within which limits."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.activity import services as recording
from accounts.members import services as members
from accounts.segments import services as segments
from loyalty.lib import configuration
from points.cards import services as cards
from points.cards.models import CardKind
from points.earning import selectors
from points.earning.models import Decision, Grant
from points.ledger.models import Entry, Lot
from points.rulebook import services as rulebook
from points.rulebook.models import Festival, FestivalDays, SharedLimit
from points.rulebook.rules import ONE, Band, Limit, Release
from points.terms.models import Terms
from riskcontrol.screening import services as screening
from tiers.ladder.models import Tier
from tiers.standing import services as standings

from .conftest import NOON

pytestmark = pytest.mark.django_db


def shared_limit(code, over, per, **most):
    SharedLimit.objects.create(code=code, name_zh=code, name_en=code, over=over, per=per, **most)
    rulebook.changed_what_is_in_force()


# Granted, and told why


def test_a_behaviour_earns_what_its_rule_gives(world, publish, assert_engine_adds_up):
    version = publish("share", "fixed", fact="shared", points=20)
    taken = world.take()
    assert (taken.points, taken.claimable, taken.repeated, world.available()) == (20, 0, False, 20)
    decision = world.decision("shared/1")
    assert (decision.id, decision.points, decision.fact, decision.occurred_at) == (taken.decision_id, 20, "shared", NOON)
    assert decision.trace["rules"] == [{"v": version.id, "c": "share", "if": [], "holds": True, "want": 2000, "got": 20}]
    (entry,) = Entry.objects.all()
    assert (entry.kind, entry.key, entry.subject, entry.occurred_at) == ("earn", "shared/1/earn", "shared/1", NOON)
    assert selectors.decision_of_entry(member_id=world.member.id, entry_id=entry.id) == decision
    assert_engine_adds_up()


def test_nothing_earned_leaves_a_decision_and_no_lot(world, publish):
    publish("share", "fixed", fact="shared", points=20, segments=("staff",))
    assert (world.take().points, Lot.objects.count(), Grant.objects.count()) == (0, 0, 0)
    assert world.decision("shared/1").trace["rules"][0]["if"] == [["segments", False]]
    assert world.uses() == {}


def test_a_fact_that_no_rule_answers_is_decided_too(world):
    taken = world.take()
    assert (taken.points, world.decision("shared/1").id) == (0, taken.decision_id)


def test_the_same_again_is_the_first_answer_whatever_has_become_of_it(world, publish):
    publish("share", "fixed", fact="shared", points=20)
    publish("offer", "fixed", fact="shared", points=30, claim_days=7)
    first = world.take()
    assert (first.points, first.claimable) == (20, 30)
    world.withdraw()
    world.wait(days=30)
    again = world.take(at=NOON)
    assert again[1:] == (20, first.decision_id, True, 30)
    assert (Decision.objects.count(), Entry.objects.filter(kind="earn").count()) == (1, 1)


def test_what_counts_once_earns_once(world, publish, refuses):
    publish("phone", "fixed", fact="phone_verified", points=50)
    world.take("phone_verified", "1")
    with refuses(recording.FactRepeated):
        world.take("phone_verified", "2")
    with refuses(recording.FactConflict):
        world.take("phone_verified", "1", at=NOON - timedelta(seconds=1))
    assert (world.available(), Decision.objects.count()) == (50, 1)


def test_a_refused_decision_leaves_nothing_behind(world, publish, monkeypatch, refuses):
    publish("share", "fixed", fact="shared", points=20, limits=(Limit("day", points=100), Limit("day", times=5, by="rule")))

    def broken(*args, **kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("points.earning.services._publish_decided", broken)
    with refuses(ZeroDivisionError):
        world.take()
    assert (world.available(), world.uses(), world.shared(), Decision.objects.count()) == (0, {}, {}, 0)


def test_long_ids_and_codes_find_room(world, publish):
    code = "c" * 60
    publish(code, "fixed", fact="commented", points=1, claim_days=1, limits=(Limit("month", points=9), Limit("month", points=9, by="rule")))
    publish("d" * 60, "fixed", fact="commented", points=1, cost_centre="x" * 50)
    publish("e" * 60, "fixed", fact="commented", points=1, cost_centre="y" * 50)
    number = "n" * 128
    assert world.take("commented", number, subject="s").points == 2
    (offer,) = Grant.objects.filter(claim_until__isnull=False)
    claimed = services_claim(world, offer)
    assert len(claimed.entry.key) <= 300
    assert world.withdraw("commented", number) == 3


def services_claim(world, grant):
    from points.earning import services

    return services.claim(member_id=world.member.id, grant_id=grant.id, actor="tests", now=world.now)


# Limits


@pytest.mark.parametrize(
    ("per", "within", "beyond"),
    [
        # Noon of Wednesday, 11 November, in Shanghai
        ("day", [timedelta(hours=11, minutes=59), timedelta(hours=-12)], [timedelta(hours=12), timedelta(hours=-12, microseconds=-1)]),
        ("week", [timedelta(days=4), timedelta(days=-2)], [timedelta(days=5), timedelta(days=-3)]),
        ("month", [timedelta(days=19), timedelta(days=-10)], [timedelta(days=20), timedelta(days=-11)]),
        ("life", [timedelta(days=999)], []),
    ],
)
def test_a_limit_counts_in_the_period_of_the_facts_business_day(world, publish, per, within, beyond):
    publish("share", "fixed", fact="shared", points=60, limits=(Limit(per, points=100),))
    assert world.take().points == 60
    given = [world.take(number=f"in-{n}", at=NOON + by).points for n, by in enumerate(within)]
    assert given == [40, 0][: len(within)]
    assert [world.take(number=f"out-{n}", at=NOON + by).points for n, by in enumerate(beyond)] == [60] * len(beyond)


def test_times_count_facts_that_were_granted_something(world, publish):
    publish("share", "fixed", fact="shared", points=5, limits=(Limit("day", times=2),), segments=("staff",))
    assert [world.take(number=f"before-{n}").points for n in range(3)] == [0, 0, 0]
    segments.add(segment="staff", external_ids=[world.member.external_id], actor="tests", now=NOON)
    assert [world.take(number=f"after-{n}").points for n in range(3)] == [5, 5, 0]
    assert world.uses() == {"share/day": (10, 2)}


def test_a_limit_of_the_rule_is_all_members_together(world, publish, other_member):
    publish("share", "fixed", fact="shared", points=60, limits=(Limit("day", points=100, times=3, by="rule"),))
    assert [world.take().points, world.take(member=other_member).points, world.take(number="2", member=other_member).points] == [60, 40, 0]
    assert (world.shared(), world.uses()) == ({"*share/day": (100, 2)}, {})


def test_a_thousand_a_day_from_behaviours_purchases_apart(world, publish):
    shared_limit("daily", ["behaviours"], "day", points=1_000)
    publish("share", "fixed", fact="shared", points=400)
    publish("like", "fixed", fact="liked", points=400)
    publish()
    given = [world.take().points, world.take("liked", "1", subject="a").points, world.take(number="2").points, world.take(number="3").points]
    assert given == [400, 400, 200, 0]
    assert world.buy(500_000).earned == 5_000
    assert world.uses() == {"=daily": (1_000, 3)}
    world.wait(days=1)
    assert world.take(number="4").points == 400


def test_a_budget_is_charged_and_ends(world, publish, budget, other_member):
    publish("share", "fixed", fact="shared", points=60)
    one = budget(100, scope="rule", of="share")
    assert [world.take().points, world.take(member=other_member).points, world.take(number="2").points] == [60, 40, 0]
    assert world.spent(one) == 100
    assert world.decision("shared/2").trace["rules"][0]["cut"] == [[f"budget/{one.id}", 6000]]


def test_a_budget_that_stops_gives_nothing_that_does_not_fit_whole(world, publish, budget):
    publish("share", "fixed", fact="shared", points=60)
    one = budget(100, at_end="stop")
    assert [world.take(number=str(n)).points for n in range(3)] == [60, 0, 0]
    assert world.spent(one) == 60


def test_a_budget_that_goes_on_is_charged_beyond_its_end(world, publish, budget):
    publish("share", "fixed", fact="shared", points=60)
    one = budget(100, at_end="go_on")
    assert [world.take(number=str(n)).points for n in range(3)] == [60, 60, 60]
    assert world.spent(one) == 180


def test_a_thing_is_won_also_where_a_budget_is_beyond_its_end(world, publish, budget, told):
    publish("prize", "benefit", fact="shared", item="SPRING", limits=(Limit("life", times=2, by="rule"),))
    publish("share", "fixed", fact="shared", points=60)
    one = budget(60)
    assert world.take().points == 60
    budget(50)
    assert world.take(number="2").points == 0
    won = [payload["subject"] for topic, payload in told if topic == "points.effect_won"]
    assert (won, world.spent(one)) == (["shared/1", "shared/2"], 60)
    world.take(number="3")
    assert world.shared()["*prize/life"] == (0, 2)


# Terms


def test_one_lot_for_all_that_is_granted_under_the_same_terms(world, publish, assert_engine_adds_up):
    publish("a", "fixed", fact="shared", points=10)
    most = publish("b", "fixed", fact="shared", points=20)
    publish("never", "fixed", fact="shared", points=5, expiry="never")
    publish("paid-by-brand", "fixed", fact="shared", points=7, cost_centre="brand")
    publish("campaign", "fixed", fact="shared", points=9, campaign="singles")
    publish("later", "fixed", fact="shared", points=11, pending="days:7")
    taken = world.take()
    assert (taken.points, world.available()) == (62, 51)
    lots = {(lot.original, lot.source, lot.cost_centre, lot.is_pending, lot.terms) for lot in Lot.objects.all()}
    assert lots == {
        (30, "behaviour", "", False, "months:12"),
        (5, "behaviour", "", False, "never"),
        (7, "behaviour", "brand", False, "months:12"),
        (9, "campaign", "", False, "months:12"),
        (11, "behaviour", "", True, "months:12"),
    }
    assert Lot.objects.get(original=30).rule_version_id == most.id
    keys = sorted(Entry.objects.values_list("key", flat=True))
    assert keys == ["shared/1/earn", "shared/1/earn/campaign", "shared/1/earn/later", "shared/1/earn/never", "shared/1/earn/paid-by-brand"]
    assert_engine_adds_up()


def test_a_rules_expiry_and_waiting_go_before_the_programmes(world, publish):
    Terms(id=1, expiry="months", length=12, pending="delivered").save()
    publish()
    publish("bonus", "fixed", points=5, expiry="days:30", pending="none")
    publish("late", "fixed", points=7, pending="days:3")
    world.buy()
    lots = {lot.original: lot for lot in Lot.objects.all()}
    assert (lots[100].is_pending, lots[100].matures_at) == (True, None)
    assert (lots[5].is_pending, str(lots[5].terms)) == (False, "days:30")
    assert (lots[7].is_pending, lots[7].matures_at) == (True, NOON + timedelta(days=3))


def test_a_behaviour_does_not_wait_as_purchases_do(world, publish):
    Terms(id=1, pending="delivered").save()
    publish("share", "fixed", fact="shared", points=5)
    world.take()
    assert world.available() == 5


# Of whom


def test_the_member_counts_as_they_stand(world, publish, other_member):
    gold = Tier.objects.create(code="gold", name_zh="金", name_en="Gold", rank=2, multiplier_bps=15_000)
    Tier.objects.create(code="basic", name_zh="普通", name_en="Basic", rank=1)
    standings.set_standing(member_id=world.member.id, tier=gold.code, reason="tests", actor="tests", now=NOON)
    segments.add(segment="staff", external_ids=[world.member.external_id], actor="tests", now=NOON)
    members.register(external_id="M-1", birthday=date(1990, 11, 30), now=NOON)
    festival = Festival.objects.create(code="singles", name_zh="双十一", name_en="Singles")
    FestivalDays.objects.create(festival=festival, first=NOON.date(), last=NOON.date())
    rulebook.changed_what_is_in_force()
    publish("share", "fixed", fact="shared", points=100)
    publish("tier", "tier_multiplier", fact="shared")
    for number, said in enumerate(
        [
            {"tiers": ("gold",)},
            {"segments": ("staff",)},
            {"release": Release("staff")},
            {"birthday": "month"},
            {"festival": "singles"},
            {"expression": "tier == 'gold' && 'staff' in segments && birthday_month && !birthday && 'singles' in festivals"},
        ]
    ):
        publish(f"bonus-{number}", "fixed", fact="shared", points=1, multiplied=False, **said)
    assert world.take().points == 150 + 6
    assert world.take(member=other_member).points == 100 + 1  # the festival's
    world.wait(days=1)
    assert world.take(number="2").points == 150 + 4


def test_the_second_order_and_one_soon_after(world, publish):
    publish()
    publish("second", "fixed", points=1_000, nth_purchase=(2,))
    publish("again", "multiplier", factor=2 * ONE, again_days=30)
    assert world.buy(number="1").earned == 100
    world.wait(days=30)
    assert world.buy(number="2").earned == 2 * 1_100
    world.wait(days=31)
    assert world.buy(number="3").earned == 100
    assert world.buy(number="0", at=NOON - timedelta(days=1)).earned == 100


def test_of_orders_paid_at_one_instant_the_one_recorded_first_is_the_first(world, publish):
    publish("first", "fixed", points=500, nth_purchase=(1,))
    publish("second", "fixed", points=70, nth_purchase=(2,))
    publish("again", "fixed", points=1, again_days=0)
    assert [world.buy(number=number).earned for number in ("9", "5", "7")] == [500, 71, 1]
    assert world.buy(number="3", at=NOON - timedelta(microseconds=1)).earned == 500


def test_a_refund_sees_of_its_instant_what_the_order_saw(world, publish):
    publish("first", "fixed", points=500, nth_purchase=(1,))
    publish("later", "fixed", points=30, again_days=0)
    assert [world.buy(number=number).earned for number in ("1", "2")] == [500, 30]
    assert [world.refund(5_000, order=order) for order in ("1", "2")] == [0, 0]
    assert world.refund(5_000, order="1") == 500
    assert world.refund(1_000, order="2") == 0
    assert world.buy(number="3").earned == 30


def test_bought_again_from_a_category_doubles_its_lines(world, publish):
    publish()
    publish("again", "multiplier", factor=2 * ONE, again_days=30, again_scope="category")
    world.buy(10_000, 10_000, categories=("FOOD", "TOYS"))
    world.wait(days=30)
    assert world.buy(10_000, 10_000, number="2", categories=("FOOD", "HOME")).earned == 300


def test_how_long_ago_the_last_order_was_is_known_to_expressions_however_long(world, publish):
    publish("soon", "fixed", points=1, again_days=30)
    publish("back", "fixed", points=50, expression="days_since_last > 90")
    world.buy()
    world.wait(days=100)
    assert world.buy(number="2").earned == 50


def test_a_card_is_used_by_the_next_order_that_qualifies(world, publish):
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double", use="multiplier")
    publish()
    publish("card", "multiplier", factor=2 * ONE, card="double", min_cents=5_000)
    cards.grant(member_id=world.member.id, kind="double", actor="tests", key="k", now=NOON)
    given = [world.buy(cents, number=str(cents)).earned for cents in (4_999, 5_000, 5_001)]
    assert given == [49, 100, 50]
    assert [card.used_by for card in cards.Card.objects.all()] == ["purchase/5000"]


def test_a_blocked_member_gets_nothing_and_the_decision_says_why(world, publish, budget, told):
    publish("share", "fixed", fact="shared", points=60, limits=(Limit("day", points=100),))
    publish("prize", "benefit", fact="shared", item="X")
    budget(100)
    screening.block(member_id=world.member.id, reason="tests", actor="tests", now=NOON)
    taken = world.take()
    decision = world.decision("shared/1")
    assert (taken.points, decision.points, decision.screened, decision.id) == (0, 0, "blocked", taken.decision_id)
    assert (world.uses(), world.shared(), Grant.objects.count()) == ({}, {}, 0)
    assert "points.effect_won" not in [topic for topic, _payload in told]
    assert world.withdraw() == 0


def test_every_decision_is_told_with_its_points(world, publish, told):
    publish("share", "fixed", fact="shared", points=60)
    world.take()
    world.withdraw()
    assert [payload for topic, payload in told if topic == "points.fact_decided"] == [
        {"kind": "shared", "fact": "1", "points": 60},
        {"kind": "shared", "fact": "1", "points": 0},
    ]


# How many statements


def test_a_decision_takes_as_many_statements_whatever_the_number_of_rules(world, publish):
    def statements(number):
        # As after the commit of what was published.
        configuration._changing.models = set()
        world.take(number=f"warm-{number}")
        with CaptureQueriesContext(
            connection,
        ) as seen:
            world.take(number=number)
        return len(seen)

    def rules(first, last):
        for n in range(first, last):
            said = {"limits": (Limit("day", points=10**6), Limit("month", times=10**6)), "expression": "tier != 'x'", "segments": ("staff",)}
            publish(f"r{n}", "fixed", fact="shared", points=1, **(said if n % 2 else {"limits": said["limits"][:1]}))

    rules(0, 2)
    few = statements("few")
    rules(2, 60)
    assert statements("many") == few <= 10


def test_an_order_with_every_kind_of_question_is_a_bounded_number_of_statements(world, publish, budget):
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double", use="multiplier")
    publish()
    publish("all", "fixed", points=1, again_days=30, again_scope="category", card="double")
    publish("more", "fixed", points=1, expression="nth_purchase > 0", limits=(Limit("day", points=5, by="rule"),))
    publish("bands", "bands", measure="amount", bands=(Band(0, None, 5),))
    budget(10**6)
    world.buy(number="0")
    with CaptureQueriesContext(connection) as seen:
        world.buy(number="1")
    ours = [
        query["sql"] for query in seen if any(name in query["sql"] for name in ("points_decision", "memberuse", "shareduse", "segment", "standing", "card"))
    ]
    assert len(ours) <= 8, "\n".join(ours)
