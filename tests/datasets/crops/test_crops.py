"""From a collected folder to crops: pairs share everything but the edit, shards resume, nothing held back is used."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from refundlens.datasets.collect import collect, read_list
from refundlens.datasets.collection import read_index
from refundlens.datasets.crops import store
from refundlens.datasets.crops.build import CropOptions, build_crops, editor_shares, with_share
from refundlens.datasets.crops.chains import draw_scale, draw_steps
from refundlens.datasets.crops.masters import Masters, prepare
from refundlens.datasets.crops.redrawn import SIDE
from refundlens.datasets.crops.twins import SHARES, Twin, TwinSource, derived_mask, soft_region
from refundlens.datasets.crops.writer import Job, crops_of, write_crops
from refundlens.datasets.editors import MIGAN, small_autoencoder
from refundlens.training.editors.autoencoders import SPECS
from tests.datasets.collections import photo, snapshot
from tests.datasets.networks import save_negating_inpainter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collection")
    source = snapshot(folder)
    collect(read_list(source.list), source.snapshots, folder / "out", source.masks)
    entries = read_index(folder / "out")
    assert not prepare({e.file: folder / "out" / e.file for e in entries}, folder / "masters", workers=1)
    return folder


def _source(collection: Path, **more: object) -> TwinSource:
    folder = collection / "out"
    return TwinSource(folder, read_index(folder), Masters(collection / "masters"), **more)  # type: ignore[arg-type]


def test_every_kind_of_pair_has_twins_of_one_size_and_a_map(collection: Path) -> None:
    source = _source(collection)
    rng = np.random.default_rng(3)
    tags = set()
    for _ in range(60):
        twin = source.draw(rng)
        tags.add(twin.tag.split(":")[0])
        assert twin.authentic.shape == twin.manipulated.shape == (*twin.changed.shape, 3)
        assert twin.changed.min() >= 0 and twin.changed.max() <= 1 and twin.changed.any()
    assert {"paired", "whole", "transplant", "reversed", "classical"} <= tags


def test_aligned_twins_differ_only_where_the_map_says(collection: Path) -> None:
    source = _source(collection)
    rng = np.random.default_rng(5)
    for _ in range(40):
        twin = source.draw(rng)
        if twin.tag.split(":")[0] in ("transplant", "classical", "painted"):
            same = (twin.authentic == twin.manipulated).all(axis=2)
            assert same[twin.changed == 0].all(), twin.tag


def test_a_family_that_is_left_out_is_never_drawn(collection: Path) -> None:
    source = _source(collection, without=("openai",))
    rng = np.random.default_rng(1)
    assert not any("gpt-image" in source.draw(rng).tag for _ in range(60))


def test_unseen_generators_watch_and_never_train(collection: Path) -> None:
    rng = np.random.default_rng(2)
    source = _source(collection)
    trained = {source.draw(rng).tag for _ in range(60)}
    watch = _source(collection, role="watch")
    watching = {watch.draw(rng).tag for _ in range(60)}
    assert not any(name in tag for tag in trained for name in ("DALL-E 2", ":MAT"))
    assert "control" in watching  # two photos, neither edited
    assert {tag.split(":")[1] for tag in watching - {"control"}} <= {"DALL-E 2", "MAT"}


def test_crops_lie_on_the_grid_of_the_last_compression(collection: Path) -> None:
    ramp = np.tile(np.arange(448, dtype=np.uint8)[None, :, None], (448, 1, 3))
    changed = np.zeros((448, 448), np.float32)
    changed[200:260, 200:260] = 1
    twin = Twin(ramp, ramp, changed, True, True, 1.0, "test", "x")
    for seed in range(6):
        for pair in crops_of(np.random.default_rng(seed), twin, []):
            assert pair.crops.shape == (2, store.SIDE, store.SIDE, 3) and pair.crops.dtype == np.uint8
            assert (pair.crops[0] == pair.crops[1]).all()  # delivered alike: the same pixels stay the same
            assert pair.maps.shape == (2, store.SIDE // 8, store.SIDE // 8) and pair.maps[0].any()


@pytest.mark.parametrize("photos", [{"some/inpainter"}, set()])
def test_an_input_that_may_be_generated_itself_is_no_authentic_twin(
    collection: Path, monkeypatch: pytest.MonkeyPatch, photos: set[str]
) -> None:
    monkeypatch.setattr("refundlens.datasets.collection.PHOTO_INPUTS", frozenset(photos))
    folder = collection / "out"
    entries = [replace(entry, mask="") for entry in read_index(folder)]
    source = TwinSource(folder, entries, Masters(collection / "masters"))
    assert bool(source.paired) == bool(photos)


def test_a_stopped_run_goes_on_with_the_missing_shard_alone(collection: Path, tmp_path: Path) -> None:
    job = Job(collection / "out", collection / "masters", tmp_path, seed=1, pairs=6)
    assert list(write_crops(job, 2)) == [0, 1]
    kept = (tmp_path / "0001-crops.npy").read_bytes()
    (tmp_path / "0000.json").unlink()  # as if killed before the records were written
    assert list(write_crops(job, 2)) == [0]
    assert (tmp_path / "0001-crops.npy").read_bytes() == kept
    shards = store.open_shards(tmp_path)
    assert [len(shard.records) for shard in shards] == [6, 6] and shards[0].crops.shape[0] == 6


def test_a_seed_gives_the_same_crops(collection: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        job = Job(collection / "out", collection / "masters", tmp_path / name, seed=9, pairs=5)
        list(write_crops(job, 1))
    one, other = (store.open_shards(tmp_path / name)[0] for name in ("a", "b"))
    assert (
        (one.crops == other.crops).all() and (one.maps == other.maps).all() and one.records == other.records
    )


@pytest.mark.slow
def test_the_build_leaves_papers_for_the_card(
    collection: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("refundlens.datasets.crops.build.WATCHED", 4)
    monkeypatch.setattr("refundlens.datasets.crops.build.Job.pairs", 4, raising=False)
    lines = list(build_crops(collection / "out", tmp_path, CropOptions(shards=1, redrawn=0)))
    assert "masters" in lines[0]
    facts = json.loads((tmp_path / "dataset.json").read_text())
    assert "DALL-E 2" in facts["unseen"] and "DALL-E 2" not in facts["generators"]
    assert "some/gallery" in (tmp_path / "SOURCES.csv").read_text()
    assert store.has_shard(tmp_path / "watch", 0)


def test_small_autoencoders_redraw_windows_of_photos(collection: Path, tmp_path: Path) -> None:
    networks = tmp_path / "networks"
    networks.mkdir()
    for spec in SPECS[:2]:
        small_autoencoder.save(small_autoencoder.SmallAutoencoder(spec), networks / f"{spec.name}.pt")
    options = CropOptions(shards=1, redrawn=4, redrawn_share=0.9)
    build = build_crops(collection / "out", tmp_path / "crops", options, autoencoders=networks)
    stages = [next(build), next(build)]
    assert stages[1] == "4 windows redrawn"
    editors = {str(np.load(path)["editor"]) for path in (tmp_path / "crops" / "redrawn").iterdir()}
    assert editors <= {f"ae-{spec.name}" for spec in SPECS[:2]} and editors


def test_an_inpainter_redraws_holes_and_leaves_the_rest(collection: Path, tmp_path: Path) -> None:
    (tmp_path / "networks").mkdir()
    save_negating_inpainter(tmp_path / "networks" / MIGAN)
    options = CropOptions(shards=1, redrawn=6, redrawn_share=0.9)
    networks = tmp_path / "networks"
    list(build_crops(collection / "out", tmp_path / "crops", options, generators=networks))
    assert json.loads((tmp_path / "crops" / "dataset.json").read_text())["redrawn"] == ["migan"]
    holes = []
    for path in (tmp_path / "crops" / "redrawn").iterdir():
        with np.load(path) as stored:
            assert stored["editor"] == "migan"
            changed, drawn, photo = stored["changed"], stored["drawn"], stored["photo"]
        assert changed.shape == photo.shape[:2] and 0.003 < (changed > 127).mean() < 0.6
        beside = (
            cv2.dilate(changed, np.ones((5, 5))) == 0
        )  # what was shrunk after it was drawn has a wider border
        assert (drawn == photo).all(axis=2)[beside].all() and max(photo.shape) <= SIDE
        assert np.abs(drawn[changed == 255].astype(int) - photo[changed == 255]).mean() > 10
        holes.append(changed)
    source = _source(collection, redrawn=tmp_path / "crops" / "redrawn", shares={"redrawn": 1.0})
    rng = np.random.default_rng(0)
    for _ in range(8):
        twin = source.draw(rng)
        assert twin.tag == "redrawn:migan"
        assert any(np.array_equal(np.rint(twin.changed * 255), hole) for hole in holes)


def test_published_networks_and_our_own_redraw_alike_often() -> None:
    shares = editor_shares(["ae-one", "ae-two", "classical", "srgan-x2", "taef2"])
    assert sum(shares.values()) == pytest.approx(1) and "classical" not in shares
    assert shares["ae-one"] == shares["ae-two"] == pytest.approx(0.25)
    assert shares["taef2"] > shares["srgan-x2"] > 0
    assert editor_shares(["ae-one", "classical"]) == {"ae-one": 1}


def test_another_share_of_one_kind_leaves_the_others_their_proportions() -> None:
    shares = with_share("redrawn", 0.5)
    assert shares["redrawn"] == 0.5 and sum(shares.values()) == pytest.approx(1)
    assert shares["paired"] / shares["forgery"] == pytest.approx(SHARES["paired"] / SHARES["forgery"])
    with pytest.raises(ValueError, match="give one from 0"):
        with_share("redrawn", 1.0)


def test_a_local_edit_is_found_by_its_difference_and_a_redrawn_picture_is_not() -> None:
    base = photo(1)
    edited = base.copy()
    edited[100:160, 100:160] = 255 - edited[100:160, 100:160]
    mask = derived_mask(edited, base)
    assert mask is not None and mask[110:150, 110:150].mean() > 0.95 and mask[:60].mean() == 0
    assert derived_mask(photo(2), base) is None


@pytest.mark.parametrize("seed", range(20))
def test_scales_keep_a_crop_and_deliveries_stay_within_chat_apps(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale = draw_scale(rng, 1800, 900, 208)
    assert scale >= 208 / 900 and 400 <= 1800 * scale <= 1600.5
    steps = draw_steps(rng, 448, [], resized=True)
    assert steps[0]["step"] == "resize" and steps[-1]["step"] in ("jpeg", "webp", "png")


def test_regions_are_never_empty() -> None:
    rng = np.random.default_rng(0)
    assert all((soft_region(rng, 200, 240) > 0.5).any() for _ in range(50))
