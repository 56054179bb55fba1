import pytest
import torch

from refundlens.training.config import LossConfig
from refundlens.training.data import IGNORE
from refundlens.training.losses import losses


def batch(kinds: list[int]) -> dict[str, torch.Tensor]:
    return {
        "kind": torch.tensor(kinds),
        "maps": torch.zeros(len(kinds), 5, 4, 4),
        "map_weight": torch.ones(len(kinds), 5),
    }


def twin(odds: list[float], kinds: list[int]) -> float:
    """The twin loss where each tile's log odds of an edit are as given."""
    logits = torch.tensor([[-one, 0.0, -50.0, -50.0] for one in odds])
    return float(losses(logits, torch.zeros(len(kinds), 5, 4, 4), batch(kinds), LossConfig())["twin"])


def test_an_edit_above_its_twin_costs_less_than_one_below() -> None:
    assert twin([-3.0, 3.0], [0, 2]) < 0.01
    assert twin([3.0, -3.0], [0, 2]) > 5.9


def test_only_the_difference_of_twins_counts() -> None:
    assert abs(twin([4.0, 5.0], [0, 3]) - twin([-6.0, -5.0], [0, 3])) < 1e-4


def test_twins_without_an_edit_to_tell_cost_nothing() -> None:
    assert twin([3.0, -3.0, 3.0, -3.0], [0, IGNORE, 0, 0]) == 0.0
    mixed = twin([3.0, -3.0, -1.0, 1.0], [0, IGNORE, 0, 1])
    assert abs(mixed - twin([-1.0, 1.0], [0, 1])) < 1e-6


def test_without_any_edit_the_gradient_is_still_finite() -> None:
    logits = torch.zeros(2, 4, requires_grad=True)
    named = losses(logits, torch.zeros(2, 5, 4, 4), batch([0, 0]), LossConfig())
    named["total"].backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and bool(torch.isfinite(logits.grad).all())


def look(odds: list[float], hung: list[bool]) -> float:
    """The look loss where each pair's authentic tile has these log odds of an edit."""
    logits = torch.tensor([[-one, 0.0, -50.0, -50.0] for one in odds for _ in range(2)])
    told = batch([0, 1] * len(odds)) | {"hung": torch.tensor(hung)}
    return float(losses(logits, torch.zeros(2 * len(odds), 5, 4, 4), told, LossConfig(look=1.0))["look"])


def test_galleries_that_score_above_other_photos_cost_and_their_spread_does_not() -> None:
    hung = [True, True, False, False]
    assert look([2.0, 3.0, -3.0, -2.0], hung) > 5 > 1e-3 > look([2.0, -2.0, 3.0, -3.0], hung)
    assert look([9.0, 1.0, 1.0, 1.0], [True, False, False, False]) == 0.0, "one tile has no spread"


def test_the_look_costs_nothing_where_it_has_no_weight_or_is_not_known() -> None:
    told = losses(torch.zeros(2, 4), torch.zeros(2, 5, 4, 4), batch([0, 1]), LossConfig(look=1.0))
    assert "look" not in told


def taught(odds: float, cell: float, weight: float = 1.0) -> dict[str, float]:
    """Losses of a network whose odds of an edit and whose map are so, while its teachers say one half of each."""
    told = batch([0, 1]) | {
        "taught_kinds": torch.tensor([[0.5, 0.5, 0.0, 0.0]] * 2),
        "taught_map": torch.full((2, 4, 4), 0.5),
    }
    kinds, maps = torch.tensor([[0.0, odds, -50.0, -50.0]] * 2), torch.full((2, 5, 4, 4), cell)
    return {key: float(loss) for key, loss in losses(kinds, maps, told, LossConfig(teachers=weight)).items()}


def test_saying_what_the_teachers_say_costs_nothing_and_all_else_does() -> None:
    assert abs(taught(0.0, 0.0)["teachers"]) < 1e-5
    assert taught(3.0, 0.0)["teachers"] > taught(1.0, 0.0)["teachers"] > 0.1
    assert taught(0.0, -3.0)["teachers"] > taught(0.0, -1.0)["teachers"] > 0.1


def test_teachers_weigh_as_much_as_they_are_told_to() -> None:
    one, three = taught(2.0, 1.0), taught(2.0, 1.0, 3.0)
    assert abs(three["total"] - one["total"] - 2 * one["teachers"]) < 1e-5


def test_without_labels_the_teachers_alone_are_learned_from() -> None:
    told = batch([0, 1]) | {
        "taught_kinds": torch.tensor([[0.5, 0.5, 0.0, 0.0]] * 2),
        "taught_map": torch.full((2, 4, 4), 0.5),
    }
    named = losses(torch.zeros(2, 4), torch.ones(2, 5, 4, 4), told, LossConfig(labels=0.0, teachers=2.0))
    assert float(named["total"]) == pytest.approx(2 * float(named["teachers"]))
    assert float(named["kind"]) > 0
