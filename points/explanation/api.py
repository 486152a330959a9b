from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.lib.callers import Caller
from loyalty.lib.fields import MomentField

from . import selectors


class ConditionShown(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable, for programs.")
    name = serializers.CharField()
    holds = serializers.BooleanField(allow_null=True, help_text="Null: an expression that had no answer, which counts as no.")


class RuleShown(serializers.Serializer[Any]):
    rule = serializers.CharField(source="version.rule.code")
    name = serializers.CharField(source="version.rule.name")
    version = serializers.IntegerField(source="version.number")
    holds = serializers.BooleanField()
    conditions = ConditionShown(many=True)
    factor = serializers.CharField(allow_blank=True, help_text="What it multiplied by; empty for a rule that gives points by itself.")
    wanted = serializers.CharField(help_text="In points, with up to two decimals, before limits and rounding.")
    granted = serializers.IntegerField()
    notes = serializers.ListField(child=serializers.CharField(), help_text="What became of it: cut by a limit, another counted in its place.")


class PartShown(serializers.Serializer[Any]):
    category = serializers.CharField(allow_blank=True)
    basis_cents = serializers.IntegerField(help_text="What of the line was paid in money for goods.")
    points = serializers.IntegerField(help_text="The line's share of what the decision gave.")


class ExplanationShown(serializers.Serializer[Any]):
    entry = serializers.UUIDField()
    kind = serializers.CharField()
    points = serializers.IntegerField()
    subject = serializers.CharField(allow_blank=True)
    happened_at = MomentField()
    decision = serializers.UUIDField(allow_null=True, help_text="Null for an entry that no decision stands behind.")
    text = serializers.ListField(child=serializers.CharField(), help_text="Sentences, in the request's language.")
    lines = PartShown(many=True, help_text="An order's lines and their shares of what the decision gave, in its order.")
    besides = serializers.IntegerField(help_text="What it gave for the fact as such; with the lines' shares it is all that the decision gave.")
    rules = RuleShown(many=True, help_text="Every rule that was considered. Empty in a member's own version.")


_EXPLANATION = {
    "entry": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f00",
    "kind": "earn",
    "points": 37,
    "subject": "purchase/1001",
    "happened_at": "2026-11-11T10:00:00Z",
    "decision": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f01",
    "text": [
        "For the order 1001 of 11 November 2026:",
        "“Points for purchases” gave 12 points.",
        "“Milk powder, 3 times” multiplied by 3, which added 25 points.",
        "Together: 37 points.",
        "Only the sum is rounded, down; the parts are their shares of it.",
        "Good through 31 December 2027.",
    ],
    "lines": [{"category": "MILK POWDER", "basis_cents": 1250, "points": 37}],
    "besides": 0,
    "rules": [
        {
            "rule": "milk-powder",
            "name": "Milk powder, 3 times",
            "version": 1,
            "holds": True,
            "conditions": [{"code": "categories", "name": "category", "holds": True}],
            "factor": "3",
            "wanted": "25",
            "granted": 25,
            "notes": [],
        }
    ],
}


class ExplanationView(MemberView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}

    @extend_schema(
        summary="Why an entry is what it is",
        description="In sentences. For a storefront with every rule that was considered; a member's own version leaves out what is not theirs to see.",
        responses=ExplanationShown,
        examples=[OpenApiExample("Why 37 points", _EXPLANATION, response_only=True)],
    )
    def get(self, request: Request, entry: UUID) -> Response:
        caller: Caller = request.auth
        explained = selectors.explain(member_id=self.member.id, entry_id=entry, for_member=caller.kind == "member", now=timezone.now())
        row, told = explained.entry, explained.told
        shown = {
            "entry": row.id,
            "kind": row.kind,
            "points": row.points,
            "subject": row.subject,
            "happened_at": row.occurred_at,
            "decision": told.decision.id if told else None,
            "text": explained.sentences,
            "lines": [part._asdict() for part in told.parts] if told else [],
            "besides": told.besides if told else 0,
            "rules": [{**line._asdict(), "conditions": [one._asdict() for one in line.conditions]} for line in told.lines] if told else [],
        }
        return Response(ExplanationShown(shown).data)
