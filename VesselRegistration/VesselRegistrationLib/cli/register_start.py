"""Where `register` begins: a pose from a file or of another run, and landmarks marked on model and pictures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from VesselSegmentationLib.errors import InputError

if TYPE_CHECKING:
    from VesselRegistrationLib.pose.landmarks import Landmarks
    from VesselRegistrationLib.pose_carrying import FoundPose
    from VesselRegistrationLib.registration import FrameRegistration
    from VesselRegistrationLib.vessel_model import VesselModel
    from VesselRegistrationLib.xray_run import XRayRun

LARGEST_LANDMARK_RMS_MM = 10.0
"""Landmarks that stay further from their marks are said to be odd: two names taken for one another, a wrong side."""


UNKNOWN_TURN_DEG, UNKNOWN_SHIFT_MM = 6.0, 25.0
"""Standard deviations, per axis, of a start of which nothing more is known."""
MOST_TURN_DEG, MOST_SHIFT_MM = 180.0, 1000.0


@dataclass(frozen=True)
class Start:
    """What the options say of the start."""

    pose: NDArray[np.float64]
    """(4, 4) LPS mm in the first frame that is registered."""
    other_run: FoundPose | None
    """Carried with the table in place of `pose`."""
    landmarks: Landmarks | None
    uses_landmarks: bool

    def at(self, places: Sequence[tuple[XRayRun, int]]) -> NDArray[np.float64]:
        """The start (4, 4) in the first of some runs' frames, on the landmarks' marks where there are any."""
        from VesselRegistrationLib.registration_landmarks import landmark_start

        start = self.pose
        if self.other_run is not None:
            start = self.other_run.carried_to(*places[0])
            print(f"start: the pose of {self.other_run.source}, carried with the table")
        if self.landmarks is None or not self.uses_landmarks:
            return start
        found = landmark_start(self.landmarks, places, start)
        if found is None:
            print("start: no landmark is marked where the table's way is known; they do not move the start")
            return start
        pose, left = found
        odd = "; check the names and the side" if left > LARGEST_LANDMARK_RMS_MM else ""
        print(f"start: laid on the landmarks, which stay {left:.1f} mm off (root mean square){odd}")
        return pose

    def deviations(self, options: argparse.Namespace) -> tuple[float, float]:
        """How far the start may be off, per axis: degrees and mm; what the options say wins."""
        turn, shift = UNKNOWN_TURN_DEG, UNKNOWN_SHIFT_MM
        if self.other_run is not None:
            turn, shift = self.other_run.turn_deg, self.other_run.shift_mm
        given = options.start_turn, options.start_shift
        return turn if given[0] is None else float(given[0]), shift if given[1] is None else float(given[1])

    def frame_of(self, run: XRayRun) -> int | None:
        """The frame of a run that the landmarks were marked on, if they name one."""
        return None if self.landmarks is None else self.landmarks.marked_frame(run)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--from-run, --landmarks and how well the start is known."""
    start = parser.add_argument_group("pose: how well the start is known (standard deviations per axis)")
    start.add_argument("--start-turn", type=float, metavar="DEG", help=f"default: {UNKNOWN_TURN_DEG:g}")
    start.add_argument("--start-shift", type=float, metavar="MM", help=f"default: {UNKNOWN_SHIFT_MM:g}")
    parser.add_argument(
        "--from-run",
        type=Path,
        metavar="REGISTRATION.json",
        help="begin at the pose that was found on another run of the patient, carried by the table's positions",
    )
    group = parser.add_argument_group("landmarks: points that were marked on the model and in pictures")
    group.add_argument(
        "--landmarks",
        type=Path,
        metavar="FILE",
        help='JSON: {"coordinateSystem": "LPS", "model": {"left ostium": [x, y, z]}, "pictures": [{"run": "run1", '
        '"frame": 3, "points": {"left ostium": [column, row]}}]}; "model" may name a .mrk.json of 3D Slicer',
    )
    group.add_argument(
        "--start-landmarks",
        action=argparse.BooleanOptionalAction,
        help="begin where the landmarks are on their marks (default: yes, when --landmarks is given)",
    )


def check(options: argparse.Namespace) -> None:
    """Raises InputError for options of the start that make no sense."""
    for name, value, most, unit in (
        ("--start-turn", options.start_turn, MOST_TURN_DEG, "degrees"),
        ("--start-shift", options.start_shift, MOST_SHIFT_MM, "mm"),
    ):
        if value is None:
            continue
        if not 0 < value < most:
            raise InputError(f"{name} {value:g} must lie between 0 and {most:g} {unit}: how far off the start may be.")
        if options.method == "affine":
            raise InputError(f"{name} {value:g} is for --method pose; leave it out, or leave --method affine out.")


def read_start(options: argparse.Namespace, model: VesselModel, runs: list[XRayRun]) -> Start:
    """The start of the options. Raises InputError for files that cannot be used with this model or these runs."""
    from VesselRegistrationLib.pose.landmarks import read_landmarks
    from VesselRegistrationLib.pose_carrying import read_found_pose
    from VesselRegistrationLib.pose_files import read_pose

    if options.from_run is not None and options.initial_pose is not None:
        raise InputError("--from-run and --initial-pose are both a start; give one of them.")
    if options.start_landmarks and options.landmarks is None:
        raise InputError("--start-landmarks needs --landmarks FILE with the points.")
    landmarks = None if options.landmarks is None else read_landmarks(options.landmarks).checked_for(runs)
    pose = read_pose(options.initial_pose) if options.initial_pose else np.eye(4)
    other_run = None if options.from_run is None else read_found_pose(options.from_run, model)
    if other_run is not None:
        other_run.carried_to(runs[0], 0)  # raises before any long work
    return Start(pose, other_run, landmarks, options.start_landmarks is not False)


def with_landmarks(results: list[FrameRegistration], runs: Sequence[XRayRun], start: Start) -> list[FrameRegistration]:
    """The results with the errors of their landmarks; `runs` are those of the results, or the one of all."""
    from VesselRegistrationLib.registration_landmarks import with_landmark_errors

    if start.landmarks is None:
        return results
    of_results = runs if len(runs) == len(results) else [runs[0]] * len(results)
    return with_landmark_errors(results, of_results, start.landmarks)


def print_landmarks(result: FrameRegistration) -> None:
    """The errors by name, for a reader at a terminal."""
    if result.landmarks is None:
        return
    errors = result.landmarks
    for plane, named, rms in (
        ("in the picture", errors.in_plane_mm, errors.in_plane_rms_mm),
        ("in space (TRE)", errors.target_mm, errors.target_rms_mm),
    ):
        if not named:
            continue
        listed = ", ".join(f"{name} {error:.1f}" for name, error in named.items())
        print(f"  landmarks off {plane}, mm: {listed}; root mean square {rms:.1f}")
