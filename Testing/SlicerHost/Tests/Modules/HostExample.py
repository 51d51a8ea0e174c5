# ruff: noqa: PT009  cases of unittest, as Slicer runs them
"""A module as the application's template makes them: panel from a .ui file, bound to a parameter node."""

import enum
import pathlib
from typing import Annotated

import slicer
from slicer import vtkMRMLModelNode, vtkMRMLScalarVolumeNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import Choice, Default, WithinRange, parameterNodeWrapper, parameterPack
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

EVENTS = []
STARTED = []


class Side(enum.Enum):
    """Stored by name."""

    LEFT = 1
    RIGHT = 2


@parameterPack
class Point:
    """Two numbers."""

    x: Annotated[float, WithinRange(-10, 10)] = 1.5
    y: int


@parameterPack
class Box:
    """A pack in a pack."""

    corner: Point
    label: str = "box"


@parameterNodeWrapper
class HostExampleParameterNode:
    """One of each kind."""

    threshold: Annotated[float, WithinRange(0, 1)] = 0.5
    count: Annotated[int, WithinRange(0, 100), Default(7)]
    enabled: bool = True
    title: str
    side: Side = Side.RIGHT
    unit: Annotated[str, Choice(["mm", "cm"])] = "mm"
    path: pathlib.Path
    volume: vtkMRMLScalarVolumeNode
    either: vtkMRMLScalarVolumeNode | vtkMRMLModelNode | None
    numbers: list[int]
    models: list[vtkMRMLModelNode]
    box: Box


class HostExample(ScriptedLoadableModule):
    """The module."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Host Example")
        parent.categories = [_("Testing")]
        parent.dependencies = ["Volumes"]
        parent.contributors = ["Nobody"]
        parent.helpText = _("An example.")
        slicer.app.connect("startupCompleted()", lambda: STARTED.append("startupCompleted"))


class HostExampleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameterNode = None
        self._guiTag = None

    def setup(self):
        super().setup()
        EVENTS.append("setup")
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/HostExample.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = HostExampleLogic()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.ui.applyButton.connect("clicked(bool)", self.onApply)
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode):
        if self._parameterNode:
            self._parameterNode.disconnectGui(self._guiTag)
        self._parameterNode = parameterNode
        if parameterNode:
            self._guiTag = parameterNode.connectGui(self.ui)

    def onSceneStartClose(self, caller, event):
        EVENTS.append("startClose")
        self.setParameterNode(None)

    def onSceneEndClose(self, caller, event):
        EVENTS.append("endClose")
        self.setParameterNode(self.logic.getParameterNode())

    def onApply(self):
        EVENTS.append("apply")

    def enter(self):
        EVENTS.append("enter")

    def exit(self):
        EVENTS.append("exit")

    def cleanup(self):
        EVENTS.append("cleanup")
        self.setParameterNode(None)
        self.removeObservers()


class HostExampleLogic(ScriptedLoadableModuleLogic):
    """The logic."""

    def getParameterNode(self):
        return HostExampleParameterNode(super().getParameterNode())


class HostExampleTest(ScriptedLoadableModuleTest):
    """Run by the module's own button, and by `runUnitTest`."""

    def test_the_module_is_there(self):
        self.assertIn("HostExample", slicer.util.moduleNames())
