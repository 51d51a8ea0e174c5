"""What a registration leaves on disk: registration.json (a versioned schema), pictures and the registered model.

Everything is worked out first and written last, each file aside and then renamed, so a failed run leaves no half.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from VesselRegistrationLib.affine import decompose
from VesselRegistrationLib.c_arm import CArm
from VesselRegistrationLib.matching_ambiguity import Ambiguity
from VesselRegistrationLib.model_writing import write_vessel_model
from VesselRegistrationLib.pose_carrying import model_bounds, table_entry
from VesselRegistrationLib.registration import FrameRegistration, Status
from VesselRegistrationLib.registration_pictures import frame_pictures, summary_sheet
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import OutputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.overlay import write_png

SCHEMA = "vessel-registration/registration"
SCHEMA_VERSION = 1
"""Raised when a reader of older files would misread a new one. The schema is Resources/registration.schema.json."""
REPORT_FILE = "registration.json"
MODEL_FILE = "registered-model.stl"
PICTURE_FILES = ("frame.png", "mask.png", "projection.png", "overlay.png", "outline.png")
SHEET_FILE = "summary.png"


def prepare_output_folder(folder: Path | str) -> Path:
    """The folder, made and tried for writing before any long work. Raises OutputError."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"Cannot write to the output folder {folder}: {error.strerror or error}. Choose another folder."
        ) from error
    return folder


def write_registration(
    results: Sequence[FrameRegistration],
    model: VesselModel,
    model_name: str,
    run_file: str | Sequence[str],
    folder: Path | str,
) -> dict[str, Any]:
    """Write the report of one or more frames, and pictures and registered model of the best; returns the report.

    `run_file` names the file of all results, or of each.

    Files of an earlier registration in the same folder that this one does not have are removed. Raises OutputError.
    """
    folder = prepare_output_folder(folder)
    report = registration_report(results, model, model_name, run_file)
    result = best_of(results)
    pictures, sheet = frame_pictures(result), summary_sheet(result)
    for name, picture in pictures.items():
        write_png(folder / name, picture)
    write_atomically(folder / SHEET_FILE, sheet)
    if result.status is Status.REGISTERED:
        matched = dataclasses.replace(model, points_lps=result.matched_points_lps(model.points_lps))
        write_vessel_model(matched, folder / MODEL_FILE)
    else:
        (folder / MODEL_FILE).unlink(missing_ok=True)
    for name in set(PICTURE_FILES) - set(pictures):
        (folder / name).unlink(missing_ok=True)
    write_atomically(folder / REPORT_FILE, json.dumps(report, indent=2, allow_nan=False) + "\n")
    return report


def best_of(results: Sequence[FrameRegistration]) -> FrameRegistration:
    """The registered frame with the highest DSC; the first one where all were refused."""
    return max(results, key=lambda result: -1.0 if result.reason or not result.match else result.match.overlap.dsc)


def registration_report(
    results: Sequence[FrameRegistration], model: VesselModel, model_name: str, run_file: str | Sequence[str]
) -> dict[str, Any]:
    """The content of registration.json. Matrices are row by row, mm or pixels; angles in degrees."""
    files = [run_file] * len(results) if isinstance(run_file, str) else list(run_file)
    entries = [pose_entry(result, file) for result, file in zip(results, files, strict=True)]
    return report_of_poses(entries, model, model_name)


def report_of_poses(poses: list[dict[str, Any]], model: VesselModel, model_name: str) -> dict[str, Any]:
    """The content of registration.json from one entry per frame; see `pose_entry`."""
    pose = poses[0]
    return {
        "schema": SCHEMA,
        "schemaVersion": SCHEMA_VERSION,
        "researchUseOnly": True,
        "method": pose["method"],
        "model": {
            "file": model_name,
            "triangles": len(model.triangles),
            "closed": model.is_closed,
            "boundsLpsMm": model_bounds(model),
        },
        "affine": pose["affine"],
        "DSC": pose["DSC"],
        "Precision": pose["Precision"],
        "Recall": pose["Recall"],
        "poses": poses,
    }


def pose_entry(result: FrameRegistration, run_file: str) -> dict[str, Any]:
    """One frame's part of the report."""
    c_arm, match = result.c_arm, result.match if result.status is Status.REGISTERED else None
    carried = result.matched_model_to_isocenter() if match else None
    return {
        "method": "affine" if result.pose is None else "pose",
        "run": result.run,
        "file": run_file,
        "frame": result.frame,
        "status": result.status.value,
        "reason": result.reason,
        "coordinateSystem": "LPS",
        "modelToIsocenter": None if result.reason else _numbers(result.rigid_model_to_isocenter),
        **_pose_errors(result),
        **_landmark_errors(result),
        "table": table_entry(result.geometry),
        "startModelToIsocenter": _numbers(result.model_to_isocenter),
        "affineModelToIsocenter": _numbers(carried) if result.pose is None else None,
        "affine": _numbers(match.moving_to_fixed) if match else None,
        "affineProjectionToFrame": _numbers(match.projection_to_frame) if match else None,
        "affineParts": _parts(match.projection_to_frame) if match else None,
        "DSC": _number(match.overlap.dsc) if match else None,
        "Precision": _number(match.overlap.precision) if match else None,
        "Recall": _number(match.overlap.recall) if match else None,
        "roi": dataclasses.asdict(result.roi),
        "threshold": result.threshold,
        "vesselShare": _number(float(result.vessels.mean())),
        "start": match.start if match else None,
        "warnings": list(match.warnings) if match else [],
        "ambiguity": _ambiguity(match.ambiguity) if match and match.ambiguity else None,
        "projection": result.projection.mode.value,
        "cArm": c_arm_entry(c_arm),
    }


def _pose_errors(result: FrameRegistration) -> dict[str, Any]:
    """What is known of a rigid pose's errors; empty for an affine match."""
    pose = result.pose
    if pose is None:
        return {}
    sure = pose.uncertainty
    return {
        "expectedInPlaneErrorMm": _number(pose.expected_in_plane_error_mm),
        "inPlaneErrorBoundMm": _number(pose.in_plane_error_bound_mm),
        "expectedDepthErrorMm": _number(pose.expected_depth_error_mm),
        "poseCovariance": _numbers(sure.covariance) if sure else None,
        "posePivotLps": np.round(sure.pivot_lps, 6).tolist() if sure else None,
        "jointRuns": list(result.joint_runs),
    }


def _landmark_errors(result: FrameRegistration) -> dict[str, Any]:
    """How far named points are off; empty where none was marked."""
    errors = result.landmarks
    if errors is None:
        return {}
    return {
        "landmarks": {
            "inPlaneErrorMm": {name: _number(error) for name, error in errors.in_plane_mm.items()},
            "inPlaneRmsMm": _number(errors.in_plane_rms_mm),
            "targetErrorMm": {name: _number(error) for name, error in errors.target_mm.items()},
            "targetRmsMm": _number(errors.target_rms_mm),
        }
    }


def c_arm_entry(c_arm: CArm) -> dict[str, Any]:
    """A camera as the report has it."""
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


def _parts(matrix: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, float | None]:
    return {
        {"rotation_deg": "rotationDeg"}.get(name, name): _number(value)
        for name, value in dataclasses.asdict(decompose(matrix)).items()
    }


def _ambiguity(ambiguity: Ambiguity) -> dict[str, Any]:
    return {
        "worstPx": _number(ambiguity.worst_px),
        "bestPx": _number(ambiguity.best_px),
        "worstDirectionDeg": _number(ambiguity.worst_direction_deg),
        "text": ambiguity.sentence,
    }


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _numbers(matrix: np.ndarray[Any, np.dtype[np.float64]] | None) -> list[list[float]] | None:
    return None if matrix is None else np.round(matrix, 9).tolist()
