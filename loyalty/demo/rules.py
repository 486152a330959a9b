"""Draws the pictures of the sample mall. Pure: a name in, a PNG out."""

import io
import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

# What is drawn on is 120 × 90 units, at twice the size of the picture: shrinking makes edges smooth.
UNIT, WIDTH, HEIGHT = 14, 120, 90
WHITE, INK, SHADE = "#ffffff", "#2d3748", "#00000022"
Points = Sequence[tuple[float, float]]


class Sheet:
    """A ground to draw on, in units from the upper left corner."""

    def __init__(self, ground: str, spot: str) -> None:
        self.image = Image.new("RGB", (WIDTH * UNIT, HEIGHT * UNIT), ground)
        # In this mode, colours that are seen through are laid over what is there.
        self.on = ImageDraw.Draw(self.image, "RGBA")
        self.disc(60, 46, 34, spot)

    def disc(self, x: float, y: float, r: float, colour: str, tall: float = 1.0) -> None:
        edge = [(x - r) * UNIT, (y - r * tall) * UNIT, (x + r) * UNIT, (y + r * tall) * UNIT]
        self.on.ellipse(edge, fill=colour)

    def box(self, x: float, y: float, wide: float, high: float, colour: str, r: float = 0) -> None:
        edge = [x * UNIT, y * UNIT, (x + wide) * UNIT, (y + high) * UNIT]
        self.on.rounded_rectangle(edge, radius=r * UNIT, fill=colour)

    def shape(self, points: Points, colour: str) -> None:
        self.on.polygon([(x * UNIT, y * UNIT) for x, y in points], fill=colour)

    def line(self, points: Points, colour: str, wide: float) -> None:
        self.on.line([(x * UNIT, y * UNIT) for x, y in points], fill=colour, width=round(wide * UNIT), joint="curve")

    def bow(self, x: float, y: float, r: float, start: float, end: float, colour: str, wide: float) -> None:
        edge = [(x - r) * UNIT, (y - r) * UNIT, (x + r) * UNIT, (y + r) * UNIT]
        self.on.arc(edge, start, end, fill=colour, width=round(wide * UNIT))

    def text(self, x: float, y: float, said: str, colour: str, high: float) -> None:
        font = ImageFont.load_default(high * UNIT)
        self.on.text((x * UNIT, y * UNIT), said, fill=colour, font=font, anchor="mm")

    def star(self, x: float, y: float, r: float, colour: str) -> None:
        tips = [(r if n % 2 == 0 else r * 0.45, math.pi * (n / 5 - 0.5)) for n in range(10)]
        self.shape([(x + far * math.cos(turn), y + far * math.sin(turn)) for far, turn in tips], colour)


def _mug(on: Sheet) -> None:
    on.bow(76, 50, 12, -90, 90, "#e2e8f0", 4.5)
    on.box(40, 32, 36, 38, WHITE, 5)
    on.box(40, 52, 36, 5, "#f6ad55")
    on.disc(58, 32, 18, "#7b4a2d", 0.22)
    for x in (50, 58, 66):
        on.line([(x, 25), (x + 2, 20), (x, 15)], "#ffffffcc", 1.6)


def _tote(on: Sheet) -> None:
    on.bow(60, 32, 13, 180, 360, "#8b6b4a", 3)
    on.shape([(36, 32), (84, 32), (88, 76), (32, 76)], "#f0dfc2")
    on.shape([(36, 32), (84, 32), (84.5, 37), (35.5, 37)], "#e0c9a1")
    on.disc(60, 56, 9, "#48bb78")
    on.line([(60, 62), (60, 50), (64, 46)], WHITE, 1.6)


def _lamp(on: Sheet) -> None:
    on.shape([(34, 50), (74, 36), (88, 78), (30, 78)], "#fff3b055")
    on.box(74, 72, 26, 5, INK, 2)
    on.line([(87, 73), (78, 48), (92, 30), (66, 24)], INK, 2.6)
    on.shape([(52, 14), (72, 22), (66, 40), (40, 30)], "#e53e3e")
    on.disc(53, 37, 4, "#fefcbf")


def _plant(on: Sheet) -> None:
    for x, y, turn in ((46, 36, -1), (74, 36, 1), (53, 26, -0.6), (67, 26, 0.6), (60, 20, 0)):
        on.line([(60, 58), (x - turn * 4, y + 6)], "#2f855a", 1.6)
        on.disc(x, y, 8, "#38a169", 1.3)
        on.line([(x, y - 7), (x, y + 7)], "#9ae6b4", 0.7)
    on.shape([(44, 54), (76, 54), (71, 78), (49, 78)], "#dd6b20")
    on.box(42, 52, 36, 6, "#c05621", 1.5)


def _umbrella(on: Sheet) -> None:
    on.line([(60, 22), (60, 72)], INK, 2)
    on.bow(54, 70, 6, 0, 180, INK, 2)
    edge = [(60 + 34 * math.cos(math.pi * n / 40), 50 - 30 * math.sin(math.pi * n / 40)) for n in range(41)]
    on.shape(edge, "#3182ce")
    on.shape([(60, 20), (72, 50), (48, 50)], "#63b3ed")
    for n in range(5):
        on.disc(32.8 + 13.6 * n, 50, 6.8, on_spot, 0.45)


on_spot = "#bee3f8"


def _headphones(on: Sheet) -> None:
    on.bow(60, 50, 28, 180, 360, INK, 4.5)
    for x, side in ((30, 0), (80, 1)):
        on.box(x, 46, 10, 24, "#805ad5", 4)
        on.box(x + (7 if not side else -1), 48, 4, 20, "#b794f4", 2)


def _blanket(on: Sheet) -> None:
    for n, colour in enumerate(("#fc8181", "#f6e05e", "#68d391", "#63b3ed")):
        on.box(28, 30 + 11 * n, 64, 10.5, colour, 4)
        on.disc(90, 35.2 + 11 * n, 5.2, SHADE)
    on.shape([(40, 30), (52, 30), (52, 73), (40, 73)], "#ffffff55")


def _coupon(said: str, colour: str) -> Callable[[Sheet], None]:
    def draw(on: Sheet) -> None:
        on.box(24, 30, 72, 34, WHITE, 4)
        on.box(24, 30, 50, 34, colour, 4)
        on.box(66, 30, 8, 34, colour)
        for y in range(33, 62, 5):
            on.box(73.6, y, 0.9, 2.6, WHITE)
        on.text(47, 46.5, said, WHITE, 22 if len(said) < 3 else 14)
        on.star(85, 47, 7, colour)

    return draw


def _cup(on: Sheet) -> None:
    on.shape([(44, 30), (76, 30), (71, 76), (49, 76)], WHITE)
    on.shape([(46, 42), (74, 42), (72, 60), (48, 60)], "#b7791f")
    on.box(41, 24, 38, 7, "#744210", 3)
    on.disc(60, 51, 5, "#fefcbf", 1.3)
    on.line([(60, 45.5), (59, 51), (61, 56.5)], "#b7791f", 1)


def _ticket(on: Sheet) -> None:
    on.box(26, 34, 68, 32, "#e53e3e", 3)
    for y in (42, 58):
        on.disc(26, y, 3.4, "#fed7d7")
        on.disc(94, y, 3.4, "#fed7d7")
    on.box(34, 39, 52, 22, "#fff5f5", 2)
    on.shape([(55, 43), (55, 57), (67, 50)], "#e53e3e")


def _screen(on: Sheet) -> None:
    on.box(26, 26, 68, 40, INK, 4)
    on.box(29, 29, 62, 34, "#4c51bf", 2)
    on.disc(60, 46, 10, "#ffffffdd")
    on.shape([(57, 40), (57, 52), (67, 46)], "#4c51bf")
    on.box(50, 66, 20, 3, INK)
    on.box(42, 69, 36, 4, INK, 2)


def _truck(on: Sheet) -> None:
    on.box(24, 34, 46, 30, "#38b2ac", 3)
    on.shape([(72, 42), (86, 42), (96, 54), (96, 64), (72, 64)], "#2c7a7b")
    on.shape([(76, 46), (84, 46), (90, 54), (76, 54)], "#e6fffa")
    for x in (38, 84):
        on.disc(x, 66, 6.5, INK)
        on.disc(x, 66, 2.6, "#cbd5e0")
    on.star(47, 48, 9, "#fefcbf")


def _agent(on: Sheet) -> None:
    on.disc(60, 82, 24, "#2b6cb0", 0.8)
    on.box(55, 54, 10, 12, "#f6c9a0")
    on.disc(60, 42, 15, "#f6c9a0", 1.1)
    on.bow(60, 40, 16, 180, 360, "#5a3a22", 7)
    for x in (41, 73):
        on.box(x, 38, 6, 12, INK, 2.5)
    on.bow(60, 44, 16, 60, 150, INK, 1.6)
    on.disc(60, 59.5, 2.2, INK)


def _cake(on: Sheet) -> None:
    on.disc(60, 76, 34, "#e2e8f0", 0.16)
    on.box(36, 50, 48, 24, "#f687b3", 4)
    on.box(36, 50, 48, 8, "#fff5f7", 4)
    for n in range(5):
        on.disc(40.8 + 9.6 * n, 58, 4, "#fff5f7")
    for x, colour in ((48, "#63b3ed"), (60, "#f6e05e"), (72, "#68d391")):
        on.box(x - 1.2, 38, 2.4, 12, colour)
        on.disc(x, 34.5, 2.2, "#ed8936", 1.5)


def _plane(on: Sheet) -> None:
    for x, y, size in ((32, 68, 7), (42, 64, 9), (53, 68, 7), (86, 27, 5), (93, 25, 6.5), (100, 27, 5)):
        on.disc(x, y, size, "#ffffffcc")
    on.shape([(58, 43), (70, 43), (58, 30), (51, 30)], "#4299e1")
    on.shape([(30, 46), (22, 25), (32, 25), (44, 43)], "#2b6cb0")
    on.box(26, 41, 68, 14, WHITE, 7)
    on.box(29, 50, 60, 3, "#4299e1", 1.5)
    for n in range(7):
        on.disc(48 + 5.6 * n, 46, 1.7, "#2c5282")
    on.shape([(52, 51), (72, 51), (50, 70), (42, 70)], "#2b6cb0")


class Look(NamedTuple):
    ground: str
    spot: str
    draw: Callable[[Sheet], None]


PICTURES = {
    "mug": Look("#feebc8", "#fbd38d", _mug),
    "tote": Look("#e6fffa", "#b2f5ea", _tote),
    "lamp": Look("#ebf4ff", "#c3dafe", _lamp),
    "plant": Look("#f0fff4", "#c6f6d5", _plant),
    "umbrella": Look("#ebf8ff", on_spot, _umbrella),
    "headphones": Look("#faf5ff", "#e9d8fd", _headphones),
    "blanket": Look("#fffff0", "#fefcbf", _blanket),
    "five-off": Look("#fff5f5", "#fed7d7", _coupon("-5", "#e53e3e")),
    "free-shipping": Look("#f0fff4", "#c6f6d5", _coupon("FREE", "#38a169")),
    "coffee": Look("#fffaf0", "#feebc8", _cup),
    "ticket": Look("#fff5f5", "#fed7d7", _ticket),
    "screen": Look("#ebf4ff", "#c3dafe", _screen),
    "truck": Look("#e6fffa", "#b2f5ea", _truck),
    "agent": Look("#ebf8ff", on_spot, _agent),
    "plane": Look("#e6f6ff", "#bee3f8", _plane),
    "cake": Look("#fff5f7", "#fed7e2", _cake),
}


@cache
def draw(name: str) -> bytes:
    """The picture of that name, of 840 × 630 pixels."""
    look = PICTURES[name]
    sheet = Sheet(look.ground, look.spot)
    look.draw(sheet)
    drawn = io.BytesIO()
    sheet.image.reduce(2).save(drawn, "PNG", compress_level=1)
    return drawn.getvalue()
