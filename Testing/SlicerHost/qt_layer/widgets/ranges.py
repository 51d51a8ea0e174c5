"""CTK widgets for a pair of numbers or a point: range widget, range slider, coordinates."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import Property, QPoint, QRect, Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QStyle, QStyleOptionSlider, QWidget

from .delegation import field
from .numbers import ctkDoubleSpinBox


class ctkDoubleRangeSlider(QWidget):
    """A slider with two handles."""

    minimumValueChanged = Signal(float)
    maximumValueChanged = Signal(float)
    valuesChanged = Signal(float, float)
    rangeChanged = Signal(float, float)
    sliderPressed = Signal()
    sliderReleased = Signal()
    singleStep = field("double", "_step")
    symmetricMoves = field("bool", "_symmetricMoves")
    tracking = field("bool", "_tracking")

    def __init__(self, *args: Any) -> None:
        super().__init__(next((arg for arg in args if isinstance(arg, QWidget)), None))
        self._limits, self._values = (0.0, 99.0), (0.0, 99.0)
        self._step, self._symmetricMoves, self._tracking = 1.0, False, True
        self._dragged: int | None = None
        self.setMinimumSize(60, 20)

    def _setLimits(self, low: float, high: float) -> None:
        if (low, high) != self._limits:
            self._limits = (float(low), float(max(low, high)))
            self.rangeChanged.emit(*self._limits)
            self.setValues(*self._values)

    @Slot(float, float)
    def setValues(self, low: float, high: float) -> None:
        """Set both values, clamped to the limits."""
        low, high = sorted(min(max(float(value), self._limits[0]), self._limits[1]) for value in (low, high))
        before, self._values = self._values, (low, high)
        if before == self._values:
            return
        if before[0] != low:
            self.minimumValueChanged.emit(low)
        if before[1] != high:
            self.maximumValueChanged.emit(high)
        self.valuesChanged.emit(low, high)
        self.update()

    @Slot(float)
    def setMinimumValue(self, value: float) -> None:
        """Set the lower value."""
        self.setValues(min(value, self._values[1]), self._values[1])

    @Slot(float)
    def setMaximumValue(self, value: float) -> None:
        """Set the upper value."""
        self.setValues(self._values[0], max(value, self._values[0]))

    @Slot(float, float)
    def setRange(self, minimum: float, maximum: float) -> None:
        """Set both limits."""
        self._setLimits(minimum, maximum)

    minimum = Property(float, lambda s: s._limits[0], lambda s, v: s._setLimits(v, max(v, s._limits[1])))
    maximum = Property(float, lambda s: s._limits[1], lambda s, v: s._setLimits(min(v, s._limits[0]), v))
    minimumValue = Property(float, lambda s: s._values[0], lambda s, v: s.setMinimumValue(v))
    maximumValue = Property(float, lambda s: s._values[1], lambda s, v: s.setMaximumValue(v))

    def _positions(self) -> list[int]:
        span = (self._limits[1] - self._limits[0]) or 1.0
        usable = max(1, self.width() - 12)
        return [
            6 + round((value - self._limits[0]) / span * usable) if math.isfinite(span) else 6 for value in self._values
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """A groove, the part between the values, and two handles."""
        painter = QPainter(self)
        option = QStyleOptionSlider()
        option.initFrom(self)
        option.orientation = Qt.Orientation.Horizontal
        self.style().drawComplexControl(QStyle.ComplexControl.CC_Slider, option, painter, self)
        low, high = self._positions()
        middle = self.height() // 2
        painter.fillRect(QRect(low, middle - 2, high - low, 4), self.palette().highlight())
        for position in (low, high):
            painter.setBrush(self.palette().button())
            painter.drawRect(position - 4, middle - 7, 8, 14)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the nearer handle."""
        x = event.position().toPoint().x()
        self._dragged = min((0, 1), key=lambda index: abs(self._positions()[index] - x))
        self.sliderPressed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the handle that was taken."""
        if self._dragged is None:
            return
        point: QPoint = event.position().toPoint()
        share = (point.x() - 6) / max(1, self.width() - 12)
        value = self._limits[0] + share * (self._limits[1] - self._limits[0])
        (self.setMinimumValue if self._dragged == 0 else self.setMaximumValue)(value)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let the handle go."""
        self._dragged = None
        self.sliderReleased.emit()


class ctkRangeWidget(QWidget):
    """A range slider between two spin boxes."""

    minimumValueChanged = Signal(float)
    maximumValueChanged = Signal(float)
    minimumValueIsChanging = Signal(float)
    maximumValueIsChanging = Signal(float)
    valuesChanged = Signal(float, float)
    rangeChanged = Signal(float, float)
    tickInterval = field("double", "_tickInterval")
    autoSpinBoxWidth = field("bool", "_autoSpinBoxWidth")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tickInterval, self._autoSpinBoxWidth = 0.0, True
        self._low, self._high = ctkDoubleSpinBox(self), ctkDoubleSpinBox(self)
        self._slider = ctkDoubleRangeSlider(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._low)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._high)
        for box, value in ((self._low, 0.0), (self._high, 99.0)):
            box.minimum, box.maximum = 0.0, 99.0
            box.setValue(value)
        self._slider.valuesChanged.connect(self._fromSlider)
        self._slider.minimumValueChanged.connect(self.minimumValueChanged)
        self._slider.maximumValueChanged.connect(self.maximumValueChanged)
        self._slider.rangeChanged.connect(self.rangeChanged)
        self._low.valueChanged.connect(self._slider.setMinimumValue)
        self._high.valueChanged.connect(self._slider.setMaximumValue)

    def _fromSlider(self, low: float, high: float) -> None:
        for box, value in ((self._low, low), (self._high, high)):
            blocked = box._spin.blockSignals(True)
            box.setValue(value)
            box._spin.blockSignals(blocked)
        self.valuesChanged.emit(low, high)

    def _eachBox(self, name: str, value: Any) -> None:
        for box in (self._low, self._high):
            setattr(box, name, value)

    @Slot(float, float)
    def setRange(self, minimum: float, maximum: float) -> None:
        """Set both limits."""
        for box in (self._low, self._high):
            blocked = box._spin.blockSignals(True)
            box.minimum, box.maximum = minimum, maximum
            box._spin.blockSignals(blocked)
        self._slider.setRange(minimum, maximum)

    @Slot(float, float)
    def setValues(self, low: float, high: float) -> None:
        """Set both values, clamped to the limits."""
        self._slider.setValues(low, high)

    @Slot(float)
    def setMinimumValue(self, value: float) -> None:
        """Set the lower value."""
        self._slider.setMinimumValue(value)

    @Slot(float)
    def setMaximumValue(self, value: float) -> None:
        """Set the upper value."""
        self._slider.setMaximumValue(value)

    @Slot(int)
    def setDecimals(self, decimals: int) -> None:
        """Number of digits after the point."""
        for box in (self._low, self._high):
            box.setDecimals(decimals)

    @Slot()
    def reset(self) -> None:
        """Select the whole range."""
        self.setValues(*self._slider._limits)

    decimals = Property(int, lambda self: self._low.decimals, lambda self, value: self.setDecimals(value))
    singleStep = Property(float, lambda s: s._low.singleStep, lambda s, v: s._eachBox("singleStep", v))
    prefix = Property("QString", lambda s: s._low.prefix, lambda s, v: s._eachBox("prefix", v))
    suffix = Property("QString", lambda s: s._low.suffix, lambda s, v: s._eachBox("suffix", v))
    minimum = Property(float, lambda s: s._slider.minimum, lambda s, v: s.setRange(v, max(v, s._slider.maximum)))
    maximum = Property(float, lambda s: s._slider.maximum, lambda s, v: s.setRange(min(v, s._slider.minimum), v))
    minimumValue = Property(float, lambda s: s._slider.minimumValue, lambda s, v: s.setMinimumValue(v))
    maximumValue = Property(float, lambda s: s._slider.maximumValue, lambda s, v: s.setMaximumValue(v))
    tracking = Property(bool, lambda s: s._slider.tracking, lambda s, v: setattr(s._slider, "tracking", v))
    symmetricMoves = Property(
        bool, lambda s: s._slider.symmetricMoves, lambda s, v: setattr(s._slider, "symmetricMoves", v)
    )


class ctkCoordinatesWidget(QWidget):
    """Spin boxes for the coordinates of a point."""

    SIGNATURES = {
        "coordinatesChanged(double,double,double,double)": "coordinatesChanged",
        "coordinatesChanged(double*)": "coordinatesChanged",
    }
    coordinatesChanged = Signal(float, float, float, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._boxes: list[ctkDoubleSpinBox] = []
        self._normalized = False
        self._options: dict[str, Any] = {"minimum": -100000.0, "maximum": 100000.0, "singleStep": 1.0, "decimals": 3}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._setDimension(3)

    def _setDimension(self, dimension: int) -> None:
        while len(self._boxes) > dimension:
            self._boxes.pop().deleteLater()
        while len(self._boxes) < dimension:
            box = ctkDoubleSpinBox(self)
            for name, value in self._options.items():
                setattr(box, name, value)
            box.valueChanged.connect(lambda _: self._emit())
            self._row.addWidget(box)
            self._boxes.append(box)

    def _setOption(self, name: str, value: Any) -> None:
        self._options[name] = value
        for box in self._boxes:
            setattr(box, name, value)

    def _numbers(self) -> list[float]:
        return [box.value for box in self._boxes]

    def _emit(self) -> None:
        self.coordinatesChanged.emit(*(self._numbers() + [0.0] * 4)[:4])

    def _setNumbers(self, numbers: list[float]) -> None:
        if numbers[: len(self._boxes)] == self._numbers():
            return
        for box, number in zip(self._boxes, numbers):
            blocked = box._spin.blockSignals(True)
            box.setValue(number)
            box._spin.blockSignals(blocked)
        if self._normalized:
            self.normalize()
        self._emit()

    def _setText(self, text: str) -> None:
        try:
            self._setNumbers([float(part) for part in text.split(",")])
        except ValueError:
            return

    def _setNormalized(self, on: bool) -> None:
        self._normalized = on
        if on:
            self.normalize()

    @Slot()
    def normalize(self) -> None:
        """Scale to unit length."""
        length = math.hypot(*self._numbers())
        if length > 0:
            for box in self._boxes:
                blocked = box._spin.blockSignals(True)
                box.setValue(box.value / length)
                box._spin.blockSignals(blocked)

    @Slot(int)
    def setDecimals(self, decimals: int) -> None:
        """Number of digits after the point."""
        self._setOption("decimals", decimals)

    @Slot(bool)
    def setReadOnly(self, readOnly: bool) -> None:
        """Whether the user can change the values."""
        self._setOption("readOnly", readOnly)

    def setCoordinates(self, x: float, y: float = 0.0, z: float = 0.0, w: float = 0.0) -> None:
        """Set the point."""
        self._setNumbers([x, y, z, w])

    def getCoordinate(self, dimension: int) -> float:
        """One coordinate."""
        return float(self._boxes[dimension].value)

    coordinates = Property("QString", lambda s: ",".join(f"{n:g}" for n in s._numbers()), lambda s, v: s._setText(v))
    dimension = Property(int, lambda self: len(self._boxes), lambda self, value: self._setDimension(value))
    normalized = Property(bool, lambda self: self._normalized, lambda self, on: self._setNormalized(on))
    decimals = Property(int, lambda s: s._options["decimals"], lambda s, v: s.setDecimals(v))
    minimum = Property(float, lambda s: s._options["minimum"], lambda s, v: s._setOption("minimum", v))
    maximum = Property(float, lambda s: s._options["maximum"], lambda s, v: s._setOption("maximum", v))
    singleStep = Property(float, lambda s: s._options["singleStep"], lambda s, v: s._setOption("singleStep", v))
    readOnly = Property(bool, lambda s: s._options.get("readOnly", False), lambda s, v: s.setReadOnly(v))
