"""Several runs of one patient in one scene: each with its own results, all of one model that the table carries.

Angles need no carrying: the pose is where the model is in the room, and the C-arm moves around it.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.pose.geometry_uncertainty import GeometryUncertainty
from VesselRegistrationLib.pose.own_motion import own_covariance
from VesselRegistrationLib.pose.uncertainty import PoseUncertainty
from VesselRegistrationLib.xray_run import carry_pose, table_shift_lps
from VesselRegistrationMRML import geometry_node
from VesselRegistrationMRML.poses import FramePose, PoseOrigin, RegistrationResult, RunPoses, errorsOf
from VesselSegmentationLib.errors import InputError, MissingGeometryError

REPORT = "VesselRegistration.Report"
"""Role of the node reference from a run's volume to the results of its frames."""
START_ATTRIBUTE = "VesselRegistration.StartPose"
"""On a run's volume while another one is worked on: its start pose, rows of (4, 4) LPS mm."""
VOLUME_CLASS = "vtkMRMLScalarVolumeNode"


def runsOf(scene: Any) -> list[Any]:
    """All volumes of the scene whose C-arm geometry is known to the module."""
    nodes = [
        scene.GetNthNodeByClass(index, VOLUME_CLASS) for index in range(scene.GetNumberOfNodesByClass(VOLUME_CLASS))
    ]
    return [node for node in nodes if geometry_node.nodeOf(node) is not None]


def runOfGeometry(scene: Any, geometryNode: Any) -> Any | None:
    """The volume that a geometry node describes, or None."""
    found = [node for node in runsOf(scene) if geometry_node.nodeOf(node) is geometryNode]
    return found[0] if found else None


def keepStart(volume: Any, start: FloatArray) -> None:
    """Remember a run's start pose (4, 4) while another run is worked on."""
    volume.SetAttribute(START_ATTRIBUTE, json.dumps(start.tolist()))


def keptStart(volume: Any) -> FloatArray | None:
    """The start pose that was remembered, or None."""
    text = volume.GetAttribute(START_ATTRIBUTE)
    return np.array(json.loads(text)) if text else None


def tableShift(start: tuple[Any, int], end: tuple[Any, int]) -> FloatArray:
    """How far the table has moved, (3,) LPS mm, between (run, frame) and (run, frame).

    Raises MissingGeometryError with words for the user when it is not known.
    """
    geometries = [geometry_node.load(geometry_node.nodeOf(volume)).frame(frame) for volume, frame in (start, end)]
    for (volume, _), geometry in zip((start, end), geometries):
        if geometry.table.value is None:
            raise MissingGeometryError(
                f"The table position of {volume.GetName()} is not known, so no pose can be carried between the runs. "
                "Enter it in step 2 if you know it for both runs, or register each run by itself."
            )
    try:
        return table_shift_lps(*geometries)
    except MissingGeometryError as error:
        raise MissingGeometryError(
            f"The table positions of {start[0].GetName()} and {end[0].GetName()} cannot be compared, so no pose can be "
            f"carried between them. Enter both in step 2, or register each run by itself. ({error})"
        ) from error


def best(poses: RunPoses, name: str, shown: int) -> tuple[int, FramePose]:
    """The frame whose pose is worth most to another run: the one shown, else the nearest that was registered.

    Raises InputError when the run has none.
    """
    registered = {frame: pose for frame, pose in poses.frames.items() if pose.origin is PoseOrigin.REGISTERED}
    good = {frame: pose for frame, pose in registered.items() if pose.result is not None and pose.result.registered}
    adjusted = {frame: pose for frame, pose in poses.frames.items() if pose.origin is PoseOrigin.ADJUSTED}
    known = good or adjusted
    if not known:
        raise InputError(f"The run {name} has no pose yet: register it first, then take its pose here.")
    frame = min(known, key=lambda index: (abs(index - shown), index))
    return frame, known[frame]


def carriedPose(
    source: FramePose, name: str, shift: FloatArray, frame: int, cArm: CArm, points: FloatArray
) -> FramePose:
    """A pose of another run as the pose of this run's `frame`, with the errors that it has in this view.

    points: of the model (N, 3), its own coordinates in LPS mm. Depth in one view is a shift in the picture of another:
    the errors are worked out anew. Breath and heart have moved the vessels in both, which the table does not tell,
    and both headers may be off.
    """
    pose = carry_pose(np.array(source.modelToIsocenter), np.zeros(3), shift)
    matrix = tuple(tuple(row) for row in pose.tolist())
    errors, carried = errorsOf(source), None
    if errors is not None:
        pivot = errors.uncertainty.pivot_lps + shift
        between = 2 * own_covariance(cArm, GeometryUncertainty(), pivot)
        uncertainty = PoseUncertainty(errors.uncertainty.covariance + between, pivot)
        atPose = points @ pose[:3, :3].T + pose[:3, 3]
        inPlane, depth = np.sqrt((uncertainty.point_errors_mm(atPose, cArm) ** 2).mean(axis=0)).tolist()
        carried = RegistrationResult(
            frame=frame,
            registered=True,
            method="pose",
            expectedInPlaneMm=round(inPlane, 4),
            inPlaneBoundMm=round(inPlane * errors.boundMm / errors.inPlaneMm, 4),
            expectedDepthMm=round(depth, 4),
            covariance=tuple(tuple(row) for row in uncertainty.covariance.tolist()),
            pivotLps=tuple(uncertainty.pivot_lps.tolist()),
            modelToIsocenter=matrix,
        )
    return FramePose(PoseOrigin.CARRIED, matrix, None, carried, name)
