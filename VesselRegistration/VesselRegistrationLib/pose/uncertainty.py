"""How far off a pose may be: from the curvature of the objective, in mm across the picture and along the beam.

Near its minimum the objective is a quadratic form, whose inverse is the covariance of the pose up to the variance of
one independent measurement. The prior is part of it: along the beam, where one view sees next to nothing, the stated
error is that of the start. What the curvature cannot know is in three constants, set on simulated patients that no
evaluation uses (Testing/Benchmarks/pose_trust.py): how many measurements are independent, a floor, and the step from a
standard deviation to a 95 % bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.own_motion import OwnMotions
from VesselRegistrationLib.pose.prior import Prior
from VesselRegistrationLib.pose.residuals import NormalEquations

MEASUREMENTS = 12.0
"""Independent measurements in the outline of one view."""
LEAST_RESIDUAL_MM = 0.4
"""Residuals are taken to be at least so large: a small one is luck, or a model's own smoothness."""
FLOOR_MM = 0.25
"""In-plane error that no fit goes below: the mask's own bias."""
BOUND_FACTOR = 3.0
"""From the root mean square error to the bound that 95 % stay within."""


@dataclass(frozen=True)
class PoseUncertainty:
    """Covariance (6, 6) of a motion about a pivot (3,): turn in rad, then shift in mm; LPS from the isocentre."""

    covariance: FloatArray
    pivot_lps: FloatArray

    def point_covariances(self, points_lps: FloatArray) -> FloatArray:
        """Covariances (N, 3, 3) mm2 of points (N, 3) at the pose, LPS mm from the isocentre."""
        arms = points_lps - self.pivot_lps
        slopes = np.zeros((len(arms), 3, 6))
        x, y, z = arms.T
        slopes[:, 0, 1], slopes[:, 0, 2] = z, -y
        slopes[:, 1, 0], slopes[:, 1, 2] = -z, x
        slopes[:, 2, 0], slopes[:, 2, 1] = y, -x
        slopes[:, :, 3:] = np.eye(3)
        return np.asarray(slopes @ self.covariance @ np.swapaxes(slopes, 1, 2))

    def point_errors_mm(self, points_lps: FloatArray, c_arm: CArm) -> FloatArray:
        """Expected errors (N, 2) of points at the pose: in the plane of the isocentre, and along the beam, mm.

        In-plane: root of the summed variances of the two directions of the picture, floor included.
        """
        right, up, beam = c_arm.axes_lps()
        covariances = self.point_covariances(points_lps)
        along = points_lps @ beam
        scale = c_arm.sod_mm / np.maximum(c_arm.sod_mm + along, 1.0)
        # A point that moves along the beam also moves in the picture, away from its middle.
        across = right - ((points_lps @ right) / (c_arm.sod_mm + along))[:, None] * beam
        down = up - ((points_lps @ up) / (c_arm.sod_mm + along))[:, None] * beam
        variance = sum(np.einsum("ni,nij,nj->n", axis, covariances, axis) for axis in (across, down)) * scale**2
        depth = np.einsum("i,nij,j->n", beam, covariances, beam)
        return np.stack([np.sqrt(variance + FLOOR_MM**2), np.sqrt(depth)], axis=1)


def pose_uncertainties(
    views: Sequence[NormalEquations],
    residual_mm: float,
    prior: Prior,
    pivots_lps: FloatArray,
    own: OwnMotions,
) -> tuple[PoseUncertainty, ...]:
    """The uncertainty of each view's pose, of a fit with these equations and that residual, about pivots (V, 3).

    `own`: by how much the views have moved by themselves.
    """
    variance = max(residual_mm, LEAST_RESIDUAL_MM) ** 2 / MEASUREMENTS
    covariances = own.covariances(views, variance, prior.precision())
    return tuple(PoseUncertainty(*both) for both in zip(covariances, pivots_lps, strict=True))


def expected_errors_mm(
    uncertainties: Sequence[PoseUncertainty], points_lps: Sequence[FloatArray], c_arms: Sequence[CArm]
) -> tuple[float, float]:
    """Root mean square over each view's points (N, 3) at its pose, in-plane and along the beam, each of the worst view.

    Of each view those points count that its picture shows, if it shows any. All LPS mm from the isocentre.
    """
    means = []
    for uncertainty, points, c_arm in zip(uncertainties, points_lps, c_arms, strict=True):
        errors = uncertainty.point_errors_mm(shown_points(points, c_arm), c_arm)
        means.append(np.sqrt((errors**2).mean(axis=0)))
    in_plane, depth = np.array(means).T
    return float(in_plane.max()), float(depth.max())


def shown_points(points_lps: FloatArray, c_arm: CArm) -> FloatArray:
    """The points of (N, 3), LPS mm from the isocentre, that a picture shows; all of them if it shows none."""
    pixels = c_arm.project(points_lps)[:, :2]
    with np.errstate(invalid="ignore"):
        inside = np.all((pixels > -0.5) & (pixels < (c_arm.columns - 0.5, c_arm.rows - 0.5)), axis=1)
    return points_lps[inside] if inside.any() else points_lps
