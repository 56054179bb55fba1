"""What phones, shops and buyers openly do to a photo must not make it fake.

In: authentic photos. Out: one `Harmless` line for every operation of `datasets.degradations.benign`, for copies without
any network (`training.evaluation.controls`), and for cut-outs on a studio's background as catalogues show them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.defects import find_foreground
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.benign import OPERATIONS, benign
from refundlens.datasets.degradations.chains import NAMED, Step
from refundlens.training.calibration.scoring import run_all
from refundlens.training.evaluation.controls import CROP, REENCODE, SHRINK
from refundlens.training.evaluation.metrics import roc_auc
from refundlens.training.evaluation.suite.checks import judged, loosest
from refundlens.training.evaluation.suite.reading import Reader, Reading
from refundlens.training.evaluation.suite.regions import Photo, seeded

SENT = "q90"
"""How every photo and copy is delivered, but for cut-outs."""
STUDIO_GREY = (212, 244)
"""Grey values from the bottom to the top of a studio's background: lit from above."""
CUT_OUT_FILES: dict[str, list[Step]] = {"jpeg90": NAMED["q90"], "png": NAMED["png"]}

Pixels = NDArray[np.uint8]
Change = Callable[[Photo], Pixels]


@dataclass(frozen=True)
class Harmless:
    """Authentic photos before and after something harmless.

    auc: copies against originals, 0.5 where the copy looks no more fake. fake, inconclusive: copies called so.
    turned_fake: photos whose verdict became fake. judged: copies that came with a bound; stated: the loosest of them.
    """

    group: str
    name: str
    photos: int
    auc: float
    fake: int
    inconclusive: int
    turned_fake: int
    judged: int
    stated: float | None


def harmless(reader: Reader, photos: Sequence[Photo]) -> list[Harmless]:
    """All harmless operations, copies and cut-outs, each of them done to every photo."""
    originals = run_all(lambda photo: reader.read(_file(photo.pixels)), photos, "originals")
    found = []
    for group, name, change, chain in _treatments():

        def one(photo: Photo, change: Change = change, chain: list[Step] = chain) -> Reading:
            return reader.read(deliver(change(photo), chain).data)

        found.append(_line(group, name, originals, run_all(one, photos, name)))
    return found


def _treatments() -> list[tuple[str, str, Change, list[Step]]]:
    """(group, name, what is done to the pixels, how the result is delivered)."""
    send = NAMED[SENT]
    whole: list[tuple[str, str, Change, list[Step]]] = [
        ("benign processing", name, _benign(name), send) for name in OPERATIONS
    ]
    whole += [
        ("copy", "crop", _as_is, [{"step": "crop", "pixels": CROP}, *send]),
        ("copy", "recompress", _as_is, [*REENCODE, *send]),
        ("copy", "resize", _shrunk, send),
    ]
    for ground, change in (("white", _on_white), ("grey", _on_grey)):
        whole += [
            ("catalogue", f"cut-out on {ground}, {file}", change, chain)
            for file, chain in CUT_OUT_FILES.items()
        ]
    return whole


def _benign(name: str) -> Change:
    purpose = 100 + OPERATIONS.index(name)
    return lambda photo: benign(photo.pixels, (), seeded(photo, purpose), name).pixels


def _as_is(photo: Photo) -> Pixels:
    return photo.pixels


def _shrunk(photo: Photo) -> Pixels:
    side = round(max(photo.pixels.shape[:2]) * SHRINK)
    return deliver(photo.pixels, [{"step": "resize", "long_side": side, "kernel": "bicubic"}]).pixels


def _on_white(photo: Photo) -> Pixels:
    return _on(photo, np.full(photo.pixels.shape, 255.0, np.float32))


def _on_grey(photo: Photo) -> Pixels:
    height = photo.pixels.shape[0]
    ramp = np.linspace(STUDIO_GREY[1], STUDIO_GREY[0], height, dtype=np.float32)
    return _on(photo, np.broadcast_to(ramp[:, None, None], photo.pixels.shape))


def _on(photo: Photo, ground: NDArray[np.float32]) -> Pixels:
    """The product on another background: openly done, by every shop, and no claim about the product."""
    share = find_foreground(photo.pixels)[..., None]
    return np.asarray(np.rint(photo.pixels * share + ground * (1 - share)), np.uint8)


def _file(pixels: Pixels) -> bytes:
    return deliver(pixels, NAMED[SENT]).data


def _line(group: str, name: str, before: Sequence[Reading], after: Sequence[Reading]) -> Harmless:
    count = len(after)
    called = [one.verdict for one in after]
    turned = sum(b.verdict != a.verdict == "fake" for b, a in zip(before, after, strict=True))
    labels = [0] * count + [1] * count
    return Harmless(
        group=group,
        name=name,
        photos=count,
        auc=roc_auc(labels, [one.probability for one in (*before, *after)]),
        fake=called.count("fake"),
        inconclusive=called.count("inconclusive"),
        turned_fake=turned,
        judged=judged(one.bound for one in after),
        stated=loosest(one.bound for one in after),
    )
