"""The month on real pictures: a collection without the newcomer, and disputes out of what was taken from it.

In: a folder of `refundlens data collect` whose held-out split has the newcomer, and the champion. Out: a `World`. The
newcomer's pictures and the month's honest photos come from the held-out split, of whole repositories, so that neither
the champion's training nor its calibration saw them and no other photo of theirs is measured on. What is not disputed
of the newcomer stays in that split: what the candidate is asked about, and never told.
"""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refundlens.datasets.collection import INDEX, Entry, read_index
from refundlens.datasets.crops.masters import decode
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import Step
from tests.month.world import World

HELD, LIMIT = "validation", 0.01
MOST_OF_ONE = 40
"""Honest photos of one repository at most: a series is not a month."""
CHATS: tuple[list[Step], ...] = tuple(
    [{"step": "resize", "long_side": side, "kernel": "bicubic", "only_shrink": True},
     {"step": "jpeg", "quality": quality, "subsampling": "4:2:0"}]
    for side, quality in ((960, 80), (720, 75), (800, 85))
)  # fmt: skip
"""How buyers' photos arrive, in turn, fakes and honest ones alike."""


@dataclass(frozen=True)
class Champion:
    """replay: crops it was trained on. champion: its bundle."""

    replay: Path
    weights: Path
    champion: Path


def real(collection: Path, out: Path, newcomer: str, champion: Champion, disputed: int) -> World:
    """disputed: fakes, and as many honest photos. Raises ValueError where the
    newcomer is not in the held-out split alone, or has no pictures left to measure on."""
    entries = read_index(collection)
    made = [entry for entry in entries if entry.generator == newcomer and entry.generated]
    if not made or any(entry.split != HELD for entry in made):
        raise ValueError(
            f"{newcomer!r} has {len(made)} pictures, not all of them held out: name another newcomer"
        )
    fakes = _ranked(made)[:disputed]
    if len(made) - len(fakes) < disputed // 4:
        raise ValueError(
            f"{len(made)} pictures of {newcomer!r}: too few to dispute {disputed} and measure on the rest"
        )
    photos, gone = _honest(entries, disputed)
    world = _without(collection, out, {entry.file for entry in fakes} | gone)
    kept = out.with_name("disputed")
    sent = [[_sent(collection, entry, n, kept) for n, entry in enumerate(part)] for part in (fakes, photos)]
    return World(
        world, champion.replay, champion.weights, champion.champion, None, sent[0], sent[1], newcomer, LIMIT,
    )  # fmt: skip


def _ranked(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: hashlib.sha256(entry.file.encode()).hexdigest())


def _honest(entries: Sequence[Entry], count: int) -> tuple[list[Entry], set[str]]:
    """(photos, all files of their repositories): galleries and others in turn, by the hash of their names."""
    whole: dict[bool, dict[str, list[Entry]]] = {True: defaultdict(list), False: defaultdict(list)}
    for entry in entries:
        if entry.split == HELD and entry.label == "authentic" and not entry.retouched:
            whole[entry.kind == "real_gallery"][entry.repository].append(entry)
    names = {
        gallery: sorted(found, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        for gallery, found in whole.items()
    }
    chosen: list[Entry] = []
    repositories: set[str] = set()
    while len(chosen) < count and any(names.values()):
        galleries = sum(entry.kind == "real_gallery" for entry in chosen)
        gallery = bool(names[True]) and (3 * galleries < len(chosen) or not names[False])
        name = names[gallery].pop(0)
        repositories.add(name)
        chosen += _ranked(whole[gallery][name])[:MOST_OF_ONE]
    return chosen[:count], {entry.file for entry in entries if entry.repository in repositories}


def _without(collection: Path, out: Path, gone: set[str]) -> Path:
    """The collection's pictures but those, as links."""
    out.mkdir(parents=True, exist_ok=True)
    with (collection / INDEX).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        names = list(reader.fieldnames or ())
        rows = [row for row in reader if row["file"] not in gone]
    for name in {name for row in rows for name in (row["file"], row["mask"]) if name}:
        if (collection / name).is_file() and not (out / name).exists():
            (out / name).symlink_to((collection / name).resolve())
    with (out / INDEX).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return out


def _sent(collection: Path, entry: Entry, number: int, kept: Path) -> bytes:
    """The file as it arrives, made once."""
    path = kept / f"{entry.file}.{number % len(CHATS)}.jpg"
    if not path.is_file():
        kept.mkdir(parents=True, exist_ok=True)
        path.write_bytes(deliver(decode(collection / entry.file), CHATS[number % len(CHATS)]).data)
    return path.read_bytes()
