"""What a match minimizes, with its exact gradient, for several matrices at once: quick enough to be asked often.

It is the mutual information (Maes et al. 1997) of two pictures of which one shows where the model is and the other
where vessels are: how much the first tells about the second. Unlike Dice (equation 5) it does not mind what share of
the model contrast fills and how many false vessels there are, as long as there is more vessel inside the model than
beside it. It needs three sums: of the carried silhouette times the vessel picture, of the carried silhouette, and of
the vessels where the model is known, for beyond the border of the projection nobody can tell. Only pixels that are not
zero contribute, so they alone are carried, and nothing is warped.

A match is six numbers: rotation (radians), logarithm of the scale, stretch, shear, and the shift of the silhouette's
middle in x and y (pixels), about that middle: matrix = scale * rotation * [[1 + stretch, shear], [shear, 1 - stretch]].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from VesselRegistrationLib.c_arm import FloatArray

Picture = NDArray[np.float32]

COARSE_SCALES, FINE_SCALES = (1, 2, 4), (1, 2)
"""Factors by which both pictures are averaged: coarse ones still overlap, and so have a slope, when thin vessels do
not; fine ones alone are not drawn away by branches that are missing elsewhere."""
LOSS_FLOOR = 0.02
"""Keeps the logarithm of the loss finite."""
OUTSIDE_SHARE = 0.5
"""How much of the silhouette counts that a match carries out of the picture. If it did not count at all, a model could
be got rid of by pushing it over the border."""
_FAINTEST = 0.02
"""Coarse values below this are left out."""
_TINY = 1e-7
Window = tuple[float, float, float, float]
"""Left, top, right and bottom edge, in pixels; -0.5 is the outer edge of the first pixel."""


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
    shift_share: float = 0.75
    """Weight of the shift's part: patients lie anywhere, so it only decides between matches as good as each other."""


USUAL_PRIOR = Prior()


class MatchObjective:
    """log(1 - normalized mutual information) + prior, of a silhouette and a vessel picture (S, S), values 0 to 1.

    With the logarithm the pictures count the more the better they agree, so the prior decides between poor matches and
    hardly bends a good one; the prior is a logarithm too, so that a view which really is far off can be matched.
    `known` is where the moving picture shows the whole model; None: everywhere in it.
    """

    def __init__(
        self,
        moving: Picture,
        fixed: Picture,
        prior: Prior = USUAL_PRIOR,
        scales: tuple[int, ...] = FINE_SCALES,
        known: Window | None = None,
    ) -> None:
        self.side, self.prior, self.middle = moving.shape[0], prior, _middle(moving)
        edge = self.side - 0.5
        left, top, right, bottom = known or (-0.5, -0.5, edge, edge)
        self._known = ((left, right), (top, bottom))
        layers = [coarse_picture(fixed, scale) for scale in scales]
        self._model = _Places([coarse_picture(moving, scale) for scale in scales], scales, self.middle)
        self._vessels = _Places(layers, scales, self.middle)
        padded = [np.pad(layer, 1) for layer in layers]
        self._pixels = np.concatenate([layer.ravel() for layer in padded])
        offsets = np.cumsum([0] + [layer.size for layer in padded])[:-1]
        self._width = self._model.repeated([layer.shape[1] for layer in padded]).astype(np.int32)
        self._last = (self._width - 1).astype(np.float32)
        self._offset = self._model.repeated(offsets).astype(np.int32)
        self._areas = np.array([float(layer.size) for layer in layers])
        share = np.array([float(layer.sum()) for layer in layers]) / self._areas
        self._most = _entropy(share) + _entropy(1 - share) + _TINY
        spreads = [prior.rotation_rad, prior.log_scale, prior.other, prior.other]
        self._spread = np.array([*spreads, prior.shift * self.side, prior.shift * self.side])

    def __call__(self, numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Value (K,) and gradient (K, 6) at K matches (K, 6)."""
        model = self._model
        turned, linear = linear_parts(numbers)
        determinant = np.linalg.det(linear)
        value, by_x, by_y, inside, inside_by_x, inside_by_y = self._look_up(linear, numbers[:, 4:] + self.middle)
        back = np.asarray(np.linalg.inv(linear), dtype=np.float64)
        seen = self._seen(back, numbers[:, 4:])
        area = determinant[:, None] / self._areas
        shared, counted = model.sums(value), model.sums(inside)
        information, slopes = _mutual_information(area * shared, area * counted, seen.sums / self._areas)
        parts = self._most * len(self._areas)
        loss = 1 + LOSS_FLOOR - (information / parts).sum(axis=1)
        by_shared, by_counted, by_seen = (slope / parts for slope in slopes)
        weight_shared, weight_counted = model.spread(by_shared * area), model.spread(by_counted * area)
        slope_x = weight_shared * by_x + weight_counted * inside_by_x
        slope_y = weight_shared * by_y + weight_counted * inside_by_y
        by_linear = _outer_sums(slope_x, slope_y, model.x, model.y)
        # The derivative of a determinant is itself times the transposed inverse.
        by_area = ((by_shared * shared + by_counted * counted) * area).sum(axis=1)
        by_linear += by_area[:, None, None] * back.transpose(0, 2, 1)
        by_shift = np.stack([slope_x.sum(axis=1), slope_y.sum(axis=1)], axis=1)
        seen_linear, seen_shift = self._seen_slopes(back, seen, by_seen / self._areas)
        by_numbers = np.column_stack([*_linear_slopes(by_linear + seen_linear, turned, linear), by_shift + seen_shift])
        cost, cost_slope = self._prior(numbers)
        return np.log(np.maximum(loss, _TINY)) + cost, -by_numbers / loss[:, None] + cost_slope

    def _seen(self, back: FloatArray, shift: FloatArray) -> _Seen:
        """The vessels whose place in the moving picture lies where the model is known."""
        back, shift, vessels = back.astype(np.float32), shift.astype(np.float32), self._vessels
        from_x, from_y = vessels.x - shift[:, :1], vessels.y - shift[:, 1:]
        places, ramps, slopes = [], [], []
        for axis, (low, high) in enumerate(self._known):
            place = back[:, axis, :1] * from_x + back[:, axis, 1:] * from_y
            after = (place + np.float32(self.middle[axis] - low)) * vessels.shrink + 0.5
            before = (np.float32(high - self.middle[axis]) - place) * vessels.shrink + 0.5
            nearer = np.minimum(after, before)
            places.append(place)
            ramps.append(np.clip(nearer, 0, 1))
            slopes.append(((nearer > 0) & (nearer < 1)) * np.copysign(vessels.shrink, before - after))
        sums = vessels.sums(ramps[0] * ramps[1])
        return _Seen(sums, places[0], places[1], slopes[0] * ramps[1], slopes[1] * ramps[0])

    def _seen_slopes(self, back: FloatArray, seen: _Seen, by_sums: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Derivatives of the sums by the linear part (K, 2, 2) and the shift (K, 2)."""
        weight, back = self._vessels.spread(by_sums), back.astype(np.float32)
        by_x, by_y = weight * seen.by_x, weight * seen.by_y
        # A place's origin moves by minus the inverse times what its image would move by.
        moved_x = -(back[:, 0, :1] * by_x + back[:, 1, :1] * by_y)
        moved_y = -(back[:, 0, 1:] * by_x + back[:, 1, 1:] * by_y)
        linear = np.stack(
            [
                np.stack([(moved * seen.x).sum(axis=1), (moved * seen.y).sum(axis=1)], axis=-1)
                for moved in (moved_x, moved_y)
            ],
            axis=-2,
        )
        return linear, np.stack([moved_x.sum(axis=1), moved_y.sum(axis=1)], axis=1)

    def _look_up(self, linear: FloatArray, shift: FloatArray) -> tuple[NDArray[np.float32], ...]:
        """At all carried places: vessel value, its slopes, share that counts, and its slopes. Each (K, N)."""
        linear, shift = linear.astype(np.float32), shift.astype(np.float32)
        shrink, last, model = self._model.shrink, self._last, self._model
        # Half a pixel to the coarse picture's outer edge, and half a pixel into its border of zeros.
        column, row = (
            (linear[:, axis, :1] * model.x + linear[:, axis, 1:] * model.y + shift[:, axis, None] + 0.5) * shrink + 0.5
            for axis in (0, 1)
        )
        x, y = (np.clip(place, 0, last - 1e-3) for place in (column, row))
        # Not cast to integers first: single precision less an integer is double, and all that follows twice as slow.
        first_x, first_y = np.floor(x), np.floor(y)
        part_x, part_y = x - first_x, y - first_y
        index = first_y.astype(np.int32) * self._width + first_x.astype(np.int32) + self._offset
        pixels = self._pixels
        one, right, below = pixels.take(index), pixels.take(index + 1), pixels.take(index + self._width)
        across, down = right - one, below - one
        mixed = pixels.take(index + self._width + 1) - right - down
        value = one + across * part_x + (down + mixed * part_x) * part_y
        within = ((x == column) & (y == row)) * shrink
        edge_x, edge_y = np.minimum(column, last - column), np.minimum(row, last - row)
        in_x, in_y = np.clip(edge_x, 0, 1), np.clip(edge_y, 0, 1)
        counts = 1 - OUTSIDE_SHARE
        leaving_x = ((edge_x > 0) & (edge_x < 1)) * np.copysign(counts, last - 2 * column) * shrink
        leaving_y = ((edge_y > 0) & (edge_y < 1)) * np.copysign(counts, last - 2 * row) * shrink
        return (
            value,
            (across + mixed * part_y) * within,
            (down + mixed * part_x) * within,
            OUTSIDE_SHARE + counts * in_x * in_y,
            in_y * leaving_x,
            in_x * leaving_y,
        )

    def _prior(self, numbers: FloatArray) -> tuple[FloatArray, FloatArray]:
        squares = (numbers / self._spread) ** 2
        shape, shift = squares[:, :4].sum(axis=1), squares[:, 4:].sum(axis=1)
        weight, share = self.prior.weight, self.prior.shift_share
        slope = 2 * weight * numbers / self._spread**2
        slope[:, :4] /= 1 + shape[:, None]
        slope[:, 4:] *= share / (1 + shift[:, None])
        return weight * (np.log1p(shape) + share * np.log1p(shift)), slope


@dataclass(frozen=True)
class _Seen:
    """Vessels where the model is known: their sums (K, scales), origins from the middle (K, N), and slopes (K, N)."""

    sums: FloatArray
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    by_x: NDArray[np.float32]
    by_y: NDArray[np.float32]


class _Places:
    """All scales' pixels that are not zero: places relative to the middle, in the picture's pixels, and values."""

    def __init__(self, layers: list[Picture], scales: tuple[int, ...], middle: FloatArray) -> None:
        found = [np.nonzero(layer > _FAINTEST) for layer in layers]
        self._sizes = np.array([len(rows) for rows, _columns in found])
        # Sums over nothing must still be sums: a scale without any pixel keeps one of value zero.
        found = [place if len(place[0]) else (np.zeros(1, int), np.zeros(1, int)) for place in found]
        self._sizes = np.maximum(self._sizes, 1)
        self._firsts = np.concatenate([[0], np.cumsum(self._sizes)[:-1]])
        self.values = np.concatenate([layer[place] for layer, place in zip(layers, found, strict=True)])
        self.shrink = self.repeated([1 / scale for scale in scales]).astype(np.float32)
        rows, columns = (np.concatenate([place[axis] for place in found]) for axis in (0, 1))
        self.x, self.y = (
            ((place + 0.5) / self.shrink - 0.5 - middle[axis]).astype(np.float32)
            for axis, place in enumerate((columns, rows))
        )

    def repeated(self, per_scale: ArrayLike) -> NDArray[Any]:
        """One number per scale (scales,) as one per place (N,)."""
        return np.repeat(per_scale, self._sizes)

    def sums(self, shares: NDArray[np.float32]) -> FloatArray:
        """Values times shares (K, N), summed for each scale: (K, scales)."""
        return np.asarray(np.add.reduceat(shares * self.values, self._firsts, axis=1), dtype=np.float64)

    def spread(self, per_scale: FloatArray) -> NDArray[np.float32]:
        """(K, scales) repeated for each place of a scale, times the place's value: (K, N)."""
        return np.asarray(np.repeat(per_scale, self._sizes, axis=1).astype(np.float32) * self.values)


def _mutual_information(
    both: FloatArray, model: FloatArray, vessel: FloatArray
) -> tuple[FloatArray, tuple[FloatArray, FloatArray, FloatArray]]:
    """Of two properties of a pixel, from the shares of pixels that have both, the first, and the second; in nats.

    Returns it and its derivatives by the three shares.
    """
    both, model = np.maximum(both, _TINY), np.clip(model, _TINY, 1 - _TINY)
    vessel = np.clip(vessel, _TINY, 1 - _TINY)
    model_only, vessel_only = np.maximum(model - both, _TINY), np.maximum(vessel - both, _TINY)
    neither = np.maximum(1 - model - vessel + both, _TINY)
    singles = sum(_entropy(share) for share in (model, 1 - model, vessel, 1 - vessel))
    information = singles - sum(_entropy(share) for share in (both, model_only, vessel_only, neither))
    by_both = np.log(both * neither / (model_only * vessel_only))
    by_model = np.log((1 - model) / model * model_only / neither)
    by_vessel = np.log((1 - vessel) / vessel * vessel_only / neither)
    return np.asarray(information), (by_both, by_model, by_vessel)


def _entropy(share: FloatArray) -> FloatArray:
    return np.asarray(-share * np.log(np.maximum(share, _TINY)))


def _outer_sums(one: FloatArray, other: FloatArray, x: FloatArray, y: FloatArray) -> FloatArray:
    """[[one . x, one . y], [other . x, other . y]] (K, 2, 2) of (K, N) and (N,)."""
    return np.stack([np.stack([slope @ x, slope @ y], axis=-1) for slope in (one, other)], axis=-2).astype(float)


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
