"""Step 1, Case: the vessel model and the X-ray run, from files, from the scene, or the sample case by one button."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from slicer.i18n import tr as _

from VesselRegistrationWidgets.live_update import timer
from VesselRegistrationWidgets.step import Step, Tone, explain

SETTLED_MS = 150
"""The application gives the views of a new layout their sizes in the meantime."""
UNITS = ("", "mm", "cm", "m")
FRAMES = ("", "LPS", "RAS")
"""What the combo boxes offer, in their order; empty: as the file says."""
CENTER_TIP = _("Start with the middle of the model at the isocenter, when its own coordinates are not the C-arm's")


class CaseStep(Step):
    """Loads the case and says what is in it."""

    number, title, prefix = 1, _("Case"), "case"

    def connectWidgets(self) -> None:
        self._settled = timer(SETTLED_MS, self._fitViews)
        self.ui.sampleCaseButton.connect("clicked()", self.loadSampleCase)
        self.ui.modelLoadButton.connect("clicked()", self.loadModel)
        self.ui.xrayLoadButton.connect("clicked()", self.loadRun)
        self.ui.centerButton.connect("clicked()", self.centerModel)
        # Not bound by their names: an empty path, in Python `.`, must be an empty line here.
        self.ui.modelPathLineEdit.connect("currentPathChanged(QString)", lambda text: self._choose("modelPath", text))
        self.ui.xrayPathLineEdit.connect("currentPathChanged(QString)", lambda text: self._choose("xrayPath", text))

    def _choose(self, name: str, text: str) -> None:
        if self.parameters is not None and Path(text) != getattr(self.parameters, name):
            setattr(self.parameters, name, Path(text))

    def loadSampleCase(self) -> None:
        """The simulated patient that comes with the module."""
        self._load(lambda: self.logic.loadSampleCase(self.parameters), _("Sample case loaded: a simulated patient."))

    def loadModel(self) -> None:
        """The model of the file that is chosen."""
        path = self.parameters.modelPath
        units, frame = UNITS[self.ui.modelUnitsComboBox.currentIndex], FRAMES[self.ui.modelFrameComboBox.currentIndex]
        done = _("Model {name} loaded.").format(name=Path(path).name)
        if self._load(lambda: self.logic.loadModel(self.parameters, Path(path), units, frame), done):
            self.ui.modelPathLineEdit.addCurrentPathToHistory()

    def loadRun(self) -> None:
        """The run of the file that is chosen."""
        path = self.parameters.xrayPath
        done = _("Run {name} loaded.").format(name=Path(path).name)
        if self._load(lambda: self.logic.loadRun(self.parameters, Path(path)), done):
            self.ui.xrayPathLineEdit.addCurrentPathToHistory()

    def centerModel(self) -> None:
        """The middle of the model to the isocenter."""
        if self.attempt(lambda: self.logic.centerModel(self.parameters)):
            self.say(_("The middle of the model is at the isocenter."))

    def _load(self, load: Callable[[], list[str]], done: str) -> bool:
        """Load something, show it, and say what the user should know of it."""
        notices: list[str] = []
        if not self.attempt(lambda: notices.extend(load()), True):
            return False
        self.arrangeViews()
        self.say("\n".join([done, *notices]), Tone.WARNING if notices else Tone.NEUTRAL)
        return True

    def arrangeViews(self) -> None:
        """Show what there is in the module's own layout."""
        self.attempt(lambda: self.logic.showLayout(self.parameters))
        self._settled.start()

    def cleanup(self) -> None:
        self._settled.stop()

    @property
    def settling(self) -> bool:
        """Whether the views are about to be fitted once more."""
        return bool(self._settled.active)

    def _fitViews(self) -> None:
        """Fit the pictures once more, when the views of a new layout have their sizes."""
        if self.parameters is not None:
            self.quietly(lambda: self.logic.fitSliceViews(self.parameters))

    def refresh(self) -> None:
        parameters = self.parameters
        self._showPath(self.ui.modelPathLineEdit, parameters.modelPath)
        self._showPath(self.ui.xrayPathLineEdit, parameters.xrayPath)
        explain(self.ui.modelLoadButton, _pathProblem(parameters.modelPath), _("Load this vessel model"))
        explain(self.ui.xrayLoadButton, _pathProblem(parameters.xrayPath), _("Load this X-ray run"))
        problem = "" if parameters.model else _("Load a vessel model first")
        problem = problem or ("" if parameters.xray else _("Load an X-ray run first"))
        explain(self.ui.centerButton, problem, CENTER_TIP)
        facts = [text for text in (modelText(parameters.model), runText(parameters.xray)) if text]
        self.summarize(", ".join(node.GetName() for node in (parameters.model, parameters.xray) if node))
        self.ui.caseFactsLabel.text = "\n".join(facts)
        self.ui.caseFactsLabel.visible = bool(facts)

    def _showPath(self, lineEdit: Any, path: Path) -> None:
        if Path(lineEdit.currentPath) != path:
            lineEdit.currentPath = "" if path == Path() else str(path)


def modelText(model: Any) -> str:
    """A model's size, for example `Model: 18000 triangles, 120 x 90 x 310 mm`."""
    polyData = model.GetPolyData() if model else None
    if polyData is None:
        return ""
    bounds = polyData.GetBounds()
    lengths = " × ".join(f"{bounds[2 * axis + 1] - bounds[2 * axis]:.0f}" for axis in range(3))
    return _("Model: {count} triangles, {lengths} mm").format(count=f"{polyData.GetNumberOfCells():,}", lengths=lengths)


def runText(volume: Any) -> str:
    """A run's size, for example `Run: 10 frames of 512 x 512 pixels`."""
    from VesselSegmentationMRML.run_nodes import frameCount

    image = volume.GetImageData() if volume else None
    if image is None:
        return ""
    columns, rows, _slices = image.GetDimensions()
    count = frameCount(volume)
    text = (
        _("Run: {count} frames of {columns} × {rows} pixels") if count > 1 else _("Picture: {columns} × {rows} pixels")
    )
    return text.format(count=count, columns=columns, rows=rows)


def _pathProblem(path: Path) -> str:
    """Why a file cannot be loaded, or ""."""
    if path == Path():
        return _("Choose a file first")
    return "" if Path(path).is_file() else _("There is no file {path}").format(path=path)
