"""Facts that the storefront tells, a member's registration among them, and what members claim of what they were offered."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.members.api import MemberView
from accounts.members.models import Member
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import DayField, IdField, LanguageField, MomentField, StrictSerializer, TextField
from loyalty.lib.paging import NewestFirst
from loyalty.lib.refusals import BusinessError
from points.explanation import selectors as explanation

from . import selectors, services
from .models import Grant


class ProfileGiven(StrictSerializer):
    name = TextField(max_length=100, required=False, allow_blank=True)
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)
    phone = TextField(max_length=32, required=False, allow_blank=True, help_text="With its country code, like +8613800000000.")
    language = LanguageField(max_length=35, required=False, help_text="In which the member is written to, like zh-CN or en.")
    birthday = DayField(required=False, allow_null=True)
    referred_by = IdField(required=False, help_text="The storefront's id of the member who invited this one; counts with the first registration only.")
    referral_code = TextField(required=False, max_length=20, help_text="Their invitation code, in the place of their id.")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if "referred_by" in given and "referral_code" in given:
            raise serializers.ValidationError({"referral_code": [_("Name who invited by their id or by their code, not both.")]})
        return given


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
    earned = serializers.IntegerField(help_text="What the registration earned; 0 if it had happened before.")

    class Meta(ProfileShown.Meta):
        fields = [*ProfileShown.Meta.fields, "registered", "earned"]


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
            OpenApiExample("Invited by a friend", {"name": "示例会员", "referral_code": "7K2MWQ9A"}, request_only=True),
            OpenApiExample("Registered", {**_SHOWN, "registered": True, "earned": 100}, response_only=True),
        ],
    )
    def put(self, request: Request) -> Response:
        given = ProfileGiven(data=request.data)
        given.is_valid(raise_exception=True)
        now = timezone.now()
        with transaction.atomic():
            member, taken = services.register(external_id=self.named, occurred_at=now, actor=request.auth.identity, now=now, **given.validated_data)
        member.registered, member.earned = taken is not None, taken.points if taken else 0  # type: ignore[attr-defined]
        return Response(ProfileWritten(member).data)


MOST_AT_ONCE = 1000


class EventGiven(StrictSerializer):
    id = IdField(max_length=128, help_text="Yours. The same id with the same content again changes nothing and gives the first answer.")
    kind = TextField(max_length=40, help_text="One of the programme's kinds of facts: shared, reviewed, survey_completed …")
    member = IdField()
    occurred_at = MomentField(help_text="Not later than now + 5 minutes, not older than the programme's window.")
    data = serializers.DictField(required=False, help_text="What its kind asks for.")


class EventsGiven(StrictSerializer):
    events = serializers.ListField(
        child=serializers.JSONField(),
        min_length=1,
        max_length=MOST_AT_ONCE,
        help_text="Up to 1,000 of {id, kind, member, occurred_at, data}; each is answered by itself.",
    )


class EventAnswered(serializers.Serializer[Any]):
    id = serializers.CharField(allow_blank=True, help_text="The event's id; empty where it had none that could be read.")
    status = serializers.ChoiceField(["accepted", "replayed", "refused"])
    points = serializers.IntegerField(required=False, help_text="What it earned, at once or pending.")
    claimable = serializers.IntegerField(required=False, help_text="What it earned that the member has to claim.")
    decision = serializers.UUIDField(required=False, allow_null=True, help_text="Names the decision, for questions.")
    text = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Why it earned that, in sentences for the member, in the request's language."
    )
    code = serializers.CharField(required=False, help_text="Why it was refused, for programs.")
    title = serializers.CharField(required=False, help_text="Why it was refused, for people.")
    errors = serializers.JSONField(required=False, help_text="What is wrong, by field, or the figures of the refusal.")


class EventsAnswered(serializers.Serializer[Any]):
    results = EventAnswered(many=True, help_text="In the order of the events.")


class EventsView(APIView):
    scopes = {"POST": "events:write"}

    @extend_schema(
        summary="What members did",
        description=(
            "One event or a batch, each in a transaction of its own: a refused one stops nothing. Carries its own ids, so it may be sent again "
            "as it is. Which kinds there are, what data they take and how often they count is set by the programme's operators."
        ),
        request=EventsGiven,
        responses=EventsAnswered,
        examples=[
            OpenApiExample(
                "Two events",
                {
                    "events": [
                        {"id": "E-1", "kind": "shared", "member": "M-1001", "occurred_at": "2026-11-11T10:00:00Z", "data": {"subject": "SKU-1"}},
                        {"id": "E-2", "kind": "checked_in", "member": "M-1001", "occurred_at": "2026-11-11T10:00:00Z", "data": {"streak": 9}},
                    ]
                },
                request_only=True,
            ),
            OpenApiExample(
                "One accepted, one refused",
                {
                    "results": [
                        {
                            "id": "E-1",
                            "status": "accepted",
                            "points": 10,
                            "claimable": 0,
                            "decision": "019a7e6c-5b1e-7000-8000-000000000001",
                            "text": ["For “Shared” on 11 November 2026:", "“Sharing” gave 10 points."],
                        },
                        {"id": "E-2", "status": "refused", "code": "fact_kind_ours", "title": "Events of this kind are made by the programme itself."},
                    ]
                },
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        asked = EventsGiven(data=request.data)
        asked.is_valid(raise_exception=True)
        taken: dict[UUID, UUID] = {}
        results = [self._answer(one, taken, request) for one in asked.validated_data["events"]]
        told = explanation.in_short(member_ids=list(taken.values()), decision_ids=list(taken), now=timezone.now())
        return Response({"results": [{**one, "text": told[one["decision"]]} if one.get("decision") in told else one for one in results]})

    def _answer(self, event: Any, taken: dict[UUID, UUID], request: Request) -> dict[str, Any]:
        """Take one event in; it stops no other. What was decided goes into `taken`, with whose it is."""
        given = EventGiven(data=event)
        named = event.get("id", "") if isinstance(event, dict) else ""
        answer: dict[str, Any] = {"id": named if isinstance(named, str) else ""}
        if not given.is_valid():
            return {**answer, "status": "refused", "code": "invalid", "title": str(_("This event cannot be read.")), "errors": given.errors}
        said = given.validated_data
        try:
            with transaction.atomic():
                heard = services.hear(
                    member_ref=said["member"],
                    kind=said["kind"],
                    external_id=said["id"],
                    data=said.get("data", {}),
                    occurred_at=said["occurred_at"],
                    actor=request.auth.identity,
                    now=timezone.now(),
                )
        except BusinessError as refusal:
            told = {"errors": refusal.figures} if refusal.figures else {}
            return {**answer, "status": "refused", "code": refusal.code, "title": refusal.message, **told}
        if heard.decision_id:
            taken[heard.decision_id] = heard.fact.member_id
        status = "replayed" if heard.repeated else "accepted"
        return {**answer, "status": status, "points": heard.points, "claimable": heard.claimable, "decision": heard.decision_id}


class OfferShown(serializers.ModelSerializer[Grant]):
    rule = serializers.CharField(source="rule_version.rule.name", help_text="What it is for, in the request's language.")
    points = serializers.SerializerMethodField()
    fact = serializers.CharField(source="decision.fact")
    happened_at = MomentField(source="decision.occurred_at")
    status = serializers.SerializerMethodField(help_text="offered, granted, lapsed or withdrawn.")

    class Meta:
        model = Grant
        fields = ["id", "rule", "points", "status", "fact", "happened_at", "claim_until"]
        extra_kwargs = {name: {"required": True} for name in ("id", "claim_until")}

    def get_points(self, grant: Grant) -> int:
        return grant.left

    def get_status(self, grant: Grant) -> str:
        return selectors.status_at(grant, now=self.context["now"])


_OFFER = {
    "id": "019a7e6c-5b1e-7000-8000-000000000002", "rule": "精选评价", "points": 50, "status": "offered", "fact": "review_featured",
    "happened_at": "2026-11-11T10:00:00Z", "claim_until": "2026-11-18T16:00:00Z",
}  # fmt: skip


class OffersView(MemberView):
    """What a member may claim."""

    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst

    @extend_schema(
        summary="What a member was offered to claim", responses=OfferShown(many=True), examples=[OpenApiExample("An offer", _OFFER, response_only=True)]
    )
    def get(self, request: Request) -> Response:
        pages = NewestFirst()
        page = pages.paginate_queryset(selectors.offers(member_id=self.member.id), request, self)
        return pages.get_paginated_response(OfferShown(page, many=True, context={"now": timezone.now()}).data)


class ClaimOfferView(MemberView):
    """Claiming an offer."""

    scopes = {"POST": "events:write"}
    members_may = {"POST"}

    @extend_schema(
        summary="Claim what was offered",
        request=None,
        responses=OfferShown,
        examples=[OpenApiExample("Claimed", {**_OFFER, "status": "granted"}, response_only=True)],
    )
    @idempotent
    def post(self, request: Request, offer: UUID) -> Response:
        now = timezone.now()
        claimed = services.claim(member_id=self.member.id, grant_id=offer, actor=request.auth.identity, now=now)
        return Response(OfferShown(claimed, context={"now": now}).data)
