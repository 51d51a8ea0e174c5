"""Run the main job on the sample case: a simulated patient that ships with the project.

Inspects the run, finds the vessels, estimates the pose of the model in mm, lays the paper's affine on the same picture
for comparison, writes the pictures, and, since the case is simulated and its truth is known, says in mm how far off
both are, and whether the error that the pose states of itself holds.

  vessel-registration demo --output demo-output
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli.main import DONE, REFUSED
from VesselSegmentationLib.errors import InputError
from VesselSegmentationLib.files import write_atomically

if TYPE_CHECKING:
    from VesselRegistrationLib.registration import FrameRegistration
    from VesselRegistrationLib.simulation.truth import Truth
    from VesselRegistrationLib.vessel_model import VesselModel
    from VesselRegistrationLib.xray_run import XRayRun
    from VesselSegmentationLib.run_subtraction import Segment

START_POSE_FILE = "start-pose.json"
PICTURE_FILE = "before-after.png"
Row = tuple[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demo`."""
    parser.add_argument("--case", type=Path, metavar="DIR", help="a case made by `simulate` (default: the sample case)")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), metavar="DIR", help="default: %(default)s")
    shared.add_networks(parser)


def run(options: argparse.Namespace) -> int:
    """Register the sample case and compare with its truth."""
    from VesselRegistrationLib.inspection import format_inspection, inspect_run
    from VesselRegistrationLib.model_reading import read_vessel_model
    from VesselRegistrationLib.pose_files import read_pose
    from VesselRegistrationLib.registration_files import prepare_output_folder, write_registration
    from VesselRegistrationLib.run_vessels import with_subtraction
    from VesselRegistrationLib.simulation.truth import read_truth
    from VesselRegistrationLib.xray_reading import read_xray_run
    from VesselSegmentationLib.resources import resource_folder

    case = options.case or resource_folder() / "SampleCase"
    if not (case / "truth.json").is_file():
        raise InputError(f"{case} holds no case: run.dcm, model.stl and truth.json are needed.")
    folder = prepare_output_folder(options.output)
    model, xray, truth = read_vessel_model(case / "model.stl"), read_xray_run(case / "run.dcm"), read_truth(case)
    print(format_inspection(inspect_run(xray)))
    start = read_pose(case / START_POSE_FILE) if (case / START_POSE_FILE).is_file() else np.eye(4)
    frame = truth.fullest_frame()
    segment = with_subtraction(xray, frame, shared.load_segmenter(options))
    pose, seconds = _by_pose(model, xray, frame, segment, start)
    affine = _by_affine(options, model, xray, frame, segment, start)
    write_registration([pose], model, "model.stl", "run.dcm", folder)
    write_atomically(folder / PICTURE_FILE, _picture(pose, affine, model, truth))
    print(f"\npose found in {seconds:.1f} s, frame {frame}")
    print(_table(_rows(pose, affine, truth)))
    print(f"\nSimulated case, so the truth is known. Pictures in {folder}; begin with {PICTURE_FILE}.")
    return REFUSED if pose.reason else DONE


def _by_pose(
    model: VesselModel, xray: XRayRun, frame: int, segment: Segment, start: NDArray[np.float64]
) -> tuple[FrameRegistration, float]:
    """The pose as `register` finds it, and the seconds it took."""
    from VesselRegistrationLib.pose.estimation import PoseModel
    from VesselRegistrationLib.pose_registration import register_views

    prepared = PoseModel.of(model)
    started = time.perf_counter()
    result = register_views(prepared, [(xray, frame)], segment, start)[0]
    return result, time.perf_counter() - started


def _by_affine(
    options: argparse.Namespace,
    model: VesselModel,
    xray: XRayRun,
    frame: int,
    segment: Segment,
    start: NDArray[np.float64],
) -> FrameRegistration:
    from VesselRegistrationLib.registration import register_frame

    return register_frame(model, xray, frame, segment, shared.load_matcher(options), None, start)


def _shown_mm(result: FrameRegistration, truth: Truth) -> float:
    """How far off the result shows the centreline in the picture: mPD over what the picture shows of it; NaN: refused.

    An affine has no pose, so that what it shows is compared with the truth's projection.
    """
    from VesselRegistrationLib.pose.metrics import picture_distances_mm

    if result.reason:
        return float("nan")
    points, true = _visible(result, truth), truth.poses[result.frame]
    shown_px = result.c_arm.project(result.matched_points_lps(points))[:, :2]
    return float(picture_distances_mm(shown_px, _projected(result, true, points), result.c_arm).mean())


def _visible(result: FrameRegistration, truth: Truth) -> NDArray[np.float64]:
    """The centreline's points (N, 3) that the picture shows."""
    from VesselRegistrationLib.pose.metrics import in_picture

    inside = in_picture(truth.centerline_lps, truth.poses[result.frame], result.c_arm)
    return truth.centerline_lps[inside] if inside.any() else truth.centerline_lps


def _projected(
    result: FrameRegistration, pose: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    from VesselRegistrationLib.projection import transform_points

    return result.c_arm.project(transform_points(pose, points))[:, :2]


def _rows(pose: FrameRegistration, affine: FrameRegistration, truth: Truth) -> list[Row]:
    """What the demonstration found, against the truth."""
    from VesselRegistrationLib.pose.metrics import projection_distances_mm
    from VesselSegmentationLib.metrics import overlap_metrics

    found, true = overlap_metrics(pose.vessels, truth.mask(pose.frame)), truth.poses[pose.frame]
    before = projection_distances_mm(_visible(pose, truth), pose.model_to_isocenter, true, pose.c_arm).mean()
    rows = [
        ("result", pose.status.value + (f": {pose.reason}" if pose.reason else "")),
        ("vessels found, DSC / Precision / Recall", f"{found.dsc:.3f} / {found.precision:.3f} / {found.recall:.3f}"),
        ("centreline off in the picture, at the start", f"{before:.1f} mm"),
        ("  by the paper's affine", "refused" if affine.reason else f"{_shown_mm(affine, truth):.1f} mm"),
    ]
    if pose.pose is None or pose.rigid_model_to_isocenter is None or pose.reason:
        return rows
    return [*rows, *_pose_rows(pose, truth)]


def _pose_rows(result: FrameRegistration, truth: Truth) -> list[Row]:
    from VesselRegistrationLib.pose.metrics import named_target_errors_mm, pose_errors

    stated, pose = result.pose, result.rigid_model_to_isocenter
    if stated is None or pose is None:
        return []
    true, points = truth.poses[result.frame], _visible(result, truth)
    errors = pose_errors(points, pose, true, result.c_arm)
    held = "holds" if errors.mpd_mm <= stated.in_plane_error_bound_mm else "does not hold"
    bound = f"95 % within {stated.in_plane_error_bound_mm:.1f} mm ({held})"
    rows = [
        ("  by the pose (mPD)", f"{errors.mpd_mm:.1f} mm"),
        ("    as it says itself", f"{stated.expected_in_plane_error_mm:.1f} mm, {bound}"),
        ("centreline off in space (mTRE)", f"{errors.mtre_mm:.1f} mm, of it along the beam {errors.depth_mm:.1f} mm"),
        (
            "    as it says itself",
            f"{stated.expected_depth_error_mm:.1f} mm along the beam: one view hardly sees it",
        ),
    ]
    named = named_target_errors_mm(truth.landmarks_lps, pose, true)
    rows += [(f"    {name.replace('_', ' ')} (TRE)", f"{error:.1f} mm") for name, error in named.items()]
    if result.match is not None:
        overlap = result.match.overlap
        numbers = f"{overlap.dsc:.3f} / {overlap.precision:.3f} / {overlap.recall:.3f}"
        rows.append(("model on vessels, DSC / Precision / Recall", numbers))
        rows += [("warning", warning) for warning in result.match.warnings]
    return rows


def _picture(pose: FrameRegistration, affine: FrameRegistration, model: VesselModel, truth: Truth) -> bytes:
    """Start, affine and pose beside one another, with their errors."""
    from VesselRegistrationLib.cli.demo_picture import before_and_after
    from VesselRegistrationLib.pose.metrics import projection_distances_mm
    from VesselRegistrationLib.projection import silhouette, transform_points

    points, true = _visible(pose, truth), truth.poses[pose.frame]
    before = projection_distances_mm(points, pose.model_to_isocenter, true, pose.c_arm).mean()
    panels: list[tuple[str, NDArray[np.bool_] | None]] = [
        (f"Start: {before:.1f} mm off", pose.projection.silhouette),
    ]
    for name, result in (("The paper's affine", affine), ("Pose", pose)):
        if result.reason:
            panels.append((f"{name}: refused", None))
            continue
        stated = "" if result.pose is None else f" (expected {result.pose.expected_in_plane_error_mm:.1f})"
        panels.append((f"{name}: {_shown_mm(result, truth):.1f} mm off{stated}", result.shown))
    truly = silhouette(transform_points(true, model.points_lps), model.triangles, pose.c_arm)
    return before_and_after(pose.image, truly, panels)


def _table(rows: list[Row]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}   {value}" for name, value in rows)
