"""The build as a whole: aligned pairs, equal deliveries, determinism, resumption, and leaks that stop it."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets import build as building
from refundlens.datasets import manifest, writer
from refundlens.datasets.build import PARTS, BuildError, Built, Options, build
from refundlens.datasets.editors.base import Edit, EditRequest
from refundlens.datasets.editors.pool import Workshop
from refundlens.datasets.photos import gather
from refundlens.datasets.recipe import Recipe, RecipeError, load
from refundlens.datasets.row import Row, Split
from refundlens.datasets.splits import Member
from refundlens.datasets.task import Context, Task
from refundlens.datasets.variants import families, normalise
from refundlens.datasets.writer import MASTER

pytestmark = pytest.mark.slow

Fill = Callable[[Path, int], Path]
Scene = Callable[..., NDArray[np.uint8]]


class Inverting:
    """An editor whose work is easy to recognise: it inverts the region, or the whole picture."""

    def __init__(self, name: str) -> None:
        self.name, self.mode = name, "either"

    def edit(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        whole = self.mode == "whole"
        changed = np.ones_like(request.region) if whole else (request.region > 0.5).astype(np.float32)
        pixels = np.where(changed[..., None] > 0, 255 - request.painted, request.photo)
        return Edit(pixels, changed, "ai_generated" if whole else "ai_edited", self.name)


def task_of(folder: Path, split: Split) -> Task:
    photo = gather([folder]).photos[0]
    return Task(photo, "someone", split, ())


def files(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_rows_cover_every_split_and_pairs_share_their_deliveries(built: tuple[Path, Built]) -> None:
    rows = built[1].rows
    assert {row.split for row in rows} == {"train", "validation", "calibration", "test"}
    assert {row.delivery["name"] for row in rows if row.split == "train"} == {MASTER}
    for split in ("validation", "test"):
        for source in {row.source for row in rows if row.split == split}:
            chains = {
                label: sorted(json.dumps(r.delivery) for r in rows if r.source == source and r.label == label)
                for label in (0, 1)
            }
            assert set(chains[1]) <= set(chains[0])
    calibration = [row for row in rows if row.split == "calibration" and row.label == 0]
    assert {row.delivery["name"] for row in calibration} == {
        *(f"grid_{side}_q{q}" for side in (120, 200) for q in ("40-60", "70-90")),
        *(f"grid_{side}_not_jpeg" for side in (120, 200)),
    }


def test_masks_tell_where_a_master_differs_from_its_photo(built: tuple[Path, Built]) -> None:
    out, result = built
    photos = {row.source: row for row in result.rows if row.split == "train" and row.label == 0}
    fakes = [row for row in result.rows if row.split == "train" and row.label == 1]
    assert fakes
    for fake in fakes:
        assert fake.mask_file_name is not None
        first = np.asarray(Image.open(out / photos[fake.source].file_name)).astype(int)
        second = np.asarray(Image.open(out / fake.file_name)).astype(int)
        mask = np.asarray(Image.open(out / fake.mask_file_name))
        assert first.shape == second.shape
        assert not (first != second).any(axis=2)[mask == 0].any()


def test_same_dataset_whatever_the_workers_and_the_place(
    built: tuple[Path, Built], tmp_path: Path, small_options: Options
) -> None:
    out, result = built
    again = build([out.parent / "photos"], tmp_path / "b", dataclasses.replace(small_options, workers=2))
    assert again.version == result.version
    assert files(tmp_path / "b") == files(out)


def test_another_seed_gives_another_dataset(
    built: tuple[Path, Built], tmp_path: Path, small_options: Options
) -> None:
    options = dataclasses.replace(small_options, seed=8, limit=4)
    assert build([built[0].parent / "photos"], tmp_path / "b", options).version != built[1].version


def test_a_killed_build_goes_on_where_it_stopped(
    tmp_path: Path, photo_folder: Fill, small_options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = photo_folder(tmp_path / "photos", 6), tmp_path / "out"
    make, done = writer.make, list[str]()

    def killed_at_the_third(task: Task, context: Context, workshop: Workshop) -> list[Row]:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(task.photo.sha256)
        return make(task, context, workshop)

    monkeypatch.setattr(writer, "make", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        build([source], out, small_options)
    first, done = done, []

    def counted(task: Task, context: Context, workshop: Workshop) -> list[Row]:
        done.append(task.photo.sha256)
        return make(task, context, workshop)

    monkeypatch.setattr(writer, "make", counted)
    resumed = build([source], out, small_options)
    assert len(first) == 2
    assert len(done) == 4
    assert not set(first) & set(done)
    assert not (out / PARTS).exists()
    monkeypatch.undo()
    assert build([source], tmp_path / "straight", small_options).version == resumed.version


def test_one_photo_that_fails_does_not_stop_the_rest(
    tmp_path: Path, photo_folder: Fill, scene: Scene, small_options: Options
) -> None:
    source = photo_folder(tmp_path / "photos", 5)
    Image.fromarray(scene(99, 20, 20)).save(source / "tiny.png")
    result = build([source], tmp_path / "out", small_options)
    assert [path.name for path, _ in result.failed] == ["tiny.png"]
    assert len({row.source for row in result.rows}) == 5
    assert manifest.read_info(tmp_path / "out")["failed"] == ["tiny.png"]


def test_near_duplicates_are_kept_together(
    tmp_path: Path, photo_folder: Fill, scene: Scene, small_options: Options
) -> None:
    source = photo_folder(tmp_path / "photos", 5)
    Image.fromarray(scene(2)).save(source / "z_copy.jpg", quality=60)
    rows = build([source], tmp_path / "out", small_options).rows
    groups = {row.group for row in rows}
    assert "photo_002" in groups
    assert "z_copy" not in groups


def test_a_near_duplicate_across_splits_stops_the_build(
    tmp_path: Path, photo_folder: Fill, scene: Scene, small_options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = photo_folder(tmp_path / "photos", 3)
    Image.fromarray(scene(2)).save(source / "z_copy.jpg", quality=60)
    monkeypatch.setattr("refundlens.datasets.phash.merge_groups", lambda groups, pairs: list(groups))

    def careless(members: Sequence[Member], fractions: Mapping[Split, float], seed: int) -> dict[str, Split]:
        return {member.group: "test" if member.group == "z_copy" else "train" for member in members}

    with pytest.raises(BuildError, match="near-duplicate"):
        build([source], tmp_path / "out", small_options, splitter=careless)


def test_a_folder_that_is_no_dataset_is_left_alone(
    tmp_path: Path, photo_folder: Fill, small_options: Options
) -> None:
    source = photo_folder(tmp_path / "photos", 1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(BuildError, match="no dataset"):
        build([source], tmp_path / "out", small_options)
    with pytest.raises(BuildError, match="inside each other"):
        build([source], source / "out", small_options)


def test_held_out_generators_appear_only_in_the_test_split(tmp_path: Path, photo_folder: Fill) -> None:
    source = photo_folder(tmp_path / "photos", 1)
    recipe = Recipe(editors={"seen": 1, "unseen": 1}, held_out=("unseen",), held_out_share=1.0)
    workshop = Workshop({name: (lambda name=name: Inverting(name)) for name in ("seen", "unseen")})
    used: dict[str, set[str]] = {}
    for split in ("train", "validation", "calibration", "test"):
        context = Context(tmp_path / "out", recipe, seed=1)
        rows = writer.make(task_of(source, split), context, workshop)  # type: ignore[arg-type]
        used[split] = {row.generator for row in rows if row.generator}
    assert used["test"] == {"unseen"}
    assert used["train"] == used["validation"] == {"seen"}
    assert used["calibration"] <= {"seen"}


def test_slots_set_the_mode_and_controls_show_no_defect(tmp_path: Path, photo_folder: Fill) -> None:
    source = photo_folder(tmp_path / "photos", 1)
    recipe = Recipe(
        editors={"seen": 1},
        edits={"train": ("whole", "spliced")},
        no_defect={"whole": 0.0, "spliced": 1.0},
    )
    workshop = Workshop({"seen": lambda: Inverting("seen")})
    (pictures,) = families(task_of(source, "train"), Context(tmp_path, recipe, seed=0), workshop)
    photo, whole, spliced = pictures
    assert [picture.kind for picture in pictures] == ["authentic", "ai_generated", "ai_edited"]
    assert whole.defect is not None and whole.region is not None
    assert spliced.defect is None and spliced.region is None
    assert spliced.changed is not None
    outside = spliced.changed == 0
    assert np.array_equal(spliced.pixels[outside], photo.pixels[outside])


def test_large_photos_are_shrunk_and_small_ones_leave_their_grid(scene: Scene) -> None:
    recipe, large_photo, small_photo = Recipe(), scene(0, 1300, 950), scene(0, 400, 300)
    for seed in range(6):
        large = normalise(large_photo, recipe, np.random.default_rng(seed))
        assert 560 <= max(large.shape[:2]) <= 1100
        small = normalise(small_photo, recipe, np.random.default_rng(seed))
        assert 300 <= max(small.shape[:2]) <= 388


def test_recipes_are_read_and_faults_are_named(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text("benign_share: 0.1\ngrid: {long_sides: [500]}\n")
    recipe = load(file)
    assert (recipe.benign_share, recipe.grid.long_sides) == (0.1, (500,))
    for text, fault in (
        ("benign: 1", "benign"),
        ("fractions: {train: 0.3}", "sum to"),
        ("test_always: [fax]", "fax"),
        ("- 1", "mapping"),
        ("a: [", "YAML"),
    ):
        file.write_text(text)
        with pytest.raises(RecipeError, match=fault):
            load(file)


def test_weights_of_a_pattern_are_shared_by_its_names() -> None:
    recipe = Recipe(editors={"ae-a": 3.0, "ae-*": 4.0}, held_out=("ae-d",))
    assert recipe.weights(["ae-a", "ae-b", "ae-c", "ae-d"], held_out=False) == {
        "ae-a": 3.0,
        "ae-b": 2.0,
        "ae-c": 2.0,
    }
    assert recipe.weights(["ae-a", "ae-d"], held_out=True) == {"ae-d": 4.0}


def test_a_worker_killed_for_memory_is_told_and_the_build_goes_on_later(
    tmp_path: Path, photo_folder: Fill, small_options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed:
        def __init__(self, *given: object) -> None: ...

        def __enter__(self) -> "Killed":
            return self

        def __exit__(self, *given: object) -> None: ...

        def submit(self, *given: object) -> Future[str | None]:
            future: Future[str | None] = Future()
            future.set_exception(BrokenProcessPool("killed"))
            return future

    source, out = photo_folder(tmp_path / "photos", 10), tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(building, "ProcessPoolExecutor", Killed)
        with pytest.raises(BuildError, match="fewer --workers"):
            build([source], out, dataclasses.replace(small_options, workers=2))
    assert build([source], out, small_options).failed == []


def test_what_a_manifest_says_anew_is_not_taken_from_an_unfinished_build(
    tmp_path: Path, photo_folder: Fill, small_options: Options
) -> None:
    photos = gather([photo_folder(tmp_path / "photos", 3)]).photos
    context = Context(tmp_path, small_options.recipe, 0)
    digests = {
        building._digest(
            [Task(dataclasses.replace(photo, content=content), "g", "train", ()) for photo in photos],
            context,
            small_options,
        )
        for content in ("shirt", "shoe")
    }
    assert len(digests) == 2
