"""Providers on this machine, and this installation set up to use them."""

import json
import socket
from contextlib import ExitStack

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from accounts.channels import services as channels
from accounts.channels.models import ProviderTemplate
from accounts.channels.providers import apns, fcm, wechat
from tests.accounts.channels import certificates as making
from tests.accounts.channels import servers

NUMBER, FOLLOWER = "13800138000", "oia2TjuEGTNoeX76QEjQNrcURxG8"
ANDROID, IPHONE = "fcm:sample-registration-token-0001", "apns:" + "5f" * 32
ADDRESS = {"aliyun": ("sms", NUMBER), "tencent": ("sms", NUMBER), "fcm": ("push", ANDROID), "apns": ("push", IPHONE), "wechat": ("wechat", FOLLOWER)}
PARAMETERS = {
    "aliyun": {"sign_name": "样例商城"},
    "tencent": {"app_id": "1400006666", "sign_name": "样例商城"},
    "fcm": {"project": "sample-project"},
    "apns": {"topic": "com.example.shop", "team": "TEAM000001", "key_id": "KEY0000001"},
    "wechat": {"app_id": servers.WeChat.app_id, "page": "https://shop.example/points"},
}
VARIABLES = {"aliyun": "points=points\nday=day", "tencent": "points\nday", "wechat": "amount1=points\ntime2=day"}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return making.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def keys():
    """What signs: Google's service account (RSA) and Apple's key (P-256)."""
    return {"fcm": rsa.generate_private_key(65537, 2048), "apns": ec.generate_private_key(ec.SECP256R1())}


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


@pytest.fixture(autouse=True)
def at_home(settings, monkeypatch, certificates):
    """Everybody trusts the sample authority, no proxy stands in between, and nothing is set up yet."""
    settings.CHANNELS = {name: value if name.endswith("_URL") else "" for name, value in settings.CHANNELS.items()}
    settings.CHANNEL_CONNECT_SECONDS = settings.CHANNEL_ANSWER_SECONDS = 20
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for held in (fcm.TOKENS, apns.TOKENS, wechat.TOKENS):
        held.clear()


@pytest.fixture
def impatient(settings):
    """For those who are kept waiting on purpose; the others wait as long as a busy machine needs."""
    settings.CHANNEL_CONNECT_SECONDS = settings.CHANNEL_ANSWER_SECONDS = 0.8


@pytest.fixture
def environment(settings):
    def change(**values):
        settings.CHANNELS = {**settings.CHANNELS, **values}

    return change


@pytest.fixture
def provider(db, environment, certificates, keys):
    """`provider("aliyun")` starts that provider's server, and sets this installation up to use it."""
    with ExitStack() as stack:

        def start(code, *, certificate=None, handshakes=True, url=None, **parameters):
            about = PARAMETERS[code] | parameters
            options = {"certificate": certificate or certificates.good, "handshakes": handshakes}
            if code == "aliyun":
                server = servers.Aliyun(**options)
                secrets = {"ALIYUN_SMS_ACCESS_KEY_ID": server.key_id, "ALIYUN_SMS_ACCESS_KEY_SECRET": server.secret, "ALIYUN_SMS_URL": url or server.url}
            elif code == "tencent":
                server = servers.Tencent(**options)
                secrets = {"TENCENT_SMS_SECRET_ID": server.secret_id, "TENCENT_SMS_SECRET_KEY": server.secret, "TENCENT_SMS_URL": url or server.url}
            elif code == "fcm":
                name = "sender@sample-project.iam.gserviceaccount.com"
                server = servers.Fcm(public_key=keys["fcm"].public_key(), account=name, project=about["project"], **options)
                token = f"{url or server.url}/token"
                account = {"client_email": name, "private_key_id": "k1", "private_key": pem(keys["fcm"]), "token_uri": token}
                secrets = {"FCM_SERVICE_ACCOUNT": json.dumps(account), "FCM_URL": url or server.url}
            elif code == "apns":
                server = servers.Apns(public_key=keys["apns"].public_key(), team=about["team"], key_id=about["key_id"], topic=about["topic"], **options)
                secrets = {"APNS_KEY": pem(keys["apns"]), "APNS_URL": url or server.url}
            else:
                server = servers.WeChat(**options)
                secrets = {"WECHAT_APP_SECRET": server.secret, "WECHAT_URL": url or server.url}
            stack.enter_context(server)
            environment(**secrets)
            row = channels.set_up(provider=code, parameters=about, in_use=True)
            if code in VARIABLES:
                ProviderTemplate.objects.create(settings=row, kind="points_expiring", language="zh-hans", code="SMS_154950909", variables=VARIABLES[code])
            return server

        yield start


@pytest.fixture
def message():
    return channels.Rendered(
        subject="积分即将过期",
        text="您有 300 积分将于 12 月 31 日过期。",
        template="points_expiring",
        parameters={"points": "300", "day": "12 月 31 日"},
        language="zh-hans",
    )


@pytest.fixture
def hand_over(message, now):
    """`hand_over("aliyun")`: that message to the sample address of that provider."""

    def act(code, *, key="M-1/expiry/2026-12-01", to=None, said=None, at=None):
        channel, address = ADDRESS[code]
        return channels.hand_over(channel=channel, to=to or address, message=said or message, key=key, now=at or now)

    return act


@pytest.fixture
def nobody():
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"https://127.0.0.1:{port}"
