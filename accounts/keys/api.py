"""How a storefront's server authenticates."""

from typing import Any

import structlog
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from loyalty.lib.callers import Caller

from . import rules, selectors, services


class StorefrontKeyAuthentication(BaseAuthentication):
    """`Authorization: Api-Key lk_<prefix>_<secret>`. There is no `request.user`: that is an operator or a member; see `request.auth`."""

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        scheme, _blank, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "api-key":
            return None
        now = timezone.now()
        written = rules.read(text.strip())
        key = selectors.by_prefix(written[0]) if written else None
        if written is None or key is None or not rules.opens(key.lock, written[1], now):
            raise AuthenticationFailed(_("This storefront key is unknown, expired or revoked."))
        services.note_use(key=key, now=now)
        identity = f"key:{key.prefix}"
        structlog.contextvars.bind_contextvars(caller=identity)
        return None, Caller("storefront", identity, frozenset(key.scopes))

    def authenticate_header(self, request: Request) -> str:
        return 'Api-Key realm="api"'


class StorefrontKeyScheme(OpenApiAuthenticationExtension):
    target_class = StorefrontKeyAuthentication
    name = "storefrontKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        about = "A storefront's key: `Api-Key lk_<prefix>_<secret>`. An operator makes it in the admin and chooses its scopes."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": about}
