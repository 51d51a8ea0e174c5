"""Between the paper's affine in the picture and a rigid pose in mm."""

from __future__ import annotations

import numpy as np

from VesselRegistrationLib.affine import apply, decompose
from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.pose_model import PoseModel
from VesselRegistrationLib.pose.prior import Prior
from VesselRegistrationLib.pose.residuals import NormalEquations, projected
from VesselRegistrationLib.pose.rigid import motion_matrix, rotations, stepped
from VesselRegistrationLib.projection import transform_points

LARGEST_ANISOTROPY = 1.1
SCALE_RANGE = (0.9, 1.12)
"""What a rigid motion near the isocentre can do to a projection; more of either is no motion of a patient."""
LARGEST_MISFIT_MM = 3.0


def pose_affine(model: PoseModel, c_arm: CArm, start: FloatArray, pose: FloatArray) -> FloatArray:
    """The affine (3, 3) from pixels of the projection at `start` to those at `pose`, least squares over the centreline.

    What the paper's method would call this pose; what perspective adds to it is lost.
    """
    before, after = (c_arm.project(transform_points(matrix, model.centerline_lps))[:, :2] for matrix in (start, pose))
    design = np.column_stack([before, np.ones(len(before))])
    matrix = np.eye(3)
    matrix[:2] = np.linalg.lstsq(design, after, rcond=None)[0].T
    return matrix


def pose_from_affine(
    model: PoseModel, c_arm: CArm, start: FloatArray, projection_to_frame: FloatArray, prior: Prior | None = None
) -> tuple[FloatArray, str]:
    """The rigid pose (4, 4) whose projection is nearest to an affine of the projection at `start`.

    Also an alarm in words, empty when the affine can come from a rigid motion: shear and stretch can only come from
    turning out of the picture's plane, and little of that is ever needed.
    """
    believed = prior or Prior()
    points = transform_points(start, model.centerline_lps)
    pivot = points.mean(axis=0)
    wanted = apply(projection_to_frame, c_arm.project(points)[:, :2])
    parameters, pixel_mm = np.zeros((1, 6)), c_arm.pixel_size_at_isocenter_mm()
    misfit = 0.0
    for _ in range(12):
        arms = (points - pivot) @ rotations(parameters)[0].T
        seen = projected(c_arm, (arms + pivot + parameters[0, 3:])[None], arms[None])
        away = (seen.pixels - wanted) * pixel_mm
        misfit = float(np.sqrt((away**2).sum(axis=-1).mean()))
        equations = NormalEquations.zeros(1)
        for axis in range(2):
            direction = np.zeros_like(seen.pixels)
            direction[..., axis] = 1
            slopes = seen.motion_slopes(direction) * pixel_mm
            equations.add(slopes, away[..., axis], np.full(away.shape[:2], 1 / len(points)))
        believed.add_to(equations, parameters, 1.0)
        parameters = stepped(parameters, equations.step())
    return motion_matrix(parameters[0], pivot) @ start, _alarm(projection_to_frame, misfit)


def _alarm(projection_to_frame: FloatArray, misfit_mm: float) -> str:
    parts = decompose(projection_to_frame)
    if not np.isfinite(parts.anisotropy) or parts.anisotropy > LARGEST_ANISOTROPY:
        return f"The affine stretches by {parts.anisotropy:.2f} in one direction, which no rigid motion nearby does."
    if not SCALE_RANGE[0] <= parts.scale <= SCALE_RANGE[1]:
        return f"The affine scales by {parts.scale:.2f}, which would need a shift along the beam of many centimeters."
    if misfit_mm > LARGEST_MISFIT_MM:
        return f"The nearest rigid pose is still {misfit_mm:.1f} mm (root mean square) from the affine."
    return ""
