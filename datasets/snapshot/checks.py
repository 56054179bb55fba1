"""What must not be learned from: checks of a snapshot, each with a sentence that says what to do.

In: an opened snapshot, frozen suites' pictures, and, where a model has looked at the photos, how much each label
surprised it (`training.retrain.doubts`). Out: `Problem`s; none for a snapshot that may train.

A model's surprise never changes a label. It says where people should look again.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import comb
from pathlib import Path

from refundlens.datasets.phash import NEAR, phash, phash_distance
from refundlens.datasets.photos import UnreadablePhotoError, read
from refundlens.datasets.snapshot.judged import JudgedPhoto
from refundlens.datasets.snapshot.store import Snapshot
from refundlens.model.progress import track

LEAST_OF_CLASS = 10
"""Photos of each class that training needs of a snapshot: with fewer, their senders' look is learned instead."""
WRONG_SHARE = 0.05
"""Share of wrong labels from which a snapshot is refused: a retraining repeats what it is told."""
LEAST_OF_ACCOUNT = 8
"""Labels of one account from which a series can be told from chance."""
SURE = 0.001
"""Probability by chance under which an account's labels are no accident; divided by the number of accounts."""
SHOWN = 10
"""Photos that a message names; the report has all of them."""


@dataclass(frozen=True)
class Problem:
    """code: stable. text: for people. photos: hashes to look at, the worst first."""

    code: str
    text: str
    photos: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = ", ".join(sha256[:12] for sha256 in self.photos[:SHOWN])
        more = f" and {len(self.photos) - SHOWN} more" if len(self.photos) > SHOWN else ""
        return f"{self.code}: {self.text}" + (f" ({named}{more})" if named else "")


@dataclass(frozen=True)
class Doubts:
    """What a model that was kept from each photo thinks of its label. wrong: photos it would label otherwise, with how
    sure it is, 0 to 1. usual: share it gets wrong of photos whose truth is known. looked: photos it was asked about."""

    wrong: Mapping[str, float]
    usual: float
    looked: int


def check_snapshot(
    snapshot: Snapshot,
    frozen: Mapping[str, str] | None = None,
    doubts: Doubts | None = None,
    now: datetime | None = None,
) -> list[Problem]:
    """All that is wrong. frozen: pictures that are measured on, by perceptual hash: name."""
    return [
        *_corrupt(snapshot),
        *_classes(snapshot.samples),
        *_leaks(snapshot.samples, frozen or {}),
        *_over(snapshot.samples, now or datetime.now(UTC)),
        *(_mistaken(snapshot.samples, doubts) if doubts else []),
        *_series(snapshot.samples, doubts),
    ]


def _corrupt(snapshot: Snapshot) -> list[Problem]:
    bad = list(snapshot.facts.get("unreadable", {}))
    for sample in track(snapshot.samples, len(snapshot.samples), "check"):
        path = snapshot.path(sample)
        try:
            whole = hashlib.sha256(path.read_bytes()).hexdigest() == sample.sha256
            read(path)
        except (OSError, UnreadablePhotoError):
            whole = False
        if not whole:
            bad.append(sample.sha256)
    if not bad:
        return []
    text = (
        f"{len(bad)} photo(s) cannot be read or are not the bytes that were judged; restore them from a backup, "
        "or withdraw their labels, and export again"
    )
    return [Problem("corrupt_image", text, tuple(bad))]


def _classes(samples: Sequence[JudgedPhoto]) -> list[Problem]:
    found = []
    for label, name in ((0, "authentic"), (1, "manipulated")):
        count = sum(sample.label == label and sample.part == "train" for sample in samples)
        if count < LEAST_OF_CLASS:
            text = (
                f"{count} {name} photos to train on, at least {LEAST_OF_CLASS} are needed: label more of them, "
                "or the model learns that everything is of the other class"
            )
            found.append(Problem("empty_class", text))
    return found


def _leaks(samples: Sequence[JudgedPhoto], frozen: Mapping[str, str]) -> list[Problem]:
    found = []
    parts: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        parts[sample.group].add(sample.part)
    torn = [sample.sha256 for sample in samples if len(parts[sample.group]) > 1]
    train = [sample for sample in samples if sample.part == "train"]
    for sample in (one for one in samples if one.part == "test"):
        if any(phash_distance(sample.phash, other.phash) <= NEAR for other in train):
            torn.append(sample.sha256)
    if torn:
        text = (
            "photos of one sender or of one scene are both in the train and in the test part, so the test would only "
            "show what was learned by heart: give each group one part"
        )
        found.append(Problem("leak_across_splits", text, tuple(dict.fromkeys(torn))))
    measured = [
        sample.sha256
        for sample in train
        if any(phash_distance(sample.phash, code) <= NEAR for code in frozen)
    ]
    if measured:
        text = "photos to train on are (nearly) pictures of the frozen suite that the gate measures on: leave them out"
        found.append(Problem("leak_into_suite", text, tuple(measured)))
    return found


def _over(samples: Sequence[JudgedPhoto], now: datetime) -> list[Problem]:
    past = [
        sample.sha256
        for sample in samples
        if sample.keep_until and datetime.fromisoformat(sample.keep_until) <= now
    ]
    text = "photos' time is over: make the snapshot anew, which leaves them out"
    return [Problem("past_its_time", text, tuple(past))] if past else []


def _mistaken(samples: Sequence[JudgedPhoto], doubts: Doubts) -> list[Problem]:
    """A share r of flipped labels raises the model's usual error e to e(1-r) + (1-e)r; solved for r."""
    count, wrong = doubts.looked, len(doubts.wrong)
    if not count or doubts.usual >= 0.4:  # a model that errs so often tells nothing about labels
        return []
    share = (wrong / count - doubts.usual) / (1 - 2 * doubts.usual)
    by_chance = binomial_tail(count, wrong, doubts.usual + WRONG_SHARE * (1 - 2 * doubts.usual))
    if share < WRONG_SHARE or by_chance > 0.05:
        return []
    ranked = sorted(doubts.wrong, key=lambda sha256: -doubts.wrong[sha256])
    text = (
        f"about {share:.0%} of the labels look wrong: of {count} photos {wrong} would be labelled otherwise, "
        f"{doubts.usual:.0%} are usual; have these judged again, the surest first"
    )
    return [Problem("wrong_labels", text, tuple(ranked))]


def _series(samples: Sequence[JudgedPhoto], doubts: Doubts | None) -> list[Problem]:
    """An account whose labels are opposed far more often than everybody else's: by others, or by others or the model.

    Both are asked: a model that doubts every second label drowns what people say.
    """
    wrong = doubts.wrong if doubts is not None else {}
    by_people = _opposed(samples, {})
    ways = [by_people, _opposed(samples, wrong)] if wrong else [by_people]
    able = [account for account, said in by_people.items() if len(said) >= LEAST_OF_ACCOUNT]
    found = []
    for account in able:
        count = len(by_people[account])
        for way in ways:
            others = [odd for other, said in way.items() if other != account for _, odd in said]
            usual = (sum(others) + 1) / (len(others) + 2)  # Laplace's rule: nobody is never opposed
            mine = [sha256 for sha256, odd in way[account] if odd]
            by_chance = binomial_tail(count, len(mine), usual)
            if len(mine) / count > usual + WRONG_SHARE and by_chance < SURE / (len(able) * len(ways)):
                text = (
                    f"account {account} labelled {count} photos and is contradicted on {len(mine)} of them, "
                    f"others on {usual:.0%}: leave its labels out until somebody has looked into them"
                )
                found.append(Problem("poisoned_series", text, tuple(mine)))
                break
    return found


def _opposed(samples: Sequence[JudgedPhoto], wrong: Mapping[str, float]) -> dict[str, list[tuple[str, bool]]]:
    """Of each account the photos it labelled, and whether another account or the model says otherwise."""
    said: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for sample in samples:
        for account in sample.said_by:
            opposed = bool(set(sample.opposed_by) - {account}) or sample.sha256 in wrong
            said[account].append((sample.sha256, opposed))
        for account in sample.opposed_by:
            said[account].append((sample.sha256, True))
    return said


def binomial_tail(count: int, hits: int, rate: float) -> float:
    """Probability of at least so many hits by chance."""
    return sum(comb(count, k) * rate**k * (1 - rate) ** (count - k) for k in range(hits, count + 1))


def frozen_hashes(paths: Sequence[Path]) -> dict[str, str]:
    """Perceptual hash of each picture that is measured on -> its name; unreadable ones are left out."""
    found = {}
    for path in track(paths, len(paths), "suite"):
        try:
            found[phash(read(path))] = path.name
        except UnreadablePhotoError:
            continue
    return found
