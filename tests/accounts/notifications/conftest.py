"""A programme that sends: members with addresses, and a provider for every channel."""

from datetime import UTC, datetime

import pytest

from accounts.channels import services as channels
from accounts.channels.rules import PROVIDERS
from accounts.members import services as members
from accounts.notifications import services

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
EXPIRING = {"points": 1200, "day": "2026-03-13", "days": 3, "lots": [{"points": 500, "day": "2026-03-13"}, {"points": 700, "day": "2026-03-16"}]}


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
