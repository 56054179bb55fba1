"""What a build hands to its workers: one photo's task, and what all tasks share."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from refundlens.datasets.degradations.apply import MeasuredTables
from refundlens.datasets.photos import Photo
from refundlens.datasets.recipe import Recipe
from refundlens.datasets.row import Split


@dataclass(frozen=True)
class Task:
    """A photo to work on. group: after joining near-duplicates. donors: photos of the same split."""

    photo: Photo
    group: str
    split: Split
    donors: tuple[Path, ...]


@dataclass(frozen=True)
class Context:
    """What all tasks of a build share. tables: measured JPEG tables for drawn chains, None for standard ones
    only.
    """

    out: Path
    recipe: Recipe
    seed: int
    tables: tuple[MeasuredTables, ...] | None = None


def stream(context: Context, task: Task, *purpose: object) -> np.random.Generator:
    """The random generator of one purpose: changing one part of a recipe does not shift the others' draws."""
    text = ":".join(map(str, (context.seed, task.photo.sha256, *purpose)))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16]))
