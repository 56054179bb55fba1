"""The places of a photo that stand out, each with what is around it.

In: a detection's JSON, and the photo. Out: boxes, and parts of the photo as JPEG. For looking only.
"""

from typing import Any

from PIL import Image

from model.detection import Box
from model.image import read_photo
from serving.scaling import to_jpeg

AROUND = 0.6
"""Share of a region's longer side that is shown on each side of it: what is odd shows against what is not."""
LEAST_SIDE = 192
"""Pixels of the photo that an enlarged place shows at least."""
MOST_PLACES = 3
"""Enlarged places of a photo; regions come with the most probable first."""
CROP_SIDE = 1000
"""Longest side in pixels of an enlarged place."""


def crop(data: bytes, box: Box) -> bytes:
    """A part of the photo as displayed, enlarged by nobody. Raises ImageError."""
    return to_jpeg(Image.fromarray(read_photo(data).pixels).crop(box), CROP_SIDE)


def places(body: dict[str, Any]) -> list[Box]:
    """What to enlarge of a photo whose detection this is: its regions with their surroundings, within the photo."""
    return [_around(region["box"], body["width"], body["height"]) for region in body["regions"][:MOST_PLACES]]


def _around(box: Box, width: int, height: int) -> Box:
    x0, y0, x1, y1 = box
    margin = AROUND * max(x1 - x0, y1 - y0)
    across = max(x1 - x0 + 2 * margin, LEAST_SIDE)
    down = max(y1 - y0 + 2 * margin, LEAST_SIDE)
    middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
    return (
        max(0, round(middle_x - across / 2)),
        max(0, round(middle_y - down / 2)),
        min(width, round(middle_x + across / 2)),
        min(height, round(middle_y + down / 2)),
    )
