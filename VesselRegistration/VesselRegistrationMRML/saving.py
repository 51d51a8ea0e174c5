"""Step 7: report, pictures and transform of a case in a folder. No patient identifiers are in any of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.matching_ambiguity import Ambiguity
from VesselRegistrationLib.projection import BoolArray
from VesselRegistrationLib.registration_entries import FrameEntry, NamedErrors, PictureMatch, PoseErrors
from VesselRegistrationLib.registration_files import report_of_poses
from VesselRegistrationLib.registration_pictures import with_outline
from VesselRegistrationLib.vessel_model import VesselModel
from VesselRegistrationMRML.geometry_node import RunGeometry
from VesselRegistrationMRML.landmarks import LandmarkErrors
from VesselRegistrationMRML.poses import FramePose, PoseOrigin, RegistrationResult, RunPoses
from VesselSegmentationLib.errors import InputError, OutputError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.overlay import grey_rgb, overlap_overlay, write_png

REPORT_FILE = "registration.json"
TRANSFORM_FILE = "model-to-isocenter.tfm"
SCENE_FILE = "case.mrb"


def writeReport(
    folder: Path,
    poses: RunPoses,
    geometry: RunGeometry,
    model: VesselModel,
    starts: Mapping[int, FloatArray],
    names: tuple[str, str],
    landmarks: tuple[int, LandmarkErrors] | None = None,
) -> Path:
    """registration.json (schema: Resources/registration.schema.json). names: of the model and of the run.

    starts: of every frame of `poses`, (4, 4) LPS mm. landmarks: a frame and how far off they are there.

    Raises InputError when no frame has a pose or was refused one, OutputError when it cannot be written.
    """
    if not poses.frames:
        raise InputError("Nothing was registered or adjusted yet, so there is no result to save. Register first.")
    entries = []
    for frame, pose in sorted(poses.frames.items()):
        errors = landmarks[1] if landmarks is not None and landmarks[0] == frame else None
        entries.append(_entry(frame, pose, geometry, starts[frame], names[1], errors).as_json())
    path = folder / REPORT_FILE
    write_atomically(path, json.dumps(report_of_poses(entries, model, names[0]), indent=2, allow_nan=False) + "\n")
    return path


def writePictures(folder: Path, frame: np.ndarray, covered: BoolArray, vessels: BoolArray | None) -> list[Path]:
    """frame.png, outline.png and, when the vessels are known, mask.png and overlay.png, on the frame's pixels."""
    grey = grey_rgb(frame)
    pictures: dict[str, Any] = {"frame.png": grey[:, :, 0], "outline.png": with_outline(grey, covered)}
    if vessels is not None:
        pictures["mask.png"] = vessels
        pictures["overlay.png"] = overlap_overlay(frame, covered, vessels, opacity=0.5)
    for name, picture in pictures.items():
        write_png(folder / name, picture)
    return [folder / name for name in pictures]


def writeTransform(folder: Path, modelToIsocenter: FloatArray) -> Path:
    """The pose (4, 4) LPS mm as ITK and Slicer have it: from the isocentre to the model. Raises OutputError."""
    import SimpleITK

    inverse = np.linalg.inv(modelToIsocenter)
    transform = SimpleITK.AffineTransform(3)
    transform.SetMatrix(inverse[:3, :3].ravel().tolist())
    transform.SetTranslation(inverse[:3, 3].tolist())
    path = folder / TRANSFORM_FILE
    aside = folder / f".aside-{TRANSFORM_FILE}"
    try:
        SimpleITK.WriteTransform(transform, str(aside))
        aside.replace(path)
    except (OSError, RuntimeError) as error:
        aside.unlink(missing_ok=True)
        raise OutputError(f"Cannot write {path}: {error}. Choose another folder.") from error
    return path


def writeScene(folder: Path, name: str = SCENE_FILE) -> Path:
    """The application's scene as one file. Raises OutputError."""
    import slicer

    path, aside = folder / name, folder / f"aside-{name}"
    try:
        saved = slicer.util.saveScene(str(aside))
        if not saved or not aside.is_file():
            raise OutputError(f"The scene could not be written to {path}. Choose another folder.")
        aside.replace(path)
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror or error}. Choose another folder.") from error
    finally:
        aside.unlink(missing_ok=True)
    return path


def _entry(
    frame: int, pose: FramePose, geometry: RunGeometry, start: FloatArray, run: str, landmarks: LandmarkErrors | None
) -> FrameEntry:
    """One frame's part of the report. What was carried from another run is its pose, with the errors it has here."""
    cArm, result = geometry.cArm(frame), pose.result
    isAdjusted = pose.origin in (PoseOrigin.ADJUSTED, PoseOrigin.CARRIED)
    isRegistered = result is not None and result.registered
    found = result if pose.carried is None else pose.carried
    isPose = found is not None and found.method == "pose"
    isKnown = isPose and found.registered
    return FrameEntry(
        run=run,
        frame=frame,
        status="adjusted" if isAdjusted else "registered" if isRegistered else "refused",
        reason=_reason(pose),
        start=start,
        roi=RegionOfInterest(*result.roi)
        if result is not None and result.roi
        else RegionOfInterest(0, 0, cArm.columns, cArm.rows),
        c_arm=cArm,
        geometry=geometry.frame(frame),
        pose=_array(found.modelToIsocenter) if isKnown else None,
        errors=_errors(found) if isPose else None,
        affine_in_space=_array(result.modelToIsocenter) if isRegistered and result.method == "affine" else None,
        adjusted=_array(pose.modelToIsocenter) if isAdjusted else None,
        landmarks=None if landmarks is None else NamedErrors(landmarks.millimeters, landmarks.rms),
        match=_match(result),
        threshold=result.threshold if result else None,
        vessel_share=result.vesselShare if result else None,
        warnings=result.warnings if result else (),
    )


def _reason(pose: FramePose) -> str:
    """Why it was refused, or where it was carried from."""
    if pose.result is not None and pose.result.reason:
        return pose.result.reason
    return pose.originText if pose.origin is PoseOrigin.CARRIED else ""


def _errors(result: RegistrationResult) -> PoseErrors:
    return PoseErrors(
        result.expectedInPlaneMm,
        result.inPlaneBoundMm,
        result.expectedDepthMm,
        _array(result.covariance),
        _array(result.pivotLps),
        result.joint,
    )


def _match(result: RegistrationResult | None) -> PictureMatch | None:
    if result is None or result.affine is None:
        return None
    ambiguity = None if result.ambiguityPx is None else Ambiguity(*result.ambiguityPx)
    return PictureMatch(np.array(result.affine), result.dsc, result.precision, result.recall, result.start, ambiguity)


def _array(values: Any) -> FloatArray | None:
    return None if values is None else np.array(values, dtype=float)
