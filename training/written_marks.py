"""Draws the written marks of generators that `model.photo.written_marks` looks for, and writes them as one file.

    python -m refundlens.training.written_marks NotoSansCJK-Regular.ttc LiberationSans-Regular.ttf
        [--face 2] [--narrow 7] [--korean 1]

In: a font with Chinese and one with Latin letters of Arial's widths (the licences of Noto and Liberation let anybody
draw with them). Out: `model/photo/written_marks.npz`: for each mark a grey picture, 0 to 255, 48 pixels high and
trimmed to what is painted. Doubao's and Jimeng's own lettering is no font: it is drawn here from corners measured on
pictures that those apps wrote, a unit being 1/2048 of such a picture.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

HEIGHT = 48
"""Pixels of a drawn mark: the tallest that is looked for has 34."""
FINER = 4
"""Times that marks are drawn larger, then averaged: smooth edges."""
BOLD = 0.02
"""What makes a regular font's strokes about as thick as its bold ones."""
TARGET = Path(__file__).parents[1] / "model/photo/written_marks.npz"

Corners = tuple[tuple[float, float], ...]
Drawing = tuple[tuple[Corners, int], ...]
"""Polygons in the order in which they are painted, 1 white, 0 black."""


def _bar(x0: float, y0: float, x1: float, y1: float) -> Corners:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


DOUBAO: Drawing = (
    # dou
    (_bar(8, 8, 60, 18), 1), (_bar(11, 24, 56, 50), 1), (_bar(22, 33, 45, 41), 0),
    (((16, 56), (27, 56), (28, 66), (18, 66)), 1), (((41, 56), (51, 56), (50, 66), (39, 66)), 1),
    (_bar(7, 65, 61, 76), 1),
    # bao
    (((72, 7), (85, 7), (85, 11), (113, 11), (118, 16), (118, 58), (107, 58), (107, 21), (69, 21)), 1),
    (_bar(71, 28, 100, 58), 1), (_bar(81, 37, 91, 49), 0), (_bar(71, 50, 81, 70), 1),
    (((71, 65), (118, 65), (115, 76), (77, 76), (71, 70)), 1),
    # A, I
    (((145, 9), (160, 9), (178, 75), (168, 75), (162, 59), (143, 59), (138, 75), (127, 75)), 1),
    (((152, 25), (159, 46), (146, 46)), 0), (_bar(186, 9, 199, 75), 1),
    # sheng
    (((215, 7), (224, 7), (221, 18), (262, 18), (262, 29), (212, 29)), 1), (_bar(232, 7, 242, 66), 1),
    (_bar(216, 41, 258, 52), 1), (_bar(211, 65, 263, 76), 1),
    # cheng
    (((276, 16), (327, 16), (327, 27), (285, 27), (281, 76), (272, 76)), 1),
    (((301, 7), (310, 7), (327, 76), (318, 76)), 1), (((316, 7), (325, 7), (327, 16), (318, 16)), 1),
    (((285, 36), (302, 36), (302, 76), (288, 76), (288, 66), (294, 66), (294, 46), (284, 46)), 1),
    (((327, 45), (327, 56), (307, 69), (307, 57)), 1),
)  # fmt: skip
"""Twelve plain bars a character, all of one thickness."""

JIMENG: Drawing = (
    # the star, cut by a curve
    (((24, 8), (29, 8), (40, 22), (52, 34), (64, 41), (76, 44), (88, 45), (103, 43), (107, 48), (100, 56), (86, 66),
      (66, 77), (44, 87), (12, 97), (7, 91), (18, 79), (27, 64), (31, 48), (29, 28)), 1),
    (((86, 73), (79, 88), (77, 110), (72, 110), (60, 102), (41, 94), (60, 87)), 1),
    # ji
    (((140, 37), (179, 37), (174, 75), (148, 75), (146, 93), (158, 92), (160, 83), (172, 83), (169, 98), (132, 99)), 1),
    (((153, 40), (167, 40), (165, 55), (151, 55)), 0), (((151, 57), (164, 57), (162, 71), (149, 71)), 0),
    (((188, 37), (220, 37), (213, 89), (200, 89), (207, 41), (199, 41), (191, 99), (178, 99)), 1),
    # meng
    (((231, 40), (267, 40), (266, 46), (230, 46)), 1), (((246, 36), (256, 36), (251, 64), (240, 64)), 1),
    (((242, 46), (248, 46), (231, 62), (228, 62)), 1), (((253, 48), (257, 48), (267, 60), (259, 63)), 1),
    (((274, 40), (310, 40), (309, 46), (273, 46)), 1), (((289, 36), (299, 36), (294, 64), (283, 64)), 1),
    (((285, 46), (291, 46), (274, 62), (271, 62)), 1), (((296, 48), (300, 48), (310, 60), (302, 63)), 1),
    (((246, 69), (260, 69), (260, 71), (301, 71), (298, 82), (286, 91), (262, 98), (228, 99), (248, 96), (264, 91),
      (256, 82), (266, 82), (274, 86), (284, 78), (288, 74), (257, 74), (243, 81), (233, 84)), 1),
    # A, I
    (((346, 36), (353, 36), (372, 99), (356, 99), (352, 86), (320, 86), (311, 99), (307, 99)), 1),
    (((341, 52), (350, 84), (321, 84)), 0), (((393, 36), (407, 36), (396, 99), (382, 99)), 1),
)  # fmt: skip


def drawn(drawing: Drawing) -> NDArray[np.uint8]:
    """A mark painted from its polygons, at FINER times their size."""
    wide, high = (
        round(max(point[axis] for corners, _ in drawing for point in corners)) + 2 for axis in (0, 1)
    )
    page = Image.new("L", (FINER * wide, FINER * high))
    for corners, white in drawing:
        ImageDraw.Draw(page).polygon([(FINER * x, FINER * y) for x, y in corners], fill=255 * white)
    return np.asarray(page)


def written(text: str, font: Path, face: int, bold: float = 0) -> NDArray[np.uint8]:
    """A mark written in a font, at FINER times its size. bold: by how much strokes are thicker on each side, in heights
    of a letter."""
    size = FINER * HEIGHT
    page = Image.new("L", (size * (len(text) + 1), 2 * size))
    letters = ImageFont.truetype(str(font), size, index=face)
    place = (size // 2, size // 4)
    ImageDraw.Draw(page).text(place, text, font=letters, fill=255, stroke_width=round(bold * size))
    return np.asarray(page)


def trimmed(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What is painted of a page, HEIGHT pixels high."""
    rows, columns = (np.flatnonzero(page.max(axis=axis) > 64) for axis in (1, 0))
    part = Image.fromarray(page[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    size = (round(part.width * HEIGHT / part.height), HEIGHT)
    return np.asarray(part.resize(size, Image.Resampling.BOX))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("font", type=Path)
    parser.add_argument("latin", type=Path)
    parser.add_argument("--face", type=int, default=2, help="the font's simplified Chinese face")
    parser.add_argument("--narrow", type=int, default=7, help="its face with Latin letters of half a width")
    parser.add_argument("--korean", type=int, default=1, help="its Korean face")
    given = parser.parse_args()
    marks = {
        "豆包AI生成": drawn(DOUBAO),
        "即梦AI": drawn(JIMENG),
        "AI生成": written("AI生成", given.font, given.face),
        "AI生成 narrow": written("AI生成", given.font, given.narrow),
        "可灵AI": written("可灵AI", given.font, given.face),
        "KlingAI": written("KlingAI", given.font, given.face),
        "KlingAI latin": written("KlingAI", given.latin, 0),
        "AI-generated": written("AI-generated", given.font, given.face),
        "AI-generated latin": written("AI-generated", given.latin, 0),
        "AI合成": written("AI合成", given.font, given.face),
        "AI generated latin": written("AI generated", given.latin, 0),
        "AI로 생성한 콘텐츠": written("AI로 생성한 콘텐츠", given.font, given.korean),
        "Dola AI latin": written("Dola AI", given.latin, 0, BOLD),
    }
    stored: dict[str, Any] = {name: trimmed(page) for name, page in marks.items()}
    np.savez_compressed(TARGET, **stored)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
