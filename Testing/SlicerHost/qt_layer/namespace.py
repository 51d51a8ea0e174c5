"""What the module `qt` holds."""

from __future__ import annotations

from functools import cache
from typing import Any

import shiboken6
from PySide6 import QtCore, QtGui, QtNetwork, QtPrintSupport, QtSvg, QtSvgWidgets, QtWidgets, QtXml

from .binding import classFor

_LIBRARIES = (QtCore, QtGui, QtWidgets, QtNetwork, QtSvg, QtSvgWidgets, QtPrintSupport, QtXml)
#: Wrapped by PySide6 but not usable from Python in the application: its threads run no Python safely.
_WITHHELD = frozenset(("QThread", "QThreadPool", "QRunnable"))
#: PySide6 classes that PythonQt does not wrap.
_UNKNOWN = frozenset(("QtMsgType", "QSignalInstance", "QPyTextObject", "QKeyCombination", "QEnum", "QFlag"))


def qtMember(name: str) -> Any:
    """The class *name*; AttributeError when PythonQt has none."""
    if name == "QUiLoader":
        from .ui_loader import QUiLoader

        return classFor(QUiLoader)
    if name in _WITHHELD:
        raise AttributeError(f"module 'qt' has no usable '{name}': Python must not run in Qt threads")
    if name in namesOfQt():
        for library in _LIBRARIES:
            found = getattr(library, name, None)
            if found is not None:
                return classFor(found)
    raise AttributeError(f"module 'qt' has no attribute '{name}'")


@cache
def namesOfQt() -> list[str]:
    """All names of the module."""
    names = {"QUiLoader"}
    for library in _LIBRARIES:
        for name in dir(library):
            if name[:1] == "Q" and name not in _UNKNOWN | _WITHHELD:
                member = getattr(library, name)
                if isinstance(member, type) and issubclass(member, shiboken6.Object):
                    names.add(name)
    return sorted(names | {"Qt"})
