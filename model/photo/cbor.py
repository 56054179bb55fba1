"""Texts of a CBOR item with the keys they stand under: for Content Credentials that no verifier accepts.

In: bytes. Out: (key, text) pairs in document order, as far as the bytes make sense. Never raises. `c2pa-python` reads
whole credentials; this is for cut or foreign ones, from which only what they say is wanted, and nothing is believed.
Source: RFC 8949, 3.
"""

from collections.abc import Iterator

MAX_ITEMS = 20_000
MAX_DEPTH = 40
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG = range(7)


class _End(Exception):
    """The bytes end, or make no sense from here on."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.left = data, 0, MAX_ITEMS

    def head(self) -> tuple[int, int | None]:
        """Major type and argument; the argument is None for an indefinite length."""
        self.left -= 1
        if self.at >= len(self.data) or self.left < 0:
            raise _End
        first = self.data[self.at]
        self.at += 1
        kind, low = first >> 5, first & 31
        if low < 24:
            return kind, low
        if low == 31:
            return kind, None
        if low > 27:
            raise _End
        size = 1 << (low - 24)
        argument = self.data[self.at : self.at + size]
        if len(argument) < size:
            raise _End
        self.at += size
        return kind, int.from_bytes(argument, "big")

    def item(self, key: str, depth: int) -> Iterator[tuple[str, str]]:
        kind, count = self.head()
        if depth > MAX_DEPTH:
            raise _End
        if kind in (_BYTES, _TEXT):
            content = self.string(count)
            if kind == _TEXT:
                yield key, content.decode("utf-8", "replace")
        elif kind in (_LIST, _MAP):
            index = 0
            while count is None or index < count:
                if count is None and self.data[self.at : self.at + 1] == b"\xff":
                    self.at += 1
                    return
                name = key
                if kind == _MAP:
                    name = next((text for _, text in self.item("", depth + 1)), "")
                yield from self.item(name, depth + 1)
                index += 1
        elif kind == _TAG:
            yield from self.item(key, depth + 1)

    def string(self, length: int | None) -> bytes:
        if length is None:
            parts = []
            while self.data[self.at : self.at + 1] != b"\xff":
                _, size = self.head()
                if size is None:
                    raise _End
                parts.append(self.string(size))
            self.at += 1
            return b"".join(parts)
        content = self.data[self.at : self.at + length]
        if len(content) < length:
            raise _End
        self.at += length
        return content


def cbor_texts(data: bytes) -> Iterator[tuple[str, str]]:
    """(key, text) of every text in an item; list members stand under their list's key."""
    try:
        yield from _Reader(data).item("", 0)
    except _End:
        return
