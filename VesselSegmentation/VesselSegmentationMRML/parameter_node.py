"""What the VesselSegmentation module remembers in the scene."""

from __future__ import annotations

from typing import Annotated, Union

from slicer import (
    vtkMRMLLabelMapVolumeNode,
    vtkMRMLPlotChartNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
)
from slicer.parameterNodeWrapper import Default, WithinRange, parameterNodeWrapper

from VesselSegmentationMRML.choices import Device, FieldOfView, Loss, Overlay, Recipe, TrainedView


@parameterNodeWrapper
class VesselSegmentationParameterNode:
    """Inputs, choices and results. Folders are text: an empty text is no folder."""

    xray: vtkMRMLScalarVolumeNode
    """One picture, the proxy node of a run's sequence browser, or a volume of several slices (its frames)."""
    fieldOfView: FieldOfView = FieldOfView.AUTOMATIC
    network: str = ""
    """Folder of a network of one's own; "" is the shipped one."""
    threshold: Annotated[float, WithinRange(0.01, 0.99), Default(0.5)]
    subtract: bool = True
    """A frame from before contrast agent helps to find the vessels, where the run has one."""
    device: Device = Device.AUTOMATIC
    wantProbability: bool = False
    wantAttention: bool = False

    segmentation: vtkMRMLSegmentationNode
    probability: vtkMRMLScalarVolumeNode
    attention: vtkMRMLScalarVolumeNode
    overlay: Overlay = Overlay.VESSELS
    overlayOpacity: Annotated[float, WithinRange(0, 1), Default(0.6)]

    reference: Union[vtkMRMLSegmentationNode, vtkMRMLLabelMapVolumeNode, None]  # noqa: UP007 (the type, not its value, is asked)
    referencePath: str = ""
    comparison: vtkMRMLLabelMapVolumeNode
    metrics: vtkMRMLTableNode
    metricsChart: vtkMRMLPlotChartNode

    trainingFolder: str = ""
    trainingOutput: str = ""
    trainingRecipe: Recipe = Recipe.PAPER
    trainingView: TrainedView = TrainedView.LOWER
    trainingLoss: Loss = Loss.DICE
    learningRate: Annotated[float, WithinRange(0.000001, 1.0), Default(0.00001)]
    batchSize: Annotated[int, WithinRange(1, 256), Default(8)]
    epochs: Annotated[int, WithinRange(1, 10000), Default(100)]
    minutes: Annotated[float, WithinRange(0, 100000), Default(0.0)]
    """The training ends after so long at the latest; 0: no limit."""
    trainingChart: vtkMRMLPlotChartNode
