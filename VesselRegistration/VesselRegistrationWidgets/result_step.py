"""Step 6, Result: look at the registered model, over the picture and in 3D, frame by frame, and adjust it by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from VesselRegistrationWidgets.landmarks import Landmarks
from VesselRegistrationWidgets.step import Step, explain

RIGHT, UP, TOWARD, TURN = range(4)
NUDGES = {
    "rightButton": (RIGHT, 1),
    "leftButton": (RIGHT, -1),
    "upButton": (UP, 1),
    "downButton": (UP, -1),
    "largerButton": (TOWARD, -1),
    "smallerButton": (TOWARD, 1),
    "turnLeftButton": (TURN, 1),
    "turnRightButton": (TURN, -1),
}
"""What each button changes, and in which direction; toward the detector and counterclockwise are positive."""


class ResultStep(Step):
    """Views, frames and adjustment by hand."""

    number, title, prefix = 6, _("Result"), "result"

    def connectWidgets(self) -> None:
        ui = self.ui
        self._overlap: Any = None
        self._atSource = False
        self.landmarks = Landmarks(self)
        self._addFrameControls()
        for name, (kind, sign) in NUDGES.items():
            getattr(ui, name).connect("clicked()", self._nudging(kind, sign))
        ui.undoButton.connect("clicked()", lambda: self._onPose(self.logic.undoPose))
        ui.redoButton.connect("clicked()", lambda: self._onPose(self.logic.redoPose))
        ui.resetPoseButton.connect("clicked()", lambda: self._onPose(self.logic.resetPose))
        ui.handlesButton.connect("clicked(bool)", self.showHandles)
        ui.cArmViewButton.connect("clicked(bool)", self.setCArmView)
        ui.show3DButton.connect("clicked()", self.show3D)
        ui.layoutButton.connect("clicked()", self.panel.case.arrangeViews)

    def _addFrameControls(self) -> None:
        self._play = slicer.qMRMLSequenceBrowserPlayWidget()
        self._seek = slicer.qMRMLSequenceBrowserSeekWidget()
        self._play.RecordingControlsVisible = False
        self._play.toolTip = _("Go through the frames of the run")
        self._seek.toolTip = _("Choose a frame of the run")
        for control in (self._seek, self._play):
            control.setMRMLScene(slicer.mrmlScene)
            self.ui.framePlaceholder.layout().addWidget(control)
        qt.QWidget.setTabOrder(self.ui.overlayOpacitySlider, self._seek)
        qt.QWidget.setTabOrder(self._seek, self._play)
        qt.QWidget.setTabOrder(self._play, self.ui.cArmViewButton)
        self._shownBrowser: Any = None

    def browser(self) -> Any:
        """The run's sequence browser, or None for a single picture."""
        from VesselSegmentationMRML.run_nodes import browserOf

        volume = self.parameters.xray if self.parameters is not None else None
        return browserOf(volume) if volume else None

    def frame(self) -> int:
        """The frame shown, from 0."""
        browser = self.browser()
        return max(0, browser.GetSelectedItemNumber()) if browser else 0

    def updateOverlay(self) -> None:
        """Draw outline and colors anew, and note how model and vessels overlap."""
        self._draw(self.logic.updateOverlay)

    def changeFrame(self) -> None:
        """Another frame is shown: draw everything of it."""
        self._draw(self.logic.frameChanged)

    def _draw(self, draw: Callable[[Any], Any]) -> None:
        self._overlap = None

        def update() -> None:
            self._overlap = draw(self.parameters)

        self.quietly(update)

    def overlapText(self) -> str:
        """How the model, where it is now, covers the vessels of the frame shown; empty when that is not known."""
        if self._overlap is None or not self.parameters.model or not self.parameters.xray:
            return ""
        values = [("DSC", self._overlap.dsc), (_("Precision"), self._overlap.precision)]
        values.append((_("Recall"), self._overlap.recall))
        return "   ".join(f"{name} {value:.3f}" for name, value in values)

    def _nudging(self, kind: int, sign: int) -> Callable[[], None]:
        def nudge() -> None:
            step = self.ui.stepDegSpinBox.value if kind == TURN else self.ui.stepMmSpinBox.value
            amounts = [0.0, 0.0, 0.0, 0.0]
            amounts[kind] = sign * step
            self.attempt(lambda: self.logic.nudge(self.parameters, *amounts))

        return nudge

    def _onPose(self, change: Callable[[Any], Any]) -> None:
        self.attempt(lambda: change(self.parameters))

    def showHandles(self, on: bool) -> None:
        """Arrows and rings on the model in the 3D view."""
        self.attempt(lambda: self.logic.showHandles(self.parameters, on))

    def setCArmView(self, on: bool) -> None:
        """Put the camera where the X-ray source is, or let it go again."""
        view = self.view3D()
        if view is not None:
            self.attempt(lambda: self.logic.cArmView(self.parameters, view, on, self._aspect()))

    def show3D(self) -> None:
        """An overview of model and picture."""

        def show() -> None:
            self.setCArmView(False)
            self.logic.show3D(self.parameters)

        self.attempt(show)

    def followCArm(self) -> None:
        """Keep the C-arm view at the source when the C-arm moves."""
        view = self.view3D()
        if view is not None and self._atSource:
            self.quietly(lambda: self.logic.cArmView(self.parameters, view, True, self._aspect()))

    def leaveCArm(self) -> None:
        """An ordinary camera again, when the user has turned the view away from the source."""
        view = self.view3D()
        if view is not None:
            self.logic.leftCArmView(self.parameters, view)

    def camera(self) -> Any:
        """The camera node of the 3D view, or None."""
        view = self.view3D()
        cameras = slicer.util.getNodesByClass("vtkMRMLCameraNode") if view is not None else []
        return next((camera for camera in cameras if camera.GetLayoutName() == view.GetLayoutName()), None)

    def cameraState(self) -> tuple[float, ...]:
        """Where the camera is."""
        camera = self.camera()
        return tuple(round(value, 3) for value in camera.GetPosition()) if camera else ()

    def _aspect(self) -> float:
        """Width of the 3D view over its height."""
        width, height = slicer.app.layoutManager().threeDWidget(0).threeDView().renderWindow().GetSize()
        return width / height if width and height else 1.0

    def view3D(self) -> Any:
        """The node of the first 3D view of the layout, or None."""
        layoutManager = slicer.app.layoutManager()
        if layoutManager is None or layoutManager.threeDViewCount == 0:
            return None
        return layoutManager.threeDWidget(0).mrmlViewNode()

    def refresh(self) -> None:
        self._refreshFrames()
        self._refreshViews()
        self._refreshAdjustment()
        self.landmarks.refresh(self._pictureProblem())

    def cleanup(self) -> None:
        self.landmarks.cleanup()

    def _refreshFrames(self) -> None:
        browser = self.browser()
        if browser is not self._shownBrowser:
            self._play.setMRMLSequenceBrowserNode(browser)
            self._seek.setMRMLSequenceBrowserNode(browser)
            self._shownBrowser = browser
        for part in (self.ui.framePlaceholder, self.ui.frameLabel):
            part.visible = browser is not None
        total = browser.GetNumberOfItems() if browser else 0
        self.summarize(_("frame {frame} of {total}").format(frame=self.frame() + 1, total=total) if total else "")
        overlap = self.overlapText()
        where = self.logic.poseOrigin(self.parameters) if overlap else ""
        self.ui.overlapLabel.text = f"{overlap}   ({where})" if overlap else ""
        self.ui.overlapTitleLabel.visible = bool(overlap)

    def _refreshViews(self) -> None:
        parameters, ui, view = self.parameters, self.ui, self.view3D()
        problem = self._pictureProblem() or ("" if view else _("There is no 3D view; press Layout"))
        explain(ui.cArmViewButton, problem, _("Look from the X-ray source: model and picture coincide"))
        self._atSource = bool(view and not problem and self.logic.isCArmView(parameters, view))
        ui.cArmViewButton.checked = self._atSource
        explain(ui.show3DButton, problem, _("Look at the model with the X-ray picture standing at the detector"))
        explain(ui.layoutButton, self._pictureProblem(), _("Arrange the views: X-ray picture, projection and 3D"))

    def _refreshAdjustment(self) -> None:
        parameters, ui = self.parameters, self.ui
        problem = "" if parameters.model else _("Load a vessel model first (step 1)")
        problem = problem or self._pictureProblem()
        for name in NUDGES:
            button = getattr(ui, name)
            button.enabled = not problem
        ui.adjustGroupBox.toolTip = problem or _("Move the model in the directions of the picture")
        explain(ui.handlesButton, problem, _("Drag the model in the 3D view by its arrows and rings"))
        display = parameters.pose.GetDisplayNode() if parameters.pose else None
        ui.handlesButton.checked = bool(display and display.GetEditorVisibility() and not problem)
        explain(ui.undoButton, "" if self.logic.canUndo(parameters) else _("Nothing to undo"), _("Undo"))
        explain(ui.redoButton, "" if self.logic.canRedo(parameters) else _("Nothing to redo"), _("Redo"))
        explain(ui.resetPoseButton, problem, _("Back to where matching put the model"))

    def _pictureProblem(self) -> str:
        if not self.parameters.xray:
            return _("Load an X-ray run first (step 1)")
        missing = self.logic.missingGeometry(self.parameters)
        return _("Enter the missing C-arm values first (step 2)") if missing else ""
