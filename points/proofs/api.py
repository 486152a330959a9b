from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.members.api import MemberView
from loyalty.lib.fields import MomentField
from loyalty.lib.paging import NewestFirst

from . import selectors
from .models import Proof


class ProofShown(serializers.ModelSerializer[Proof]):
    task = serializers.CharField(source="task_code", help_text="As the upload named it.")
    task_name = serializers.SerializerMethodField(help_text="In the request's language; empty where there is no such task.")
    url = serializers.CharField(help_text="As it was uploaded, however it may look.")
    uploaded_at = MomentField()
    grade = serializers.IntegerField(allow_null=True, help_text="1 or more once it was approved.")
    grade_name = serializers.SerializerMethodField(help_text="In the request's language; empty without a grade.")
    points = serializers.IntegerField(
        allow_null=True, help_text="What the approval gave, or offers to be claimed; null until then. It stays where the approval is withdrawn."
    )
    reason = serializers.CharField(source="why", help_text="Why it was refused, or the approval withdrawn, for the member to read.")
    decided_at = MomentField(allow_null=True)

    class Meta:
        model = Proof
        fields = ["id", "task", "task_name", "url", "uploaded_at", "status", "grade", "grade_name", "points", "reason", "decided_at"]
        extra_kwargs = {"status": {"required": True}}

    def get_task_name(self, proof: Proof) -> str:
        task = self.context["tasks"].get(proof.task_code)
        return task.name if task else ""

    def get_grade_name(self, proof: Proof) -> str:
        task = self.context["tasks"].get(proof.task_code)
        return task.grade_name(proof.grade) if task and proof.grade else ""


_PROOF = {
    "id": "01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f10",
    "task": "share-post",
    "task_name": "发帖分享",
    "url": "https://pictures.example.com/post.jpg",
    "uploaded_at": "2026-03-01T04:00:00Z",
    "status": "approved",
    "grade": 1,
    "grade_name": "合格",
    "points": 100,
    "reason": "",
    "decided_at": "2026-03-01T06:30:00Z",
}
_REFUSED = {"status": "refused", "grade": None, "grade_name": "", "points": None, "reason": "图片或页面打不开。"}


class ProofsView(MemberView, GenericAPIView):
    scopes = {"GET": "points:read"}
    members_may = {"GET"}
    pagination_class = NewestFirst
    serializer_class = ProofShown
    newest_by = ("uploaded_at", "id")

    @extend_schema(
        summary="A member's proofs and what became of them, newest first",
        description="A proof begins with the event `proof_uploaded {task, url}` at `POST /events` and stands here a moment later.",
        responses=ProofShown(many=True),
        examples=[OpenApiExample("Approved", _PROOF, response_only=True), OpenApiExample("Refused", {**_PROOF, **_REFUSED}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        rows = self.paginate_queryset(selectors.of_member(member_id=self.member.id))
        return self.get_paginated_response(self.get_serializer(rows, many=True, context={"tasks": selectors.tasks()}).data)
