"""The bars above the views."""

from __future__ import annotations

from typing import Any

import slicer
from PySide6.QtCore import Property, Qt, Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLayout,
    QSizePolicy,
    QSlider,
    QStyle,
    QToolButton,
    QWidget,
)

from ..mrml.base import ModifiedEvent, Observers, qMRMLWidget, requireKind
from ..widgets.delegation import field


class qMRMLViewControllerBar(qMRMLWidget):
    """A colored bar with the name of the view."""

    Popup, Panel = 0, 1
    showMaximizeViewButton = field("bool", "_showMaximizeViewButton")
    _showMaximizeViewButton = True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bar = QWidget(self)
        self._barLayout = QHBoxLayout(self._bar)
        self._barLayout.setContentsMargins(2, 1, 2, 1)
        self._barLayout.setSpacing(3)
        self._pin = QToolButton(self._bar)
        self._pin.setCheckable(True)
        self._pin.setIcon(self.style().standardIcon(QStyle.StandardPixmap.SP_TitleBarUnshadeButton))
        self._label = QLabel(self._bar)
        self._label.setMinimumWidth(18)
        self._label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._barLayout.addWidget(self._pin)
        self._barLayout.addWidget(self._label)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._bar)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def _setColor(self, color: QColor) -> None:
        palette = self._bar.palette()
        palette.setColor(self._bar.backgroundRole(), color)
        palette.setColor(self._label.foregroundRole(), QColor(0, 0, 0) if color.lightness() > 110 else QColor("white"))
        self._bar.setPalette(palette)
        self._bar.setAutoFillBackground(True)

    def barLayout(self) -> QLayout:
        """The layout of the bar, to add widgets to."""
        return self._barLayout

    def barWidget(self) -> QWidget:
        """The bar."""
        return self._bar

    def pinButton(self) -> QToolButton:
        """The button that keeps the panel open."""
        return self._pin

    def viewLabel(self) -> QLabel:
        """The label with the name."""
        return self._label


class qMRMLSliceControllerWidget(qMRMLViewControllerBar):
    """The bar of a slice view: name, offset slider, fit button."""

    SIGNATURES = {
        "renderRequested()": "renderRequested",
        "nodeAboutToBeEdited(vtkMRMLNode*)": "nodeAboutToBeEdited",
    }
    renderRequested = Signal()
    nodeAboutToBeEdited = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._logic: Any = None
        self._observers = Observers(self)
        self._slider = QSlider(Qt.Orientation.Horizontal, self._bar)
        self._slider.setMinimumWidth(30)
        self._spin = QDoubleSpinBox(self._bar)
        self._spin.setSuffix("mm")
        self._spin.setDecimals(2)
        self._spin.setRange(-10000, 10000)
        self._fit = QToolButton(self._bar)
        self._fit.setIcon(self.style().standardIcon(QStyle.StandardPixmap.SP_TitleBarMaxButton))
        self._fit.setToolTip("Adjust the slice viewer's field of view to match the extent of lowest non-null volume.")
        for widget, stretch in ((self._fit, 0), (self._slider, 1), (self._spin, 0)):
            self._barLayout.addWidget(widget, stretch)
        self._fit.clicked.connect(lambda _: self.fitSliceToBackground())
        self._slider.valueChanged.connect(lambda steps: self.setSliceOffsetValue(steps * self._resolution()))
        self._spin.valueChanged.connect(lambda offset: self.setSliceOffsetValue(offset))

    def _setLogic(self, logic: Any) -> None:
        self._logic = logic
        self._observers.clear()
        self._observers.add(logic, ModifiedEvent, self._refresh)
        self._observers.add(logic.GetSliceNode(), ModifiedEvent, self._refresh)
        self.setMRMLScene(logic.GetMRMLScene())
        self._refresh()

    def _node(self) -> Any:
        return self._logic.GetSliceNode()

    def _resolution(self) -> float:
        spacing = self._logic.GetLowestVolumeSliceSpacing()
        return max(1e-3, abs(spacing[2])) if spacing else 1.0

    def _refresh(self) -> None:
        node = self._node()
        if node is None:
            return
        self._label.setText(node.GetLayoutLabel() or node.GetName())
        self._setColor(QColor.fromRgbF(*node.GetLayoutColor()))
        bounds = [0.0] * 6
        self._logic.GetLowestVolumeSliceBounds(bounds)
        step = self._resolution()
        for widget in (self._slider, self._spin):
            widget.blockSignals(True)
        self._spin.setSingleStep(step)
        if abs(bounds[4]) < 1e6 and abs(bounds[5]) < 1e6:
            self._slider.setRange(round(bounds[4] / step), round(bounds[5] / step))
        self._slider.setValue(round(self._logic.GetSliceOffset() / step))
        self._spin.setValue(self._logic.GetSliceOffset())
        for widget in (self._slider, self._spin):
            widget.blockSignals(False)

    # -- methods of the application's bar

    def mrmlSliceNode(self) -> Any:
        """The slice node."""
        return self._node()

    def mrmlSliceCompositeNode(self) -> Any:
        """The node that names the volumes shown."""
        return self._logic.GetSliceCompositeNode()

    def sliceLogic(self) -> Any:
        """The slice logic."""
        return self._logic

    def fitToWindowToolButton(self) -> QToolButton:
        """The button that fits the picture."""
        return self._fit

    @Slot()
    def fitSliceToBackground(self) -> None:
        """Show the whole background volume."""
        width, height = self._node().GetDimensions()[:2]
        self._logic.FitSliceToBackground(width, height)
        self._node().UpdateMatrices()

    @Slot(float)
    def setSliceOffsetValue(self, offset: float) -> None:
        """Move the slice along its normal (mm)."""
        self._logic.StartSliceOffsetInteraction()
        self._logic.SetSliceOffset(offset)
        self._logic.EndSliceOffsetInteraction()

    @Slot(float)
    def trackSliceOffsetValue(self, offset: float) -> None:
        """Move the slice while its slider is dragged (mm)."""
        self._logic.SetSliceOffset(offset)

    @Slot(str)
    def setSliceOrientation(self, orientation: str) -> None:
        """Axial, Sagittal, Coronal or another preset."""
        self._node().SetOrientation(orientation)

    @Slot(bool)
    def setSliceVisible(self, visible: bool) -> None:
        """Show the slice in the 3D views."""
        self._node().SetSliceVisible(visible)

    @Slot(bool)
    def setSliceEdgeVisibility3D(self, visible: bool) -> None:
        """Show the slice's frame in the 3D views."""
        self._node().SetSliceEdgeVisibility3D(visible)

    @Slot(bool)
    def setSliceLink(self, linked: bool) -> None:
        """Let all slice views follow each other's settings."""
        for index in range(self._scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
            self._scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode").SetLinkedControl(linked)

    @Slot(bool)
    def setHotLinked(self, hot: bool) -> None:
        """Let them follow while a setting is still changing."""
        for index in range(self._scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
            self._scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode").SetHotLinkedControl(hot)

    @Slot(float)
    def setForegroundOpacity(self, opacity: float) -> None:
        """Opacity of the foreground volume."""
        self.mrmlSliceCompositeNode().SetForegroundOpacity(opacity)

    @Slot(float)
    def setBackgroundOpacity(self, opacity: float) -> None:
        """Opacity of the background volume."""
        self.mrmlSliceCompositeNode().SetBackgroundOpacity(opacity)

    @Slot(float)
    def setLabelMapOpacity(self, opacity: float) -> None:
        """Opacity of the label map."""
        self.mrmlSliceCompositeNode().SetLabelOpacity(opacity)

    @Slot(bool)
    def showLabelOutline(self, show: bool) -> None:
        """Labels as outlines."""
        self._node().SetUseLabelOutline(show)

    @Slot(int)
    def setOrientationMarkerType(self, kind: int) -> None:
        """None, cube, human or axes."""
        self._node().SetOrientationMarkerType(kind)

    @Slot(int)
    def setRulerType(self, kind: int) -> None:
        """None, thin or thick."""
        self._node().SetRulerType(kind)

    @Slot(int)
    def setCompositing(self, mode: int) -> None:
        """How foreground and background are mixed."""
        self.mrmlSliceCompositeNode().SetCompositing(mode)

    @Slot()
    def rotateSliceToLowestVolumeAxes(self) -> None:
        """Turn the slice into the axes of the background volume."""
        self._logic.RotateSliceToLowestVolumeAxes()

    def setSliceOffsetRange(self, minimum: float, maximum: float) -> None:
        """Limits of the offset (mm)."""
        self._slider.setRange(round(minimum / self._resolution()), round(maximum / self._resolution()))

    def _setLabel(self, label: str) -> None:
        self._node().SetLayoutLabel(label)

    def _setViewColor(self, color: QColor) -> None:
        self._node().SetLayoutColor(color.redF(), color.greenF(), color.blueF())

    sliceViewName = Property("QString", lambda self: self._node().GetLayoutName())
    sliceViewLabel = Property("QString", lambda self: self._node().GetLayoutLabel(), lambda s, text: s._setLabel(text))
    sliceViewColor = Property(
        QColor, lambda self: QColor.fromRgbF(*self._node().GetLayoutColor()), lambda s, c: s._setViewColor(c)
    )
    sliceOrientation = Property(
        "QString", lambda self: self._node().GetOrientation(), lambda self, text: self.setSliceOrientation(text)
    )
    showSliceOffsetSlider = Property(
        bool, lambda self: not self._slider.isHidden(), lambda self, on: self.setShowSliceOffsetSlider(on)
    )

    @Slot(bool)
    def setShowSliceOffsetSlider(self, show: bool) -> None:
        """Show or hide the slider."""
        self._slider.setVisible(show)


class qMRMLThreeDViewControllerWidget(qMRMLViewControllerBar):
    """The bar of a 3D view: name and a button to center the view."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view: Any = None
        self._observers = Observers(self)
        self._center = QToolButton(self._bar)
        self._center.setIcon(self.style().standardIcon(QStyle.StandardPixmap.SP_TitleBarMaxButton))
        self._center.setToolTip("Center the 3D view on the scene.")
        self._barLayout.addWidget(self._center)
        self._barLayout.addStretch(1)
        self._center.clicked.connect(lambda _: self.resetFocalPoint())

    def _refresh(self) -> None:
        node = self.mrmlThreeDViewNode()
        if node is not None:
            self._label.setText(node.GetLayoutLabel() or node.GetName())
            self._setColor(QColor.fromRgbF(*node.GetLayoutColor()))

    def mrmlThreeDViewNode(self) -> Any:
        """The view node."""
        return self._view.mrmlViewNode() if self._view is not None else None

    @Slot(object)
    def setThreeDView(self, view: Any) -> None:
        """Control another view."""
        self._view = view
        self._observers.clear()
        node = view.mrmlViewNode()
        requireKind(node, slicer.vtkMRMLViewNode, "setThreeDView")
        if node is not None:
            self._observers.add(node, ModifiedEvent, self._refresh)
        self._refresh()

    @Slot()
    def resetFocalPoint(self) -> None:
        """Center the view on the scene."""
        self._view.resetFocalPoint()

    @Slot(int)
    def lookFromAxis(self, axis: int) -> None:
        """Look from the right, left, superior, inferior, anterior or posterior (1 to 6)."""
        self._view.lookFromAxis(axis)

    @Slot()
    def zoomIn(self) -> None:
        """Come closer."""
        self._view.zoomIn()

    @Slot()
    def zoomOut(self) -> None:
        """Go further away."""
        self._view.zoomOut()

    @Slot(bool)
    def set3DAxisVisible(self, visible: bool) -> None:
        """Show the box."""
        self.mrmlThreeDViewNode().SetBoxVisible(visible)

    @Slot(bool)
    def set3DAxisLabelVisible(self, visible: bool) -> None:
        """Show the letters at the box."""
        self.mrmlThreeDViewNode().SetAxisLabelsVisible(visible)

    @Slot(bool)
    def setOrthographicModeEnabled(self, on: bool) -> None:
        """Parallel instead of perspective projection."""
        node = self.mrmlThreeDViewNode()
        node.SetRenderMode(slicer.vtkMRMLViewNode.Orthographic if on else slicer.vtkMRMLViewNode.Perspective)

    def _background(self, first: tuple[float, ...], second: tuple[float, ...]) -> None:
        node = self.mrmlThreeDViewNode()
        node.SetBackgroundColor(*first)
        node.SetBackgroundColor2(*second)

    @Slot()
    def setBlackBackground(self) -> None:
        """Black."""
        self._background((0, 0, 0), (0, 0, 0))

    @Slot()
    def setWhiteBackground(self) -> None:
        """White."""
        self._background((1, 1, 1), (1, 1, 1))

    @Slot()
    def setLightBlueBackground(self) -> None:
        """The usual gradient."""
        defaults = slicer.vtkMRMLViewNode()
        self._background(defaults.GetBackgroundColor(), defaults.GetBackgroundColor2())
