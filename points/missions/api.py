from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.idempotency.api import idempotent
from loyalty.lib.fields import MomentField, StrictSerializer, TextField
from loyalty.lib.paging import NewestFirst

from . import rules, selectors, services
from .models import MemberBadge, Mission, MissionCompletion, MissionEffect

STATUSES = ("open", "completed", "granted", "lapsed", "ended")


class StepShown(serializers.Serializer[Any]):
    label = serializers.CharField(help_text="In the request's language.")
    done = serializers.IntegerField(help_text="Never more than is needed.")
    needed = serializers.IntegerField()


class PrizeShown(serializers.Serializer[Any]):
    effect = serializers.ChoiceField(choices=MissionEffect.Effect.choices)
    item = serializers.CharField(help_text="The code of the badge or the kind of card; of a benefit what it is.")
    name = serializers.CharField(help_text="In the request's language.")
    count = serializers.IntegerField()


class RewardShown(serializers.Serializer[Any]):
    points = serializers.IntegerField()
    prizes = PrizeShown(many=True)


class ClaimableShown(serializers.Serializer[Any]):
    period = serializers.CharField(help_text="Like 2026-11-21, 2026-W47, or ever.")
    until = MomentField(source="claim_until", help_text="The first instant at which it is too late.")


class MissionShown(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="mission.id")
    code = serializers.CharField(source="mission.code")
    name = serializers.CharField(source="mission.name", help_text="In the request's language.")
    description = serializers.CharField(source="mission.description")
    icon = serializers.CharField(source="mission.icon")
    kind = serializers.ChoiceField(source="mission.kind", choices=Mission.Kind.choices)
    automatic = serializers.BooleanField(source="mission.automatic", help_text="Whether the reward comes by itself; else it is claimed.")
    period = serializers.CharField(help_text="What the figures are about: a day like 2026-11-21, a week like 2026-W47, or ever.")
    status = serializers.ChoiceField(
        choices=STATUSES,
        help_text="In this period. completed: waits to be claimed. lapsed: was not claimed in time. ended: can no longer be completed.",
    )
    progress = serializers.SerializerMethodField(help_text="In percent, rounded down: 100 is complete.")
    steps = StepShown(source="labelled", many=True)
    reward = serializers.SerializerMethodField()
    until = MomentField(allow_null=True, help_text="The first instant at which this period is over, or claiming it is too late; null: open end.")
    claimable = ClaimableShown(many=True, help_text="What can be claimed now, of this period or an earlier one; what lapses first stands first.")

    def get_progress(self, shown: selectors.Shown) -> int:
        return rules.percent(shown.done)

    @extend_schema_field(RewardShown)
    def get_reward(self, shown: selectors.Shown) -> dict[str, Any]:
        prizes = [effect.plain for effect in shown.mission.effects.all()]
        named = [{"effect": one.effect, "item": one.item, "name": shown.prize_names[one.effect, one.item], "count": one.count} for one in prizes]
        return {"points": shown.mission.points, "prizes": named}


_MISSION = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f03",
    "code": "share-5",
    "name": "分享达人",
    "description": "每周分享五件不同的商品",
    "icon": "📣",
    "kind": "weekly",
    "automatic": False,
    "period": "2026-W47",
    "status": "open",
    "progress": 60,
    "steps": [{"label": "分享", "done": 3, "needed": 5}],
    "reward": {"points": 200, "prizes": [{"effect": "badge", "item": "sharer", "name": "分享达人", "count": 1}]},
    "until": "2026-11-22T16:00:00Z",
    "claimable": [],
}


class MissionsView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst
    serializer_class = MissionShown
    newest_by = ("priority", "id")

    @extend_schema(
        summary="A member's missions with their progress",
        description="Those that are on for the member today, and those of which something waits to be claimed; by priority, the highest first.",
        responses=MissionShown(many=True),
        examples=[OpenApiExample("A weekly mission", _MISSION, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        now = timezone.now()
        missions = self.paginate_queryset(selectors.visible(member_id=self.member.id, now=now))
        shown = selectors.shown(missions, member=self.member, now=now)
        if any(one.just_completed for one in shown):
            services.settle(member_id=self.member.id, at=now, now=now)
            shown = selectors.shown(missions, member=self.member, now=now)
        return self.get_paginated_response(self.get_serializer(shown, many=True).data)


class ClaimAsked(StrictSerializer):
    period = TextField(max_length=10, required=False, help_text="Which, where several can be claimed. Left out: the one that lapses first.")


class CompletionShown(serializers.ModelSerializer[MissionCompletion]):
    mission = serializers.CharField(source="mission.code")
    points = serializers.IntegerField(help_text="Granted now; less than the mission says where a limit cut it.")
    completed_at = MomentField()

    class Meta:
        model = MissionCompletion
        fields = ["id", "mission", "period", "status", "points", "completed_at"]


_COMPLETION = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f04",
    "mission": "share-5",
    "period": "2026-W47",
    "status": "granted",
    "points": 200,
    "completed_at": "2026-11-21T04:00:00Z",
}


class ClaimView(MemberView):
    scopes = {"POST": "events:write"}
    members_may = {"POST"}

    @extend_schema(
        summary="Claim a completed mission",
        description="Gives the reward, once. Claimed before, or given automatically, it is the same answer again.",
        request=ClaimAsked,
        responses=CompletionShown,
        examples=[
            OpenApiExample("What can be claimed", {}, request_only=True),
            OpenApiExample("Granted", _COMPLETION, response_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request, mission: str) -> Response:
        asked = ClaimAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        period = asked.validated_data.get("period", "")
        completion = services.claim(member_id=self.member.id, code=mission, period=period, actor=request.auth.identity, now=timezone.now())
        return Response(CompletionShown(completion).data)


class BadgeShown(serializers.ModelSerializer[MemberBadge]):
    code = serializers.CharField(source="badge_id")
    name = serializers.CharField(source="badge.name", help_text="In the request's language.")
    icon = serializers.CharField(source="badge.icon")
    won_at = MomentField()

    class Meta:
        model = MemberBadge
        fields = ["id", "code", "name", "icon", "won_at", "times"]
        extra_kwargs = {"times": {"required": True}}


_BADGE = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f05", "code": "sharer", "name": "分享达人", "icon": "📣", "won_at": "2026-11-21T04:00:00Z", "times": 1,
}  # fmt: skip


class BadgesView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst
    serializer_class = BadgeShown
    newest_by = ("won_at", "id")

    @extend_schema(summary="A member's badges, newest first", responses=BadgeShown(many=True), examples=[OpenApiExample("A badge", _BADGE, response_only=True)])
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(selectors.badges(member_id=self.member.id))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)
