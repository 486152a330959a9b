from .models import Picture


def content(*, digest: str, small: bool = False) -> bytes | None:
    """The picture as WebP; None where there is no such picture."""
    found = Picture.objects.filter(digest=digest).values_list("small" if small else "content", flat=True).first()
    return None if found is None else bytes(found)


def path(digest: str, *, small: bool = False) -> str:
    """Where anybody sees it, from the root of this server."""
    return f"/pictures/{digest}{'-small' if small else ''}.webp"
