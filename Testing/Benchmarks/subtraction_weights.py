"""The weights by which a frame and its difference from an earlier one tell vessels, from patients no evaluation uses.

    .venv/bin/python Testing/Benchmarks/subtraction_weights.py --patients 60
    .venv/bin/python Testing/Benchmarks/subtraction_weights.py --patients 24 --first-seed 825000 --generator shifted \
        --held-out 1

Prints what VesselSegmentationLib/run_subtraction.py holds, and the DSC with the frame alone, with the mean of both
logits, with the weights, and with the network's branch for differences where it has one. Simulated patients of three
regions, whose bodies move by up to 3 mm between the two frames; two of three patients are fitted, the third is held
out. The loss is Dice and binary cross entropy together. Where nobody is left to fit, the weights in use are scored.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np

from VesselRegistrationLib.run_vessels import earlier_frames
from VesselRegistrationLib.simulation.cases import simulate_case
from VesselRegistrationLib.simulation.generators import generator_named
from VesselRegistrationLib.simulation.truth import fullest_frame
from VesselSegmentationLib.metrics import THRESHOLD, overlap_metrics
from VesselSegmentationLib.run_subtraction import (
    CONSTANT,
    DARKENED_WEIGHT,
    DIFFERENCE_WEIGHT,
    FRAME_WEIGHT,
    SubtractingSegmenter,
)
from VesselSegmentationLib.segmenter import VesselSegmenter

REGIONS = ("lower", "upper", "coronary")
FRAMES, BODY_MOTION_MM = 4, 3.0
STEP_PX = 2
"""Every other pixel of every other row is fitted."""
EPOCHS, RATE, RATE_KEPT = 8, 0.02, 0.7
IN_USE = (FRAME_WEIGHT, DIFFERENCE_WEIGHT, DARKENED_WEIGHT, CONSTANT)


@dataclass(frozen=True)
class Sample:
    """A patient's fullest frame."""

    region: str
    inputs: np.ndarray
    """(3, rows, columns): logits of frame and difference, and what has darkened."""
    branch: np.ndarray | None
    """(rows, columns): probability by network and branch; None without a branch."""
    mask: np.ndarray
    """(rows, columns): the truth."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=60, help="of each region (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=820_000, help="default: %(default)s")
    parser.add_argument("--generator", choices=["default", "shifted"], default="default")
    parser.add_argument("--held-out", type=int, default=3, help="one patient of so many (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.patients)
    places = [(region, seed) for seed in seeds for region in REGIONS]
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        found = pool.map(partial(sample, generator=options.generator), places)
        samples = [(place[1] % options.held_out == 0, one) for place, one in zip(places, found, strict=True) if one]
    fitted, held_out = ([one for out, one in samples if out is wanted] for wanted in (False, True))
    weights = fit(fitted) if fitted else np.array(IN_USE)
    names = ("FRAME_WEIGHT", "DIFFERENCE_WEIGHT", "DARKENED_WEIGHT", "CONSTANT")
    print(", ".join(names), "=", ", ".join(f"{value:.2f}" for value in weights))
    every = [one for _out, one in samples]
    regions = {region: [one for one in every if one.region == region] for region in REGIONS}
    for name, part in {"fitted": fitted, "held out": held_out, "all": every, **regions}.items():
        print_scores(name, part, weights)


def sample(place: tuple[str, int], generator: str) -> Sample | None:
    """A simulated patient's fullest frame; None where no frame of the run is without contrast."""
    import torch

    torch.set_num_threads(1)
    case = simulate_case(*place, FRAMES, generator=generator_named(generator), body_motion_mm=BODY_MOTION_MM)
    number, run = fullest_frame(case.masks, case.dilutions), case.run()
    frame, earlier = case.frames[number], [case.frames[index] for index in earlier_frames(run.geometry, number)]
    network = VesselSegmenter.from_folder(threads=1)
    segmenter = SubtractingSegmenter.of_run(network.probability, frame, earlier)
    change = segmenter and segmenter.change(frame)
    if not change or not case.masks[number].any():
        return None
    evidence = segmenter.evidence(frame, change)
    inputs = np.stack((evidence.frame_logit, evidence.difference_logit, evidence.darkened)).astype(np.float16)
    branch = network.with_difference(frame, change.picture) if network.sees_differences else None
    return Sample(place[0], inputs, branch, case.masks[number])


def fit(samples: list[Sample]) -> np.ndarray:
    """Weights (4,) of frame, difference and darkening, and a constant."""
    import torch
    from monai.losses import DiceCELoss

    weights = torch.tensor([0.5, 0.5, 0.0, 0.0], requires_grad=True)
    optimizer = torch.optim.Adam([weights], RATE)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, RATE_KEPT)
    loss_of = DiceCELoss(sigmoid=True, lambda_ce=0.5, smooth_nr=10, smooth_dr=10)
    for epoch in range(EPOCHS):
        for index in np.random.default_rng(epoch).permutation(len(samples)):
            inputs, mask = (
                torch.from_numpy(part[..., ::STEP_PX, ::STEP_PX].astype(np.float32))
                for part in (samples[index].inputs, samples[index].mask)
            )
            logit = torch.einsum("i,irc->rc", weights[:3], inputs) + weights[3]
            loss = loss_of(logit[None, None], mask[None, None])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return weights.detach().numpy()


def print_scores(name: str, samples: list[Sample], weights: np.ndarray) -> None:
    ways = {"frame alone": (1, 0, 0, 0), "mean of both": (0.5, 0.5, 0, 0), "weights": weights}
    masks = {way: [weighted(one, numbers) for one in samples] for way, numbers in ways.items()}
    if all(one.branch is not None for one in samples):
        masks["branch"] = [one.branch >= THRESHOLD for one in samples]
    for way, found in masks.items():
        dsc = [overlap_metrics(mask, one.mask).dsc for mask, one in zip(found, samples, strict=True)]
        if dsc:
            quarter, middle = np.percentile(dsc, (25, 50))
            scores = f"{middle:.3f} (lower quartile {quarter:.3f}, mean {np.mean(dsc):.3f})"
            print(f"{name}, {way}: DSC {scores}, {len(dsc)} frames")


def weighted(one: Sample, weights: np.ndarray | tuple[float, ...]) -> np.ndarray:
    """Mask (rows, columns) by weights (4,)."""
    inputs = one.inputs.astype(np.float32)
    return np.einsum("i,irc->rc", np.asarray(weights[:3], dtype=np.float32), inputs) + weights[3] > 0


if __name__ == "__main__":
    main()
