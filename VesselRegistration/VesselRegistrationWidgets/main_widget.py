"""The panel of the VesselRegistration module: seven steps that share a parameter node and a status line."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from VesselRegistrationMRML import layout
from VesselRegistrationMRML.registration_logic import VesselRegistrationLogic
from VesselRegistrationWidgets.c_arm_step import CArmStep
from VesselRegistrationWidgets.case_step import CaseStep
from VesselRegistrationWidgets.corner_text import CornerText, firstView3D, sliceView
from VesselRegistrationWidgets.live_update import LiveUpdate
from VesselRegistrationWidgets.projection_step import ProjectionStep
from VesselRegistrationWidgets.register_step import RegisterStep
from VesselRegistrationWidgets.result_step import ResultStep
from VesselRegistrationWidgets.save_step import SaveStep
from VesselRegistrationWidgets.step import Tone, showText
from VesselRegistrationWidgets.vessels_step import VesselsStep
from VesselSegmentationWidgets import standby

NOTICE_STYLE = "background-color: #fff0c7; color: #533f00; font-weight: bold; border-radius: 3px;"
STANDING_SIZE, STANDING_BELOW = 14, 28
"""Pixels."""
KNOWN_COLOR, TENTATIVE_COLOR, REFUSED_COLOR = (0.45, 1.0, 0.5), (1.0, 1.0, 1.0), (1.0, 0.35, 0.25)
ANGLE_STYLE = "font-size: 14pt; font-weight: bold;"


class VesselRegistrationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Builds the panel and follows the scene. Everything it shows is in the parameter node."""

    def __init__(self, parent: Any = None) -> None:
        self.parameters: Any = None
        self._guiTag: Any = None
        self._refreshing = False
        # The base class calls setup() itself when it is given no parent.
        VTKObservationMixin.__init__(self)
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self) -> None:
        """Called when the module is opened for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        layout.register(slicer.mrmlScene)
        panel = slicer.util.loadUI(self.resourcePath("UI/VesselRegistration.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.ui.noticeLabel.setStyleSheet(NOTICE_STYLE)
        self.ui.angleLabel.setStyleSheet(ANGLE_STYLE)
        self.logic = VesselRegistrationLogic()
        self._makeTexts()
        self.live = LiveUpdate(self)
        self._makeSteps()
        self._observeScene()
        self.initializeParameterNode()

    def _makeSteps(self) -> None:
        self.case, self.cArm, self.projection = CaseStep(self), CArmStep(self), ProjectionStep(self)
        self.vessels, self.register = VesselsStep(self), RegisterStep(self)
        self.result, self.save = ResultStep(self), SaveStep(self)
        self.steps = (self.case, self.cArm, self.projection, self.vessels, self.register, self.result, self.save)

    def _makeTexts(self) -> None:
        def fluoroscopy() -> Any:
            return sliceView(layout.FLUOROSCOPY_VIEW)

        self.cornerText = CornerText(fluoroscopy)
        self.standingText = CornerText(fluoroscopy, STANDING_SIZE, STANDING_BELOW)
        self.refusalText = CornerText(firstView3D)
        self.texts = (self.cornerText, self.standingText, self.refusalText)

    def _observeScene(self) -> None:
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.StartImportEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        layoutManager = slicer.app.layoutManager()
        if layoutManager is not None:
            layoutManager.connect("layoutChanged(int)", self.onLayoutChanged)

    def cleanup(self) -> None:
        """Called when the application closes or the module is reloaded."""
        layoutManager = slicer.app.layoutManager()
        if layoutManager is not None:
            layoutManager.disconnect("layoutChanged(int)", self.onLayoutChanged)
        self.setParameterNode(None)
        for step in self.steps:
            step.cleanup()
        standby.release()
        self.removeObservers()

    def enter(self) -> None:
        """Called each time the user opens this module."""
        self.initializeParameterNode()
        standby.prepare()

    def exit(self) -> None:
        """Called each time the user opens another module. The views stay alive: frames may be played from anywhere."""
        self.projection.giveUp()
        standby.release()

    def onSceneStartClose(self, caller: Any = None, event: Any = None) -> None:
        """The scene is about to be closed or replaced: stop all work on it."""
        for step in (self.vessels, self.register):
            step.cleanup()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller: Any = None, event: Any = None) -> None:
        """The scene was closed: begin anew, if the user is looking."""
        self.logic.sceneClosed()
        for step in self.steps:
            step.forget()
        self.status("")
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller: Any = None, event: Any = None) -> None:
        """A scene was opened: show what it holds."""
        self.initializeParameterNode()
        if self.parameters.xray:
            self.status(_("Case opened from the scene."))

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(self, caller: Any, event: Any, node: Any) -> None:
        """A node has gone: it may be one that we use."""
        for step in (self.vessels, self.register):
            step.stopWithoutInputs()
        self.live.nodeRemoved(node)

    def onLayoutChanged(self, _layout: int) -> None:
        """Views come and go with layouts."""
        self.live.schedule()

    def initializeParameterNode(self) -> None:
        """Make sure that there is a parameter node, and that it is ours."""
        parameters = self.logic.getParameterNode()
        if self.parameters is None or self.parameters.parameterNode is not parameters.parameterNode:
            self.setParameterNode(parameters)

    def setParameterNode(self, parameters: Any) -> None:
        """Bind the panel to a parameter node; None: to nothing."""
        if self.parameters is not None:
            self.live.stop()
            self.parameters.disconnectGui(self._guiTag)
            self.removeObserver(self.parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self.live.schedule)
            self._guiTag = None
        self.parameters = parameters
        if parameters is None:
            for text in self.texts:
                text.show("")
            return
        self._guiTag = parameters.connectGui(self.ui)
        self.addObserver(parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self.live.schedule)
        self.live.restart()

    def refresh(self) -> None:
        """Show the present state everywhere. Cheap, and never the cause of another change."""
        if self.parameters is None or self._refreshing:
            return
        self._refreshing = True
        try:
            for step in self.steps:
                step.refresh()
            self._showTexts()
        finally:
            self._refreshing = False

    def _showTexts(self) -> None:
        """The angles and what the model is worth, in the corners of the views, if they show our run."""
        isShown = self._isRunShown()
        standing = self.logic.standingText(self.parameters) if isShown else ""
        isRefused = bool(standing) and self.logic.refusal(self.parameters) != ""
        # Green is for a pose whose error is known, not for one that only is where a hand has put it.
        isKnown = self.logic.standing(self.parameters).isFirm and self.logic.expectedErrors(self.parameters) is not None
        self.cornerText.show(self.logic.angleText(self.parameters) if isShown else "")
        self.standingText.show(standing, REFUSED_COLOR if isRefused else KNOWN_COLOR if isKnown else TENTATIVE_COLOR)
        self.refusalText.show(standing if isRefused else "", REFUSED_COLOR)

    def _isRunShown(self) -> bool:
        volume = self.parameters.xray
        composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        shown = [node.GetBackgroundVolumeID() for node in composites if node.GetLayoutName() == layout.FLUOROSCOPY_VIEW]
        return bool(volume) and volume.GetID() in shown

    def status(self, text: str, tone: Tone = Tone.NEUTRAL) -> None:
        """The line at the bottom of the panel, and the application's status bar."""
        showText(self.ui.statusLabel, text, tone)
        if text:
            slicer.util.showStatusMessage(text, 5000)
