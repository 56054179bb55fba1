"""Measures what can be said of a spot that one photo of a claim shows, from the claim's other photos.

    python -m refundlens.training.references.views PICTURES [--split validation] [--pairs 150] [--strangers 0]

In: a folder with `index.csv`. Second shots are photos of one origin that stand beside each other and show the same
thing; beside them, photos are seen again from another side (a perspective, another crop, light and quality). Spots are
asked for where nothing was done (`honest`), where a defect was painted into the first photo only (`one`), and, seen
again only, where it was painted into the scene (`both`). Out: how often each was said, by kind, with Clopper and
Pearson's bound on honest spots said to be in one photo only; and what the pairs are called as references of each other,
since a second shot is no copy.
"""

import argparse
import csv
import itertools
import random
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.defects import paint
from refundlens.model.compare.align import Pixels
from refundlens.model.compare.reference import compare
from refundlens.model.compare.views import SIDE, Seen, View, look, match, view_of
from refundlens.model.detection import Box
from refundlens.model.names import DEFECTS
from refundlens.model.progress import track
from refundlens.model.verdict.bounds import upper_bound

SEED = 5
NEAR = 2
"""Places apart, in the order of their names, up to which two photos of one origin are taken for second shots."""
SPOTS = 4
"""Honest spots that are asked for on each pair, and defects that are painted."""
DETAIL = 6.0
"""Standard deviation of grey levels that an honest spot has at least: nobody marks plain ground."""

Row = dict[str, str]


def _photos(folder: Path, split: str) -> list[Row]:
    with (folder / "index.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split and row["class"] == "authentic"]


def neighbours(folder: Path, split: str) -> Iterator[tuple[Row, Row]]:
    """Photos of one origin that stand near each other."""
    rows = _photos(folder, split)
    rows.sort(key=lambda row: (row["group"], row["path"]))
    for place, row in enumerate(rows):
        for other in rows[place + 1 : place + 1 + NEAR]:
            if other["group"] == row["group"] and row["sha256"] != other["sha256"]:
                yield row, other


def load(path: Path) -> Pixels | None:
    """A photo at SIDE or smaller, RGB; None for what OpenCV cannot read."""
    read = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if read is None or min(read.shape[:2]) < 320:
        return None
    scale = min(SIDE / max(read.shape[:2]), 1.0)
    small = cv2.resize(read, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1])


def second_shots(folder: Path, split: str, count: int) -> Iterator[tuple[Pixels, Pixels]]:
    """Pairs of real photos that show the same thing."""
    viewed = lru_cache(maxsize=2 * NEAR)(lambda file: _viewed(folder / file))
    pairs = ((viewed(row["file"]), viewed(other["file"])) for row, other in neighbours(folder, split))
    shown = (pair for pair in pairs if pair[0] and pair[1] and match(pair[0], pair[1]).same_thing)
    return islice(((one.pixels, two.pixels) for one, two in shown if one and two), count)


def strangers(folder: Path, split: str, count: int) -> Iterator[int]:
    """Places in common of photos of different origins."""
    rows = _photos(folder, split)
    random.Random(SEED).shuffle(rows)
    pairs = ((one, other) for one, other in itertools.pairwise(rows) if one["group"] != other["group"])
    viewed = lru_cache(maxsize=2)(lambda file: _viewed(folder / file))
    seen = ((viewed(one["file"]), viewed(other["file"])) for one, other in pairs)
    return islice((match(one, other).common for one, other in seen if one and other), count)


def _viewed(path: Path) -> View | None:
    pixels = load(path)
    return None if pixels is None else view_of(pixels)


def from_another_side(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """The scene in another perspective, crop, light and quality."""
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + rng.uniform(-0.12, 0.12, (4, 2)).astype(np.float32) * [width, height]
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    seen = cv2.warpPerspective(pixels, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    lit = np.clip(seen * rng.uniform(0.8, 1.2) + rng.uniform(-12, 12), 0, 255).astype(np.uint8)
    return compressed(lit, rng)


def compressed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    scale = float(rng.uniform(0.7, 1.0))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 93))])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def honest_boxes(pixels: Pixels, rng: np.random.Generator) -> Iterator[Box]:
    """Spots of 2 to 8 % of the longer side where something is to be seen."""
    height, width = pixels.shape[:2]
    grey = pixels.mean(2)
    for _ in range(40):
        wide, high = (int(max(width, height) * rng.uniform(0.02, 0.08)) for _ in range(2))
        x, y = int(rng.integers(0, width - wide)), int(rng.integers(0, height - high))
        if grey[y : y + high, x : x + wide].std() >= DETAIL:
            yield x, y, x + wide, y + high


def box_of(region: NDArray[np.float32]) -> Box:
    rows, columns = np.nonzero(region > 0.3)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def asked(one: Pixels, other: Pixels, real: bool, rng: np.random.Generator) -> Iterator[tuple[str, Seen]]:
    """(what was done, what is said) of spots of one pair. other: of a second shot the photo itself, else the scene's
    pixels."""
    where = "second shot" if real else "another side"
    views = view_of(one), view_of(other if real else from_another_side(one, rng))
    common = match(*views)
    for box in islice(honest_boxes(one, rng), SPOTS):
        yield f"{where}, honest", look(*views, common, box)
    for _ in range(SPOTS):
        defect = DEFECTS[int(rng.integers(len(DEFECTS)))]
        painted = paint(one, defect, rng, np.ones(one.shape[:2], np.float32))
        box, view = box_of(painted.region), view_of(compressed(painted.pixels, rng))
        scaled = tuple(round(side * view.pixels.shape[1] / one.shape[1]) for side in box)
        yield f"{where}, painted in one", _look(view, views[1], scaled)
        if not real:
            again = view_of(from_another_side(painted.pixels, rng))
            yield f"{where}, painted in both", _look(view, again, scaled)


def _look(one: View, other: View, box: tuple[int, ...]) -> Seen:
    x0, y0, x1, y1 = box
    return look(one, other, match(one, other), (x0, y0, x1, y1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="validation", help="train: to choose settings by")
    parser.add_argument("--pairs", type=int, default=150)
    parser.add_argument("--strangers", type=int, default=0, help="pairs of different origins, too")
    parser.add_argument("--curve", action="store_true", help="print every figure")
    given = parser.parse_args()
    rng = np.random.default_rng(SEED)
    said: dict[str, Counter[str]] = {}
    taken: Counter[str] = Counter()
    for one, other in track(second_shots(given.folder, given.split, given.pairs), given.pairs, "pairs"):
        taken[compare(one, other).kind] += 1
        for real in (True, False):
            for what, seen in asked(one, other, real, rng):
                said.setdefault(what, Counter())[seen.kind] += 1
                if given.curve:
                    print(what, seen, flush=True)
    found = list(track(strangers(given.folder, given.split, given.strangers), given.strangers, "strangers"))
    if found:
        print(f"{len(found)} pairs of strangers: at most {max(found)} places in common")
    print(f"{taken.total()} pairs; as references of each other they are called {dict(taken)}")
    for what, counts in said.items():
        total = sum(counts.values())
        shares = ", ".join(f"{kind} {counts[kind]}" for kind in ("both", "one", "unsaid"))
        bound = f"; at most {upper_bound(counts['one'], total):.2%}" if not what.endswith("in one") else ""
        print(f"{what}: {shares} of {total}{bound}")


if __name__ == "__main__":
    main()
