"""A member is erased: what the storefront ever told of them is in no dump of the database, and the books add up as before."""

import subprocess
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from uuid import uuid4

import django
import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.utils import timezone

from accounts.keys import services as keys
from accounts.keys.models import Scope
from accounts.leaving import services as leaving
from accounts.leaving.models import Erasure, LeavingTerms
from accounts.members import selectors as members
from accounts.members.models import Member
from accounts.notifications import services as notifications
from points.adjustments import services as adjustments
from points.ledger.models import Account, Entry
from points.merging import services as merging
from points.proofs.models import ProofTask
from points.reconciliation import selectors as reconciliation
from points.rulebook import services as rulebook
from points.rulebook.rules import Definition, Effect
from riskcontrol.screening import services as screening
from tools.stack.archive import Tools, for_tools

pytestmark = pytest.mark.django_db(transaction=True)
PICTURE = "https://pictures.example/{}.jpg"


class Canaries:
    """Words that stand nowhere else, by what they were told as."""

    def __init__(self):
        self.words = {}

    def __call__(self, what, form="{}"):
        word = self.words.setdefault(what, f"canary{uuid4().hex[:12]}")
        return form.format(word)


def dump() -> str:
    """What `pg_dump` writes of this test's database, in plain text."""
    of = connection.settings_dict
    url = f"postgres://{of['USER']}:{of['PASSWORD']}@{of['HOST']}:{of['PORT']}/{of['NAME']}"
    tools = Tools(url, Path(django.__file__).parents[1])
    target, password = for_tools(url)
    told = subprocess.run([tools.folder / "pg_dump", "--dbname", target, "--inserts"], env={**password}, capture_output=True, check=True)
    return told.stdout.decode()


@pytest.fixture
def shop(now, client):
    """A storefront that may do everything: `shop(method, path, body, key)`."""
    from rest_framework.test import APIClient

    _key, text = keys.issue(name="sample shop", scopes=Scope.values, expires_at=now + timedelta(days=1), actor="tests", now=now)
    api, numbers = APIClient(), count(1)
    api.credentials(HTTP_AUTHORIZATION=f"Api-Key {text}", HTTP_ACCEPT_LANGUAGE="en")

    def ask(method, path, body=None, key=""):
        headers = {"Idempotency-Key": key or f"k-{next(numbers)}"} if method == "post" else {}
        return getattr(api, method)(f"/api/v1/{path}", body, format="json", headers=headers)

    return ask


@pytest.fixture
def rules(now):
    """Points for purchases and for everything that members do; a task for proofs."""
    rulebook.publish_formula(points_per_unit=Decimal(1), categories={}, actor="tests", now=now)
    for kind in ("reviewed", "shared", "referred", "referral_completed"):
        said = Definition(effect=Effect("fixed", points=5), claim_days=7 if kind == "shared" else 0)
        made = rulebook.make(code=kind.replace("_", "-"), fact=kind, name_zh=kind, name_en=kind, definition=said, actor="tests", now=now)
        rulebook.publish(version_id=made.id, ever=True, actor="tests", now=now)
    ProofTask.objects.create(code="post", name_zh="发帖", name_en="Post", grades=[{"zh": "合格", "en": "Good"}])


def lives(shop, canary, now):
    """A member does whatever a storefront can tell, each with a word of its own; somebody else invited them, and names them."""
    at, who = timezone.now().isoformat(), canary("member", "M-{}")
    assert shop("put", "members/inviter", {"name": "Sample Inviter"}).status_code == 200
    profile = {
        "name": canary("name"), "email": canary("email", "{}@example.com"), "phone": canary("phone"), "language": "en", "birthday": "1987-03-21",
        "referred_by": "inviter",
    }  # fmt: skip
    assert shop("put", f"members/{who}", profile).status_code == 200
    lines = [{"id": canary("line"), "sku": canary("sku"), "category": "HOME", "quantity": 1, "amount_cents": 50_000}]
    coupons = [{"code": canary("coupon"), "kind": "coupon", "discount_cents": 1_000}]
    bought = {"id": canary("purchase"), "member": who, "occurred_at": at, "currency": "CNY", "lines": lines, "coupons": coupons, "paid_cents": 49_000}
    assert shop("post", "purchases", bought, canary("key of purchase")).status_code == 201
    held = shop("post", "holds", {"member": who, "points": 20, "purchase": canary("next purchase")}, canary("key of hold"))
    assert held.status_code == 201
    refund = {"id": canary("refund"), "occurred_at": at, "amount_cents": 1_000}
    assert shop("post", f"purchases/{bought['id']}/refunds", refund, canary("key of refund")).status_code == 201
    assert shop("post", "refunds", {**refund, "id": canary("parked refund"), "member": who}).status_code == 202
    assert shop("post", f"purchases/{bought['id']}/delivered", {"occurred_at": at}, canary("key of delivery")).status_code == 200
    guest = {**bought, "id": canary("guest purchase")}
    del guest["member"]
    assert shop("post", "purchases", guest).status_code == 202
    assert shop("post", f"purchases/{guest['id']}/claim", {"member": who}).status_code == 200
    assert shop("post", f"members/{who}/spends", {"points": 3, "subject": canary("spent on")}, canary("key of spend")).status_code == 201
    assert shop("post", f"members/{who}/check-ins", {}, canary("key of check-in")).status_code == 201
    told = [
        {"kind": "reviewed", "data": {"purchase": bought["id"], "line": lines[0]["id"], "pictures": 1}},
        {"kind": "shared", "data": {"subject": canary("shared")}},
        {"kind": "proof_uploaded", "data": {"task": "post", "url": PICTURE.format(canary("proof"))}},
        {"kind": "proof_uploaded", "data": {"task": canary("task"), "url": PICTURE.format(canary("other proof"))}},
    ]
    events = [{**one, "id": canary(f"event {n}"), "member": who, "occurred_at": at} for n, one in enumerate(told)]
    events.append({"id": "E-other", "kind": "share_clicked", "member": "inviter", "occurred_at": at, "data": {"subject": "x", "by": who}})
    answers = shop("post", "events", {"events": events}).json()["results"]
    assert [one["status"] for one in answers] == ["accepted"] * len(events), answers
    address = {"channel": "email", "value": canary("address", "{}@sample.example")}
    assert shop("put", f"members/{who}/addresses", address).status_code == 200
    notifications.notify(member_id=members.get(who).id, kind="points_voided", key=canary("message"), about={"reason": canary("told")}, now=now)
    shop("get", f"members/{who}/referrals")
    return who, bought, refund


def operators_know(canary, who, now):
    """What operators and the programme itself wrote down about the member, with their names in it."""
    member, maker = members.get(who), User.objects.create_user("maker")
    adjustments.request(member_id=member.id, points=7, reason=canary("adjustment"), operator_id=maker.pk, key=uuid4(), now=now)
    entry = screening.block(member_id=member.id, reason=canary("block"), actor="maker", now=now)
    screening.lift(entry_id=entry.id, reason=canary("lift"), actor="maker", now=now)
    of_users = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(user=maker, content_type=of_users, object_id=1, object_repr=str(member), action_flag=CHANGE, change_message=f"about {who}")
    session = SessionStore()
    session["last"] = who
    session.save()
    twin = Member.objects.create(external_id=canary("merged member"), name=canary("merged name"), created_at=now)
    asked = merging.request(merged_id=twin.id, survivor_id=member.id, reason=canary("merge"), operator_id=maker.pk, key=uuid4(), now=now)
    merging.approve(merge_id=asked.id, operator_id=User.objects.create_user("merger").pk, now=now)
    return member


def erase(member, canary, now):
    LeavingTerms.objects.create(erasure_days=0)
    maker, checker = User.objects.get(username="maker"), User.objects.create_user("checker")
    asked = leaving.request_erasure(member_id=member.id, reason=canary("erasure"), operator_id=maker.pk, key=uuid4(), now=now)
    leaving.approve_erasure(erasure_id=asked.id, operator_id=checker.pk, now=now)
    assert leaving.carry_out(seed=b"s" * 32, now=now) == 1
    return Erasure.objects.get()


def test_no_word_of_an_erased_member_is_left_in_the_database(shop, rules, now):
    canary = Canaries()
    who, bought, refund = lives(shop, canary, now)
    member = operators_know(canary, who, now)
    assert shop("post", f"members/{who}/close", {"reason": canary("closing")}).status_code == 200
    leaving.ask_copy(member_id=member.id, actor="maker", now=now)
    leaving.write_copy(now=now)
    before = dump()
    assert [what for what, word in canary.words.items() if word not in before and what != "erasure"] == []
    figures = list(Entry.objects.filter(member=member).order_by("seq").values("id", "seq", "kind", "points", "available_change", "balance_after"))
    inviters = Account.objects.get(member__external_id="inviter").available

    done = erase(member, canary, now)

    after = dump()
    assert [what for what, word in canary.words.items() if word in after] == []
    assert "1987-03-21" not in after
    assert (done.status, done.figures["points forfeited"] > 0) == ("done", True)
    assert list(Entry.objects.filter(id__in=[one["id"] for one in figures]).order_by("seq").values(*figures[0])) == figures
    account = Account.objects.get(member=member)
    assert (account.available, account.held, account.pending) == (0, 0, 0)
    assert Account.objects.get(member__external_id="inviter").available == inviters
    assert reconciliation.breaches() == []
    for path, body in (("purchases", bought), (f"purchases/{bought['id']}/refunds", refund), (f"purchases/{bought['id']}/refunds", {**refund, "id": "R-9"})):
        answer = shop("post", path, body)
        assert (answer.status_code, answer.json()["code"]) == (410, "purchase_gone")
    assert shop("get", f"members/{who}/account").status_code == 404
    assert shop("put", f"members/{who}", {"name": "Somebody new"}).json()["registered"] is True
