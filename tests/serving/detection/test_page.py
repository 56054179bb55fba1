"""The page: both languages, with and without its script, samples judged by the real service, nothing from elsewhere."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.model.photo import decode
from refundlens.serving.app import create_app
from refundlens.serving.demo.samples import SAMPLES
from refundlens.serving.identity.keys import demo_key
from refundlens.serving.kit.language import texts
from refundlens.serving.settings import Settings

pytestmark = pytest.mark.slow

Photo = Callable[..., bytes]


@pytest.fixture(scope="module")
def visitor(
    bundle: Path, detector: Detector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    """A browser without a key, on a demo service."""
    settings = Settings(bundle=bundle, data_dir=tmp_path_factory.mktemp("var"), workers=2)
    with TestClient(create_app(settings, detector), raise_server_exceptions=False) as client:
        yield client


def test_shows_every_sample_with_its_button(visitor: TestClient) -> None:
    response = visitor.get("/")
    assert response.status_code == 200 and "text/html" in response.headers["content-type"]
    assert response.text.count("Report fake image") == len(SAMPLES)
    for sample in SAMPLES:
        assert f"/samples/{sample.slug}/check" in response.text
        assert texts("samples", "en")[sample.slug]["claim"] in response.text


def test_loads_nothing_from_elsewhere(visitor: TestClient) -> None:
    response = visitor.get("/")
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert not re.search(r"""(src|href|action)=["']?(https?:)?//""", response.text)
    assert not re.search(r"<script>|style=|onclick=", response.text), "the policy would block it"
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', response.text):
        if path.startswith("/static/"):
            assert visitor.get(path).status_code == 200, path


def test_language_follows_the_browser_and_the_switch(visitor: TestClient) -> None:
    assert "举报假图" in visitor.get("/", headers={"Accept-Language": "zh-CN"}).text
    assert 'lang="zh-CN"' in visitor.get("/?lang=zh").text
    assert "举报假图" in visitor.get("/", headers={"Accept-Language": "en"}).text, "the choice is remembered"
    assert "Report fake image" in visitor.get("/?lang=en").text


def test_a_sample_is_judged_by_the_detector(visitor: TestClient, detector: Detector) -> None:
    visitor.get("/?lang=en")
    sample = SAMPLES[0]
    picture = visitor.get(f"/samples/{sample.slug}.jpg")
    assert picture.headers["content-type"] == "image/jpeg"
    expected = detector.detect(picture.content, sample.defect)
    whole = visitor.post(f"/samples/{sample.slug}/check")
    assert whole.status_code == 200 and "<!doctype html>" in whole.text
    verdicts = {
        "fake": "This photo is fake",
        "authentic": "No manipulation found",
        "inconclusive": "Not certain",
    }
    assert f'class="result {expected.verdict}"' in whole.text and verdicts[expected.verdict] in whole.text
    assert f'value="{round(expected.probability, 1)}"' in whole.text, "visitors get tenths"
    assert "This result is not stored" in whole.text and "/v1/detections/" not in whole.text


def test_an_upload_shows_the_verdict_with_the_heat_map(visitor: TestClient, photo: Photo) -> None:
    visitor.get("/?lang=en")
    files = {"image": ("a.jpg", photo(red=True), "image/jpeg")}
    response = visitor.post("/check", files=files, data={"claim": "hole"}, headers={"X-Fragment": "1"})
    assert response.status_code == 200 and response.text.lstrip().startswith("<section")
    assert "data:image/jpeg;base64," in response.text and "data:image/png;base64," in response.text
    assert 'viewBox="0 0 320 240"' in response.text and '<rect class="region"' in response.text
    assert '<rect class="defect"' in response.text and "hole:" in response.text


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("Heat map", "Reliability", "Blue: the heat map")), ("zh", ("热力图", "可靠性", "蓝色："))],
)
def test_a_switch_without_script_shows_where_the_heat_map_is_to_be_trusted(
    visitor: TestClient, photo: Photo, language: str, words: tuple[str, ...]
) -> None:
    visitor.get(f"/?lang={language}")
    text = visitor.post("/check?keep=1", files={"image": ("a.jpg", photo(red=True), "image/jpeg")}).text
    assert all(word in text for word in words)
    assert len(re.findall(r'type="radio" name="layer-det_\w+"', text)) == 2 and 'class="heat doubt"' in text
    style = visitor.get("/static/page.css").text
    assert ".show-doubt:checked ~ svg .doubt { display: inline; }" in style
    address = re.search(r"/v1/detections/det_\w+/reliability", text)
    assert address and visitor.get(address[0]).headers["content-type"] == "image/png"


@pytest.mark.parametrize(("data", "status"), [(b"%PDF-1.7", 422), (b"", 422)])
def test_a_bad_photo_is_told_on_the_page(visitor: TestClient, data: bytes, status: int) -> None:
    visitor.get("/?lang=en")
    response = visitor.post("/check", files={"image": ("a.jpg", data)})
    assert response.status_code == status and "could not be judged" in response.text
    assert "<!doctype html>" in response.text


def test_every_fault_of_a_picture_has_words_in_both_languages(visitor: TestClient) -> None:
    codes = {"internal", "deadline", "overloaded", "too_large", "unauthorized", "invalid_request"}
    for path in Path(decode.__file__).parents[1].rglob("*.py"):
        codes |= set(re.findall(r'ImageError\(\s*"(\w+)"', path.read_text("utf-8")))
    assert "truncated_image" in codes
    assert not {f"error_{code}" for code in codes} - set(texts("page", "zh"))
    visitor.get("/?lang=zh")
    answer = visitor.post("/check", files={"image": ("a.jpg", b"")})
    assert answer.status_code == 422 and "文件是空的" in answer.text


def test_a_demo_key_cut_off_at_birth_is_made_anew(settings: Settings) -> None:
    shown = settings.model_copy(update={"demo": True})
    settings.data_dir.mkdir()
    (settings.data_dir / "demo.key").touch()
    key = demo_key(shown)
    assert key and key.startswith("rl_demo_") and demo_key(shown) == key


def test_the_session_is_for_the_page_alone(visitor: TestClient, photo: Photo) -> None:
    visitor.get("/")
    files = {"image": ("a.jpg", photo())}
    assert visitor.post("/check", files=files, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert (
        visitor.post("/v1/detect", files=files, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    )
    assert (
        visitor.post("/v1/detect", files=files, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
    )
    for origin, status in (("http://testserver", 200), ("http://evil.example", 403), ("null", 403)):
        # plain http beyond this machine: browsers send no Sec-Fetch-Site there
        assert visitor.post("/check", files=files, headers={"Origin": origin}).status_code == status, origin
    assert TestClient(visitor.app).post("/check", files=files).status_code == 401, "no visit, no session"


def test_a_sample_that_does_not_exist_is_not_found(visitor: TestClient) -> None:
    assert visitor.get("/samples/none.jpg").status_code == 404
    assert visitor.get("/samples/..%2f..%2fdemo.key.jpg").status_code == 404


def test_text_from_outside_is_escaped(visitor: TestClient, photo: Photo) -> None:
    visitor.get("/?lang=en")
    files = [("image", ("a.jpg", photo())), ("reference", ("<b>x</b>.jpg", photo()))]
    text = visitor.post("/check", files=files).text
    assert "&lt;b&gt;x&lt;/b&gt;.jpg" in text and "<b>x" not in text


def test_without_the_demo_the_quick_check_is_behind_the_login(settings: Settings, detector: Detector) -> None:
    """`settings` are of a service whose demo is off."""
    with TestClient(create_app(settings, detector), follow_redirects=False) as browser:
        front = browser.get("/")
        assert (front.status_code, front.headers["location"]) == (303, "/login?next=/")
        assert browser.post("/login", data={"key": "test-key", "next": "/"}).status_code == 303
        page = browser.get("/")
        assert page.status_code == 200
        assert "/samples/" not in page.text
        assert browser.get(f"/samples/{SAMPLES[0].slug}.jpg").status_code == 404
    assert not (settings.data_dir / "demo.key").exists()
