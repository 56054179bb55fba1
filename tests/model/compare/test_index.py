"""The index finds what comparing with everything finds, however it grew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.model.compare.index import NEAR, UNSORTED, HashIndex, entries
from refundlens.model.compare.prints import Codes


def random_codes(count: int, seed: int) -> Codes:
    return np.random.default_rng(seed).integers(0, 2**64, (count, 2), dtype=np.uint64)


def changed(codes: Codes, bits: int, seed: int) -> Codes:
    """The same with that many bits of each row the other way."""
    rng = np.random.default_rng(seed)
    result = codes.copy()
    for row in result:
        for bit in rng.choice(128, bits, replace=False):
            row[bit // 64] ^= np.uint64(1 << int(bit % 64))
    return result


def test_finds_photos_by_any_of_their_patches() -> None:
    known = random_codes(3 * UNSORTED, 1)
    index = HashIndex()
    index.add(known, np.arange(len(known), dtype=np.uint32) // 10)  # ten patches a photo
    photos = np.random.default_rng(2).choice(len(known) // 10, 200, replace=False)
    found = 0
    for photo in photos:
        hits = index.search(changed(known[photo * 10 : photo * 10 + 10], 8, int(photo)))
        found += any(hit.number == photo and hit.bits == 8 for hit in hits)
        assert {hit.number for hit in hits} <= {int(photo)}
    assert found == 200


def test_names_nobody_where_nothing_is_near() -> None:
    index = HashIndex()
    index.add(random_codes(UNSORTED + 10, 1), np.arange(UNSORTED + 10, dtype=np.uint32))
    assert index.search(random_codes(40, 9)) == []
    assert HashIndex().search(random_codes(3, 1)) == []


@given(st.lists(st.integers(1, UNSORTED), min_size=1, max_size=6), st.integers(0, 10))
def test_finds_the_same_however_the_entries_came(sizes: list[int], seed: int) -> None:
    """Exact copies are found in sorted parts and in what is new, and nothing is lost in between."""
    codes = random_codes(sum(sizes), seed)
    numbers = np.arange(len(codes), dtype=np.uint32)
    index, start = HashIndex(), 0
    for size in sizes:
        index.add(codes[start : start + size], numbers[start : start + size])
        start += size
        assert len(index) == start
    for row in {0, start - 1, start // 2}:
        hit = index.search(codes[row : row + 1], near=0)
        assert [(one.number, one.bits) for one in hit] == [(row, 0)]


def test_nearest_first_and_each_photo_once() -> None:
    base = random_codes(1, 4)
    index = HashIndex()
    for number, bits in ((7, 9), (8, 2), (7, 5), (9, 20)):
        index.add(changed(base, bits, number + bits), np.array([number], np.uint32))
    assert [(hit.number, hit.bits) for hit in index.search(base)] == [(8, 2), (7, 5), (9, 20)]
    assert [hit.number for hit in index.search(base, near=4)] == [8]
    assert NEAR >= 20


def test_a_code_that_thousands_share_costs_no_more_than_a_few() -> None:
    """All photos of a blank wall have the same code."""
    index = HashIndex()
    same = np.repeat(random_codes(1, 1), 50_000, 0)
    index.add(same, np.arange(50_000, dtype=np.uint32))
    assert 0 < len(index.search(same[:1])) <= 256


def test_refuses_what_is_no_entry() -> None:
    with pytest.raises(ValueError, match="64-bit words"):
        HashIndex().add(random_codes(3, 1), np.arange(2, dtype=np.uint32))
    assert len(entries([])[0]) == 0
