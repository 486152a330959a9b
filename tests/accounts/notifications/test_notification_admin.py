"""The operators' pages: kinds, texts with their preview, the log."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from accounts.notifications import services
from accounts.notifications.models import Attempt, Delivery, NotificationKind, Template
from loyalty.audit.models import AuditEntry
from loyalty.console import selectors as console
from loyalty.lib.configuration import Configuration

from .conftest import NOW

pytestmark = pytest.mark.django_db
ADMIN = "/admin/accounts/"
TEXTS = f"{ADMIN}notificationkind/birthday/texts/"


@pytest.fixture
def operator(client):
    def log_in(*permissions):
        user = User.objects.create_user("sample-operator", email="operator@sample.example", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions, content_type__app_label="accounts"))
        client.force_login(user)
        client.cookies["django_language"] = "en"
        return client

    return log_in


@pytest.fixture
def writer(operator):
    return operator("view_notificationkind", "change_notificationkind")


@pytest.fixture
def support(operator):
    return operator("view_delivery", "resend_delivery")


def body(chinese="{{ points }} 分", english="{{ points }} points", **more):
    return {"zh-hans-subject": "生日", "zh-hans-text": chinese, "en-subject": "Birthday", "en-text": english, **more}


def test_a_kind_shows_how_it_reads_on_every_channel_in_both_languages(writer):
    page = writer.get(f"{ADMIN}notificationkind/points_expiring/change/").content.decode()
    assert page.count("1,200 of your points can be used until March 1, 2026.") == 3
    assert page.count("您有 1,200 积分可用到2026年3月1日") == 3
    assert page.count("<iframe sandbox") == 2


def test_a_kind_is_changed_with_its_history_and_a_line_in_the_audit_trail(writer):
    asked = {"name_zh": "生日", "name_en": "Birthday", "purpose": "service", "channels": ["email", "inbox"], "way": "first", "hours": "36", "active": "on"}
    assert writer.post(f"{ADMIN}notificationkind/birthday/change/", asked).status_code == 302
    kind = NotificationKind.objects.get(code="birthday")
    assert (kind.channels, kind.way, kind.hours) == (["inbox", "email"], "first", 36)
    assert AuditEntry.objects.get(verb="message_kind.change").figures["hours"] == "36"
    assert kind.history.count() == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"purpose": "marketing", "resend_unknown": "on"}, "Marketing is never sent again without an answer"), ({"hours": "23"}, "greater than or equal to 24")],
)
def test_what_cannot_be_is_said_at_its_field(writer, change, sentence):
    asked = {"name_zh": "生日", "name_en": "Birthday", "purpose": "service", "channels": ["inbox"], "way": "all", "hours": "36", "active": "on", **change}
    assert sentence in writer.post(f"{ADMIN}notificationkind/birthday/change/", asked).content.decode()


def test_texts_are_saved_in_both_languages_at_once(writer):
    assert writer.post(f"{TEXTS}push/", body()).status_code == 302
    saved = Template.objects.filter(kind="birthday", channel="push")
    assert dict(saved.values_list("language", "text")) == {"zh-hans": "{{ points }} 分", "en": "{{ points }} points"}


def test_nothing_is_saved_where_one_language_cannot_be_sent(writer):
    page = writer.post(f"{TEXTS}push/", body(english="{{ oops }}")).content.decode()
    assert "{{ oops }} is not known here." in page
    assert not Template.objects.filter(kind="birthday", channel="push", text="{{ points }} 分").exists()


def test_the_preview_reads_what_is_typed_and_saves_nothing(writer):
    looks = writer.post(f"{TEXTS}sms/", body(english="{{ points }} for <you>", live="1")).json()
    assert "1,200 for &lt;you&gt;" in looks["en"]
    assert "1,200 分" in looks["zh-hans"]
    assert "short message" in looks["en"]
    assert not Template.objects.filter(text__contains="<you>").exists()


def test_a_mails_preview_cannot_reach_out_of_its_frame(writer):
    looks = writer.post(f"{TEXTS}email/", body(**{"en-html": '<p onclick="x">{{ points }}</p>'}, live="1")).json()
    frame = re.search(r'<iframe sandbox srcdoc="([^"]*)"', looks["en"])
    assert "&lt;p onclick=&quot;x&quot;&gt;1,200&lt;/p&gt;" in frame[1]


def test_who_may_only_look_changes_nothing(operator):
    client = operator("view_notificationkind")
    page = client.get(f"{TEXTS}push/").content.decode()
    assert 'name="save"' not in page
    assert client.post(f"{TEXTS}push/", body()).status_code == 403
    assert client.get(f"{TEXTS}fax/").status_code == 404


def test_a_test_goes_to_the_operators_own_address_and_to_nobody_else(writer, mail_server, ann, notify):
    asked = body(**{"en-text": "Hello {{ member_name }}", "en-html": "", "zh-hans-html": ""}, test="en", to="operator@sample.example")
    assert "accepted" in writer.post(f"{TEXTS}email/", asked).content.decode()
    (mail,) = mail_server.mails
    assert (mail["To"], mail["Subject"]) == ("operator@sample.example", "Birthday")
    assert "Hello Sample Member" in mail.get_body(("plain",)).get_content()
    assert not Delivery.objects.exists()
    assert AuditEntry.objects.filter(verb="channel.test").count() == 1


def test_a_test_without_a_provider_says_so(writer):
    assert "No provider is ready" in writer.post(f"{TEXTS}email/", body(test="en", to="operator@sample.example")).content.decode()


# The log.


def again(delivery):
    return reverse("admin:accounts_delivery_send_again", args=[delivery.id])


@pytest.fixture
def logged(by_mail, ann, bo, notify, send):
    """A delivery to Ann that was handed over, and one to somebody else."""
    notify(ann)
    notify(bo)
    assert send() == {"handed_over": 1}
    return Delivery.objects.get(member=ann, channel="email")


@pytest.mark.parametrize("term", ["M-ann", "13800138000", "ANN@sample.example", "{to}", "{provider_id}"])
def test_support_finds_a_message_by_member_phone_mail_or_the_providers_number(support, logged, term):
    page = support.get(f"{ADMIN}delivery/", {"q": term.format(to=logged.to, provider_id=logged.provider_id)}).content.decode()
    assert f"/delivery/{logged.id}/change/" in page
    assert "M-bo" not in page


def test_a_search_for_nobody_finds_nothing(support, logged):
    assert "/change/" not in support.get(f"{ADMIN}delivery/", {"q": "nobody"}).content.decode().split('id="changelist"')[1]


def test_each_attempt_stands_in_the_log_and_what_was_said(support, logged):
    page = support.get(f"{ADMIN}delivery/{logged.id}/change/").content.decode()
    assert "March 13, 2026: 500" in page
    assert Attempt.objects.get().provider_id in page
    assert "Send again" not in page


def test_the_list_asks_no_more_the_longer_it_is(support, logged, notify, bo, django_assert_max_num_queries):
    for number in range(30):
        notify(bo, key=f"more-{number}")
    with django_assert_max_num_queries(14):
        support.get(f"{ADMIN}delivery/")


def test_support_sends_again_with_a_reason(support, logged):
    Delivery.objects.filter(id=logged.id).update(state="unknown")
    page = support.get(again(logged)).content.decode()
    assert "the member may have it already" in page
    assert support.post(again(logged), {}).status_code == 200
    assert Delivery.objects.get(id=logged.id).state == "unknown"
    assert support.post(again(logged), {"reason": "She says that nothing came."}).status_code == 302
    assert Delivery.objects.get(id=logged.id).state == "waiting"


def test_who_may_only_look_sends_nothing_again(operator, logged):
    Delivery.objects.filter(id=logged.id).update(state="unknown")
    client = operator("view_delivery")
    assert client.post(again(logged), {"reason": "No."}).status_code == 403


def test_the_overview_tells_of_what_failed_since_yesterday(logged, now):
    boss = User(username="boss", is_superuser=True, is_active=True)

    def told():
        return [item.count for item in console.attention(boss, now=now) if "delivery" in item.link]

    assert told() == []
    Delivery.objects.filter(id=logged.id).update(state="gave_up", settled_at=now - timedelta(hours=1))
    assert told() == ["1"]
    Delivery.objects.filter(id=logged.id).update(settled_at=now - timedelta(hours=25))
    assert told() == []


def test_settings_are_read_at_once_by_whoever_saved_them(operator):
    client = operator("view_notificationsettings", "change_notificationsettings")
    paces = {f"{channel}_per_minute": "5" for channel in ("email", "sms", "push", "wechat")}
    asked = {"quiet_from": "21:00", "quiet_until": "09:00", "marketing_per_day": "2", **paces}
    assert client.post(f"{ADMIN}notificationsettings/add/", asked).status_code == 302
    Configuration._held.clear()
    assert services.selectors.settings().per_minute("email") == 5
    assert "Give both ends" in client.post(f"{ADMIN}notificationsettings/1/change/", {**asked, "quiet_until": ""}).content.decode()
    assert services.selectors.quiet_until(NOW) == NOW
