"""From exported labels to the next snapshot of a store.

In: folders of `refundlens labels export` (or an engineer's own, of the same form: `manifest.jsonl`, `export.json`,
files). Out: a new snapshot, and what left since the one before: erased photos are taken out of the store's images for
good, and the card names the models that saw them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from refundlens.datasets.phash import merge_groups, near_pairs, phash
from refundlens.datasets.photos import UnreadablePhotoError, read
from refundlens.datasets.snapshot.card import snapshot_card
from refundlens.datasets.snapshot.judged import SOURCES, TRUTHS, JudgedPhoto, confidence_of, part_of
from refundlens.datasets.snapshot.store import (
    SnapshotError,
    keep_image,
    open_snapshot,
    snapshots,
    write_snapshot,
)
from refundlens.model.progress import track

LINES, ABOUT = "manifest.jsonl", "export.json"
SAW = "models.jsonl"
"""In the store: which model was trained on which snapshot, a line a model."""
ERASED = ("erased", "lost")
"""Why an exported photo has no file, where the reason is that nobody may or can look at it again."""


@dataclass
class Made:
    """folder: of the snapshot. left: photos of earlier snapshots that are gone, by hash, with why and who saw them.
    skipped: photos left out, by why. unreadable: photos whose file is no picture any more."""

    folder: Path
    samples: int = 0
    left: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    unreadable: dict[str, str] = field(default_factory=dict)


def make_snapshot(
    feedback: Sequence[Path], store: Path, now: datetime | None = None, generator: str = ""
) -> Made:
    """Write the next snapshot. generator: who made the manipulated photos of which nobody said it.

    Raises SnapshotError where a folder is no export, a tenant did not agree, or nothing is left to learn from.
    """
    now = now or datetime.now(UTC)
    made = Made(store)
    lines = [line for folder in feedback for line in _lines(folder)]
    erased = {line["sha256"]: str(line["missing"]) for line in lines if line["missing"] in ERASED}
    store.mkdir(parents=True, exist_ok=True)
    earlier = snapshots(store)
    samples = []
    for line in track(lines, len(lines), "snapshot"):
        sample = _sample(line, store, now, generator, made)
        if sample is not None and sample.sha256 not in erased:
            samples.append(sample)
    pinned = {line["sha256"] for line in lines if line.get("part")}
    samples = _grouped(list({sample.sha256: sample for sample in samples}.values()), pinned)
    present = {sample.sha256 for sample in samples}
    known = {sample.sha256: sample for one in earlier for sample in one.samples}
    saw = _seen_by(store)
    for sha256 in sorted(set(known) - present):
        why = erased.get(sha256, "no longer labelled or past its time")
        versions = [one.version for one in earlier if any(s.sha256 == sha256 for s in one.samples)]
        models = sorted({model for version in versions for model in saw.get(version, ())})
        made.left[sha256] = {"why": why, "snapshots": [one[:12] for one in versions], "models": models}
        (store / known[sha256].file).unlink(missing_ok=True)
    if not samples:
        raise SnapshotError(
            "no labelled photo is left to learn from; see what `refundlens labels export` wrote"
        )
    facts = {
        "number": len(earlier) + 1, "parent": earlier[-1].version if earlier else None,
        "made_at": now.isoformat(timespec="seconds"), "skipped": dict(made.skipped),
        "unreadable": made.unreadable, "left": made.left,
    }  # fmt: skip
    card = snapshot_card(samples, facts)
    made.folder = write_snapshot(store, samples, facts, card, f"{now:%Y-%m-%d}")
    made.samples = len(samples)
    return made


def note_model(store: Path, model: str, sha256: str, versions: Sequence[str]) -> None:
    """Write down which model saw which snapshots, for the cards of later ones."""
    line = json.dumps({"model": model, "sha256": sha256, "snapshots": list(versions)})
    path = store / SAW
    known = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if line not in known:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def chain(folder: Path) -> list[str]:
    """The hashes of a snapshot and of all before it: what a model that goes on from its parents' has seen."""
    snapshot = open_snapshot(folder)
    by_hash = {one.version: one for one in snapshots(snapshot.store)}
    found: list[str] = []
    version: str | None = snapshot.version
    while version:
        found.append(version)
        version = by_hash[version].facts["parent"] if version in by_hash else None
    return found


def _seen_by(store: Path) -> dict[str, list[str]]:
    path = store / SAW
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        one = json.loads(line)
        for version in one["snapshots"]:
            found.setdefault(version, []).append(one["model"])
    return found


def _lines(folder: Path) -> list[dict[str, Any]]:
    """The export's lines, each with its folder. Raises SnapshotError."""
    if not (folder / LINES).is_file() or not (folder / ABOUT).is_file():
        raise SnapshotError(
            f"{folder} is no export of labels: make it with `refundlens labels export {folder}`"
        )
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    if not about.get("training"):
        raise SnapshotError(
            f"{folder}: its tenant did not agree that photos train a model; "
            "`refundlens tenants set TENANT --training` says that it does"
        )
    lines = [json.loads(line) for line in (folder / LINES).read_text(encoding="utf-8").splitlines() if line]
    return [{**line, "folder": folder} for line in lines]


def _sample(
    line: dict[str, Any], store: Path, now: datetime, generator: str, made: Made
) -> JudgedPhoto | None:
    """The line as a sample whose bytes are in the store; none, and counted, where it cannot be one."""
    source, truth, sha256 = line["source"], line["truth"], line["sha256"]
    if source not in SOURCES or truth not in TRUTHS:
        made.skipped["not a person's word"] += 1
        return None
    if line["file_name"] is None:
        made.skipped[line["missing"] or "without a file"] += 1
        return None
    keep_until = line.get("keep_until") or ""
    if keep_until and datetime.fromisoformat(keep_until) <= now:
        made.skipped["past its time"] += 1
        return None
    path: Path = line["folder"] / line["file_name"]
    try:
        pixels = read(path)
        content = path.read_bytes()
    except (UnreadablePhotoError, OSError) as error:
        made.unreadable[sha256] = str(error)
        return None
    said = line.get("said", [])
    believed = [one for one in said if (one["truth"] == "authentic") == (truth == "authentic")]
    opposed = [one for one in said if one not in believed]
    believed.sort(key=lambda one: -float(one["weight"]))
    manipulated = truth != "authentic"
    code = phash(pixels)
    group = line["group"] or f"scene-{hashlib.sha256(code.encode()).hexdigest()[:16]}"
    return JudgedPhoto(
        sha256=sha256, file=keep_image(store, sha256, path.suffix, content),
        part=line.get("part") or part_of(group), truth=truth, label=int(manipulated),
        confidence=confidence_of(source, float(line["weight"]), opposed), source=source,
        said_by=tuple(dict.fromkeys(one["by"] for one in believed)),
        opposed_by=tuple(dict.fromkeys(one["by"] for one in opposed)),
        created_at=line["created_at"], group=group,
        generator=(line.get("generator") or generator) if manipulated else "",
        claim_type=line["claim_type"] or "", image_source=line["image_source"] or "", phash=code,
        width=pixels.shape[1], height=pixels.shape[0], keep_until=keep_until,
        model_version=line["model_version"] or "", model_probability=line["model_probability"],
    )  # fmt: skip


def _grouped(samples: list[JudgedPhoto], pinned: set[str]) -> list[JudgedPhoto]:
    """Senders of near-alike photos are one group; a part that the export itself named stays, and is checked."""
    groups = merge_groups([one.group for one in samples], near_pairs([one.phash for one in samples]))
    return [
        replace(one, group=group, part=one.part if one.sha256 in pinned else part_of(group))
        for one, group in zip(samples, groups, strict=True)
    ]
