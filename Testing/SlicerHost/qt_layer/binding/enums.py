"""Enumerations as PythonQt shows them: plain integers that know which C++ type they belong to."""

from __future__ import annotations

import enum
from typing import Any

_classes: dict[type[enum.Enum], type[EnumValue]] = {}


class EnumValue(int):
    """An enumerator or a combination of flags; an int in every respect."""

    qtEnum: type[enum.Enum] | None = None

    def __or__(self, other: Any) -> Any:
        return self._combine(int.__or__(self, int(other)), other)

    __ror__ = __or__

    def __and__(self, other: Any) -> Any:
        return self._combine(int.__and__(self, int(other)), other)

    __rand__ = __and__

    def __xor__(self, other: Any) -> Any:
        return self._combine(int.__xor__(self, int(other)), other)

    __rxor__ = __xor__

    def _combine(self, value: int, other: Any) -> Any:
        if isinstance(other, EnumValue) and type(other) is not type(self):
            return value
        return type(self)(value)

    def toQt(self) -> Any:
        """The value as the binding underneath wants it; an int when no enumerator has this value."""
        assert self.qtEnum is not None
        try:
            return self.qtEnum(int(self))
        except ValueError:
            return int(self)


def enumClass(qtEnum: type[enum.Enum]) -> type[EnumValue]:
    """The integer type that stands for *qtEnum*."""
    found = _classes.get(qtEnum)
    if found is None:
        found = type(qtEnum.__name__, (EnumValue,), {"qtEnum": qtEnum, "__module__": "qt"})
        _classes[qtEnum] = found
    return found


def enumValue(value: enum.Enum) -> EnumValue:
    """*value* as an integer of the matching type."""
    number = value.value if isinstance(value.value, int) else int(value)  # type: ignore[call-overload]
    return enumClass(type(value))(number)
