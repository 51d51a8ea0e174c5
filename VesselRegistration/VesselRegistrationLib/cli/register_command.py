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
from VesselRegistrationLib.cli.main import DONE, REFUSED
from VesselSegmentationLib.errors import InputError

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
    shared.add_roi(parser)
    parser.add_argument("--mask", type=Path, metavar="PNG", help="a vessel mask of one's own, instead of the network's")
    parser.add_argument("--threshold", type=float, default=0.5, help="vessel from this probability (default: 0.5)")
    parser.add_argument(
        "--mode", choices=[mode.value for mode in ProjectionMode], default=ProjectionMode.PERSPECTIVE.value
    )
    parser.add_argument("--steps", type=int, default=80, help="improvement steps after the network; 0: as in the paper")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    shared.add_networks(parser)


def run(options: argparse.Namespace) -> int:
    """Register one frame and write everything."""
    from VesselRegistrationLib.registration_files import prepare_output_folder, write_registration

    if not 0 < options.threshold < 1:
        raise InputError(f"--threshold {options.threshold:g} must lie between 0 and 1.")
    if options.steps < 0:
        raise InputError(f"--steps {options.steps} must be 0 or more.")
    prepare_output_folder(options.output)
    model, result = register(options)
    write_registration(result, model, options.model.name, options.xray.name, options.output)
    print_result(result, options.output)
    return DONE if not result.reason else REFUSED


def register(options: argparse.Namespace) -> tuple[VesselModel, FrameRegistration]:
    """Read, choose a frame, register."""
    from VesselRegistrationLib.matching import MatchSettings
    from VesselRegistrationLib.pose_files import read_pose
    from VesselRegistrationLib.registration import RegistrationSettings, register_frame

    model, xray = shared.read_model(options), shared.read_run(options)
    for warning in xray.warnings:
        print(f"run: {warning}")
    pose = read_pose(options.initial_pose) if options.initial_pose else None
    segment = _segment(options, xray)
    frame = options.frame if options.frame is not None else fullest_frame(xray, segment)
    settings = RegistrationSettings(
        threshold=options.threshold,
        mode=ProjectionMode(options.mode),
        match=MatchSettings(steps=options.steps, searched_starts=4 if options.steps else 0),
    )
    matcher = shared.load_matcher(options)
    return model, register_frame(model, xray, frame, segment, matcher, shared.region_of(options), pose, settings)


def _segment(options: argparse.Namespace, xray: XRayRun) -> Segment:
    """The network, or a function that returns the given mask."""
    if options.mask is None:
        return shared.load_segmenter(options).probability
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


def print_result(result: FrameRegistration, folder: Path) -> None:
    """The numbers and where the files are, for a reader at a terminal."""
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
        for warning in result.match.warnings:
            print(f"  warning: {warning}")
    print(f"  written to {folder}")


def shift_of(matrix: NDArray[np.float64], silhouette: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How far the middle of the projected model moves, (right, down) in pixels."""
    rows, columns = np.nonzero(silhouette)
    middle = np.array([columns.mean(), rows.mean()])
    return np.asarray(matrix[:2, :2] @ middle + matrix[:2, 2] - middle)
