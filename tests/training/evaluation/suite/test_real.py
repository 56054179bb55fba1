"""Real sets: authentic folders, real editors' edits, and damage real against painted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets import manifest
from refundlens.model.verdict.bounds import interval
from refundlens.training.evaluation.suite.defects import AT_FPR, VERDICT, defect_balance
from refundlens.training.evaluation.suite.reading import Reader
from refundlens.training.evaluation.suite.real import (
    ALL,
    EDIT_DELIVERIES,
    RealSetError,
    authentic_folder,
    real_edits,
)
from refundlens.training.evaluation.suite.sweep import master_rows, sweep

Make = Callable[..., NDArray[Any]]


@pytest.fixture
def damage(tmp_path: Path, make_picture: Make, make_red: Make, make_spot: Make) -> Path:
    """Four photos, of which the last looks fake to the detector, and a file that is no picture."""
    folder = tmp_path / "damage"
    folder.mkdir()
    for index in range(4):
        pixels = make_picture(index) if index < 3 else make_red(make_picture(index), make_spot(index))
        Image.fromarray(pixels).save(folder / f"{index}.jpg", quality=85)
    (folder / "9.jpg").write_bytes(b"no picture")
    return folder


def test_each_fake_among_real_photos_is_a_false_accusation(reader: Reader, damage: Path) -> None:
    as_is, sent_on = authentic_folder(reader, "real damage", damage)
    assert (as_is.delivery, sent_on.delivery) == ("as is", "q75_720")
    for one in (as_is, sent_on):
        assert one.photos == 4 and one.unreadable == 1 and one.called == {"authentic": 3, "fake": 1}
        assert one.not_fake == 0.75 and one.covered == 4 and one.fake == (False, False, False, True)
        low, high = interval(1, 4)
        assert one.not_fake_interval == pytest.approx((1 - high, 1 - low))
        assert one.quantiles["1.0"] > 0.6 > one.quantiles["0.5"]
    assert authentic_folder(reader, "real damage", damage, limit=2)[0].photos == 2


def test_a_folder_without_photos_is_an_error(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(RealSetError, match="no photo"):
        authentic_folder(reader, "x", tmp_path)
    with pytest.raises(RealSetError, match=r"MANIFEST\.csv"):
        real_edits(reader, tmp_path)


@pytest.mark.slow
def test_edits_are_compared_with_their_originals(
    reader: Reader, tmp_path: Path, make_picture: Make, make_red: Make, make_spot: Make
) -> None:
    lines = ["id,generator,edited,original,mask"]
    for index in range(4):
        photo, mask = make_picture(index), make_spot(index)
        # the second editor leaves no red: it cannot be seen
        edited = make_red(photo, mask) if index % 2 == 0 else photo
        for name, pixels in (("o", photo), ("e", edited), ("m", (255 * mask).astype("uint8"))):
            Image.fromarray(pixels).save(tmp_path / f"{index}{name}.png")
        original = f"{index}o.png" if index != 3 else ""
        lines.append(f"{index},{('Seen (one)', 'Unseen')[index % 2]},{index}e.png,{original},{index}m.png")
    (tmp_path / "MANIFEST.csv").write_text("\n".join(lines) + "\n")
    found = {(one.generator, one.delivery): one for one in real_edits(reader, tmp_path)}
    assert {name for name, _ in found} == {ALL, "Seen", "Unseen"}
    assert {delivery for _, delivery in found} == set(EDIT_DELIVERIES)
    seen, unseen, everything = found["Seen", "png"], found["Unseen", "png"], found[ALL, "png"]
    assert seen.auc == 1.0 and seen.pixel_f1 > 0.8 and seen.edits_called == {"fake": 2}
    assert unseen.auc == 0.5 and unseen.pixel_f1 == 0.0 and (unseen.edits, unseen.originals) == (2, 1)
    assert everything.edits == 4 and everything.originals_called == {"authentic": 3}


def test_balanced_accuracy_needs_both_damages(reader: Reader, reds: Path, damage: Path) -> None:
    scored = [
        one.scored for one in sweep(reader, reds, master_rows(manifest.read(reds), "test"), ("q75_720",))
    ]
    real = authentic_folder(reader, "real damage", damage)
    found = {(one.real, one.rule): one for one in defect_balance(real, scored)}
    assert set(found) == {(real, rule) for real in ("as is", "q75_720") for rule in (VERDICT, AT_FPR)}
    one = found["q75_720", VERDICT]
    assert (one.real_photos, one.fakes) == (4, 8)
    assert (one.true_negatives, one.true_positives) == (0.75, 1.0) and one.balanced == 0.875
    assert one.low <= 0.875 <= one.high
    assert defect_balance(real, [each for each in scored if each.row.label == 0]) == []
