"""What earning keeps where two features meet: offers and deliveries, risk control and refunds, zones and facts told late."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.activity.rules import Line, Purchase, Refund
from loyalty.programme.models import Programme
from mall.checkout import services as till
from points.earning import services as earning
from points.earning.models import Grant, MemberUse
from points.ledger import selectors as books
from points.missions import services as missions
from points.missions.models import MissionCompletion
from points.missions.rules import Step
from points.rulebook import services as rulebook
from points.rulebook.models import SharedLimit
from points.rulebook.rules import ONE, Conditions, Definition, Effect, Limit
from riskcontrol.screening import services as screening

pytestmark = pytest.mark.django_db
# Noon in Shanghai.
NOON = datetime(2026, 11, 11, 4, tzinfo=UTC)
PER_UNIT = Effect("per_unit", rate=ONE)


@pytest.fixture
def publish(db):
    def made(code, effect=PER_UNIT, *, fact="purchase", **said):
        definition = Definition(effect=effect, **said)
        version = rulebook.make(code=code, fact=fact, name_zh=code, name_en=code, definition=definition, actor="tests", now=NOON)
        rulebook.publish(version_id=version.id, ever=True, actor="tests", now=NOON)

    return made


@pytest.fixture
def buy(member, django_capture_on_commit_callbacks):
    def pay(number="1", cents=10_000, *, at=NOON, now=None):
        facts = Purchase(number, at, "CNY", cents, (Line("1", "MUG", "HOME", "", 1, cents),))
        with django_capture_on_commit_callbacks(execute=True):
            return till.pay(member_id=member.id, facts=facts, actor="tests", now=now or at).settlement

    return pay


@pytest.fixture
def refund(django_capture_on_commit_callbacks):
    def give_back(number="1", cents=10_000, *, at=NOON):
        with django_capture_on_commit_callbacks(execute=True):
            till.refund(purchase_ref=number, facts=Refund(f"R-{number}-{at:%m%d}", at, cents), actor="tests", now=at)

    return give_back


@pytest.fixture
def points(member):
    return lambda at=NOON: books.balance(member_id=member.id, now=at)


def claim(member, at=NOON):
    return earning.claim(member_id=member.id, grant_id=Grant.objects.get(claim_until__isnull=False).id, actor="tests", now=at)


def test_what_is_claimed_after_the_delivery_does_not_wait_for_it(member, publish, buy, points):
    publish("goods", pending="delivered", claim_days=7)
    buy()
    till.delivered(purchase_ref="1", occurred_at=NOON, actor="tests", now=NOON)
    claim(member)
    assert (points().available, points().pending) == (100, 0)


def test_what_is_claimed_before_the_delivery_waits_for_it(member, publish, buy, points):
    publish("goods", pending="delivered", claim_days=7)
    buy()
    claim(member)
    assert (points().available, points().pending) == (0, 100)
    till.delivered(purchase_ref="1", occurred_at=NOON, actor="tests", now=NOON)
    assert (points().available, points().pending) == (100, 0)


def test_an_offer_past_its_time_makes_up_for_nothing_closed_or_not(publish, buy, refund, points):
    SharedLimit.objects.create(code="cap", name_zh="上限", name_en="Cap", over=["purchases"], per="day", points=120)
    rulebook.changed_what_is_in_force()
    publish("goods", priority=1)
    publish("extra", Effect("fixed", points=60), claim_days=1)
    buy()
    # Deciding again gives 50 for the goods and all 60 to the offer, which nobody can claim any more.
    refund(cents=5_000, at=NOON + timedelta(days=3))
    assert Grant.objects.get(claim_until__isnull=False).status == "offered"
    assert points(NOON + timedelta(days=3)).available == 50


def test_an_order_that_risk_control_gave_nothing_for_undoes_its_mission_when_it_is_refunded(member, publish, buy, refund):
    publish("goods")
    mission = missions.create(
        code="buy-once", name_zh="买一次", name_en="Buy once", kind="achievement", steps=[Step("purchase")], points=50, actor="tests", now=NOON
    )
    missions.publish(mission_id=mission.id, actor="tests", now=NOON)
    screening.block(member_id=member.id, reason="tests", actor="tests", now=NOON)
    buy()
    assert MissionCompletion.objects.get().status == "offered"
    refund()
    assert MissionCompletion.objects.get().status == "withdrawn"


@pytest.mark.parametrize("booked", [True, False])
def test_a_mission_that_nobody_claimed_in_time_stays_lapsed_booked_or_not(publish, buy, refund, booked):
    publish("goods")
    about = {"code": "buy-once", "name_zh": "买一次", "name_en": "Buy once", "kind": "achievement", "points": 50, "claim_days": 1}
    mission = missions.create(**about, steps=[Step("purchase")], actor="tests", now=NOON)
    missions.publish(mission_id=mission.id, actor="tests", now=NOON)
    buy()
    later = NOON + timedelta(days=5)
    if booked:
        missions.lapse_due(limit=10, now=later)
    refund(at=later)
    buy("2", at=later)
    missions.lapse_due(limit=10, now=later)
    assert MissionCompletion.objects.get().status == "lapsed"


def test_an_order_told_after_a_change_of_zone_has_the_day_and_the_hour_of_the_old_one(member, publish, buy):
    change = NOON + timedelta(days=1)
    Programme(id=1, zone="America/New_York", previous_zone="Asia/Shanghai", zone_from=change).save()
    publish("goods", conditions=Conditions(hour_from=12, hour_until=13), limits=(Limit("day", points=1000),))
    assert buy(now=change + timedelta(days=1)).earned == 100
    assert MemberUse.objects.get().starts.isoformat() == "2026-11-11"
    noon_in_new_york = change + timedelta(hours=13)
    assert buy("2", at=noon_in_new_york, now=change + timedelta(days=1)).earned == 100
