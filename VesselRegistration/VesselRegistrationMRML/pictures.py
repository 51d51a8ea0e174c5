"""What the views show: the model's projection, its outline and the coloured overlay, as nodes at the detector."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk

from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.projection import BoolArray, path_length_mm, silhouette, transform_points
from VesselRegistrationLib.vessel_model import VesselModel
from VesselRegistrationMRML.certainty import Standing, dashed, showOverPicture
from VesselRegistrationMRML.placement import matrixFromArray, pictureToRas

OUTLINE_COLOR = (1.0, 0.86, 0.1)
OUTLINE_COLORS = {
    Standing.START: (1.0, 1.0, 1.0),
    Standing.REFUSED: (1.0, 0.3, 0.2),
    Standing.CARRIED: (0.45, 1.0, 0.5),
}
"""Of a model that no frame of the run was registered for; any other has OUTLINE_COLOR."""
DASH_PX = 5.0
OUTLINE_WIDTH_PX = 2
SMOOTHING_STEPS, SMOOTHING_PASS_BAND = 12, 0.2
"""The outline follows pixels; smoothing takes the stairs away and leaves what is larger than a pixel or two."""
EVERY = 7
"""Points are looked at, where a few tell as much as all."""
BOTH, MODEL_ONLY, VESSEL_ONLY = 1, 2, 3
OVERLAY_COLORS = {
    BOTH: ("model on vessel", (1.0, 0.9, 0.0)),
    MODEL_ONLY: ("model only", (1.0, 0.0, 1.0)),
    VESSEL_ONLY: ("vessel only", (0.0, 0.9, 1.0)),
}
"""The paper's colours (its figures 6 and 9)."""
COLOR_TABLE_NAME = "VesselRegistration overlay"


def atIsocenter(model: VesselModel, modelToIsocenter: FloatArray) -> FloatArray:
    """The model's points (N, 3), LPS mm from the isocentre."""
    return transform_points(modelToIsocenter, model.points_lps)


def newProjection(scene: Any) -> Any:
    """A volume node for the projection, dark where an X-ray would be dark."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Model projection")
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeInvertedGrey")
    node.GetDisplayNode().SetAutoWindowLevel(False)
    return node


def updateProjection(node: Any, model: VesselModel, modelToIsocenter: FloatArray, cArm: CArm) -> None:
    """Fill a volume node with the length (mm) of every ray within the model: an X-ray of contrast agent alone."""
    lengths = path_length_mm(atIsocenter(model, modelToIsocenter), model.triangles, cArm).astype(np.float32)
    slicer.util.updateVolumeFromArray(node, lengths[np.newaxis])
    node.SetIJKToRASMatrix(matrixFromArray(pictureToRas(cArm)))
    # A little more than the thickest vessel, so that even that is not plain black.
    node.GetDisplayNode().SetWindowLevelMinMax(0.0, max(1.0, 1.15 * float(lengths.max())))


def modelSilhouette(model: VesselModel, modelToIsocenter: FloatArray, cArm: CArm) -> BoolArray:
    """Pixels of the frame (rows, columns) that the model covers."""
    return silhouette(atIsocenter(model, modelToIsocenter), model.triangles, cArm)


def inPicture(model: VesselModel, modelToIsocenter: FloatArray, cArm: CArm) -> bool:
    """Whether any part of the model is seen in the picture; looks at its points only, so it costs nothing."""
    columns, rows, _ = cArm.project(atIsocenter(model, modelToIsocenter)[::EVERY]).T
    seen = (columns > -0.5) & (columns < cArm.columns - 0.5) & (rows > -0.5) & (rows < cArm.rows - 0.5)
    return bool(seen.any())


def updateOutline(node: Any, covered: BoolArray, cArm: CArm, standing: Standing) -> None:
    """Make a model node the outline of the projected model (rows, columns): lines in the picture's plane, RAS mm.

    A model that was neither registered nor placed by hand on this very frame gets a dashed line.
    """
    lines = _contour(covered, pictureToRas(cArm))
    node.SetAndObservePolyData(lines if standing.isFirm else dashed(lines, DASH_PX * min(cArm.spacing_mm)))
    showOverPicture(node, OUTLINE_COLOR, OUTLINE_WIDTH_PX)
    node.GetDisplayNode().SetColor(*OUTLINE_COLORS.get(standing, OUTLINE_COLOR))


def _contour(mask: BoolArray, pixelToRas: FloatArray) -> vtk.vtkPolyData:
    """Lines around a mask, in RAS mm."""
    from vtk.util.numpy_support import numpy_to_vtk

    # A rim of nothing closes the lines where the model leaves the picture.
    padded = np.pad(mask, 1).astype(np.float32)
    image = vtk.vtkImageData()
    image.SetDimensions(padded.shape[1], padded.shape[0], 1)
    image.SetOrigin(-1.0, -1.0, 0.0)
    scalars = numpy_to_vtk(padded.ravel(), deep=True)
    image.GetPointData().SetScalars(scalars)
    edges = vtk.vtkFlyingEdges2D()
    edges.SetInputData(image)
    edges.SetValue(0, 0.5)
    strips = vtk.vtkStripper()
    strips.SetInputConnection(edges.GetOutputPort())
    smooth = vtk.vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(strips.GetOutputPort())
    smooth.SetNumberOfIterations(SMOOTHING_STEPS)
    smooth.SetPassBand(SMOOTHING_PASS_BAND)
    smooth.BoundarySmoothingOff()
    move = vtk.vtkTransform()
    move.SetMatrix(matrixFromArray(pixelToRas))
    moved = vtk.vtkTransformPolyDataFilter()
    moved.SetInputConnection(smooth.GetOutputPort())
    moved.SetTransform(move)
    moved.Update()
    lines = moved.GetOutput()
    lines.GetPointData().Initialize()
    return lines


def updateOverlay(node: Any, covered: BoolArray, vessels: BoolArray, cArm: CArm) -> None:
    """Fill a label map node: where model and vessels agree, and where only one of them is. Pictures (rows, columns)."""
    labels = np.zeros(covered.shape, dtype=np.uint8)
    labels[covered & vessels] = BOTH
    labels[covered & ~vessels] = MODEL_ONLY
    labels[~covered & vessels] = VESSEL_ONLY
    slicer.util.updateVolumeFromArray(node, labels[np.newaxis])
    node.SetIJKToRASMatrix(matrixFromArray(pictureToRas(cArm)))
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetAndObserveColorNodeID(_colorTable(node.GetScene()).GetID())


def inRoi(roi: RegionOfInterest, shape: tuple[int, ...]) -> BoolArray:
    """True within a region. Shape (rows, columns)."""
    inside = np.zeros(shape, dtype=bool)
    inside[roi.y : roi.y + roi.height, roi.x : roi.x + roi.width] = True
    return inside


def clear(node: Any) -> None:
    """Leave nothing to see in a model or volume node, which stays for the next picture."""
    if node.IsA("vtkMRMLVolumeNode"):
        image = node.GetImageData()
        if image is not None and image.GetPointData().GetScalars() is not None:
            image.GetPointData().GetScalars().Fill(0)
            image.Modified()
            node.Modified()
    else:
        node.SetAndObservePolyData(vtk.vtkPolyData())


def _colorTable(scene: Any) -> Any:
    table = scene.GetFirstNode(COLOR_TABLE_NAME, "vtkMRMLColorTableNode")
    if table is not None:
        return table
    table = slicer.vtkMRMLColorTableNode()
    table.SetTypeToUser()
    table.SetName(COLOR_TABLE_NAME)
    table.SetNumberOfColors(len(OVERLAY_COLORS) + 1)
    table.SetColor(0, "background", 0.0, 0.0, 0.0, 0.0)
    for label, (name, color) in OVERLAY_COLORS.items():
        table.SetColor(label, name, *color, 1.0)
    table.SetHideFromEditors(True)
    return scene.AddNode(table)
