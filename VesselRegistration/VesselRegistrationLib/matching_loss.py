"""What the network learns to reach: Dice of the warped against the fixed picture (equation 5), at several scales.

Pictures are (B, 1, S, S) with values in [0, 1]; matrices (B, 3, 3) carry moving to fixed in normalized coordinates.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

SCALES = (1, 2, 4, 8)
"""Factors by which both pictures are averaged: the coarse ones still overlap, and so still have a gradient, when thin
vessels do not."""
_SMOOTHING = 1e-5


def dice_loss(warped: Tensor, fixed: Tensor) -> Tensor:
    """Equation 5, 1 - 2 TP / (2 TP + FN + FP), with TP = sum of products. Shape (B,)."""
    overlap = 2 * (warped * fixed).sum(dim=(1, 2, 3))
    whole = warped.sum(dim=(1, 2, 3)) + fixed.sum(dim=(1, 2, 3))
    return 1 - (overlap + _SMOOTHING) / (whole + _SMOOTHING)


def multiscale_dice_loss(warped: Tensor, fixed: Tensor, scales: tuple[int, ...] = SCALES) -> Tensor:
    """Mean of equation 5 over coarser and coarser pictures. Shape (B,)."""
    losses = []
    for factor in scales:
        if factor == 1:
            losses.append(dice_loss(warped, fixed))
        else:
            losses.append(dice_loss(_coarse(warped, factor), _coarse(fixed, factor)))
    return torch.stack(losses).mean(dim=0)


def _coarse(picture: Tensor, factor: int) -> Tensor:
    """Averages over windows that overlap by half, so that a vessel fades from one to the next as it moves.

    A thin vessel is faint in them; the square root keeps its weight beside a thick one.
    """
    return _lifted(avg_pool2d(picture, 2 * factor, stride=factor, padding=factor // 2))


def _lifted(picture: Tensor) -> Tensor:
    return (picture.clamp(min=0) + 1e-6).sqrt()


def point_loss(matrix: Tensor, true_matrix: Tensor, points: Tensor) -> Tensor:
    """Mean distance between points (B, N, 2) carried by both matrices, normalized units. Shape (B,)."""
    difference = (matrix - true_matrix)[:, :2]
    moved = points @ difference[:, :, :2].transpose(1, 2) + difference[:, :, 2][:, None]
    return moved.square().sum(dim=2).add(1e-8).sqrt().mean(dim=1)
