"""Puts the application into the `slicer` package that slicer-core provides.

Order matters: the Qt names must be there before `slicer.parameterNodeWrapper` is imported, and the folder of the
Python files must join ``slicer.__path__`` only then, because slicer-core imports whatever it finds there.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import slicer

from .application import Application
from .command_line import CommandOptions
from .modules import ModuleManager
from .scripted_modules import qSlicerScriptedLoadableModule

_HERE = Path(__file__).resolve().parent


def inject(options: CommandOptions, startupEnvironment: dict[str, str]) -> Application:
    """Make the application and set every name modules expect in `slicer`."""
    import qt_layer

    app = Application(options, startupEnvironment)
    slicer.app = app
    slicer.mrmlScene = app.mrmlScene()
    slicer.selfTests = {}
    slicer.modules = _modulesNamespace()
    _setUpScene(app)
    qt_layer.install(slicer)
    slicer.util.loadUI = qt_layer.loadUI
    slicer.__path__.append(str(_HERE / "slicer"))
    _addClasses()
    app._moduleManager = ModuleManager()
    slicer.moduleManager = app._moduleManager
    from .dicom_database import DICOMDatabase
    from .io_manager import IOManager

    slicer.dicomDatabase = DICOMDatabase()
    app._ioManager = IOManager()
    return app


def _modulesNamespace() -> Any:
    """`slicer.modules`, which can be imported too (``from slicer.modules import x``)."""
    namespace = types.ModuleType("slicer.modules")
    sys.modules["slicer.modules"] = namespace
    return namespace


def _addClasses() -> None:
    import qt_layer

    from .loadable_modules import qSlicerLoadableModule
    from .module_widget import qSlicerScriptedLoadableModuleWidget

    slicer.qSlicerScriptedLoadableModuleWidget = qt_layer.classFor(qSlicerScriptedLoadableModuleWidget)
    slicer.qSlicerScriptedLoadableModule = qSlicerScriptedLoadableModule
    slicer.qSlicerLoadableModule = qSlicerLoadableModule


def _setUpScene(app: Application) -> None:
    """As the application does before the modules are loaded."""
    scene, logic = app.mrmlScene(), app.applicationLogic()
    temporary = Path(app.temporaryPath)
    logic.SetTemporaryPath(str(temporary))
    logic.SetHomeDirectory(str(_HERE / "share"))
    logic.SetShareDirectory(".")
    scene.SetRootDirectory(str(temporary.parent))
    if hasattr(slicer, "vtkMRMLCommandLineModuleNode"):
        scene.RegisterNodeClass(slicer.vtkMRMLCommandLineModuleNode())
    crosshair = slicer.vtkMRMLCrosshairNode()
    crosshair.SetCrosshairName("default")
    scene.AddNode(crosshair)
    logic.SetMRMLScene(scene)
    _addDataManagers(app, scene, temporary.parent / "RemoteIO")


def _addDataManagers(app: Application, scene: Any, folder: Path) -> None:
    """The cache for downloads and bundles; reading a bundle, also one within a sequence, needs it."""
    folder.mkdir()
    remote, data = slicer.vtkMRMLRemoteIOLogic(), slicer.vtkDataIOManagerLogic()
    remote.SetMRMLScene(scene)
    remote.GetCacheManager().SetRemoteCacheDirectory(str(folder))
    data.SetMRMLApplicationLogic(app.applicationLogic())
    data.SetAndObserveDataIOManager(remote.GetDataIOManager())
    app.applicationLogic().SetMRMLSceneDataIO(scene, remote, data)
    app.__dict__["_dataManagers"] = (remote, data)
