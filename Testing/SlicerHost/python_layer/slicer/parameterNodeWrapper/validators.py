"""Rules a parameter's value must obey; writing a value that breaks one raises and changes nothing."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import Any


class Validator(abc.ABC):
    """Base of all rules."""

    @abc.abstractmethod
    def validate(self, value: Any) -> None:
        """Raise when the value breaks the rule (ValueError is the usual one)."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(str(v) for v in vars(self).values())})"


def extractValidators(annotations: Iterable[Any]) -> tuple[list[Validator], list[Any]]:
    """The rules among the annotations, and the rest."""
    annotations = list(annotations)
    found = [a for a in annotations if _isRule(a)]
    return [a() if isinstance(a, type) else a for a in found], [a for a in annotations if not _isRule(a)]


def _isRule(annotation: Any) -> bool:
    return isinstance(annotation, Validator) or (isinstance(annotation, type) and issubclass(annotation, Validator))


class IsNone(Validator):
    """Only None."""

    def validate(self, value: Any) -> None:
        if value is not None:
            raise ValueError("Value must be None")


class NotNone(Validator):
    """Anything but None."""

    def validate(self, value: Any) -> None:
        if value is None:
            raise ValueError("Value must not be None")


class IsInstance(Validator):
    """Instances of a class (or of one of several), and None."""

    def __init__(self, classtype: Any) -> None:
        self.classtype = classtype

    def validate(self, value: Any) -> None:
        if value is not None and not isinstance(value, self.classtype):
            raise TypeError(f"Value must be of type '{self.classtype}', is type '{type(value)}' value '{value}'")


class WithinRange(Validator):
    """Values from `minimum` to `maximum`, both included."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within range [{self.minimum}, {self.maximum}], is {value}")


class Minimum(Validator):
    """Values from `minimum`, included."""

    def __init__(self, minimum: float) -> None:
        self.minimum = minimum

    def validate(self, value: Any) -> None:
        if value < self.minimum:
            raise ValueError(f"Value must not be less than {self.minimum}, is {value}")


class Maximum(Validator):
    """Values up to `maximum`, included."""

    def __init__(self, maximum: float) -> None:
        self.maximum = maximum

    def validate(self, value: Any) -> None:
        if value > self.maximum:
            raise ValueError(f"Value must not be greater than {self.maximum}, is {value}")


class Choice(Validator):
    """One of the values listed."""

    def __init__(self, choices: Any) -> None:
        self.choices = choices

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"Value is {value}, but must be in one of the following: {self.choices}")


class Exclude(Validator):
    """None of the values listed."""

    def __init__(self, excludedValues: Any) -> None:
        self.excludedValues = excludedValues

    def validate(self, value: Any) -> None:
        if value in self.excludedValues:
            raise ValueError(f"Value is {value}, but must not be an excluded value: {self.excludedValues}")


class RangeBounds(Validator):
    """Ranges (with `minimum` and `maximum`) that lie within bounds."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def validate(self, value: Any) -> None:
        if value.minimum < self.minimum or value.maximum > self.maximum:
            given = f"[{value.minimum}, {value.maximum}]"
            raise ValueError(f"Range must be within the bounds [{self.minimum}, {self.maximum}], is {given}")
