"""The poses of a run's frames and what registering said of them, kept in one text node that is saved with the scene."""

from __future__ import annotations

import dataclasses
import enum
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import slicer

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose.uncertainty import PoseUncertainty
from VesselRegistrationLib.xray_run import carry_pose, table_shift_lps
from VesselRegistrationMRML.certainty import ExpectedErrors, Standing
from VesselRegistrationMRML.geometry_node import RunGeometry
from VesselSegmentationLib.errors import InputError, MissingGeometryError

VERSION = 1


class PoseOrigin(enum.Enum):
    """Where a frame's pose came from."""

    REGISTERED = "registered"
    ADJUSTED = "adjusted by hand"
    REFUSED = "refused"
    CARRIED = "carried from another run"


@dataclass(frozen=True)
class RegistrationResult:
    """What came of one frame. The affine is (3, 3), from projection to frame, pixels."""

    frame: int
    registered: bool
    reason: str = ""
    """Why it was refused; empty when registered."""
    dsc: float | None = None
    precision: float | None = None
    recall: float | None = None
    affine: tuple[tuple[float, ...], ...] | None = None
    rotationDeg: float | None = None
    scale: float | None = None
    anisotropy: float | None = None
    shiftPx: tuple[float, float] | None = None
    """Right and down."""
    start: str = ""
    warnings: tuple[str, ...] = ()
    method: str = "affine"
    """"pose" or "affine"."""
    expectedInPlaneMm: float | None = None
    """Expected error of a pose across the picture, in the plane of the isocentre."""
    inPlaneBoundMm: float | None = None
    """95 % of poses stay below it."""
    expectedDepthMm: float | None = None
    """Expected error along the beam."""
    covariance: tuple[tuple[float, ...], ...] | None = None
    """(6, 6) of a pose: turn in rad and shift in mm about `pivotLps`."""
    pivotLps: tuple[float, ...] | None = None
    """The model's center at the pose, LPS mm from the isocentre."""
    modelToIsocenter: tuple[tuple[float, ...], ...] | None = None
    """(4, 4) LPS mm: the rigid pose, or the affine in 3-D that shows the model on the vessels."""
    joint: tuple[str, ...] = ()
    """The runs that were solved together, if several were."""
    roi: tuple[int, ...] = ()
    """First column and row, width and height of the region that was matched."""
    ambiguityPx: tuple[float, ...] | None = None
    """Of an affine: how far the picture leaves it open at most and at least, pixels, and the direction in degrees."""
    threshold: float | None = None
    """Vessel from this probability."""
    vesselShare: float | None = None
    """Of the frame."""


@dataclass(frozen=True)
class FramePose:
    """One frame's pose, model to isocentre (4, 4) LPS mm (None: refused), and the result that it began with."""

    origin: PoseOrigin
    modelToIsocenter: tuple[tuple[float, ...], ...] | None
    result: RegistrationResult | None = None
    carried: RegistrationResult | None = None
    """Of a pose that was carried from another run: its errors in this run's view."""
    carriedFrom: str = ""
    """Run and frame, for people."""

    @property
    def originText(self) -> str:
        """In words, where it came from."""
        return f"carried from {self.carriedFrom}" if self.origin is PoseOrigin.CARRIED else self.origin.value


@dataclass(frozen=True)
class RunPoses:
    """Every frame that has a pose of its own, or was refused one."""

    frames: dict[int, FramePose] = field(default_factory=dict)

    def withFrame(self, index: int, pose: FramePose) -> RunPoses:
        """The same with one frame replaced."""
        return RunPoses({**self.frames, index: pose})

    @property
    def anyRegistered(self) -> bool:
        """Whether registering has given any frame a pose."""
        return any(pose.result is not None and pose.result.registered for pose in self.frames.values())


def poseEntry(origin: PoseOrigin, matrix: FloatArray, result: RegistrationResult | None = None) -> FramePose:
    """A frame's pose from an array."""
    return FramePose(origin, tuple(tuple(row) for row in np.asarray(matrix, dtype=float).tolist()), result)


def fromResult(result: RegistrationResult) -> FramePose:
    """A frame's pose as registering found it."""
    origin = PoseOrigin.REGISTERED if result.registered else PoseOrigin.REFUSED
    return FramePose(origin, result.modelToIsocenter if result.registered else None, result)


def byHand(matrix: FloatArray, before: FramePose | None) -> FramePose:
    """A frame's pose (4, 4) as the hand has left it; where that is back at what registering found, it is that again."""
    result = before.result if before is not None else None
    found = fromResult(result).modelToIsocenter if result is not None else None
    if found is not None and np.allclose(matrix, found, rtol=0, atol=1e-6):
        return fromResult(result)
    return poseEntry(PoseOrigin.ADJUSTED, matrix, result)


def solvedWith(pose: FramePose, runs: tuple[str, ...]) -> FramePose:
    """A pose with the names of the runs that it was solved on; as it is where it was solved without the others."""
    if pose.result is None or not pose.result.joint:
        return pose
    return dataclasses.replace(pose, result=dataclasses.replace(pose.result, joint=runs))


def kept(before: FramePose | None, now: FramePose) -> FramePose:
    """A frame's new pose; where it was refused, the one before with the refusal beside it."""
    if now.modelToIsocenter is not None or before is None or before.modelToIsocenter is None:
        return now
    return dataclasses.replace(before, result=now.result)


def standingOf(poses: RunPoses, index: int) -> Standing:
    """What a frame's pose is worth. One moved by hand is the user's word, also after a refusal."""
    pose = poses.frames.get(index)
    if pose is not None and pose.origin is PoseOrigin.ADJUSTED:
        return Standing.ADJUSTED
    if pose is not None and pose.result is not None and not pose.result.registered:
        return Standing.REFUSED
    if pose is not None and pose.modelToIsocenter is not None:
        return Standing.CARRIED if pose.origin is PoseOrigin.CARRIED else Standing.REGISTERED
    known = any(other.modelToIsocenter is not None for other in poses.frames.values())
    return Standing.NEIGHBOR if known else Standing.START


def errorsOf(pose: FramePose | None) -> ExpectedErrors | None:
    """The errors of a pose that registering has found, here or on another run; None for any other: nobody knows."""
    if pose is None or (pose.result is not None and not pose.result.registered):
        return None
    result = {PoseOrigin.REGISTERED: pose.result, PoseOrigin.CARRIED: pose.carried}.get(pose.origin)
    if result is None:
        return None
    known = (result.expectedInPlaneMm, result.inPlaneBoundMm, result.expectedDepthMm)
    if None in known or result.covariance is None or result.pivotLps is None:
        return None
    return ExpectedErrors(*known, PoseUncertainty(np.array(result.covariance), np.array(result.pivotLps)))


def poseOfFrame(poses: RunPoses, index: int, geometry: RunGeometry, followTable: bool) -> FloatArray | None:
    """Model to isocentre of a frame: its own, else that of the nearest frame with one, carried with the table."""
    known = {frame: pose.modelToIsocenter for frame, pose in poses.frames.items() if pose.modelToIsocenter is not None}
    if not known:
        return None
    nearest = min(known, key=lambda frame: (abs(frame - index), frame))
    return carried(np.array(known[nearest]), geometry, nearest, index, followTable)


def carried(pose: FloatArray, geometry: RunGeometry, start: int, end: int, followTable: bool) -> FloatArray:
    """A pose of one frame at another: moved with the table where its positions are known."""
    if start == end or not followTable:
        return pose
    try:
        shift = table_shift_lps(geometry.frame(start), geometry.frame(end), same_run=True)
    except MissingGeometryError:
        return pose
    return carry_pose(pose, np.zeros(3), shift)


def framesText(poses: RunPoses) -> str:
    """In words, what came of several frames; empty for one. People count frames from 1."""
    results = {frame: pose.result for frame, pose in sorted(poses.frames.items()) if pose.result is not None}
    if len(results) < 2:
        return ""
    refused = [str(frame + 1) for frame, result in results.items() if not result.registered]
    errors = [result.expectedInPlaneMm for result in results.values() if result.registered and result.expectedInPlaneMm]
    text = f"{len(results) - len(refused)} of {len(results)} frames registered"
    if errors:
        least, most = f"{min(errors):.1f}", f"{max(errors):.1f}"
        text += f", expected error {least if least == most else f'{least} to {most}'} mm"
    return f"{text}. NOT registered: frame {', '.join(refused)}." if refused else f"{text}."


def store(poses: RunPoses, node: Any) -> None:
    """Keep the poses in a text node."""
    content = {
        "version": VERSION,
        "coordinateSystem": "LPS",
        "frames": {str(frame): _plain(pose) for frame, pose in sorted(poses.frames.items())},
    }
    node.SetForceCreateStorageNode(slicer.vtkMRMLTextNode.CreateStorageNodeAlways)
    node.SetText(json.dumps(content))


def load(node: Any | None) -> RunPoses:
    """The poses in a text node; none without one. Raises InputError for a text that holds no poses."""
    if node is None or not node.GetText():
        return RunPoses()
    try:
        return _parsed(node.GetText())
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{node.GetName()} does not hold registration results ({error!r}); register again.") from error


@lru_cache(maxsize=4)
def _parsed(text: str) -> RunPoses:
    """Asked for several times with every frame of a playing run, so it is kept; nothing changes it."""
    content = json.loads(text)
    if content["version"] != VERSION:
        raise InputError(
            f"The results are of version {content['version']}, this program reads {VERSION}; register again."
        )
    return RunPoses({int(frame): _pose(value) for frame, value in content["frames"].items()})


def _plain(pose: FramePose) -> dict[str, Any]:
    return {**dataclasses.asdict(pose), "origin": pose.origin.value}


def _pose(value: dict[str, Any]) -> FramePose:
    results = [
        RegistrationResult(**{name: _tupled(part) for name, part in result.items()}) if result is not None else None
        for result in (value["result"], value.get("carried"))
    ]
    matrix = _tupled(value["modelToIsocenter"])
    return FramePose(PoseOrigin(value["origin"]), matrix, *results, value.get("carriedFrom", ""))


def _tupled(value: Any) -> Any:
    return tuple(_tupled(part) for part in value) if isinstance(value, list) else value
