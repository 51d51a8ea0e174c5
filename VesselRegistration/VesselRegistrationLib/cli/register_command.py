"""Lay a vessel model on the vessels of an X-ray frame.

Finds the vessels by the segmentation network and, by one of two methods, where the model lies:

  pose     (default) a rigid pose in mm under true perspective, with its expected error across the picture and along
           the beam, or a refusal with its reason. Several runs of one patient (--xray given several times) are solved
           together: the table positions of their headers carry the pose from one to the next.
  affine   as in the paper: the model projected at the angles of the header is laid on the vessels by an affine in the
           picture; overlaps well, and says nothing in mm.

Writes

  registration.json      poses[]: per run and frame the pose with its errors, its affine, DSC, Precision and Recall
                         (schema: Resources/registration.schema.json)
  overlay.png            yellow: model and vessel, magenta: model only, cyan: vessel only
  outline.png            the registered model's outline over the frame
  frame.png mask.png projection.png summary.png
  registered-model.stl   the registered model, LPS mm from the isocentre

Where the run begins before contrast agent came, one of these frames is subtracted to tell vessels from what else is
dark (--no-subtraction leaves that).

A frame without usable vessels is refused: the reason is printed and in the JSON, and the exit code is 1.
With --all-frames every frame is registered: the pose is followed from frame to frame, an affine is found for each by
itself. The pictures are of the best frame.

With --from-run it begins at the pose found on another run of the patient, carried by the table's positions. With
--landmarks it begins where named points lie on their marks, and says how far off each is in the end.

  vessel-registration register --model aorta.stl --xray run.dcm --output out
  vessel-registration register --model aorta.stl --xray lao.dcm --xray rao.dcm --output out
  vessel-registration register --model aorta.stl --xray run.dcm --landmarks ostia.json --output out
  vessel-registration register --model aorta.stl --xray next.dcm --from-run out/registration.json --output next
  vessel-registration register --model aorta.stl --xray run.dcm --method affine --roi 100 80 300 320 --output out
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import ProjectionMode
from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli import progress, register_start, register_vessels
from VesselRegistrationLib.cli.main import DONE, REFUSED
from VesselSegmentationLib.errors import InputError, MissingGeometryError

if TYPE_CHECKING:
    from VesselRegistrationLib.cli.register_start import Start
    from VesselRegistrationLib.pose.estimation import PoseEstimate
    from VesselRegistrationLib.registration import FrameRegistration
    from VesselRegistrationLib.vessel_model import VesselModel
    from VesselRegistrationLib.xray_run import XRayRun
    from VesselSegmentationLib.run_subtraction import Segment

METHODS = ("pose", "affine")
MOST_FRAMES_PER_RUN = 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `register`."""
    shared.add_model(parser)
    shared.add_runs(parser)
    parser.add_argument("--method", choices=METHODS, default="pose", help="default: %(default)s")
    shared.add_frame(parser)
    parser.add_argument("--all-frames", action="store_true", help="register every frame of the run")
    parser.add_argument(
        "--frames-per-run",
        type=int,
        default=1,
        metavar="N",
        help="pose: solve so many frames of each run together: steadier for what stands still, worse for what moves, "
        "and as many times as long (default: 1)",
    )
    register_start.add_arguments(parser)
    shared.add_roi(parser)
    shared.add_subtraction(parser)
    parser.add_argument(
        "--earlier",
        type=int,
        nargs="+",
        metavar="N",
        help="of each run the first N frames are only there to be subtracted (default: 0)",
    )
    parser.add_argument("--mask", type=Path, metavar="PNG", help="a vessel mask of one's own, instead of the network's")
    parser.add_argument("--threshold", type=float, default=0.5, help="vessel from this probability (default: 0.5)")
    affine = parser.add_argument_group("affine")
    affine.add_argument(
        "--mode", choices=[mode.value for mode in ProjectionMode], default=ProjectionMode.PERSPECTIVE.value
    )
    affine.add_argument(
        "--steps", type=int, default=5, help="improvement steps after the network; 0: as in the paper (default: 5)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--no-pictures", action="store_true", help="only registration.json and mask.png")
    shared.add_runtime(parser)
    shared.add_networks(parser)


def run(options: argparse.Namespace) -> int:
    """Register and write everything."""
    from VesselRegistrationLib.registration_files import prepare_output_folder, write_registration

    _check(options)
    progress.report(0.02, "reading model and run")
    model = shared.read_model(options)
    runs = [shared.read_run(options, path) for path in options.xray]
    for xray in runs:
        for warning in xray.warnings:
            print(f"run {xray.name}: {warning}")
    _check_runs_differ(runs)
    _check_earlier(options, runs)
    start = register_start.read_start(options, model, runs)
    prepare_output_folder(options.output)
    if options.method == "pose":
        results = by_pose(options, model, runs, start)
    else:
        results = by_affine(options, model, runs[0], start)
    results = register_start.with_landmarks(results, runs, start)
    files = [path.name for path in options.xray] if len(runs) > 1 else options.xray[0].name
    write_registration(results, model, options.model.name, files, options.output, not options.no_pictures)
    for result in results:
        print_result(result)
    print(f"  written to {options.output}")
    return REFUSED if all(result.reason for result in results) else DONE


def _check(options: argparse.Namespace) -> None:
    """Raises InputError for options that make no sense, alone or together."""
    if not 0 < options.threshold < 1:
        raise InputError(f"--threshold {options.threshold:g} must lie between 0 and 1.")
    if options.steps < 0:
        raise InputError(f"--steps {options.steps} must be 0 or more.")
    shared.check_threads(options.threads)
    register_start.check(options)
    if options.all_frames and options.frame is not None:
        raise InputError(f"--frame {options.frame} and --all-frames exclude each other; give one of them.")
    _check_frames_per_run(options)
    if len(options.xray) == 1:
        return
    for name, given in (("--all-frames", options.all_frames), ("--frame", options.frame is not None)):
        if given:
            raise InputError(f"{name} is for one run; give one --xray, or leave it out to solve the runs together.")
    if options.method == "affine":
        raise InputError("--method affine is for one run; give one --xray, or use --method pose.")
    if options.mask is not None or options.roi is not None:
        raise InputError("--mask and --roi are for one run; give one --xray.")


def _check_frames_per_run(options: argparse.Namespace) -> None:
    """Raises InputError for a number of frames that makes no sense, alone or with the other options."""
    if not 1 <= options.frames_per_run <= MOST_FRAMES_PER_RUN:
        raise InputError(f"--frames-per-run {options.frames_per_run} must be from 1 to {MOST_FRAMES_PER_RUN}.")
    if options.frames_per_run == 1:
        return
    for name, given in (
        ("--all-frames", options.all_frames),
        ("--method affine", options.method == "affine"),
        ("--mask", options.mask is not None),
    ):
        if given:
            raise InputError(f"{name} takes each frame by itself; leave out --frames-per-run {options.frames_per_run}.")


def _check_earlier(options: argparse.Namespace, runs: list[XRayRun]) -> None:
    """One number of earlier frames per run. Raises InputError for others, and where they leave no frame."""
    options.earlier = options.earlier or [0] * len(runs)
    if len(options.earlier) != len(runs):
        raise InputError(f"--earlier needs one number for each of {len(runs)} runs, not {len(options.earlier)}.")
    for run, count in zip(runs, options.earlier, strict=True):
        shared.check_earlier(count, run.frame_count, run.name)
    if options.all_frames and any(options.earlier):
        raise InputError("--earlier is for single frames; leave it out with --all-frames.")


def _check_runs_differ(runs: list[XRayRun]) -> None:
    """Raises InputError for the same pictures twice: counted twice, they would make the pose look surer than it is."""
    for index, run in enumerate(runs):
        for other in runs[:index]:
            if run.frames.shape == other.frames.shape and np.array_equal(run.frames, other.frames):
                raise InputError(
                    f"The runs {other.name} and {run.name} are the same pictures, which tell nothing more together; "
                    "give each run once."
                )


def by_pose(
    options: argparse.Namespace, model: VesselModel, runs: list[XRayRun], start: Start
) -> list[FrameRegistration]:
    """The rigid pose of each run, or of each frame of one run."""
    from VesselRegistrationLib.pose.estimation import PoseModel, PoseSettings
    from VesselRegistrationLib.pose_registration import register_run, register_views

    settings = PoseSettings(options.threshold, *start.deviations(options))
    progress.report(0.05, "loading the network")
    segment = register_vessels.segmenter(options, runs[0])
    progress.report(0.15, "finding the model's centreline")
    prepared = PoseModel.of(model)
    if options.all_frames:
        region, run = shared.region_of(options), runs[0]
        own = register_vessels.of_run(options, run, register_vessels.fullest_of_tried(run, segment), segment)
        results = register_run(prepared, run, own, start.at([(run, 0)]), region, settings, _report_frames)
        return register_vessels.told([own], results)
    frames: list[tuple[XRayRun, int]] = []
    segments: list[Segment] = []
    for xray in runs:
        frames.append((xray, _frame(options, xray, segment, start, options.earlier[len(frames)])))
        segments.append(register_vessels.of_run(options, *frames[-1], segment))
        progress.report(0.2 + 0.4 * len(frames) / len(runs), f"vessels of {xray.name}")
    more = [register_vessels.companions(*place, segment, options.frames_per_run - 1) for place in frames]
    progress.report(0.6, "estimating the pose")
    region = shared.region_of(options)
    results = register_views(prepared, frames, segments, start.at(frames), region, settings, more)
    return register_vessels.told(segments, results)


def _frame(options: argparse.Namespace, xray: XRayRun, segment: Segment, start: Start, first: int) -> int:
    """The frame that was asked for, the one that landmarks were marked on, or the fullest one."""
    if options.frame is not None:
        return int(options.frame)
    marked = start.frame_of(xray)
    return register_vessels.fullest_frame(xray, segment, first) if marked is None else marked


def _report_frames(done: int, total: int) -> None:
    word, frames = ("vessels", total // 2) if done <= total // 2 else ("pose", total // 2)
    progress.report(0.15 + 0.8 * done / total, f"{word} of frame {(done - 1) % frames + 1} of {frames}")


def by_affine(options: argparse.Namespace, model: VesselModel, xray: XRayRun, start: Start) -> list[FrameRegistration]:
    """The paper's affine of one frame, or of each frame by itself."""
    from VesselRegistrationLib.matching import MatchSettings
    from VesselRegistrationLib.registration import RegistrationSettings, register_frame

    progress.report(0.05, "loading the networks")
    segment = register_vessels.segmenter(options, xray)
    settings = RegistrationSettings(
        threshold=options.threshold,
        mode=ProjectionMode(options.mode),
        match=MatchSettings(steps=options.steps),
    )
    matcher, roi = shared.load_matcher(options), shared.region_of(options)
    if not options.all_frames:
        frame = _frame(options, xray, segment, start, options.earlier[0])
        segment = register_vessels.of_run(options, xray, frame, segment)
        progress.report(0.3, f"matching frame {frame}")
        result = register_frame(model, xray, frame, segment, matcher, roi, start.at([(xray, frame)]), settings)
        return register_vessels.told([segment], [result])
    segment = register_vessels.of_run(options, xray, register_vessels.fullest_of_tried(xray, segment), segment)
    first, results = start.at([(xray, 0)]), []
    for frame in progress.each(range(xray.frame_count), xray.frame_count, "frame", "register"):
        pose = pose_with_table(first, xray, frame)
        results.append(register_frame(model, xray, frame, segment, matcher, roi, pose, settings))
    return register_vessels.told([segment], results)


def pose_with_table(start: NDArray[np.float64], xray: XRayRun, frame: int) -> NDArray[np.float64]:
    """The first frame's pose carried to another frame with the table, where the table's positions are known."""
    from VesselRegistrationLib.xray_run import carry_pose, table_shift_lps

    try:
        shift = table_shift_lps(xray.geometry[0], xray.geometry[frame], same_run=True)
    except MissingGeometryError:
        return start
    return carry_pose(start, np.zeros(3), shift)


def print_result(result: FrameRegistration) -> None:
    """The numbers, for a reader at a terminal."""
    from VesselRegistrationLib.affine import decompose

    print(f"{result.run} frame {result.frame}, {result.c_arm.angle_text()}: {result.status.value}")
    if result.reason:
        print(f"  {result.reason}")
    if result.pose is not None and result.pose.quality is not None:
        _print_errors(result.pose, result.joint_runs)
    register_start.print_landmarks(result)
    if result.match is not None and not result.reason:
        overlap, parts = result.match.overlap, decompose(result.match.projection_to_frame)
        print(f"  DSC {overlap.dsc:.3f}   Precision {overlap.precision:.3f}   Recall {overlap.recall:.3f}")
        if result.projection.silhouette.any():
            shift = shift_of(result.match.projection_to_frame, result.projection.silhouette)
            print(
                f"  shift {shift[0]:+.1f} right, {shift[1]:+.1f} down (px)   turn {parts.rotation_deg:+.1f} deg   "
                f"scale {parts.scale:.3f}   stretch {parts.anisotropy:.3f}   from: {result.match.start}"
            )
        if result.match.ambiguity is not None:
            print(f"  {result.match.ambiguity.sentence}")
        for warning in result.match.warnings:
            print(f"  warning: {warning}")


def _print_errors(pose: PoseEstimate, joint_runs: tuple[str, ...]) -> None:
    print(
        f"  expected error in the picture {pose.expected_in_plane_error_mm:.1f} mm "
        f"(95 % within {pose.in_plane_error_bound_mm:.1f} mm), along the beam {pose.expected_depth_error_mm:.1f} mm"
    )
    if len(joint_runs) > 1:
        print(f"  solved together: {', '.join(joint_runs)}")


def shift_of(matrix: NDArray[np.float64], silhouette: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far the middle of the projected model moves, (right, down) in pixels."""
    rows, columns = np.nonzero(silhouette)
    middle = np.array([columns.mean(), rows.mean()])
    return np.asarray(matrix[:2, :2] @ middle + matrix[:2, 2] - middle)
