"""The vessel model in the colors of its expected error, with a legend in mm, and back to its old look."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import slicer
import vtk

from VesselRegistrationLib.c_arm import FloatArray

SCALARS = "ExpectedInPlaneErrorMm"
LOOK_ATTRIBUTE = "VesselRegistration.OldLook"
"""On the model's display node while it is colored; saved with the scene, so that the old look comes back then too."""
LEAST_RANGE_MM = 2.0
"""A scale that ends at less would paint tenths of a millimeter in alarming colors."""
COLOR_TABLE_NAME = "VesselRegistration expected error"
COLORS = ((0.27, 0.0, 0.33), (0.23, 0.32, 0.55), (0.13, 0.57, 0.55), (0.37, 0.79, 0.38), (0.99, 0.91, 0.14))
"""Evenly spread over the scale; lightness rises throughout, so that it is read without telling red from green."""
LEGEND_TITLE = "Expected error (mm)"


def color(node: Any, errorsMm: FloatArray) -> None:
    """Color a model node by errors (N,), one per point of its surface."""
    from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

    surface, display = node.GetPolyData(), node.GetDisplayNode()
    before = surface.GetPointData().GetArray(SCALARS)
    values = np.asarray(errorsMm, dtype=np.float32)
    if before is None or not np.array_equal(vtk_to_numpy(before), values):
        array = numpy_to_vtk(values, deep=True)
        array.SetName(SCALARS)
        surface.GetPointData().AddArray(array)
        surface.Modified()
    if display.GetAttribute(LOOK_ATTRIBUTE) is None:
        display.SetAttribute(LOOK_ATTRIBUTE, json.dumps(_look(display)))
        display.SetAndObserveColorNodeID(_colorTable(node.GetScene()).GetID())
        display.SetActiveScalar(SCALARS, vtk.vtkAssignAttribute.POINT_DATA)
        display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseManualScalarRange)
    display.SetScalarRange(0.0, max(LEAST_RANGE_MM, float(math.ceil(values.max()))))
    display.SetScalarVisibility(True)
    _showLegend(display)


def restore(scene: Any, keep: Any | None = None) -> None:
    """Give every colored model but `keep` its old look back."""
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLModelNode")):
        node = scene.GetNthNodeByClass(index, "vtkMRMLModelNode")
        display = node.GetDisplayNode()
        if node is not keep and display is not None and display.GetAttribute(LOOK_ATTRIBUTE) is not None:
            _restoreOne(node, display)


def _restoreOne(node: Any, display: Any) -> None:
    look = json.loads(display.GetAttribute(LOOK_ATTRIBUTE))
    display.RemoveAttribute(LOOK_ATTRIBUTE)
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(display)
    if legend is not None:
        node.GetScene().RemoveNode(legend)
    display.SetScalarVisibility(look["visible"])
    display.SetActiveScalar(look["scalars"], look["location"])
    display.SetAndObserveColorNodeID(look["colors"] or "")
    display.SetScalarRangeFlag(look["rangeFlag"])
    display.SetScalarRange(*look["range"])
    surface = node.GetPolyData()
    if surface is not None and surface.GetPointData().HasArray(SCALARS):
        surface.GetPointData().RemoveArray(SCALARS)
        surface.Modified()


def _look(display: Any) -> dict[str, Any]:
    """What coloring changes of a display node."""
    return {
        "visible": bool(display.GetScalarVisibility()),
        "scalars": display.GetActiveScalarName() or "",
        "location": display.GetActiveAttributeLocation(),
        "colors": display.GetColorNodeID(),
        "rangeFlag": display.GetScalarRangeFlag(),
        "range": list(display.GetScalarRange()),
    }


def _showLegend(display: Any) -> None:
    if slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(display) is not None:
        return
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(display)
    legend.SetTitleText(LEGEND_TITLE)
    legend.SetLabelFormat("%.1f")
    legend.SetNumberOfLabels(5)
    legend.SetSize(0.08, 0.4)
    legend.SetPosition(0.97, 0.5)
    legend.GetTitleTextProperty().SetFontSize(12)
    legend.GetLabelTextProperty().SetFontSize(12)


def _colorTable(scene: Any) -> Any:
    table = scene.GetFirstNode(COLOR_TABLE_NAME, "vtkMRMLColorTableNode")
    if table is not None:
        return table
    table = slicer.vtkMRMLColorTableNode()
    table.SetTypeToUser()
    table.SetName(COLOR_TABLE_NAME)
    steps = 256
    table.SetNumberOfColors(steps)
    places = np.linspace(0, 1, len(COLORS))
    for index, place in enumerate(np.linspace(0, 1, steps)):
        red, green, blue = (float(np.interp(place, places, channel)) for channel in zip(*COLORS))
        table.SetColor(index, f"{place:.2f}", red, green, blue, 1.0)
    table.SetHideFromEditors(True)
    return scene.AddNode(table)
