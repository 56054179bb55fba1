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
MAX_ELEMENTS = 50_000
"""Elements and attributes kept: a Photoshop history of 6,000 entries has 36,000."""
MAX_DEPTH = 64
"""Nesting followed: real packets stay under 12."""
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_LISTS = ("Bag", "Seq", "Alt")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BARE_AMPERSAND = re.compile(r"&(?!(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|\w{2,8});)")
"""Some writers do not escape it; the rest of their packet is sound."""
_FOREIGN_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)[A-Za-z]\w{1,7};")
"""HTML's names for letters, which XML does not know."""
_ROOT_END = re.compile(r"(?<=</x:xmpmeta>)|(?<=</x:xapmeta>)")
"""Where another packet may follow in one block."""
MAX_ROOTS = 20
_MEMBER = re.compile(r"_\d{1,5}")
_DECLARATION = re.compile(r"(?:<\?xml\s[^>]{0,200}\?>\s*)?(?:<!DOCTYPE\s[\w:.-]{1,40}\s*>\s*)?")
"""What stands before a packet and says nothing of it: a document type that is a name alone, too."""
_TERM = "CvTermId"
"""IPTC's structure for a term of a vocabulary: the field that holds its address."""
_LINKS = ("nodeID", '="#', "='#")
MAX_LINKS = 200
"""References to nodes described elsewhere that are followed; real packets have none."""


class Scope(dict[str, tuple[str, str]]):
    """(local name, namespace) by qualified name, remembered: a history has the same five names six thousand times."""

    def __init__(self, spaces: dict[str, str]) -> None:
        super().__init__()
        self.spaces = spaces

    def __missing__(self, name: str) -> tuple[str, str]:
        prefix, _, local = name.rpartition(":")
        self[name] = (local, self.spaces.get(prefix, ""))
        return self[name]


@dataclass(slots=True)
class Node:
    """An element or attribute: local name, namespace ("" where unknown), text and what is in it. Attributes are
    children like elements, but made only when they are asked for: histories have tens of thousands."""

    name: str
    namespace: str = ""
    text: str = ""
    elements: list["Node"] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    scope: Scope | None = None

    @property
    def children(self) -> list["Node"]:
        return [*self._attributes(rdf=False), *self._attributes(rdf=True), *self.elements]

    def _attributes(self, rdf: bool) -> list["Node"]:
        """Those of RDF's own, or all others."""
        named = [(self.scope[key], value) for key, value in self.attributes.items()] if self.scope else ()
        return [Node(*name, value) for name, value in named if (name[1] == RDF) == rdf]

    def values(self) -> Iterator[str]:
        """What the property says: its text, its resource, its rdf:value or its list's items. No struct's fields."""
        own = self.text.strip()
        if own:
            yield own
        for child in (*self._attributes(rdf=True), *self.elements):
            if child.namespace == RDF and (
                child.name in ("resource", "value", "li", *_LISTS, "Description")
                or _MEMBER.fullmatch(child.name)
            ):
                yield from child.values()
            elif child.namespace == RDF and child.name == "about" and self.namespace == RDF:
                yield from child.values()  # a described resource: its address is the value
            else:
                yield from child._addresses()  # a resource of a type of its own
                if child.name == _TERM:
                    yield from child.values()

    def _addresses(self) -> Iterator[str]:
        """What rdf:about says that this node describes."""
        return (
            one.text for one in self.children if one.namespace == RDF and one.name == "about" and one.text
        )

    def fields(self) -> dict[str, str]:
        """A struct's fields by local name; an rdf:Description between is looked through."""
        found: dict[str, str] = {}
        for child in self.children:
            if child.namespace == RDF and child.name in ("Description", "li", *_LISTS):
                found |= child.fields()
            elif child.namespace != RDF:
                found[child.name] = next(child.values(), "")
        return found


@dataclass
class Xmp:
    """One or more packets. whole: False where something was not read to its end."""

    elements: list[Node] = field(default_factory=list)
    whole: bool = True

    def find(self, name: str) -> list[Node]:
        """All properties of this local name in any case, wherever they stand: attributes before their element."""
        return [
            Node(name, "", one) if isinstance(one, str) else one for one in self._named.get(name.lower(), [])
        ]

    def of(self, vocabulary: str) -> list[Node]:
        """All properties whose namespace has this text in it."""
        scopes = {id(node.scope): node.scope for node in self.elements if node.scope}.values()
        names = {
            name for scope in scopes for name, (_, space) in scope.items() if vocabulary in space.lower()
        }
        having = (node for node in self.elements if names & node.attributes.keys())
        attributes = (one for node in having for one in node._attributes(rdf=False))
        return [node for node in (*attributes, *self.elements) if vocabulary in node.namespace.lower()]

    @cached_property
    def _named(self) -> dict[str, list[Node | str]]:
        """Elements, and attributes by their value alone, by local name in lower case."""
        named: dict[str, list[Node | str]] = {}
        for node in self.elements:
            for key, value in node.attributes.items():
                name, namespace = node.scope[key] if node.scope else (key, "")
                if namespace != RDF:
                    named.setdefault(name.lower(), []).append(value)
            if node.namespace != RDF:
                named.setdefault(node.name.lower(), []).append(node)
        return named

    def values(self, *names: str) -> list[str]:
        """All values of the properties of these local names."""
        if not self.elements:
            return []
        named = (one for name in names for one in self._named.get(name.lower(), []))
        values = ((one.strip(),) if isinstance(one, str) else one.values() for one in named)
        return [value for some in values for value in some if value]


def read_xmp(*packets: bytes) -> Xmp:
    """Parse packets: the main one, its extension, those of other blocks."""
    joined = Xmp()
    for packet in packets:
        text = _ILLEGAL.sub("", _decoded(packet[:MAX_BYTES])).lstrip("\ufeff")
        first, *others = _ROOT_END.split(text, MAX_ROOTS)
        for one in (first, *(other for other in others if "RDF" in other)):
            nodes, whole = _parse(one)
            joined.elements += nodes
            joined.whole = joined.whole and whole
        joined.whole = joined.whole and len(packet) <= MAX_BYTES
    return joined


class _Builder(ContentHandler):
    """Collects elements. Raises SAXException where a bound is passed."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.whole = False
        self._left = MAX_ELEMENTS
        self._open: list[tuple[Node, list[str]]] = []
        self._scopes: list[Scope] = [Scope({"rdf": RDF})]

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        self._left -= 1 + len(attrs)
        if len(self._open) >= MAX_DEPTH or self._left < 0:
            raise SAXException("too deep or too long")
        given = dict(attrs.items()) if len(attrs) else {}
        scope = self._scopes[-1]
        if "xmlns" in "".join(given):
            declared = {
                key[6:]: value for key, value in given.items() if key == "xmlns" or key[:6] == "xmlns:"
            }
            scope = Scope({**scope.spaces, **declared})
            given = {key: value for key, value in given.items() if not key.startswith("xmlns")}
        self._scopes.append(scope)
        node = Node(*scope[name], "", [], given, scope)
        if self._open:
            self._open[-1][0].elements.append(node)
        self.nodes.append(node)
        self._open.append((node, []))

    def characters(self, content: str) -> None:
        if self._open:
            self._open[-1][1].append(content)

    def endElement(self, name: str) -> None:
        node, texts = self._open.pop()
        self._scopes.pop()
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


def _parse(text: str) -> tuple[list[Node], bool]:
    """The elements of a text with one root, and whether it was closed."""
    start = text.find("<")
    declared = _DECLARATION.match(text, max(start, 0))
    start = declared.end() if declared else start  # the encoding it names is no longer true
    if start < 0:
        return [], not text.strip()
    builder = _Builder()
    parser = DefusedExpatParser(forbid_dtd=True, forbid_entities=True, forbid_external=True)
    parser.setContentHandler(builder)
    try:
        text = text[start:]
        if "&" in text:
            text = _FOREIGN_ENTITY.sub(lambda found: html.unescape(found[0]), text)
            text = _BARE_AMPERSAND.sub("&amp;", text)
        parser.feed(text.encode())
        parser.close()
    except (SAXException, DefusedXmlException, ValueError, AttributeError):
        pass  # what was read before stands; a packet is whole when its root was closed
    for node, texts in builder._open:
        node.text = node.text or "".join(texts)
    if any(word in text for word in _LINKS):
        _link(builder.nodes)
    return builder.nodes, builder.whole


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
        node.elements += said.get(name, [])
