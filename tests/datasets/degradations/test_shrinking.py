"""Deliveries of calibration: they only shrink, reach every condition that a photo can reach, and never change."""

from hypothesis import given
from hypothesis import strategies as st

from refundlens.datasets.degradations.shrinking import OTHER_BY, OTHERS, QUALITIES, SIZES, deliveries

NAMES = st.text("abcdef0123456789", min_size=4, max_size=12)


@given(NAMES, st.integers(240, 9000))
def test_they_only_shrink_and_are_the_same_in_every_run(name: str, side: int) -> None:
    found = deliveries(name, side)
    assert found == deliveries(name, side) and found
    for one in found:
        for step in one.chain or ():
            if step["step"] == "resize":
                assert step["only_shrink"] and step["long_side"] <= max(side, SIZES[0][0])


@given(NAMES, st.integers(1600, 9000))
def test_a_large_photo_reaches_every_size_and_quality(name: str, side: int) -> None:
    reached = set()
    for one in deliveries(name, side):
        if one.chain is None:
            continue
        size = next(step["long_side"] for step in one.chain if step["step"] == "resize")
        last = one.chain[-1]
        quality = next((edges for edges in QUALITIES if edges[0] <= last.get("quality", 0) <= edges[1]), None)
        kind = quality if last["step"] == "jpeg" else "other"
        assert kind is not None and (last["step"] == "jpeg" or last["step"] in OTHERS)
        reached.add((next(sides for sides in SIZES if size in sides), kind))
    assert len(reached) == len(SIZES) * (len(QUALITIES) + 1)


@given(NAMES, st.integers(240, 9000), st.integers(1, 13))
def test_a_shorter_list_is_the_beginning_of_the_longer_one(name: str, side: int, most: int) -> None:
    assert deliveries(name, side, most) == deliveries(name, side)[:most]


def test_over_many_photos_a_short_list_reaches_all_conditions_alike() -> None:
    counts: dict[str, int] = {}
    for index in range(600):
        for one in deliveries(f"photo{index}", 4000, 3):
            if one.chain is not None:
                size = next(step["long_side"] for step in one.chain if step["step"] == "resize")
                name = f"{next(sides for sides in SIZES if size in sides)} {one.chain[-1]['step'] == 'jpeg'}"
                counts[name] = counts.get(name, 0) + 1
    jpeg = [count for name, count in counts.items() if name.endswith("True")]
    other = [count for name, count in counts.items() if name.endswith("False")]
    assert len(jpeg) == len(other) == len(SIZES)
    assert max(jpeg) < 1.25 * min(jpeg) and max(other) < 1.5 * min(other)


@given(NAMES, st.integers(240, 9000), st.integers(OTHER_BY, 13))
def test_a_short_list_has_one_that_is_no_jpeg(name: str, side: int, most: int) -> None:
    """Else a bound on those others is counted on half of the photos, and a calibration of few deliveries has none."""
    assert any(one.other for one in deliveries(name, side, most))
