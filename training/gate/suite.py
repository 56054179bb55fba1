"""The pictures that are measured on, fixed once: which, with which bytes, in which deliveries.

In: collected folders. Out: `suite.json`, and from it the cases that both models judge. A file whose bytes are others
than when the suite was frozen stops everything: figures of two suites must not be compared.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from refundlens.datasets.collection import Entry, read_index
from refundlens.training.evaluation.laundering import TREATMENTS

DELIVERY = "q75_720"
"""How every picture is sent."""
LAUNDERED = tuple(TREATMENTS)
"""What is done to some pictures once more after they were sent: what people do to wash traces out."""
LAUNDERED_SHARE = 4
"""One picture in so many is also treated in these ways: they cost twice as much as the whole suite else."""
HELD = "validation"
PHOTOS = 300
"""Pictures of each class at most, spread over groups: a rate of 1 % is then three photos."""


class SuiteError(ValueError):
    """A suite that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Case:
    """A picture in one delivery. file: below its folder. label: 0 authentic, 1 manipulated. group: pictures that are
    drawn together by the bootstrap. stratum: what an authentic photo shows."""

    folder: str
    file: str
    sha256: str
    delivery: str
    label: int
    kind: str
    generator: str
    family: str
    stratum: str
    repository: str
    group: str
    defect: str = ""

    @property
    def key(self) -> str:
        return f"{self.sha256} {self.delivery}"


@dataclass(frozen=True)
class FrozenSuite:
    cases: tuple[Case, ...]

    @property
    def sha256(self) -> str:
        lines = sorted(f"{case.key} {case.label} {case.kind} {case.generator}" for case in self.cases)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def freeze(folders: Sequence[Path], out: Path | None = None, photos: int = PHOTOS) -> FrozenSuite:
    """Up to `photos` pictures of each class of the held-out split; written where `out` is named.

    Raises SuiteError where a class is missing, CollectionError for no collected folder.
    """
    pairs = [(folder, entry) for folder in folders for entry in read_index(folder) if entry.split == HELD]
    made = _spread([(f, e) for f, e in pairs if e.generated or e.label == "photoshopped"], photos)
    real = _spread([(f, e) for f, e in pairs if e.label == "authentic" and not e.retouched], photos)
    if not made or not real:
        raise SuiteError("a suite needs authentic and manipulated pictures of the validation split")
    suite = FrozenSuite(tuple(case for folder, entry in [*made, *real] for case in _cases(folder, entry)))
    if out is not None:
        facts = {"sha256": suite.sha256, "cases": [asdict(case) for case in suite.cases]}
        out.write_text(json.dumps(facts), encoding="utf-8")
    return suite


def load_suite(path: Path) -> FrozenSuite:
    """Raises SuiteError where it is none, was changed, or a picture is gone or another one."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        suite = FrozenSuite(tuple(Case(**case) for case in facts["cases"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SuiteError(f"{path} is no suite ({error}); freeze one with `refundlens gate freeze`") from error
    if suite.sha256 != facts["sha256"]:
        raise SuiteError(f"{path} was changed since it was frozen; freeze a new one under a new name")
    for folder, file, sha256 in sorted({(case.folder, case.file, case.sha256) for case in suite.cases}):
        picture = Path(folder) / file
        if not picture.is_file() or hashlib.sha256(picture.read_bytes()).hexdigest() != sha256:
            raise SuiteError(f"{picture} is gone, or not the picture that was frozen: bring it back")
    return suite


def _cases(folder: Path, entry: Entry) -> Iterator[Case]:
    sha256 = hashlib.sha256((folder / entry.file).read_bytes()).hexdigest()
    more = LAUNDERED if int(sha256[:8], 16) % LAUNDERED_SHARE == 0 else ()
    for delivery in (DELIVERY, *more):
        yield Case(
            str(folder.resolve()), entry.file, sha256, delivery, int(entry.label != "authentic"), entry.label,
            entry.generator, entry.family if entry.generated else "",
            "" if entry.generated else entry.kind, entry.repository, entry.group,
        )  # fmt: skip


def _spread(pairs: Iterable[tuple[Path, Entry]], most: int) -> list[tuple[Path, Entry]]:
    """At most so many, group by group in turn, so that no series fills the suite."""
    groups: dict[str, list[tuple[Path, Entry]]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: pair[1].file):
        groups[pair[1].group].append(pair)
    chosen: list[tuple[Path, Entry]] = []
    while len(chosen) < most and any(groups.values()):
        for name in sorted(groups):
            if groups[name] and len(chosen) < most:
                chosen.append(groups[name].pop())
    return chosen
