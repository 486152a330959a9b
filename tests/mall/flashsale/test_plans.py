"""Plans make their sales ahead; operators steer them."""

import io
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image

from loyalty.lib import configuration
from mall.flashsale import services
from mall.flashsale.models import FlashPlan, FlashSale, FlashStock
from mall.pictures import services as pictures
from mall.rewards import services as rewards
from mall.rewards.models import RewardPicture
from tests.mall.flashsale.conftest import Sales

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def now():
    """A Monday at noon."""
    return datetime(2026, 11, 23, 12, tzinfo=ZONE)


@pytest.fixture
def keep(mall):
    """Keep a plan of mugs each Friday at eight, or change it."""

    def kept(plan=None, **more):
        about = {"weekdays": [5], "at": time(20), "minutes": 60, "first_on": date(2026, 11, 1), "points": 50, "quantity": 5, "name_zh": "周五秒杀"}
        if plan is None:
            plan = FlashPlan(reward=mall.reward(stock=20), name_en="Friday flash sale", **about)
        for name, value in more.items():
            setattr(plan, name, value)
        return services.keep_plan(plan=plan, actor="tests", now=mall.now)

    return kept


def starts():
    return [f"{one.astimezone(ZONE):%m-%d %H:%M}" for one in FlashSale.objects.order_by("starts_at").values_list("starts_at", flat=True)]


def test_a_plan_makes_the_sales_of_the_next_four_weeks_and_the_job_goes_on(keep, mall):
    keep()
    assert starts() == ["11-27 20:00", "12-04 20:00", "12-11 20:00", "12-18 20:00"]
    mall.wait(days=7)
    assert services.tend(now=mall.now)["made"] == 1
    assert starts()[-1] == "12-25 20:00"
    assert services.make_sales(now=mall.now) == 0


def test_a_changed_plan_changes_what_is_not_set_aside_and_not_changed_by_hand(keep, mall):
    plan = keep()
    first, second, *_rest = FlashSale.objects.order_by("starts_at")
    services.set_aside(sale_id=first.id, actor="tests", now=mall.now)
    second.points = 45
    second.starts_at += timedelta(hours=1)
    second.ends_at += timedelta(hours=1)
    services.keep_sale(sale=second, actor="tests", now=mall.now)
    keep(plan, points=40, at=time(21))
    assert list(FlashSale.objects.order_by("starts_at").values_list("points", flat=True)) == [50, 45, 40, 40]
    assert starts() == ["11-27 20:00", "12-04 21:00", "12-11 21:00", "12-18 21:00"]
    keep(plan, active=False)
    assert starts() == ["11-27 20:00", "12-04 21:00"]


def test_a_sale_that_was_called_off_is_not_made_again(keep, mall):
    plan = keep()
    first = FlashSale.objects.earliest("starts_at")
    services.call_off(sale_id=first.id, reason="a holiday", actor="tests", now=mall.now)
    keep(plan, points=40)
    assert FlashSale.objects.filter(starts_at=first.starts_at).count() == 1


def test_a_plan_without_days_is_refused(keep, refuses):
    with refuses(services.FlashSaleInvalid):
        keep(weekdays=[])


# The pages


@pytest.fixture
def operator(django_user_model):
    client = Client(headers={"accept-language": "en"})
    client.force_login(django_user_model.objects.create_superuser("sample", password="a-sample-password-x"))
    return client


def test_the_calendar_shows_what_is_made_and_what_is_planned_beyond(keep, operator, monkeypatch):
    keep()
    for at, shown, phase in (("month=2026-12", "20:00", "announced"), ("month=2027-01", "20:00", "foreseen"), ("week=2026-11-27", "20:00", "announced")):
        page = operator.get(f"/admin/mall/flashsale/calendar/?{at}").content.decode()
        assert shown in page, at
        assert f"console-chip-{phase}" in page.split("<tbody>")[1].split("</tbody>")[0], at
    assert operator.get("/admin/mall/flashsale/calendar/?month=nonsense").status_code == 200
    assert operator.get("/admin/mall/flashsale/calendar/?month=9999-12&week=0").status_code == 200


def test_an_operator_plans_sets_aside_adds_and_calls_off(operator, mall):
    reward = mall.reward(stock=20)
    plan = {
        "name_zh": "周五秒杀", "name_en": "Friday", "reward": reward.id, "points": 50, "cents": 0, "quantity": 5, "per_member": 1, "weekdays": ["5"],
        "at": "20:00", "minutes": 60, "first_on": "2026-11-01", "every_weeks": 1, "set_aside_hours": 1, "line_minutes": 10, "turn_minutes": 3,
        "pay_minutes": 15, "active": "on", "text_zh": "", "text_en": "", "last_on": "",
    }  # fmt: skip
    done = operator.post(reverse("admin:mall_flashplan_add"), plan)
    assert done.status_code == 302, done.context["errors"]
    sale = FlashSale.objects.earliest("starts_at")
    page = reverse("admin:mall_flashsale_change", args=[sale.id])
    assert "Nothing is set aside yet" in operator.get(page).content.decode()
    operator.post(f"/admin/mall/flashsale/{sale.id}/set-aside/")
    operator.post(f"/admin/mall/flashsale/{sale.id}/units/", {"change": 2, "reason": "it goes well"})
    assert FlashStock.objects.get(sale=sale).left == 7
    assert "7 set aside: 0 redeemed, 7 left" in operator.get(page).content.decode()
    refused = operator.post(f"/admin/mall/flashsale/{sale.id}/units/", {"change": -8, "reason": "too many"})
    assert "cannot be taken off" in refused.content.decode()
    operator.post(f"/admin/mall/flashsale/{sale.id}/call-off/", {"reason": "a holiday"})
    sale.refresh_from_db()
    assert (sale.called_off_at is not None, mall.left()) == (True, 20)
    assert operator.get(reverse("admin:mall_flashsale_changelist")).status_code == 200
    assert operator.get(reverse("admin:mall_flashplan_changelist")).status_code == 200


def test_an_operator_makes_a_sale_by_hand_and_the_form_says_what_is_wrong(operator, mall):
    reward = mall.reward(stock=20)
    sale = {
        "name_zh": "双十二", "name_en": "Twelve", "reward": reward.id, "points": 50, "cents": 0, "quantity": 5, "per_member": 1, "starts_at_0": "2030-12-12",
        "starts_at_1": "20:00", "ends_at_0": "2030-12-12", "ends_at_1": "19:00", "set_aside_hours": 24, "line_minutes": 10, "turn_minutes": 3,
        "pay_minutes": 15, "text_zh": "", "text_en": "",
    }  # fmt: skip
    assert "It ends before it begins." in operator.post(reverse("admin:mall_flashsale_add"), sale).content.decode()
    assert operator.post(reverse("admin:mall_flashsale_add"), {**sale, "ends_at_1": "21:00"}).status_code == 302
    assert FlashSale.objects.get().by_hand


def test_money_of_a_sale_is_asked_for_and_shown_as_people_write_it(operator, mall):
    reward = mall.reward(stock=20)
    sale = {
        "name_zh": "双十二", "name_en": "Twelve", "reward": reward.id, "points": 50, "cents": "10.50", "quantity": 5, "per_member": 1,
        "starts_at_0": "2030-12-12", "starts_at_1": "20:00", "ends_at_0": "2030-12-12", "ends_at_1": "21:00", "set_aside_hours": 24, "line_minutes": 10,
        "turn_minutes": 3, "pay_minutes": 15, "text_zh": "", "text_en": "",
    }  # fmt: skip
    assert operator.post(reverse("admin:mall_flashsale_add"), sale).status_code == 302
    made = FlashSale.objects.get()
    assert made.cents == 1_050
    page = reverse("admin:mall_flashsale_change", args=[made.id])
    assert 'value="10.50"' in operator.get(page).content.decode()
    operator.post(f"/admin/mall/flashsale/{made.id}/call-off/", {"reason": "a holiday"})
    assert "10.50" in operator.get(page).content.decode()


def test_the_pictures_of_a_sale_are_addresses_that_anybody_may_open(mall, client_with, now):
    reward = mall.reward(stock=20)
    drawn = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(drawn, "PNG")
    RewardPicture.objects.create(reward=reward, picture=pictures.keep(pair=pictures.read(drawn.getvalue()), actor="tests", now=now))
    rewards.changed()
    Sales(mall).sale(reward=reward)
    FlashSale.objects.update(ends_at=datetime(2035, 1, 1, tzinfo=ZONE))
    [shown] = client_with("points:read").get("/api/v1/flash-sales").json()["results"][0]["pictures"]
    for address in (shown["url"], shown["small"]):
        assert Client().get(address).headers["Content-Type"] == "image/webp"


def test_lists_of_sales_ask_no_more_for_ten_than_for_one(mall, operator, client_with):
    sales = Sales(mall)
    reward = mall.reward(stock=200)
    client = client_with("points:read")
    addresses = (
        (operator, reverse("admin:mall_flashsale_changelist")),
        (operator, "/admin/mall/flashsale/calendar/?month=2026-11"),
        (client, "/api/v1/flash-sales"),
    )

    def asked(who, address):
        # A process holds the catalogue, but not one that a transaction still open has changed, as here.
        configuration._changing.models = set()
        with CaptureQueriesContext(connection) as queries:
            assert who.get(address).status_code == 200
        return len(queries)

    sales.sale(reward=reward)
    FlashSale.objects.update(ends_at=datetime(2035, 1, 1, tzinfo=ZONE))
    for one in addresses:
        asked(*one)
    before = [asked(*one) for one in addresses]
    for n in range(9):
        sales.sale(reward=reward, begins=timedelta(hours=n + 2))
    FlashSale.objects.update(ends_at=datetime(2035, 1, 1, tzinfo=ZONE))
    assert len(client.get("/api/v1/flash-sales").json()["results"]) == 10
    assert all(after <= few for after, few in zip([asked(*one) for one in addresses], before, strict=True))


def test_a_sale_of_a_plan_stays_on_its_day_so_that_it_is_not_made_again(keep, mall, refuses):
    keep()
    first = FlashSale.objects.earliest("starts_at")
    first.starts_at, first.ends_at = first.starts_at + timedelta(days=1), first.ends_at + timedelta(days=1)
    with refuses(services.DayOfPlan):
        services.keep_sale(sale=first, actor="tests", now=mall.now)
    assert services.make_sales(now=mall.now) == 0
