"""The convention check of `inspect`: its options, and its result as a table and as JSON."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli import progress
from VesselRegistrationLib.xray_readings import AS_IS
from VesselSegmentationLib.errors import InputError

if TYPE_CHECKING:
    from VesselRegistrationLib.pose.convention import ConventionCheck, ReadingFit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--convention and what it needs."""
    group = parser.add_argument_group("convention check: do several runs of one patient agree with how they are read?")
    group.add_argument("--convention", action="store_true", help="compare readings; needs --model and two --xray")
    group.add_argument("--model", type=Path, help="vessel surface of the patient")
    group.add_argument("--xray", type=Path, nargs="+", metavar="RUN", help="two or more runs of the patient")
    group.add_argument("--initial-pose", type=Path, metavar="FILE", help="where the model lies in the first run")
    shared.add_networks(parser, matching=False)


def check_options(options: argparse.Namespace) -> None:
    """Raises InputError for options that make no sense together."""
    if not options.convention:
        if options.file is None:
            raise InputError("Give a run or a model to inspect, or --convention with --model and --xray.")
        if options.model or options.xray or options.initial_pose:
            raise InputError("--model, --xray and --initial-pose are for --convention; give it, or a file alone.")
        return
    if options.file is not None:
        raise InputError(f"--convention takes no file ({options.file}); name the runs with --xray.")
    if options.model is None or options.xray is None or len(options.xray) < 2:
        raise InputError("--convention needs --model and two or more runs with --xray.")
    if options.reading != AS_IS:
        raise InputError(f"--convention compares all readings; leave --reading {options.reading} out.")


def compare_readings(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """The check as JSON-able values and as text."""
    from VesselRegistrationLib.cli.register_vessels import fullest_frame
    from VesselRegistrationLib.pose.convention import check_convention
    from VesselRegistrationLib.pose.pose_model import PoseModel
    from VesselRegistrationLib.pose_files import read_pose

    runs = [shared.read_run(options, path) for path in options.xray]
    model = PoseModel.of(shared.read_model(options))
    start = read_pose(options.initial_pose) if options.initial_pose else np.eye(4)
    segment = shared.load_segmenter(options).probability
    frames = [(run, fullest_frame(run, segment)) for run in runs]
    probabilities = [segment(run.frames[frame]) for run, frame in frames]

    def report(done: int, total: int) -> None:
        progress.report(0.2 + 0.7 * done / total, f"reading {done} of {total}")

    check = check_convention(model, frames, probabilities, start, progress=report)
    places = [{"run": run.name, "frame": frame, "view": run.c_arm(frame).angle_text()} for run, frame in frames]
    return _content(check, places), _text(check, places)


def _content(check: ConventionCheck, places: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "runs": places,
        "agrees": check.agrees,
        "better": None if check.better is None else check.better.reading.name,
        "sentence": check.sentence,
        "readings": [_entry(fit) for fit in check.fits],
        "alike": [reading.name for reading in check.alike],
        "notes": list(check.notes),
    }


def _entry(fit: ReadingFit) -> dict[str, Any]:
    return {
        "reading": fit.reading.name,
        "meaning": fit.reading.words,
        "residualMm": round(fit.residual_mm, 4),
        "perRunMm": [round(distance, 4) for distance in fit.per_run_mm],
        "explained": round(fit.explained, 4),
    }


def _text(check: ConventionCheck, places: list[dict[str, Any]]) -> str:
    lines = [f"{place['run']}, frame {place['frame']}, {place['view']}" for place in places]
    lines += [
        "",
        "Vessels' outline to the model's, at the best pose for all runs, mm at the isocentre:",
    ]
    rows = [("reading", "mean", "per run", "explained", "")]
    rows += [
        (
            fit.reading.name,
            f"{fit.residual_mm:.2f}",
            " ".join(f"{distance:.2f}" for distance in fit.per_run_mm),
            f"{fit.explained:.0%}",
            fit.reading.words,
        )
        for fit in check.fits
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [f"{reading.name}: changes nothing in these runs" for reading in check.alike]
    return "\n".join([*lines, *check.notes, "", check.sentence])
