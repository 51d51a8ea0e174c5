"""Numeric CTK widgets: spin box, sliders, ranges, coordinates."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import Property, Qt, Signal, Slot
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QWidget

from .delegation import delegated, field

_STEPS = 2**31 - 1


class ctkDoubleSpinBox(QWidget):
    """A spin box for floating point numbers."""

    valueChanged = Signal(float)
    decimalsChanged = Signal(int)
    editingFinished = Signal()
    FixedDecimals, DecimalsByShortcuts, DecimalsByKey, DecimalsByValue, DecimalsAsMin = 0, 2, 1, 4, 8
    alignment = delegated("int", "_spin", "alignment")
    frame = delegated("bool", "_spin", "hasFrame", "setFrame")
    prefix = delegated("QString", "_spin", "prefix")
    suffix = delegated("QString", "_spin", "suffix")
    cleanText = Property("QString", lambda self: self._spin.cleanText())
    minimum = delegated("double", "_spin", "minimum")
    maximum = delegated("double", "_spin", "maximum")
    singleStep = delegated("double", "_spin", "singleStep")
    value = delegated("double", "_spin", "value")
    readOnly = delegated("bool", "_spin", "isReadOnly", "setReadOnly")
    invertedControls = field("bool", "_invertedControls")
    decimalsOption = field("int", "_decimalsOption")
    decimals = Property(int, lambda self: self._spin.decimals(), lambda self, value: self.setDecimals(value))

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._invertedControls = False
        self._decimalsOption = self.DecimalsByShortcuts
        self._spin = QDoubleSpinBox(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._spin)
        self.setFocusProxy(self._spin)
        self._spin.valueChanged.connect(self.valueChanged)
        self._spin.editingFinished.connect(self.editingFinished)

    @Slot(int)
    def setDecimals(self, decimals: int) -> None:
        """Number of digits after the point."""
        if decimals != self._spin.decimals():
            self._spin.setDecimals(decimals)
            self.decimalsChanged.emit(decimals)

    @Slot(float)
    def setValue(self, value: float) -> None:
        """Set the value, clamped to the limits."""
        self._spin.setValue(value)

    @Slot()
    def stepUp(self) -> None:
        """One step up."""
        self._spin.stepUp()

    @Slot()
    def stepDown(self) -> None:
        """One step down."""
        self._spin.stepDown()


class ctkDoubleSlider(QWidget):
    """A slider for floating point numbers."""

    valueChanged = Signal(float)
    sliderMoved = Signal(float)
    sliderPressed = Signal()
    sliderReleased = Signal()
    rangeChanged = Signal(float, float)
    tickPosition = delegated("int", "_slider", "tickPosition")
    tracking = delegated("bool", "_slider", "hasTracking", "setTracking")
    invertedAppearance = delegated("bool", "_slider", "invertedAppearance")
    invertedControls = delegated("bool", "_slider", "invertedControls")
    pageStep = field("double", "_pageStep")
    tickInterval = field("double", "_tickInterval")
    handleToolTip = field("QString", "_handleToolTip")
    value = Property(float, lambda self: self._value, lambda self, value: self.setValue(value))
    sliderPosition = Property(float, lambda self: self._value, lambda self, value: self.setValue(value))
    orientation = Property(int, lambda self: self._slider.orientation().value, lambda s, v: s.setOrientation(v))

    def __init__(self, *args: Any) -> None:
        orientation = args[0] if args and isinstance(args[0], Qt.Orientation) else Qt.Orientation.Vertical
        super().__init__(next((arg for arg in args if isinstance(arg, QWidget)), None))
        self._minimum, self._maximum, self._value, self._step = 0.0, 99.0, 0.0, 1.0
        self._pageStep, self._tickInterval, self._handleToolTip = 10.0, 0.0, ""
        self._slider = QSlider(orientation, self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        self._slider.sliderPressed.connect(self.sliderPressed)
        self._slider.sliderReleased.connect(self.sliderReleased)
        self._slider.valueChanged.connect(self._moved)
        self._slider.sliderMoved.connect(lambda position: self.sliderMoved.emit(self._toValue(position)))
        self._fit()

    def _fit(self) -> None:
        span = self._maximum - self._minimum
        count = span / self._step if math.isfinite(span) and self._step > 0 else _STEPS
        blocked = self._slider.blockSignals(True)
        self._slider.setRange(0, max(0, min(_STEPS, round(count))))
        self._slider.blockSignals(blocked)
        self._value = min(max(self._value, self._minimum), self._maximum)
        self._show()

    def _toValue(self, position: int) -> float:
        value = self._minimum + position * self._step
        return self._maximum if position == self._slider.maximum() else min(value, self._maximum)

    def _show(self) -> None:
        blocked = self._slider.blockSignals(True)
        offset = (self._value - self._minimum) / self._step if math.isfinite(self._minimum) and self._step > 0 else 0
        self._slider.setValue(max(0, min(_STEPS, round(offset))))
        self._slider.blockSignals(blocked)

    def _moved(self, position: int) -> None:
        self._store(self._toValue(position))

    def _store(self, value: float) -> None:
        value = min(max(value, self._minimum), self._maximum)
        if value != self._value:
            self._value = value
            self.valueChanged.emit(value)

    def _setLimit(self, name: str, value: float) -> None:
        if getattr(self, name) == value:
            return
        before = self._value
        setattr(self, name, float(value))
        if name == "_minimum":
            self._maximum = max(self._maximum, self._minimum)
        elif name == "_maximum":
            self._minimum = min(self._minimum, self._maximum)
        self._fit()
        self.rangeChanged.emit(self._minimum, self._maximum)
        if before != self._value:
            self.valueChanged.emit(self._value)

    minimum = Property(float, lambda self: self._minimum, lambda self, value: self._setLimit("_minimum", value))
    maximum = Property(float, lambda self: self._maximum, lambda self, value: self._setLimit("_maximum", value))
    singleStep = Property(float, lambda self: self._step, lambda self, value: self._setLimit("_step", value))

    @Slot(float)
    def setValue(self, value: float) -> None:
        """Set the value, clamped to the limits."""
        self._store(float(value))
        self._show()

    @Slot(int)
    def setOrientation(self, orientation: Any) -> None:
        """Horizontal or vertical."""
        self._slider.setOrientation(Qt.Orientation(orientation))


class ctkSliderWidget(QWidget):
    """A slider beside a spin box that hold the same value."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    decimalsChanged = Signal(int)
    NoSynchronize, SynchronizeWidth, SynchronizeDecimals = 0, 1, 2
    synchronizeSiblings = field("int", "_synchronizeSiblings")
    popupSlider = field("bool", "_popupSlider")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._synchronizeSiblings, self._popupSlider, self._tracking = 0, False, True
        self._slider = ctkDoubleSlider(Qt.Orientation.Horizontal, self)
        self._spin = ctkDoubleSpinBox(self)
        self._pressedAt: float | None = None
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider, 1)
        layout.addWidget(self._spin)
        self._slider.maximum = 99.0
        self._spin.minimum, self._spin.maximum = 0.0, 99.0
        self._reported = 0.0
        self._slider.sliderPressed.connect(self._startChanging)
        self._slider.sliderReleased.connect(self._stopChanging)
        self._slider.valueChanged.connect(self._fromSlider)
        self._spin.valueChanged.connect(self._fromSpinBox)
        self._spin.decimalsChanged.connect(self.decimalsChanged)
        self.setFocusProxy(self._spin)

    def _startChanging(self) -> None:
        self._pressedAt = self._spin.value

    def _stopChanging(self) -> None:
        before, self._pressedAt = self._pressedAt, None
        if not self._tracking and before is not None and before != self._spin.value:
            self._report()

    def _fromSlider(self, value: float) -> None:
        blocked = self._spin._spin.blockSignals(True)
        self._spin.setValue(value)
        self._spin._spin.blockSignals(blocked)
        self._changed()

    def _fromSpinBox(self, value: float) -> None:
        blocked = self._slider.blockSignals(True)
        self._slider.setValue(value)
        self._slider.blockSignals(blocked)
        self._changed()

    def _changed(self) -> None:
        if self._spin.value == self._reported:
            return
        if self._pressedAt is not None and not self._tracking:
            self.valueIsChanging.emit(self._spin.value)
            return
        if self._pressedAt is not None:
            self.valueIsChanging.emit(self._spin.value)
        self._report()

    def _report(self) -> None:
        self._reported = self._spin.value
        self.valueChanged.emit(self._spin.value)

    def _setLimits(self, minimum: float, maximum: float) -> None:
        blocked = self._slider.blockSignals(True)
        self._slider.minimum, self._slider.maximum = minimum, maximum
        self._spin._spin.blockSignals(True)
        self._spin.minimum, self._spin.maximum = minimum, maximum
        self._slider.setValue(self._spin.value)
        self._spin._spin.blockSignals(False)
        self._slider.blockSignals(blocked)
        self._changed()

    def _setStep(self, step: float) -> None:
        self._spin.singleStep = step
        self._slider.singleStep = step
        self._slider.setValue(self._spin.value)

    def _setTracking(self, on: bool) -> None:
        self._tracking = on

    minimum = Property(float, lambda s: s._spin.minimum, lambda s, v: s._setLimits(v, max(v, s._spin.maximum)))
    maximum = Property(float, lambda s: s._spin.maximum, lambda s, v: s._setLimits(min(v, s._spin.minimum), v))
    singleStep = Property(float, lambda self: self._spin.singleStep, lambda self, value: self._setStep(value))
    pageStep = Property(float, lambda s: s._slider.pageStep, lambda s, v: setattr(s._slider, "pageStep", v))
    prefix = Property("QString", lambda s: s._spin.prefix, lambda s, v: setattr(s._spin, "prefix", v))
    suffix = Property("QString", lambda s: s._spin.suffix, lambda s, v: setattr(s._spin, "suffix", v))
    tickInterval = Property(float, lambda s: s._slider.tickInterval, lambda s, v: setattr(s._slider, "tickInterval", v))
    tracking = Property(bool, lambda self: self._tracking, lambda self, on: self._setTracking(on))
    value = Property(float, lambda self: self._spin.value, lambda self, value: self.setValue(value))
    decimals = Property(int, lambda self: self._spin.decimals, lambda self, value: self.setDecimals(value))
    spinBoxVisible = Property(bool, lambda s: not s._spin.isHidden(), lambda s, on: s.setSpinBoxVisible(on))
    invertedAppearance = Property(
        bool, lambda s: s._slider.invertedAppearance, lambda s, on: setattr(s._slider, "invertedAppearance", on)
    )
    invertedControls = Property(
        bool, lambda s: s._slider.invertedControls, lambda s, on: setattr(s._slider, "invertedControls", on)
    )

    @Slot()
    def reset(self) -> None:
        """Back to zero."""
        self.setValue(0.0)

    @Slot(float)
    def setValue(self, value: float) -> None:
        """Set the value, clamped to the limits and rounded to the decimals."""
        self._spin.setValue(value)

    @Slot(bool)
    def setSpinBoxVisible(self, visible: bool) -> None:
        """Show or hide the spin box."""
        self._spin.setVisible(visible)

    @Slot(int)
    def setDecimals(self, decimals: int) -> None:
        """Number of digits after the point."""
        self._spin.setDecimals(decimals)
