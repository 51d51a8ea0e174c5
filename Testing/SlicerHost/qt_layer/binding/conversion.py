"""Values on their way between module code (PythonQt's view) and the PySide6 objects underneath."""

from __future__ import annotations

import enum
import math
import weakref
from typing import TYPE_CHECKING, Any

import shiboken6
from PySide6 import QtCore

from .enums import EnumValue, enumValue

if TYPE_CHECKING:
    from .instance import PythonQtInstance

_BASIC = frozenset((type(None), bool, int, float, str, bytes))
#: Wrappers alive, by the address of the C++ object; QObjects only: values have no identity.
_instances: weakref.WeakValueDictionary[int, PythonQtInstance] = weakref.WeakValueDictionary()


def address(qtObject: Any) -> int:
    """The address of the C++ object, 0 when it is gone."""
    return shiboken6.getCppPointer(qtObject)[0] if shiboken6.isValid(qtObject) else 0


def remember(qtObject: Any, instance: PythonQtInstance) -> None:
    """Make *instance* the one wrapper of *qtObject*."""
    if isinstance(qtObject, QtCore.QObject):
        _instances[address(qtObject)] = instance


def wrap(value: Any) -> Any:
    """What module code sees for *value*: wrappers, integers for enumerators, tuples for lists."""
    kind = type(value)
    if kind in _BASIC:
        return value
    if isinstance(value, enum.Enum):
        return enumValue(value)
    if isinstance(value, shiboken6.Object):
        return _wrapObject(value)
    if kind in (list, tuple):
        return tuple(wrap(item) for item in value)
    if kind is dict:
        return {key: wrap(item) for key, item in value.items()}
    return value


def _wrapObject(qtObject: Any) -> Any:
    from .classes import classFor  # the class registry needs this module

    if not isinstance(qtObject, QtCore.QObject):
        return classFor(type(qtObject)).adopt(qtObject)
    if not shiboken6.isValid(qtObject):
        return None
    known = _instances.get(address(qtObject))
    if known is not None and known._qt is qtObject:
        return known
    return classFor(type(qtObject)).adopt(qtObject)


def unwrap(value: Any) -> Any:
    """What PySide6 is given for *value*; anything it does not know is passed as it is."""
    kind = type(value)
    if kind in _BASIC:
        return value
    from .classes import PythonQtClass
    from .instance import PythonQtInstance

    if isinstance(value, PythonQtInstance):
        return value._qt
    if isinstance(value, EnumValue):
        return value.toQt()
    if isinstance(value, PythonQtClass):
        return value.qtClass
    if kind in (list, tuple):
        return kind(unwrap(item) for item in value)
    if kind is dict:
        return {key: unwrap(item) for key, item in value.items()}
    if kind.__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()
    return value


def toInteger(value: Any) -> int:
    """PythonQt's loose conversion to an integer: numbers are floored, text is refused."""
    value = value.item() if type(value).__module__ == "numpy" and value.ndim == 0 else value
    if isinstance(value, float):
        return math.floor(value)
    if isinstance(value, (str, bytes)) or not hasattr(value, "__index__"):
        raise TypeError(f"{value!r} is no number")
    return int(value)


def toDouble(value: Any) -> float:
    """PythonQt's loose conversion to a floating point number: text is refused."""
    if isinstance(value, (str, bytes)) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
        raise TypeError(f"{value!r} is no number")
    return float(value)
