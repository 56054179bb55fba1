"""XMP is read as XML and RDF, however it is written; nothing hostile in it does harm."""

import time
from xml.parsers import expat

import pytest

from refundlens.model.photo.xmp import RDF, read_xmp
from tests.model.photo import build

_URL = build.SOURCE + "trainedAlgorithmicMedia"
_NAME = "Iptc4xmpExt:DigitalSourceType"


@pytest.mark.parametrize(
    "body",
    [
        f"<{_NAME}>{_URL}</{_NAME}>",
        f'<{_NAME} rdf:resource="{_URL}"/>',
        f"<{_NAME} rdf:parseType='Resource'><rdf:value>{_URL}</rdf:value></{_NAME}>",
        f"<{_NAME}><rdf:Description><rdf:value>{_URL}</rdf:value></rdf:Description></{_NAME}>",
        f"<{_NAME}><rdf:Bag><rdf:li>{_URL}</rdf:li></rdf:Bag></{_NAME}>",
        f"<{_NAME}><rdf:Seq><rdf:li rdf:resource='{_URL}'/></rdf:Seq></{_NAME}>",
        f"<{_NAME}><rdf:Alt><rdf:li xml:lang='x-default'>{_URL}</rdf:li></rdf:Alt></{_NAME}>",
        f"<{_NAME}>{_URL.replace('/', '&#47;')}</{_NAME}>",
        f"<{_NAME}><![CDATA[{_URL}]]></{_NAME}>",
        f"<{_NAME}>\n  {_URL}\n</{_NAME}>",
    ],
)
def test_every_way_to_write_a_value(body: str) -> None:
    xmp = read_xmp(build.xmp(body))
    assert (xmp.values("DigitalSourceType"), xmp.whole) == ([_URL], True)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_attributes_of_either_quotes(quote: str) -> None:
    packet = f"<rdf:RDF xmlns:rdf='{RDF}'><rdf:Description a:Label={quote}1{quote}/></rdf:RDF>"
    assert read_xmp(packet.encode()).values("Label") == ["1"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_encoding_of_a_packet(encoding: str) -> None:
    packet = build.xmp("<a:Title>破洞</a:Title>").decode().removeprefix("\ufeff").encode(encoding)
    assert read_xmp(packet).values("Title") == ["破洞"]


def test_a_declaration_that_names_another_encoding() -> None:
    packet = b"  <?xml version='1.0' encoding='UTF-16'?>\n" + build.source_xmp()
    assert read_xmp(packet).values("DigitalSourceType") == [_URL]


def test_a_struct_gives_its_fields() -> None:
    body = (
        '<TC260:AIGC rdf:parseType="Resource"><TC260:Label>1</TC260:Label><TC260:X>y</TC260:X></TC260:AIGC>'
    )
    (node,) = read_xmp(build.xmp(body)).find("AIGC")
    assert node.fields() == {"Label": "1", "X": "y"}
    assert list(node.values()) == []


def test_what_stands_before_damage_is_kept() -> None:
    packet = build.source_xmp()
    cut = read_xmp(packet[: packet.index(b"</rdf:Description>")])
    assert (cut.values("DigitalSourceType"), cut.whole) == ([_URL], False)


def test_a_label_behind_a_long_history_is_read() -> None:
    history = (
        "<x:A><rdf:Bag>"
        + "<rdf:li>xmp.did:0123456789abcdef0123456789abcdef</rdf:li>" * 4500
        + "</rdf:Bag></x:A>"
    )
    xmp = read_xmp(build.xmp(f"{history}<{_NAME}>{_URL}</{_NAME}>"))
    assert (xmp.values("DigitalSourceType"), xmp.whole) == ([_URL], True)


@pytest.mark.parametrize(
    "packet",
    [
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]><x>&b;</x>",
        b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>",
        b"<a>" + b" " * (1 << 21),
        b"<a>" * 400_000, b"<a><b/>" * 300_000, b"<a b='" + b"x" * (1 << 21), b"<" * (1 << 20), b"\xff\xfe" * 9,
    ],
)  # fmt: skip
def test_hostile_packets_end_soon_and_are_said_not_to_be_whole(packet: bytes) -> None:
    began = time.perf_counter()
    assert not read_xmp(packet).whole or b"<" not in packet
    assert time.perf_counter() - began < 2.0


def test_a_history_of_six_thousand_steps_is_read_whole_and_costs_little_more_than_the_parser() -> None:
    step = "stEvt:action='saved' stEvt:instanceID='xmp.iid:{0:032x}' stEvt:when='2026' stEvt:softwareAgent='P {0}'"
    steps = "".join(f"<rdf:li {step.format(number)} stEvt:changed='/'/>" for number in range(6000))
    packet = build.xmp(f"<xmpMM:History><rdf:Seq>{steps}</rdf:Seq></xmpMM:History>")
    spent: dict[str, float] = {}
    for name, parse in (("expat", _expat), ("ours", _history)) * 3:
        began = time.process_time()
        parse(packet)
        spent[name] = min(spent.get(name, 9.0), time.process_time() - began)
    assert spent["ours"] < 12 * spent["expat"]


def _expat(packet: bytes) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: None
    parser.Parse(packet, True)


def _history(packet: bytes) -> None:
    found = read_xmp(packet)
    assert found.whole
    assert (len(found.values("action")), found.values("softwareAgent")[-1]) == (6000, "P 5999")
    assert found.values("History") == []
