"""The installation's web application with one more address, `/noop`: the same middleware and framework, and nothing else."""

from loyalty.wsgi import application  # first: it sets Django up

# isort: split
from django.urls import get_resolver, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

__all__ = ["application"]


class NoOp(APIView):
    authentication_classes: list[type] = []
    permission_classes: list[type] = []
    throttle_classes: list[type] = []

    def post(self, request: Request) -> Response:
        return Response({}, status=201)


get_resolver().url_patterns.append(path("noop", NoOp.as_view()))
