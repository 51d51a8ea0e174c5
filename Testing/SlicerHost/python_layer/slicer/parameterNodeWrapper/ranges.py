"""`FloatRange`: two numbers in order, as range widgets show them."""

from __future__ import annotations

from .pack import parameterPack


@parameterPack
class FloatRange:
    """A range; `minimum` never exceeds `maximum`."""

    _minimum: float
    _maximum: float

    def __init__(self, minimum: float = 0, maximum: float = 0) -> None:
        self.setRange(minimum, maximum)

    def __str__(self) -> str:
        return f"FloatRange(minimum={self.minimum}, maximum={self.maximum})"

    __repr__ = __str__

    @staticmethod
    def checkRange(minimum: float, maximum: float) -> None:
        """Raise ValueError when the ends are in the wrong order."""
        if minimum > maximum:
            raise ValueError(f"FloatRange must have minimum <= maximum: {minimum} <= {maximum}")

    @property
    def minimum(self) -> float:
        """The lower end."""
        return self._minimum

    @minimum.setter
    def minimum(self, value: float) -> None:
        self.checkRange(value, self.maximum)
        self._minimum = value

    @property
    def maximum(self) -> float:
        """The upper end."""
        return self._maximum

    @maximum.setter
    def maximum(self, value: float) -> None:
        self.checkRange(self.minimum, value)
        self._maximum = value

    def setRange(self, minimum: float, maximum: float) -> None:
        """Set both ends."""
        self.checkRange(minimum, maximum)
        self._minimum = minimum
        self._maximum = maximum
