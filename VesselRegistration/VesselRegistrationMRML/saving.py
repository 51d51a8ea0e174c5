"""Step 7: report, pictures and transform of a case in a folder. No patient identifiers are in any of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from VesselRegistrationLib.affine import translation
from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.projection import BoolArray
from VesselRegistrationLib.registration_files import c_arm_entry, report_of_poses
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
    start: FloatArray,
    names: tuple[str, str],
    landmarks: tuple[int, LandmarkErrors] | None = None,
) -> Path:
    """registration.json (schema: Resources/registration.schema.json). names: of the model and of the run.

    landmarks: a frame and how far off they are there.

    Raises InputError when no frame has a pose or was refused one, OutputError when it cannot be written.
    """
    if not poses.frames:
        raise InputError("Nothing was registered or adjusted yet, so there is no result to save. Register first.")
    entries = [_entry(frame, pose, geometry, start, names[1]) for frame, pose in sorted(poses.frames.items())]
    for entry in entries:
        if landmarks is not None and entry["frame"] == landmarks[0]:
            entry["landmarks"] = _landmarksEntry(landmarks[1])
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


def _entry(frame: int, pose: FramePose, geometry: RunGeometry, start: FloatArray, run: str) -> dict[str, Any]:
    """One frame's part of the report."""
    cArm, result = geometry.cArm(frame), pose.result
    x, y, width, height = result.roi if result and result.roi else (0, 0, cArm.columns, cArm.rows)
    registered = result is not None and result.registered
    adjusted = pose.origin in (PoseOrigin.ADJUSTED, PoseOrigin.CARRIED)
    carried = pose.originText if pose.origin is PoseOrigin.CARRIED else ""
    whole = np.array(result.affine) if result is not None and result.affine else None
    return {
        "run": run,
        "frame": frame,
        "status": "adjusted" if adjusted else "registered" if registered else "refused",
        "reason": (result.reason if result else "") or carried,
        "coordinateSystem": "LPS",
        **_rigidEntry(result),
        "startModelToIsocenter": start.tolist(),
        "affineModelToIsocenter": _listed(result.modelToIsocenter) if result and result.method == "affine" else None,
        "adjustedModelToIsocenter": _listed(pose.modelToIsocenter) if adjusted else None,
        "affine": None if whole is None else (whole @ translation(x, y)).tolist(),
        "affineProjectionToFrame": None if whole is None else whole.tolist(),
        "affineParts": {
            "rotationDeg": result.rotationDeg,
            "scale": result.scale,
            "anisotropy": result.anisotropy,
        }
        if result is not None and registered
        else None,
        "DSC": result.dsc if result else None,
        "Precision": result.precision if result else None,
        "Recall": result.recall if result else None,
        "roi": {"x": x, "y": y, "width": width, "height": height},
        "warnings": list(result.warnings) if result else [],
        "projection": "perspective",
        "cArm": c_arm_entry(cArm),
    }


def _landmarksEntry(errors: LandmarkErrors) -> dict[str, Any]:
    """Landmarks of one view: their place in space, and so their error there, is not known."""
    return {
        "inPlaneErrorMm": {name: round(error, 4) for name, error in errors.millimeters.items()},
        "inPlaneRmsMm": round(errors.rms, 4),
        "targetErrorMm": {},
        "targetRmsMm": None,
    }


def _rigidEntry(result: RegistrationResult | None) -> dict[str, Any]:
    """What a rigid pose adds to a frame's report; an affine match estimates none."""
    if result is None or result.method != "pose":
        return {"method": "affine", "modelToIsocenter": None}
    return {
        "method": "pose",
        "modelToIsocenter": _listed(result.modelToIsocenter) if result.registered else None,
        "expectedInPlaneErrorMm": result.expectedInPlaneMm,
        "inPlaneErrorBoundMm": result.inPlaneBoundMm,
        "expectedDepthErrorMm": result.expectedDepthMm,
    }


def _listed(matrix: Any) -> list[list[float]] | None:
    return None if matrix is None else [list(row) for row in matrix]
