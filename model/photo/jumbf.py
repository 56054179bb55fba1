"""The boxes of a JUMBF store, for Content Credentials that no verifier accepts.

In: bytes. Out: (label, type, content) of the content boxes. Never raises. Source: ISO/IEC 19566-5, annex A; C2PA 2.2,
11.1 (labels).
"""

from collections.abc import Iterator

from refundlens.model.photo.formats import boxes

MAX_DEPTH = 16
_LABELLED = 2
"""Toggle bit of a description box that says that a label follows."""


def content_boxes(data: bytes, label: str = "", depth: int = 0) -> Iterator[tuple[str, bytes, bytes]]:
    """(label of the superbox, box type, content) of every box that is no superbox."""
    for kind, start, end in boxes(data, 0, len(data)):
        content = data[start:end]
        if kind == b"jumb" and depth < MAX_DEPTH:
            yield from content_boxes(content, label, depth + 1)
        elif kind == b"jumd":
            if len(content) > 17 and content[16] & _LABELLED:
                label = content[17:].split(b"\0")[0].decode("utf-8", "replace")
        else:
            yield label, kind, content


def is_credentials(data: bytes) -> bool:
    """Whether a store is one of C2PA's: chance bytes are met that contain "jumb"."""
    return data[4:8] == b"jumb" and b"jumd" in data[:64] and b"c2pa" in data[:128]


def mentions_credentials(data: bytes) -> bool:
    """Whether a store is C2PA's or the damaged rest of one."""
    return b"jumb" in data and b"c2pa" in data
