"""Starts for the match by exhaustive search: every shift at once, for some turns and sizes (Fourier correlation)."""

from __future__ import annotations

import math

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.matching_objective import USUAL_PRIOR, Picture, Prior, average

TURNS_DEG = (-20.0, -15.0, -10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 20.0)
SIZES = (0.8, 0.9, 1.0, 1.12, 1.25)
SEARCH_SIDE = 32
"""Pictures are averaged to this size: a start need not be better than a few pixels."""
SOFTENING_PX = 0.8
"""Standard deviation of a blur, so that thin vessels still meet when the turn or size is a little off."""
APART_PX = 2
"""Two starts put the model's middle more than so many pixels of the small picture apart, in x or in y."""
PRIOR_WEIGHT = 0.02
"""Weight of the prior beside the Dice of two blurred pictures."""


def searched_starts(moving: Picture, fixed: Picture, count: int, prior: Prior = USUAL_PRIOR) -> FloatArray:
    """Up to `count` promising matrices (K, 3, 3), in pixels of the pictures (S, S), best first.

    For every turn, size and shift of the silhouette, the Dice of both blurred pictures less the prior is worked out;
    of shifts that lie close together the best remains.
    """
    factor = max(1, moving.shape[0] // SEARCH_SIDE)
    small_moving, small_fixed = (_softened(average(picture, factor)) for picture in (moving, fixed))
    side, double = small_moving.shape[0], 2 * small_moving.shape[0]
    centered = _similarities(small_moving)
    merit = _dice_of_shifts(_turned(small_moving, centered), small_fixed)
    shifts = (np.arange(double) + side // 2) % double - side // 2
    middle, center = _middle(small_moving), (side - 1) / 2
    far_x, far_y = shifts + center - middle[0], shifts + center - middle[1]
    distance = (far_x[None, :] ** 2 + far_y[:, None] ** 2) / (prior.shift * side) ** 2
    merit -= (PRIOR_WEIGHT * _unlikely(prior))[:, None, None]
    merit -= (PRIOR_WEIGHT * prior.shift_share * np.log1p(distance)).astype(np.float32)
    found = []
    for which, row, column in _peaks(merit, count):
        matrix = centered[which].copy()
        matrix[:2, 2] += shifts[column], shifts[row]
        found.append(matrix)
    grow = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1.0]])
    return np.asarray(grow @ np.array(found) @ np.linalg.inv(grow))


def _softened(picture: Picture) -> Picture:
    """Blurred; the square root keeps the weight of thin vessels beside thick ones."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(np.sqrt(np.maximum(gaussian_filter(picture, SOFTENING_PX, mode="constant"), 0)))


def _middle(picture: Picture) -> FloatArray:
    axis, total = np.arange(picture.shape[0]), picture.sum()
    return np.array([(picture.sum(axis=0) * axis).sum(), (picture.sum(axis=1) * axis).sum()]) / total


def _similarities(picture: Picture) -> FloatArray:
    """Every turn and size (K, 3, 3), in pixels, that also puts the silhouette's middle in the picture's."""
    center, middle = np.full(2, (picture.shape[0] - 1) / 2), _middle(picture)
    found = []
    for turn in np.radians(TURNS_DEG):
        for size in SIZES:
            cosine, sine = size * math.cos(turn), size * math.sin(turn)
            matrix = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
            matrix[:2, 2] = center - matrix[:2, :2] @ middle
            found.append(matrix)
    return np.array(found)


def _unlikely(prior: Prior) -> Picture:
    """The prior's cost of every turn and size (K,)."""
    turns = (np.radians(TURNS_DEG) / prior.rotation_rad) ** 2
    sizes = (np.log(SIZES) / prior.log_scale) ** 2
    return np.asarray(np.log1p(turns[:, None] + sizes[None, :]).ravel(), dtype=np.float32)


def _turned(picture: Picture, matrices: FloatArray) -> Picture:
    """The picture carried by each matrix: (K, s, s)."""
    import torch

    from VesselRegistrationLib.spatial_transformer import warp

    pictures = torch.from_numpy(picture.astype(np.float32))[None, None].expand(len(matrices), -1, -1, -1)
    return np.asarray(warp(pictures, torch.from_numpy(matrices), picture.shape)[:, 0].numpy())


def _dice_of_shifts(moving: Picture, fixed: Picture) -> Picture:
    """Dice of each (K, s, s) moving picture with the fixed one (s, s) for every shift: (K, 2 s, 2 s).

    Of grey pictures it is 2 sum(m f) / (sum(m m) + sum(f f)), 1 for equal ones. Negative shifts are at the end.
    """
    import torch

    size = (2 * fixed.shape[0], 2 * fixed.shape[1])
    one, other = (torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32)) for picture in (moving, fixed))
    spectrum = torch.fft.rfft2(other, s=size) * torch.fft.rfft2(one, s=size).conj()
    shared = torch.fft.irfft2(spectrum, s=size).numpy()
    whole = (moving**2).sum(axis=(1, 2)) + (fixed**2).sum()
    return np.asarray(2 * shared / np.maximum(whole, 1e-6)[:, None, None], dtype=np.float32)


def _peaks(merit: Picture, count: int) -> list[tuple[int, int, int]]:
    """Indices (which, row, column) of the highest values, no two of them close together."""
    which, best = merit.argmax(axis=0), merit.max(axis=0)
    double, found = best.shape[0], []
    for _ in range(count):
        row, column = np.unravel_index(int(best.argmax()), best.shape)
        if not math.isfinite(best[row, column]):
            break
        found.append((int(which[row, column]), int(row), int(column)))
        near = np.arange(-APART_PX, APART_PX + 1)
        best[np.ix_((row + near) % double, (column + near) % double)] = -np.inf
    return found
