"""The sample refunds of the page: who claims what, and how each picture comes about.

In: nothing. Out: `SAMPLES` and `FRONT`; `draw_sample(sample)` and `listing(sample)`, the same thing undamaged as its
shop shows it, as JPEG bytes. Half of `SAMPLES` are manipulated after the "camera": two by what AI editors do to
pixels (a place is drawn anew at a coarser scale and enlarged, without the noise of the camera), one by copying. The
others show the damage before it. Of `FRONT`, two saw no camera at all. The detector is told nothing of this: the page
shows whatever it says.

Puts the sample refunds' pictures into the data folder at first start, and finds them again.

In: the data folder. Out: JPEG files under samples/. What is there is kept, so the same bytes are judged each time.
"""

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from refundlens.model.names import Defect, Verdict
from refundlens.model.texts.reader import LANGUAGES
from refundlens.serving.demo.scenes import Canvas, Scene, blend, cloud, draw, photograph, positions
from refundlens.serving.kit.language import Language, texts
from refundlens.serving.workflow.states import ReportState

WIDTH, HEIGHT = 960, 1280
"""Pixels: what a messenger leaves of a phone photo, 1.2 megapixels."""
JPEG_QUALITY = 90
"""libjpeg's quality of a phone camera's usual setting."""
COARSER = 4
"""How much coarser a place is drawn that is drawn anew: AI editors' decoders make 8 x 8 pixels out of one or two
numbers a side."""
DRAWN_ANEW = 2.0
"""How much larger than the damage the place is: editors redraw all that was marked."""


CELL = 4
"""Pixels a side that a generator's decoder makes out of one number, in a picture that is made up."""
HARD = 0.5
"""Share of a made-up picture that shows its cells with edges; the rest passes smoothly from one to the next."""
SOFTENED = 0.5
"""Pixels (sigma) by which a made-up picture is smoothed before grain is laid over it."""
GRAIN = 2.5
"""Levels of the grain that is laid over a made-up picture, to look like a photo."""
WIDE = (1200, 1600)
"""Pixels of the scene of which each of `FRONT` shows a part of its own: no two are taken for one picture."""
TAKES = 8
"""Pictures of each of `FRONT`."""

Made = Literal["camera", "redrawn", "copied", "generated"]
"""How a picture came about: `camera`: taken of damage that is there; `redrawn`: the damaged place was drawn anew after
it was taken; `copied`: a place was copied to another; `generated`: all of it is made up."""


@dataclass(frozen=True)
class Sample:
    """One refund. product: the shop's number of what was bought. amount_minor: in fen. take: which picture of it,
    from 1: each has its own folds and grain.
    What it is and what the buyer says of it is in the texts `samples`, by its slug."""

    slug: str
    scene: Scene
    defect: Defect
    made: Made
    product: str
    amount_minor: int
    centre: tuple[float, float]
    radius: float
    take: int = 1

    @property
    def edited(self) -> bool:
        return self.made != "camera"

    @property
    def name(self) -> str:
        """Of its picture, alone in the folder."""
        return self.slug if self.take == 1 else f"{self.slug}-{self.take}"


SAMPLES: tuple[Sample, ...] = (
    Sample("shirt-hole-painted", "shirt", "hole", "redrawn", "TS-0117", 12800, (0.05, -0.02), 0.05),
    Sample("fabric-stain-worn", "fabric", "stain", "camera", "HM-2204", 7650, (-0.08, 0.1), 0.09),
    Sample("bread-mould-painted", "plate", "mould", "redrawn", "FD-3051", 3990, (0.04, 0.03), 0.06),
    Sample("shirt-stain-worn", "shirt", "stain", "camera", "TS-0117", 12800, (-0.06, 0.12), 0.06),
    Sample("box-label-copied", "box", "other", "copied", "KT-4180", 25900, (-0.2, 0.155), 0.1),
    Sample("bread-mould-grown", "plate", "mould", "camera", "FD-3051", 3990, (-0.05, -0.04), 0.05),
)


FOUND = Sample("cloth-hole-found", "fabric", "hole", "redrawn", "HM-2207", 16800, (0.02, 0.03), 0.05)
"""Of the refund that was found fake (`serving.jobs.example`)."""


FRONT: tuple[Sample, ...] = (
    Sample("loaf-mould-made", "plate", "mould", "generated", "FD-3060", 4590, (0.04, 0.03), 0.06),
    Sample("curtain-stain-worn", "fabric", "stain", "camera", "HM-2311", 13900, (0.06, -0.08), 0.09),
    Sample("jersey-hole-made", "shirt", "hole", "generated", "TS-0140", 15900, (0.05, -0.02), 0.05),
)
"""Of the refunds that the demo begins with (`serving.jobs.front`), which chooses among their takes."""


def takes() -> Iterator[Sample]:
    """All pictures of `FRONT`, the first of each first."""
    for take in range(1, TAKES + 1):
        yield from (replace(sample, take=take) for sample in FRONT)


BETWEEN = " / "
"""Of a title's languages."""
CLAIM = "{item}{colon}{claim}"
"""What a buyer says, with the language's own colon."""


def both_languages(slug: str, form: str) -> str:
    """A sentence of a sample in each language, a line each: how it is stored, since nobody translates what people
    write."""
    return "\n".join(
        form.format(**texts("samples", one)[slug], colon=texts("page", one)["colon"])
        for one in LANGUAGES[::-1]
    )


def product_title(slug: str) -> str:
    """What a sample is, in each language, on one line."""
    return BETWEEN.join(both_languages(slug, "{item}").split("\n"))


def in_one_language(text: str, language: Language) -> str:
    """What people wrote, as it is; of the samples' sentences and titles the part in that language."""
    for between, known in (("\n", _sentences()), (BETWEEN, _titles())):
        if text in known:
            return text.split(between)[LANGUAGES[::-1].index(language)]
    return text


@cache
def _sentences() -> frozenset[str]:
    claims = {both_languages(slug, CLAIM) for slug in _slugs()}
    return frozenset(claims | {both_languages(FOUND.slug, "{decision}")})


@cache
def _titles() -> frozenset[str]:
    return frozenset(product_title(slug) for slug in _slugs())


def _slugs() -> list[str]:
    return [sample.slug for sample in (*SAMPLES, *FRONT, FOUND)]


def draw_sample(sample: Sample) -> bytes:
    """The sample's photo as JPEG. The same sample gives the same bytes with the same libraries."""
    rng = _seeded(sample)
    if sample.slug in (one.slug for one in FRONT):
        wide = draw(sample.scene, *WIDE, rng)
        canvas = _cut(_damage(wide, sample, rng), rng)
        return _jpeg(photograph(canvas, rng) if sample.made == "camera" else _made_up(canvas, rng))
    canvas = draw(sample.scene, WIDTH, HEIGHT, rng)
    if sample.made == "camera":
        return _jpeg(photograph(_damage(canvas, sample, rng), rng))
    taken = photograph(canvas, rng)
    return _jpeg(_copy_move(taken) if sample.made == "copied" else _drawn_anew(taken, canvas, sample, rng))


def listing(sample: Sample) -> bytes:
    """The thing before anything happened to it, as JPEG: the shop's own picture."""
    rng = _seeded(sample)
    return _jpeg(photograph(draw(sample.scene, WIDTH, HEIGHT, rng), rng))


def _seeded(sample: Sample) -> np.random.Generator:
    return np.random.default_rng([ord(letter) for letter in sample.name])


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()


def _cut(wide: Canvas, rng: np.random.Generator) -> Canvas:
    """A part of a scene, float32 [HEIGHT,WIDTH,3]."""
    left, top = (int(rng.integers(0, spare + 1)) for spare in (WIDE[0] - WIDTH, WIDE[1] - HEIGHT))
    return wide[top : top + HEIGHT, left : left + WIDTH]


def _damage(canvas: Canvas, sample: Sample, rng: np.random.Generator) -> Canvas:
    """The claimed defect, laid over the canvas with an uneven, soft edge."""
    height, width = canvas.shape[:2]
    x, y = positions(width, height)
    wobble = 1 + 0.35 * cloud(width, height, 14, rng)
    distance = np.hypot(x - sample.centre[0], y - sample.centre[1]) / (sample.radius * wobble)
    inside = np.clip((1 - distance) * 14, 0, 1)
    if sample.defect == "hole":
        rim = np.clip(1 - np.abs(distance - 1) * 9, 0, 1)
        return blend(blend(canvas, (200, 205, 215), rim * 0.7), (24, 20, 20), inside)
    if sample.defect == "stain":
        return blend(canvas, (112, 72, 36), np.clip((1 - distance) * 4, 0, 1) * 0.6)
    fuzz = np.clip(0.6 + 0.5 * cloud(width, height, 110, rng), 0, 1)
    return blend(canvas, (92, 118, 84), inside * fuzz)


def _drawn_anew(
    taken: NDArray[np.uint8], canvas: Canvas, sample: Sample, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The damaged place as an editor draws it: coarse, enlarged, without noise, blended in at its rim."""
    coarse = _picture(_damage(canvas, sample, rng)).resize(
        (WIDTH // COARSER, HEIGHT // COARSER), Image.Resampling.LANCZOS
    )
    drawn = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    x, y = positions(WIDTH, HEIGHT)
    wobble = 1 + 0.2 * cloud(WIDTH, HEIGHT, 14, rng)
    reach = sample.radius * DRAWN_ANEW * wobble
    distance = np.hypot(x - sample.centre[0], y - sample.centre[1]) / reach
    share = np.clip((1 - distance) * 10, 0, 1)[..., None]
    mixed: NDArray[np.uint8] = (taken * (1 - share) + drawn * share).astype(np.uint8)
    return mixed


def _made_up(canvas: Canvas, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The whole picture as a generator makes it: decoded in cells, with grain laid over."""
    size = (WIDTH // CELL, HEIGHT // CELL)
    coarse = _picture(canvas).resize(size, Image.Resampling.LANCZOS)
    cells, smooth = (
        np.asarray(coarse.resize((WIDTH, HEIGHT), way), np.float32)
        for way in (Image.Resampling.NEAREST, Image.Resampling.BICUBIC)
    )
    decoded = _picture(HARD * cells + (1 - HARD) * smooth).filter(ImageFilter.GaussianBlur(SOFTENED))
    grained = np.asarray(decoded, np.float32) + rng.normal(0, GRAIN, canvas.shape)
    return np.clip(grained, 0, 255).astype(np.uint8)


def _picture(canvas: Canvas) -> Image.Image:
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def _copy_move(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Copy the box's label to its left half: real camera pixels in a place where they were not taken."""
    left, top, right, bottom = 572, 745, 848, 932
    moved = pixels.copy()
    moved[top:bottom, left - 400 : right - 400] = pixels[top:bottom, left:right]
    return moved


@dataclass(frozen=True)
class Opinion:
    """What a model said of a picture."""

    sha256: str
    verdict: Verdict
    miss_bound: float | None


@dataclass(frozen=True)
class Shown:
    """A refund that the demo begins with: where a report of its photo ends, the picture's name, the refund's number,
    and its photo."""

    end: ReportState
    name: str
    refund_id: str
    image_id: str


class SampleFolder:
    """The samples' pictures on disk. Safe to use from several threads. front: what the demo begins with, as
    `serving.jobs.front` found it last."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "samples"
        self.front: tuple[Shown, ...] = ()
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
        path = self._folder / f"{sample.name}.jpg"
        with self._lock:
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                partial.write_bytes(draw_sample(sample))
                partial.replace(path)
        return path

    def judged(self, model: str) -> dict[str, Opinion]:
        """What a model, by its SHA-256, said of the pictures, by their names, in the order it was asked. Raises
        OSError."""
        try:
            kept = json.loads(self._findings.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):  # nobody asked yet, or a disk was full
            return {}
        if kept["model"] != model:
            return {}
        return {name: Opinion(**one) for name, one in kept["found"].items()}

    def keep(self, model: str, name: str, finding: Opinion) -> None:
        """One more picture that this model judged; what others said is forgotten. Raises OSError."""
        with self._lock:
            found = self.judged(model) | {name: finding}
            kept = {"model": model, "found": {one: asdict(told) for one, told in found.items()}}
            partial = self._findings.with_suffix(".partial")
            partial.write_text(json.dumps(kept), encoding="utf-8")
            partial.replace(self._findings)

    @property
    def _findings(self) -> Path:
        return self._folder / "judged.json"


def find_sample(name: str) -> Sample | None:
    """A sample by its picture's name; None where there is none (names come from requests)."""
    return next((sample for sample in (*SAMPLES, *takes()) if sample.name == name), None)
