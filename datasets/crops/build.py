"""From a collected folder to crops that training reads: masters, redrawn windows, shards, and pairs to watch by.

In: a collected folder, and optionally a pack of photos with a manifest and a folder of networks. Out: one folder with
`masters/`, `redrawn/`, the shards, `watch/`, and the papers that a model's card quotes. Each stage goes on where it was
stopped.
"""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from refundlens.datasets import manifest, photos
from refundlens.datasets.collection import Entry, read_index
from refundlens.datasets.crops.masters import Masters, prepare
from refundlens.datasets.crops.redrawn import redraw
from refundlens.datasets.crops.twins import SHARES
from refundlens.datasets.crops.writer import Job, write_crops
from refundlens.datasets.degradations.quantisation import TABLES
from refundlens.datasets.editors import OWN
from refundlens.datasets.editors.pool import Workshop
from refundlens.model.progress import track

PACK_ROLES = ("real_product", "camera_original")
"""Roles of a pack's photos that training may see; the rest is kept for calibration."""
EDITORS = {
    "taef2": 0.55, "migan": 0.25, "srgan-x2": 0.05, "srgan-x4": 0.02, "esrgan-medium-x4": 0.04,
    "realesr-animevideov3-x2": 0.03, "realesr-animevideov3-x4": 0.01, "waifu2x-photo-x2": 0.05,
}  # fmt: skip
"""How often each network redraws a window: latent autoencoders and inpainters before upscalers, whose traces are found
already."""
OWN_SHARE = 0.5
"""Share of windows that small autoencoders of our own redraw, where there are any: every one brings a decoder whose
traces no other has."""
GARMENTS_KEPT = 8
"""Of the pack's alike garments every so manieth is redrawn."""
WATCHED = 400
REDRAWN = "redrawn"


@dataclass(frozen=True)
class CropOptions:
    """shards: of 1,000 pairs. redrawn: windows redrawn by networks. redrawn_share: of pairs, the others keep their
    proportions. without: families left out of training's pairs."""

    shards: int = 24
    redrawn: int = 600
    redrawn_share: float = SHARES["redrawn"]
    seed: int = 7
    workers: int = 1
    without: tuple[str, ...] = ()


def build_crops(
    collection: Path,
    out: Path,
    options: CropOptions,
    pack: Path | None = None,
    generators: Path | None = None,
    autoencoders: Path | None = None,
) -> Iterator[str]:
    """Make what is missing; yields a line on each stage done. generators, autoencoders: folders of networks that
    redraw, as `datasets.editors.available` takes them. Raises CollectionError for no collected folder."""
    entries = read_index(collection)
    files = {entry.file: collection / entry.file for entry in entries}
    packed = _packed(pack) if pack else {}
    failed = prepare(files | packed, out / "masters", options.workers)
    masters = Masters(out / "masters")
    yield f"{len(masters.looks)} masters" + (f", {len(failed)} unreadable" if failed else "")
    if options.redrawn and (generators or autoencoders):
        workshop = Workshop.from_folders(generators, autoencoders)
        names = _photos(entries, masters) + list(packed)[::GARMENTS_KEPT]
        shares = editor_shares(workshop.names)
        windows = redraw(masters, names, workshop, shares, out / REDRAWN, options.redrawn, options.seed)
        made = sum(1 for _ in track(windows, options.redrawn, "redraw"))
        yield f"{made} windows redrawn"
    tables = pack / TABLES if pack and (pack / TABLES).is_file() else None
    job = Job(
        collection, out / "masters", out, options.seed, tuple(packed), out / REDRAWN, tables, options.without,
        shares=with_share("redrawn", options.redrawn_share),
    )  # fmt: skip
    made = sum(1 for _ in track(write_crops(job, options.shards, options.workers), options.shards, "crops"))
    yield f"{made} shards"
    watch = replace(
        job, out=out / "watch", seed=options.seed + 1, pack=(), redrawn=None, role="watch", pairs=WATCHED
    )
    yield f"{sum(1 for _ in write_crops(watch, 1))} shard to watch by"
    write_papers(entries, out, options)


def editor_shares(names: Collection[str]) -> dict[str, float]:
    """How often each of these editors redraws a window: those of `EDITORS`, and every small autoencoder alike."""
    own = [name for name in names if name.startswith(OWN)]
    known = {name: share for name, share in EDITORS.items() if name in names}
    part = OWN_SHARE if own and known else float(bool(own))
    whole = sum(known.values())
    return {name: (1 - part) * share / whole for name, share in known.items()} | {
        name: part / len(own) for name in own
    }


def with_share(kind: str, share: float) -> dict[str, float]:
    """The shares of pairs with another one for this kind. Raises ValueError outside 0 to 1."""
    if not 0 <= share < 1:
        raise ValueError(f"a share of {share} for {kind} pairs: give one from 0 to below 1")
    rest = sum(SHARES.values()) - SHARES[kind]
    return {name: share if name == kind else old * (1 - share) / rest for name, old in SHARES.items()}


def _packed(pack: Path) -> dict[str, Path]:
    """Masters' names and files of a pack's photos that training may see."""
    with (pack / photos.MANIFEST).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].split("/")[0] in PACK_ROLES]
    return {"photos+" + row["file"].replace("/", "+"): pack / row["file"] for row in rows}


def _photos(entries: list[Entry], masters: Masters) -> list[str]:
    return [
        entry.file
        for entry in entries
        if entry.usable_for("train") and entry.label == "authentic" and entry.kind != "forgery_original"
        and not entry.retouched and entry.file in masters
    ]  # fmt: skip


def _editor(window: Path) -> str:
    with np.load(window) as stored:
        return str(stored["editor"])


def write_papers(entries: list[Entry], out: Path, options: CropOptions) -> None:
    """Which repositories training saw, under which licences, and who redrew windows: what the card must name."""
    used = [entry for entry in entries if entry.usable_for("train") and entry.family not in options.without]
    counted = Counter((entry.repository, entry.licence or "none stated", entry.label) for entry in used)
    with (out / manifest.SOURCES).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["origin", "licence", "class", "pictures"])
        writer.writerows([*key, number] for key, number in sorted(counted.items()))
    version = hashlib.sha256("\n".join(sorted(entry.file for entry in used)).encode()).hexdigest()
    facts = {
        "kind": "crops", "version": version, "pictures": len(used), "shards": options.shards, "seed": options.seed,
        "without": list(options.without), "generators": sorted({e.generator for e in used if e.generated}),
        "unseen": sorted({entry.generator for entry in entries if entry.unseen}),
        "redrawn": sorted({_editor(path) for path in (out / REDRAWN).glob("*.npz")}),
    }  # fmt: skip
    (out / manifest.INFO).write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
