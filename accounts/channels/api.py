"""What providers tell of messages. They have no key of ours: each is believed by its own signature, or by the token in the address given to it."""

import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from loyalty.lib.problems import MEDIA_TYPE
from loyalty.lib.refusals import BusinessError
from loyalty.lib.schema import Problem

from . import selectors, services
from .providers import aliyun, tencent, wechat
from .rules import Told

# Providers tell of a hundred messages at a time.
MOST_LINES = 1000


class NotTheProvider(BusinessError):
    code, status, title = "receipt_not_verified", 403, _("This does not come from the provider: its signature or token is missing or wrong.")


class _AsItCame(BaseParser):
    """The body as text, whatever it calls itself: it is read once it is known who sent it."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> str:
        try:
            return str(stream.read().decode())
        except UnicodeDecodeError as error:
            raise ParseError(_("This is not UTF-8.")) from error


class ReceiptView(APIView):
    scopes: dict[str, str | None] = {"POST": None}
    authentication_classes = ()
    parser_classes = (_AsItCame,)
    # Many messages, few addresses: who is not the provider is turned away before anything is read.
    throttle_classes = ()

    provider: str

    def take(self, told: Sequence[Told], now: datetime) -> None:
        services.receive(provider=self.provider, told=told[:MOST_LINES], now=now)


def _by_token(request: Request, setting: str) -> None:
    """Refuses whoever does not know the token that stands in the address given to the provider."""
    wanted, given = settings.CHANNELS[setting], request.query_params.get("token", "")
    if not wanted or not hmac.compare_digest(wanted.encode(), given.encode()):
        raise NotTheProvider


def _text(request: Request) -> str:
    # Of a request without a body the framework makes an empty dictionary.
    return request.data if isinstance(request.data, str) else ""


def _lines(request: Request) -> Sequence[object]:
    try:
        lines = json.loads(_text(request))
    except (ValueError, RecursionError) as error:
        raise ParseError(_("This is no JSON.")) from error
    if not isinstance(lines, list):
        raise ParseError(_("A JSON array is expected."))
    return lines


_REFUSED = {(403, MEDIA_TYPE): OpenApiResponse(Problem, "`receipt_not_verified`: not from the provider.")}
_TOKEN = OpenApiParameter("token", OpenApiTypes.STR, OpenApiParameter.QUERY, required=True, description="What stands in the environment for this provider.")


def _documented(summary: str, description: str, body: dict[str, Any], answer: dict[str, Any]) -> Callable[[Any], Any]:
    fields = {name: serializers.BooleanField() if isinstance(value, bool) else serializers.CharField() for name, value in body.items()}
    name = summary.replace(" ", "")
    said = {name: serializers.IntegerField() if isinstance(value, int) else serializers.CharField() for name, value in answer.items()}
    return extend_schema(
        summary=summary,
        description=description,
        auth=[],
        parameters=[_TOKEN],
        request={"application/json": inline_serializer(f"{name}Line", fields, many=True)},
        responses={200: inline_serializer(f"{name}Taken", said), **_REFUSED},
        examples=[
            OpenApiExample("A receipt", body, request_only=True),
            OpenApiExample("Taken", answer, response_only=True),
        ],
    )


class AliyunReceiptsView(ReceiptView):
    provider = "aliyun"

    @_documented(
        "Receipts of Aliyun SMS",
        "SmsReport, for Aliyun alone. Told again it changes nothing; a number that nobody here knows is counted, and taken all the same.",
        {
            "phone_number": "13800138000",
            "send_time": "2026-03-01 12:00:00",
            "report_time": "2026-03-01 12:00:03",
            "success": True,
            "err_code": "DELIVERED",
            "err_msg": "用户接收成功",
            "sms_size": "1",
            "biz_id": "933806972345654321^0",
            "out_id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f02",
        },
        {"code": 0, "msg": "成功"},
    )
    def post(self, request: Request) -> Response:
        _by_token(request, "ALIYUN_SMS_RECEIPT_TOKEN")
        self.take(aliyun.receipts(_lines(request)), timezone.now())
        return Response({"code": 0, "msg": "成功"})


class TencentReceiptsView(ReceiptView):
    provider = "tencent"

    @_documented(
        "Receipts of Tencent Cloud SMS",
        "Status callback, for Tencent Cloud alone. Told again it changes nothing; a number that nobody here knows is counted, and taken all the same.",
        {
            "user_receive_time": "2026-03-01 12:00:03",
            "nationcode": "86",
            "mobile": "13800138000",
            "report_status": "SUCCESS",
            "errmsg": "DELIVRD",
            "description": "用户短信送达成功",
            "sid": "2433:2846281654321098765",
        },
        {"result": 0, "errmsg": "OK"},
    )
    def post(self, request: Request) -> Response:
        _by_token(request, "TENCENT_SMS_RECEIPT_TOKEN")
        self.take(tencent.receipts(_lines(request)), timezone.now())
        return Response({"result": 0, "errmsg": "OK"})


_SIGNED = [
    OpenApiParameter("signature", OpenApiTypes.STR, OpenApiParameter.QUERY, required=True, description="SHA-1 of token, timestamp and nonce, sorted."),
    OpenApiParameter("timestamp", OpenApiTypes.INT, OpenApiParameter.QUERY, required=True, description="Not older than fifteen minutes."),
    OpenApiParameter("nonce", OpenApiTypes.STR, OpenApiParameter.QUERY, required=True),
]
_EVENT = (
    "<xml><ToUserName><![CDATA[gh_7f083739789a]]></ToUserName><FromUserName><![CDATA[oia2TjuEGTNoeX76QEjQNrcURxG8]]></FromUserName>"
    "<CreateTime>1772337603</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[TEMPLATESENDJOBFINISH]]></Event>"
    "<MsgID>200163836</MsgID><Status><![CDATA[success]]></Status></xml>"
)


class WeChatReceiptsView(ReceiptView):
    scopes = {"GET": None, "POST": None}
    provider = "wechat"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self._check(request, "signature")

    def _check(self, request: Request, name: str, content: str = "") -> None:
        token, asked = settings.CHANNELS["WECHAT_RECEIPT_TOKEN"], request.query_params
        said = {"signature": asked.get(name, ""), "timestamp": asked.get("timestamp", ""), "nonce": asked.get("nonce", "")}
        if not token or not wechat.signed(token, **said, content=content, now=timezone.now()):
            raise NotTheProvider

    def _event(self, request: Request) -> str:
        """The event as it came, or what was encrypted in it: with a key set, nothing else is believed."""
        aes_key = settings.CHANNELS["WECHAT_AES_KEY"]
        if not aes_key:
            return _text(request)
        content = wechat.sealed(_text(request))
        if not content:
            raise NotTheProvider
        self._check(request, "msg_signature", content)
        return wechat.opened(content, aes_key=aes_key, app_id=selectors.parameter("wechat", "app_id"))

    @extend_schema(
        summary="WeChat asks whether this is your server",
        description="When its address is entered at the official account. Answered with `echostr`, where the signature is right.",
        auth=[],
        parameters=[*_SIGNED, OpenApiParameter("echostr", OpenApiTypes.STR, OpenApiParameter.QUERY, required=True)],
        responses={(200, "text/plain"): OpenApiTypes.STR, **_REFUSED},
        examples=[OpenApiExample("The same again", "5927782489442352469", response_only=True, media_type="text/plain")],
    )
    def get(self, request: Request) -> HttpResponse:
        return _plain(request.query_params.get("echostr", "")[:200])

    @extend_schema(
        summary="Events of the WeChat official account",
        description="In plaintext mode, or, with WECHAT_AES_KEY set, in safe mode: then the encrypted content is what counts, signed as `msg_signature`. "
        "TEMPLATESENDJOBFINISH tells what became of a template message; other events are taken and left alone.",
        auth=[],
        parameters=_SIGNED,
        request={"text/xml": OpenApiTypes.STR},
        responses={(200, "text/plain"): OpenApiTypes.STR, **_REFUSED},
        examples=[
            OpenApiExample("Delivered", _EVENT, request_only=True, media_type="text/xml"),
            OpenApiExample("Taken", "success", response_only=True, media_type="text/plain"),
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        try:
            told = wechat.receipts(self._event(request))
        except ValueError as error:
            raise ParseError(_("This is no event of WeChat's.")) from error
        self.take(told, timezone.now())
        return _plain("success")


def _plain(text: str) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})
