"""Common parts of the MRML widgets: the widget with a scene, and observers that end with their widget."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import shiboken6
import slicer
import vtk
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from ..binding.errors import guarded

ModifiedEvent = vtk.vtkCommand.ModifiedEvent


class Observers:
    """VTK observers of a Qt object: they do not keep it alive and are gone as soon as its C++ side is."""

    def __init__(self, owner: QObject) -> None:
        self._owner = weakref.ref(owner)
        self._entries: list[tuple[Any, int]] = []
        entries = self._entries
        owner.destroyed.connect(lambda *_: _removeAll(entries))

    def add(self, watched: Any, event: int, method: Callable[..., None], wantsNode: bool = False) -> None:
        """Call *method* of the owner at *event*, with the node the event is about if *wantsNode*."""
        name = method.__name__
        owner = self._owner

        def callback(caller: Any, happened: str, data: Any = None) -> None:
            alive = owner()
            if alive is not None and shiboken6.isValid(alive):
                guarded(getattr(alive, name), *((data,) if wantsNode else ()))

        if wantsNode:
            callback.CallDataType = vtk.VTK_OBJECT  # type: ignore[attr-defined]
        self._entries.append((watched, watched.AddObserver(event, callback)))

    def clear(self, watched: Any = None) -> None:
        """Stop watching one object, or all of them."""
        kept = [entry for entry in self._entries if watched is not None and entry[0] is not watched]
        gone = [entry for entry in self._entries if watched is None or entry[0] is watched]
        self._entries[:] = kept
        _removeAll(gone)

    def watched(self) -> list[Any]:
        """The objects being watched."""
        return [entry[0] for entry in self._entries]


def _removeAll(entries: list[tuple[Any, int]]) -> None:
    while entries:
        watched, tag = entries.pop()
        watched.RemoveObserver(tag)


class qMRMLWidget(QWidget):
    """A widget that knows the scene and tells its children through a signal."""

    SIGNATURES = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}
    mrmlSceneChanged = Signal(object)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._scene: Any = None

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._scene

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Set the scene."""
        requireKind(scene, slicer.vtkMRMLScene, "setMRMLScene")
        if scene is not self._scene:
            self._scene = scene
            self._sceneSet()
            self.mrmlSceneChanged.emit(scene)

    def _sceneSet(self) -> None:
        """For derived widgets: the scene is another one."""


class qSlicerWidget(qMRMLWidget):
    """As qMRMLWidget."""


def requireKind(value: Any, kind: type, method: str) -> None:
    """Raise ValueError unless *value* is None or a *kind*, as a call with a wrong pointer does."""
    if value is not None and not isinstance(value, kind):
        raise ValueError(f"Called {method}({kind.__name__}*) with wrong arguments: {value!r}")
