"""Named points that the user has marked on the model and in the picture: how far apart the pose shows them.

Errors are those of the picture, measured in the plane of the isocentre: depth, which one view hardly sees, is no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import slicer
import vtk

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.metrics import picture_distances_mm, root_mean_square
from VesselRegistrationMRML.certainty import pictureLines, showOverPicture
from VesselRegistrationMRML.placement import LPS_TO_RAS

LABEL_FORMAT = "%d"
"""Points are numbered alike in both nodes, so that they belong together without being named."""
LINE_COLOR, LINE_WIDTH_PX = (1.0, 0.45, 0.9), 2
CROSS_PX = 5.0
MARK_COLOR = (0.3, 0.9, 1.0)


@dataclass(frozen=True)
class LandmarkErrors:
    """What came of comparing the points of the model with those of the picture."""

    millimeters: dict[str, float] = field(default_factory=dict)
    """By name."""
    onlyOnModel: tuple[str, ...] = ()
    onlyInPicture: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    """Names of points that were marked on another frame or run than the one shown."""

    @property
    def rms(self) -> float:
        """Root mean square, mm; NaN for none."""
        return root_mean_square(list(self.millimeters.values()))


def points(node: Any) -> dict[str, FloatArray]:
    """Name to place (3,) in the scene's RAS mm of all points that are placed; of two of one name, the first."""
    found: dict[str, FloatArray] = {}
    for index in range(node.GetNumberOfControlPoints() if node else 0):
        if node.GetNthControlPointPositionStatus(index) == slicer.vtkMRMLMarkupsNode.PositionDefined:
            place = [0.0, 0.0, 0.0]
            node.GetNthControlPointPositionWorld(index, place)
            found.setdefault(node.GetNthControlPointLabel(index).strip(), np.array(place))
    return found


def stamp(node: Any, where: str) -> None:
    """Note on every point that has no note yet where (run and frame) it was marked."""
    for index in range(node.GetNumberOfControlPoints()):
        isPlaced = node.GetNthControlPointPositionStatus(index) == slicer.vtkMRMLMarkupsNode.PositionDefined
        if isPlaced and not node.GetNthControlPointDescription(index):
            node.SetNthControlPointDescription(index, where)


def stamps(node: Any) -> dict[str, str]:
    """Name to note of every point."""
    count = node.GetNumberOfControlPoints() if node else 0
    names = [node.GetNthControlPointLabel(index).strip() for index in range(count)]
    return {name: node.GetNthControlPointDescription(index) for index, name in reversed(list(enumerate(names)))}


def pixels(places: Mapping[str, FloatArray], cArm: CArm) -> dict[str, FloatArray]:
    """Where points (RAS mm) are seen, (column, row). A mark on the detector is seen where it is."""
    if not places:
        return {}
    seen = cArm.project(np.array(list(places.values())) @ LPS_TO_RAS[:3, :3])[:, :2]
    return dict(zip(places, seen))


def compare(modelNode: Any, pictureNode: Any, where: str, cArm: CArm) -> LandmarkErrors:
    """How far apart points of the same name are seen on the frame `where`."""
    notes = stamps(pictureNode)
    onModel, marked = pixels(points(modelNode), cArm), pixels(points(pictureNode), cArm)
    elsewhere = tuple(name for name in marked if notes.get(name, "") not in ("", where))
    marked = {name: pixel for name, pixel in marked.items() if name not in elsewhere}
    both = [name for name in onModel if name in marked]
    errors = {}
    if both:
        pairs = [np.array([place[name] for name in both]) for place in (onModel, marked)]
        errors = dict(zip(both, picture_distances_mm(*pairs, cArm).tolist()))
    return LandmarkErrors(
        errors,
        tuple(name for name in onModel if name not in marked and name not in elsewhere),
        tuple(name for name in marked if name not in onModel),
        elsewhere,
    )


def updateLines(node: Any, modelNode: Any, pictureNode: Any, errors: LandmarkErrors, cArm: CArm) -> None:
    """Make a model node lines over the picture, from each mark to where the model shows that point (a cross)."""
    onModel, marked = pixels(points(modelNode), cArm), pixels(points(pictureNode), cArm)
    parts: list[FloatArray] = []
    for name in errors.millimeters:
        parts.append(np.array([marked[name], onModel[name]]))
    for name in (*errors.millimeters, *errors.onlyOnModel):
        for arm in ((1, 1), (1, -1)):
            parts.append(onModel[name] + CROSS_PX * np.outer([-1, 1], arm))
    node.SetAndObservePolyData(pictureLines(parts, cArm))
    showOverPicture(node, LINE_COLOR, LINE_WIDTH_PX)


def prepare(node: Any, onModel: bool) -> None:
    """The look and the numbering of a node of landmarks that has none yet."""
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    if not node.GetNumberOfControlPoints():
        node.SetControlPointLabelFormat(LABEL_FORMAT)
    # A slice view would drop the model's points upright onto the picture, where X-rays do not put them.
    display.SetVisibility2D(not onModel)
    display.SetVisibility3D(onModel)
    display.SetSelectedColor(*MARK_COLOR)
    if onModel:
        display.SetOccludedVisibility(True)
        # The C-arm view is mirrored, which turns the lights away from small spheres and leaves them black.
        display.SetGlyphType(slicer.vtkMRMLMarkupsDisplayNode.Circle2D)


def hang(node: Any, poseNode: Any, poses: tuple[Any, ...], modelPoints: FloatArray) -> None:
    """Let the model's landmarks move with the model. modelPoints: of its surface (N, 3), own coordinates, RAS mm.

    Landmarks that are under none of the `poses` yet are either in the model's own coordinates, as a file from the CT
    has them, or were placed on the model in the scene: whichever is nearer to the surface.
    """
    if node.GetParentTransformNode() is poseNode:
        return
    if node.GetParentTransformNode() not in poses and points(node):
        from scipy.spatial import cKDTree

        matrix = vtk.vtkMatrix4x4()
        poseNode.GetMatrixTransformFromWorld(matrix)
        inScene = np.array(list(points(node).values()))
        inverse = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
        moved = inScene @ inverse[:3, :3].T + inverse[:3, 3]
        tree = cKDTree(modelPoints)
        if tree.query(moved)[0].mean() < tree.query(inScene)[0].mean():
            node.HardenTransform()
            node.ApplyTransformMatrix(matrix)
    node.SetAndObserveTransformNodeID(poseNode.GetID())
