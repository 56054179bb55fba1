"""The notebooks run from top to bottom: every code cell, in order, as one script in an empty folder."""

import json
import os
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


def test_one_photo_gets_a_verdict(tmp_path: Path) -> None:
    try:
        bundled_path()
    except BundleError as error:
        pytest.skip(str(error))
    told = run("01_detect_one_image.ipynb", tmp_path)
    assert "probable that the pixels were generated or edited" in told
    assert '"verdict"' in told


def test_one_turn_of_the_loop_catches_what_is_bad(tmp_path: Path) -> None:
    told = run("03_one_turn_of_the_loop.ipynb", tmp_path)
    assert "no problem found" in told and "corrupt_image: 1 photo(s)" in told
    assert "empty_class: 0 authentic photos" in told and "160 pictures: -0." in told
    assert (tmp_path / "var" / "notebook" / "loop" / "gate.png").is_file()


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_python_without_stored_output(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            compile("".join(cell["source"]), path.name, "exec")
            assert cell["outputs"] == [] and cell["execution_count"] is None


@pytest.mark.skipif("REFUNDLENS_SLOW_TESTS" not in os.environ, reason="minutes; set REFUNDLENS_SLOW_TESTS=1")
def test_the_whole_loop_runs_on_drawn_photos(tmp_path: Path) -> None:
    told = run("02_train_and_calibrate.ipynb", tmp_path)
    assert "ROC AUC, all pictures" in told
    assert '"false_accusation_bound"' in told
    assert (tmp_path / "var" / "notebook" / "mine.onnx").is_file()
