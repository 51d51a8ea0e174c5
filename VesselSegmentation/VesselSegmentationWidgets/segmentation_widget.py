"""The panel of the VesselSegmentation module: five sections that share a parameter node."""

from __future__ import annotations

from typing import Any

import qt
import slicer
import vtk
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from VesselSegmentationWidgets import standby

SELECTED = ("xray", "segmentation", "reference")
"""What the user selects, and may delete."""
NOTICE_STYLE = "background-color: #fff0c7; color: #533f00; font-weight: bold; border-radius: 3px;"


class VesselSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Builds the panel and follows the scene. Everything it shows is in the parameter node."""

    def __init__(self, parent: Any = None) -> None:
        self.parameters: Any = None
        self.refreshing = False
        self.sections: tuple[Any, ...] = ()
        self._guiTag: Any = None
        self._browser: Any = None
        self._lost: set[str] = set()
        # The base class calls setup() itself when it is given no parent.
        VTKObservationMixin.__init__(self)
        ScriptedLoadableModuleWidget.__init__(self, parent)

    def setup(self) -> None:
        """Called when the module is opened for the first time."""
        from VesselSegmentationMRML.segmentation_logic import VesselSegmentationLogic

        ScriptedLoadableModuleWidget.setup(self)
        panel = slicer.util.loadUI(self.resourcePath("UI/VesselSegmentation.ui"))
        self.layout.addWidget(panel)
        self.ui = slicer.util.childWidgetVariables(panel)
        panel.setMRMLScene(slicer.mrmlScene)
        self.ui.noticeLabel.setStyleSheet(NOTICE_STYLE)
        self.logic = VesselSegmentationLogic()
        self._makeSections()
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(scene, scene.StartImportEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self.onNodeLeaving)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        self.initializeParameterNode()

    def _makeSections(self) -> None:
        from VesselSegmentationWidgets.comparison_section import ComparisonSection, ViewSection
        from VesselSegmentationWidgets.picture_section import PictureSection
        from VesselSegmentationWidgets.training_section import TrainingSection
        from VesselSegmentationWidgets.vessels_section import VesselsSection

        self.picture, self.vessels, self.view = PictureSection(self), VesselsSection(self), ViewSection(self)
        self.comparison, self.training = ComparisonSection(self), TrainingSection(self)
        self.vessels.readNetworks()
        self.sections = (self.picture, self.vessels, self.view, self.comparison, self.training)

    def cleanup(self) -> None:
        """Called when the application closes or the module is reloaded: no job outlives the panel."""
        self.setParameterNode(None)
        for section in self.sections:
            section.cleanup()
        standby.release()
        self.removeObservers()

    def enter(self) -> None:
        """Called each time the user opens this module."""
        self.vessels.readNetworks()
        self.view.cleanup()
        self.initializeParameterNode()
        standby.prepare()

    def exit(self) -> None:
        """Called each time the user opens another module. A running job goes on."""
        standby.release()

    def onSceneStartClose(self, caller: Any = None, event: Any = None) -> None:
        """The scene is about to be closed or replaced: stop all work on it."""
        for section in self.sections:
            section.cleanup()
        self.setParameterNode(None)

    def onSceneEndClose(self, caller: Any = None, event: Any = None) -> None:
        """The scene was closed: begin anew, if the user is looking."""
        for section in self.sections:
            section.say("")
        if self.parent.isEntered:
            self.initializeParameterNode()

    def onSceneEndImport(self, caller: Any = None, event: Any = None) -> None:
        """A scene was opened: show what it holds."""
        self.initializeParameterNode()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeLeaving(self, caller: Any, event: Any, node: Any) -> None:
        """A node is about to go: note what it was chosen for."""
        if self.parameters is None:
            return
        lost = {name for name in SELECTED if getattr(self.parameters, name) is node}
        if lost:
            self._lost |= lost
            qt.QTimer.singleShot(0, self._forgetLost)

    def onNodeRemoved(self, caller: Any = None, event: Any = None) -> None:
        """A node has gone: it may be one that a job is about."""
        for section in (self.vessels, self.training):
            section.stopWithoutInputs()
        self.refresh()

    def _forgetLost(self) -> None:
        """A selector goes on to a neighbor of what was deleted, which nobody has chosen: to none instead."""
        lost, self._lost = self._lost, set()
        for name in lost if self.parameters is not None else ():
            setattr(self.parameters, name, None)

    def initializeParameterNode(self) -> None:
        """Make sure that there is a parameter node, and that it is ours."""
        parameters = self.logic.getParameterNode()
        if self.parameters is None or self.parameters.parameterNode is not parameters.parameterNode:
            self.setParameterNode(parameters)
        if self.parameters.xray is None:
            self._chooseOnlyRun()
        self.refresh()

    def _chooseOnlyRun(self) -> None:
        """Save a click where there is no choice: one run in the scene or, without runs, one picture of one slice."""
        from VesselSegmentationMRML import run_nodes

        volumes = slicer.util.getNodesByClass(run_nodes.VOLUME_CLASS)
        runs = [volume for volume in volumes if run_nodes.browserOf(volume) and run_nodes.isMaster(volume)]
        fitting = runs or [volume for volume in volumes if run_nodes.frameCount(volume) == 1]
        if len(fitting) == 1:
            self.parameters.xray = fitting[0]

    def setParameterNode(self, parameters: Any) -> None:
        """Bind the panel to a parameter node; None: to nothing."""
        if self.parameters is not None:
            self.parameters.disconnectGui(self._guiTag)
            self.removeObserver(self.parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self.refresh)
            self._guiTag = None
        self.parameters = parameters
        self.observeBrowser(None)
        if self.sections:
            self.training.forget()
        if parameters is not None:
            self._guiTag = parameters.connectGui(self.ui)
            self.addObserver(parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self.refresh)

    def observeBrowser(self, browser: Any) -> None:
        """Follow the browser of the chosen run, and no other."""
        if browser is self._browser:
            return
        if self._browser is not None:
            self.removeObserver(self._browser, vtk.vtkCommand.ModifiedEvent, self.onFrameChanged)
        self._browser = browser
        if browser is not None:
            self.addObserver(browser, vtk.vtkCommand.ModifiedEvent, self.onFrameChanged)

    def onFrameChanged(self, caller: Any = None, event: Any = None) -> None:
        """The run shows another frame."""
        if self.parent.isEntered:
            self.picture.onFrameChanged()
        self.refresh()

    def refresh(self, caller: Any = None, event: Any = None) -> None:
        """Show the present state everywhere. Cheap, and never the cause of another refresh."""
        if self.parameters is None or self.refreshing:
            return
        self.refreshing = True
        try:
            for section in self.sections:
                section.refresh()
        finally:
            self.refreshing = False
