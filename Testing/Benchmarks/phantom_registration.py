#!/usr/bin/env python3
"""How far off is the affine match on real X-ray runs of a phantom whose pose is known?

    python Testing/Benchmarks/phantom_registration.py DATA [--output DIR]

DATA as for phantom_convention.py, with `model.stl`. Each run is registered as `vessel-registration register` does: the
shipped networks, the header's geometry, the model's own coordinates as start, the frame with most vessel. Printed per
run, over the model's centreline points: the mean and 95th percentile of the distance between where the match shows
them and where the reference pose projects them, in mm at the isocentre, before and after; and the match's overlap.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from VesselRegistrationLib.affine import apply
from VesselRegistrationLib.cli.register_vessels import fullest_frame
from VesselRegistrationLib.matching import AffineMatcher
from VesselRegistrationLib.model_reading import read_vessel_model
from VesselRegistrationLib.pose.metrics import picture_distances_mm
from VesselRegistrationLib.projection import transform_points
from VesselRegistrationLib.registration import register_frame
from VesselRegistrationLib.registration_files import write_registration
from VesselRegistrationLib.xray_reading import read_xray_run
from VesselSegmentationLib.resources import matching_network_folder
from VesselSegmentationLib.segmenter import VesselSegmenter


def main() -> None:
    """Register every run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, help="folder for the reports and pictures, one folder per run")
    options = parser.parse_args()
    model = read_vessel_model(options.data / "model.stl")
    centerline = np.loadtxt(options.data / "centerline_lps.csv", delimiter=",")
    reference = json.loads((options.data / "reference_poses.json").read_text())["modelToIsocenter"]
    segmenter, matcher = VesselSegmenter.from_folder(), AffineMatcher.from_folder(matching_network_folder())
    print("run    frame  before: mean, mm   after: mean    p95   DSC    Precision  Recall")
    for path in sorted(options.data.glob("run*.dcm")):
        run = read_xray_run(path)
        frame = fullest_frame(run, segmenter.probability)
        result = register_frame(model, run, frame, segmenter.probability, matcher)
        if options.output:
            write_registration([result], model, "model.stl", path.name, options.output / run.name)
        if result.match is None or result.reason:
            print(f"{run.name:<6} {frame:5d}  refused: {result.reason}")
            continue
        truth, start = (
            result.c_arm.project(transform_points(pose, centerline))[:, :2]
            for pose in (np.array(reference[run.name]), np.eye(4))
        )
        shown = apply(result.match.projection_to_frame, start)
        before, after = (picture_distances_mm(points, truth, result.c_arm) for points in (start, shown))
        overlap, worst = result.match.overlap, np.percentile(after, 95)
        print(
            f"{run.name:<6} {frame:5d}  {before.mean():12.1f}       {after.mean():8.2f}   {worst:6.2f}"
            f"   {overlap.dsc:.2f}   {overlap.precision:.2f}       {overlap.recall:.2f}"
        )


if __name__ == "__main__":
    main()
