"""Turns the outcome for one photo into what the result's template shows.

In: an outcome and the photo's bytes. Out: the detection's JSON, a preview of the photo, its heat map and its
reliability map as data: URLs, because the service does not keep photos.
"""

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.image import read_photo
from model.tiles import STRIDE
from serving.service import INTERNAL, Outcome

PREVIEW_SIDE = 1280
"""Longest side of the preview in pixels: sharp on a phone and in half a desktop window, some 200 kB."""
PREVIEW_QUALITY = 85
HEAT_COLOUR = (255, 45, 32)
DOUBT_COLOUR = (40, 110, 255)


@dataclass(frozen=True)
class ErrorView:
    """Why there is no verdict, by its stable code (the page has its own words for it) and in English.

    about_picture: the picture's fault, not the request's. name: the file's, where it has one.
    """

    error: str
    message: str
    about_picture: bool
    name: str | None = None


@dataclass(frozen=True)
class ResultView:
    """A verdict to show. heat_width and heat_height: pixels of the photo that the maps cover (whole cells). doubt:
    where the heat map is not to be trusted, none where the model cannot tell. kept: whether the API has it, too."""

    name: str | None
    kept: bool
    line: dict[str, Any]
    photo: str
    heat: str
    heat_width: int
    heat_height: int
    doubt: str | None
    error: None = None

    @staticmethod
    def percent(share: float) -> str:
        """For people: never 0 % or 100 %, which no estimate is."""
        return (
            "< 0.1 %" if share < 0.001 else "> 99.9 %" if share > 0.999 else f"{share:.1%}".replace("%", " %")
        )


def show(
    outcome: Outcome, data: bytes, name: str | None = None, kept: bool = False
) -> ResultView | ErrorView:
    if outcome.stored is None:
        error = outcome.error or INTERNAL
        return ErrorView(error["code"], error["message"], about_picture=True, name=name)
    heat = outcome.stored.heatmap
    trust = outcome.stored.reliabilitymap
    rows, columns = heat.shape
    return ResultView(
        name,
        kept,
        outcome.stored.body,
        _preview(data),
        _data_url(overlay(heat, HEAT_COLOUR), "image/png"),
        columns * STRIDE,
        rows * STRIDE,
        None if trust is None else _data_url(overlay(1 - trust, DOUBT_COLOUR), "image/png"),
    )


def overlay(cells: NDArray[np.float32], colour: tuple[int, int, int]) -> bytes:
    """PNG of one colour, as opaque as the map's cells, float32 [h,w], are near to 1; a pixel a cell."""
    pixels = np.empty((*cells.shape, 4), np.uint8)
    pixels[..., :3] = colour
    pixels[..., 3] = np.clip(cells * 255 + 0.5, 0, 255)
    return _encoded(Image.fromarray(pixels), "PNG")


def _preview(data: bytes) -> str:
    picture = Image.fromarray(read_photo(data).pixels)
    picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    return _data_url(_encoded(picture, "JPEG", quality=PREVIEW_QUALITY), "image/jpeg")


def _encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _data_url(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"
