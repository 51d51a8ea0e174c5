"""Closed triangle meshes of vessel trees: the zero surface of a signed distance grid around round cones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.simulation.anatomy import Branch, check_branch
from VesselRegistrationLib.simulation.curves import arc_lengths_mm
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import InputError

FloatArray = NDArray[np.float64]
MAXIMUM_CELLS = 120_000_000
THINNEST_RADIUS_CELLS = 0.82
"""Thinner tubes fall apart in some directions: the farthest a line along the diagonal of the cells gets from the
nearest grid points is sqrt(2/3) = 0.816 cells. At 0.75, half of the simulated coronary trees lost pieces."""


def mesh_branches(branches: Sequence[Branch], cell_mm: float = 0.8, has_flat_ends: bool = True) -> VesselModel:
    """The union of all branches as one closed mesh with outward normals, LPS mm.

    Free ends are cut flat across the centreline, so the mesh ends where the centreline does; with
    `has_flat_ends=False` they are round and reach one radius further. Where a branch ends in a fork its end is
    round too, as a crotch is. Radii below 0.82 cells are raised to that, so that thin vessels stay in one piece:
    choose cells of about the thinnest diameter for true thickness.
    Raises InputError without branches, for a branch that is none (see `check_branch`), for a cell that is not
    positive, or for a grid over 120 million cells.
    """
    if not branches:
        raise InputError("There is no branch to mesh. Give at least one.")
    for branch in branches:
        check_branch(branch)
    if not 0 < cell_mm < np.inf:
        raise InputError(f"Cell size {cell_mm:g} mm must be positive and finite.")
    origin, shape = _grid(branches, cell_mm)
    distance = np.full(shape, 2 * cell_mm, dtype=np.float32)
    names = {branch.name for branch in branches}
    for branch in branches:
        is_end_free = not any(_springs_from_end(other, branch) for other in branches)
        cuts = _flat_cuts(branch, branch.parent not in names, is_end_free) if has_flat_ends else []
        _carve(distance, branch, origin, cell_mm, cuts)
    points, triangles = _zero_surface(distance, origin, cell_mm)
    if signed_volume_mm3(points, triangles) < 0:
        triangles = triangles[:, ::-1].copy()
    return VesselModel(points, triangles, is_closed(triangles))


def is_closed(triangles: NDArray[np.int32]) -> bool:
    """Whether each edge is walked once in each direction: closed and evenly oriented. (M, 3) indices."""
    if len(triangles) == 0:
        return False
    size = np.int64(triangles.max()) + 1
    start = triangles.astype(np.int64).ravel()
    end = np.roll(triangles, -1, axis=1).astype(np.int64).ravel()
    there = np.sort(start * size + end)
    return bool(np.all(np.diff(there) > 0) and np.array_equal(there, np.sort(end * size + start)))


def signed_volume_mm3(points_lps: FloatArray, triangles: NDArray[np.int32]) -> float:
    """Volume inside a closed mesh; negative when its normals point inwards. (N, 3), (M, 3) to mm^3."""
    a, b, c = (points_lps[triangles[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _grid(branches: Sequence[Branch], cell_mm: float) -> tuple[FloatArray, tuple[int, int, int]]:
    """Origin (x, y, z) mm and shape (z, y, x) of a grid around all branches with a margin of three cells."""
    least = THINNEST_RADIUS_CELLS * cell_mm
    reach = [np.maximum(branch.radii_mm, least)[:, None] for branch in branches]
    low = np.min([(b.points_lps - r).min(axis=0) for b, r in zip(branches, reach)], axis=0) - 3 * cell_mm
    high = np.max([(b.points_lps + r).max(axis=0) for b, r in zip(branches, reach)], axis=0) + 3 * cell_mm
    with np.errstate(over="ignore"):  # the tiniest cells make counts beyond any number
        counts = np.ceil((high - low) / cell_mm) + 1
        is_small = counts.prod() <= MAXIMUM_CELLS
    if not is_small:
        nx, ny, nz = counts
        raise InputError(f"Cells of {cell_mm:g} mm make a grid of {nx:g} x {ny:g} x {nz:g}. Choose larger cells.")
    nx, ny, nz = (int(count) for count in counts)
    return low, (nz, ny, nx)


@dataclass(frozen=True)
class _Cut:
    """A plane that cuts one end of a branch flat."""

    point_lps: FloatArray
    outwards: FloatArray
    """Unit vector (3,) along the centreline, out of the vessel."""
    is_near: NDArray[np.bool_]
    """(N - 1,) whether each segment lies so near the end, along the branch, that its round tip may stick out."""


def _springs_from_end(child: Branch, parent: Branch) -> bool:
    """Whether a branch goes on where its parent ends."""
    away = float(np.linalg.norm(child.points_lps[0] - parent.points_lps[-1]))
    return child.parent == parent.name and away < parent.radii_mm[-1]


def _flat_cuts(branch: Branch, is_start_free: bool, is_end_free: bool) -> list[_Cut]:
    """The planes that cut the free ends of a branch."""
    points, radii = branch.points_lps, branch.radii_mm
    arc = arc_lengths_mm(points)
    look = min(3, len(points) - 1)
    cuts = []
    if is_end_free:
        out = points[-1] - points[-1 - look]
        cuts.append(_Cut(points[-1], _unit(out), arc[-1] - arc[1:] < 2 * radii[-1]))
    if is_start_free:
        out = points[0] - points[look]
        cuts.append(_Cut(points[0], _unit(out), arc[:-1] < 2 * radii[0]))
    return cuts


def _unit(vector: FloatArray) -> FloatArray:
    """The vector scaled to length 1; zero stays zero."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))


def _carve(distance: NDArray[np.float32], branch: Branch, origin: FloatArray, cell_mm: float, cuts: list[_Cut]) -> None:
    """Lowers the distance grid (z, y, x) to the signed distance from each segment's round cone, near the segment."""
    radii = np.maximum(branch.radii_mm, THINNEST_RADIUS_CELLS * cell_mm)
    points = branch.points_lps - origin
    cap = 2 * cell_mm
    shape_xyz = np.array(distance.shape[::-1])
    ends = np.stack([points[:-1], points[1:]])
    reach = np.maximum(radii[:-1], radii[1:])[:, None] + cap
    lows = np.maximum(np.floor((ends.min(axis=0) - reach) / cell_mm).astype(int), 0)
    highs = np.minimum(np.ceil((ends.max(axis=0) + reach) / cell_mm).astype(int) + 1, shape_xyz)
    for index in range(len(points) - 1):
        low, high = lows[index], highs[index]
        axes = [(np.arange(low[k], high[k]) * cell_mm).astype(np.float32) for k in range(3)]
        found = _cone_distance(axes, points[index], points[index + 1], radii[index], radii[index + 1])
        for cut in cuts:
            if cut.is_near[index]:
                np.maximum(found, _plane_distance(axes, cut.point_lps - origin, cut.outwards), out=found)
        block = distance[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
        np.minimum(block, found, out=block)


def _cone_distance(
    axes: list[NDArray[np.float32]], start: FloatArray, end: FloatArray, radius_start: float, radius_end: float
) -> NDArray[np.float32]:
    """Signed distance (z, y, x) to a segment whose radius changes evenly; negative inside."""
    x, y, z = (axis - np.float32(at) for axis, at in zip(axes, start))
    step = (end - start).astype(np.float32)
    square = np.float32(max(float(step @ step), 1e-12))
    along = (x * step[0])[None, None, :] + (y * step[1])[None, :, None] + (z * step[2])[:, None, None]
    share = along * np.float32(1 / square)
    np.clip(share, 0, 1, out=share)
    result = (x * x)[None, None, :] + (y * y)[None, :, None] + (z * z)[:, None, None]
    along *= -2
    along += share * square
    along *= share
    result += along
    np.maximum(result, 0, out=result)
    np.sqrt(result, out=result)
    share *= np.float32(radius_end - radius_start)
    share += np.float32(radius_start)
    result -= share
    return np.asarray(result)


def _plane_distance(axes: list[NDArray[np.float32]], at: FloatArray, out: FloatArray) -> NDArray[np.float32]:
    """Signed distance (z, y, x) to a plane; positive on the side it faces."""
    x, y, z = ((axis - np.float32(a)) * np.float32(o) for axis, a, o in zip(axes, at, out))
    return np.asarray(x[None, None, :] + y[None, :, None] + z[:, None, None])


def _zero_surface(
    distance: NDArray[np.float32], origin: FloatArray, cell_mm: float
) -> tuple[FloatArray, NDArray[np.int32]]:
    """Points (N, 3) LPS mm and triangles (M, 3) where the distance grid (z, y, x) crosses zero."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

    image = vtkImageData()
    image.SetDimensions(*distance.shape[::-1])
    image.SetSpacing(cell_mm, cell_mm, cell_mm)
    image.GetPointData().SetScalars(numpy_to_vtk(distance.ravel()))
    contour = vtkFlyingEdges3D()
    contour.SetInputData(image)
    contour.SetValue(0, 0.0)
    contour.ComputeNormalsOff()
    contour.ComputeGradientsOff()
    contour.ComputeScalarsOff()
    contour.Update()
    surface = contour.GetOutput()
    points = vtk_to_numpy(surface.GetPoints().GetData()).astype(float) + origin
    triangles = vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int32)
    return points, triangles
