"""Starts for the match by exhaustive search: every shift at once, for a few turns and sizes (Fourier correlation)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from VesselRegistrationLib.spatial_transformer import warp_normalized

TURNS_DEG = (-20.0, -10.0, 0.0, 10.0, 20.0)
SIZES = (0.8, 0.9, 1.0, 1.12, 1.25)
SEARCH_SIDE = 64
"""Pictures are averaged to this size: a start need not be better than a few pixels."""


def searched_starts(moving: Tensor, fixed: Tensor, count: int) -> Tensor:
    """The `count` most promising matrices (count, 3, 3), normalized, best first, for (1, 1, S, S) pictures.

    For every turn and size the shift with the highest Dice is found; the best of these are returned.
    """
    factor = max(1, moving.shape[-1] // SEARCH_SIDE)
    small_moving, small_fixed = (_softened(avg_pool2d(picture, factor)) for picture in (moving, fixed))
    side = small_moving.shape[-1]
    linear = torch.stack([_similarity(turn, size) for turn in TURNS_DEG for size in SIZES])
    turned = warp_normalized(small_moving.expand(len(linear), -1, -1, -1), linear, (side, side))
    dice = _dice_of_shifts(turned[:, 0], small_fixed[0, 0])
    best, where = dice.flatten(1).max(dim=1)
    double = dice.shape[-1]
    rows, columns = where // double, where % double
    matrices = linear.clone()
    # Shifts beyond half the padded picture are negative ones.
    matrices[:, 0, 2] = ((columns + side) % double - side) * (2 / side)
    matrices[:, 1, 2] = ((rows + side) % double - side) * (2 / side)
    return matrices[best.argsort(descending=True)[:count]]


def _similarity(turn_deg: float, size: float) -> Tensor:
    cosine, sine = size * math.cos(math.radians(turn_deg)), size * math.sin(math.radians(turn_deg))
    return torch.tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def _softened(picture: Tensor) -> Tensor:
    """Widened by one pixel, so that thin vessels still meet when the turn or size is a little off."""
    kernel = torch.tensor([0.25, 0.5, 0.25])
    soft = torch.nn.functional.conv2d(picture, (kernel[:, None] * kernel)[None, None], padding=1)
    return (soft * 2).clamp(max=1)


def _dice_of_shifts(moving: Tensor, fixed: Tensor) -> Tensor:
    """Dice of each (K, s, s) moving picture with the fixed one (s, s) for every shift. Returns (K, 2 s, 2 s)."""
    side = fixed.shape[-1]
    padding = (0, side, 0, side)
    spectrum = torch.fft.rfft2(pad(fixed, padding)) * torch.fft.rfft2(pad(moving, padding)).conj()
    shared = torch.fft.irfft2(spectrum, s=(2 * side, 2 * side))
    return 2 * shared / (moving.sum(dim=(1, 2)) + fixed.sum())[:, None, None].clamp(min=1e-6)
