"""Make a vessel model out of any triangles: merged, free of repeats, closed where possible, normals outwards.

Only what spoils an X-ray path length is touched: points that coincide are merged, repeated triangles and stray fins are
dropped, holes are capped, inside-out pieces are turned over. The shape itself is never smoothed or moved.
Whether the surface cuts through itself is NOT tested; where it does, a path length counts the overlap twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from VesselSegmentationLib.errors import InputError

from .mesh_closing import cap_holes, remove_scraps, split_crowded_edges
from .mesh_orientation import orient_outwards
from .mesh_topology import (
    FloatArray,
    IntArray,
    edge_table,
    is_closed,
    link_groups,
    merged_indices,
    piece_labels,
    piece_volumes,
    triangle_areas,
    used_points,
    with_consistent_winding,
)
from .vessel_model import VesselModel

LARGE_TRIANGLE_COUNT = 1_000_000
"""Above this the model is kept as it is, with a warning: projecting it takes long."""
LARGEST_COORDINATE = 1e9
"""Beyond this a coordinate is damage, and its powers overflow."""
WELD_FRACTION = 1e-5
"""Open edges closer than this part of the model's size are one seam: 3 um on a 300 mm aorta, rounding of an export."""
FIN_AREA_FRACTION = 0.05
"""A piece that only hangs on the surface is a fin if it is smaller than this part of the whole area."""
FLAT_VOLUME_FRACTION = 1e-6
"""Volume below this part of the cube of the size means that the model encloses nothing."""


def vessel_model_from_arrays(points_lps: NDArray[Any], triangles: NDArray[Any]) -> VesselModel:
    """Clean, close and orient a triangle mesh.

    Points keep their order; points that repeat an earlier one or that no triangle uses are dropped, and capping or
    splitting adds points at the end. So a clean closed mesh comes back point by point.

    Args:
        points_lps: (N, 3) numbers, LPS mm.
        triangles: (M, 3) indices into the points, any winding.
    Returns:
        The model, `is_closed` tested, every repair named in `warnings`.
    Raises:
        InputError: wrong shapes, indices out of range, coordinates that are not finite, or no triangle with a surface.

    Example (tested): the 12 triangles of a cube of 20 mm, inside out, give a closed model of 8000 mm3.
    """
    points, faces = _checked_arrays(points_lps, triangles)
    points, faces, notes = _cleaned(points, faces)
    faces, more = _wound_alike(faces)
    notes += more
    points, faces, more = split_crowded_edges(points, faces)
    notes += more
    faces, _ = with_consistent_winding(faces)
    points, faces, more = cap_holes(points, faces)
    notes += more
    faces, more = remove_scraps(points, faces)
    notes += more
    faces, more = orient_outwards(points, faces)
    notes += more
    points, faces = used_points(points, faces)
    closed = is_closed(faces)
    notes += _final_notes(points, faces, closed)
    return VesselModel(points, faces.astype(np.int32), closed, tuple(notes))


def _checked_arrays(points: NDArray[Any], triangles: NDArray[Any]) -> tuple[FloatArray, IntArray]:
    """Points and triangles as float64 and int64 after checking shapes, indices and coordinates."""
    points = np.asarray(points, dtype=np.float64)
    triangles = np.asarray(triangles)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(f"points have the shape {points.shape}; give one row of x, y, z per point")
    if triangles.size == 0:
        raise InputError("the model has no triangles: export the vessels as a surface model")
    if triangles.ndim != 2 or triangles.shape[1] != 3 or not np.issubdtype(triangles.dtype, np.integer):
        raise InputError(
            f"triangles have the shape {triangles.shape} of {triangles.dtype}; give three whole numbers per triangle"
        )
    faces = triangles.astype(np.int64)
    if faces.min() < 0 or faces.max() >= len(points):
        raise InputError(
            f"triangles refer to points {faces.min()} to {faces.max()}, but there are {len(points)}; "
            "export the model again"
        )
    points, faces = used_points(points, faces)
    broken = int(np.count_nonzero(~np.all(np.abs(points) < LARGEST_COORDINATE, axis=1)))
    if broken:
        raise InputError(
            f"{broken} of {len(points)} points are no usable numbers (NaN, infinite or beyond {LARGEST_COORDINATE:g}); "
            "remove them (in Slicer: Surface Toolbox, Clean) and export the model again"
        )
    return points, faces


def _cleaned(points: FloatArray, faces: IntArray) -> tuple[FloatArray, IntArray, list[str]]:
    """Equal points merged, degenerate and repeated triangles and fins dropped, seams welded."""
    kept, merged = merged_indices(points)
    points, faces = points[kept], merged[faces]
    faces, degenerate = _without_degenerate(faces)
    if len(faces) == 0:
        raise InputError(f"all {degenerate} triangles have shrunk to a line or a point; export the vessels again")
    notes = [f"{_count(degenerate, 'degenerate triangle')} removed"] if degenerate else []
    faces, more = _without_repeats(faces)
    notes += more
    points, faces, more = _welded_rims(points, faces)
    notes += more
    faces, more = _without_fins(points, faces)
    return points, faces, notes + more


def _without_degenerate(faces: IntArray) -> tuple[IntArray, int]:
    """Drop triangles that use a point twice.

    A triangle with no area but three different points stays: it closes the gap between its neighbors.
    """
    a, b, c = faces.T
    sound = (a != b) & (b != c) & (c != a)
    return faces[sound], int(np.count_nonzero(~sound))


def _without_repeats(faces: IntArray) -> tuple[IntArray, list[str]]:
    """Keep one of the triangles on the same three points.

    Two that face each other may instead be a wall between two touching pieces, where both have to go: whichever leaves
    fewer faulty edges.
    """
    low, mid, high = np.sort(faces, axis=1).T
    stride = np.int64(faces.max() + 1)
    order = np.lexsort((high, low * stride + mid))
    triples = np.stack([low, mid, high], axis=1)[order]
    starts = np.flatnonzero(np.concatenate([[True], np.any(triples[1:] != triples[:-1], axis=1)]))
    if len(starts) == len(faces):
        return faces, []
    a, b, c = faces.T
    turn = np.sign(b - a) * np.sign(c - a) * np.sign(c - b)
    net = np.add.reduceat(turn[order], starts)
    once = np.sort(order[starts])
    result = faces[once]
    if np.any(net == 0):
        without_walls = faces[np.sort(order[starts[net != 0]])]
        if len(without_walls) and edge_table(without_walls).faulty_count < edge_table(result).faulty_count:
            result = without_walls
    return result, [f"{_count(len(faces) - len(result), 'repeated triangle')} removed"]


def _welded_rims(points: FloatArray, faces: IntArray) -> tuple[FloatArray, IntArray, list[str]]:
    """Merge points of open edges that differ by rounding only, if that closes edges."""
    table = edge_table(faces)
    rim = np.unique(np.concatenate([table.start[table.boundary], table.end[table.boundary]]))
    if len(rim) == 0:
        return points, faces, []
    tolerance = WELD_FRACTION * float(np.linalg.norm(np.ptp(points, axis=0)))
    close = cKDTree(points[rim]).query_pairs(tolerance, output_type="ndarray")
    if len(close) == 0:
        return points, faces, []
    groups = link_groups(len(rim), close[:, 0].astype(np.int64), close[:, 1].astype(np.int64))
    _, first = np.unique(groups, return_index=True)
    target = np.arange(len(points))
    target[rim] = rim[first[groups]]
    welded, _ = _without_degenerate(target[faces])
    if len(welded) == 0 or edge_table(welded).faulty_count >= table.faulty_count:
        return points, faces, []
    points, welded = used_points(points, welded)
    merged = _count(len(rim) - len(first), "point")
    return points, welded, [f"{merged} on open seams merged (within {tolerance:.2g} mm)"]


def _without_fins(points: FloatArray, faces: IntArray) -> tuple[IntArray, list[str]]:
    """Drop small pieces that hang on the surface by an edge of more than two triangles and end freely."""
    before = len(faces)
    for _ in range(4):  # a fin may carry another one
        table = edge_table(faces)
        if len(table.crowded) == 0:
            break
        labels = piece_labels(faces, table)
        areas = np.bincount(labels, weights=triangle_areas(points, faces))
        on_crowded = np.repeat(table.count > 2, table.count)
        ends_freely = np.zeros(len(areas), dtype=np.bool_)
        ends_freely[labels[table.boundary // 3]] = True
        hangs = np.zeros(len(areas), dtype=np.bool_)
        hangs[labels[table.order[on_crowded] // 3]] = True
        fin = ends_freely & hangs & (areas < FIN_AREA_FRACTION * areas.sum())
        rest = faces[~fin[labels]]
        if not fin.any() or len(rest) == 0 or edge_table(rest).faulty_count >= table.faulty_count:
            break
        faces = rest
    dropped = before - len(faces)
    return faces, ([f"{_count(dropped, 'triangle')} removed that only hung on the surface"] if dropped else [])


def _wound_alike(faces: IntArray) -> tuple[IntArray, list[str]]:
    """Consistent winding within each piece, with notes."""
    result, one_sided = with_consistent_winding(faces)
    notes = []
    turned = int(np.count_nonzero(np.any(result != faces, axis=1)))
    if turned:
        notes.append(f"{_count(turned, 'triangle')} wound against the neighbors turned over")
    if one_sided:
        notes.append(f"{_count(one_sided, 'triangle')} on a surface with only one side, which has no outside")
    return result, notes


def _final_notes(points: FloatArray, faces: IntArray, closed: bool) -> list[str]:
    """What still is odd about the finished mesh."""
    notes = []
    if not closed:
        table = edge_table(faces)
        reasons = [f"{_count(len(table.boundary), 'open edge')}"] if len(table.boundary) else []
        if len(table.crowded):
            reasons.append(f"{_count(len(table.crowded), 'edge')} of more than two triangles")
        why = f" ({', '.join(reasons)})" if reasons else ""
        notes.append(f"the surface is not closed{why}: path length is refused, silhouettes work")
    else:
        volume = piece_volumes(points, faces, np.zeros(len(faces), dtype=np.int64))[0]
        if abs(volume) < FLAT_VOLUME_FRACTION * float(np.linalg.norm(np.ptp(points, axis=0))) ** 3:
            notes.append("the surface encloses no volume: its path length is zero")
    if len(faces) > LARGE_TRIANGLE_COUNT:
        notes.append(
            f"{len(faces):,} triangles make projecting slow: simplify_vessel_model() brings them to about 200,000"
        )
    return notes


def _count(number: int, noun: str) -> str:
    """`1 point`, `2 points`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
