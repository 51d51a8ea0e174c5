"""What of a vessel model the pose estimate looks at: its centreline, and the edges of its surface."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.mesh_simplification import simplify_vessel_model
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import InputError

CENTERLINE_POINTS = 300
"""Points kept of the centreline: enough to guide the search, few enough for many starts at once."""
COARSE_TRIANGLES = 5000
CELLS_PER_RADIUS = 2.2
MOST_CELLS = 12_000_000
CELL_RANGE_MM = (0.3, 3.0)
NEIGHBORS = 9
"""Points that a tangent is fitted to."""


@dataclass(frozen=True)
class PoseModel:
    """A vessel model made ready for pose estimation, once per model. LPS mm, the model's own coordinates."""

    model: VesselModel
    centerline_lps: FloatArray
    """(N, 3), evenly spread over all branches."""
    tangents: FloatArray
    """(N, 3) unit vectors along the branches, of either sign."""
    edges: NDArray[np.int64]
    """(E, 2) points of each edge of the surface that two triangles share."""
    edge_triangles: NDArray[np.int64]
    """(E, 2) the two triangles of each edge."""
    coarse: PoseModel | None = None
    """The same with few triangles, for the search; None where there are few already."""

    @classmethod
    def of(cls, model: VesselModel) -> PoseModel:
        """Find centreline and edges; about a second. Raises InputError for a surface that encloses nothing."""
        centerline = surface_centerline(model)
        directions = tangents(centerline)
        chosen = spread_over(len(centerline), CENTERLINE_POINTS)
        whole = cls(model, centerline[chosen], directions[chosen], *shared_edges(model.triangles))
        if len(model.triangles) <= COARSE_TRIANGLES:
            return whole
        simple = simplify_vessel_model(model, COARSE_TRIANGLES)
        edges, edge_triangles = shared_edges(simple.triangles)
        coarse = dataclasses.replace(whole, model=simple, edges=edges, edge_triangles=edge_triangles)
        return dataclasses.replace(whole, coarse=coarse)

    @cached_property
    def triangle_normals(self) -> FloatArray:
        """(T, 3) across the triangles, of any length."""
        a, b, c = (self.model.points_lps[self.model.triangles[:, corner]] for corner in range(3))
        return np.cross(b - a, c - a)

    @cached_property
    def triangle_offsets(self) -> FloatArray:
        """(T,) products of the normals with points of the triangles' planes."""
        corners = self.model.points_lps[self.model.triangles[:, 0]]
        return np.asarray(np.einsum("ij,ij->i", self.triangle_normals, corners))

    @property
    def pivot_lps(self) -> FloatArray:
        """The middle of the centreline (3,), about which motions turn."""
        return np.asarray(self.centerline_lps.mean(axis=0))


def surface_centerline(model: VesselModel) -> FloatArray:
    """Points (N, 3) on the middle lines of the tubes that a surface encloses, LPS mm.

    The surface is filled with cells, whose skeleton scikit-image thins (Lee et al. 1994). Cells are sized by the mean
    radius, which for tubes is twice the volume by the area.
    """
    from scipy.ndimage import gaussian_filter
    from skimage.morphology import skeletonize

    cell = _cell_mm(model)
    inside, origin = _filled(model, cell)
    if not inside.any():
        raise InputError("The model's surface encloses no volume, so it has no centreline. Close its holes first.")
    smooth = gaussian_filter(inside.astype(np.float32), 0.6) > 0.5
    skeleton = skeletonize(smooth if smooth.any() else inside)
    slices, rows, columns = np.nonzero(skeleton)
    return np.asarray(np.stack([columns, rows, slices], axis=1) * cell + origin)


def _cell_mm(model: VesselModel) -> float:
    a, b, c = (model.points_lps[model.triangles[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    area = 0.5 * float(np.linalg.norm(normals, axis=1).sum())
    volume = abs(float(np.einsum("ij,ij->", a, normals))) / 6
    extent = np.ptp(model.points_lps, axis=0) + 4
    least = float(np.prod(extent) / MOST_CELLS) ** (1 / 3)
    radius = 2 * volume / max(area, 1e-9)
    return float(np.clip(radius / CELLS_PER_RADIUS, max(least, CELL_RANGE_MM[0]), max(least, CELL_RANGE_MM[1])))


def _filled(model: VesselModel, cell: float) -> tuple[NDArray[np.bool_], FloatArray]:
    """Cells inside the surface (slices, rows, columns) and the middle of the first one (3,)."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    from VesselRegistrationLib.vtk_bridge import polydata_from_arrays

    origin = model.points_lps.min(axis=0) - 2 * cell
    sides = [int(side) for side in np.ceil((model.points_lps.max(axis=0) + 2 * cell - origin) / cell) + 1]
    stencil = vtkPolyDataToImageStencil()
    stencil.SetInputData(polydata_from_arrays(model.points_lps, model.triangles))
    stencil.SetOutputOrigin(*origin)
    stencil.SetOutputSpacing(cell, cell, cell)
    stencil.SetOutputWholeExtent(0, sides[0] - 1, 0, sides[1] - 1, 0, sides[2] - 1)
    image = vtkImageStencilToImage()
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetInsideValue(1)
    image.SetOutsideValue(0)
    image.SetOutputScalarTypeToUnsignedChar()
    image.Update()
    values = vtk_to_numpy(image.GetOutput().GetPointData().GetScalars())
    return values.reshape(sides[::-1]) > 0, origin


def tangents(points: FloatArray) -> FloatArray:
    """Unit vectors (N, D) along the lines that points (N, D) lie on, of either sign."""
    from scipy.spatial import cKDTree

    if len(points) < 2:
        return np.tile(np.eye(points.shape[1])[0], (len(points), 1))
    _, near = cKDTree(points).query(points, k=min(NEIGHBORS, len(points)))
    around = points[near] - points[near].mean(axis=1, keepdims=True)
    return np.asarray(np.linalg.svd(around, full_matrices=False)[2][:, 0])


def spread_over(count: int, most: int) -> NDArray[np.int64]:
    """At most `most` indices below `count`, a fixed random choice."""
    order = np.random.default_rng(0).permutation(count)
    return np.sort(order[:most])


def shared_edges(triangles: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The edges (E, 2) that two triangles share, and those triangles (E, 2)."""
    corners = np.asarray(triangles, dtype=np.int64)
    edges = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]]), axis=1)
    owners = np.tile(np.arange(len(corners)), 3)
    keys = edges[:, 0] * (corners.max(initial=0) + 1) + edges[:, 1]
    order = np.argsort(keys, kind="stable")
    pairs = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    return edges[order[pairs]], np.stack([owners[order[pairs]], owners[order[pairs + 1]]], axis=1)
