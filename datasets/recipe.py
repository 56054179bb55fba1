"""What a dataset is made of: splits, editors, defects, deliveries. Every number of `data build` that may be
tuned.

In: a YAML file naming only what differs from the defaults. Out: a frozen `Recipe`.
"""

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from refundlens.datasets.degradations.apply import NAMED
from refundlens.datasets.row import SPLITS, Split
from refundlens.datasets.splits import DEFAULT_FRACTIONS
from refundlens.model.names import Defect

Slot = Literal["whole", "spliced", "classical", "any"]
"""One edit of a photo: the whole picture through a generator, a region of it, classical tools, or one of
these."""
CLASSICAL = "classical"
"""Name of the editor that needs no network."""


class RecipeError(ValueError):
    """A recipe that cannot be used; the message says what to change."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Base(_Part):
    """The one geometric change that a photo and all its edits share before any edit.

    Many packs hold photos of one size and one JPEG table. Resampling takes the old 8 x 8 grid out of the
    pixels, so that "still has its camera's grid" cannot stand in for "authentic". large_above: long side, in
    pixels, from which a photo is shrunk rather than slightly resampled. large_long_side: range, in pixels, a
    large photo is brought to: what chat apps deliver, and what TAEF2 regenerates whole within about 3 GB.
    large_crop: share of large photos that are cropped
    first, and the least share of a side that stays. small_scale: range of the scale of other photos; 0.97
    still moves every pixel off the old grid. large_views: pictures made of one large photo for training,
    because large originals are few.
    """

    large_above: int = 900
    large_long_side: tuple[int, int] = (560, 1100)
    large_crop: tuple[float, float] = (0.5, 0.5)
    small_scale: tuple[float, float] = (0.75, 0.97)
    large_views: int = 2


class Grid(_Part):
    """Calibration's deliveries: every authentic photo in every cell of size x JPEG quality.

    long_sides: pixels; a picture smaller than the first stays as it is, smaller than the others it is
    enlarged, as a screenshot or a chat app does. qualities: libjpeg's, both ends included. lossless: one more cell
    of each size for files that are not JPEG, as PNG or as good WebP.
    """

    long_sides: tuple[int, ...] = (600, 800, 1280)
    qualities: tuple[tuple[int, int], ...] = ((35, 59), (60, 79), (80, 95))
    lossless: bool = True
    chains_per_edit: int = 2


class Recipe(_Part):
    """How photos become a dataset.

    fractions: share of photos per split. editors: name pattern -> weight of generators; names matching one
    pattern share its weight. held_out: patterns of generators that only the test split uses. held_out_share:
    their share of the test split's AI edits. edits: slots per photo and split. first_slot: number of the first of them,
    which a recipe that continues a dataset sets beyond that dataset's slots. any_shares: what an "any" slot
    becomes. no_defect: share of edits of a slot that show no painted defect, so that "shows a defect" is not
    "fake". defects: shares. benign_share: of evaluation photos that get one harmless operation after the
    edit, the same for a photo and its edits (training draws its own while loading). validation_chains: drawn
    deliveries per picture. test_always, test_rotating, test_rotating_count: named deliveries per picture of
    the test split.
    """

    fractions: dict[Split, float] = DEFAULT_FRACTIONS
    editors: dict[str, float] = {
        "taef2": 5.0,
        "ae-*": 5.0,
        "srgan-*": 2.0,
        "waifu2x-*": 1.0,
        "realesr-*": 1.0,
        "esrgan-*": 1.0,
        "diffusers*": 5.0,
        "http*": 5.0,
    }
    held_out: tuple[str, ...] = (
        "realesr-animevideov3-x2",
        "realesr-animevideov3-x4",
        "esrgan-medium-x4",
        "ae-f8c8-bilinear",
    )
    held_out_share: float = Field(default=0.5, ge=0, le=1)
    edits: dict[Split, tuple[Slot, ...]] = {
        "train": ("whole", "spliced", "classical"),
        "validation": ("whole", "spliced", "classical"),
        "calibration": ("any",),
        "test": ("whole", "spliced", "classical"),
    }
    first_slot: int = Field(default=0, ge=0, le=20)
    any_shares: dict[Slot, float] = {"whole": 0.35, "spliced": 0.4, "classical": 0.25}
    no_defect: dict[Slot, float] = {"whole": 0.3, "spliced": 0.15}
    defects: dict[Defect, float] = {"hole": 0.35, "stain": 0.3, "mould": 0.25, "other": 0.1}
    base: Base = Base()
    benign_share: float = Field(default=0.35, ge=0, le=1)
    validation_chains: int = 2
    grid: Grid = Grid()
    test_always: tuple[str, ...] = ("png", "q75_720", "jpeg80")
    test_rotating: tuple[str, ...] = ("q90", "q60_768", "double_jpeg", "webp", "screenshot")
    test_rotating_count: int = 1

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        if abs(sum(self.fractions.values()) - 1) > 1e-6:
            raise ValueError(f"fractions sum to {sum(self.fractions.values()):.3f}, not 1")
        for name in (*self.test_always, *self.test_rotating):
            if name not in NAMED:
                raise ValueError(f"no delivery is named {name!r}; known: {', '.join(NAMED)}")
        if self.test_rotating_count > len(self.test_rotating):
            raise ValueError("test_rotating_count exceeds the number of rotating deliveries")
        if "any" in self.any_shares:
            raise ValueError("any_shares cannot contain 'any'")
        return self

    def is_held_out(self, name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in self.held_out)

    def weights(self, names: Sequence[str], held_out: bool) -> dict[str, float]:
        """Weight of each available generator that is held out (or is not). Names no pattern matches are left
        out.
        """
        weights: dict[str, float] = {}
        for pattern, weight in self.editors.items():
            matching = [
                name
                for name in sorted(names)
                if fnmatch(name, pattern) and name not in weights and self.is_held_out(name) == held_out
            ]
            weights.update({name: weight / len(matching) for name in matching})
        return {name: weight for name, weight in weights.items() if weight > 0}

    def slots(self, split: Split) -> tuple[Slot, ...]:
        return self.edits.get(split, ())


def load(path: Path | None) -> Recipe:
    """The recipe of a YAML file, or the default one. Raises RecipeError with the field at fault."""
    if path is None:
        return Recipe()
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is not YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise RecipeError(f"{path} must be a mapping of recipe fields, not a {type(loaded).__name__}")
    try:
        return Recipe.model_validate(loaded)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'recipe'}: {item['msg']}" for item in error.errors()
        )
        raise RecipeError(f"{path}: {problems}") from error


def check_splits(recipe: Recipe) -> None:
    """Raises RecipeError when a split with edits has no photos: its slots would silently do nothing."""
    empty = [split for split in SPLITS if recipe.slots(split) and not recipe.fractions.get(split)]
    if empty:
        raise RecipeError(f"splits {', '.join(empty)} have edits but no share of the photos")
