"""The C++ half of a scripted module's widget: the `parent` its Python class gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from PySide6 import QtCore, QtWidgets
from qt_layer import unwrap, wrap
from qt_layer.mrml.base import qSlicerWidget

from .errors import errorLog
from .scripted_modules import classOf, importModule


class qSlicerScriptedLoadableModuleWidget(qSlicerWidget):
    """Stand-in that holds the Python widget and passes the application's calls on to it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._python: Any = None
        self._path = ""
        self._module: Any = None
        self._entered = False
        QtWidgets.QVBoxLayout(self)

    def self(self) -> Any:
        """The instance of the module's Python widget class."""
        return self._python

    def pythonSource(self) -> str:
        """Path of the module file."""
        return self._path

    def setPythonSource(self, path: str, className: str = "") -> bool:
        """Make the Python widget of a module file."""
        name = Path(path).stem
        className = className or (name if name.endswith("Widget") else f"{name}Widget")
        self._python = classOf(importModule(name, path), className)(wrap(self))
        self._path = path
        setattr(slicer.modules, className, self._python)
        return True

    def module(self) -> Any:
        """The module."""
        return self._module

    def moduleName(self) -> str:
        """Name of the module."""
        return str(self._module.name)

    def logic(self) -> Any:
        """The C++ logic of the module."""
        return self._module.logic()

    def _setModule(self, module: Any) -> None:
        """Set the module and call `setup` of the Python widget."""
        self._module = module
        self._setup()

    def reload(self) -> None:
        """Make the Python widget anew from the module's present classes, and set it up."""
        self.setPythonSource(self._path)
        self._setup()

    def _setup(self) -> None:
        self.setObjectName(f"{self._module.name}ModuleWidget")
        self.setWindowTitle(self._module.title)
        if self._module.icon is not None:
            self.setWindowIcon(unwrap(self._module.icon))
        self._call("setup")

    def enter(self) -> None:
        """Call the Python widget's `enter`."""
        self._entered = True
        self._call("enter")

    def exit(self) -> None:
        """Call the Python widget's `exit`."""
        self._entered = False
        self._call("exit")

    isEntered = QtCore.Property(bool, lambda self: self._entered, doc="Whether the module is the one shown.")

    def setEditedNode(self, node: Any, role: str = "", context: str = "") -> bool:
        """Ask the Python widget to edit a node."""
        return bool(self._call("setEditedNode", node, role, context))

    def nodeEditable(self, node: Any) -> float:
        """How well the Python widget can edit a node, 0 to 1."""
        answer = self._call("nodeEditable", node)
        return 0.5 if answer is None else float(answer)

    def _call(self, name: str, *arguments: Any) -> Any:
        method = getattr(self._python, name, None)
        if method is None:
            return None
        try:
            return method(*arguments)
        except Exception:  # noqa: BLE001  called from C++ in the application: printed, and the exit code tells
            errorLog.reportCurrent()
            return None
