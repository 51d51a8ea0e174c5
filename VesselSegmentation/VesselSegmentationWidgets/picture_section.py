"""Section 1: the X-ray run and its frame."""

from __future__ import annotations

from typing import Any

from slicer.i18n import tr as _

from VesselSegmentationMRML import run_nodes, views
from VesselSegmentationWidgets.section import Section, Tone, showText


class PictureSection(Section):
    """Chooses the run and goes through its frames; the Red view shows the picture upright."""

    prefix = "picture"

    def connectWidgets(self) -> None:
        self._run: Any = None
        self.ui.sampleButton.connect("clicked()", self.loadSample)
        self.ui.frameSlider.connect("valueChanged(double)", self.onFrameSlider)
        self.ui.brightVesselsCheckBox.connect("clicked(bool)", self.onBrightVessels)

    def loadSample(self) -> None:
        """Load the sample case's run and choose it."""

        def load() -> None:
            self.parameters.xray = self.logic.loadSampleRun()

        self.attempt(load)

    def onFrameSlider(self, value: float) -> None:
        """The user wants another frame; the slices of a volume become frames now."""
        if self.panel.refreshing or self.parameters is None or self.parameters.xray is None:
            return

        def show() -> None:
            run_nodes.showFrame(self.logic.useRun(self.parameters), round(value) - 1)

        self.attempt(show)

    def onBrightVessels(self, areBright: bool) -> None:
        """The user says how the vessels of this run look."""
        self.attempt(lambda: run_nodes.setVesselsAreBright(self.parameters.xray, areBright))

    def refresh(self) -> None:
        run = self.parameters.xray
        self.panel.observeBrowser(run_nodes.browserOf(run) if run else None)
        self.showRun(run)
        count = run_nodes.frameCount(run) if run else 0
        slider = self.ui.frameSlider
        slider.maximum = max(count, 1)
        slider.enabled = count > 1
        self.ui.brightVesselsCheckBox.enabled = run is not None
        self.ui.brightVesselsCheckBox.checked = run is not None and run_nodes.vesselsAreBright(run)
        if run is not None:
            slider.value = run_nodes.shownFrame(run) + 1
        text, tone = "", Tone.NEUTRAL
        if run is not None and not count:
            text, tone = self.logic.problem(self.parameters), Tone.BAD
        elif count > 1 and run_nodes.browserOf(run) is None:
            text = _("This volume has {count} slices. They become frames as soon as you segment or move the slider.")
            text = text.format(count=count)
        showText(self.ui.pictureMessageLabel, text, tone)

    def showRun(self, run: Any) -> None:
        """Show a run that has just been chosen, and what was made of it before."""
        if run is self._run:
            return
        self._run = run
        if run is not None and run_nodes.frameCount(run):
            self.logic.chooseResultsOf(self.parameters, run)
            views.showPicture(run)
            self.panel.view.cleanup()

    def onFrameChanged(self) -> None:
        """The browser moved: the C-arm may have turned, so the picture is set upright again."""
        if self.parameters is not None and self.parameters.xray is not None and views.isShown(self.parameters.xray):
            views.showPicture(self.parameters.xray, fit=False)

    def cleanup(self) -> None:
        self._run = None
