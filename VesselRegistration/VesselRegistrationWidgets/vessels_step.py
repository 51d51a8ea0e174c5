"""Step 4, Vessels: those of the frame shown, or of the frame that shows most, found by the other module's logic; or a
segmentation of the scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from VesselRegistrationWidgets.step import JobStep, Tone, explain, showText


class VesselsStep(JobStep):
    """Runs the segmentation network on the frame shown, or on some of the run, in a child process."""

    number, title, prefix = 4, _("Vessels"), "vessels"

    def connectWidgets(self) -> None:
        self.ui.segmentButton.connect("clicked()", self.segmentOrCancel)
        self.ui.fullestFrameButton.connect("clicked()", self.showFullestFrame)
        self.ui.brightVesselsCheckBox.connect("clicked(bool)", self.onBrightVessels)
        self._segmenter: Any = None

    @property
    def progressBar(self) -> Any:
        return self.ui.segmentProgressBar

    @property
    def segmenter(self) -> Any:
        """The logic of the VesselSegmentation module."""
        if self._segmenter is None:
            from VesselSegmentationMRML.segmentation_logic import VesselSegmentationLogic

            self._segmenter = VesselSegmentationLogic()
        return self._segmenter

    def segmentOrCancel(self) -> None:
        """Find the vessels of the frame shown; while that runs, cancel it."""
        if self.running:
            self.cancelJob()
            return
        parameters = self.parameters
        volume, threshold = parameters.xray, parameters.threshold

        def arguments(folder: Path) -> list[str]:
            earlier = self.logic.earlierFrames(parameters)
            return self.segmenter.segmentationArguments(volume, folder, threshold=threshold, earlier=earlier)

        def accept(folder: Path, code: int) -> None:
            node = self.segmenter.acceptSegmentation(volume, folder, self.parameters.segmentation)
            self.parameters.segmentation = node
            self.say(_("Vessels found.") if code == 0 else _("No vessels were found in this frame."))

        self.startJob(arguments, accept, [volume])
        self.refresh()

    def showFullestFrame(self) -> None:
        """Look through the run, show the frame with most contrast agent, and keep its vessels."""
        parameters = self.parameters
        volume, threshold = parameters.xray, parameters.threshold

        def arguments(folder: Path) -> list[str]:
            frames = self.segmenter.framesToTry(volume)
            earlier = None if parameters.subtract else ()
            return self.segmenter.segmentationArguments(
                volume, folder, frames=frames, threshold=threshold, earlier=earlier
            )

        def accept(folder: Path, _code: int) -> None:
            from VesselSegmentationMRML.run_nodes import frameCount, shownFrame

            node = self.segmenter.acceptFullest(volume, folder, self.parameters.segmentation)
            if node is None:
                self.say(_("No vessels were found in any of the frames looked at."), Tone.WARNING)
                return
            self.parameters.segmentation = node
            # People count from one.
            text = _("Frame {number} of {count} shows most vessel.")
            self.say(text.format(number=shownFrame(volume) + 1, count=frameCount(volume)))

        self.startJob(arguments, accept, [volume])
        self.refresh()

    def onBrightVessels(self, areBright: bool) -> None:
        """The user says how the vessels of this run look."""
        from VesselSegmentationMRML.run_nodes import setVesselsAreBright

        self.attempt(lambda: setVesselsAreBright(self.parameters.xray, areBright))

    def refresh(self) -> None:
        from VesselSegmentationMRML.run_nodes import vesselsAreBright

        parameters = self.parameters
        self.ui.brightVesselsCheckBox.enabled = parameters.xray is not None
        self.ui.brightVesselsCheckBox.checked = bool(parameters.xray and vesselsAreBright(parameters.xray))
        problem = "" if parameters.xray else _("Load an X-ray run first (step 1)")
        explain(
            self.ui.segmentButton,
            "" if self.running else problem,
            _("Stop looking for vessels") if self.running else _("Find the vessels of the frame shown by the network"),
        )
        self.ui.segmentButton.text = _("Cancel") if self.running else _("Fi&nd vessels")
        explain(
            self.ui.fullestFrameButton,
            self._noOtherFrame(problem),
            _("Look through the run, show the frame with most contrast agent, and find its vessels"),
        )
        self.progressBar.visible = self.running
        unfit = self.logic.vesselsProblem(parameters) if parameters.segmentation else ""
        self.summarize(parameters.segmentation.GetName() if parameters.segmentation and not unfit else "")
        showText(self.ui.vesselsFitLabel, unfit, Tone.WARNING)

    def _noOtherFrame(self, problem: str) -> str:
        """Why no frame can be looked for; "" when one can."""
        from VesselSegmentationMRML.run_nodes import frameCount

        if problem or self.running:
            return problem or _("Vessels are being looked for")
        return "" if frameCount(self.parameters.xray) > 1 else _("The run has one frame only")
