"""What a match minimizes, with its exact gradient, for several matrices at once: quick enough to be asked often.

Equation 5 needs three sums: of the carried silhouette times the vessel picture, of the carried silhouette, and of the
vessel picture. Only pixels of the silhouette contribute to the first two, so they alone are carried, by linear
interpolation in the vessel picture; nothing is warped. The scales are those of `matching_loss.multiscale_dice_loss`.

A match is six numbers: rotation (radians), logarithm of the scale, stretch, shear, and the shift of the silhouette's
middle in x and y (pixels), about that middle: matrix = scale * rotation * [[1 + stretch, shear], [shear, 1 - stretch]].
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import FloatArray

Picture = NDArray[np.float32]

SCALES = (1, 2, 4, 8)
"""Factors by which both pictures are averaged: coarse ones still overlap, and so have a slope, when thin vessels do
not."""
LOSS_FLOOR = 0.02
"""Keeps the logarithm of the loss finite."""
OUTSIDE_SHARE = 0.5
"""How much of the silhouette counts that a match carries out of the picture. In Dice it would not count at all, and a
model could be got rid of by pushing it over the border."""
_FAINTEST = 0.02
"""Coarse silhouette values below this are left out."""


@dataclass(frozen=True)
class Prior:
    """How far a match usually is from leaving the projection where it is; each number is a width."""

    weight: float = 0.05
    """Of the prior beside the logarithm of the loss."""
    rotation_rad: float = 0.12
    log_scale: float = 0.06
    other: float = 0.05
    """Stretch and shear, which no movement in the picture's plane causes."""
    shift: float = 0.25
    """Share of the picture's side."""
    shift_share: float = 0.5
    """Weight of the shift's part: patients lie anywhere, so it only decides between matches as good as each other."""


USUAL_PRIOR = Prior()


class MatchObjective:
    """log(multi-scale Dice loss) + prior, of a silhouette and a vessel picture (S, S) with values from 0 to 1.

    With the logarithm the pictures count the more the better they agree, so the prior decides between poor matches and
    hardly bends a good one; the prior is a logarithm too, so that a view which really is far off can be matched.
    """

    def __init__(self, moving: Picture, fixed: Picture, prior: Prior = USUAL_PRIOR) -> None:
        self.side, self.prior = moving.shape[0], prior
        scales = [scale for scale in SCALES if self.side // scale >= 8]
        self._count = len(scales)
        layers = [_Layer(moving, fixed, scale) for scale in scales]
        self.middle = _middle(moving)
        self._x, self._y = np.concatenate([layer.places for layer in layers], axis=1) - self.middle[:, None].astype("f")
        self._weight = np.concatenate([layer.values for layer in layers])
        self._sizes = np.array([len(layer.values) for layer in layers])
        self._firsts = np.concatenate([[0], np.cumsum(self._sizes)[:-1]])
        self._shrink = np.repeat([1 / scale for scale in scales], self._sizes).astype(np.float32)
        self._width = np.repeat([layer.padded.shape[1] for layer in layers], self._sizes).astype(np.int32)
        self._last = (self._width - 1).astype(np.float32)
        offsets = np.cumsum([0] + [layer.padded.size for layer in layers])
        self._offset = np.repeat(offsets[:-1], self._sizes).astype(np.int32)
        self._pixels = np.concatenate([layer.padded.ravel() for layer in layers])
        self._fixed_sums = np.array([float(layer.padded.sum()) for layer in layers])
        half_side = np.full(2, prior.shift * self.side)
        self._spread = np.concatenate([[prior.rotation_rad, prior.log_scale, prior.other, prior.other], half_side])

    def __call__(self, numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Value (K,) and gradient (K, 6) at K matches (K, 6)."""
        turned, linear = linear_parts(numbers)
        determinant = np.linalg.det(linear)
        looked_up = self._look_up(linear, numbers[:, 4:] + self.middle)
        value, by_x, by_y, inside, inside_by_x, inside_by_y = looked_up
        shared = np.add.reduceat(value * self._weight, self._firsts, axis=1)
        counted = np.add.reduceat(inside * self._weight, self._firsts, axis=1)
        area = determinant[:, None]
        whole = area * counted + self._fixed_sums
        loss = 1 - (2 * area * shared / whole).mean(axis=1) + LOSS_FLOOR
        by_shared = 2 * area / whole / self._count
        by_counted = -2 * area**2 * shared / whole**2 / self._count
        by_area = (2 * shared / whole - 2 * area * shared * counted / whole**2).sum(axis=1) / self._count
        weight_shared, weight_counted = self._per_place(by_shared), self._per_place(by_counted)
        slope_x = weight_shared * by_x + weight_counted * inside_by_x
        slope_y = weight_shared * by_y + weight_counted * inside_by_y
        by_linear = np.stack(
            [np.stack([slope @ self._x, slope @ self._y], axis=-1) for slope in (slope_x, slope_y)], axis=-2
        )
        # The derivative of a determinant is itself times the transposed inverse.
        by_linear = by_linear + (by_area * determinant)[:, None, None] * np.linalg.inv(linear).transpose(0, 2, 1)
        by_numbers = np.stack(
            [*_linear_slopes(by_linear, turned, linear), slope_x.sum(axis=1), slope_y.sum(axis=1)], axis=1
        )
        cost, cost_slope = self._prior(numbers)
        return np.log(loss) + cost, -by_numbers / loss[:, None] + cost_slope

    def _look_up(self, linear: FloatArray, shift: FloatArray) -> tuple[NDArray[np.float32], ...]:
        """At all carried places: vessel value, its slopes, share that counts, and its slopes. Each (K, N)."""
        linear, shift = linear.astype(np.float32), shift.astype(np.float32)
        shrink, last = self._shrink, self._last
        # Half a pixel to the coarse picture's outer edge, and half a pixel into its border of zeros.
        column, row = (
            (linear[:, axis, :1] * self._x + linear[:, axis, 1:] * self._y + shift[:, axis, None] + 0.5) * shrink + 0.5
            for axis in (0, 1)
        )
        x, y = (np.clip(place, 0, last - 1e-3) for place in (column, row))
        first_x, first_y = x.astype(np.int32), y.astype(np.int32)
        part_x, part_y = x - first_x, y - first_y
        index = first_y * self._width + first_x + self._offset
        pixels = self._pixels
        one, right, below = pixels[index], pixels[index + 1], pixels[index + self._width]
        across, down = right - one, below - one
        mixed = pixels[index + self._width + 1] - right - down
        value = one + across * part_x + (down + mixed * part_x) * part_y
        within = ((x == column) & (y == row)) * shrink
        edge_x, edge_y = np.minimum(column, last - column), np.minimum(row, last - row)
        in_x, in_y = np.clip(edge_x, 0, 1), np.clip(edge_y, 0, 1)
        counts = 1 - OUTSIDE_SHARE
        leaving_x = ((edge_x > 0) & (edge_x < 1)) * np.where(column < last - column, counts, -counts) * shrink
        leaving_y = ((edge_y > 0) & (edge_y < 1)) * np.where(row < last - row, counts, -counts) * shrink
        return (
            value,
            (across + mixed * part_y) * within,
            (down + mixed * part_x) * within,
            OUTSIDE_SHARE + counts * in_x * in_y,
            in_y * leaving_x,
            in_x * leaving_y,
        )

    def _per_place(self, per_scale: FloatArray) -> NDArray[np.float32]:
        """(K, scales) repeated for each place of a scale, times the place's weight: (K, N)."""
        return np.asarray(np.repeat(per_scale, self._sizes, axis=1).astype(np.float32) * self._weight)

    def _prior(self, numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
        squares = (numbers / self._spread) ** 2
        shape, shift = squares[:, :4].sum(axis=1), squares[:, 4:].sum(axis=1)
        weight, share = self.prior.weight, self.prior.shift_share
        slope = 2 * weight * numbers / self._spread**2
        slope[:, :4] /= 1 + shape[:, None]
        slope[:, 4:] *= share / (1 + shift[:, None])
        return weight * (np.log1p(shape) + share * np.log1p(shift)), slope


class _Layer:
    """One scale: the silhouette's places (2, n) in pixels of the picture, their values, and the bordered vessels."""

    def __init__(self, moving: Picture, fixed: Picture, scale: int) -> None:
        coarse = coarse_picture(moving, scale)
        rows, columns = np.nonzero(coarse > _FAINTEST)
        self.places = ((np.stack([columns, rows]) + 0.5) * scale - 0.5).astype(np.float32)
        self.values = coarse[rows, columns]
        self.padded = np.pad(coarse_picture(fixed, scale), 1)


def coarse_picture(picture: Picture, scale: int) -> Picture:
    """Averages over windows of 2 * scale that overlap by half, so that a vessel fades from one to the next.

    A thin vessel is faint in them; the square root keeps its weight beside a thick one.
    """
    if scale == 1:
        return picture.astype(np.float32)
    half, count = scale // 2, picture.shape[0] // scale
    halves = average(np.pad(picture, half), half)
    window = sum(halves[i : i + 2 * count : 2, j : j + 2 * count : 2] for i in range(4) for j in range(4))
    return np.asarray(np.sqrt(np.maximum(np.asarray(window), 0) / 16), dtype=np.float32)


def average(picture: Picture, factor: int) -> Picture:
    """Means over squares of `factor` pixels, which must divide the picture's sides."""
    rows, columns = picture.shape
    return np.asarray(picture.reshape(rows // factor, factor, columns // factor, factor).mean(axis=(1, 3)))


def numbers_of(matrices: FloatArray, middle: FloatArray) -> FloatArray:
    """The six numbers (K, 6) of matrices (K, 3, 3) in pixels; mirrors are not among them."""
    linear = matrices[:, :2, :2]
    angle = np.arctan2(linear[:, 1, 0] - linear[:, 0, 1], linear[:, 0, 0] + linear[:, 1, 1])
    back = _rotations(-angle) @ linear
    scale = np.maximum((back[:, 0, 0] + back[:, 1, 1]) / 2, 1e-3)
    stretch, shear = (back[:, 0, 0] - back[:, 1, 1]) / 2 / scale, (back[:, 0, 1] + back[:, 1, 0]) / 2 / scale
    shift = linear @ middle + matrices[:, :2, 2] - middle
    return np.column_stack([angle, np.log(scale), stretch, shear, shift])


def matrices_of(numbers: FloatArray, middle: FloatArray) -> FloatArray:
    """Inverse of `numbers_of`: (K, 3, 3)."""
    _turned, linear = linear_parts(numbers)
    matrices = np.tile(np.eye(3), (len(numbers), 1, 1))
    matrices[:, :2, :2] = linear
    matrices[:, :2, 2] = middle + numbers[:, 4:] - linear @ middle
    return matrices


def linear_parts(numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scale times rotation, and that times stretch and shear, of (K, 6) numbers. Each (K, 2, 2)."""
    turned = np.exp(numbers[:, 1])[:, None, None] * _rotations(numbers[:, 0])
    stretch, shear = numbers[:, 2], numbers[:, 3]
    deformed = np.stack([np.stack([1 + stretch, shear], axis=-1), np.stack([shear, 1 - stretch], axis=-1)], axis=-2)
    return turned, turned @ deformed


def _rotations(angle: FloatArray) -> FloatArray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cosine, -sine], axis=-1), np.stack([sine, cosine], axis=-1)], axis=-2)


def _linear_slopes(by_linear: FloatArray, turned: FloatArray, linear: FloatArray) -> list[FloatArray]:
    """Derivatives by rotation, log scale, stretch and shear, from those by the linear part's entries."""
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    stretch, shear = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    directions = (quarter @ linear, linear, turned @ stretch, turned @ shear)
    return [(by_linear * direction).sum(axis=(1, 2)) for direction in directions]


def _middle(picture: Picture) -> FloatArray:
    """Center of mass (x, y) in pixels."""
    total = float(picture.sum())
    if not total > 0 or not math.isfinite(total):
        raise ValueError("The silhouette is empty.")
    return np.array(
        [
            (picture.sum(axis=0) * np.arange(picture.shape[1])).sum() / total,
            (picture.sum(axis=1) * np.arange(picture.shape[0])).sum() / total,
        ]
    )
