"""The segmentation losses of Li et al. 2021: equation 1 (Dice) and equation 2 (binary cross-entropy), from logits.

Equation 1 counts pixels, which has no gradient. As usual each pixel counts by its probability p instead:
TP = sum p y, FP = sum p (1 - y), FN = sum (1 - p) y, so 2 TP + FN + FP = sum p + sum y, over all pixels of the batch.
MONAI's `DiceLoss(sigmoid=True, batch=True)` is exactly that, up to the 1e-5 it adds above and below the fraction so
that a batch without any vessel is defined.

All take logits and 0/1 targets of one shape (N, C, H, W) and return a scalar; they compute in float32 whatever the
logits' precision, since sums over half a million bfloat16 values are worthless.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from monai.losses import DiceLoss
from torch.nn import functional

from VesselSegmentationLib.errors import InputError

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

SMOOTHING = 1e-5
_frame_dice = DiceLoss(sigmoid=True, batch=False, smooth_nr=SMOOTHING, smooth_dr=SMOOTHING)
_soft_dice = DiceLoss(sigmoid=True, batch=True, smooth_nr=SMOOTHING, smooth_dr=SMOOTHING)


def _same_shape(logits: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if logits.shape != target.shape:
        raise InputError(f"Logits {tuple(logits.shape)} and target {tuple(target.shape)} must have one shape.")
    return logits.float(), target.float()


def dice_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Equation 1: 1 - 2 TP / (2 TP + FN + FP), soft, over the whole batch."""
    loss: torch.Tensor = _soft_dice(*_same_shape(logits, target))
    return loss


def cross_entropy_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Equation 2: - mean of Y log Y' + (1 - Y) log(1 - Y'), computed from logits so that it never overflows."""
    return functional.binary_cross_entropy_with_logits(*_same_shape(logits, target))


def dice_and_cross_entropy_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Equation 1 plus equation 2: Dice against the few vessel pixels, cross-entropy for calibrated probabilities."""
    return dice_loss(logits, target) + cross_entropy_loss(logits, target)


def frame_dice_and_cross_entropy_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Equation 1 of each frame by itself, in the mean, plus equation 2.

    Over a batch a coronary tree counts for a tenth of an aorta; here every frame counts alike, as in what is reported.
    A frame without vessel is left to the cross-entropy.
    """
    whole: torch.Tensor = _frame_dice(*_same_shape(logits, target))
    return whole + cross_entropy_loss(logits, target)


LOSSES: dict[str, Loss] = {
    "dice": dice_loss,
    "bce": cross_entropy_loss,
    "dice+ce": dice_and_cross_entropy_loss,
    "frame-dice+ce": frame_dice_and_cross_entropy_loss,
}
"""By the name used in settings: `dice` (paper, lower field of view), `bce` (paper, upper), `dice+ce` (recommended)."""
