"""One frame in registration.json. Command line and application both write it here, so that each reads the other's.

The schema is Resources/registration.schema.json. Matrices are row by row, mm or pixels; angles in degrees.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.affine import RegionOfInterest, decompose, translation
from VesselRegistrationLib.c_arm import CArm, FloatArray
from VesselRegistrationLib.matching_ambiguity import Ambiguity
from VesselRegistrationLib.pose_carrying import table_entry
from VesselRegistrationLib.xray_run import FrameGeometry


@dataclass(frozen=True)
class PoseErrors:
    """What is known of the errors of a rigid pose; None or NaN: not known."""

    in_plane_mm: float | None
    in_plane_bound_mm: float | None
    depth_mm: float | None
    covariance: FloatArray | None
    """(6, 6): a turn about `pivot_lps` in rad and a shift in mm."""
    pivot_lps: FloatArray | None
    """(3,) at the frame's table position."""
    joint_runs: Sequence[str] = ()


@dataclass(frozen=True)
class NamedErrors:
    """How far landmarks are off, mm; in space only those that several runs show."""

    in_plane_mm: Mapping[str, float]
    in_plane_rms_mm: float
    target_mm: Mapping[str, float] = field(default_factory=dict)
    target_rms_mm: float = math.nan


@dataclass(frozen=True)
class PictureMatch:
    """An affine in the picture, and how well the model shown by it covers the vessels."""

    projection_to_frame: FloatArray
    """(3, 3), pixels."""
    dsc: float | None
    precision: float | None
    recall: float | None
    start: str
    """Which proposal it grew from."""
    ambiguity: Ambiguity | None = None


@dataclass(frozen=True)
class FrameEntry:
    """What a report says of one frame. Poses (4, 4): model to isocentre, LPS mm, at the frame's table position."""

    run: str
    frame: int
    status: str
    """`registered`, `refused` or `adjusted`."""
    reason: str
    start: FloatArray
    roi: RegionOfInterest
    c_arm: CArm
    geometry: FrameGeometry | None
    """Tells where the table stood."""
    file: str | None = None
    pose: FloatArray | None = None
    """Rigid; `errors` are of this one."""
    errors: PoseErrors | None = None
    """None: an affine was matched, no pose."""
    affine_in_space: FloatArray | None = None
    adjusted: FloatArray | None = None
    """Where the model was put without registering."""
    landmarks: NamedErrors | None = None
    match: PictureMatch | None = None
    threshold: float | None = None
    vessel_share: float | None = None
    is_subtracted: bool | None = None
    """A frame from before contrast agent helped to find the vessels."""
    warnings: Sequence[str] = ()
    projection: str = "perspective"

    def as_json(self) -> dict[str, Any]:
        """The frame's part of a report; what is optional there and not known is left out."""
        known = {
            "file": self.file,
            "threshold": self.threshold,
            "vesselShare": _number(self.vessel_share),
            "subtracted": self.is_subtracted,
        }
        return {
            "method": "affine" if self.errors is None else "pose",
            "run": self.run,
            "frame": self.frame,
            "status": self.status,
            "reason": self.reason,
            "coordinateSystem": "LPS",
            "modelToIsocenter": _numbers(self.pose),
            **({} if self.errors is None else _errors(self.errors)),
            **({} if self.landmarks is None else {"landmarks": _landmarks(self.landmarks)}),
            "table": table_entry(self.geometry),
            "startModelToIsocenter": _numbers(self.start),
            "affineModelToIsocenter": _numbers(self.affine_in_space),
            "adjustedModelToIsocenter": _numbers(self.adjusted),
            **_match(self.match, self.roi),
            "roi": dataclasses.asdict(self.roi),
            **{name: value for name, value in known.items() if value is not None},
            "warnings": list(self.warnings),
            "projection": self.projection,
            "cArm": _c_arm(self.c_arm),
        }


def _errors(errors: PoseErrors) -> dict[str, Any]:
    return {
        "expectedInPlaneErrorMm": _number(errors.in_plane_mm),
        "inPlaneErrorBoundMm": _number(errors.in_plane_bound_mm),
        "expectedDepthErrorMm": _number(errors.depth_mm),
        "poseCovariance": _numbers(errors.covariance),
        "posePivotLps": None if errors.pivot_lps is None else np.round(errors.pivot_lps, 6).tolist(),
        "jointRuns": list(errors.joint_runs),
    }


def _landmarks(landmarks: NamedErrors) -> dict[str, Any]:
    return {
        "inPlaneErrorMm": {name: _number(error) for name, error in landmarks.in_plane_mm.items()},
        "inPlaneRmsMm": _number(landmarks.in_plane_rms_mm),
        "targetErrorMm": {name: _number(error) for name, error in landmarks.target_mm.items()},
        "targetRmsMm": _number(landmarks.target_rms_mm),
    }


def _match(match: PictureMatch | None, roi: RegionOfInterest) -> dict[str, Any]:
    if match is None:
        names = ("affine", "affineProjectionToFrame", "affineParts", "DSC", "Precision", "Recall", "start", "ambiguity")
        return dict.fromkeys(names)
    whole = match.projection_to_frame
    parts = decompose(whole)
    return {
        "affine": _numbers(whole @ translation(roi.x, roi.y)),
        "affineProjectionToFrame": _numbers(whole),
        "affineParts": {
            "rotationDeg": _number(parts.rotation_deg),
            "scale": _number(parts.scale),
            "anisotropy": _number(parts.anisotropy),
        },
        "DSC": _number(match.dsc),
        "Precision": _number(match.precision),
        "Recall": _number(match.recall),
        "start": match.start or None,
        "ambiguity": None if match.ambiguity is None else _ambiguity(match.ambiguity),
    }


def _ambiguity(ambiguity: Ambiguity) -> dict[str, Any]:
    return {
        "worstPx": _number(ambiguity.worst_px),
        "bestPx": _number(ambiguity.best_px),
        "worstDirectionDeg": _number(ambiguity.worst_direction_deg),
        "text": ambiguity.sentence,
    }


def _c_arm(c_arm: CArm) -> dict[str, Any]:
    return {
        "primaryAngleDeg": c_arm.primary_angle_deg,
        "secondaryAngleDeg": c_arm.secondary_angle_deg,
        "sidMm": c_arm.sid_mm,
        "sodMm": c_arm.sod_mm,
        "rows": c_arm.rows,
        "columns": c_arm.columns,
        "spacingMm": list(c_arm.spacing_mm),
        "principalPointPx": list(c_arm.center_px),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 4)


def _numbers(matrix: NDArray[np.float64] | None) -> list[list[float]] | None:
    return None if matrix is None else np.round(matrix, 9).tolist()
