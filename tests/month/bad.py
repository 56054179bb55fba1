"""Bad snapshots out of a month's own: `python -m tests.month.bad OUT --champion BUNDLE` spoils the labels of
a month that was played, each way once, and prints what `refundlens retrain` says of each before it trains.

The photos are the month's, and the champion's features of them; nothing is trained. Each way is drawn several times,
for whether wrong labels are found hangs on which they are.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from refundlens.datasets.snapshot.card import snapshot_card
from refundlens.datasets.snapshot.checks import check_snapshot
from refundlens.datasets.snapshot.judged import JudgedPhoto, Truth
from refundlens.datasets.snapshot.store import Snapshot, open_snapshot, write_snapshot
from refundlens.training.gate.suite import load_suite
from refundlens.training.retrain.plan import RetrainPlan
from refundlens.training.retrain.retrain import ask_champion

ROUNDS = 5
Samples = list[JudgedPhoto]
Spoil = Callable[[Samples, np.random.Generator], Samples]


def _flipped(sample: JudgedPhoto) -> JudgedPhoto:
    truth: Truth = "authentic" if sample.label else "ai_generated"
    return replace(sample, truth=truth, label=1 - sample.label, generator="" if sample.label else "unnamed")


def nothing(samples: Samples, rng: np.random.Generator) -> Samples:
    return samples


def wrong_labels(samples: Samples, rng: np.random.Generator) -> Samples:
    """A tenth, anybody's."""
    chosen = set(rng.choice(len(samples), len(samples) // 10, replace=False).tolist())
    return [_flipped(one) if index in chosen else one for index, one in enumerate(samples)]


def poisoned_series(samples: Samples, rng: np.random.Generator) -> Samples:
    """One account of its own says of 24 photos the opposite."""
    chosen = set(rng.choice(len(samples), 24, replace=False).tolist())
    return [
        replace(_flipped(one), said_by=("mallory",)) if index in chosen else one
        for index, one in enumerate(samples)
    ]


def leak(samples: Samples, rng: np.random.Generator) -> Samples:
    """A sender's photo of the train part is also in the test part."""
    train = next(one for one in samples if one.part == "train")
    test = next(one for one in samples if one.part == "test")
    return [replace(one, group=train.group) if one is test else one for one in samples]


def empty_class(samples: Samples, rng: np.random.Generator) -> Samples:
    return [one for one in samples if one.label]


WAYS: tuple[Spoil, ...] = (nothing, wrong_labels, poisoned_series, leak, empty_class)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.month.bad", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("out", type=Path, help="of a month that was played, or has passed its check")
    parser.add_argument("--champion", type=Path, required=True)
    given = parser.parse_args()
    work = given.out / "work"
    cases = load_suite(work / "suite.json").cases
    plan = RetrainPlan(
        work, work, work, given.champion, Path(cases[0].folder), work, "month", "0", suite=work / "suite.json"
    )
    made = open_snapshot(next(path for path in sorted((given.out / "snapshots").iterdir()) if _is_one(path)))
    for spoil in WAYS:
        for number in range(ROUNDS if spoil in (nothing, wrong_labels, poisoned_series) else 1):
            samples = spoil(list(made.samples), np.random.default_rng(number))
            with spoilt(made, samples) as snapshot:
                found = check_snapshot(snapshot, doubts=ask_champion(plan, snapshot))
            print(
                json.dumps(
                    {"spoilt": spoil.__name__, "round": number, "told": [str(one)[:240] for one in found]}
                )
            )
    with spoilt(made, list(made.samples)) as snapshot:
        path = snapshot.path(snapshot.samples[0])
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:2000])
        found = check_snapshot(snapshot, doubts=ask_champion(plan, snapshot))
        print(json.dumps({"spoilt": "corrupt_image", "round": 0, "told": [str(one)[:240] for one in found]}))


def _is_one(path: Path) -> bool:
    return (path / "snapshot.json").is_file()


@contextmanager
def spoilt(made: Snapshot, samples: Samples) -> Iterator[Snapshot]:
    """The samples as a snapshot of a store of its own."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        for one in samples:
            target = store / one.file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made.store / one.file, target)
        facts = {"number": 1, "parent": None, "made_at": made.facts["made_at"], "skipped": {}, "unreadable": {},
                 "left": {}}  # fmt: skip
        yield open_snapshot(write_snapshot(store, samples, facts, snapshot_card(samples, facts), "spoilt"))


if __name__ == "__main__":
    main()
