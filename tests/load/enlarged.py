"""Are enlarged thumbnails seen for what they are, and honest soft photos not taken for them?

Real photos shrunk to 64 to 160 px and enlarged 4 to 10 times by four kernels, saved five ways, against the same photos
shrunk as chats do, saved likewise. Prints how many are taken for enlarged ones, how far sharpness moves between PNG and
the other files of the same pixels, and, with --verdicts, how many are called `fake`.

    python -m tests.load.enlarged COLLECTED [--photos 90] [--verdicts]
"""

import argparse
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from refundlens.datasets.collection import read_index
from refundlens.model.detect import Detector
from refundlens.model.photo import detail
from refundlens.model.photo.image import read_photo
from refundlens.model.photo.windows import luma_windows
from refundlens.training.calibration.scoring import run_all

KERNELS = ("bilinear", "bicubic", "lanczos", "nearest")
SMALL = (64, 96, 128, 160)
FACTORS = (4, 5, 6, 7, 8, 10)
HONEST = (480, 720, 1280)
SAVED: dict[str, dict[str, object]] = {
    "png": {"format": "PNG", "compress_level": 1}, "q95": {"format": "JPEG", "quality": 95},
    "q85": {"format": "JPEG", "quality": 85}, "q70": {"format": "JPEG", "quality": 70},
    "webp": {"format": "WEBP", "quality": 80, "method": 2},
}  # fmt: skip
Found = tuple[str, str, detail.Detail, str]
"""What was done, how it was saved, what was measured, the verdict."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=90)
    parser.add_argument("--verdicts", action="store_true")
    parser.add_argument("--model", type=Path)
    given = parser.parse_args()
    detector = Detector(given.model, threads=1) if given.verdicts else None
    entries = [
        one for one in read_index(given.folder)
        if one.label == "authentic" and one.split == "train" and not one.retouched and one.kind != "forgery_original"
    ]  # fmt: skip
    entries.sort(key=lambda one: _rank(one.file))
    chosen = [given.folder / one.file for one in entries[: given.photos]]
    found = [
        one for part in run_all(lambda path: list(_photo(path, detector)), chosen, "photos") for one in part
    ]
    _print(found, given.verdicts)


def _photo(path: Path, detector: Detector | None) -> Iterator[Found]:
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    rng = np.random.default_rng(_rank(path.name))
    for side in HONEST:
        if max(photo.size) >= side:
            yield from _saved("honest", _to(photo, side), detector)
    small, factor = int(rng.choice(SMALL)), int(rng.choice(FACTORS))
    for kernel in KERNELS:
        thumb = _to(photo, small)
        if rng.random() < 0.5:  # as pages keep them
            thumb = Image.open(io.BytesIO(_file(thumb, "q85"))).convert("RGB")
        size = (thumb.width * factor, thumb.height * factor)
        large = thumb.resize(size, Image.Resampling[kernel.upper()])
        yield from _saved(f"{kernel} {'4 to 5' if factor < 6 else '6 to 10'} x", large, detector)


def _saved(what: str, picture: Image.Image, detector: Detector | None) -> Iterator[Found]:
    for how in SAVED:
        data = _file(picture, how)
        verdict = detector.detect(data).verdict if detector else ""
        yield what, how, detail.measure(luma_windows(read_photo(data).judged)), verdict


def _to(picture: Image.Image, side: int) -> Image.Image:
    scale = side / max(picture.size)
    size = (max(16, round(picture.width * scale)), max(16, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BICUBIC)


def _file(picture: Image.Image, how: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, **SAVED[how])  # type: ignore[arg-type]
    return out.getvalue()


def _rank(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:16], 16)


def _print(found: list[Found], verdicts: bool) -> None:
    groups: dict[tuple[str, str], list[Found]] = defaultdict(list)
    for one in found:
        groups[one[0], one[1]].append(one)
    print(
        f"| what | saved | pictures | taken for enlarged | sharpness, median |{' fake |' if verdicts else ''}"
    )
    print(f"| --- | --- | --- | --- | --- |{' --- |' if verdicts else ''}")
    for (what, how), ones in sorted(groups.items()):
        seen = sum(one[2].enlarged for one in ones)
        middle = float(np.median([one[2].sharpness for one in ones]))
        fake = f" {sum(one[3] == 'fake' for one in ones)} |" if verdicts else ""
        print(
            f"| {what} | {how} | {len(ones)} | {seen} ({100 * seen / len(ones):.1f} %) | {middle:.2f} |{fake}"
        )
    steps = len(SAVED)
    moved = [
        abs(found[start + place][2].sharpness - found[start][2].sharpness)
        for start in range(0, len(found), steps)
        for place in range(1, steps)
    ]
    most = np.quantile(moved, 0.95)
    print(f"\nsharpness, PNG against the same pixels saved otherwise: 95 % move by less than {most:.3f}")


if __name__ == "__main__":
    main()
