"""Whatever is changed in a pack is found: any byte by the signature, what a signer could have changed by the rest."""

import base64
import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refundlens.model.detect import Detector
from refundlens.serving.evidence.numbers import judge_again
from refundlens.serving.evidence.pack import PackError, canonical_json, join, split
from refundlens.serving.evidence.signature import PublicKey, Signer, WrongKey, bytes64, read_keys, text64
from refundlens.serving.evidence.verify import Finding, failed, open_pack, photo_of, verify
from refundlens.serving.storage.secret import Secret

pytestmark = pytest.mark.slow

FIXTURES = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
Edit = Callable[[dict[str, Any]], None]


def _refused(file: bytes, keys: dict[str, PublicKey] | None) -> bool:
    """Whether a file is no pack, or one that fails."""
    try:
        return failed(verify(open_pack(file), keys, None))
    except PackError:
        return True


@pytest.fixture
def signed(case: Any) -> tuple[bytes, bytes, dict[str, PublicKey]]:
    """A pack as JSON and as PDF, and the issuer's keys."""
    pack, pdf = case.pack("?photo=include"), case.pdf()
    keys = {case.key.id: case.key}
    assert not _refused(pack, keys) and not _refused(pdf, keys)
    return pack, pdf, keys


def test_any_changed_byte_is_found(signed: tuple[bytes, bytes, dict[str, PublicKey]]) -> None:
    @FIXTURES
    @given(
        is_pdf=st.booleans(),
        where=st.floats(0, 1, exclude_max=True),
        change=st.integers(1, 255),
        own=st.booleans(),
    )
    def check(is_pdf: bool, where: float, change: int, own: bool) -> None:
        file = bytearray(signed[1] if is_pdf else signed[0])
        file[int(where * len(file))] ^= change
        assert _refused(bytes(file), None if own else signed[2])

    check()


def test_a_byte_more_or_less_is_found(signed: tuple[bytes, bytes, dict[str, PublicKey]]) -> None:
    for file in signed[:2]:
        for number in range(60):
            place = random.Random(number).randrange(len(file) + 1)
            near_end = max(0, len(file) - 3 * number)  # where the signatures are
            for cut in (place, near_end):
                assert _refused(file[:cut] + b" " + file[cut:], signed[2])
                assert _refused(file[:cut] + file[cut + 1 :], signed[2]) or cut == len(file)
        assert _refused(file[: len(file) // 2], signed[2])


@FIXTURES
@given(data=st.data())
def test_any_changed_value_is_found(case: Any, data: st.DataObject) -> None:
    """Written again as a pack should be, with the old signature."""
    _, document, signature = split(case.pack())
    parent, name = data.draw(st.sampled_from(list(_leaves(document))))
    old = parent[name]
    changed = data.draw(
        st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=9))
    )
    parent[name] = changed
    if json.dumps(changed) != json.dumps(old):
        assert _refused(join(canonical_json(document), signature), {case.key.id: case.key})


def test_another_signer_is_found_with_the_issuers_key_alone(case: Any) -> None:
    evidence = split(case.pack())[0]
    forged = join(evidence, Signer(Secret(b"another" * 8)).seal(evidence))
    assert _refused(forged, {case.key.id: case.key})
    (signature,) = [one for one in verify(open_pack(forged), None, None) if one.check == "signature"]
    assert signature.state == "note"
    assert "NOT show who" in signature.detail


def _verdict(document: dict[str, Any]) -> None:
    document["detection"]["probability"] -= 0.01
    document["detection"]["kind"]["authentic"] += 0.01
    document["detection"]["kind"]["ai_edited"] -= 0.01


def _heat(document: dict[str, Any]) -> None:
    document["heatmap"]["base64"] = base64.b64encode(b"another picture").decode()


def _row(document: dict[str, Any]) -> None:
    document["audit"]["rows"][1]["row"]["data"]["probability"] = 0.5


def _link(document: dict[str, Any]) -> None:
    document["audit"]["rows"][0]["hash"] = "0" * 64  # names a person who is withheld, so only the link tells


def _order(document: dict[str, Any]) -> None:
    document["audit"]["rows"].reverse()


def _head(document: dict[str, Any]) -> None:
    document["audit"]["head"]["seq"] = 1


def _state(document: dict[str, Any]) -> None:
    document["report"]["state"] = "final_established"


def _photo(document: dict[str, Any]) -> None:
    document["photo"]["sha256"] = hashlib.sha256(b"another photo").hexdigest()


def _threshold(document: dict[str, Any]) -> None:
    document["model"]["calibration"]["threshold"] -= 0.01


def _bound(document: dict[str, Any]) -> None:
    document["detection"]["false_accusation_bound"] = None


def _box(document: dict[str, Any]) -> None:
    document["detection"]["regions"][0]["box"][0] += 1


def _shape(document: dict[str, Any]) -> None:
    document["audit"]["rows"] = "none"


def test_other_numbers_of_another_version_name_it_and_still_fail(case: Any, detector: Detector) -> None:
    document = split(case.pack())[1]
    assert all(one.state == "ok" for one in judge_again(document, case.photo, detector))
    document["issuer"]["software"]["refundlens"] = "0.0.1"
    assert all(one.state == "ok" for one in judge_again(document, case.photo, detector))
    document["detection"]["probability"] += 0.1
    (numbers,) = [one for one in judge_again(document, case.photo, detector) if one.check == "numbers"]
    assert numbers.state == "failed" and "Version 0.0.1 of refundlens judged" in numbers.detail


@pytest.mark.parametrize(
    ("edit", "check"),
    [
        (_verdict, "numbers"), (_heat, "heatmap"), (_row, "audit"), (_link, "audit"), (_order, "audit"),
        (_head, "audit"), (_state, "audit"), (_photo, "photo"), (_threshold, "calibration"), (_bound, "detection"),
        (_box, "numbers"), (_shape, "audit"),
    ],
)  # fmt: skip
def test_what_the_issuer_itself_changed_is_found(
    case: Any, detector: Detector, edit: Edit, check: str
) -> None:
    """With a right signature over wrong facts."""
    document = split(case.pack())[1]
    edit(document)
    evidence = canonical_json(document)
    opened = open_pack(join(evidence, Signer(case.app.state.secret).seal(evidence)))
    found = verify(opened, {case.key.id: case.key}, case.photo)
    if not failed(found):
        found += judge_again(opened.document, photo_of(opened.document, case.photo), detector)
    assert _states(found)["signature"] == "ok"
    assert _states(found)[check] == "failed"


@given(st.binary(max_size=80))
def test_base64_of_a_key_has_one_spelling(content: bytes) -> None:
    text = text64(content)
    assert bytes64(text) == content
    for wrong in (text + "=", text + "\n", text[:-1] + "!"):
        with pytest.raises(WrongKey):
            bytes64(wrong)


@given(st.text(max_size=200))
def test_what_is_no_key_is_told(text: str) -> None:
    with pytest.raises(WrongKey):
        read_keys(text)


def _leaves(value: Any) -> Any:
    """(parent, name or index) of everything that is neither object nor array."""
    names = value.keys() if isinstance(value, dict) else range(len(value))
    for name in names:
        if isinstance(value[name], dict | list):
            yield from _leaves(value[name])
        else:
            yield value, name


def _states(findings: list[Finding]) -> dict[str, str]:
    return {finding.check: finding.state for finding in findings}
