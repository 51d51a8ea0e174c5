"""Descriptors of the wrapper classes: properties are values, the rest of the public functions are methods."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore

from .calls import call, checkAlive
from .conversion import toDouble, toInteger, unwrap, wrap

_INTEGERS = frozenset(("int", "uint", "qlonglong", "qulonglong", "short", "ushort", "long", "ulong"))


class BoundMethod:
    """A method of one object."""

    __slots__ = ("__name__", "__self__", "_function")

    def __init__(self, instance: Any, name: str, function: Callable[..., Any]) -> None:
        self.__self__ = instance
        self.__name__ = name
        self._function = function

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        instance = self.__self__
        checkAlive(self.__name__, instance._qt, type(instance).__name__)
        qtObject = instance._qt
        return call(self.__name__, _Bound(self._function, qtObject), args, keywords)

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, BoundMethod) and self.__name__ == other.__name__ and self.__self__ == other.__self__

    def __hash__(self) -> int:
        return hash((self.__name__, id(self.__self__)))

    def __repr__(self) -> str:
        return f"<built-in method {self.__name__} of {type(self.__self__).__name__} object>"


class _Bound:
    """A PySide6 function with its first argument; the error texts of the binding stay those of the function."""

    __slots__ = ("function", "qtObject")

    def __init__(self, function: Callable[..., Any], qtObject: Any) -> None:
        self.function = function
        self.qtObject = qtObject

    def __call__(self, *args: Any) -> Any:
        return self.function(self.qtObject, *args)


class MethodDescriptor:
    """An instance method; through the class it is called with the object first, as the base class does it."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.function = function

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return UnboundMethod(self.name, self.function, owner)
        return BoundMethod(instance, self.name, self.function)

    def __set__(self, instance: Any, value: Any) -> None:
        raise AttributeError(f"Slot '{self.name}' can not be overwritten on {type(instance).__name__} object")


class UnboundMethod:
    """An instance method taken from the class."""

    __slots__ = ("__name__", "_function", "_owner")

    def __init__(self, name: str, function: Callable[..., Any], owner: Any) -> None:
        self.__name__ = name
        self._function = function
        self._owner = owner

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if not args or not isinstance(getattr(args[0], "_qt", None), self._owner.qtClass):
            got = type(args[0]).__name__ if args else "nothing"
            wanted = self._owner.__name__
            raise ValueError(f"slot {self.__name__} requires {wanted} instance as first argument, got {got}")
        return BoundMethod(args[0], self.__name__, self._function)(*args[1:], **keywords)


class StaticMethod:
    """A static C++ function."""

    __slots__ = ("__name__", "_function")

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.__name__ = name
        self._function = function

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return call(self.__name__, self._function, args, keywords)


class PropertyDescriptor:
    """A Qt property: reading gives the value, writing converts loosely or raises AttributeError."""

    def __init__(self, name: str, qtName: str, declared: Any, typeName: str, writable: bool) -> None:
        self.name = name
        self.qtName = qtName
        self.declared = declared  # the Python property of a stand-in: its errors stay Python exceptions
        self.typeName = typeName
        self.writable = writable

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        qtObject = instance._qt
        if not shiboken6.isValid(qtObject):
            kind = type(instance).__name__
            raise ValueError(f"Trying to read property '{self.name}' from a destroyed {kind} object")
        if self.declared is not None:
            return wrap(getattr(qtObject, self.qtName))
        return wrap(qtObject.property(self.qtName))

    def __set__(self, instance: Any, value: Any) -> None:
        qtObject = instance._qt
        kind = type(instance).__name__
        if not shiboken6.isValid(qtObject):
            raise AttributeError(f"Trying to set property '{self.name}' on a destroyed {kind} object")
        if not self.writable:
            raise AttributeError(f"Property '{self.name}' of {kind} object is not writable")
        refusal = AttributeError(
            f"Property '{self.name}' of type '{self.typeName}' does not accept an object of type "
            f"{type(value).__name__} ({value!r})"
        )
        try:
            converted = self._converted(value)
        except (TypeError, ValueError):
            raise refusal from None
        if self.declared is not None:
            setattr(qtObject, self.qtName, converted)
        elif not qtObject.setProperty(self.qtName, converted):
            raise refusal

    def _converted(self, value: Any) -> Any:
        if self.typeName == "QString":
            return value if isinstance(value, str) else str(value)
        if self.typeName == "bool":
            return bool(value)
        if self.typeName in ("double", "float"):
            return toDouble(value)
        if self.typeName in _INTEGERS:
            return toInteger(value)
        if self.typeName == "QStringList":
            if isinstance(value, (str, bytes)):
                return [str(value)]
            return [str(item) for item in value]
        converted = unwrap(value)
        return converted.value if isinstance(converted, enum.Enum) and self.declared is None else converted


def describeProperty(qtClass: type, metaProperty: QtCore.QMetaProperty, name: str) -> PropertyDescriptor:
    """The descriptor of one property of *qtClass*, to be seen as *name*."""
    qtName = metaProperty.name()
    declared = None
    for base in qtClass.__mro__:
        if qtName in base.__dict__:
            member = base.__dict__[qtName]
            declared = member if type(member) is QtCore.Property else None
            break
    return PropertyDescriptor(name, qtName, declared, metaProperty.typeName(), metaProperty.isWritable())
