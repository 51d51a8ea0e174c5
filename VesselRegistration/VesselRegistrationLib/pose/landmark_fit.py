"""Poses from landmarks, and how far landmarks are off at a pose. LPS mm.

A pair is a point of the model and the pixel where a picture shows it. One pair tells the shift in the picture plane;
several also tell how the model is turned. What the pairs cannot tell stays as it was: in one view the depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.metrics import picture_distances_mm, root_mean_square
from VesselRegistrationLib.pose.residuals import projected
from VesselRegistrationLib.pose.rigid import motion_matrix, rotations, stepped
from VesselRegistrationLib.projection import transform_points
from VesselSegmentationLib.errors import InputError

MARK_MM = 2.0
"""Standard deviation of a mark, per axis of the picture, in the plane of the isocentre."""
TURN_IN_PICTURE_DEG, TURN_OUT_OF_PICTURE_DEG = 40.0, 6.0
SHIFT_MM, DEPTH_MM, DEPTH_OF_ONE_VIEW_MM = 500.0, 60.0, 1e-3
"""Standard deviations of what is not known of the start: wide, but for what the pairs tell badly or not at all."""
STEPS = 20
CONVERGED_MM = 1e-4
LEAST_ANGLE_DEG = 15.0
"""Views further apart than this tell where a point is in space."""


@dataclass(frozen=True)
class MarkedView:
    """The pairs of one picture."""

    c_arm: CArm
    points_lps: FloatArray
    """(N, 3) in the model's coordinates."""
    marks_px: FloatArray
    """(N, 2) column, row."""
    table_shift_lps: FloatArray
    """(3,) mm the table has moved since the pose that is asked for."""


@dataclass(frozen=True)
class LandmarkErrors:
    """How far landmarks are from where they were marked, at the pose of one frame."""

    in_plane_mm: dict[str, float]
    """In the plane of the isocentre, per name."""
    target_mm: dict[str, float]
    """In space, per name, for those that several views tell the place of."""

    @property
    def in_plane_rms_mm(self) -> float:
        """Root mean square; NaN for none."""
        return root_mean_square(list(self.in_plane_mm.values()))

    @property
    def target_rms_mm(self) -> float:
        """Root mean square; NaN for none."""
        return root_mean_square(list(self.target_mm.values()))


def align_landmarks(views: Sequence[MarkedView], start: FloatArray) -> tuple[FloatArray, float]:
    """The pose (4, 4) nearest to `start` that lays the landmarks on their marks, and the rms mm that is left of them.

    Damped Gauss-Newton steps in perspective. Raises InputError for no pair.
    """
    views = [view for view in views if len(view.points_lps)]
    if not views:
        raise InputError("No landmark is marked in any picture, so none can tell a start.")
    places = [transform_points(start, view.points_lps) for view in views]
    pivot = np.concatenate(places).mean(axis=0)
    precision = _precision([view.c_arm for view in views])
    parameters = np.zeros((1, 6))
    for _ in range(STEPS):
        hessian, gradient = precision.copy(), precision @ parameters[0]
        for view, points in zip(views, places, strict=True):
            slopes, away = _residuals(view, points, pivot, parameters)
            hessian += slopes.T @ slopes / MARK_MM**2
            gradient += slopes.T @ away / MARK_MM**2
        step = -np.linalg.solve(hessian, gradient)
        parameters = stepped(parameters, step[None])
        if np.abs(step).max() < CONVERGED_MM:
            break
    pose = motion_matrix(parameters[0], pivot) @ start
    return pose, root_mean_square(np.concatenate([_distances_mm(view, pose) for view in views]))


def _residuals(
    view: MarkedView, points: FloatArray, pivot: FloatArray, parameters: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Slopes (2 N, 6) and residuals (2 N,) of both axes of the picture, mm at the isocentre."""
    arms = (points - pivot) @ rotations(parameters)[0].T
    seen = projected(view.c_arm, (arms + pivot + parameters[0, 3:] + view.table_shift_lps)[None], arms[None])
    row_spacing, column_spacing = view.c_arm.spacing_mm
    scale = np.array([column_spacing, row_spacing]) / view.c_arm.magnification
    slopes, away = [], (seen.pixels[0] - view.marks_px) * scale
    for axis in range(2):
        direction = np.zeros_like(seen.pixels)
        direction[..., axis] = scale[axis]
        slopes.append(seen.motion_slopes(direction)[0])
    return np.concatenate(slopes), away.T.ravel()


def _precision(c_arms: Sequence[CArm]) -> FloatArray:
    """Inverse covariance (6, 6) of the motion from the start, along the picture and the beam of the first view."""
    axes = c_arms[0].axes_lps()
    turn = np.radians([TURN_OUT_OF_PICTURE_DEG, TURN_OUT_OF_PICTURE_DEG, TURN_IN_PICTURE_DEG])
    shift = [SHIFT_MM, SHIFT_MM, DEPTH_MM if len(c_arms) > 1 else DEPTH_OF_ONE_VIEW_MM]
    precision = np.zeros((6, 6))
    for part, deviations in ((slice(0, 3), turn), (slice(3, 6), np.array(shift))):
        precision[part, part] = axes.T @ np.diag(1 / deviations**2) @ axes
    return precision


def _distances_mm(view: MarkedView, pose: FloatArray) -> FloatArray:
    shown = view.c_arm.project(transform_points(pose, view.points_lps) + view.table_shift_lps)[:, :2]
    return picture_distances_mm(shown, view.marks_px, view.c_arm)


def triangulated(marks: Sequence[tuple[CArm, FloatArray, FloatArray]]) -> FloatArray | None:
    """Where a point is that several views mark, (3,) LPS mm at the table position for which shifts are 0.

    Per view: its camera, (column, row) and the table's shift (3,). The point nearest to all rays, least squares; None
    where the views are too alike to tell.
    """
    if len(marks) < 2:
        return None
    sources, rays = [], []
    for c_arm, mark, shift in marks:
        right, up, beam = c_arm.axes_lps()
        (row_spacing, column_spacing), (column0, row0) = c_arm.spacing_mm, c_arm.center_px
        ray = c_arm.sid_mm * beam + (mark[0] - column0) * column_spacing * right - (mark[1] - row0) * row_spacing * up
        sources.append(c_arm.source_lps() - shift)
        rays.append(ray / np.linalg.norm(ray))
    widest = np.degrees(np.arccos(np.clip(np.abs(np.array(rays) @ np.array(rays).T).min(), 0, 1)))
    if widest < LEAST_ANGLE_DEG:
        return None
    across = [np.eye(3) - np.outer(ray, ray) for ray in rays]
    wanted = sum((part @ source for part, source in zip(across, sources, strict=True)), np.zeros(3))
    return np.asarray(np.linalg.solve(np.sum(across, axis=0), wanted))
