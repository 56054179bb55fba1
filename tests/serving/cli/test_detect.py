"""`refundlens detect`: the contract's lines, exit statuses, heat maps, bad input, another server as engine."""

import io
import json
import os
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import numpy as np
import piexif
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image
from typer.testing import CliRunner, Result

from refundlens.model.detect import Detector
from refundlens.model.detection import Detection
from refundlens.serving import client as http_client
from refundlens.serving.cli import backends
from refundlens.serving.cli.main import app as cli
from refundlens.serving.detection import views
from refundlens.training.references.views import from_another_side
from tests.model.photo import build
from tests.support.scenes import jpeg, scene

pytestmark = pytest.mark.slow

Photo = Callable[..., bytes]
LINE = [
    "file", "sha256", "width", "height", "verdict", "probability", "kind", "defects", "regions", "conditions",
    "false_accusation_bound", "miss_bound", "miss_bound_of",
    "suspect", "suspect_bound", "stability", "reasons", "details", "model", "timings_ms", "reliability",
]  # fmt: skip


@pytest.fixture
def detect(bundle: Path) -> Callable[..., Result]:
    def run(*arguments: object, **environment: str) -> Result:
        runner = CliRunner(env={"REFUNDLENS_BUNDLE": str(bundle), **environment})
        return runner.invoke(cli, ["detect", *map(str, arguments)])

    return run


def _lines(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def _save(folder: Path, **files: bytes) -> list[Path]:
    paths = []
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        paths.append(path)
    return paths


def test_prints_the_contracts_line(tmp_path: Path, photo: Photo, detect: Callable[..., Result]) -> None:
    [path] = _save(tmp_path, a_jpg=photo(red=True))
    result = detect(path, "--json", "--claim", "hole")
    assert result.exit_code == 0, result.output
    [line] = _lines(result)
    assert list(line) == LINE
    assert line["file"] == str(path) and line["model"]["name"] == "refundlens-tiny"  # type: ignore[index]
    assert line["false_accusation_bound"] == 0.0075
    assert {reason["basis"] for reason in line["reasons"]} <= {"observed", "derived", "inferred", "declared"}  # type: ignore[attr-defined]


def test_folders_are_searched_in_order_and_hidden_files_skipped(
    tmp_path: Path, photo: Photo, detect: Callable[..., Result]
) -> None:
    data = photo(size=(64, 48))
    _save(tmp_path, b_jpg=data, a__z_jpg=data, a__b__c_jpg=data, c_jpg=data)
    (tmp_path / ".hidden.jpg").write_bytes(b"")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x.jpg").write_bytes(b"")
    result = detect(tmp_path / "c.jpg", tmp_path, "--json")
    names = [Path(str(line["file"])).relative_to(tmp_path).as_posix() for line in _lines(result)]
    assert names == ["c.jpg", "a/b/c.jpg", "a/z.jpg", "b.jpg", "c.jpg"]
    assert result.exit_code == 0


def test_the_numbers_do_not_depend_on_the_batch(
    tmp_path: Path, photo: Photo, detect: Callable[..., Result]
) -> None:
    _save(tmp_path, a_jpg=photo(), b_jpg=photo(red=True), c_png=photo("PNG", (500, 300)))
    together = _lines(detect(tmp_path, "--json"))
    for line in together:
        [alone] = _lines(detect(line["file"], "--json"))
        assert alone["probability"] == pytest.approx(line["probability"], abs=1e-4)
        assert alone["regions"] == line["regions"]


def test_heatmaps_have_the_displayed_size_and_names_of_their_own(
    tmp_path: Path, photo: Photo, detect: Callable[..., Result]
) -> None:
    rotated = photo(red=True, exif=piexif.dump({"0th": {piexif.ImageIFD.Orientation: 6}}))
    _save(tmp_path, photos__a_jpg=rotated, photos__a_png=photo("PNG", (50, 40)), photos__x__A_jpg=photo())
    result = detect(tmp_path / "photos", "--json", "--heatmaps", tmp_path / "maps")
    assert result.exit_code == 0
    sizes = {path.name: Image.open(path).size for path in sorted((tmp_path / "maps").glob("*.png"))}
    assert sizes == {"a.png": (240, 320), "a-2.png": (50, 40), "A-3.png": (320, 240)}
    first = _lines(result)[0]
    assert (first["width"], first["height"]) == (240, 320)
    grey = np.asarray(Image.open(tmp_path / "maps" / "a.png"))
    # the red square of (64..192, 40..168), turned a quarter to the right
    assert grey.dtype == np.uint8 and grey[128, 140] > 200 and grey[300, 20] < 30
    beside = {path.name: Image.open(path).size for path in (tmp_path / "maps" / "reliability").iterdir()}
    assert beside == sizes
    worth = np.asarray(Image.open(tmp_path / "maps" / "reliability" / "a.png"))
    assert worth[128, 140] < 30 and worth[300, 20] > 200  # the square is flat, the rest is not


def test_a_trusted_signature_is_proof_and_an_unknown_one_is_not(
    tmp_path: Path, photo: Photo, detect: Callable[..., Result]
) -> None:
    [path] = _save(tmp_path, signed_jpg=build.signed(photo(), "image/jpeg"))
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(build.trust_list())
    [plain] = _lines(detect(path, "--json"))
    [line] = _lines(detect(path, "--json", REFUNDLENS_TRUST_LIST=str(trusted)))
    assert plain["verdict"] == "inconclusive"
    assert line["verdict"] == "fake" and line["probability"] == plain["probability"]
    assert line["false_accusation_bound"] is not None
    codes = [reason["code"] for reason in line["reasons"]]  # type: ignore[attr-defined]
    assert codes[:2] == ["policy.signed_ai", "metadata.c2pa_source"] and len(codes) <= 3
    leaf, damaged = tmp_path / "leaf.pem", tmp_path / "damaged.pem"
    leaf.write_text(build.trust_list() + build.pem(build.leaf()[0]))
    damaged.write_text(build.trust_list().replace("A", "B", 40))
    for wrong, why in (
        (tmp_path / "missing.pem", "missing.pem"), (path, "no PEM"), (leaf, "Example AI Inc is a signer's own"),
        (damaged, "damaged"),
    ):  # fmt: skip
        result = detect(path, "--json", REFUNDLENS_TRUST_LIST=str(wrong))
        assert result.exit_code != 0 and "REFUNDLENS_TRUST_LIST" in str(result.exception)
        assert why in str(result.exception)


def test_standard_input_and_pipes(tmp_path: Path, photo: Photo, bundle: Path) -> None:
    runner = CliRunner(env={"REFUNDLENS_BUNDLE": str(bundle)})
    [line] = _lines(runner.invoke(cli, ["detect", "-", "--json"], input=photo(red=True)))
    assert (line["file"], line["verdict"]) == ("-", "fake")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(photo(red=True),))
    writer.start()
    [same] = _lines(runner.invoke(cli, ["detect", str(pipe), "--json"]))
    writer.join()
    assert same["sha256"] == line["sha256"]
    [large] = _lines(runner.invoke(cli, ["detect", "-", "--json"], input=bytes((32 << 20) + 1)))
    assert large["error"]["code"] == "too_many_bytes"  # type: ignore[index]


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and carries next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _saved(picture: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)  # type: ignore[arg-type]
    return file.getvalue()


def test_bad_input_gives_a_clear_error_and_the_rest_is_judged(
    tmp_path: Path, photo: Photo, detect: Callable[..., Result]
) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    grey = Image.open(io.BytesIO(photo()))
    frames = [grey.resize((80, 60)), grey.resize((80, 60)).rotate(90)]
    sixteen = Image.fromarray((np.arange(100 * 120).reshape(100, 120) * 5).astype(np.uint16))
    files: dict[str, tuple[bytes, str | None]] = {
        "animated.gif": (_saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), None),
        "animated.webp": (_saved(frames[0], "WEBP", save_all=True, append_images=frames[1:]), None),
        "bomb.png": (_png_header(30_000, 30_000), "too_many_pixels"),
        "cmyk.jpg": (_saved(grey.convert("CMYK"), "JPEG"), None),
        "document.jpg": (b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n", "unsupported_format"),
        "empty.jpg": (b"", "empty_file"),
        "good.jpg": (photo(), None),
        "phone.heic": (_saved(grey, "HEIF"), None),
        "sixteen.png": (_saved(sixteen, "PNG"), None),
        "truncated.jpg": (photo()[: len(photo()) // 2], "truncated_image"),
    }
    for name, (data, _) in files.items():
        (tmp_path / name).write_bytes(data)
    result = detect(tmp_path, tmp_path / "missing.jpg", "--json")
    assert result.exit_code == 1, result.output
    lines = {Path(str(line["file"])).name: line for line in _lines(result)}
    assert list(lines) == [*sorted(files), "missing.jpg"]
    expected = {name: code for name, (_, code) in files.items()} | {"missing.jpg": "not_found"}
    for name, code in expected.items():
        error: dict[str, str] = lines[name].get("error", {})  # type: ignore[assignment]
        assert error.get("code") == code, (name, lines[name])
        assert code is None or (set(lines[name]) == {"file", "error"} and len(error["message"]) > 10)
    assert lines["animated.gif"]["width"] == 80 and lines["sixteen.png"]["width"] == 120
    assert lines["phone.heic"]["width"] == 320


def test_the_table_is_for_people(tmp_path: Path, photo: Photo, detect: Callable[..., Result]) -> None:
    _save(tmp_path, a_jpg=photo(red=True), b_jpg=b"")
    result = detect(tmp_path, COLUMNS="200")
    assert result.exit_code == 1
    assert "a.jpg" in result.stdout and "%" in result.stdout and "not judged" in result.stdout


@pytest.mark.parametrize(
    "arguments", [[], ["a.jpg", "--claim", "scratch"], ["a.jpg", "--engine", "gpu"], ["a.jpg", "--nonsense"]]
)
def test_usage_errors_exit_with_two(arguments: list[str], detect: Callable[..., Result]) -> None:
    result = detect(*arguments)
    assert result.exit_code == 2 and result.stdout == ""


def test_a_reference_is_never_ignored(tmp_path: Path, photo: Photo, detect: Callable[..., Result]) -> None:
    same, other = _save(tmp_path, same_jpg=photo(quality=70), other_jpg=photo(size=(99, 300)))
    [path] = _save(tmp_path, claim_jpg=photo())
    [line] = _lines(detect(path, "--json", "--reference", same, "--reference", other, "--reference", path))
    codes = [(reason["code"], reason["basis"]) for reason in line["reasons"][:3]]  # type: ignore[index]
    # noise around one grey has no structure to recognise, so only the same bytes count as the same picture
    assert codes == [
        ("reference.not_comparable", "derived"),
        ("reference.not_comparable", "derived"),
        ("reference.same_picture", "observed"),
    ]
    broken = detect(path, "--json", "--reference", tmp_path / "missing.jpg")
    assert broken.exit_code == 2 and broken.stdout == ""


@pytest.fixture
def server(app: FastAPI) -> Iterator[str]:
    """The service on a real port."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def test_another_server_gives_the_same_lines(
    server: str, tmp_path: Path, photo: Photo, detect: Callable[..., Result]
) -> None:
    _save(tmp_path, p__a_jpg=photo(red=True), p__b_jpg=b"", p__c_jpg=photo())
    options = (tmp_path / "p", "--json", "--claim", "hole", "--reference", tmp_path / "p" / "c.jpg")
    here = detect(*options, "--heatmaps", tmp_path / "here")
    there = detect(
        *options,
        "--heatmaps",
        tmp_path / "there",
        "--engine",
        server,
        REFUNDLENS_API_KEY="test-key",
        no_proxy="*",
    )
    assert there.exit_code == here.exit_code == 1, there.output
    for remote, local in zip(_lines(there), _lines(here), strict=True):
        assert list(remote) == list(local)
        remote.pop("timings_ms", None), local.pop("timings_ms", None)
        assert remote == local
    maps = sorted(path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*.png"))
    assert [str(path) for path in maps] == ["a.png", "c.png", "reliability/a.png", "reliability/c.png"]
    for path in maps:
        assert (tmp_path / "here" / path).read_bytes() == (tmp_path / "there" / path).read_bytes()
    refused = detect(
        tmp_path / "p" / "a.jpg", "--json", "--engine", server, REFUNDLENS_API_KEY="wrong", no_proxy="*"
    )
    assert refused.exit_code == 1 and _lines(refused)[0]["error"]["code"] == "unauthorized"  # type: ignore[index]


def _codes(result: Result) -> list[set[str]]:
    return [
        {one["code"] for one in (*line["reasons"], *line["details"]["reasons"])}
        if "reasons" in line
        else set()  # type: ignore[misc,call-overload,index]
        for line in _lines(result)
    ]


def test_photos_of_one_claim_are_held_against_each_other_here_and_by_a_server(
    server: str, tmp_path: Path, detect: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    goods = scene(3, 800, 600)
    again = from_another_side(goods, np.random.default_rng(1))
    others = {"p__b_jpg": jpeg(again, 92), "p__c_jpg": jpeg(scene(9, 800, 600), 92)}
    _save(tmp_path, p__a_jpg=jpeg(goods, 92), **others, p__d_jpg=b"no picture")
    photos = (tmp_path / "p", "--json")
    assert not [code for found in _codes(detect(*photos)) for code in found if code.startswith("claim.")]

    here = detect(*photos, "--one-claim", "--heatmaps", tmp_path / "maps")
    assert here.exit_code == 1, here.output
    assert ["claim.same_thing" in found for found in _codes(here)] == [True, True, False, False]
    assert [line.get("error", {}).get("code") for line in _lines(here)] == [
        None,
        None,
        None,
        "unsupported_format",
    ]  # type: ignore[attr-defined]
    assert sorted(path.name for path in (tmp_path / "maps").glob("*.png")) == ["a.png", "b.png", "c.png"]
    there = detect(*photos, "--one-claim", "--engine", server, REFUNDLENS_API_KEY="test-key", no_proxy="*")
    assert _codes(there) == _codes(here)
    wrong = detect(*photos, "--one-claim", "--engine", server, REFUNDLENS_API_KEY="wrong", no_proxy="*")
    assert [line["error"]["code"] for line in _lines(wrong)] == ["unauthorized"] * 4  # type: ignore[index]

    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(views, "seen_in_others", fails)
    assert ["verdict" in line for line in _lines(detect(*photos, "--one-claim"))] == [True, True, True, False]


def test_one_claim_has_as_many_photos_as_a_request(
    tmp_path: Path, photo: Photo, detect: Callable[..., Result]
) -> None:
    data = photo(size=(64, 48))
    _save(tmp_path, **{f"{name}_jpg": data for name in "abcdefghijklmnopq"})
    result = detect(tmp_path, "--json", "--one-claim")
    assert result.exit_code == 2 and result.stdout == ""


def test_an_unreachable_server_fails_each_photo_clearly(
    tmp_path: Path, photo: Photo, detect: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "FIRST_WAIT", 0.001)
    [path] = _save(tmp_path, a_jpg=photo())
    result = detect(path, "--json", "--engine", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert _lines(result)[0]["error"]["code"] == "engine_unreachable"  # type: ignore[index]


class _Script(BaseHTTPRequestHandler):
    """A server that answers what its `answers` say, the last one for ever; None hangs up."""

    answers: ClassVar[list[tuple[int, bytes] | None]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            self.send_response(answer[0])
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(answer[1])

    def log_message(self, *_: object) -> None:
        """Keeps the test's output clean."""


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([(503, b"{}"), (200, b'{"detections": [{"file": "a.jpg", "verdict": "fake"}]}')], None),
        ([None, (200, b'{"detections": [{"file": "a.jpg", "verdict": "fake"}]}')], None),
        ([(200, b"<html>a router's page</html>")], "engine_failed"),
        ([(404, b"nothing here")], "engine_failed"),
        ([(413, b'{"code": "too_large", "detail": "send less"}')], "too_large"),
        (
            [(200, b'{"detections": [{"index": 0, "error": {"code": "empty_file", "message": "x"}}]}')],
            "empty_file",
        ),
    ],
)
def test_another_servers_answer_is_taken_as_it_comes(
    answers: list[tuple[int, bytes] | None], code: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "FIRST_WAIT", 0.001)
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    handler = type("Handler", (_Script,), {"answers": answers})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever).start()
        with httpx.Client(trust_env=False) as client:
            judged = backends.RemoteBackend(
                http_client.Client(f"http://127.0.0.1:{other.server_port}", http=client)
            ).judge(path)
        other.shutdown()
    assert judged.line.get("error", {}).get("code") == code and judged.failed == (code is not None)


def test_a_fault_of_ours_is_a_line_of_its_own(
    tmp_path: Path, photo: Photo, detector: Detector, caplog: pytest.LogCaptureFixture
) -> None:
    class Poisoned:
        name = detector.name

        def detect(self, data: bytes, claim: object = None, language: str = "en") -> Detection:
            raise RuntimeError("poisoned")

    [path] = _save(tmp_path, a_jpg=photo())
    judged = backends.LocalBackend(Poisoned()).judge(path)
    assert judged.line["error"]["code"] == "internal" and "poisoned" in caplog.text
    assert "poisoned" not in judged.line["error"]["message"]


def test_names_that_are_no_text_and_paths_nobody_may_see(
    tmp_path: Path, photo: Photo, detect: Callable[..., Result]
) -> None:
    odd = tmp_path / os.fsdecode(b"\xff\x1b[31m.jpg")
    odd.write_bytes(photo())
    result = detect(odd, tmp_path / ("a" * 300), "--json")
    assert result.exit_code == 1, result.exception
    first, second = _lines(result)
    assert first["file"] == str(odd) and first["verdict"]
    assert second["error"]["code"] == "unreadable_file"  # type: ignore[index]
    table = detect(odd, COLUMNS="300")
    assert table.exit_code == 0 and "\\x1b[31m" in table.stdout and "\x1b" not in table.stdout


def test_heat_maps_that_cannot_be_kept_are_told(
    tmp_path: Path, photo: Photo, detect: Callable[..., Result]
) -> None:
    [path] = _save(tmp_path, a_jpg=photo())
    assert detect(path, "--heatmaps", path).exit_code == 2
    (tmp_path / "maps" / "a.png").mkdir(parents=True)
    result = detect(path, "--json", "--heatmaps", tmp_path / "maps")
    assert result.exit_code == 1 and _lines(result)[0]["verdict"] and "heat map" in result.stderr


def test_the_module_runs_and_a_wrong_setting_is_told_in_a_sentence() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "refundlens.serving.cli.main", "detect", "a.jpg"],
        env=os.environ | {"REFUNDLENS_WORKERS": "many"}, cwd=Path(__file__).parents[3], capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("refundlens: REFUNDLENS_WORKERS: ")


def _command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = "import sys; from refundlens.serving.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=os.environ | environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_model_is_told_in_a_sentence(tmp_path: Path, photo: Photo) -> None:
    [path] = _save(tmp_path, a_jpg=photo())
    done = _command("detect", str(path), REFUNDLENS_BUNDLE=str(tmp_path / "none.onnx"))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("refundlens: ") and "Traceback" not in done.stderr


def test_results_alone_go_to_standard_output_and_torch_stays_out(
    tmp_path: Path, photo: Photo, bundle: Path
) -> None:
    [path] = _save(tmp_path, a_jpg=photo())
    script = (
        "import sys\nfrom refundlens.serving.cli.main import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "assert not {'torch', 'timm'} & set(sys.modules)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script, "detect", str(path), "--json"],
        env=os.environ | {"REFUNDLENS_BUNDLE": str(bundle)}, cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["file"] == str(path) and done.stderr == ""
