"""A Qt widget that shows what VTK rendered off screen, and passes mouse and keyboard on to VTK."""

from __future__ import annotations

import contextlib
from typing import Any

import vtk
from PySide6.QtCore import QEvent, QPointF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from ..binding.errors import guarded

_BUTTONS = {
    Qt.MouseButton.LeftButton: "LeftButton",
    Qt.MouseButton.MiddleButton: "MiddleButton",
    Qt.MouseButton.RightButton: "RightButton",
}
_KEYS = {
    Qt.Key.Key_Escape: "Escape", Qt.Key.Key_Return: "Return", Qt.Key.Key_Enter: "Return", Qt.Key.Key_Delete: "Delete",
    Qt.Key.Key_Backspace: "BackSpace", Qt.Key.Key_Tab: "Tab", Qt.Key.Key_Space: "space", Qt.Key.Key_Left: "Left",
    Qt.Key.Key_Right: "Right", Qt.Key.Key_Up: "Up", Qt.Key.Key_Down: "Down", Qt.Key.Key_PageUp: "Prior",
    Qt.Key.Key_PageDown: "Next", Qt.Key.Key_Home: "Home", Qt.Key.Key_End: "End", Qt.Key.Key_Shift: "Shift_L",
    Qt.Key.Key_Control: "Control_L", Qt.Key.Key_Alt: "Alt_L", Qt.Key.Key_Plus: "plus", Qt.Key.Key_Minus: "minus",
}  # fmt: skip


class VtkCanvas(QWidget):
    """The drawing area of a view: one render window, one interactor, one image of the last rendering."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.renderWindow = vtk.vtkRenderWindow()
        self.renderWindow.SetOffScreenRendering(True)
        self.renderWindow.SetMultiSamples(0)
        self.renderWindow.SetDPI(72)
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.renderWindow)
        self.interactor.EnableRenderOff()  # rendering is asked for by the view, never by VTK itself
        self.interactor.Initialize()
        self._image = QImage()
        self._pixels: Any = None
        self.renderEnabled = True
        self.pauses = 0
        self.renderCount = 0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(lambda: guarded(self.renderNow))
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(40, 40)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    # -- rendering

    def scheduleRender(self) -> None:
        """Render once the event loop is idle; what is not on screen waits until it is."""
        if not self.isVisible():
            self._image = QImage()
            return
        if self.renderEnabled and not self.pauses and not self._timer.isActive():
            self._timer.start(10)

    def renderNow(self) -> None:
        """Render now, unless rendering is switched off."""
        self._timer.stop()
        if not self.renderEnabled or self.pauses:
            return
        width, height = self.pixelSize()
        if tuple(self.renderWindow.GetSize()) != (width, height):
            self.renderWindow.SetSize(width, height)
        self.renderWindow.Render()
        self.renderCount += 1
        self._take(width, height)
        self.update()

    def renderIfDue(self) -> None:
        """Render if a rendering is scheduled: what is hit is decided by what was rendered last."""
        if self._timer.isActive() or self._image.isNull():
            self.renderNow()

    def pixelSize(self) -> tuple[int, int]:
        """Width and height of the rendering (pixels)."""
        return max(1, self.width()), max(1, self.height())

    def _take(self, width: int, height: int) -> None:
        from vtk.util.numpy_support import vtk_to_numpy

        pixels = vtk.vtkUnsignedCharArray()
        self.renderWindow.GetPixelData(0, 0, width - 1, height - 1, 0, pixels, 0)
        rows = vtk_to_numpy(pixels).reshape(height, width, 3)[::-1]
        self._pixels = rows.copy()
        self._image = QImage(self._pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The last rendering; the first time it is made here."""
        if self._image.isNull() or self._image.size() != self.size():
            guarded(self.renderNow)
        painter = QPainter(self)
        if self._image.isNull():
            painter.fillRect(self.rect(), QColor(0, 0, 0))
        else:
            painter.drawImage(self.rect(), self._image)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The render window follows."""
        width, height = self.pixelSize()
        self.renderWindow.SetSize(width, height)
        self.interactor.UpdateSize(width, height)
        with contextlib.suppress(AttributeError):
            self.parent()._canvasResized(width, height)
        self.scheduleRender()

    def sizeHint(self) -> QSize:
        """A usable size."""
        return QSize(300, 300)

    def release(self) -> None:
        """Free the graphics resources, before the widget goes."""
        self._timer.stop()
        self.interactor.SetInteractorStyle(None)
        self.renderWindow.Finalize()

    # -- events

    def _place(self, position: QPointF, event: Any, key: str = "\0", symbol: str = "", repeat: int = 0) -> None:
        modifiers = event.modifiers()
        control = int(bool(modifiers & Qt.KeyboardModifier.ControlModifier))
        shift = int(bool(modifiers & Qt.KeyboardModifier.ShiftModifier))
        x, y = round(position.x()), round(position.y())
        self.interactor.SetEventInformationFlipY(x, y, control, shift, key, repeat, symbol)
        self.interactor.SetAltKey(int(bool(modifiers & Qt.KeyboardModifier.AltModifier)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A button goes down."""
        self.renderIfDue()
        self._place(event.position(), event)
        name = _BUTTONS.get(event.button())
        if name:
            guarded(self.interactor.InvokeEvent, name + "PressEvent")

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A button is clicked twice."""
        self._place(event.position(), event, repeat=1)
        name = _BUTTONS.get(event.button())
        if name:
            guarded(self.interactor.InvokeEvent, name + "PressEvent")
            guarded(self.interactor.InvokeEvent, name + "DoubleClickEvent")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A button goes up."""
        self._place(event.position(), event)
        name = _BUTTONS.get(event.button())
        if name:
            guarded(self.interactor.InvokeEvent, name + "ReleaseEvent")

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """The pointer moves, with or without a button."""
        if not event.buttons():
            self.renderIfDue()
        self._place(event.position(), event)
        guarded(self.interactor.InvokeEvent, "MouseMoveEvent")

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel turns."""
        self._place(event.position(), event)
        forward = event.angleDelta().y() > 0
        guarded(self.interactor.InvokeEvent, "MouseWheelForwardEvent" if forward else "MouseWheelBackwardEvent")

    def enterEvent(self, event: Any) -> None:
        """The pointer comes in."""
        guarded(self.interactor.InvokeEvent, "EnterEvent")

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer goes out."""
        guarded(self.interactor.InvokeEvent, "LeaveEvent")

    def _key(self, event: QKeyEvent, *names: str) -> None:
        text = event.text() or "\0"
        symbol = _KEYS.get(Qt.Key(event.key())) or (text if text.isprintable() else "")
        letter = text[0] if text[0].isascii() else "\0"
        position = self.interactor.GetEventPosition()
        place = QPointF(position[0], self.height() - 1 - position[1])
        self._place(place, event, letter, symbol, int(event.isAutoRepeat()))
        for name in names:
            guarded(self.interactor.InvokeEvent, name)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A key goes down."""
        self._key(event, "KeyPressEvent", "CharEvent")

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """A key goes up."""
        self._key(event, "KeyReleaseEvent")
