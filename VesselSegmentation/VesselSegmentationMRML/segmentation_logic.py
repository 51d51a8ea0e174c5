"""What the VesselSegmentation module does, callable without its window: `VesselSegmentationLogic`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

from VesselSegmentationMRML import (
    map_nodes,
    metric_nodes,
    networks,
    reference_nodes,
    run_nodes,
    segment_nodes,
    training,
    views,
)
from VesselSegmentationMRML.choices import Overlay
from VesselSegmentationMRML.parameter_node import VesselSegmentationParameterNode

if TYPE_CHECKING:
    import numpy as np

FRAMES_FILE, REQUEST_FILE, RESULTS_FOLDER = "frames.npy", "request.json", "results"


class VesselSegmentationLogic(ScriptedLoadableModuleLogic):
    """Vessels in X-ray runs: nodes in, nodes out. Bad input raises a UserError with one line for the user."""

    def __init__(self, scene: Any = None) -> None:
        """`scene`: where nodes are made that belong to no run yet; default: the application's."""
        ScriptedLoadableModuleLogic.__init__(self)
        self._scene = scene

    @property
    def scene(self) -> Any:
        """The scene worked on."""
        return self._scene or slicer.mrmlScene

    def getParameterNode(self) -> VesselSegmentationParameterNode:
        """The module's choices, in the application's scene."""
        return VesselSegmentationParameterNode(super().getParameterNode())

    # Input

    def loadSampleRun(self) -> Any:
        """The X-ray run of the sample case; the node that shows its frames."""
        from VesselSegmentationLib.errors import InputError
        from VesselSegmentationLib.resources import resource_folder

        path = resource_folder() / "SampleCase" / "run.dcm"
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(path))
        storage.SetSingleFile(True)
        volume = slicer.vtkMRMLScalarVolumeNode()
        if not path.is_file() or not storage.ReadData(volume) or volume.GetImageData() is None:
            raise InputError(f"The sample run {path} cannot be read. Install the extension again.")
        return run_nodes.createRun(run_nodes.runPixels(volume), "Sample run", self.scene)

    # Segmentation

    def segmentationArguments(
        self,
        volumeNode: Any,
        folder: Path | str,
        *,
        allFrames: bool = False,
        threshold: float = 0.5,
        modelFolder: Path | str = "",
        device: str = "auto",
        attention: bool = False,
        probability: bool = False,
        fieldOfView: str = "automatic",
        frames: Sequence[int] | None = None,
        earlier: Sequence[int] | None = None,
    ) -> list[str]:
        """Write the frame shown, or all, into `folder`; the command that segments them there.

        frames: these instead.
        earlier: frames before the one shown, among which one from before contrast agent may be, to be subtracted;
            an empty list: none; default: the run's first and some others.
        fieldOfView: noted with the result; it is `modelFolder` that makes the difference.
        """
        import numpy as np

        numbers = self._frames(volumeNode, allFrames, frames)
        before = self._earlier(numbers, earlier)
        folder = Path(folder)
        np.save(folder / FRAMES_FILE, run_nodes.framesToSegment(volumeNode, *before, *numbers))
        request = {"frames": numbers, "fieldOfView": fieldOfView}
        (folder / REQUEST_FILE).write_text(json.dumps(request), encoding="utf-8")
        words = ["segment", "--array", str(folder / FRAMES_FILE), "--arrays", "--output", str(folder / RESULTS_FOLDER)]
        words += ["--threshold", f"{threshold:g}", "--device", device]
        words += ["--no-subtraction"] if earlier is not None and not earlier else ["--earlier", str(len(before))]
        if str(modelFolder):
            words += ["--segmentation-network", str(modelFolder)]
        return words + ["--attention"] * attention + ["--probability"] * probability

    def acceptSegmentation(self, volumeNode: Any, folder: Path | str, segmentationNode: Any = None) -> Any:
        """Take the masks that the command left in `folder`; the segmentation node, made or updated."""
        results, frames = self._results(volumeNode, folder)
        masks = dict(zip(frames, results["masks"]))
        return segment_nodes.storeMasks(volumeNode, masks, segmentationNode, _tags(folder))

    def framesToTry(self, volumeNode: Any) -> list[int]:
        """Frames of a run to segment, so that `acceptFullest` can choose among them."""
        from VesselSegmentationLib.fullest_frame import frames_to_try

        return frames_to_try(run_nodes.frameCount(volumeNode))

    def acceptFullest(self, volumeNode: Any, folder: Path | str, segmentationNode: Any = None) -> Any | None:
        """Show the one of the segmented frames with most vessel, and take its mask; None when there is no vessel."""
        from VesselSegmentationLib.fullest_frame import fullest

        results, frames = self._results(volumeNode, folder)
        areas = results["masks"].mean(axis=(1, 2))
        if not areas.any():
            return None
        chosen = fullest(areas.tolist())
        run_nodes.showFrame(volumeNode, frames[chosen])
        masks = {frames[chosen]: results["masks"][chosen]}
        return segment_nodes.storeMasks(volumeNode, masks, segmentationNode, _tags(folder))

    def segmentInProcess(
        self,
        volumeNode: Any,
        segmentationNode: Any = None,
        *,
        allFrames: bool = False,
        threshold: float = 0.5,
        modelFolder: Path | str = "",
        device: str = "cpu",
        subtract: bool = True,
    ) -> Any:
        """Segment here and now, for scripts: the application waits. torch and monai must be installed."""
        from VesselSegmentationLib.run_subtraction import each_segmented, with_earlier_frames
        from VesselSegmentationLib.segmenter import VesselSegmenter

        frames = self._frames(volumeNode, allFrames)
        before = self._earlier(frames, None if subtract else ())
        pixels = run_nodes.framesToSegment(volumeNode, *before, *frames)
        segmenter = VesselSegmenter.from_folder(modelFolder or None, device)
        segment: Any = segmenter
        if subtract:
            segment = with_earlier_frames(segment, pixels, len(before))
        probabilities = each_segmented(segment, pixels[len(before) :])
        masks = {frame: probability >= threshold for frame, probability in zip(frames, probabilities)}
        network = segmenter.metadata.sha256 if segmenter.metadata else ""
        tags = {"Threshold": f"{threshold:g}", "Network": network, "Device": device}
        return segment_nodes.storeMasks(volumeNode, masks, segmentationNode, tags)

    def vesselMask(self, segmentationNode: Any, volumeNode: Any) -> np.ndarray:
        """Vessels (rows, columns) bool of the frame shown, on its pixels."""
        return segment_nodes.vesselMask(segmentationNode, volumeNode)

    def followRun(self, segmentationNode: Any, volumeNode: Any) -> None:
        """Stand the masks where the run stands now, after it was placed anew."""
        segment_nodes.followRun(segmentationNode, volumeNode)

    # The module's own steps, on its parameter node

    def problem(self, p: VesselSegmentationParameterNode) -> str:
        """Why nothing can be segmented; "" when it can."""
        if p.xray is None:
            return _("Choose an X-ray run.")
        if not run_nodes.frameCount(p.xray):
            return _("{name} holds no pixels. Choose another run.").format(name=p.xray.GetName())
        return ""

    def useRun(self, p: VesselSegmentationParameterNode) -> Any:
        """The chosen run, its slices made frames where it came as one volume of several."""
        from VesselSegmentationLib.errors import InputError

        if problem := self.problem(p):
            raise InputError(problem)
        run_nodes.framePixels(p.xray)
        run = run_nodes.ensureRun(p.xray)
        if run is not p.xray:
            p.xray = run
        return run

    def chooseResultsOf(self, p: VesselSegmentationParameterNode, volumeNode: Any) -> None:
        """Choose what was made of a run before, and nothing that belongs to another one."""
        for name in ("segmentation", "probability", "attention", "comparison"):
            node = getattr(p, name)
            if node is not None and not segment_nodes.mayHold(node, volumeNode):
                setattr(p, name, None)
        if p.segmentation is None:
            nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode", volumeNode.GetScene())
            own = [node for node in nodes if segment_nodes.belongsTo(node, volumeNode) and node is not p.reference]
            p.segmentation = own[0] if own else None

    def networkFolder(self, p: VesselSegmentationParameterNode) -> Path:
        """The network that will be used: one's own, else the shipped one of the field of view. Raises WeightsError."""
        from VesselSegmentationLib.errors import WeightsError

        if not p.network:
            return networks.shippedFolder(p.fieldOfView)
        if not networks.isNetwork(p.network):
            raise WeightsError(
                _("There is no vessel network in {folder}: choose another one.").format(folder=p.network)
            )
        return Path(p.network)

    def arguments(self, p: VesselSegmentationParameterNode, folder: Path | str, allFrames: bool) -> list[str]:
        """`segmentationArguments` with the module's choices."""
        return self.segmentationArguments(
            self.useRun(p),
            folder,
            allFrames=allFrames,
            threshold=p.threshold,
            modelFolder=self.networkFolder(p),
            device=p.device.value,
            attention=p.wantAttention,
            probability=p.wantProbability,
            fieldOfView=p.fieldOfView.value,
            earlier=None if p.subtract else (),
        )

    def accept(self, p: VesselSegmentationParameterNode, volumeNode: Any, folder: Path | str) -> str:
        """Take the results for a run into the module's nodes; one line about them."""
        results, frames = self._results(volumeNode, folder)
        # When a node is deleted, its selector passes to a neighbor: the reference must not be overwritten then.
        output = None if p.segmentation is p.reference else p.segmentation
        p.segmentation = self.acceptSegmentation(volumeNode, folder, output)
        for kind, name in ((map_nodes.PROBABILITY, "probability"), (map_nodes.ATTENTION, "attention")):
            if name in results:
                maps = dict(zip(frames, results[name]))
                setattr(p, name, map_nodes.storeMaps(volumeNode, maps, kind, getattr(p, name)))
        self.showOverlay(p)
        empty = sum(not mask.any() for mask in results["masks"])
        share = 100 * float(results["masks"].mean())
        if len(frames) == 1:
            # People count from one.
            text = _("Frame {number}: vessels cover {share:.1f} % of the picture.")
            text = text.format(number=frames[0] + 1, share=share)
        else:
            text = _("{count} frames: vessels cover {share:.1f} % of the pictures.")
            text = text.format(count=len(frames), share=share)
        return text + (" " + _("{count} without any vessel.").format(count=empty) if empty else "")

    def showOverlay(self, p: VesselSegmentationParameterNode) -> None:
        """Lay over the picture what is chosen, as far as it exists."""
        if p.segmentation is not None and p.segmentation.GetDisplayNode() is not None:
            p.segmentation.GetDisplayNode().SetVisibility(p.overlay is Overlay.VESSELS)
            p.segmentation.GetDisplayNode().SetOpacity(p.overlayOpacity)
        if p.xray is None:
            return
        foreground = {Overlay.PROBABILITY: p.probability, Overlay.ATTENTION: p.attention}.get(p.overlay)
        label = p.comparison if p.overlay is Overlay.COMPARISON else None
        views.showOverPicture(p.xray, foreground, label, p.overlayOpacity)
        # After the volumes: a view looks for the volume of a legend when the legend changes, not the other way round.
        for node in (p.probability, p.attention):
            map_nodes.showLegend(node, node is foreground)

    # Comparison with a reference

    def loadReference(self, p: VesselSegmentationParameterNode) -> None:
        """Read the file or folder of reference masks and choose it as the reference."""
        from VesselSegmentationLib.errors import InputError

        if not p.referencePath.strip():
            raise InputError(_("Choose a file with a reference mask, or a folder with one mask per frame."))
        p.reference = reference_nodes.loadReference(self.useRun(p), Path(p.referencePath))

    def compare(self, p: VesselSegmentationParameterNode) -> str:
        """Measure the vessels against the reference: table, overlay, box plot; the scores in one line."""
        from VesselSegmentationLib.errors import InputError

        run = self.useRun(p)
        if p.segmentation is None:
            raise InputError(_("There are no vessels to compare yet: segment the frame first."))
        if p.reference is None:
            raise InputError(_("Choose a reference: a segmentation, a label map or a file."))
        if p.reference is p.segmentation:
            raise InputError(_("The reference is the segmentation itself. Choose another reference."))
        labels = metric_nodes.compare(run, p.segmentation, p.reference)
        overlaps = {frame: metric_nodes.overlapOf(values) for frame, values in labels.items()}
        if p.metrics is None:
            p.metrics = self.scene.AddNewNodeByClass("vtkMRMLTableNode", f"{run.GetName()} scores")
        metric_nodes.storeTable(p.metrics, overlaps)
        name = f"{run.GetName()} scores over frames"
        p.metricsChart = metric_nodes.boxPlot(list(overlaps.values()), name, self.scene, p.metricsChart)
        p.comparison = metric_nodes.storeOverlay(run, labels, p.comparison)
        return metric_nodes.summaryText(list(overlaps.values()))

    # Training

    def trainingArguments(self, p: VesselSegmentationParameterNode) -> list[str]:
        """The command that trains a network. Raises InputError for what is missing."""
        return training.arguments(p)

    def startCurves(self, p: VesselSegmentationParameterNode) -> training.TrainingCurves:
        """An empty chart of a training that begins."""
        name = f"Training of {Path(p.trainingOutput).name}"
        curves = training.TrainingCurves(self.scene, name, p.trainingChart)
        p.trainingChart = curves.chart
        return curves

    def _frames(self, volumeNode: Any, allFrames: bool, chosen: Sequence[int] | None = None) -> list[int]:
        """The numbers of the frames to segment."""
        if chosen is not None:
            return list(chosen)
        return list(range(run_nodes.frameCount(volumeNode))) if allFrames else [run_nodes.shownFrame(volumeNode)]

    def _earlier(self, numbers: Sequence[int], given: Sequence[int] | None) -> list[int]:
        """Frames to be subtracted from the one to segment; several have earlier ones among them."""
        from VesselSegmentationLib.run_subtraction import frames_before

        if len(numbers) > 1:
            return []
        return frames_before(numbers[0]) if given is None else list(given)

    def _results(self, volumeNode: Any, folder: Path | str) -> tuple[dict[str, np.ndarray], list[int]]:
        """Arrays by kind, one entry per frame, and the numbers of the frames."""
        import numpy as np

        from VesselSegmentationLib.errors import InputError

        if volumeNode is None or volumeNode.GetScene() is None:
            raise InputError(_("The run was removed while it was segmented. Choose a run and segment again."))
        frames = _request(folder)["frames"]
        files = (Path(folder) / RESULTS_FOLDER).glob("*.npy")
        results = {path.stem: np.load(path, allow_pickle=False) for path in files}
        shape = run_nodes.framePixels(volumeNode).shape
        if max(frames) >= run_nodes.frameCount(volumeNode) or results["masks"].shape[1:] != shape:
            raise InputError(f"{volumeNode.GetName()} was changed while it was segmented. Segment it again.")
        return results, frames


def _tags(folder: Path | str) -> dict[str, str]:
    """What made the masks in `folder`, to be kept with them."""
    document = json.loads((Path(folder) / RESULTS_FOLDER / "segmentation.json").read_text(encoding="utf-8"))
    return {
        "Threshold": f"{document['threshold']:g}",
        "Network": document["network"] or "",
        "Device": document["device"],
        "FieldOfView": _request(folder)["fieldOfView"],
    }


def _request(folder: Path | str) -> dict[str, Any]:
    return dict(json.loads((Path(folder) / REQUEST_FILE).read_text(encoding="utf-8")))
