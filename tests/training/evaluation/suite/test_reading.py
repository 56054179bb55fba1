"""A reading: what is compared with what on the map."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED
from refundlens.model.photo.image import ImageError
from refundlens.training.evaluation.suite.reading import Reader

Make = Callable[..., NDArray[Any]]


def test_the_map_lies_on_the_edit(
    reader: Reader, make_picture: Make, make_red: Make, make_spot: Make
) -> None:
    mask = make_spot(1)
    data = deliver(make_red(make_picture(1), mask), NAMED["png"]).data
    product = np.ones_like(mask)
    product[:20] = 0
    read = reader.read(data, {"edit": mask, "object": product})
    edit, thing = read.maps["edit"], read.maps["object"]
    assert read.verdict == "fake" and read.kind["ai_edited"] == pytest.approx(0.6 * read.probability)
    assert edit.auc == 1.0 and edit.inside and edit.inside > 0.9 and edit.outside == 0.0
    assert edit.best_f1 and edit.best_f1 >= edit.pixels.f1 > 0.8
    assert thing.auc == 0.5  # nothing is hot on the product besides the edit itself


def test_unknown_places_have_no_figure(reader: Reader, make_picture: Make) -> None:
    data = deliver(make_picture(1), NAMED["png"]).data
    whole, nothing = np.ones((128, 160), np.float32), np.zeros((128, 160), np.float32)
    read = reader.read(data, {"edit": whole, "defect": nothing})
    assert read.maps["edit"].auc is None and read.maps["edit"].outside is None
    assert read.maps["defect"].best_f1 is None and read.maps["defect"].inside is None


def test_the_same_bytes_are_judged_once_a_mask(
    reader: Reader, detector: Any, make_picture: Make, make_red: Make, make_spot: Make
) -> None:
    data = deliver(make_red(make_picture(2), make_spot(1)), NAMED["q90"]).data
    assert reader.read(data) == reader.read(data) and detector.calls == 1
    assert reader.read(data, {"edit": make_spot(1)}) != reader.read(data, {"edit": make_spot(2)})
    assert detector.calls == 3


def test_another_model_is_not_served_from_the_store(
    reader: Reader, make_detector: Callable[..., Any]
) -> None:
    def blind(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros(pixels.shape[:2], np.float32)

    assert Reader(make_detector(blind), reader.store).basis != reader.basis


def test_what_cannot_be_judged_is_not_remembered(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(data: bytes) -> None:
        raise ImageError("corrupt_image", "broken")

    monkeypatch.setattr(reader.detector, "detect", refuse)
    with pytest.raises(ImageError):
        reader.read(b"x")
    assert len(reader.store) == 0
