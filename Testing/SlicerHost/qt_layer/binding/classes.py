"""Wrapper classes, made on first use from the PySide6 classes and from this host's stand-ins."""

from __future__ import annotations

import enum
import inspect
from typing import Any

import shiboken6
from PySide6 import QtCore

from .adaptations import adapt
from .conversion import unwrap, wrap
from .enums import enumClass, enumValue
from .errors import recordException
from .instance import ObjectMembers, PythonQtInstance
from .members import MethodDescriptor, StaticMethod, describeProperty
from .signals import SignalDescriptor

_classes: dict[type, PythonQtClass] = {}
_shells: dict[type, type] = {}
#: Members of the binding underneath that PythonQt does not have.
_FOREIGN = frozenset(
    (
        "staticMetaObject",
        "connect",
        "disconnect",
        "findChild",
        "findChildren",
        "emit",
        "sender",
        "receivers",
        "SIGNATURES",
        "setProperty",
    )
)


class PythonQtClass(type):
    """The type of the wrapper classes; `generated` is False for classes derived in module code."""

    qtClass: type
    generated: bool
    memberNames: frozenset[str]

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        if "qtClass" not in namespace:
            namespace = {**namespace, "generated": False}
        return super().__new__(mcs, name, bases, namespace)

    def isMember(cls, name: str) -> bool:
        """Whether *name* is a member of the C++ class not hidden by a Python attribute of a derived class."""
        if name not in cls.memberNames:
            return False
        for base in cls.__mro__:
            if name in base.__dict__:
                return "qtClass" in base.__dict__
        return False

    def adopt(cls, qtObject: Any) -> Any:
        """A wrapper for an object that exists already."""
        from .conversion import remember

        own = getattr(qtObject, "_pythonQtInstance", None) if isinstance(qtObject, QtCore.QObject) else None
        if own is not None:
            return own
        instance = object.__new__(cls)
        object.__setattr__(instance, "_qt", qtObject)
        remember(qtObject, instance)
        return instance

    def __setattr__(cls, name: str, value: Any) -> None:
        if cls.__dict__.get("qtClass") is not None and name != "__doc__":
            raise AttributeError(f"{cls.__name__}.{name} can not be set: the class belongs to C++")
        super().__setattr__(name, value)


def isHidden(qtClass: type) -> bool:
    """Whether the class is an inner part of this host, shown as its nearest public base."""
    return qtClass.__name__.startswith("_") or "_pythonQtShell" in qtClass.__dict__


def classFor(qtClass: type) -> Any:
    """The wrapper class of *qtClass*."""
    found = _classes.get(qtClass)
    if found is not None:
        return found
    if isHidden(qtClass):
        return classFor(qtClass.__mro__[1])
    namespace = _members(qtClass)
    adapt(qtClass, namespace)
    namespace.update(
        qtClass=qtClass,
        generated=True,
        memberNames=frozenset(namespace),
        __module__="ctk" if qtClass.__name__.startswith("ctk") else "qt" if qtClass.__name__[0] == "Q" else "slicer",
        __doc__=qtClass.__doc__ if "PySide6" not in qtClass.__module__ else None,
    )
    found = PythonQtClass(qtClass.__name__, (PythonQtInstance,), namespace)
    _classes[qtClass] = found
    return found


def _members(qtClass: type) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name in dir(qtClass):
        if name.startswith("_") or name in _FOREIGN:
            continue
        member = inspect.getattr_static(qtClass, name)
        described = _describe(qtClass, name, member)
        if described is not None:
            members[name] = described
    _addNestedEnumerators(qtClass, members)
    if issubclass(qtClass, QtCore.QObject):
        _addObjectMembers(qtClass, members)
    return members


def _describe(qtClass: type, name: str, member: Any) -> Any:
    if type(member) is QtCore.Signal:  # not isinstance: its check loses references to True and False
        return SignalDescriptor(name, _signatureOf(qtClass, name))
    if type(member) is QtCore.Property:
        return None
    if isinstance(member, enum.Enum):
        return enumValue(member)
    if isinstance(member, type):
        if issubclass(member, enum.Enum):
            return enumClass(member)
        return classFor(member) if issubclass(member, shiboken6.Object) else None
    if isinstance(member, staticmethod) or type(member).__name__ == "builtin_function_or_method":
        return staticmethod(StaticMethod(name, getattr(qtClass, name)))
    if callable(member):
        return MethodDescriptor(name, member)
    return member if isinstance(member, (int, str)) else None


def _addNestedEnumerators(qtClass: type, members: dict[str, Any]) -> None:
    for base in qtClass.__mro__:
        for member in base.__dict__.values():
            if isinstance(member, type) and issubclass(member, enum.Enum):
                for name, value in member.__members__.items():
                    members.setdefault(name, enumValue(value))


def _signatureOf(qtClass: type, name: str) -> str:
    """The signature that an unqualified signal name means: what a stand-in lists first, else the longest one."""
    for base in qtClass.__mro__:
        for signature in base.__dict__.get("SIGNATURES", {}):
            if signature.startswith(name + "("):
                return signature
    meta = qtClass.staticMetaObject
    for index in range(meta.methodCount()):
        method = meta.method(index)
        if method.methodType() == QtCore.QMetaMethod.MethodType.Signal and bytes(method.name().data()).decode() == name:
            return bytes(method.methodSignature().data()).decode()
    return name + "()"


def _addObjectMembers(qtClass: type, members: dict[str, Any]) -> None:
    for name in ("connect", "disconnect", "findChild", "findChildren", "setProperty"):
        members[name] = ObjectMembers.__dict__[name].__func__
    meta = qtClass.staticMetaObject
    for index in range(meta.propertyCount()):
        described = meta.property(index)
        if described.name() == "singleShot":  # hidden by PythonQt: the static function is meant
            continue
        members[described.name()] = describeProperty(qtClass, described, described.name())
        if described.name() == "objectName":
            members.setdefault("name", describeProperty(qtClass, described, "name"))
    for base in qtClass.__mro__:
        for signature in base.__dict__.get("SIGNATURES", {}):
            name = signature.split("(")[0]
            members[name] = SignalDescriptor(name, _signatureOf(qtClass, name))


def shellFor(kind: Any) -> type:
    """What to construct for a wrapper class: the PySide6 class, or one that calls the overrides of a derived class."""
    if kind.generated:
        return kind.qtClass
    shell = _shells.get(kind)
    if shell is None:
        overridden: dict[str, Any] = {"_pythonQtShell": True}
        for base in kind.__mro__:
            if "qtClass" in base.__dict__:
                break
            for name, member in base.__dict__.items():
                if callable(member) and not name.startswith("__") and callable(getattr(kind.qtClass, name, None)):
                    overridden.setdefault(name, _forwarder(name, getattr(kind.qtClass, name)))
        shell = type(kind.__name__, (kind.qtClass,), overridden)
        _shells[kind] = shell
    return shell


def _forwarder(name: str, original: Any) -> Any:
    def forward(self: Any, *args: Any) -> Any:
        instance = getattr(self, "_pythonQtInstance", None)
        if instance is None:
            return original(self, *args)
        try:
            result = unwrap(getattr(instance, name)(*(wrap(arg) for arg in args)))
        except Exception:  # noqa: BLE001 - called from C++, which knows no exceptions
            recordException()
            return original(self, *args)
        return bool(result) if name in ("event", "eventFilter") else result

    return forward
