"""Part of step 6: landmarks on the model and in the picture, and the target registration error that they tell."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from VesselRegistrationWidgets.step import explain, showText

if TYPE_CHECKING:
    from VesselRegistrationMRML.landmarks import LandmarkErrors
    from VesselRegistrationWidgets.result_step import ResultStep

MARKUPS_CLASS = "vtkMRMLMarkupsFiducialNode"


class Landmarks:
    """Placing points by clicks, and their errors as a table. Speaks through the step that it is part of."""

    def __init__(self, step: ResultStep) -> None:
        self.step, self.ui, self.logic = step, step.ui, step.logic
        self.errors: LandmarkErrors | None = None
        self._buttons = {True: self.ui.markModelButton, False: self.ui.markPictureButton}
        for onModel, button in self._buttons.items():
            button.connect("clicked(bool)", lambda on, onModel=onModel: self.mark(onModel, on))
        self._interaction = slicer.app.applicationLogic().GetInteractionNode()
        self._observer = self._interaction.AddObserver(
            slicer.vtkMRMLInteractionNode.InteractionModeChangedEvent, lambda *_args: self.showPlacing()
        )

    def cleanup(self) -> None:
        """Observe nothing any more."""
        self._interaction.RemoveObserver(self._observer)

    def mark(self, onModel: bool, on: bool = True) -> None:
        """Begin or end marking: every click in a view is a point."""
        if not on:
            self._interaction.SwitchToViewTransformMode()
            return
        made: list[Any] = []
        if not self.step.attempt(lambda: made.append(self.logic.createLandmarks(self.step.parameters, onModel))):
            self.showPlacing()
            return
        selection = slicer.app.applicationLogic().GetSelectionNode()
        selection.SetReferenceActivePlaceNodeClassName(MARKUPS_CLASS)
        selection.SetActivePlaceNodeID(made[0].GetID())
        self._interaction.SetPlaceModePersistence(1)
        self._interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.Place)
        where = _("on the model in the 3D view") if onModel else _("in the X-ray picture")
        self.step.say(
            _("Click the points {where}, in the same order in both; press the button again to end.").format(where=where)
        )

    def showPlacing(self) -> None:
        """Keep a button down while its points are being placed."""
        parameters = self.step.parameters
        placing = self._interaction.GetCurrentInteractionMode() == slicer.vtkMRMLInteractionNode.Place
        active = slicer.app.applicationLogic().GetSelectionNode().GetActivePlaceNodeID()
        for onModel, button in self._buttons.items():
            node = None
            if parameters is not None:
                node = parameters.modelLandmarks if onModel else parameters.pictureLandmarks
            button.checked = bool(placing and node and node.GetID() == active)

    def update(self) -> None:
        """Measure anew, and draw how far off the landmarks are."""

        def update() -> None:
            self.errors = self.logic.updateLandmarks(self.step.parameters)

        self.errors = None
        self.step.quietly(update)

    def refresh(self, problem: str) -> None:
        """Show the errors. problem: why nothing can be marked now, or ""."""
        noModel = problem or ("" if self.step.parameters.model else _("Load a vessel model first (step 1)"))
        explain(self.ui.markModelButton, noModel, _("Mark points on the model by clicks in the 3D view"))
        explain(self.ui.markPictureButton, problem, _("Mark points by clicks in the X-ray picture"))
        self.showPlacing()
        showText(self.ui.landmarksLabel, errorsHtml(self.errors) if self.errors is not None else "")


def errorsHtml(errors: LandmarkErrors) -> str:
    """The target registration errors as a small table, and what could not be compared."""
    lines = []
    if errors.millimeters:
        rows = [(html.escape(name), f"{value:.1f} mm") for name, value in errors.millimeters.items()]
        rows.append((f"<b>{_('Root mean square')}</b>", f"<b>{errors.rms:.1f} mm</b>"))
        cells = "".join(f"<tr><td>{name}:&nbsp;</td><td align='right'>{value}</td></tr>" for name, value in rows)
        heading = _("Target registration error in the picture, at the isocenter:")
        lines.append(f"{heading}<table cellspacing='2'>{cells}</table>")
    unmatched = (
        (_("Only on the model: {names}"), errors.onlyOnModel),
        (_("Only in the picture: {names}"), errors.onlyInPicture),
        (_("Marked on another frame: {names}"), errors.elsewhere),
    )
    lines += [text.format(names=html.escape(", ".join(names))) for text, names in unmatched if names]
    return "<br/>".join(lines)
