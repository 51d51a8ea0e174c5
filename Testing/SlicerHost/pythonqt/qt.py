"""Qt as the application's PythonQt shows it to module code, all libraries in one namespace.

Classes are made on first use; a name that PythonQt does not wrap raises AttributeError.
"""

from __future__ import annotations

from typing import Any

from qt_layer.namespace import namesOfQt, qtMember

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    member = qtMember(name)
    globals()[name] = member
    return member


def __dir__() -> list[str]:
    return namesOfQt()
