"""POST /v1/detect and the stored results, against the contract."""

import asyncio
import base64
import hashlib
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.model.detection import Detection
from refundlens.model.photo.image import Photo as Opened
from refundlens.serving.app import create_app
from refundlens.serving.detection import body as intake
from refundlens.serving.detection import views
from refundlens.serving.detection.endpoints import SLACK
from refundlens.serving.http.budgets import Budgets, Caller
from refundlens.serving.http.problems import Problem
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import StoredAnswer
from refundlens.training.references.views import from_another_side
from tests.support.scenes import jpeg, scene

pytestmark = pytest.mark.slow

Photo = Callable[..., bytes]
LINE = [
    "file", "sha256", "width", "height", "verdict", "probability", "kind", "defects", "regions", "conditions",
    "false_accusation_bound", "miss_bound", "miss_bound_of",
    "suspect", "suspect_bound", "reasons", "details", "model", "timings_ms", "reliability", "stability",
]  # fmt: skip


def _files(*photos: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("image", (f"{index}.jpg", data)) for index, data in enumerate(photos)]


def _problem(response, status: int, code: str) -> dict[str, object]:  # type: ignore[no-untyped-def]
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["code"] == code and body["status"] == status
    assert body["type"] == f"urn:refundlens:problem:{code}"
    assert body["title"] and body["detail"] and body["instance"]
    return dict(body)


def test_answers_each_picture_in_order_with_the_contracts_line(client: TestClient, photo: Photo) -> None:
    red, grey = photo(red=True), photo()
    response = client.post("/v1/detect", files=_files(red, grey), data={"claim": "hole"})
    assert response.status_code == 200
    first, second = response.json()["detections"]
    assert set(first) == {*LINE, "id", "created_at", "heatmap_url", "reliability_url"}
    assert [first["sha256"], second["sha256"]] == [hashlib.sha256(data).hexdigest() for data in (red, grey)]
    assert first["file"] == "0.jpg" and (first["width"], first["height"]) == (320, 240)
    assert first["probability"] > second["probability"]
    assert sum(first["kind"].values()) == pytest.approx(1)
    assert first["probability"] == pytest.approx(1 - first["kind"]["authentic"])
    assert first["defects"][0]["type"] == "hole" and first["regions"]
    assert re.fullmatch(r"det_[0-9A-Z]{26}", first["id"])
    timing = response.headers["server-timing"]
    assert re.match(r"queue;dur=[\d.]+, decode;dur=[\d.]+, infer;dur=[\d.]+, total;dur=[\d.]+$", timing)


def test_the_three_kinds_of_body_give_the_same_numbers(client: TestClient, photo: Photo) -> None:
    data = photo(red=True)
    encoded = base64.b64encode(data).decode()
    body = {"images": [{"name": "0.jpg", "data": encoded}], "claim": "hole"}
    answers = [
        client.post("/v1/detect", files=_files(data), data={"claim": "hole"}),
        client.post("/v1/detect?claim=hole", content=data, headers={"Content-Type": "image/jpeg"}),
        client.post("/v1/detect", json=body),
        client.post("/v1/detect", json={"image": encoded, "claim": "hole"}),
        client.post("/v1/detect", json={"image": [encoded], "claim": "hole", "reference": []}),
    ]
    lines = [answer.json()["detections"][0] for answer in answers]
    assert [line["file"] for line in lines] == ["0.jpg", None, "0.jpg", None, None]
    for line in lines[1:]:
        assert line["probability"] == lines[0]["probability"] and line["defects"] == lines[0]["defects"]


def test_a_bad_picture_never_fails_its_neighbours(client: TestClient, photo: Photo) -> None:
    entries = client.post("/v1/detect", files=_files(photo(), b"", photo()[:900], photo(red=True))).json()[
        "detections"
    ]
    assert [entry.get("error", {}).get("code") for entry in entries] == [
        None,
        "empty_file",
        "truncated_image",
        None,
    ]
    assert [entry["index"] for entry in entries if "error" in entry] == [1, 2]
    assert entries[1]["file"] == "1.jpg" and entries[1]["error"]["message"]


def test_a_fault_of_ours_stays_with_its_picture(settings: Settings, photo: Photo) -> None:
    poison = photo(red=True)

    class Poisoned(Detector):
        def judge(self, photo: Opened, *rest: object, **named: object) -> Detection:
            if photo.data == poison:
                raise RuntimeError("poisoned")
            return super().judge(photo, *rest, **named)  # type: ignore[arg-type]

    with TestClient(
        create_app(settings, Poisoned(settings.bundle, threads=1)),
        headers={"Authorization": "Bearer test-key"},
    ) as client:
        entries = client.post("/v1/detect", files=_files(photo(), poison)).json()["detections"]
    assert "verdict" in entries[0] and entries[1]["error"]["code"] == "internal"
    assert "poisoned" not in entries[1]["error"]["message"]


def test_results_are_kept_for_their_tenant_and_from_other_shops(
    client: TestClient, photo: Photo, settings: Settings
) -> None:
    line = client.post("/v1/detect", files=_files(photo(red=True))).json()["detections"][0]
    assert client.get(f"/v1/detections/{line['id']}").json() == line
    heat = client.get(line["heatmap_url"])
    assert heat.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(heat.content))
    assert picture.size == (320, 240) and picture.mode == "L"
    pixels = np.asarray(picture)
    assert pixels[100, 128] > 200 and pixels[220, 300] < 30
    trust = client.get(line["reliability_url"])
    assert trust.headers["content-type"] == "image/png"
    worth = np.asarray(Image.open(io.BytesIO(trust.content)))
    # flat red against textured grey, as the table of the tiny bundle has it
    assert worth.shape == (240, 320) and (worth[100, 128], worth[220, 300]) == (26, 230)
    other = TestClient(
        client.app, headers={"Authorization": "Bearer other-key"}, raise_server_exceptions=False
    )
    _problem(other.get(f"/v1/detections/{line['id']}"), 401, "unauthorized")
    keys = "merchant:shop:their-key,engineer:other-key"
    second = settings.model_copy(update={"api_keys": Settings(api_keys=keys).api_keys})
    again = TestClient(create_app(second, client.app.state.service.detector))  # type: ignore[attr-defined]
    asked = again.get(f"/v1/detections/{line['id']}", headers={"Authorization": "Bearer their-key"})
    _problem(asked, 404, "not_found")
    colleague = again.get(f"/v1/detections/{line['id']}", headers={"Authorization": "Bearer other-key"})
    assert colleague.json() == line


def test_a_model_without_a_reliability_map_says_so(settings: Settings, photo: Photo) -> None:
    class Old(Detector):
        def judge(self, *given: Any) -> Detection:
            found = super().judge(*given)
            return found.model_copy(update={"reliability": None, "reliabilitymap": None})

    with TestClient(
        create_app(settings, Old(settings.bundle, threads=1)), headers={"Authorization": "Bearer test-key"}
    ) as client:
        line = client.post("/v1/detect", files=_files(photo(red=True))).json()["detections"][0]
        assert line["reliability"] is None and line["reliability_url"] is None
        _problem(client.get(f"/v1/detections/{line['id']}/reliability"), 404, "not_found")
        assert client.get(line["heatmap_url"]).status_code == 200


def test_results_survive_a_restart(settings: Settings, detector: Detector, photo: Photo) -> None:
    headers = {"Authorization": "Bearer test-key"}
    with TestClient(create_app(settings, detector), headers=headers) as client:
        line = client.post("/v1/detect", files=_files(photo())).json()["detections"][0]
    with TestClient(create_app(settings, detector), headers=headers) as client:
        assert client.get(f"/v1/detections/{line['id']}").json() == line
        assert client.get(line["heatmap_url"]).status_code == 200


@pytest.mark.parametrize("identifier", ["det_00000000000000000000000000", "..%2F..%2Fdemo", "det_x"])
def test_an_id_nobody_gave_is_not_found(client: TestClient, identifier: str) -> None:
    _problem(client.get(f"/v1/detections/{identifier}"), 404, "not_found")


def test_a_key_is_required_before_anything_else(app, photo: Photo) -> None:  # type: ignore[no-untyped-def]
    client = TestClient(app)
    response = client.post("/v1/detect", files=_files(photo()))
    _problem(response, 401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_declared_length_over_the_limit_is_refused_unread(settings: Settings, detector: Detector) -> None:
    small = settings.model_copy(update={"max_request_bytes": 1000})
    with TestClient(create_app(small, detector), headers={"Authorization": "Bearer test-key"}) as client:
        response = client.post("/v1/detect", content=b"x" * 1001, headers={"Content-Type": "image/jpeg"})
        _problem(response, 413, "too_large")


@pytest.mark.parametrize("kind", ["image/jpeg", "multipart/form-data; boundary=b", "application/json"])
def test_a_stream_over_the_limit_is_cut_off(settings: Settings, detector: Detector, kind: str) -> None:
    small = settings.model_copy(update={"max_request_bytes": 1000})
    with TestClient(create_app(small, detector), headers={"Authorization": "Bearer test-key"}) as client:
        head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        chunks = iter([head, *[b"x" * 100] * 50])
        _problem(client.post("/v1/detect", content=chunks, headers={"Content-Type": kind}), 413, "too_large")


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        ({"content": b"hello", "headers": {"Content-Type": "text/plain"}}, 415, "unsupported_media_type"),
        ({"json": {"images": []}}, 422, "invalid_request"),
        ({"json": {"images": [{"data": "***"}]}}, 422, "invalid_request"),
        ({"json": {"image": "é"}}, 422, "invalid_request"),
        ({"json": {"image": [{"data": "é"}]}}, 422, "invalid_request"),
        ({"json": {"pictures": []}}, 422, "invalid_request"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422, "invalid_request"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "invalid_request"),
        ({"data": {"claim": "hole"}, "files": {"else": b"x"}}, 422, "invalid_request"),
        ({"data": {"claim": "scratch"}, "files": {"image": b"x"}}, 422, "invalid_request"),
        ({"files": {"image": b"x"}, "headers": {"X-Deadline-Ms": "soon"}}, 400, "invalid_request"),
        ({"files": {"image": b"x"}, "headers": {"X-Deadline-Ms": "9" * 5000}}, 400, "invalid_request"),
        ({"files": {"image": b"x"}, "headers": {"Idempotency-Key": ""}}, 422, "invalid_request"),
        ({"files": [("image", (str(n), b"x")) for n in range(17)]}, 413, "too_many_images"),
    ],
)
def test_every_bad_request_is_a_problem(
    client: TestClient, arguments: dict[str, object], status: int, code: str
) -> None:
    _problem(client.post("/v1/detect", **arguments), status, code)  # type: ignore[arg-type]


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    _problem(client.get("/v1/nothing"), 404, "not_found")
    response = client.get("/v1/detect")
    _problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_a_repeated_idempotency_key_gets_the_stored_answer(client: TestClient, photo: Photo) -> None:
    def post(data: bytes):  # type: ignore[no-untyped-def]
        return client.post("/v1/detect", files=_files(data), headers={"Idempotency-Key": "k1"})

    first = post(photo())
    assert post(photo()).json() == first.json()
    _problem(post(photo(red=True)), 422, "idempotency_mismatch")
    renamed = client.post(
        "/v1/detect", files={"image": ("other.jpg", photo())}, headers={"Idempotency-Key": "k1"}
    )
    _problem(renamed, 422, "idempotency_mismatch")


def _keyed(client: TestClient, photo: bytes, **headers: str):  # type: ignore[no-untyped-def]
    """Judged anew, if it is judged at all."""
    given = {"Idempotency-Key": "k", "Cache-Control": "no-store", **headers}
    return client.post("/v1/detect", files=_files(photo), headers=given)


def test_a_key_is_known_after_a_restart_and_to_every_process(
    settings: Settings, detector: Detector, photo: Photo
) -> None:
    headers = {"Authorization": "Bearer test-key"}
    keys = Settings(api_keys="merchant:shop:test-key").api_keys
    settings = settings.model_copy(update={"api_keys": keys})
    with TestClient(create_app(settings, detector), headers=headers) as client:
        first = _keyed(client, photo())
        with TestClient(create_app(settings, detector), headers=headers) as beside:
            assert _keyed(beside, photo()).json() == first.json()
    with TestClient(create_app(settings, detector), headers=headers) as client:
        again = _keyed(client, photo())
        assert again.json() == first.json() and again.headers["server-timing"].startswith(
            "replay;dur=0, total"
        )
        _problem(_keyed(client, photo(red=True)), 422, "idempotency_mismatch")
        report = {"refund_id": "R-1", "image": "img_1"}
        other = client.post("/v1/reports", json=report, headers={"Idempotency-Key": "k"})
        _problem(other, 422, "idempotency_mismatch")


def test_a_key_whose_request_failed_may_be_sent_again(client: TestClient, photo: Photo) -> None:
    bad = [*_files(photo()), ("reference", ("x", b"no"))]
    for _ in range(2):
        answer = client.post("/v1/detect", files=bad, headers={"Idempotency-Key": "k"})
        _problem(answer, 422, "unsupported_format")
    assert _keyed(client, photo()).status_code == 200


def test_a_key_left_behind_by_a_process_that_died_is_free_again(
    settings: Settings, detector: Detector, photo: Photo
) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    app = create_app(settings, detector, lambda: now[0])
    with TestClient(app, headers={"Authorization": "Bearer test-key"}) as client:
        first = _keyed(client, photo())
        with app.state.database.transaction() as session:
            row = session.query(StoredAnswer).one()
            row.status, row.body = 102, b"{}"
        _problem(_keyed(client, photo()), 409, "idempotency_in_progress")
        now[0] += timedelta(milliseconds=settings.deadline_ms, seconds=SLACK + 1)
        again = _keyed(client, photo())
        assert again.status_code == 200 and again.json() != first.json()
        assert _keyed(client, photo()).json() == again.json()


def test_an_idempotency_key_expires(settings: Settings, detector: Detector, photo: Photo) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    with TestClient(create_app(settings, detector, lambda: now[0])) as client:
        headers = {
            "Authorization": "Bearer test-key", "Idempotency-Key": "k", "Cache-Control": "no-cache",
        }  # fmt: skip
        first = client.post("/v1/detect", files=_files(photo()), headers=headers).json()
        assert first["detections"][0]["created_at"] == "2026-01-01T00:00:00.000Z"
        now[0] += timedelta(hours=25)
        assert client.post("/v1/detect", files=_files(photo()), headers=headers).json() != first


@pytest.fixture
def held(settings: Settings):  # type: ignore[no-untyped-def]
    """A service whose detector waits, after warm-up, until `go` is set; one worker."""
    go, busy = threading.Event(), threading.Event()
    go.set()

    class Held(Detector):
        def judge(self, *arguments: object, **named: object) -> Detection:
            if not go.is_set():
                busy.set()
            go.wait(60)
            return super().judge(*arguments, **named)  # type: ignore[arg-type]

    tight = settings.model_copy(update={"workers": 1, "max_waiting": 4, "demo": True})
    with TestClient(
        create_app(tight, Held(settings.bundle, threads=1)), headers={"Authorization": "Bearer test-key"}
    ) as client:
        client.get("/")
        while client.get("/readyz").status_code != 200:
            time.sleep(0.01)
        go.clear()
        yield client, go, busy
        go.set()


def test_a_full_queue_and_a_running_key_are_told_at_once(held, photo: Photo) -> None:  # type: ignore[no-untyped-def]
    client, go, busy = held
    answers: list[int] = []
    headers = {"Idempotency-Key": "slow"}
    first = threading.Thread(
        target=lambda: answers.append(
            client.post("/v1/detect", files=_files(photo()), headers=headers).status_code
        )
    )
    first.start()
    assert busy.wait(60)
    again = client.post("/v1/detect", files=_files(photo()), headers=headers)
    _problem(again, 409, "idempotency_in_progress")
    full = client.post("/v1/detect", files=_files(photo(), photo()))
    _problem(full, 429, "share_taken")
    assert int(full.headers["retry-after"]) >= 1
    go.set()
    first.join(10)
    assert answers == [200]
    assert client.post("/v1/detect", files=_files(photo(), photo())).status_code == 200, (
        "the places were given back"
    )


_INFER = "/v2/models/refundlens-tiny/infer"
_LENGTH = {"Inference-Header-Content-Length": "256"}


def _tensor(*photos: bytes) -> bytes:
    """A body of the Open Inference Protocol, its header padded to _LENGTH."""
    data = b"".join(len(photo).to_bytes(4, "little") + photo for photo in photos)
    size = {"parameters": {"binary_data_size": len(data)}}
    image = {"name": "image", "shape": [len(photos)], "datatype": "BYTES", **size}
    return json.dumps({"inputs": [image]}).encode().ljust(256) + data


def test_an_answer_that_is_known_needs_no_place(held, photo: Photo) -> None:  # type: ignore[no-untyped-def]
    client, go, busy = held
    go.set()
    known, other = photo(size=(300, 240)), photo(size=(310, 240))
    kind = {"Content-Type": "image/jpeg"}
    first = client.post("/v1/detect", content=known, headers=kind).json()
    go.clear()
    client.app.state.budgets.photos.whole = 1
    waits = threading.Thread(target=lambda: client.post("/v1/detect", files=_files(photo())))
    waits.start()
    assert busy.wait(60)

    def says(data: bytes) -> dict[str, str]:
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        return {**kind, "Content-Digest": f"sha-512=:AA==:, sha-256=:{digest}:"}

    def ask(data: bytes, headers: dict[str, str], path: str = "/v1/detect") -> object:
        return client.post(path, content=data, headers=headers)

    hit = ask(known, says(known))
    assert hit.json() == first and hit.headers["cache-status"] == "refundlens; hit"
    assert ask(known, {**says(known), "X-Deadline-Ms": "1"}).json() == first, "it takes no time either"
    refused = [
        ask(known, kind), ask(other, says(other)), ask(other, says(known)),
        ask(known, {**says(known), "Cache-Control": "no-cache"}),
        ask(known, says(known), "/v1/detect?claim=hole"), ask(known, {**says(known), "Accept-Language": "zh"}),
        ask(known, {**kind, "Content-Digest": "sha-256=:no:"}),
        client.post("/v1/detect", files=_files(known), headers={"Content-Digest": says(known)["Content-Digest"]}),
        ask(_tensor(known, other), {**says(known), "Content-Type": "application/octet-stream", **_LENGTH}, _INFER),
    ]  # fmt: skip
    for answer in refused:
        _problem(answer, 429, "share_taken")
    client.app.state.budgets.announced.whole = 1
    full = ask(known, says(known))
    assert "memory" in _problem(full, 429, "share_taken")["detail"], "its bytes must be held all the same"
    go.set()
    waits.join(10)
    assert client.app.state.budgets.photos.total == client.app.state.budgets.arrived.total == 0


def test_large_bodies_are_refused_unread_while_others_fill_the_memory(held, photo: Photo) -> None:  # type: ignore[no-untyped-def]
    client, go, busy = held
    client.app.state.budgets.announced.whole = client.app.state.budgets.arrived.whole = 10_000
    first = threading.Thread(target=lambda: client.post("/v1/detect", files=_files(photo())))
    first.start()
    assert busy.wait(60)

    def never_read() -> Iterator[bytes]:
        yield b"x"

    for path in ("/v1/detect", "/check"):
        refused = client.post(path, content=never_read(), headers={"Content-Type": "image/jpeg"})
        assert refused.status_code in (429, 503) and "memory" in refused.text
    go.set()
    first.join(10)
    assert client.post("/v1/detect", files=_files(photo())).status_code == 200, "the bytes were given back"


def test_one_slow_photo_does_not_shut_out_the_impatient_for_good(client: TestClient, photo: Photo) -> None:
    client.app.state.service.admission.learn(60.0)  # type: ignore[attr-defined]
    for _ in range(60):
        answer = client.post("/v1/detect", files=_files(photo()), headers={"X-Deadline-Ms": "5000"})
        if answer.status_code == 200:
            return
        _problem(answer, 503, "deadline")
    pytest.fail("never admitted again")


def test_a_caller_who_hangs_up_is_no_fault_of_ours(settings: Settings) -> None:
    async def hang_up() -> dict[str, object]:
        return {"type": "http.disconnect"}

    scope = {
        "type": "http",
        "method": "POST",
        "headers": [(b"content-type", b"image/jpeg")],
        "query_string": b"",
        "app": SimpleNamespace(state=SimpleNamespace(budgets=Budgets(settings, 1, time.monotonic))),
    }
    with pytest.raises(Problem, match="closed"):
        asyncio.run(intake.read(Request(scope, hang_up), settings))


def test_a_verdict_that_cannot_be_kept_is_none(
    client: TestClient, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(client.app.state.service.store, "put", full)  # type: ignore[attr-defined]
    _problem(client.post("/v1/detect", files=_files(photo())), 507, "disk_full")


def test_a_deadline_that_passes_in_the_queue_is_a_problem(held, photo: Photo) -> None:  # type: ignore[no-untyped-def]
    client, go, busy = held
    first = threading.Thread(target=lambda: client.post("/v1/detect", files=_files(photo())))
    first.start()
    assert busy.wait(60)
    threading.Timer(0.3, go.set).start()
    late = client.post("/v1/detect", files=_files(photo()), headers={"X-Deadline-Ms": "100"})
    _problem(late, 503, "deadline")
    assert late.headers["retry-after"]
    first.join(10)


def test_a_hopeless_deadline_is_refused_at_admission(client: TestClient, photo: Photo) -> None:
    assert client.post("/v1/detect", files=_files(photo())).status_code == 200, (
        "teaches the service its speed"
    )
    state = client.app.state  # type: ignore[attr-defined]
    state.service.admission.learn(60.0)
    state.budgets.photos.take(
        Caller((("tenant", "tnt_default"),), pays=True), 1
    )  # another of the same tenant's waits
    _problem(
        client.post("/v1/detect", files=_files(photo()), headers={"X-Deadline-Ms": "20"}), 503, "deadline"
    )


def test_a_reference_picture_gives_a_reason(client: TestClient, photo: Photo) -> None:
    files = [
        *_files(photo()),
        ("reference", ("shop.jpg", photo())),
        ("reference", ("b.png", photo("PNG", (99, 300)))),
    ]
    reasons = client.post("/v1/detect", files=files).json()["detections"][0]["reasons"]
    assert [reason["code"] for reason in reasons[:2]] == [
        "reference.same_picture",
        "reference.not_comparable",
    ]
    assert reasons[0]["basis"] == "observed" and "shop.jpg" in reasons[0]["text"]
    broken = client.post("/v1/detect", files=[*_files(photo()), ("reference", ("x", b"no"))])
    _problem(broken, 422, "unsupported_format")


def test_photos_of_one_claim_are_held_against_each_other_where_that_is_asked_for(client: TestClient) -> None:
    goods = scene(3, 800, 600)
    again = from_another_side(goods, np.random.default_rng(1))
    photos = [jpeg(pixels, 92) for pixels in (goods, again, scene(9, 800, 600))]

    def told(**asked: Any) -> list[set[str]]:
        answer = client.post("/v1/detect", **asked)
        assert answer.status_code == 200, answer.text
        return [
            {one["code"] for one in (*found["reasons"], *found["details"]["reasons"])}
            for found in answer.json()["detections"]
        ]

    apart = told(files=_files(*photos))
    assert not [code for found in apart for code in found if code.startswith("claim.")]
    together = told(files=_files(*photos), data={"one_claim": "true"})
    assert ["claim.same_thing" in found for found in together] == [True, True, False]
    encoded = [base64.b64encode(data).decode() for data in photos[:2]]
    assert "claim.same_thing" in told(json={"image": encoded, "one_claim": True})[0]
    assert told(files=_files(*photos)) == apart, "an answer about several photos is nobody's stored answer"
    bad = client.post("/v1/detect", files=_files(photos[0]), data={"one_claim": "perhaps"})
    assert "one_claim" in str(_problem(bad, 422, "invalid_request")["detail"])


def test_what_photos_show_together_is_stored_and_costs_no_verdict(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    goods = scene(3, 800, 600)
    again = from_another_side(goods, np.random.default_rng(1))
    files = [*_files(jpeg(goods, 92), jpeg(again, 92)), ("image", ("c.jpg", b"no picture"))]
    first, _, broken = client.post("/v1/detect", files=files, data={"one_claim": "1"}).json()["detections"]
    assert broken["error"]["code"] == "unsupported_format"
    stored = client.get(f"/v1/detections/{first['id']}").json()
    assert (stored["reasons"], stored["details"]) == (first["reasons"], first["details"])

    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(views, "seen_in_others", fails)
    answer = client.post("/v1/detect", files=files[:2], data={"one_claim": "1"}).json()["detections"]
    assert [found["verdict"] for found in answer] and "error" not in answer[0]


def test_reasons_follow_the_readers_language(client: TestClient, photo: Photo) -> None:
    def text(language: str) -> str:
        answer = client.post("/v1/detect", files=_files(photo()), headers={"Accept-Language": language})
        return str(answer.json()["detections"][0]["reasons"][0]["text"])

    assert re.search("[\u4e00-\u9fff]", text("zh-CN,zh;q=0.9")) and text("en").isascii()
