"""Tables and charts: plain columns in, vtkMRMLTableNode and vtkMRMLPlotChartNode out. No figures are made up here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import slicer
import vtk

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLORS = ((0.12, 0.47, 0.71), (0.85, 0.37, 0.01), (0.17, 0.63, 0.17))
"""Blue, orange, green: told apart also by those who see no red."""


def setColumns(tableNode: Any, columns: Mapping[str, Sequence[float] | Sequence[str]]) -> None:
    """Replace the content of a table. Columns of numbers become doubles (whole ones integers), others text."""
    tableNode.RemoveAllColumns()
    for name, values in columns.items():
        array = _array(values)
        array.SetName(name)
        for value in values:
            array.InsertNextValue(value)
        tableNode.AddColumn(array)
    tableNode.Modified()


def _array(values: Sequence[float] | Sequence[str]) -> Any:
    if any(isinstance(value, str) for value in values):
        return vtk.vtkStringArray()
    isWhole = bool(values) and all(isinstance(value, int) for value in values)
    return vtk.vtkIntArray() if isWhole else vtk.vtkDoubleArray()


def newChart(scene: Any, name: str, xTitle: str, yTitle: str) -> Any:
    """An empty chart."""
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", name)
    chart.SetTitle(name)
    chart.SetXAxisTitle(xTitle)
    chart.SetYAxisTitle(yTitle)
    return chart


def setRange(chart: Any, x: tuple[float, float] | None, y: tuple[float, float] | None) -> None:
    """Fix the axes; None leaves an axis to the data."""
    chart.SetXAxisRangeAuto(x is None)
    chart.SetYAxisRangeAuto(y is None)
    if x is not None:
        chart.SetXAxisRange(*x)
    if y is not None:
        chart.SetYAxisRange(*y)


def addSeries(chart: Any, table: Any, name: str, xColumn: str, yColumn: str, color: tuple[float, ...]) -> Any:
    """A line through the points of two columns, in the order of the rows."""
    series = table.GetScene().AddNewNodeByClass("vtkMRMLPlotSeriesNode", name)
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName(xColumn)
    series.SetYColumnName(yColumn)
    series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
    series.SetLineWidth(2)
    series.SetColor(*color)
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    return series


def showPoints(series: Any, size: float = 7) -> None:
    """Draw a series as points instead of a line."""
    series.SetLineStyle(slicer.vtkMRMLPlotSeriesNode.LineStyleNone)
    series.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleCircle)
    series.SetMarkerSize(size)


def removeChart(chart: Any) -> None:
    """Remove a chart with its series; their tables stay."""
    if chart is None or chart.GetScene() is None:
        return
    scene = chart.GetScene()
    for series in [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]:
        if series is not None:
            scene.RemoveNode(series)
    scene.RemoveNode(chart)
