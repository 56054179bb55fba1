"""A snapshot's photos among collected pictures: one folder that crops, calibration and evaluation read.

In: a collected folder and a snapshot. Out: a new folder of links with an `index.csv` of both. Photos of a snapshot
stand under the repository `snapshot/<hash>`; those of its test part have the split `validation`, which training and
calibration leave alone. A manipulated photo of which nobody said how is listed with the note UNLOCATED.
"""

import csv
import os
import shutil
from pathlib import Path

from refundlens.datasets.collection import FED, INDEX, UNLOCATED, CollectionError
from refundlens.datasets.snapshot.judged import JudgedPhoto
from refundlens.datasets.snapshot.store import Snapshot

COLUMNS = (
    "file", "split", "class", "kind", "pair", "mask", "generator", "domain", "role", "defect", "repo", "path",
    "git_blob", "op", "sha256", "licence", "group", "width", "height", "format", "jpeg_quality", "note",
)  # fmt: skip
LICENCE = "sent by buyers; not to be passed on"


def join(collection: Path, snapshots: list[Snapshot], out: Path) -> Path:
    """Write the folder; what is there of an earlier call stays. Raises CollectionError for no collected folder."""
    if not (collection / INDEX).is_file():
        raise CollectionError(f"{collection} has no {INDEX}: collect it with `refundlens data collect`")
    out.mkdir(parents=True, exist_ok=True)
    with (collection / INDEX).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for name in (row["file"], row["mask"]):
            if name and (collection / name).is_file():
                _link(collection / name, out / name)
    for snapshot in snapshots:
        for sample in snapshot.samples:
            path = snapshot.path(sample)
            if path.is_file():
                row = _row(sample, snapshot.version)
                _link(path, out / row["file"])
                rows.append(row)
    names = list(dict.fromkeys([*COLUMNS, *(name for row in rows for name in row)]))
    beside = out / f"{INDEX}.new"
    with beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows({row["file"]: row for row in rows}.values())
    beside.replace(out / INDEX)
    return out


def listed_name(sample: JudgedPhoto) -> str:
    """The photo's name in a joined folder."""
    return f"{sample.sha256}{Path(sample.file).suffix}"


def _row(sample: JudgedPhoto, version: str) -> dict[str, str]:
    manipulated = bool(sample.label)
    unlocated = sample.truth in ("fake", "ai_edited", "photoshopped")
    return {
        "file": listed_name(sample),
        "split": "train" if sample.part == "train" else "validation",
        "class": "ai_edited" if sample.truth == "fake" else sample.truth,
        "kind": "generated" if manipulated else "real_defect" if sample.claim_type else "real_product",
        "generator": (sample.generator or "unnamed, of disputes") if manipulated else "",
        "repo": f"{FED}/{version[:12]}",
        "sha256": sample.sha256,
        "licence": LICENCE,
        "group": f"{FED}:{sample.group}",
        "width": str(sample.width),
        "height": str(sample.height),
        "note": UNLOCATED if manipulated and unlocated else "",
    }


def _link(source: Path, target: Path) -> None:
    """A hard link where the file system has them: a photo that is erased later must not live on in a symbolic one's
    place, so joined folders are thrown away after a retraining."""
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
