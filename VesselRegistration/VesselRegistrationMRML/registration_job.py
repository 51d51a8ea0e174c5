"""Step 5 as a job for a child process: what is in the scene written aside, the command's arguments, its report read.

The job's folder holds model.vtp, run.nrrd with its geometry beside it, start-pose.json, job.json and, when the vessels
were found before, mask.png; the command `vessel-registration register` writes `result/`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from VesselRegistrationLib.affine import RegionOfInterest
from VesselRegistrationLib.c_arm import FloatArray
from VesselRegistrationLib.projection import BoolArray
from VesselRegistrationLib.vessel_model import VesselModel
from VesselRegistrationLib.xray_run import QUANTITIES, FrameGeometry
from VesselRegistrationMRML.geometry_node import RunGeometry
from VesselRegistrationMRML.poses import FramePose, RegistrationResult, fromResult
from VesselSegmentationLib.errors import InputError

RESULT_FOLDER = "result"
RUN_NAME, OTHER_NAME = "run", "other-run"
START_FILE = "start-pose.json"
JOB_FILE = "job.json"
"""Remembers which frames were written: while the job runs, the user may look at others."""


@dataclass(frozen=True)
class OtherRun:
    """A frame of a second run."""

    pixels: np.ndarray
    """(F, rows, columns): frames to be subtracted, and the frame itself."""
    frame: int
    geometry: RunGeometry


@dataclass(frozen=True)
class Job:
    """What one registration needs; frames (F, rows, columns), one geometry per frame of the whole run."""

    model: VesselModel
    frames: np.ndarray
    firstFrame: int
    """Which frame of the run `frames[earlier]` is."""
    geometry: RunGeometry
    startLps: FloatArray
    """Model to isocentre at that frame."""
    roi: RegionOfInterest | None
    vessels: BoolArray | None
    """Mask of the one frame; None: the network finds them."""
    threshold: float
    method: str
    """"pose" or "affine"."""
    steps: int
    """Of refinement of an affine."""
    other: OtherRun | None = None
    """Solved together with the first frame; its vessels are found by the network."""
    earlier: int = 0
    """So many of `frames` come first, seen from where the next one is, and are only there to be subtracted."""
    subtract: bool = True
    """Where frames from before contrast agent are there, they help to find the vessels."""


def write(job: Job, folder: Path) -> list[str]:
    """Write the job's files; returns the arguments of `vessel-registration`. Raises OutputError."""
    from VesselRegistrationLib.model_writing import write_vessel_model
    from VesselSegmentationLib.files import write_atomically
    from VesselSegmentationLib.overlay import write_png

    write_vessel_model(job.model, folder / "model.vtp")
    _writeRun(folder, RUN_NAME, job.frames, job.geometry.frames[job.firstFrame :], job.earlier)
    start = {"coordinateSystem": "LPS", "modelToIsocenter": job.startLps.tolist()}
    write_atomically(folder / START_FILE, json.dumps(start))
    # Frames of a report count from the first one that is written.
    otherFrame = None if job.other is None else job.other.frame + 1 - len(job.other.pixels)
    write_atomically(
        folder / JOB_FILE, json.dumps({"firstFrame": job.firstFrame - job.earlier, "otherFrame": otherFrame})
    )
    arguments = ["register", "--model", str(folder / "model.vtp"), "--model-frame", "LPS", "--model-units", "mm"]
    arguments += ["--xray", str(folder / f"{RUN_NAME}.nrrd"), "--initial-pose", str(folder / START_FILE)]
    arguments += ["--method", job.method, "--threshold", f"{job.threshold:g}", "--steps", str(job.steps)]
    if job.other is not None:
        other = job.other
        _writeRun(folder, OTHER_NAME, other.pixels, (other.geometry.frame(other.frame),), len(other.pixels) - 1)
        arguments += ["--xray", str(folder / f"{OTHER_NAME}.nrrd")]
        arguments += ["--earlier", str(job.earlier), str(len(other.pixels) - 1)]
    else:
        isOne = len(job.frames) == job.earlier + 1
        arguments += ["--frame", str(job.earlier)] if isOne else ["--all-frames"]
    arguments += [] if job.subtract else ["--no-subtraction"]
    if job.roi is not None:
        arguments += ["--roi", *(str(value) for value in (job.roi.x, job.roi.y, job.roi.width, job.roi.height))]
    if job.vessels is not None:
        write_png(folder / "mask.png", job.vessels)
        arguments += ["--mask", str(folder / "mask.png")]
    return [*arguments, "--no-pictures", "--output", str(folder / RESULT_FOLDER)]


def _writeRun(folder: Path, name: str, frames: np.ndarray, views: Sequence[FrameGeometry], earlier: int = 0) -> None:
    """Frames (F, rows, columns) as a file with one geometry each beside it; `views` begin with the one after those that
    are earlier, whose view is the same. Raises OutputError."""
    import SimpleITK

    from VesselSegmentationLib.files import write_atomically

    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(np.ascontiguousarray(frames)), str(folder / f"{name}.nrrd"))
    each = [*[views[0]] * earlier, *views][: len(frames)]
    beside = {"frames": [_sidecar(view) for view in each]}
    write_atomically(folder / f"{name}.geometry.json", json.dumps(beside))


def read(folder: Path) -> dict[int, FramePose]:
    """Frame of the run to its pose, from the report in the job's folder. Raises InputError when there is none."""
    return {result.frame: fromResult(result) for result in _results(folder)}


def readTogether(folder: Path) -> tuple[FramePose, FramePose]:
    """The poses of the frame of the run and of that of the other run. Raises InputError when they are not there."""
    results = _results(folder)
    if len(results) != 2:
        raise InputError(f"Registering two runs left {len(results)} results. Register again.")
    return fromResult(results[0]), fromResult(results[1])


def _results(folder: Path) -> list[RegistrationResult]:
    """What the report says, frames counted as in the runs."""
    path = folder / RESULT_FOLDER / "registration.json"
    try:
        job = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
        entries = json.loads(path.read_text(encoding="utf-8"))["poses"]
        firstFrames = [int(job["firstFrame"])] * len(entries)
        if job["otherFrame"] is not None:
            firstFrames[1:] = [int(job["otherFrame"])] * (len(entries) - 1)
        return [fromEntry(entry, first) for entry, first in zip(entries, firstFrames)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"Registering left no usable report ({error!r}). Register again.") from error


def readMask(folder: Path) -> BoolArray:
    """The vessels (rows, columns) of the frame that was registered. Raises InputError when they are not there."""
    from VesselRegistrationLib.xray_reading import read_xray_run

    return np.asarray(read_xray_run(folder / RESULT_FOLDER / "mask.png").frames[0] > 0)


def fromEntry(entry: dict[str, Any], firstFrame: int = 0) -> RegistrationResult:
    """One frame's part of a registration.json."""
    parts = entry["affineParts"] or {}
    return RegistrationResult(
        frame=firstFrame + int(entry["frame"]),
        registered=entry["status"] == "registered",
        reason=entry["reason"],
        dsc=entry["DSC"],
        precision=entry["Precision"],
        recall=entry["Recall"],
        affine=_rows(entry["affineProjectionToFrame"]),
        rotationDeg=parts.get("rotationDeg"),
        scale=parts.get("scale"),
        anisotropy=parts.get("anisotropy"),
        shiftPx=_shift(entry["affineProjectionToFrame"], entry["roi"]),
        start=entry["start"] or "",
        warnings=tuple(entry["warnings"]),
        method=entry["method"],
        expectedInPlaneMm=entry.get("expectedInPlaneErrorMm"),
        inPlaneBoundMm=entry.get("inPlaneErrorBoundMm"),
        expectedDepthMm=entry.get("expectedDepthErrorMm"),
        covariance=_rows(entry.get("poseCovariance")),
        pivotLps=_tuple(entry.get("posePivotLps")),
        modelToIsocenter=_rows(entry["modelToIsocenter"] or entry["affineModelToIsocenter"]),
        joint=_several(entry.get("jointRuns", ())),
        roi=tuple(int(entry["roi"][name]) for name in ("x", "y", "width", "height")),
        ambiguityPx=_ambiguity(entry.get("ambiguity")),
        threshold=entry.get("threshold"),
        vesselShare=entry.get("vesselShare"),
    )


def _several(runs: Sequence[str]) -> tuple[str, ...]:
    """The runs that were solved together; none for one that was solved by itself."""
    return tuple(runs) if len(runs) > 1 else ()


def _sidecar(view: FrameGeometry) -> dict[str, Any]:
    """Geometry values as a `.geometry.json` has them; what is missing is left out."""
    values = {key: getattr(view, name).value for name, (_, key) in QUANTITIES.items()}
    return {key: value for key, value in values.items() if value is not None}


def _tuple(values: Any) -> tuple[float, ...] | None:
    return None if values is None else tuple(values)


def _ambiguity(entry: dict[str, Any] | None) -> tuple[float, ...] | None:
    return None if entry is None else (entry["worstPx"], entry["bestPx"], entry["worstDirectionDeg"])


def _rows(matrix: Any) -> tuple[tuple[float, ...], ...] | None:
    return None if matrix is None else tuple(tuple(row) for row in matrix)


def _shift(matrix: Any, roi: dict[str, int]) -> tuple[float, float] | None:
    """How far the middle of the region moves, (right, down) in pixels."""
    if matrix is None:
        return None
    affine = np.array(matrix)
    middle = np.array([roi["x"] + (roi["width"] - 1) / 2, roi["y"] + (roi["height"] - 1) / 2])
    right, down = affine[:2, :2] @ middle + affine[:2, 2] - middle
    return round(float(right), 2), round(float(down), 2)
