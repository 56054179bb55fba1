"""What real photos are called, delivery by delivery, and which are refused a verdict.

In: a folder of photos, or one that `refundlens data collect` filled (then its authentic photos of one split). Out: a
table: covered, authentic, inconclusive, fake, of how many; the exact 95 % bound on the rate called fake; the reasons of
those outside the conditions covered.

    python -m tests.load.coverage PHOTOS [--split test|validation] [--model FILE] [--limit N]
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from refundlens.datasets.collection import INDEX, read_index
from refundlens.datasets.degradations.apply import NAMED, deliver
from refundlens.datasets.splits import photo_split
from refundlens.model.detect import Detector
from refundlens.model.photo.image import ImageError, Limits, read_photo
from refundlens.model.verdict.bounds import upper_bound
from refundlens.training.calibration.scoring import run_all

CHAINS = ("original", "png", "q85", "q75_720", "heic", "webp")
"""original: the file as it is. The others start from its pixels."""
EXTRA = {
    "q85": [{"step": "jpeg", "quality": 85}],
    "heic": [{"step": "resize", "long_side": 1600, "kernel": "bicubic", "only_shrink": True},
             {"step": "heic", "quality": 80}],
}  # fmt: skip
LIMITS = Limits(max_bytes=1 << 28)
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument(
        "--split", default="test", help="of a collected folder: test, or validation for the held list"
    )
    parser.add_argument("--model", type=Path, help="a bundle; the bundled one by default")
    parser.add_argument("--limit", type=int, help="photos at most, evenly spread")
    parser.add_argument("--chains", default=",".join(CHAINS))
    given = parser.parse_args()
    paths = sorted(_paths(given.photos, given.split))
    if given.limit:
        paths = paths[:: max(1, len(paths) // given.limit)][: given.limit]
    detector = Detector(given.model, threads=1)
    print(f"{len(paths)} photos, {detector.name.name} {detector.name.version} {detector.name.sha256[:12]}\n")
    print(
        "| delivery | photos | covered | authentic | inconclusive | fake | at most (95 %) | outside because |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for chain in given.chains.split(","):
        judged = run_all(partial(_judge, detector, chain), paths, chain)
        print(_row(chain, [one for one in judged if one]), flush=True)


def _paths(folder: Path, split: str) -> Iterator[Path]:
    if not (folder / INDEX).is_file():
        yield from (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        return
    for entry in read_index(folder):
        held = entry.split == "validation"
        wanted = held if split == "validation" else not held and photo_split(entry.repository) == split
        if entry.label == "authentic" and not entry.retouched and wanted:
            yield folder / entry.file


def _judge(detector: Detector, chain: str, path: Path) -> tuple[str, str] | None:
    """(verdict, what keeps it outside the conditions covered or ""); none for what cannot be read."""
    data = path.read_bytes()
    try:
        photo = read_photo(data, LIMITS)
    except ImageError:
        return None
    if chain != "original":
        data = deliver(photo.pixels, EXTRA.get(chain) or NAMED[chain]).data
    found = detector.detect(data, limits=LIMITS)
    calibration = detector.calibration
    assert calibration is not None
    outside = "" if found.conditions.supported else calibration.gap(found.conditions) or "format or size"
    return found.verdict, outside


def _row(chain: str, found: list[tuple[str, str]]) -> str:
    count, verdicts = len(found), Counter(verdict for verdict, _ in found)
    outside = Counter(gap for _, gap in found if gap)
    shares = [f"{100 * verdicts[name] / max(count, 1):.1f} %" for name in ("authentic", "inconclusive")]
    covered = f"{100 * (1 - outside.total() / max(count, 1)):.1f} %"
    why = ", ".join(f"{name} {number}" for name, number in outside.most_common())
    bound = upper_bound(verdicts["fake"], count) if count else 1.0
    cells = [chain, count, covered, *shares, verdicts["fake"], f"{100 * bound:.1f} %", why or "-"]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
