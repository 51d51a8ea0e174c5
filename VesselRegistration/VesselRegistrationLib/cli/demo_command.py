"""Run the main job on the sample case: a simulated patient that ships with the project.

Inspects the run, projects the model, finds the vessels, matches, writes the pictures, and, since the case is simulated
and its truth is known, says how far off the result is.

  vessel-registration demo --output demo-output
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli.main import DONE, REFUSED
from VesselSegmentationLib.errors import InputError

START_POSE_FILE = "start-pose.json"


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
    from VesselRegistrationLib.registration import register_frame
    from VesselRegistrationLib.registration_files import prepare_output_folder, write_registration
    from VesselRegistrationLib.simulation.truth import read_truth
    from VesselRegistrationLib.xray_reading import read_xray_run
    from VesselSegmentationLib.resources import resource_folder

    case = options.case or resource_folder() / "SampleCase"
    if not (case / "truth.json").is_file():
        raise InputError(f"{case} holds no case: run.dcm, model.stl and truth.json are needed.")
    folder = prepare_output_folder(options.output)
    model, xray, truth = read_vessel_model(case / "model.stl"), read_xray_run(case / "run.dcm"), read_truth(case)
    print(format_inspection(inspect_run(xray)))
    segmenter, matcher = shared.load_segmenter(options), shared.load_matcher(options)
    pose = read_pose(case / START_POSE_FILE) if (case / START_POSE_FILE).is_file() else None
    frame = truth.fullest_frame()
    started = time.perf_counter()
    result = register_frame(model, xray, frame, segmenter.probability, matcher, None, pose)
    seconds = time.perf_counter() - started
    write_registration([result], model, "model.stl", "run.dcm", folder)
    print(f"\nregistered in {seconds:.1f} s")
    print(_table(_rows(result, truth, frame)))
    print(f"\nSimulated case, so the truth is known. Pictures in {folder}; begin with {folder / 'summary.png'}")
    return REFUSED if result.reason else DONE


def _rows(result: Any, truth: Any, frame: int) -> list[tuple[str, str]]:
    """What the demonstration found, against the truth."""
    import numpy as np

    from VesselRegistrationLib.evaluation import point_errors
    from VesselSegmentationLib.metrics import overlap_metrics

    found = overlap_metrics(result.vessels, truth.mask(frame))
    rows = [
        ("result", result.status.value + (f": {result.reason}" if result.reason else "")),
        ("vessels found, DSC / Precision / Recall", f"{found.dsc:.3f} / {found.precision:.3f} / {found.recall:.3f}"),
    ]
    start = (truth.centerline_lps, result.c_arm, truth.poses[frame], result.model_to_isocenter)
    before = point_errors(*start, np.eye(3))
    rows.append(("centreline off before matching", f"{before.in_plane_mm:.1f} mm  ({before.pixels:.0f} px)"))
    if result.match is not None:
        after = point_errors(*start, result.match.projection_to_frame)
        overlap = result.match.overlap
        rows += [
            ("centreline off after matching", f"{after.in_plane_mm:.1f} mm  ({after.pixels:.0f} px)"),
            (
                "model on vessels, DSC / Precision / Recall",
                f"{overlap.dsc:.3f} / {overlap.precision:.3f} / {overlap.recall:.3f}",
            ),
        ]
        rows += [("warning", warning) for warning in result.match.warnings]
    return rows


def _table(rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}   {value}" for name, value in rows)
