"""The feedback export: for every labelled photo the strongest truth, with its bytes, as a folder.

In: a tenant's labels, its file store. Out: `<truth>/<sha256>.<suffix>`; `manifest.jsonl`, a line a photo, sorted by
hash; `export.json`, whether the tenant lets its photos train; and for authentic photos `MANIFEST.csv`, with which
`refundlens data build FOLDER/authentic NEW --extend OLD` makes training data of them: a photo of a real hole that was
taken for a fake is what the detector must see most.

`refundlens data export` makes a snapshot of the folder (`datasets.snapshot`), which `refundlens retrain` learns from.

Which truth: the label of the greatest weight, of several the newest (`serving.labels.schemas`). Others that said the
opposite are told under `conflicts`. Photos that were erased are listed without a file: their figures still count.
"""

import csv
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.labels import service
from refundlens.serving.labels.schemas import Truth
from refundlens.serving.storage.files import DamagedFile, FileStore, MissingFile
from refundlens.serving.storage.tables import Image, Label, Refund, ReviewSample, Tenant

ABOUT = "export.json"
TRAINING = "training"
"""A tenant's setting: whether its photos may train a model. Nobody's do who has not said so."""
MANIFEST = "manifest.jsonl"
PHOTOS = "MANIFEST.csv"
"""As `refundlens data build` reads it beside or above its photos: who took what, and what it shows."""
_COLUMNS = ("file", "group", "licence", "role", "defect", "source")
_LICENCE = "sent by buyers; not to be passed on"
_SUFFIXES = {"jpeg": "jpg", "zip": "livp"}
"""Where a file is not named as its media type is; an archive that was judged is a live photo."""
_GROUP_DIGITS = 16


class ExportError(Exception):
    """Nothing was written; the message says why."""


@dataclass
class Exported:
    """photos: with a file. without: no longer, or never, stored. damaged: names of files that are not what they were.
    conflicts: photos of which labels disagree."""

    photos: int = 0
    without: int = 0
    conflicts: int = 0
    damaged: tuple[str, ...] = ()


def export(
    session: Session, files: FileStore, tenant: str, out: Path, keep_days: int | None = None
) -> Exported:
    """Write the folder. keep_days: how long after its refund's end a photo is kept, which copies must respect too.

    Raises ExportError where `out` holds something, OSError where it cannot be written."""
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise ExportError(f"{out} exists already: choose another place")
    out.mkdir(parents=True, exist_ok=True)
    done = Exported()
    partial = out / f"{MANIFEST}.partial"
    with (
        partial.open("w", encoding="utf-8") as stream,
        (out / PHOTOS).open("w", newline="", encoding="utf-8") as photos,
    ):
        table = csv.DictWriter(photos, _COLUMNS, lineterminator="\n")
        table.writeheader()
        for labels in _photos(session, tenant):
            line = _line(session, files, tenant, labels, out, done, keep_days)
            stream.write(f"{json.dumps(line, sort_keys=True, ensure_ascii=False)}\n")
            if line["file_name"] is not None and not line["label"]:
                table.writerow(_for_build(line))
    found = session.get(Tenant, tenant)
    agreed = bool(found is not None and found.settings.get(TRAINING))
    (out / ABOUT).write_text(json.dumps({"tenant": _hash("tenant", tenant), "training": agreed}))
    partial.replace(out / MANIFEST)  # last: a folder with a manifest is whole
    return done


def strongest(labels: list[Label]) -> Label:
    """The label that is believed. labels: of one photo, oldest first."""
    return max(enumerate(labels), key=lambda item: (item[1].weight, item[0]))[1]


def _photos(session: Session, tenant: str) -> Iterator[list[Label]]:
    for _, labels in groupby(service.by_photo(session, tenant), key=lambda label: label.sha256):
        yield list(labels)


def _line(
    session: Session,
    files: FileStore,
    tenant: str,
    labels: list[Label],
    out: Path,
    done: Exported,
    keep_days: int | None,
) -> dict[str, Any]:
    best = strongest(labels)
    truth = Truth(best.truth)
    found = service.of_refund(session, tenant, best.sha256)
    conflicts = [label for label in labels if Truth(label.truth).is_fake != truth.is_fake]
    file_name, missing = _copy(files, best.sha256, truth, found[0] if found else None, out)
    done.photos += file_name is not None
    done.without += file_name is None
    done.conflicts += bool(conflicts)
    if missing == "damaged":
        done.damaged += (best.sha256,)
    return {
        "sha256": best.sha256,
        "file_name": file_name,
        "missing": missing,
        "truth": truth.value,
        "label": int(truth.is_fake),
        "source": best.source,
        "weight": best.weight,
        "labels": len(labels),
        "said": [
            {
                "truth": label.truth,
                "source": label.source,
                "weight": label.weight,
                "by": _hash("judge", tenant, label.labelled_by),
                "created_at": rfc3339(label.created_at),
            }
            for label in labels
        ],
        "conflicts": [
            {"truth": label.truth, "source": label.source, "created_at": rfc3339(label.created_at)}
            for label in conflicts
        ],
        "model_version": best.model_version,
        "model_probability": best.model_probability,
        "created_at": rfc3339(best.created_at),
        "sampled": _sampled(session, tenant, best.sha256),
        **_of_refund(found, keep_days),
    }


def _sampled(session: Session, tenant: str, sha256: str) -> str | None:
    """Why the photo was drawn for review; none for one that people's work brought. A share counted on labels holds for
    all photos only where they were drawn at random."""
    asked = select(ReviewSample.reason).where(ReviewSample.tenant_id == tenant, ReviewSample.sha256 == sha256)
    return session.execute(asked).scalar_one_or_none()


def _for_build(line: dict[str, Any]) -> dict[str, Any]:
    """An authentic photo of a claim shows the damage claimed, as far as anybody knows; where, nobody marked."""
    defect = line["claim_type"]
    return {
        "file": line["file_name"],
        "group": line["group"],
        "licence": _LICENCE,
        "role": "real_defect" if defect else "photo",
        "defect": defect or "",
        "source": "adjudicated",
    }


def _copy(
    files: FileStore, sha256: str, truth: Truth, image: Image | None, out: Path
) -> tuple[str | None, str | None]:
    """The photo's file in the export, or why there is none."""
    if image is None:
        return None, "never_stored"
    if image.erased_at is not None:
        return None, "erased"
    try:
        content = files.get(sha256)
    except MissingFile:
        return None, "lost"
    except DamagedFile:
        return None, "damaged"
    kind = image.media_type.rpartition("/")[2]
    name = f"{truth.value}/{sha256}.{_SUFFIXES.get(kind, kind)}"
    (out / truth.value).mkdir(exist_ok=True)
    (out / name).write_bytes(content)
    return name, None


def _hash(*about: str) -> str:
    """Tells one from another and names nobody."""
    return hashlib.sha256(":".join(about).encode()).hexdigest()[:_GROUP_DIGITS]


def _of_refund(found: tuple[Image, Refund] | None, keep_days: int | None) -> dict[str, Any]:
    """What the photo was sent with. group: photos of one buyer, which must not lie on both sides of a split; names
    nobody. keep_until: when the photo's time is over, none while its refund is open."""
    if found is None:
        names = ("group", "claim_type", "image_source", "width", "height", "keep_until")
        return dict.fromkeys(names)
    image, refund = found
    ends = None
    if keep_days is not None and refund.closed_at is not None:
        ends = rfc3339(refund.closed_at + timedelta(days=keep_days))
    return {
        "group": _hash("group", refund.buyer),
        "keep_until": ends,
        "claim_type": refund.claim_type,
        "image_source": image.source,
        "width": image.width,
        "height": image.height,
    }
