"""Collected public pictures through the network: each sent smaller and compressed, then scored.

In: a detector, a folder that `refundlens data collect` filled, how much of it; deliveries are those of
`datasets.degradations.shrinking`. Out: `Sample`s for calibration, kept as they come like all scores, so that what was
scored once costs nothing again.

Authentic photos count by their repository's split; manipulated ones where training was kept from their editor
(`datasets.collection`), half to fit the probability and half to count misses.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.collection import Entry, read_index
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.shrinking import Shrunk, deliveries
from refundlens.datasets.splits import PhotoSplit, photo_split
from refundlens.model.detect import LEAST_SIDE, Detector
from refundlens.model.names import Kind
from refundlens.model.photo.image import ImageError, Limits, Photo, read_photo
from refundlens.training.calibration.scoring import Sample, ScoreFile, run_all, score_copy, score_file

COPIED = 25
"""One delivery in so many is compressed once more and scored again: some 150 of a thousand photos' four."""
LIMITS = Limits(max_bytes=1 << 28)
"""Public photos are not uploads: a large PNG is as good as a small one."""
HELD = "validation"
"""A list's own split whose pictures are measured on and never calibrated on."""
FIT_SHARES = (8, 2)
"""One authentic photo in so many fits the probability beside those of the watched split, and one manipulated picture in
so many; the others count accusations and misses. Photos are what a bound of 1 % needs most."""


@dataclass(frozen=True)
class Listed:
    """A picture that takes part. folder: where its file lies."""

    folder: Path
    entry: Entry

    @property
    def name(self) -> str:
        """What its deliveries are drawn by; names in a collection hold the file's hash."""
        return self.entry.file

    @property
    def label(self) -> int:
        """0 authentic, 1 manipulated."""
        return int(self.entry.label != "authentic")

    @property
    def sender(self) -> str:
        return f"{self.entry.repository} {self.entry.group}"

    @property
    def editor(self) -> str | None:
        """Generator or editor, or the repository where nobody named one; none for authentic pictures."""
        return (self.entry.generator or f"unnamed, {self.entry.repository}") if self.label else None

    @cached_property
    def split(self) -> PhotoSplit:
        return photo_split(self.entry.repository)

    @property
    def fits(self) -> bool:
        """Whether it serves to fit the probability, and so counts nothing."""
        drawn = int(_rank(f"fit {self.name}"), 16) % FIT_SHARES[self.label] == 0
        return drawn or (not self.label and self.split == "watch")


@dataclass(frozen=True)
class Chosen:
    """Which pictures take part. photos: of each class at most, none for all. splits: of the authentic ones. unseen:
    training saw no collected picture, so that every manipulated one counts."""

    photos: int | None = None
    splits: tuple[PhotoSplit, ...] = ("watch", "calibration")
    unseen: bool = False


def choose(folders: Sequence[Path], chosen: Chosen) -> list[Listed]:
    """Evenly over repositories and editors, the same ones in every run, and all of a smaller choice.

    The order is by rounds: first one picture of each, then a second one, so that no long series fills a short choice.
    """
    pictures = [Listed(folder, entry) for folder in folders for entry in read_index(folder)]
    # a generator whose pictures came with a snapshot is unseen no more
    known = {one.entry.generator for one in pictures if one.entry.fed and one.entry.generated}
    able = [
        one
        for one in pictures
        if one.entry.split != HELD and one.entry.generator not in known and _able(one, chosen)
    ]
    found: list[Listed] = []
    for label in (0, 1):
        seen: dict[str, int] = {}
        ranked: list[tuple[int, str, Listed]] = []
        for one in sorted((one for one in able if one.label == label), key=lambda one: _rank(one.name)):
            series = one.editor or one.entry.repository
            seen[series] = seen.get(series, -1) + 1
            ranked.append((seen[series], _rank(one.name), one))
        found += [one for _, _, one in sorted(ranked, key=lambda entry: entry[:2])][: chosen.photos]
    return found


def _able(one: Listed, chosen: Chosen) -> bool:
    entry = one.entry
    if entry.label == "input" or entry.fed:
        return False
    if entry.label == "authentic":
        return one.split in chosen.splits and not entry.retouched
    return chosen.unseen or entry.unseen


def score_listed(
    detector: Detector, pictures: Sequence[Listed], most: int | None, kept: ScoreFile | None = None
) -> list[list[Sample]]:
    """At most `most` deliveries of each picture, on all cores (give the detector one thread); progress on stderr.

    A picture that cannot be read, or is too small for any delivery, has none and is named on stderr.
    """

    def one(picture: Listed) -> list[Sample]:
        try:
            return _picture(detector, picture, most, kept)
        except ImageError as error:
            print(f"{picture.name}: {error.message}", file=sys.stderr)
            return []

    return run_all(one, pictures, "calibrate")


def _picture(detector: Detector, picture: Listed, most: int | None, kept: ScoreFile | None) -> list[Sample]:
    opened = _Opened(picture, kept)
    side = opened.side
    if side < LEAST_SIDE:
        print(f"{picture.name}: {side} px are too small to judge", file=sys.stderr)
        return []
    return [
        _sample(detector, picture, opened, delivery, kept)
        for delivery in deliveries(picture.name, side, most)
    ]


@dataclass(frozen=True)
class _Opened:
    """A picture that is decoded when it is first needed: one whose scores are all kept never is."""

    picture: Listed
    kept: ScoreFile | None

    @cached_property
    def photo(self) -> Photo:
        return read_photo((self.picture.folder / self.picture.name).read_bytes(), LIMITS)

    @cached_property
    def side(self) -> int:
        """Long side in pixels."""
        key = self.kept.key_of("size", self.picture.name) if self.kept else ""
        found = self.kept.get(key) if self.kept else None
        if found is not None:
            return int(found["side"])
        side = max(self.photo.width, self.photo.height)
        if self.kept:
            self.kept.put(key, {"side": side})
        return side


def _sample(
    detector: Detector, picture: Listed, opened: _Opened, delivery: Shrunk, kept: ScoreFile | None
) -> Sample:
    sent: list[bytes] = []

    def read() -> bytes:
        if not sent:
            photo = opened.photo
            sent.append(photo.data if delivery.chain is None else _deliver(picture, photo.pixels, delivery))
        return sent[0]

    about = ("listed", picture.name, repr(delivery))
    features, measured, fmt = score_file(detector, read, kept, kept.key_of(*about) if kept else "")
    copy = None
    if int(_rank("copy " + "".join(about)), 16) % COPIED == 0:
        copy = score_copy(detector, read, kept, kept.key_of("copy", *about) if kept else "")
    label = picture.entry.label
    kind: Kind = "authentic" if label == "input" else label
    return Sample(
        picture.name, picture.label, features, measured, copy,
        kind=kind, editor=picture.editor, sender=picture.sender,
        repository=picture.entry.repository, format=fmt,
    )  # fmt: skip


def _deliver(picture: Listed, pixels: NDArray[np.uint8], delivery: Shrunk) -> bytes:
    """Without the margins in which generators leave their marks."""
    assert delivery.chain is not None
    top, right, bottom, left = picture.entry.margins
    cut = {"step": "crop", "share": [left, top, right, bottom]}
    return deliver(pixels, [cut, *delivery.chain] if any(picture.entry.margins) else delivery.chain).data


def _rank(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
