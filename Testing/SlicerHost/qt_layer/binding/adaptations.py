"""Where PySide6 and PythonQt differ class by class: results, spellings, and functions that take a Python callable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtWidgets

from .conversion import unwrap, wrap
from .errors import guarded
from .members import MethodDescriptor, StaticMethod

#: Functions whose PySide6 result is a tuple of the result and output arguments; PythonQt gives the result alone.
_FIRST_ONLY = {
    "QFileDialog": ("getOpenFileName", "getOpenFileNames", "getSaveFileName", "getOpenFileUrl", "getSaveFileUrl"),
    "QInputDialog": ("getText", "getInt", "getDouble", "getItem", "getMultiLineText"),
    "QProcess": ("startDetached",),
}
#: Members that exist in PySide6 only.
_ABSENT = {"QSignalBlocker": ("__enter__", "__exit__")}


def adapt(qtClass: type, members: dict[str, Any]) -> None:
    """Change *members* of the wrapper class of *qtClass* to what PythonQt has."""
    for base in qtClass.__mro__:
        for name in _FIRST_ONLY.get(base.__name__, ()):
            if name in members:
                members[name] = staticmethod(StaticMethod(name, _firstOf(getattr(qtClass, name))))
    if "exec" in members or "exec_" in members:
        members.setdefault("exec_", members.get("exec"))
        members.setdefault("exec", members["exec_"])
    if issubclass(qtClass, QtCore.QTimer):
        members["singleShot"] = staticmethod(_singleShot)
    if qtClass is QtCore.QByteArray:
        members["data"] = MethodDescriptor("data", lambda value: bytes(value.data()))
        members["__str__"] = lambda self: bytes(self._qt.data()).decode(errors="replace")
        members["__len__"] = lambda self: self._qt.size()
        members["__bytes__"] = lambda self: bytes(self._qt.data())
    if issubclass(qtClass, QtCore.QObject):
        members["deleteLater"] = MethodDescriptor("deleteLater", QtCore.QObject.deleteLater)
        members["metaObject"] = MethodDescriptor("metaObject", QtCore.QObject.metaObject)
    if issubclass(qtClass, QtWidgets.QWidget):
        members.pop("hidden", None)


def _firstOf(function: Callable[..., Any]) -> Callable[..., Any]:
    def first(*args: Any) -> Any:
        result = function(*args)
        return result[0] if isinstance(result, tuple) else result

    return first


def _singleShot(*args: Any, **keywords: Any) -> None:
    """QTimer.singleShot(milliseconds, callable)."""
    if keywords or len(args) not in (2, 3):
        raise ValueError(f"Called singleShot with wrong arguments: {args!r}")
    if len(args) == 3:
        receiver, slot = unwrap(args[1]), str(args[2]).lstrip("0123456789").split("(")[0]
        function = getattr(receiver, slot)
    else:
        function = args[1]
        if not callable(function):
            raise ValueError(f"Called singleShot with wrong arguments: {function!r} is not callable")
    QtCore.QTimer.singleShot(int(args[0]), lambda: guarded(function))


__all__ = ["adapt", "wrap"]
