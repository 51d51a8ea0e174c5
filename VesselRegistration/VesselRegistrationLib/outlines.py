"""Outlines of masks, quickly: points on them between the pixels, the nearest of them, and signed distances."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.c_arm import FloatArray

BLUR_PX = 0.8
"""Of a mask, for normals and for places between its pixels."""


@dataclass(frozen=True)
class Outline:
    """The outline of a mask; pixels are (column, row)."""

    points: FloatArray
    """(N, 2)."""
    normals: FloatArray
    """(N, 2) unit vectors out of the mask."""
    pixels: tuple[NDArray[np.int64], NDArray[np.int64]]
    """Rows and columns (N,) of the mask's pixels that the points belong to."""
    mask: NDArray[np.bool_]

    @classmethod
    def of(cls, mask: NDArray[np.bool_], shown: RegionOfInterest | None = None) -> Outline:
        """Of a mask (rows, columns), or the part inside a region of interest. A picture's border is no outline."""
        from scipy.ndimage import binary_erosion, gaussian_filter

        rows, columns = np.nonzero(mask & ~binary_erosion(mask, border_value=1))
        if shown is not None:
            inside_x = (columns > shown.x) & (columns < shown.x + shown.width - 1)
            inside = inside_x & (rows > shown.y) & (rows < shown.y + shown.height - 1)
            rows, columns = rows[inside], columns[inside]
        soft = gaussian_filter(mask.astype(np.float32), BLUR_PX)
        down, right = np.gradient(soft)
        slope = np.stack([right[rows, columns], down[rows, columns]], axis=1).astype(float)
        steepness = np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-3)
        normals = -slope / steepness
        away = np.clip((soft[rows, columns, None] - 0.5) / steepness, 0, 1)
        return cls(np.stack([columns, rows], axis=1) + normals * away, normals, (rows, columns), mask)

    def distance_at(self, places: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
        """Signed distance (...), positive outside, its slope (..., 2), and which places (..., 2) lie in the picture."""
        distance, slopes = self._distance
        rows, columns = self.mask.shape
        x, y = places[..., 0], places[..., 1]
        is_inside = (x >= 1) & (x <= columns - 2) & (y >= 1) & (y <= rows - 2)
        column, row = self._cells(places)
        cell = row * columns + column
        slope = slopes.take(cell, axis=0)
        return distance.take(cell) + slope[..., 0] * (x - column) + slope[..., 1] * (y - row), slope, is_inside

    def nearest(self, places: FloatArray) -> FloatArray:
        """The outline's points (..., 2) nearest to places (..., 2); of places outside the picture, to its border."""
        column, row = self._cells(places)
        return np.asarray(self.points.take(self._nearest_number.take(row * self.mask.shape[1] + column), axis=0))

    def _cells(self, places: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Column and row, (...) each, of the pixels of the picture nearest to places (..., 2)."""
        rows, columns = self.mask.shape
        column, row = (
            np.rint(np.minimum(np.maximum(places[..., axis], 0), last)).astype(np.int64)
            for axis, last in enumerate((columns - 1, rows - 1))
        )
        return column, row

    @cached_property
    def _nearest_number(self) -> NDArray[np.int64]:
        """(rows * columns,): which point is nearest to a pixel."""
        number = np.zeros(self.mask.shape, dtype=np.int64)
        number[self.pixels] = np.arange(len(self.points))
        down, right = self._nearest_pixel
        return number[down, right].ravel()

    @cached_property
    def _nearest_pixel(self) -> NDArray[np.int32]:
        """(2, rows, columns): row and column of the nearest pixel of the outline."""
        from scipy.ndimage import distance_transform_edt

        is_far = np.ones(self.mask.shape, dtype=bool)
        is_far[self.pixels] = False
        return np.asarray(distance_transform_edt(is_far, return_distances=False, return_indices=True))

    @cached_property
    def _distance(self) -> tuple[FloatArray, FloatArray]:
        """Signed distance (rows * columns,), positive outside and a little smoothed; its slope (rows * columns, 2)."""
        from scipy.ndimage import gaussian_filter

        down, right = self._nearest_pixel - np.indices(self.mask.shape, dtype=np.int32)
        away = np.sqrt(down * down + right * right)
        distance = gaussian_filter(np.where(self.mask, -away - 0.5, away - 0.5).astype(np.float32), 0.5)
        slope_down, slope_right = np.gradient(distance)
        slopes = np.stack([slope_right, slope_down], axis=-1).reshape(-1, 2)
        return distance.ravel().astype(float), slopes.astype(float)
