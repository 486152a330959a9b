from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import etag, require_safe
from rest_framework import serializers
from rest_framework.request import Request

from . import selectors


def root_of(request: Request) -> str:
    """Our address as the caller used it, before the paths of pictures."""
    return request.build_absolute_uri("/").rstrip("/")


class PictureShown(serializers.Serializer[Any]):
    url = serializers.URLField(help_text="WebP, at most 1,200 pixels a side. It never changes: keep it as long as you like.")
    small = serializers.URLField(help_text="The same, at most 400 pixels a side.")


def _tag(request: HttpRequest, digest: str, size: str) -> str:
    return f'"{digest}{size}"'


@require_safe
@etag(_tag)
def picture(request: HttpRequest, digest: str, size: str) -> HttpResponse:
    """A picture for anybody. Its address never shows another one, so whoever has it need not ask again."""
    content = selectors.content(digest=digest, small=bool(size))
    if content is None:
        return HttpResponse(status=404, headers={"Cache-Control": "no-store"})
    return HttpResponse(content, content_type="image/webp", headers={"Cache-Control": "public, max-age=31536000, immutable"})
