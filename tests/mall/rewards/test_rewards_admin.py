"""How operators make rewards, move their stock, and see what members will see."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loyalty.audit.models import AuditEntry
from loyalty.lib import localtime
from loyalty.programme import selectors as programme
from mall.codes import services as code_pools
from mall.codes.models import CodePool
from mall.coupons import services as coupons
from mall.coupons.models import CouponTemplate
from mall.privileges import services as privileges
from mall.privileges.models import PrivilegeKind
from mall.redemptions.models import Redemption
from mall.rewards import rules, selectors
from mall.rewards.models import Category, Partner, Reward, RewardPicture, StockChange
from mall.shelf import selectors as shelf
from mall.vouchers.models import Provider, ProviderProduct
from tests.mall.pictures.test_rules import picture
from tiers.ladder import services as ladder

pytestmark = pytest.mark.django_db
LIST, LEDGER = "/admin/mall/reward/", "/admin/mall/stockchange/"
SEES = ("view_reward", "view_stockchange", "view_category", "view_partner", "view_member", "view_redemption")
KEEPS = ("add_reward", "change_reward", "change_stock")


@pytest.fixture
def operator():
    """A browser in which an operator with these permissions is logged in, reading English."""

    def enter(*codenames):
        user, _made = User.objects.get_or_create(username="sample", defaults={"is_staff": True})
        user.user_permissions.set(Permission.objects.filter(codename__in=(*SEES, *codenames)))
        client = Client(headers={"accept-language": "en"})
        client.force_login(user)
        return client

    return enter


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def form(*, prices=(), files=(), kept=0, **more):
    """What the page sends: the reward, pictures and prices."""
    sent = {
        "code": "mug", "kind": "goods", "item": "", "name_zh": "杯子", "name_en": "Mug", "text_zh": "", "text_en": "", "points": "500", "cents": "",
        "cost_cents": "", "sponsor_bps": "", "counted": "on", "active": "on",
        "pictures-TOTAL_FORMS": str(len(files)), "pictures-INITIAL_FORMS": str(kept), "prices-TOTAL_FORMS": str(len(prices)), "prices-INITIAL_FORMS": "0",
    }  # fmt: skip
    for n, file in enumerate(files):
        sent |= {f"pictures-{n}-position": str(n), **({f"pictures-{n}-file": SimpleUploadedFile(f"{n}.png", file)} if file else {})}
    for n, price in enumerate(prices):
        sent |= {f"prices-{n}-{name}": str(value) for name, value in {"kind": "tier", "points": "400", **price}.items()}
    return sent | more


def page(reward, what="change"):
    return f"{LIST}{reward.id}/{what}/"


def test_a_reward_is_made_with_pictures_and_prices_and_then_its_stock_is_asked_for(operator, tier):
    tier("gold", 30)
    client = operator(*KEEPS)
    answer = client.post(f"{LIST}add/", form(cents="10.50", shipping_cents="8", cost_cents="20", prices=[{"tier": "gold", "cents": "1"}], files=[picture()]))
    made = Reward.objects.get()
    assert answer["Location"] == page(made, "restock")
    offer = selectors.offer("mug")
    assert (offer.points, offer.cents, offer.cost_cents, len(offer.pictures)) == (500, 1_050, 2_000, 1)
    assert offer.shipping_cents == 800
    assert [(one.kind, one.points, one.cents, one.tier) for one in offer.prices] == [("tier", 400, 100, "gold")]
    assert selectors.stocks(reward_ids=[made.id]) == {made.id: 0}
    assert AuditEntry.objects.get(verb="reward.kept").actor == "sample"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"points": "0"}, "greater than or equal to 1"),
        ({"code": "Mug White"}, "Write small letters"),
        ({"item": "spring"}, "Leave it empty"),
        ({"kind": "code"}, "Say what is handed out."),
        ({"kind": "code", "item": "nowhere"}, "pool"),
        ({"cents": "1.005"}, "At most 2 decimals."),
        ({"cents": "-1"}, "greater than or equal to 0"),
        ({"shipping_cents": "8.005"}, "At most 2 decimals."),
        ({"shipping_cents": "-1"}, "greater than or equal to 0"),
        ({"kind": "privilege", "item": "fast-30", "shipping_cents": "8"}, "Only goods are shipped."),
        ({"sponsor_bps": "101"}, "less than or equal to 100"),
        ({"sponsor_bps": "50"}, "Say who pays that share."),
        ({"starts_at_0": "2026-12-02", "starts_at_1": "00:00", "ends_at_0": "2026-12-01", "ends_at_1": "00:00"}, "It has to end after it starts."),
    ],
)
def test_what_is_wrong_with_a_reward_stands_at_its_field_and_nothing_is_kept(operator, wrong, sentence):
    assert sentence in text(operator(*KEEPS).post(f"{LIST}add/", form(**wrong)))
    assert not Reward.objects.exists()


@pytest.mark.parametrize(
    ("price", "sentence"),
    [
        ({"kind": "tier"}, "Say for which tier."),
        ({"kind": "scarcity"}, "Say how few have to be left."),
        ({"kind": "clearance"}, "A clearance price ends some day."),
        ({"kind": "tier", "points": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_with_a_price_stands_at_its_field(operator, price, sentence):
    assert sentence in text(operator(*KEEPS).post(f"{LIST}add/", form(prices=[price])))
    assert not Reward.objects.exists()


def test_what_is_no_picture_is_not_taken(operator):
    assert "This is no JPEG, PNG or WebP picture" in text(operator(*KEEPS).post(f"{LIST}add/", form(files=[b"<svg/>"])))
    assert not Reward.objects.exists()


def test_the_same_picture_is_not_put_there_twice(operator):
    assert "This picture stands here twice." in text(operator(*KEEPS).post(f"{LIST}add/", form(files=[picture(), picture()])))
    assert not RewardPicture.objects.exists()


def test_editing_a_reward_while_it_sells_changes_no_stock(operator, mall, member):
    mall.give(member, 1_000)
    reward = mall.reward(stock=5)
    client = operator(*KEEPS)
    assert "5; it moves by restocking" in text(client.get(page(reward)))
    mall.redeem(member)
    assert client.post(page(reward), form(points="600", on_hand="5")).status_code == 302
    assert (selectors.offer("mug").points, mall.left()) == (600, 4)
    assert Reward.history.filter(code="mug").count() == 2


def test_code_and_kind_stay(operator, mall):
    reward = mall.reward()
    operator(*KEEPS).post(page(reward), form(code="other", kind="privilege"))
    reward.refresh_from_db()
    assert (reward.code, reward.kind) == ("mug", "goods")


def test_stock_is_added_to_and_taken_off_with_a_reason_and_once(operator, mall):
    reward = mall.reward(stock=5)
    client, sent = operator(*KEEPS), {"key": str(uuid4()), "change": "-2", "reason": "two broke"}
    for _again in range(2):
        assert client.post(page(reward, "restock"), sent)["Location"] == page(reward)
    assert mall.left() == 3
    assert (AuditEntry.objects.get(verb="stock.restocked", actor="sample").figures, StockChange.objects.count()) == ({"change": -2, "on_hand": 3}, 2)


@pytest.mark.parametrize(("change", "reason", "sentence"), [("0", "why", "Nothing would change."), ("1", "", "required"), ("-6", "why", "fewer on hand")])
def test_a_restock_without_effect_reason_or_goods_is_refused(operator, mall, change, reason, sentence):
    reward = mall.reward(stock=5)
    assert sentence in text(operator(*KEEPS).post(page(reward, "restock"), {"key": str(uuid4()), "change": change, "reason": reason}))
    assert mall.left() == 5


def test_what_is_redeemed_during_a_stock_take_stays_redeemed(operator, mall, member):
    mall.give(member, 1_000)
    reward = mall.reward(stock=5)
    client = operator(*KEEPS)
    assert "The books said 5" in text(client.get(page(reward, "stock-take")))
    mall.redeem(member)
    sent = {"key": str(uuid4()), "seen": "5", "counted": "4", "reason": "yearly"}
    for _again in range(2):
        client.post(page(reward, "stock-take"), sent)
    assert mall.left() == 3
    assert StockChange.objects.filter(kind="stock_take").values_list("change", flat=True).get() == -1


def test_the_ledger_of_stock_shows_who_changed_what_and_why(operator, mall, member):
    mall.give(member, 1_000)
    reward = mall.reward(stock=5)
    row = mall.redeem(member, quantity=2)
    client = operator()
    shown = text(client.get(page(reward, "changes"), follow=True))
    assert "+5" in shown
    assert "-2" in shown
    assert f"/admin/mall/redemption/{row.id}/change/" in shown
    mall.reward("lamp", stock=7)
    assert "+7" not in text(client.get(LEDGER, {"reward__id__exact": reward.id}))
    assert "+7" in text(client.get(LEDGER, {"q": "lamp"}))
    assert client.post(f"{LEDGER}add/").status_code == 403


def test_a_reward_is_previewed_as_a_member_a_tier_and_nobody_see_it_in_both_languages(operator, mall, member, tier):
    tier("bronze", 10)
    tier("gold", 30, threshold=5_000)
    mall.give(member, 80)
    reward = mall.reward(points=1_000, prices=[{"kind": "tier", "tier_id": "gold", "points": 700}, {"kind": "tier", "tier_id": "bronze", "points": 100}])
    client = operator()
    seen = text(client.get(page(reward, "preview"), {"member": "M-1"}))
    for said in ("杯子", "Mug", "100 points", "<s>1,000 points</s>", "20 points to go", "5 left", "Your tier&#x27;s price"):
        assert said in seen, said
    assert "700 points" in text(client.get(page(reward, "preview"), {"tier": "gold"}))
    assert "There is no member of that id." in text(client.get(page(reward, "preview"), {"member": "nobody"}))
    assert "to go" not in text(client.get(page(reward, "preview")))


def test_the_preview_says_what_shipping_costs_whom_and_who_comes_sooner(operator, mall, tier):
    tier("gold", 30)
    for kind, value in (("free_shipping", 0), ("early_access", 60)):
        ladder.keep_benefit(tier="gold", kind=kind, value=value, actor="tests", now=mall.now)
    reward = mall.reward(shipping_cents=800, starts_at=mall.now + timedelta(minutes=30))
    client = operator()
    seen = text(client.get(page(reward, "preview")))
    assert "Shipping CN¥8.00" in seen
    assert "It can be redeemed from" in seen
    assert "Early access" not in seen
    golden = text(client.get(page(reward, "preview"), {"tier": "gold"}))
    for said in ("Shipping is free for your tier.", "您的等级免运费。", "Early access until", "之后对所有人开放"):
        assert said in golden, said
    assert "Shipping CN¥8.00" not in golden
    assert "shipping CN¥8.00" in text(client.get(LIST))


def test_a_new_reward_says_that_it_has_no_stock_yet_until_it_is_restocked(operator, mall):
    client = operator(*KEEPS)
    answer = client.post(f"{LIST}add/", form(_continue="1"), follow=True)
    reward = Reward.objects.get()
    warned, link = "Mug (mug) has no stock yet: nobody can redeem it.", f'href="{page(reward, "restock")}">Restock</a>'
    [said] = [str(one) for one in answer.context["messages"] if one.level_tag == "warning"]
    assert said.startswith(warned)
    assert link in said
    assert "no stock yet" in text(client.get(LIST))
    preview = text(client.get(page(reward, "preview")))
    assert warned in preview
    assert link in preview
    client.post(page(reward, "restock"), {"key": str(uuid4()), "change": "1", "reason": "came in"})
    assert "no stock yet" not in text(client.get(LIST)) + text(client.get(page(reward, "preview")))
    client.post(page(reward, "restock"), {"key": str(uuid4()), "change": "-1", "reason": "broken"})
    assert "sold out" in text(client.get(LIST))


def test_who_may_not_restock_is_told_of_it_without_a_link_and_what_is_not_counted_has_no_word_of_it(operator):
    client = operator("add_reward", "change_reward")
    [said, _done] = sorted(str(one) for one in client.post(f"{LIST}add/", form(), follow=True).context["messages"])
    assert said == "Mug (mug) has no stock yet: nobody can redeem it."
    answer = client.post(f"{LIST}add/", form(code="pass", counted=""), follow=True)
    assert not [one for one in answer.context["messages"] if one.level_tag == "warning"]


def test_the_form_offers_what_there_is_of_each_kind_by_code_and_name(operator, mall):
    code_pools.keep(pool=CodePool(code="film", name_zh="电影", name_en="Film"), actor="tests", now=mall.now)
    template(mall, "ten")
    template(mall, "gone", active=False)
    privileges.keep(kind=PrivilegeKind(code="agent", what="own_agent", name_zh="专属客服", name_en="Own agent", term="for_ever"), actor="tests", now=mall.now)
    provider = Provider.objects.create(code="films", name_zh="电影", name_en="Films", base_url="https://films.example")
    ProviderProduct.objects.create(code="ticket", name_zh="电影票", name_en="Film ticket", provider=provider, sku="F-1")
    client = operator(*KEEPS)
    shown = text(client.get(f"{LIST}add/"))
    offered = dict(re.findall(r'<datalist id="items-(\w+)">(.*?)</datalist>', shown))
    assert offered == {
        "code": '<option value="film">Film</option>',
        "coupon": '<option value="ten">Ten off</option>',
        "privilege": '<option value="agent">Own agent</option>',
        "rental": "",
        "voucher": '<option value="ticket">Film ticket</option>',
    }
    client.post(f"{LIST}add/", form(kind="code", item="film", counted=""))
    assert 'list="items-code"' in text(client.get(page(Reward.objects.get())))


def told(client, reward):
    """The rows of its history, the newest first, as text."""
    rows = re.findall(r"<tr[ >].*?</tr>", text(client.get(page(reward, "history"))), re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows if "<td" in row]


def kept_price(price, **more):
    return {"prices-INITIAL_FORMS": "1", "prices-TOTAL_FORMS": "1", "prices-0-id": str(price.pk), "prices-0-kind": price.kind, **more}


def test_the_history_says_which_price_was_set_changed_and_removed_in_one_row_for_each_save(operator):
    client = operator(*KEEPS)
    client.post(f"{LIST}add/", form(prices=[{"kind": "scarcity", "points": "600", "left_at_most": "2"}]))
    reward = Reward.objects.get()
    price = reward.prices.get()
    client.post(page(reward), form(points="510", **kept_price(price, **{"prices-0-points": "620", "prices-0-cents": "1.50", "prices-0-left_at_most": "3"})))
    client.post(page(reward), form(points="510", **kept_price(price, **{"prices-0-points": "620", "prices-0-DELETE": "on"})))
    removed, changed, made = told(client, reward)
    assert "Scarcity: 620 points + CN¥1.50, while at most 3 are left → none" in removed
    assert "Points: 500 → 510" in changed
    assert "Scarcity: 600 points, while at most 2 are left → 620 points + CN¥1.50, while at most 3 are left" in changed
    assert "Scarcity: none → 600 points, while at most 2 are left" in made


def test_the_history_says_that_pictures_came_and_went_in_one_row_for_each_save(operator):
    client = operator(*KEEPS)
    client.post(f"{LIST}add/", form(files=[picture(), picture(colour=(30, 200, 30))]))
    reward = Reward.objects.get()
    first, second = reward.pictures.all()
    pictures = {"pictures-0-id": str(first.pk), "pictures-0-DELETE": "on", "pictures-1-id": str(second.pk)}
    client.post(page(reward), form(files=["", "", picture(colour=(30, 30, 200))], kept=2, **pictures))
    last = reward.pictures.order_by("id").last()
    order = {"pictures-0-id": str(second.pk), "pictures-1-id": str(last.pk)}
    client.post(page(reward), form(files=["", ""], kept=2, **order, **{"pictures-0-position": "5"}))
    moved, changed, made = told(client, reward)
    assert moved.endswith("Pictures: in another order")
    assert changed.endswith("Pictures: 1 added, 1 removed")
    assert made.endswith("Pictures: 2 added")


def test_the_audit_trail_keeps_what_was_done_to_prices_and_pictures(operator, mall):
    client = operator(*KEEPS)
    reward = mall.reward(prices=[{"kind": "scarcity", "points": 150, "left_at_most": 2}])
    price = reward.prices.get()
    client.post(page(reward), form(**kept_price(price, **{"prices-0-points": "160", "prices-0-left_at_most": "2"}), files=[picture()]))
    kept = AuditEntry.objects.filter(actor="sample")
    assert kept.get(verb="reward.prices_kept").figures == {
        "prices": [
            {"kind": "scarcity", "before": {"points": 150, "cents": 0, "left_at_most": 2}, "after": {"points": 160, "cents": 0, "left_at_most": 2}},
        ],
    }
    assert kept.get(verb="reward.pictures_kept").figures == {"added": 1, "removed": 0}
    client.post(page(reward), form(**kept_price(price, **{"prices-0-points": "160", "prices-0-left_at_most": "2"}), kept=1, files=[""], **{
        "pictures-0-id": str(reward.pictures.get().pk),
    }))  # fmt: skip
    assert [kept.filter(verb=f"reward.{what}").count() for what in ("kept", "prices_kept", "pictures_kept")] == [2, 1, 1]


def test_the_preview_says_that_few_are_left_beside_the_tiers_discount_off_that_price(operator, mall, tier):
    tier("gold", 30)
    ladder.keep_benefit(tier="gold", kind="redemption_discount", value=1_000, actor="tests", now=mall.now)
    reward = mall.reward(points=260, stock=2, prices=[{"kind": "scarcity", "points": 300, "left_at_most": 5}])
    seen = text(operator().get(page(reward, "preview"), {"tier": "gold"}))
    assert "270 points</p>" in seen
    for said in ("<b>Few left</b><b>Your tier&#x27;s discount</b>", "it costs more than usual at the moment", "所剩不多，目前的价格高于平时。"):
        assert said in seen, said


def test_a_copy_has_the_same_prices_and_pictures_and_neither_stock_nor_a_place_on_the_shelf(operator, mall):
    client = operator(*KEEPS)
    client.post(f"{LIST}add/", form(files=[picture()], prices=[{"kind": "scarcity", "left_at_most": "2"}]))
    reward = Reward.objects.get()
    assert "There is a reward of that code." in text(client.post(page(reward, "duplicate"), {"code": "mug"}))
    answer = client.post(page(reward, "duplicate"), {"code": "mug-2"})
    made, offer = Reward.objects.get(code="mug-2"), selectors.offer("mug-2")
    assert answer["Location"] == page(made)
    assert (offer.active, offer.prices, offer.pictures) == (False, selectors.offer("mug").prices, selectors.offer("mug").pictures)
    assert (offer.id, mall.left("mug-2"), Reward.objects.count()) == (made.id, 0, 2)


def test_the_margin_is_shown_at_each_price_and_for_what_was_redeemed(operator, mall, member, tier):
    tier("gold", 30)
    mall.give(member, 2_000)
    Partner(code="acme", name_zh="伙伴", name_en="Partner").save()
    reward = mall.reward(points=1_000, cost_cents=600, sponsor_id="acme", sponsor_bps=5_000, prices=[{"kind": "tier", "tier_id": "gold", "points": 100}])
    client = operator()
    shown = text(client.get(page(reward, "margin")))
    # 10.00 of points and 3.00 of the sponsor's against 6.00; 1.00 and 3.00 at the tier's price.
    for said in ("CN¥7.00", "-CN¥2.00", "gold: own price", "Nobody has redeemed it yet."):
        assert said in shown, said
    mall.redeem(member)
    assert "brought CN¥4.00 and cost CN¥6.00: -CN¥2.00" in text(client.get(page(reward, "margin")))
    assert "CN¥7.00" in text(client.get(f"{LIST}margins/"))


@pytest.fixture
def sold(mall, member):
    """Redeemed one 40 days ago and three 10 days ago, of which one came back; one is not paid yet. Each for 10.00 of points, at a cost of 6.00."""
    reward = mall.reward(points=1_000, stock=50, cost_cents=600)
    now = mall.now
    mall.wait(days=-41)
    mall.give(member, 20_000)
    mall.wait(days=1)
    mall.redeem(member)
    mall.wait(days=30)
    three = mall.redeem(member, quantity=3)
    mall.step("ship", three, carrier="SF", tracking="1")
    mall.step("return_", three, quantity=1, restock=True, reason="tests", key="R-1")
    mall.step("cancel", mall.redeem(member))
    mall.now = now
    return reward


def days_ago(mall, *days):
    begin, end = (localtime.local_date(mall.now - timedelta(days=one), programme.zone(now=mall.now)).isoformat() for one in days)
    return {"begin": begin, "end": end}


def test_what_was_redeemed_is_summed_over_the_last_thirty_days_or_those_that_are_asked_for(operator, mall, sold):
    client, address = operator(), page(sold, "margin")
    assert "2 redeemed brought CN¥20.00 and cost CN¥12.00: CN¥8.00." in text(client.get(address))
    assert "3 redeemed brought CN¥30.00 and cost CN¥18.00: CN¥12.00." in text(client.get(address, days_ago(mall, 40, 10)))
    assert "1 redeemed brought CN¥10.00" in text(client.get(address, days_ago(mall, 40, 40)))
    assert "Nobody redeemed it in these days." in text(client.get(address, days_ago(mall, 39, 11)))


@pytest.mark.parametrize(("days", "sentence"), [((10, 40), "The last day lies before the first."), ((366, 0), "These are more than 366 days.")])
def test_a_span_that_cannot_be_is_said_and_the_last_thirty_days_are_shown(operator, mall, sold, days, sentence):
    shown = text(operator().get(page(sold, "margin"), days_ago(mall, *days)))
    assert sentence in shown
    assert "2 redeemed brought CN¥20.00" in shown


def test_a_span_of_a_year_is_taken(operator, mall, sold):
    assert "3 redeemed brought" in text(operator().get(page(sold, "margin"), days_ago(mall, 365, 0)))


def test_the_sums_are_those_of_every_single_one_at_its_price(mall, member, tier):
    """Odd figures, so that what is rounded is rounded for each unit; more of them than were ever looked at before."""
    Partner(code="acme", name_zh="伙伴", name_en="Partner").save()
    reward = mall.reward(points=777, cents=55, stock=None, cost_cents=333, sponsor_id="acme", sponsor_bps=3_333)
    begin = mall.now - timedelta(days=2)
    made = [
        Redemption(
            member=member, reward=reward, status="delivered", quantity=1 + n % 3, returned=n % 2, unit_points=777 + n, unit_cents=55, unit_cost_cents=333,
            sponsor_bps=3_333, points_per_unit=97, price=("list", "tier")[n % 2], revived=True, counted_on=mall.now.date(), key=f"K-{n}", created_at=mall.now,
            changed_at=mall.now,
        )
        for n in range(1_500)
    ]  # fmt: skip
    Redemption.objects.bulk_create(made)
    want = {}
    for row in made:
        count = row.quantity - row.returned
        one = rules.margin(points=row.unit_points, cents=55, cost_cents=333, sponsor_bps=3_333, points_per_unit=97)
        want[row.price] = [before + count * more for before, more in zip(want.get(row.price, [0] * 5), (1, *one), strict=True)]
    found = shelf.sold(reward_id=reward.id, begin=begin, end=mall.now + timedelta(seconds=1))
    assert {one.why: [one.count, *one.margin] for one in found} == want
    assert shelf.sold(reward_id=reward.id, begin=begin, end=mall.now) == []


def test_the_sums_take_one_statement_however_much_was_redeemed(mall, sold, django_assert_num_queries):
    mall.reward("other")
    with django_assert_num_queries(1):
        shelf.sold(reward_id=sold.id, begin=mall.now - timedelta(days=365), end=mall.now)


@pytest.mark.parametrize("what", ["restock", "stock-take", "duplicate"])
def test_who_may_only_look_changes_nothing(operator, mall, what):
    reward = mall.reward(stock=5)
    client = operator()
    sent = {"key": str(uuid4()), "change": "1", "seen": "5", "counted": "1", "reason": "x", "code": "other"}
    assert client.post(page(reward, what), sent).status_code == 403
    assert client.post(page(reward), form()).status_code == 403
    assert (mall.left(), Reward.objects.count()) == (5, 1)


def test_the_list_asks_the_same_however_long_it_is(operator, mall, django_assert_max_num_queries):
    for n in range(30):
        mall.reward(f"mug-{n}", stock=n)
    client = operator()
    shown = text(client.get(LIST))
    assert "no stock yet" in shown
    with django_assert_max_num_queries(14):
        client.get(LIST)


def pool(mall, code):
    code_pools.keep(pool=CodePool(code=code, name_zh="视频", name_en="Video"), actor="tests", now=mall.now)


def template(mall, code, **more):
    made = CouponTemplate(code=code, name_zh="十元券", name_en="Ten off", kind="amount", amount_cents=1_000, valid_days=30, **more)
    coupons.keep(template=made, actor="tests", now=mall.now)


@pytest.fixture
def all_kinds(mall, member):
    """A reward of each kind that can end, and of each that does not: what the list says is left of it."""
    pool(mall, "video")
    pool(mall, "music")
    code_pools.take_in(pool="video", content=b"code\nA\nB\nC", actor="tests", now=mall.now)
    many = "\n".join(["code", *(f"M-{n}" for n in range(1_100))]).encode()
    code_pools.take_in(pool="music", content=many, actor="tests", now=mall.now)
    template(mall, "ten-off", in_all=7)
    template(mall, "for-ever")
    Provider.objects.create(code="cinema", name_zh="影院", name_en="Cinema", base_url="https://cinema.example", key_id="K")
    ProviderProduct.objects.create(code="ticket", provider_id="cinema", sku="T", name_zh="票", name_en="Ticket")
    mall.give(member, 1_000)
    mall.reward("mug", stock=12)
    mall.reward("mug-few", stock=12, in_all=4)
    mall.reward("video", kind="code", item="video", stock=None)
    mall.reward("music", kind="code", item="music", stock=None)
    mall.reward("ten-off", kind="coupon", item="ten-off", stock=None)
    mall.reward("for-ever", kind="coupon", item="for-ever", stock=None)
    mall.reward("ticket", kind="voucher", item="ticket", stock=None, in_all=50)
    mall.reward("ticket-free", kind="voucher", item="ticket", stock=None)
    for code in ("mug-few", "video", "ten-off"):
        mall.redeem(member, code)
    return {
        "mug": "12", "mug-few": "3", "video": "2", "music": "1,000+", "ten-off": "6", "for-ever": "∞", "ticket": "50", "ticket-free": "∞",
    }  # fmt: skip


def test_the_list_says_what_is_left_of_codes_coupons_and_vouchers_too(operator, all_kinds):
    rows = re.findall(r"\(([a-z-]+)\)</a>.*?field-how_many[^>]*>(.*?)</td>", text(operator().get(LIST)), re.DOTALL)
    assert {code: re.sub(r"<[^>]*>|\s", "", left) for code, left in rows} == all_kinds


def test_of_a_pool_that_is_empty_the_list_says_sold_out(operator, all_kinds, mall, other_member):
    mall.give(other_member, 1_000)
    assert "sold out" not in text(operator().get(LIST))
    mall.redeem(other_member, "video", quantity=2)
    assert "sold out" in text(operator().get(LIST))


def test_what_is_left_costs_the_list_the_same_few_queries_however_many_pools_there_are(operator, all_kinds, mall, django_assert_num_queries):
    client = operator()
    client.get(LIST)
    with CaptureQueriesContext(connection) as before:
        client.get(LIST)
        asked = len(before)
    for n in range(20):
        pool(mall, f"pool-{n}")
        mall.reward(f"code-{n}", kind="code", item=f"pool-{n}", stock=None)
        template(mall, f"template-{n}", in_all=n + 1)
        mall.reward(f"coupon-{n}", kind="coupon", item=f"template-{n}", stock=None, in_all=100)
    client.get(LIST)
    with django_assert_num_queries(asked):
        client.get(LIST)


def test_a_category_and_a_partner_count_at_once(operator):
    client = operator("add_category", "change_category", "add_partner")
    assert client.post("/admin/mall/category/add/", {"code": "home", "name_zh": "家居", "name_en": "Home", "position": "1"}).status_code == 302
    assert [one.code for one in selectors.categories()] == ["home"]
    client.post("/admin/mall/category/home/change/", {"name_zh": "家居", "name_en": "House", "position": "1"})
    assert [one.name("en") for one in selectors.categories()] == ["House"]
    assert client.post("/admin/mall/partner/add/", {"code": "acme", "name_zh": "伙伴", "name_en": "Partner"}).status_code == 302
    assert (Category.objects.count(), Partner.objects.count()) == (1, 1)
