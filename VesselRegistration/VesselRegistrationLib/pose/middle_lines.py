"""From a rough place to the neighborhood of the pose, for many motions at once: the centreline on the middle lines.

Both ways: every centreline point should lie on a middle line of the vessels, and every middle line should have a
centreline point on it. The second counts more, since contrast seldom fills the whole tree. Distances are capped, and
the cap shrinks from step to step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.evidence import Evidence
from VesselRegistrationLib.pose.own_motion import OwnMotions
from VesselRegistrationLib.pose.pose_model import PoseModel
from VesselRegistrationLib.pose.prior import Prior, data_variance
from VesselRegistrationLib.pose.residuals import NormalEquations, ProjectedPoints, projected, tukey
from VesselRegistrationLib.pose.rigid import rotations, stepped
from VesselRegistrationLib.projection import transform_points

CAPS_MM = (10.0, 10.0, 10.0, 7.0, 7.0, 5.0, 5.0)
MODEL_WEIGHT = 0.3
"""Weight of the model's points against the vessels' middle lines: what is not filled cannot be seen."""


def drawn_to_middle_lines(
    model: PoseModel,
    views: Sequence[Evidence],
    start: FloatArray,
    motions: FloatArray,
    own: OwnMotions,
    prior: Prior,
) -> tuple[FloatArray, OwnMotions]:
    """Motions (S, 6) from `start` (4, 4), each improved on its own, and the views' own motions at each."""
    centerline = transform_points(start, model.centerline_lps)
    directions = model.tangents @ start[:3, :3].T
    for cap in CAPS_MM:
        seen = _equations(views, centerline, directions, own.in_views(motions), cap)
        equations = own.joined(seen, data_variance(cap))
        prior.add_to(equations, motions, cap)
        steps = equations.step()
        own = own.after(seen, data_variance(cap), steps)
        motions = stepped(motions, steps)
    return motions, own


def _equations(
    views: Sequence[Evidence],
    centerline: FloatArray,
    directions: FloatArray,
    in_views: FloatArray,
    cap_mm: float,
) -> list[NormalEquations]:
    """Of each view, moved by its part of (S, V, 6)."""
    pivot = centerline.mean(axis=0)
    equations = []
    for number, view in enumerate(views):
        parameters = in_views[:, number]
        turn = np.swapaxes(rotations(parameters), -1, -2)
        arms = (centerline - pivot) @ turn
        points = projected(view.c_arm, arms + pivot + parameters[:, None, 3:] + view.table_shift_lps, arms)
        own = NormalEquations.zeros(len(parameters))
        _add_model_points(own, view, points, cap_mm)
        _add_middle_lines(own, view, points, directions @ turn, cap_mm)
        equations.append(own)
    return equations


def _add_model_points(equations: NormalEquations, view: Evidence, points: ProjectedPoints, cap_mm: float) -> None:
    """Every centreline point to the tangent of the middle line next to it; points out of the picture do not count."""
    rows, columns = view.mask.shape
    cells = np.rint(points.pixels).astype(int)
    inside = np.all((cells >= 0) & (cells < (columns, rows)), axis=-1)
    cells = np.clip(cells, 0, (columns - 1, rows - 1))
    nearest = view.middle.nearest[cells[..., 1], cells[..., 0]]
    normals = view.middle.normals[nearest]
    away = (points.pixels - view.middle.points[nearest]) * view.pixel_mm
    distance = np.linalg.norm(away, axis=-1)
    weight = MODEL_WEIGHT / points.pixels.shape[1]
    equations.cost += weight * np.where(inside, np.minimum(distance, cap_mm), cap_mm).sum(axis=1)
    slopes = points.motion_slopes(normals) * view.pixel_mm
    equations.add(slopes, (away * normals).sum(axis=-1), np.where(inside, weight * tukey(distance, cap_mm), 0))


def _add_middle_lines(
    equations: NormalEquations, view: Evidence, points: ProjectedPoints, directions: FloatArray, cap_mm: float
) -> None:
    """Every point of the middle lines to the projected tangent of the centreline point next to it."""
    from scipy.spatial import cKDTree

    poses, count = len(points.pixels), len(view.middle.points)
    nearest = np.zeros((poses, count), dtype=int)
    distance = np.full((poses, count), np.inf)
    for pose in range(poses):
        found, index = cKDTree(points.pixels[pose]).query(
            view.middle.points, distance_upper_bound=cap_mm / view.pixel_mm
        )
        is_found = np.isfinite(found)
        nearest[pose, is_found], distance[pose, is_found] = index[is_found], found[is_found] * view.pixel_mm
    equations.cost += np.minimum(distance, cap_mm).mean(axis=1)

    def at_nearest(values: FloatArray) -> FloatArray:
        return np.take_along_axis(values, nearest[..., None], axis=1)

    columns, rows = at_nearest(points.column_slopes), at_nearest(points.row_slopes)
    along = at_nearest(directions)
    tangent = np.stack([(along * columns).sum(-1), (along * rows).sum(-1)], axis=-1)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-9)
    normals = np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1)
    chosen = ProjectedPoints(at_nearest(points.pixels), columns, rows, at_nearest(points.arms))
    residuals = ((chosen.pixels - view.middle.points) * normals).sum(-1) * view.pixel_mm
    weights = np.where(np.isfinite(distance), tukey(np.minimum(distance, cap_mm), cap_mm), 0) / count
    equations.add(chosen.motion_slopes(normals) * view.pixel_mm, residuals, weights)
