from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from tiers.standing import selectors
from tiers.standing import services as standings
from tiers.standing.models import Standing, StandingChange

pytestmark = pytest.mark.django_db
SHANGHAI = ZoneInfo("Asia/Shanghai")


def url(name, *args, model="standing"):
    return reverse(f"admin:tiers_{model}_{name}", args=args)


def asked(**changes):
    return {"member": "M-1", "tier": "gold", "reason": "invited by the founder", "last_day": "", **changes}


def test_an_operator_puts_a_member_into_a_tier_with_a_reason(client, operator, tiers, member):
    operator("view_standing", "add_standing")
    assert client.get(url("add"), {"member": "M-1"}).status_code == 200
    assert not Standing.objects.exists()
    assert client.post(url("add"), asked()).status_code == 302
    found = Standing.objects.get()
    assert (found.member, found.tier_id, found.set_by, found.reason, found.until) == (member, "gold", "sample", "invited by the founder", None)


def test_a_last_day_counts_whole_in_the_programmes_zone(client, operator, tiers, member, now):
    operator("view_standing", "add_standing")
    today = now.astimezone(SHANGHAI).date()
    assert client.post(url("add"), asked(last_day=str(today))).status_code == 302
    assert Standing.objects.get().until == datetime.combine(today + timedelta(days=1), datetime.min.time(), SHANGHAI)
    assert str(today) in client.get(url("change", Standing.objects.get().pk)).content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"member": "M-99"}, "There is no such member."),
        ({"tier": "old"}, "Select a valid choice."),
        ({"reason": ""}, "This field is required."),
        ({"last_day": "2020-01-01"}, "This day is over."),
        ({"tier": "silver"}, "The member is in this tier already."),
    ],
)
def test_a_form_that_cannot_be_carried_out_says_why(client, operator, tiers, tier, member, now, changes, sentence):
    operator("view_standing", "add_standing")
    tier("old", 5, active=False)
    standings.set_standing(member_id=member.id, tier="silver", reason="before", actor="tests", now=now)
    answer = client.post(url("add"), asked(**changes))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert StandingChange.objects.count() == 1


def test_the_page_of_a_standing_tells_every_change_and_leads_to_the_form(client, operator, tiers, member, now):
    operator("view_standing", "add_standing")
    for tier, reason in (("gold", "invited"), ("silver", "asked to")):
        standings.set_standing(member_id=member.id, tier=tier, reason=reason, actor="somebody", now=now)
    found = Standing.objects.get()
    page = client.get(url("change", found.pk)).content.decode()
    assert all(word in page for word in ("invited", "asked to", "somebody", "the lowest", "Set the tier"))
    assert client.get(f"/admin/tiers/standing/{found.pk}/set/")["Location"] == f"{url('add')}?member=M-1"


def test_both_lists_are_found_by_member_and_only_read(client, operator, tiers, member, other_member, now):
    operator("view_standing", "view_standingchange", "change_standing", "delete_standing", "delete_standingchange")
    for whom, reason in ((member, "mine alone"), (other_member, "the other one's")):
        standings.set_standing(member_id=whom.id, tier="gold", reason=reason, actor="tests", now=now)
    for model in ("standing", "standingchange"):
        page = client.get(url("changelist", model=model), {"q": "M-1"}).content.decode()
        assert "mine alone" in page
        assert "the other one" not in page
    for model, row in (("standing", Standing.objects.first()), ("standingchange", StandingChange.objects.first())):
        assert client.get(url("change", row.pk, model=model)).status_code == 200
        assert client.post(url("change", row.pk, model=model), {"reason": "x"}).status_code == 403
        assert client.post(url("delete", row.pk, model=model), {"post": "yes"}).status_code == 403


def test_who_may_only_look_sets_nothing(client, operator, tiers, member):
    operator("view_standing")
    assert client.get(url("add")).status_code == 403
    assert client.post(url("add"), asked()).status_code == 403
    assert not Standing.objects.exists()


def test_the_members_page_shows_the_tier_and_offers_to_set_it(client, operator, tiers, member, now):
    operator("view_member", "view_standing", "add_standing", "view_standingchange")
    page = reverse("admin:accounts_member_change", args=[member.id])
    assert "Bronze" in client.get(page).content.decode()
    standings.set_standing(member_id=member.id, tier="gold", reason="invited by the founder", actor="somebody", now=now)
    shown = client.get(page).content.decode()
    assert all(word in shown for word in ("Gold", "invited by the founder", "somebody", f"{url('add')}?member=M-1"))


def test_who_may_not_see_tiers_finds_none_on_the_members_page(client, operator, tiers, member, now):
    operator("view_member")
    standings.set_standing(member_id=member.id, tier="gold", reason="invited by the founder", actor="somebody", now=now)
    shown = client.get(reverse("admin:accounts_member_change", args=[member.id])).content.decode()
    assert not any(word in shown for word in ("Gold", "invited by the founder", "Set the tier"))
    assert selectors.changes(member_id=member.id).count() == 1
