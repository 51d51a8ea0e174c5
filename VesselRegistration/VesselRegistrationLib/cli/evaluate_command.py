"""Measure both networks on simulated test patients, or the segmentation on annotated frames.

Simulated test patients come from seeds that no training uses; segmentation is scored per frame on hard masks, matching
by where it carries the model's centerline, in pixels and in mm at the isocenter, starting from a disturbed pose.
The rigid pose from the same start is scored beside it. Medians with quartiles; failures and refusals are counted.
Writes evaluation.json, evaluation.md, box plots and pictures of the best, median and worst frames.

With --subtraction earlier frames of the run help to find the vessels; --body-motion moves bodies between them, for
simulated ones would else lie stiller than any patient.

With --baselines the Frangi filter and SimpleITK's registration run on the same frames. `--generator shifted` draws
patients, views and machines outside the ranges of the training. The result does not depend on --workers.

  vessel-registration evaluate --patients 20 --output evaluation
  vessel-registration evaluate --images annotated --output evaluation      (NAME.png with NAME_mask.png)
"""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from VesselRegistrationLib.cli import options as shared
from VesselRegistrationLib.cli import progress
from VesselRegistrationLib.cli.main import DONE
from VesselRegistrationLib.cli.simulate_command import REGIONS
from VesselSegmentationLib.errors import InputError

if TYPE_CHECKING:
    from VesselRegistrationLib.evaluation_report import Origin
    from VesselRegistrationLib.evaluation_runs import NetworkFolders

GENERATORS = ("default", "shifted")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `evaluate`."""
    parser.add_argument("--images", type=Path, metavar="DIR", help="annotated frames instead of simulated patients")
    parser.add_argument("--patients", type=int, default=10, help="simulated patients per region (default: %(default)s)")
    parser.add_argument("--regions", nargs="+", choices=REGIONS, default=["lower", "upper"])
    parser.add_argument("--generator", choices=GENERATORS, default="default", help="default: %(default)s")
    parser.add_argument(
        "--subtraction", action="store_true", help="each run's frame from before contrast agent helps, as in `register`"
    )
    parser.add_argument(
        "--body-motion",
        type=float,
        default=0.0,
        metavar="MM",
        help="how far, at most, bodies lie elsewhere before contrast agent (default: %(default)s)",
    )
    parser.add_argument("--baselines", action="store_true", help="Frangi and SimpleITK on the same frames")
    parser.add_argument(
        "--workers",
        type=int,
        default=min(2, os.cpu_count() or 1),
        help="processes that share the simulated patients (default: %(default)s)",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    shared.add_networks(parser)
    # One process per core serves better than two threads per process.
    parser.set_defaults(threads=1)


def run(options: argparse.Namespace) -> int:
    """Score, print, write."""
    from VesselRegistrationLib.evaluation_report import REPORT_FILES
    from VesselRegistrationLib.staged_folder import staged_folder

    if options.patients < 1:
        raise InputError(f"--patients {options.patients} must be 1 or more.")
    if options.workers < 1:
        raise InputError(f"--workers {options.workers} must be 1 or more.")
    shared.set_threads(options.threads)
    if options.baselines:
        _check_baselines()
    with staged_folder(options.output, REPORT_FILES) as folder:
        text = _on_folder(options, folder) if options.images else _on_patients(options, folder)
    print(text)
    return DONE


def _check_baselines() -> None:
    """Before the long work, not after it. Raises InputError."""
    from importlib.util import find_spec

    missing = [name for name in ("skimage", "SimpleITK") if find_spec(name) is None]
    if missing:
        raise InputError(f"--baselines needs {' and '.join(missing)}: install the project's requirements.txt.")


def _on_patients(options: argparse.Namespace, folder: Path) -> str:
    from VesselRegistrationLib.evaluation import EvaluationSettings
    from VesselRegistrationLib.evaluation_report import write_patient_report
    from VesselRegistrationLib.evaluation_runs import SimulatedRuns

    settings = EvaluationSettings(
        tuple(options.regions),
        options.patients,
        options.generator,
        options.baselines,
        subtraction=options.subtraction,
        body_motion_mm=options.body_motion,
    )
    folders = _folders(options)
    with SimulatedRuns(folders, settings, options.workers) as runs:
        patients = len(settings.regions) * settings.patients
        return write_patient_report(
            list(progress.each(runs.scores(), patients, "patient", "evaluate")),
            settings,
            _origin(options, folders),
            lambda places: progress.each(runs.frames(places), len(places), "picture", "pictures"),
            runs.networks.segmenter,
            folder,
        )


def _on_folder(options: argparse.Namespace, folder: Path) -> str:
    from VesselRegistrationLib.evaluation import score_annotated
    from VesselRegistrationLib.evaluation_pictures import Panel, vessel_panels
    from VesselRegistrationLib.evaluation_report import write_folder_report
    from VesselSegmentationLib.datasets import FolderDataset
    from VesselSegmentationLib.frangi import frangi_vessels

    data = FolderDataset(options.images)
    segmenter = shared.load_segmenter(options)
    numbers = progress.each(range(len(data)), len(data), "frame", "evaluate")
    scores = [score_annotated(data.names[i], *data.picture(i), segmenter, options.baselines) for i in numbers]

    def picture(name: str) -> list[Panel]:
        frame, truth = data.picture(data.names.index(name))
        filtered = frangi_vessels(frame) if options.baselines else None
        return vessel_panels("", frame, truth, segmenter.segment(frame), filtered, segmenter)

    origin = _origin(options, _folders(options))
    return write_folder_report(scores, origin, picture, folder)


def _folders(options: argparse.Namespace) -> NetworkFolders:
    from VesselRegistrationLib.evaluation_runs import NetworkFolders
    from VesselSegmentationLib.resources import matching_network_folder, segmentation_network_folder

    return NetworkFolders(
        options.segmentation_network or segmentation_network_folder(),
        options.matching_network or matching_network_folder(),
        options.threads,
    )


def _origin(options: argparse.Namespace, folders: NetworkFolders) -> Origin:
    from VesselRegistrationLib.evaluation_report import Origin
    from VesselSegmentationLib.branch_bundle import FOLDER
    from VesselSegmentationLib.quick_difference import has_branch

    networks = {"segmentation": folders.segmentation}
    if options.subtraction and has_branch(folders.segmentation):
        networks["what contrast agent changed"] = folders.segmentation / FOLDER
    if not options.images:
        networks["matching"] = folders.matching
    return Origin(command_of(options), networks)


def command_of(options: argparse.Namespace) -> str:
    """The command line that gives the same numbers."""
    words: list[object] = ["vessel-registration", "evaluate"]
    if options.images:
        words += ["--images", options.images]
    else:
        words += ["--patients", options.patients, "--regions", *options.regions, "--generator", options.generator]
        words += ["--subtraction"] if options.subtraction else []
        words += ["--body-motion", f"{options.body_motion:g}"] if options.body_motion else []
    words += ["--baselines"] if options.baselines else []
    for name in ("segmentation_network", "matching_network"):
        if getattr(options, name):
            words += [f"--{name.replace('_', '-')}", getattr(options, name)]
    words += ["--threads", options.threads] if options.threads != 1 else []
    return shlex.join(str(word) for word in [*words, "--output", options.output])
