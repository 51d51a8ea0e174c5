"""The layout and what its views look at: slice views on the detector, a camera at the X-ray source.

Only nodes are touched: layout, slice, composite, view and camera nodes; the application's widgets follow them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import vtk

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationMRML.placement import (
    LPS_TO_RAS,
    matrixFromArray,
    pictureToRas,
    sliceToRas,
    sourceRas,
)

MARGIN = 1.03
"""Room around the picture in a view."""


def sliceNode(scene: Any, view: str) -> Any | None:
    """The slice node of a view, by its layout name."""
    return _byLayoutName(scene, "vtkMRMLSliceNode", view)


def compositeNode(scene: Any, view: str) -> Any | None:
    """The node that says which volumes a slice view shows."""
    return _byLayoutName(scene, "vtkMRMLSliceCompositeNode", view)


def _byLayoutName(scene: Any, className: str, name: str) -> Any | None:
    for index in range(scene.GetNumberOfNodesByClass(className)):
        node = scene.GetNthNodeByClass(index, className)
        if node.GetLayoutName() == name:
            return node
    return None


def alignSlice(node: Any, cArm: CArm) -> None:
    """Turn a slice view to face the detector, the picture upright; what was zoomed stays zoomed."""
    node.GetSliceToRAS().DeepCopy(matrixFromArray(sliceToRas(cArm)))
    node.UpdateMatrices()


def fitSlice(node: Any, cArm: CArm) -> None:
    """Turn a slice view to face the detector and show the whole picture."""
    _fitField(node, cArm.columns * cArm.spacing_mm[1], cArm.rows * cArm.spacing_mm[0])
    alignSlice(node, cArm)


def _fitField(node: Any, width: float, height: float) -> None:
    """Let a slice view show a little more than width x height mm."""
    across, down = node.GetDimensions()[:2]
    fieldHeight = MARGIN * max(height, width * down / max(across, 1))
    node.SetFieldOfView(fieldHeight * across / max(down, 1), fieldHeight, 1.0)
    node.SetXYZOrigin(0.0, 0.0, 0.0)


def showInSlice(scene: Any, view: str, background: Any | None) -> None:
    """Let a slice view show a volume alone."""
    composite = compositeNode(scene, view)
    if composite is None:
        return
    composite.SetLinkedControl(False)
    composite.SetBackgroundVolumeID(background.GetID() if background else None)
    composite.SetForegroundVolumeID(None)
    composite.SetLabelVolumeID(None)


def labelOver(background: Any, label: Any | None, opacity: float) -> None:
    """Lay a label map over a volume in every slice view that shows it; views that show something else are left."""
    scene = background.GetScene()
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        composite = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        if composite.GetBackgroundVolumeID() == background.GetID():
            composite.SetLabelVolumeID(label.GetID() if label else None)
            composite.SetLabelOpacity(opacity)


def clear3D(scene: Any) -> None:
    """No box and no axis labels in the 3D views: they clutter the look from the source."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLViewNode")):
        view = scene.GetNthNodeByClass(index, "vtkMRMLViewNode")
        view.SetBoxVisible(False)
        view.SetAxisLabelsVisible(False)


def camera(viewNode: Any) -> Any | None:
    """The camera node of a 3D view."""
    return _byLayoutName(viewNode.GetScene(), "vtkMRMLCameraNode", viewNode.GetLayoutName())


def cArmCamera(cameraNode: Any, cArm: CArm, aspect: float) -> None:
    """Put a 3D view's camera at the X-ray source, so that model and picture coincide as in the C-arm.

    aspect: width of the view over its height. A camera at the source sees the mirror image of what clinicians know,
    who look from the detector; so the projection is mirrored too. The principal point need not be in the middle.
    """
    _, up, beam = cArm.axes_lps()
    source = sourceRas(cArm)
    width, height = cArm.columns * cArm.spacing_mm[1], cArm.rows * cArm.spacing_mm[0]
    column0, row0 = cArm.center_px
    toRas = LPS_TO_RAS[:3, :3]
    view = cameraNode.GetCamera()
    fieldHeight = MARGIN * max(height, width / aspect)
    modified = cameraNode.StartModify()
    view.SetParallelProjection(False)
    view.SetPosition(*source)
    view.SetFocalPoint(*(source + cArm.sid_mm * toRas @ beam))
    view.SetViewUp(*(toRas @ up))
    view.SetViewAngle(2 * math.degrees(math.atan(fieldHeight / 2 / cArm.sid_mm)))
    # The window's centre in units of its half size: where the picture's middle lies from the central beam.
    offRight = ((cArm.columns - 1) / 2 - column0) * cArm.spacing_mm[1]
    offUp = (row0 - (cArm.rows - 1) / 2) * cArm.spacing_mm[0]
    view.SetWindowCenter(-offRight / (fieldHeight * aspect / 2), offUp / (fieldHeight / 2))
    view.SetUserTransform(_mirror())
    cameraNode.ResetClippingRange()
    cameraNode.EndModify(modified)


def isAtSource(cameraNode: Any, cArm: CArm) -> bool:
    """Whether a camera still is where `cArmCamera` put it."""
    return cameraNode.GetCamera().GetUserTransform() is not None and bool(
        np.allclose(cameraNode.GetPosition(), sourceRas(cArm), atol=0.01)
    )


def isMirrored(cameraNode: Any) -> bool:
    """Whether a camera shows the clinician's mirror image."""
    return cameraNode.GetCamera().GetUserTransform() is not None


def freeCamera(cameraNode: Any) -> None:
    """An ordinary camera again, not mirrored, where it is."""
    view = cameraNode.GetCamera()
    view.SetUserTransform(None)
    view.SetWindowCenter(0.0, 0.0)
    view.SetViewAngle(30.0)
    cameraNode.ResetClippingRange()
    cameraNode.Modified()


def overview(cameraNode: Any, cArm: CArm) -> None:
    """Look at model and detector from aside, both in view, the patient's head up."""
    freeCamera(cameraNode)
    middle = _middleOfPicture(cArm) / 2
    axes = cArm.axes_lps() @ LPS_TO_RAS[:3, :3]
    direction = -0.75 * axes[0] + 0.35 * axes[1] - 0.55 * axes[2]
    size = np.hypot(cArm.columns * cArm.spacing_mm[1], cArm.rows * cArm.spacing_mm[0]) + np.linalg.norm(middle)
    distance = 1.2 * size / 2 / math.tan(math.radians(15.0))
    view = cameraNode.GetCamera()
    view.SetFocalPoint(*middle)
    view.SetPosition(*(middle + distance * direction / np.linalg.norm(direction)))
    view.SetViewUp(0.0, 0.0, 1.0)
    cameraNode.ResetClippingRange()


def _middleOfPicture(cArm: CArm) -> FloatArray:
    return np.asarray((pictureToRas(cArm) @ [(cArm.columns - 1) / 2, (cArm.rows - 1) / 2, 0.0, 1.0])[:3])


def _mirror() -> vtk.vtkTransform:
    transform = vtk.vtkTransform()
    transform.Scale(-1.0, 1.0, 1.0)
    return transform


def showHandles(display: Any, on: bool) -> None:
    """Handles to move and turn what a transform carries, in 3-D and, where the application can, in slice views."""
    display.SetEditorVisibility(on)
    display.SetEditorVisibility3D(on)
    display.SetEditorSliceIntersectionVisibility(on)
    display.SetEditorTranslationEnabled(True)
    display.SetEditorRotationEnabled(True)
    display.SetEditorScalingEnabled(False)
