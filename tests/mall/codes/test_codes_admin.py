"""How an operator fills a pool, and what they see of its codes: never one whole."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from mall.codes import services
from mall.codes.models import Code, CodeImport, CodePool

pytestmark = pytest.mark.django_db
POOLS, CODES, IMPORTS = "/admin/mall/codepool/", "/admin/mall/code/", "/admin/mall/codeimport/"
TAKE_IN = f"{POOLS}video/take-in/"
SEES = ("view_codepool", "view_code", "view_codeimport")


@pytest.fixture
def operator():
    """A browser in which an operator with these permissions is logged in, reading English."""

    def enter(*codenames):
        user = User.objects.create_user("sample", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=(*SEES, *codenames), content_type__app_label="mall"))
        client = Client(headers={"accept-language": "en"})
        client.force_login(user)
        return client

    return enter


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def file(*lines, name="codes.csv"):
    return SimpleUploadedFile(name, "\n".join(["code", *lines]).encode())


def mark_of(answer):
    return re.search(r'name="mark" value="(\w+)"', answer.content.decode()).group(1)


def test_a_new_pool_asks_for_its_codes_next(operator):
    client = operator("add_codepool", "add_codeimport")
    about = {"code": "music", "name_zh": "音乐", "name_en": "Music", "text_zh": "", "text_en": "", "low_water": "5"}
    assert client.post(f"{POOLS}add/", about).url == f"{POOLS}music/take-in/"
    assert CodePool.objects.get().history.get().history_user.username == "sample"


def test_a_file_is_checked_before_anything_is_taken_in(operator, pool):
    pool.fill("OLD-0001")
    client = operator("add_codeimport")
    shown = text(client.post(TAKE_IN, {"file": file("NEW-0001", "OLD-0001", "NEW-0001", "", "x" * 101)}))
    for said in ("new codes, taken in 1", "left out: there already 1 line 3", "left out: twice in the file 1 line 4", "The same as line 2.", "Take in 1 code"):
        assert said in shown, said
    assert "NEW-0001" not in shown
    assert pool.codes() == ["OLD-0001"]


def test_what_was_checked_is_taken_in_in_one_step(operator, pool):
    client = operator("add_codeimport")
    mark = mark_of(client.post(TAKE_IN, {"file": file("A", "B")}))
    answer = client.post(TAKE_IN, {"file": file("A", "B"), "mark": mark, "apply": "1"}, follow=True)
    assert "2 codes were taken in." in text(answer)
    made = CodeImport.objects.get()
    assert (pool.codes(), made.actor, made.file_name) == (["A", "B"], "sample", "codes.csv")


def test_another_file_than_the_one_that_was_checked_is_checked_anew(operator, pool):
    client = operator("add_codeimport")
    mark = mark_of(client.post(TAKE_IN, {"file": file("A")}))
    answer = client.post(TAKE_IN, {"file": file("A", "B"), "mark": mark, "apply": "1"})
    assert "The file is not the one that was checked." in text(answer)
    assert mark_of(answer) != mark
    assert pool.codes() == []


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"file": SimpleUploadedFile("x.csv", b"A\nB")}, "The first line must name the columns"),
        ({"file": SimpleUploadedFile("x.xlsx", b"PK\x00\x01")}, "This is no text that we can read."),
        ({}, "This field is required."),
    ],
)
def test_a_file_that_cannot_be_read_says_why(operator, pool, sent, sentence):
    assert sentence in text(operator("add_codeimport").post(TAKE_IN, sent))


def test_a_file_with_nothing_new_offers_nothing_to_take_in(operator, pool):
    pool.fill("A")
    shown = text(operator("add_codeimport").post(TAKE_IN, {"file": file("A")}))
    assert "There is nothing new in it." in shown
    assert "Take in 0" not in shown


def test_no_page_shows_a_code_whole_and_a_whole_code_finds_its_row(operator, pool, reward, rich, mall):
    pool.fill("SECRET-ONE-0001", "SECRET-TWO-0002")
    row = mall.redeem(rich, "video-month")
    code = Code.objects.get(redemption=row)
    client = operator("replace_code", "withdraw_codeimport", "add_codeimport", "change_codepool")
    imported = CodeImport.objects.get().pk
    for page in (CODES, f"{CODES}{code.pk}/change/", f"{CODES}{code.pk}/replace/", POOLS, f"{POOLS}video/change/", f"{IMPORTS}{imported}/change/"):
        assert "SECRET-" not in text(client.get(page)), page
    assert "Status handed out" in text(client.get(f"{CODES}{code.pk}/change/"))
    found = text(client.get(f"{CODES}?q=SECRET-ONE-0001"))
    assert "••••001" in found
    assert "••••002" not in found
    assert "••••001" in text(client.get(f"{CODES}?q=M-1"))
    assert "••••" not in text(client.get(f"{CODES}?q=nobody"))


@pytest.mark.parametrize(("state", "shown"), [("free", "••••002"), ("handed", "••••001"), ("voided", None), ("reserved", None), ("over", None)])
def test_codes_are_listed_by_where_they_stand(operator, pool, reward, rich, mall, state, shown):
    pool.fill("SECRET-ONE-0001", "SECRET-TWO-0002")
    mall.redeem(rich, "video-month")
    found = text(operator().get(f"{CODES}?state={state}&pool__code__exact=video"))
    assert re.findall(r"••••\d+", found) == ([shown] if shown else [])


def test_the_list_of_pools_says_which_runs_low_by_few_statements(operator, pool, mall, django_assert_max_num_queries):
    pool.fill(*(f"C-{n}" for n in range(12)))
    for n in range(12):
        services.keep(pool=CodePool(code=f"p-{n}", name_zh="池", name_en="Pool"), actor="tests", now=mall.now)
    client = operator()
    client.get(POOLS)
    with django_assert_max_num_queries(12):
        shown = text(client.get(POOLS))
    assert "12" in shown


def test_an_import_is_withdrawn_with_a_reason(operator, pool):
    made = pool.fill("A", "B")
    client = operator("withdraw_codeimport")
    page = f"{IMPORTS}{made.pk}/withdraw/"
    assert page in client.get(f"{IMPORTS}{made.pk}/change/").content.decode()
    assert "2 codes of it that nobody has are voided" in text(client.get(page))
    assert client.post(page, {"reason": ""}).status_code == 200
    assert "2 codes were voided." in text(client.post(page, {"reason": "wrong pool"}, follow=True))
    assert page not in client.get(f"{IMPORTS}{made.pk}/change/").content.decode()


def test_a_code_that_does_not_work_is_replaced_with_a_reason(operator, pool, reward, rich, mall):
    pool.fill("A", "B")
    row = mall.redeem(rich, "video-month")
    page = f"{CODES}{Code.objects.get(redemption=row).pk}/replace/"
    assert "The member has another code now." in text(operator("replace_code").post(page, {"reason": "used before"}, follow=True))
    assert pool.codes(redemption=row, voided_at=None) == ["B"]


@pytest.mark.parametrize(
    ("page", "form"),
    [(TAKE_IN, {"file": "x"}), ("{import}withdraw/", {"reason": "x"}), ("{code}replace/", {"reason": "x"}), (f"{POOLS}add/", {"code": "x"})],
)
def test_who_may_only_look_can_do_nothing(operator, pool, reward, rich, mall, page, form):
    made = pool.fill("A", "B")
    row = mall.redeem(rich, "video-month")
    page = page.replace("{import}", f"{IMPORTS}{made.pk}/").replace("{code}", f"{CODES}{Code.objects.get(redemption=row).pk}/")
    client = operator()
    for ask in (client.get, client.post):
        assert ask(page, form).status_code == 403
    assert (pool.codes(voided_at=None), CodePool.objects.count()) == (["A", "B"], 1)


def test_a_pool_keeps_its_name_by_which_rewards_call_it_and_is_never_deleted(operator, pool):
    client = operator("change_codepool", "delete_codepool")
    client.post(f"{POOLS}video/change/", {"code": "other", "name_zh": "新", "name_en": "New", "text_zh": "", "text_en": "", "low_water": "1"})
    assert CodePool.objects.values_list("code", "name_en").get() == ("video", "New")
    assert client.post(f"{POOLS}video/delete/", {"post": "yes"}).status_code == 403
