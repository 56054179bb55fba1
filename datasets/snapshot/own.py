"""An engineer's own photos as labels: what a new editor returned, or photos whose camera they know.

In: a folder of photos of one truth. Out: a folder as `refundlens labels export` writes it, for `data export`'s option
`--feedback`. Who says so is named: a snapshot's checks tell one account's bad series from everybody else's.
"""

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from refundlens.datasets.photos import gather
from refundlens.datasets.snapshot.judged import Truth
from refundlens.datasets.snapshot.make import ABOUT, LINES
from refundlens.datasets.snapshot.store import SnapshotError

WEIGHT = 2.0
"""Of an engineer's word, as the service weighs it (`serving.labels.schemas`)."""


def label_photos(
    photos: Path, out: Path, truth: Truth, by: str, generator: str = "", now: datetime | None = None
) -> int:
    """Write the folder; gives how many photos are in it. generator: who made manipulated ones. Photos below one folder
    of `photos` are one group, which is never split.

    Raises SnapshotError where `out` holds something, a photo cannot be read, or there is none; OSError.
    """
    if out.exists() and any(out.iterdir()):
        raise SnapshotError(f"{out} holds something already: choose another place")
    found = gather([photos])
    if found.unreadable:
        path, why = found.unreadable[0]
        raise SnapshotError(f"{path}: {why}; take it out, for a label without its photo teaches nothing")
    if not found.photos:
        raise SnapshotError(f"{photos} holds no photo")
    when = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    account = hashlib.sha256(f"engineer:{by}".encode()).hexdigest()[:16]
    lines = []
    for photo in found.photos:
        name = f"{truth}/{photo.sha256}{photo.path.suffix.lower()}"
        (out / truth).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photo.path, out / name)
        said = {"truth": truth, "source": "engineer", "weight": WEIGHT, "by": account, "created_at": when}
        lines.append(
            {
                "sha256": photo.sha256, "file_name": name, "missing": None, "truth": truth,
                "label": int(truth != "authentic"), "source": "engineer", "weight": WEIGHT, "said": [said],
                "model_version": None, "model_probability": None, "created_at": when,
                "group": hashlib.sha256(f"own:{account}:{photo.group}".encode()).hexdigest()[:16],
                "generator": generator, "claim_type": None, "image_source": None, "keep_until": None,
                "sampled": None,
            }
        )  # fmt: skip
    (out / LINES).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (out / ABOUT).write_text(json.dumps({"tenant": account, "training": True}), encoding="utf-8")
    return len(lines)
