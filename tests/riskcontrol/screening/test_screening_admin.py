from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from riskcontrol.screening import services as screening
from riskcontrol.screening.models import BlockListEntry

pytestmark = pytest.mark.django_db


def url(name, *args):
    return reverse(f"admin:riskcontrol_blocklistentry_{name}", args=args)


def asked(**changes):
    return {"member_named": "M-1", "reason": "many accounts, one address", "until_0": "", "until_1": "", **changes}


def test_an_operator_blocks_a_member_by_the_storefronts_id_with_a_reason(client, operator, member):
    operator("view_blocklistentry", "add_blocklistentry")
    assert client.get(url("add")).status_code == 200
    assert client.post(url("add"), asked()).status_code == 302
    entry = BlockListEntry.objects.get()
    assert (entry.member, entry.reason, entry.blocked_by, entry.until) == (member, "many accounts, one address", "sample", None)
    assert not screening.assess(member_id=member.id, action="spend", points=1, now=timezone.now()).allowed


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"member_named": "M-99"}, "There is no such member."),
        ({"reason": ""}, "This field is required."),
        ({"until_0": "2020-01-01", "until_1": "00:00:00"}, "A block must end in the future."),
    ],
)
def test_a_form_that_cannot_be_carried_out_says_why(changes, sentence, client, operator, member):
    operator("add_blocklistentry")
    answer = client.post(url("add"), asked(**changes))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert not BlockListEntry.objects.exists()


def test_a_member_who_is_blocked_is_not_blocked_again(client, operator, blocked):
    operator("add_blocklistentry")
    assert "This member is blocked already." in client.post(url("add"), asked()).content.decode()
    assert BlockListEntry.objects.count() == 1


def test_who_was_slower_than_another_operator_is_told_so(client, operator, member, monkeypatch, now):
    operator("view_blocklistentry", "add_blocklistentry")
    monkeypatch.setattr(screening.selectors, "is_blocked", lambda **_: False)
    screening.block(member_id=member.id, reason="first", actor="other", now=now)
    answer = client.post(url("add"), asked(), follow=True)
    assert "This member is blocked already." in answer.content.decode()
    assert BlockListEntry.objects.get().reason == "first"


def test_a_block_is_lifted_with_a_reason_after_a_question(client, operator, blocked):
    operator("view_blocklistentry", "lift_blocklistentry")
    assert client.get(url("lift", blocked.pk)).status_code == 200
    assert BlockListEntry.objects.get().lifted_at is None
    assert client.post(url("lift", blocked.pk), {"reason": "a mistake"}).status_code == 302
    entry = BlockListEntry.objects.get()
    assert (entry.lifted_by, entry.lift_reason) == ("sample", "a mistake")


def test_the_list_is_filtered_by_what_is_in_force_and_the_history_cannot_be_edited(client, operator, blocked, other_member, now):
    operator("view_blocklistentry", "change_blocklistentry", "delete_blocklistentry")
    lifted = screening.block(member_id=other_member.id, reason="chargebacks", until=now + timedelta(days=1), actor="other", now=now)
    screening.lift(entry_id=lifted.id, reason="paid", actor="other", now=now)
    open_ones = client.get(url("changelist"), {"block": "open"}).content.decode()
    assert blocked.reason in open_ones
    assert "chargebacks" not in open_ones
    assert "chargebacks" in client.get(url("changelist"), {"q": "M-2"}).content.decode()
    assert client.get(url("change", lifted.pk)).status_code == 200
    assert client.post(url("change", lifted.pk), {"reason": "x"}).status_code == 403
    assert client.post(url("delete", lifted.pk), {"post": "yes"}).status_code == 403


def test_who_may_only_look_neither_blocks_nor_lifts(client, operator, blocked):
    operator("view_blocklistentry")
    assert client.get(url("add")).status_code == 403
    assert client.post(url("lift", blocked.pk), {"reason": "just so"}).status_code == 403
    assert BlockListEntry.objects.get().lifted_at is None


def test_a_blocks_page_says_who_is_blocked_and_by_whom(client, operator, member):
    operator("view_blocklistentry")
    entry = screening.block(member_id=member.id, reason="many accounts", until=None, actor="somebody", now=timezone.now())
    shown = client.get(url("change", entry.pk)).content.decode()
    assert all(word in shown for word in ("M-1", "many accounts", "somebody"))
