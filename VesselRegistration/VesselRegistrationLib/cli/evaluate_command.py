"""Measure both networks on simulated test patients, or the segmentation on annotated frames.

Simulated test patients come from seeds that no training uses; segmentation is scored per frame on hard masks, matching
by where it carries the model's centreline, in pixels and in mm at the isocentre, starting from a disturbed pose.
Medians with quartiles; failures and refusals are counted. Writes evaluation.json, evaluation.md and box plots.

  vessel-registration evaluate --patients 20 --output evaluation
  vessel-registration evaluate --images annotated --output evaluation      (NAME.png with NAME_mask.png)
"""

from __future__ import annotations

import argparse
from pathlib import Path

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli.main import DONE
from VesselRegistrationLib.cli.simulate_command import REGIONS
from VesselSegmentationLib.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `evaluate`."""
    parser.add_argument("--images", type=Path, metavar="DIR", help="annotated frames instead of simulated patients")
    parser.add_argument("--patients", type=int, default=10, help="simulated patients per region (default: %(default)s)")
    parser.add_argument("--regions", nargs="+", choices=REGIONS, default=["lower", "upper"])
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    shared.add_networks(parser)


def run(options: argparse.Namespace) -> int:
    """Score, print, write."""
    from VesselRegistrationLib.registration_files import prepare_output_folder

    folder = prepare_output_folder(options.output)
    return _on_folder(options, folder) if options.images else _on_patients(options, folder)


def _on_patients(options: argparse.Namespace, folder: Path) -> int:
    from tqdm import tqdm

    from VesselRegistrationLib.evaluation import score_simulated, summarize_scores
    from VesselRegistrationLib.evaluation_report import write_patient_report

    if options.patients < 1:
        raise InputError(f"--patients {options.patients} must be 1 or more.")
    segmenter, matcher = shared.load_segmenter(options), shared.load_matcher(options)
    with tqdm(total=options.patients * len(options.regions), unit="patient", desc="evaluate") as bar:
        scores = list(score_simulated(segmenter, matcher, options.regions, options.patients, bar.update))
    print(write_patient_report(scores, summarize_scores(scores), folder))
    return DONE


def _on_folder(options: argparse.Namespace, folder: Path) -> int:
    from VesselRegistrationLib.evaluation import score_folder
    from VesselRegistrationLib.evaluation_report import write_folder_report
    from VesselSegmentationLib.datasets import FolderDataset

    data = FolderDataset(options.images)
    segmenter = shared.load_segmenter(options)
    scores = score_folder(segmenter, [data.picture(index) for index in range(len(data))])
    print(write_folder_report(data.names, scores, folder))
    return DONE
