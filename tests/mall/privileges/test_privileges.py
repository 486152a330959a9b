"""Granted, used, given back, ended; redeemed and returned; merged."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from loyalty.audit.models import AuditEntry
from loyalty.lib.refusals import ReasonMissing
from mall.privileges import selectors, services
from mall.privileges.models import Privilege
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.rewards.services import RewardInvalid
from points.ledger import services as ledger
from points.merging import services as merging

State, Status = Privilege.State, Redemption.Status


def states(member, now):
    return [selectors.state_of(one, now=now).value for one in selectors.privileges(member_id=member.id, now=now).order_by("id")]


# Granting


def test_a_grant_keeps_the_terms_of_its_day(privileges, member, mall):
    kind = privileges.kind(days=30, uses=3)
    (row,) = privileges.grant(member)
    kind.uses = kind.term_days = 1
    services.keep(kind=kind, actor="tests", now=mall.now)
    row.refresh_from_db()
    assert (row.uses, row.uses_left, row.starts_at) == (3, 3, mall.now)
    assert timedelta(days=30) <= row.ends_at - mall.now <= timedelta(days=31)


def test_the_same_key_is_one_grant_and_with_other_content_a_conflict(privileges, member, refuses):
    privileges.kind()
    first, again = (privileges.grant(member, count=2, key="K") for _ in range(2))
    assert [one.id for one in first] == [one.id for one in again]
    with refuses(ledger.KeyConflict):
        privileges.grant(member, count=3, key="K")


@pytest.mark.parametrize("count", [0, 101])
def test_between_one_and_a_hundred_are_granted_at_a_time(privileges, member, refuses, count):
    privileges.kind()
    with refuses(services.CountInvalid):
        privileges.grant(member, count=count)


def test_one_that_cannot_be_chosen_is_granted_by_nobody_and_what_members_have_stays_good(privileges, member, mall, refuses):
    kind = privileges.kind()
    (row,) = privileges.grant(member)
    kind.active = False
    services.keep(kind=kind, actor="tests", now=mall.now)
    for code in ("fast", "nowhere"):
        with refuses(selectors.PrivilegeKindUnknown):
            privileges.grant(member, code)
    assert privileges.use(row).privilege.uses_left == 2


def test_an_operators_reason_is_on_record(privileges, member):
    privileges.kind()
    privileges.grant(member, reason="late parcel")
    told = AuditEntry.objects.get(verb="privilege.granted")
    assert (told.reason, told.actor, told.subject) == ("late parcel", "operator", f"member/{member.id}")


def test_those_at_will_in_days_follow_one_another(privileges, member, mall):
    privileges.kind(uses=None)
    one, two, three = [*privileges.grant(member, count=2), *privileges.grant(member)]
    assert (two.starts_at, three.starts_at) == (one.ends_at, two.ends_at)
    assert states(member, mall.now) == [State.CURRENT, State.COMING, State.COMING]
    mall.now = one.ends_at
    assert states(member, mall.now) == [State.OVER, State.CURRENT, State.COMING]


def test_one_that_brings_nothing_is_refused(privileges, member, refuses):
    privileges.kind("agent", term="year_end", uses=None)
    privileges.kind("always", term="for_ever", uses=None)
    privileges.grant(member, "agent")
    with refuses(services.PrivilegeHeld) as refused:
        privileges.grant(member, "agent")
    assert refused.value.figures["kind"] == "agent"
    with refuses(services.PrivilegeHeld):
        privileges.grant(member, "always", count=2)


def test_what_has_ended_or_is_over_covers_nothing(privileges, member, mall):
    privileges.kind(uses=None)
    (row,) = privileges.grant(member)
    privileges.end(row)
    (again,) = privileges.grant(member)
    assert again.starts_at == mall.now
    mall.now = again.ends_at
    assert privileges.grant(member)[0].starts_at == mall.now


# Using


def test_a_use_counts_down_and_the_same_subject_uses_it_once(privileges, member):
    privileges.kind(uses=2)
    (row,) = privileges.grant(member)
    assert [(used.privilege.uses_left, used.replayed) for used in (privileges.use(row), privileges.use(row))] == [(1, False), (1, True)]
    assert [use.subject for use in selectors.uses(row)] == ["purchase/A-1"]


def test_the_last_use_uses_it_up(privileges, member, mall, refuses):
    privileges.kind(uses=1)
    (row,) = privileges.grant(member)
    privileges.use(row)
    with refuses(services.PrivilegeNotGood) as refused:
        privileges.use(row, "purchase/A-2")
    assert refused.value.figures == {"privilege_status": "used_up"}
    assert states(member, mall.now) == [State.USED_UP]


def test_one_at_will_is_used_as_often_as_they_like(privileges, member):
    privileges.kind(uses=None)
    (row,) = privileges.grant(member)
    assert [privileges.use(row, f"purchase/{n}").privilege.uses_left for n in range(5)] == [None] * 5


def test_nothing_is_used_before_it_begins_or_after_it_is_over(privileges, member, mall, refuses):
    privileges.kind(uses=None)
    now, later = privileges.grant(member, count=2)
    with refuses(services.PrivilegeNotGood) as refused:
        privileges.use(later)
    assert refused.value.figures == {"privilege_status": "coming"}
    mall.now = now.ends_at - timedelta(seconds=1)
    privileges.use(now)
    mall.wait(seconds=1)
    with refuses(services.PrivilegeNotGood):
        privileges.use(now, "purchase/A-2")
    privileges.use(later)


def test_a_use_that_is_undone_can_be_used_once_more(privileges, member):
    privileges.kind(uses=1)
    (row,) = privileges.grant(member)
    privileges.use(row)
    assert [(back.privilege.uses_left, back.replayed) for back in (privileges.give_back(row), privileges.give_back(row))] == [(1, False), (1, True)]
    assert privileges.use(row).privilege.uses_left == 0
    assert [bool(use.given_back_at) for use in selectors.uses(row)] == [False, True]


def test_what_was_not_used_for_it_gives_nothing_back(privileges, member, refuses):
    privileges.kind(uses=2)
    (row,) = privileges.grant(member)
    privileges.use(row)
    with refuses(services.NotUsedFor):
        privileges.give_back(row, "purchase/other")
    row.refresh_from_db()
    assert row.uses_left == 1


def test_another_members_is_not_there(privileges, member, other_member, mall, refuses):
    privileges.kind()
    (row,) = privileges.grant(member)
    with refuses(selectors.PrivilegeUnknown):
        services.use(member_id=other_member.id, privilege_id=row.id, subject="x", actor="tests", now=mall.now)


def test_one_ended_by_an_operator_is_used_no_more(privileges, member, refuses):
    privileges.kind()
    (row,) = privileges.grant(member)
    with refuses(ReasonMissing):
        privileges.end(row, " ")
    privileges.end(row, "fraud")
    for act in (privileges.use, privileges.end):
        with refuses(services.PrivilegeNotGood):
            act(row)
    assert AuditEntry.objects.get(verb="privilege.ended").reason == "fraud"


def test_the_table_itself_never_lets_more_be_left_than_were_granted(privileges, member):
    privileges.kind(uses=2)
    (row,) = privileges.grant(member)
    with pytest.raises(IntegrityError), transaction.atomic():
        Privilege.objects.filter(id=row.id).update(uses_left=3)


# Redeemed


@pytest.fixture
def reward(mall, privileges):
    """Priority shipping for 100 points."""
    privileges.kind()
    return mall.reward("fast-card", kind="privilege", item="fast", stock=None)


def test_a_privilege_is_the_members_at_once(reward, rich, mall, assert_books_balance, assert_mall_adds_up):
    row = mall.redeem(rich, "fast-card", quantity=2)
    assert row.status == Status.DELIVERED
    assert [(one["kind"], one["what"], one["uses_left"]) for one in redemptions.handed(row)] == [("fast", "priority_shipping", 3)] * 2
    assert states(rich, mall.now) == [State.CURRENT] * 2
    assert_books_balance()
    assert_mall_adds_up()


def test_a_reward_names_a_kind_that_can_be_chosen(privileges, mall, refuses):
    privileges.kind(active=False)
    for item in ("fast", "nowhere"):
        with refuses(RewardInvalid):
            mall.reward("x", kind="privilege", item=item, stock=None)


def test_unused_it_comes_back_and_ends(reward, rich, mall, assert_books_balance, assert_mall_adds_up):
    row = mall.redeem(rich, "fast-card")
    back = mall.step("return_", row, restock=True, reason="tests", key="R").redemption
    assert (back.status, redemptions.handed(back), mall.points(rich), states(rich, mall.now)) == (Status.RETURNED, [], 1_000, [State.ENDED])
    assert_books_balance()
    assert_mall_adds_up()


def test_used_or_over_it_does_not_come_back(reward, privileges, rich, mall, refuses, assert_books_balance, assert_mall_adds_up):
    row = mall.redeem(rich, "fast-card", quantity=2)
    used, _unused = Privilege.objects.order_by("number")
    privileges.use(used)
    back = {"restock": True, "reason": "tests"}
    with refuses(services.PrivilegeSpent) as refused:
        mall.step("return_", row, **back, key="R1")
    assert refused.value.figures == {"unused": 1}
    mall.step("return_", row, quantity=1, **back, key="R2")
    assert states(rich, mall.now) == [State.CURRENT, State.ENDED]
    privileges.give_back(used)
    mall.now = used.ends_at
    with refuses(services.PrivilegeSpent):
        mall.step("return_", row, **back, key="R3")
    assert_books_balance()
    assert_mall_adds_up()


def test_of_those_that_follow_one_another_the_last_comes_back_first(mall, privileges, rich):
    privileges.kind(uses=None)
    mall.reward("fast-card", kind="privilege", item="fast", stock=None)
    row = mall.redeem(rich, "fast-card", quantity=3)
    mall.step("return_", row, quantity=1, restock=True, reason="tests", key="R")
    assert states(rich, mall.now) == [State.CURRENT, State.COMING, State.ENDED]


def test_who_would_pay_for_nothing_is_told_before(privileges, rich, mall, refuses, assert_books_balance, assert_mall_adds_up):
    privileges.kind("agent", term="year_end", uses=None)
    mall.reward("agent", kind="privilege", item="agent", stock=None)
    mall.reward("agent-paid", kind="privilege", item="agent", stock=None, cents=1_000)
    one, two = (mall.redeem(rich, "agent-paid") for _ in range(2))
    paid = mall.step("confirm", one, paid_cents=1_000).redemption
    assert paid.status == Status.DELIVERED
    for code in ("agent", "agent-paid"):
        with refuses(services.PrivilegeHeld):
            mall.redeem(rich, code)
    # It was fine when it was held, and its money is there: it is given.
    assert mall.step("confirm", two, paid_cents=1_000).redemption.status == Status.DELIVERED
    assert_books_balance()
    assert_mall_adds_up()


# Merged


def operator(django_user_model, name):
    return django_user_model.objects.create(username=name).pk


@pytest.fixture
def merge(django_user_model, mall, django_capture_on_commit_callbacks):
    def carry_out(merged, survivor):
        one, two = operator(django_user_model, "one"), operator(django_user_model, "two")
        with django_capture_on_commit_callbacks(execute=True):
            about = {"merged_id": merged.id, "survivor_id": survivor.id, "reason": "one person", "now": mall.now}
            asked = merging.request(**about, operator_id=one, key=UUID(int=7))
            merging.approve(merge_id=asked.id, operator_id=two, now=mall.now)

    return carry_out


def test_in_a_merge_what_is_not_over_comes_along_with_its_uses(privileges, reward, rich, other_member, mall, merge, assert_books_balance, assert_mall_adds_up):
    row = mall.redeem(rich, "fast-card")
    mine = Privilege.objects.get()
    privileges.use(mine)
    (ended,) = privileges.grant(rich)
    privileges.end(ended)
    merge(rich, other_member)
    assert list(Privilege.objects.values_list("id", "member_id").order_by("id")) == [(mine.id, other_member.id), (ended.id, rich.id)]
    mine.refresh_from_db()
    assert privileges.use(mine).replayed
    assert privileges.give_back(mine).privilege.uses_left == 3
    # Its redemption stays where it was, and still finds it.
    assert [one["privilege"] for one in redemptions.handed(row)] == [str(mine.id)]
    assert services.move(from_id=rich.id, into_id=other_member.id, now=mall.now) == 0
    mall.step("return_", row, restock=True, reason="tests", key="R")
    mine.refresh_from_db()
    assert (mine.ended_for, mall.points(other_member)) == (services.RETURNED, 1_000)
    assert_books_balance()
    assert_mall_adds_up()
