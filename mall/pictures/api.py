from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import etag, require_safe

from . import selectors


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
