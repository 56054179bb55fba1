"""Packs over HTTP: what is in them, for whom, and that they check out from the command line."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from refundlens.model.detect import Detector
from refundlens.serving.cli.main import app as cli
from refundlens.serving.evidence import pack
from refundlens.serving.evidence.pack import KEYS_PATH, split
from refundlens.serving.evidence.signature import read_keys
from refundlens.serving.evidence.verify import open_pack
from refundlens.serving.storage.tables import Image, Report

pytestmark = pytest.mark.slow


def _run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit status and findings by check."""
    result = CliRunner().invoke(cli, ["verify", *arguments, "--json"])
    said = json.loads(result.stdout) if result.stdout else {"checks": []}
    return result.exit_code, {one["check"]: one["state"] for one in said["checks"]}


@pytest.fixture
def key_file(case: Any, tmp_path: Path) -> str:
    """As somebody fetched it from where it is published, without a key of the API."""
    answer = case.as_caller("nobody").get(KEYS_PATH)
    assert answer.status_code == 200
    path = tmp_path / "keys.json"
    path.write_bytes(answer.content)
    return str(path)


def test_a_report_with_its_photo_is_judged_again_from_the_pack_alone(
    case: Any, tmp_path: Path, bundle: Path, key_file: str
) -> None:
    path = tmp_path / "pack.json"
    path.write_bytes(case.pack("?photo=include&names=include"))
    status, states = _run(str(path), "--key", key_file, "--model", str(bundle))
    assert status == 0
    assert set(states.values()) == {"ok"}
    assert {"signature", "photo", "audit", "numbers", "heatmap numbers", "calibration"} <= set(states)


def test_the_pdf_carries_the_same_pack(case: Any, tmp_path: Path, bundle: Path, key_file: str) -> None:
    path, photo = tmp_path / "pack.pdf", tmp_path / "a.jpg"
    path.write_bytes(case.pdf())
    photo.write_bytes(case.photo)
    status, states = _run(str(path), "--key", key_file, "--photo", str(photo), "--model", str(bundle))
    assert status == 0
    assert (states["pages"], states["numbers"]) == ("ok", "ok")
    attached, given = open_pack(path.read_bytes()).evidence, split(case.pack())[0]
    assert attached == given  # the clock of the test stands still


def test_without_a_key_nobody_knows_who_signed(case: Any, tmp_path: Path) -> None:
    path = tmp_path / "pack.json"
    path.write_bytes(case.pack())
    status, states = _run(str(path))
    assert (status, states["signature"]) == (0, "note")
    told = CliRunner().invoke(cli, ["verify", str(path)]).stdout
    assert "who issued it is not shown" in " ".join(told.split())


def test_another_photo_and_another_model_are_told(
    case: Any, tmp_path: Path, bundle: Path, key_file: str
) -> None:
    path, photo = tmp_path / "pack.json", tmp_path / "other.jpg"
    path.write_bytes(case.pack())
    photo.write_bytes(case.photo + b"\0")
    status, states = _run(str(path), "--key", key_file, "--photo", str(photo))
    assert (status, states["photo"]) == (1, "failed")
    photo.write_bytes(case.photo)
    status, states = _run(str(path), "--key", key_file, "--photo", str(photo))  # with the bundled model
    assert (status, states["numbers"]) == (0, "open")


def test_what_is_no_pack_is_told_in_a_sentence(tmp_path: Path) -> None:
    for content in (b"", b"{}", b"%PDF-1.7\nnothing", b'{"evidence":[],"signature":{}}'):
        path = tmp_path / "file"
        path.write_bytes(content)
        result = CliRunner().invoke(cli, ["verify", str(path)])
        assert (result.exit_code, result.stdout) == (1, "")
        assert "refundlens:" in result.stderr


def test_the_pack_says_what_was_found_and_by_what(case: Any, detector: Detector) -> None:
    evidence, document, signature = split(case.pack())
    assert document["detection"]["verdict"] == "fake"
    assert document["photo"]["sha256"] == hashlib.sha256(case.photo).hexdigest()
    assert document["photo"]["base64"] is None
    assert document["report"]["state"] == "established"
    assert document["report"]["decided_by"] == "detector"
    assert document["asked"] == {"claim": "hole", "claim_known": True}
    assert document["second_look"]["made"]
    assert detector.calibration is not None
    facts = document["model"]["calibration"]
    assert facts["condition"]["bound"] == document["detection"]["false_accusation_bound"]
    assert facts["confidence"] == detector.calibration.confidence
    assert [one["row"]["action"] for one in document["audit"]["rows"]] == [
        "report.submit",
        "report.screened_fake",
    ]
    assert [one["actor_withheld"] for one in document["audit"]["rows"]] == [True, False]
    assert b"shop-1" not in evidence  # whoever clicked is not named
    cells = pack.decode(base64.b64decode(document["heatmap"]["base64"]))
    assert np.abs(cells - detector.detect(case.photo).heatmap).max() <= 1 / pack.STEPS
    assert case.key.fits(base64.urlsafe_b64decode(signature["value"] + "=="), evidence)


def test_the_published_key_is_one_for_every_tool(case: Any) -> None:
    said = case.get(KEYS_PATH).json()
    (pem,) = said["pem"].values()
    assert read_keys(json.dumps(said)) == read_keys(pem) == {case.key.id: case.key}
    assert said["keys"][0]["kid"] == case.key.id


def test_merchants_get_packs_of_their_own_shop_alone(case: Any) -> None:
    for path in (f"/v1/reports/{case.report_id}", f"/v1/detections/{case.detection_id}"):
        for form in ("json", "pdf"):
            assert case.get(f"{path}/evidence.{form}", "shop-2").status_code == 404
            assert case.get(f"{path}/evidence.{form}", "nobody").status_code == 401
    assert case.get(f"/v1/reports/{case.report_id}/evidence.json", "eve").status_code == 403


def test_engineers_get_the_detection_without_its_report(case: Any) -> None:
    path = f"/v1/detections/{case.detection_id}/evidence.json"
    for_engineer = split(case.get(path, "eve").content)[1]
    assert (for_engineer["report"], for_engineer["audit"]) == (None, None)
    for_merchant = split(case.get(path, "shop-1").content)[1]
    assert for_merchant["report"]["id"] == case.report_id


def test_names_are_given_to_those_who_may_see_them(case: Any) -> None:
    def actors(caller: str) -> list[str | None]:
        rows = split(case.pack("?names=include", caller))[1]["audit"]["rows"]
        return [one["row"]["actor"] for one in rows]

    assert actors("shop-1") == ["shop-1", "detector"]  # its own
    assert actors("ann") == ["shop-1", "detector"]
    assert split(case.pack("", "ann"))[1]["audit"]["rows"][0]["row"]["actor"] is None


def test_a_photo_sent_to_be_judged_is_not_in_its_pack(
    case: Any, tmp_path: Path, bundle: Path, key_file: str
) -> None:
    """And is still judged again, whatever was claimed, by who has the file."""
    answer = case.as_caller("shop-1").post(
        "/v1/detect?claim=hole", content=case.photo, headers={"Content-Type": "image/jpeg"}
    )
    assert answer.status_code == 200, answer.text
    identifier = answer.json()["detections"][0]["id"]
    got = case.get(f"/v1/detections/{identifier}/evidence.json?photo=include")
    document = split(got.content)[1]
    assert (document["photo"]["state"], document["photo"]["base64"]) == ("not_kept", None)
    pdf, photo = tmp_path / "pack.pdf", tmp_path / "a.jpg"
    pdf.write_bytes(case.get(f"/v1/detections/{identifier}/evidence.pdf").content)
    photo.write_bytes(case.photo)
    status, states = _run(str(pdf), "--key", key_file, "--photo", str(photo), "--model", str(bundle))
    assert (status, states["numbers"], states["audit"]) == (0, "ok", "open")
    assert case.get(f"/v1/detections/{identifier}/evidence.pdf", "shop-2").status_code == 404


def test_an_erased_photo_leaves_its_hash(case: Any) -> None:
    state = case.app.state
    with state.database.transaction() as session:
        report = session.get_one(Report, case.report_id)
        image = session.get_one(Image, report.image_id)
        assert state.files.erase(image.sha256)
    document = split(case.pack("?photo=include"))[1]
    assert (document["photo"]["state"], document["photo"]["base64"]) == ("erased", None)
    assert open_pack(case.pdf()).document["photo"]["sha256"] == hashlib.sha256(case.photo).hexdigest()
