"""A BMP's metadata: it has no place for any, but bytes may follow the size that its header states."""

from collections.abc import Iterator

from refundlens.model.photo.blocks import Block, trailer


def bmp_blocks(data: bytes) -> Iterator[Block]:
    """What follows a BMP's picture. Some writers state no size or a wrong one: then nothing can be told apart."""
    size = int.from_bytes(data[2:6], "little")
    if size > int.from_bytes(data[10:14], "little"):
        yield from trailer("bmp", data, size)
