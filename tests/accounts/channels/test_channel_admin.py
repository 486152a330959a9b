"""Operators say which provider serves a channel, see what is missing, and send a test; secrets are shown nowhere."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from accounts.channels import services as channels
from accounts.channels.models import ChannelSettings, ProviderTemplate, Receipt
from loyalty.audit.models import AuditEntry
from tests.accounts.channels.conftest import NUMBER, PARAMETERS

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client, settings):
    settings.LANGUAGE_CODE = "en"
    client.force_login(User.objects.create_superuser("op", password=None))
    return client


@pytest.fixture
def viewer(client, settings):
    settings.LANGUAGE_CODE = "en"
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_channelsettings", "view_providertemplate", "view_receipt"]))
    client.force_login(user)
    return client


def page(name, *args):
    return reverse(f"admin:accounts_channelsettings_{name}", args=args)


def text(response):
    return response.content.decode()


def test_every_provider_has_a_page_that_says_what_is_missing(operator):
    listed = text(operator.get(page("changelist")))
    for row in ChannelSettings.objects.all():
        assert str(row) in listed
        shown = text(operator.get(page("change", row.provider)))
        assert all(name in shown for name in (*row.about.needs, *row.about.may))
        assert "missing" in shown


def test_what_a_provider_must_know_is_kept_and_has_a_history(operator, environment):
    environment(SMTP_HOST="mail.example")
    given = {"in_use": "on", "from_address": "points@shop.example", "from_name": "Sample Shop", "reply_to": ""}
    assert operator.post(page("change", "smtp"), given).status_code == 302
    row = ChannelSettings.objects.get(provider="smtp")
    assert row.parameters == {"from_address": "points@shop.example", "from_name": "Sample Shop", "reply_to": ""}
    assert channels.providers()["email"].can_send
    assert row.history.first().history_user.username == "op"
    assert "points@shop.example" in text(operator.get(page("change", "smtp")))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"from_address": "no address"}, "That cannot be right."),
        ({"from_address": "a@b.cn\nBcc: x@y.cn"}, "That cannot be right."),
        ({"in_use": "on", "from_address": ""}, "Needed before the provider is in use."),
    ],
)
def test_what_cannot_work_is_said_at_its_field(operator, given, sentence):
    response = operator.post(page("change", "smtp"), {"from_name": "", "reply_to": "", **given})
    assert (response.status_code, sentence in text(response)) == (200, True)
    assert ChannelSettings.objects.get(provider="smtp").parameters == {}


def test_a_channel_has_one_provider_and_push_has_one_for_each_kind_of_device(operator):
    channels.set_up(provider="mailbox", parameters={"from_address": "points@shop.example"}, in_use=True)
    response = operator.post(page("change", "smtp"), {"in_use": "on", "from_address": "points@shop.example", "from_name": "", "reply_to": ""})
    assert "serves this channel. Take it out of use first." in text(response)
    for code in ("fcm", "apns"):
        assert operator.post(page("change", code), {"in_use": "on", **PARAMETERS[code]}).status_code == 302
    assert list(ChannelSettings.objects.filter(in_use=True).values_list("provider", flat=True)) == ["mailbox", "apns", "fcm"]


def test_a_provider_that_is_set_up_takes_the_place_of_another(db):
    channels.set_up(provider="mailbox", parameters={"from_address": "points@shop.example"}, in_use=True)
    channels.set_up(provider="smtp", parameters={"from_address": "points@shop.example"}, in_use=True)
    assert list(ChannelSettings.objects.filter(in_use=True).values_list("provider", flat=True)) == ["smtp"]


def template(**fields):
    one = {"id": "", "settings": "aliyun", "kind": "points_expiring", "language": "zh-hans", "code": "SMS_1", "variables": "points=points", **fields}
    return {"templates-TOTAL_FORMS": "1", "templates-INITIAL_FORMS": "0", **{f"templates-0-{name}": value for name, value in one.items()}}


def test_templates_say_which_of_the_providers_carries_which_kind(operator):
    given = {"sign_name": "样例商城", "country_code": "86"}
    assert operator.post(page("change", "aliyun"), {**given, **template()}).status_code == 302
    assert ProviderTemplate.objects.get().read_variables() == [("points", "points")]
    refused = operator.post(page("change", "aliyun"), {**given, **template(kind="tier_reached", variables="not a line")})
    assert "Write a line like thing1=tier" in text(refused)


def test_no_secret_is_shown_anywhere(operator, provider):
    server = provider("aliyun")
    for address in (page("changelist"), page("change", "aliyun"), page("history", "aliyun"), page("send_test", "aliyun")):
        shown = text(operator.get(address))
        assert server.secret not in shown
        assert server.key_id not in shown


def test_a_test_is_asked_about_and_then_sent(operator, provider):
    server = provider("aliyun")
    chosen = ProviderTemplate.objects.get()
    asked = operator.get(page("send_test", "aliyun"))
    assert "A real message goes out at once" in text(asked)
    assert server.asked == []
    given = {"key": str(asked.context["form"].initial["key"]), "to": NUMBER, "template": chosen.pk, "values": "points=300\nday = 31 December"}
    response = operator.post(page("send_test", "aliyun"), given, follow=True)
    assert "The provider has taken it as number 100^0." in text(response)
    assert server.asked[0].query["TemplateParam"] == '{"points": "300", "day": "31 December"}'
    entry = AuditEntry.objects.get(verb="channel.test")
    assert (entry.actor, entry.subject, entry.figures["to"], entry.figures["state"]) == ("op", "channel/aliyun", "138****8000", "accepted")


@pytest.mark.parametrize("in_use", [True, False])
def test_a_test_goes_out_in_use_or_not_and_what_went_wrong_is_said(operator, environment, in_use, nobody):
    environment(SMTP_HOST="127.0.0.1", SMTP_PORT=nobody.rpartition(":")[2])
    channels.set_up(provider="smtp", parameters={"from_address": "points@shop.example"}, in_use=in_use)
    given = {"key": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f02", "to": "me@example.com"}
    assert "It was not handed over: " in text(operator.post(page("send_test", "smtp"), given, follow=True))


def test_where_something_is_missing_no_test_is_sent(operator):
    given = {"key": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f02", "to": "me@example.com"}
    response = operator.post(page("send_test", "smtp"), given)
    assert (response.status_code, "The provider&#x27;s settings are not complete." in text(response)) == (200, True)
    assert not AuditEntry.objects.filter(verb="channel.test").exists()


@pytest.mark.parametrize(("code", "to"), [("smtp", "nobody"), ("apns", "fcm:sample-registration-token-0001"), ("smtp", "a@b.cn\r\nBcc: x@y.cn")])
def test_a_test_goes_to_an_address_of_that_provider(operator, code, to):
    response = operator.post(page("send_test", code), {"key": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f02", "to": to})
    assert "This is no address of that channel." in text(response)


def test_who_may_only_look_changes_nothing_and_sends_nothing(viewer):
    assert viewer.get(page("change", "aliyun")).status_code == 200
    assert viewer.post(page("change", "aliyun"), {"in_use": "on"}).status_code == 403
    assert viewer.get(page("send_test", "aliyun")).status_code == 403


def test_receipts_are_found_by_the_providers_number_and_by_our_key(viewer, now):
    channels.receive(provider="aliyun", told=[channels.Told("9338^0", "delivered", key="k-1"), channels.Told("9339^0", "bounced")], now=now)
    listed = reverse("admin:accounts_receipt_changelist")
    for term in ("9338^0", "k-1"):
        shown = text(viewer.get(listed, {"q": term}))
        assert ("9338^0" in shown, "9339^0" in shown) == (True, False)
    assert viewer.get(reverse("admin:accounts_receipt_change", args=[Receipt.objects.first().pk])).status_code == 200
