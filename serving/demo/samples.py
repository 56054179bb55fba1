"""The sample refunds of the page: who claims what, and how each picture comes about.

In: nothing. Out: `SAMPLES`; `draw_sample(sample)` and `listing(sample)`, the same thing undamaged as its shop shows
it, as JPEG bytes. Half of the pictures are manipulated after the "camera": two by what AI editors do to pixels (a place
is drawn anew at a coarser scale and enlarged, without the noise of the camera), one by copying. The others show the
damage before it. The detector is told nothing of this: the page shows whatever it says.

Puts the sample refunds' pictures into the data folder at first start, and finds them again.

In: the data folder. Out: JPEG files under samples/. What is there is kept, so the same bytes are judged each time.
"""

import io
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.names import Defect
from refundlens.model.texts.reader import LANGUAGES
from refundlens.serving.demo.scenes import Canvas, Scene, blend, cloud, draw, photograph, positions
from refundlens.serving.kit.language import Language, texts

WIDTH, HEIGHT = 960, 1280
"""Pixels: what a messenger leaves of a phone photo, 1.2 megapixels."""
JPEG_QUALITY = 90
"""libjpeg's quality of a phone camera's usual setting."""
COARSER = 4
"""How much coarser a place is drawn that is drawn anew: AI editors' decoders make 8 x 8 pixels out of one or two
numbers a side."""
DRAWN_ANEW = 2.0
"""How much larger than the damage the place is: editors redraw all that was marked."""


@dataclass(frozen=True)
class Sample:
    """One refund. `edited`: whether the damage was painted after the picture was taken. amount_minor: in fen.
    What it is and what the buyer says of it is in the texts `samples`, by its slug."""

    slug: str
    scene: Scene
    defect: Defect
    edited: bool
    amount_minor: int
    centre: tuple[float, float]
    radius: float


SAMPLES: tuple[Sample, ...] = (
    Sample("shirt-hole-painted", "shirt", "hole", True, 12800, (0.05, -0.02), 0.05),
    Sample("fabric-stain-worn", "fabric", "stain", False, 7650, (-0.08, 0.1), 0.09),
    Sample("bread-mould-painted", "plate", "mould", True, 3990, (0.04, 0.03), 0.06),
    Sample("shirt-stain-worn", "shirt", "stain", False, 12800, (-0.06, 0.12), 0.06),
    Sample("box-label-copied", "box", "other", True, 25900, (-0.2, 0.155), 0.1),
    Sample("bread-mould-grown", "plate", "mould", False, 3990, (-0.05, -0.04), 0.05),
)


FOUND = Sample("cloth-hole-found", "fabric", "hole", True, 16800, (0.02, 0.03), 0.05)
"""Of the refund that was found fake (`serving.jobs.example`)."""


CLAIM = "{item}{colon}{claim}"
"""What a buyer says, with the language's own colon."""


def both_languages(slug: str, form: str) -> str:
    """A sentence of a sample in each language, a line each: how it is stored, since nobody translates what people
    write."""
    return "\n".join(
        form.format(**texts("samples", one)[slug], colon=texts("page", one)["colon"])
        for one in LANGUAGES[::-1]
    )


def in_one_language(text: str, language: Language) -> str:
    """What people wrote, as it is; of the samples' sentences the line of that language."""
    lines = text.split("\n")
    if len(lines) != len(LANGUAGES):
        return text
    return lines[LANGUAGES[::-1].index(language)] if text in _sentences() else text


@cache
def _sentences() -> frozenset[str]:
    slugs = [sample.slug for sample in SAMPLES]
    claims = {both_languages(slug, CLAIM) for slug in [*slugs, FOUND.slug]}
    return frozenset(claims | {both_languages(FOUND.slug, "{decision}")})


def draw_sample(sample: Sample) -> bytes:
    """The sample's photo as JPEG. The same sample gives the same bytes with the same libraries."""
    rng = _seeded(sample)
    canvas = draw(sample.scene, WIDTH, HEIGHT, rng)
    if not sample.edited:
        return _jpeg(photograph(_damage(canvas, sample, rng), rng))
    taken = photograph(canvas, rng)
    return _jpeg(_copy_move(taken) if sample.defect == "other" else _drawn_anew(taken, canvas, sample, rng))


def listing(sample: Sample) -> bytes:
    """The thing before anything happened to it, as JPEG: the shop's own picture."""
    rng = _seeded(sample)
    return _jpeg(photograph(draw(sample.scene, WIDTH, HEIGHT, rng), rng))


def _seeded(sample: Sample) -> np.random.Generator:
    return np.random.default_rng([ord(letter) for letter in sample.slug])


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _damage(canvas: Canvas, sample: Sample, rng: np.random.Generator) -> Canvas:
    """The claimed defect, laid over the canvas with an uneven, soft edge."""
    x, y = positions(WIDTH, HEIGHT)
    wobble = 1 + 0.35 * cloud(WIDTH, HEIGHT, 14, rng)
    distance = np.hypot(x - sample.centre[0], y - sample.centre[1]) / (sample.radius * wobble)
    inside = np.clip((1 - distance) * 14, 0, 1)
    if sample.defect == "hole":
        rim = np.clip(1 - np.abs(distance - 1) * 9, 0, 1)
        return blend(blend(canvas, (200, 205, 215), rim * 0.7), (24, 20, 20), inside)
    if sample.defect == "stain":
        return blend(canvas, (112, 72, 36), np.clip((1 - distance) * 4, 0, 1) * 0.6)
    fuzz = np.clip(0.6 + 0.5 * cloud(WIDTH, HEIGHT, 110, rng), 0, 1)
    return blend(canvas, (92, 118, 84), inside * fuzz)


def _drawn_anew(
    taken: NDArray[np.uint8], canvas: Canvas, sample: Sample, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The damaged place as an editor draws it: coarse, enlarged, without noise, blended in at its rim."""
    damaged = np.clip(_damage(canvas, sample, rng), 0, 255).astype(np.uint8)
    coarse = Image.fromarray(damaged).resize((WIDTH // COARSER, HEIGHT // COARSER), Image.Resampling.LANCZOS)
    drawn = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    x, y = positions(WIDTH, HEIGHT)
    wobble = 1 + 0.2 * cloud(WIDTH, HEIGHT, 14, rng)
    reach = sample.radius * DRAWN_ANEW * wobble
    distance = np.hypot(x - sample.centre[0], y - sample.centre[1]) / reach
    share = np.clip((1 - distance) * 10, 0, 1)[..., None]
    mixed: NDArray[np.uint8] = (taken * (1 - share) + drawn * share).astype(np.uint8)
    return mixed


def _copy_move(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Copy the box's label to its left half: real camera pixels in a place where they were not taken."""
    left, top, right, bottom = 572, 745, 848, 932
    moved = pixels.copy()
    moved[top:bottom, left - 400 : right - 400] = pixels[top:bottom, left:right]
    return moved


class SampleFolder:
    """The samples' pictures on disk. Safe to use from several threads."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "samples"
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def prepare(self) -> None:
        """Draw all that is missing, some seconds at first start. Raises OSError where the folder is not writable."""
        for sample in SAMPLES:
            if self._closed.is_set():
                return
            self.file(sample)

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        """Let `prepare` end after the picture it is drawing: who stops the service does not wait for all."""
        self._closed.set()

    def file(self, sample: Sample) -> Path:
        """The sample's picture, drawn now if somebody asks before `prepare` got there."""
        path = self._folder / f"{sample.slug}.jpg"
        with self._lock:
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                partial.write_bytes(draw_sample(sample))
                partial.replace(path)
        return path


def find_sample(slug: str) -> Sample | None:
    """A sample by name; None where there is none (slugs come from requests)."""
    return next((sample for sample in SAMPLES if sample.slug == slug), None)
