"""Measures how often an honest second photo from a stand, in which parts moved, is said to have a defect added.

    python -m refundlens.training.references.moved PICTURES --scenes 40

In: a folder with `index.csv`; of its training split those origins that `fit` does not see. Each scene is photographed
again in every way of `scenes.KINDS`, from the same stand and from one that was put up again; beside that, defects are
painted into its first photo. Out: what is said, by kind, with Clopper and Pearson's bound on the honest ones accused.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from refundlens.model.compare.reference import PAINTED, Comparison, compare
from refundlens.model.names import DEFECTS
from refundlens.model.progress import track
from refundlens.model.verdict.bounds import upper_bound
from refundlens.training.references import examples, scenes
from refundlens.training.references.fit import PHOTOS, photos

SEED = 23
STANDS = ("same stand", "stand put up again")
POOL = 120
"""Photos that scenes are made of."""
OF_ONE = 7
"""Photos that each scene and what is painted on it are made of."""


def pool(folder: Path) -> list[examples.Pixels]:
    """Photos of the training split whose origins `fit` does not see."""
    every = photos(folder, "train", PHOTOS + 4 * POOL)
    seen: set[str] = set()
    kept: list[examples.Pixels] = []
    for number, (origin, pixels) in enumerate(every):
        if number < PHOTOS:
            seen.add(origin)
        elif origin not in seen and len(kept) < POOL:
            kept.append(pixels)
    return kept


def retakes(among: list[examples.Pixels], count: int) -> Iterator[tuple[str, str, Comparison]]:
    """(same stand, stand put up again, or painted; kind; what came out)."""
    for number in range(count):
        rng = np.random.default_rng([SEED, number])
        *of_scene, donor = (among[at] for at in rng.choice(len(among), OF_ONE, replace=False))
        for kind in scenes.KINDS:
            for stand in STANDS:
                pair = scenes.second_photo(of_scene, kind, rng, anew=stand != STANDS[0])
                yield stand, kind, compare(pair.reference, pair.photo)
        first = scenes.first_photo(of_scene, rng)
        for what in (*DEFECTS, *examples.TOOLS):
            pair = examples.pair(first, donor, what, rng)
            if pair.seen >= examples.VISIBLE:
                yield "painted", what, compare(pair.reference, pair.photo)


def spots_alone(found: Comparison) -> bool:
    """Whether it would be accused by its spots, were nothing asked but whether fine detail is the same."""
    return found.kind != "other" and found.painted >= PAINTED


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--scenes", type=int, default=40)
    given = asked.parse_args()
    total = given.scenes * (len(STANDS) * len(scenes.KINDS) + len(DEFECTS) + len(examples.TOOLS))
    said: dict[str, dict[str, Counter[str]]] = {}
    before: Counter[str] = Counter()
    for group, kind, found in track(retakes(pool(given.folder), given.scenes), total, "pairs"):
        said.setdefault(group, {}).setdefault(kind, Counter())[found.kind] += 1
        before[group] += spots_alone(found)
    for group, kinds in said.items():
        for kind, counts in kinds.items():
            print(f"{group}, {kind}: {dict(counts)}")
        every = sum(kinds.values(), Counter[str]())
        share = f"{every['changed']} of {every.total()} said to have a defect added, {before[group]} by spots alone"
        bound = (
            ""
            if group == "painted"
            else f": at most {upper_bound(every['changed'], every.total()):.2%} with 95 %"
        )
        print(f"{group}: {share}{bound}")


if __name__ == "__main__":
    main()
