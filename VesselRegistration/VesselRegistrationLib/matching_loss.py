"""What a good match is: Dice of the warped against the fixed picture (equation 5), at several scales, and a prior.

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

LOSS_FLOOR = 0.02
"""Keeps the logarithm of the loss finite. Two equal pictures lose about 0.25: their coarse scales are grey, and
equation 5 is 0 for black and white only."""

ROTATION_SPREAD_RAD = 0.12
LOG_SCALE_SPREAD = 0.06
NON_SIMILARITY_SPREAD = 0.05
"""How far a rotation, the logarithm of the scale, and stretch or shear usually lie from zero in a C-arm view whose
angles are right to some degrees and whose distances are right to some percent: the widths of the prior."""


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


def similarity_parts(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rotation in radians, logarithm of the scale, and the size of stretch and shear, of (B, 3, 3). Each (B,)."""
    a, b, c, d = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1]
    cosine, sine = (a + d) / 2, (c - b) / 2
    scale = (cosine.square() + sine.square()).clamp(min=1e-6).sqrt()
    other = ((a - d).square() + (b + c).square()).div(4).clamp(min=1e-12).sqrt()
    return torch.atan2(sine, cosine), scale.log(), other / scale


def prior_loss(matrix: Tensor) -> Tensor:
    """How unusual a matrix is: log(1 + squared distance from the identity in the spreads above). Shape (B,).

    Translation is free. Overlap alone slides and shears straight vessels at no cost; this keeps the match physical. The
    logarithm lets a view that really is far off be matched all the same.
    """
    rotation, log_scale, other = similarity_parts(matrix)
    distance = (
        (rotation / ROTATION_SPREAD_RAD).square()
        + (log_scale / LOG_SCALE_SPREAD).square()
        + (other / NON_SIMILARITY_SPREAD).square()
    )
    return torch.log1p(distance)


def match_objective(warped: Tensor, fixed: Tensor, matrix: Tensor, prior_weight: float) -> Tensor:
    """What a match minimizes: the logarithm of the multi-scale Dice loss plus the weighted prior. Shape (B,).

    With the logarithm the pictures count the more the better they agree, so the prior decides between poor matches and
    hardly bends a good one.
    """
    return (multiscale_dice_loss(warped, fixed) + LOSS_FLOOR).log() + prior_weight * prior_loss(matrix)


def point_loss(matrix: Tensor, true_matrix: Tensor, points: Tensor) -> Tensor:
    """Mean distance between points (B, N, 2) carried by both matrices, normalized units. Shape (B,)."""
    difference = (matrix - true_matrix)[:, :2]
    moved = points @ difference[:, :, :2].transpose(1, 2) + difference[:, :, 2][:, None]
    return moved.square().sum(dim=2).add(1e-8).sqrt().mean(dim=1)
