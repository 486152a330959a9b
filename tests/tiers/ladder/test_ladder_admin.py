import pytest
from django.urls import reverse

from tiers.ladder.models import Tier
from tiers.standing import services as standings

pytestmark = pytest.mark.django_db


def url(name, *args):
    return reverse(f"admin:tiers_tier_{name}", args=args)


def asked(**changes):
    said = {
        "code": "gold",
        "name_zh": "金卡会员",
        "name_en": "Gold",
        "rank": "30",
        "multiplier": "1.5",
        "colour": "#c9a227",
        "active": "on",
        "threshold": "0",
        **changes,
    }
    said = {"threshold": "0", "benefits-TOTAL_FORMS": "0", "benefits-INITIAL_FORMS": "0", **said}
    return {name: value for name, value in said.items() if value is not None}


def test_an_operator_makes_a_tier(client, operator):
    operator("view_tier", "add_tier")
    assert client.get(url("add")).status_code == 200
    assert client.post(url("add"), asked()).status_code == 302
    made = Tier.objects.get()
    assert (made.code, made.rank, made.multiplier_bps, made.colour, made.active) == ("gold", 30, 15_000, "#c9a227", True)
    assert made.history.get().history_user.username == "sample"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rank": "20"}, "Tier with this Rank already exists."),
        ({"multiplier": "0.0999"}, "Ensure this value is greater than or equal to 0.1."),
        ({"multiplier": "100.0001"}, "Ensure this value is less than or equal to 100."),
        ({"multiplier": "1.23456"}, "Ensure that there are no more than 4 decimal places."),
        ({"multiplier": ""}, "This field is required."),
        ({"code": "Gold"}, "Write small letters, digits, hyphens and underscores, a letter first."),
        ({"colour": "gold"}, "Write a colour like #c9a227."),
        ({"name_zh": ""}, "This field is required."),
    ],
)
def test_a_form_that_cannot_be_carried_out_says_why(client, operator, tier, changes, sentence):
    operator("add_tier")
    tier("silver", 20)
    answer = client.post(url("add"), asked(**changes))
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert Tier.objects.count() == 1


def test_a_tier_is_changed_and_keeps_its_code(client, operator, tiers):
    operator("view_tier", "change_tier")
    page = client.get(url("change", "gold")).content.decode()
    assert 'value="1.5"' in page
    assert 'name="code"' not in page
    assert client.post(url("change", "gold"), asked(code="platinum", multiplier="2", active=None)).status_code == 302
    found = Tier.objects.get(rank=30)
    assert (found.code, found.multiplier_bps, found.active) == ("gold", 20_000, False)


def test_a_tier_is_deleted_only_as_long_as_nobody_had_it(client, operator, tiers, member, now):
    operator("view_tier", "change_tier", "delete_tier")
    standings.set_standing(member_id=member.id, tier="gold", reason="invited", actor="tests", now=now)
    assert client.post(url("delete", "gold"), {"post": "yes"}).status_code == 403
    assert client.post(url("delete", "silver"), {"post": "yes"}).status_code == 302
    assert set(Tier.objects.values_list("code", flat=True)) == {"bronze", "gold"}


def test_the_list_explains_itself_and_a_reader_may_only_read(client, operator, tiers):
    operator("view_tier")
    page = client.get(url("changelist")).content.decode()
    assert "deactivate it" in page
    assert "1.5 ×" in page
    page = client.get(url("change", "gold")).content.decode()
    assert "1.5 ×" in page
    assert client.post(url("change", "gold"), asked()).status_code == 403
