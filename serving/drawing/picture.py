"""Draws the evidence for a platform's proof field: one JPEG, always under its limit.

In: the photo's bytes, the stored detection, its heat map, what became of the report. Out: a picture that can be read by
itself: the verdict in words, the photo with boxes beside its heat map, figures, reasons with what they rest on, and the
numbers by which all of it can be looked up.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from refundlens.model.network.tiles import STRIDE
from refundlens.model.photo.image import probe, read_photo
from refundlens.model.verdict.texts import Language
from refundlens.serving.drawing.text import font, settable, wrap
from refundlens.serving.drawing.words import ReportFacts, Words, words

LIMIT = 130_000
"""Bytes: what Taobao's refuse-proof field takes at most (`taobao.refund.refuse`); other platforms take more."""
WIDTH = 1200
"""Pixels of the whole picture; platforms show proofs at about that width."""
MARGIN = 32
PANELS = (552, 460, 380, 300, 220, 140)
"""Width of each panel in pixels, tried in turn: half the picture's, then smaller while the file is too large."""
TALLEST = 4 / 3
"""A panel's height at most, in its width: a phone's photo, held upright, fills it."""
QUALITIES = (88, 80, 70, 60, 50, 40)
"""JPEG qualities tried for each; under 50 small text is no longer clean."""
HOPELESS = 3
"""Times the limit from which no quality helps: the lowest gives files of four tenths of the highest's size."""
MOST_LINES, FEWEST_LINES = 14, 3
"""Lines of reasons: detections need some eight. Dense Chinese takes 5 kB a line at the lowest quality, so that 14 leave
room for the panels; with three, even noise and the longest names stay far below the limit."""
LINE = 1.45
"""Height of a line, in the font's size."""
_TITLE, _SUB, _TEXT, _SMALL, _GAP = 40, 22, 22, 17, 10
TONES = {"fake": (176, 32, 32), "authentic": (28, 110, 60), "inconclusive": (90, 96, 104)}
INK, FAINT = (26, 28, 32), (92, 98, 106)
"""Of what is printed, the PDF (`sheets`) included."""
_PAPER, _HEAT = (255, 255, 255), (255, 45, 32)
_BOX, _BOX_EDGE = (255, 45, 32), (255, 255, 255)
_DIMMED = 0.55
"""How bright the grey photo under the heat map is, so that the heat stands out."""

Pixels = NDArray[np.uint8]


def evidence_jpeg(
    photo: bytes,
    body: dict[str, Any],
    heatmap: NDArray[np.float32] | None,
    report: ReportFacts | None,
    supplied_by: str | None,
    language: Language,
) -> bytes:
    """The picture. body: a detection's stored JSON. heatmap: float32 [h,w], a cell per 8 pixels of the photo.
    supplied_by: who sent the photo, see `words`.

    Raises model.photo.image.ImageError for a photo that cannot be opened.
    """
    pixels = read_photo(photo).pixels
    said = words(body, report, supplied_by, settable(language))
    boxes = [region["box"] for region in body["regions"]]
    encoded = b""
    for side, lines in [*((side, MOST_LINES) for side in PANELS), (PANELS[-1], FEWEST_LINES)]:
        panels = [boxed(pixels, boxes, side)]
        if heatmap is not None:
            panels.append(heated(pixels, heatmap, side))
        sheet = _sheet(panels, said, lines)
        for quality in QUALITIES:
            encoded = picture_file(sheet, "JPEG", quality=quality, optimize=True)
            if len(encoded) < LIMIT:
                return encoded
            if len(encoded) > HOPELESS * LIMIT:
                break
    return encoded


def _sheet(panels: list[Image.Image], said: Words, most: int) -> Image.Image:
    """Everything on one page, as high as it needs. most: lines of reasons."""
    width = WIDTH - 2 * MARGIN
    titles = wrap(said.heading, font(_TITLE), width)
    subtitles = wrap(said.subheading, font(_SUB), width)
    band = 2 * MARGIN + _height(titles, _TITLE) + _height(subtitles, _SUB) - MARGIN // 2
    captions = [said.photo, said.heat if len(panels) > 1 else said.no_heat]
    top = band + MARGIN
    below = top + max(panel.height for panel in panels) + _height([""], _SMALL) + MARGIN // 2
    blocks = [
        *((wrap(line, font(_TEXT), width), _TEXT, INK) for line in said.facts),
        ([""], _GAP, INK),
        (_reasons(said.reasons, width, most), _TEXT, INK),
        ([""], _GAP, INK),
        *((wrap(line, font(_SMALL), width), _SMALL, FAINT) for line in ["RefundLens", *said.footer]),
    ]
    bottom = below + sum(_height(lines, size) for lines, size, _ in blocks) + MARGIN
    sheet = Image.new("RGB", (WIDTH, bottom), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.rectangle((0, 0, WIDTH, band), fill=TONES[said.tone])
    after = _write(pen, MARGIN * 3 // 4, titles, _TITLE, _PAPER)
    _write(pen, after, subtitles, _SUB, _PAPER)
    for index, caption in enumerate(captions):
        left = MARGIN + index * (width + MARGIN) // 2
        height = 0
        if index < len(panels):
            sheet.paste(panels[index], (left, top))
            height = panels[index].height
        pen.text((left, top + height + 4), caption, FAINT, font(_SMALL))
    for lines, size, colour in blocks:
        below = _write(pen, below, lines, size, colour)
    return sheet


def _reasons(reasons: list[str], width: int, most: int) -> list[str]:
    lines = [line for reason in reasons for line in wrap(f"• {reason}", font(_TEXT), width)]
    return lines if len(lines) <= most else [*lines[: most - 1], "…"]


def _write(
    pen: ImageDraw.ImageDraw, top: int, lines: list[str], size: int, colour: tuple[int, int, int]
) -> int:
    """Set lines under each other; where the next one goes."""
    for line in lines:
        bold = 1 if size == _TITLE else 0
        pen.text((MARGIN, top), line, colour, font(size), stroke_width=bold, stroke_fill=colour)
        top += round(size * LINE)
    return top


def _height(lines: list[str], size: int) -> int:
    return len(lines) * round(size * LINE)


def boxed(pixels: Pixels, boxes: list[list[int]], side: int) -> Image.Image:
    """The photo in a panel, its regions framed and numbered from 1, as reasons name them."""
    panel, scale = _fitted(Image.fromarray(pixels), side)
    pen = ImageDraw.Draw(panel)
    for number, box in enumerate(boxes, 1):
        x0, y0, x1, y1 = (round(value * scale) for value in box)
        for grow, colour in ((1, _BOX_EDGE), (0, _BOX), (-1, _BOX)):  # light round dark: seen on any ground
            left, top = x0 - grow, y0 - grow
            pen.rectangle((left, top, max(x1 + grow, left), max(y1 + grow, top)), outline=colour)
        pen.text((x0 + 3, y0 + 1), str(number), _BOX, font(_SMALL), stroke_width=2, stroke_fill=_BOX_EDGE)
    return panel


def heated(pixels: Pixels, heatmap: NDArray[np.float32], side: int) -> Image.Image:
    """The photo in grey under its heat map."""
    height, width = pixels.shape[:2]
    panel, _ = _fitted(Image.fromarray(pixels), side)
    grey = np.asarray(panel.convert("L").convert("RGB"), np.float32) * _DIMMED
    cells = Image.fromarray(np.asarray(heatmap, np.float32))
    covered = (0.0, 0.0, min(width / STRIDE, cells.width), min(height / STRIDE, cells.height))
    heat = np.asarray(cells.resize(panel.size, Image.Resampling.BILINEAR, box=covered), np.float32)
    share = np.clip(heat, 0, 1)[..., None]
    mixed = grey * (1 - share) + np.array(_HEAT, np.float32) * share
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def _fitted(picture: Image.Image, side: int) -> tuple[Image.Image, float]:
    """The picture no larger than a panel, and the scale. Small ones are not enlarged."""
    scale = min(1.0, side / picture.width, side * TALLEST / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0), scale


def picture_file(picture: Image.Image, form: str, **options: Any) -> bytes:
    """options: Pillow's, of that form."""
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


QUALITY = 82
"""libjpeg's: a thumbnail of some 15 kB, a view of some 300."""


def scaled(data: bytes, side: int) -> bytes:
    """At most `side` pixels high and wide. Raises ImageError."""
    picture = _quickly(data, side) if data.startswith(b"\xff\xd8") else None
    return to_jpeg(picture or Image.fromarray(read_photo(data).pixels), side)


def pixels_of(data: bytes, side: int) -> NDArray[np.uint8]:
    """RGB pixels [H,W,3] as displayed, of at least `side` pixels along the longer side where the photo has them; a
    large JPEG is decoded at a fraction of its size. For looking and finding: these are not the pixels that are
    judged. Raises ImageError."""
    probe(data)  # the limits hold here, too
    picture = _quickly(data, side) if data.startswith(b"\xff\xd8") else None
    return read_photo(data).pixels if picture is None else np.asarray(picture, np.uint8)


def to_jpeg(picture: Image.Image, side: int) -> bytes:
    """The picture, made smaller where it is larger than `side`."""
    picture.thumbnail((side, side))
    return picture_file(picture, "JPEG", quality=QUALITY)


def _quickly(data: bytes, side: int) -> Image.Image | None:
    """A JPEG decoded at an eighth, a quarter or half of its size, as small as does; None where that does not work."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            picture.draft("RGB", (side, side))
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
