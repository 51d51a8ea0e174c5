"""The C-arm's angles in a corner of a slice view, as every X-ray monitor shows them."""

from __future__ import annotations

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
    """A line of text in a slice view. It gives way to the application's own annotations."""

    def __init__(self, viewName: str) -> None:
        self.viewName = viewName
        self.actor = vtk.vtkTextActor()
        style = self.actor.GetTextProperty()
        style.SetFontSize(FONT_SIZE)
        style.SetBold(True)
        style.SetColor(*COLOR)
        style.SetShadow(True)
        self.actor.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
        self._renderer: Any = None

    @property
    def text(self) -> str:
        """What is shown now; empty when nothing is."""
        return (self.actor.GetInput() or "") if self._renderer is not None else ""

    def show(self, text: str) -> None:
        """Show a text, in the view that has this name now; an empty text shows nothing."""
        view = _sliceView(self.viewName)
        renderer = view.renderWindow().GetRenderers().GetFirstRenderer() if view else None
        if renderer is not self._renderer:
            self.remove()
            self._renderer = renderer
            if renderer is not None:
                renderer.AddViewProp(self.actor)
        if view is None or not (self._place(view) or self.actor.GetInput() != text):
            return
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
        if self.actor.GetPositionCoordinate().GetValue()[:2] == (x, y):
            return False
        self.actor.SetPosition(x, y)
        style = self.actor.GetTextProperty()
        style.SetJustificationToLeft() if across == "left" else style.SetJustificationToRight()
        style.SetVerticalJustificationToTop() if along == "top" else style.SetVerticalJustificationToBottom()
        return True


def _sliceView(name: str) -> Any:
    layoutManager = slicer.app.layoutManager()
    widget = layoutManager.sliceWidget(name) if layoutManager is not None else None
    return widget.sliceView() if widget is not None else None
