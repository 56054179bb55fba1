"""The table of file and pixels: metadata alone accuses nobody; a trusted signature does; the docstring is the table."""

from typing import get_args

import pytest

from refundlens.model.detection import Reason
from refundlens.model.names import Verdict
from refundlens.model.photo.image import read_photo
from refundlens.model.photo.provenance import read_provenance
from refundlens.model.verdict import policy
from refundlens.model.verdict.policy import TABLE, evidence_of, rule
from tests.model.photo import build


def _said(code: str, **details: object) -> Reason:
    return Reason(code=code, basis="declared", text="", details=details)


def test_every_verdict_of_the_pixels_has_a_cell() -> None:
    assert all(set(row) == set(get_args(Verdict)) for row in TABLE.values())


def test_only_a_trusted_signature_makes_fake() -> None:
    accusing = {
        row
        for row, cells in TABLE.items()
        for pixels, verdict in cells.items()
        if verdict == "fake" != pixels
    }
    assert accusing == {"signed_ai"}


def test_no_row_clears_what_the_pixels_do_not() -> None:
    assert all(
        cells[pixels] != "authentic" for cells in TABLE.values() for pixels in ("fake", "inconclusive")
    )


def test_the_docstring_is_the_table() -> None:
    lines = [line for line in (policy.__doc__ or "").splitlines() if line.startswith("| ")][2:]
    told = {}
    for line in lines:
        _, _, code, *cells, _ = (cell.strip() for cell in line.split("|"))
        told[code] = dict(zip(("fake", "inconclusive", "authentic"), cells, strict=True))
    assert told == TABLE


@pytest.mark.parametrize(
    ("reason", "evidence"),
    [
        (_said("metadata.c2pa_source", **{"class": "generated"}), "signed_ai"),
        (_said("metadata.c2pa_source", **{"class": "edited"}), "declared_ai"),
        (_said("metadata.c2pa_source", **{"class": "camera"}), "signed_camera"),
        (_said("metadata.c2pa_source", **{"class": "other"}), "nothing"),
        (_said("metadata.digital_source_type", **{"class": "generated"}), "declared_ai"),
        (_said("metadata.digital_source_type", **{"class": "camera"}), "nothing"),
        (_said("metadata.aigc_label"), "declared_ai"), (_said("metadata.generator_parameters"), "declared_ai"),
        (_said("metadata.generative_edit"), "declared_ai"), (_said("metadata.c2pa_invalid"), "broken_seal"),
        (_said("pixel.copied_part"), "copied_part"), (_said("pixel.no_trace"), "nothing"),
        (_said("metadata.editing_software"), "nothing"), (_said("metadata.thumbnail_mismatch"), "nothing"),
        (_said("metadata.camera"), "nothing"), (_said("metadata.c2pa_valid"), "nothing"),
    ],
)  # fmt: skip
def test_evidence(reason: Reason, evidence: str) -> None:
    assert evidence_of([_said("metadata.camera"), reason]) == evidence


def test_the_strongest_row_counts() -> None:
    label, seal = _said("metadata.aigc_label"), _said("metadata.c2pa_invalid")
    signed = _said("metadata.c2pa_source", **{"class": "generated"})
    assert evidence_of([seal, label]) == "declared_ai"
    assert evidence_of([seal, label, signed]) == "signed_ai"
    camera, copied = _said("metadata.c2pa_source", **{"class": "camera"}), _said("pixel.copied_part")
    assert evidence_of([copied, camera]) == "signed_camera", (
        "equal parts are no sign against a camera's signature"
    )


@pytest.mark.parametrize(
    ("trust", "verdict"), [(True, "fake"), (False, "inconclusive")], ids=["trusted signer", "unknown signer"]
)
def test_a_really_signed_file(trust: bool, verdict: str) -> None:
    photo = read_photo(build.signed(build.saved("JPEG"), "image/jpeg"))
    ruling = rule("authentic", read_provenance(photo, trust_list=build.trust_list() if trust else ""))
    assert (ruling.verdict, ruling.changed) == (verdict, True)


def test_a_really_signed_camera_photo_goes_to_a_person_instead_of_being_accused() -> None:
    photo = read_photo(build.signed(build.saved("JPEG"), "image/jpeg", "computationalCapture"))
    said = read_provenance(photo, trust_list=build.trust_list())
    assert rule("fake", said).verdict == "inconclusive"
    assert rule("authentic", said).verdict == "authentic"
