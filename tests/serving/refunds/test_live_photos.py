"""A live photo in one file is kept as it came, judged by its still and shown as a picture."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

pytestmark = pytest.mark.slow

MOVIE = b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(500)


@pytest.fixture
def live_photo(photo: Callable[..., bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("IMG_0001.HEIC.JPG", photo(red=True))
        archive.writestr("IMG_0001.MOV", MOVIE)
    return out.getvalue()


def test_it_is_judged_by_its_still(
    client: TestClient, photo: Callable[..., bytes], live_photo: bytes
) -> None:
    for named in ("IMG_0001.livp", "IMG_0001.jpg"):
        found = client.post("/v1/detect", files=[("image", (named, live_photo))]).json()["detections"][0]
        alone = client.post("/v1/detect", files=[("image", ("a.jpg", photo(red=True)))]).json()["detections"][
            0
        ]
        assert found["sha256"] == hashlib.sha256(live_photo).hexdigest()
        assert (found["verdict"], found["probability"]) == (alone["verdict"], alone["probability"])
        said = [one["code"] for one in (*found["reasons"], *found["details"]["reasons"])]
        assert "file.live_photo_still" in said


def test_a_refund_keeps_it_as_it_came(as_caller: Callable[[str], Any], live_photo: bytes) -> None:
    merchant = as_caller("shop-1")
    sent = {"name": "IMG_0001.livp", "data": base64.b64encode(live_photo).decode()}
    body = {
        "amount": {"value": 12800, "currency": "CNY"}, "buyer": "b", "claim": {"type": "hole", "text": "a hole"},
        "images": {"refund": [sent]},
    }  # fmt: skip
    answer = merchant.put("/v1/refunds/live-1", json=body)
    assert answer.is_success, answer.text
    [image] = answer.json()["images"]
    assert (image["width"], image["height"]) == (320, 240)
    got = merchant.get(f"/v1/images/{image['id']}")
    assert got.content == live_photo and got.headers["content-type"] == "application/zip"
    assert got.headers["x-content-type-options"] == "nosniff"
    body["images"]["refund"][0]["data"] = base64.b64encode(live_photo[:-9]).decode()  # type: ignore[index]
    refused = merchant.put("/v1/refunds/live-2", json=body)
    assert refused.status_code == 422 and "cut off" in refused.json()["detail"]
