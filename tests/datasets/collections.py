"""A small collection of pictures in a git repository of our own making: what `data collect` and `data crops` read."""

import csv
import hashlib
import io
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

COLUMNS = (
    "file", "split", "class", "kind", "pair", "mask", "generator", "domain", "role", "defect", "repo", "path",
    "git_blob", "op", "sha256", "licence", "group", "width", "height", "format", "jpeg_quality", "note",
)  # fmt: skip
TRAINED, WATCHING = "lameski/rgbweeddetection", "josefadamcik/SofleKeyboard"
"""Repositories whose split is fixed by name (`datasets.splits.PLACED`)."""


@dataclass
class Source:
    snapshots: Path
    list: Path
    masks: Path
    files: dict[str, bytes] = field(default_factory=dict)


def photo(seed: int, height: int = 300, width: int = 340) -> np.ndarray:
    """A picture with texture at every scale, so that painters and matching find something."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(
            rng.random((max(2, height // step), max(2, width // step), 3)).astype(np.float32), (width, height)
        )
        for step in (1, 4, 16, 64)
    ]
    return np.clip(sum(layers) / len(layers) * 255, 0, 255).astype(np.uint8)


def snapshot(folder: Path) -> Source:
    """Repositories as `fetch` leaves them: git directories without a work tree, one a repository."""
    source = Source(folder / "snapshots", folder / "pictures.csv", folder / "masks")
    source.masks.mkdir(parents=True)
    rows: list[dict[str, str]] = []

    def add(repo: str, label: str, pixels: np.ndarray, split: str = "train", **more: str) -> str:
        data = io.BytesIO()
        form = more.pop("format", "PNG")
        Image.fromarray(pixels).save(data, form, **({"quality": 88} if form == "JPEG" else {}))
        name = f"{repo.replace('/', '+')}__{len(rows):03d}.{'jpg' if form == 'JPEG' else 'png'}"
        source.files[name] = data.getvalue()
        rows.append(
            dict.fromkeys(COLUMNS, "")
            | {
                "file": name, "split": split, "class": label, "repo": repo, "path": name, "licence": "CC0",
                "sha256": hashlib.sha256(data.getvalue()).hexdigest(), "group": f"{repo}:{len(rows) % 3}",
            }
            | more
        )  # fmt: skip
        return name

    for repo in (TRAINED, WATCHING):
        for index in range(4):
            kind = ("real_product", "real_gallery", "real_scene", "real_defect")[index]
            add(repo, "authentic", photo(index + (40 if repo == WATCHING else 0)), kind=kind, format="JPEG")
    for index in range(3):
        for generator in ("gpt-image-2", "Gemini 3 Pro Image", "DALL-E 2"):
            made = cv2.GaussianBlur(photo(100 + index), (0, 0), 1.2)
            add("some/gallery", "ai_generated", made, kind="generated", generator=generator)
    for index, generator in enumerate(("LaMa (big-lama)", "SD2 inpainting", "MAT")):
        base = photo(200 + index)
        given = add("some/inpainter", "input", base, kind="input")
        edited = base.copy()
        edited[90:190, 100:220] = cv2.GaussianBlur(base, (0, 0), 4)[90:190, 100:220]
        mask = np.zeros(base.shape[:2], np.uint8)
        mask[90:190, 100:220] = 255
        Image.fromarray(mask).save(source.masks / f"mask{index}.png")
        add(
            "some/inpainter", "ai_edited", edited, kind="edited_local", generator=generator, pair=given,
            mask=f"mask{index}.png",
        )  # fmt: skip
    add(
        "some/gallery",
        "ai_generated",
        photo(300),
        split="validation",
        kind="generated",
        generator="Qwen-Image",
    )
    _commit(source, rows)
    figure = photo(400, 300, 600)
    tile = figure[:, 300:600]
    data = io.BytesIO()
    Image.fromarray(figure).save(data, "PNG")
    rows.append(
        dict.fromkeys(COLUMNS, "")
        | {
            "file": "tile.png", "split": "train", "class": "ai_generated", "kind": "generated",
            "generator": "gpt-image-2",
            "repo": "some/figures", "git_blob": _store(source.snapshots / "some+figures" / "repo", data.getvalue()),
            "op": "crop 300 0 600 300", "sha256": "rgb:" + hashlib.sha256(tile.tobytes()).hexdigest(), "group": "f",
        }
    )  # fmt: skip
    with source.list.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return source


def _commit(source: Source, rows: list[dict[str, str]]) -> None:
    for row in rows:
        directory = source.snapshots / row["repo"].replace("/", "+") / "repo"
        row["git_blob"] = _store(directory, source.files[row["file"]])


def _store(directory: Path, data: bytes) -> str:
    """A blob in a bare repository -> its name."""
    if not directory.is_dir():
        subprocess.run(["git", "init", "--quiet", "--bare", str(directory)], check=True)
    made = subprocess.run(
        ["git", "--git-dir", str(directory), "hash-object", "-w", "--stdin"],
        input=data,
        capture_output=True,
        check=True,
    )
    return made.stdout.decode().strip()
