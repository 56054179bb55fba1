"""Photoshop's image resource blocks (8BIM), in which JPEG, TIFF and PNG profiles keep IPTC and XMP.

In: the resource data. Out: (resource number, content). Source: Adobe Photoshop File Formats Specification, "Image
Resource Section": `8BIM`, number (2), Pascal name padded to even, length (4), content padded to even.
"""

from collections.abc import Iterator

IPTC, XMP = 0x0404, 0x0424
MAX_RESOURCES = 1000
"""Resources walked: Photoshop writes some 30."""
SIGNATURES = (b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa")


def resources(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, content) of each resource, until the bytes end or make no sense."""
    at = 0
    for _ in range(MAX_RESOURCES):
        if data[at : at + 4] not in SIGNATURES or at + 12 > len(data):
            return
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        name = data[at + 6] + 1
        start = at + 6 + name + name % 2
        length = int.from_bytes(data[start : start + 4], "big")
        content = data[start + 4 : start + 4 + length]
        if len(content) < length:
            return
        yield number, content
        at = start + 4 + length + length % 2


def iptc_blocks(data: bytes) -> Iterator[bytes]:
    """The IPTC records of a profile that holds them plain or inside resources."""
    if data[:1] == b"\x1c":
        yield data
        return
    for number, content in resources(data):
        if number == IPTC:
            yield content
