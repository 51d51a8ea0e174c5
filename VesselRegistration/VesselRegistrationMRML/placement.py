"""Where things stand in the scene: between the library's LPS mm from the isocentre and the scene's RAS mm.

Convention
    World (RAS) = isocentre of the C-arm; RAS = diag(-1, -1, 1) LPS.
    A picture stands at the detector: pixel (column i, row j) of a frame lies, in LPS, at
    source + SID beam + (i - column0) column spacing right - (j - row0) row spacing up.
    Its third axis, -beam, makes the three right-handed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import vtk

from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.c_arm import CArm, FloatArray

if TYPE_CHECKING:
    from slicer import vtkMRMLMarkupsROINode, vtkMRMLTransformNode

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
ROI_DEPTH_MM = 40.0
"""Thickness of the region of interest across the detector, so that its box is cut by the picture's plane."""


def matrixFromArray(array: FloatArray) -> vtk.vtkMatrix4x4:
    """A 4 x 4 array as VTK's matrix."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, dtype=float).ravel().tolist())
    return matrix


def arrayFromMatrix(matrix: vtk.vtkMatrix4x4) -> FloatArray:
    """VTK's matrix as a 4 x 4 array."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def lpsToRas(transform: FloatArray) -> FloatArray:
    """A (4, 4) transform between LPS frames as one between RAS frames, and the other way round."""
    return np.asarray(LPS_TO_RAS @ transform @ LPS_TO_RAS)


def poseLps(transformNode: vtkMRMLTransformNode | None) -> FloatArray:
    """Model to isocentre (4, 4) LPS mm of a linear transform node; None: the identity."""
    if transformNode is None:
        return np.eye(4)
    matrix = vtk.vtkMatrix4x4()
    transformNode.GetMatrixTransformToWorld(matrix)
    return lpsToRas(arrayFromMatrix(matrix))


def setPoseLps(transformNode: vtkMRMLTransformNode, modelToIsocenter: FloatArray) -> None:
    """Store model to isocentre (4, 4) LPS mm in a linear transform node."""
    transformNode.SetMatrixTransformToParent(matrixFromArray(lpsToRas(modelToIsocenter)))


def pictureToRas(cArm: CArm) -> FloatArray:
    """IJK to RAS (4, 4) of a frame that stands at the detector.

    Example (tested): at PA, SID 1000, SOD 750 and 0.5 mm pixels, i runs to the patient's left, j to the feet, and the
    picture lies 250 mm in front of the isocentre.
    """
    right, up, beam = cArm.axes_lps()
    column0, row0 = cArm.center_px
    rowSpacing, columnSpacing = cArm.spacing_mm
    matrix = np.eye(4)
    matrix[:3, 0] = right * columnSpacing
    matrix[:3, 1] = -up * rowSpacing
    matrix[:3, 2] = -beam
    middle = cArm.source_lps() + cArm.sid_mm * beam
    matrix[:3, 3] = middle - column0 * matrix[:3, 0] - row0 * matrix[:3, 1]
    return np.asarray(LPS_TO_RAS @ matrix)


def sliceToRas(cArm: CArm) -> FloatArray:
    """Slice to RAS (4, 4) of a slice view that shows the picture upright, its middle in the middle of the view."""
    right, up, beam = cArm.axes_lps()
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = right, up, beam
    middle = np.array([(cArm.columns - 1) / 2, (cArm.rows - 1) / 2, 0.0, 1.0])
    matrix = LPS_TO_RAS @ matrix
    matrix[:3, 3] = (pictureToRas(cArm) @ middle)[:3]
    return np.asarray(matrix)


def sourceRas(cArm: CArm) -> FloatArray:
    """The X-ray source (3,) in RAS mm."""
    return np.asarray(LPS_TO_RAS[:3, :3] @ cArm.source_lps())


def placeRoi(roiNode: vtkMRMLMarkupsROINode, roi: RegionOfInterest, cArm: CArm) -> None:
    """Make the ROI node the box around these pixels of the picture."""
    pixelToRas = pictureToRas(cArm)
    middle = np.array([roi.x + (roi.width - 1) / 2, roi.y + (roi.height - 1) / 2, 0.0, 1.0])
    rowSpacing, columnSpacing = cArm.spacing_mm
    box = np.eye(4)
    box[:3, :3] = pixelToRas[:3, :3] / np.linalg.norm(pixelToRas[:3, :3], axis=0)
    box[:3, 3] = (pixelToRas @ middle)[:3]
    roiNode.SetAndObserveObjectToNodeMatrix(matrixFromArray(box))
    roiNode.SetSize(roi.width * columnSpacing, roi.height * rowSpacing, ROI_DEPTH_MM)


def roiInPixels(roiNode: vtkMRMLMarkupsROINode, cArm: CArm) -> RegionOfInterest | None:
    """The whole pixels of the frame whose centres the ROI covers; None when it misses the frame."""
    corners = np.ones((4, 8))
    size = roiNode.GetSize()
    signs = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    corners[:3] = (signs * size).T
    boxToNode = arrayFromMatrix(roiNode.GetObjectToNodeMatrix())
    pixels = (np.linalg.inv(pictureToRas(cArm)) @ boxToNode @ corners)[:2]
    # A pixel belongs to the region when its centre does; a hair's breadth forgives rounding.
    first = np.ceil(pixels.min(axis=1) - 1e-3).clip(0).astype(int)
    last = np.floor(pixels.max(axis=1) + 1e-3).astype(int).clip(max=[cArm.columns - 1, cArm.rows - 1])
    width, height = (last - first + 1).tolist()
    if width < 2 or height < 2:
        return None
    return RegionOfInterest(int(first[0]), int(first[1]), width, height)
