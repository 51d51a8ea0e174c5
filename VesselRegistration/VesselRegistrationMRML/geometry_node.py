"""The C-arm geometry of a run as a text node: every frame's values, exact, each with where it came from.

The node keeps what the header said and, apart, what the user entered, so that either can be changed without the other.
It names no patient and is saved with the scene, so a reopened case needs no header.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import slicer

from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.geometry_overrides import GIVEN, GeometryOverrides, apply_overrides
from VesselRegistrationLib.xray_run import FrameGeometry, Origin, Sourced, XRayRun
from VesselSegmentationLib.errors import InputError

VERSION = 1
REFERENCE = "VesselRegistration.Geometry"
"""Role of the node reference from the X-ray volume to its geometry."""


@dataclass(frozen=True)
class RunGeometry:
    """What is known of a run's views."""

    rows: int
    columns: int
    header: tuple[FrameGeometry, ...]
    """One per frame, as read."""
    entered: GeometryOverrides = GeometryOverrides()
    """What the user gave instead."""
    description: str = ""
    """Kind of picture, for example `X-ray angiography (XA)`."""
    warnings: tuple[str, ...] = ()

    @cached_property
    def frames(self) -> tuple[FrameGeometry, ...]:
        """One per frame, with what the user entered."""
        return apply_overrides(self.header, self.entered, GIVEN)

    def frame(self, index: int) -> FrameGeometry:
        """One frame's geometry. Raises InputError outside the run."""
        if not 0 <= index < len(self.header):
            raise InputError(f"Frame {index} has no geometry: the run has frames 0 to {len(self.header) - 1}.")
        return self.frames[index]

    def cArm(self, index: int) -> CArm:
        """The camera of a frame. Raises MissingGeometryError naming what is missing, and InputError."""
        return self.frame(index).c_arm(self.rows, self.columns)


def fromRun(run: XRayRun) -> RunGeometry:
    """What a run that was read says of its views."""
    return RunGeometry(run.rows, run.columns, run.geometry, description=run.kind, warnings=run.warnings)


def unknown(frames: int, rows: int, columns: int) -> RunGeometry:
    """Nothing known yet: a picture that came without a header."""
    absent = "the picture came without a header"
    angle, length = Sourced.missing("deg", absent), Sourced.missing("mm", absent)
    middle = Sourced(((columns - 1) / 2, (rows - 1) / 2), "px", Origin.ASSUMED, "the middle of the picture")
    empty = FrameGeometry(angle, angle, length, length, length, middle, length)
    return RunGeometry(rows, columns, (empty,) * frames)


def store(geometry: RunGeometry, volumeNode: Any) -> Any:
    """Keep the geometry in the volume's text node, made when there is none; returns that node."""
    node = nodeOf(volumeNode)
    if node is None:
        node = volumeNode.GetScene().AddNewNodeByClass("vtkMRMLTextNode", f"{volumeNode.GetName()} C-arm geometry")
        node.SetForceCreateStorageNode(slicer.vtkMRMLTextNode.CreateStorageNodeAlways)
        volumeNode.SetNodeReferenceID(REFERENCE, node.GetID())
    node.SetText(json.dumps(_toJson(geometry)))
    return node


def nodeOf(volumeNode: Any) -> Any | None:
    """The volume's geometry node, or None."""
    return volumeNode.GetNodeReference(REFERENCE) if volumeNode else None


def load(node: Any | None) -> RunGeometry | None:
    """The geometry that a text node holds; None without a node. Raises InputError for a text that is no geometry."""
    if node is None or not node.GetText():
        return None
    try:
        return _parsed(node.GetText())
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{node.GetName()} does not hold a C-arm geometry ({error!r}); load the run again.") from error


@lru_cache(maxsize=4)
def _parsed(text: str) -> RunGeometry:
    """Asked for with every frame of a playing run, so it is kept."""
    content = json.loads(text)
    if content["version"] != VERSION:
        raise InputError(
            f"The geometry is of version {content['version']}, {VERSION} is read here; load the run again."
        )
    return _fromJson(content)


def _toJson(geometry: RunGeometry) -> dict[str, Any]:
    frames = [{name: _plain(value) for name, value in vars(frame).items()} for frame in geometry.header]
    # Most runs have one view; there is no need to write it a hundred times.
    same = all(frame == frames[0] for frame in frames)
    return {
        "version": VERSION,
        "rows": geometry.rows,
        "columns": geometry.columns,
        "frameCount": len(frames),
        "frames": frames[:1] if same else frames,
        "entered": dataclasses.asdict(geometry.entered),
        "description": geometry.description,
        "warnings": list(geometry.warnings),
    }


def _fromJson(content: dict[str, Any]) -> RunGeometry:
    frames = tuple(
        FrameGeometry(**{name: _sourced(value) for name, value in frame.items()}) for frame in content["frames"]
    )
    count = int(content["frameCount"])
    entered = {name: tuple(value) if isinstance(value, list) else value for name, value in content["entered"].items()}
    return RunGeometry(
        rows=int(content["rows"]),
        columns=int(content["columns"]),
        header=frames * count if len(frames) == 1 else frames,
        entered=GeometryOverrides(**entered),
        description=content["description"],
        warnings=tuple(content["warnings"]),
    )


def _plain(value: Sourced | bool) -> Any:
    return {**vars(value), "origin": value.origin.value} if isinstance(value, Sourced) else value


def _sourced(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    number = value["value"]
    return Sourced(
        tuple(number) if isinstance(number, list) else number,
        value["unit"],
        Origin(value["origin"]),
        value["source"],
        value["uncertainty"],
    )
