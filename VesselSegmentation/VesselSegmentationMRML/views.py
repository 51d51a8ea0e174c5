"""What the slice views show: the picture upright, and one thing over it. Only nodes are touched."""

from __future__ import annotations

from typing import Any

import vtk

from VesselSegmentationMRML import run_nodes
from VesselSegmentationMRML.layout import LAYOUT_ID, PICTURE_VIEW, registerLayout

MARGIN = 1.02
"""Room around the picture in a view."""


def showPicture(volumeNode: Any, view: str = PICTURE_VIEW, fit: bool = True) -> None:
    """Show a picture in a slice view: columns to the right, rows downwards, wherever it stands in space."""
    scene = volumeNode.GetScene()
    composite, sliceNode = (
        _viewNode(scene, "vtkMRMLSliceCompositeNode", view),
        _viewNode(scene, "vtkMRMLSliceNode", view),
    )
    if composite is None or sliceNode is None or volumeNode.GetImageData() is None:
        return
    composite.SetBackgroundVolumeID(volumeNode.GetID())
    matrix, size = _pictureToRas(volumeNode)
    sliceNode.GetSliceToRAS().DeepCopy(matrix)
    if fit:
        across, down = sliceNode.GetDimensions()[:2]
        height = MARGIN * max(size[1], size[0] * down / max(across, 1))
        sliceNode.SetFieldOfView(height * across / max(down, 1), height, 1.0)
        sliceNode.SetXYZOrigin(0.0, 0.0, 0.0)
    sliceNode.UpdateMatrices()


def showOverPicture(volumeNode: Any, foreground: Any, label: Any, opacity: float, view: str = PICTURE_VIEW) -> None:
    """Lay a volume and a label map (None: none) over the picture, in the view that shows it."""
    composite = _viewNode(volumeNode.GetScene(), "vtkMRMLSliceCompositeNode", view)
    if composite is None or composite.GetBackgroundVolumeID() != volumeNode.GetID():
        return
    composite.SetForegroundVolumeID(foreground.GetID() if foreground else None)
    composite.SetForegroundOpacity(opacity if foreground else 0.0)
    composite.SetLabelVolumeID(label.GetID() if label else None)
    composite.SetLabelOpacity(opacity)


def showPictureAlone(scene: Any) -> None:
    """A layout with the Red view only."""
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if layout is not None:
        layout.SetViewArrangement(layout.SlicerLayoutOneUpRedSliceView)


def showChart(chart: Any, table: Any | None) -> None:
    """A layout with the picture, a chart and a table beside it."""
    scene = chart.GetScene()
    layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    if layout is None:
        return
    registerLayout(scene)
    layout.SetViewArrangement(LAYOUT_ID)
    plotView = _viewNode(scene, "vtkMRMLPlotViewNode", "PlotView1")
    if plotView is not None:
        plotView.SetPlotChartNodeID(chart.GetID())
    tableView = _viewNode(scene, "vtkMRMLTableViewNode", "TableView1")
    if tableView is not None and table is not None and table.GetScene() is not None:
        tableView.SetTableNodeID(table.GetID())


def isShown(volumeNode: Any, view: str = PICTURE_VIEW) -> bool:
    """Whether a slice view has this picture as its background."""
    composite = _viewNode(volumeNode.GetScene(), "vtkMRMLSliceCompositeNode", view) if volumeNode else None
    return composite is not None and composite.GetBackgroundVolumeID() == volumeNode.GetID()


def _viewNode(scene: Any, className: str, view: str) -> Any | None:
    for index in range(scene.GetNumberOfNodesByClass(className)):
        node = scene.GetNthNodeByClass(index, className)
        if node.GetLayoutName() == view:
            return node
    return None


def _pictureToRas(volumeNode: Any) -> tuple[vtk.vtkMatrix4x4, tuple[float, float]]:
    """Slice to RAS with the picture's middle at its origin, and (width, height) of the picture in mm."""
    import numpy as np

    rows, columns = run_nodes.framePixels(volumeNode).shape
    ijkToRas = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(ijkToRas)
    array = np.array([[ijkToRas.GetElement(row, column) for column in range(4)] for row in range(3)])
    pixel = np.linalg.norm(array[:, :2], axis=0)
    right, up = array[:, 0] / pixel[0], -array[:, 1] / pixel[1]
    axes = np.column_stack([right, up, np.cross(right, up)])
    matrix = vtk.vtkMatrix4x4()
    middle = array @ [(columns - 1) / 2, (rows - 1) / 2, 0, 1]
    for row in range(3):
        for column in range(3):
            matrix.SetElement(row, column, float(axes[row, column]))
        matrix.SetElement(row, 3, float(middle[row]))
    return matrix, (columns * float(pixel[0]), rows * float(pixel[1]))
