"""Bilinear spatial transformer (Jaderberg et al. 2015) driven by equation 4's matrix, in pixels.

The matrix carries moving pixels to fixed pixels. To fill the fixed image every fixed pixel looks up its origin in the
moving image, so the sampling grid uses the inverse; outside the moving image there is nothing (zero).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample


def warp(moving: Tensor, moving_to_fixed: Tensor, fixed_size: tuple[int, int]) -> Tensor:
    """Moving images on the fixed grid.

    `moving` (B, C, Hm, Wm); `moving_to_fixed` (B, 3, 3) in pixels (x, y), centres at integers;
    `fixed_size` (Hf, Wf). Returns (B, C, Hf, Wf). Differentiable in both inputs.
    """
    rows, columns = int(moving.shape[-2]), int(moving.shape[-1])
    to_moving = normalization(rows, columns).to(moving_to_fixed)
    from_fixed = torch.linalg.inv(normalization(*fixed_size)).to(moving_to_fixed)
    theta = to_moving @ invert_affine(moving_to_fixed) @ from_fixed
    return sample(moving, theta, fixed_size)


def warp_normalized(moving: Tensor, moving_to_fixed: Tensor, fixed_size: tuple[int, int]) -> Tensor:
    """As `warp`, with the matrix in normalized coordinates of both images (-1 to 1 between outer pixel edges)."""
    return sample(moving, invert_affine(moving_to_fixed), fixed_size)


def sample(moving: Tensor, fixed_to_moving: Tensor, fixed_size: tuple[int, int]) -> Tensor:
    """Bilinear look-up of the moving images at normalized `fixed_to_moving` (B, 3, 3) times each fixed pixel."""
    batch, channels = moving.shape[:2]
    grid = affine_grid(fixed_to_moving[:, :2], [batch, channels, *fixed_size], align_corners=False)
    return grid_sample(moving, grid.to(moving.dtype), mode="bilinear", padding_mode="zeros", align_corners=False)


def normalization(rows: int, columns: int) -> Tensor:
    """Matrix (3, 3) from pixels to normalized coordinates."""
    return torch.tensor(
        [[2 / columns, 0.0, 1 / columns - 1], [0.0, 2 / rows, 1 / rows - 1], [0.0, 0.0, 1.0]], dtype=torch.float64
    )


def invert_affine(matrix: Tensor, smallest_determinant: float = 1e-3) -> Tensor:
    """Inverse of (B, 3, 3) affines; a picture squashed to less than that area is inverted as if it had it.

    The floor keeps the gradient finite when a network, early in its training, folds the picture away.
    """
    a, b, c, d = matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1]
    determinant = a * d - b * c
    sign = torch.where(determinant < 0, -1.0, 1.0).to(determinant)
    determinant = sign * determinant.abs().clamp(min=smallest_determinant)
    linear = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2) / determinant[:, None, None]
    shift = -linear @ matrix[:, :2, 2:]
    last = matrix.new_tensor([0.0, 0.0, 1.0]).expand(len(matrix), 1, 3)
    return torch.cat([torch.cat([linear, shift], -1), last], -2)
