"""What is taken as a picture, and what is left of it."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageOps

from mall.pictures import rules


def picture(form="PNG", size=(60, 40), mode="RGB", colour=(200, 30, 30), **more):
    made = io.BytesIO()
    Image.new(mode, size, colour).save(made, form, **more)
    return made.getvalue()


def opened(content):
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_the_three_kinds_are_taken_and_come_out_as_webp(form):
    pair = rules.read(picture(form))
    assert (opened(pair.large).format, opened(pair.small).format, pair.width, pair.height) == ("WEBP", "WEBP", 60, 40)
    red, green, _blue = opened(pair.large).getpixel((30, 20))
    assert red > 180
    assert green < 60


@pytest.mark.parametrize(
    ("size", "large", "small"),
    [
        ((1200, 600), (1200, 600), (400, 200)),
        ((2400, 600), (1200, 300), (400, 100)),
        ((600, 2400), (300, 1200), (100, 400)),
        ((401, 400), (401, 400), (400, 399)),
        ((400, 10), (400, 10), (400, 10)),
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_picture_is_shrunk_to_two_sizes_and_never_blown_up(form, size, large, small):
    pair = rules.read(picture(form, size))
    assert (opened(pair.large).size, opened(pair.small).size, (pair.width, pair.height)) == (large, small, large)


def test_nothing_of_what_the_camera_wrote_is_left_and_the_picture_is_turned_as_it_said():
    told = Image.Exif()
    told[0x0112] = 6
    told[0x010E] = "a place somebody lives at"
    content = picture("JPEG", exif=told)
    assert b"somebody lives" in content
    pair = rules.read(content)
    assert (pair.width, pair.height) == (40, 60)
    for written in (pair.large, pair.small):
        assert b"somebody lives" not in written
        assert not opened(written).getexif()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_whichever_side_is_up_it_is_turned_as_others_would(orientation):
    told = Image.Exif()
    told[0x0112] = orientation
    made, sides = io.BytesIO(), Image.linear_gradient("L").crop((0, 40, 60, 80)).convert("RGB")
    sides.paste((200, 30, 30), (0, 0, 20, 20))
    sides.save(made, "PNG", exif=told)
    pair = rules.read(made.getvalue())
    upright = ImageOps.exif_transpose(opened(made.getvalue()))
    assert (pair.width, pair.height) == upright.size
    seen = opened(pair.large).convert("RGB")
    for x, y in ((5, 5), (upright.width - 6, 5), (5, upright.height - 6), (upright.width - 6, upright.height - 6)):
        assert max(abs(one - other) for one, other in zip(seen.getpixel((x, y)), upright.getpixel((x, y)), strict=True)) < 30


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_turned_also_where_what_the_camera_wrote_is_malformed(form):
    # A description that says it is a fraction, then which side is up.
    told = struct.pack("<2sHIH", b"II", 42, 8, 2) + struct.pack("<HHII", 0x010E, 5, 1, 38) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    pair = rules.read(picture(form, exif=b"Exif\0\0" + told + struct.pack("<III", 0, 1, 2)))
    assert (pair.width, pair.height) == (40, 60)


def test_what_hides_behind_the_picture_is_gone():
    assert b"<script>" not in rules.read(picture() + b"<script>alert(1)</script>").large


def test_a_picture_that_one_sees_through_stays_so():
    pair = rules.read(picture(mode="RGBA", colour=(0, 0, 0, 0)))
    assert opened(pair.large).convert("RGBA").getpixel((5, 5))[3] == 0


def test_the_same_picture_gives_the_same_bytes():
    assert rules.read(picture()) == rules.read(picture())


def _claims(width, height):
    """A PNG of a few bytes whose head claims to be that large."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "unread"),
        (b"GIF89a" + b"\0" * 40, "unread"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "unread"),
        (picture("GIF"), "unread"),
        (picture("BMP"), "unread"),
        (picture("PNG", (600, 600))[:200], "unread"),
        (picture("JPEG", (600, 600))[:400], "unread"),
        (_claims(10, 10), "unread"),
        (_claims(8_000, 5_001), "too_many_pixels"),
        (_claims(60_000, 60_000), "too_many_pixels"),
        (b"\0" * (rules.MOST_BYTES + 1), "too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[:4]!r}… {len(value)}",
)
def test_what_is_no_picture_or_too_much_of_one_is_not_taken(content, code):
    with pytest.raises(rules.Unfit) as unfit:
        rules.read(content)
    assert unfit.value.code == code
