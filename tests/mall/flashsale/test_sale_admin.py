"""What an operator may plan, and what the page of a sale says about its units."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from loyalty.audit.models import AuditEntry
from loyalty.programme import selectors as programme
from mall.codes import services as codes
from mall.codes.models import CodePool
from mall.flashsale import services
from mall.flashsale.models import FlashPlan, FlashSale

pytestmark = pytest.mark.django_db
ADD, LIST = "/admin/mall/flashsale/add/", "/admin/mall/flashsale/"


@pytest.fixture
def operator(django_user_model):
    client = Client(headers={"accept-language": "en"})
    client.force_login(django_user_model.objects.create_superuser("sample", password="a-sample-password-x"))
    return client


def form(reward, begin, end, **more):
    sent = {
        "name_zh": "双十二", "name_en": "Twelve", "reward": reward.id, "points": 50, "cents": "", "quantity": 5, "per_member": 1, "set_aside_hours": 24,
        "line_minutes": 10, "turn_minutes": 3, "pay_minutes": 15, "text_zh": "", "text_en": "",
    }  # fmt: skip
    for name, at in (("starts_at", begin), ("ends_at", end)):
        local = timezone.localtime(at, programme.zone(now=at))
        sent |= {f"{name}_0": f"{local:%Y-%m-%d}", f"{name}_1": f"{local:%H:%M:%S}"}
    return sent | more


def page(row):
    return reverse("admin:mall_flashsale_change", args=[row.pk])


def seen(client, row):
    return client.get(page(row)).content.decode()


def days(n):
    return timezone.now() + timedelta(days=n)


def kept(reward, begin, end, **more):
    """A sale as it stands once its time has come or passed."""
    about = {"name_zh": "秒杀", "name_en": "Sale", "points": 50, "quantity": 5}
    return FlashSale.objects.create(reward=reward, starts_at=begin, ends_at=end, **{**about, **more})


def test_a_sale_that_would_be_over_already_is_refused_at_its_end(operator, mall):
    reward = mall.reward(stock=20)
    said = operator.post(ADD, form(reward, days(-3), days(-2)))
    assert said.context["adminform"].errors == {"ends_at": ["It would be over already. Choose a time to come."]}
    assert operator.post(ADD, form(reward, days(-1), days(1))).status_code == 302


def test_a_sale_that_would_be_over_already_is_refused_by_the_verb_as_well(mall, refuses):
    reward = mall.reward(stock=20)
    row = FlashSale(reward=reward, name_zh="秒杀", name_en="Sale", points=50, quantity=5, starts_at=mall.now - timedelta(2), ends_at=mall.now)
    with refuses(services.FlashSaleInvalid):
        services.keep_sale(sale=row, actor="tests", now=mall.now)
    row.ends_at = mall.now + timedelta.resolution
    services.keep_sale(sale=row, actor="tests", now=mall.now)


@pytest.mark.parametrize(("counted", "quantity", "warned"), [(True, 20, False), (True, 21, True), (False, 21, False)])
def test_who_plans_more_units_than_the_shelf_has_is_warned(operator, mall, counted, quantity, warned):
    reward = mall.reward(stock=20 if counted else None)
    answer = operator.post(ADD, form(reward, days(2), days(3), quantity=quantity), follow=True)
    said = [str(one) for one in answer.context["messages"] if one.level_tag == "warning"]
    assert FlashSale.objects.get().quantity == quantity
    assert [("The shelf has 20 of it, fewer than the 21 of the sale. Restock it in time" in one) for one in said] == [True] * warned


def test_who_plans_more_units_than_there_are_codes_is_warned(operator, mall):
    codes.keep(pool=CodePool(code="film", name_zh="电影", name_en="Film"), actor="tests", now=mall.now)
    reward = mall.reward("film", kind="code", item="film", stock=None)
    answer = operator.post(ADD, form(reward, days(2), days(3)), follow=True)
    said = [str(one) for one in answer.context["messages"] if one.level_tag == "warning"]
    assert said == ["0 of it can be handed out, fewer than the 5 of the sale. Add more in time, or not everybody gets one."]


def test_the_calendar_says_on_which_day_a_long_sale_ends(operator, mall):
    zone = programme.zone(now=timezone.now())
    begin = datetime(2030, 12, 12, 20, 30, tzinfo=zone)
    reward = mall.reward(stock=20)
    kept(reward, begin, begin + timedelta(hours=1))
    kept(reward, begin + timedelta(hours=2), begin + timedelta(hours=6))
    shown = operator.get(f"{LIST}calendar/?month=2030-12").content.decode()
    assert "20:30–21:30" in shown
    assert "22:30 – 12-13 02:30" in shown


@pytest.mark.parametrize(
    ("begin", "end", "more", "said"),
    [
        (-3, -2, {}, "Nothing was set aside."),
        (2, 3, {"called_off_at": datetime(2026, 1, 1, tzinfo=timezone.get_default_timezone())}, "Nothing was set aside."),
        (0.01, 1, {}, "Nothing is set aside yet; that happens within the next minutes."),
        (-0.5, 1, {}, "Nothing is set aside yet; that happens within the next minutes."),
        (2, 3, {}, "Nothing is set aside yet; that happens at 20"),
    ],
    ids=["over", "called off", "begins within the hour", "under way", "to come"],
)
def test_the_page_says_of_its_units_what_is_true_of_a_sale_where_it_stands(operator, mall, begin, end, more, said):
    assert said in seen(operator, kept(mall.reward(stock=20), days(begin), days(end), **more))


def test_a_sale_nothing_came_of_can_be_deleted_also_when_it_is_over(operator, mall):
    reward = mall.reward(stock=20)
    for begin, end in ((-3, -2), (2, 3)):
        row = kept(reward, days(begin), days(end))
        assert f"{LIST}{row.pk}/delete/" in seen(operator, row)
        assert operator.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 302
        assert AuditEntry.objects.filter(verb="flash_sale.removed", subject=f"flash-sale/{row.pk}", actor="sample").count() == 1
    assert not FlashSale.objects.exists()


@pytest.mark.parametrize("why", ["units", "plan"])
def test_a_sale_that_something_came_of_or_that_its_plan_would_make_again_stays(operator, mall, refuses, why):
    reward, plan = mall.reward(stock=20), None
    if why == "plan":
        about = {"name_zh": "周五", "name_en": "Friday", "points": 50, "quantity": 5}
        plan = FlashPlan.objects.create(reward=reward, weekdays=[5], at="20:00", first_on="2026-11-01", **about)
    row = kept(reward, days(2), days(3), plan=plan)
    if why == "units":
        services.set_aside(sale_id=row.pk, actor="tests", now=timezone.now())
    assert f"{LIST}{row.pk}/delete/" not in seen(operator, row)
    assert operator.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    with refuses(services.FlashSaleStays):
        services.remove(sale_id=row.pk, actor="tests", now=timezone.now())


@pytest.mark.parametrize("points", [-1, 0])
def test_points_below_one_are_refused_in_one_sentence(operator, mall, points):
    answer = operator.post(ADD, form(mall.reward(stock=20), days(2), days(3), points=points, quantity=points))
    errors = answer.context["adminform"].errors
    assert errors == {name: ["Ensure this value is greater than or equal to 1."] for name in ("points", "quantity")}
