"""How exact the path length is: beside closed formulas, and beside other projections of the same mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from projection_baselines import pixel_positions

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.projection import path_length_mm
from VesselRegistrationLib.vessel_model import VesselModel
from VesselRegistrationLib.vtk_bridge import arrays_from_polydata

FloatArray = NDArray[np.float64]
BOX_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
BOX_TRIANGLES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4]]
    + [[1, 5, 7], [1, 7, 3]]
)
"""Counter-clockwise seen from outside."""


@dataclass(frozen=True)
class Difference:
    """Absolute differences of path lengths over rays, mm."""

    median_mm: float
    maximum_mm: float
    rays: int


def difference(lengths_mm: FloatArray, reference_mm: FloatArray, at_least_mm: float = 0.0) -> Difference:
    """Over the rays that meet the model in either picture and, by the reference, for `at_least_mm`."""
    counted = ((lengths_mm > 0) | (reference_mm > 0)) & (reference_mm >= at_least_mm)
    apart = np.abs(lengths_mm - reference_mm)[counted]
    return Difference(float(np.median(apart)), float(apart.max()), len(apart))


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """2 |a and b| / (|a| + |b|); 0 for two empty pictures, which show nothing that could agree."""
    total = np.count_nonzero(a) + np.count_nonzero(b)
    return float(2 * np.count_nonzero(a & b) / total) if total else 0.0


def box_model(low_lps: FloatArray, high_lps: FloatArray) -> VesselModel:
    """A box along the axes as 12 triangles."""
    triangles = BOX_TRIANGLES.astype(np.int32)
    return VesselModel(low_lps + BOX_CORNERS * (high_lps - low_lps), triangles, True)


def sphere_model(radius_mm: float, rings: int) -> VesselModel:
    """A sphere around the isocentre as 2 x rings x (rings - 1) triangles, about."""
    from vtkmodules.vtkFiltersSources import vtkSphereSource

    source = vtkSphereSource()
    source.SetRadius(radius_mm)
    source.SetThetaResolution(rings)
    source.SetPhiResolution(rings + 1)
    source.SetOutputPointsPrecision(1)
    source.Update()
    points, triangles = arrays_from_polydata(source.GetOutput())
    return VesselModel(points, triangles.astype(np.int32), True)


def box_difference(model: VesselModel, c_arm: CArm) -> Difference:
    """The projected box, beside each ray cut with the box's six planes."""
    source = c_arm.source_lps()
    rays = pixel_positions(c_arm) - source
    with np.errstate(divide="ignore"):
        cuts = np.stack(
            [(model.points_lps.min(axis=0) - source) / rays, (model.points_lps.max(axis=0) - source) / rays]
        )
    shares = np.maximum(cuts.max(axis=0).min(axis=1) - cuts.min(axis=0).max(axis=1), 0)
    exact = (shares * np.linalg.norm(rays, axis=1)).reshape(c_arm.rows, c_arm.columns)
    return difference(path_length_mm(model.points_lps, model.triangles, c_arm), exact)


def sphere_difference(radius_mm: float, rings: int, c_arm: CArm) -> Difference:
    """The projected mesh of a sphere, beside the chords of the sphere that are a tenth of its diameter or longer.

    The mesh's facets lie inside the sphere, which shows most at the rim, where chords are short.
    """
    model = sphere_model(radius_mm, rings)
    source = c_arm.source_lps()
    rays = pixel_positions(c_arm) - source
    past = np.linalg.norm(np.cross(rays, source), axis=1) / np.linalg.norm(rays, axis=1)
    exact = 2 * np.sqrt(np.maximum(radius_mm**2 - past**2, 0)).reshape(c_arm.rows, c_arm.columns)
    return difference(path_length_mm(model.points_lps, model.triangles, c_arm), exact, radius_mm / 5)
