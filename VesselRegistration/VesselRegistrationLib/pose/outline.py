"""From the neighborhood of the pose to the pose: the outline of the projected surface on the outline of the vessels.

The outline of a smooth surface is where rays graze it: the edges between a triangle that faces the source and one that
does not. Those hidden inside the projection of other parts make no outline of the whole. The distance of the rest to
the vessels' outline is looked up in a signed distance field; conversely each point of the vessels' outline draws the
nearest grazed edge to it, hidden or not, along its normal: where the part in front is not filled, the hidden one is
seen. An outline sees the vessel's width, hence a little of the depth, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.evidence import Evidence
from VesselRegistrationLib.pose.own_motion import OwnMotions
from VesselRegistrationLib.pose.pose_model import PoseModel, spread_over
from VesselRegistrationLib.pose.prior import Prior, data_variance
from VesselRegistrationLib.pose.residuals import NormalEquations, ProjectedPoints, projected, tukey
from VesselRegistrationLib.pose.rigid import motion_matrix, shifted, stepped
from VesselRegistrationLib.projection import silhouette, transform_points

COARSE_CAPS_MM = (5.0, 5.0, 4.0, 4.0)
CAPS_MM = (5.0, 5.0, 3.0, 3.0, 2.0, 2.0, 1.5, 1.5, 1.0, 1.0)
MODEL_WEIGHT = 0.3
"""Weight of the model's outline against the vessels': see `middle_lines.MODEL_WEIGHT`."""
EDGE_REACH = 1.5
"""The vessels' outline looks so much further for the model's than the cap."""
RIM_POINTS = 1200
EXCESS_MM = 0.5
"""Standard deviation of how much wider a model is than what is seen of its vessels, all around: a threshold in the CT
decides about the one, contrast and mask about the other."""
NEAR_MM = 1.5
"""An outline within this distance is explained."""


@dataclass(frozen=True)
class Cover:
    """What the model covers of a picture at a pose, but for its rim: parts of its surface that lie there are hidden."""

    pose: FloatArray
    """(4, 4)."""
    core: NDArray[np.bool_]
    """(rows, columns)."""

    @classmethod
    def of(cls, model: PoseModel, pose: FloatArray, c_arm: CArm) -> Cover:
        """Of all parts of the model."""
        from scipy.ndimage import binary_erosion

        covered = silhouette(transform_points(pose, model.model.points_lps), model.model.triangles, c_arm)
        return cls(pose, np.asarray(binary_erosion(covered, np.ones((3, 3)), border_value=1)))

    def hides(self, points_lps: FloatArray, c_arm: CArm) -> NDArray[np.bool_]:
        """Which of the model's points (N, 3), in its own coordinates, are hidden; those outside the picture are as
        what is at its border is."""
        cells = np.rint(c_arm.project(transform_points(self.pose, points_lps))[:, :2]).astype(int)
        cells = np.clip(cells, 0, (c_arm.columns - 1, c_arm.rows - 1))
        return np.asarray(self.core[cells[:, 1], cells[:, 0]])


@dataclass(frozen=True)
class OutlineFit:
    """How a motion lays the model's outline on the vessels'."""

    parameters: FloatArray
    """(6,) from the start, of the pose that all views share."""
    in_views: FloatArray
    """(V, 6) the same of each view, with what is believed of its own motion by breath, heartbeat and header."""
    own: OwnMotions
    """As they were found."""
    cost: float
    """Capped mean distance, mm, summed over the views."""
    explained: float
    """Share of the vessels' outline that has the model's outline within `NEAR_MM`; least of the views."""
    covered: float
    """Share of the model's outline inside the picture that has the vessels' within `NEAR_MM`; least of the views."""
    residual_mm: float
    """Root mean square of the distances within the last cap."""
    excess_mm: FloatArray
    """(V,) by which the model's outline lies outside the vessels' in each view, in the mean."""
    views: tuple[NormalEquations, ...]
    """Of the data alone, mean over the outline of each view."""


def approach(
    model: PoseModel,
    views: Sequence[Evidence],
    start: FloatArray,
    parameters: FloatArray,
    own: OwnMotions,
    prior: Prior,
    caps_mm: Sequence[float],
    hides: bool,
    covers: Sequence[Cover] | None = None,
) -> tuple[FloatArray, OwnMotions, FloatArray]:
    """`refine` without a word on how well it fits: the motion (6,), the views' own ones, and excesses (V,) mm."""
    excess = np.zeros(len(views))
    for cap in caps_mm:
        in_views = own.in_views(parameters[None])[0]
        seen, _, excess = _equations(model, views, start, in_views, excess, cap, hides, covers)
        equations = own.joined(seen, data_variance(cap))
        prior.add_to(equations, parameters[None], cap)
        step = equations.step()
        own = own.after(seen, data_variance(cap), step)
        parameters = stepped(parameters[None], step)[0]
    return parameters, own, excess


def refine(
    model: PoseModel,
    views: Sequence[Evidence],
    start: FloatArray,
    parameters: FloatArray,
    own: OwnMotions,
    prior: Prior,
    caps_mm: Sequence[float] = CAPS_MM,
    hides: bool = True,
    covers: Sequence[Cover] | None = None,
) -> OutlineFit:
    """Improve one motion (6,) from `start` (4, 4) and the views' own ones; `hides` and `covers` as in `rim_points`."""
    parameters, own, excess = approach(model, views, start, parameters, own, prior, caps_mm, hides, covers)
    in_views = own.believed().in_views(parameters[None])[0]
    seen, shares, excess = _equations(model, views, start, in_views, excess, caps_mm[-1], hides, covers)
    return OutlineFit(
        parameters=parameters,
        in_views=in_views,
        own=own,
        cost=float(sum(view.cost[0] for view in seen)),
        explained=float(np.min(shares[:, 0])),
        covered=float(np.min(shares[:, 1])),
        residual_mm=float(np.sqrt(np.mean(shares[:, 2]))),
        excess_mm=excess,
        views=tuple(seen),
    )


def drawn_to_outlines(
    model: PoseModel,
    views: Sequence[Evidence],
    start: FloatArray,
    motions: FloatArray,
    own: OwnMotions,
    prior: Prior,
) -> list[OutlineFit]:
    """Motions (S, 6) with own ones, each improved by the outlines of the model with few triangles, quickly.

    What the centreline is for thin trees: a wide vessel's middle line, partly filled or crossed by others, is not where
    its centreline projects.
    """
    coarse = model.coarse or model
    return [
        refine(coarse, views, start, motion, own.of_pose(number), prior, COARSE_CAPS_MM, hides=False)
        for number, motion in enumerate(motions)
    ]


def rim_edges(model: PoseModel, pose: FloatArray, source_lps: FloatArray) -> NDArray[np.int64]:
    """Indices of the edges that rays from the source, LPS mm from the isocentre, graze at a pose (4, 4)."""
    source: FloatArray = pose[:3, :3].T @ (source_lps - pose[:3, 3])
    facing = model.triangle_normals @ source < model.triangle_offsets
    return np.flatnonzero(facing[model.edge_triangles[:, 0]] != facing[model.edge_triangles[:, 1]])


def rim_points(
    model: PoseModel, pose: FloatArray, c_arm: CArm, hides: bool = True, cover: Cover | None = None
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Grazed points (N, 3) inside the picture, LPS mm from the isocentre, and which of them (N,) make the outline.

    All of them do where nothing `hides` anything, which is quicker and will do for a search. What hides is worked out
    at the pose, or is the `cover` at one near by, for what is hidden hardly changes with a millimetre.
    """
    edges = model.edges[rim_edges(model, pose, c_arm.source_lps())]
    ends = model.model.points_lps[edges]
    middles = (ends[:, 0] + ends[:, 1]) / 2
    rim = transform_points(pose, middles)
    pixels = c_arm.project(rim)[:, :2]
    with np.errstate(invalid="ignore"):
        inside = np.all((pixels >= 1) & (pixels <= (c_arm.columns - 2, c_arm.rows - 2)), axis=1)
    visible = np.flatnonzero(inside)
    chosen = visible[spread_over(len(visible), RIM_POINTS)]
    if not hides:
        return rim[chosen], np.ones(len(chosen), dtype=bool)
    known = Cover.of(model, pose, c_arm) if cover is None else cover
    return rim[chosen], ~known.hides(middles[chosen], c_arm)


def _equations(
    model: PoseModel,
    views: Sequence[Evidence],
    start: FloatArray,
    in_views: FloatArray,
    excess_mm: FloatArray,
    cap_mm: float,
    hides: bool,
    covers: Sequence[Cover] | None,
) -> tuple[list[NormalEquations], FloatArray, FloatArray]:
    """The equations of each view, moved by its part of (V, 6), (explained share, covered share, mean square in mm2) of
    each, and by how much the model's outline lies outside the vessels' in each, (V,) mm as `excess_mm` was before."""
    pivot = transform_points(start, model.pivot_lps[None])[0]
    equations, shares, wider = [], [], []
    known: Sequence[Cover | None] = covers or [None] * len(views)
    for view, parameters, excess, cover in zip(views, in_views, excess_mm, known, strict=True):
        pose, moved_pivot = motion_matrix(parameters, pivot) @ start, pivot + parameters[3:]
        own = NormalEquations.zeros(1, 7)
        rim, is_outline = rim_points(model, shifted(pose, view.table_shift_lps), view.c_arm, hides, cover)
        if np.count_nonzero(is_outline) < 10:
            equations.append(NormalEquations.zeros(1))
            equations[-1].cost += (1 + MODEL_WEIGHT) * cap_mm
            shares.append((0.0, 0.0, cap_mm**2))
            wider.append(0.0)
            continue
        arms = rim - view.table_shift_lps - moved_pivot
        seen = projected(view.c_arm, rim[None], arms[None])
        covered = _add_model_outline(own, view, _chosen(seen, np.flatnonzero(is_outline)), excess, cap_mm)
        explained, square = _add_vessel_outline(own, view, seen, excess, cap_mm)
        shares.append((explained, covered, square))
        rest, now = own.without_last(data_variance(cap_mm) / EXCESS_MM**2, excess)
        equations.append(rest)
        wider.append(now)
    return equations, np.array(shares), np.array(wider)


def _chosen(seen: ProjectedPoints, index: NDArray[np.integer]) -> ProjectedPoints:
    parts = (seen.pixels, seen.column_slopes, seen.row_slopes, seen.arms)
    return ProjectedPoints(*(part[:, index] for part in parts))


def _with_excess(slopes: FloatArray) -> FloatArray:
    """Slopes (1, N, 6) with that of the excess, which is taken off all distances: (1, N, 7)."""
    return np.concatenate([slopes, np.full((*slopes.shape[:2], 1), -1.0)], axis=-1)


def _add_model_outline(
    equations: NormalEquations, view: Evidence, seen: ProjectedPoints, excess_mm: float, cap_mm: float
) -> float:
    """The model's outline to the vessels'; returns the share of it that lies near."""
    from scipy.ndimage import map_coordinates

    places = seen.pixels[0].T[::-1]
    distance = map_coordinates(view.distance, places, order=1) * view.pixel_mm - excess_mm
    slope = np.stack([map_coordinates(part, places, order=1) for part in view.slope], axis=-1)
    weight = MODEL_WEIGHT / len(distance) * map_coordinates(view.sureness, places, order=0)
    equations.cost += (weight * np.minimum(np.abs(distance), cap_mm)).sum()
    slopes = _with_excess(seen.motion_slopes(slope[None]) * view.pixel_mm)
    equations.add(slopes, distance[None], (weight * tukey(distance, cap_mm))[None])
    return float((np.abs(distance) < NEAR_MM).mean())


def _add_vessel_outline(
    equations: NormalEquations, view: Evidence, seen: ProjectedPoints, excess_mm: float, cap_mm: float
) -> tuple[float, float]:
    """The vessels' outline to the model's; returns the share of it that lies near and its mean square, mm2."""
    from scipy.spatial import cKDTree

    reach = EDGE_REACH * cap_mm
    wider = view.edge + view.edge_normals * (excess_mm / view.pixel_mm)
    distance, nearest = cKDTree(seen.pixels[0]).query(wider, distance_upper_bound=max(reach, NEAR_MM) / view.pixel_mm)
    distance = distance * view.pixel_mm
    equations.cost += np.minimum(distance, cap_mm).mean()
    near = distance < reach
    explained = float((distance < NEAR_MM).mean())
    if not near.any():
        return explained, cap_mm**2
    index, normals = nearest[near], view.edge_normals[near]
    residuals = ((seen.pixels[0, index] - wider[near]) * normals).sum(-1) * view.pixel_mm
    chosen = _chosen(seen, index)
    weights = tukey(distance[near], reach) / len(view.edge) * view.edge_weights[near]
    slopes = _with_excess(chosen.motion_slopes(normals[None]) * view.pixel_mm)
    equations.add(slopes, residuals[None], weights[None])
    return explained, float(np.average(residuals**2, weights=weights + 1e-12))
