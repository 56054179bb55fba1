"""Finds transformed photos again among ten million hashes: recall, false matches, latency, memory.

    python -m tests.load.reuse PICTURES [--hashes 10000000] [--photos 150] [--against-usearch]

In: a folder of photos with its `index.csv`. All photos' prints go into the index, and random codes until there are
--hashes; then photos come again, changed in the ways of CHANGES, and are looked for. Out: JSON.

A match counts as false where neither the photo's group nor the file it came from is the same; many of the folder's
pictures are edits of one another, so those that share a repository are counted apart and looked at by a person.
"""

import argparse
import csv
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare.index import HashIndex, entries
from refundlens.model.compare.prints import Codes, Print, take_print, unpack_prints
from refundlens.model.compare.sameness import same_picture
from refundlens.model.progress import track
from refundlens.model.verdict.bounds import upper_bound

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], Pixels]

SIDE = 1280
"""Longest side of a photo before it is changed."""
BLOCK = 1_000_000
"""Random codes added at a time."""
USEARCH = 200_000
"""Codes for the comparison with usearch: its time grows faster than that of ours."""


@dataclass(frozen=True)
class Known:
    """A photo whose print is in the index."""

    file: str
    group: str
    authentic: bool
    taken: Print

    @property
    def source(self) -> str:
        return self.file.split("__")[0]


def crop(least: float) -> Change:
    """A window of that share of each side or more, anywhere."""

    def change(pixels: Pixels, rng: np.random.Generator) -> Pixels:
        slices = []
        for side in pixels.shape[:2]:
            length = int(side * rng.uniform(least, least + 0.05))
            start = int(rng.integers(0, side - length + 1))
            slices.append(slice(start, start + length))
        return pixels[slices[0], slices[1]]

    return change


def marked(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A line of text across and a strip below."""
    result, (height, width) = pixels.copy(), pixels.shape[:2]
    place = (width // 10, int(height * rng.uniform(0.2, 0.7)))
    cv2.putText(
        result,
        "SHOP 2026",
        place,
        cv2.FONT_HERSHEY_SIMPLEX,
        width / 300,
        (255, 255, 255),
        max(2, width // 100),
    )
    result[-height // 12 :] = 30
    return result


def blotted(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """A dark spot of a tenth of the shorter side, as a painted hole is."""
    result, (height, width) = pixels.copy(), pixels.shape[:2]
    centre = (int(width * rng.uniform(0.3, 0.7)), int(height * rng.uniform(0.3, 0.7)))
    cv2.circle(result, centre, min(height, width) // 10, (25, 20, 15), -1, cv2.LINE_AA)
    return result


def screenshot(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    height = pixels.shape[0]
    bars = int(height * rng.uniform(0.1, 0.25)), int(height * rng.uniform(0.1, 0.25))
    return np.asarray(
        cv2.copyMakeBorder(pixels, *bars, 0, 0, cv2.BORDER_CONSTANT, value=(240, 240, 240)), np.uint8
    )


CHANGES: dict[str, tuple[Change, float, int]] = {
    "JPEG 40": (lambda pixels, rng: pixels, 1.0, 40),
    "half the size, JPEG 60": (lambda pixels, rng: pixels, 0.5, 60),
    "crop to 90 % a side": (crop(0.9), 0.8, 75),
    "crop to 80 % a side": (crop(0.8), 0.8, 75),
    "mirrored": (lambda pixels, rng: pixels[:, ::-1], 0.8, 75),
    "mirrored, crop to 80 %": (lambda pixels, rng: crop(0.8)(pixels[:, ::-1], rng), 0.8, 75),
    "text and strip": (marked, 0.8, 75),
    "painted spot": (blotted, 0.8, 75),
    "screenshot": (screenshot, 0.7, 75),
    "brighter": (lambda pixels, rng: cv2.convertScaleAbs(pixels, alpha=1.2, beta=20), 0.8, 75),
}
"""What is done, the scale, and the JPEG quality at the end."""


def sent(pixels: Pixels, scale: float, quality: int) -> Pixels:
    small = cv2.resize(np.ascontiguousarray(pixels), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def read(path: Path) -> Pixels | None:
    """RGB, at SIDE or smaller; None for what OpenCV cannot read."""
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if found is None:
        return None
    scale = min(SIDE / max(found.shape[:2]), 1.0)
    small = cv2.resize(found, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small[..., ::-1])


def known_photos(folder: Path, most: int, store: Path | None) -> list[Known]:
    """Of all photos of the folder. store: where their prints are kept from one time to the next."""
    kept: dict[str, str] = json.loads(store.read_text()) if store and store.exists() else {}
    found = list(_known(folder, most, kept))
    if store:
        store.write_text(json.dumps({one.file: one.taken.pack().hex() for one in found}))
    return found


def _known(folder: Path, most: int, kept: dict[str, str]) -> Iterator[Known]:
    with (folder / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    random.Random(1).shuffle(rows)
    for row in track(rows[:most], len(rows[:most]), "prints"):
        file, authentic = row["file"], row["class"] == "authentic"
        if file in kept:
            yield Known(file, row["group"], authentic, unpack_prints(bytes.fromhex(kept[file])))
            continue
        pixels = read(folder / file)
        if pixels is not None:
            yield Known(file, row["group"], authentic, take_print(pixels))


def filled(known: list[Known], hashes: int) -> tuple[HashIndex, float]:
    """(the index, seconds of one processor it took to fill). The photos' numbers are their places in the list."""
    index, rng, start = HashIndex(), np.random.default_rng(0), time.process_time()
    index.add(*entries([(number, one.taken.indexed) for number, one in enumerate(known)]))
    number = len(known)
    while len(index) < hashes:
        count = min(BLOCK, hashes - len(index))
        index.add(random_codes(count, rng), np.arange(number, number + count, dtype=np.uint32))
        number += count
    return index, time.process_time() - start


def random_codes(count: int, rng: np.random.Generator) -> Codes:
    return rng.integers(0, 2**64, (count, 2), dtype=np.uint64)


def look_for(index: HashIndex, known: list[Known], asked: Print) -> tuple[set[int], int, float]:
    """(photos that are the same picture, entries named that are not, milliseconds of one processor)."""
    start, found, named = time.thread_time(), set(), 0
    for taken in (asked, asked.mirrored):
        for hit in index.search(taken.codes):
            named += 1
            if hit.number < len(known) and same_picture(taken, known[hit.number].taken) is not None:
                found.add(hit.number)
    return found, named - len(found), (time.thread_time() - start) * 1000


def all_pairs(index: HashIndex, known: list[Known]) -> dict[str, Any]:
    """Every photo and its mirror image looked for among all others: which strangers are taken for it."""
    authentic, strangers, mixed = 0, set(), 0
    for number, one in enumerate(track(known, len(known), "all pairs")):
        for other in look_for(index, known, one.taken)[0]:
            if other < number and known[other].group != one.group and known[other].source != one.source:
                if one.authentic and known[other].authentic:
                    strangers.add((known[other].file, one.file))
                mixed += 1
        authentic += one.authentic
    pairs, real = len(known) * (len(known) - 1), authentic * (authentic - 1)
    return {
        "comparisons": pairs,
        "taken_for_one": mixed,
        "comparisons_of_camera_photos": real,
        "camera_photos_taken_for_one": sorted(strangers),
        "rate_bound_of_camera_photos": upper_bound(len(strangers), real),
    }


def measure(folder: Path, photos: int, hashes: int, most: int, store: Path | None) -> dict[str, Any]:
    known = known_photos(folder, most, store)
    index, seconds = filled(known, hashes)
    rng = np.random.default_rng(5)
    recalled: dict[str, list[bool]] = defaultdict(list)
    times: list[float] = []
    false: list[tuple[str, str]] = []
    candidates = compared = 0
    chosen = [number for number, one in enumerate(known) if one.authentic][:photos]
    for number in track(chosen, len(chosen), "photos looked for"):
        pixels = read(folder / known[number].file)
        assert pixels is not None
        for name, (change, scale, quality) in CHANGES.items():
            asked = take_print(sent(change(pixels, rng), scale, quality))
            found, others, took = look_for(index, known, asked)
            recalled[name].append(number in found)
            times.append(took)
            candidates, compared = candidates + others, compared + len(index)
            false += [
                (known[number].file, known[other].file)
                for other in found
                if known[other].group != known[number].group and known[other].source != known[number].source
            ]
    every = [one for values in recalled.values() for one in values]
    return {
        "hashes": len(index),
        "photos": len(known),
        "bytes_a_hash": round(index.bytes / len(index), 1),
        "megabytes": round(index.bytes / 1e6),
        "fill_cpu_seconds": round(seconds, 1),
        "queries": len(every),
        "recall": round(float(np.mean(every)), 4),
        "recall_by_change": {name: round(float(np.mean(values)), 4) for name, values in recalled.items()},
        "candidates_not_the_picture_per_comparison": candidates / compared,
        "false_matches": len(false),
        "false_match_bound_per_comparison": upper_bound(len(set(false)), compared),
        "false_matches_between": sorted(set(false))[:20],
        "all_pairs": all_pairs(index, known),
        "processor_milliseconds": {
            f"p{share}": round(float(np.percentile(times, share)), 2) for share in (50, 95, 99)
        },
    }


def against_usearch(count: int = USEARCH) -> dict[str, Any]:
    """Ours beside usearch on the same random codes, one thread each: time to fill, to ask, memory, recall by bits."""
    from usearch.index import Index, MetricKind, ScalarKind

    rng = np.random.default_rng(3)
    codes = random_codes(count, rng)
    start = time.process_time()
    theirs = Index(ndim=128, metric=MetricKind.Hamming, dtype=ScalarKind.B1)
    theirs.add(np.arange(count), codes.view(np.uint8), threads=1)
    middle = time.process_time()
    ours = HashIndex()
    ours.add(codes, np.arange(count, dtype=np.uint32))
    report: dict[str, Any] = {
        "codes": count,
        "fill_cpu_seconds": {"usearch": middle - start, "ours": time.process_time() - middle},
        "bytes_a_hash": {"usearch": theirs.memory_usage / count, "ours": ours.bytes / count},
    }
    for bits in (4, 8, 12):
        rows = rng.choice(count, 300, replace=False)
        asked = codes[rows].copy()
        for row in asked:
            for bit in rng.choice(128, bits, replace=False):
                row[bit // 64] ^= np.uint64(1 << int(bit % 64))
        start = time.process_time()
        nearest = theirs.search(asked.view(np.uint8), 1, threads=1).keys[:, 0]
        middle = time.process_time()
        hits = [{hit.number for hit in ours.search(one[None])} for one in asked]
        end = time.process_time()
        report[f"one code, {bits} of 128 bits changed"] = {
            "recall": {
                "usearch": float((nearest == rows).mean()),
                "ours": float(
                    np.mean([row in found for row, found in zip(rows.tolist(), hits, strict=True)])
                ),
            },
            "milliseconds": {"usearch": (middle - start) / 0.3, "ours": (end - middle) / 0.3},
        }
    return report


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--hashes", type=int, default=10_000_000)
    asked.add_argument("--photos", type=int, default=150, help="looked for, in each change")
    asked.add_argument("--prints", type=int, default=1_000_000, help="photos in the index at most")
    asked.add_argument("--store", type=Path, help="a JSON file for the photos' prints")
    asked.add_argument("--against-usearch", action="store_true")
    given = asked.parse_args()
    if given.against_usearch and find_spec("usearch") is None:
        asked.error("usearch is not installed: pip install -e '.[bench]'")
    report = measure(given.folder, given.photos, given.hashes, given.prints, given.store)
    if given.against_usearch:
        report["usearch"] = against_usearch()
    print(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
