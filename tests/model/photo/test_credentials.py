"""Content Credentials signed by the real library are verified by ours; damaged, foreign, remote ones are told apart."""

import pytest

from refundlens.model.photo import credentials
from refundlens.model.photo.cbor import cbor_texts
from refundlens.model.photo.credentials import Credentials, read_credentials
from refundlens.model.photo.image import read_photo
from refundlens.model.photo.metadata import read_metadata
from refundlens.model.photo.provenance import read_provenance
from tests.model.photo import build

_MIMES = {
    "JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif", "TIFF": "image/tiff",
    "HEIC": "image/heic", "AVIF": "image/avif",
}  # fmt: skip


def _read(data: bytes, trust_list: str = "") -> Credentials:
    photo = read_photo(data)
    metadata = read_metadata(photo)
    found = read_credentials(data, photo.format, metadata.c2pa, metadata.xmp, trust_list)
    assert found is not None
    return found


@pytest.mark.parametrize("fmt", _MIMES)
@pytest.mark.slow
def test_a_signed_file_of_each_format(fmt: str) -> None:
    data = build.signed(build.saved(fmt), _MIMES[fmt])
    assert _read(data).state == "valid"
    found = _read(data, build.trust_list())
    assert (found.state, found.signers, found.generator) == (
        "trusted",
        ("Example AI Inc",),
        "Example Generator",
    )
    assert found.source_types == (build.SOURCE + "trainedAlgorithmicMedia",)
    assert (found.actions, found.agents, found.faults) == (("c2pa.created",), ("Example Model",), ())


def test_a_signers_own_certificate_on_the_trust_list_proves_nothing() -> None:
    data = build.signed(build.saved("JPEG"), "image/jpeg")
    for signer in ("Example AI Inc", "Somebody else"):
        assert _read(data, build.pem(build.leaf(signer)[0])).state == "valid"
    both = build.pem(build.leaf()[0]) + build.trust_list()
    assert _read(data, both).state == "trusted"


def test_a_changed_picture_breaks_its_seal() -> None:
    data = bytearray(build.signed(build.saved("PNG"), "image/png"))
    at = data.rindex(b"IDAT") + 30
    data[at : at + 1] = bytes((data[at] ^ 1,))
    metadata = read_metadata(read_photo(build.signed(build.saved("PNG"), "image/png")))
    found = read_credentials(bytes(data), "png", metadata.c2pa, metadata.xmp, build.trust_list())
    assert found is not None
    assert found.state == "invalid"
    assert any(code.startswith("assertion.dataHash") for code in found.faults)


def test_a_changed_statement_breaks_its_seal() -> None:
    data = build.signed(build.saved("JPEG"), "image/jpeg", code="trainedAlgorithmicMedia")
    forged = data.replace(b"trainedAlgorithmicMedia", b"computationalCapturexxx")
    assert _read(forged, build.trust_list()).state == "invalid"


def test_credentials_moved_to_another_picture() -> None:
    signed = build.signed(build.saved("JPEG"), "image/jpeg", code="digitalCapture")
    store = read_metadata(read_photo(signed)).c2pa
    assert _read(build.with_segments(*build.in_app11(store)), build.trust_list()).state == "invalid"


@pytest.mark.parametrize(
    ("extra", "last"),
    [({"description": "made by an image model"}, False), ({"when": "2026"}, False), ({}, True)],
)
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("size", [60_000, 90])
def test_what_an_unsigned_store_says_is_read_exactly(
    extra: dict[str, object], last: bool, first: int, size: int
) -> None:
    action = {
        "action": "c2pa.created",
        "digitalSourceType": build.SOURCE + "trainedAlgorithmicMedia",
        **extra,
    }
    found = _read(build.with_segments(*build.in_app11(build.store(action), first, size)))
    assert found.state == "unreadable"
    assert found.source_types == (build.SOURCE + "trainedAlgorithmicMedia",)
    assert (found.generator, found.actions) == ("Example Camera", ("c2pa.created",))


def test_remote_credentials_are_named_and_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    packet = build.xmp("<dcterms:provenance>https://manifests.example/urn-1</dcterms:provenance>")
    data = build.with_segments((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
    assert _read(data) == Credentials("remote", remote="https://manifests.example/urn-1")


def test_without_the_library_credentials_are_named_and_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_verifier", lambda *_: None)
    found = _read(build.signed(build.saved("JPEG"), "image/jpeg"))
    assert found.state == "unchecked"
    assert found.generator == "Example Generator"
    assert found.source_types == (build.SOURCE + "trainedAlgorithmicMedia",)


def test_chance_bytes_are_no_credentials() -> None:
    photo = read_photo(build.with_segments((0xEB, b"JP\0\1\0\0\0\1" + b"jumb without the name")))
    metadata = read_metadata(photo)
    assert read_credentials(photo.data, "jpeg", metadata.c2pa, metadata.xmp) is None


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (build.cbor({"a": "b", "c": ["d", {"e": "f"}]}), [("a", "b"), ("c", "d"), ("e", "f")]),
        (b"\xbf\x61a\x61b\xff", [("a", "b")]), (b"\xa1\x61a\x7f\x61b\x61c\xff", [("a", "bc")]),
        (b"\xa1\x61a\xc0\x61b", [("a", "b")]), (b"\xa2\x61a\x61b\x61c\x79\xff\xff", [("a", "b")]),
        (b"\x9f" * 9999, []), (b"\x9b" + b"\xff" * 8, []), (b"", []), (b"\xa1" * 500, []),
    ],
)  # fmt: skip
def test_cbor_of_every_kind_and_none(item: bytes, said: list[tuple[str, str]]) -> None:
    assert list(cbor_texts(item)) == said


def test_a_signer_that_only_generates_is_named_and_marks_in_the_pixels_are_told() -> None:
    data = build.signed(build.saved("JPEG"), "image/jpeg", "digitalCreation", signer="Ideogram, Inc")
    codes = {reason.code for reason in read_provenance(read_photo(data))}
    assert "metadata.generator_name" in codes
    binding = build.superbox(
        b"cbor", "c2pa.soft-binding", build.box(b"cbor", build.cbor({"alg": "com.adobe.trustmark.P"}))
    )
    found = _read(build.png(None, (b"caBX", build.superbox(b"c2pa", "c2pa", binding))))
    assert found.marks == ("com.adobe.trustmark.P",)
