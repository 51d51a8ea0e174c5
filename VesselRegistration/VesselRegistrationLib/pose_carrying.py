"""A pose that was found on one run, as the start on another: read from its registration.json, carried with the table.

The pose is that of the model from the isocentre, so the angles of the C-arm do not matter; where the table stood does.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.pose_files import checked_pose
from VesselRegistrationLib.vessel_model import VesselModel
from VesselRegistrationLib.xray_run import FrameGeometry, Origin, Sourced, XRayRun, carry_pose, table_shift_lps
from VesselSegmentationLib.errors import InputError, MissingGeometryError

SCHEMA_VERSION = 1
"""Of a registration.json. Raised when a reader of older files would misread a new one."""
SAME_MODEL_MM = 1.0
"""Models whose corners lie closer than this are the same one."""
MOVED_TURN_DEG, MOVED_SHIFT_MM = 2.0, 5.0
"""Standard deviations, per axis, of what patient, breath and C-arm do between two runs."""
MOST_TURN_DEG, MOST_SHIFT_MM = 6.0, 25.0
"""Those of a pose of which nothing more is known; none is taken to be worse."""


@dataclass(frozen=True)
class FoundPose:
    """A registered frame of another run."""

    source: str
    """File, run and frame, for messages."""
    model_to_isocenter: FloatArray
    """(4, 4) LPS mm, at that frame's table position."""
    geometry: FrameGeometry
    """Only its table position is filled in."""
    turn_deg: float
    shift_mm: float
    """Standard deviations, per axis, of how far off it may be on another run."""

    def carried_to(self, run: XRayRun, frame: int) -> FloatArray:
        """The pose (4, 4) on a frame of another run. Raises InputError where the tables cannot be related."""
        try:
            shift = table_shift_lps(self.geometry, run.geometry[frame])
        except MissingGeometryError as error:
            raise InputError(
                f"The pose of {self.source} cannot be carried to {run.name}: {error} With --initial-pose the file's "
                "pose is taken as it is."
            ) from error
        return carry_pose(self.model_to_isocenter, np.zeros(3), shift)


def table_entry(geometry: FrameGeometry | None) -> dict[str, Any] | None:
    """Where the table stood, as a report has it, so that the pose can be carried to other runs."""
    if geometry is None or geometry.table.value is None:
        return None
    table = geometry.table
    return {
        "positionLpsMm": [round(value, 6) for value in table.numbers],
        "source": table.source,
        "isRelative": geometry.table_is_relative,
    }


def model_bounds(model: VesselModel) -> list[list[float]]:
    """The corners of the model's box, LPS mm, by which a report is known to be of the same model."""
    return [np.round(corner, 3).tolist() for corner in (model.points_lps.min(axis=0), model.points_lps.max(axis=0))]


def read_found_pose(path: Path | str, model: VesselModel) -> FoundPose:
    """The surest rigid pose in a registration.json of the same model.

    Raises InputError for another kind of file, for another model, and where nothing was registered.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        poses = [pose for pose in content["poses"] if isinstance(pose, dict)]
    except OSError as error:
        raise InputError(
            f"The report {path} of the other run cannot be read ({error.strerror or error}); check its path."
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} is no registration.json; give the one that `register` wrote.") from error
    if content.get("schemaVersion") != SCHEMA_VERSION:
        raise InputError(
            f"{path} is of version {content.get('schemaVersion')!r}, {SCHEMA_VERSION} is read here; register that run "
            "with this program."
        )
    _check_model(content.get("model"), model, path)
    usable = [pose for pose in poses if _matrix(pose) is not None]
    if not usable:
        raise InputError(_why_unusable(poses, path))
    pose = min(usable, key=_expected_error)
    if pose.get("coordinateSystem") != "LPS":
        raise InputError(f'{path} says coordinateSystem {pose.get("coordinateSystem")!r}; a report says "LPS".')
    turn, shift = _deviations(pose)
    source = f"{path.name} ({pose.get('run')}, frame {pose.get('frame')})"
    return FoundPose(source, checked_pose(_matrix(pose), path), _geometry(pose.get("table"), path), turn, shift)


def _matrix(pose: dict[str, Any]) -> Any:
    """What the report holds as the rigid pose: by hand, or found; None for an affine, or when refused."""
    status = pose.get("status")
    key = {"adjusted": "adjustedModelToIsocenter", "registered": "modelToIsocenter"}.get(str(status))
    return None if key is None else pose.get(key)


def _expected_error(pose: dict[str, Any]) -> float:
    return _positive(pose.get("expectedInPlaneErrorMm"), math.inf) if _has_errors(pose) else math.inf


def _why_unusable(poses: list[dict[str, Any]], path: Path) -> str:
    refused = [pose for pose in poses if pose.get("status") == "refused"]
    if refused:
        return f"{path} was refused, so there is no pose to carry: {refused[-1].get('reason')}"
    if not poses:
        return f"{path} holds no pose at all; register that run again."
    return f"{path} holds no rigid pose, only an affine in the picture; register that run with --method pose."


def _check_model(entry: Any, model: VesselModel, path: Path) -> None:
    if not isinstance(entry, dict):
        return
    bounds, triangles = entry.get("boundsLpsMm"), entry.get("triangles")
    if bounds is None:
        differs = isinstance(triangles, int) and triangles != len(model.triangles)
    else:
        differs = not _are_close(bounds, model_bounds(model))
    if differs:
        raise InputError(
            f"{path} is of another model ({entry.get('file')}, {triangles} triangles): its box is not that of --model. "
            "Give the model that was registered there, with the same units and frame."
        )


def _are_close(one: Any, other: list[list[float]]) -> bool:
    try:
        return bool(np.abs(np.array(one, dtype=float) - np.array(other)).max() < SAME_MODEL_MM)
    except (TypeError, ValueError):
        return False


def _deviations(pose: dict[str, Any]) -> tuple[float, float]:
    """Standard deviations of the pose per axis, degrees and mm, with what moves between two runs.

    What is known of errors is of the pose that was found: where a hand has moved the model since, nothing is.
    """
    if not _has_errors(pose):
        return MOST_TURN_DEG, MOST_SHIFT_MM
    try:
        variances = np.diag(np.array(pose["poseCovariance"], dtype=float)).reshape(2, 3).mean(axis=1)
        turn, shift = float(np.degrees(np.sqrt(variances[0]))), float(np.sqrt(variances[1]))
    except (KeyError, TypeError, ValueError):
        turn, shift = math.nan, _positive(pose.get("expectedDepthErrorMm"), math.nan)
    return _clipped(turn, MOVED_TURN_DEG, MOST_TURN_DEG), _clipped(shift, MOVED_SHIFT_MM, MOST_SHIFT_MM)


def _has_errors(pose: dict[str, Any]) -> bool:
    """Whether the errors that the report states are of the pose that is carried."""
    return _matrix(pose) == pose.get("modelToIsocenter")


def _clipped(deviation: float, moved: float, most: float) -> float:
    return min(math.hypot(deviation, moved), most) if math.isfinite(deviation) else most


def _positive(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, (int, float)) and value > 0 else otherwise


def _geometry(table: Any, path: Path) -> FrameGeometry:
    """A geometry that knows nothing but the table."""
    position, is_relative = Sourced.missing("mm", f"not in {path.name}"), False
    if isinstance(table, dict):
        try:
            left, back, head = (float(value) for value in table["positionLpsMm"])
            position = Sourced((left, back, head), "mm", Origin.HEADER, str(table["source"]))
            is_relative = bool(table["isRelative"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} has a table position that is none ({table}); register that run anew.") from error
    angle, length = Sourced.missing("deg"), Sourced.missing("mm")
    return FrameGeometry(angle, angle, length, length, length, Sourced.missing("px"), position, is_relative)
