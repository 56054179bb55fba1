"""Finds, among many millions of 128-bit codes, those that differ in few bits from the ones asked for.

In: codes with the number of the photo they are of; then codes asked for. Out: the photos' numbers, nearest first.

Multi-index hashing (Norouzi, Punjani and Fleet 2012) in arrays: entries are sorted by a key of some of their bits,
once for each of three keys; asked for is the code's own key and each that differs from it in one bit. A photo is
found where one of its patches shares a key so, and photos in common share several patches. Compared with a graph of
neighbours (usearch, measured beside it by `tests.load.reuse`) an entry costs 32 bytes instead of 346, and a photo
more or less costs nothing that a search waits for.

New entries are compared one by one until they are enough to be sorted; sorted parts are merged as they grow, so that
there are few. Nothing is taken out: whoever asks looks the numbers up, and those of erased photos are no longer
there.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from refundlens.model.compare.prints import Codes

Numbers = NDArray[np.uint32]

NEAR = 24
"""Bits of 128 up to which an entry is reported (`sameness.PATCH_NEAR`)."""
KEYS = (0, 20, 40)
"""First bit of each key. All lie in a code's first word, the lowest frequencies: those change least."""
WIDEST, NARROWEST = 24, 12
"""Bits of a key, by how many entries there are: about one entry a key, while the table of keys fits in memory."""
MOST_ALIKE = 4_096
"""Entries looked at under one key: a blank wall's key, or a watermark's, has very many, all of them alike."""
UNSORTED = 20_000
"""Entries compared one by one before they are sorted: some milliseconds of a search."""
FOUND = 256
"""Photos reported at most."""


@dataclass(frozen=True)
class Hit:
    """number: the photo's. bits: of its nearest entry, 0 to NEAR."""

    number: int
    bits: int


class HashIndex:
    """Safe to use from several threads. Holds some 32 bytes an entry."""

    def __init__(self) -> None:
        self._sorted: tuple[_Part, ...] = ()
        self._new: list[tuple[Codes, Numbers]] = []
        self._adding = threading.Lock()

    def __len__(self) -> int:
        return sum(len(part.codes) for part in self._sorted) + sum(len(codes) for codes, _ in self._new)

    @property
    def bytes(self) -> int:
        """Memory held, in bytes."""
        fresh = sum(codes.nbytes + numbers.nbytes for codes, numbers in self._new)
        return fresh + sum(part.bytes for part in self._sorted)

    def add(self, codes: Codes, numbers: Numbers) -> None:
        """Take entries in: a code and its photo's number a row. Raises ValueError where the rows do not pair up."""
        if codes.ndim != 2 or codes.shape[1] != 2 or len(codes) != len(numbers):
            raise ValueError("an entry is two 64-bit words and a number: pass codes [n,2] and numbers [n]")
        if not len(codes):
            return
        with self._adding:
            self._new = [*self._new, (codes, numbers)]
            if sum(len(part) for part, _ in self._new) >= UNSORTED:
                self._sort()

    def search(self, codes: Codes, near: int = NEAR) -> list[Hit]:
        """Photos with an entry within `near` bits of any of the codes [q,2], nearest first, FOUND at most."""
        fresh, parts = self._new, self._sorted
        found = [part.search(codes, near) for part in parts]
        found += [_compared(codes, known, numbers, near) for known, numbers in fresh]
        if not found:
            return []
        numbers, bits = (np.concatenate(values) for values in zip(*found, strict=True))
        order = np.lexsort((bits, numbers))
        numbers, bits = numbers[order], bits[order]
        first = np.flatnonzero(np.diff(numbers, prepend=-1))  # the nearest entry of each photo
        best = first[np.argsort(bits[first], kind="stable")][:FOUND]
        return [Hit(int(numbers[index]), int(bits[index])) for index in best]

    def _sort(self) -> None:
        """Make a sorted part of what is new, with those before it that are no larger than twice what it has."""
        taken, parts = list(self._new), list(self._sorted)
        count = sum(len(codes) for codes, _ in taken)
        while parts and len(parts[-1].codes) <= 2 * count:
            last = parts.pop()
            taken.insert(0, (last.codes, last.numbers))
            count += len(last.codes)
        merged = _Part(*(np.concatenate(rows) for rows in zip(*taken, strict=True)))
        # the sorted part first: a search in between sees entries twice, never not at all
        self._sorted = (*parts, merged)
        self._new = []


class _Part:
    """Entries that do not change, sorted by each key."""

    def __init__(self, codes: Codes, numbers: Numbers) -> None:
        self.codes, self.numbers = codes, numbers
        self._width = int(np.clip(np.log2(len(codes)), NARROWEST, WIDEST))
        self._tables = [self._table(first) for first in KEYS]
        self._flips = np.array([0, *(1 << bit for bit in range(self._width))], np.int64)

    @property
    def bytes(self) -> int:
        tables = sum(order.nbytes + starts.nbytes for order, starts in self._tables)
        return self.codes.nbytes + self.numbers.nbytes + tables

    def search(self, codes: Codes, near: int) -> tuple[Numbers, NDArray[np.int64]]:
        """(photo's number, bits) of each entry found, some of them more than once."""
        found = [
            self._under(codes, first, *table, near) for first, table in zip(KEYS, self._tables, strict=True)
        ]
        numbers, bits = (np.concatenate(values) for values in zip(*found, strict=True))
        return numbers, bits

    def _key(self, codes: Codes, first: int) -> NDArray[np.int64]:
        mask = np.uint64((1 << self._width) - 1)
        return ((codes[:, 0] >> np.uint64(first)) & mask).astype(np.int64)

    def _table(self, first: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Entries by their key, and where each key's begin: uint32 [n], uint32 [keys + 1]."""
        keys = self._key(self.codes, first).astype(np.uint32)
        order = np.argsort(keys).astype(np.uint32)
        starts = np.zeros((1 << self._width) + 1, np.uint32)
        np.cumsum(np.bincount(keys, minlength=1 << self._width), out=starts[1:])
        return order, starts

    def _under(
        self, codes: Codes, first: int, order: NDArray[np.uint32], starts: NDArray[np.uint32], near: int
    ) -> tuple[Numbers, NDArray[np.int64]]:
        """Entries within `near` bits of a code under whose key, or one bit beside it, they are."""
        keys = (self._key(codes, first)[:, None] ^ self._flips).ravel()
        begin = starts[keys].astype(np.int64)
        counts = np.minimum(starts[keys + 1] - begin, MOST_ALIKE)
        asked = np.repeat(np.arange(len(codes)).repeat(len(self._flips)), counts)
        places = np.repeat(begin - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        rows = order[places]
        bits = np.bitwise_count(self.codes[rows] ^ codes[asked]).sum(1, dtype=np.int64)
        kept = bits <= near
        return self.numbers[rows[kept]], bits[kept]


def _compared(asked: Codes, known: Codes, numbers: Numbers, near: int) -> tuple[Numbers, NDArray[np.int64]]:
    """The same, by comparing with every entry."""
    bits = np.full(len(known), 128, np.int64)
    for code in asked:
        np.minimum(bits, np.bitwise_count(known ^ code).sum(1, dtype=np.int64), out=bits)
    kept = bits <= near
    return numbers[kept], bits[kept]


def entries(prints: Sequence[tuple[int, Codes]]) -> tuple[Codes, Numbers]:
    """Rows to add for photos: their numbers with the codes of their prints that are indexed."""
    if not prints:
        return np.zeros((0, 2), np.uint64), np.zeros(0, np.uint32)
    numbers = np.repeat([number for number, _ in prints], [len(codes) for _, codes in prints])
    return np.concatenate([codes for _, codes in prints]), numbers.astype(np.uint32)
