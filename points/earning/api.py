"""Facts that the storefront tells: a member's registration."""

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members import services as members
from accounts.members.api import MemberView
from accounts.members.models import Member
from loyalty.lib.fields import DayField, IdField, LanguageField, MomentField, StrictSerializer, TextField


class ProfileGiven(StrictSerializer):
    name = TextField(max_length=100, required=False, allow_blank=True)
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    phone = TextField(max_length=32, required=False, allow_blank=True, help_text="With its country code, like +8613800000000.")
    language = LanguageField(max_length=35, required=False, help_text="In which the member is written to, like zh-CN or en.")
    birthday = DayField(required=False, allow_null=True)
    referred_by = IdField(required=False, help_text="The storefront's id of the member who invited this one; counts with the first registration only.")


class ProfileShown(serializers.ModelSerializer[Member]):
    member = serializers.CharField(source="external_id", help_text="The storefront's own id.")
    referred_by = serializers.CharField(source="referred_by.external_id", default=None, allow_null=True)
    registered_at = MomentField(allow_null=True, help_text="Null for a member who was only mentioned so far, in a purchase.")

    class Meta:
        model = Member
        fields = ["member", "status", "name", "email", "phone", "language", "birthday", "referred_by", "registered_at"]
        extra_kwargs = {name: {"required": True} for name in ("status", "name", "email", "phone", "language", "birthday")}


class ProfileWritten(ProfileShown):
    registered = serializers.BooleanField(help_text="Whether this request registered the member; false if that had happened before.")

    class Meta(ProfileShown.Meta):
        fields = [*ProfileShown.Meta.fields, "registered"]


_SHOWN = {
    "member": "M-1001", "status": "active", "name": "示例会员", "email": "sample@example.com", "phone": "+8613800000000",
    "language": "zh-hans", "birthday": "1990-05-17", "referred_by": None, "registered_at": "2026-03-01T04:00:00Z",
}  # fmt: skip


class MemberProfile(MemberView):
    """A member's profile."""

    scopes = {"GET": "members:read", "PUT": "members:write"}
    members_may = {"GET"}

    def find(self, request: Request) -> None:
        """`PUT` makes the member it names."""
        if request.method != "PUT":
            super().find(request)

    @extend_schema(summary="A member's profile", responses=ProfileShown, examples=[OpenApiExample("A member", _SHOWN, response_only=True)])
    def get(self, request: Request) -> Response:
        return Response(ProfileShown(self.member).data)

    @extend_schema(
        summary="Register a member or change the profile",
        description="Registers the member on first use. What is left out stays as it is; the same content again changes nothing.",
        request=ProfileGiven,
        responses=ProfileWritten,
        examples=[
            OpenApiExample("A new member", {"name": "示例会员", "language": "zh-CN", "birthday": "1990-05-17"}, request_only=True),
            OpenApiExample("Registered", {**_SHOWN, "registered": True}, response_only=True),
        ],
    )
    def put(self, request: Request) -> Response:
        given = ProfileGiven(data=request.data)
        given.is_valid(raise_exception=True)
        with transaction.atomic():
            member, registered = members.register(external_id=self.named, now=timezone.now(), **given.validated_data)
        member.registered = registered  # type: ignore[attr-defined]
        return Response(ProfileWritten(member).data)
