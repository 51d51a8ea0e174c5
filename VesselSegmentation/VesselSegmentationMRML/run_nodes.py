"""X-ray runs as MRML nodes: one picture is a volume of one slice, a run is a sequence of them behind a browser.

Pixel convention: `slicer.util.arrayFromVolume` gives [slice, row, column]. A frame is one slice; i (column) runs to the
right in the picture and j (row) downwards, whatever IJK to RAS says of where the picture stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
import vtk

if TYPE_CHECKING:
    import numpy as np

VOLUME_CLASS = "vtkMRMLScalarVolumeNode"
BROWSER_CLASS = "vtkMRMLSequenceBrowserNode"
BRIGHT_ATTRIBUTE = "VesselSegmentation.VesselsAreBright"


def createRun(
    frames: np.ndarray,
    name: str,
    scene: Any = None,
    frameTimesMs: Any = None,
    ijkToRas: list[vtk.vtkMatrix4x4] | None = None,
) -> Any:
    """Frames (F, rows, columns) as a volume node; of more than one frame, the proxy node of a new sequence browser.

    frameTimesMs: (F,) from the first frame, index of the sequence in seconds; None: frames count from 0.
    ijkToRas: one matrix per frame; None: the pixels are mm at the origin.
    """
    scene = scene or slicer.mrmlScene
    if len(frames) == 1:
        volume = scene.AddNewNodeByClass(VOLUME_CLASS, name)
        _setPixels(volume, frames[0], ijkToRas[0] if ijkToRas else None)
        _showGrey(volume, frames)
        return volume
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", name)
    # Two frames at one time would be one item of the sequence.
    if frameTimesMs is not None and not all(now < after for now, after in zip(frameTimesMs, frameTimesMs[1:])):
        frameTimesMs = None
    _nameIndex(sequence, frameTimesMs)
    for index, frame in enumerate(frames):
        item = slicer.vtkMRMLScalarVolumeNode()
        item.SetName(name)
        _setPixels(item, frame, ijkToRas[index] if ijkToRas else None)
        value = f"{index}" if frameTimesMs is None else f"{float(frameTimesMs[index]) / 1000:.4f}"
        sequence.SetDataNodeAtValue(item, value)
    volume = addProxy(newBrowser(sequence), sequence)
    _showGrey(volume, frames)
    return volume


def newBrowser(sequence: Any) -> Any:
    """A browser for a sequence, named after it, at its first item."""
    browser = sequence.GetScene().AddNewNodeByClass(BROWSER_CLASS, f"{sequence.GetName()} browser")
    browser.SetPlaybackActive(False)
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    browser.SetSelectedItemNumber(0)
    return browser


def addProxy(browser: Any, sequence: Any) -> Any:
    """The node that shows the browser's item of this sequence; made when there is none."""
    if not browser.IsSynchronizedSequenceNode(sequence, True):
        browser.AddSynchronizedSequenceNode(sequence)
    browser.SetOverwriteProxyName(sequence, False)
    # What is shown must not write itself back into the run.
    browser.SetSaveChanges(sequence, False)
    updateProxies(browser)
    return browser.GetProxyNode(sequence)


def browserOf(volumeNode: Any) -> Any | None:
    """The sequence browser whose proxy this node is, or None."""
    scene = volumeNode.GetScene() if volumeNode else None
    if scene is None:
        return None
    for index in range(scene.GetNumberOfNodesByClass(BROWSER_CLASS)):
        browser = scene.GetNthNodeByClass(index, BROWSER_CLASS)
        if browser.IsProxyNode(volumeNode.GetID()):
            return browser
    return None


def sequenceOf(volumeNode: Any) -> Any | None:
    """The sequence that holds the frames of this proxy node, or None."""
    browser = browserOf(volumeNode)
    return browser.GetSequenceNode(volumeNode) if browser else None


def isMaster(volumeNode: Any) -> bool:
    """Whether a proxy shows the run itself, not something that was made of it, such as a map of every frame."""
    return browserOf(volumeNode).GetMasterSequenceNode() is sequenceOf(volumeNode)


def frameCount(volumeNode: Any) -> int:
    """Number of frames; 0 for a volume without pixels."""
    sequence = sequenceOf(volumeNode)
    if sequence:
        return int(sequence.GetNumberOfDataNodes())
    return int(volumeNode.GetImageData().GetDimensions()[2]) if volumeNode.GetImageData() else 0


def shownFrame(volumeNode: Any) -> int:
    """The frame that the node shows now, from 0."""
    browser = browserOf(volumeNode)
    return max(0, int(browser.GetSelectedItemNumber())) if browser else 0


def showFrame(volumeNode: Any, index: int) -> None:
    """Let the run's browser show this frame. Raises InputError outside the run."""
    checkFrame(volumeNode, index)
    browser = browserOf(volumeNode)
    if browser and browser.GetSelectedItemNumber() != index:
        browser.SetSelectedItemNumber(index)
        updateProxies(browser)


def checkFrame(volumeNode: Any, index: int) -> None:
    """Raises InputError for a frame that the run does not have."""
    from VesselSegmentationLib.errors import InputError

    count = frameCount(volumeNode)
    if not 0 <= index < count:
        raise InputError(f"Frame {index} is not in {volumeNode.GetName()}: it has frames 0 to {count - 1}.")


def framePixels(volumeNode: Any, index: int | None = None) -> np.ndarray:
    """Pixels (rows, columns) of a frame; None: of the frame shown. A copy."""
    index = shownFrame(volumeNode) if index is None else index
    checkFrame(volumeNode, index)
    sequence = sequenceOf(volumeNode)
    if sequence is None:
        return _scalars(volumeNode)[index].copy()
    return _scalars(sequence.GetNthDataNode(index))[0].copy()


def runPixels(volumeNode: Any) -> np.ndarray:
    """All frames (F, rows, columns). A copy. Raises InputError for a node without pixels."""
    import numpy as np

    sequence = sequenceOf(volumeNode)
    if sequence is None:
        return _scalars(volumeNode).copy()
    return np.stack([_scalars(sequence.GetNthDataNode(index))[0] for index in range(sequence.GetNumberOfDataNodes())])


def vesselsAreBright(volumeNode: Any) -> bool:
    """Whether the user said that vessels are brighter than what surrounds them in this run."""
    return (sequenceOf(volumeNode) or volumeNode).GetAttribute(BRIGHT_ATTRIBUTE) is not None


def setVesselsAreBright(volumeNode: Any, areBright: bool) -> None:
    """Keep with the run, and in its scene, whether its vessels are bright. The picture stays as it is."""
    keeper = sequenceOf(volumeNode) or volumeNode
    if areBright:
        keeper.SetAttribute(BRIGHT_ATTRIBUTE, "1")
    else:
        keeper.RemoveAttribute(BRIGHT_ATTRIBUTE)


def framesToSegment(volumeNode: Any, *indices: int) -> np.ndarray:
    """Frames, or without numbers all of them, as the network expects them: (F, rows, columns), vessels dark."""
    import numpy as np

    from VesselSegmentationLib.intensity import turned_around

    frames = np.stack([framePixels(volumeNode, index) for index in indices]) if indices else runPixels(volumeNode)
    return turned_around(frames) if vesselsAreBright(volumeNode) else frames


def ensureRun(volumeNode: Any, frameTimesMs: Any = None) -> Any:
    """The node itself when it is one picture or a browser's proxy; of several slices, a new run with one frame each.

    Slicer's DICOM reader loads a multi-frame picture as one volume of many slices. That node is left as it was.
    frameTimesMs: as for `createRun`.
    """
    if browserOf(volumeNode) or frameCount(volumeNode) <= 1:
        return volumeNode
    run = createRun(runPixels(volumeNode), volumeNode.GetName(), volumeNode.GetScene(), frameTimesMs)
    for attribute in volumeNode.GetAttributeNames() or ():
        run.SetAttribute(attribute, volumeNode.GetAttribute(attribute))
    setVesselsAreBright(run, vesselsAreBright(volumeNode))
    return run


def setFrameMatrices(volumeNode: Any, ijkToRas: list[vtk.vtkMatrix4x4]) -> None:
    """Stand every frame of a run where its matrix says; as many matrices as frames."""
    sequence = sequenceOf(volumeNode)
    if sequence:
        for index, matrix in enumerate(ijkToRas):
            sequence.GetNthDataNode(index).SetIJKToRASMatrix(matrix)
    volumeNode.SetIJKToRASMatrix(ijkToRas[min(shownFrame(volumeNode), len(ijkToRas) - 1)])


def updateProxies(browser: Any) -> None:
    """Bring the proxy nodes up to date now, not with the event loop."""
    sequencesLogic(browser.GetScene()).UpdateProxyNodesFromSequences(browser)


def sequencesLogic(scene: Any) -> Any:
    """The application's logic of the Sequences module; a plain one for a scene of its own."""
    module = getattr(getattr(slicer, "modules", None), "sequences", None)
    if module is not None and module.logic().GetMRMLScene() is scene:
        return module.logic()
    logic = slicer.vtkSlicerSequencesLogic()
    logic.SetMRMLScene(scene)
    return logic


def _scalars(volumeNode: Any) -> np.ndarray:
    from VesselSegmentationLib.errors import InputError

    if volumeNode is None or volumeNode.GetImageData() is None:
        name = volumeNode.GetName() if volumeNode else "The X-ray run"
        raise InputError(f"{name} holds no pixels. Load it again, or choose another run.")
    array = slicer.util.arrayFromVolume(volumeNode)
    if array.ndim != 3:
        raise InputError(f"{volumeNode.GetName()} is a color picture; choose a run of grey pictures.")
    return array


def _setPixels(volumeNode: Any, frame: np.ndarray, ijkToRas: vtk.vtkMatrix4x4 | None) -> None:
    import numpy as np

    slicer.util.updateVolumeFromArray(volumeNode, np.ascontiguousarray(frame)[np.newaxis])
    if ijkToRas is not None:
        volumeNode.SetIJKToRASMatrix(ijkToRas)


def _nameIndex(sequence: Any, frameTimesMs: Any) -> None:
    timed = frameTimesMs is not None
    sequence.SetIndexType(slicer.vtkMRMLSequenceNode.NumericIndex)
    sequence.SetIndexName("time" if timed else "frame")
    sequence.SetIndexUnit("s" if timed else "")


def _showGrey(volumeNode: Any, frames: np.ndarray) -> None:
    """One window for the whole run, so that brightness does not jump from frame to frame."""
    import numpy as np

    volumeNode.CreateDefaultDisplayNodes()
    low, high = np.percentile(frames[:: max(1, len(frames) // 8)], (0.5, 99.5))
    display = volumeNode.GetDisplayNode()
    display.SetAndObserveColorNodeID("vtkMRMLColorTableNodeGrey")
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(float(low), float(max(high, low + 1)))
