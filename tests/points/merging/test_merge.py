"""Two records turn out to be one person: what moves, what stays, who answers."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone, translation

from accounts.activity.models import Behaviour
from accounts.members import selectors as members_seen
from accounts.members import services as members
from accounts.referrals import services as referrals
from accounts.referrals.models import Referral
from accounts.segments import services as segments
from accounts.segments.models import Segment, SegmentMember
from accounts.tokens import services as tokens
from loyalty.audit.models import AuditEntry
from mall.checkout import services as till
from points.cards import services as cards
from points.cards.models import Card, CardKind
from points.earning import services as earning
from points.ledger import services as ledger
from points.ledger.models import Account, Hold, Lot
from points.merging import selectors, services
from points.merging.models import Merge
from points.terms.rules import ExpiryPolicy
from tiers.growth.models import GrowthEntry
from tiers.ladder.models import Tier
from tiers.standing import selectors as tiers_seen
from tiers.standing import services as tiers

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def books_balance(assert_books_balance, request):
    yield
    if Account.objects.filter(last_seq__gt=0).exists():
        assert_books_balance()


def test_points_move_lot_by_lot_with_their_own_expiry(member, other_member, merge, give, buckets):
    give(member, 100, ExpiryPolicy("days", 10))
    give(member, 50, ExpiryPolicy("days", 20))
    give(other_member, 7)
    ends = sorted(Lot.objects.filter(member=member).values_list("expires_at", "remaining"))
    merge(member, other_member)
    assert (buckets(member), buckets(other_member)) == ((0, 0, 0, 0), (157, 0, 0, 0))
    moved = Lot.objects.filter(member=other_member, source="transfer")
    assert sorted(moved.values_list("expires_at", "remaining")) == ends


def test_what_the_merged_one_owes_is_paid_by_the_survivor_and_what_is_missing_is_owed(member, other_member, merge, give, buckets, now):
    ledger.spend(member_id=member.id, points=80, overdraw=True, actor="tests", key="s", now=now)
    give(other_member, 30)
    merge(member, other_member)
    assert (buckets(member), buckets(other_member)) == ((0, 0, 0, 0), (0, 0, 0, 50))


def test_what_the_survivor_owes_is_settled_by_what_comes(member, other_member, merge, give, buckets, now):
    give(member, 100)
    ledger.spend(member_id=other_member.id, points=30, overdraw=True, actor="tests", key="s", now=now)
    merge(member, other_member)
    assert buckets(other_member) == (70, 0, 0, 0)


def test_open_holds_are_released_and_what_waits_to_be_claimed_is_claimed(member, other_member, merge, give, buckets, now):
    give(member, 100)
    ledger.hold(member_id=member.id, points=40, expires_at=now + timedelta(hours=1), actor="tests", key="h", now=now)
    merge(member, other_member)
    assert Hold.objects.get().status == Hold.Status.RELEASED
    assert buckets(other_member) == (100, 0, 0, 0)


def test_a_purchase_that_names_a_released_hold_is_paid_from_the_survivors_balance(member, other_member, merge, give, buy, buckets, now):
    give(member, 500)
    hold = till.hold(member_id=member.id, points=200, actor="tests", key="h", now=now)
    merge(member, other_member)
    paid = buy("M-1", "1001", cents=10_000, paid=9_800, hold=str(hold.hold_id))
    assert paid.settlement.spent == 200
    assert buckets(other_member)[0] == 500 - 200 + paid.settlement.earned


def test_a_refund_of_a_purchase_paid_with_a_hold_captured_before_gives_back_to_the_survivor(member, other_member, merge, give, buy, refund, buckets, now):
    give(member, 500)
    hold = till.hold(member_id=member.id, points=200, actor="tests", key="h", now=now)
    ledger.capture(member_id=member.id, hold_id=hold.hold_id, actor="tests", key="c", now=now)
    merge(member, other_member)
    paid = buy("M-2", "1001", cents=10_000, paid=9_800, hold=str(hold.hold_id))
    assert buckets(other_member)[0] == 300 + paid.settlement.earned
    refund("1001", "R-1", 9_800)
    assert (buckets(member), buckets(other_member)) == ((0, 0, 0, 0), (500, 0, 0, 0))


def test_a_later_refund_of_the_merged_ones_purchase_restores_and_takes_back_at_the_survivors(member, other_member, merge, give, buy, refund, buckets, now):
    give(member, 500)
    hold = till.hold(member_id=member.id, points=200, actor="tests", key="h", now=now)
    earned = buy("M-1", "1001", cents=10_000, paid=9_800, hold=str(hold.hold_id)).settlement.earned
    merge(member, other_member)
    assert buckets(other_member)[0] == 300 + earned
    half = refund("1001", "R-1", 4_900).settlement
    assert (half.restored, half.clawed_back) == (100, earned - earned // 2)
    assert (buckets(member), buckets(other_member)) == ((0, 0, 0, 0), (300 + earned + half.restored - half.clawed_back, 0, 0, 0))


def test_what_a_refund_leaves_owed_is_owed_by_the_survivor_at_once_and_told_so(member, other_member, merge, buy, refund, buckets, now):
    earned = buy("M-1", "1001").settlement.earned
    merge(member, other_member)
    ledger.spend(member_id=other_member.id, points=earned, actor="tests", key="s", now=now)
    settled = refund("1001", "R-1", 10_000).settlement
    assert (settled.clawed_back, settled.debt) == (earned, earned)
    assert (buckets(member), buckets(other_member)) == ((0, 0, 0, 0), (0, 0, 0, earned))


def test_pending_points_are_shown_at_the_survivors_and_come_when_they_mature(member, other_member, merge, give, buckets, now):
    give(member, 60, ExpiryPolicy("days", 10), matures_at=now + timedelta(days=1))
    merge(member, other_member)
    assert buckets(other_member) == (0, 0, 60, 0)
    later = now + timedelta(days=2)
    ledger.mature_due(actor="job", now=later)
    assert services.forward_due(limit=10, actor="job", now=later) == 1
    assert buckets(other_member) == (60, 0, 0, 0)
    assert services.forward_due(limit=10, actor="job", now=later) == 0


def test_in_a_chain_the_end_answers_and_gets_what_still_arrives(member, other_member, merge, buy, refund, buckets, now):
    last, _new = members.register(external_id="M-3", now=now)
    earned = buy("M-1", "1001").settlement.earned
    merge(member, other_member)
    merge(other_member, last)
    assert members_seen.get("M-1") == members_seen.get("M-2") == last
    assert buckets(last) == (earned, 0, 0, 0)
    refund("1001", "R-1", 5_000)
    assert [buckets(one) for one in (member, other_member)] == [(0, 0, 0, 0)] * 2
    assert buckets(last) == (earned - earned // 2, 0, 0, 0)


def test_neither_a_merged_member_nor_a_circle_nor_one_alone_is_merged(member, other_member, merge, refuses):
    with refuses(services.MergeOfOne):
        merge(member, member)
    merge(member, other_member)
    for pair in ((other_member, member), (member, other_member)):
        with refuses(services.MergeImpossible):
            merge(*pair)


@pytest.mark.parametrize("side", [0, 1])
def test_frozen_and_closed_members_are_not_merged(member, other_member, merge, refuses, side, now):
    one = (member, other_member)[side]
    ledger.freeze(member_id=one.id, actor="tests", reason="sample", key="f", now=now)
    with refuses(services.MergeStopped):
        merge(member, other_member)
    ledger.unfreeze(member_id=one.id, actor="tests", reason="sample", key="u", now=now)
    members.close(member_id=one.id)
    with refuses(services.MergeImpossible):
        merge(member, other_member)


def test_nobody_decides_on_their_own_merge_and_each_is_decided_once(member, other_member, operator, refuses, now):
    maker, checker, key = operator("maker").pk, operator("checker").pk, uuid4()
    about = {"merged_id": member.id, "survivor_id": other_member.id, "reason": "one person", "operator_id": maker, "key": key, "now": now}
    asked = services.request(**about)
    assert services.request(**about) == asked
    with refuses(services.MergeAsked):
        services.request(**{**about, "key": uuid4()})
    with refuses(services.OwnMerge):
        services.approve(merge_id=asked.id, operator_id=maker, now=now)
    with refuses(services.NotYours):
        services.withdraw(merge_id=asked.id, operator_id=checker, now=now)
    services.refuse(merge_id=asked.id, operator_id=checker, reason="two people", now=now)
    with refuses(services.MergeDecided):
        services.approve(merge_id=asked.id, operator_id=checker, now=now)
    with refuses(services.ReasonMissing):
        services.request(**{**about, "key": uuid4(), "reason": " "})
    again = services.request(**{**about, "key": uuid4()})
    assert services.withdraw(merge_id=again.id, operator_id=maker, now=now).status == Merge.Status.WITHDRAWN


def test_a_merge_keeps_what_moved_and_stands_in_the_audit_trail(member, other_member, merge, give):
    give(member, 100)
    done = merge(member, other_member)
    assert (done.figures["points"], done.figures["merged"]["available"]) == (100, 100)
    noted = AuditEntry.objects.filter(verb__startswith="merge.").order_by("at", "id")
    assert [(one.verb, one.actor) for one in noted] == [("merge.requested", "maker"), ("merge.applied", "checker")]


def test_the_profile_is_filled_up_from_the_merged_one_and_nothing_is_overwritten(db, merge, now):
    old, _new = members.register(external_id="A", name="Ann", phone="+861", birthday=date(1990, 1, 1), now=now - timedelta(days=9))
    stays, _new = members.register(external_id="B", name="Anna", now=now)
    merge(old, stays)
    stays.refresh_from_db()
    assert (stays.name, stays.phone, stays.birthday, stays.registered_at) == ("Anna", "+861", date(1990, 1, 1), now)


def test_growth_counts_for_the_survivor_and_a_later_refund_lessens_it_there(member, other_member, merge, buy, refund, now):
    buy("M-1", "1001")
    merge(member, other_member)

    def grown():
        return sum(GrowthEntry.objects.filter(member=other_member).values_list("growth", flat=True))

    assert grown() == 100
    refund("1001", "R-1", 5_000)
    assert grown() == 50


def test_the_survivor_gets_the_better_tier(member, other_member, merge, now):
    for rank, code in enumerate(("plain", "better"), 1):
        Tier.objects.create(code=code, name_zh=code, name_en=code, rank=rank)
    tiers.set_standing(member_id=member.id, tier="better", reason="sample", actor="tests", now=now)
    assert merge(member, other_member).figures["tier"] == "better"
    assert tiers_seen.standing(member_id=other_member.id, now=now).code == "better"


def test_cards_and_segments_come_along(member, other_member, merge, now):
    CardKind.objects.create(code="x2", name_zh="x", name_en="x", use="make_up", valid_days=30)
    for whose in (member, other_member):
        cards.grant(member_id=whose.id, kind="x2", actor="tests", key=f"c/{whose.external_id}", now=now)
    Segment.objects.create(code="staff-only", name_zh="x", name_en="x")
    segments.add(segment="staff-only", external_ids=["M-1"], actor="tests", now=now)
    merge(member, other_member)
    assert Card.objects.filter(member=other_member).count() == 2
    assert SegmentMember.objects.get(segment="staff-only").member == other_member


def test_whom_the_merged_one_invited_counts_for_the_survivor_and_its_code_leads_there(member, other_member, merge, now):
    code = referrals.code_of(member_id=member.id, seed=b"1" * 16, now=now)
    friend, _new = members.register(external_id="F", referred_by="M-1", now=now)
    merge(member, other_member)
    assert Referral.objects.get(member=friend).inviter == other_member
    newcomer, _new = members.register(external_id="G", referral_code=code, now=now + timedelta(minutes=1))
    assert newcomer.referred_by == other_member
    again, first = members.register(external_id="F", referred_by="M-1", now=now)
    assert (again, first) == (friend, False)


def test_who_invited_themselves_loses_what_it_brought(merge, buy, buckets, django_capture_on_commit_callbacks, now):
    inviter, _new = members.register(external_id="I", now=now - timedelta(days=2))
    friend, _new = members.register(external_id="F", referred_by="I", now=now - timedelta(days=2))
    buy("F", "1001")
    assert Referral.objects.get().status == Referral.Status.COMPLETED
    merge(friend, inviter)
    assert Referral.objects.get().status == Referral.Status.CANCELLED


def test_what_counts_once_and_both_did_is_told_before(member, other_member, now):
    for whose in (member, other_member):
        earning.take(member_id=whose.id, kind="phone_verified", external_id="v", data={}, occurred_at=now, ours=False, actor="tests", now=now)
    with translation.override("en"):
        notes = selectors.preview(merged=member, survivor=other_member, now=now).notes
    assert any("once only" in note for note in notes)


def test_the_preview_says_what_the_survivor_will_have(member, other_member, give, now):
    give(member, 100)
    ledger.hold(member_id=member.id, points=40, expires_at=now + timedelta(hours=1), actor="tests", key="h", now=now)
    ledger.spend(member_id=other_member.id, points=30, overdraw=True, actor="tests", key="s", now=now)
    seen = selectors.preview(merged=member, survivor=other_member, now=now)
    assert (seen.merged.balance.available, seen.merged.open_holds, seen.available, seen.debt) == (60, 1, 70, 0)


def test_the_old_id_answers_as_the_survivor_everywhere(member, other_member, merge, give, storefront, now):
    api = "/api/v1/members/M-1"
    give(member, 100)
    token, _until = tokens.issue(member=member, now=now)
    merge(member, other_member)
    assert storefront.get(f"{api}/account").json()["available"] == 100
    assert storefront.get(api).json()["member"] == "M-2"
    assert storefront.put(api, {"name": "Renamed"}, format="json").json()["member"] == "M-2"
    other_member.refresh_from_db()
    assert other_member.name == "Renamed"
    told = {"id": "E-1", "kind": "liked", "member": "M-1", "occurred_at": timezone.now().isoformat(), "data": {"subject": "S"}}
    assert storefront.post("/api/v1/events", {"events": [told]}, format="json").json()["results"][0]["status"] == "accepted"
    assert Behaviour.objects.get(kind_id="liked").member == other_member
    body = {"id": "1001", "member": "M-1", "occurred_at": timezone.now().isoformat(), "currency": "CNY", "lines": [{"amount_cents": 100}], "paid_cents": 100}
    paid = storefront.post("/api/v1/purchases", body, format="json", headers={"Idempotency-Key": "p-1"}).json()
    assert paid["member"] == "M-2"
    renewed = storefront.post(f"{api}/token").json()["token"]
    storefront.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert storefront.get("/api/v1/me/account").status_code == 401
    storefront.credentials(HTTP_AUTHORIZATION=f"Bearer {renewed}")
    assert storefront.get("/api/v1/me").json()["member"] == "M-2"


def test_an_order_of_before_is_a_replay_whichever_id_names_it(member, other_member, merge, buy):
    first = buy("M-1", "1001")
    merge(member, other_member)
    for named in ("M-1", "M-2"):
        again = buy(named, "1001")
        assert (again.replayed, again.purchase.id) == (True, first.purchase.id)


@pytest.mark.django_db(transaction=True)
def test_one_whose_points_cannot_be_forwarded_keeps_no_other_waiting(db, merge, give, buckets, monkeypatch, now):
    one, other, survivor = (members.register(external_id=name, now=now)[0] for name in ("M-1", "M-2", "M-3"))
    for gone in (one, other):
        merge(gone, survivor)
        give(gone, 100)
    forward = services.forward

    def fails(*, member_id, **more):
        if member_id == one.id:
            raise RuntimeError("a fault of ours")
        return forward(member_id=member_id, **more)

    monkeypatch.setattr(services, "forward", fails)
    assert services.forward_due(limit=10, actor="job", now=now) == 1
    assert buckets(survivor)[0] == 100
