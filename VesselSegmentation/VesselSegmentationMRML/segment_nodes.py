"""Vessel masks as segmentation nodes: the segment "Vessel" on the frame's own pixels, one item per frame of a run.

An item of a run without the segment "Vessel" is a frame that was not segmented; an empty segment is a frame in which no
vessel was found. What else a user has drawn in a segmentation is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
import vtk

from VesselSegmentationMRML import run_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

SEGMENT = "Vessel"
COLOR = (216 / 255, 101 / 255, 79 / 255)
"""Slicer's color of arteries; its terminologies give none for a blood vessel."""
TERMINOLOGY = (
    "Segmentation category and type - DICOM master list~SCT^85756007^Tissue~SCT^59820001^Blood vessel~^^"
    "~Anatomic codes - DICOM master list~^^~^^"
)
TAG = "VesselSegmentation."
"""Start of the segment's tags that say how it was made."""
PICTURE_ROLE = "VesselSegmentation.picture"


def setVessel(
    segmentationNode: Any, mask: np.ndarray, ijkToRas: vtk.vtkMatrix4x4, tags: Mapping[str, str] | None = None
) -> None:
    """Put a mask (rows, columns) into the segment "Vessel" of a node, replacing the former one."""
    segment = slicer.vtkSegment()
    segment.SetName(SEGMENT)
    segment.SetColor(*COLOR)
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), TERMINOLOGY)
    for name, value in (tags or {}).items():
        segment.SetTag(f"{TAG}{name}", value)
    segment.AddRepresentation(_BINARY_LABELMAP, _orientedImage(mask, ijkToRas))
    segmentation = segmentationNode.GetSegmentation()
    former = vesselSegmentId(segmentationNode)
    if former:
        segmentation.RemoveSegment(former)
    elif not segmentation.GetNumberOfSegments():
        segmentationNode.SetSourceRepresentationToBinaryLabelmap()
    segmentation.AddSegment(segment, SEGMENT)


def vesselSegmentId(segmentationNode: Any) -> str:
    """ID of the segment "Vessel" (by ID, else by name); "" when there is none."""
    segmentation = segmentationNode.GetSegmentation() if segmentationNode else None
    if segmentation is None:
        return ""
    if segmentation.GetSegment(SEGMENT) is not None:
        return SEGMENT
    return str(segmentation.GetSegmentIdBySegmentName(SEGMENT) or "")


def vesselTag(segmentationNode: Any, name: str) -> str:
    """How the segment "Vessel" was made, for example its Threshold; "" where that was not noted."""
    segment = segmentationNode.GetSegmentation().GetSegment(vesselSegmentId(segmentationNode))
    found = vtk.reference("")
    return str(found) if segment is not None and segment.GetTag(f"{TAG}{name}", found) else ""


def maskOf(segmentationNode: Any, segmentId: str, volumeNode: Any) -> np.ndarray:
    """A segment (rows, columns) bool on the pixels of a picture of one slice, whatever the segment's own extent."""
    import numpy as np
    from vtk.util.numpy_support import vtk_to_numpy

    source, target = slicer.vtkOrientedImageData(), slicer.vtkOrientedImageData()
    rows, columns = run_nodes.framePixels(volumeNode).shape
    reference = _orientedImage(np.zeros((rows, columns), bool), _matrixOf(volumeNode))
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    image = segment.GetRepresentation(_BINARY_LABELMAP) if segment is not None else None
    if image is not None and image.GetExtent() == reference.GetExtent() and _samePlace(image, reference):
        # Segments may share an image, each with a label of its own.
        return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns) == segment.GetLabelValue()
    segmentationNode.GetBinaryLabelmapRepresentation(segmentId, source)
    if source.IsEmpty():
        return np.zeros((rows, columns), bool)
    resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
    if not resample(source, reference, target) or target.GetPointData().GetScalars() is None:
        return np.zeros((rows, columns), bool)
    return vtk_to_numpy(target.GetPointData().GetScalars()).reshape(rows, columns) > 0


def vesselMask(segmentationNode: Any, volumeNode: Any) -> np.ndarray:
    """Vessels (rows, columns) bool of the frame shown; the segment "Vessel", or the only segment there is.

    Raises InputError when the node is missing, or holds no such segment for this frame.
    """
    from VesselSegmentationLib.errors import InputError

    if segmentationNode is None or segmentationNode.GetSegmentation() is None:
        raise InputError("No segmentation is selected. Segment the frame first, or choose a segmentation.")
    segmentId = vesselSegmentId(segmentationNode)
    segmentation = segmentationNode.GetSegmentation()
    if not segmentId and segmentation.GetNumberOfSegments() == 1:
        segmentId = segmentation.GetNthSegmentID(0)
    if not segmentId:
        frame = run_nodes.shownFrame(volumeNode)
        raise InputError(
            f'{segmentationNode.GetName()} has no segment "{SEGMENT}" on frame {frame + 1}. Segment this frame first.'
        )
    return maskOf(segmentationNode, segmentId, volumeNode)


def storeMasks(
    volumeNode: Any,
    masks: Mapping[int, np.ndarray],
    segmentationNode: Any = None,
    tags: Mapping[str, str] | None = None,
) -> Any:
    """Masks (rows, columns) by frame into a segmentation; returns it, for a run the node that follows its browser.

    segmentationNode: updated when it belongs to this picture or run, or to none; otherwise a new one is made.
    """
    # Another run's masks stay as they are.
    node = segmentationNode if mayHold(segmentationNode, volumeNode) else None
    if run_nodes.browserOf(volumeNode) is None:
        node = node or _newSegmentation(volumeNode)
        setVessel(node, next(iter(masks.values())), _matrixOf(volumeNode), tags)
    else:
        node = _storeInRun(volumeNode, masks, node, tags)
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    markAs(node, volumeNode)
    _show(node)
    return node


def markAs(node: Any, volumeNode: Any) -> None:
    """Remember which picture or run a result belongs to."""
    node.SetNodeReferenceID(PICTURE_ROLE, volumeNode.GetID())


def belongsTo(node: Any, volumeNode: Any) -> bool:
    """Whether a result was made of this picture or run."""
    return node is not None and node.GetNodeReference(PICTURE_ROLE) is volumeNode


def mayHold(node: Any, volumeNode: Any) -> bool:
    """Whether results of this picture or run may go into a node without overwriting those of another.

    A segment "Vessel" that did not come from here is somebody's own work.
    """
    if node is None or node.GetScene() is None:
        return False
    if node.IsA("vtkMRMLSegmentationNode") and node.GetNodeReference(PICTURE_ROLE) is None and vesselSegmentId(node):
        return False
    picture, browser = node.GetNodeReference(PICTURE_ROLE), run_nodes.browserOf(node)
    return picture in (None, volumeNode) and browser in (None, run_nodes.browserOf(volumeNode))


def segmentedFrames(segmentationNode: Any) -> list[int]:
    """Frames that hold the segment "Vessel"; [0] for a segmented picture that is no run."""
    sequence = run_nodes.sequenceOf(segmentationNode)
    if sequence is None:
        return [0] if vesselSegmentId(segmentationNode) else []
    master = run_nodes.browserOf(segmentationNode).GetMasterSequenceNode()
    frames = range(master.GetNumberOfDataNodes())
    items = ((frame, sequence.GetDataNodeAtValue(master.GetNthIndexValue(frame), True)) for frame in frames)
    return [frame for frame, item in items if item is not None and vesselSegmentId(item)]


def itemOf(node: Any, frame: int) -> Any | None:
    """The node's content at a frame of its run: an item of its sequence, or the node itself when it is no proxy."""
    sequence = run_nodes.sequenceOf(node)
    if sequence is None:
        return node
    master = run_nodes.browserOf(node).GetMasterSequenceNode()
    if frame >= master.GetNumberOfDataNodes():
        return None
    return sequence.GetDataNodeAtValue(master.GetNthIndexValue(frame), True)


def followRun(segmentationNode: Any, volumeNode: Any) -> None:
    """Stand the masks where the pictures stand now, after a run was placed anew. Pixels stay pixels."""
    frames = range(run_nodes.frameCount(volumeNode)) if run_nodes.browserOf(volumeNode) else [0]
    for frame in frames:
        item, picture = itemOf(segmentationNode, frame), itemOf(volumeNode, frame)
        if item is not None and picture is not None:
            _moveItem(item, _matrixOf(picture))
    browser = run_nodes.browserOf(segmentationNode)
    if browser:
        run_nodes.updateProxies(browser)
    segmentationNode.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    segmentationNode.Modified()


def newSequenceFor(browser: Any, name: str) -> Any:
    """An empty sequence beside a run's own, to be synchronized with its browser once it has an item."""
    sequence = browser.GetScene().AddNewNodeByClass("vtkMRMLSequenceNode", name)
    master = browser.GetMasterSequenceNode()
    sequence.SetIndexType(master.GetIndexType())
    sequence.SetIndexName(master.GetIndexName())
    sequence.SetIndexUnit(master.GetIndexUnit())
    return sequence


_BINARY_LABELMAP = "Binary labelmap"


def _storeInRun(volumeNode: Any, masks: Mapping[int, np.ndarray], node: Any, tags: Mapping[str, str] | None) -> Any:
    browser = run_nodes.browserOf(volumeNode)
    sequence = browser.GetSequenceNode(node) if node is not None and browser.IsProxyNode(node.GetID()) else None
    isNew = sequence is None
    sequence = sequence or newSequenceFor(browser, f"{volumeNode.GetName()} vessels")
    master, pictures = browser.GetMasterSequenceNode(), run_nodes.sequenceOf(volumeNode)
    if isNew and node is not None:
        # What was drawn before belongs to the frame on which it was drawn.
        sequence.SetDataNodeAtValue(node, master.GetNthIndexValue(run_nodes.shownFrame(volumeNode)))
    for frame, mask in masks.items():
        value = master.GetNthIndexValue(frame)
        item = sequence.GetDataNodeAtValue(value, True)
        if item is None:
            empty = slicer.vtkMRMLSegmentationNode()
            empty.SetName(sequence.GetName())
            item = sequence.SetDataNodeAtValue(empty, value)
        setVessel(item, mask, _matrixOf(pictures.GetNthDataNode(frame)), tags)
    if not isNew:
        run_nodes.updateProxies(browser)
        return node
    return _synchronize(browser, sequence, node)


def _synchronize(browser: Any, sequence: Any, node: Any) -> Any:
    """Let the browser show the sequence; `node`, if given, becomes what shows it."""
    browser.AddSynchronizedSequenceNode(sequence)
    # A frame not segmented shows nothing; this comes first, or the frame shown would get a copy of another one's.
    browser.SetMissingItemMode(sequence, slicer.vtkMRMLSequenceBrowserNode.MissingItemCreateFromDefault)
    # Corrections by hand go into the frame on which they are made.
    browser.SetSaveChanges(sequence, True)
    if node is not None:
        browser.AddProxyNode(node, sequence, False)
    browser.SetOverwriteProxyName(sequence, False)
    run_nodes.updateProxies(browser)
    return browser.GetProxyNode(sequence)


def _newSegmentation(volumeNode: Any) -> Any:
    return volumeNode.GetScene().AddNewNodeByClass("vtkMRMLSegmentationNode", f"{volumeNode.GetName()} vessels")


def _show(node: Any) -> None:
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
        node.GetDisplayNode().SetOpacity2DFill(0.6)


def _matrixOf(volumeNode: Any) -> vtk.vtkMatrix4x4:
    matrix = vtk.vtkMatrix4x4()
    volumeNode.GetIJKToRASMatrix(matrix)
    return matrix


def _orientedImage(mask: np.ndarray, ijkToRas: vtk.vtkMatrix4x4) -> Any:
    import numpy as np
    from vtk.util.numpy_support import numpy_to_vtk

    image = slicer.vtkOrientedImageData()
    rows, columns = mask.shape
    image.SetDimensions(columns, rows, 1)
    scalars = numpy_to_vtk(np.ascontiguousarray(mask, dtype=np.uint8).ravel(), deep=True)
    image.GetPointData().SetScalars(scalars)
    image.SetImageToWorldMatrix(ijkToRas)
    return image


def _samePlace(one: Any, other: Any) -> bool:
    """Whether two images lie on the same pixels of the room."""
    matrices = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    one.GetImageToWorldMatrix(matrices[0])
    other.GetImageToWorldMatrix(matrices[1])
    places = range(16)
    return all(
        abs(matrices[0].GetElement(k // 4, k % 4) - matrices[1].GetElement(k // 4, k % 4)) < 1e-6 for k in places
    )


def _moveItem(segmentationNode: Any, ijkToRas: vtk.vtkMatrix4x4) -> None:
    segmentation = segmentationNode.GetSegmentation()
    images = {}
    for index in range(segmentation.GetNumberOfSegments()):
        image = segmentation.GetNthSegment(index).GetRepresentation(_BINARY_LABELMAP)
        if image is not None:
            images[id(image)] = image  # segments may share one
    for image in images.values():
        image.SetImageToWorldMatrix(ijkToRas)
