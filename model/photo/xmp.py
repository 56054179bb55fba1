"""XMP packets, read by an XML parser and walked as RDF.

In: a packet's bytes. Out: `Xmp`: each property with its values, whether it was written as attribute, element,
rdf:resource, rdf:value, list or struct. Never raises; what stands before damage is kept, and `whole` says so.
Hardened: defusedxml's SAX reader with document types, entities and external references forbidden; depth, elements and
bytes bounded. Names are resolved here, because files are met that never declare their prefixes.
Source: ISO 16684-1 (XMP part 1), 7; W3C RDF 1.1 XML syntax, 2.
"""

import codecs
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

MAX_BYTES = 1 << 21
"""Bytes of a packet that are parsed: Photoshop histories are met of 260 kB, extended XMP with maps of some 2 MB."""
MAX_ELEMENTS = 30_000
"""Elements and attributes kept: 7 microseconds each; the largest history met has 5,000."""
MAX_DEPTH = 64
"""Nesting followed: real packets stay under 12."""
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LISTS = ("Bag", "Seq", "Alt")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BARE_AMPERSAND = re.compile(r"&(?!(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|\w{2,8});)")
"""Some writers do not escape it; the rest of their packet is sound."""
_FOREIGN_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z]\w{1,7};")
"""HTML's names for letters, which XML does not know."""
_MEMBER = re.compile(r"_\d{1,5}")
_DECLARATION = re.compile(r"(?:<\?xml\s[^>]{0,200}\?>\s*)?(?:<!DOCTYPE\s[\w:.-]{1,40}\s*>\s*)?")
"""What stands before a packet and says nothing of it: a document type that is a name alone, too."""
_TERM = ("CvTermId",)
"""IPTC's structure for a term of a vocabulary: the field that holds its address."""
MAX_LINKS = 200
"""References to nodes described elsewhere that are followed; real packets have none."""


@dataclass(slots=True)
class Node:
    """An element or attribute: local name, namespace ("" where unknown), text and children; attributes are children."""

    name: str
    namespace: str = ""
    text: str = ""
    children: list["Node"] = field(default_factory=list)

    def values(self) -> Iterator[str]:
        """What the property says: its text, its resource, its rdf:value or its list's items. No struct's fields."""
        own = self.text.strip()
        if own:
            yield own
        for child in self.children:
            if child.namespace == RDF and (
                child.name in ("resource", "value", "li", *_LISTS, "Description")
                or _MEMBER.fullmatch(child.name)
            ):
                yield from child.values()
            elif child.namespace == RDF and child.name == "about" and self.namespace == RDF:
                yield from child.values()  # a described resource: its address is the value
            elif child.name in _TERM or any(_is_about(one) for one in child.children):
                yield from (
                    one.text for one in child.children if _is_about(one)
                )  # a resource of a type of its own
                yield from child.values() if child.name in _TERM else ()

    def fields(self) -> dict[str, str]:
        """A struct's fields by local name; an rdf:Description between is looked through."""
        found: dict[str, str] = {}
        for child in self.children:
            if child.namespace == RDF and child.name in ("Description", "li", *_LISTS):
                found |= child.fields()
            elif child.namespace != RDF:
                found[child.name] = next(child.values(), "")
        return found


def _is_about(node: Node) -> bool:
    return node.namespace == RDF and node.name == "about" and bool(node.text)


@dataclass
class Xmp:
    """One or more packets. whole: False where something was not read to its end."""

    nodes: list[Node] = field(default_factory=list)
    whole: bool = True

    def find(self, name: str) -> list[Node]:
        """All properties of this local name in any case, wherever they stand, in document order."""
        return self._named.get(name.lower(), [])

    @cached_property
    def _named(self) -> dict[str, list[Node]]:
        named: dict[str, list[Node]] = {}
        for node in self.nodes:
            if node.namespace != RDF:
                named.setdefault(node.name.lower(), []).append(node)
        return named

    def values(self, *names: str) -> list[str]:
        """All values of the properties of these local names."""
        return [value for name in names for node in self.find(name) for value in node.values()]


def read_xmp(*packets: bytes) -> Xmp:
    """Parse packets: the main one, its extension, those of other blocks."""
    joined = Xmp()
    for packet in packets:
        nodes, whole = _parse(packet)
        joined.nodes += nodes
        joined.whole = joined.whole and whole
    return joined


class _Builder(ContentHandler):
    """Collects nodes. Raises SAXException where a bound is passed."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.whole = False
        self._open: list[tuple[Node, list[str]]] = []
        self._spaces: list[dict[str, str]] = [{"rdf": RDF}]

    def _node(self, name: str) -> Node:
        prefix, _, local = name.rpartition(":")
        return Node(local, self._spaces[-1].get(prefix, ""))

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        if len(self._open) >= MAX_DEPTH or len(self.nodes) >= MAX_ELEMENTS:
            raise SAXException("too deep or too long")
        given = attrs.items() if len(attrs) else ()
        declared = {key[6:]: value for key, value in given if key == "xmlns" or key.startswith("xmlns:")}
        self._spaces.append({**self._spaces[-1], **declared} if declared else self._spaces[-1])
        node = self._node(name)
        for key, value in given:
            if not key.startswith("xmlns"):
                child = self._node(key)
                child.text = value
                node.children.append(child)
                self.nodes.append(child)
        if self._open:
            self._open[-1][0].children.append(node)
        self.nodes.append(node)
        self._open.append((node, []))

    def characters(self, content: str) -> None:
        if self._open:
            self._open[-1][1].append(content)

    def endElement(self, name: str) -> None:
        node, texts = self._open.pop()
        self._spaces.pop()
        node.text = "".join(texts)
        self.whole = self.whole or not self._open


def _decoded(packet: bytes) -> str:
    """A packet's text: UTF-8, or UTF-16 or UTF-32 by its mark or its zero bytes."""
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"), (b"<\0\0\0", "utf-32-le"), (b"\0\0\0<", "utf-32-be"),
        (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"),
    ):  # fmt: skip
        if packet.startswith(mark):
            return packet.decode(encoding, "replace")
    return packet.decode("utf-8", "replace")


def _parse(packet: bytes) -> tuple[list[Node], bool]:
    text = _ILLEGAL.sub("", _decoded(packet[:MAX_BYTES])).lstrip("\ufeff")
    start = text.find("<")
    declared = _DECLARATION.match(text, max(start, 0))
    start = declared.end() if declared else start  # the encoding it names is no longer true
    if start < 0:
        return [], not text.strip()
    builder = _Builder()
    parser = DefusedExpatParser(forbid_dtd=True, forbid_entities=True, forbid_external=True)
    parser.setContentHandler(builder)
    try:
        named = _FOREIGN_ENTITY.sub(lambda found: html.unescape(found[0]), text[start:])
        parser.feed(_BARE_AMPERSAND.sub("&amp;", named).encode())
        parser.close()
    except (SAXException, DefusedXmlException, ValueError, AttributeError):
        pass  # what was read before stands; a packet is whole when its root was closed
    for node, texts in builder._open:
        node.text = node.text or "".join(texts)
    _link(builder.nodes)
    return builder.nodes, builder.whole and len(packet) <= MAX_BYTES


def _link(nodes: list[Node]) -> None:
    """Gives properties that refer to a node by its name (rdf:nodeID, rdf:resource="#name") what that node says.

    Only its values and fields are handed over, not the node: links in a circle lead nowhere.
    """
    described: dict[str, Node] = {}
    referring: list[tuple[Node, str]] = []
    for node in nodes:
        for child in node.children:
            if child.namespace != RDF or not child.text:
                continue
            name = child.text.removeprefix("#")
            if node.name == "Description" and node.namespace == RDF:
                if child.name in ("nodeID", "ID") or (child.name == "about" and name != child.text):
                    described[name] = node
            elif child.name == "nodeID" or (child.name == "resource" and name != child.text):
                referring.append((node, name))
    said = {
        name: [
            *(Node("value", RDF, value) for value in islice(node.values(), MAX_LINKS)),
            *(Node(field, "", value) for field, value in islice(node.fields().items(), MAX_LINKS)),
        ]
        for name, node in islice(described.items(), MAX_LINKS)
        if referring
    }
    for node, name in referring[:MAX_LINKS]:
        node.children += said.get(name, [])
