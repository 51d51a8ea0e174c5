"""Plot views: charts of plot chart nodes."""

from __future__ import annotations

from typing import Any

import slicer
import vtk
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ..mrml.base import ModifiedEvent, Observers, qMRMLWidget, requireKind
from .controllers import qMRMLViewControllerBar
from .vtk_view import VtkCanvas

_Series = slicer.vtkMRMLPlotSeriesNode
_MARKERS = {
    _Series.MarkerStyleNone: vtk.vtkPlotPoints.NONE,
    _Series.MarkerStyleCross: vtk.vtkPlotPoints.CROSS,
    _Series.MarkerStylePlus: vtk.vtkPlotPoints.PLUS,
    _Series.MarkerStyleSquare: vtk.vtkPlotPoints.SQUARE,
    _Series.MarkerStyleCircle: vtk.vtkPlotPoints.CIRCLE,
    _Series.MarkerStyleDiamond: vtk.vtkPlotPoints.DIAMOND,
}


class qMRMLPlotView(QWidget):
    """The chart of a plot view node."""

    SIGNATURES = {"mrmlSceneChanged(vtkMRMLScene*)": "mrmlSceneChanged"}
    mrmlSceneChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene: Any = None
        self._node: Any = None
        self._viewObservers, self._observers = Observers(self), Observers(self)
        self._canvas = VtkCanvas(self)
        self._renderer = vtk.vtkRenderer()
        self._renderer.SetBackground(1, 1, 1)
        self._canvas.renderWindow.AddRenderer(self._renderer)
        self._chart = vtk.vtkChartXY()
        self._context = vtk.vtkContextActor()
        self._context.GetScene().AddItem(self._chart)
        self._renderer.AddViewProp(self._context)
        self._context.GetScene().SetRenderer(self._renderer)
        row = QVBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._canvas)

    @Slot(object)
    def setMRMLScene(self, scene: Any) -> None:
        """Set the scene."""
        requireKind(scene, slicer.vtkMRMLScene, "setMRMLScene")
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)

    @Slot(object)
    def setMRMLPlotViewNode(self, node: Any) -> None:
        """Follow a view node."""
        requireKind(node, slicer.vtkMRMLPlotViewNode, "setMRMLPlotViewNode")
        self._viewObservers.clear()
        self._node = node
        if node is not None:
            self._viewObservers.add(node, ModifiedEvent, self._refresh)
            self._refresh()

    def _refresh(self) -> None:
        self._observers.clear()
        self._chart.ClearPlots()
        chart = self._node.GetPlotChartNode()
        if chart is not None:
            self._observers.add(chart, ModifiedEvent, self._refresh)
            self._describe(chart)
            for index in range(chart.GetNumberOfPlotSeriesNodes()):
                self._plot(chart.GetNthPlotSeriesNode(index))
        self._chart.SetShowLegend(bool(chart is not None and chart.GetLegendVisibility()))
        self._chart.RecalculateBounds()
        self._canvas.scheduleRender()

    def _describe(self, chart: Any) -> None:
        self._chart.SetTitle((chart.GetTitle() or "") if chart.GetTitleVisibility() else "")
        for axis, name in ((vtk.vtkAxis.BOTTOM, "X"), (vtk.vtkAxis.LEFT, "Y")):
            shown = getattr(chart, f"Get{name}AxisTitleVisibility")()
            drawn = self._chart.GetAxis(axis)
            drawn.SetTitle((getattr(chart, f"Get{name}AxisTitle")() or "") if shown else "")
            drawn.SetGridVisible(bool(chart.GetGridVisibility()))
            if getattr(chart, f"Get{name}AxisRangeAuto")():
                drawn.SetBehavior(vtk.vtkAxis.AUTO)
            else:
                drawn.SetBehavior(vtk.vtkAxis.FIXED)
                drawn.SetRange(*getattr(chart, f"Get{name}AxisRange")())

    def _plot(self, series: Any) -> None:
        table = series.GetTableNode() if series is not None else None
        if table is None or table.GetTable() is None:
            return
        self._observers.add(series, ModifiedEvent, self._refresh)
        self._observers.add(table, ModifiedEvent, self._refresh)
        names = [table.GetColumnName(index) for index in range(table.GetNumberOfColumns())]
        y = series.GetYColumnName()
        x = series.GetXColumnName() if series.IsXColumnRequired() else ""
        if y not in names or (x and x not in names):
            return
        kinds = {_Series.PlotTypeBar: vtk.vtkChart.BAR, _Series.PlotTypeScatterBar: vtk.vtkChart.BAR}
        plot = self._chart.AddPlot(kinds.get(series.GetPlotType(), vtk.vtkChart.LINE))
        plot.SetInputData(table.GetTable(), names.index(x) if x else names.index(y), names.index(y))
        plot.SetUseIndexForXSeries(not x)
        plot.SetLabel(series.GetName())
        plot.SetColorF(*series.GetColor())
        plot.SetWidth(series.GetLineWidth() if series.GetLineStyle() != _Series.LineStyleNone else 0)
        if plot.IsA("vtkPlotPoints"):
            plot.SetMarkerStyle(_MARKERS.get(series.GetMarkerStyle(), vtk.vtkPlotPoints.NONE))
            plot.SetMarkerSize(series.GetMarkerSize())

    @Slot()
    def fitToContent(self) -> None:
        """Show all data."""
        self._chart.RecalculateBounds()
        self._canvas.scheduleRender()

    @Slot()
    def scheduleRender(self) -> None:
        """Render soon."""
        self._canvas.scheduleRender()

    @Slot()
    def forceRender(self) -> None:
        """Render now."""
        self._canvas.renderNow()


class qMRMLPlotWidget(qMRMLWidget):
    """A plot view with its bar."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller = qMRMLViewControllerBar(self)
        self._view = qMRMLPlotView(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._controller)
        column.addWidget(self._view, 1)

    def _start(self, node: Any, applicationLogic: Any) -> None:
        self.setMRMLScene(node.GetScene())
        self._view.setMRMLScene(node.GetScene())
        self.setMRMLPlotViewNode(node)
        self._controller._label.setText(node.GetLayoutLabel() or node.GetName())
        self._controller._setColor(QColor.fromRgbF(*node.GetLayoutColor()))

    def _stop(self) -> None:
        self._view._viewObservers.clear()
        self._view._observers.clear()
        self._view._canvas.release()

    def plotView(self) -> qMRMLPlotView:
        """The view."""
        return self._view

    def viewWidget(self) -> QWidget:
        """The view."""
        return self._view

    def plotController(self) -> QWidget:
        """The bar."""
        return self._controller

    def controllerWidget(self) -> QWidget:
        """The bar."""
        return self._controller

    def mrmlPlotViewNode(self) -> Any:
        """The view node."""
        return self._view._node

    def mrmlAbstractViewNode(self) -> Any:
        """The view node."""
        return self._view._node

    @Slot(object)
    def setMRMLPlotViewNode(self, node: Any) -> None:
        """Follow a view node."""
        self._view.setMRMLPlotViewNode(node)
