"""Mouse and keyboard for tests: real Qt events on the drawing area of a view, with a rendering before each drag."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from .binding import unwrap

_BUTTONS = {
    "left": Qt.MouseButton.LeftButton,
    "middle": Qt.MouseButton.MiddleButton,
    "right": Qt.MouseButton.RightButton,
}


def pixelOf(sliceView: Any, ras: Sequence[float]) -> tuple[int, int]:
    """Where a point (RAS, mm) stands in a slice view: pixels from the upper left."""
    x, y, _ = sliceView.convertRASToXYZ(tuple(float(value) for value in ras))
    return round(x), unwrap(sliceView.VTKWidget()).height() - 1 - round(y)


def pixelOf3D(view: Any, ras: Sequence[float]) -> tuple[int, int]:
    """Where a point (RAS, mm) stands in a 3D view: pixels from the upper left."""
    renderer = view.renderWindow().GetRenderers().GetFirstRenderer()
    renderer.SetWorldPoint(*(float(value) for value in ras), 1.0)
    renderer.WorldToDisplay()
    x, y, _ = renderer.GetDisplayPoint()
    return round(x), unwrap(view.VTKWidget()).height() - 1 - round(y)


def drag(view: Any, path: Sequence[Sequence[float]], button: str = "left", steps: int = 8) -> None:
    """Drag along *path* (pixels from the upper left) in a slice or 3D view."""
    canvas = unwrap(view.VTKWidget())
    points = _between(path, steps)
    view.forceRender()
    _send(canvas, QEvent.Type.MouseMove, points[0], None)
    view.forceRender()
    _send(canvas, QEvent.Type.MouseButtonPress, points[0], _BUTTONS[button])
    for point in points[1:]:
        _send(canvas, QEvent.Type.MouseMove, point, _BUTTONS[button])
        QApplication.processEvents()
    _send(canvas, QEvent.Type.MouseButtonRelease, points[-1], _BUTTONS[button])
    view.forceRender()
    QApplication.processEvents()


def click(view: Any, point: Sequence[float], button: str = "left") -> None:
    """Click at *point* (pixels from the upper left)."""
    drag(view, [point], button)


def wheel(view: Any, point: Sequence[float], steps: int) -> None:
    """Turn the wheel at *point* by *steps*, forward if positive."""
    canvas = unwrap(view.VTKWidget())
    place = QPointF(*point)
    for _ in range(abs(steps)):
        turn = QPointF(0, 120 if steps > 0 else -120).toPoint()
        event = QWheelEvent(
            place, canvas.mapToGlobal(place), turn, turn, Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(canvas, event)
    QApplication.processEvents()


def _between(path: Sequence[Sequence[float]], steps: int) -> list[QPointF]:
    points = [QPointF(*path[0])]
    for start, end in zip(path, path[1:]):
        for index in range(1, steps + 1):
            points.append(QPointF(*(a + (b - a) * index / steps for a, b in zip(start, end))))
    return points


def _send(canvas: Any, kind: QEvent.Type, place: QPointF, button: Qt.MouseButton | None) -> None:
    none = Qt.MouseButton.NoButton
    held = none if button is None or kind == QEvent.Type.MouseButtonRelease else button
    changed = none if button is None or kind == QEvent.Type.MouseMove else button
    modifiers = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(canvas, QMouseEvent(kind, place, canvas.mapToGlobal(place), changed, held, modifiers))
