"""What people draw on a photo: arrows, circles, text, stickers, date stamps, and a camera's strip below it.

Data in: a picture and a generator. Data out: the picture drawn upon, how far each pixel is covered (float32
[H,W], 0 to 1, 0 under what is transparent), and parameters. Fonts: Pillow's own, which knows Latin letters
only.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]
Record = dict[str, Any]
_Colour = tuple[int, int, int]
_Brush = tuple[Image.Image, ImageDraw.ImageDraw]

SMOOTH = 2
"""Drawings are made this many times larger and reduced, for edges as smooth as an app's."""
LEAST_TEXT = 9
"""Pixels: smaller letters could not be read, so nobody writes them."""
PENS: tuple[_Colour, ...] = (
    (230, 30, 30),
    (255, 210, 0),
    (30, 120, 255),
    (20, 180, 70),
    (255, 255, 255),
    (0, 0, 0),
)
"""Colours that photo apps offer first."""
PHRASES = (
    "here",
    "look!",
    "broken",
    "BAD",
    "stain??",
    "hole",
    "not as described",
    "refund pls",
    "see this",
    "1",
    "?",
)
CAMERAS = ("SHOT ON MY PHONE", "DUAL CAMERA", "TRIPLE CAMERA 5G", "PRO 12 | AI CAMERA")


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _pen(rng: np.random.Generator) -> _Colour:
    return PENS[int(rng.choice(len(PENS), p=[0.5, 0.14, 0.1, 0.08, 0.1, 0.08]))]


def _point(layer: Image.Image, rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(0.1, 0.9) * layer.width), float(rng.uniform(0.1, 0.9) * layer.height)


def _unit(layer: Image.Image) -> float:
    """A hundredth of the layer's mean side, in its pixels."""
    return float(np.sqrt(layer.width * layer.height)) / 100


def _arrow(brush: _Brush, rng: np.random.Generator) -> Record:
    layer, draw = brush
    x, y = _point(layer, rng)
    angle, length = rng.uniform(0, 2 * np.pi), _unit(layer) * rng.uniform(10, 35)
    thick = max(2, round(_unit(layer) * rng.uniform(0.6, 1.8)))
    head = thick * rng.uniform(2.5, 4.5)
    ahead, aside = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    tip = np.array([x, y])
    neck, tail = tip - ahead * head, tip - ahead * length
    colour = _pen(rng)
    draw.line([tuple(tail), tuple(neck)], fill=colour, width=thick)
    draw.polygon(
        [tuple(tip), tuple(neck + aside * head * 0.6), tuple(neck - aside * head * 0.6)], fill=colour
    )
    return {"colour": list(colour), "thickness": thick // SMOOTH}


def _circle(brush: _Brush, rng: np.random.Generator) -> Record:
    layer, draw = brush
    x, y = _point(layer, rng)
    reach_x, reach_y = _unit(layer) * rng.uniform(5, 22, 2)
    thick = max(2, round(_unit(layer) * rng.uniform(0.5, 1.5)))
    colour = _pen(rng)
    if rng.random() < 0.5:
        draw.ellipse((x - reach_x, y - reach_y, x + reach_x, y + reach_y), outline=colour, width=thick)
        return {"colour": list(colour), "hand_drawn": False}
    turn = np.linspace(0, rng.uniform(5.9, 6.9), 60)  # a finger seldom closes the loop exactly
    wobble = 1 + 0.05 * np.sin(2 * turn + rng.uniform(0, 6.28)) + rng.uniform(-0.03, 0.03) * turn
    points = zip(x + reach_x * wobble * np.cos(turn), y + reach_y * wobble * np.sin(turn), strict=True)
    draw.line([(float(px), float(py)) for px, py in points], fill=colour, width=thick, joint="curve")
    return {"colour": list(colour), "hand_drawn": True}


def _text(brush: _Brush, rng: np.random.Generator) -> Record:
    layer, draw = brush
    phrase = PHRASES[int(rng.integers(len(PHRASES)))]
    font, colour = _font(max(LEAST_TEXT * SMOOTH, round(_unit(layer) * rng.uniform(5, 13)))), _pen(rng)
    x, y = rng.uniform(0.02, 0.6) * layer.width, rng.uniform(0.03, 0.88) * layer.height
    backed = rng.random() < 0.3
    if backed:
        box = draw.textbbox((x, y), phrase, font=font)
        pad = _unit(layer)
        paper = (255, 255, 255) if sum(colour) < 600 else (0, 0, 0)
        draw.rounded_rectangle((box[0] - pad, box[1] - pad, box[2] + pad, box[3] + pad), pad, fill=paper)
    draw.text((x, y), phrase, fill=colour, font=font)
    return {"text": phrase, "colour": list(colour), "backed": bool(backed)}


def _sticker(brush: _Brush, rng: np.random.Generator) -> Record:
    layer, draw = brush
    shape = str(rng.choice(["smile", "sad", "heart", "star", "cross"]))
    (x, y), r = _point(layer, rng), _unit(layer) * rng.uniform(4, 12)
    _STICKERS[shape](draw, float(x), float(y), float(r))
    return {"shape": shape, "radius": round(r / SMOOTH, 1)}


def _face(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, happy: bool) -> None:
    draw.ellipse(
        (x - r, y - r, x + r, y + r), fill=(255, 204, 51), outline=(214, 150, 20), width=max(1, int(r / 14))
    )
    for side in (-0.36, 0.36):
        eye_x, eye_y = x + side * r, y - 0.25 * r
        draw.ellipse(
            (eye_x - 0.12 * r, eye_y - 0.18 * r, eye_x + 0.12 * r, eye_y + 0.18 * r), fill=(90, 50, 10)
        )
    top, angles = (y - 0.45 * r, (25, 155)) if happy else (y + 0.25 * r, (205, 335))
    box = (x - 0.55 * r, top, x + 0.55 * r, top + (1.1 if happy else 0.7) * r)
    draw.arc(box, *angles, fill=(90, 50, 10), width=max(2, int(r / 9)))


def _heart(draw: ImageDraw.ImageDraw, x: float, y: float, r: float) -> None:
    t = np.linspace(0, 2 * np.pi, 60)
    across = 16 * np.sin(t) ** 3
    down = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    draw.polygon(
        [(x + float(a) * r / 16, y + float(d) * r / 16) for a, d in zip(across, down, strict=True)],
        (230, 40, 70),
    )


def _star(draw: ImageDraw.ImageDraw, x: float, y: float, r: float) -> None:
    draw.polygon(
        [
            (
                x + r * (1 if k % 2 == 0 else 0.42) * np.sin(k * np.pi / 5),
                y - r * (1 if k % 2 == 0 else 0.42) * np.cos(k * np.pi / 5),
            )
            for k in range(10)
        ],
        (255, 190, 20),
    )


def _cross(draw: ImageDraw.ImageDraw, x: float, y: float, r: float) -> None:
    for slope in (1, -1):
        draw.line(
            [(x - r, y - slope * r), (x + r, y + slope * r)], fill=(225, 25, 35), width=max(2, int(r / 3))
        )


_STICKERS: dict[str, Callable[[ImageDraw.ImageDraw, float, float, float], None]] = {
    "smile": lambda draw, x, y, r: _face(draw, x, y, r, True),
    "sad": lambda draw, x, y, r: _face(draw, x, y, r, False),
    "heart": _heart,
    "star": _star,
    "cross": _cross,
}


def _moment(rng: np.random.Generator) -> str:
    day = f"{rng.integers(2019, 2027)}/{rng.integers(1, 13):02d}/{rng.integers(1, 29):02d}"
    return f"{day} {rng.integers(24):02d}:{rng.integers(60):02d}"


def _date_stamp(brush: _Brush, rng: np.random.Generator) -> Record:
    layer, draw = brush
    words = _moment(rng)
    font = _font(max(LEAST_TEXT * SMOOTH, round(_unit(layer) * rng.uniform(3, 6))))
    colour = ((255, 150, 30), (255, 255, 255), (255, 60, 40))[int(rng.integers(3))]
    margin = 3 * _unit(layer)
    x = margin if rng.random() < 0.4 else layer.width - margin - draw.textlength(words, font=font)
    draw.text((x, layer.height - margin - _line_height(font)), words, fill=colour, font=font)
    return {"text": words, "colour": list(colour)}


def _line_height(font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> float:
    """Height of a line in pixels."""
    box = font.getbbox("0")
    return float(box[3])


def _watermark(brush: _Brush, rng: np.random.Generator) -> Record:
    layer, draw = brush
    words = CAMERAS[int(rng.integers(len(CAMERAS)))]
    font = _font(max(LEAST_TEXT * SMOOTH, round(_unit(layer) * rng.uniform(3, 7))))
    x, y = rng.uniform(0.02, 0.5) * layer.width, rng.uniform(0.05, 0.92) * layer.height
    opacity = float(rng.uniform(0.3, 0.7))
    draw.text((x, y), words, fill=(255, 255, 255, round(255 * opacity)), font=font)
    return {"text": words, "opacity": round(opacity, 2)}


DRAWINGS: dict[str, Callable[[_Brush, np.random.Generator], Record]] = {
    "arrow": _arrow,
    "circle": _circle,
    "text": _text,
    "sticker": _sticker,
    "date_stamp": _date_stamp,
    "watermark": _watermark,
}
TRANSLUCENT = frozenset({"watermark"})
"""Drawings through which the photo can still be judged."""


def draw_over(pixels: Pixels, name: str, rng: np.random.Generator) -> tuple[Pixels, Mask, Record]:
    """Draw one of `DRAWINGS` on uint8 [H,W,3]; returns the picture, the opaque cover and the parameters."""
    height, width = pixels.shape[:2]
    layer = Image.new("RGBA", (width * SMOOTH, height * SMOOTH), (0, 0, 0, 0))
    parameters = DRAWINGS[name]((layer, ImageDraw.Draw(layer)), rng)
    flat = np.asarray(layer.reduce(SMOOTH), np.float32)
    alpha = flat[..., 3:] / 255
    result = np.rint(pixels + (flat[..., :3] - pixels) * alpha).astype(np.uint8)
    cover = np.zeros((height, width), np.float32) if name in TRANSLUCENT else alpha[..., 0]
    return result, np.asarray(cover, np.float32), parameters


def camera_strip(width: int, rng: np.random.Generator) -> tuple[Pixels, Record]:
    """A band of this width in pixels with a camera's name and an exposure, uint8 [h,width,3]."""
    height = max(12, round(width * float(rng.uniform(0.07, 0.13))))
    paper = (255, 255, 255) if rng.random() < 0.75 else (0, 0, 0)
    ink = (20, 20, 20) if paper[0] else (235, 235, 235)
    words = CAMERAS[int(rng.integers(len(CAMERAS)))]
    length, stop = rng.integers(22, 80), rng.integers(5, 9)
    speed, iso = rng.integers(30, 500), rng.integers(50, 1600)
    exposure = f"{length}mm f/1.{stop} 1/{speed}s ISO{iso}"
    band = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(band)
    font = _font(max(6, round(height * 0.28)))
    draw.text((height * 0.3, height * 0.36), words, fill=ink, font=font)
    draw.text(
        (width - height * 0.3 - draw.textlength(exposure, font=font), height * 0.36), exposure, ink, font=font
    )
    return np.array(band), {"height": height, "text": words, "paper": list(paper)}
