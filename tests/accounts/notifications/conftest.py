"""A programme that sends: members with addresses, and a provider for every channel."""

from datetime import UTC, datetime

import pytest

from accounts.channels import services as channels
from accounts.channels.rules import PROVIDERS
from accounts.members import services as members
from accounts.notifications import services
from accounts.notifications.models import Delivery, NotificationKind
from loyalty.lib.configuration import Configuration

from .mail_server import MailServer

# Noon in the programme's zone: nothing is quiet.
NOW = datetime(2026, 3, 10, 4, tzinfo=UTC)
PARAMETERS = {
    "smtp": {"from_address": "points@shop.example", "from_name": "Sample Shop"},
    "aliyun": {"sign_name": "示例商店", "country_code": "86"},
    "fcm": {"project": "sample-shop"},
    "wechat": {"app_id": "wx0123456789abcdef", "page": ""},
}
OPEN_ID = "oSampleFollower000000000001"
DEVICE = "fcm:sample-device-token-0001"
EXPIRING = {
    "points": 1200,
    "day": "2026-03-13",
    "amounts": [{"points": 500, "day": "2026-03-13"}, {"points": 700, "day": "2026-03-16"}],
    "expired_points": 0,
    "expired_day": None,
    "expired_amounts": [],
}


@pytest.fixture
def every_channel(db, settings):
    """Each channel has its provider."""
    settings.CHANNELS = dict.fromkeys(settings.CHANNELS, "sample")
    for provider, parameters in PARAMETERS.items():
        channels.set_up(provider=provider, parameters=parameters, in_use=True)
    return PROVIDERS


@pytest.fixture
def ann(db):
    """A member with a mail address and a phone, who reads English."""
    made, _new = members.register(external_id="M-ann", name="Ann Sample", email="ann@sample.example", phone="13800138000", language="en", now=NOW)
    return made


@pytest.fixture
def bo(db):
    """A member of whom nothing is known."""
    return members.ensure(external_id="M-bo", now=NOW)


@pytest.fixture
def notify():
    def tell(member, kind="points_expiring", key="k-1", about=None, now=NOW):
        return services.notify(member_id=member.id, kind=kind, key=key, about=EXPIRING if about is None else about, now=now)

    return tell


@pytest.fixture
def mail_server(every_channel, settings):
    """E-mail goes to a server on this machine."""
    with MailServer() as server:
        settings.CHANNELS = {**settings.CHANNELS, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(server.port), "SMTP_SECURITY": "none", "SMTP_USER": ""}
        settings.CHANNEL_CONNECT_SECONDS = settings.CHANNEL_ANSWER_SECONDS = 2.0
        yield server


@pytest.fixture
def by_mail(mail_server):
    """Messages go to the inbox and out by e-mail, nothing else."""
    NotificationKind.objects.update(channels=["inbox", "email"])
    Configuration._held.clear()
    return mail_server


@pytest.fixture
def send():
    """Send what is due at that time: what became of each."""

    def pass_over(now=NOW, limit=100):
        services.recover(limit=100, now=now)
        return services.send_due(limit=limit, clock=lambda: now)

    return pass_over


@pytest.fixture
def mail_to():
    """The delivery of the last message to that member by e-mail."""
    return lambda member: Delivery.objects.filter(member_id=member.id, channel="email").latest("id")
