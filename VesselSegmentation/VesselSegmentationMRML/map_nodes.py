"""Maps of a frame (vessel probability, the network's attention) as color volumes with a legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import slicer
import vtk

from VesselSegmentationMRML import run_nodes, segment_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


@dataclass(frozen=True)
class MapKind:
    """One kind of map: the name of its nodes, its colors from 0 to 1 and the title of its legend."""

    name: str
    colors: tuple[tuple[float, float, float], ...]
    legend: str


NEXT_TO_NOTHING = 0.05
TITLE_SIZE, LABEL_SIZE = 14, 12
"""Of the legend's letters."""
PROBABILITY = MapKind(
    "vessel probability", ((0.2, 0.0, 0.3), (0.75, 0.1, 0.3), (1.0, 0.5, 0.0), (1.0, 0.95, 0.3)), "Vessel probability"
)
ATTENTION = MapKind(
    "attention",
    ((0.0, 0.0, 0.6), (0.0, 0.45, 1.0), (0.2, 0.95, 0.85), (1.0, 0.9, 0.0), (0.9, 0.0, 0.0)),
    "Attention",
)
"""From blue to red, as in the paper's figure 7."""


def storeMaps(volumeNode: Any, maps: Mapping[int, np.ndarray], kind: MapKind, mapNode: Any = None) -> Any:
    """Maps (rows, columns) from 0 to 1 by frame into a volume; for a run, the node that follows its browser.

    mapNode: updated when it belongs to this picture or run; otherwise a new one is made.
    """
    name = f"{volumeNode.GetName()} {kind.name}"
    browser = run_nodes.browserOf(volumeNode)
    if not segment_nodes.belongsTo(mapNode, volumeNode):
        mapNode = None
    if browser is None:
        node = mapNode or volumeNode.GetScene().AddNewNodeByClass(run_nodes.VOLUME_CLASS, name)
        _setPixels(node, next(iter(maps.values())), volumeNode)
    else:
        node = storeInRun(volumeNode, mapNode, name, {frame: _mapItem(values, name) for frame, values in maps.items()})
    segment_nodes.markAs(node, volumeNode)
    _color(node, kind)
    return node


def storeInRun(volumeNode: Any, node: Any, name: str, items: Mapping[int, Any]) -> Any:
    """Volumes by frame into a sequence beside the run, at the place of its frames; the proxy that shows them.

    node: the proxy of such a sequence, to be updated; None makes one. Frames without a volume show nothing.
    """
    browser, pictures = run_nodes.browserOf(volumeNode), run_nodes.sequenceOf(volumeNode)
    sequence = browser.GetSequenceNode(node) if node is not None else segment_nodes.newSequenceFor(browser, name)
    master = browser.GetMasterSequenceNode()
    for frame, item in items.items():
        item.SetIJKToRASMatrix(_matrixOf(pictures.GetNthDataNode(frame)))
        sequence.SetDataNodeAtValue(item, master.GetNthIndexValue(frame))
    if node is None:
        browser.AddSynchronizedSequenceNode(sequence)
        browser.SetMissingItemMode(sequence, slicer.vtkMRMLSequenceBrowserNode.MissingItemSetToDefault)
    return run_nodes.addProxy(browser, sequence)


def copyPlace(volumeNode: Any, node: Any) -> None:
    """Stand a volume where the picture stands."""
    node.SetIJKToRASMatrix(_matrixOf(volumeNode))


def _mapItem(values: np.ndarray, name: str) -> Any:
    import numpy as np

    item = slicer.vtkMRMLScalarVolumeNode()
    item.SetName(name)
    slicer.util.updateVolumeFromArray(item, np.ascontiguousarray(values, dtype=np.float32)[np.newaxis])
    return item


def _setPixels(node: Any, values: np.ndarray, volumeNode: Any) -> None:
    import numpy as np

    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(values, dtype=np.float32)[np.newaxis])
    copyPlace(volumeNode, node)


def _color(node: Any, kind: MapKind) -> None:
    """The map's colors from 0 to 1, and a legend in the slice views."""
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(_colorNode(node.GetScene(), kind).GetID())
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0.0, 1.0)
    # Where there is nothing, the picture shows.
    display.SetApplyThreshold(True)
    display.SetThreshold(NEXT_TO_NOTHING, 1.0)
    display.SetInterpolate(True)
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(display)
    if legend is None:
        legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(display)
        legend.SetTitleText(kind.legend)
        legend.SetLabelFormat("%.1f")
        legend.SetNumberOfLabels(6)
        legend.SetSize(0.08, 0.4)
        legend.SetPosition(0.97, 0.5)
        legend.GetTitleTextProperty().SetFontSize(TITLE_SIZE)
        legend.GetLabelTextProperty().SetFontSize(LABEL_SIZE)


def showLegend(node: Any, isShown: bool) -> None:
    """Show a map's legend, or not."""
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(node.GetDisplayNode()) if node else None
    if legend is not None:
        legend.SetVisibility(isShown)
        legend.Modified()


def _matrixOf(node: Any) -> vtk.vtkMatrix4x4:
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return matrix


def _colorNode(scene: Any, kind: MapKind) -> Any:
    import numpy as np

    name, count = f"{kind.legend} colors", 256
    node = scene.GetFirstNodeByName(name)
    if node is not None and node.IsA("vtkMRMLColorTableNode"):
        return node
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode", name)
    node.SetTypeToUser()
    node.SetNumberOfColors(count)
    places = np.linspace(0, 1, len(kind.colors))
    red, green, blue = (np.interp(np.linspace(0, 1, count), places, channel) for channel in zip(*kind.colors))
    for index in range(count):
        node.SetColor(index, str(index), float(red[index]), float(green[index]), float(blue[index]), 1.0)
    node.GetLookupTable().SetRange(0, count - 1)
    return node
