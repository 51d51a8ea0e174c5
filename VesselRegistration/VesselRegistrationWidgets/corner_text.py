"""Words in a corner of a view: the C-arm's angles, as every X-ray monitor shows them, and what the model is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import slicer
import vtk

FONT_SIZE = 18
COLOR = (1.0, 0.85, 0.3)
CORNERS = {
    2: (0.02, 0.97, "left", "top"),
    3: (0.98, 0.97, "right", "top"),
    1: (0.98, 0.03, "right", "bottom"),
}
"""Corner of `vtkCornerAnnotation`: place in the view (0 to 1) and justification, in the order of choice."""


class CornerText:
    """A line of text in a view. It gives way to the application's own annotations.

    findView: returns the view as it is now, or None; views come and go with layouts. below: pixels from the edge of
    the line above.
    """

    def __init__(self, findView: Callable[[], Any], fontSize: int = FONT_SIZE, below: int = 0) -> None:
        self._findView, self._below = findView, below
        self.actor = vtk.vtkTextActor()
        style = self.actor.GetTextProperty()
        style.SetFontSize(fontSize)
        style.SetBold(True)
        style.SetColor(*COLOR)
        style.SetShadow(True)
        self._corner = vtk.vtkCoordinate()
        self._corner.SetCoordinateSystemToNormalizedViewport()
        position = self.actor.GetPositionCoordinate()
        if below:
            position.SetCoordinateSystemToViewport()
            position.SetReferenceCoordinate(self._corner)
        else:
            position.SetCoordinateSystemToNormalizedViewport()
        self._renderer: Any = None

    @property
    def text(self) -> str:
        """What is shown now; empty when nothing is."""
        return (self.actor.GetInput() or "") if self._renderer is not None else ""

    def show(self, text: str, color: tuple[float, float, float] = COLOR) -> None:
        """Show a text, in the view that there is now; an empty text shows nothing."""
        view = self._findView()
        renderer = view.renderWindow().GetRenderers().GetFirstRenderer() if view else None
        if renderer is not self._renderer:
            self.remove()
            self._renderer = renderer
            if renderer is not None:
                renderer.AddViewProp(self.actor)
        style = self.actor.GetTextProperty()
        changed = self.actor.GetInput() != text or style.GetColor() != color
        if view is None or not (self._place(view) or changed):
            return
        style.SetColor(*color)
        self.actor.SetInput(text)
        view.scheduleRender()

    def remove(self) -> None:
        """Take the text out of its view."""
        if self._renderer is not None:
            self._renderer.RemoveViewProp(self.actor)
        self._renderer = None

    def _place(self, view: Any) -> bool:
        """Put the text into the first corner that is free; whether that moved it."""
        annotation = view.cornerAnnotation()
        free = [corner for corner in CORNERS if not (annotation and annotation.GetText(corner))]
        x, y, across, along = CORNERS[free[0] if free else 2]
        if self._corner.GetValue()[:2] == (x, y):
            return False
        self._corner.SetValue(x, y)
        if self._below:
            self.actor.SetPosition(0, -self._below if along == "top" else self._below)
        else:
            self.actor.SetPosition(x, y)
        style = self.actor.GetTextProperty()
        style.SetJustificationToLeft() if across == "left" else style.SetJustificationToRight()
        style.SetVerticalJustificationToTop() if along == "top" else style.SetVerticalJustificationToBottom()
        return True


def sliceView(name: str) -> Any:
    """The slice view of this name, or None."""
    layoutManager = slicer.app.layoutManager()
    widget = layoutManager.sliceWidget(name) if layoutManager is not None else None
    return widget.sliceView() if widget is not None else None


def firstView3D() -> Any:
    """The first 3D view of the layout, or None."""
    layoutManager = slicer.app.layoutManager()
    if layoutManager is None or layoutManager.threeDViewCount == 0:
        return None
    return layoutManager.threeDWidget(0).threeDView()
