"""Contrast in a vessel model that is a bare surface, without a tree: a front that runs along the surface.

The way of contrast is the distance along the edges of the triangles from a place where it is given. The model is cut
where the front is, and closed there by a flat lid. Nothing says where a bare vessel begins or which way blood runs, so
contrast spreads from an end or any other place, both ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra

from VesselRegistrationLib.mesh_topology import link_groups, triangle_areas, used_points
from VesselRegistrationLib.simulation import curves
from VesselRegistrationLib.simulation.anatomy import Branch
from VesselRegistrationLib.vessel_model import VesselModel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FULL_CHANCE = 0.4
"""Of all that hangs together with the place of injection being filled."""
EVERYTHING_CHANCE = 0.3
"""Of the other pieces of the surface being filled as well then."""
MISSING_CHANCE = 0.15
"""Of all beyond one place of a branch staying unfilled."""
END_CHANCE = 0.6
"""Of contrast being given at an end of the vessels."""
LEAST_SHARE = 0.1
"""Least share of the surface that a filling shows."""
BAND_MM = 2.0
"""Distance between the points of center lines."""
LEAST_BRANCH_MM = 15.0
LEAST_RADIUS_MM = 0.3
MOST_BRANCHES = 12
ON_THE_CUT_MM = 1e-6


@dataclass(frozen=True)
class VesselSurface:
    """A closed surface with what fillings need of it."""

    model: VesselModel
    edges: csr_matrix
    """(N, N), symmetric: length in mm of each edge."""
    pieces: IntArray
    """(N,) number of the connected piece of each point."""
    areas: FloatArray
    """(N,) mm2: the share of the surface that belongs to each point."""

    @classmethod
    def of(cls, model: VesselModel) -> VesselSurface:
        """Prepare a model."""
        triangles, count = np.asarray(model.triangles, dtype=np.int64), len(model.points_lps)
        first, second = triangles.reshape(-1), np.roll(triangles, -1, axis=1).reshape(-1)
        lengths = np.linalg.norm(model.points_lps[first] - model.points_lps[second], axis=1)
        # A closed surface has each edge once in either direction; the greater of the two is either.
        way = csr_matrix((np.maximum(lengths, 1e-9), (first, second)), shape=(count, count))
        corner_area = np.repeat(triangle_areas(model.points_lps, triangles) / 3, 3)
        areas: FloatArray = np.bincount(first, weights=corner_area, minlength=count).astype(np.float64)
        return cls(model, way.maximum(way.T), connected_components(way, directed=False)[1], areas)

    def distances(self, seeds: IntArray) -> FloatArray:
        """(N,) mm along the edges from the nearest of the seeds; infinite in other pieces."""
        return np.asarray(dijkstra(self.edges, indices=seeds, min_only=True))

    def end_near(self, point: int) -> int:
        """The point that is furthest from another one, and so at an end of its piece."""
        away = self.distances(np.array([point]))
        return int(np.argmax(np.where(np.isfinite(away), away, -1.0)))


def fill_surface(surface: VesselSurface, rng: np.random.Generator) -> VesselModel:
    """A random filling: a closed part of the model, at least `LEAST_SHARE` of its largest piece's surface."""
    start = int(rng.choice(len(surface.areas), p=surface.areas / surface.areas.sum()))
    if rng.random() < END_CHANCE:
        start = surface.end_near(start)
    arrival = surface.distances(np.array([start]))
    furthest = float(arrival[np.isfinite(arrival)].max())
    front = float(furthest * rng.uniform(0.15, 1.0))
    if rng.random() < FULL_CHANCE:
        front = 2 * furthest
        if rng.random() < EVERYTHING_CHANCE:
            return surface.model
    arrival = _without_a_branch(surface, arrival, front, rng)
    inside = np.where(np.isfinite(arrival), front - arrival, -furthest)
    if surface.areas[inside > 0].sum() < LEAST_SHARE * np.bincount(surface.pieces, weights=surface.areas).max():
        largest = np.argmax(np.bincount(surface.pieces, weights=surface.areas))
        inside = np.where(surface.pieces == largest, 1.0, -1.0)
    return cut_surface(surface.model, inside)


def _without_a_branch(
    surface: VesselSurface, arrival: FloatArray, front: float, rng: np.random.Generator
) -> FloatArray:
    """Arrivals (N,) with what lies beyond some place unreached in some of the branches there, never in the largest."""
    reached = arrival <= front
    place = float(arrival[reached].max() * rng.uniform(0.1, 0.8))
    beyond = np.flatnonzero((arrival > place) & np.isfinite(arrival))
    if not len(beyond):
        return arrival
    count, branches = connected_components(surface.edges[beyond][:, beyond], directed=False)
    is_missing = rng.random(count) < MISSING_CHANCE
    is_missing[np.argmax(np.bincount(branches))] = False
    left_out = beyond[is_missing[branches]]
    changed = arrival.copy()
    changed[left_out] += front + 1.0 - place
    return changed


def cut_surface(model: VesselModel, inside: FloatArray) -> VesselModel:
    """The part of a closed surface where a value at the points (N,) is positive, with lids where it was cut.

    The value is linear along edges. The result is closed; it is empty where nothing is positive.
    """
    value = np.where(np.abs(inside) < ON_THE_CUT_MM, ON_THE_CUT_MM, inside)
    triangles = np.asarray(model.triangles, dtype=np.int64)
    is_in = value[triangles] > 0
    count = is_in.sum(axis=1)
    tips = _turned_to(triangles[count == 1], is_in[count == 1])
    stumps = _turned_to(triangles[count == 2], ~is_in[count == 2])
    cut = np.concatenate([tips[:, [0, 1]], tips[:, [0, 2]], stumps[:, [0, 1]], stumps[:, [0, 2]]])
    pairs, which = np.unique(np.sort(cut, axis=1), axis=0, return_inverse=True)
    share = (value[pairs[:, 0]] / (value[pairs[:, 0]] - value[pairs[:, 1]]))[:, None]
    points = model.points_lps
    added = points[pairs[:, 0]] * (1 - share) + points[pairs[:, 1]] * share
    numbers = len(points) + which.reshape(-1)
    one, two = np.split(numbers[: 2 * len(tips)], 2)
    three, four = np.split(numbers[2 * len(tips) :], 2)
    parts = [
        triangles[count == 3],
        np.stack([tips[:, 0], one, two], axis=1),
        np.stack([three, stumps[:, 1], stumps[:, 2]], axis=1),
        np.stack([three, stumps[:, 2], four], axis=1),
    ]
    rims = np.concatenate([np.stack([one, two], axis=1), np.stack([four, three], axis=1)])
    centers, lids = _lids(rims - len(points), added)
    everything, faces = used_points(
        np.concatenate([points, added, centers]), np.concatenate([*parts, lids + len(points)])
    )
    return VesselModel(everything, faces.astype(np.int32), is_closed=True)


def _turned_to(triangles: IntArray, marks: NDArray[np.bool_]) -> IntArray:
    """The triangles (M, 3), wound as they are, beginning with the one marked corner of each."""
    first = np.argmax(marks, axis=1)[:, None]
    return np.take_along_axis(triangles, (first + np.arange(3)) % 3, axis=1)


def _lids(rims: IntArray, points: FloatArray) -> tuple[FloatArray, IntArray]:
    """A fan over each loop of edges (E, 2), from its middle: the middles (L, 3), and triangles into points and them."""
    if not len(rims):
        return np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)
    loops = link_groups(len(points), rims[:, 0], rims[:, 1])
    sizes = np.bincount(loops)
    middles = np.stack([np.bincount(loops, weights=points[:, axis]) / sizes for axis in range(3)], axis=1)
    return middles, np.stack([rims[:, 1], rims[:, 0], len(points) + loops[rims[:, 0]]], axis=1)


def center_lines(surface: VesselSurface) -> tuple[Branch, ...]:
    """Rough center lines, from one end of each piece to its other ends: the ways that wires and catheters lie.

    A point is the middle of the surface's points at one distance from the end. Branches have no parents.
    """
    found: list[Branch] = []
    for piece in np.argsort(-np.bincount(surface.pieces, weights=surface.areas)):
        seed = surface.end_near(int(np.flatnonzero(surface.pieces == piece)[0]))
        found += _branches_from(surface, seed, MOST_BRANCHES - len(found))
        if len(found) >= MOST_BRANCHES:
            break
    return tuple(found)


def _branches_from(surface: VesselSurface, seed: int, most: int) -> list[Branch]:
    """Branches of one piece, the longest first."""
    away, before = dijkstra(surface.edges, indices=seed, return_predecessors=True)
    middles, radii, ring = _rings(surface, away)
    found, known = list[Branch](), {seed}
    while len(found) < most:
        left = surface.distances(np.array(sorted(known)))
        end = int(np.argmax(np.where(np.isfinite(left), left, -1.0)))
        if left[end] < LEAST_BRANCH_MM:
            break
        path = [end]
        while path[-1] not in known:
            path.append(int(before[path[-1]]))
        known.update(path)
        rings = ring[path[::-1]]
        rings = rings[np.concatenate([[True], rings[1:] != rings[:-1]])]
        if len(rings) > 1:
            points = curves.resampled(middles[rings], BAND_MM)
            along = np.linspace(0, 1, len(points))
            widths = np.interp(along, np.linspace(0, 1, len(rings)), radii[rings])
            found.append(Branch(f"from {seed} to {end}", points, widths, None))
    return found


def _rings(surface: VesselSurface, away: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Connected bands of like distance: middles (R, 3), radii by area (R,), and each point's ring (N,)."""
    points = surface.model.points_lps
    band = np.where(np.isfinite(away), np.minimum(away, 1e6) // BAND_MM, -1.0)
    edges = coo_matrix(surface.edges)
    within = band[edges.row] == band[edges.col]
    ring = link_groups(len(points), edges.row[within].astype(np.int64), edges.col[within].astype(np.int64))
    sizes = np.bincount(ring)
    middles = np.stack([np.bincount(ring, weights=points[:, axis]) / sizes for axis in range(3)], axis=1)
    radii = np.bincount(ring, weights=surface.areas) / (2 * np.pi * BAND_MM)
    return middles, np.maximum(radii, LEAST_RADIUS_MM), ring
