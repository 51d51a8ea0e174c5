"""Loadable (C++) modules of the application whose logic slicer-core has: logic and node classes, no widget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer

from .errors import missing
from .modules import AbstractModule, ModuleManager
from .subject_hierarchy import SubjectHierarchyUpdater

_SHARE = Path(__file__).resolve().parent / "share"

# Module name: logic class in slicer-core. The order is that of their dependencies.
LOGICS = {
    "Units": "vtkSlicerUnitsLogic",
    "Colors": "vtkSlicerColorLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "Annotations": "vtkSlicerAnnotationModuleLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Cameras": "vtkSlicerCamerasModuleLogic",
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Texts": "vtkSlicerTextsLogic",
    "SceneViews": "vtkSlicerSceneViewsModuleLogic",
    "ViewControllers": "vtkSlicerViewControllersLogic",
    "VolumeRendering": "vtkSlicerVolumeRenderingLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
    "Reformat": "vtkSlicerReformatLogic",
    "Data": "vtkSlicerDataModuleLogic",
}


class qSlicerLoadableModule(AbstractModule):
    """Stand-in for a C++ module."""

    def __init__(self, name: str, logicClass: str) -> None:
        super().__init__(name, "")
        self._logicClass = logicClass
        self._autoShowToolBar = True
        self.isBuiltIn = True
        self._seal()

    @property
    def autoShowToolBar(self) -> bool:
        """Of the Sequences module: whether its tool bar appears when a sequence is loaded."""
        if self.name != "Sequences":
            raise AttributeError(f"module {self.name} has no attribute 'autoShowToolBar'")
        return self._autoShowToolBar

    @autoShowToolBar.setter
    def autoShowToolBar(self, shown: bool) -> None:
        if self.name != "Sequences":
            raise AttributeError(f"module {self.name} has no attribute 'autoShowToolBar'")
        self._autoShowToolBar = bool(shown)

    def createLogic(self) -> Any:
        """The module's logic from slicer-core."""
        logic = getattr(slicer, self._logicClass)()
        if logic.IsA("vtkSlicerModuleLogic"):
            logic.SetModuleShareDirectory(str(_SHARE / self.name))
        return logic

    def createWidgetRepresentation(self) -> Any:
        """Refused: the widgets of C++ modules exist only in the application."""
        raise missing(f"widget of module '{self.name}'")


def loadLoadableModules(manager: ModuleManager, ignored: list[str]) -> None:
    """Load all of them; their logics register their node classes with the scene."""
    for name, logicClass in LOGICS.items():
        if name not in ignored:
            manager.add(qSlicerLoadableModule(name, logicClass))
    _joinLogics(manager)


def _joinLogics(manager: ModuleManager) -> None:
    """What the C++ modules tell each other's logics when they are set up."""
    application = slicer.app.applicationLogic()
    if manager.module("SubjectHierarchy") is not None:
        SubjectHierarchyUpdater(slicer.mrmlScene)
    if manager.module("Colors") is not None:
        application.SetColorLogic(manager.module("Colors").logic())
    for name in LOGICS:
        module = manager.module(name)
        if module is not None:
            application.SetModuleLogic(name, module.logic())
