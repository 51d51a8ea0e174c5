"""`slicer.ScriptedLoadableModule`: base classes of scripted modules."""

from __future__ import annotations

import importlib
import logging
import os
import unittest
from typing import Any

import ctk
import qt
import slicer

__all__ = [
    "ScriptedLoadableModule",
    "ScriptedLoadableModuleLogic",
    "ScriptedLoadableModuleTest",
    "ScriptedLoadableModuleWidget",
]


def _withoutEnding(name: str, ending: str) -> str:
    return name.removesuffix(ending)


class ScriptedLoadableModule:
    """The module itself: its metadata are set on `parent`."""

    def __init__(self, parent: Any) -> None:
        super().__init__()
        self.parent = parent
        self.moduleName = type(self).__name__
        parent.title = ""
        parent.categories = []
        parent.dependencies = []
        parent.contributors = ["(no contributors named)"]
        parent.helpText = "The help text of this module is not written yet."
        parent.acknowledgementText = ""
        for extension in (".svg", ".png"):
            icon = self.resourcePath(f"Icons/{self.moduleName}{extension}")
            if os.path.isfile(icon):
                parent.icon = qt.QIcon(icon)
                break
        slicer.selfTests[self.moduleName] = self.runTest

    def resourcePath(self, filename: str) -> str:
        """Path of a file in the module's folder ``Resources``."""
        return os.path.join(os.path.dirname(self.parent.path), "Resources", filename)

    def getDefaultModuleDocumentationLink(self, docPage: str | None = None) -> str:
        """HTML text that leads to the documentation of the module."""
        url = slicer.app.moduleDocumentationUrl(self.moduleName)
        if docPage:
            url = slicer.app.documentationBaseUrl + docPage
        return f'<p>For more information, see the <a href="{url}">online documentation</a>.</p>'

    def runTest(self, msec: int = 100, **kwargs: Any) -> None:
        """Run `runTest` of the test class, which is named after the module.

        Raises:
            AssertionError: there is no such class.
        """
        className = f"{self.moduleName}Test"
        testClass = getattr(importlib.import_module(self.__module__), className, None)
        if testClass is None:
            raise AssertionError(f"Test case class not found: {self.__module__}.{className} ")
        case = testClass()
        case.messageDelay = msec
        case.runTest(**kwargs)


class ScriptedLoadableModuleWidget:
    """The module's widget: lives in `parent`, a widget with a vertical layout."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = _withoutEnding(type(self).__name__, "Widget")
        self.developerMode = slicer.util.settingsValue("Developer/DeveloperMode", False, converter=slicer.util.toBool)
        self.parent = parent if parent else self._topLevelParent()
        self.layout = self.parent.layout()
        if not parent:
            self.setup()
            self.parent.show()
        slicer.app.moduleManager().connect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def _topLevelParent(self) -> Any:
        parent = slicer.qMRMLWidget()
        parent.setLayout(qt.QVBoxLayout())
        parent.setMRMLScene(slicer.mrmlScene)
        return parent

    def resourcePath(self, filename: str) -> str:
        """Path of a file in the module's folder ``Resources``."""
        return os.path.join(os.path.dirname(slicer.util.modulePath(self.moduleName)), "Resources", filename)

    def cleanup(self) -> None:
        """Called just before the module is unloaded or reloaded; for derived classes."""

    def _onModuleAboutToBeUnloaded(self, moduleName: str) -> None:
        if moduleName != self.moduleName:
            return
        self.cleanup()
        slicer.app.moduleManager().disconnect("moduleAboutToBeUnloaded(QString)", self._onModuleAboutToBeUnloaded)

    def setup(self) -> None:
        """Make the widgets; derived classes call this first."""
        self.setupDeveloperSection()

    def setupDeveloperSection(self) -> None:
        """In developer mode: the buttons Reload, Test, Reload and Test, Edit, Restart."""
        if not self.developerMode:
            return
        self.reloadCollapsibleButton = ctk.ctkCollapsibleButton()
        self.reloadCollapsibleButton.text = "Reload && Test"
        self.layout.addWidget(self.reloadCollapsibleButton)
        form = qt.QFormLayout(self.reloadCollapsibleButton)
        self.reloadButton = _button("Reload", "Reload this module.", self.onReload)
        self.testButton = _button("Test", "Run this module's self tests.", self.onTest)
        self.reloadTestButton = _button("Reload and Test", "Reload, then run the self tests.", self.onReloadAndTest)
        self.editSourceButton = _button("Edit", "Edit the module's source code.", self.onEditSource)
        self.restartButton = _button("Restart Slicer", "Restart Slicer", slicer.app.restart)
        for row in (
            (self.reloadButton, self.testButton, self.reloadTestButton),
            (self.editSourceButton, self.restartButton),
        ):
            layout = qt.QHBoxLayout()
            for button in row:
                layout.addWidget(button)
            form.addRow(layout)

    def onReload(self) -> None:
        """Read the module's file again and make the widget anew."""
        print(f"\n\n{'-' * 30}\nReloading module: {self.moduleName}\n{'-' * 30}\n\n")
        slicer.util.reloadScriptedModule(self.moduleName)

    def onTest(self, **kwargs: Any) -> None:
        """Run the module's self tests."""
        with slicer.util.tryWithErrorDisplay("Test failed."):
            slicer.selfTests[self.moduleName](msec=self._messageDelay(), **kwargs)

    def onReloadAndTest(self, **kwargs: Any) -> None:
        """Reload, then run the module's self tests."""
        with slicer.util.tryWithErrorDisplay("Reload and Test failed."):
            self.onReload()
            slicer.selfTests[self.moduleName](msec=self._messageDelay(), **kwargs)

    def _messageDelay(self) -> int:
        return int(slicer.util.settingsValue("Developer/SelfTestDisplayMessageDelay", 100))

    def onEditSource(self) -> None:
        """Refused: there is no editor to start."""
        raise NotImplementedError("The test host has no editor.")


def _button(text: str, tip: str, slot: Any) -> Any:
    button = qt.QPushButton(text)
    button.toolTip = tip
    button.name = f"ScriptedLoadableModuleTemplate {text}"
    button.connect("clicked()", slot)
    return button


class ScriptedLoadableModuleLogic:
    """The module's logic: owns the parameter node."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__()
        self.moduleName = _withoutEnding(type(self).__name__, "Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self) -> slicer.vtkMRMLScriptedModuleNode:
        """The module's first parameter node; made when there is none."""
        if self.isSingletonParameterNode:
            node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
            if node:
                # Closing a scene may take the attribute away from the singleton.
                if node.GetAttribute("ModuleName") != self.moduleName:
                    node.SetAttribute("ModuleName", self.moduleName)
                return node
        else:
            nodes = self.getAllParameterNodes()
            if nodes:
                return nodes[0]
        return slicer.mrmlScene.AddNode(self.createParameterNode())

    def getAllParameterNodes(self) -> list[slicer.vtkMRMLScriptedModuleNode]:
        """All parameter nodes of the module."""
        nodes = slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode")
        return [node for node in nodes if node.GetAttribute("ModuleName") == self.moduleName]

    def createParameterNode(self) -> slicer.vtkMRMLScriptedModuleNode | None:
        """A new parameter node, not yet in the scene."""
        if slicer.mrmlScene is None:
            return None
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """Base of self tests; also run outside of a test runner by `runTest`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.moduleTestNames: list[str] = []
        super().__init__(*args, **kwargs)
        super(unittest.TestCase, self).__init__()
        self.enableScreenshots = False
        self.screenshotScaleFactor = 1.0
        if not self.moduleTestNames:
            names = [name for name in dir(self) if "test" in name]
            self.moduleTestNames = [name for name in names if callable(getattr(self, name))]

    def delayDisplay(self, message: str, requestedDelay: int | None = None, msec: int | None = None) -> None:
        """Log a message and let the event loop catch up."""
        if hasattr(self, "messageDelay"):
            msec = self.messageDelay
        if msec is None:
            msec = 100 if requestedDelay is None else requestedDelay
        slicer.util.delayDisplay(message, msec)

    def takeScreenshot(self, name: str, description: str, type: int = -1) -> None:
        """Show the description; storing pictures in the scene needs the application."""
        self.delayDisplay(description)
        if self.enableScreenshots:
            raise NotImplementedError("The test host stores no screenshots in the scene.")

    def runTest(self) -> None:
        """Run all methods with "test" in their names, one after another in this object."""
        if not self.moduleTestNames:
            logging.warning("No test is defined in %s", type(self).__name__)
            return
        self.setUpClass()
        for name in self.moduleTestNames:
            self.setUp()
            logging.info("Running %s", name)
            getattr(self, name)()
            self.tearDown()
        self.tearDownClass()
