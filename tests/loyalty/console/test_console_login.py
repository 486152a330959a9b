from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from loyalty.audit.models import AuditEntry

PASSWORD = "a-sample-password-of-tests"

pytestmark = pytest.mark.django_db

LOGIN, FACTOR, INDEX = "/admin/login/", "/admin/second-factor/", "/admin/"


def log_in(client: Client, name: str, password: str = PASSWORD):
    return client.post(f"{LOGIN}?next={INDEX}", {"username": name, "password": password, "next": INDEX})


def code_of(device: TOTPDevice) -> str:
    return f"{totp(device.bin_key):06d}"


@pytest.fixture
def english() -> Client:
    return Client(headers={"accept-language": "en"})


@pytest.fixture
def enrolled(operator):
    user = operator("service")
    return user, TOTPDevice.objects.create(user=user, name="app", confirmed=True)


def test_the_right_password_leads_to_the_overview(english, operator):
    assert log_in(english, operator("viewer").username)["Location"] == INDEX
    assert english.get(INDEX).status_code == 200


def test_five_wrong_passwords_lock_the_name_and_say_so(english, operator):
    name = operator("viewer").username
    answers = [log_in(english, name, "wrong") for _attempt in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    locked = log_in(english, name)
    assert locked.status_code == 429
    assert "this name is locked at your address for 15 minutes" in locked.content.decode()


def test_another_name_at_the_same_address_is_not_locked(english, operator):
    for _attempt in range(5):
        log_in(english, operator("viewer").username, "wrong")
    assert log_in(english, operator("service").username)["Location"] == INDEX


def test_the_lock_ends_after_a_quarter_of_an_hour(english, operator, now, time_machine_at):
    name = operator("viewer").username
    for _attempt in range(5):
        log_in(english, name, "wrong")
    with time_machine_at(now + timedelta(minutes=16)):
        assert log_in(english, name).status_code == 302


def test_an_administrator_unlocks_a_name_with_a_reason(english, operator, browser):
    name = operator("viewer").username
    for _attempt in range(5):
        log_in(english, name, "wrong")
    administrator = browser("administrator")
    unlock = f"{administrator.get('/admin/axes/accessattempt/').context['cl'].result_list[0].pk}/unlock/"
    assert administrator.post(f"/admin/axes/accessattempt/{unlock}", {"reason": "called in"}).status_code == 302
    assert log_in(english, name).status_code == 302
    assert AuditEntry.objects.get(verb="operator.unlocked").reason == "called in"


def test_a_login_without_the_csrf_token_is_refused(operator):
    assert log_in(Client(enforce_csrf_checks=True), operator("viewer").username).status_code == 403


def test_without_the_setting_the_second_factor_is_a_choice(english, operator, settings):
    settings.OPERATOR_SECOND_FACTOR = False
    log_in(english, operator("viewer").username)
    assert english.get(INDEX).status_code == 200


def test_with_the_setting_an_operator_without_a_device_sees_nothing_but_its_set_up(english, operator, settings):
    settings.OPERATOR_SECOND_FACTOR = True
    log_in(english, operator("viewer").username)
    assert english.get("/admin/accounts/member/")["Location"].startswith(LOGIN)
    answer = english.get("/admin/accounts/member/", follow=True)
    assert answer.request["PATH_INFO"] == FACTOR
    assert "<svg" in answer.content.decode()


def test_setting_up_takes_a_code_of_the_new_device_and_shows_ten_backup_codes(english, operator, settings):
    settings.OPERATOR_SECOND_FACTOR = True
    user = operator("viewer")
    log_in(english, user.username)
    english.get(FACTOR)
    device = TOTPDevice.objects.get(user=user)
    assert "does not fit" in english.post(FACTOR, {"code": "000000"}).content.decode()
    device.refresh_from_db()
    device.throttle_reset()
    codes = english.post(FACTOR, {"code": code_of(device)}).context["codes"]
    assert len(set(codes)) == 10
    assert english.get(INDEX).status_code == 200


def test_who_has_a_device_must_give_a_code_whatever_the_setting(english, enrolled, settings):
    settings.OPERATOR_SECOND_FACTOR = False
    user, device = enrolled
    log_in(english, user.username)
    assert english.get("/admin/accounts/member/").status_code == 302
    answer = english.post(FACTOR, {"code": code_of(device), "next": "/admin/accounts/member/"})
    assert answer["Location"] == "/admin/accounts/member/"
    assert english.get("/admin/accounts/member/").status_code == 200


def test_a_wrong_code_is_refused_with_a_sentence(english, enrolled):
    log_in(english, enrolled[0].username)
    assert "not valid" in english.post(FACTOR, {"code": "123456"}).content.decode()
    assert english.get(INDEX).status_code == 302


def test_a_code_works_once(english, enrolled):
    user, device = enrolled
    log_in(english, user.username)
    code = code_of(device)
    english.post(FACTOR, {"code": code})
    english.post(reverse("admin:logout"))
    log_in(english, user.username)
    english.post(FACTOR, {"code": code})
    assert english.get(INDEX).status_code == 302


def test_a_backup_code_works_once(english, operator, settings):
    settings.OPERATOR_SECOND_FACTOR = True
    user = operator("viewer")
    log_in(english, user.username)
    english.get(FACTOR)
    codes = english.post(FACTOR, {"code": code_of(TOTPDevice.objects.get(user=user))}).context["codes"]
    english.post(reverse("admin:logout"))
    log_in(english, user.username)
    english.post(FACTOR, {"code": codes[0].upper()})
    assert english.get(INDEX).status_code == 200
    assert StaticToken.objects.count() == 9


def test_the_page_after_the_code_is_never_elsewhere(english, enrolled):
    user, device = enrolled
    log_in(english, user.username)
    assert english.post(FACTOR, {"code": code_of(device), "next": "https://elsewhere.example/"})["Location"] == INDEX


def test_switching_it_off_needs_to_be_past_it(english, enrolled):
    user, device = enrolled
    log_in(english, user.username)
    english.post(FACTOR, {"drop": "1"})
    assert TOTPDevice.objects.filter(user=user).exists()
    english.post(FACTOR, {"code": code_of(device)})
    english.post(FACTOR, {"drop": "1"})
    assert not TOTPDevice.objects.filter(user=user).exists()


def test_an_administrator_resets_a_lost_device_with_a_reason(browser, enrolled):
    user, _device = enrolled
    answer = browser("administrator").post(f"/admin/auth/user/{user.pk}/reset_second_factor/", {"reason": "phone lost"})
    assert answer.status_code == 302
    assert not TOTPDevice.objects.filter(user=user).exists()
    assert AuditEntry.objects.get(verb="operator.second_factor_reset").reason == "phone lost"


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "用户名"), ("en", "Username")])
def test_the_login_page_can_be_read_in_either_language_before_anybody_is_logged_in(client, db, language, word):
    client.post("/admin/language/", {"language": language, "next": LOGIN})
    assert word in client.get(LOGIN).content.decode()


def test_a_login_page_without_a_wish_is_chinese(client, db):
    assert "用户名" in client.get(LOGIN).content.decode()
