#!/usr/bin/env python3
"""Does it help to fine-tune the segmentation network on one patient's model before the procedure?

    python Testing/Benchmarks/patient_fine_tuning.py OUTPUT [--start NETWORK] [--regions lower upper coronary]

One simulated patient per region, never trained on, whose model is given as a bare surface. From the same network and
with the same number of iterations, three trainings: on views of this patient alone (`own`), on as many of other
patients of all regions (`others`, the same training for all), and on half of each (`half`). Scored are views that no
training saw: of this patient, of another patient of the same region, and of the patients of the other regions. Contrast
in them runs through the vessel tree, which the training does not know, and covers at least 1 % of the picture. Prints
a table: median DSC, the views that became better than by the start network, and by how much a training did more for
this patient than `others` (mean over views, plus or minus two standard errors). What is finished in OUTPUT is not
trained again, so regions may run side by side and be printed together.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset

from VesselRegistrationLib.simulation.filling import fill
from VesselRegistrationLib.simulation.own_patient import PatientViews
from VesselRegistrationLib.simulation.pool import generate_pool
from VesselRegistrationLib.simulation.scene import SimulatedPatient, make_patient, make_scene, mesh_of, render
from VesselSegmentationLib.datasets import PoolDataset, SegmentationDataset
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.resources import segmentation_network_folder
from VesselSegmentationLib.training import SegmentationTrainingSettings, evaluate, train_segmentation
from VesselSegmentationLib.weights import load_network

REGIONS = ("lower", "upper", "coronary")
ALL_REGIONS = (*REGIONS, "phantom")
ARMS = ("own", "half", "others")
TEST_SEED, TRAINING_SEED = 900_000, 800_000
OWN, OTHER = 0, 1
"""Which patient of a region: the one trained on, and the one to compare with."""
LEAST_VESSEL = 0.01
VIEWS_PER_PATIENT = 8
SCORES_FILE = "scores.json"


class Views(list[tuple[np.ndarray, np.ndarray]]):
    """Frames and masks in memory."""


def patient_of(region: str, which: int) -> SimulatedPatient:
    """A test patient."""
    return make_patient(region, np.random.default_rng([TEST_SEED + which, ALL_REGIONS.index(region)]))


def views_to_score(region: str, which: int, count: int, size: int) -> Views:
    """Views of a test patient in which contrast is seen."""
    rng = np.random.default_rng([TEST_SEED + which, ALL_REGIONS.index(region), 1])
    patient, found = patient_of(region, which), Views()
    while len(found) < count:
        filled = mesh_of(fill(patient.tree, rng), region)
        frame = render(make_scene(patient, rng, size), filled, rng)
        if frame.mask.mean() >= LEAST_VESSEL:
            found.append((frame.picture, frame.mask))
    return found


def training_views(region: str, arm: str, options: argparse.Namespace) -> SegmentationDataset:
    """What an arm trains on: `options.views` views."""
    share = {"own": options.views, "half": options.views // 2, "others": 0}[arm]
    parts: list[Any] = []
    if share:
        parts.append(PatientViews(patient_of(region, OWN).model, region, share, TRAINING_SEED, size=options.size))
    if share < options.views:
        folder = options.output / "others"
        if not (folder / "index.json").is_file():
            patients = -(-options.views // VIEWS_PER_PATIENT)
            generate_pool(folder, patients, VIEWS_PER_PATIENT, TRAINING_SEED, processes=1, size=options.size)
        parts.append(PoolDataset(folder, np.arange(options.views - share)))
    return parts[0] if len(parts) == 1 else ConcatDataset(parts)


def held_out_views(region: str, arm: str, options: argparse.Namespace) -> SegmentationDataset:
    """What the best weights are chosen by: 16 views like those trained on, but not of them."""
    if arm == "others":
        return Views(view for one in REGIONS for view in views_to_score(one, OTHER + 1, 5, options.size))
    return PatientViews(patient_of(region, OWN).model, region, 16, TRAINING_SEED + 1, size=options.size)


def train(region: str, arm: str, options: argparse.Namespace, folder: Path) -> None:
    """One training from the start network."""
    settings = SegmentationTrainingSettings.preset(
        "recommended",
        minutes=None,
        iterations=options.iterations,
        start=str(options.start),
        learning_rate=options.learning_rate,
        warm_up_iterations=10,
        validate_every=max(1, options.iterations // 4),
        threads=1,
    )
    train_segmentation(training_views(region, arm, options), held_out_views(region, arm, options), settings, folder)


def scores_of(network: Path, tests: dict[str, Views]) -> dict[str, list[float]]:
    """DSC of each view of each set of test views."""
    found = load_network(network)[0]
    return {name: [one.dsc for one in evaluate(found, views)] for name, views in tests.items()}


def measure(options: argparse.Namespace) -> None:
    """Train and score what is not there yet."""
    wanted = [(region, arm) for region in options.regions for arm in options.arms]
    names = {"start": options.start}
    for region, arm in wanted:
        name = _name(arm, region)
        names[name] = options.output / name
        if not (names[name] / "report.json").is_file():
            train(region, arm, options, names[name])
    tests = {
        f"{region}-{which}": views_to_score(region, which, options.test_views, options.size)
        for region in REGIONS
        for which in (OWN, OTHER)
    }
    for name, network in names.items():
        path = options.output / f"{name}.{SCORES_FILE}"
        if not path.is_file():
            write_atomically(path, json.dumps(scores_of(network, tests)) + "\n")


def table(folder: Path) -> str:
    """Markdown: median DSC of each kind of views, per region, of the start network and of each that was trained."""
    scores = {
        path.name.removesuffix(f".{SCORES_FILE}"): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob(f"*.{SCORES_FILE}"))
    }
    heads = ("patient", "trained on", "this patient", "better than start", "beyond others", "same region")
    lines = [f"| {' | '.join(heads)} | other regions |", "|" + "---|" * (len(heads) + 1)]
    for region in REGIONS:
        this = {name: np.array(found[f"{region}-{OWN}"]) for name, found in scores.items()}
        for name, label in (("start", "start"), *((_name(arm, region), arm) for arm in ARMS)):
            if name not in scores:
                continue
            found, own = scores[name], this[name]
            elsewhere = np.concatenate([found[f"{one}-{OWN}"] for one in REGIONS if one != region])
            better = "" if name == "start" else f"{int((own > this['start']).sum())} of {len(own)}"
            beyond = _difference(own, this["others"]) if label in ("own", "half") and "others" in this else ""
            medians = [f"{np.median(values):.3f}" for values in (own, found[f"{region}-{OTHER}"], elsewhere)]
            lines.append(f"| {region} | {label} | {medians[0]} | {better} | {beyond} | {medians[1]} | {medians[2]} |")
    return "\n".join(lines)


def _difference(scores: np.ndarray, reference: np.ndarray) -> str:
    """Mean difference of the same views' scores, and twice its standard error over views."""
    difference = scores - reference
    return f"{difference.mean():+.3f} ± {2 * difference.std(ddof=1) / np.sqrt(len(difference)):.3f}"


def _name(arm: str, region: str) -> str:
    return arm if arm == "others" else f"{arm}-{region}"


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--start", type=Path, default=segmentation_network_folder(), help="default: the shipped one")
    parser.add_argument("--regions", nargs="+", choices=REGIONS, default=list(REGIONS))
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--views", type=int, default=200, help="to train on")
    parser.add_argument("--test-views", type=int, default=24)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    options.output.mkdir(parents=True, exist_ok=True)
    measure(options)
    print(table(options.output))


if __name__ == "__main__":
    main()
