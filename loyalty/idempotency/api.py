import functools
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from loyalty.lib.refusals import BusinessError

from . import services


class KeyMissing(BusinessError):
    code, status, title = "key_missing", 400, _("This request needs an Idempotency-Key header.")


class KeyInvalid(BusinessError):
    code, status, title = "key_invalid", 400, _("An Idempotency-Key is 1 to 255 visible ASCII characters without blanks.")


def idempotent(method: Callable[..., Response]) -> Callable[..., Response]:
    """For a method of a view: runs it in one transaction with its Idempotency-Key, which it finds as `request.idempotency_key`.

    Answers of 400 and above are rolled back and not kept, as exceptions are. Of an answer, status and body are kept, headers not.
    What the view registers with `transaction.on_commit` runs after the commit, before the answer is sent.
    """

    @functools.wraps(method)
    def once(view: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = _key(request)
        now = timezone.now()
        with transaction.atomic():
            claim = services.claim(caller=request.auth.identity, key=key, digest=_digest(request), now=now)
            if claim.answer:
                status, body = claim.answer
                return Response(json.loads(body) if body else None, status=status, headers={"Idempotent-Replayed": "true"})
            request.idempotency_key = key
            response = method(view, request, *args, **kwargs)
            if response.status_code >= 400:
                transaction.set_rollback(True)
                return response
            # Rendered now, and not again later: what is kept is what is sent.
            view.finalize_response(request, response)
            about = getattr(view, "member", None)
            body = response.render().content.decode()
            services.keep(claim_id=claim.id, status=response.status_code, body=body, member_id=about.id if about else None)
            return response

    once.idempotent = True  # type: ignore[attr-defined]
    return once


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        raise KeyMissing
    if not re.fullmatch(r"[!-~]{1,255}", key):
        raise KeyInvalid
    return key


def _digest(request: Request) -> str:
    address = f"{request.method} {request.get_full_path()}\n"
    return hashlib.sha256(address.encode() + request.body).hexdigest()
