"""`refundlens data`: exit statuses, and nothing but results on standard output."""

import json
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from refundlens.datasets.build import Built
from refundlens.datasets.cli import app

run = CliRunner().invoke
RECIPE = "fractions: {train: 0.5, test: 0.5}\nedits: {train: [classical], test: [classical]}\n"


def test_build_verify_stats_export_in_a_row(
    tmp_path: Path, photo_folder: Callable[[Path, int], Path]
) -> None:
    source, out, recipe = photo_folder(tmp_path / "photos", 4), tmp_path / "out", tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    command = ["build", str(source), str(out), "--recipe", str(recipe), "--workers", "1"]
    built = run(app, command)
    assert built.exit_code == 0
    assert "pictures, version" in built.stdout
    checked = run(app, ["verify", str(out)])
    assert (checked.exit_code, checked.stdout) == (0, "no problem found\n")
    counted = run(app, ["stats", str(out), "--json"])
    assert json.loads(counted.stdout)["photos"] == {"test": 2, "train": 2}
    exported = run(
        app, ["export", str(out), str(tmp_path / "train.tar"), "--split", "train", "--format", "tar"]
    )
    assert exported.exit_code == 0
    assert (tmp_path / "train.tar").is_file()


def test_an_unreadable_photo_makes_status_1_and_the_rest_is_built(
    tmp_path: Path, photo_folder: Callable[[Path, int], Path]
) -> None:
    source, recipe = photo_folder(tmp_path / "photos", 4), tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    (source / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    result = run(
        app, ["build", str(source), str(tmp_path / "out"), "--recipe", str(recipe), "--workers", "1"]
    )
    assert result.exit_code == 1
    assert "broken.jpg" in result.stderr
    assert "broken.jpg" not in result.stdout
    assert (tmp_path / "out" / "metadata.jsonl").is_file()


def test_wrong_usage_is_status_2(tmp_path: Path, photo_folder: Callable[[Path, int], Path]) -> None:
    source, recipe = photo_folder(tmp_path / "photos", 1), tmp_path / "recipe.yaml"
    recipe.write_text("colour: red\n")
    assert run(app, ["build", str(source)]).exit_code == 2
    assert run(app, ["build", str(tmp_path / "nowhere"), str(tmp_path / "out")]).exit_code == 2
    faulty = run(app, ["build", str(source), str(tmp_path / "out"), "--recipe", str(recipe)])
    assert faulty.exit_code == 2
    assert "colour" in faulty.stderr


def test_a_choice_that_does_not_exist_is_status_2(built: tuple[Path, Built], tmp_path: Path) -> None:
    result = run(app, ["export", str(built[0]), str(tmp_path / "x"), "--kind", "forged"])
    assert result.exit_code == 2
    assert "ai_edited" in result.stderr


def test_problems_are_status_1(copied: Path, tmp_path: Path) -> None:
    next((copied / "train").glob("*.png")).unlink()
    found = run(app, ["verify", str(copied)])
    assert found.exit_code == 1
    assert "missing" in found.stdout
    assert run(app, ["verify", str(tmp_path / "copy" / "train")]).exit_code == 1
    assert run(app, ["stats", str(tmp_path / "copy" / "train")]).exit_code == 1
    empty = run(app, ["build", str(copied / "train" / "masks"), str(tmp_path / "o"), "--limit", "1"])
    assert empty.exit_code in (0, 1)
