"""What a member's app shows of messages, and the page that a message's own link opens."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.lib.fields import MomentField, StrictSerializer, TextField, YesNoField
from loyalty.lib.paging import NewestFirst

from . import selectors, services
from .models import Address, Channel, InboxItem, Purpose


class UnreadAndList(NewestFirst):
    """A page of the inbox, with how much of it was not read before it."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        paged = super().get_paginated_response_schema(schema)
        unread = {"type": "integer", "minimum": 0, "maximum": 100, "description": "Messages not read yet; 100 at most are counted.", "example": 2}
        return {**paged, "required": ["unread", *paged["required"]], "properties": {"unread": unread, **paged["properties"]}}


class InboxItemShown(serializers.ModelSerializer[InboxItem]):
    kind = serializers.CharField(source="kind_id", help_text="What it is about, like points_expiring.")
    subject = serializers.CharField(source="said.subject", help_text="In the request's language.")
    text = serializers.CharField(source="said.text", help_text="Plain text; lines end with \\n.")
    at = MomentField(source="created_at")
    read_at = MomentField(allow_null=True, help_text="Null: not read yet.")

    class Meta:
        model = InboxItem
        fields = ["id", "kind", "subject", "text", "at", "read_at"]


_ITEM: dict[str, Any] = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0d",
    "kind": "points_expiring",
    "subject": "1,200 points about to expire",
    "text": "1,200 of your points are about to expire. You can use them until:\nMarch 1, 2026: 500\nMarch 4, 2026: 700",
    "at": "2026-02-26T02:00:00Z",
    "read_at": None,
}


class InboxView(MemberView, GenericAPIView):
    scopes = {"GET": "members:read"}
    members_may = {"GET"}
    pagination_class = UnreadAndList
    serializer_class = InboxItemShown

    @extend_schema(
        summary="What a member was told, newest first",
        description="The inbox, for the shop's own pages or app. What stands there is not taken back when a member unsubscribes.",
        responses=InboxItemShown(many=True),
        examples=[OpenApiExample("Points about to expire", _ITEM, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(selectors.inbox(member_id=self.member.id))
        paged = self.get_paginated_response(self.get_serializer(rows, many=True).data)
        return Response({"unread": selectors.unread(member_id=self.member.id), **paged.data})


class Unread(serializers.Serializer[Any]):
    unread = serializers.IntegerField(help_text="Messages not read yet; 100 at most are counted.")


_UNREAD = OpenApiExample("One left", {"unread": 1}, response_only=True)


class ReadItemView(MemberView):
    scopes = {"POST": "members:write"}
    members_may = {"POST"}

    @extend_schema(
        summary="Mark a message as read", description="Again changes nothing. Moves no points, so no key is needed.", request=None,
        responses=Unread, examples=[_UNREAD],
    )  # fmt: skip
    def post(self, request: Request, item: UUID) -> Response:
        selectors.inbox_item(member_id=self.member.id, item_id=item)
        services.read(member_id=self.member.id, item_id=item, now=timezone.now())
        return Response({"unread": selectors.unread(member_id=self.member.id)})


class ReadAllView(MemberView):
    scopes = {"POST": "members:write"}
    members_may = {"POST"}

    @extend_schema(
        summary="Mark all messages as read", request=None, responses=Unread,
        examples=[OpenApiExample("All read", {"unread": 0}, response_only=True)],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        services.read(member_id=self.member.id, item_id=None, now=timezone.now())
        return Response({"unread": selectors.unread(member_id=self.member.id)})


class Choice(StrictSerializer):
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    channel = serializers.ChoiceField(choices=Channel.choices)
    wanted = YesNoField(help_text="Whether messages of that purpose come by that channel.")


class ChoiceShown(Choice):
    fixed = serializers.BooleanField(help_text="True: the member cannot choose.")


class Choices(StrictSerializer):
    preferences = Choice(many=True, allow_empty=False, max_length=len(Purpose) * len(Channel), help_text="What is left out stays as it is.")


class ChoicesShown(serializers.Serializer[Any]):
    preferences = ChoiceShown(many=True)


_PREFERENCES: dict[str, Any] = {
    "preferences": [
        {"purpose": "expiry", "channel": "inbox", "wanted": True, "fixed": True},
        {"purpose": "expiry", "channel": "email", "wanted": True, "fixed": False},
        {"purpose": "marketing", "channel": "email", "wanted": False, "fixed": False},
    ]
}


class PreferencesView(MemberView):
    scopes = {"GET": "members:read", "PUT": "members:write"}
    members_may = {"GET", "PUT"}

    @extend_schema(
        summary="Which messages a member wants, by which channel",
        description="One line for each purpose and channel. Marketing, outside of the inbox, comes only to who chose it, unless the programme says otherwise.",
        responses=ChoicesShown,
        examples=[OpenApiExample("Cut short", _PREFERENCES, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        return self._shown()

    @extend_schema(
        summary="Choose which messages a member wants",
        request=Choices,
        responses=ChoicesShown,
        examples=[
            OpenApiExample(
                "No marketing by e-mail", {"preferences": [{"purpose": "marketing", "channel": "email", "wanted": False}]}, request_only=True
            ),
            OpenApiExample("Cut short", _PREFERENCES, response_only=True),
        ],
    )  # fmt: skip
    def put(self, request: Request) -> Response:
        asked = Choices(data=request.data)
        asked.is_valid(raise_exception=True)
        choices = [(one["purpose"], one["channel"], one["wanted"]) for one in asked.validated_data["preferences"]]
        services.prefer(member_id=self.member.id, choices=choices, now=timezone.now())
        return self._shown()

    def _shown(self) -> Response:
        return Response({"preferences": selectors.preferences(member=self.member)})


class AddressAsked(StrictSerializer):
    channel = serializers.ChoiceField(choices=Channel.choices, help_text="Any but the inbox.")
    value = TextField(max_length=512, help_text="An e-mail address, a phone number, fcm: or apns: and a device's token, an OpenID of WeChat.")


class AddressShown(serializers.ModelSerializer[Address]):
    added_at = MomentField()
    gone_at = MomentField(allow_null=True, help_text="Since when nothing is sent there, because the provider said that nobody is there; null: in use.")

    class Meta:
        model = Address
        fields = ["id", "channel", "value", "added_at", "gone_at"]


class AddressesShown(serializers.Serializer[Any]):
    addresses = AddressShown(many=True, help_text="The newest first in each channel.")


_DEVICE = {"channel": "push", "value": "fcm:d5Qd2nXb3kWq0mTt1sVh7y"}
_ADDRESSES = {"addresses": [{"id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f0e", **_DEVICE, "added_at": "2026-02-26T02:00:00Z", "gone_at": None}]}
_there = OpenApiExample("One device", _ADDRESSES, response_only=True)


def _addresses(member_id: UUID) -> Response:
    return Response({"addresses": AddressShown(selectors.addresses(member_id=member_id)[:100], many=True).data})


class AddressesView(MemberView):
    scopes = {"GET": "members:read", "PUT": "members:write"}
    members_may = {"GET", "PUT"}

    @extend_schema(summary="Where a member is reached, besides e-mail and phone of the profile", responses=AddressesShown, examples=[_there])
    def get(self, request: Request) -> Response:
        return _addresses(self.member.id)

    @extend_schema(
        summary="Add an address, or tell it again",
        description="The newest counts; of devices the newest five. One that was given up because nobody was there is in use again.",
        request=AddressAsked,
        responses=AddressesShown,
        examples=[OpenApiExample("A phone with our app", _DEVICE, request_only=True), _there],
    )
    def put(self, request: Request) -> Response:
        asked = AddressAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        services.keep_address(member_id=self.member.id, **asked.validated_data, now=timezone.now())
        return _addresses(self.member.id)


class AddressView(MemberView):
    scopes = {"DELETE": "members:write"}
    members_may = {"DELETE"}

    @extend_schema(
        summary="Forget an address",
        description="What stands in the profile stays there, and is used again.",
        request=None,
        responses={200: AddressesShown},
        examples=[OpenApiExample("None left", {"addresses": []}, response_only=True)],
    )
    def delete(self, request: Request, address: UUID) -> Response:
        services.drop_address(member_id=self.member.id, address_id=address)
        return _addresses(self.member.id)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """The page of a message's link. GET asks; POST does it (RFC 8058: mail programs send it with one click). The link itself is the permission."""
    try:
        member, purpose, channel = services.unsubscribed(token=token)
    except services.LinkUnknown:
        return render(request, "notifications/unsubscribe.html", {"purpose": ""}, status=404)
    with translation.override(member.language or "zh-hans"):
        if request.method == "POST":
            services.prefer(member_id=member.id, choices=[(purpose, channel, "again" in request.POST)], now=timezone.now())
        wanted = selectors.wanted(purpose=purpose, channel=channel, reach=selectors.reaches([member])[member.id])
        page = {"purpose": Purpose(purpose).label, "channel": Channel(channel).label, "wanted": wanted, "language": translation.get_language()}
        return render(request, "notifications/unsubscribe.html", page)
