"""Close a surface: part touching walls, cap holes, drop scraps that cannot be closed."""

from __future__ import annotations

import numpy as np

from .mesh_topology import (
    BoolArray,
    EdgeTable,
    FloatArray,
    IntArray,
    edge_table,
    link_groups,
    piece_labels,
    triangle_areas,
    used_points,
)

SHEET_FRACTION = 0.9
"""A cap as large as this part of the surface around its hole would make a vessel out of a sheet: left open."""
MAXIMUM_ROUNDS = 50
SCRAP_AREA_FRACTION = 0.01
"""Open pieces smaller than this part of the whole area are dropped."""


def split_crowded_edges(points: FloatArray, faces: IntArray) -> tuple[FloatArray, IntArray, list[str]]:
    """Part the walls that touch where four or more triangles share an edge.

    The triangles around such an edge are matched so that each two enclose a wedge of the inside. All matches but one
    then meet in a middle point of their own on the edge: the surface stays where it is, but every edge belongs to two
    triangles. Edges whose triangles do not match up are left.
    """
    parted = 0
    for _ in range(MAXIMUM_ROUNDS):  # a triangle is cut once per round
        table = edge_table(faces)
        points, faces, count = _split_once(points, faces, table)
        parted += count
        if count == 0:
            break
    notes = [f"walls touching along {parted:,} edge{'s' * (parted > 1)} parted (nothing moved)"] if parted else []
    return points, faces, notes


def _split_once(points: FloatArray, faces: IntArray, table: EdgeTable) -> tuple[FloatArray, IntArray, int]:
    """One round of `split_crowded_edges`, with the number of edges parted."""
    result = faces.copy()
    middles: list[FloatArray] = []
    added: list[list[int]] = []
    cut: set[int] = set()
    count = 0
    for edge in table.crowded:
        halves = table.order[table.first[edge] : table.first[edge] + table.count[edge]]
        pairs = _wedges(points, faces, table, halves)
        if not pairs or not cut.isdisjoint((halves // 3).tolist()):
            continue
        count += 1
        for pair in pairs[1:]:
            middle = len(points) + len(middles)
            middles.append(0.5 * (points[table.start[pair[0]]] + points[table.end[pair[0]]]))
            for half in pair:
                begin, end, apex = np.roll(faces[half // 3], -(half % 3))
                result[half // 3] = begin, middle, apex
                added.append([middle, end, apex])
                cut.add(half // 3)
    if not count:
        return points, faces, 0
    return np.concatenate([points, middles]), np.concatenate([result, np.array(added, dtype=np.int64)]), count


def _wedges(points: FloatArray, faces: IntArray, table: EdgeTable, halves: IntArray) -> list[tuple[int, int]]:
    """Match the half-edges of one crowded edge into wedges of the inside; empty where they do not match up.

    Going counter-clockwise around the edge, seen against its direction, the inside begins behind a half-edge that runs
    backwards and ends before one that runs forwards: brackets that open and close.
    """
    low = int(min(table.start[halves[0]], table.end[halves[0]]))
    forward = table.start[halves] == low
    if 2 * np.count_nonzero(forward) != len(halves):
        return []
    high = int(max(table.start[halves[0]], table.end[halves[0]]))
    axis = points[high] - points[low]
    apex = points[faces[halves // 3, (halves + 2) % 3]] - points[low]
    side = np.cross(axis, apex[0])
    angle = np.arctan2(apex @ np.cross(axis, side), apex @ side * np.linalg.norm(axis))
    around = np.argsort(angle, kind="stable")
    pairs: list[tuple[int, int]] = []
    open_brackets: list[int] = []
    for position in [*around, *around]:  # twice around: the first brackets may close before any has opened
        half = int(halves[position])
        taken = any(half in pair for pair in pairs)
        if taken or (half in open_brackets):
            continue
        if not forward[position]:
            open_brackets.append(half)
        elif open_brackets:
            pairs.append((open_brackets.pop(), half))
    return pairs if 2 * len(pairs) == len(halves) else []


def _chains(table: EdgeTable, edges: IntArray) -> IntArray:
    """(P, 2) neighbors among the half-edges of each of the given edges, so that they stay together."""
    chains = [table.order[table.first[edge] : table.first[edge] + table.count[edge]] for edge in edges]
    links = [np.stack([chain[:-1], chain[1:]], axis=1) for chain in chains]
    return np.concatenate(links) if links else np.zeros((0, 2), dtype=np.int64)


def _split_points(
    points: FloatArray, faces: IntArray, table: EdgeTable, pairs: IntArray, where: BoolArray
) -> tuple[FloatArray, IntArray]:
    """Give each fan of triangles around the marked points its own copy of the point.

    Args:
        pairs: (P, 2) half-edges that hold together; triangles around a point are one fan if such pairs link them.
        where: (N,) points to split.
    """
    one, two = pairs[:, 0], pairs[:, 1]
    same = table.start[one] == table.start[two]
    one_next, two_next = _following(one), _following(two)
    first = np.concatenate([one, one_next])
    second = np.concatenate([np.where(same, two, two_next), np.where(same, two_next, two)])
    wanted = where[faces.reshape(-1)[first]]
    fans = link_groups(faces.size, first[wanted], second[wanted])
    corners = np.flatnonzero(where[faces.reshape(-1)])
    _, representative, fan = np.unique(fans[corners], return_index=True, return_inverse=True)
    result = faces.reshape(-1).copy()
    result[corners] = len(points) + fan.reshape(-1)
    copies = points[faces.reshape(-1)[corners[representative]]]
    return used_points(np.concatenate([points, copies]), result.reshape(-1, 3))


def _following(half: IntArray) -> IntArray:
    """The next half-edge of the same triangle."""
    return half - half % 3 + (half + 1) % 3


def cap_holes(points: FloatArray, faces: IntArray) -> tuple[FloatArray, IntArray, list[str]]:
    """Close each hole by a fan of triangles around the middle of its rim.

    A flat rim gets a flat cap; any other rim a cone, which closes the surface all the same.
    """
    table = edge_table(faces)
    if len(table.boundary) == 0:
        return points, faces, []
    points, faces, table = _with_simple_rims(points, faces, table)
    rim = table.boundary
    begin, end = table.start[rim], table.end[rim]
    loops = np.unique(link_groups(len(points), begin, end)[begin], return_inverse=True)[1].reshape(-1)
    sizes = np.bincount(loops)
    middles = np.stack([np.bincount(loops, weights=points[begin, axis]) / sizes for axis in range(3)], axis=1)
    caps = np.stack([end, begin, len(points) + loops], axis=1)
    simple = (np.bincount(begin, minlength=len(points)) == 1) & (np.bincount(end, minlength=len(points)) == 1)
    keep = np.bincount(loops, weights=~(simple[begin] & simple[end])) == 0
    with_middles = np.concatenate([points, middles])
    labels = piece_labels(faces, table)
    piece_areas = np.bincount(labels, weights=triangle_areas(points, faces))
    around = np.zeros(len(sizes))
    around[loops] = piece_areas[labels[rim // 3]]
    sheet = np.bincount(loops, weights=triangle_areas(with_middles, caps)) >= SHEET_FRACTION * around
    keep &= ~sheet
    if not keep.any():
        return points, faces, []
    across = np.zeros(len(sizes))
    np.maximum.at(across, loops, 2.0 * np.linalg.norm(points[begin] - middles[loops], axis=1))
    count = int(np.count_nonzero(keep))
    note = f"{count:,} hole{'s' * (count > 1)} capped, largest {across[keep].max():.3g} mm across"
    points, faces = used_points(with_middles, np.concatenate([faces, caps[keep[loops]]]))
    return points, faces, [note]


def _with_simple_rims(points: FloatArray, faces: IntArray, table: EdgeTable) -> tuple[FloatArray, IntArray, EdgeTable]:
    """Split the points where two holes touch, so that every rim is a simple loop."""
    rim = table.boundary
    busy = np.bincount(table.start[rim], minlength=len(points)) > 1
    busy |= np.bincount(table.end[rim], minlength=len(points)) > 1
    if not busy.any():
        return points, faces, table
    pairs = np.concatenate([table.pairs, _chains(table, table.crowded)])
    points, faces = _split_points(points, faces, table, pairs, busy)
    return points, faces, edge_table(faces)


def remove_scraps(points: FloatArray, faces: IntArray) -> tuple[IntArray, list[str]]:
    """Drop open pieces that are too small to be vessels, such as stray triangles."""
    table = edge_table(faces)
    if len(table.boundary) == 0:
        return faces, []
    labels = piece_labels(faces, table)
    areas = np.bincount(labels, weights=triangle_areas(points, faces))
    is_open = np.zeros(len(areas), dtype=np.bool_)
    is_open[labels[table.boundary // 3]] = True
    scrap = is_open & (areas < SCRAP_AREA_FRACTION * areas.sum())
    if not scrap.any():
        return faces, []
    lost = int(np.count_nonzero(scrap[labels]))
    count = int(np.count_nonzero(scrap))
    note = f"{count:,} loose scrap{'s' * (count > 1)} removed ({lost:,} triangle{'s' * (lost > 1)})"
    return faces[~scrap[labels]], [note]
