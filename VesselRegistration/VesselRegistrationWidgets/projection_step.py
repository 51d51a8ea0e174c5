"""Step 3, Projection and region: the model as X-rays would show it, and the part of it that is to be matched."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from VesselRegistrationWidgets.step import Step, explain

DRAW_TIP = _("Click two opposite corners of the region in the X-ray picture; drag its handles to change it")


class ProjectionStep(Step):
    """Draws and fits the region of interest; the projection itself follows every change (`live_update`)."""

    number, title, prefix = 3, _("Projection and region"), "projection"

    def connectWidgets(self) -> None:
        self.ui.drawRoiButton.connect("clicked(bool)", self.draw)
        self.ui.fitRoiButton.connect("clicked()", self.fit)
        self._former: Any = None
        self._shown: tuple[Any, bool] = (None, False)
        self._interaction = slicer.app.applicationLogic().GetInteractionNode()
        self._observer = self._interaction.AddObserver(
            slicer.vtkMRMLInteractionNode.InteractionModeChangedEvent, lambda *_: self.showPlacing()
        )

    def cleanup(self) -> None:
        self._interaction.RemoveObserver(self._observer)

    def draw(self, on: bool = True) -> None:
        """Begin or end drawing: two clicks in the picture give the region."""
        if not on:
            self._interaction.SwitchToViewTransformMode()
            return
        # A new region is fitted to the model; one that was drawn is kept, to be there again when drawing is given up.
        drawn = self.parameters.roi and self.logic.roiPixels(self.parameters)
        if not drawn and not self.attempt(lambda: self.logic.createRoi(self.parameters)):
            self.showPlacing()
            return
        roi = self.parameters.roi
        self._former = (_copied(roi.GetObjectToNodeMatrix()), tuple(roi.GetSize()))
        roi.RemoveAllControlPoints()
        selection = slicer.app.applicationLogic().GetSelectionNode()
        selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsROINode")
        selection.SetActivePlaceNodeID(roi.GetID())
        self._interaction.SetPlaceModePersistence(0)
        self._interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.Place)
        self.parameters.useRoi = True
        self.say(_("Click two opposite corners of the region in the X-ray picture."))

    def fit(self) -> None:
        """Put the region around the projected model."""

        def fit() -> None:
            self.logic.createRoi(self.parameters)

        if self.attempt(fit):
            self.say("")

    def showPlacing(self) -> None:
        """Keep the Draw button down while the mouse draws; what was given up half way is as it was before."""
        selection = slicer.app.applicationLogic().GetSelectionNode()
        roi = self.parameters.roi if self.parameters is not None else None
        placing = bool(
            roi
            and self._interaction.GetCurrentInteractionMode() == slicer.vtkMRMLInteractionNode.Place
            and selection.GetActivePlaceNodeID() == roi.GetID()
        )
        self.ui.drawRoiButton.checked = placing
        if placing or self._former is None:
            return
        matrix, size = self._former
        self._former = None
        if roi and max(roi.GetSize()) == 0:
            roi.RemoveAllControlPoints()
            roi.SetAndObserveObjectToNodeMatrix(matrix)
            roi.SetSize(*size)
        elif roi and min(roi.GetSize()) == 0:
            # Two clicks in one plane may leave a region without depth, whose handles do not answer.
            roi.SetSize(*[length or former for length, former in zip(roi.GetSize(), size)])

    def giveUp(self) -> None:
        """End drawing, as when the user turns to another module: nothing else shows that it goes on."""
        if self.ui.drawRoiButton.checked:
            self.draw(False)

    def _showRegion(self) -> None:
        """Only while it is used: elsewhere its handles are in the way. What the user hides by hand stays hidden."""
        roi, isUsed = self.parameters.roi, self.parameters.useRoi
        if (roi, isUsed) == self._shown:
            return
        self._shown = (roi, isUsed)
        if roi is not None and roi.GetDisplayNode():
            roi.GetDisplayNode().SetVisibility(isUsed)

    def refresh(self) -> None:
        parameters = self.parameters
        problem = "" if parameters.xray else _("Load an X-ray run first (step 1)")
        problem = problem or ("" if parameters.model else _("Load a vessel model first (step 1)"))
        problem = problem or self._missing()
        explain(self.ui.drawRoiButton, problem, DRAW_TIP)
        explain(self.ui.fitRoiButton, problem, _("Put the region around the projected model"))
        region = self.logic.roiPixels(parameters) if parameters.roi else None
        self.ui.roiPixelsLabel.text = self._regionText(region)
        shown = parameters.useRoi and region is not None
        self.summarize(_("{width} × {height} pixels").format(width=region[2], height=region[3]) if shown else "")
        self.ui.roiPixelsLabel.enabled = parameters.useRoi
        self._showRegion()

    def _regionText(self, region: tuple[int, int, int, int] | None) -> str:
        if region is None:
            return _("outside the picture") if self.parameters.roi and self.parameters.xray else _("none drawn")
        x, y, width, height = region
        return _("left {x}, top {y}, width {width}, height {height}").format(x=x, y=y, width=width, height=height)

    def _missing(self) -> str:
        missing = self.logic.missingGeometry(self.parameters)
        return _("Enter the missing C-arm values first (step 2)") if missing else ""


def _copied(matrix: Any) -> Any:
    copy = vtk.vtkMatrix4x4()
    copy.DeepCopy(matrix)
    return copy
