"""The object that module code holds: one per C++ object, with PythonQt's manners."""

from __future__ import annotations

import operator
from typing import Any

import shiboken6
from PySide6 import QtCore

from . import signals
from .calls import call, checkAlive, invoke, refuseCallables
from .conversion import address, remember, unwrap, wrap


class PythonQtInstance:
    """Base of all wrapper classes; attributes are the members of the C++ class."""

    _qt: Any

    def __init__(self, *args: Any, **keywords: Any) -> None:
        from .classes import shellFor

        name = type(self).__name__
        if keywords:
            raise ValueError(f"Called {name} with keyword arguments, but called slot does not support kwargs.")
        refuseCallables(name, args)
        factory = shellFor(type(self))
        qtObject = invoke(name, factory, tuple(unwrap(arg) for arg in args))
        object.__setattr__(self, "_qt", qtObject)
        if factory is not type(self).qtClass:
            qtObject._pythonQtInstance = self  # the Python half lives as long as the C++ half
        remember(qtObject, self)

    # -- attributes

    def __getattr__(self, name: str) -> Any:
        qtObject = self.__dict__.get("_qt")
        if qtObject is None:
            raise AttributeError(f"{type(self).__name__}.__init__() was not called")
        if not name.startswith("__") and isinstance(qtObject, QtCore.QObject) and shiboken6.isValid(qtObject):
            if qtObject.metaObject().indexOfProperty(name) < 0 and name in _dynamicNames(qtObject):
                return wrap(qtObject.property(name))
            for child in qtObject.children():
                if child.objectName() == name:
                    return wrap(child)
        raise AttributeError(f"{type(self).__name__} has no attribute named '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        kind = type(self)
        if kind.isMember(name):
            object.__setattr__(self, name, value)
            return
        qtObject = self.__dict__.get("_qt")
        if isinstance(qtObject, QtCore.QObject) and shiboken6.isValid(qtObject) and name in _dynamicNames(qtObject):
            qtObject.setProperty(name, unwrap(value))
            return
        if not kind.generated:
            object.__setattr__(self, name, value)
            return
        raise AttributeError(
            f"'{name}' does not exist on {kind.__name__} and creating new attributes on C++ objects is not allowed"
        )

    # -- identity

    def __bool__(self) -> bool:
        return shiboken6.isValid(self._qt)

    def __eq__(self, other: Any) -> bool:
        if other is None:
            return not shiboken6.isValid(self._qt)
        if not isinstance(other, PythonQtInstance):
            return False
        if isinstance(self._qt, QtCore.QObject) or not (shiboken6.isValid(self._qt) and shiboken6.isValid(other._qt)):
            return self._qt is other._qt or (address(self._qt) == address(other._qt) != 0)
        return bool(self._qt == other._qt)

    def __hash__(self) -> int:
        return hash(id(self._qt))

    def __repr__(self) -> str:
        name = type(self).__name__
        if not shiboken6.isValid(self._qt):
            return f"{name} (deleted)"
        return f"{name} ({self._qt!s} at: {address(self._qt):#x})"

    # -- operators of value types

    def __lt__(self, other: Any) -> Any:
        return self._operate(operator.lt, other)

    def __gt__(self, other: Any) -> Any:
        return self._operate(operator.gt, other)

    def __le__(self, other: Any) -> Any:
        return self._operate(operator.le, other)

    def __ge__(self, other: Any) -> Any:
        return self._operate(operator.ge, other)

    def __add__(self, other: Any) -> Any:
        return self._operate(operator.add, other)

    def __sub__(self, other: Any) -> Any:
        return self._operate(operator.sub, other)

    def __mul__(self, other: Any) -> Any:
        return self._operate(operator.mul, other)

    def __truediv__(self, other: Any) -> Any:
        return self._operate(operator.truediv, other)

    def __or__(self, other: Any) -> Any:
        return self._operate(operator.or_, other)

    def __and__(self, other: Any) -> Any:
        return self._operate(operator.and_, other)

    def _operate(self, function: Any, other: Any) -> Any:
        try:
            return wrap(function(self._qt, unwrap(other)))
        except TypeError:
            return NotImplemented

    # -- what PythonQt adds to every object

    def className(self) -> str:
        """The C++ class name."""
        if isinstance(self._qt, QtCore.QObject):
            return type(self).qtClass.staticMetaObject.className()
        return type(self).qtClass.__name__

    def inherits(self, name: str) -> bool:
        """Whether the C++ class is or derives from *name*."""
        return any(base.__name__ == name for base in type(self._qt).__mro__)

    def delete(self) -> None:
        """Delete the C++ object now."""
        checkAlive("delete", self._qt, type(self).__name__)
        shiboken6.delete(self._qt)

    def help(self) -> str:
        """The names of all members."""
        return "\n".join(dir(type(self)))


def _dynamicNames(qtObject: Any) -> set[str]:
    return {bytes(name.data()).decode() for name in qtObject.dynamicPropertyNames()}


class ObjectMembers:
    """The members that PythonQt itself provides for QObject, to be put into every QObject wrapper class."""

    @staticmethod
    def connect(self: Any, *args: Any) -> bool:
        """connect(signal, callable) or connect(signal, receiver, slot)."""
        checkAlive("connect", self._qt, type(self).__name__)
        if len(args) == 2:
            return signals.connect(self._qt, args[0], args[1])
        if len(args) in (3, 4):
            return signals.connectToSlot(self._qt, args[0], unwrap(args[1]), args[2])
        raise ValueError(f"Could not find matching overload for given arguments: {args!r}")

    @staticmethod
    def disconnect(self: Any, *args: Any) -> bool:
        """disconnect(signal[, callable])."""
        checkAlive("disconnect", self._qt, type(self).__name__)
        if len(args) in (1, 2):
            return signals.disconnect(self._qt, *args)
        raise ValueError(f"Could not find matching overload for given arguments: {args!r}")

    @staticmethod
    def findChild(self: Any, kind: Any, name: str = "") -> Any:
        """The first child of that class (or class name) and, unless empty, object name."""
        found = ObjectMembers.findChildren(self, kind, name)
        return found[0] if found else None

    @staticmethod
    def findChildren(self: Any, kind: Any, name: Any = "") -> tuple[Any, ...]:
        """All descendants of that class (or class name) and, unless empty, object name or expression."""
        checkAlive("findChildren", self._qt, type(self).__name__)
        wanted = unwrap(kind)
        pattern = unwrap(name)

        def matches(child: Any) -> bool:
            ofKind = child.inherits(wanted) if isinstance(wanted, str) else isinstance(child, wanted)
            if isinstance(pattern, QtCore.QRegularExpression):
                return ofKind and pattern.match(child.objectName()).hasMatch()
            return ofKind and pattern in ("", child.objectName())

        return tuple(wrap(child) for child in self._qt.findChildren(QtCore.QObject) if matches(child))

    @staticmethod
    def setProperty(self: Any, name: str, value: Any) -> bool:
        """Set a static or dynamic property."""
        return bool(call("setProperty", self._qt.setProperty, (name, value), {}))
