"""What a triangle mesh is made of: edges, neighbors, pieces, windings. Vectorized, no loop over triangles.

A half-edge is one side of one triangle: half-edge `3 t + k` runs from corner k to corner (k + 1) % 3 of triangle t.
Two half-edges on the same two points make an edge; a closed, consistently wound surface has exactly two per edge,
in opposite directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class EdgeTable:
    """The edges of a mesh, each with the half-edges that lie on it."""

    start: IntArray
    """(3 M,) point where each half-edge begins."""
    end: IntArray
    """(3 M,) point where each half-edge ends."""
    order: IntArray
    """(3 M,) half-edges sorted by edge: those of edge e are `order[first[e] : first[e] + count[e]]`."""
    first: IntArray
    """(E,) position in `order` of the first half-edge of each edge."""
    count: IntArray
    """(E,) number of half-edges on each edge."""

    @property
    def boundary(self) -> IntArray:
        """Half-edges without a partner: the rims of holes."""
        return np.asarray(self.order[self.first[self.count == 1]], dtype=np.int64)

    @property
    def pairs(self) -> IntArray:
        """(P, 2) half-edges that face each other on the edges that belong to exactly two triangles."""
        first = self.first[self.count == 2]
        return np.stack([self.order[first], self.order[first + 1]], axis=1)

    @property
    def crowded(self) -> IntArray:
        """Indices of the edges that belong to more than two triangles."""
        return np.flatnonzero(self.count > 2)

    @property
    def faulty_count(self) -> int:
        """Number of edges that do not belong to exactly two triangles."""
        return int(np.count_nonzero(self.count != 2))


def edge_table(triangles: IntArray) -> EdgeTable:
    """Group the half-edges of (M, 3) triangles by edge.

    Example (tested): one triangle has three edges, all of them boundary.
    """
    start = triangles.reshape(-1)
    end = triangles[:, [1, 2, 0]].reshape(-1)
    stride = np.int64(triangles.max() + 1) if len(triangles) else np.int64(1)
    key = np.minimum(start, end) * stride + np.maximum(start, end)
    order = np.argsort(key, kind="stable")
    first = group_starts(key[order])
    count = np.diff(np.append(first, len(key)))
    return EdgeTable(start, end, order, first, count)


def group_starts(sorted_keys: NDArray[np.generic]) -> IntArray:
    """Positions where a new value begins in a sorted array."""
    if len(sorted_keys) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], sorted_keys[1:] != sorted_keys[:-1]])).astype(np.int64)


def link_groups(count: int, first: IntArray, second: IntArray) -> IntArray:
    """(count,) group number of each of `count` things, where first[i] and second[i] belong together."""
    links = coo_matrix((np.ones(len(first), dtype=np.int8), (first, second)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def piece_labels(triangles: IntArray, table: EdgeTable | None = None) -> IntArray:
    """(M,) number of the connected piece of each triangle; pieces hold together over edges of exactly two triangles."""
    pairs = (table or edge_table(triangles)).pairs // 3
    return link_groups(len(triangles), pairs[:, 0], pairs[:, 1])


def merged_indices(points: FloatArray) -> tuple[IntArray, IntArray]:
    """Find points with exactly equal coordinates (-0.0 equals 0.0), as an STL file repeats them.

    Args:
        points: (N, 3), finite.
    Returns:
        `kept` (K,), the first of each group of equal points, ascending, and `merged` (N,), so that
        `points[kept][merged] == points`.
    """
    bits = np.ascontiguousarray(points + 0.0).view(np.uint64)
    bits = bits ^ (bits >> np.uint64(32))  # coordinates that were float32 have 29 empty low bits
    factors = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
    key = (bits * factors).sum(axis=1, dtype=np.uint64)
    order = np.argsort(key, kind="stable")
    starts = group_starts(key[order])
    kept = order[starts]  # a stable sort leaves the lowest index first
    group = np.empty(len(points), dtype=np.int64)
    group[order] = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(points))))
    if not np.array_equal(points[kept][group], points):  # two different points share a key: sort the points themselves
        _, kept, group = np.unique(points, axis=0, return_index=True, return_inverse=True)
        group = group.reshape(-1)
    rank = np.argsort(kept)
    position = np.empty_like(rank)
    position[rank] = np.arange(len(rank))
    return kept[rank].astype(np.int64), position[group]


def used_points(points: FloatArray, triangles: IntArray) -> tuple[FloatArray, IntArray]:
    """Drop the points that no triangle uses; the others keep their order."""
    used = np.zeros(len(points), dtype=np.bool_)
    used[triangles.reshape(-1)] = True
    if used.all():
        return points, triangles
    return points[used], (np.cumsum(used) - 1)[triangles]


def triangle_areas(points: FloatArray, triangles: IntArray) -> FloatArray:
    """(M,) area of each triangle, in the square of the points' unit."""
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    return 0.5 * np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1), dtype=np.float64)


def piece_volumes(points: FloatArray, triangles: IntArray, labels: IntArray) -> FloatArray:
    """Signed volume of each piece (divergence theorem), positive where the normals point outwards.

    For a piece that is not closed this is the volume towards its own centroid, which still tells outwards from inwards.
    """
    corners = points[triangles]
    sizes = np.maximum(np.bincount(labels), 1)
    centers = np.stack([np.bincount(labels, weights=corners[:, :, axis].mean(axis=1)) for axis in range(3)], axis=1)
    local = corners - (centers / sizes[:, None])[labels][:, None, :]
    signed = np.einsum("ij,ij->i", local[:, 0], np.cross(local[:, 1], local[:, 2])) / 6.0
    return np.asarray(np.bincount(labels, weights=signed), dtype=np.float64)


def is_closed(triangles: IntArray) -> bool:
    """True where every edge belongs to exactly two triangles that run along it in opposite directions."""
    table = edge_table(triangles)
    if len(triangles) == 0 or table.faulty_count:
        return False
    pairs = table.pairs
    return bool(np.all(table.start[pairs[:, 0]] == table.end[pairs[:, 1]]))


def with_consistent_winding(triangles: IntArray) -> tuple[IntArray, int]:
    """Wind the triangles of each piece alike, turning over as few as possible.

    Each triangle gets two nodes, "as it is" and "turned over"; an edge links the nodes that agree. Where the two nodes
    of a triangle end up in one group the piece has no two sides (a Moebius strip) and is left as it is.

    Returns:
        The triangles and the number of triangles in pieces without two sides.
    """
    table = edge_table(triangles)
    pairs = table.pairs
    clash = table.start[pairs[:, 0]] == table.start[pairs[:, 1]]
    if not clash.any():
        return triangles, 0
    count = len(triangles)
    one, two = pairs[:, 0] // 3, pairs[:, 1] // 3
    groups = link_groups(
        2 * count,
        np.concatenate([one, one + count]),
        np.concatenate([np.where(clash, two + count, two), np.where(clash, two, two + count)]),
    )
    as_is, turned = groups[:count], groups[count:]
    flip = as_is > turned
    piece = np.minimum(as_is, turned)
    share = np.bincount(piece, weights=flip) / np.maximum(np.bincount(piece), 1)
    flip ^= share[piece] > 0.5
    one_sided = as_is == turned
    flip &= ~one_sided
    return turned_over(triangles, flip), int(np.count_nonzero(one_sided))


def turned_over(triangles: IntArray, flip: BoolArray) -> IntArray:
    """Reverse the winding of the marked triangles."""
    result = triangles.copy()
    result[flip] = result[flip][:, [0, 2, 1]]
    return result
