"""Calls of C++ methods by PythonQt's rules: no keyword arguments, loose numbers and text, ValueError for misfits."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore, QtGui, QtNetwork, QtWidgets

from .conversion import toDouble, toInteger, unwrap, wrap
from .enums import EnumValue

#: Methods that take a Python callable in PythonQt too; a QVariant argument may be any object.
_TAKES_CALLABLE = frozenset(
    ("singleShot", "setData", "setProperty", "setItemData", "addItem", "insertItem", "setValue", "setUserData")
)
_SIGNATURE = re.compile(r"^\s+[\w.]+\((.*)\)\s*$")
_REFUSAL = re.compile(r"called with wrong argument|\(\d+ given\)|(positional|keyword) argument|not enough arguments")
_MODULES = {
    "PySide6.QtCore": QtCore,
    "PySide6.QtGui": QtGui,
    "PySide6.QtNetwork": QtNetwork,
    "PySide6.QtWidgets": QtWidgets,
}


def call(name: str, function: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Call *function* with unwrapped *args* and wrap what it returns.

    Raises ValueError for keyword arguments and for arguments that fit no overload, even loosely.
    """
    if keywords:
        raise ValueError(f"Called {name} with keyword arguments, but called slot does not support kwargs.")
    refuseCallables(name, args)
    if name == "setContentsMargins" and any(isinstance(arg, float) for arg in args):
        raise ValueError(f"Called {name} with wrong arguments: {args!r}: the margins are integers")
    if name in _TAKES_CALLABLE:  # what ends in a QVariant is a plain number there
        args = tuple(int(arg) if isinstance(arg, EnumValue) else arg for arg in args)
    return wrap(invoke(name, function, tuple(unwrap(arg) for arg in args)))


def refuseCallables(name: str, args: tuple[Any, ...]) -> None:
    """Raise ValueError for a Python callable among *args* of a method that takes none in PythonQt."""
    if name in _TAKES_CALLABLE:
        return
    for arg in args:
        kind = type(arg)
        if kind.__name__ in ("function", "method", "builtin_function_or_method", "BoundMethod", "partial"):
            raise ValueError(f"Called {name} with wrong arguments: a Python callable can only be connected to a signal")


def invoke(name: str, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call *function*; where its types refuse *args*, try PythonQt's loose conversions."""
    if None in [arg if arg is None else 0 for arg in args]:
        args = _textForNone(function, args)
    try:
        return function(*args)
    except (TypeError, OverflowError, ValueError) as problem:
        if not _isAboutArguments(problem):
            raise
        for types in _overloads(str(problem)):
            try:
                converted = _convert(types, args)
            except (TypeError, ValueError):
                continue
            if converted is not None:
                return function(*converted)
        raise ValueError(f"Called {name} with wrong arguments: {args!r}") from None


def _isAboutArguments(problem: Exception) -> bool:
    """Whether the binding refused the arguments, rather than Python code underneath having failed."""
    return _REFUSAL.search(str(problem)) is not None


def _overloads(message: str) -> list[list[str]]:
    """The argument types of each overload, read from the binding's own error message."""
    found = []
    for line in message.split("Supported signatures:")[-1].splitlines():
        match = _SIGNATURE.match(line)
        if match:
            parts = [part.strip() for part in _split(match.group(1)) if part.strip() not in ("/", "*")]
            found.append([part.split(":", 1)[1].split("=")[0].strip() for part in parts if ":" in part])
    return found


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        depth += letter in "[("
        depth -= letter in "])"
        if letter == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _convert(types: list[str], args: tuple[Any, ...]) -> list[Any] | None:
    """*args* converted to *types*, None when the number does not fit."""
    if len(types) < len(args):
        return None
    return [_loosely(kind, arg) for kind, arg in zip(types, args)]


def _loosely(kind: str, value: Any) -> Any:
    names = [part.strip() for part in kind.split("|")]
    for name in names:
        wanted = _resolve(name)
        if isinstance(wanted, type) and isinstance(value, wanted):
            return value
    if "None" in names and value is None:
        return value
    for name in names:
        wanted = _resolve(name)
        if isinstance(wanted, type) and issubclass(wanted, enum.Enum) and not isinstance(value, (str, bytes)):
            return wanted(int(value))
        if wanted is int:
            return toInteger(value)
        if wanted is float:
            return toDouble(value)
        if wanted is bool:
            return bool(value)
        if wanted is str:
            return str(value)
    if any("Sequence" in name or "Iterable" in name or name == "object" for name in names):
        return value
    raise TypeError(kind)


def _resolve(name: str) -> Any:
    if name in ("int", "float", "bool", "str", "bytes"):
        return {"int": int, "float": float, "bool": bool, "str": str, "bytes": bytes}[name]
    parts = name.split(".")
    found: Any = _MODULES.get(".".join(parts[:2]))
    for part in parts[2:]:
        found = getattr(found, part, None)
    return found


def _textForNone(function: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, ...]:
    """None where the only overload wants text becomes "None", as in PythonQt; elsewhere it is the null pointer."""
    try:
        from shibokensupport.signature import get_signature
    except ImportError:
        return args
    signature = get_signature(getattr(function, "function", function))
    if signature is None or isinstance(signature, list):
        return args
    kinds = [p.annotation for p in signature.parameters.values() if p.name != "self"]
    return tuple(
        "None" if arg is None and index < len(kinds) and kinds[index] is str else arg for index, arg in enumerate(args)
    )


def checkAlive(name: str, qtObject: Any, className: str) -> None:
    """Raise ValueError when the C++ object has been deleted."""
    if not shiboken6.isValid(qtObject):
        raise ValueError(f"Trying to call '{name}' on a destroyed {className} object")
