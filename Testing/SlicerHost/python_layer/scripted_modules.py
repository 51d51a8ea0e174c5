"""Scripted modules: found on disk, imported, ordered by what they depend on, set up."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import slicer

from .errors import errorLog
from .modules import AbstractModule, ModuleManager


class qSlicerScriptedLoadableModule(AbstractModule):
    """Stand-in for the C++ half of a scripted module: the `parent` its class gets."""

    def __init__(self, path: str) -> None:
        super().__init__(Path(path).stem, path)
        self._instance: Any = None
        self._seal()

    def pythonSource(self) -> str:
        """Path of the module file."""
        return self.path

    def self(self) -> Any:
        """The instance of the module's Python class."""
        return self._instance

    def instantiate(self) -> None:
        """Import the file and make the module's class; errors of either propagate."""
        module = importModule(self.name, self.path)
        self._instance = classOf(module, self.name)(self)
        setattr(slicer.modules, f"{self.name}Instance", self._instance)
        self.widgetRepresentationCreationEnabled = hasattr(module, f"{self.name}Widget")

    def setup(self) -> None:
        """Call the `setup` of the module's class, where it has one."""
        if hasattr(self._instance, "setup"):
            self._instance.setup()

    def createLogic(self) -> Any:
        """The C++ logic every scripted module has; its Python logic is the widget's."""
        return slicer.vtkSlicerScriptedLoadableModuleLogic()

    def createWidgetRepresentation(self) -> Any:
        """The C++ half of the widget with the Python widget in it."""
        widget = slicer.qSlicerScriptedLoadableModuleWidget()
        widget.setPythonSource(self.path)
        return widget


def importModule(name: str, path: str) -> ModuleType:
    """Import a module file under its name, once; its folder goes to the end of `sys.path`."""
    if name in sys.modules and getattr(sys.modules[name], "__file__", None):
        return sys.modules[name]
    folder = str(Path(path).resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def classOf(module: ModuleType, name: str) -> Any:
    found = getattr(module, name, None)
    if found is None:
        raise RuntimeError(f"class {name} was not found in file {module.__file__}")
    return found


def findScriptedModules(paths: list[str], ignored: list[str], withTests: bool) -> list[str]:
    """Module files in folders (each `.py` is taken for one) or given one by one.

    Files named ``*Test.py`` and ``*Tests.py`` are modules only in testing or developer mode.
    """
    found: list[Path] = []
    for text in paths:
        path = Path(text).expanduser().resolve()
        if path.is_dir():
            found += sorted(path.glob("*.py"))
        elif path.suffix == ".py" and path.is_file():
            found.append(path)
    names = {path.stem: path for path in reversed(found) if path.stem not in ignored}
    return [str(p) for name, p in reversed(names.items()) if withTests or not name.endswith(("Test", "Tests"))]


def loadScriptedModules(paths: list[str], manager: ModuleManager) -> int:
    """Instantiate, then set up the modules, those they depend on first; the number that loaded.

    A module that fails, or that depends on one that failed or is missing, is reported and left out.
    """
    waiting: dict[str, qSlicerScriptedLoadableModule] = {}
    for path in paths:
        module = qSlicerScriptedLoadableModule(path)
        try:
            module.instantiate()
        except Exception:  # noqa: BLE001  one broken module must not stop the others: printed, and the exit code tells
            errorLog.reportCurrent()
            print(f"Failed to instantiate module {module.name}", file=sys.stderr)
            continue
        waiting[module.name] = module
    loaded = 0
    while waiting:
        ready = next((m for m in waiting.values() if not any(d in waiting for d in m.dependencies)), None)
        module = ready or next(iter(waiting.values()))
        del waiting[module.name]
        loaded += _load(module, manager)
    return loaded


def _load(module: qSlicerScriptedLoadableModule, manager: ModuleManager) -> bool:
    absent = [name for name in module.dependencies if manager.module(name) is None]
    if absent:
        text = f"When loading module '{module.name}', the dependency '{absent[0]}' failed to be loaded."
        print(text, file=sys.stderr)
        errorLog.occurred = True
        return False
    try:
        module.setup()
    except Exception:  # noqa: BLE001  called from C++ in the application: printed, and the exit code tells
        errorLog.reportCurrent()
    manager.add(module)
    return True
