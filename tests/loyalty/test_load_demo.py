"""`manage.py load_demo`: a programme with something in it, the same however often it is loaded."""

import gzip
import io
import itertools
import json
import stat
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import override_settings
from rest_framework.test import APIClient

from accounts.activity.models import Behaviour, Purchase, UnmatchedRefund
from accounts.activity.rules import Line
from accounts.channels import services as channels
from accounts.keys.models import Scope, StorefrontKey
from accounts.members import selectors as members
from accounts.members.models import Member
from accounts.referrals.models import Referral
from accounts.segments import selectors as segments
from loyalty.demo import services as demo
from loyalty.management.commands.load_demo import SAMPLE, Command
from loyalty.programme.models import Programme
from mall.checkout import selectors as till
from mall.coupons.models import Coupon
from mall.flashsale.models import FlashSale, FlashStock
from mall.markdowns import selectors as markdowns
from mall.markdowns import services as deciding_on
from mall.reconciliation import selectors as reconciliation
from mall.redemptions.models import Redemption, Step
from mall.rewards.models import Stock
from points.adjustments import selectors as adjustments
from points.adjustments import services as deciding
from points.cards.models import Card
from points.checkin import selectors as checkin
from points.earning import selectors as earning
from points.earning import services as granting
from points.earning.models import Decision, Grant
from points.ledger import selectors as books
from points.ledger.models import Entry
from points.missions import selectors as missions
from points.missions.models import MemberBadge, MissionCompletion
from points.proofs import selectors as proofs
from points.proofs.models import Proof
from points.rulebook import selectors as rulebook
from points.rulebook.rules import ONE, Effect
from points.terms.models import Terms
from tiers.standing import selectors as standings
from tiers.standing import services as placing
from tiers.standing.models import StandingChange

pytestmark = pytest.mark.django_db


@contextmanager
def ready(folder):
    """An installation before its first `load_demo`. Gives the place for the file of secrets."""
    Group.objects.all().delete()
    # How long hashing takes is not what is tested here.
    with pytest.MonkeyPatch.context() as patch, override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        patch.setenv("DEMO_JSON", str(folder / "demo.json"))
        patch.setenv("LOYALTY_URL", "http://127.0.0.1:8123")
        yield folder / "demo.json"


def run(few):
    out = io.StringIO()
    call_command("load_demo", file=few, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def place(tmp_path, db):
    with ready(tmp_path) as place:
        yield place


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """The beginning of the sample."""
    path = tmp_path_factory.mktemp("sample") / "few.csv"
    with gzip.open(SAMPLE, "rt", newline="") as file:
        path.write_text("".join(itertools.islice(file, 61)), newline="")
    return path


@pytest.fixture
def load(place, few):
    return lambda: run(few)


@pytest.fixture(scope="class")
def loaded(django_db_setup, django_db_blocker, tmp_path_factory, few, forget):
    """The demo, loaded once for a class that only looks: the transaction of each test is inside this one. Gives the place of the secrets."""
    around = transaction.atomic()
    around._from_testcase = True
    with django_db_blocker.unblock(), around, ready(tmp_path_factory.mktemp("demo")) as place:
        forget()
        run(few)
        yield place
        transaction.set_rollback(True)


def everything():
    happened = (Behaviour, Decision, Grant, Card, MissionCompletion, MemberBadge, Proof, Referral, StandingChange, Redemption, Step, Stock, FlashSale)
    tables = (Entry, Purchase, UnmatchedRefund, Member, StorefrontKey, Programme, Terms, get_user_model(), *happened)
    return {table.__name__: list(table.objects.order_by("pk").values()) for table in tables}


def test_where_a_folder_is_given_and_nobody_chose_otherwise_mails_are_files_in_it(db, settings, now, tmp_path):
    settings.CHANNELS = {**settings.CHANNELS, "MAIL_DIR": ""}
    Command()._settings(now=now)
    assert not channels.providers()["email"].can_send
    settings.CHANNELS = {**settings.CHANNELS, "MAIL_DIR": str(tmp_path / "mail")}
    Command()._settings(now=now)
    assert channels.providers()["email"].providers == ["mailbox"]
    channels.set_up(provider="mailbox", parameters={"from_address": "own@shop.example"}, in_use=False)
    Command()._settings(now=now)
    assert not channels.providers()["email"].can_send


@pytest.mark.parametrize(
    ("total", "each", "percent"), [(8_000, 8_000, 30), (9_999, 9_999, 30), (10_000, 5_000, 50), (29_999, 9_999, 50), (30_000, 15_000, 80), (50_000, 50_000, 70)]
)
def test_points_pay_more_of_larger_orders_and_less_than_the_most_of_dear_goods(db, now, total, each, percent):
    Command()._settings(now=now)
    policy = till.burn_policy(now=now).plain
    own = policy.share_of_line(Line("1", amount_cents=each))
    assert (own[0] if own else policy.share_of(total)) == percent * 100


def one(external_id):
    return members.get(external_id)


@pytest.mark.usefixtures("loaded")
class TestWhatIsLoaded:
    def test_the_file_says_where_who_and_with_what(self, loaded):
        demo = json.loads(loaded.read_text())
        assert (demo["url"], demo["currency"]) == ("http://127.0.0.1:8123", "USD")
        assert [(one["name"], one["role"]) for one in demo["operators"]] == [("sample-administrator", "administrator"), ("sample-finance", "finance")]
        assert stat.S_IMODE(loaded.stat().st_mode) == 0o600

    def test_the_operators_log_in_with_their_roles(self, loaded, rf):
        for one in json.loads(loaded.read_text())["operators"]:
            operator = authenticate(rf.get("/"), username=one["name"], password=one["password"])
            assert (operator.is_staff, operator.is_superuser, [group.name for group in operator.groups.all()]) == (True, False, [one["role"]])

    def test_the_key_opens_everything(self, loaded):
        assert StorefrontKey.objects.get().scopes == sorted(Scope.values)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Api-Key {json.loads(loaded.read_text())['storefront_key']}")
        assert client.get("/api/v1/members/M-1002/account").json()["available"] == 1409

    def test_the_programme_is_set_and_its_purchases_end_this_week(self, now):
        assert (Programme.current().zone, Programme.current().currency, str(Terms.current().policy)) == ("America/New_York", "USD", "months:12")
        assert (rulebook.in_force(at=now).said.effect, till.points_per_unit(now=now)) == (Effect("per_unit", rate=ONE, by_category={"LUXURY": ONE // 2}), 100)
        last = Purchase.objects.exclude(external_id__startswith="SAMPLE").order_by("-occurred_at").first()
        assert 0 <= (now - last.occurred_at).total_seconds() + 60 < 8 * 86400

    def test_something_waits_for_an_operator(self):
        assert sorted(UnmatchedRefund.objects.values_list("status", flat=True)) == ["parked", "waiting"]
        assert [one.points for one in adjustments.waiting()] == [2500]

    def test_the_sample_members_have_done_what_the_programme_rewards(self, now, assert_books_balance):
        # Registered 100, phone 50, address 30, beauty 2 × 88 and a bowl 32, the newcomer pack 100, four and seven check-ins with 50 for the seventh,
        # a review, a like, an invitation 200, three shares.
        assert books.balance(member_id=one("M-1001").id, now=now).available == 100 + 50 + 30 + 208 + 100 + 70 + 190 + 50 + 50 + 5 + 200 + 60
        # Registered 100, phone 50, as gold milk powder 3 × 1.5 and a second order 2 × 1.5, a like.
        assert books.balance(member_id=one("M-1002").id, now=now).available == 100 + 50 + 270 + 984 + 5
        # Registered 100, phone 50, an item 20, the first order, the newcomer pack 100, invited 50, a like, a comment 10.
        assert books.balance(member_id=one("M-1003").id, now=now).available == 100 + 50 + 20 + 328 + 100 + 50 + 5 + 10
        assert_books_balance()

    def test_their_pages_have_something_to_show(self, now):
        first, vip, friend = one("M-1001"), one("M-1002"), one("M-1003")
        assert [offer.points for offer in earning.offers(member_id=first.id)] == [60]
        assert [proof.task_code for proof in proofs.waiting()] == ["show-your-order"]
        assert (standings.standing(member_id=vip.id, now=now).code, segments.segments_of(vip.id)) == ("gold", {"vip"})
        assert [badge.badge_id for badge in missions.badges(member_id=friend.id)] == ["newcomer"]
        assert [card.kind_id for card in Card.objects.filter(member_id=friend.id)] == ["make-up"]
        assert Referral.objects.get(member_id=friend.id).status == "completed"
        month = checkin.month(member_id=first.id, now=now)
        assert (month.streak, month.next.points) == (7, 10)

    def test_what_they_redeemed_stands_in_every_state_and_adds_up(self, now, assert_books_balance):
        rows = Redemption.objects.select_related("member")
        assert {row.status for row in rows} == set(Redemption.Status)
        assert {row.member.external_id for row in rows} == {"M-1004", "M-1005"}
        assert all(row.pay_until > now + timedelta(days=1) for row in rows if row.status == "held")
        assert {(one.template_id, one.status) for one in Coupon.objects.all()} >= {("five-off", "used"), ("free-shipping", "available")}
        over = FlashStock.objects.get(closed_at__isnull=False)
        assert (over.set_aside, over.returned, over.sale.ends_at < now) == (5, 3, True)
        assert [str(breach) for breach in reconciliation.audit(now=now).breaches] == []
        assert_books_balance()


def test_where_members_hold_more_than_planned_a_markdown_is_proposed_once(load, now, monkeypatch):
    monkeypatch.setattr(demo, "BUDGET", 100)
    load()
    proposed = markdowns.markdowns().get()
    assert (proposed.status, proposed.off_percent) == ("proposed", 30)
    deciding_on.decline(markdown_id=proposed.id, reason="no", actor="tests", now=now)
    load()
    assert markdowns.markdowns().get().status == "declined"


def test_loaded_again_nothing_changes(load, place):
    load()
    before, file = everything(), place.read_bytes()
    assert "Nothing new" in load()
    assert (everything(), place.read_bytes()) == (before, file)


def test_what_an_operator_has_decided_or_set_stays(load, now):
    load()
    (asked,) = adjustments.waiting()
    deciding.refuse(adjustment_id=asked.id, operator_id=get_user_model().objects.get(username="sample-administrator").pk, reason="no", now=now)
    terms = Terms.current()
    terms.length = 24
    terms.save()
    placing.set_standing(member_id=one("M-1002").id, tier="silver", reason="sample", actor="tests", now=now)
    Member.objects.filter(external_id="M-1001").update(name="Renamed")
    load()
    assert (list(adjustments.waiting()), Terms.current().length) == ([], 24)
    assert (standings.standing(member_id=one("M-1002").id, now=now).code, one("M-1001").name) == ("silver", "Renamed")


@pytest.mark.django_db(transaction=True)
def test_however_often_it_is_interrupted_the_last_run_completes_it(load, monkeypatch, now):
    taken, left = granting.take, iter(())

    def take(**kwargs):
        if not next(left, True):
            raise KeyboardInterrupt
        return taken(**kwargs)

    monkeypatch.setattr(granting, "take", take)
    for acts in (0, 5, 14):
        left = iter([*[True] * acts, False])
        with pytest.raises(KeyboardInterrupt):
            load()
    load()
    assert [books.balance(member_id=one(name).id, now=now).available for name in ("M-1001", "M-1002", "M-1003")] == [1113, 1409, 663]
    assert [offer.points for offer in earning.offers(member_id=one("M-1001").id)] == [60]


def test_without_its_file_new_secrets_take_the_place_of_the_old_ones_and_it_says_so(load, place, rf):
    load()
    old = json.loads(place.read_text())
    place.unlink()
    said = load()
    new = json.loads(place.read_text())
    assert "sample-finance has a new password" in said
    assert "The sample key has a new secret" in said
    assert StorefrontKey.objects.count() == 1
    assert authenticate(rf.get("/"), username="sample-finance", password=old["operators"][1]["password"]) is None
    assert authenticate(rf.get("/"), username="sample-finance", password=new["operators"][1]["password"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {old['storefront_key']}")
    assert client.get("/api/v1/members/M-1001/account").status_code == 401


def test_a_file_of_another_installation_is_made_right(load, place):
    place.write_text(
        json.dumps({"url": "", "currency": "", "storefront_key": "lk_x", "operators": [{"name": "sample-finance", "password": "x", "role": "finance"}]})
    )
    load()
    assert json.loads(place.read_text())["operators"][1]["password"] != "x"


def test_a_file_that_cannot_be_read_is_left_alone(load, place):
    place.write_text("{")
    with pytest.raises(CommandError, match="cannot be read"):
        load()
    assert place.read_text() == "{"


def test_without_a_place_for_the_secrets_nothing_is_loaded(few, monkeypatch):
    monkeypatch.delenv("DEMO_JSON", raising=False)
    with pytest.raises(CommandError, match="DEMO_JSON"):
        call_command("load_demo", file=few)
    assert not Programme.objects.exists()
