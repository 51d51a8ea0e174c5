"""Lay a vessel model on the vessels of an X-ray frame.

Projects the model at the angles of the run's header, takes the region of interest, finds the vessels by the
segmentation network, and finds the affine that lays the projection on them. Writes

  registration.json      the affine (3 x 3, pixels of the region of interest to pixels of the frame), DSC, Precision
                         and Recall, and one entry per frame in poses[] (schema: Resources/registration.schema.json)
  overlay.png            yellow: model and vessel, magenta: model only, cyan: vessel only
  outline.png            the matched model's outline over the frame
  frame.png mask.png projection.png summary.png
  registered-model.stl   the model where the match shows it, LPS mm from the isocentre

A frame without usable vessels is refused: the reason is printed and in the JSON, and the exit code is 1.
With --all-frames every frame is registered by itself, from the start pose carried along with the table; the pictures
are of the best frame.

  vessel-registration register --model aorta.stl --xray run.dcm --output out
  vessel-registration register --model aorta.stl --xray run.dcm --frame 12 --roi 100 80 300 320 --output out
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from VesselRegistrationLib.c_arm import ProjectionMode
from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli import progress
from VesselRegistrationLib.cli.main import DONE, REFUSED
from VesselSegmentationLib.errors import InputError, MissingGeometryError

if TYPE_CHECKING:
    from VesselRegistrationLib.registration import FrameRegistration, Segment
    from VesselRegistrationLib.vessel_model import VesselModel
    from VesselRegistrationLib.xray_run import XRayRun

FRAMES_TRIED = 12
"""Frames looked at to find the one with most contrast agent."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `register`."""
    shared.add_model(parser)
    shared.add_run(parser)
    shared.add_frame(parser)
    parser.add_argument("--all-frames", action="store_true", help="register every frame of the run")
    shared.add_roi(parser)
    parser.add_argument("--mask", type=Path, metavar="PNG", help="a vessel mask of one's own, instead of the network's")
    parser.add_argument("--threshold", type=float, default=0.5, help="vessel from this probability (default: 0.5)")
    parser.add_argument(
        "--mode", choices=[mode.value for mode in ProjectionMode], default=ProjectionMode.PERSPECTIVE.value
    )
    parser.add_argument("--steps", type=int, default=24, help="improvement steps after the network; 0: as in the paper")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    shared.add_runtime(parser)
    shared.add_networks(parser)


def run(options: argparse.Namespace) -> int:
    """Register one frame and write everything."""
    from VesselRegistrationLib.registration_files import prepare_output_folder, write_registration

    if not 0 < options.threshold < 1:
        raise InputError(f"--threshold {options.threshold:g} must lie between 0 and 1.")
    if options.steps < 0:
        raise InputError(f"--steps {options.steps} must be 0 or more.")
    if options.all_frames and options.frame is not None:
        raise InputError(f"--frame {options.frame} and --all-frames exclude each other; give one of them.")
    prepare_output_folder(options.output)
    model, results = register(options)
    write_registration(results, model, options.model.name, options.xray.name, options.output)
    for result in results:
        print_result(result)
    print(f"  written to {options.output}")
    return REFUSED if all(result.reason for result in results) else DONE


def register(options: argparse.Namespace) -> tuple[VesselModel, list[FrameRegistration]]:
    """Read, choose the frames, register them."""
    from VesselRegistrationLib.matching import MatchSettings
    from VesselRegistrationLib.pose_files import read_pose
    from VesselRegistrationLib.registration import RegistrationSettings, register_frame

    progress.report(0.02, "reading model and run")
    model, xray = shared.read_model(options), shared.read_run(options)
    for warning in xray.warnings:
        print(f"run: {warning}")
    start = read_pose(options.initial_pose) if options.initial_pose else np.eye(4)
    progress.report(0.05, "loading the networks")
    segment = _segment(options, xray)
    settings = RegistrationSettings(
        threshold=options.threshold,
        mode=ProjectionMode(options.mode),
        match=MatchSettings(steps=options.steps, searched_starts=4 if options.steps else 0),
    )
    matcher, roi = shared.load_matcher(options), shared.region_of(options)
    if not options.all_frames:
        frame = options.frame if options.frame is not None else fullest_frame(xray, segment)
        progress.report(0.3, f"matching frame {frame}")
        return model, [register_frame(model, xray, frame, segment, matcher, roi, start, settings)]
    results = []
    for frame in progress.each(range(xray.frame_count), xray.frame_count, "frame", "register"):
        pose = pose_with_table(start, xray, frame)
        results.append(register_frame(model, xray, frame, segment, matcher, roi, pose, settings))
    return model, results


def pose_with_table(start: NDArray[np.float64], xray: XRayRun, frame: int) -> NDArray[np.float64]:
    """The first frame's pose carried to another frame with the table, where the table's positions are known."""
    from VesselRegistrationLib.xray_run import carry_pose, table_shift_lps

    try:
        shift = table_shift_lps(xray.geometry[0], xray.geometry[frame], same_run=True)
    except MissingGeometryError:
        return start
    return carry_pose(start, np.zeros(3), shift)


def _segment(options: argparse.Namespace, xray: XRayRun) -> Segment:
    """The network, or a function that returns the given mask."""
    if options.mask is None:
        frames = xray.frame_count if options.all_frames else min(FRAMES_TRIED, xray.frame_count)
        return shared.load_segmenter(options, frames).probability
    from VesselRegistrationLib.xray_reading import read_xray_run

    mask = read_xray_run(options.mask).frames[0] > 0
    if mask.shape != (xray.rows, xray.columns):
        raise InputError(
            f"--mask {options.mask} has {mask.shape[1]} x {mask.shape[0]} pixels and the run "
            f"{xray.columns} x {xray.rows}; draw it on the frame."
        )
    return lambda _: mask.astype(np.float32)


def fullest_frame(xray: XRayRun, segment: Segment) -> int:
    """The frame in which most vessel is seen, among evenly spread ones."""
    from tqdm import tqdm

    candidates = np.unique(np.linspace(0, xray.frame_count - 1, min(FRAMES_TRIED, xray.frame_count)).astype(int))
    if len(candidates) == 1:
        return 0
    bar = tqdm(candidates, unit="frame", desc="look for contrast agent", leave=False)
    seen: list[float] = [float((segment(xray.frames[index]) >= 0.5).mean()) for index in bar]
    chosen = int(candidates[int(np.argmax(seen))])
    print(f"frame {chosen} of 0 to {xray.frame_count - 1} shows most vessel; choose another with --frame")
    return chosen


def print_result(result: FrameRegistration) -> None:
    """The numbers, for a reader at a terminal."""
    from VesselRegistrationLib.affine import decompose

    print(f"{result.run} frame {result.frame}, {result.c_arm.angle_text()}: {result.status.value}")
    if result.reason:
        print(f"  {result.reason}")
    if result.match is not None:
        overlap, parts = result.match.overlap, decompose(result.match.projection_to_frame)
        shift = shift_of(result.match.projection_to_frame, result.projection.silhouette)
        print(f"  DSC {overlap.dsc:.3f}   Precision {overlap.precision:.3f}   Recall {overlap.recall:.3f}")
        print(
            f"  shift {shift[0]:+.1f} right, {shift[1]:+.1f} down (px)   turn {parts.rotation_deg:+.1f} deg   "
            f"scale {parts.scale:.3f}   stretch {parts.anisotropy:.3f}   from: {result.match.start}"
        )
        print(f"  {result.match.ambiguity.sentence}")
        for warning in result.match.warnings:
            print(f"  warning: {warning}")


def shift_of(matrix: NDArray[np.float64], silhouette: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far the middle of the projected model moves, (right, down) in pixels."""
    rows, columns = np.nonzero(silhouette)
    middle = np.array([columns.mean(), rows.mean()])
    return np.asarray(matrix[:2, :2] @ middle + matrix[:2, 2] - middle)
