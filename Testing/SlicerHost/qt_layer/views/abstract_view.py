"""What slice and 3D views have in common."""

from __future__ import annotations

from typing import Any

import vtk
from PySide6.QtCore import Property, Slot
from PySide6.QtGui import QColor, QCursor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from .vtk_view import VtkCanvas


class _AbstractView(QWidget):
    """A canvas with one renderer, a corner text and displayable managers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._canvas = VtkCanvas(self)
        self._renderer = vtk.vtkRenderer()
        self._canvas.renderWindow.AddRenderer(self._renderer)
        self._corner = vtk.vtkCornerAnnotation()
        self._corner.SetMaximumLineHeight(0.07)
        self._corner.SetLinearFontScaleFactor(2)
        self._corner.SetNonlinearFontScaleFactor(1)
        self._corner.SetMaximumFontSize(20)
        self._corner.SetMinimumFontSize(10)
        self._group: Any = None
        self._updateTag = 0
        row = QVBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._canvas)
        self.setFocusProxy(self._canvas)

    def _canvasResized(self, width: int, height: int) -> None:
        """The canvas has another size (pixels)."""

    def _setGroup(self, group: Any) -> None:
        self._group = group
        canvas = self._canvas
        self._updateTag = group.AddObserver(vtk.vtkCommand.UpdateEvent, lambda *_: canvas.scheduleRender())
        self._renderer.AddViewProp(self._corner)

    def _releaseView(self) -> None:
        if self._group is None:
            return
        self._group.RemoveObserver(self._updateTag)
        self._style.SetInteractor(None)
        self._group.SetMRMLDisplayableNode(None)
        self._style.SetDisplayableManagers(None)
        self._group = None
        self._canvas.release()

    # -- methods of the application's views

    @Slot()
    def scheduleRender(self) -> None:
        """Render soon."""
        self._canvas.scheduleRender()

    @Slot()
    def forceRender(self) -> None:
        """Render now."""
        self._canvas.renderNow()

    @Slot(bool, result=int)
    def setRenderPaused(self, pause: bool) -> int:
        """Pause or resume; the number of pauses is returned."""
        return self.pauseRender() if pause else self.resumeRender()

    @Slot(result=int)
    def pauseRender(self) -> int:
        """Render no more until resumed as often."""
        self._canvas.pauses += 1
        return self._canvas.pauses

    @Slot(result=int)
    def resumeRender(self) -> int:
        """Undo one pause."""
        self._canvas.pauses = max(0, self._canvas.pauses - 1)
        self._canvas.scheduleRender()
        return self._canvas.pauses

    def renderWindow(self) -> Any:
        """The VTK render window."""
        return self._canvas.renderWindow

    def interactor(self) -> Any:
        """The VTK interactor."""
        return self._canvas.interactor

    def interactorStyle(self) -> Any:
        """The VTK interactor style."""
        return self._canvas.interactor.GetInteractorStyle()

    def interactorObserver(self) -> Any:
        """What turns VTK events into MRML actions."""
        return self._style

    def cornerAnnotation(self) -> Any:
        """The text in the corners."""
        return self._corner

    def VTKWidget(self) -> QWidget:
        """The drawing area."""
        return self._canvas

    def getDisplayableManagers(self, collection: Any) -> None:
        """Append the displayable managers to a vtkCollection."""
        for index in range(self._group.GetDisplayableManagerCount()):
            collection.AddItem(self._group.GetNthDisplayableManager(index))

    def displayableManagerByClassName(self, name: str) -> Any:
        """One displayable manager."""
        return self._group.GetDisplayableManagerByClassName(name)

    def setViewCursor(self, cursor: QCursor) -> None:
        """Show this mouse pointer."""
        self._canvas.setCursor(cursor)

    def setDefaultViewCursor(self, cursor: QCursor) -> None:
        """Show this mouse pointer."""
        self._canvas.setCursor(cursor)

    def unsetViewCursor(self) -> None:
        """Show the usual mouse pointer."""
        self._canvas.unsetCursor()

    def _setText(self, text: str) -> None:
        self._corner.ClearAllTexts()
        self._corner.SetText(vtk.vtkCornerAnnotation.UpperRight, text)

    @Slot(str)
    def setCornerAnnotationText(self, text: str) -> None:
        """Show a text in the upper right corner."""
        self._setText(text)

    @Slot(bool)
    def setRenderEnabled(self, enabled: bool) -> None:
        """Switch rendering on or off."""
        self._canvas.renderEnabled = enabled
        self._canvas.scheduleRender()

    @Slot(QColor)
    def setBackgroundColor(self, color: QColor) -> None:
        """Color at the bottom."""
        self._renderer.SetBackground(color.redF(), color.greenF(), color.blueF())
        self._canvas.scheduleRender()

    @Slot(QColor)
    def setBackgroundColor2(self, color: QColor) -> None:
        """Color at the top, where there is a gradient."""
        self._renderer.SetBackground2(color.redF(), color.greenF(), color.blueF())
        self._canvas.scheduleRender()

    @Slot(bool)
    def setGradientBackground(self, on: bool) -> None:
        """Whether the background is a gradient."""
        self._renderer.SetGradientBackground(on)
        self._canvas.scheduleRender()

    backgroundColor = Property(
        QColor, lambda self: QColor.fromRgbF(*self._renderer.GetBackground()), lambda s, c: s.setBackgroundColor(c)
    )
    backgroundColor2 = Property(
        QColor, lambda self: QColor.fromRgbF(*self._renderer.GetBackground2()), lambda s, c: s.setBackgroundColor2(c)
    )
    gradientBackground = Property(
        bool, lambda self: bool(self._renderer.GetGradientBackground()), lambda s, on: s.setGradientBackground(on)
    )
    renderEnabled = Property(bool, lambda self: self._canvas.renderEnabled, lambda s, on: s.setRenderEnabled(on))
    cornerAnnotationText = Property(
        "QString", lambda s: s._corner.GetText(vtk.vtkCornerAnnotation.UpperRight) or "", lambda s, t: s._setText(t)
    )
