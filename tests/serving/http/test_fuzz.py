"""Whatever comes, the service answers: never with a fault of ours, never not at all.

A few dozen examples by default; REFUNDLENS_FUZZ=2000 looks harder.
"""

import base64
import json
import os
import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from refundlens.model.photo.image import ImageError, Limits, probe, read_photo
from refundlens.serving.app import create_app

pytestmark = pytest.mark.slow

Photo = Callable[..., bytes]
EXAMPLES = int(os.environ.get("REFUNDLENS_FUZZ", "25"))
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "HEIF", "AVIF")
SIZE = (48, 40)
hard = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="session")
def pictures(photo: Photo) -> list[bytes]:
    """A small picture in every format."""
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return [photo(form, SIZE) for form in FORMATS]


@st.composite
def damaged(draw: st.DrawFn) -> tuple[int, list[tuple[float, bytes, int]], float]:
    """Which picture, what is written over it where and how much of the old goes, and how much of it is left."""
    place = st.floats(0, 1, exclude_max=True)
    hurt = st.tuples(place, st.binary(max_size=8), st.integers(0, 8))
    return (
        draw(st.integers(0, len(FORMATS) - 1)),
        draw(st.lists(hurt, min_size=1, max_size=6)),
        draw(st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.05])),
    )


def _damage(pictures: list[bytes], harm: tuple[int, list[tuple[float, bytes, int]], float]) -> bytes:
    which, hurts, left = harm
    data = bytearray(pictures[which])
    for where, new, gone in hurts:
        at = int(where * len(data))
        data[at : at + gone] = new
    return bytes(data[: max(1, int(left * len(data)))])


@given(harm=damaged())
@hard
def test_a_damaged_picture_is_read_or_refused(
    pictures: list[bytes], harm: tuple[int, list[tuple[float, bytes, int]], float]
) -> None:
    data = _damage(pictures, harm)
    try:
        found, width, height = probe(data)
        photo = read_photo(data, Limits())
    except ImageError as error:
        assert error.code and error.message
    else:
        came, said = sorted(photo.pixels.shape[:2]), sorted((height, width))
        if found == "heic":  # its header gives the coded size, whole blocks, from which a crop is shown
            assert came[0] <= said[0] and came[1] <= said[1], "no more comes than the limits were checked on"
        else:
            assert came == said, "what the header says is what comes"


@given(data=st.binary(max_size=200))
@hard
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(ImageError):
        read_photo(data, Limits())


@pytest.fixture(scope="module")
def service(bundle, detector, tmp_path_factory) -> Iterator[TestClient]:  # type: ignore[no-untyped-def]
    """One service for all examples: what one leaves behind the next one meets."""
    from refundlens.serving.settings import Settings

    folder = tmp_path_factory.mktemp("fuzz")
    chosen = Settings(
        bundle=bundle,
        data_dir=folder,
        workers=1,
        api_keys="k",
        demo=True,
        max_request_bytes=1_000_000,
        rate_limit=0,
    )
    app = create_app(chosen, detector)
    app.state.samples.prepare = lambda: None  # drawing the samples is not what is tried here
    with TestClient(app, headers={"Authorization": "Bearer k"}, raise_server_exceptions=True) as client:
        yield client


def _answered(client: TestClient, path: str, body: bytes, headers: dict[str, str]) -> None:
    """An answer that is no fault of ours, and nothing left behind."""
    answer = client.post(path, content=body, headers=headers)
    late = (
        answer.status_code == 503 and answer.json()["code"] == "deadline"
    )  # some headers give a millisecond
    assert answer.status_code < 500 or late, answer.text
    if answer.status_code != 200:
        assert (
            answer.headers["content-type"] == "application/problem+json"
            and answer.json()["code"] != "internal"
        )
    else:
        assert b'"internal"' not in answer.content
    assert client.app.state.budgets.photos.total == 0  # type: ignore[attr-defined]


@given(harm=damaged(), kind=st.sampled_from(["image/jpeg", "image/x", "application/octet-stream"]))
@hard
def test_damaged_pictures_come_as_bodies(
    service: TestClient,
    pictures: list[bytes],
    harm: tuple[int, list[tuple[float, bytes, int]], float],
    kind: str,
) -> None:
    _answered(service, "/v1/detect", _damage(pictures, harm), {"Content-Type": kind})


text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)
piece = st.one_of(
    st.sampled_from(
        [
            b"--b\r\n", b"--b--\r\n", b"\r\n", b"\r\n\r\n", b"--b", b"x",
            b'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n',
            b'Content-Disposition: form-data; name="claim"\r\n\r\nhole',
            b'Content-Disposition: form-data; name="image"\r\n',
            b"Content-Transfer-Encoding: base64\r\n", b"Content-Type: image/jpeg\r\n", b"\xff\xd8\xff\xe0",
            b"Content-Disposition: form-data; name*=UTF-8''%ff; filename*=x'y'%00\r\n",
        ]
    ),
    st.binary(max_size=12),
    text.map(lambda name: f'Content-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'.encode()),
)  # fmt: skip


@given(
    pieces=st.lists(piece, max_size=12),
    boundary=st.sampled_from(["b", '"b"', "", "é", "b; charset=x", "=", "b" * 300]),
    path=st.sampled_from(["/v1/detect", "/check"]),
)
@hard
def test_any_form_is_answered(service: TestClient, pieces: list[bytes], boundary: str, path: str) -> None:
    kind = f"multipart/form-data; boundary={boundary}".encode("latin-1").decode("latin-1")
    headers = {"Content-Type": kind.encode("latin-1")}
    _answered_form(service, path, b"--b\r\n" + b"".join(pieces), headers)


def _answered_form(client: TestClient, path: str, body: bytes, headers: dict[str, bytes]) -> None:
    if path == "/v1/detect":
        _answered(client, path, body, headers)  # type: ignore[arg-type]
        return
    client.get("/")  # the page's session
    answer = client.post(path, content=body, headers={**headers, "Sec-Fetch-Site": "same-origin"})  # type: ignore[dict-item]
    assert answer.status_code < 500, answer.text


encoded = st.binary(max_size=9).map(base64.b64encode).map(bytes.decode)
keys = st.sampled_from(["data", "name", "x"])
value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text | encoded,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
detect_body = st.dictionaries(
    st.sampled_from(["image", "images", "claim", "reference", "references", "x"]), value, max_size=4
)
tensor = st.fixed_dictionaries(
    {"name": st.just("image"), "datatype": st.just("BYTES"), "shape": st.just([1]) | value},
    optional={"data": value, "parameters": st.dictionaries(st.just("binary_data_size"), value)},
)
infer_body = st.fixed_dictionaries(
    {"inputs": st.lists(tensor, min_size=1, max_size=2) | value},
    optional={"id": value, "outputs": value, "parameters": value},
)


@given(body=detect_body | value)
@hard
def test_any_json_is_answered(service: TestClient, body: object) -> None:
    _answered(service, "/v1/detect", json.dumps(body).encode(), {"Content-Type": "application/json"})


@given(body=st.binary(max_size=60), nest=st.integers(0, 20_000))
@hard
def test_anything_called_json_is_answered(service: TestClient, body: bytes, nest: int) -> None:
    _answered(service, "/v1/detect", b"[" * nest + body, {"Content-Type": "application/json; charset=utf-7"})


@given(
    body=infer_body | value,
    tail=st.binary(max_size=20) | st.binary(max_size=9).map(lambda data: struct.pack("<I", len(data)) + data),
    said=st.none() | st.integers(-1, 400).map(str) | st.sampled_from(["", "²", "1e3", "9" * 5000]),
)
@hard
def test_any_tensor_is_answered(service: TestClient, body: object, tail: bytes, said: str | None) -> None:
    head = json.dumps(body).encode()
    headers = {} if said is None else {"Inference-Header-Content-Length": said.encode()}
    path = "/v2/models/refundlens-tiny/infer"
    _answered(service, path, head + tail, headers)  # type: ignore[arg-type]
    exact = {"Inference-Header-Content-Length": str(len(head))}
    _answered(service, path, head + tail, exact)


header_names = ["X-Deadline-Ms", "Idempotency-Key", "Accept-Language", "Priority", "Cache-Control", "X-Request-Id",
    "traceparent", "Content-Length", "Authorization", "Cookie", "Content-Type", "Expect"]  # fmt: skip
header_value = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40
)


@given(headers=st.dictionaries(st.sampled_from(header_names), header_value.map(str.strip), max_size=4))
@hard
def test_any_header_is_answered(service: TestClient, pictures: list[bytes], headers: dict[str, str]) -> None:
    raw = {name: content.encode("latin-1") for name, content in headers.items()}
    _answered(service, "/v1/detect?claim=", pictures[0], {"Content-Type": b"image/jpeg", **raw})  # type: ignore[arg-type, dict-item]
