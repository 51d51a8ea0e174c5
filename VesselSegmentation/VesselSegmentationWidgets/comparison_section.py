"""Sections 3 and 4: what lies over the picture, and how the vessels agree with a reference."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from VesselSegmentationMRML import views
from VesselSegmentationMRML.choices import Overlay
from VesselSegmentationWidgets.section import Section, Tone, explain

RESIZE_MS = 50
"""After so long a view of a new layout has its size."""


class ViewSection(Section):
    """Chooses what lies over the picture."""

    prefix = "picture"

    def connectWidgets(self) -> None:
        self._shown: tuple[object, ...] | None = None
        self.ui.largePictureButton.connect("clicked()", self.showLarge)
        self.ui.chartButton.connect("clicked()", self.showScores)

    def showLarge(self) -> None:
        """The picture alone, upright and whole."""
        if self.parameters is not None and self.parameters.xray is not None:
            views.showPictureAlone(self.parameters.xray.GetScene())
            qt.QTimer.singleShot(RESIZE_MS, self.fit)

    def showScores(self) -> None:
        """The picture beside the box plot and the table of scores."""
        if self.parameters is not None and self.parameters.metricsChart is not None:
            self.showChart(self.parameters.metricsChart, self.parameters.metrics)

    def showChart(self, chart: object, table: object) -> None:
        """The picture beside a chart, and a table below it if there is one."""
        views.showChart(chart, table)
        qt.QTimer.singleShot(RESIZE_MS, self.fit)

    def fit(self) -> None:
        """Make the picture fill its view."""
        if self.parameters is not None and self.parameters.xray is not None:
            views.showPicture(self.parameters.xray)

    def refresh(self) -> None:
        p = self.parameters
        noRun = "" if p.xray is not None else _("Choose an X-ray run first")
        explain(self.ui.largePictureButton, noRun, self.tipOf(self.ui.largePictureButton))
        noScores = "" if p.metricsChart is not None else _("Compare with a reference first")
        explain(self.ui.chartButton, noScores, self.tipOf(self.ui.chartButton))
        self._showOverlay()

    def _showOverlay(self) -> None:
        """Only when something changed, and only while the user works here: views and eyes are everybody's."""
        p = self.parameters
        nodes = (p.xray, p.segmentation, p.probability, p.attention, p.comparison)
        wanted = (p.overlay, p.overlayOpacity, *(node.GetID() if node else "" for node in nodes))
        if wanted != self._shown and self.panel.parent.isEntered:
            self._shown = wanted
            self.logic.showOverlay(p)

    def cleanup(self) -> None:
        self._shown = None


class ComparisonSection(Section):
    """Measures the vessels against an expert's."""

    prefix = "compare"

    def connectWidgets(self) -> None:
        self.bindPath(self.ui.referencePathEdit, "referencePath")
        self.ui.loadReferenceButton.connect("clicked()", self.loadReference)
        self.ui.compareButton.connect("clicked()", self.compare)

    def loadReference(self) -> None:
        """Read the reference from the file or folder."""
        if self.attempt(lambda: self.logic.loadReference(self.parameters)):
            self.ui.referencePathEdit.addCurrentPathToHistory()
            self.say(_("{name} loaded.").format(name=self.parameters.reference.GetName()))

    def compare(self) -> None:
        """Measure, and show where the two differ."""

        def run() -> None:
            self.say(self.logic.compare(self.parameters), Tone.GOOD)
            self.parameters.overlay = Overlay.COMPARISON

        self.attempt(run)

    def refresh(self) -> None:
        self.showPath(self.ui.referencePathEdit, "referencePath")
