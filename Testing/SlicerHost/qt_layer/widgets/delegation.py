"""Helpers to write stand-ins: properties that belong to a part, and properties that are a plain field.

A stand-in has exactly what its C++ original shows to Python: properties, signals, public slots and invokable methods.
Everything else starts with an underscore.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Property


def delegated(kind: str, part: str, getter: str, setter: str = "") -> Property:
    """A property of type *kind* that reads and writes through the child object stored as *part*."""
    setter = setter or "set" + getter[0].upper() + getter[1:]

    def read(self: Any) -> Any:
        return getattr(getattr(self, part), getter)()

    def write(self: Any, value: Any) -> None:
        getattr(getattr(self, part), setter)(value)

    return Property(kind, read, write)


def field(kind: str | type, name: str, changed: Callable[[Any], None] | None = None) -> Property:
    """A property kept in the attribute *name*; *changed* is called after a new value was stored."""

    def read(self: Any) -> Any:
        return getattr(self, name)

    def write(self: Any, value: Any) -> None:
        if getattr(self, name) != value:
            setattr(self, name, value)
            if changed is not None:
                changed(self)

    return Property(kind, read, write)
