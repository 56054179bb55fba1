"""Crops of a snapshot's photos alone, for a few hundred steps on top of what a champion knows.

In: a folder that `datasets.snapshot.join` made, and masters. Out: shards as `data crops` writes them. A manipulated
photo of a dispute has no untouched twin: its counterpart is, of some twenty photos, the one that looks most like it,
and the dispute's own authentic photos are among them, or the look of disputes would be learned for the trace of an
editor.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from refundlens.datasets.collection import Entry, read_index
from refundlens.datasets.crops.masters import Masters, prepare
from refundlens.datasets.crops.store import Pair, has_shard, write_shard
from refundlens.datasets.crops.twins import TwinSource
from refundlens.datasets.crops.writer import crops_of

PAIRS = 250
"""Pairs a shard: small, so that a killed run loses little."""
MADE_SHARES = {"whole": 0.7, "transplant": 0.3}
"""Pairs of the snapshot's manipulated photos. "transplant" needs ones of which the whole is known to be generated."""
REAL_SHARES = {"transplant": 0.45, "classical": 0.3, "painted": 0.1, "whole": 0.15}
"""Pairs around its authentic photos: what was taken for a fake is what must be seen untouched, beside edits of it."""


@dataclass(frozen=True)
class FreshOptions:
    """shards: of 250 pairs. others: pictures of the collection that are decoded as counterparts, at most."""

    shards: int = 4
    seed: int = 11
    workers: int = 1
    others: int = 400


def build_fresh(folder: Path, masters: Path, out: Path, options: FreshOptions) -> Iterator[str]:
    """Make what is missing; yields a line on each stage done. masters: decoded pictures, which earlier builds may have
    filled. Raises ValueError where the snapshot has nothing to train on."""
    entries = read_index(folder)
    fresh = [entry for entry in entries if entry.fed and entry.usable_for("train")]
    known = {path.stem for path in masters.glob("*.npy")} if masters.is_dir() else set()
    others = _others(entries, known, options)
    wanted = [*fresh, *others]
    failed = prepare({entry.file: folder / entry.file for entry in wanted}, masters, options.workers)
    yield f"{len(wanted) - len(failed)} masters" + (f", {len(failed)} unreadable" if failed else "")
    opened = Masters(masters)
    sources = _sources(folder, fresh, others, opened)
    for number in range(options.shards):
        if has_shard(out, number):
            continue
        rng = np.random.default_rng([options.seed, number])
        pairs: list[Pair] = []
        while len(pairs) < PAIRS:
            source, _ = sources[int(rng.choice(len(sources), p=_shares(sources)))]
            pairs += crops_of(rng, source.draw(rng), [])
        write_shard(out, number, pairs[:PAIRS])
        yield f"shard {number + 1} of {options.shards}"


def _others(entries: list[Entry], known: set[str], options: FreshOptions) -> list[Entry]:
    """Counterparts and donors out of the collection: those decoded already first, spread over groups."""
    able = [
        entry
        for entry in entries
        if not entry.fed and entry.usable_for("train") and not entry.retouched
        and (entry.label in ("authentic", "ai_generated") or entry.photo_input)
    ]  # fmt: skip
    rng = np.random.default_rng(options.seed)
    order = [able[int(index)] for index in rng.permutation(len(able))]
    order.sort(key=lambda entry: entry.file not in known)
    return order[: options.others]


def _sources(
    folder: Path, fresh: list[Entry], others: list[Entry], masters: Masters
) -> list[tuple[TwinSource, int]]:
    """One for the manipulated photos and one for the authentic, each with how many it has."""
    made = [entry for entry in fresh if entry.generated]
    real = [entry for entry in fresh if entry.label == "authentic"]
    photos = [entry for entry in others if not entry.generated]
    donors = [entry for entry in others if entry.generated]
    found = []
    if made:
        source = TwinSource(folder, [*made, *real, *photos], masters)
        located = any(not entry.unlocated and entry.label == "ai_generated" for entry in made)
        source.shares = MADE_SHARES if located else {"whole": 1.0}
        found.append((source, len(made)))
    if real and donors:
        # each under two strata, so that one with photos of a single kind still has a choice
        twice = [*real, *(replace(entry, kind="real_gallery") for entry in real)]
        source = TwinSource(folder, [*twice, *donors], masters)
        source.shares = REAL_SHARES
        found.append((source, len(real)))
    if not found:
        raise ValueError(f"{folder} holds no photo of a snapshot to train on: label more, and export again")
    return found


def _shares(sources: list[tuple[TwinSource, int]]) -> np.ndarray:
    weights = np.sqrt([count for _, count in sources])
    return np.asarray(weights / weights.sum())
