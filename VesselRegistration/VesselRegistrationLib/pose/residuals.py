"""Projections of model points with their slopes, and weighted least squares for many poses at once.

For a motion (w, s) about a pivot a point moves by w x Q + s, Q being its place relative to the moved pivot. With u the
column (or row) of its projection and g = du/dX, the slope is (Q x g, g). All residuals are in mm in the plane of the
isocentre; weights are Tukey's, which leave out what is further off than a cap: missing branches and false vessels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray


@dataclass(frozen=True)
class ProjectedPoints:
    """Points of S poses in one picture; all arrays start with (S, N)."""

    pixels: FloatArray
    """(S, N, 2) column, row."""
    column_slopes: FloatArray
    """(S, N, 3) change of the column per mm of the point, LPS."""
    row_slopes: FloatArray
    arms: FloatArray
    """(S, N, 3) from the moved pivot to the points, LPS mm."""

    def motion_slopes(self, directions: FloatArray) -> FloatArray:
        """Change of the pixel along `directions` (S, N, 2) per motion parameter: (S, N, 6)."""
        slopes = directions[..., :1] * self.column_slopes + directions[..., 1:] * self.row_slopes
        return np.concatenate([np.cross(self.arms, slopes), slopes], axis=-1)


def projected(c_arm: CArm, points_lps: FloatArray, arms: FloatArray) -> ProjectedPoints:
    """Perspective projection of (S, N, 3) points, LPS mm from the isocentre, and its slopes."""
    right, up, beam = c_arm.axes_lps()
    along = points_lps @ np.stack([right, up, beam], axis=1)
    depth = np.maximum(c_arm.sod_mm + along[..., 2], 1.0)
    (column0, row0), (row_spacing, column_spacing) = c_arm.center_px, c_arm.spacing_mm
    across, down = c_arm.sid_mm / depth / column_spacing, -c_arm.sid_mm / depth / row_spacing
    pixels = np.stack([column0 + along[..., 0] * across, row0 + along[..., 1] * down], axis=-1)
    column_slopes = (right - (along[..., 0] / depth)[..., None] * beam) * across[..., None]
    row_slopes = (up - (along[..., 1] / depth)[..., None] * beam) * down[..., None]
    return ProjectedPoints(pixels, column_slopes, row_slopes, arms)


@dataclass
class NormalEquations:
    """H x = -g for S poses, summed over residuals; `cost` is the capped mean distance in mm."""

    hessian: FloatArray
    """(S, 6, 6), or with one more where residuals depend on something else, too."""
    gradient: FloatArray
    """(S, 6), likewise."""
    cost: FloatArray
    """(S,)."""

    @classmethod
    def zeros(cls, poses: int, parameters: int = 6) -> NormalEquations:
        """Nothing summed yet."""
        return cls(np.zeros((poses, parameters, parameters)), np.zeros((poses, parameters)), np.zeros(poses))

    def add(self, slopes: FloatArray, residuals: FloatArray, weights: FloatArray) -> None:
        """Add residuals (S, N) in mm with slopes (S, N, 6 or 7) and weights (S, N)."""
        weighted = slopes * weights[..., None]
        self.hessian += np.swapaxes(weighted, -1, -2) @ slopes
        self.gradient += np.einsum("sni,sn->si", weighted, residuals)

    def add_all(self, other: NormalEquations) -> None:
        """Add all that the other has summed."""
        self.hessian += other.hessian
        self.gradient += other.gradient
        self.cost += other.cost

    def without_last(self, weight: float, value: float) -> tuple[NormalEquations, float]:
        """Eliminate the last parameter, `value` so far, whose square counts `weight`, of one pose (Schur complement).

        Returns the equations of the rest and the last one's best value where the rest stays.
        """
        own, pull = self.hessian[0, -1, -1] + weight, self.gradient[0, -1] + weight * value
        beside = self.hessian[0, :-1, -1]
        hessian = self.hessian[0, :-1, :-1] - np.outer(beside, beside) / own
        gradient = self.gradient[0, :-1] - beside * (pull / own)
        return NormalEquations(hessian[None], gradient[None], self.cost), float(value - pull / own)

    def step(self) -> FloatArray:
        """The Gauss-Newton step (S, 6), slightly damped."""
        diagonal = np.einsum("sii->si", self.hessian)
        diagonal *= 1.001
        return np.asarray(-np.linalg.solve(self.hessian, self.gradient[..., None])[..., 0])


def tukey(distances_mm: FloatArray, cap_mm: float) -> FloatArray:
    """Weight 1 at distance 0, falling to 0 at the cap."""
    return np.asarray(np.clip(1 - (distances_mm / cap_mm) ** 2, 0, None) ** 2)
