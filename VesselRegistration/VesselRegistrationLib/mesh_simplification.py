"""Fewer triangles for models that are too large to project quickly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from VesselSegmentationLib.errors import InputError

from .mesh_repair import vessel_model_from_arrays
from .vessel_model import VesselModel
from .vtk_bridge import arrays_from_polydata, captured_messages, polydata_from_arrays

DEFAULT_TRIANGLES = 200_000


def simplify_vessel_model(model: VesselModel, target_triangles: int = DEFAULT_TRIANGLES) -> VesselModel:
    """Bring a model to about `target_triangles` (quadric error decimation), closed if it was closed.

    Where quadric decimation would open a closed model, a slower-shrinking method that keeps the topology is used; where
    that opens it too, the model comes back as it was, with a warning. A million triangles take some 10 s; exactly flat
    or straight regions, which no scanned vessel has, make it much slower.

    Raises:
        InputError: a target below 100.
    """
    if target_triangles < 100:
        raise InputError(f"{target_triangles} triangles cannot show a vessel; ask for 100 or more")
    count = len(model.triangles)
    if count <= target_triangles:
        return model
    for make in (_quadric, _topology_keeping):
        simple = _decimated(model, make(1.0 - target_triangles / count))
        if simple.is_closed or not model.is_closed:
            note = f"simplified from {count:,} to {len(simple.triangles):,} triangles"
            return replace(simple, warnings=(note, *simple.warnings))
    note = f"not simplified: {count:,} triangles, and every attempt opened the surface"
    return replace(model, warnings=(*model.warnings, note))


def _quadric(reduction: float) -> Any:
    from vtkmodules.vtkFiltersCore import vtkQuadricDecimation

    decimation = vtkQuadricDecimation()
    decimation.SetTargetReduction(reduction)
    decimation.VolumePreservationOn()
    return decimation


def _topology_keeping(reduction: float) -> Any:
    from vtkmodules.vtkFiltersCore import vtkDecimatePro

    decimation = vtkDecimatePro()
    decimation.SetTargetReduction(reduction)
    decimation.PreserveTopologyOn()
    decimation.SplittingOff()
    return decimation


def _decimated(model: VesselModel, decimation: Any) -> VesselModel:
    """The model after a VTK decimation filter, cleaned again."""
    with captured_messages():
        decimation.SetInputData(polydata_from_arrays(model.points_lps, model.triangles))
        decimation.Update()
        points, triangles = arrays_from_polydata(decimation.GetOutput())
    return vessel_model_from_arrays(points, triangles)
