"""What a registration leaves on disk: registration.json (a versioned schema), pictures and the registered model.

Everything is worked out first and written last, each file aside and then renamed, so a failed run leaves no half.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from VesselRegistrationLib.model_writing import write_vessel_model
from VesselRegistrationLib.pose_carrying import SCHEMA_VERSION, model_bounds
from VesselRegistrationLib.registration import FrameRegistration, Status
from VesselRegistrationLib.registration_entries import FrameEntry, NamedErrors, PictureMatch, PoseErrors
from VesselRegistrationLib.registration_pictures import frame_pictures, mask_picture, summary_sheet
from VesselRegistrationLib.vessel_model import VesselModel
from VesselSegmentationLib.errors import OutputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.overlay import write_png

if TYPE_CHECKING:
    from VesselRegistrationLib.matching import AffineMatch

SCHEMA = "vessel-registration/registration"
"""The schema is Resources/registration.schema.json."""
REPORT_FILE = "registration.json"
MODEL_FILE = "registered-model.stl"
MASK_FILE = "mask.png"
PICTURE_FILES = ("frame.png", MASK_FILE, "projection.png", "overlay.png", "outline.png")
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
    has_pictures: bool = True,
) -> dict[str, Any]:
    """Write the report of one or more frames, and pictures and registered model of the best; returns the report.

    `run_file` names the file of all results, or of each. Without pictures only the best frame's vessel mask is written
    beside the report, for a program that shows the rest itself.

    Files of an earlier registration in the same folder that this one does not have are removed. Raises OutputError.
    """
    folder = prepare_output_folder(folder)
    report = registration_report(results, model, model_name, run_file)
    result = best_of(results)
    pictures = frame_pictures(result) if has_pictures else {MASK_FILE: mask_picture(result)}
    sheet = summary_sheet(result) if has_pictures else None
    for name, picture in pictures.items():
        write_png(folder / name, picture)
    if sheet is not None:
        write_atomically(folder / SHEET_FILE, sheet)
    has_model = has_pictures and result.status is Status.REGISTERED
    if has_model:
        matched = dataclasses.replace(model, points_lps=result.matched_points_lps(model.points_lps))
        write_vessel_model(matched, folder / MODEL_FILE)
    written = {*pictures, *([SHEET_FILE] if sheet is not None else []), *([MODEL_FILE] if has_model else [])}
    for name in {*PICTURE_FILES, SHEET_FILE, MODEL_FILE} - written:
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
    entries = [frame_entry(result, file).as_json() for result, file in zip(results, files, strict=True)]
    return report_of_poses(entries, model, model_name)


def report_of_poses(poses: list[dict[str, Any]], model: VesselModel, model_name: str) -> dict[str, Any]:
    """The content of registration.json from one `FrameEntry` per frame."""
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


def frame_entry(result: FrameRegistration, run_file: str) -> FrameEntry:
    """One frame's part of the report. A frame that was refused has no pose and no match."""
    match = result.match if result.status is Status.REGISTERED else None
    return FrameEntry(
        run=result.run,
        file=run_file,
        frame=result.frame,
        status=result.status.value,
        reason=result.reason,
        pose=None if result.reason else result.rigid_model_to_isocenter,
        errors=_pose_errors(result),
        landmarks=_landmark_errors(result),
        geometry=result.geometry,
        start=result.model_to_isocenter,
        affine_in_space=result.matched_model_to_isocenter() if match and result.pose is None else None,
        match=_picture_match(match) if match else None,
        roi=result.roi,
        threshold=result.threshold,
        vessel_share=float(result.vessels.mean()),
        is_subtracted=result.is_subtracted,
        warnings=match.warnings if match else (),
        projection=result.projection.mode.value,
        c_arm=result.c_arm,
    )


def _picture_match(match: AffineMatch) -> PictureMatch:
    overlap = match.overlap
    return PictureMatch(
        match.projection_to_frame, overlap.dsc, overlap.precision, overlap.recall, match.start, match.ambiguity
    )


def _pose_errors(result: FrameRegistration) -> PoseErrors | None:
    """What is known of a rigid pose's errors; None for an affine match."""
    pose = result.pose
    if pose is None:
        return None
    sure, pivot = pose.uncertainty, None
    if sure is not None and result.rigid_model_to_isocenter is not None:
        # Of runs that were solved together too: the pivot goes with the table as the pose does.
        pivot = sure.pivot_lps + (result.rigid_model_to_isocenter - pose.model_to_isocenter)[:3, 3]
    return PoseErrors(
        pose.expected_in_plane_error_mm,
        pose.in_plane_error_bound_mm,
        pose.expected_depth_error_mm,
        sure.covariance if sure else None,
        pivot,
        result.joint_runs,
    )


def _landmark_errors(result: FrameRegistration) -> NamedErrors | None:
    errors = result.landmarks
    if errors is None:
        return None
    return NamedErrors(errors.in_plane_mm, errors.in_plane_rms_mm, errors.target_mm, errors.target_rms_mm)
