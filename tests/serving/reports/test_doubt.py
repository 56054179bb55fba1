"""What a person looks at first: photos with evidence that their probability does not count."""

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from refundlens.model.detect import Detector
from refundlens.model.detection import Reason
from refundlens.model.texts.reader import LANGUAGES
from refundlens.model.verdict.selection import with_reasons
from refundlens.serving.kit.language import texts
from refundlens.serving.reports.doubt import EVIDENCE, MOST, doubt_of, evidence_told
from tests.support.desk import Desk


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("pixel.copied_part", "copied_part"),
        ("metadata.generator_name", "declared_ai"),
        ("metadata.c2pa_invalid", "broken_seal"),
        ("policy.signed_camera", "signed_camera"),
        ("policy.unstable", "unstable"),
        ("reference.same_picture", "same_shot"),
        ("metadata.camera", None),
        ("pixel.local_regeneration", None),
    ],
)
def test_evidence_beside_the_probability_is_as_doubtful_as_can_be(
    detector: Detector, photo: Callable[..., bytes], code: str, name: str | None
) -> None:
    plain = detector.detect(photo("GIF"))
    found = with_reasons(plain, [Reason(code=code, basis="derived", text="-")])
    told = [{**one.model_dump(), "details": one.details} for one in [*found.reasons, *found.details.reasons]]
    body = {"reasons": told, "probability": found.probability}
    assert doubt_of(plain, False) == 1 - abs(2 * plain.probability - 1) < MOST
    assert doubt_of(found, False) == (MOST if name else doubt_of(plain, False))
    assert evidence_told(body, doubt_of(found, False)) == ([name] if name else [])
    assert doubt_of(plain, True) == MOST


def test_every_evidence_has_a_word() -> None:
    for language in LANGUAGES:
        assert set(texts("queue", language)["evidence"]) == set(EVIDENCE)


@pytest.mark.slow
def test_a_picture_of_another_claim_comes_first_and_the_queue_says_so(
    live: Any, story: ModuleType, photo: Callable[..., bytes]
) -> None:
    shop = story.Caller(live.base, live.key("shop-1"))
    twice, once = photo("GIF", size=(320, 260)), photo("GIF", red=True, size=(300, 300))
    reports = {}
    for number, content in (("first", twice), ("again", twice), ("alone", once)):
        image = shop.put(f"/v1/refunds/{number}", story.refund(content))["images"][0]["id"]
        asked = {"refund_id": number, "image": image}
        reports[number] = shop.post("/v1/reports", asked, Prefer="wait=20")["id"]
    page = Desk(live.app, "ann", "zh").get("/queue?sort=doubt").text
    rows = re.findall(r'<h2><a id="(\w+)".*?</li>', page, re.DOTALL)
    assert rows[0] == reports["again"]
    shown = dict(re.findall(r'<h2><a id="(\w+)"(.*?)</li>', page, re.DOTALL))
    word = texts("queue", "zh")["evidence"]["reused"]
    assert word in shown[reports["again"]] and word not in shown[reports["first"]] + shown[reports["alone"]]
    assert "<meter" not in shown[reports["again"]] and "<meter" in shown[reports["alone"]]
