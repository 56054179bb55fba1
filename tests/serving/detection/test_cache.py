"""Photos that come again: the stored answer, for the same caller, model, claim and language, and for nobody else."""

import errno
import time
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import helper
from starlette.testclient import TestClient

from refundlens.model.bundle import VERSION
from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.detection import cache as answering
from refundlens.serving.detection.cache import Question, ResultCache
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import DetectionRecord

pytestmark = pytest.mark.slow

Photo = Callable[..., bytes]
KEY = {"Authorization": "Bearer test-key"}


def _ask(client: TestClient, *photos: bytes, name: str = "a.jpg", **headers: str):  # type: ignore[no-untyped-def]
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    answer = client.post("/v1/detect", files=[("image", (name, one)) for one in photos], headers=given)
    assert answer.status_code == 200, answer.text
    return answer


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_same_bytes_get_the_stored_answer(client: TestClient, photo: Photo) -> None:
    first, second = _ask(client, photo(red=True)), _ask(client, photo(red=True))
    assert first.headers["cache-status"] == "refundlens; fwd=miss"
    assert second.headers["cache-status"] == "refundlens; hit" and second.json() == first.json()
    assert second.headers["server-timing"].startswith('cache;desc="hit", total;dur=')
    renamed = _ask(client, photo(red=True), name="b.jpg").json()["detections"][0]
    assert renamed == first.json()["detections"][0] | {"file": "b.jpg"}
    counted = client.get("/metrics").text
    assert 'refundlens_cache_total{result="memory"} 2.0' in counted
    assert 'refundlens_cache_total{result="miss"} 1.0' in counted
    assert "refundlens_detections_total" in counted and 'stage="infer"} 1.0' in counted


@pytest.mark.parametrize("directive", ["no-cache", "max-age=0, No-Cache", "no-store"])
def test_a_caller_may_have_it_judged_anew(client: TestClient, photo: Photo, directive: str) -> None:
    first = _ask(client, photo()).json()["detections"][0]
    again = _ask(client, photo(), cache_control=directive)
    anew = again.json()["detections"][0]
    assert again.headers["cache-status"] == "refundlens; fwd=request" and anew["id"] != first["id"]
    newest = anew if "no-store" not in directive else first
    assert _ask(client, photo()).json()["detections"][0]["id"] == newest["id"]


def test_other_pictures_claims_and_languages_are_other_questions(client: TestClient, photo: Photo) -> None:
    known = _ask(client, photo())
    mixed = _ask(client, photo(), photo(red=True), b"no picture")
    assert mixed.headers["cache-status"] == 'refundlens; fwd=miss; detail="1 of 3 known"'
    assert mixed.json()["detections"][0] == known.json()["detections"][0]
    assert _ask(client, photo(), accept_language="zh").headers["cache-status"] == "refundlens; fwd=miss"
    files = [("image", ("a.jpg", photo()))]
    claimed = client.post("/v1/detect", files=files, data={"claim": "hole"})
    assert claimed.headers["cache-status"] == "refundlens; fwd=miss"
    compared = client.post("/v1/detect", files=[*files, ("reference", ("shop.jpg", photo()))])
    assert compared.headers["cache-status"].startswith("refundlens; fwd=")
    assert compared.json()["detections"][0]["reasons"][0]["code"] == "reference.same_picture"
    assert _ask(client, photo()).json() == known.json()


def test_answers_survive_a_restart_and_belong_to_one_caller(
    settings: Settings, detector: Detector, photo: Photo
) -> None:
    both = settings.model_copy(update={"api_keys": Settings(api_keys="test-key,other").api_keys})
    with TestClient(create_app(both, detector), headers=KEY) as client:
        first = _ask(client, photo())
        stranger = _ask(client, photo(), authorization="Bearer other")
        assert stranger.headers["cache-status"] == "refundlens; fwd=miss"
    with TestClient(create_app(both, detector), headers=KEY) as client:
        assert _ask(client, photo()).json() == first.json()
        assert _ask(client, photo()).headers["cache-status"] == "refundlens; hit"
        counted = client.get("/metrics").text
    assert 'refundlens_cache_total{result="store"} 1.0' in counted
    assert 'refundlens_cache_total{result="memory"} 1.0' in counted


def test_no_model_gives_anothers_answer(
    client: TestClient, bundle: Path, tmp_path: Path, photo: Photo
) -> None:
    first = _ask(client, photo()).json()["detections"][0]
    model = onnx.load(str(bundle))
    facts = {entry.key: entry.value for entry in model.metadata_props} | {VERSION: "0.0.2"}
    del model.metadata_props[:]
    helper.set_model_props(model, facts)
    other = tmp_path / "other.onnx"
    onnx.save(model, str(other))
    engine = client.app.state.service.engine  # type: ignore[attr-defined]
    engine.swap(other)
    swapped = _ask(client, photo()).json()["detections"][0]
    assert swapped["model"]["version"] == "0.0.2" and swapped["id"] != first["id"]
    engine.swap(bundle)
    assert _ask(client, photo()).json()["detections"][0] == first


def test_other_rules_are_another_question(monkeypatch: pytest.MonkeyPatch) -> None:
    question = Question("me", "0" * 64, "1" * 64, None, "en")
    before = question.digest
    monkeypatch.setattr(answering, "RULES", answering.RULES + 1)
    assert question.digest != before


MAPS = ("heatmap", "reliability")
DAMAGES = {"gone": None, "emptied": b"", "another's": b"no map"}


def _record(client: TestClient, identifier: str) -> DetectionRecord:
    with client.app.state.database.reading() as session:  # type: ignore[attr-defined]
        return session.get_one(DetectionRecord, identifier)  # type: ignore[no-any-return]


def _damage(client: TestClient, identifier: str, which: str, damage: str) -> None:
    name = getattr(_record(client, identifier), which)
    path = client.app.state.settings.data_dir / "files" / name[:2] / name[2:]  # type: ignore[attr-defined]
    path.unlink()
    content = DAMAGES[damage]
    if content is not None:
        path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", MAPS)
def test_what_lost_a_map_is_judged_anew(
    settings: Settings, detector: Detector, photo: Photo, which: str, damage: str
) -> None:
    with TestClient(create_app(settings, detector), headers=KEY) as client:
        first = _ask(client, photo()).json()["detections"][0]
        _damage(client, first["id"], which, damage)
    with TestClient(create_app(settings, detector), headers=KEY) as client:
        again = _ask(client, photo())
        anew = again.json()["detections"][0]
        assert again.headers["cache-status"] == "refundlens; fwd=miss"
        assert anew["id"] != first["id"] and anew["probability"] == first["probability"]
        assert _ask(client, photo()).json()["detections"][0] == anew, "the new one took its place"
        assert client.get(anew["heatmap_url"]).status_code == 200


@pytest.mark.parametrize("which", MAPS)
def test_a_damaged_detection_says_so_and_is_not_given_again(
    client: TestClient, photo: Photo, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = _ask(client, photo()).json()["detections"][0]
    _damage(client, first["id"], which, "emptied")
    answer = client.get(f"/v1/detections/{first['id']}/{which}")
    assert answer.status_code == 410 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "damaged" and "Send the photo again" in answer.json()["detail"]
    assert first["id"] in caplog.text
    assert client.get(f"/v1/detections/{first['id']}/evidence.json").status_code == 410
    assert client.get(f"/v1/detections/{first['id']}").json() == first, "what was said of it is whole"
    again = _ask(client, photo())
    assert again.headers["cache-status"] == "refundlens; fwd=miss", "not even from memory"
    assert again.json()["detections"][0]["id"] != first["id"]


def test_a_fault_of_the_system_is_not_taken_for_a_damaged_file(
    client: TestClient, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _ask(client, photo()).json()["detections"][0]
    with monkeypatch.context() as patch:

        def too_many(*_: object, **__: object) -> bytes:
            raise OSError(errno.EMFILE, "Too many open files")

        patch.setattr(Path, "read_bytes", too_many)
        assert client.get(first["heatmap_url"]).status_code == 500
    assert client.get(first["heatmap_url"]).status_code == 200
    assert _ask(client, photo()).json()["detections"][0] == first, "it is still the answer"


def test_an_answer_goes_with_its_detection(settings: Settings, detector: Detector, photo: Photo) -> None:
    one = settings.model_copy(update={"keep_detections": 1})
    with TestClient(create_app(one, detector), headers=KEY) as client:
        first = _ask(client, photo()).json()["detections"][0]
        _ask(client, photo(red=True))
        assert _ask(client, photo()).json()["detections"][0]["id"] != first["id"]


def test_it_can_be_switched_off(settings: Settings, detector: Detector, photo: Photo) -> None:
    off = settings.model_copy(update={"cache_bytes": 0})
    with TestClient(create_app(off, detector), headers=KEY) as client:
        ids = {_ask(client, photo()).json()["detections"][0]["id"] for _ in range(2)}
        assert len(ids) == 2 and {_record(client, one).question for one in ids} == {None}


def test_memory_is_bounded_and_what_was_used_last_stays() -> None:
    answers = ResultCache(60)
    for name in ("a", "b"):
        answers.put(name, {"text": "x" * 10})  # 22 bytes of JSON
    assert answers.get("a") == {"text": "x" * 10}
    answers.put("c", {"text": "x" * 10})
    assert answers.get("b") is None and answers.get("a") and answers.get("c")
    answers.put("a", {"text": "y"})
    assert answers.get("a") == {"text": "y"}
    answers.put("d", {"text": "x" * 100})
    assert [answers.get(name) for name in "abcd"] == [None] * 4, "larger than all there is"
    answers.drop("d")
