"""Signals with PythonQt's rules: unknown signatures are refused, slots take as many arguments as they can."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore

from .conversion import address, unwrap, wrap
from .errors import guarded

#: Connections of each C++ object: (signature, callable, undo).
_connections: dict[int, list[tuple[str, Callable[..., Any], Callable[[], Any]]]] = {}


def normalized(signature: str) -> str:
    """*signature* without superfluous blanks, const and references."""
    return bytes(QtCore.QMetaObject.normalizedSignature(signature.lstrip("0123456789")).data()).decode()


def declaredSignatures(qtObject: Any) -> dict[str, str]:
    """C++ signatures that a stand-in declares and the Python signals themselves."""
    found: dict[str, str] = {}
    for base in reversed(type(qtObject).__mro__):
        found.update(base.__dict__.get("SIGNATURES", {}))
    return found


def hasSignal(qtObject: Any, signature: str) -> bool:
    """Whether *signature* (normalized) is a signal of the object."""
    if signature in declaredSignatures(qtObject):
        return True
    return "PyObject" not in signature and qtObject.metaObject().indexOfSignal(signature) >= 0


def acceptedArguments(function: Callable[..., Any]) -> int | None:
    """How many arguments a Python function takes at most; None when any number is passed on."""
    code, bound = None, 0
    if isinstance(function, types.FunctionType):
        code = function.__code__
    elif isinstance(function, types.MethodType) and isinstance(function.__func__, types.FunctionType):
        code, bound = function.__func__.__code__, 1
    if code is None or code.co_flags & 0x04:  # CO_VARARGS
        return None
    return code.co_argcount - bound


def connect(qtObject: Any, signature: str, function: Callable[..., Any]) -> bool:
    """Connect a Python callable; False, and a line on stderr, for a signal that does not exist."""
    wanted = normalized(signature)
    if not hasSignal(qtObject, wanted):
        _complain("connect", signature, qtObject)
        return False
    if not callable(function):
        raise ValueError(f"Called connect with wrong arguments: {function!r} is not callable")
    inSignature = 0 if wanted.endswith("()") else wanted.count(",") + 1
    limit = acceptedArguments(function)
    count = inSignature if limit is None else min(limit, inSignature)

    def relay(*args: Any) -> None:
        guarded(function, *(wrap(arg) for arg in args[:count]))

    undo = _connectRelay(qtObject, wanted, relay)
    key = address(qtObject)
    if key not in _connections:
        _connections[key] = []
        qtObject.destroyed.connect(lambda *_: _connections.pop(key, None))
    _connections[key].append((wanted, function, undo))
    return True


def _connectRelay(qtObject: Any, signature: str, relay: Callable[..., None]) -> Callable[[], Any]:
    declared = declaredSignatures(qtObject).get(signature)
    if declared is not None:
        signal = getattr(qtObject, declared)
        signal.connect(relay)
        return lambda: signal.disconnect(relay)
    QtCore.QObject.connect(qtObject, "2" + signature, relay)
    return lambda: QtCore.QObject.disconnect(qtObject, "2" + signature, relay)


def disconnect(qtObject: Any, signature: str, function: Callable[..., Any] | None = None) -> bool:
    """Undo the first connection of *signature* to *function* (all of them without a function)."""
    wanted = normalized(signature)
    if not hasSignal(qtObject, wanted):
        _complain("disconnect", signature, qtObject)
        return False
    kept, undone = [], []
    for entry in _connections.get(address(qtObject), []):
        matches = entry[0] == wanted and (function is None or entry[1] == function)
        (undone if matches and (function is None or not undone) else kept).append(entry)
    for entry in undone:
        entry[2]()
    if address(qtObject) in _connections:
        _connections[address(qtObject)] = kept
    return bool(undone)


def _complain(action: str, signature: str, qtObject: Any) -> None:
    name = qtObject.metaObject().className()
    sys.stderr.write(f"QObject::{action}() signal '{signature}' does not exist on {name}\n")
    sys.stderr.flush()


def connectToSlot(sender: Any, signal: str, receiver: Any, slot: str) -> bool:
    """Connect a signal to a slot named by its signature; False when either does not exist."""
    name = slot.lstrip("0123456789").split("(")[0]
    if receiver is None or not callable(getattr(receiver, name, None)):
        sys.stderr.write(f"QObject::connect() slot '{slot}' does not exist\n")
        return False
    target = getattr(receiver, name)
    count = 0 if slot.rstrip().endswith("()") else slot.count(",") + 1

    def relay(*args: Any) -> None:
        if shiboken6.isValid(receiver):
            target(*(unwrap(arg) for arg in args[:count]))

    return connect(sender, signal, relay)


class SignalDescriptor:
    """A signal as class attribute; on an object it gives the BoundSignal."""

    def __init__(self, name: str, signature: str) -> None:
        self.name = name
        self.signature = signature

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else BoundSignal(instance, self.name, self.signature)

    def __set__(self, instance: Any, value: Any) -> None:
        raise AttributeError(f"Signal '{self.name}' can not be overwritten on {type(instance).__name__} object")


class BoundSignal:
    """A signal of one object: connect, disconnect, emit."""

    __slots__ = ("__self__", "_name", "_signature")

    def __init__(self, instance: Any, name: str, signature: str) -> None:
        self.__self__ = instance
        self._name = name
        self._signature = signature

    def connect(self, function: Callable[..., Any]) -> bool:
        """Connect a Python callable."""
        from .calls import checkAlive

        checkAlive(self._name, self.__self__._qt, type(self.__self__).__name__)
        return connect(self.__self__._qt, self._signature, function)

    def disconnect(self, function: Callable[..., Any] | None = None) -> bool:
        """Disconnect a Python callable, or all of them."""
        from .calls import checkAlive

        checkAlive(self._name, self.__self__._qt, type(self.__self__).__name__)
        return disconnect(self.__self__._qt, self._signature, function)

    def emit(self, *args: Any) -> None:
        """Send the signal."""
        from .calls import checkAlive

        checkAlive(self._name, self.__self__._qt, type(self.__self__).__name__)
        declared = declaredSignatures(self.__self__._qt).get(self._signature)
        signal = getattr(self.__self__._qt, declared or self._name)
        if declared is None:
            signal = signal[self._signature.partition("(")[2].rstrip(")")]
        signal.emit(*(unwrap(arg) for arg in args))

    __call__ = emit
