"""Reads an uploaded picture and writes it anew. Pure: bytes in, bytes out."""

import hashlib
import io
from typing import NamedTuple

from PIL import ExifTags, Image

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
LARGE, SMALL = 1200, 400
QUALITY = 82

# How a picture is turned upright, by what the camera says. Not ImageOps.exif_transpose: it writes all that the camera said anew, and fails where
# that is malformed, as it often is.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Unfit(Exception):
    """It cannot be taken: `too_large`, `too_many_pixels`, or `unread`: no picture of a kind that is taken, or a broken one."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Pair(NamedTuple):
    """Both sizes, as WebP; `width` and `height` are the larger one's."""

    large: bytes
    small: bytes
    width: int
    height: int

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.large).hexdigest()


def read(content: bytes) -> Pair:
    """Raises: Unfit. Only the first of several frames is kept."""
    if len(content) > MOST_BYTES:
        raise Unfit("too_large")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            # Said by the file's head: nothing has been unpacked yet.
            if picture.width * picture.height > MOST_PIXELS:
                raise Unfit("too_many_pixels")
            # A JPEG need not be unpacked at full size to be shrunk.
            picture.draft("RGB", (LARGE, LARGE))
            turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
            turned = picture if turn is None else picture.transpose(turn)
            large = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    except Image.DecompressionBombError as bomb:
        raise Unfit("too_many_pixels") from bomb
    except (OSError, SyntaxError, ValueError) as broken:
        raise Unfit("unread") from broken
    large.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS)
    small = large.copy()
    small.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
    return Pair(_webp(large), _webp(small), large.width, large.height)


def _webp(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    bare = Image.new(picture.mode, picture.size)
    bare.paste(picture)
    bare.save(written, "WEBP", quality=QUALITY)
    return written.getvalue()
