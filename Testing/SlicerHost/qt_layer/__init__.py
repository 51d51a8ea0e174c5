"""The Qt half of the test host: PythonQt's manners on PySide6, stand-ins for CTK and qMRML widgets, views.

install(slicer)                              sets the names slicer.qMRML*, slicer.qSlicer*
createLayoutManager(scene, applicationLogic) the views
createMainWindow(layoutManager)              a window with a module panel and the views
loadUI(path)                                 a .ui file
slotErrors                                   tracebacks of exceptions raised in slots
wrap(object), unwrap(object)                 between PySide6 objects and what module code holds
"""

from __future__ import annotations

import atexit
from typing import Any

from .binding import classFor, slotErrors, unwrap, wrap

__all__ = [
    "classFor",
    "createLayoutManager",
    "createMainWindow",
    "install",
    "loadUI",
    "slotErrors",
    "unwrap",
    "wrap",
]


def install(slicer: Any) -> None:
    """Set every slicer.qMRML* and slicer.qSlicer* name that this host has."""
    from .messages import installMessageHandler
    from .registry import standIns

    installMessageHandler()
    for name, kind in standIns().items():
        if name.startswith(("qMRML", "qSlicer")):
            setattr(slicer, name, classFor(kind))


def createLayoutManager(scene: Any, applicationLogic: Any) -> Any:
    """The layout manager, wrapped for module code, with the views of the scene's layout."""
    from .mrml.sequences import SequencePlayer
    from .views.layout_manager import qMRMLLayoutManager

    manager = qMRMLLayoutManager()
    SequencePlayer(scene, applicationLogic, manager)
    manager._start(scene, applicationLogic)
    atexit.register(manager._close)
    return wrap(manager)


def createMainWindow(layoutManager: Any) -> Any:
    """A main window with `setModuleWidget(widget)` and the views in the middle."""
    from .main_window import createMainWindow as create

    return create(layoutManager)


def loadUI(path: str) -> Any:
    """The top widget of a .ui file."""
    from .ui_loader import loadUI as load

    return load(path)
