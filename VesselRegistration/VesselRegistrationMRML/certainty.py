"""How far what is shown may be trusted: where a pose comes from, and its expected error in mm as something to look at.

Errors are those of a rigid pose: a covariance (6, 6) of turn (rad) and shift (mm) about a pivot, LPS mm from the
isocentre. In the picture they are measured in the plane of the isocentre.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import numpy as np
import vtk

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.uncertainty import PoseUncertainty
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationMRML.placement import matrixFromArray, pictureToRas

GAUSS_95 = 2.4477
"""Half axes of the ellipse that holds 95 % of a normal distribution in a plane, in standard deviations."""
ELLIPSE_COLOR = (0.45, 1.0, 0.5)
ELLIPSE_WIDTH_PX = 2
STEPS = 72
GAP_PX, TICK_PX = 4.0, 14.0
STEP_MM = 0.5


class Standing(enum.Enum):
    """What the model's place on the frame shown is worth."""

    START = "start"
    """Nothing was registered: where the model is thought to be."""
    REFUSED = "refused"
    """Registering this frame has found no pose that can be trusted."""
    NEIGHBOR = "neighbor"
    """The pose of another frame."""
    CARRIED = "carried"
    """The pose of another run, carried with the table."""
    ADJUSTED = "adjusted"
    REGISTERED = "registered"

    @property
    def isFirm(self) -> bool:
        """Whether the model may be shown as lying on its vessels."""
        return self in (Standing.ADJUSTED, Standing.REGISTERED)


@dataclass(frozen=True)
class ExpectedErrors:
    """What is known of the errors of one frame's pose."""

    inPlaneMm: float
    """Expected: root mean square over the model, across the picture."""
    boundMm: float
    """95 % of poses stay below it."""
    depthMm: float
    """Expected along the beam."""
    uncertainty: PoseUncertainty

    def pointErrorsMm(self, pointsLps: FloatArray, cArm: CArm) -> FloatArray:
        """Expected error (N,) across the picture of points (N, 3) of the model where the pose puts them."""
        return np.asarray(self.uncertainty.point_errors_mm(pointsLps, cArm)[:, 0])


def transformed(pointsLps: FloatArray, matrix: Any) -> FloatArray:
    """Points (N, 3) moved by a pose, rows of a (4, 4)."""
    return transform_points(np.array(matrix, dtype=float), pointsLps)


def centerEllipse(errors: ExpectedErrors, cArm: CArm) -> FloatArray:
    """Where the model's center may be, with 95 %: a closed line (N, 2) in pixels, column and row.

    The calibrated bound is wider than that of a normal distribution; the longest half axis is never below it.
    """
    center = errors.uncertainty.pivot_lps[None]
    variance, axes = np.linalg.eigh(inPlaneCovariance(errors.uncertainty, center, cArm)[0])
    total = float(errors.uncertainty.point_errors_mm(center, cArm)[0, 0])
    # What is in the stated error beyond the covariance, its floor, has no direction.
    variance = variance.clip(0) + max(0.0, total**2 - float(variance.sum())) / 2
    spread = np.sqrt(variance)
    factor = max(GAUSS_95, errors.boundMm / errors.inPlaneMm * total / spread.max())
    angles = np.linspace(0, 2 * np.pi, STEPS + 1)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    offsets = (circle * factor * spread) @ axes.T
    return np.asarray(cArm.project(center)[0, :2] + offsets / cArm.pixel_size_at_isocenter_mm())


def inPlaneCovariance(uncertainty: PoseUncertainty, pointsLps: FloatArray, cArm: CArm) -> FloatArray:
    """Covariances (N, 2, 2) of points at the pose as the picture shows them, right and down, mm2 at the isocentre."""
    pixel = cArm.pixel_size_at_isocenter_mm()
    slopes = np.stack(
        [
            (cArm.project(pointsLps + step) - cArm.project(pointsLps - step))[:, :2] * pixel / (2 * STEP_MM)
            for step in STEP_MM * np.eye(3)
        ],
        axis=2,
    )
    return np.asarray(slopes @ uncertainty.point_covariances(pointsLps) @ np.swapaxes(slopes, 1, 2))


def ellipseLines(ellipse: FloatArray, cArm: CArm) -> vtk.vtkPolyData:
    """An ellipse (N, 2) in pixels, closed, as lines in the picture's plane, RAS mm.

    A good pose's ellipse is a few pixels wide: four ticks outside lead the eye to it.
    """
    middle = ellipse[:-1].mean(axis=0)
    begin = np.linalg.norm(ellipse - middle, axis=1).max() + GAP_PX
    directions = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])
    ticks = [middle + np.outer([begin, begin + TICK_PX], direction) for direction in directions]
    return pictureLines([ellipse, *ticks], cArm)


def updateEllipse(node: Any, errors: ExpectedErrors | None, cArm: CArm) -> None:
    """Make a model node the ellipse of the expected error, over the picture in slice views; None: nothing to see."""
    node.SetAndObservePolyData(ellipseLines(centerEllipse(errors, cArm), cArm) if errors else vtk.vtkPolyData())
    showOverPicture(node, ELLIPSE_COLOR, ELLIPSE_WIDTH_PX)


def showOverPicture(node: Any, color: tuple[float, float, float], widthPx: int) -> None:
    """Let a model node of lines be seen over the picture in slice views; a look that it has is kept."""
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetColor(*color)
        display.SetSliceIntersectionThickness(widthPx)
        display.SetSliceDisplayModeToProjection()
        display.SetVisibility3D(False)
        display.SetVisibility2D(True)
        node.SetSelectable(False)


def pictureLines(parts: list[FloatArray], cArm: CArm) -> vtk.vtkPolyData:
    """Lines, each (N, 2) in pixels, in the picture's plane, RAS mm."""
    points, cells = vtk.vtkPoints(), vtk.vtkCellArray()
    matrix = matrixFromArray(pictureToRas(cArm))
    for part in parts:
        cells.InsertNextCell(len(part))
        for column, row in part:
            cells.InsertCellPoint(points.InsertNextPoint(matrix.MultiplyPoint([column, row, 0.0, 1.0])[:3]))
    lines = vtk.vtkPolyData()
    lines.SetPoints(points)
    lines.SetLines(cells)
    return lines


def dashed(lines: vtk.vtkPolyData, lengthMm: float) -> vtk.vtkPolyData:
    """Every other piece of lines, pieces of about this length."""
    from vtk.util.numpy_support import vtk_to_numpy

    result, cells = vtk.vtkPolyData(), vtk.vtkCellArray()
    result.SetPoints(lines.GetPoints())
    if not lines.GetNumberOfPoints():
        return result
    points = vtk_to_numpy(lines.GetPoints().GetData())
    connectivity, offsets = (
        vtk_to_numpy(array) for array in (lines.GetLines().GetConnectivityArray(), lines.GetLines().GetOffsetsArray())
    )
    for first, last in zip(offsets, offsets[1:]):
        line = connectivity[first:last]
        along = np.linalg.norm(np.diff(points[line], axis=0), axis=1).cumsum()
        for start, end in zip(line[:-1][(along // lengthMm) % 2 == 0], line[1:][(along // lengthMm) % 2 == 0]):
            cells.InsertNextCell(2)
            cells.InsertCellPoint(int(start))
            cells.InsertCellPoint(int(end))
    result.SetLines(cells)
    return result
