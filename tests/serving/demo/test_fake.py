"""/fake says how well the running model does, from its own calibration, and lets in whom the quick check lets in."""

from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.demo.fake import PAINTED, worth_of
from refundlens.serving.http.pages import WEB
from refundlens.serving.kit.format import percent
from refundlens.serving.kit.language import texts
from tests.support.desk import Desk


def test_who_may_check_a_photo_may_fake_one(workflow_app: FastAPI) -> None:
    stranger = TestClient(workflow_app, follow_redirects=False)
    assert stranger.get("/fake").headers["location"] == "/login?next=/fake"
    for language in ("en", "zh"):
        page = Desk(workflow_app, "ann", language).get("/fake")
        assert page.status_code == 200 and texts("fake", language)["worth"] in page.text
        assert "default-src 'self'" in page.headers["content-security-policy"]


def test_the_script_paints_what_the_page_offers() -> None:
    script = (WEB / "static" / "fake.js").read_text(encoding="utf-8")
    assert all(f"    {kind}() {{" in script for kind in PAINTED)


def test_the_bounds_are_those_of_the_running_model(workflow_app: FastAPI, detector: Detector) -> None:
    page = Desk(workflow_app, "ann").get("/fake").text
    calibration = detector.calibration
    if calibration is None:
        assert texts("fake", "en")["not_calibrated"] in page
        return
    worth = worth_of(calibration)
    assert texts("fake", "en")["accused"].format(limit=worth.limit) in page


def test_the_best_and_the_worst_condition_are_told() -> None:
    bundled: Any = Detector(threads=1).calibration
    assert bundled is not None
    bounds = sorted(one.miss_bound for one in bundled.bins if one.miss_bound is not None)
    worth = worth_of(bundled)
    if not bounds:
        assert worth.missed is None
    else:
        assert worth.missed is not None and worth.missed[0] != "" and worth.limit.endswith("%")
    starts = [one.threshold for one in bundled.bins if one.threshold is not None]
    if starts:
        assert worth.fake_from is not None
        assert float(worth.fake_from[0].strip("<>% ")) <= 100 * min(starts) + 0.1
    assert worth.clear_below == percent(bundled.clear_below)
    nothing = bundled.model_copy(
        update={"bins": tuple(one.model_copy(update={"miss_bound": None}) for one in bundled.bins)}
    )
    assert worth_of(nothing).missed is None
