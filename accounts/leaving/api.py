from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from accounts.members.models import Member
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import MomentField, StrictSerializer, TextField

from . import selectors, services
from .models import Copy


class CloseAsked(StrictSerializer):
    reason = TextField(max_length=300, required=False, allow_blank=True, help_text="Why, for the operators.")


class Closed(serializers.Serializer[Any]):
    member = serializers.CharField(help_text="The storefront's own id.")
    status = serializers.ChoiceField(choices=Member.Status.choices)


class CloseView(MemberView):
    scopes = {"POST": "members:write"}

    @extend_schema(
        summary="Close a membership",
        description="Tokens end; the profile, events, holds and spending are refused; purchases are recorded and earn nothing. Captures and refunds go on. "
        "Closed before: the same answer. An operator can open it again.",
        request=CloseAsked,
        responses=Closed,
        examples=[
            OpenApiExample("On the member's wish", {"reason": "The member asked for it."}, request_only=True),
            OpenApiExample("Closed", {"member": "M-1001", "status": "closed"}, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        asked = CloseAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        reason = asked.validated_data.get("reason", "")
        services.close(member_id=self.member.id, reason=reason, actor=request.auth.identity, now=timezone.now())
        return Response(Closed({"member": self.member.external_id, "status": Member.Status.CLOSED}).data)


class CopyShown(serializers.ModelSerializer[Copy]):
    asked_at = MomentField()
    made_at = MomentField(allow_null=True)
    until = MomentField(allow_null=True, help_text="It can be downloaded until then.")

    class Meta:
        model = Copy
        fields = ["id", "status", "asked_at", "made_at", "until", "bytes", "rows"]
        extra_kwargs = {name: {"required": True} for name in ("status", "bytes", "rows")}


_COPY = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f04", "status": "waiting", "asked_at": "2026-03-01T04:00:00Z", "made_at": None, "until": None,
    "bytes": 0, "rows": 0,
}  # fmt: skip
_READY = {**_COPY, "status": "ready", "made_at": "2026-03-01T04:00:05Z", "until": "2026-03-08T04:00:05Z", "bytes": 18_432, "rows": 214}


class ExportView(MemberView):
    scopes = {"POST": "members:export", "GET": "members:export"}

    @extend_schema(
        summary="Ask for a copy of all that is kept of a member",
        description="Written by a job, usually within seconds: ask for it with GET. While one is being written, that is the answer.",
        request=None,
        responses={202: CopyShown},
        examples=[OpenApiExample("Being made", _COPY, response_only=True, status_codes=["202"])],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        copy = services.ask_copy(member_id=self.member.id, actor=request.auth.identity, now=timezone.now())
        return Response(CopyShown(copy).data, status=202)

    @extend_schema(
        summary="The copy that was asked for last", responses=CopyShown, examples=[OpenApiExample("Ready to be downloaded", _READY, response_only=True)]
    )
    def get(self, request: Request) -> Response:
        return Response(CopyShown(selectors.last_copy(member_id=self.member.id)).data)


class ExportFileView(MemberView):
    scopes = {"GET": "members:export"}

    @extend_schema(
        summary="Download the copy",
        description="A zip with a file of JSON for each part of what is kept, and a README in Chinese and English. Each download is in the audit trail.",
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        copy = selectors.last_copy(member_id=self.member.id)
        services.note_download(copy=copy, actor=request.auth.identity, now=timezone.now())
        return StreamingHttpResponse(selectors.content(copy), content_type="application/zip", headers=selectors.headers(copy))
