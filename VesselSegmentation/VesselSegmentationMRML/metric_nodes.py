"""How well vessels agree with a reference: table, box plot (Li et al. 2021, figure 5) and colored overlay (figure 6).

Yellow: vessel in both. Magenta: found, but not in the reference. Cyan: in the reference, but missed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import slicer

from VesselSegmentationMRML import map_nodes, plot_nodes, run_nodes, segment_nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from VesselSegmentationLib.metrics import Overlap

OVERLAY_COLORS = {
    1: ("Vessel in both", (1.0, 1.0, 0.0)),
    2: ("Only found", (1.0, 0.0, 1.0)),
    3: ("Only in the reference", (0.0, 1.0, 1.0)),
}
COLOR_NODE = "Vessel comparison"
SCORES = ("DSC", "Precision", "Recall")
WHISKER_REACH = 1.5
BOX_HALF, CAP_HALF = 0.22, 0.1
"""Half widths of a box and of the caps of its whiskers, in units of the distance of two boxes."""


def masksAt(node: Any, volumeNode: Any, frame: int) -> np.ndarray | None:
    """Vessels (rows, columns) bool of a segmentation or label map at a frame; None when it has nothing there.

    A node that is no sequence counts for the frame shown; one that has as many slices as the run for every frame.
    """
    import numpy as np

    isSequence = run_nodes.browserOf(node) is not None
    if node.IsA("vtkMRMLVolumeNode"):
        if not isSequence and run_nodes.frameCount(node) == run_nodes.frameCount(volumeNode):
            return run_nodes.framePixels(node, frame) > 0
        item = segment_nodes.itemOf(node, frame) if isSequence or frame == run_nodes.shownFrame(volumeNode) else None
        return None if item is None or item.GetImageData() is None else slicer.util.arrayFromVolume(item)[0] > 0
    if not isSequence and frame != run_nodes.shownFrame(volumeNode):
        return None
    item, picture = segment_nodes.itemOf(node, frame), segment_nodes.itemOf(volumeNode, frame)
    if item is None:
        return None
    segment = segment_nodes.vesselSegmentId(item)
    if not segment and item.GetSegmentation().GetNumberOfSegments() == 1:
        segment = item.GetSegmentation().GetNthSegmentID(0)
    return np.asarray(segment_nodes.maskOf(item, segment, picture)) if segment else None


def compare(volumeNode: Any, segmentationNode: Any, reference: Any) -> dict[int, np.ndarray]:
    """Labels (rows, columns) uint8 by frame, of all frames that have both: 1 both, 2 only found, 3 missed.

    Raises InputError when there is none.
    """
    from VesselSegmentationLib.errors import InputError

    labels = {}
    for frame in range(run_nodes.frameCount(volumeNode)):
        found, true = (masksAt(node, volumeNode, frame) for node in (segmentationNode, reference))
        if found is None or true is None:
            continue
        if found.shape != true.shape:
            size = " x ".join(str(number) for number in true.shape[::-1])
            raise InputError(
                f"The reference {reference.GetName()} has {size} pixels, the picture "
                f"{found.shape[1]} x {found.shape[0]}: choose a mask drawn on this run."
            )
        labels[frame] = _labels(found, true)
    if not labels:
        raise InputError("No frame has both vessels and a reference. Segment the frames first, then compare.")
    return labels


def _labels(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.array([0, 2, 3, 1], np.uint8)[found.view(np.uint8) + 2 * true.view(np.uint8)]


def overlapOf(labels: np.ndarray) -> Overlap:
    """The counts of one frame's labels."""
    import numpy as np

    from VesselSegmentationLib.metrics import Overlap

    return Overlap(*(int(count) for count in np.bincount(labels.ravel(), minlength=4)[1:]))


def storeTable(tableNode: Any, overlaps: dict[int, Overlap]) -> None:
    """One row per frame, counted from 1. Scores that are 0 / 0 are left empty, not called zero."""
    columns: dict[str, Any] = {"Frame": [frame + 1 for frame in overlaps]}
    for score in SCORES:
        columns[score] = [_text(getattr(overlap, score.lower())) for overlap in overlaps.values()]
    columns["Both (px)"] = [overlap.true_positives for overlap in overlaps.values()]
    columns["Only found (px)"] = [overlap.false_positives for overlap in overlaps.values()]
    columns["Missed (px)"] = [overlap.false_negatives for overlap in overlaps.values()]
    plot_nodes.setColumns(tableNode, columns)
    tableNode.SetUseColumnTitleAsColumnHeader(True)


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def storeOverlay(volumeNode: Any, labels: dict[int, np.ndarray], node: Any = None) -> Any:
    """The three colors as a label map; for a run, the node that follows its browser."""
    name, browser = f"{volumeNode.GetName()} comparison", run_nodes.browserOf(volumeNode)
    if not segment_nodes.belongsTo(node, volumeNode):
        node = None
    if browser is None:
        node = node or volumeNode.GetScene().AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", name)
        _fill(node, next(iter(labels.values())))
        map_nodes.copyPlace(volumeNode, node)
    else:
        items = {}
        for frame, values in labels.items():
            items[frame] = slicer.vtkMRMLLabelMapVolumeNode()
            _fill(items[frame], values)
        node = map_nodes.storeInRun(volumeNode, node, name, items)
    segment_nodes.markAs(node, volumeNode)
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAndObserveColorNodeID(_colorNode(volumeNode.GetScene()).GetID())
    return node


def _fill(node: Any, labels: np.ndarray) -> None:
    slicer.util.updateVolumeFromArray(node, labels[None])


def _colorNode(scene: Any) -> Any:
    node = scene.GetFirstNodeByName(COLOR_NODE)
    if node is not None and node.IsA("vtkMRMLColorTableNode"):
        return node
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode", COLOR_NODE)
    node.SetTypeToUser()
    node.SetNumberOfColors(4)
    node.SetColor(0, "Neither", 0.0, 0.0, 0.0, 0.0)
    for value, (name, color) in OVERLAY_COLORS.items():
        node.SetColor(value, name, *color, 1.0)
    return node


def boxPath(values: Sequence[float], middle: float) -> tuple[list[float], list[float]]:
    """One line that draws a box plot: box from quartile to quartile, median, whiskers.

    Whiskers end at the outermost values within 1.5 times the box's height from it (Tukey); what is further out is seen
    as a point of its own. Returns x and y; empty for no value. NaN is left out.
    """
    import numpy as np

    from VesselSegmentationLib.metrics import quartiles

    numbers = np.asarray([value for value in values if not math.isnan(value)])
    if not numbers.size:
        return [], []
    of = quartiles(list(numbers))
    reach = WHISKER_REACH * (of.upper - of.lower)
    inside = numbers[(numbers >= of.lower - reach) & (numbers <= of.upper + reach)]
    low, high = float(inside.min()), float(inside.max())
    left, right, cap0, cap1 = middle - BOX_HALF, middle + BOX_HALF, middle - CAP_HALF, middle + CAP_HALF
    path = [
        *((cap0, low), (cap1, low), (middle, low), (middle, of.lower), (left, of.lower), (left, of.median)),
        *((right, of.median), (left, of.median), (left, of.upper), (middle, of.upper), (middle, high), (cap0, high)),
        *((cap1, high), (middle, high), (middle, of.upper), (right, of.upper), (right, of.lower), (middle, of.lower)),
    ]
    return [x for x, _ in path], [y for _, y in path]


def boxPlot(overlaps: Sequence[Overlap], name: str, scene: Any, chart: Any = None) -> Any:
    """Box plots of DSC, Precision and Recall over frames with a point per frame; replaces `chart`."""
    plot_nodes.removeChart(chart)
    table = scene.GetFirstNodeByName(f"{name} data") or scene.AddNewNodeByClass("vtkMRMLTableNode", f"{name} data")
    frames = "1 frame" if len(overlaps) == 1 else f"{len(overlaps)} frames"
    chart = plot_nodes.newChart(scene, name, f"1: DSC     2: Precision     3: Recall     ({frames})", "Score")
    columns: dict[str, list[float]] = {}
    longest = max(len(overlaps), 18)
    for index, score in enumerate(SCORES):
        values = [getattr(overlap, score.lower()) for overlap in overlaps]
        x, y = boxPath(values, index + 1)
        around = [index + 1 + 0.3 + 0.06 * (frame % 3 - 1) for frame in range(len(values))]
        for column, numbers in (("box x", x), ("box", y), ("frame x", around), ("frames", values)):
            columns[f"{score} {column}"] = [float(number) for number in numbers] + [math.nan] * (longest - len(numbers))
    plot_nodes.setColumns(table, columns)
    for score, color in zip(SCORES, plot_nodes.COLORS):
        plot_nodes.addSeries(chart, table, score, f"{score} box x", f"{score} box", color)
        points = plot_nodes.addSeries(
            chart, table, f"{score} of each frame", f"{score} frame x", f"{score} frames", color
        )
        plot_nodes.showPoints(points)
    plot_nodes.setRange(chart, (0.5, 3.75), (0.0, 1.02))
    chart.SetLegendVisibility(False)
    return chart


def summaryText(overlaps: Sequence[Overlap]) -> str:
    """The scores in one line: of one frame as they are, of several as median and quartiles."""
    from VesselSegmentationLib.metrics import summarize

    if len(overlaps) == 1:
        values = ((score, getattr(overlaps[0], score.lower())) for score in SCORES)
        return "   ".join(f"{score} {_text(value) or 'undefined'}" for score, value in values)
    summary = summarize(overlaps)
    parts = []
    for score, of in zip(SCORES, (summary.dsc, summary.precision, summary.recall)):
        quartile = f" ({of.lower:.2f} to {of.upper:.2f})"
        parts.append(f"{score} undefined" if math.isnan(of.median) else f"{score} {of.median:.3f}{quartile}")
    return f"Median of {summary.frames} frames (quartiles): " + "   ".join(parts)
