"""Classical tools: what they put in the region, and that the mask is exactly what changed."""

import numpy as np
import pytest

from refundlens.datasets.editors.base import EditRequest
from refundlens.datasets.editors.classical import OPERATIONS, ClassicalEditor, Operation


@pytest.fixture
def request_() -> EditRequest:
    rng = np.random.default_rng(3)
    ramp = np.linspace(40, 200, 120)
    photo = np.stack([np.add.outer(ramp[:100], ramp) / 2] * 3, axis=2) + rng.normal(0, 6, (100, 120, 3))
    donor = rng.integers(0, 60, (70, 80, 3), dtype=np.uint8) + np.array([180, 0, 0], np.uint8)
    region = np.zeros((100, 120), np.float32)
    region[35:60, 50:85] = 1
    photo = np.clip(photo, 0, 255).astype(np.uint8)
    painted = photo.copy()
    painted[region > 0] //= 3
    return EditRequest(photo, painted, region, "stain", donor)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_changed_is_exactly_what_differs(operation: Operation, request_: EditRequest) -> None:
    for seed in range(5):
        edit = ClassicalEditor(operation).edit(request_, np.random.default_rng(seed))
        again = ClassicalEditor(operation).edit(request_, np.random.default_rng(seed))
        np.testing.assert_array_equal(edit.pixels, again.pixels)
        assert (edit.kind, edit.generator) == ("photoshopped", f"classical.{operation}")
        assert edit.pixels.dtype == np.uint8 and edit.changed.dtype == np.float32
        np.testing.assert_array_equal(edit.changed > 0, (edit.pixels != request_.photo).any(axis=2))
        assert edit.changed.max() <= 1
        assert edit.changed[request_.region > 0].mean() > 0.5


@pytest.mark.parametrize("operation", OPERATIONS)
def test_regions_at_the_edge_work(operation: Operation, request_: EditRequest) -> None:
    region = np.zeros((100, 120), np.float32)
    region[:20, 95:] = 1
    painted = request_.photo.copy()
    painted[region > 0] //= 3
    request = EditRequest(request_.photo, painted, region, "hole", request_.donor)
    edit = ClassicalEditor(operation).edit(request, np.random.default_rng(0))
    assert edit.pixels.shape == request.photo.shape and edit.changed[region > 0].mean() > 0.5


def test_splice_shows_the_donor(request_: EditRequest) -> None:
    edit = ClassicalEditor("splice").edit(request_, np.random.default_rng(0))
    inside = edit.pixels[42:54, 58:78].astype(int)
    assert (inside[..., 0] >= 180).all() and (inside[..., 1] < 60).all()


def test_poisson_takes_on_the_surroundings(request_: EditRequest) -> None:
    """The donor is red; blended by its gradients it must be far nearer to the photo's grey."""
    edit = ClassicalEditor("poisson").edit(request_, np.random.default_rng(1))
    inside = edit.pixels[42:54, 58:78].astype(float).mean(axis=(0, 1))
    assert abs(inside[0] - inside[1]) < 60
    assert np.abs(edit.pixels[42:54, 58:78].astype(int) - request_.photo[42:54, 58:78]).mean() > 2


def test_copy_move_takes_pixels_of_the_same_photo() -> None:
    """A picture of two colours: the patch comes from the other half when the region fills one."""
    photo = np.full((80, 160, 3), 50, np.uint8)
    photo[:, 80:] = 210
    region = np.zeros((80, 160), np.float32)
    region[10:70, 14:60] = 1
    request = EditRequest(photo, photo, region, "other")
    edits = [ClassicalEditor("copy_move").edit(request, np.random.default_rng(seed)) for seed in range(6)]
    assert any((edit.pixels[30:50, 25:50] == 210).mean() > 0.5 for edit in edits)
    assert all(abs(edit.parameters["shift"][0]) > 20 for edit in edits)


def test_inpaint_wipes_a_mark_away(request_: EditRequest) -> None:
    flat = np.full((90, 90, 3), 120, np.uint8)
    flat[40:50, 40:50] = 0
    region = np.zeros((90, 90), np.float32)
    region[39:51, 39:51] = 1
    request = EditRequest(flat, flat, region, "other")
    methods = set()
    for seed in range(6):
        edit = ClassicalEditor("inpaint").edit(request, np.random.default_rng(seed))
        methods.add(edit.parameters["method"])
        np.testing.assert_allclose(edit.pixels[40:50, 40:50], 120, atol=12)
    assert methods == {"telea", "navier-stokes"}


def test_brush_leaves_the_painting(request_: EditRequest) -> None:
    edit = ClassicalEditor("brush").edit(request_, np.random.default_rng(0))
    np.testing.assert_array_equal(edit.pixels, request_.painted)


def test_random_choice_covers_what_is_possible(request_: EditRequest) -> None:
    editor = ClassicalEditor()
    assert editor.name == "classical"
    seen = {editor.edit(request_, np.random.default_rng(seed)).generator for seed in range(60)}
    assert seen == {f"classical.{operation}" for operation in OPERATIONS}
    bare = EditRequest(request_.photo, request_.photo, request_.region, "other")
    seen = {editor.edit(bare, np.random.default_rng(seed)).generator for seed in range(30)}
    assert seen == {"classical.copy_move", "classical.inpaint"}


def test_missing_ingredients_are_errors(request_: EditRequest) -> None:
    bare = EditRequest(request_.photo, request_.photo, request_.region, "other")
    for operation, words in (("splice", "donor"), ("poisson", "donor"), ("brush", "painted")):
        with pytest.raises(ValueError, match=words):
            ClassicalEditor(operation).edit(bare, np.random.default_rng(0))
