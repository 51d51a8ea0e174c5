"""Equations 1 and 2 of the paper, against values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.losses import (
    LOSSES,
    cross_entropy_loss,
    dice_and_cross_entropy_loss,
    dice_loss,
    frame_dice_and_cross_entropy_loss,
)


def logits_of(probabilities: list[float]) -> torch.Tensor:
    return torch.logit(torch.tensor(probabilities)).view(1, 1, 2, -1)


TARGET = torch.tensor([1.0, 1.0, 0.0, 0.0]).view(1, 1, 2, 2)
LOGITS = logits_of([0.9, 0.4, 0.2, 0.1])


def test_equation_1_by_hand() -> None:
    # TP = 0.9 + 0.4, FP = 0.2 + 0.1, FN = 0.1 + 0.6: 1 - 2.6 / 3.6
    assert dice_loss(LOGITS, TARGET).item() == pytest.approx(1 - 2.6 / 3.6, abs=1e-5)


def test_equation_2_by_hand() -> None:
    expected = -(math.log(0.9) + math.log(0.4) + math.log(0.8) + math.log(0.9)) / 4
    assert cross_entropy_loss(LOGITS, TARGET).item() == pytest.approx(expected, abs=1e-6)


def test_the_sum_of_both_is_the_sum_of_both() -> None:
    expected = dice_loss(LOGITS, TARGET) + cross_entropy_loss(LOGITS, TARGET)
    assert dice_and_cross_entropy_loss(LOGITS, TARGET).item() == pytest.approx(expected.item(), abs=1e-7)


def test_dice_counts_all_pixels_of_the_batch_together() -> None:
    one, other = logits_of([0.9, 0.9, 0.1, 0.1]), logits_of([0.2, 0.1, 0.1, 0.1])
    targets = torch.cat([TARGET, torch.zeros_like(TARGET)])
    # TP = 1.8, sum of probabilities = 2.0 + 0.5, sum of targets = 2
    assert dice_loss(torch.cat([one, other]), targets).item() == pytest.approx(1 - 3.6 / 4.5, abs=1e-5)


def test_dice_of_each_frame_counts_every_frame_alike() -> None:
    one, other = logits_of([0.9, 0.9, 0.1, 0.1]), logits_of([0.5, 0.0, 0.0, 0.0])
    targets = torch.cat([TARGET, torch.tensor([1.0, 0, 0, 0]).view(1, 1, 2, 2)])
    logits = torch.cat([one, other.clamp(-50, 50)])
    expected = ((1 - 3.6 / 4.0) + (1 - 1.0 / 1.5)) / 2 + cross_entropy_loss(logits, targets).item()
    assert frame_dice_and_cross_entropy_loss(logits, targets).item() == pytest.approx(expected, abs=1e-4)


def test_a_perfect_answer_costs_nothing_and_the_opposite_everything() -> None:
    perfect = (TARGET * 2 - 1) * 50
    assert dice_loss(perfect, TARGET).item() == pytest.approx(0, abs=1e-5)
    assert cross_entropy_loss(perfect, TARGET).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss(-perfect, TARGET).item() == pytest.approx(1, abs=1e-5)
    assert cross_entropy_loss(-perfect, TARGET).item() == pytest.approx(50, abs=1e-4)


def test_a_batch_without_vessel_is_defined_and_asks_for_nothing() -> None:
    logits = torch.full((1, 1, 4, 4), 2.0, requires_grad=True)
    loss = dice_and_cross_entropy_loss(logits, torch.zeros(1, 1, 4, 4))
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert (logits.grad > 0).all()


def test_low_precision_logits_are_summed_in_float32() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, 1, 128, 128)
    targets = (torch.rand(4, 1, 128, 128) < 0.1).float()
    for loss in LOSSES.values():
        low = loss(logits.bfloat16(), targets)
        assert low.dtype == torch.float32
        assert low.item() == pytest.approx(loss(logits, targets).item(), abs=1e-3)


@pytest.mark.parametrize("name", list(LOSSES))
def test_shapes_that_differ_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"\(1, 1, 2, 2\).*\(1, 2, 2\)"):
        LOSSES[name](LOGITS, TARGET[0])
