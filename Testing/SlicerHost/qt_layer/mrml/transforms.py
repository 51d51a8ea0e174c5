"""Sliders and matrix of a linear transform node."""

from __future__ import annotations

import math
from typing import Any

import slicer
import vtk
from PySide6.QtCore import Property, Signal, Slot
from PySide6.QtWidgets import QFormLayout, QGroupBox, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from ..widgets.delegation import field
from ..widgets.numbers import ctkSliderWidget
from .base import Observers, qMRMLWidget, requireKind


def _linear(node: Any) -> Any:
    """*node* if it is a linear transform node, else None."""
    return node if node is not None and node.IsA("vtkMRMLTransformNode") and node.IsLinear() else None


def _matrixOf(node: Any) -> Any:
    matrix = vtk.vtkMatrix4x4()
    node.GetMatrixTransformToParent(matrix)
    return matrix


class qMRMLTransformSliders(qMRMLWidget):
    """Three sliders that translate or rotate a transform node, in its own or its parent's axes."""

    GLOBAL, LOCAL = 0, 1
    ROTATION, TRANSLATION = 0, 1
    valuesChanged = Signal()
    rangeChanged = Signal(float, float)
    decimalsChanged = Signal(int)
    CoordinateReference = field("int", "_reference", lambda self: self._refresh())
    TypeOfTransform = field("int", "_kind", lambda self: self._applyKind())
    minMaxVisible = field("bool", "_minMaxVisible")
    _minMaxVisible = False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reference, self._kind = self.GLOBAL, self.TRANSLATION
        self._transform: Any = None
        self._nodeObservers = Observers(self)
        self._box = QGroupBox(self)
        self._form = QFormLayout(self._box)
        self._sliders = [ctkSliderWidget(self._box) for _ in range(3)]
        for name, slider, tag in zip(("LR", "PA", "IS"), self._sliders, range(3)):
            slider.setObjectName(f"{name}Slider")
            slider.decimals = 1
            self._form.addRow(name, slider)
            slider.valueChanged.connect(lambda value, tag=tag: self._apply(tag, value))
        self._before = [0.0, 0.0, 0.0]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._box)
        self._applyKind()
        self.setEnabled(False)

    def _applyKind(self) -> None:
        limit = 180.0 if self._kind == self.ROTATION else 200.0
        self.setRange(-limit, limit)
        self._refresh()

    def _show(self, values: list[float]) -> None:
        for slider, value in zip(self._sliders, values):
            blocked = slider.blockSignals(True)
            slider.setValue(value)
            slider.blockSignals(blocked)
        self._before = [slider.value for slider in self._sliders]

    def _refresh(self) -> None:
        """Translations show the node; rotations and local moves are counted from where they began."""
        if self._transform is None or self._kind == self.ROTATION or self._reference == self.LOCAL:
            return
        matrix = _matrixOf(self._transform)
        values = [matrix.GetElement(axis, 3) for axis in range(3)]
        largest = max(abs(value) for value in values)
        if largest > self._sliders[0].maximum:
            self.setRange(-math.ceil(largest + 100), math.ceil(largest + 100))
        self._show(values)

    def _apply(self, axis: int, value: float) -> None:
        if self._transform is None:
            return
        change, self._before[axis] = value - self._before[axis], value
        transform = vtk.vtkTransform()
        transform.SetMatrix(_matrixOf(self._transform))
        transform.PostMultiply() if self._reference == self.GLOBAL else transform.PreMultiply()
        unit = [float(index == axis) for index in range(3)]
        if self._kind == self.ROTATION:
            transform.RotateWXYZ(change, *unit)
        else:
            transform.Translate(*(change * part for part in unit))
        self._transform.SetMatrixTransformToParent(transform.GetMatrix())
        if self._kind == self.ROTATION or self._reference == self.LOCAL:
            self._show([value if index == axis else 0.0 for index in range(3)])
        self.valuesChanged.emit()

    # -- methods of the application's widget

    def mrmlTransformNode(self) -> Any:
        """The transform node."""
        return self._transform

    @Slot(object)
    def setMRMLTransformNode(self, node: Any) -> None:
        """Move another transform node, None for none."""
        requireKind(node, slicer.vtkMRMLNode, "setMRMLTransformNode")
        self._nodeObservers.clear()
        self._transform = _linear(node)
        if self._transform is not None:
            event = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
            self._nodeObservers.add(self._transform, event, self._refresh)
        self._show([0.0, 0.0, 0.0])
        self._refresh()
        self.setEnabled(self._transform is not None)

    @Slot()
    def reset(self) -> None:
        """Sliders back to zero; the node stays as it is."""
        self._show([0.0, 0.0, 0.0])

    @Slot()
    def resetUnactiveSliders(self) -> None:
        """Those sliders back to zero that were not used last."""
        self._show([0.0, 0.0, 0.0])

    def setRange(self, minimum: float, maximum: float) -> None:
        """Limits of the sliders (mm or degrees)."""
        for slider in self._sliders:
            blocked = slider.blockSignals(True)
            slider.minimum, slider.maximum = minimum, maximum
            slider.blockSignals(blocked)
        self.rangeChanged.emit(minimum, maximum)

    @Slot(int)
    def setDecimals(self, decimals: int) -> None:
        """Number of digits after the point."""
        for slider in self._sliders:
            slider.setDecimals(decimals)
        self.decimalsChanged.emit(decimals)

    def _setStep(self, step: float) -> None:
        for slider in self._sliders:
            slider.singleStep = step

    def _label(self, row: int) -> str:
        return self._form.itemAt(row, QFormLayout.ItemRole.LabelRole).widget().text()

    def _setLabel(self, row: int, text: str) -> None:
        self._form.itemAt(row, QFormLayout.ItemRole.LabelRole).widget().setText(text)

    Title = Property("QString", lambda self: self._box.title(), lambda self, text: self._box.setTitle(text))
    LRLabel = Property("QString", lambda self: self._label(0), lambda self, text: self._setLabel(0, text))
    PALabel = Property("QString", lambda self: self._label(1), lambda self, text: self._setLabel(1, text))
    ISLabel = Property("QString", lambda self: self._label(2), lambda self, text: self._setLabel(2, text))
    SingleStep = Property(float, lambda self: self._sliders[0].singleStep, lambda self, step: self._setStep(step))
    decimals = Property(int, lambda self: self._sliders[0].decimals, lambda self, value: self.setDecimals(value))
    minimum = Property(float, lambda s: s._sliders[0].minimum, lambda s, v: s.setRange(v, s._sliders[0].maximum))
    maximum = Property(float, lambda s: s._sliders[0].maximum, lambda s, v: s.setRange(s._sliders[0].minimum, v))


class qMRMLMatrixWidget(QWidget):
    """The 4 x 4 matrix of a linear transform node, to read and edit."""

    GLOBAL, LOCAL = 0, 1
    matrixChanged = Signal()
    coordinateReference = field("int", "_reference")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reference = self.GLOBAL
        self._transform: Any = None
        self._nodeObservers = Observers(self)
        self._table = QTableWidget(4, 4, self)
        self._table.horizontalHeader().hide()
        self._table.verticalHeader().hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._table)
        self._refresh()
        self._table.cellChanged.connect(lambda *_: self._edit())

    def _refresh(self) -> None:
        matrix = _matrixOf(self._transform) if self._transform is not None else vtk.vtkMatrix4x4()
        blocked = self._table.blockSignals(True)
        for row in range(4):
            for column in range(4):
                self._table.setItem(row, column, QTableWidgetItem(f"{matrix.GetElement(row, column):.6g}"))
        self._table.blockSignals(blocked)
        self.setEnabled(self._transform is not None)

    def _edit(self) -> None:
        if self._transform is None:
            return
        matrix = vtk.vtkMatrix4x4()
        try:
            for row in range(3):
                for column in range(4):
                    matrix.SetElement(row, column, self.value(row, column))
        except ValueError:
            self._refresh()
            return
        self._transform.SetMatrixTransformToParent(matrix)
        self.matrixChanged.emit()

    def value(self, row: int, column: int) -> float:
        """One element."""
        return float(self._table.item(row, column).text())

    def setValue(self, row: int, column: int, value: float) -> None:
        """Change one element."""
        self._table.item(row, column).setText(f"{value:.6g}")

    def widgetItem(self, row: int, column: int) -> QTableWidgetItem:
        """The cell of one element."""
        return self._table.item(row, column)

    @Slot()
    def identity(self) -> None:
        """No transform."""
        if self._transform is not None:
            self._transform.SetMatrixTransformToParent(vtk.vtkMatrix4x4())

    @Slot(object)
    def setMRMLTransformNode(self, node: Any) -> None:
        """Show another transform node, None for none."""
        requireKind(node, slicer.vtkMRMLNode, "setMRMLTransformNode")
        self._nodeObservers.clear()
        self._transform = _linear(node)
        if self._transform is not None:
            event = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
            self._nodeObservers.add(self._transform, event, self._refresh)
        self._refresh()
