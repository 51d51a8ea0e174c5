"""Outwards and inwards: which way the pieces of a surface face, and which lie inside another."""

from __future__ import annotations

import numpy as np

from .mesh_topology import (
    BoolArray,
    FloatArray,
    IntArray,
    edge_table,
    piece_labels,
    piece_volumes,
    turned_over,
)

MAXIMUM_CONTAINERS = 20
"""Only this many of the largest pieces are searched for others inside: debris holds nothing that matters."""


def orient_outwards(points: FloatArray, faces: IntArray) -> tuple[IntArray, list[str]]:
    """Turn over the pieces whose normals point inwards, judged by their signed volume.

    A piece inside another keeps its direction relative to it, so that a hollow space stays one.

    Args:
        points: (N, 3).
        faces: (M, 3), wound alike within each piece.
    Returns:
        The triangles, and notes for the user.
    """
    table = edge_table(faces)
    labels = piece_labels(faces, table)
    volumes = piece_volumes(points, faces, labels)
    closed = np.ones(len(volumes), dtype=np.bool_)
    closed[labels[table.order[np.repeat(table.count != 2, table.count)] // 3]] = False
    inside = _containers(points, faces, labels, closed)
    outermost = np.arange(len(volumes))
    for outer, pieces in reversed(inside):  # the largest last, so that it prevails
        outermost[pieces] = outer
    flip = volumes[outermost] < 0
    notes = []
    if flip.any():
        count = int(np.count_nonzero(flip[labels]))
        notes.append(f"{count:,} of {len(faces):,} triangles faced inwards and were turned over")
    sign = np.where((volumes < 0) != flip, -1, 1)
    depth = np.zeros(len(volumes), dtype=np.int64)
    for outer, pieces in inside:
        depth[pieces] += sign[outer]
    hollow = int(np.count_nonzero((outermost != np.arange(len(volumes))) & (sign < 0)))
    twice = int(np.count_nonzero((depth > 0) & (sign > 0)))
    if hollow:
        notes.append(f"{hollow:,} inner surface{'s' * (hollow > 1)} taken as hollow space inside the vessel")
    if twice:
        notes.append(f"{twice:,} surface{'s' * (twice > 1)} inside another: path length counts that part twice")
    return turned_over(faces, flip[labels]), notes


def _containers(points: FloatArray, faces: IntArray, labels: IntArray, closed: BoolArray) -> list[tuple[int, IntArray]]:
    """The closed pieces that hold others, largest first, each with the numbers of the pieces inside it."""
    count = len(closed)
    if count == 1:
        return []
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(count))
    corners = points[faces]
    low = np.minimum.reduceat(corners.min(axis=1)[order], starts)
    high = np.maximum.reduceat(corners.max(axis=1)[order], starts)
    samples = points[faces[order[starts], 0]]
    size = np.linalg.norm(high - low, axis=1)
    result = []
    for outer in np.argsort(-size)[:MAXIMUM_CONTAINERS]:
        boxed = np.flatnonzero(np.all((low > low[outer]) & (high < high[outer]), axis=1))
        if closed[outer] and len(boxed):
            inside = boxed[_inside(samples[boxed], points, faces[labels == outer])]
            if len(inside):
                result.append((int(outer), inside))
    return result


def _inside(samples: FloatArray, points: FloatArray, faces: IntArray) -> BoolArray:
    """(K,) whether each sample point lies inside a closed surface."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkFiltersModeling import vtkSelectEnclosedPoints

    from .vtk_bridge import captured_messages, polydata_from_arrays

    with captured_messages():
        selector = vtkSelectEnclosedPoints()
        selector.SetInputData(polydata_from_arrays(samples, np.zeros((0, 3), dtype=np.int64)))
        selector.SetSurfaceData(polydata_from_arrays(points, faces))
        selector.Update()
        flags = selector.GetOutput().GetPointData().GetArray("SelectedPoints")
        return np.asarray(vtk_to_numpy(flags) > 0, dtype=np.bool_)
