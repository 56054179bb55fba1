"""The API is no oracle for evasion: numbers in tenths outside the judges' roles, few variants of one picture."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image
from starlette.testclient import TestClient

from refundlens.model.photo.image import read_photo
from refundlens.serving.detection.oracle import DAY, MAP_STEPS, Variants, coarse, coarse_map
from refundlens.serving.http.body import Upload
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.format import TENTHS
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.tables import OutboxEvent
from refundlens.serving.webhooks.stream import told

pytestmark = pytest.mark.slow

KINDS = ("authentic", "ai_generated", "ai_edited", "photoshopped")


def _is_tenth(value: float) -> bool:
    return abs(value * TENTHS - round(value * TENTHS)) < 1e-9


@given(some.lists(some.floats(0.0, 1.0), min_size=4, max_size=4).filter(lambda values: sum(values) > 0.01))
def test_tenths_that_still_add_up(weights: list[float]) -> None:
    kind = {name: weight / sum(weights) for name, weight in zip(KINDS, weights, strict=True)}
    told = coarse({"kind": kind, "probability": 1 - kind["authentic"], "verdict": "fake"})
    assert abs(sum(told["kind"].values()) - 1) < 1e-9 and told["verdict"] == "fake"
    assert abs(told["probability"] - (1 - told["kind"]["authentic"])) < 1e-9
    assert all(_is_tenth(value) for value in told["kind"].values())
    assert all(abs(told["kind"][name] - kind[name]) < 1 / TENTHS + 1e-9 for name in KINDS)


def test_a_map_in_steps_shows_where_and_no_slope() -> None:
    cells = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    told = coarse_map(cells)
    assert len(np.unique(told)) == MAP_STEPS and abs(told - cells).max() <= 0.5 / (MAP_STEPS - 1) + 1e-6


def test_merchants_get_tenths_everywhere_and_judges_every_digit(
    workflow_app: FastAPI, as_caller: Callable[..., TestClient], photo: Callable[..., bytes]
) -> None:
    data, headers = photo(red=True), {"Content-Type": "image/jpeg"}
    with TestClient(workflow_app):  # the engine runs
        merchant, judge = as_caller("shop-1"), as_caller("ann")
        theirs = merchant.post("/v1/detect", content=data, headers=headers).json()["detections"][0]
        again = merchant.post("/v1/detect", content=data, headers=headers).json()["detections"][0]
        fetched = merchant.get(f"/v1/detections/{theirs['id']}").json()
        whole = judge.get(f"/v1/detections/{theirs['id']}").json()
        rough = _levels(merchant.get(theirs["heatmap_url"]).content)
        fine = _levels(judge.get(theirs["heatmap_url"]).content)
    assert theirs == again == fetched == coarse(whole) and theirs["verdict"] == whole["verdict"]
    assert _is_tenth(theirs["probability"]) and not all(_is_tenth(one) for one in whole["kind"].values())
    assert rough < fine


def _levels(png: bytes) -> int:
    """Different values in a small reading of a map, which its enlargement does not smooth."""
    picture = Image.open(io.BytesIO(png))
    return len(
        np.unique(
            np.asarray(picture.resize((picture.width // 8, picture.height // 8), Image.Resampling.NEAREST))
        )
    )


def _picture(seed: int, shift: int = 0) -> Upload:
    small = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    large = Image.fromarray(small).resize((480, 480), Image.Resampling.BICUBIC)
    pixels = np.asarray(large).copy()
    pixels[0, 0] = shift  # another file, the same picture
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return Upload(None, file.getvalue())


def test_few_variants_of_one_picture_and_many_pictures() -> None:
    now = [0.0]
    variants = Variants(3, lambda: now[0])

    def send(owner: str, upload: Upload) -> None:
        variants.check(owner, read_photo(upload.data))

    for shift in (1, 2, 3):
        send("shop", _picture(1, shift))
    send("shop", _picture(1, 2))  # the very same photo again
    with pytest.raises(Problem) as refused:
        send("shop", _picture(1, 4))
    assert (refused.value.status, refused.value.code) == (429, "too_many_variants")
    for seed in range(2, 12):
        send("shop", _picture(seed))
    send("other shop", _picture(1, 4))
    now[0] += DAY + 1
    send("shop", _picture(1, 4))


def test_variants_are_not_judged_over_the_api(
    workflow_app: FastAPI, as_caller: Callable[..., TestClient], monkeypatch: Any
) -> None:
    """Neither one by one nor many in one request; what cannot be opened is no variant, and a judge has no limit."""
    monkeypatch.setattr(workflow_app.state, "variants", Variants(2))
    png, many = (
        {"Content-Type": "image/png"},
        [("image", (f"{n}.png", _picture(1, n).data)) for n in range(8)],
    )
    with TestClient(workflow_app):
        merchant, judge = as_caller("shop-1"), as_caller("ann")
        refused = merchant.post("/v1/detect", files=many)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_variants")
        for _ in range(3):
            broken = merchant.post("/v1/detect", content=b"\x89PNG\r\n\x1a\n", headers=png).json()
            assert broken["detections"][0]["error"]
        assert merchant.post("/v1/detect", content=_picture(1, 99).data, headers=png).status_code == 429
        assert merchant.post("/v1/detect", content=_picture(2).data, headers=png).status_code == 200
        assert judge.post("/v1/detect", files=many).status_code == 200
        assert workflow_app.state.budgets.photos.total == 0


def test_merchants_have_a_number_of_photos_a_day(
    workflow_app: FastAPI, as_caller: Callable[..., TestClient], photo: Callable[..., bytes], monkeypatch: Any
) -> None:
    monkeypatch.setattr(workflow_app.state.budgets.questions, "_whole", 4)
    headers = {"Content-Type": "image/jpeg"}
    with TestClient(workflow_app):
        merchant, judge = as_caller("shop-1"), as_caller("ann")
        told = [merchant.post("/v1/detect", content=photo(quality=q), headers=headers) for q in range(80, 88)]
        assert told[0].status_code == 200 and told[-1].json()["code"] == "share_taken"
        assert judge.post("/v1/detect", content=photo(quality=79), headers=headers).status_code == 200


def test_reports_are_no_oracle_either(
    workflow_app: FastAPI,
    as_caller: Callable[..., TestClient],
    story: Any,
    monkeypatch: Any,
    moving_clock: Any,
) -> None:
    """A shop mirrors variants of one picture and reports them, over as many refunds as it likes: as many are judged as
    /v1/detect judges."""
    monkeypatch.setattr(workflow_app.state.settings, "variants_per_day", 3)
    shop = as_caller("shop-1")

    def report(number: int, picture: Upload) -> Any:
        refund = shop.put(f"/v1/refunds/r{number}", json=story.refund(picture.data)).json()
        return shop.post("/v1/reports", json={"refund_id": f"r{number}", "image": refund["images"][0]["id"]})

    assert [report(number, _picture(1, number)).status_code for number in (1, 2, 3)] == [201] * 3
    refused = report(4, _picture(1, 4))
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_variants")
    assert refused.headers["Retry-After"]
    assert report(5, _picture(1, 3)).status_code == 201, "the very same photo in another refund"
    assert report(6, _picture(2)).status_code == 201, "another picture"
    moving_clock.forward(days=1, minutes=1)
    deadline = rfc3339(moving_clock() + timedelta(days=1))
    again = shop.put(
        "/v1/refunds/r7", json=story.refund(_picture(1, 4).data) | {"deadline_at": deadline}
    ).json()
    asked = {"refund_id": "r7", "image": again["images"][0]["id"]}
    assert shop.post("/v1/reports", json=asked).status_code == 201, "the next day"


def test_the_stream_of_events_has_tenths_for_whoever_is_no_judge() -> None:
    payload = {"type": "detection.completed", "data": {"probability": 0.9731, "verdict": "fake"}}
    event = OutboxEvent(
        id="evt_1", type="detection.completed", payload=json.dumps(payload, separators=(",", ":"))
    )
    merchant, judge = (
        Principal("tnt_default", "key_1", role, "somebody") for role in (Role.MERCHANT, Role.ADJUDICATOR)
    )
    assert json.loads(told(event, merchant))["data"] == {"probability": 1.0, "verdict": "fake"}
    assert told(event, judge) == event.payload
