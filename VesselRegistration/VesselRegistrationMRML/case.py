"""Step 1, the case: a vessel model and an X-ray run as nodes, from files, the scene or Slicer's DICOM database."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import slicer

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.vessel_model import LengthUnit, ModelFrame, VesselModel
from VesselRegistrationLib.xray_run import XRayRun
from VesselRegistrationMRML import geometry_node
from VesselRegistrationMRML.placement import LPS_TO_RAS, matrixFromArray, pictureToRas
from VesselSegmentationLib.errors import InputError, MissingGeometryError
from VesselSegmentationMRML import run_nodes

MODEL_COLOR = (0.88, 0.25, 0.2)
DICOM_UIDS = "DICOM.instanceUIDs"

_modelCache: dict[tuple[int, ...], VesselModel] = {}
"""The surface cleaned last, by its modification times, of which no two are equal in a process."""


def modelNodeFromFile(path: pathlib.Path, scene: Any, units: str = "", frame: str = "") -> tuple[Any, tuple[str, ...]]:
    """A model file as a model node in RAS mm, and what was repaired. Raises InputError; UnitsQuestion for odd sizes."""
    from VesselRegistrationLib.model_reading import read_vessel_model

    model = read_vessel_model(path, LengthUnit(units) if units else None, ModelFrame(frame) if frame else None)
    return modelNode(model, path.stem, scene), model.warnings


def modelNode(model: VesselModel, name: str, scene: Any) -> Any:
    """A vessel model as a model node in RAS mm."""
    from VesselRegistrationLib.vtk_bridge import polydata_from_arrays

    node = scene.AddNewNodeByClass("vtkMRMLModelNode", name)
    node.SetAndObservePolyData(polydata_from_arrays(model.points_lps * LPS_TO_RAS.diagonal()[:3], model.triangles))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetColor(*MODEL_COLOR)
    # The slice plane is far behind the vessels; what the slice view shows of them is the projected outline.
    display.SetVisibility2D(False)
    return node


def vesselModel(node: Any) -> VesselModel:
    """The surface of a model node in its own coordinates, LPS mm, cleaned. Raises InputError when it has none."""
    from VesselRegistrationLib.mesh_repair import vessel_model_from_arrays
    from VesselRegistrationLib.vtk_bridge import arrays_from_polydata

    surface = node.GetPolyData() if node else None
    if surface is None or not surface.GetNumberOfPoints():
        raise InputError(f"The model {node.GetName() if node else ''} holds no surface. Choose another model.")
    # Not of the whole: values that color its points leave the surface as it is.
    key = (surface.GetPoints().GetMTime(), surface.GetPolys().GetMTime(), surface.GetStrips().GetMTime())
    if key not in _modelCache:
        try:
            points, triangles = arrays_from_polydata(surface)
            model = vessel_model_from_arrays(points * LPS_TO_RAS.diagonal()[:3], triangles)
        except InputError as error:
            raise InputError(f"The model {node.GetName()} {error}.") from error
        _modelCache.clear()  # one case at a time is worked on, and models are large
        _modelCache[key] = model
    return _modelCache[key]


def surfacePointsLps(node: Any) -> FloatArray:
    """The points (N, 3) of a model node's surface as they are, in its own coordinates, LPS mm."""
    from vtk.util.numpy_support import vtk_to_numpy

    points = vtk_to_numpy(node.GetPolyData().GetPoints().GetData())
    return np.asarray(points * LPS_TO_RAS.diagonal()[:3])


def runFromFile(path: pathlib.Path, scene: Any) -> tuple[Any, tuple[str, ...]]:
    """An X-ray run file as a volume node at the detector (of several frames: a browser's proxy), and its warnings."""
    from VesselRegistrationLib.xray_reading import read_xray_run

    run = read_xray_run(path)
    volume = run_nodes.createRun(run.frames, run.name, scene, run.frame_times_ms)
    geometry_node.store(geometry_node.fromRun(run), volume)
    placeRun(volume)
    return volume, run.warnings


def adoptRun(volumeNode: Any) -> tuple[Any, tuple[str, ...]]:
    """Make an X-ray node that is in the scene ready for work: frames in a sequence, geometry from its header.

    A node of several slices stays as it is and gets a run beside it, which is returned. The header is found by the
    instance UID in Slicer's DICOM database, else in the file that the node was loaded from.
    """
    if geometry_node.nodeOf(volumeNode) is not None:
        return volumeNode, ()
    count, pixels = run_nodes.frameCount(volumeNode), run_nodes.framePixels(volumeNode, 0).shape
    header = _header(volumeNode)
    if header is not None and header.frames.shape != (count, *pixels):
        header = None
    times = None if header is None else header.frame_times_ms
    run = run_nodes.ensureRun(volumeNode, times)
    if header is not None:
        geometry, warnings = geometry_node.fromRun(header), header.warnings
    else:
        geometry = geometry_node.unknown(count, *pixels)
        warnings = (f"No header was found for {run.GetName()}: enter its C-arm geometry in step 2.",)
    geometry_node.store(geometry, run)
    placeRun(run)
    return run, warnings


def placeRun(volumeNode: Any) -> bool:
    """Stand every frame where the detector was; False, and nothing moved, while the geometry is not complete."""
    geometry = geometry_node.load(geometry_node.nodeOf(volumeNode))
    if geometry is None:
        return False
    try:
        cArms = [frame.c_arm(geometry.rows, geometry.columns) for frame in geometry.frames]
    except MissingGeometryError:
        return False
    run_nodes.setFrameMatrices(volumeNode, [matrixFromArray(pictureToRas(cArm)) for cArm in cArms])
    return True


def _header(volumeNode: Any) -> XRayRun | None:
    """The run as its file says, when a file can be found and read."""
    from VesselRegistrationLib.xray_reading import read_xray_run

    for path in (_fromDatabase(volumeNode), _fromStorage(volumeNode)):
        if path and pathlib.Path(path).is_file():
            try:
                return read_xray_run(path)
            except InputError:
                continue
    return None


def _fromDatabase(volumeNode: Any) -> str:
    uids = (volumeNode.GetAttribute(DICOM_UIDS) or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    return str(database.fileForInstance(uids[0]) or "") if uids and database else ""


def _fromStorage(volumeNode: Any) -> str:
    storage = volumeNode.GetStorageNode()
    return str(storage.GetFileName() or "") if storage else ""
