"""Splitting by group, never by picture.

In: photos with their group (near-duplicates already joined). Out: a split for each group, the same for the
same seed.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from refundlens.datasets.row import SPLITS, Split

DEFAULT_FRACTIONS: dict[Split, float] = {"train": 0.52, "validation": 0.04, "calibration": 0.32, "test": 0.12}
"""Share of photos per split. Calibration is large because a bound of 1 % on false accusations, at 95 %
confidence, needs at least 299 authentic photos without a single error, and some errors will happen."""


@dataclass(frozen=True)
class Member:
    """What splitting needs to know of a photo: its group and the stratum (role) to spread evenly."""

    group: str
    stratum: str


def _order(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()


def _strata(members: Sequence[Member]) -> dict[str, dict[str, int]]:
    """Stratum -> group -> photos; a group of several roles belongs to its most frequent one."""
    roles: dict[str, Counter[str]] = defaultdict(Counter)
    for member in members:
        roles[member.group][member.stratum] += 1
    strata: dict[str, dict[str, int]] = defaultdict(dict)
    for group, counts in roles.items():
        stratum = min(counts, key=lambda role: (-counts[role], role))
        strata[stratum][group] = counts.total()
    return strata


def assign(members: Sequence[Member], fractions: Mapping[Split, float], seed: int) -> dict[str, Split]:
    """A split for every group, so that the photos' shares come close to `fractions` in each stratum and
    overall.

    Groups are placed largest first, each where most photos are still missing: large groups then fill the
    large splits, and the small splits get many small groups, which makes their estimates less dependent on
    one sender. The largest stratum comes last and evens out what indivisible groups of the smaller ones left
    over. Raises ValueError when the fractions do not sum to 1.
    """
    total_share = sum(fractions.values())
    if abs(total_share - 1) > 1e-6:
        raise ValueError(f"split fractions sum to {total_share:.3f}, not 1")
    wanted = [split for split in SPLITS if fractions.get(split, 0) > 0]
    placed: Counter[Split] = Counter()
    chosen: dict[str, Split] = {}
    strata = sorted(_strata(members).items(), key=lambda item: (sum(item[1].values()), item[0]))
    for index, (_, groups) in enumerate(strata):
        last = index == len(strata) - 1
        size = len(members) if last else sum(groups.values())
        missing = {split: fractions[split] * size - (placed[split] if last else 0) for split in wanted}
        for group in sorted(groups, key=lambda name: (-groups[name], _order(seed, name))):
            split = max(wanted, key=lambda name: missing[name])
            chosen[group] = split
            missing[split] -= groups[group]
            placed[split] += groups[group]
    return chosen


PhotoSplit = Literal["train", "watch", "calibration", "test"]
"""train: seen by training. watch: looked at while it runs. calibration: counts false accusations. test: measured on."""
PLACED: dict[str, PhotoSplit] = {
    "learning-zone/website-templates": "train",
    "magento/magento2-sample-data": "train",
    "farisha1497/SpliceNoise-Image-Splicing-Forgery-Detection-Tool-Using-Principal-Component-Analysis-"
    "Noise-Variation": "train",
    "LukeSmithxyz/based.cooking": "train",
    "OpelMantaAGTE/OpelMantaAGTE": "train",
    "cardstdani/WasteClassificationNeuralNetwork": "train",
    "telzo2000/Hello_keyboard": "train",
    "ebruchez/ebruchez.github.io": "train",
    "DevTaiwo18/car-damage-images-2": "train",
    "lameski/rgbweeddetection": "train",
    "josefadamcik/SofleKeyboard": "watch",
    "Anduin2017/HowToCook": "calibration",
    "frankginderphotography/frankginderphotography.github.io": "calibration",
    "wichtounet/sudoku_dataset": "calibration",
    "tgherzog/boatworks": "calibration",
    "VikramShenoy97/Human-Segmentation-Dataset": "watch",
    "glaukon-ariston/DIY-Telescope-Dobson-114mm": "calibration",
    "bearpaw/clothing-co-parsing": "test",
    "geerlingguy/raspberry-pi-pcie-devices": "test",
    "cdublu1796/marquette-existing-conditions": "test",
    "tdvalencia/plasticdevour-data": "test",
}
"""The large repositories, placed so that galleries, phone photos, goods and damage are in each split: chance would put
four galleries of five into one."""


def photo_split(repository: str) -> PhotoSplit:
    """The split of all photos of one public repository: half of the small ones train, a tenth watch, and a fifth each
    calibrate and test, by the hash of the name."""
    if repository in PLACED:
        return PLACED[repository]
    place = int(hashlib.sha256(repository.encode()).hexdigest(), 16) % 100
    if place < 50:
        return "train"
    if place < 60:
        return "watch"
    return "calibration" if place < 80 else "test"
