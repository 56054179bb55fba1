"""The notebooks run from top to bottom: every code cell, in order, as one script in an empty folder."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from refundlens.model.bundle import BundleError, bundled_path

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def run(name: str, folder: Path) -> str:
    """What the notebook prints; fails with its error."""
    cells = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    (folder / "notebook.py").write_text(code, encoding="utf-8")
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "notebook.py"],
        cwd=folder,
        env=one_thread,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture
def bundled() -> None:
    """Skips where no model is shipped."""
    try:
        bundled_path()
    except BundleError as error:
        pytest.skip(str(error))


def test_one_photo_gets_a_verdict(tmp_path: Path, bundled: None) -> None:
    told = run("01_detect_one_image.ipynb", tmp_path)
    assert "probable that the pixels were generated or edited" in told
    assert '"verdict"' in told and (tmp_path / "verdict.png").is_file()


def test_a_dataset_is_built_and_a_network_trained_on_it(tmp_path: Path) -> None:
    """Both in one folder: the second goes on with the first one's dataset."""
    told = run("02_the_dataset.ipynb", tmp_path)
    work = tmp_path / "var" / "notebook"
    assert "photos in more than one split: 0" in told and "no problem found" in told
    inside, outside = map(float, re.findall(r"inside the mask ([\d.]+), outside ([\d.]+)", told)[0])
    assert inside > 1 > outside, "a local edit changes what its mask says"
    assert all((work / f"{name}.png").is_file() for name in ("splits", "twins", "delivery"))
    told = run("03_train_and_calibrate.ipynb", tmp_path)
    assert "ROC AUC, all pictures" in told and "threshold" in told
    assert '"false_accusation_bound"' in told
    assert all((work / name).is_file() for name in ("mine.onnx", "loss.png", "bound.png"))


def test_where_it_fails_is_shown(tmp_path: Path, bundled: None) -> None:
    told = run("04_where_it_fails.ipynb", tmp_path)
    assert "of them `fake` is never said" in told and told.count("covered: ") == 8
    plots = tmp_path / "var" / "notebook" / "fails"
    assert all((plots / f"{name}.png").is_file() for name in ("conditions", "washing"))
    assert "no table of reliability" in told or (plots / "reliability.png").is_file()


def test_one_turn_of_the_loop_catches_what_is_bad(tmp_path: Path) -> None:
    told = run("05_one_turn_of_the_loop.ipynb", tmp_path)
    assert "no problem found" in told and "corrupt_image: 1 photo(s)" in told
    assert "empty_class: 0 authentic photos" in told and "160 pictures: -0." in told
    assert (tmp_path / "var" / "notebook" / "loop" / "gate.png").is_file()


def test_throughput_is_measured_by_size_and_batch(tmp_path: Path, bundled: None) -> None:
    told = run("06_throughput.ipynb", tmp_path)
    assert told.count(" tiles; ms: ") == 5 and "8: " in told and "photos a second and core" in told
    plots = tmp_path / "var" / "notebook" / "throughput"
    assert all((plots / f"{name}.png").is_file() for name in ("sizes", "batches"))


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_python_without_stored_output(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            compile("".join(cell["source"]), path.name, "exec")
            assert cell["outputs"] == [] and cell["execution_count"] is None
