"""A phone's screen showing a photo: status bar above, letterbox around, a navigation line below.

Data in: the picture already scaled to the screen's width, uint8 [h,w,3]. Data out: the screen, uint8
[H,w,3], and the row at which the picture begins.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

STATUS_BAR = 0.075
"""Height of the status bar as a share of the screen's width (about 80 of 1080 px on current phones)."""
NAVIGATION = 0.05
"""Height of the gesture area below, likewise."""


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def screenshot(shown: NDArray[np.uint8], step: dict[str, Any]) -> tuple[NDArray[np.uint8], int]:
    """Put the picture on the screen.

    step: "aspect" (height / width of the screen), "background" (grey level 0 to 255), "clock" ("HH:MM"),
    "battery" (0 to 1), "keep" (0 to 1: how much of the letterbox the sender left when cropping the
    screenshot; at 0 nothing but the picture is left).
    """
    height, width = shown.shape[:2]
    bar, navigation = round(width * STATUS_BAR), round(width * NAVIGATION)
    full = max(round(width * step["aspect"]), height + bar + navigation)
    top = bar + (full - bar - navigation - height) // 2
    screen = Image.new("RGB", (width, full), (step["background"],) * 3)
    _status_bar(screen, bar, step)
    _navigation_line(screen, navigation)
    pixels = np.array(screen)
    pixels[top : top + height] = shown
    cut_above = round(top * (1 - step["keep"]))
    cut_below = round((full - top - height) * (1 - step["keep"]))
    return np.ascontiguousarray(pixels[cut_above : full - cut_below]), top - cut_above


def _ink(screen: Image.Image, background: int) -> tuple[int, int, int]:
    return (20, 20, 20) if background > 127 else (240, 240, 240)


def _status_bar(screen: Image.Image, height: int, step: dict[str, Any]) -> None:
    """Clock on the left, signal bars and battery on the right."""
    draw = ImageDraw.Draw(screen)
    ink = _ink(screen, step["background"])
    unit = max(2, height // 6)
    draw.text((unit * 3, unit), step["clock"], fill=ink, font=_font(max(6, unit * 3)))
    right = screen.width - unit * 3
    draw.rectangle((right - unit * 5, unit * 2, right, unit * 4), outline=ink)
    draw.rectangle(
        (right - unit * 5, unit * 2, right - round(unit * 5 * (1 - step["battery"])), unit * 4), fill=ink
    )
    for index in range(4):
        left = right - unit * (11 - index)
        draw.rectangle((left, unit * 4 - (index + 1) * unit // 2, left + unit // 2, unit * 4), fill=ink)


def _navigation_line(screen: Image.Image, height: int) -> None:
    draw = ImageDraw.Draw(screen)
    middle, half = screen.height - height // 2, round(screen.width * 0.17)
    thick = max(1, height // 12)
    draw.rectangle(
        (screen.width // 2 - half, middle - thick, screen.width // 2 + half, middle + thick),
        fill=(128, 128, 128),
    )
