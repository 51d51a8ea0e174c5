"""Section 5: training of a network of one's own, in a child process, with its curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from VesselSegmentationMRML import networks, training
from VesselSegmentationWidgets import network_list
from VesselSegmentationWidgets.section import JobSection, Tone, explain, showText


class TrainingSection(JobSection):
    """Chooses frames and settings, trains, and offers the network in the list."""

    prefix = "training"

    def connectWidgets(self) -> None:
        self._settings: tuple[Any, ...] | None = None
        self._folder: str | None = None
        self._curves: training.TrainingCurves | None = None
        self.bindPath(self.ui.trainingFolderEdit, "trainingFolder")
        self.bindPath(self.ui.trainingOutputEdit, "trainingOutput")
        self.ui.trainButton.connect("clicked()", self.train)
        self.ui.cancelTrainingButton.connect("clicked()", self.cancel)
        self.ui.curvesButton.connect("clicked()", self.showCurves)
        self.ui.trainingProgressBar.setRange(0, 100)

    def train(self) -> None:
        """Begin, or go on with, a training."""
        if self.parameters is None:
            return
        output = self.parameters.trainingOutput

        def arguments(folder: Path) -> list[str]:
            words = self.logic.trainingArguments(self.parameters)
            self._curves = self.logic.startCurves(self.parameters)
            self.showCurves()
            return words

        self.startJob(arguments, lambda folder, code: self.accept(output))

    def accept(self, output: str) -> None:
        """The training is done: its network can be chosen, and is."""
        self._readLog(output)
        if not networks.isNetwork(output):
            self.say(_("The training left no network in {folder}.").format(folder=output), Tone.BAD)
            return
        network_list.addTrained(output)
        self.panel.vessels.readNetworks()
        self.parameters.network = output
        self.say(_("Done. {what} It is chosen in step 2.").format(what=networks.describe(output)), Tone.GOOD)

    def onProgress(self, values: dict[str, Any]) -> None:
        self.progressBar.value = round(100 * float(values.get("progress", 0)))
        self.progressBar.setFormat("%p %")
        showText(self.ui.trainingMessageLabel, str(values.get("message", "")))
        if self._curves is not None and self.parameters is not None:
            self._curves.add(values)
            self._readLog(self.parameters.trainingOutput)

    def onCancelled(self) -> None:
        self.say(_("Cancelled. Train again with the same folder and settings to go on from here."), Tone.WARNING)

    def showCurves(self) -> None:
        """The picture beside the curves."""
        if self.parameters is not None and self.parameters.trainingChart is not None:
            table = self._curves.scoreTable if self._curves is not None else None
            self.panel.view.showChart(self.parameters.trainingChart, table)

    def refresh(self) -> None:
        p = self.parameters
        self._followChoices(p)
        self.showPath(self.ui.trainingFolderEdit, "trainingFolder")
        self.showPath(self.ui.trainingOutputEdit, "trainingOutput")
        busy = _("A training is running") if self.running else ""
        explain(self.ui.trainButton, busy, self.tipOf(self.ui.trainButton))
        self.ui.cancelTrainingButton.enabled = self.running and not (self.job and self.job.cancelling)
        noCurves = "" if p.trainingChart is not None else _("Train first")
        explain(self.ui.curvesButton, noCurves, self.tipOf(self.ui.curvesButton))
        self.progressBar.visible = self.running

    def forget(self) -> None:
        """Another parameter node: its settings are its own, not a choice the user has just made."""
        self._settings = self._folder = None

    def _followChoices(self, p: Any) -> None:
        """Fill the settings when the user chose another recipe, and say what a newly chosen folder holds."""
        settings = (p.trainingRecipe, p.trainingView)
        if self._settings not in (None, settings):
            training.applyRecipe(p)
        self._settings = settings
        if p.trainingFolder == self._folder:
            return
        self._folder = p.trainingFolder
        showText(self.ui.trainingDataLabel, "")
        if not p.trainingFolder:
            return
        if not p.trainingOutput:
            p.trainingOutput = network_list.defaultOutput(Path(p.trainingFolder).name)
        from VesselSegmentationLib.errors import UserError

        try:
            showText(self.ui.trainingDataLabel, training.framesText(p.trainingFolder))
        except UserError as error:
            showText(self.ui.trainingDataLabel, str(error), Tone.WARNING)

    def _readLog(self, output: str) -> None:
        if self._curves is not None:
            self._curves.readLog(output)
