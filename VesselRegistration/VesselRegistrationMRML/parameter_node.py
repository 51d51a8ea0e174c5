"""What the VesselRegistration module remembers in the scene."""

from __future__ import annotations

import enum
import pathlib
from typing import Annotated

from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLLinearTransformNode,
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLMarkupsROINode,
    vtkMRMLModelNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTextNode,
)
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import Default, WithinRange, parameterNodeWrapper


class ShownPose(enum.Enum):
    """Which pose the views show. Saved scenes hold the names."""

    BEFORE = "before"
    AFTER = "after"

    def label(self) -> str:
        """What the panel calls it."""
        return _("Before: start pose") if self is ShownPose.BEFORE else _("After: registered or adjusted")


class Method(enum.Enum):
    """How the model is laid on the vessels. Saved scenes hold the names."""

    POSE = "pose"
    AFFINE = "affine"

    def label(self) -> str:
        """What the panel calls it."""
        return _("Pose (mm)") if self is Method.POSE else _("Affine (paper)")


@parameterNodeWrapper
class VesselRegistrationParameterNode:
    """Inputs, values and results of one case. Angles in degrees (LAO +, CRA +), lengths in mm.

    The view's numbers are those of the frame shown, rounded as the widgets show them; the exact ones, and where each
    came from, are in `geometry`.
    """

    model: vtkMRMLModelNode
    modelPath: pathlib.Path
    xray: vtkMRMLScalarVolumeNode
    """One picture, or the proxy node of a run's sequence browser."""
    xrayPath: pathlib.Path

    primaryAngle: Annotated[float, WithinRange(-180, 180), Default(0.0)]
    secondaryAngle: Annotated[float, WithinRange(-90, 90), Default(0.0)]
    sourceToDetector: Annotated[float, WithinRange(1, 10000), Default(1000.0)]
    sourceToIsocenter: Annotated[float, WithinRange(1, 10000), Default(750.0)]
    rowSpacing: Annotated[float, WithinRange(0.0001, 100), Default(0.2)]
    columnSpacing: Annotated[float, WithinRange(0.0001, 100), Default(0.2)]
    tableLeft: Annotated[float, WithinRange(-1e6, 1e6), Default(0.0)]
    tablePosterior: Annotated[float, WithinRange(-1e6, 1e6), Default(0.0)]
    tableHead: Annotated[float, WithinRange(-1e6, 1e6), Default(0.0)]

    useRoi: bool = False
    roi: vtkMRMLMarkupsROINode
    segmentation: vtkMRMLSegmentationNode
    threshold: Annotated[float, WithinRange(0.01, 0.99), Default(0.5)]
    subtract: bool = True
    """A frame from before contrast agent helps to find the vessels, where the run has one."""
    method: Method = Method.POSE
    improvementSteps: Annotated[int, WithinRange(0, 500), Default(5)]

    pose: vtkMRMLLinearTransformNode
    """Model to world: what registering found, or the hand has adjusted."""
    startPose: vtkMRMLLinearTransformNode
    """Model to world before registering."""
    shownPose: ShownPose = ShownPose.AFTER
    followTable: bool = True
    showOutline: bool = True
    showOverlay: bool = True
    showError: bool = True
    """Of the pose, in mm: an ellipse at the model over the picture, and words."""
    colorByError: bool = False
    """The model by the expected error of each of its points, in 3-D."""
    overlayOpacity: Annotated[float, WithinRange(0, 1), Default(0.5)]
    modelOpacity: Annotated[float, WithinRange(0, 1), Default(0.5)]
    """Of the model in 3-D, so that the picture behind it can be seen."""

    modelLandmarks: vtkMRMLMarkupsFiducialNode
    """Points on the model, which move with it."""
    pictureLandmarks: vtkMRMLMarkupsFiducialNode
    """Points of the same names in the picture; each belongs to the frame that it was marked on."""

    outputFolder: pathlib.Path

    projection: vtkMRMLScalarVolumeNode
    outline: vtkMRMLModelNode
    overlay: vtkMRMLLabelMapVolumeNode
    errorEllipse: vtkMRMLModelNode
    landmarkLines: vtkMRMLModelNode
    geometry: vtkMRMLTextNode
    report: vtkMRMLTextNode
