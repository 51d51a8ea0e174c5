"""From a rough start to the neighborhood of the pose: many starts, all at once, the centreline on the middle lines.

Both ways: every centreline point should lie on a middle line of the vessels, and every middle line should have a
centreline point on it. The second counts more, since contrast seldom fills the whole tree. Distances are capped, and
the cap shrinks from stage to stage while the worse starts drop out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.evidence import Evidence
from VesselRegistrationLib.pose.pose_model import PoseModel
from VesselRegistrationLib.pose.prior import Prior
from VesselRegistrationLib.pose.residuals import NormalEquations, ProjectedPoints, projected, tukey
from VesselRegistrationLib.pose.rigid import rotations, stepped
from VesselRegistrationLib.projection import transform_points


@dataclass(frozen=True)
class Stage:
    """Some Gauss-Newton steps with one cap, after which the best few go on."""

    cap_mm: float
    steps: int
    kept: int


STAGES = (Stage(25, 5, 20), Stage(12, 5, 10), Stage(5, 6, 6), Stage(2.5, 6, 4))
MODEL_WEIGHT = 0.3
"""Weight of the model's points against the vessels' middle lines: what is not filled cannot be seen."""


@dataclass(frozen=True)
class Candidates:
    """Motions from the start, best first."""

    parameters: FloatArray
    """(S, 6)."""
    cost: FloatArray
    """(S,) mm."""
    proposals: FloatArray
    """(S, 6) the motions that the search began with."""


def search(
    model: PoseModel, views: Sequence[Evidence], start: FloatArray, prior: Prior, starts: int, seed: int
) -> Candidates:
    """The best motions found from `start` (4, 4)."""
    centerline = transform_points(start, model.centerline_lps)
    directions = model.tangents @ start[:3, :3].T
    found = proposed_motions(centerline, views, prior, starts, np.random.default_rng(seed))
    proposals = found
    cost = np.zeros(len(found))
    for stage in STAGES:
        for _ in range(stage.steps):
            found = stepped(found, _equations(views, centerline, directions, found, stage.cap_mm, prior).step())
        cost = _equations(views, centerline, directions, found, stage.cap_mm, prior).cost
        best = np.argsort(cost, kind="stable")[: stage.kept]
        found, cost = found[best], cost[best]
    return Candidates(found, cost, proposals)


def proposed_motions(
    centerline: FloatArray, views: Sequence[Evidence], prior: Prior, starts: int, rng: np.random.Generator
) -> FloatArray:
    """Motions (S, 6) to begin with: none, draws from the prior, and draws that lay the model's middle on the vessels'.

    Where little of the tree is filled, the vessels' middle is not the model's; hence both kinds.
    """
    turns = rng.normal(0, np.radians(prior.turn_deg), (starts, 3))
    shifts = rng.normal(0, prior.shift_mm, (starts, 3))
    centered = _centering_shift(centerline, views)
    shifts[1::2] = centered + rng.normal(0, 0.4 * prior.shift_mm, shifts[1::2].shape)
    motions = np.concatenate([turns, shifts], axis=1)
    motions[0] = 0
    if starts > 1:
        motions[1] = [0, 0, 0, *centered]
    return motions


def _centering_shift(centerline: FloatArray, views: Sequence[Evidence]) -> FloatArray:
    """The smallest shift (3,) mm that brings the middle of the centreline onto that of the vessels in each view."""
    rows, targets = [], []
    for view in views:
        right, up, _ = view.c_arm.axes_lps()
        seen = view.c_arm.project(centerline + view.table_shift_lps)[:, :2]
        away = (np.median(view.middle, axis=0) - np.nanmedian(seen, axis=0)) * view.pixel_mm
        rows += [right, up]
        targets += [away[0], -away[1]]
    return np.asarray(np.linalg.lstsq(np.array(rows), np.array(targets), rcond=None)[0])


def _equations(
    views: Sequence[Evidence],
    centerline: FloatArray,
    directions: FloatArray,
    parameters: FloatArray,
    cap_mm: float,
    prior: Prior,
) -> NormalEquations:
    pivot = centerline.mean(axis=0)
    turn = rotations(parameters)
    arms = (centerline - pivot) @ np.swapaxes(turn, -1, -2)
    turned_directions = directions @ np.swapaxes(turn, -1, -2)
    equations = NormalEquations.zeros(len(parameters))
    for view in views:
        points = projected(view.c_arm, arms + pivot + parameters[:, None, 3:] + view.table_shift_lps, arms)
        _add_model_points(equations, view, points, cap_mm)
        _add_middle_lines(equations, view, points, turned_directions, cap_mm)
    prior.add_to(equations, parameters, cap_mm)
    return equations


def _add_model_points(equations: NormalEquations, view: Evidence, points: ProjectedPoints, cap_mm: float) -> None:
    """Every centreline point to the tangent of the middle line next to it; points out of the picture do not count."""
    rows, columns = view.mask.shape
    cells = np.rint(points.pixels).astype(int)
    inside = np.all((cells >= 0) & (cells < (columns, rows)), axis=-1)
    cells = np.clip(cells, 0, (columns - 1, rows - 1))
    nearest = view.nearest_middle[cells[..., 1], cells[..., 0]]
    normals = view.middle_normals[nearest]
    away = (points.pixels - view.middle[nearest]) * view.pixel_mm
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

    poses, count = len(points.pixels), len(view.middle)
    nearest = np.zeros((poses, count), dtype=int)
    distance = np.full((poses, count), np.inf)
    for pose in range(poses):
        found, index = cKDTree(points.pixels[pose]).query(view.middle, distance_upper_bound=cap_mm / view.pixel_mm)
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
    residuals = ((chosen.pixels - view.middle) * normals).sum(-1) * view.pixel_mm
    weights = np.where(np.isfinite(distance), tukey(np.minimum(distance, cap_mm), cap_mm), 0) / count
    equations.add(chosen.motion_slopes(normals) * view.pixel_mm, residuals, weights)
