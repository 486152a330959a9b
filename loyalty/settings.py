"""Every setting that an installation may change comes from the environment and is described in `.env.example`.

Defaults are safe for the internet: debugging off, cookies only over https. What an operator may change lives in the admin instead.
"""

import logging
import os
from datetime import timedelta
from pathlib import Path

import environ
from django.utils.translation import gettext_lazy as _

from loyalty.console.rules import UNFOLD  # noqa: F401
from loyalty.logs import logging_config

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = env("SECRET_KEY")
DEBUG = env.bool("DEBUG", default=False)
SECURE = env.bool("SECURE", default=True)
PUBLIC_URL = env("PUBLIC_URL", default="http://127.0.0.1:8000")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
# Shown in the header of every page of the admin, to tell installations apart.
ENVIRONMENT_NAME = env("ENVIRONMENT_NAME", default="")
METRICS_TOKEN = env("METRICS_TOKEN", default="")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "loyalty.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "django_celery_beat",
    "django_filters",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "django_prometheus",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pgtrigger",
    "rest_framework",
    "simple_history",
    "loyalty.apps.LoyaltyConfig",
    "accounts",
    "riskcontrol",
    "tiers",
    "points",
    "mall",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "loyalty.logs.RequestLog",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "loyalty.urls"
WSGI_APPLICATION = "loyalty.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.db("DATABASE_URL")}
# A new connection per request costs more than the request: persistent ones are worth four times the throughput.
DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# How long a process may go on with settings that an operator has just changed elsewhere.
CONFIGURATION_SECONDS = env.float("CONFIGURATION_SECONDS", default=2.0)

REDIS_URL = env("REDIS_URL")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Chinese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "loyalty" / "locale"]
FORMAT_MODULE_PATH = "loyalty.formats"
TIME_ZONE = "UTC"
USE_I18N = USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = env("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))
WHITENOISE_USE_FINDERS = env.bool("SERVE_STATIC_FROM_SOURCE", default=DEBUG)

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# What was set before can be read, not brought back with one click.
SIMPLE_HISTORY_REVERT_DISABLED = True
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
OPERATOR_SECOND_FACTOR = env.bool("OPERATOR_SECOND_FACTOR", default=False)
OTP_TOTP_ISSUER = "Loyalty"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "loyalty.console.api.locked_out"
AXES_ENABLE_ADMIN = False
AXES_IPWARE_PROXY_COUNT = TRUSTED_PROXIES
AXES_IPWARE_META_PRECEDENCE_ORDER = ["HTTP_X_FORWARDED_FOR", "REMOTE_ADDR"] if TRUSTED_PROXIES else ["REMOTE_ADDR"]

if SECURE:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    if TRUSTED_PROXIES:
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.keys.api.StorefrontKeyAuthentication",
        "accounts.tokens.api.MemberTokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["loyalty.lib.callers.ScopeRequired"],
    "DEFAULT_RENDERER_CLASSES": ["loyalty.lib.problems.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["loyalty.lib.fields.StrictJSONParser"],
    "DEFAULT_PAGINATION_CLASS": "loyalty.lib.paging.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "loyalty.lib.schema.ProblemSchema",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_THROTTLE_CLASSES": ["loyalty.lib.throttling.CallerThrottle"],
    "EXCEPTION_HANDLER": "loyalty.lib.problems.answer",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
    "NUM_PROXIES": TRUSTED_PROXIES,
}
# Requests a minute.
RATE_LIMIT_STOREFRONT = env.int("RATE_LIMIT_STOREFRONT", default=6000)
RATE_LIMIT_MEMBER = env.int("RATE_LIMIT_MEMBER", default=120)
RATE_LIMIT_ANONYMOUS = env.int("RATE_LIMIT_ANONYMOUS", default=60)

MEMBER_TOKEN_MINUTES = env.int("MEMBER_TOKEN_MINUTES", default=15)
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=MEMBER_TOKEN_MINUTES), "USER_ID_CLAIM": "sub", "ALGORITHM": "HS256"}

SPECTACULAR_SETTINGS = {
    "TITLE": "Loyalty API",
    "DESCRIPTION": "What a storefront calls: members, quotes, holds, purchases, refunds, points. Points are integers, money is in the "
    "currency's minor unit. Every write that moves points may be sent again with the same Idempotency-Key.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "MemberStatus": "accounts.members.models.Member.Status",
        "EntryKind": "points.ledger.models.Entry.Kind",
        "HoldStatus": "points.ledger.models.Hold.Status",
        "MissionKind": "points.missions.models.Mission.Kind",
        "PaidWith": "points.checkin.models.PaidWith",
        "CouponKind": "mall.coupons.models.CouponTemplate.Kind",
        "CouponSource": "mall.coupons.models.Coupon.Source",
        "CouponStatus": "mall.coupons.api.STATUSES",
        "RefundStatus": "mall.checkout.api.RefundStatus",
        "RewardKind": "mall.rewards.models.Reward.Kind",
        "RedemptionStatus": "mall.redemptions.models.Redemption.Status",
    },
}

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 100
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A killed worker's task comes back within seconds; rows with due times would bring the work back anyway.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 300, "unacked_restore_interval": 1, "unacked_restore_throttle": 1}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# How messages leave: addresses and secrets of the mail server and the providers. What is public about them is set in the admin; an address
# that a secret is sent to is not, for whoever may change the one can read the other. Taken as written: a password may begin with a $.
CHANNELS = {
    name: os.environ.get(name) or default
    for name, default in {
        "SMTP_HOST": "",
        "SMTP_PORT": "587",
        "SMTP_SECURITY": "starttls",
        "SMTP_USER": "",
        "SMTP_PASSWORD": "",
        "MAIL_DIR": "",
        "ALIYUN_SMS_ACCESS_KEY_ID": "",
        "ALIYUN_SMS_ACCESS_KEY_SECRET": "",
        "ALIYUN_SMS_RECEIPT_TOKEN": "",
        "ALIYUN_SMS_URL": "https://dysmsapi.aliyuncs.com",
        "TENCENT_SMS_SECRET_ID": "",
        "TENCENT_SMS_SECRET_KEY": "",
        "TENCENT_SMS_RECEIPT_TOKEN": "",
        "TENCENT_SMS_URL": "https://sms.tencentcloudapi.com",
        "FCM_SERVICE_ACCOUNT": "",
        "FCM_URL": "https://fcm.googleapis.com",
        "APNS_KEY": "",
        "APNS_URL": "https://api.push.apple.com",
        "WECHAT_APP_SECRET": "",
        "WECHAT_RECEIPT_TOKEN": "",
        "WECHAT_AES_KEY": "",
        "WECHAT_URL": "https://api.weixin.qq.com",
    }.items()
}
CHANNEL_CONNECT_SECONDS = env.float("CHANNEL_CONNECT_SECONDS", default=5.0)
CHANNEL_ANSWER_SECONDS = env.float("CHANNEL_ANSWER_SECONDS", default=10.0)
MESSAGE_SENDERS = env.int("MESSAGE_SENDERS", default=4)
RECEIPT_DAYS = env.int("RECEIPT_DAYS", default=90)

# Of providers of vouchers: the secret that signs what is asked of each, and where it is reached if elsewhere than the admin says.
VOUCHERS = {name: value for name, value in os.environ.items() if name.startswith(("VOUCHER_SECRET_", "VOUCHER_URL_"))}
VOUCHER_CONNECT_SECONDS = env.float("VOUCHER_CONNECT_SECONDS", default=5.0)
VOUCHER_ANSWER_SECONDS = env.float("VOUCHER_ANSWER_SECONDS", default=15.0)
VOUCHER_SENDERS = env.int("VOUCHER_SENDERS", default=4)

# What the storefront is told: the hosts to which it goes by http as well, and inside this network; how long an answer is waited for.
WEBHOOK_INTERNAL_HOSTS = env.list("WEBHOOK_INTERNAL_HOSTS", default=[])
WEBHOOK_CONNECT_SECONDS = env.float("WEBHOOK_CONNECT_SECONDS", default=5.0)
WEBHOOK_ANSWER_SECONDS = env.float("WEBHOOK_ANSWER_SECONDS", default=10.0)
WEBHOOK_SENDERS = env.int("WEBHOOK_SENDERS", default=4)
WEBHOOK_DAYS = env.int("WEBHOOK_DAYS", default=30)

# Hosts whose pictures operators see at once beside a proof; of others they see the address, and the picture when they ask for it.
PROOF_IMAGE_HOSTS = env.list("PROOF_IMAGE_HOSTS", default=[])

IDEMPOTENCY_DAYS = env.int("IDEMPOTENCY_DAYS", default=7)
OUTBOX_DAYS = env.int("OUTBOX_DAYS", default=14)
MESSAGE_DAYS = env.int("MESSAGE_DAYS", default=180)
INBOX_DAYS = env.int("INBOX_DAYS", default=730)
JOB_RUN_DAYS = env.int("JOB_RUN_DAYS", default=90)
SIMULATION_DAYS = env.int("SIMULATION_DAYS", default=180)
FLASH_TICKET_DAYS = env.int("FLASH_TICKET_DAYS", default=90)
PICTURE_DAYS = env.int("PICTURE_DAYS", default=7)

LOG_FORMAT = env("LOG_FORMAT", default="json")
LOG_LEVEL = env("LOG_LEVEL", default="INFO")
LOGGING = logging_config(form=LOG_FORMAT, level=LOG_LEVEL)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = logging.DEBUG
# Only our own proxy may name a request.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = TRUSTED_PROXIES > 0
