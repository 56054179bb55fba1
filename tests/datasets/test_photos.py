"""Which photos are found, what is known of them, and what is left out."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets.photos import UnreadablePhotoError, find, gather, read

Scene = Callable[..., NDArray[np.uint8]]


def save(pixels: NDArray[np.uint8], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def test_group_is_the_folder_or_the_file_of_a_flat_pile(tmp_path: Path, scene: Scene) -> None:
    save(scene(0), tmp_path / "flat.png")
    save(scene(1), tmp_path / "anna" / "a.png")
    save(scene(2), tmp_path / "anna" / "b.png")
    groups = {photo.path.name: photo.group for photo in gather([tmp_path]).photos}
    assert groups == {"flat.png": "flat", "a.png": "anna", "b.png": "anna"}


def test_manifest_of_the_folder_above_is_used_and_textures_are_left_out(tmp_path: Path, scene: Scene) -> None:
    for index, name in enumerate(("a.png", "b.png", "c.png")):
        save(scene(index), tmp_path / "pack" / name)
    with (tmp_path / "MANIFEST.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["file", "role", "content", "defect", "licence", "group"])
        table.writerow(["pack/a.png", "real_defect", "shoe", "tear", "CC0-1.0", "sender1"])
        table.writerow(["pack/b.png", "texture", "", "", "CC0-1.0", "stamps"])
    photos = {photo.path.name: photo for photo in gather([tmp_path / "pack"]).photos}
    assert set(photos) == {"a.png", "c.png"}
    assert (photos["a.png"].group, photos["a.png"].licence) == ("sender1", "CC0-1.0")
    assert photos["a.png"].real_defect == "tear"
    assert (photos["c.png"].licence, photos["c.png"].real_defect) == ("unknown", None)


def test_unreadable_files_are_reported_and_the_rest_goes_on(tmp_path: Path, scene: Scene) -> None:
    good = save(scene(0), tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:300])
    (tmp_path / "text.jpg").write_text("no photo")
    gathered = gather([tmp_path])
    assert [photo.path.name for photo in gathered.photos] == ["good.png"]
    assert sorted(path.name for path, _ in gathered.unreadable) == ["cut.png", "text.jpg"]


def test_same_bytes_count_once(tmp_path: Path, scene: Scene) -> None:
    first = save(scene(0), tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(first.read_bytes())
    gathered = gather([tmp_path, tmp_path / "a.png"])
    assert len(gathered.photos) == 1
    assert len(gathered.duplicates) == 2


def test_exif_orientation_is_applied(tmp_path: Path, scene: Scene) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(scene(0, 100, 140)).save(tmp_path / "turned.jpg", exif=exif)
    photo = gather([tmp_path]).photos[0]
    assert (photo.width, photo.height) == (100, 140)
    assert read(photo.path).shape == (140, 100, 3)


def test_hidden_files_are_not_found_and_a_missing_source_is_an_error(tmp_path: Path, scene: Scene) -> None:
    save(scene(0), tmp_path / ".cache" / "a.png")
    assert find(tmp_path) == []
    with pytest.raises(FileNotFoundError):
        find(tmp_path / "nowhere")
    with pytest.raises(UnreadablePhotoError):
        read(tmp_path / "nowhere.png")
